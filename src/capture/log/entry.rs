//! One line of a capture log: a chunk of output, or an event of the run. `format-spec/capture.md` is the grammar.

use super::category::Category;
use crate::time::Micros;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// Where a chunk was written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// A terminal, which merges both.
    Output,
    /// Not output, but a message about the run.
    System,
}

impl Stream {
    /// The name of the stream, equal everywhere.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
            Self::Output => "output",
            Self::System => "system",
        }
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A line of a log.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LogEntry {
    pub(crate) time: Micros,
    pub(crate) stream: Stream,
    /// The run, or in microsandbox's logs the number of the session.
    pub(crate) id: String,
    /// As the command wrote it, with its line end if it ends a line.
    pub(crate) data: Vec<u8>,
    pub(crate) event: Option<RunEvent>,
}

/// An event of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum RunEvent {
    /// The command was started, or could not be started.
    ProcessStart(RunStart),
    /// The log could not be written for some time.
    CaptureGap(CaptureGap),
    /// The command ended.
    ProcessEnd(RunEnd),
}

/// What is known at the start of a run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct RunStart {
    pub(crate) source: String,
    pub(crate) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pid: Option<u32>,
    /// The command line as a shell would read it.
    pub(crate) command: String,
    pub(crate) cwd: String,
    pub(crate) user: String,
    /// The run whose background process started this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) parent_run_id: Option<String>,
    /// Which output is recorded, unless all of it is: `stdout`, `stderr` or `none`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) captured: Option<String>,
}

/// Output that was passed on but could not be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct CaptureGap {
    pub(crate) lines: u64,
    pub(crate) bytes: u64,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct RunEnd {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) exit_code: Option<i32>,
    /// The name of the signal that ended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) signal: Option<String>,
    /// Why it could not be started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) failure: Option<String>,
    pub(crate) duration_us: u64,
    /// How much was written to each stream, whether stored or not.
    pub(crate) streams: BTreeMap<Stream, StreamCount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error_category: Option<Category>,
    /// The file name of the error report beside the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) report: Option<String>,
}

impl RunEnd {
    /// Whether the command reports success.
    pub(crate) fn success(&self) -> bool {
        self.signal.is_none() && self.failure.is_none() && self.exit_code.unwrap_or(0) == 0
    }
}

/// How much was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct StreamCount {
    pub(crate) bytes: u64,
    pub(crate) lines: u64,
}

/// The form on disk, for writing.
#[derive(Serialize)]
struct EntryWritten<'a> {
    t: &'a str,
    s: Stream,
    d: Cow<'a, str>,
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    e: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'a RunEvent>,
}

/// Appends a line to `buffer`. `time` is in RFC 3339; data that is not UTF-8 is written as base64.
pub(crate) fn write(
    buffer: &mut Vec<u8>,
    time: &str,
    stream: Stream,
    id: &str,
    data: &[u8],
    event: Option<&RunEvent>,
) {
    let (d, e) = match std::str::from_utf8(data) {
        Ok(text) => (Cow::Borrowed(text), None),
        Err(_) => (Cow::Owned(STANDARD.encode(data)), Some(BASE64)),
    };
    let line = EntryWritten {
        t: time,
        s: stream,
        d,
        id,
        e,
        event,
    };
    let written = serde_json::to_writer(&mut *buffer, &line);
    assert!(written.is_ok(), "an entry has only texts and numbers");
    buffer.push(b'\n');
}

const BASE64: &str = "b64";

/// The form on disk, for reading: unknown keys are ignored.
#[derive(Deserialize)]
struct EntryRead<'a> {
    #[serde(borrow)]
    t: Cow<'a, str>,
    s: Stream,
    #[serde(borrow)]
    d: Cow<'a, str>,
    #[serde(default)]
    id: Option<RunIdJson>,
    #[serde(default, borrow)]
    e: Option<Cow<'a, str>>,
    #[serde(default)]
    event: Option<serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RunIdJson {
    Number(u64),
    Text(String),
}

impl LogEntry {
    /// Parses a line without its end. Data that is marked as base64 but is not valid base64 is taken literally;
    /// unknown events are ignored.
    pub(crate) fn parse(line: &[u8]) -> Result<Self, EntryError> {
        let read: EntryRead<'_> = serde_json::from_slice(line).map_err(EntryError::Json)?;
        let wrong_time = |_| EntryError::Time(read.t.chars().take(40).collect());
        let time = Micros::parse(&read.t, Micros::default()).map_err(wrong_time)?;
        let encoded = read.e.as_deref() == Some(BASE64);
        let decoded = encoded.then(|| STANDARD.decode(read.d.as_bytes()).ok());
        Ok(Self {
            time,
            stream: read.s,
            id: match read.id {
                None => String::new(),
                Some(RunIdJson::Number(number)) => number.to_string(),
                Some(RunIdJson::Text(text)) => text,
            },
            data: decoded
                .flatten()
                .unwrap_or_else(|| read.d.as_bytes().to_vec()),
            event: read
                .event
                .and_then(|event| serde_json::from_value(event).ok()),
        })
    }
}

/// Why a line is not an entry.
#[derive(Debug)]
pub(crate) enum EntryError {
    Json(serde_json::Error),
    Time(String),
}

impl fmt::Display for EntryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(error) => write!(f, "expected an entry of a capture log: {error}"),
            Self::Time(found) => write!(f, "expected a time in RFC 3339, found {found:?}"),
        }
    }
}

impl std::error::Error for EntryError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Json(error) => Some(error),
            Self::Time(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::RunId;
    use proptest::prelude::*;
    use std::error::Error as _;

    fn written(stream: Stream, data: &[u8], event: Option<&RunEvent>) -> String {
        let mut buffer = Vec::new();
        write(
            &mut buffer,
            &Micros::new(1_500_000).to_string(),
            stream,
            "r1",
            data,
            event,
        );
        String::from_utf8(buffer).unwrap()
    }

    #[test]
    fn a_line_has_the_specified_form() {
        assert_eq!(
            written(Stream::Stdout, b"one\n", None),
            "{\"t\":\"1970-01-01T00:00:01.500000Z\",\"s\":\"stdout\",\"d\":\"one\\n\",\"id\":\"r1\"}\n"
        );
        assert_eq!(
            written(Stream::Stderr, b"\xff\n", None),
            "{\"t\":\"1970-01-01T00:00:01.500000Z\",\"s\":\"stderr\",\"d\":\"/wo=\",\"id\":\"r1\",\"e\":\"b64\"}\n"
        );
    }

    #[test]
    fn lines_of_microsandbox_are_read() {
        let line = br#"{"t":"2026-04-30T20:32:59.688Z","s":"output","d":"hi\r\n","id":7}"#;
        let entry = LogEntry::parse(line).unwrap();
        assert_eq!(
            (entry.id.as_str(), entry.stream, &entry.data[..]),
            ("7", Stream::Output, &b"hi\r\n"[..])
        );
        assert_eq!(entry.time.to_string(), "2026-04-30T20:32:59.688000Z");
        let line = br#"{"t":"2026-04-30T20:32:59Z","s":"system","d":"--- sandbox started ---\n"}"#;
        assert_eq!(LogEntry::parse(line).unwrap().id, "");
        let line = br#"{"t":"2026-04-30T20:32:59Z","s":"stdout","d":"***","id":null,"e":"b64"}"#;
        assert_eq!(
            LogEntry::parse(line).unwrap().data,
            b"***",
            "bad base64 is taken literally"
        );
    }

    #[test]
    fn events_are_read_back_and_unknown_ones_skipped() {
        let end = RunEvent::ProcessEnd(RunEnd {
            exit_code: Some(3),
            duration_us: 9,
            streams: BTreeMap::from([(Stream::Stdout, StreamCount { bytes: 4, lines: 1 })]),
            error_category: Some(Category::PortConflict),
            ..RunEnd::default()
        });
        let line = written(Stream::System, b"ended\n", Some(&end));
        let gap = concat!(
            r#""event":{"type":"process_end","exit_code":3,"duration_us":9,"#,
            r#""streams":{"stdout":{"bytes":4,"lines":1}},"error_category":"port_conflict"}"#
        );
        assert!(line.contains(gap), "{line}");
        assert_eq!(LogEntry::parse(line.as_bytes()).unwrap().event, Some(end));
        let line = br#"{"t":"2026-04-30T20:32:59Z","s":"system","d":"x","event":{"type":"news"},"more":1}"#;
        assert_eq!(LogEntry::parse(line).unwrap().event, None);
    }

    #[test]
    fn errors_say_why_a_line_is_not_an_entry() {
        let error = LogEntry::parse(b"{\"t\":").unwrap_err();
        assert_eq!(
            error.to_string(),
            "expected an entry of a capture log: EOF while parsing a value at line 1 column 5"
        );
        assert!(error.source().is_some());
        let error = LogEntry::parse(br#"{"t":"soon","s":"stdout","d":""}"#).unwrap_err();
        assert_eq!(
            error.to_string(),
            "expected a time in RFC 3339, found \"soon\""
        );
        assert!(error.source().is_none());
        assert!(LogEntry::parse(br#"{"t":"2026-04-30T20:32:59Z","s":"stdin","d":""}"#).is_err());
    }

    /// The example in the specification is parsed, and written again byte for byte.
    #[test]
    fn the_example_of_the_specification_is_valid() {
        let spec = include_str!("../../../format-spec/capture.md");
        let example = spec.split("```").nth(1).unwrap().trim_start();
        let mut written = Vec::new();
        for line in example.lines() {
            let entry = LogEntry::parse(line.as_bytes()).unwrap();
            assert!(entry.id.parse::<RunId>().is_ok(), "{line}");
            assert_eq!(entry.stream == Stream::System, entry.event.is_some());
            write(
                &mut written,
                &entry.time.to_string(),
                entry.stream,
                &entry.id,
                &entry.data,
                entry.event.as_ref(),
            );
        }
        assert_eq!(String::from_utf8(written).unwrap(), example);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_back(data in prop::collection::vec(any::<u8>(), 0..60), text in ".{0,20}") {
            for bytes in [&data[..], text.as_bytes()] {
                let line = written(Stream::Output, bytes, None);
                prop_assert_eq!(line.matches('\n').count(), 1, "one line");
                prop_assert_eq!(LogEntry::parse(line.as_bytes()).unwrap().data, bytes);
            }
        }

        #[test]
        fn truncated_or_changed_lines_never_panic(at in 0usize..90, byte in any::<u8>()) {
            let mut line = written(Stream::Stdout, "caf\u{e9}\n".as_bytes(), None).into_bytes();
            let at = at % line.len();
            let _ = LogEntry::parse(&line[..at]);
            line[at] = byte;
            let _ = LogEntry::parse(&line);
        }
    }
}
