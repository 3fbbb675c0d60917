//! Translates regular expressions from the syntax of Go, which `LogQL` uses, to that of the regex crate.
//!
//! The relevant differences: in Go a brace that begins no repetition is a literal, classes have no nested classes or
//! set operations, `\d`, `\w`, `\s` and `\b` are ASCII, and `\Q...\E` quotes.

use std::fmt::Write as _;

const WORD: &str = "0-9A-Za-z_";
const DIGIT: &str = "0-9";
const SPACE: &str = "\\t\\n\\f\\r ";

/// The translated `pattern`.
pub(super) fn translated(pattern: &str) -> String {
    let mut translation = Translation {
        out: String::with_capacity(pattern.len() + 8),
        in_class: false,
    };
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        let after = rest.get(c.len_utf8()..).unwrap_or_default();
        rest = if c == '\\' {
            translation.escape(after)
        } else if translation.in_class {
            translation.class_char(c, after)
        } else {
            translation.char(c, after)
        };
    }
    translation.out
}

struct Translation {
    out: String,
    in_class: bool,
}

impl Translation {
    /// The character after a backslash; returns the rest.
    fn escape<'t>(&mut self, after: &'t str) -> &'t str {
        let Some(c) = after.chars().next() else {
            self.out.push('\\');
            return after;
        };
        let rest = after.get(c.len_utf8()..).unwrap_or_default();
        match c {
            'Q' if !self.in_class => {
                let (quoted, rest) = rest.split_once("\\E").unwrap_or((rest, ""));
                quoted.chars().for_each(|c| self.literal(c));
                return rest;
            }
            'w' => self.class(false, WORD),
            'W' => self.class(true, WORD),
            'd' => self.class(false, DIGIT),
            'D' => self.class(true, DIGIT),
            's' => self.class(false, SPACE),
            'S' => self.class(true, SPACE),
            'b' | 'B' if !self.in_class => {
                let _ = write!(self.out, "(?-u:\\{c})");
            }
            'p' | 'P' | 'x' => {
                self.out.push('\\');
                self.out.push(c);
                // A name in braces is not a repetition.
                if let Some((name, rest)) = rest.strip_prefix('{').and_then(|r| r.split_once('}')) {
                    let _ = write!(self.out, "{{{name}}}");
                    return rest;
                }
            }
            '<' | '>' => self.out.push(c),
            c => {
                self.out.push('\\');
                self.out.push(c);
            }
        }
        rest
    }

    fn class(&mut self, is_negated: bool, members: &str) {
        let _ = match (self.in_class, is_negated) {
            (true, false) => write!(self.out, "{members}"),
            (_, true) => write!(self.out, "[^{members}]"),
            (false, false) => write!(self.out, "[{members}]"),
        };
    }

    fn literal(&mut self, c: char) {
        if c.is_ascii_punctuation() && c != '<' && c != '>' {
            self.out.push('\\');
        }
        self.out.push(c);
    }

    fn char<'t>(&mut self, c: char, after: &'t str) -> &'t str {
        match c {
            '[' => {
                self.in_class = true;
                self.out.push('[');
                let rest = after.strip_prefix('^').unwrap_or(after);
                if rest.len() < after.len() {
                    self.out.push('^');
                }
                // A bracket that comes first is a member.
                if let Some(rest) = rest.strip_prefix(']') {
                    self.out.push_str("\\]");
                    return rest;
                }
                return rest;
            }
            '{' if !begins_repetition(after) => self.out.push_str("\\{"),
            '}' if !self.ends_repetition() => self.out.push_str("\\}"),
            c => self.out.push(c),
        }
        after
    }

    fn class_char<'t>(&mut self, c: char, after: &'t str) -> &'t str {
        match c {
            ']' => {
                self.in_class = false;
                self.out.push(']');
            }
            '[' => {
                if let Some((name, rest)) = after.strip_prefix(':').and_then(|r| r.split_once(":]"))
                {
                    let _ = write!(self.out, "[:{name}:]");
                    return rest;
                }
                self.out.push_str("\\[");
            }
            '&' | '~' => self.literal(c),
            '-' if after.starts_with('-') => self.out.push_str("\\-"),
            c => self.out.push(c),
        }
        after
    }

    /// Whether a brace closes an open repetition.
    fn ends_repetition(&self) -> bool {
        let start = self.out.rfind('{').filter(|at| {
            let before = self.out.get(..*at).unwrap_or_default();
            before.bytes().rev().take_while(|b| *b == b'\\').count() % 2 == 0
        });
        let inside = start.and_then(|at| self.out.get(at + 1..));
        inside.is_some_and(|text| begins_repetition(&format!("{text}}}")))
    }
}

/// Whether the text after a brace is `n}`, `n,}` or `n,m}`.
fn begins_repetition(after: &str) -> bool {
    let Some((inside, _)) = after.split_once('}') else {
        return false;
    };
    let (least, most) = inside.split_once(',').unwrap_or((inside, ""));
    let is_number = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    !least.is_empty() && is_number(least) && is_number(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_are_repetitions_only_with_numbers() {
        assert_eq!(translated("a{2,3}"), "a{2,3}");
        assert_eq!(translated("{\"a\":.*}"), "\\{\"a\":.*\\}");
        assert_eq!(translated("\\p{L}{2}"), "\\p{L}{2}");
        assert_eq!(translated("a{,3}"), "a\\{,3\\}");
    }

    #[test]
    fn classes_are_ascii_and_not_nested() {
        assert_eq!(translated("\\d+\\W"), "[0-9]+[^0-9A-Za-z_]");
        assert_eq!(translated("[\\d-]"), "[0-9-]");
        assert_eq!(translated("[[a]"), "[\\[a]");
        assert_eq!(translated("[]a]"), "[\\]a]");
        assert_eq!(translated("[^]a]"), "[^\\]a]");
        assert_eq!(translated("[[:alpha:]&&]"), "[[:alpha:]\\&\\&]");
    }

    #[test]
    fn quoted_texts_are_literal() {
        assert_eq!(translated("\\Qa.b\\E.c"), "a\\.b.c");
        assert_eq!(translated("\\Q[x"), "\\[x");
    }
}
