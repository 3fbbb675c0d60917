//! The extent of a value: in quotes (also escaped or encoded quotes), in brackets, or up to white space.

use super::code;
use super::code::Code;
use super::space::ESCAPE;
use super::space::is_space;
use memchr::memmem;

/// An opening or closing quote, with the backslashes before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::redact) struct Quote {
    /// `"`, `'` or a backtick.
    mark: u8,
    /// The number of times that the text was escaped: `"` 0, `\"` 1, `\\\"` 2.
    pub(in crate::redact) level: u32,
    /// Its length in bytes, including backslashes.
    pub(in crate::redact) length: usize,
    /// Three marks in a row, as in multi-line strings of Python and TOML.
    triple: bool,
    /// Its encoding, if it is encoded: `\x22`, `%22`, `&quot;`.
    code: Option<Code>,
}

/// The deepest level of escaping that is understood: JSON in JSON in JSON. It bounds how often a byte is read.
const LEVEL_MAX: u32 = 3;

impl Quote {
    /// The quote at `at`, if any.
    pub(in crate::redact) fn at(text: &[u8], at: usize) -> Option<Self> {
        let rest = text.get(at..)?;
        if !matches!(
            rest.first(),
            Some(b'"' | b'\'' | b'`' | b'\\' | b'%' | b'&')
        ) {
            return None;
        }
        let longest = (1_usize << LEVEL_MAX) - 1;
        let slashes = rest
            .iter()
            .take(longest + 1)
            .take_while(|&&byte| byte == b'\\')
            .count();
        let mark = *rest.get(slashes)?;
        if slashes > longest {
            return None;
        }
        if !matches!(mark, b'"' | b'\'' | b'`') {
            return Self::coded(text, at);
        }
        let triple = slashes == 0 && rest.get(1..3) == Some(&[mark; 2]);
        Some(Self {
            mark,
            level: (slashes + 1).ilog2(),
            length: if triple { 3 } else { slashes + 1 },
            triple,
            code: None,
        })
    }

    /// The encoded quote at `at`, if any. It counts as escaped, so that the mask is written without quotes.
    fn coded(text: &[u8], at: usize) -> Option<Self> {
        let code = code::quote_at(text, at)?;
        Some(Self {
            mark: b'"',
            level: 1,
            length: code.length,
            triple: false,
            code: Some(code),
        })
    }

    /// The end of the quoted content, and the end of the closing quote. Without a closing quote both are the end of the text, because a
    /// truncated value may be a secret.
    pub(in crate::redact) fn close(self, text: &[u8], content: usize) -> (usize, usize) {
        let rest = text.get(content..).unwrap_or_default();
        if let Some(code) = self.code {
            let (end, after) = code.close(rest);
            return (content + end, content + after);
        }
        if self.triple {
            let end = memmem::find(rest, &[self.mark; 3]);
            return end.map_or((text.len(), text.len()), |offset| {
                (content + offset, content + offset + 3)
            });
        }
        for offset in memchr::memchr_iter(self.mark, rest) {
            let before = rest.get(..offset).unwrap_or_default();
            let slashes = before.iter().rev().take_while(|&&b| b == b'\\').count();
            if self.is_closed_by(slashes) {
                let own = slashes.min((1 << self.level) - 1);
                return (content + offset - own, content + offset + 1);
            }
        }
        (text.len(), text.len())
    }

    /// Whether a quote after this many backslashes closes this one. Each level of escaping doubles the backslashes of the level inside it
    /// and adds one before its quotes. A quote of an outer level closes everything inside it.
    fn is_closed_by(self, mut slashes: usize) -> bool {
        for _ in 0..self.level {
            if slashes.is_multiple_of(2) {
                return true;
            }
            slashes /= 2;
        }
        slashes.is_multiple_of(2)
    }
}

/// Whether the double quote at `at` ends a JSON string of which the value is a part.
pub(in crate::redact) fn is_json_end(text: &[u8], at: usize) -> bool {
    let after = |offset: usize| text.get(at + offset).copied();
    match after(1) {
        Some(b'}' | b']') => true,
        Some(b',') => match after(2) {
            Some(b' ') => matches!(after(3), Some(b'"' | b'{' | b'[')),
            next => matches!(next, Some(b'"' | b'{' | b'[')),
        },
        _ => false,
    }
}

/// The position after the bracket that closes the one at `at`, or the end of the text.
pub(in crate::redact) fn closing_bracket(text: &[u8], at: usize) -> usize {
    let mut depth = 0_usize;
    let mut in_string = false;
    let mut bytes = text.iter().enumerate().skip(at);
    while let Some((index, &byte)) = bytes.next() {
        match byte {
            b'\\' => {
                bytes.next();
            }
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return index + 1;
                }
            }
            _ => {}
        }
    }
    text.len()
}

/// The end of the YAML block at `start`, if any: `|` or `>`, and the following lines that are indented deeper than that of the name.
pub(in crate::redact) fn yaml_block_end(text: &[u8], name: usize, start: usize) -> Option<usize> {
    /// The maximum indentation of a name.
    const INDENT_MAX: usize = 256;
    let rest = text.get(start..)?;
    let mark = match rest {
        [b'|' | b'>', b'-' | b'+', b'\n', ..] => 3,
        [b'|' | b'>', b'\n', ..] => 2,
        _ => return None,
    };
    let before = text.get(name.saturating_sub(INDENT_MAX)..name)?;
    let line = before.rsplit(|&byte| byte == b'\n').next()?;
    let indent = line.iter().take_while(|&&byte| byte == b' ').count();
    let mut end = start + mark;
    for line in text.get(end..)?.split_inclusive(|&byte| byte == b'\n') {
        let own = line.iter().take_while(|&&byte| byte == b' ').count();
        if own <= indent && !line.trim_ascii().is_empty() {
            break;
        }
        end += line.len();
    }
    let block = text.get(start..end)?;
    Some(start + block.trim_ascii_end().len()).filter(|&end| end > start + mark)
}

/// The length of a terminal's escape sequence at the start of the text.
///
/// It may be encoded by a program that logs JSON (`\u001b[0m`) or by a syslog daemon (`#033[0m`).
pub(in crate::redact) fn escape_length(text: &[u8]) -> Option<usize> {
    /// Colours have few parameters.
    const PARAMETERS_MAX: usize = 24;
    const STARTS: &[&[u8]] = &[
        b"\x1b[",
        b"\\u001b[",
        b"\\u001B[",
        b"\\x1b[",
        b"\\x1B[",
        b"\\033[",
        b"#033[",
        b"^[[",
    ];
    if !matches!(text.first(), Some(b'\x1b' | b'\\' | b'#' | b'^')) {
        return None;
    }
    let start = STARTS.iter().find(|&&start| text.starts_with(start))?;
    let rest = text.get(start.len()..)?;
    let parameters = rest
        .iter()
        .take(PARAMETERS_MAX)
        .take_while(|&&byte| byte.is_ascii_digit() || matches!(byte, b';' | b':' | b'?'))
        .count();
    let ends = matches!(rest.get(parameters), Some(b'm' | b'K'));
    ends.then_some(start.len() + parameters + 1)
}

/// The end of a run of bytes without white space and escape sequences. A colour that begins within a word is a part of the run.
pub(in crate::redact) fn bare_end(text: &[u8], start: usize) -> usize {
    let mut at = start;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let length = rest
            .iter()
            .position(|&byte| is_space(byte) || byte == ESCAPE);
        let Some(length) = length else {
            return at + rest.len();
        };
        at += length;
        let rest = rest.get(length..).unwrap_or_default();
        match escape_length(rest) {
            Some(escape) if length > 0 && begins_colour(rest, escape) => at += escape,
            _ => return at,
        }
    }
}

/// Whether an escape sequence sets a colour, and a letter or digit follows.
fn begins_colour(text: &[u8], length: usize) -> bool {
    let resets = matches!(
        text.get(2..length),
        Some([b'm'] | [b'0', b'm'] | [.., b'K'])
    );
    !resets && text.get(length).is_some_and(u8::is_ascii_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text that a quote at the start of `text` encloses.
    fn content(text: &str) -> &str {
        let quote = Quote::at(text.as_bytes(), 0).unwrap();
        let (end, after) = quote.close(text.as_bytes(), quote.length);
        assert!(end <= after);
        &text[quote.length..end]
    }

    #[test]
    fn quotes_close_at_their_own_level() {
        assert_eq!(content(r#""ab" c"#), "ab");
        assert_eq!(content(r#""a\"b" c"#), r#"a\"b"#);
        assert_eq!(content(r#""a\\" c"#), r"a\\");
        assert_eq!(content(r#"\"ab\" c""#), "ab");
        assert_eq!(content(r#"\"a\\\"b\" c""#), r#"a\\\"b"#);
        assert_eq!(content(r#"\\\"ab\\\" c"#), "ab");
        assert_eq!(content("'a b'"), "a b");
        assert_eq!(content(r#"\"ab" c"#), "ab", "the quote outside closes too");
        assert_eq!(content(r#""ab c"#), "ab c", "never closed");
        assert_eq!(content("\x27\x27\x27a 'b' c\x27\x27\x27"), "a 'b' c");
        assert_eq!(content("\"\"\"a"), "a", "never closed");
    }

    #[test]
    fn a_yaml_block_ends_with_its_indentation() {
        let end = |text: &str| {
            let start = text.find(['|', '>']).unwrap();
            yaml_block_end(text.as_bytes(), text.find("token").unwrap(), start)
                .map(|end| text[start..end].to_owned())
        };
        assert_eq!(
            end("token: |\n  ab\n\n  cd\nnext: 1").unwrap(),
            "|\n  ab\n\n  cd"
        );
        assert_eq!(
            end("a:\n  token: >-\n    ab\n  next: 1").unwrap(),
            ">-\n    ab"
        );
        assert_eq!(end("token: |\nnext: 1"), None);
        assert_eq!(end("token: | x"), None);
    }

    #[test]
    fn text_without_a_quote_has_none() {
        assert_eq!(Quote::at(b"a\"", 0), None);
        assert_eq!(Quote::at(b"\\\\", 0), None);
        assert_eq!(Quote::at(b"\"", 1), None);
        assert_eq!(
            Quote::at(b"\\\\\\\\\\\\\\\\\"", 0),
            None,
            "escaped too deeply"
        );
    }

    #[test]
    fn encoded_quotes_are_closed_by_encoded_quotes() {
        assert_eq!(content(r"\x22a b\x22 c"), "a b");
        assert_eq!(content(r"\x22a\x5C\x22b\x22 c"), r"a\x5C\x22b");
        assert_eq!(content(r#"\x22a" c"#), "a", "the quote outside closes too");
        assert_eq!(content("%22a%5C%22b%22%7D c"), "a%5C%22b");
        assert_eq!(content("%22ab c"), "ab", "an address has no spaces");
        assert_eq!(content("&quot;a b&quot;"), "a b");
        assert_eq!(content(r"\u0022a"), "a", "never closed");
    }

    #[test]
    fn escape_sequences_are_recognised_in_readable_form_too() {
        for text in ["\x1b[m", "\x1b[1;31m", "#033[0m", r"\u001b[0m", "\x1b[K"] {
            let longer = format!("{text}x");
            assert_eq!(escape_length(longer.as_bytes()), Some(text.len()), "{text}");
        }
        assert_eq!(escape_length(b"\x1b[1"), None);
        assert_eq!(escape_length(b"#033"), None);
    }

    #[test]
    fn brackets_close_outside_strings() {
        assert_eq!(closing_bracket(br#"{"a":"}","b":[1]} x"#, 0), 17);
        assert_eq!(closing_bracket(br#"["\"]",2] x"#, 0), 9);
        assert_eq!(closing_bracket(b"{{}", 0), 3, "never closed");
    }

    #[test]
    fn a_bare_value_ends_at_space_or_colour() {
        assert_eq!(bare_end(b"ab cd", 0), 2);
        assert_eq!(bare_end(b"ab\x1b[0m", 0), 2);
        assert_eq!(bare_end(b"ab", 0), 2);
        assert_eq!(bare_end(b"ab", 9), 9);
    }

    #[test]
    fn json_continues_after_the_quote_that_ends_a_string() {
        assert!(is_json_end(br#"",""#, 0));
        assert!(is_json_end(br#"", ""#, 0));
        assert!(is_json_end(br#""}"#, 0));
        assert!(!is_json_end(br#"",x"#, 0));
        assert!(!is_json_end(b"\"", 0));
    }
}
