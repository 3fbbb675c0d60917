//! The stage `logfmt`: pairs of names and values.

use super::line::PipelineLine;
use crate::logql::labels::sanitized;
use std::borrow::Cow;

pub(super) const ERROR: &str = "LogfmtParserErr";

/// Options of the parser.
#[derive(Debug, Clone, Copy)]
pub(super) struct LogfmtOptions {
    /// A mistake ends the parsing of a line and is noted.
    pub(super) strict: bool,
    /// Labels without a value are kept.
    pub(super) keep_empty: bool,
}

/// Makes labels of the pairs of the line: of all, or of those whose names are `wanted`, with their new names.
pub(super) fn parse(
    line: &mut PipelineLine<'_>,
    options: LogfmtOptions,
    wanted: &[(String, String)],
) {
    let text = line.text.clone().into_owned();
    let mut found_any = false;
    let read = pairs(&text, options.strict, |key, value| {
        found_any |= value.is_some();
        let value = value.unwrap_or_default();
        if value.is_empty() && !options.keep_empty {
            return;
        }
        let name = match wanted.iter().find(|(of, _)| of == key) {
            Some((_, label)) => Cow::Borrowed(label.as_str()),
            None if wanted.is_empty() => sanitized(key),
            None => return,
        };
        if !name.is_empty() {
            let (name, value) = (name.into_owned(), value.into_owned());
            line.labels.set_parsed(name.into(), value.into());
        }
    });
    if let Err(message) = read {
        line.labels.set_error(ERROR, message);
    }
    if !found_any && line.expose_fields() {
        for (of, label) in wanted {
            if let Some(value) = line.labels.get(&sanitized(of)).map(str::to_owned) {
                line.labels.set_parsed(label.clone().into(), value.into());
            }
        }
    }
}

/// Calls `each` with the pairs of a line; a name without `=` has no value.
fn pairs<'t>(
    text: &'t str,
    strict: bool,
    mut each: impl FnMut(&'t str, Option<Cow<'t, str>>),
) -> Result<(), String> {
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let at = text.len() - rest.len();
        let length = rest
            .find(|c: char| c == '=' || c == '"' || c <= ' ')
            .unwrap_or(rest.len());
        let (key, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        rest = match after.strip_prefix('=') {
            Some(value) if !key.is_empty() => {
                let (value, after) = value_of(value, at, strict)?;
                each(key, Some(value));
                after
            }
            None if after.starts_with('"') || key.is_empty() => {
                if strict {
                    return Err(format!(
                        "logfmt syntax error at pos {} : unexpected '\"'",
                        at + length + 1
                    ));
                }
                skip_word(after)
            }
            Some(_) => {
                if strict {
                    return Err(format!(
                        "logfmt syntax error at pos {} : unexpected '='",
                        at + 1
                    ));
                }
                skip_word(after)
            }
            None => {
                each(key, None);
                after
            }
        }
        .trim_start_matches(|c: char| c <= ' ');
    }
    Ok(())
}

/// The text after the next blank.
fn skip_word(text: &str) -> &str {
    let end = text.find(|c: char| c <= ' ').unwrap_or(text.len());
    text.get(end..).unwrap_or_default()
}

/// The value at the start of `text`, and the text after it.
fn value_of(text: &str, at: usize, strict: bool) -> Result<(Cow<'_, str>, &str), String> {
    let Some(body) = text.strip_prefix('"') else {
        let end = text.find(|c: char| c <= ' ').unwrap_or(text.len());
        let (value, rest) = text.split_at_checked(end).unwrap_or((text, ""));
        if strict && value.contains(['"', '=']) {
            return Err(format!("logfmt syntax error at pos {at} : unexpected '\"'"));
        }
        return Ok((Cow::Borrowed(value), rest));
    };
    let mut is_escaped = false;
    let end = body.find(|c| {
        let ends = c == '"' && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        ends
    });
    let Some((inner, rest)) = end.and_then(|end| body.split_at_checked(end)) else {
        if strict {
            return Err(format!(
                "logfmt syntax error at pos {at} : unterminated quoted value"
            ));
        }
        return Ok((Cow::Borrowed(body), ""));
    };
    let rest = rest.get(1..).unwrap_or_default();
    if !inner.contains('\\') {
        return Ok((Cow::Borrowed(inner), rest));
    }
    let resolved = serde_json::from_str(&format!("\"{inner}\""));
    Ok((resolved.map_or(Cow::Borrowed(inner), Cow::Owned), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, strict: bool) -> Result<Vec<(String, Option<String>)>, String> {
        let mut found = Vec::new();
        pairs(text, strict, |key, value| {
            found.push((key.to_owned(), value.map(Cow::into_owned)));
        })?;
        Ok(found)
    }

    #[test]
    fn reads_bare_and_quoted_values() {
        let found = read(r#"a=1 b="x \"y\"" flag c= d=/p?q=1"#, false).unwrap();
        let expected = [
            ("a", Some("1")),
            ("b", Some("x \"y\"")),
            ("flag", None),
            ("c", Some("")),
            ("d", Some("/p?q=1")),
        ];
        let expected = expected.map(|(k, v)| (k.to_owned(), v.map(str::to_owned)));
        assert_eq!(found, expected);
    }

    #[test]
    fn mistakes_end_a_strict_reading_only() {
        for text in ["=x a=1", "\"q\" a=1"] {
            assert!(read(text, true).is_err(), "{text}");
            let found = read(text, false).unwrap();
            assert_eq!(found.last().unwrap().0, "a", "{text}");
        }
        assert!(read("a=\"open", true).is_err());
        assert_eq!(
            read("a=\"open", false).unwrap()[0].1.as_deref(),
            Some("open")
        );
    }
}
