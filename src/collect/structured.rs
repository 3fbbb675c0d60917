//! Lines that are JSON objects or logfmt: their time, level and message are recognised, and the rest becomes metadata.

use super::level;
use super::stamp;
use super::text;
use crate::record::{Level, Metadata};
use crate::time::Micros;
use serde_json::Value;

/// Longer lines are left as they are: what is so long is a dump, not an event.
const LENGTH_MAX: usize = 64 << 10;

/// Lines with more fields are left as they are.
const FIELDS_MAX: usize = 64;

/// The names of the fields that hold the text, the likeliest first.
const MESSAGE_NAMES: [&str; 4] = ["message", "msg", "event", "text"];

/// The names of the fields that hold the time, the likeliest first.
const TIME_NAMES: [&str; 7] = [
    "time",
    "ts",
    "timestamp",
    "@timestamp",
    "t",
    "datetime",
    "date",
];

/// A line taken apart.
#[derive(Debug, PartialEq)]
struct Structured {
    time: Option<Micros>,
    level: Option<Level>,
    message: String,
    /// The fields that are none of these.
    rest: Metadata,
}

/// Metadata that vmlog gives a meaning to, beside what a record has already when its line is taken apart.
const RESERVED: [&str; 5] = [
    "event_type",
    "line_incomplete",
    "line_part",
    "message",
    text::WHOLE,
];

/// What a line says of itself.
#[derive(Debug, PartialEq)]
pub(crate) struct Said {
    pub(crate) time: Option<Micros>,
    pub(crate) level: Option<Level>,
    pub(crate) message: String,
}

/// What `line` says, taken apart if that is wanted and possible; further fields go into `metadata`, where they do not displace
/// what is there.
pub(crate) fn said(line: &[u8], take_apart: bool, metadata: &mut Metadata) -> Said {
    let Some(parts) = take_apart.then(|| read(line)).flatten() else {
        return Said {
            time: stamp::leading(line).map(|(time, _)| time),
            level: level::stated(line),
            message: text::message(line, metadata),
        };
    };
    for (name, value) in parts.rest {
        let is_taken = metadata.contains_key(&name) || RESERVED.contains(&name.as_ref());
        let name = if is_taken {
            format!("field_{name}").into()
        } else {
            name
        };
        metadata.insert(name, value);
    }
    Said {
        time: parts.time,
        level: parts.level,
        message: parts.message,
    }
}

/// Takes a line apart, if it is of a known form and has a message.
fn read(line: &[u8]) -> Option<Structured> {
    let line = line
        .get(..LENGTH_MAX + 1)
        .map_or(Some(line), |_| None)?
        .trim_ascii();
    let mut fields = match line {
        [b'{', .., b'}'] => serde_json::from_slice(line).ok()?,
        _ => logfmt(std::str::from_utf8(line).ok()?)?,
    };
    if fields.len() > FIELDS_MAX {
        return None;
    }
    let message = take(&mut fields, &MESSAGE_NAMES, |value| {
        value.as_str().map(str::to_owned)
    })?;
    let time = take(&mut fields, &TIME_NAMES, time_of);
    let level = take_level(&mut fields);
    Some(Structured {
        time,
        level,
        message,
        rest: fields,
    })
}

/// The first of the named fields whose value is of the right kind; it is taken out.
fn take<T>(fields: &mut Metadata, names: &[&str], read: impl Fn(&Value) -> Option<T>) -> Option<T> {
    let found = names
        .iter()
        .find_map(|&name| Some((name, read(fields.get(name)?)?)));
    let (name, value) = found?;
    fields.remove(name);
    Some(value)
}

fn take_level(fields: &mut Metadata) -> Option<Level> {
    let is_level = |(name, _): &(&str, &Value)| level::is_level_field(name.as_bytes());
    let (name, value) = fields.iter().find(is_level)?;
    let level = match value {
        Value::String(text) => level::of_value(text.as_bytes()),
        Value::Number(number) => level::of_value(number.to_string().as_bytes()),
        _ => None,
    }?;
    let name = name.to_owned();
    fields.remove(&name);
    Some(level)
}

/// Smaller numbers, which would be seconds before 1973, count something else: seconds since the start, for one.
const EPOCH_MIN: f64 = 1e8;

/// A time as text, or as a number of seconds, milliseconds, microseconds or nanoseconds, by its size.
fn time_of(value: &Value) -> Option<Micros> {
    match value {
        Value::String(text) => stamp::leading(text.as_bytes()).map(|(time, _)| time),
        Value::Number(number) => {
            let number = number.as_f64().filter(|number| *number >= EPOCH_MIN)?;
            Micros::from_epoch_float(number)
        }
        _ => None,
    }
}

/// `key=value key="quoted value"` and nothing else.
fn logfmt(line: &str) -> Option<Metadata> {
    let mut fields = Vec::new();
    let mut rest = line;
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let is_name = |c: char| c.is_ascii_alphanumeric() || "_.-@".contains(c);
        if name.is_empty() || !name.chars().all(is_name) {
            return None;
        }
        let (value, after) = logfmt_value(after)?;
        fields.push((name.to_owned().into(), value.into()));
        rest = after.trim_ascii_start();
    }
    Some(Metadata::of_pairs(fields))
}

/// A value and what follows it.
fn logfmt_value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, after) = text.split_once(' ').unwrap_or((text, ""));
        return (!value.contains('"')).then(|| (value.to_owned(), after));
    };
    let mut is_escaped = false;
    let end = quoted.char_indices().find(|&(_, c)| {
        let is_end = c == '"' && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        is_end
    });
    let (inner, after) = (quoted.get(..end?.0)?, quoted.get(end?.0 + 1..)?);
    // Go quotes as JSON does, but for bytes that are not text
    let value = serde_json::from_str(&format!("\"{inner}\"")).unwrap_or_else(|_| inner.to_owned());
    (after.is_empty() || after.starts_with(' ')).then_some((value, after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn facts(line: &str) -> Option<String> {
        let read = read(line.as_bytes())?;
        let time = read.time.map_or("-".to_owned(), |time| time.to_string());
        let level = read.level.map_or("-", Level::as_str);
        let rest = serde_json::to_string(&read.rest).unwrap();
        Some(format!("{time} {level} {:?} {rest}", read.message))
    }

    #[test]
    fn json_lines_are_taken_apart() {
        for (line, expected) in [
            (
                r#"{"time":"2026-02-17T14:30:15Z","level":"warn","msg":"slow","ms":12,"at":{"x":[1]}}"#,
                r#"2026-02-17T14:30:15.000000Z warn "slow" {"at":{"x":[1]},"ms":12}"#,
            ),
            (
                r#"{"level":50,"time":1771338615123,"pid":7,"msg":"boom"}"#,
                r#"2026-02-17T14:30:15.123000Z error "boom" {"pid":7}"#,
            ),
            (
                r#" {"ts":1771338615.5,"severity":"INFO","message":"a\nb","msg":"c"} "#,
                r#"2026-02-17T14:30:15.500000Z info "a\nb" {"msg":"c"}"#,
            ),
            (
                r#"{"message":"x","level":"loud","time":"soon"}"#,
                r#"- - "x" {"level":"loud","time":"soon"}"#,
            ),
        ] {
            assert_eq!(facts(line).as_deref(), Some(expected), "{line}");
        }
    }

    #[test]
    fn logfmt_lines_are_taken_apart() {
        for (line, expected) in [
            (
                r#"time="2026-02-17T14:30:15Z" level=error msg="it \"broke\"" unit=7"#,
                r#"2026-02-17T14:30:15.000000Z error "it \"broke\"" {"unit":"7"}"#,
            ),
            (
                "ts=2026-02-17T14:30:15Z lvl=dbug msg=x empty=",
                r#"2026-02-17T14:30:15.000000Z - "x" {"empty":"","lvl":"dbug"}"#,
            ),
        ] {
            assert_eq!(facts(line).as_deref(), Some(expected), "{line}");
        }
    }

    #[test]
    fn other_lines_are_left_as_they_are() {
        for line in [
            "",
            "hello",
            "{",
            "{}",
            r#"{"a":1}"#,
            r#"{"message":7}"#,
            r#"{"message":"x"} tail"#,
            "a=b c",
            "a=b",
            r#"msg="x"#,
            r#"msg="x"y"#,
            "see msg=x",
            "[1,2]",
        ] {
            assert_eq!(facts(line), None, "{line}");
        }
        let long = format!(r#"{{"message":"{}"}}"#, "x".repeat(LENGTH_MAX));
        assert_eq!(facts(&long), None);
        let many: Vec<String> = (0..=FIELDS_MAX).map(|n| format!("k{n}=1")).collect();
        assert_eq!(facts(&format!("msg=x {}", many.join(" "))), None);
    }

    #[test]
    fn fields_of_a_line_displace_nothing() {
        let mut metadata = Metadata::new();
        metadata.insert("file", "a.log");
        let line = br#"{"message":"x","file":"/etc/passwd","event_type":"gap","user":"me"}"#;
        assert_eq!(said(line, true, &mut metadata).message, "x");
        let expected = serde_json::json!({
            "file": "a.log", "field_file": "/etc/passwd", "field_event_type": "gap", "user": "me",
        });
        assert_eq!(Value::from(metadata), expected);
        let mut metadata = Metadata::new();
        assert_eq!(said(line, false, &mut metadata).message.as_bytes(), line);
        assert!(metadata.is_empty());
    }

    #[test]
    fn epochs_are_known_by_their_size() {
        for text in [
            "1771338615",
            "1771338615000",
            "1771338615000000",
            "1771338615000000000",
        ] {
            let value = serde_json::from_str(text).unwrap();
            assert_eq!(
                time_of(&value),
                Some(Micros::new(1_771_338_615_000_000)),
                "{text}"
            );
        }
        assert_eq!(time_of(&Value::from(7)), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read(line in "[a-z={}\":\\\\ ,0-9\\[\\]]{0,60}") {
            let _ = read(line.as_bytes());
        }
    }
}
