//! Lines that consist of a secret, perhaps in a frame or a list, and the lines that announce one without a name at their end.

use crate::redact::values::worth;
use std::ops::Range;

/// Names in lower case of what a line may announce.
const NAMES: &[&str] = &[
    "token",
    "api key",
    "apikey",
    "secret key",
    "access key",
    "passphrase",
    "unseal key",
    "recovery key",
    "credential",
    "passcode",
];

/// Names in lower case of codes that are printed as a list.
const CODES: &[&str] = &[
    "recovery code",
    "backup code",
    "scratch code",
    "emergency code",
    "rescue code",
];

/// What the line of text before a colon announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Announced {
    /// A password on one of the next lines.
    Password,
    /// Something that looks generated.
    Generated,
    /// A list of codes.
    Codes,
}

/// What a line announces by the words in it.
pub(super) fn announced_by_words(line: &str) -> Option<Announced> {
    let lower = line.to_ascii_lowercase();
    let holds = |names: &[&str]| names.iter().any(|name| lower.contains(name));
    if holds(CODES) {
        Some(Announced::Codes)
    } else if holds(&["password", "enrollment token"]) {
        Some(Announced::Password)
    } else if holds(NAMES) {
        Some(Announced::Generated)
    } else {
        None
    }
}

/// Whether the text in a frame announces a secret: `== Startup token for the first user ==`.
pub(super) fn frame_announces(line: &str) -> bool {
    /// Text in a frame is a title.
    const WORDS_MIN: usize = 2;
    let inner = frame(line).and_then(|inner| line.get(inner));
    inner.is_some_and(|inner| {
        inner.split_whitespace().count() >= WORDS_MIN && announced_by_words(inner).is_some()
    })
}

/// The only word of a line without the signs around it: `### password`, `[[token]]`, `? api_key`, `--password`.
pub(super) fn name(line: &str) -> Option<&str> {
    /// What may precede the word.
    const MARKS: [char; 5] = [' ', '#', '?', '-', '*'];
    const LENGTH_MAX: usize = 64;
    // most lines are longer, or sentences
    if line.len() > LENGTH_MAX
        || memchr::memchr(b' ', line.trim_start_matches(MARKS).as_bytes()).is_some()
    {
        return None;
    }
    let word = line.trim_matches(|c: char| c.is_ascii_punctuation() || c == ' ');
    let of_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let is_name = !word.is_empty() && word.len() <= LENGTH_MAX && word.bytes().all(of_name);
    is_name.then_some(word)
}

/// The only word of a line, perhaps in a frame, in quotes or in a list.
fn word(message: &str) -> Option<Range<usize>> {
    let inner = frame(message).unwrap_or(0..message.len());
    let text = message.get(inner.clone())?;
    let is_around = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | ',' | '>' | ':');
    let bare = text.trim_start_matches(is_around);
    let start = inner.start + text.len() - bare.len();
    let word = bare.trim_end_matches(|c: char| is_around(c) && c != '>');
    let is_one = !word.is_empty() && !word.contains(char::is_whitespace) && !word.starts_with('-');
    is_one.then_some(start..start + word.len())
}

/// The only word of a line, if it is likely to be a secret.
pub(super) fn likely_word(message: &str) -> Option<Range<usize>> {
    word(message).filter(|range| {
        let word = message.get(range.clone()).unwrap_or_default();
        worth::is_likely_secret(word.as_bytes())
    })
}

/// The only word of a line, if it looks generated.
pub(super) fn generated_word(message: &str) -> Option<Range<usize>> {
    const LENGTH_MIN: usize = 12;
    word(message).filter(|range| {
        let word = message.get(range.clone()).unwrap_or_default();
        word.len() >= LENGTH_MIN
            && (worth::is_random(word.as_bytes()) || worth::is_uuid(word.as_bytes()))
    })
}

/// The part of a line between two runs of the same sign, of which the last ends the line: `INFO ==  x  ==`.
fn frame(line: &str) -> Option<Range<usize>> {
    const SIGNS_MIN: usize = 2;
    let line = line.trim_end();
    let sign = line.chars().next_back()?;
    let least = match sign {
        '=' | '*' | '#' => SIGNS_MIN,
        '|' | '\u{2502}' | '\u{2551}' => 1,
        _ => return None,
    };
    let inner = line.trim_end_matches(sign);
    let is_run = line.len() - inner.len() >= least * sign.len_utf8();
    let before = inner.rfind(sign)? + sign.len_utf8();
    is_run.then_some(before..inner.len())
}

/// The last word of a line, if it is base64.
pub(super) fn last_base64(message: &str) -> Option<Range<usize>> {
    let line = message.trim_end();
    let word = line.rsplit(' ').next()?;
    let of_base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    let is_base64 = word.len() >= 4 && word.len() % 4 == 0 && word.bytes().all(of_base64);
    is_base64.then_some(line.len() - word.len()..line.len())
}

/// The codes of a line that holds nothing else, perhaps numbered or in quotes.
pub(super) fn codes(message: &str) -> Option<Range<usize>> {
    const CODES_MAX: usize = 10;
    let text = message.trim_start();
    let text = text.trim_start_matches(['-', '*', '\u{2022}', ' ', '"', '\'']);
    // `1.` and `1)`
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let rest = text.get(digits..)?;
    let text = match rest.strip_prefix(['.', ')', ':']) {
        Some(numbered) if digits <= 2 => numbered.trim_start().trim_start_matches(['"', '\'']),
        _ => text,
    };
    let start = message.len() - text.len();
    let text = text.trim_end_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ','));
    let words = text.split_whitespace();
    let is_list =
        !text.is_empty() && words.clone().count() <= CODES_MAX && words.clone().all(is_code);
    is_list.then_some(start..start + text.len())
}

/// Whether a word is a code of a list: letters and digits in groups, and not only letters.
fn is_code(word: &str) -> bool {
    const LENGTH_MIN: usize = 4;
    const LENGTH_MAX: usize = 64;
    let word = word.trim_matches([',', '"', '\'']);
    let of_code = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let has_digit = word.bytes().any(|byte| byte.is_ascii_digit());
    let is_mixed =
        has_digit || word.len() >= worth::LENGTH_MIN && worth::is_random(word.as_bytes());
    (LENGTH_MIN..=LENGTH_MAX).contains(&word.len()) && is_mixed && word.bytes().all(of_code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lone_words_are_found_in_frames_and_lists() {
        for line in [
            "x9kYh7qweZ3Rt5",
            "  x9kYh7qweZ3Rt5",
            "==      x9kYh7qweZ3Rt5    ==",
            "14:30 WARN a.B - ==  x9kYh7qweZ3Rt5  ==",
            "| x9kYh7qweZ3Rt5 |",
            "\u{2551} x9kYh7qweZ3Rt5 \u{2551}",
            "    \"x9kYh7qweZ3Rt5\",",
        ] {
            let found = generated_word(line).map(|range| &line[range]);
            assert_eq!(found, Some("x9kYh7qweZ3Rt5"), "{line}");
        }
        for line in [
            "",
            "====",
            "== ==",
            "two words",
            "--x9kYh7qweZ3Rt5",
            "a | x9kYh7qweZ3Rt5 b",
        ] {
            assert_eq!(generated_word(line), None, "{line}");
        }
    }

    #[test]
    fn lists_of_codes_are_found() {
        for (line, expected) in [
            ("  1. 5574 9212", "5574 9212"),
            ("  a1b2c-d3e4f", "a1b2c-d3e4f"),
            (" \"a1b2c-d3e4f\",", "a1b2c-d3e4f"),
            ("- 81723645 19283746", "81723645 19283746"),
        ] {
            assert_eq!(
                codes(line).map(|range| &line[range]),
                Some(expected),
                "{line}"
            );
        }
        for line in ["", "done", "Keep them safe", "took 12 ms", "a1b2c: x"] {
            assert_eq!(codes(line), None, "{line}");
        }
    }

    #[test]
    fn frames_announce_secrets_by_their_words() {
        assert!(frame_announces("== Startup token for the first user =="));
        assert!(!frame_announces("== token ==") && !frame_announces("== Startup of the server =="));
        assert_eq!(
            announced_by_words("Your backup codes are"),
            Some(Announced::Codes)
        );
        assert_eq!(
            announced_by_words("A new API key was made"),
            Some(Announced::Generated)
        );
        assert_eq!(announced_by_words("Started"), None);
    }
}
