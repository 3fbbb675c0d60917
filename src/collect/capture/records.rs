//! The records of a run.

use super::caps::{HeldLine, OmittedLines};
use crate::capture::{CaptureGap, RunEnd, RunStart, Stream, StreamCount};
use crate::collect::recognise::{LineEvents, Recogniser, Recognition};
use crate::collect::text::line::Line;
use crate::record::{Level, Metadata, Record, Source};
use crate::time::Micros;
use serde_json::Value;
use std::borrow::Cow;
use std::fmt::Display;

/// The metadata of every record of a run.
#[derive(Debug, Clone)]
pub(crate) struct RunRecords {
    pub(crate) run_id: String,
    /// The owner of the folder, unless that is the user of the server.
    uid: Option<u32>,
    pub(crate) source: Source,
    pub(crate) start: RunStart,
    recogniser: Recogniser,
}

/// The source of a run whose start entry is lost.
const NAMELESS: &str = "command";

impl RunRecords {
    /// For a run in the folder of another user, the name of the run includes the user, because two users may have
    /// equal run IDs.
    pub(crate) fn new(
        id: impl Display,
        start: Option<RunStart>,
        uid: Option<u32>,
        recognition: &Recognition,
    ) -> Self {
        let mut start = start.unwrap_or_default();
        let mark = uid.map_or_else(String::new, |uid| format!(".u{uid}"));
        if let Some(parent) = &mut start.parent_run_id {
            parent.push_str(&mark);
        }
        let nameless = || Source::new(NAMELESS, "");
        let source = start
            .source
            .parse()
            .ok()
            .filter(|source: &Source| !source.is_reserved());
        let source = source.unwrap_or_else(nameless);
        Self {
            run_id: format!("{id}{mark}"),
            uid,
            recogniser: recognition.of(source.as_str()),
            source,
            start,
        }
    }

    fn record(&self, time: Micros, level: Level, event_type: &str, message: String) -> Record {
        let mut metadata = Metadata::new();
        metadata.insert("event_type", event_type);
        metadata.insert("run_id", self.run_id.clone());
        if let Some(uid) = self.uid {
            metadata.insert("uid", uid);
        }
        if let Some(pid) = self.start.pid {
            metadata.insert("pid", pid);
        }
        if !self.start.name.is_empty() {
            metadata.insert("name", self.start.name.clone());
        }
        Record {
            timestamp: time,
            source: self.source.clone(),
            level,
            message,
            metadata,
        }
    }

    /// The record of the start.
    pub(crate) fn started(&self, time: Micros) -> Record {
        let message = format!("started: {}", self.what());
        let mut record = self.record(time, Level::Info, "process_start", message);
        self.describe(&mut record.metadata);
        record
    }

    /// The record of a line of output.
    pub(crate) fn line(&self, held: &HeldLine, events: &mut LineEvents) -> Record {
        let usual = if held.stream == Stream::Stderr {
            Level::Warn
        } else {
            Level::Info
        };
        let mut record = self.record(held.time, usual, "process_output", String::new());
        let metadata = &mut record.metadata;
        metadata.insert("stream", held.stream.as_str());
        held.mark(metadata);
        let line = Line {
            bytes: &held.bytes,
            taken: held.bytes.len(),
            part: held.part,
            ended: held.ended,
        };
        let stream = (events, held.stream.as_str());
        let said = self
            .recogniser
            .read(stream, &line, held.time, usual, metadata);
        record.level = said.level;
        record.message = said.message;
        record
    }

    /// The record that lines between head and tail were omitted.
    pub(crate) fn truncated(&self, left_out: &OmittedLines, otherwise: Micros) -> Record {
        let (stream, time) = left_out.first.unwrap_or((Stream::Stdout, otherwise));
        let mut record = self.record(time, Level::Warn, "process_output", TRUNCATED.to_owned());
        let metadata = &mut record.metadata;
        metadata.insert("stream", stream.as_str());
        metadata.insert("truncated", true);
        metadata.insert("lines_left_out", left_out.lines);
        metadata.insert("bytes_left_out", left_out.bytes);
        record
    }

    /// The record of output that never reached the log.
    pub(crate) fn gap(&self, time: Micros, gap: CaptureGap) -> Record {
        let message = match gap.lines {
            1 => "1 line of output could not be kept".to_owned(),
            lines => format!("{lines} lines of output could not be kept"),
        };
        let mut record = self.record(time, Level::Warn, "gap", message);
        record.metadata.insert("lines", gap.lines);
        record.metadata.insert("bytes", gap.bytes);
        record
    }

    /// The record of a fault in the log itself.
    pub(crate) fn trouble(&self, time: Micros, message: String) -> Record {
        self.record(time, Level::Warn, "gap", message)
    }

    /// The record of the end; `None` if no end was recorded.
    pub(crate) fn ended(
        &self,
        begun: Option<Micros>,
        time: Micros,
        end: Option<&RunEnd>,
    ) -> Record {
        let success = end.is_some_and(RunEnd::success);
        let level = if success { Level::Info } else { Level::Error };
        let message = format!(
            "ended: {}: {}",
            self.brief(),
            end.map_or(INTERRUPTED.to_owned(), ending)
        );
        let mut record = self.record(time, level, "process_end", message);
        let metadata = &mut record.metadata;
        self.describe(metadata);
        metadata.insert("success", success);
        if let Some(begun) = begun {
            metadata.insert("started_at", begun.to_string());
        }
        match end {
            Some(end) => facts(end, metadata),
            None => drop(metadata.insert("interrupted", true)),
        }
        record
    }

    fn what(&self) -> &str {
        let RunStart { name, command, .. } = &self.start;
        if command.is_empty() { name } else { command }
    }

    /// The command as the message of its end says it: the start has said the whole, which may be a script of many lines.
    fn brief(&self) -> Cow<'_, str> {
        let whole = self.what();
        let first = whole.lines().next().unwrap_or_default();
        let end = first.char_indices().nth(BRIEF_CHARS_MAX);
        if end.is_none() && first.len() == whole.len() {
            return Cow::Borrowed(whole);
        }
        let name = self.start.name.as_str();
        let program = first.split_whitespace().next().unwrap_or_default();
        if !name.is_empty() && name != program && !program.ends_with(&format!("/{name}")) {
            return Cow::Borrowed(name);
        }
        let brief = first.get(..end.map_or(first.len(), |(at, _)| at));
        Cow::Owned(format!("{}\u{2026}", brief.unwrap_or_default()))
    }

    fn describe(&self, metadata: &mut Metadata) {
        let RunStart {
            command,
            cwd,
            user,
            parent_run_id,
            captured,
            ..
        } = &self.start;
        let parent = parent_run_id.as_deref().unwrap_or_default();
        let captured = captured.as_deref().unwrap_or_default();
        let facts = [
            ("command", command.as_str()),
            ("cwd", cwd),
            ("user", user),
            ("parent_run_id", parent),
            ("captured", captured),
        ];
        for (name, value) in facts {
            if !value.is_empty() {
                metadata.insert(name.to_owned(), value);
            }
        }
    }
}

/// The text between head and tail. Do not change it: other systems search for it.
const TRUNCATED: &str = "[output truncated: command exceeded log capture limit]";

/// A line of a terminal has room for it and for how the command ended.
const BRIEF_CHARS_MAX: usize = 100;

const INTERRUPTED: &str = "interrupted, its end was not recorded";

fn ending(end: &RunEnd) -> String {
    let seconds = end.duration_us / 1_000_000;
    let millis = end.duration_us / 1_000 % 1_000;
    let how = match (&end.failure, &end.signal, end.exit_code) {
        (Some(failure), _, _) => return failure.clone(),
        (None, Some(signal), _) => format!("killed by {signal}"),
        (None, None, Some(code)) => format!("exit code {code}"),
        (None, None, None) => "end of input".to_owned(),
    };
    format!("{how} after {seconds}.{millis:03} s")
}

fn facts(end: &RunEnd, metadata: &mut Metadata) {
    let mut fact = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            metadata.insert(name.to_owned(), value);
        }
    };
    fact("exit_code", end.exit_code.map(Value::from));
    fact("signal", end.signal.clone().map(Value::from));
    fact("failure", end.failure.clone().map(Value::from));
    fact("duration_ms", Some((end.duration_us / 1_000).into()));
    fact(
        "error_category",
        end.error_category.map(|category| category.as_str().into()),
    );
    fact("error_report", end.report.clone().map(Value::from));
    for (stream, &StreamCount { bytes, lines }) in &end.streams {
        fact(&format!("{stream}_bytes"), Some(bytes.into()));
        fact(&format!("{stream}_lines"), Some(lines.into()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn voice(source: &str) -> RunRecords {
        let start = RunStart {
            source: source.to_owned(),
            name: "setup".to_owned(),
            command: "npm ci".to_owned(),
            ..RunStart::default()
        };
        RunRecords::new("r1", Some(start), None, &Recognition::default())
    }

    #[test]
    fn a_log_cannot_use_the_source_of_other_collectors() {
        for source in [
            "system:ssh",
            "docker:web",
            "cloud-init",
            "file:x",
            "user:y",
            "sandbox:z",
            "",
            "a\nb",
        ] {
            assert_eq!(voice(source).source.as_str(), "command", "{source}");
        }
        for source in ["devcontainer:ws", "build", "systems:x"] {
            assert_eq!(voice(source).source.as_str(), source);
        }
    }

    #[test]
    fn lines_have_the_level_that_they_state_or_that_of_their_stream() {
        let level = |stream, text: &str| {
            let bytes = text.as_bytes().to_vec();
            let held = HeldLine {
                time: Micros::new(1),
                stream,
                bytes,
                part: 0,
                ended: true,
            };
            voice("build").line(&held, &mut LineEvents::default()).level
        };
        assert_eq!(level(Stream::Stdout, "hello"), Level::Info);
        assert_eq!(level(Stream::Stderr, "hello"), Level::Warn);
        assert_eq!(level(Stream::Output, "hello"), Level::Info);
        assert_eq!(level(Stream::Stderr, "[DEBUG] hello"), Level::Debug);
        assert_eq!(level(Stream::Stdout, "ERROR: hello"), Level::Error);
    }

    #[test]
    fn the_end_of_a_script_has_its_name_or_its_beginning() {
        let of = |name: &str, command: &str| {
            let mut run = voice("build");
            (run.start.name, run.start.command) = (name.to_owned(), command.to_owned());
            let message = run.ended(None, Micros::new(1), None).message;
            let said = message.strip_prefix("ended: ").unwrap();
            said.strip_suffix(&format!(": {INTERRUPTED}"))
                .unwrap()
                .to_owned()
        };
        assert_eq!(of("bash", "bash -c 'a\nb'"), "bash -c 'a\u{2026}");
        assert_eq!(of("bash", "/bin/bash -c 'a\nb'"), "/bin/bash -c 'a\u{2026}");
        assert_eq!(
            of("postCreateCommand", "bash -c 'a\nb'"),
            "postCreateCommand"
        );
        assert_eq!(
            of("postCreateCommand", "bash post.sh"),
            "bash post.sh",
            "short"
        );
        let long = "\u{e9}".repeat(101);
        assert_eq!(of("", &long), format!("{}\u{2026}", "\u{e9}".repeat(100)));
        assert_eq!(of("", &long[..200]), long[..200], "just fits");
        assert_eq!(of("setup", ""), "setup");
    }

    #[test]
    fn endings_are_described_in_words() {
        let message =
            |end: Option<&RunEnd>| voice("build").ended(None, Micros::new(1), end).message;
        let end = RunEnd {
            exit_code: Some(1),
            duration_us: 61_002_900,
            ..RunEnd::default()
        };
        assert_eq!(
            message(Some(&end)),
            "ended: npm ci: exit code 1 after 61.002 s"
        );
        let end = RunEnd {
            signal: Some("SIGKILL".to_owned()),
            ..RunEnd::default()
        };
        assert_eq!(
            message(Some(&end)),
            "ended: npm ci: killed by SIGKILL after 0.000 s"
        );
        let end = RunEnd {
            failure: Some("command not found".to_owned()),
            exit_code: Some(127),
            ..RunEnd::default()
        };
        assert_eq!(message(Some(&end)), "ended: npm ci: command not found");
        assert_eq!(
            message(Some(&RunEnd::default())),
            "ended: npm ci: end of input after 0.000 s"
        );
        assert_eq!(
            message(None),
            "ended: npm ci: interrupted, its end was not recorded"
        );
    }
}
