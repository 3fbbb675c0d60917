//! The stages `json` and `unpack`: the values of JSON objects become labels.
//!
//! It has its own scanner, because values must be kept as they were written (`1.0` stays `1.0`), borrowed if they
//! contain no escapes, and without building a tree for each line.

use super::line::PipelineLine;
use crate::logql::ast::Extraction;
use crate::logql::error::LogqlError;
use crate::logql::labels::sanitized;
use std::borrow::Cow;

pub(super) const ERROR: &str = "JSONParserErr";

/// Maximum nesting; deeper objects are a mistake or an attack.
const DEPTH_MAX: usize = 128;

/// A line whose JSON cannot be parsed.
#[derive(Debug, PartialEq, Eq)]
struct Broken(&'static str);

const NOT_AN_OBJECT: Broken = Broken("expecting json object(6), but it is not");
const CUT: Broken = Broken("Value looks like object, but can't find closing '}' symbol");
const MALFORMED: Broken = Broken("Malformed JSON error");
const TOO_DEEP: Broken = Broken("Nested too deep");

/// A value as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scanned<'t> {
    /// With its quotes.
    Text(&'t str),
    Object(&'t str),
    Array(&'t str),
    Null,
    /// A number or a truth value.
    Other(&'t str),
}

/// Makes a label of each value of the line's object.
pub(super) fn parse_all(line: &mut PipelineLine<'_>) {
    match line.text.clone() {
        Cow::Borrowed(text) => note(line, |line| {
            object(text, "", 0, &mut |name, value| {
                line.labels.set_parsed(name, value);
            })
        }),
        Cow::Owned(text) => note(line, |line| {
            object(&text, "", 0, &mut |name, value| {
                let (name, value) = (name.into_owned(), value.into_owned());
                line.labels.set_parsed(name.into(), value.into());
            })
        }),
    }
}

fn note<'a>(
    line: &mut PipelineLine<'a>,
    read: impl FnOnce(&mut PipelineLine<'a>) -> Result<(), Broken>,
) {
    if let Err(Broken(details)) = read(line)
        && !line.expose_fields()
    {
        line.labels.set_error(ERROR, details.to_owned());
    }
}

/// Passes each value of an object that is not in an array to `take`, with its path.
fn object<'t>(
    text: &'t str,
    prefix: &str,
    depth: usize,
    take: &mut impl FnMut(Cow<'t, str>, Cow<'t, str>),
) -> Result<(), Broken> {
    if depth > DEPTH_MAX {
        return Err(TOO_DEEP);
    }
    members(text, |key, value| {
        let key = unquoted(key).ok_or(MALFORMED)?;
        let name = named(prefix, key);
        match value {
            Scanned::Text(quoted) => take(name, unquoted(quoted).ok_or(MALFORMED)?),
            Scanned::Other(text) => take(name, Cow::Borrowed(text)),
            Scanned::Object(inner) => object(inner, &name, depth + 1, take)?,
            Scanned::Array(_) | Scanned::Null => {}
        }
        Ok(())
    })
}

fn named<'t>(prefix: &str, key: Cow<'t, str>) -> Cow<'t, str> {
    if prefix.is_empty() {
        return match key {
            Cow::Borrowed(key) => sanitized(key),
            Cow::Owned(key) => Cow::Owned(sanitized(&key).into_owned()),
        };
    }
    let full = format!("{prefix}_{key}");
    Cow::Owned(sanitized(&full).into_owned())
}

/// Calls `each` with the members of an object.
fn members<'t>(
    text: &'t str,
    mut each: impl FnMut(&'t str, Scanned<'t>) -> Result<(), Broken>,
) -> Result<(), Broken> {
    let text = text.trim();
    let mut rest = text.strip_prefix('{').ok_or(NOT_AN_OBJECT)?.trim_start();
    if let Some(end) = rest.strip_prefix('}') {
        return if end.is_empty() {
            Ok(())
        } else {
            Err(MALFORMED)
        };
    }
    loop {
        let (key, after) = quoted(rest).ok_or(CUT)?;
        let after = after.trim_start().strip_prefix(':').ok_or(CUT)?;
        let (value, after) = scan(after.trim_start())?;
        each(key, value)?;
        let after = after.trim_start();
        rest = match after.strip_prefix(',') {
            Some(next) => next.trim_start(),
            None => match after.strip_prefix('}') {
                Some("") => return Ok(()),
                Some(_) => return Err(MALFORMED),
                None => return Err(CUT),
            },
        };
    }
}

/// The value at the start of `text`, and the text after it.
fn scan(text: &str) -> Result<(Scanned<'_>, &str), Broken> {
    match text.bytes().next().ok_or(CUT)? {
        b'"' => quoted(text)
            .map(|(quoted, rest)| (Scanned::Text(quoted), rest))
            .ok_or(CUT),
        b'{' => enclosed(text).map(|(inner, rest)| (Scanned::Object(inner), rest)),
        b'[' => enclosed(text).map(|(inner, rest)| (Scanned::Array(inner), rest)),
        _ => {
            let is_part = |b: &u8| b.is_ascii_alphanumeric() || b"+-.".contains(b);
            let length = text.bytes().take_while(is_part).count();
            let (word, rest) = text.split_at_checked(length).ok_or(MALFORMED)?;
            match word {
                "null" => Ok((Scanned::Null, rest)),
                "true" | "false" => Ok((Scanned::Other(word), rest)),
                _ if word.parse::<f64>().is_ok() => Ok((Scanned::Other(word), rest)),
                _ => Err(MALFORMED),
            }
        }
    }
}

/// The quoted text at the start of `text`, and the text after it.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let bytes = text.as_bytes();
    if bytes.first() != Some(&b'"') {
        return None;
    }
    let mut at = 1;
    loop {
        let found = memchr::memchr2(b'"', b'\\', bytes.get(at..)?)? + at;
        if bytes.get(found) == Some(&b'"') {
            return text.split_at_checked(found + 1);
        }
        at = found + 2;
    }
}

/// The object or array at the start of `text`, and the text after it. Brackets inside strings do not count.
fn enclosed(text: &str) -> Result<(&str, &str), Broken> {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (0, 0_usize);
    loop {
        match bytes.get(at).ok_or(CUT)? {
            b'"' => {
                let (found, _) = text.get(at..).and_then(quoted).ok_or(CUT)?;
                at += found.len();
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return text.split_at_checked(at).ok_or(MALFORMED);
        }
        if depth > DEPTH_MAX {
            return Err(TOO_DEEP);
        }
    }
}

/// The text within quotes, with its escapes resolved.
fn unquoted(quoted: &str) -> Option<Cow<'_, str>> {
    let inner = quoted.get(1..quoted.len().checked_sub(1)?)?;
    if !inner.contains('\\') {
        return Some(Cow::Borrowed(inner));
    }
    serde_json::from_str(quoted).ok().map(Cow::Owned)
}

/// The stage `unpack`: strings become labels, and `_entry` becomes the line.
pub(super) fn unpack(line: &mut PipelineLine<'_>) {
    let text = line.text.clone().into_owned();
    let mut entry = None;
    let read = members(&text, |key, value| {
        if let Scanned::Text(value) = value {
            let key = unquoted(key).ok_or(MALFORMED)?;
            let value = unquoted(value).ok_or(MALFORMED)?.into_owned();
            if key == "_entry" {
                entry = Some(value);
            } else {
                let name = sanitized(&key).into_owned();
                line.labels.set_parsed(name.into(), value.into());
            }
        }
        Ok(())
    });
    if let Err(Broken(details)) = read {
        line.labels.set_error(ERROR, details.to_owned());
    } else if let Some(entry) = entry {
        line.text = Cow::Owned(entry);
    }
}

/// One step of a JSON path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum PathStep {
    Key(String),
    Index(usize),
}

/// A label and the path of its value.
#[derive(Debug, Clone)]
pub(super) struct JsonPath {
    label: String,
    steps: Vec<PathStep>,
}

impl JsonPath {
    /// Parses `a.b[0]["c"]`.
    pub(super) fn new(extraction: &Extraction) -> Result<Self, LogqlError> {
        let expression = &extraction.expression;
        let steps = steps(&expression.value).ok_or_else(|| {
            let message = format!(
                "cannot parse expression [{}]: syntax error",
                expression.value
            );
            LogqlError::meaning(expression.at, message)
        })?;
        Ok(Self {
            label: extraction.label.clone(),
            steps,
        })
    }

    fn value(&self, text: &str) -> Option<String> {
        let mut current = text.trim();
        let mut value = None;
        for step in &self.steps {
            let found = match step {
                PathStep::Key(wanted) => member(current, wanted)?,
                PathStep::Index(index) => element(current, *index)?,
            };
            current = match found {
                Scanned::Object(text) | Scanned::Array(text) => text,
                _ => "",
            };
            value = Some(found);
        }
        match value? {
            Scanned::Text(quoted) => unquoted(quoted).map(Cow::into_owned),
            Scanned::Object(text) | Scanned::Array(text) | Scanned::Other(text) => {
                Some(text.to_owned())
            }
            Scanned::Null => None,
        }
    }
}

fn member<'t>(object: &'t str, wanted: &str) -> Option<Scanned<'t>> {
    let mut found = None;
    let read = members(object, |key, value| {
        if unquoted(key).is_some_and(|key| key == wanted) {
            found = Some(value);
        }
        Ok(())
    });
    read.ok()?;
    found
}

fn element(array: &str, index: usize) -> Option<Scanned<'_>> {
    let mut rest = array.strip_prefix('[')?.trim_start();
    for _ in 0..index {
        let (_, after) = scan(rest).ok()?;
        rest = after.trim_start().strip_prefix(',')?.trim_start();
    }
    Some(scan(rest).ok()?.0)
}

fn steps(path: &str) -> Option<Vec<PathStep>> {
    let mut steps = Vec::new();
    let mut rest = path.trim();
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('[') {
            rest = if inside.starts_with('"') {
                let (key, after) = quoted(inside)?;
                steps.push(PathStep::Key(unquoted(key)?.into_owned()));
                after.strip_prefix(']')?
            } else {
                let (index, after) = inside.split_once(']')?;
                steps.push(PathStep::Index(index.trim().parse().ok()?));
                after
            };
        } else {
            let name = if steps.is_empty() {
                rest
            } else {
                rest.strip_prefix('.')?
            };
            let length = name.find(['.', '[']).unwrap_or(name.len());
            let (key, after) = name.split_at_checked(length)?;
            let is_name = |b: u8| b.is_ascii_alphanumeric() || b"_-@$".contains(&b);
            if key.is_empty() || !key.bytes().all(is_name) {
                return None;
            }
            steps.push(PathStep::Key(key.to_owned()));
            rest = after;
        }
    }
    (!steps.is_empty()).then_some(steps)
}

/// Makes labels of the selected values of the line's object.
pub(super) fn parse_paths(line: &mut PipelineLine<'_>, paths: &[JsonPath]) {
    if let Err(Broken(details)) = members(&line.text, |_, _| Ok(())) {
        if !line.expose_fields() {
            line.labels.set_error(ERROR, details.to_owned());
            return;
        }
        for path in paths {
            if let [PathStep::Key(key)] = path.steps.as_slice()
                && let Some(value) = line.labels.get(&sanitized(key)).map(str::to_owned)
            {
                line.labels
                    .set_parsed(path.label.clone().into(), value.into());
            }
        }
        return;
    }
    for path in paths {
        if let Some(value) = path.value(&line.text) {
            line.labels
                .set_parsed(path.label.clone().into(), value.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(text: &str) -> Result<Vec<(String, String)>, Broken> {
        let mut found = Vec::new();
        object(text, "", 0, &mut |name, value| {
            found.push((name.into_owned(), value.into_owned()));
        })?;
        Ok(found)
    }

    #[test]
    fn nested_keys_are_joined_and_arrays_skipped() {
        let text = r#" {"a.b": 1.0, "c": {"d": "x\ny", "e": {"1": true}}, "f": [1, {"g": 2}], "n": null} "#;
        let expected = [("a_b", "1.0"), ("c_d", "x\ny"), ("c_e_1", "true")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(flat(text).unwrap(), expected);
    }

    #[test]
    fn invalid_objects_are_reported() {
        assert_eq!(flat("plain text"), Err(NOT_AN_OBJECT));
        assert_eq!(flat("[1]"), Err(NOT_AN_OBJECT));
        for text in [
            r#"{"a":1"#,
            r#"{"a":"#,
            "{",
            r#"{"a":1,}"#,
            r#"{"a""#,
            r#"{"a":[1,2}"#,
        ] {
            assert!(flat(text).is_err(), "{text}");
        }
        assert!(flat(r#"{"a":1} x"#).is_err());
        assert!(
            flat(&format!("{}1", "{\"a\":".repeat(100_000))).is_err(),
            "no overflow"
        );
    }

    #[test]
    fn paths_lead_into_objects_and_arrays() {
        let text = r#"{"a":{"b":[10,{"c d":"e"}]},"x":null}"#;
        let value = |expression: &str| {
            let steps = steps(expression).unwrap();
            let label = String::new();
            JsonPath { label, steps }.value(text)
        };
        assert_eq!(value("a.b[0]").as_deref(), Some("10"));
        assert_eq!(value(r#"a.b[1]["c d"]"#).as_deref(), Some("e"));
        assert_eq!(value("a.b").as_deref(), Some(r#"[10,{"c d":"e"}]"#));
        assert_eq!(
            (value("a.z"), value("x"), value("a.b[7]")),
            (None, None, None)
        );
        assert_eq!(steps("a..b"), None);
        assert_eq!(steps(""), None);
    }
}
