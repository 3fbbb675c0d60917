//! JSON and logfmt lines: their time, level and message are recognised, and the rest becomes metadata.

mod fields;

use fields::EngineStream;

use super::level;
use super::rules::RuleSet;
use super::stamp::Context;
use crate::collect::text;
use crate::record::{Level, Metadata};
use crate::time::Micros;
use serde_json::Value;

/// Longer lines are not parsed: they are dumps rather than events.
const LENGTH_MAX: usize = 64 << 10;

/// Lines with more fields are not parsed.
const FIELDS_MAX: usize = 64;

/// Metadata names with a meaning in vmlog, in addition to those that a record already has when its line is parsed.
const RESERVED: &[&str] = &[
    "continues",
    "event_type",
    "line_incomplete",
    "line_part",
    "message",
    text::WHOLE,
];

/// A parsed line.
#[derive(Debug, PartialEq)]
pub(crate) struct Structured {
    pub(crate) time: Option<Micros>,
    pub(crate) level: Option<Level>,
    /// `None` for a line without a text field: its message is the line itself.
    pub(crate) message: Option<String>,
    /// The other fields; empty without a message.
    rest: Metadata,
    /// The usual level of the stream that an engine of containers names around the line.
    pub(crate) wrapped: Option<Level>,
}

impl Structured {
    /// Parses a line, if it is a JSON or logfmt object with a message.
    pub(crate) fn read(line: &[u8], rules: RuleSet, context: &Context) -> Option<Self> {
        let line = line
            .get(..LENGTH_MAX + 1)
            .map_or(Some(line), |_| None)?
            .trim_ascii();
        let is_json = matches!(line, [b'{', .., b'}']);
        let mut fields: Metadata = if is_json {
            serde_json::from_slice(line).ok()?
        } else if level::starts_with_pair(line) {
            logfmt(std::str::from_utf8(line).ok()?)?
        } else {
            return None;
        };
        if fields.len() > FIELDS_MAX {
            return None;
        }
        if is_json {
            if let Some((inner, stream)) = fields::take_wrapped(&mut fields) {
                return Some(Self::of_engine(&inner, stream, &mut fields, rules, context));
            }
            unwrap_loguru(&mut fields);
            unwrap_dbt(&mut fields);
        }
        let level = level::of_structured(line, rules);
        let message = fields::take_message(&mut fields);
        // auditd: `type=SYSCALL msg=audit(1771338615.123:456): arch=...` has its time and number in `msg`, and no
        // text.
        if !is_json
            && message
                .as_ref()
                .is_some_and(|text| text.starts_with("audit("))
        {
            return None;
        }
        let time = fields::take_time(&mut fields, context);
        // One word with an `=` is not enough for logfmt.
        if message.is_none() && !is_json && (time.is_none() || level.is_none()) {
            return None;
        }
        if let Some((_, field)) = level {
            remove_scalar(&mut fields, field);
        }
        Some(Self {
            time,
            level: level.map(|(level, _)| level),
            rest: if message.is_some() {
                fields
            } else {
                Metadata::new()
            },
            message,
            wrapped: None,
        })
    }

    /// A line in a file of Docker: its text is what the container wrote, which may be structured as well.
    fn of_engine(
        inner: &str,
        stream: EngineStream,
        fields: &mut Metadata,
        rules: RuleSet,
        context: &Context,
    ) -> Self {
        let mut parts = Self::read(inner.as_bytes(), rules, context).unwrap_or_else(|| Self {
            time: None,
            level: level::stated(inner.as_bytes(), None, None, rules),
            message: None,
            rest: Metadata::new(),
            wrapped: None,
        });
        parts.time = fields::take_time(fields, context).or(parts.time);
        parts.message.get_or_insert_with(|| inner.to_owned());
        parts.rest.insert("stream", stream.name());
        parts.wrapped = Some(stream.usual_level());
        parts
    }

    /// Adds the other fields to `metadata` without replacing existing ones.
    pub(crate) fn describe(&mut self, metadata: &mut Metadata) {
        for (name, value) in std::mem::take(&mut self.rest) {
            let is_taken = metadata.contains_key(&name) || RESERVED.contains(&name.as_ref());
            let name = if is_taken {
                format!("field_{name}").into()
            } else {
                name
            };
            metadata.insert(name, value);
        }
    }
}

/// dbt writes what other loggers write as fields of the line into the object `info`, beside the object `data`.
fn unwrap_dbt(fields: &mut Metadata) {
    let is_dbt = fields.len() == 2
        && fields.contains_key("data")
        && fields
            .get("info")
            .is_some_and(|info| info.get("level").is_some() && info.get("msg").is_some());
    if is_dbt && let Some(Value::Object(info)) = fields.remove("info") {
        for (name, value) in info {
            if name != "level" {
                fields.insert(name, value);
            }
        }
    }
}

/// loguru writes the formatted line as `text`, and the facts of which it consists as `record`.
fn unwrap_loguru(fields: &mut Metadata) {
    let is_loguru = fields.len() == 2
        && fields.contains_key("text")
        && fields
            .get("record")
            .is_some_and(|record| record.get("level").is_some() && record.get("message").is_some());
    if is_loguru && let Some(Value::Object(record)) = fields.remove("record") {
        let is_known = |(name, value): &(String, Value)| name != "level" && !value.is_null();
        *fields = record
            .into_iter()
            .filter(is_known)
            .collect::<serde_json::Map<_, _>>()
            .into();
    }
}

/// Removes the field that stated the level, unless it contains more than that.
fn remove_scalar(fields: &mut Metadata, field: &str) {
    let is_it = |(name, value): &(&str, &Value)| {
        name.eq_ignore_ascii_case(field) && !value.is_object() && !value.is_array()
    };
    let name = fields.iter().find(is_it).map(|(name, _)| name.to_owned());
    if let Some(name) = name {
        fields.remove(&name);
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

/// A value and the text after it.
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
    // Go quotes as JSON does, except for bytes that are not text.
    let value = serde_json::from_str(&format!("\"{inner}\"")).unwrap_or_else(|_| inner.to_owned());
    (after.is_empty() || after.starts_with(' ')).then_some((value, after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn context() -> Context {
        Context {
            zone: crate::collect::recognise::SourceZone::new(jiff::tz::TimeZone::UTC),
            written: Micros::new(1_771_340_000_000_000),
        }
    }

    fn facts(line: &str) -> Option<String> {
        let read = Structured::read(line.as_bytes(), RuleSet::ALL, &context())?;
        let time = read.time.map_or("-".to_owned(), |time| time.to_string());
        let level = read.level.map_or("-", Level::as_str);
        let rest = serde_json::to_string(&read.rest).unwrap();
        Some(format!("{time} {level} {:?} {rest}", read.message?))
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
                r#"{"message":"boom","context":{},"level":400,"level_name":"ERROR","datetime":"2026-02-17T14:30:15.123456+00:00"}"#,
                r#"2026-02-17T14:30:15.123456Z error "boom" {"context":{},"level":400}"#,
            ),
            (
                r#"{"t":{"$date":"2026-02-17T14:30:15.123+00:00"},"s":"E","c":"NETWORK","msg":"cannot listen"}"#,
                r#"2026-02-17T14:30:15.123000Z error "cannot listen" {"c":"NETWORK"}"#,
            ),
            (
                r#"{"@level":"error","@message":"sealed","@timestamp":"2026-02-17T14:30:15Z","@module":"core"}"#,
                r#"2026-02-17T14:30:15.000000Z error "sealed" {"@module":"core"}"#,
            ),
            (
                r#"{"timeUnixNano":"1771338615123456789","severityNumber":13,"body":{"stringValue":"slow"}}"#,
                r#"2026-02-17T14:30:15.123456Z warn "slow" {}"#,
            ),
            (
                concat!(
                    r#"{"text":"x | ERROR | no card","record":{"exception":null,"extra":{"order":7},"function":"pay","#,
                    r#""level":{"icon":"x","name":"ERROR","no":40},"line":3,"message":"no card","#,
                    r#""time":{"repr":"2026-02-17 14:30:15.123456+00:00","timestamp":1771338615.123456}}}"#
                ),
                r#"2026-02-17T14:30:15.123456Z error "no card" {"extra":{"order":7},"function":"pay","line":3}"#,
            ),
            (
                r#"{"type":"log","@timestamp":"2026-02-17T14:30:15Z","tags":["error","plugins"],"pid":7,"message":"x"}"#,
                r#"2026-02-17T14:30:15.000000Z error "x" {"pid":7,"tags":["error","plugins"],"type":"log"}"#,
            ),
            (
                r#"{"instant":{"epochSecond":1771338615,"nanoOfSecond":5000000},"level":"WARN","message":"x"}"#,
                r#"2026-02-17T14:30:15.005000Z warn "x" {}"#,
            ),
            (
                r#"{"@timestamp":"2026-02-17T14:30:15Z","log":{"level":"error","logger":"a"},"message":"x"}"#,
                r#"2026-02-17T14:30:15.000000Z error "x" {"log":{"level":"error","logger":"a"}}"#,
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
    fn lines_of_the_files_of_docker_are_taken_apart_twice() {
        for (line, expected) in [
            (
                r#"{"log":"ERROR no card\n","stream":"stderr","time":"2026-02-17T14:30:15.5Z"}"#,
                r#"2026-02-17T14:30:15.500000Z error "ERROR no card" {"stream":"stderr"}"#,
            ),
            (
                r#"{"log":"{\"level\":\"warn\",\"msg\":\"slow\",\"ms\":7}\n","stream":"stdout","time":"2026-02-17T14:30:15.5Z"}"#,
                r#"2026-02-17T14:30:15.500000Z warn "slow" {"ms":7,"stream":"stdout"}"#,
            ),
            (
                r#"{"log":"x","stream":"api","time":"2026-02-17T14:30:15.5Z"}"#,
                r#"2026-02-17T14:30:15.500000Z - "x" {"stream":"api"}"#,
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
                r#"2026-02-17T14:30:15.000000Z debug "x" {"empty":""}"#,
            ),
        ] {
            assert_eq!(facts(line).as_deref(), Some(expected), "{line}");
        }
    }

    #[test]
    fn other_lines_are_unchanged() {
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
    fn fields_of_a_line_replace_no_metadata() {
        let mut metadata = Metadata::new();
        metadata.insert("file", "a.log");
        let line = br#"{"message":"x","file":"/etc/passwd","event_type":"gap","user":"me","continues":true}"#;
        let mut read = Structured::read(line, RuleSet::ALL, &context()).unwrap();
        read.describe(&mut metadata);
        let expected = serde_json::json!({
            "file": "a.log", "field_file": "/etc/passwd", "field_event_type": "gap", "user": "me", "field_continues": true,
        });
        assert_eq!(Value::from(metadata), expected);
    }

    #[test]
    fn an_object_without_text_keeps_its_line_and_states_time_and_level() {
        let line = br#"{"ts":1771338615,"level":"warn","n":1}"#;
        let read = Structured::read(line, RuleSet::ALL, &context()).unwrap();
        assert_eq!((read.message, read.level), (None, Some(Level::Warn)));
        assert_eq!(read.time, Some(Micros::new(1_771_338_615_000_000)));
        assert!(read.rest.is_empty());
        let line = "ts=2026-02-17T14:30:15.5Z caller=main.go:3 level=error err=\"no lock\"";
        let parts = Structured::read(line.as_bytes(), RuleSet::ALL, &context()).unwrap();
        assert_eq!((parts.level, parts.message), (Some(Level::Error), None));
        assert_eq!(
            parts.time.unwrap().to_string(),
            "2026-02-17T14:30:15.500000Z"
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read(line in "[a-z={}\":\\\\ ,0-9\\[\\]]{0,60}") {
            let _ = Structured::read(line.as_bytes(), RuleSet::ALL, &context());
        }
    }
}
