//! Recognises what a line of any source states: its level, its time, its fields, and whether it continues the line
//! before. All collectors use it; `format-spec/recognition.md` lists the rules.

mod bytes;
mod continued;
mod events;
mod frames;
mod kernel;
mod level;
mod level_names;
mod prefix;
pub(crate) mod progress;
mod rules;
mod stamp;
mod structured;
mod words;

pub(crate) use events::LineEvents;
pub use rules::{Disabled, UnknownRule};
pub(crate) use stamp::{Context, leading, mail};
use stamp::{FirstStamp, KnownHead, SourceZone};

use crate::collect::names::patterns::NamePatterns;
use crate::collect::text;
use crate::collect::text::line::Line;
use crate::record::{Level, Metadata, Record, Source};
use crate::time::Micros;
use bytes::{ByteSet, may_say};
use continued::{LineEvent, LineHead};
use jiff::tz::TimeZone;
use rules::{Rule, RuleSet};
use std::borrow::Cow;
use structured::Structured;

/// How much of a line with colours is examined.
const HEAD_MAX: usize = 4096;

/// How the lines of all sources are recognised.
#[derive(Debug, Clone)]
pub struct Recognition {
    /// The sources whose JSON and logfmt lines are parsed into time, level, message and metadata.
    pub structured: NamePatterns,
    /// Rules that are switched off.
    pub disabled: Vec<Disabled>,
    /// The zone of times that state none.
    pub zone: TimeZone,
}

impl Default for Recognition {
    fn default() -> Self {
        Self {
            structured: NamePatterns::default(),
            disabled: vec![],
            zone: TimeZone::system(),
        }
    }
}

impl Recognition {
    /// The level that a line states. `source` is evaluated only if rules are switched off.
    pub(crate) fn level(&self, source: impl FnOnce() -> Source, line: &[u8]) -> Option<Level> {
        level::stated(line, None, None, self.rules(source))
    }

    /// Classifies a record whose message is a line of a stream: it may continue the stream's event.
    pub(crate) fn place(&self, event: &mut LineEvent, record: &mut Record) {
        let rules = self.rules(|| record.source.clone());
        let bytes = ByteSet::of_whole(record.message.as_bytes());
        let stated = level::stated(record.message.as_bytes(), None, bytes, rules);
        mark(rules, event, record, (stated, bytes));
    }

    /// The same for the kernel, whose lines have levels of their own; its reports of serious faults count as errors.
    pub(crate) fn place_kernel(&self, event: &mut LineEvent, record: &mut Record) {
        let rules = self.rules(|| record.source.clone());
        let bytes = ByteSet::of_whole(record.message.as_bytes());
        let of_kernel = if rules.has(Rule::Kernel) {
            let only = RuleSet::only(Rule::Kernel);
            level::stated(record.message.as_bytes(), None, bytes, only)
        } else {
            None
        };
        let stated = of_kernel.map(|level| level.max(record.level));
        let stated = stated.or(Some(record.level));
        mark(rules, event, record, (stated, bytes));
    }

    fn rules(&self, source: impl FnOnce() -> Source) -> RuleSet {
        if self.disabled.is_empty() {
            RuleSet::ALL
        } else {
            rules::rules_of(source().as_str(), &self.disabled)
        }
    }

    /// The recogniser of lines of `source`.
    pub(crate) fn of(&self, source: &str) -> Recogniser {
        Recogniser {
            rules: rules::rules_of(source, &self.disabled),
            zone: SourceZone::new(self.zone.clone()),
            takes_apart: self.structured.keep(source.as_bytes()),
        }
    }
}

fn mark(
    rules: RuleSet,
    event: &mut LineEvent,
    record: &mut Record,
    (stated, bytes): (Option<Level>, Option<ByteSet>),
) {
    if !rules.has(Rule::Continued) {
        record.level = stated.map_or(record.level, |stated| stated.max(record.level));
        return;
    }
    let message = record.message.as_bytes();
    let place = event.place((message, bytes), stated, LineHead::None, record.level);
    record.level = place.level;
    if place.continues {
        record.metadata.insert(CONTINUES, true);
    }
}

/// Reads the lines of one source.
#[derive(Debug, Clone)]
pub(crate) struct Recogniser {
    rules: RuleSet,
    zone: SourceZone,
    takes_apart: bool,
}

/// What a line states.
#[derive(Debug, PartialEq)]
pub(crate) struct Said {
    pub(crate) time: Option<Micros>,
    pub(crate) level: Option<Level>,
    pub(crate) message: String,
    /// The offset of the text after the time, in a line that is not structured.
    after_time: Option<usize>,
    /// The bytes of the whole line, if they were read.
    bytes: Option<ByteSet>,
    /// The usual level of the stream that an engine of containers names around the message.
    wrapped: Option<Level>,
}

/// How a line is stored.
#[derive(Debug, PartialEq)]
pub(crate) struct Recognised {
    /// The time that the line states.
    pub(crate) time: Option<Micros>,
    pub(crate) level: Level,
    pub(crate) message: String,
}

impl Recogniser {
    /// What `line`, written at about `written`, states by itself; its further fields go into `metadata`.
    pub(crate) fn said(&self, line: &[u8], written: Micros, metadata: &mut Metadata) -> Said {
        let context = self.context(written);
        let parts = self
            .takes_apart
            .then(|| Structured::read(line, self.rules, &context))
            .flatten();
        let Some(mut parts) = parts else {
            return self.said_as_text(line, &context, metadata);
        };
        parts.describe(metadata);
        Said {
            time: parts.time.filter(|_| self.rules.has(Rule::Time)),
            level: parts.level,
            message: parts
                .message
                .unwrap_or_else(|| text::message(line, metadata)),
            after_time: None,
            bytes: None,
            wrapped: parts.wrapped,
        }
    }

    /// What a line states that is not structured. Loggers colour times as well as levels, and docker compose puts the name of a service
    /// before structured lines.
    fn said_as_text(&self, line: &[u8], context: &Context, metadata: &mut Metadata) -> Said {
        let is_read = !self.rules.is_empty();
        let bytes = is_read.then(|| ByteSet::of_whole(line)).flatten();
        let head = line.get(..HEAD_MAX).unwrap_or(line);
        let plain = match bytes {
            Some(bytes) if !may_say!(bytes, b"\x1b") => Cow::Borrowed(head),
            _ => prefix::plain(head),
        };
        let is_plain = matches!(plain, Cow::Borrowed(_));
        let bytes = bytes.filter(|_| is_plain);
        let head: &[u8] = if is_plain { line } else { &plain };
        let first = is_read.then(|| FirstStamp::of(head));
        let first = first.as_ref();
        let inner = prefix::strip(head, bytes);
        let head_of_line = first.map(|first| KnownHead { first, inner });
        let of_text = |known| stamp::stated((head, bytes), known, context);
        let time = head_of_line
            .filter(|_| self.rules.has(Rule::Time))
            .and_then(of_text);
        let in_fields = || {
            let is_object = self.takes_apart && inner.len() < head.len() && inner.starts_with(b"{");
            let parts = is_object.then(|| Structured::read(inner, self.rules, context))??;
            parts.time.filter(|_| self.rules.has(Rule::Time))
        };
        Said {
            time: time.map(|(time, _)| time).or_else(in_fields),
            level: level::stated(line, head_of_line.filter(|_| is_plain), bytes, self.rules),
            message: text::message(line, metadata),
            after_time: time.map(|(_, end)| end).filter(|_| is_plain),
            bytes,
            wrapped: None,
        }
    }

    /// The process, perhaps in colours, or the service that a line names at its start.
    fn worker(line: &[u8], bytes: Option<ByteSet>) -> Option<(&str, &[u8])> {
        let may_be_service = match line.first()? {
            b'(' | 0x1b => return prefix::worker(line),
            b'#' => true,
            _ => bytes.is_none_or(|bytes| may_say!(bytes, b" | ")),
        };
        may_be_service.then(|| prefix::service(line)).flatten()
    }

    /// The context for times in lines written at about `written`.
    pub(crate) fn context(&self, written: Micros) -> Context {
        Context {
            zone: self.zone.clone(),
            written,
        }
    }

    /// Classifies a line of a stream that may continue an event. A line that states no level gets the `usual` one; a
    /// line that continues the event gets the event's level and is marked. The later parts of a line that was split
    /// belong to the first part.
    pub(crate) fn read(
        &self,
        (events, stream): (&mut LineEvents, &str),
        line: &Line<'_>,
        written: Micros,
        usual: Level,
        metadata: &mut Metadata,
    ) -> Recognised {
        if line.part > 0 {
            return Recognised {
                time: None,
                level: events.of(stream, None).level().unwrap_or(usual),
                message: text::message(line.bytes, metadata),
            };
        }
        let said = self.said(line.bytes, written, metadata);
        let usual = said.wrapped.unwrap_or(usual);
        let level = if self.rules.has(Rule::Continued) {
            let after = said.after_time.and_then(|end| line.bytes.get(end..));
            let program = after
                .and_then(prefix::program)
                .or_else(|| Self::worker(line.bytes, said.bytes));
            let event = events.of(stream, program.map(|(name, _)| name));
            let (text, head) = match program {
                Some((_, text)) => match length_of_head(text) {
                    Some(length) => (text, LineHead::Time(length)),
                    None => (text, LineHead::Program),
                },
                None if said.wrapped.is_some() => (said.message.as_bytes(), LineHead::None),
                None if said.time.is_some() => {
                    (line.bytes, LineHead::Time(said.after_time.unwrap_or(0)))
                }
                None => (line.bytes, LineHead::None),
            };
            let place = event.place((text, said.bytes), said.level, head, usual);
            if place.continues {
                metadata.insert(CONTINUES, true);
            }
            place.level
        } else {
            said.level.unwrap_or(usual)
        };
        Recognised {
            time: said.time,
            level,
            message: said.message,
        }
    }
}

/// The length in bytes of the time at the start of a text, perhaps after a level in capitals: `ERROR 02-17 14:30:15 x`.
fn length_of_head(text: &[u8]) -> Option<usize> {
    let start = text.trim_ascii_start();
    let skipped = text.len() - start.len();
    if let Some(length) = stamp::length(start) {
        return Some(skipped + length);
    }
    // words that are no level are most often not in capitals
    let is_likely = matches!(start, [b'A'..=b'Z', b'A'..=b'Z', ..]);
    let (word, rest) = is_likely.then(|| words::split_once(start, b' '))??;
    let is_level = words::is_capitals(word) && level_names::named(word).is_some();
    let length = stamp::length(rest).filter(|_| is_level)?;
    Some(skipped + word.len() + 1 + length)
}

/// The level that cloud-init's own log names; an unknown word counts as an ordinary level.
pub(crate) fn level_of_log(word: &[u8]) -> Option<Level> {
    let is_word = !word.is_empty()
        && word
            .iter()
            .all(|byte| byte.is_ascii_uppercase() || *byte == b'_');
    is_word.then(|| level_names::named(word).unwrap_or(Level::Info))
}

/// The time in a field written by a container engine, with its zone: `2026-02-17T14:30:15.123456789Z`.
pub(crate) fn time_field(text: &[u8]) -> Option<Micros> {
    let context = Context {
        zone: SourceZone::new(TimeZone::UTC),
        written: Micros::MAX,
    };
    leading(text, &context).map(|(time, _)| time)
}

/// The metadata of a line that continues the event before it.
pub(crate) const CONTINUES: &str = "continues";

#[cfg(test)]
mod tests {
    use super::*;

    /// Classifies the lines of a text; `+` marks those that continue an event.
    fn placed(text: &str) -> Vec<String> {
        let recogniser = Recognition::default().of("file:syslog");
        let mut events = LineEvents::default();
        let place = |line: &str| {
            let line = Line {
                bytes: line.as_bytes(),
                taken: line.len(),
                part: 0,
                ended: true,
            };
            let mut metadata = Metadata::new();
            let stream = (&mut events, "");
            let read = recogniser.read(stream, &line, Micros::now(), Level::Info, &mut metadata);
            let mark = if metadata.contains_key(CONTINUES) {
                "+"
            } else {
                ""
            };
            format!("{}{mark}", read.level.as_str())
        };
        text.lines().map(place).collect()
    }

    #[test]
    fn times_are_read_behind_colours_and_prefixes() {
        let recogniser = Recognition::default().of("file:app");
        for line in [
            "\x1b[90m2026-02-17T14:30:15Z\x1b[0m \x1b[31mERR\x1b[0m x",
            "\x1b[2Kweb-1  | 2026-02-17T14:30:15Z x",
            "caddy  | {\"level\":\"warn\",\"ts\":1771338615,\"msg\":\"x\"}",
        ] {
            let mut metadata = Metadata::new();
            let said = recogniser.said(line.as_bytes(), Micros::now(), &mut metadata);
            let time = said.time.map(|time| time.to_string());
            assert_eq!(
                time.as_deref(),
                Some("2026-02-17T14:30:15.000000Z"),
                "{line}"
            );
        }
    }

    #[test]
    fn events_of_real_programs_are_kept_together() {
        let corpus = include_str!("../../../tests/fixtures/recognition/events.txt");
        let mut faults = vec![];
        for event in corpus.split("\n====\n") {
            let (marks, lines): (Vec<_>, Vec<_>) = event
                .lines()
                .map(|line| line.split_once('\t').unwrap())
                .unzip();
            for ((line, expected), found) in lines.iter().zip(&marks).zip(placed(&lines.join("\n")))
            {
                if *expected != found {
                    faults.push(format!("{expected}, found {found}: {line}"));
                }
            }
        }
        assert!(faults.is_empty(), "\n{}", faults.join("\n"));
    }
}
