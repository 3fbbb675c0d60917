//! Quotes and signs in encoded form: an access log writes `"` as `\x22`, a URL as `%22`, JSON as `\u0022`, HTML as `&quot;`.

use super::space::is_space;
use memchr::memmem;
use std::ops::Range;

/// An encoded quote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Code {
    /// The code without the backslashes before it.
    text: &'static [u8],
    /// Whether backslashes precede it.
    slashes: bool,
    /// Its length in bytes.
    pub(in crate::redact) length: usize,
}

/// Codes that follow one or more backslashes.
const AFTER_SLASHES: &[&[u8]] = &[b"x22", b"x27", b"u0022", b"u0027"];

/// Codes without backslashes.
const OTHERS: &[&[u8]] = &[b"%22", b"%27", b"&quot;", b"&#34;", b"&#39;", b"&apos;"];

/// The maximum number of backslashes that is understood.
const SLASHES_MAX: usize = 7;

/// The encoded quote at `at`, if any.
pub(super) fn quote_at(text: &[u8], at: usize) -> Option<Code> {
    let rest = text.get(at..)?;
    if !matches!(rest.first(), Some(b'\\' | b'%' | b'&')) {
        return None;
    }
    let slashes = slashes(rest);
    let (codes, before) = if slashes > 0 {
        (AFTER_SLASHES, slashes)
    } else {
        (OTHERS, 0)
    };
    let code = rest.get(before..)?;
    let text = codes.iter().find(|&&known| code.starts_with(known))?;
    Some(Code {
        text,
        slashes: slashes > 0,
        length: before + text.len(),
    })
}

/// The encoded sign at the start of a text, and its length: `\u003d` is `=`.
pub(in crate::redact) fn sign_at(text: &[u8]) -> Option<(u8, usize)> {
    const SIGNS: &[(&[u8], u8)] = &[
        (b"u003d", b'='),
        (b"u003D", b'='),
        (b"x3d", b'='),
        (b"x3D", b'='),
        (b"u003a", b':'),
        (b"u003A", b':'),
    ];
    const ENTITIES: &[(&[u8], u8)] = &[
        (b"&#61;", b'='),
        (b"&#x3d;", b'='),
        (b"&#x3D;", b'='),
        (b"&equals;", b'='),
        (b"&#58;", b':'),
        (b"&#x3a;", b':'),
        (b"&#x3A;", b':'),
        (b"&colon;", b':'),
    ];
    if text.first() == Some(&b'&') {
        let (known, sign) = ENTITIES.iter().find(|(known, _)| text.starts_with(known))?;
        return Some((*sign, known.len()));
    }
    let slashes = slashes(text);
    if slashes == 0 {
        return None;
    }
    let code = text.get(slashes..)?;
    let (known, sign) = SIGNS.iter().find(|(known, _)| code.starts_with(known))?;
    Some((*sign, slashes + known.len()))
}

/// Decodes letters and digits that are written as JSON escapes (`\u0079`), so that names in this form are found. Returns `None` for a
/// text without any.
pub(in crate::redact) fn without_escaped_letters(text: &[u8]) -> Option<Vec<u8>> {
    memchr::memchr(b'\\', text)?;
    let mut plain: Option<Vec<u8>> = None;
    let mut kept = 0;
    for at in memmem::find_iter(text, b"\\u00") {
        let code = text.get(at + 4..at + 6);
        let code = code.and_then(|code| std::str::from_utf8(code).ok());
        let byte = code.and_then(|code| u8::from_str_radix(code, 16).ok());
        let is_escaped = at > 0 && text.get(at - 1) == Some(&b'\\');
        let Some(byte) = byte.filter(|byte| byte.is_ascii_alphanumeric() && !is_escaped) else {
            continue;
        };
        let plain = plain.get_or_insert_with(|| Vec::with_capacity(text.len()));
        plain.extend_from_slice(text.get(kept..at).unwrap_or_default());
        plain.push(byte);
        kept = at + 6;
    }
    let mut plain = plain?;
    plain.extend_from_slice(text.get(kept..).unwrap_or_default());
    Some(plain)
}

/// The number of backslashes at the start of a text, or 0 if there are too many.
fn slashes(text: &[u8]) -> usize {
    let longest = text.iter().take(SLASHES_MAX + 1);
    let count = longest.take_while(|&&byte| byte == b'\\').count();
    if count > SLASHES_MAX { 0 } else { count }
}

impl Code {
    /// The end of the quoted content, and the end of the closing quote. A plain quote also closes it, as it would be encoded inside;
    /// so does white space in a URL. Without a closing quote both are the end of the text.
    pub(in crate::redact) fn close(self, rest: &[u8]) -> (usize, usize) {
        let mut read = 0;
        for offset in memmem::find_iter(rest, self.text) {
            if let Some(end) = self.outside(rest, read..offset) {
                return (end, end);
            }
            read = offset;
            let before = rest.get(..offset).unwrap_or_default();
            let own = before.iter().rev().take_while(|&&b| b == b'\\').count();
            let content = offset - if self.slashes { own } else { 0 };
            let missing = self.slashes && own == 0;
            if !missing && !is_escape(rest.get(..content).unwrap_or_default()) {
                return (content, offset + self.text.len());
            }
        }
        let end = self.outside(rest, read..rest.len()).unwrap_or(rest.len());
        (end, end)
    }

    /// The position in this range at which the encoded text ends.
    fn outside(self, rest: &[u8], range: Range<usize>) -> Option<usize> {
        let ends = |byte: &u8| match byte {
            b'"' => true,
            b'<' => self.text.starts_with(b"&"),
            other => self.text.starts_with(b"%") && is_space(*other),
        };
        let start = range.start;
        let found = rest.get(range)?.iter().position(ends)?;
        Some(start + found)
    }
}

/// Whether a text ends in an encoded backslash, which escapes the next character.
fn is_escape(text: &[u8]) -> bool {
    [&b"\\x5C"[..], b"\\x5c", b"%5C", b"%5c", b"\\u005c"]
        .iter()
        .any(|escape| text.ends_with(escape))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_signs_are_recognised_in_each_encoding() {
        let length = |text: &str| quote_at(text.as_bytes(), 0).map(|code| code.length);
        assert_eq!(length(r"\x22a"), Some(4));
        assert_eq!(length(r"\\u0022a"), Some(7));
        assert_eq!(length("%27"), Some(3));
        assert_eq!(length("&quot;"), Some(6));
        assert_eq!(length("x22"), None);
        assert_eq!(length(r"\n"), None);
        assert_eq!(length(&format!("{}x22", "\\".repeat(8))), None);
        assert_eq!(sign_at(br"\u003dx"), Some((b'=', 6)));
        assert_eq!(sign_at(br"\\x3D"), Some((b'=', 5)));
        assert_eq!(sign_at(b"u003d"), None);
        assert_eq!(sign_at(b""), None);
        assert_eq!(sign_at(b"&#61;x"), Some((b'=', 5)));
    }

    #[test]
    fn escaped_letters_are_decoded() {
        let plain = |text: &str| without_escaped_letters(text.as_bytes());
        assert_eq!(plain(r#"{"ke\u0079":1}"#), Some(br#"{"key":1}"#.to_vec()));
        assert_eq!(plain(r"\u0022 \u00"), None);
        assert_eq!(plain(r"\\u0079"), None);
    }
}
