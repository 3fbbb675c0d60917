//! Case folding: what the 3-gram bitmaps are built of and what searches compare.

use std::borrow::Cow;

/// Simple case folding, char by char: two texts that differ in case alone fold to the same. A char never becomes several,
/// so sharp s stays as it is, and dotted and dotless i stay apart from `i`.
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

/// Up and down again, so that chars with several small forms (final sigma, long s, micro sign) meet in one.
fn fold_char(c: char) -> char {
    match c {
        _ if c.is_ascii() => c.to_ascii_lowercase(),
        '\u{131}' => c,
        _ => single(single(c, char::to_uppercase), char::to_lowercase),
    }
}

/// The mapping of `c` when it is one char, or `c` itself.
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
    fn texts_that_differ_in_case_fold_to_the_same() {
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
    fn what_is_folded_already_is_not_copied() {
        assert!(matches!(fold("plain text"), Cow::Borrowed(_)));
    }

    proptest! {
        #[test]
        fn folding_twice_changes_nothing(text in any::<String>()) {
            let once = fold(&text).into_owned();
            prop_assert_eq!(fold(&once), once.as_str());
        }

        #[test]
        fn upper_and_lower_ascii_meet(text in "[ -~]{0,40}") {
            let (upper, lower) = (text.to_uppercase(), text.to_lowercase());
            prop_assert_eq!(fold(&upper), fold(&lower));
        }
    }
}
