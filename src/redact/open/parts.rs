//! Lines that arrive in several records, because they are too long or because their end is late: a part may reveal a secret in the
//! next one.

use crate::record::Record;
use crate::record::Source;
use crate::redact::edit::MASK;
use crate::redact::values::extent::bare_end;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;
use std::collections::HashMap;
use std::collections::VecDeque;

/// The metadata key of the number of a part, from 1.
const PART: &str = "line_part";

/// The metadata key that marks a part after which the line continues.
const INCOMPLETE: &str = "line_incomplete";

/// The number of bytes that are kept of a part: longer than any token.
pub(in crate::redact) const TAIL_BYTES_MAX: usize = 16 << 10;

/// The number of bytes that are kept of a part over a restart.
pub(super) const STORED_BYTES_MAX: usize = 256;

/// Lines that have not ended, over all sources. Beyond this the oldest is given up, so that an attacker who can name sources makes us
/// keep 1 MiB at most.
pub(in crate::redact) const OPEN_LINES_MAX: usize = 64;

/// The metadata that tells apart the writers of one source whose lines may interleave.
const WRITER_KEYS: [&str; 6] = [
    "stream",
    "priority",
    "container_id",
    "run_id",
    "pid",
    "file",
];

/// The source of a line, and a checksum of what tells its writer apart from the others of that source. The values themselves are not
/// kept: they have not been redacted.
type LineWriter = (Source, u32);

/// The ends of lines that have not ended yet, before redaction.
#[derive(Debug, Clone, Default)]
pub(super) struct OpenLines {
    lines: HashMap<LineWriter, PartTail>,
    /// The writers in the order of their newest parts.
    order: VecDeque<LineWriter>,
    /// The writer of the record that is being redacted, if its line continues.
    current: Option<LineWriter>,
    /// The sources whose lines were given up since the last call of [`crate::redact::Redactor::changes`].
    pub(super) given_up: Vec<Source>,
}

/// A line that has not ended, as it is kept over a restart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SavedLine {
    /// The checksum that tells the writer apart.
    #[serde(rename = "w")]
    writer: u32,
    /// The number of its last part.
    #[serde(rename = "n")]
    part: u64,
    /// The end of that part as it was stored: without secrets.
    #[serde(rename = "s")]
    stored: String,
}

#[derive(Clone)]
struct PartTail {
    part: u64,
    text: String,
    /// The end of the part as it was stored.
    stored: String,
    /// `text` is only what was stored, because this line began before a restart.
    is_restored: bool,
}

impl std::fmt::Debug for PartTail {
    /// Without the text, which may hold a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PartTail({}, {} bytes)", self.part, self.text.len())
    }
}

/// The surroundings of a part of a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PartContext {
    /// The end of the previous part.
    pub(in crate::redact) before: String,
    /// Whether more of the line follows.
    pub(in crate::redact) continues: bool,
    /// The number of bytes at the start of the message that belong to a secret in which the previous part ended.
    pub(in crate::redact) hidden: usize,
}

impl OpenLines {
    /// The surroundings of a record's message, or `None` for a whole line. Keeps the end of the message if more of the line follows.
    pub(in crate::redact) fn around(&mut self, record: &Record) -> Option<PartContext> {
        self.current = None;
        let continues = record.metadata.get(INCOMPLETE) == Some(&Value::Bool(true));
        let part = record.metadata.get(PART).and_then(Value::as_u64);
        if part.is_none() && !continues {
            return None;
        }
        let writer = (record.source.clone(), writer_of(record));
        let before = part.and_then(|part| self.take(&writer, part));
        if !continues && before.is_none() {
            return None;
        }
        let (before, is_restored) = before.unwrap_or_default();
        let hidden = if is_restored && before.ends_with(MASK) {
            bare_end(record.message.as_bytes(), 0)
        } else {
            0
        };
        if continues {
            let tail = PartTail {
                part: part.unwrap_or(1),
                text: tail(&before, &record.message),
                stored: String::new(),
                is_restored: false,
            };
            self.current = Some(writer.clone());
            self.keep(writer, tail);
        }
        Some(PartContext {
            before,
            continues,
            hidden,
        })
    }

    /// Notes how the message of the record that [`Self::around`] saw last is stored.
    pub(in crate::redact) fn stored(&mut self, message: &str) {
        let tail = self.current.take();
        if let Some(tail) = tail.and_then(|writer| self.lines.get_mut(&writer)) {
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
        self.order.iter().any(|(other, _)| other == source)
    }

    /// The lines of a source that have not ended.
    pub(in crate::redact) fn get(&self, source: &Source) -> Vec<SavedLine> {
        let of_source = self.order.iter().filter(|(other, _)| other == source);
        of_source
            .filter_map(|writer| {
                let tail = self.lines.get(writer)?;
                Some(SavedLine {
                    writer: writer.1,
                    part: tail.part,
                    stored: tail.stored.clone(),
                })
            })
            .collect()
    }

    /// Takes up a line that had not ended before a restart.
    pub(in crate::redact) fn restore(&mut self, source: &Source, saved: SavedLine) {
        let tail = PartTail {
            part: saved.part,
            text: saved.stored.clone(),
            stored: saved.stored,
            is_restored: true,
        };
        self.keep((source.clone(), saved.writer), tail);
    }

    /// The end of the part before `part`, and whether that is from before a restart.
    fn take(&mut self, writer: &LineWriter, part: u64) -> Option<(String, bool)> {
        let tail = self.lines.remove(writer)?;
        self.order.retain(|other| other != writer);
        (tail.part.checked_add(1) == Some(part)).then_some((tail.text, tail.is_restored))
    }

    fn keep(&mut self, writer: LineWriter, tail: PartTail) {
        self.order.retain(|other| *other != writer);
        if self.order.len() >= OPEN_LINES_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.lines.remove(&oldest);
            self.given_up.push(oldest.0);
        }
        self.order.push_back(writer.clone());
        self.lines.insert(writer, tail);
    }
}

/// A checksum of the metadata that tells the writer of a record apart. A source with one writer has no need of it.
fn writer_of(record: &Record) -> u32 {
    let mut checksum = crc32fast::Hasher::new();
    for key in WRITER_KEYS {
        match record.metadata.get(key) {
            Some(Value::String(text)) => checksum.update(text.as_bytes()),
            Some(Value::Number(number)) => checksum.update(number.to_string().as_bytes()),
            _ => {}
        }
        checksum.update(b"\0");
    }
    checksum.finalize()
}

/// The last bytes of two adjacent texts, cut at a character boundary.
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
    fn a_part_has_the_end_of_the_previous_one_as_context() {
        let mut open = OpenLines::default();
        assert_eq!(before(&mut open, &record("a", "x", &json!({}))), None);
        assert_eq!(before(&mut open, &first("a", "one ")).as_deref(), Some(""));
        let other = record("b", "x", &json!({"line_part": 2}));
        assert_eq!(before(&mut open, &other), None, "another source");
        let second = json!({"line_part": 2, "line_incomplete": true});
        let second = record("a", "two ", &second);
        let around = open.around(&second).unwrap();
        assert_eq!((around.before.as_str(), around.continues), ("one ", true));
        let third = record("a", "three", &json!({"line_part": 3}));
        let around = open.around(&third).unwrap();
        assert_eq!(
            (around.before.as_str(), around.continues),
            ("one two ", false)
        );
        assert_eq!(before(&mut open, &third), None, "the line has ended");
    }

    #[test]
    fn a_part_out_of_sequence_has_no_context() {
        let mut open = OpenLines::default();
        before(&mut open, &first("a", "one"));
        let third = record("a", "three", &json!({"line_part": 3}));
        assert_eq!(before(&mut open, &third), None);
        assert!(open.lines.is_empty() && open.order.is_empty());
    }

    #[test]
    fn streams_and_processes_of_one_source_have_separate_lines() {
        let mut open = OpenLines::default();
        let of = |writer: &Value, part: u64, continues: bool, message: &str| {
            let mut metadata = json!({"line_part": part});
            if continues {
                metadata["line_incomplete"] = json!(true);
            }
            let fields = writer.as_object().unwrap().clone();
            metadata.as_object_mut().unwrap().extend(fields);
            record("web", message, &metadata)
        };
        let writers = [
            json!({"stream": "stdout"}),
            json!({"stream": "stderr"}),
            json!({"pid": "7"}),
            json!({"pid": "8"}),
            json!({"pid": 8, "container_id": "3f2b8a301c6e"}),
        ];
        for (number, writer) in writers.iter().enumerate() {
            let first = of(writer, 1, true, &format!("first {number}"));
            assert_eq!(before(&mut open, &first).as_deref(), Some(""));
        }
        for (number, writer) in writers.iter().enumerate() {
            let second = of(writer, 2, false, "second");
            let expected = format!("first {number}");
            assert_eq!(before(&mut open, &second), Some(expected), "{writer}");
        }
        assert!(open.lines.is_empty() && open.order.is_empty());
    }

    #[test]
    fn the_number_and_the_size_of_open_lines_are_bounded() {
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
