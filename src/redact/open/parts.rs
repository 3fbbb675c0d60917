//! Lines that came in several records because they are too long or stayed without an end: what a
//! part gives away of a secret in the next one.

use crate::record::Record;
use crate::record::Source;
use crate::redact::edit::MASK;
use crate::redact::values::extent::bare_end;
use serde_json::Value;
use std::collections::HashMap;
use std::collections::VecDeque;

/// The key under which a part of a line has its number, from 1.
const PART: &str = "line_part";

/// The key that says that a line goes on after this part.
const INCOMPLETE: &str = "line_incomplete";

/// How much of a part is remembered, in bytes: more than any token is long.
pub(in crate::redact) const TAIL_BYTES_MAX: usize = 16 << 10;

/// How much of a part is kept over a restart, in bytes.
pub(super) const STORED_BYTES_MAX: usize = 256;

/// Lines that are in the middle of coming at once, past which the oldest is given up: it bounds
/// what an attacker who can name sources can make us keep to 1 MiB.
pub(in crate::redact) const OPEN_LINES_MAX: usize = 64;

/// The ends of lines that have not ended, before they were scrubbed.
#[derive(Debug, Clone, Default)]
pub(super) struct OpenLines {
    lines: HashMap<Source, PartTail>,
    /// The sources in the order in which their parts came.
    order: VecDeque<Source>,
    /// Those that were given up since they were last asked for.
    pub(super) given_up: Vec<Source>,
}

#[derive(Clone)]
struct PartTail {
    part: u64,
    text: String,
    /// The end of the part as it was stored.
    stored: String,
    /// The text is what was stored, as it comes from before a restart.
    is_restored: bool,
}

impl std::fmt::Debug for PartTail {
    /// Without the text, which may hold a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PartTail({}, {} bytes)", self.part, self.text.len())
    }
}

/// What stands around a part of a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PartContext {
    /// The end of the part before.
    pub(in crate::redact) before: String,
    /// Whether more of the line follows.
    pub(in crate::redact) goes_on: bool,
    /// How many bytes at the start of the message belong to a secret that the part before ended in.
    pub(in crate::redact) hidden: usize,
}

impl OpenLines {
    /// What stands around the message of a record; nothing where it is a whole line. Remembers the
    /// end of the message where more follows.
    pub(in crate::redact) fn around(&mut self, record: &Record) -> Option<PartContext> {
        let goes_on = record.metadata.get(INCOMPLETE) == Some(&Value::Bool(true));
        let part = record.metadata.get(PART).and_then(Value::as_u64);
        let before = match (part, self.lines.is_empty()) {
            (Some(part), false) => self.take(&record.source, part),
            _ => None,
        };
        if !goes_on && before.is_none() {
            return None;
        }
        let (before, is_restored) = before.unwrap_or_default();
        let hidden = if is_restored && before.ends_with(MASK) {
            bare_end(record.message.as_bytes(), 0)
        } else {
            0
        };
        if goes_on {
            let tail = PartTail {
                part: part.unwrap_or(1),
                text: tail(&before, &record.message),
                stored: String::new(),
                is_restored: false,
            };
            self.keep(&record.source, tail);
        }
        Some(PartContext {
            before,
            goes_on,
            hidden,
        })
    }

    /// Notes how the last part of a source is stored.
    pub(in crate::redact) fn stored(&mut self, source: &Source, message: &str) {
        if let Some(tail) = self.lines.get_mut(source) {
            let start = message.len().saturating_sub(STORED_BYTES_MAX);
            let start = message.ceil_char_boundary(start);
            message
                .get(start..)
                .unwrap_or_default()
                .clone_into(&mut tail.stored);
        }
    }

    /// Whether a line of a source has not ended.
    pub(in crate::redact) fn has(&self, source: &Source) -> bool {
        self.lines.contains_key(source)
    }

    /// The number of the last part of a source, and how it ends in the store.
    pub(in crate::redact) fn get(&self, source: &Source) -> Option<(u64, String)> {
        let tail = self.lines.get(source)?;
        Some((tail.part, tail.stored.clone()))
    }

    /// Takes up a line that had not ended before a restart.
    pub(in crate::redact) fn restore(&mut self, source: &Source, part: u64, stored: String) {
        let tail = PartTail {
            part,
            text: stored.clone(),
            stored,
            is_restored: true,
        };
        self.keep(source, tail);
    }

    /// The end of the part before `part`.
    fn take(&mut self, source: &Source, part: u64) -> Option<(String, bool)> {
        let tail = self.lines.remove(source)?;
        self.order.retain(|other| other != source);
        (tail.part.checked_add(1) == Some(part)).then_some((tail.text, tail.is_restored))
    }

    fn keep(&mut self, source: &Source, tail: PartTail) {
        self.order.retain(|other| other != source);
        if self.order.len() >= OPEN_LINES_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.lines.remove(&oldest);
            self.given_up.push(oldest);
        }
        self.order.push_back(source.clone());
        self.lines.insert(source.clone(), tail);
    }
}

/// The last bytes of two texts, not cut within a character.
fn tail(before: &str, message: &str) -> String {
    let end = |text: &str, length: usize| {
        let start = text.ceil_char_boundary(text.len().saturating_sub(length));
        text.get(start..).unwrap_or_default().to_owned()
    };
    let message = end(message, TAIL_BYTES_MAX);
    end(before, TAIL_BYTES_MAX - message.len()) + &message
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Level;
    use crate::time::Micros;
    use serde_json::json;

    fn record(source: &str, message: &str, metadata: &Value) -> Record {
        Record {
            timestamp: Micros::new(1),
            source: Source::new("docker", source),
            level: Level::Info,
            message: message.to_owned(),
            metadata: metadata.as_object().unwrap().clone().into(),
        }
    }

    fn first(source: &str, message: &str) -> Record {
        let metadata = json!({"line_part": 1, "line_incomplete": true});
        record(source, message, &metadata)
    }

    fn before(open: &mut OpenLines, record: &Record) -> Option<String> {
        open.around(record).map(|around| around.before)
    }

    #[test]
    fn a_part_knows_the_end_of_the_one_before() {
        let mut open = OpenLines::default();
        assert_eq!(before(&mut open, &record("a", "x", &json!({}))), None);
        assert_eq!(before(&mut open, &first("a", "one ")).as_deref(), Some(""));
        let other = record("b", "x", &json!({"line_part": 2}));
        assert_eq!(before(&mut open, &other), None, "another source");
        let second = json!({"line_part": 2, "line_incomplete": true});
        let second = record("a", "two ", &second);
        let around = open.around(&second).unwrap();
        assert_eq!((around.before.as_str(), around.goes_on), ("one ", true));
        let third = record("a", "three", &json!({"line_part": 3}));
        let around = open.around(&third).unwrap();
        assert_eq!(
            (around.before.as_str(), around.goes_on),
            ("one two ", false)
        );
        assert_eq!(before(&mut open, &third), None, "the line has ended");
    }

    #[test]
    fn a_part_that_does_not_follow_knows_nothing() {
        let mut open = OpenLines::default();
        before(&mut open, &first("a", "one"));
        let third = record("a", "three", &json!({"line_part": 3}));
        assert_eq!(before(&mut open, &third), None);
        assert!(open.lines.is_empty() && open.order.is_empty());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut open = OpenLines::default();
        for number in 0..=OPEN_LINES_MAX {
            let message = "\u{20ac}".repeat(TAIL_BYTES_MAX);
            before(&mut open, &first(&number.to_string(), &message));
        }
        assert_eq!(open.lines.len(), OPEN_LINES_MAX);
        assert_eq!(open.order.len(), OPEN_LINES_MAX);
        let lengths = open.lines.values().map(|tail| tail.text.len());
        assert!(lengths.max() <= Some(TAIL_BYTES_MAX));
        let second = |source: &str| record(source, "x", &json!({"line_part": 2}));
        assert_eq!(before(&mut open, &second("0")), None, "the oldest");
        assert!(before(&mut open, &second("1")).is_some());
        assert_eq!(
            format!(
                "{:?}",
                PartTail {
                    part: 1,
                    text: "s".to_owned(),
                    stored: String::new(),
                    is_restored: false,
                }
            ),
            "PartTail(1, 1 bytes)"
        );
    }
}
