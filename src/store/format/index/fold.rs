//! Case folding, for indexes and searches.

use std::borrow::Cow;

/// Folds the case of a text, character by character: two texts that differ only in case fold to the same text. A character never
/// becomes several, so that sharp s does not change, and dotted and dotless i differ from `i`.
#[must_use]
pub fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Cow::Owned(text.to_ascii_lowercase());
        }
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(fold_char).collect())
}

/// To upper and back to lower case, so that characters with several lower-case forms (final sigma, long s, micro sign) become one.
fn fold_char(c: char) -> char {
    match c {
        _ if c.is_ascii() => c.to_ascii_lowercase(),
        '\u{131}' => c,
        _ => single(single(c, char::to_uppercase), char::to_lowercase),
    }
}

/// The mapping of `c` if it is one character, otherwise `c`.
fn single<I: Iterator<Item = char>>(c: char, map: impl Fn(char) -> I) -> char {
    let mut mapped = map(c);
    match (mapped.next(), mapped.next()) {
        (Some(only), None) => only,
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn texts_that_differ_in_case_fold_to_one_text() {
        for (a, b) in [
            ("Hello WORLD 1", "hello world 1"),
            ("\u{c4}\u{d6}\u{dc} \u{416}", "\u{e4}\u{f6}\u{fc} \u{436}"),
            (
                "\u{39f}\u{394}\u{39f}\u{3a3}",
                "\u{3bf}\u{3b4}\u{3bf}\u{3c2}",
            ),
            ("\u{212a}elvin", "kelvin"),
            ("\u{17f}", "S"),
            ("\u{1e9e}", "\u{df}"),
            ("\u{b5}", "\u{3bc}"),
        ] {
            assert_eq!(fold(a), fold(b), "{a} {b}");
        }
        assert_ne!(fold("\u{131}"), fold("i"));
        assert_ne!(fold("\u{130}"), fold("i"));
    }

    #[test]
    fn folded_text_is_not_copied() {
        assert!(matches!(fold("plain text"), Cow::Borrowed(_)));
    }

    proptest! {
        #[test]
        fn folding_twice_changes_nothing(text in any::<String>()) {
            let once = fold(&text).into_owned();
            prop_assert_eq!(fold(&once), once.as_str());
        }

        #[test]
        fn upper_and_lower_ascii_fold_to_one_text(text in "[ -~]{0,40}") {
            let (upper, lower) = (text.to_uppercase(), text.to_lowercase());
            prop_assert_eq!(fold(&upper), fold(&lower));
        }
    }
}
