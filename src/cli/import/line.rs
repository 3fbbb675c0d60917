//! Parses one line: a JSON object with the parts of a record.

use crate::record::{Key, Level, Metadata, Record, Source};
use crate::time::Micros;
use serde::Deserializer as _;
use serde::de::{Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;

/// Values for absent parts of a line.
#[derive(Debug, Clone)]
pub(super) struct Defaults {
    pub(super) source: Option<Source>,
    pub(super) now: Micros,
}

/// A record of a line.
#[derive(Debug)]
pub(super) struct ImportedRecord {
    pub(super) record: Record,
    /// The line has an ID, so it comes from a store: its problems were looked for when it was collected.
    pub(super) is_exported: bool,
}

/// Parses a line; the error is for people.
pub(super) fn parse(line: &[u8], defaults: &Defaults) -> Result<ImportedRecord, String> {
    // Invalid UTF-8 becomes U+FFFD, as in all other input.
    let text = String::from_utf8_lossy(line);
    let mut deserializer = serde_json::Deserializer::from_str(&text);
    let parts = deserializer
        .deserialize_map(PartsVisitor(defaults.now))
        .and_then(|parts| deserializer.end().map(|()| parts));
    let parts = parts.map_err(|error| error.to_string())?;
    let record = Record {
        timestamp: parts.timestamp.ok_or("timestamp is missing")?,
        source: parts
            .source
            .or_else(|| defaults.source.clone())
            .ok_or("source is missing; set one for such lines with --source")?,
        level: parts.level.unwrap_or(Level::Info),
        message: parts.message.ok_or("message is missing")?,
        metadata: parts.metadata,
    };
    Ok(ImportedRecord {
        record,
        is_exported: parts.is_exported,
    })
}

#[derive(Default)]
struct RecordParts {
    timestamp: Option<Micros>,
    source: Option<Source>,
    level: Option<Level>,
    message: Option<String>,
    metadata: Metadata,
    is_exported: bool,
}

/// Reads the keys of an object directly into their fields, because a map in between would double the cost.
struct PartsVisitor(Micros);

impl<'de> Visitor<'de> for PartsVisitor {
    type Value = RecordParts;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with timestamp, source, level and message")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RecordParts, A::Error> {
        let mut parts = RecordParts::default();
        let mut others = Vec::new();
        while let Some(key) = map.next_key::<Cow<'_, str>>()? {
            match key.as_ref() {
                "timestamp" => {
                    parts.timestamp =
                        Some(timestamp(&map.next_value()?, self.0).map_err(A::Error::custom)?);
                }
                "source" => {
                    parts.source = Some(
                        map.next_value::<Cow<'_, str>>()?
                            .parse()
                            .map_err(A::Error::custom)?,
                    );
                }
                "level" => parts.level = Some(level(&map.next_value()?).map_err(A::Error::custom)?),
                "message" => parts.message = Some(map.next_value()?),
                "metadata" => {
                    parts.metadata = map.next_value::<Option<Metadata>>()?.unwrap_or_default();
                }
                // The record gets a new ID in this store.
                "id" => {
                    map.next_value::<IgnoredAny>()?;
                    parts.is_exported = true;
                }
                _ => others.push((Key::Owned(key.into_owned()), map.next_value()?)),
            }
        }
        // Of two equal keys the last one counts, which is the one in the metadata itself.
        others.extend(parts.metadata);
        parts.metadata = Metadata::of_pairs(others);
        Ok(parts)
    }
}

/// A level by name or number.
fn level(value: &Value) -> Result<Level, String> {
    match value {
        Value::String(text) => text.parse().map_err(|error| format!("{error}")),
        Value::Number(number) => number
            .to_string()
            .parse()
            .map_err(|error| format!("{error}")),
        other => Err(format!("level must be a text; got {other}")),
    }
}

/// A time in any form, as text or as a number since 1970.
fn timestamp(value: &Value, now: Micros) -> Result<Micros, String> {
    match value {
        Value::String(text) => Micros::parse(text, now).map_err(|error| error.to_string()),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Micros::from_epoch(whole),
            (None, Some(float)) => Micros::from_epoch_float(float),
            (None, None) => None,
        }
        .ok_or_else(|| format!("timestamp is out of range: {number}")),
        other => Err(format!("timestamp must be a time; got {other}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Record, String> {
        let defaults = Defaults {
            source: None,
            now: Micros::new(0),
        };
        parse(line.as_bytes(), &defaults).map(|parsed| parsed.record)
    }

    #[test]
    fn exported_lines_are_read_back() {
        let record = read(
            r#"{"id":"7","timestamp":"2026-02-17T14:30:15.123456Z","source":"docker:web","level":"warn",
                "message":"a\nb\u00e9","metadata":{"n":[1]}}"#,
        )
        .expect("a record");
        assert_eq!(record.timestamp.get(), 1_771_338_615_123_456);
        assert_eq!(
            (
                record.source.as_str(),
                record.level,
                record.message.as_str()
            ),
            ("docker:web", Level::Warn, "a\nb\u{e9}")
        );
        assert_eq!(Value::from(record.metadata), serde_json::json!({"n": [1]}));
    }

    #[test]
    fn other_keys_become_metadata() {
        let record = read(
            r#"{"metadata":{"a":1},"a":2,"host":"h","timestamp":1,"source":"x","message":""}"#,
        )
        .expect("a record");
        assert_eq!(
            Value::from(record.metadata),
            serde_json::json!({"a": 1, "host": "h"})
        );
        assert_eq!(record.level, Level::Info);
    }

    #[test]
    fn times_are_read_in_every_unit() {
        let micros = |text: &str| {
            let line = format!(r#"{{"timestamp":{text},"source":"x","message":""}}"#);
            read(&line).map(|record| record.timestamp.get())
        };
        let expected = Ok(1_771_338_615_000_000);
        for text in [
            "1771338615",
            "1771338615000",
            "1771338615000000",
            "1771338615000000000",
            "1771338615.0",
            "\"2026-02-17T14:30:15Z\"",
        ] {
            assert_eq!(micros(text), expected, "{text}");
        }
        assert_eq!(micros("1771338615.25"), Ok(1_771_338_615_250_000));
        assert!(micros("1e300").is_err() && micros("true").is_err() && micros("\"soon\"").is_err());
    }

    #[test]
    fn errors_name_the_missing_or_invalid_part() {
        let error = |line: &str| read(line).expect_err("a bad line");
        assert_eq!(
            error(r#"{"source":"x","message":""}"#),
            "timestamp is missing"
        );
        assert_eq!(
            error(r#"{"timestamp":1,"message":""}"#),
            "source is missing; set one for such lines with --source"
        );
        assert_eq!(
            error(r#"{"timestamp":1,"source":"x"}"#),
            "message is missing"
        );
        assert!(
            error("[1]").starts_with("invalid type: sequence, expected an object with timestamp")
        );
        assert!(
            error(r#"{"timestamp":1,"source":"x","message":"","level":"loud"}"#)
                .starts_with("level must be one of debug")
        );
        assert!(
            error(r#"{"timestamp":1,"source":"x","message":""} {"#)
                .starts_with("trailing characters")
        );
    }

    #[test]
    fn a_line_without_a_source_gets_the_default_one() {
        let defaults = Defaults {
            source: Some("file:old".parse().expect("a source")),
            now: Micros::new(0),
        };
        let record =
            parse(b"{\"timestamp\":1,\"message\":\"a\xff\"}", &defaults).expect("a record");
        assert_eq!(
            (
                record.record.source.as_str(),
                record.record.message.as_str()
            ),
            ("file:old", "a\u{fffd}")
        );
    }
}
