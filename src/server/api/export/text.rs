//! The formats of an exported file.

use crate::query::EncodedRecord;
use crate::record::{Id, Level, Source, StoredRecord};
use crate::server::http::error::ApiError;
use crate::server::wire;
use crate::store;
use crate::time::Micros;

/// The format of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ExportFormat {
    /// Lines of text for people.
    Log,
    /// One JSON object per line.
    Jsonl,
    /// RFC 4180, with a header line.
    Csv,
}

impl ExportFormat {
    pub(super) fn parse(text: Option<&str>) -> Result<Self, ApiError> {
        match text {
            None | Some("log") => Ok(Self::Log),
            Some("jsonl") => Ok(Self::Jsonl),
            Some("csv") => Ok(Self::Csv),
            Some(other) => Err(ApiError::parameter(
                "invalid_format",
                "format",
                format!("format must be one of log, jsonl, csv; got {other:?}"),
            )),
        }
    }

    pub(super) fn extension(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
        }
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Log => "text/plain; charset=utf-8",
            Self::Jsonl => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8; header=present",
        }
    }

    pub(super) fn head(self) -> &'static str {
        match self {
            Self::Log | Self::Jsonl => "",
            Self::Csv => "id,timestamp,source,level,message,metadata\r\n",
        }
    }

    /// Appends a record. After an error nothing is appended.
    pub(super) fn write(
        self,
        out: &mut Vec<u8>,
        record: &EncodedRecord<'_>,
    ) -> Result<(), store::Error> {
        match self {
            Self::Log => write_line(out, &ExportRow::new(record, b"")),
            Self::Jsonl => {
                wire::write_encoded_entry(out, record)?;
                out.push(b'\n');
            }
            Self::Csv => {
                let mut metadata = Vec::new();
                record.write_metadata(&mut metadata)?;
                write_csv_with(out, &ExportRow::new(record, &metadata), write_visible);
            }
        }
        Ok(())
    }
}

/// A record whose metadata is JSON.
#[derive(Debug, Clone, Copy)]
struct ExportRow<'a> {
    id: Id,
    timestamp: Micros,
    source: &'a Source,
    level: Level,
    message: &'a str,
    metadata: &'a [u8],
}

impl<'a> ExportRow<'a> {
    fn new(record: &EncodedRecord<'a>, metadata: &'a [u8]) -> Self {
        let EncodedRecord {
            id,
            timestamp,
            source,
            level,
            message,
            ..
        } = *record;
        Self {
            id,
            timestamp,
            source,
            level,
            message,
            metadata,
        }
    }
}

/// `2026-02-17T14:30:15.123456Z warn  docker:web: text`. Further lines of a message are indented to keep records distinct. Control
/// characters are escaped, as the file may be printed to a terminal.
fn write_line(out: &mut Vec<u8>, record: &ExportRow<'_>) {
    use std::io::Write as _;
    // Writing to a Vec cannot fail.
    let _ = write!(
        out,
        "{} {:<5} {}: ",
        record.timestamp, record.level, record.source
    );
    for letter in record.message.trim_end_matches('\n').chars() {
        match letter {
            '\n' => out.extend_from_slice(b"\n    "),
            letter => write_visible(out, letter),
        }
    }
    out.push(b'\n');
}

/// Writes a character. Control characters and those that change the layout of text are escaped.
fn write_visible(out: &mut Vec<u8>, letter: char) {
    use std::io::Write as _;
    let mut buffer = [0; 4];
    match letter {
        '\t' => out.push(b'\t'),
        // Writing to a Vec cannot fail.
        letter if letter.is_control() => {
            let _ = write!(out, "\\x{:02x}", u32::from(letter));
        }
        letter if is_layout(letter) => {
            let _ = write!(out, "\\u{{{:x}}}", u32::from(letter));
        }
        letter => out.extend_from_slice(letter.encode_utf8(&mut buffer).as_bytes()),
    }
}

/// Line and paragraph separators, and bidirectional marks.
fn is_layout(letter: char) -> bool {
    matches!(
        letter,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

/// Writes a record as a line of CSV. Texts are not changed, except those that a spreadsheet would take for a formula.
pub(crate) fn write_csv(out: &mut Vec<u8>, stored: &StoredRecord) {
    let StoredRecord { id, record } = stored;
    let mut metadata = Vec::new();
    wire::write(&mut metadata, &record.metadata);
    let text = ExportRow {
        id: *id,
        timestamp: record.timestamp,
        source: &record.source,
        level: record.level,
        message: &record.message,
        metadata: &metadata,
    };
    write_csv_with(out, &text, write_raw);
}

/// Writes one character of a field.
type WriteChar = fn(&mut Vec<u8>, char);

fn write_csv_with(out: &mut Vec<u8>, record: &ExportRow<'_>, write: WriteChar) {
    let metadata = String::from_utf8_lossy(record.metadata);
    let fields = [
        &record.id.to_string(),
        &record.timestamp.to_string(),
        record.source.as_str(),
        record.level.as_str(),
        record.message,
        &metadata,
    ];
    for (index, field) in fields.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_field(out, field, write);
    }
    out.extend_from_slice(b"\r\n");
}

fn write_raw(out: &mut Vec<u8>, letter: char) {
    out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
}

/// A spreadsheet treats a text that starts with one of these, also after spaces, as a formula, and attackers can
/// write to logs. Programs that split quoted fields at line ends see each line as a field.
const FORMULA_STARTS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

fn write_field(out: &mut Vec<u8>, field: &str, write: WriteChar) {
    let is_formula = |line: &str| {
        line.trim_start_matches([' ', '\u{feff}'])
            .starts_with(FORMULA_STARTS)
    };
    let is_quoted = field.contains(['"', ',', '\n', '\r']) || is_formula(field);
    if is_quoted {
        out.push(b'"');
    }
    for line in field.split_inclusive(['\n', '\r']) {
        if is_formula(line) {
            out.push(b'\'');
        }
        for letter in line.chars() {
            match letter {
                '"' => out.extend_from_slice(b"\"\""),
                '\n' => out.push(b'\n'),
                letter => write(out, letter),
            }
        }
    }
    if is_quoted {
        out.push(b'"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(format: ExportFormat, message: &str) -> String {
        let source = "docker:web".parse().expect("a source");
        let text = ExportRow {
            id: Id(7),
            timestamp: Micros::new(0),
            source: &source,
            level: Level::Warn,
            message,
            metadata: br#"{"unit":"a,\"b\""}"#,
        };
        let mut out = Vec::new();
        match format {
            ExportFormat::Log => write_line(&mut out, &text),
            _ => write_csv_with(&mut out, &text, write_visible),
        }
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn log_line_is_one_record_with_escaped_control_characters() {
        assert_eq!(
            written(ExportFormat::Log, "a\tb\n\u{1b}[31mc\r\n"),
            "1970-01-01T00:00:00.000000Z warn  docker:web: a\tb\n    \\x1b[31mc\\x0d\n"
        );
        assert_eq!(
            written(ExportFormat::Log, "a\u{202e}b\u{2028}c\u{9b}2J\u{2067}d"),
            "1970-01-01T00:00:00.000000Z warn  docker:web: a\\u{202e}b\\u{2028}c\\x9b2J\\u{2067}d\n"
        );
        assert_eq!(
            written(ExportFormat::Log, ""),
            "1970-01-01T00:00:00.000000Z warn  docker:web: \n"
        );
    }

    #[test]
    fn csv_quotes_and_escapes_fields() {
        let start = "7,1970-01-01T00:00:00.000000Z,docker:web,warn,";
        let end = ",\"{\"\"unit\"\":\"\"a,\\\"\"b\\\"\"\"\"}\"\r\n";
        for (message, field) in [
            ("plain", "plain"),
            ("", ""),
            ("a,b", "\"a,b\""),
            ("a\"b\n", "\"a\"\"b\n\""),
            ("=HYPERLINK(1)", "\"'=HYPERLINK(1)\""),
            ("  =1+1", "\"'  =1+1\""),
            ("a\n=1+1\r\n@b\r-c", "\"a\n'=1+1\\x0d\n'@b\\x0d'-c\""),
            ("\n=1+1", "\"\n'=1+1\""),
            ("\u{9b}31m\u{202e}", "\\x9b31m\\u{202e}"),
            ("-1", "\"'-1\""),
        ] {
            assert_eq!(
                written(ExportFormat::Csv, message),
                format!("{start}{field}{end}"),
                "{message:?}"
            );
        }
    }
}
