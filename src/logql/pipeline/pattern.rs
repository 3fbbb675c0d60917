//! Patterns: texts with gaps, for the stage `pattern` and for the line filters `|>` and `!>`.

use crate::logql::ast::QueryText;
use crate::logql::error::LogqlError;
use memchr::memmem;

/// A part of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
enum PatternPart {
    Literal(String),
    /// A gap; its text becomes the label of this name.
    Gap(Option<String>),
}

/// A text with gaps.
#[derive(Debug, Clone)]
pub(super) struct GapPattern(Vec<PatternPart>);

impl GapPattern {
    /// A pattern that extracts values from lines.
    pub(super) fn capturing(text: &QueryText) -> Result<Self, LogqlError> {
        let refuse =
            |reason: String| LogqlError::meaning(text.at, format!("invalid pattern: {reason}"));
        let parts = parts(&text.value);
        let mut names: Vec<&String> = Vec::new();
        for part in &parts {
            if let PatternPart::Gap(Some(name)) = part {
                if names.contains(&name) {
                    return Err(refuse(format!("duplicate capture name: {name}")));
                }
                names.push(name);
            }
        }
        if names.is_empty() {
            return Err(refuse("at least one capture is required".to_owned()));
        }
        adjacent(&parts).map_or(Ok(()), |reason| Err(refuse(reason)))?;
        Ok(Self(parts))
    }

    /// A pattern that filters lines.
    pub(super) fn filtering(text: &QueryText) -> Result<Self, LogqlError> {
        let refuse =
            |reason: String| LogqlError::meaning(text.at, format!("invalid pattern: {reason}"));
        let parts = parts(&text.value);
        if parts
            .iter()
            .any(|part| matches!(part, PatternPart::Gap(Some(_))))
        {
            return Err(refuse("named captures are not allowed".to_owned()));
        }
        adjacent(&parts).map_or(Ok(()), |reason| Err(refuse(reason)))?;
        Ok(Self(parts))
    }

    /// Whether the whole line matches; a gap matches at least one byte.
    pub(super) fn is_match(&self, line: &str) -> bool {
        let (line, mut at) = (line.as_bytes(), 0);
        for (index, part) in self.0.iter().enumerate() {
            let PatternPart::Literal(text) = part else {
                continue;
            };
            let rest = line.get(at..).unwrap_or_default();
            let Some(found) = memmem::find(rest, text.as_bytes()) else {
                return false;
            };
            if (index == 0) != (found == 0) {
                return false;
            }
            at += found + text.len();
        }
        let ends_with_gap = matches!(self.0.last(), Some(PatternPart::Gap(_)));
        ends_with_gap == (at != line.len())
    }

    /// Calls `take` with the named gaps of a line.
    pub(super) fn captures<'t>(&self, line: &'t str, mut take: impl FnMut(&str, &'t str)) {
        let mut rest = line;
        let mut parts = self.0.as_slice();
        if let [PatternPart::Literal(text), after @ ..] = parts {
            let Some(after_text) = rest.strip_prefix(text.as_str()) else {
                return;
            };
            (rest, parts) = (after_text, after);
        }
        while let [PatternPart::Gap(name), after @ ..] = parts {
            let (text, next, after) = match after {
                [PatternPart::Literal(literal), after @ ..] => {
                    match rest.split_once(literal.as_str()) {
                        Some((text, next)) => (text, next, after),
                        // Without a text after it, a gap extends to the end of the line.
                        None => (rest, "", &[] as &[PatternPart]),
                    }
                }
                _ => (rest, "", &[] as &[PatternPart]),
            };
            if let Some(name) = name {
                take(name, text);
            }
            (rest, parts) = (next, after);
        }
    }
}

fn adjacent(parts: &[PatternPart]) -> Option<String> {
    let both = |pair: &&[PatternPart]| matches!(pair, [PatternPart::Gap(_), PatternPart::Gap(_)]);
    parts.windows(2).find(both).map(|pair| {
        let name = |part: &PatternPart| match part {
            PatternPart::Gap(Some(name)) => format!("<{name}>"),
            _ => "<_>".to_owned(),
        };
        let names: String = pair.iter().map(name).collect();
        format!("found consecutive capture '{names}'")
    })
}

/// The parts of a pattern. A gap without a valid name is text.
fn parts(pattern: &str) -> Vec<PatternPart> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        let gap = (c == '<').then(|| gap(rest)).flatten();
        if let Some((name, length)) = gap {
            if !literal.is_empty() {
                parts.push(PatternPart::Literal(std::mem::take(&mut literal)));
            }
            parts.push(PatternPart::Gap((name != "_").then(|| name.to_owned())));
            rest = rest.get(length..).unwrap_or_default();
        } else {
            literal.push(c);
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
        }
    }
    if !literal.is_empty() {
        parts.push(PatternPart::Literal(literal));
    }
    parts
}

/// The name of the gap at the start of `text`, and its length.
fn gap(text: &str) -> Option<(&str, usize)> {
    let (name, _) = text.strip_prefix('<')?.split_once('>')?;
    let begins_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let is_name = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    (begins_well && is_name).then_some((name, name.len() + 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> QueryText {
        QueryText {
            value: value.to_owned(),
            at: 0,
        }
    }

    fn captured(pattern: &str, line: &str) -> Vec<(String, String)> {
        let mut found = Vec::new();
        let pattern = GapPattern::capturing(&text(pattern)).unwrap();
        pattern.captures(line, |name, value| {
            found.push((name.to_owned(), value.to_owned()));
        });
        found
    }

    #[test]
    fn gaps_hold_what_is_between_texts() {
        let line = r#"10.0.0.1 - - "GET /a?b HTTP/1.1" 200 17"#;
        let found = captured(r#"<ip> - - "<method> <path> <_>" <status> <_>"#, line);
        let expected = [
            ("ip", "10.0.0.1"),
            ("method", "GET"),
            ("path", "/a?b"),
            ("status", "200"),
        ];
        assert_eq!(found, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
        assert!(captured("x<a>", "y").is_empty());
        assert_eq!(captured("<a> | <b>", "one")[0].1, "one");
    }

    #[test]
    fn filters_compare_whole_lines() {
        let matches = |pattern: &str, line: &str| {
            GapPattern::filtering(&text(pattern))
                .unwrap()
                .is_match(line)
        };
        assert!(matches("<_> took <_>ms", "GET took 5ms"));
        assert!(!matches("<_> took <_>ms", "GET took 5ms."));
        assert!(!matches("took <_>ms", "GET took 5ms"));
        assert!(matches("<_>took<_>", "it took 5"));
        assert!(!matches("<_>took<_>", "took 5"), "a gap is not empty");
        assert!(matches("", "") && !matches("", "x"));
        assert!(matches("a < b", "a < b"), "no gap");
    }

    #[test]
    fn bad_patterns_are_refused() {
        for pattern in ["no gap", "<_>", "<a><b>", "<a> <a>"] {
            assert!(GapPattern::capturing(&text(pattern)).is_err(), "{pattern}");
        }
        assert!(GapPattern::filtering(&text("<a>")).is_err());
    }
}
