//! Wildcards in names of files, units and sources: `*` matches any characters, `?` one, `[a-z]` one of a set, and
//! `[!a-z]` one that is not in it. A `[` without its `]` is an ordinary character, and so is `\`, because unit names
//! contain it.

/// Whether a text contains wildcards.
#[must_use]
pub fn is_wild(text: &[u8]) -> bool {
    memchr::memchr3(b'*', b'?', b'[', text).is_some()
}

/// Whether `pattern` matches `text`. The number of steps is at most the product of both lengths, because other users
/// choose the names of files.
#[must_use]
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut place) = (0, 0);
    let mut star = None;
    while let Some((character, after)) = next_character(text, at) {
        if pattern.get(place) == Some(&b'*') {
            place += 1;
            star = Some((place, at));
            continue;
        }
        if let Some(after_element) = match_one(pattern, place, character) {
            (at, place) = (after, after_element);
            continue;
        }
        // The last star matches one more character.
        let Some((after_star, star_at)) = star else {
            return false;
        };
        let Some((_, next)) = next_character(text, star_at) else {
            return false;
        };
        star = Some((after_star, next));
        (at, place) = (next, after_star);
    }
    let rest = pattern.get(place..).unwrap_or_default();
    rest.iter().all(|&byte| byte == b'*')
}

/// Where the pattern continues after its element at `place`, which is not a `*`, if that element matches the character.
fn match_one(pattern: &[u8], place: usize, character: u32) -> Option<usize> {
    let (wanted, after) = next_character(pattern, place)?;
    match pattern.get(place) {
        Some(b'?') => Some(after),
        Some(b'[') => match set(pattern, place, character) {
            Some((is_in, after_element)) => is_in.then_some(after_element),
            None => (wanted == character).then_some(after),
        },
        _ => (wanted == character).then_some(after),
    }
}

/// Whether the set at `place` contains the character, and where the pattern continues; `None` if the set is not closed.
fn set(pattern: &[u8], place: usize, character: u32) -> Option<(bool, usize)> {
    let mut at = place + 1;
    let is_negated = matches!(pattern.get(at), Some(b'!' | b'^'));
    at += usize::from(is_negated);
    let first = at;
    let mut is_in = false;
    loop {
        if at > first && pattern.get(at) == Some(&b']') {
            return Some((is_in != is_negated, at + 1));
        }
        let (low, after_element) = next_character(pattern, at)?;
        at = after_element;
        let mut high = low;
        let is_range = pattern.get(at) == Some(&b'-') && pattern.get(at + 1) != Some(&b']');
        if is_range && let Some((end, after_element)) = next_character(pattern, at + 1) {
            (high, at) = (end, after_element);
        }
        is_in |= (low..=high).contains(&character);
    }
}

/// The character at an offset, and the offset of the next one. A byte that is not part of a character counts as one
/// that equals no other.
fn next_character(text: &[u8], at: usize) -> Option<(u32, usize)> {
    let rest = text.get(at..).filter(|rest| !rest.is_empty())?;
    let first = *rest.first()?;
    if first.is_ascii() {
        return Some((first.into(), at + 1));
    }
    let head = rest.get(..4).unwrap_or(rest);
    let valid = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(head.get(..error.valid_up_to())?).ok()?,
    };
    Some(match valid.chars().next() {
        Some(character) => (character.into(), at + character.len_utf8()),
        None => (u32::from(char::MAX) + u32::from(first), at + 1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sets_and_single_characters() {
        for (pattern, text, expected) in [
            ("app-[0-9].log", "app-7.log", true),
            ("app-[0-9].log", "app-x.log", false),
            ("app-[!0-9].log", "app-x.log", true),
            ("[^a]", "a", false),
            ("[]x]", "]", true),
            ("[!]]", "]", false),
            ("[a-]", "-", true),
            ("[-a]", "-", true),
            ("[z-a]", "m", false),
            ("a[1", "a[1", true),
            ("a[1", "a1", false),
            ("[\u{e0}-\u{ef}]", "\u{e9}", true),
            ("?", "\u{e9}", true),
            ("??", "\u{e9}", false),
            ("[[]1]", "[1]", true),
            ("dev-a\\x2db.*", "dev-a\\x2db.device", true),
            ("", "", true),
            ("*", "", true),
            ("", "a", false),
        ] {
            let found = matches(pattern.as_bytes(), text.as_bytes());
            assert_eq!(found, expected, "{pattern} {text}");
        }
        assert!(matches(b"a?b", b"a\xffb"));
        assert!(!matches(b"a\xfeb", b"a\xffb"));
        assert!(is_wild(b"a[1]") && is_wild(b"?") && !is_wild(b"plain.log"));
    }

    #[test]
    fn names_that_almost_match_everywhere_are_checked_quickly() {
        let text = "a".repeat(255);
        let pattern = format!("{}b", "*a".repeat(60));
        assert!(!matches(pattern.as_bytes(), text.as_bytes()));
    }

    /// The definition, without regard to cost.
    fn model(pattern: &[char], text: &[char]) -> bool {
        match (pattern, text) {
            ([], []) => true,
            (['*', rest @ ..], []) => model(rest, text),
            (['*', rest @ ..], [_, after @ ..]) => model(rest, text) || model(pattern, after),
            (['[', low, '-', high, ']', rest @ ..], [found, after @ ..]) => {
                (low..=high).contains(&found) && model(rest, after)
            }
            ([wanted, rest @ ..], [found, after @ ..]) => {
                (wanted == found || *wanted == '?') && model(rest, after)
            }
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn wildcards_match_as_defined(
            parts in proptest::collection::vec("[ab*?\u{e9}]|\\[a-b\\]", 0..8),
            text in "[ab\u{e9}c]{0,10}",
        ) {
            let pattern = parts.concat();
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            let expected = model(&chars(&pattern), &chars(&text));
            prop_assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), expected);
        }

        #[test]
        fn nothing_panics(pattern: Vec<u8>, text: Vec<u8>) {
            let _ = matches(&pattern, &text);
        }
    }
}
