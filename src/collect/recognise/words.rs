//! Helpers for all forms: finding, splitting, numbers, capitals.

/// Splits at the first `separator`, which belongs to neither part.
pub(crate) fn split_once(text: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(separator, text)?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// Whether `text` is digits and nothing else.
pub(crate) fn is_number(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_digit)
}

/// Whether `word` is in capitals.
pub(crate) fn is_capitals(word: &[u8]) -> bool {
    !word.is_empty()
        && word
            .iter()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// The place of the first `needle` in `text`. Every form looks for a few short texts in a short line, and preparing a
/// searcher for each of them (`memchr::memmem`) showed in profiles.
pub(crate) fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
    let (before, rarest) = rarest_byte(needle)?;
    let mut start = before;
    loop {
        let at = start + memchr::memchr(rarest, text.get(start..)?)?;
        let first = at - before;
        if text.get(first..)?.starts_with(needle) {
            return Some(first);
        }
        start = at + 1;
    }
}

/// Whether `needle` is in `text`.
pub(crate) fn contains(text: &[u8], needle: &[u8]) -> bool {
    find(text, needle).is_some()
}

/// The byte of `needle` that log lines have least often, with its offset.
fn rarest_byte(needle: &[u8]) -> Option<(usize, u8)> {
    let bytes = needle.iter().copied().enumerate();
    bytes.min_by_key(|(_, byte)| match byte {
        b' ' | b'a' | b'e' | b'i' | b'n' | b'o' | b'r' | b's' | b't' => 3,
        b':' | b'.' | b'-' | b'0'..=b'9' | b'c' | b'd' | b'l' | b'm' | b'p' | b'u' => 2,
        b'a'..=b'z' | b'/' | b'=' | b'_' => 1,
        _ => 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn finds_what_a_naive_search_finds(text in "[ab:! ]{0,40}", needle in "[ab:! ]{1,4}") {
            prop_assert_eq!(find(text.as_bytes(), needle.as_bytes()), text.find(&needle));
        }
    }
}
