//! Private keys in PEM format.

use crate::redact::edit::MASK;
use crate::redact::values::space::is_space;
use memchr::memmem;
use std::ops::Range;
use std::sync::LazyLock;

/// The text that the first and the last line of a private key have in common.
const KIND: &[u8] = b"PRIVATE KEY";

/// Searches for it. It is built once, because every message is searched.
static KIND_FINDER: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(KIND));

/// The maximum length of the first or last line of a key. Names of algorithms are short.
const BOUNDARY_LENGTH_MAX: usize = 80;

/// A run of base64 of this length counts as a line of a key. Lines of keys have 64 or 70 characters; words are shorter.
pub(in crate::redact) const RUN_LENGTH_MIN: usize = 24;

/// The body of the key whose first line starts at `start`: everything up to its last line, or to the end of a truncated text. `None` if
/// prose only mentions the line.
///
/// `without_end` is a position after which no key ends, if known. It is kept over all keys of a text: otherwise the text would be read to
/// its end for each first line without a last one.
pub(in crate::redact) fn body(
    text: &[u8],
    start: usize,
    without_end: &mut Option<usize>,
) -> Option<Range<usize>> {
    let first = text.get(start..)?;
    let content = start + boundary_length(first, b"BEGIN ")?;
    let rest = text.get(content..)?;
    let end = if without_end.is_some_and(|from| from <= content) {
        None
    } else {
        end_of_body(rest)
    };
    if end.is_none() {
        without_end.get_or_insert(content);
    }
    let length = end.or_else(|| looks_like_body(rest).then_some(rest.len()))?;
    let is_blank = rest.get(..length)?.iter().all(|&byte| is_space(byte));
    (!is_blank).then_some(content..content + length)
}

/// The length of the first or last line of a key at the start of `text`: `-----BEGIN RSA PRIVATE KEY-----`, or with four dashes and
/// spaces.
fn boundary_length(text: &[u8], word: &[u8]) -> Option<usize> {
    let line = text.get(..BOUNDARY_LENGTH_MAX).unwrap_or(text);
    let dashes = line.iter().take_while(|&&byte| byte == b'-').count();
    let after = line.get(dashes..)?;
    let spaces = usize::from(after.first() == Some(&b' '));
    if dashes < 4 || !after.get(spaces..)?.starts_with(word) {
        return None;
    }
    let kind = memmem::find(line, KIND)?;
    let name = line.get(dashes..kind)?;
    let rest = line.get(kind + KIND.len()..)?;
    let closing = memmem::find(rest, b"----")?;
    let is_name = |bytes: &[u8]| {
        bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte == b' ')
    };
    if !is_name(name) || !is_name(rest.get(..closing)?) {
        return None;
    }
    let after = rest.get(closing..)?;
    let dashes = after.iter().take_while(|&&byte| byte == b'-').count();
    Some(kind + KIND.len() + closing + dashes)
}

/// The start of the last line of a key.
pub(in crate::redact) fn end_of_body(text: &[u8]) -> Option<usize> {
    memmem::find_iter(text, b"END ").find_map(|word| {
        let start = dashes_before(text, word);
        boundary_length(text.get(start..)?, b"END ").map(|_| start)
    })
}

/// The start of the dashes before the word `BEGIN` or `END`. Some programs put a space between them.
fn dashes_before(text: &[u8], word: usize) -> usize {
    /// Private keys have four or five dashes.
    const DASHES_MAX: usize = 5;
    let before = text.get(..word).unwrap_or_default();
    let trimmed = before.strip_suffix(b" ").unwrap_or(before);
    let last = trimmed.iter().rev().take(DASHES_MAX);
    trimmed.len() - last.take_while(|&&byte| byte == b'-').count()
}

/// Whether the text after the first line of a key is its body: base64, or the headers of an encrypted key.
fn looks_like_body(text: &[u8]) -> bool {
    let skipped = text
        .iter()
        .take_while(|&&byte| is_space(byte) || b"\\nr\"',+".contains(&byte))
        .count();
    let rest = text.get(skipped..).unwrap_or_default();
    let run = rest.iter().take_while(|&&byte| is_base64(byte)).count();
    // The letters of an escaped line end may have been the start of the key.
    run + 2 >= RUN_LENGTH_MIN
        || run > 0 && run == rest.len()
        || rest.starts_with(MASK.as_bytes())
        || rest.starts_with(b"Proc-Type:")
        || rest.starts_with(b"Version:")
        || rest.starts_with(b"Comment:")
}

pub(in crate::redact) fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

/// If a message begins a key and does not end it, the number of words before it in its line.
pub(in crate::redact) fn begins(message: &[u8]) -> Option<usize> {
    KIND_FINDER.find(message)?;
    let kind = memmem::rfind(message, KIND)?;
    let window = kind.saturating_sub(BOUNDARY_LENGTH_MAX);
    let word = window + memmem::rfind(message.get(window..kind)?, b"BEGIN ")?;
    let start = dashes_before(message, word);
    let content = start + boundary_length(message.get(start..)?, b"BEGIN ")?;
    let rest = message.get(content..)?;
    let is_blank = rest.iter().all(|&byte| is_space(byte));
    if !is_blank && !looks_like_body(rest) || end_of_body(rest).is_some() {
        return None;
    }
    let line = message.get(..start)?.rsplit(|&byte| byte == b'\n').next()?;
    let words = line.split(|&byte| is_space(byte));
    Some(words.filter(|word| !word.is_empty()).count())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: &str = "-----BEGIN RSA PRIVATE KEY-----";
    const END: &str = "-----END RSA PRIVATE KEY-----";
    const LINE: &str = "MIIEpAIBAAKCAQEAr0g2bXJmVJ1Lk4wQ0h0J5m3b8YjqWZ1cQe7n5s0dY2vT9a6X";

    fn body_of(text: &str) -> Option<&str> {
        let start = text.find("--")?;
        body(text.as_bytes(), start, &mut None).map(|range| &text[range])
    }

    #[test]
    fn the_body_of_a_key_in_one_text_is_found() {
        assert_eq!(body_of(&format!("x {BEGIN}{LINE}{END} y")), Some(LINE));
        let escaped = format!("\\n{LINE}\\nabc=\\n");
        assert_eq!(body_of(&format!("{BEGIN}{escaped}{END}")), Some(&*escaped));
        assert_eq!(
            body_of(&format!("{BEGIN}\n{LINE}\nxyz")),
            Some(&*format!("\n{LINE}\nxyz"))
        );
        let ssh = "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nComment: x\nabc\n\
                   ---- END SSH2 ENCRYPTED PRIVATE KEY ----";
        assert_eq!(body_of(ssh), Some("\nComment: x\nabc\n"));
        let pgp =
            "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQVY\n-----END PGP PRIVATE KEY BLOCK-----";
        assert_eq!(body_of(pgp), Some("\n\nlQVY\n"));
    }

    #[test]
    fn leaves_texts_without_a_key_unchanged() {
        assert_eq!(
            body_of(&format!("expected '{BEGIN}' at the start of x")),
            None
        );
        assert_eq!(body_of(BEGIN), None);
        assert_eq!(body_of(&format!("{BEGIN}\n")), None);
        assert_eq!(body_of("-----BEGIN PUBLIC KEY-----\nabc"), None);
        assert_eq!(body_of("-----BEGIN x, PRIVATE KEY-----\nabc"), None);
    }
}
