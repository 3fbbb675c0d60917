//! Distinguishes prose from secrets: words that may follow a name such as `token`.

/// The maximum length of an ordinary word, in bytes. English has few words of more than twenty letters; a longer run is more likely a
/// passphrase.
const WORD_LENGTH_MAX: usize = 24;

/// Words in lower case that follow `Bearer`, `--password` or `token:` in prose and in error messages. Everything else there counts as a
/// secret.
const FOLLOWERS: &[&str] = &[
    "a",
    "after",
    "already",
    "an",
    "and",
    "are",
    "argument",
    "as",
    "at",
    "auth",
    "authentication",
    "authorization",
    "be",
    "been",
    "before",
    "by",
    "can",
    "cannot",
    "challenge",
    "checking",
    "connection",
    "context",
    "could",
    "credential",
    "credentials",
    "denied",
    "dial",
    "disabled",
    "does",
    "during",
    "enabled",
    "error",
    "evaluating",
    "exceeded",
    "expire",
    "expired",
    "failed",
    "file",
    "flag",
    "for",
    "forbidden",
    "format",
    "from",
    "got",
    "granted",
    "has",
    "have",
    "header",
    "if",
    "in",
    "instead",
    "invalid",
    "is",
    "it",
    "malformed",
    "may",
    "method",
    "missing",
    "more",
    "must",
    "no",
    "not",
    "of",
    "ok",
    "on",
    "only",
    "option",
    "options",
    "or",
    "parameter",
    "passphrase",
    "password",
    "permission",
    "prefix",
    "prompt",
    "provided",
    "realm",
    "received",
    "refused",
    "rejected",
    "request",
    "required",
    "requires",
    "retype",
    "revoked",
    "scheme",
    "scope",
    "secret",
    "secrets",
    "see",
    "serviceaccounts",
    "set",
    "should",
    "skipping",
    "string",
    "strings",
    "success",
    "successful",
    "switch",
    "than",
    "that",
    "the",
    "there",
    "this",
    "timeout",
    "to",
    "token",
    "tokens",
    "too",
    "type",
    "unable",
    "unauthorized",
    "unexpected",
    "unknown",
    "unless",
    "unsupported",
    "using",
    "value",
    "verifying",
    "via",
    "was",
    "we",
    "were",
    "when",
    "which",
    "while",
    "will",
    "with",
    "without",
    "you",
    "your",
];

/// Words in lower case that end in a name of the rules and do not name a secret.
const NO_NAMES: &[&str] = &[
    "monkey",
    "turkey",
    "donkey",
    "hockey",
    "jockey",
    "whiskey",
    "pubkey",
    "publickey",
    "public_key",
    "public-key",
    "public key",
    "kernel key",
    "publickeytoken",
    "bypass",
    "compass",
    "trespass",
    "surpass",
    "multipass",
    "check_ntlm_password",
    "nodekey",
    "cache key",
    "cache-key",
    "cache_key",
    "cachekey",
    "dedup_key",
    "idempotency key",
    "idempotency-key",
    "idempotency_key",
    "idempotencykey",
    "object key",
    "object_key",
    "partition_key",
    "sort key",
    "sort_key",
    "websocket key",
    "websocket-key",
];

/// Terms of databases and registries that do not form a pair with white space alone.
const NO_NAMES_BEFORE_SPACE: &[&str] = &[
    "primary key",
    "foreign key",
    "duplicate key",
    "unique key",
    "partition key",
    "registry key",
];

/// Suffixes of names, in lower case, for the place where a secret is used or for its encoding.
const PLACES: &[&str] = &[
    "a",
    "admin",
    "app",
    "b",
    "b64",
    "backup",
    "base64",
    "ci",
    "current",
    "default",
    "dev",
    "eu",
    "live",
    "local",
    "main",
    "master",
    "new",
    "next",
    "old",
    "plain",
    "plaintext",
    "preprod",
    "prev",
    "previous",
    "primary",
    "prod",
    "production",
    "qa",
    "ro",
    "root",
    "rw",
    "sandbox",
    "secondary",
    "stage",
    "staging",
    "str",
    "string",
    "test",
    "testing",
    "text",
    "uat",
    "us",
    "user",
    "v1",
    "v2",
    "v3",
    "val",
    "value",
    "web",
];

/// Words for an absent value.
const NO_VALUES: &[&str] = &[
    "null",
    "(null)",
    "nil",
    "<nil>",
    "none",
    "<none>",
    "undefined",
    "true",
    "false",
    "(none)",
    "<unset>",
    "(unset)",
    "<empty>",
    "(empty)",
    "yes",
    "no",
    "enabled",
    "disabled",
    "redacted",
    "<redacted>",
    "(redacted)",
    "[filtered]",
    "[hidden]",
    "<hidden>",
    "(hidden)",
    "value_specified_in_no_log_parameter",
    "on_create",
    "amd64",
    "arm64",
    "armhf",
    "i386",
];

/// Whether `value` is an ordinary word: letters in lower or title case, perhaps with punctuation around them. It may contain one
/// apostrophe (`isn't`), and a slash may join two words.
pub(in crate::redact) fn is_ordinary_word(value: &[u8]) -> bool {
    let Some(text) = short_text(value) else {
        return false;
    };
    match bare_word(text).split_once('/') {
        Some((one, other)) => is_word(one) && is_word(other),
        None => is_word(bare_word(text)),
    }
}

fn is_word(word: &str) -> bool {
    let mut rest = word.chars();
    let starts = rest.next().is_some_and(char::is_alphabetic);
    let is_apostrophe = |c: char| matches!(c, '\'' | '\u{2019}');
    starts
        && word.len() <= WORD_LENGTH_MAX
        && rest.clone().filter(|&c| is_apostrophe(c)).count() <= 1
        && rest.all(|c| is_apostrophe(c) || c.is_alphabetic() && !c.is_uppercase())
}

/// Longer values are more than one or two words with punctuation.
const SHORT_LENGTH_MAX: usize = 4 * WORD_LENGTH_MAX;

/// The value as text, if it is short enough to be one or two words with punctuation.
fn short_text(value: &[u8]) -> Option<&str> {
    if value.len() > SHORT_LENGTH_MAX {
        return None;
    }
    std::str::from_utf8(value).ok()
}

/// Whether a suffix of a name is one of [`PLACES`] or a number.
pub(in crate::redact) fn is_place(word: &[u8]) -> bool {
    word.iter().all(u8::is_ascii_digit) && word.len() <= 3
        || PLACES
            .iter()
            .any(|place| word.eq_ignore_ascii_case(place.as_bytes()))
}

/// Whether the text ends in one of [`NO_NAMES`].
pub(in crate::redact) fn is_no_name(text: &[u8]) -> bool {
    static ENDS: [u64; NO_NAMES.len()] = ends_of(NO_NAMES);
    ends_in_one_of(text, NO_NAMES, &ENDS)
}

/// Whether the text ends in one of [`NO_NAMES_BEFORE_SPACE`].
pub(in crate::redact) fn is_no_name_before_space(text: &[u8]) -> bool {
    static ENDS: [u64; NO_NAMES_BEFORE_SPACE.len()] = ends_of(NO_NAMES_BEFORE_SPACE);
    ends_in_one_of(text, NO_NAMES_BEFORE_SPACE, &ENDS)
}

/// No word that a text is searched for at its end is shorter.
const END: usize = 5;

/// The last [`END`] bytes of each word as a number.
#[expect(clippy::indexing_slicing, reason = "runs at compile time")]
const fn ends_of<const WORDS: usize>(words: &[&str]) -> [u64; WORDS] {
    let mut ends = [0; WORDS];
    let mut place = 0;
    while place < WORDS {
        match words[place].as_bytes().last_chunk() {
            Some(end) => ends[place] = number_of(*end),
            None => assert!(place > WORDS, "a shorter word is never found"),
        }
        place += 1;
    }
    ends
}

/// Bytes as a number, which is compared at once.
const fn number_of(end: [u8; END]) -> u64 {
    let mut bytes = [0; 8];
    let (start, _) = bytes.split_at_mut(END);
    start.copy_from_slice(&end);
    u64::from_le_bytes(bytes)
}

/// Whether the text ends in one of the words, of which the ends are known.
fn ends_in_one_of(text: &[u8], words: &[&str], ends: &[u64]) -> bool {
    let Some(last) = text.last_chunk::<END>() else {
        return false;
    };
    let last = number_of(last.map(|byte| byte.to_ascii_lowercase()));
    let words = words.iter().zip(ends).filter(|(_, end)| **end == last);
    words.into_iter().any(|(word, _)| {
        let start = text.len().saturating_sub(word.len());
        text.get(start..)
            .is_some_and(|end| end.eq_ignore_ascii_case(word.as_bytes()))
    })
}

/// Whether `value` is one of [`FOLLOWERS`], perhaps with punctuation.
pub(in crate::redact) fn is_follower(value: &[u8]) -> bool {
    /// The length of the longest word of the list.
    const FOLLOWER_LENGTH_MAX: usize = 16;
    const BY_START: [u32; 256] = followers_by_start();
    if value.len() > SHORT_LENGTH_MAX {
        return false;
    }
    let word = trimmed_end(bare_bytes(value), b"=");
    let mut lower = [0; FOLLOWER_LENGTH_MAX];
    let Some(lower) = lower.get_mut(..word.len()) else {
        return false;
    };
    lower.copy_from_slice(word);
    lower.make_ascii_lowercase();
    let (Some(&first), Some(&last)) = (lower.first(), lower.last()) else {
        return false;
    };
    let ends = BY_START.get(usize::from(first)).copied().unwrap_or(0);
    ends & bit_of_letter(last) != 0
        && FOLLOWERS
            .binary_search_by(|follower| follower.as_bytes().cmp(lower))
            .is_ok()
}

const fn bit_of_letter(letter: u8) -> u32 {
    if letter.is_ascii_lowercase() {
        1 << (letter - b'a')
    } else {
        0
    }
}

/// For each first byte of [`FOLLOWERS`] their last letters, a bit for each.
#[expect(clippy::indexing_slicing, reason = "runs at compile time")]
const fn followers_by_start() -> [u32; 256] {
    let mut ends = [0; 256];
    let mut rest = FOLLOWERS;
    while let [word, after @ ..] = rest {
        let word = word.as_bytes();
        ends[word[0] as usize] |= bit_of_letter(word[word.len() - 1]);
        rest = after;
    }
    ends
}

/// Whether `value` is a word for an absent value, or was masked by the program that logged it.
pub(in crate::redact) fn is_no_value(value: &[u8]) -> bool {
    /// Longer than any word of the list, and than the asterisks that programs write.
    const LENGTH_MAX: usize = 64;
    if value.len() > LENGTH_MAX {
        return false;
    }
    let bare = value.trim_ascii_end();
    let bare = bare.strip_suffix(b",").unwrap_or(bare);
    let bare = bare.strip_suffix(b".").unwrap_or(bare);
    let bare = bare.strip_suffix(b";").unwrap_or(bare);
    let bare = match bare {
        [b'(', ..] => bare,
        other => other.strip_suffix(b")").unwrap_or(other),
    };
    bare.iter().all(|&byte| byte == b'*')
        || NO_VALUES
            .iter()
            .any(|known| bare.eq_ignore_ascii_case(known.as_bytes()))
}

/// The word without a bracket before it and the punctuation after it.
fn bare_word(text: &str) -> &str {
    text.trim_start_matches(['(', '[', '<'])
        .trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']', '>', '"', '\''])
}

/// The same for bytes.
fn bare_bytes(mut word: &[u8]) -> &[u8] {
    while let [b'(' | b'[' | b'<', rest @ ..] = word {
        word = rest;
    }
    trimmed_end(word, b".,;:!?)]>\"'")
}

fn trimmed_end<'a>(mut word: &'a [u8], signs: &[u8]) -> &'a [u8] {
    while let [rest @ .., last] = word
        && signs.contains(last)
    {
        word = rest;
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::written::{SPEC, written};

    #[test]
    fn words_of_prose_are_ordinary() {
        for word in [
            "business",
            "to",
            "Expired",
            "not",
            "expired,",
            "(optional)",
            "isn't",
            "f\u{fc}r",
            "a",
            "\u{540d}\u{524d}",
            "rotated.\"",
        ] {
            assert!(is_ordinary_word(word.as_bytes()), "{word}");
        }
    }

    #[test]
    fn possible_secrets_are_not_ordinary_words() {
        for word in [
            "hunter2",
            "RSA",
            "aBc",
            "abc-def",
            "x_y",
            "",
            "...",
            "'hunter'",
            "o'n'e",
            "correcthorsebatterystaple",
            "12345",
        ] {
            assert!(!is_ordinary_word(word.as_bytes()), "{word}");
        }
        assert!(!is_ordinary_word(b"caf\xff"), "not UTF-8");
    }

    #[test]
    fn followers_are_found_in_any_case() {
        assert!(FOLLOWERS.is_sorted());
        assert!(is_follower(b"is") && is_follower(b"realm="));
        assert!(is_follower(b"Token,"));
        assert!(!is_follower(b"hunter") && !is_follower(b""));
    }

    #[test]
    fn recognises_words_that_only_end_like_a_name() {
        assert!(is_no_name(b"a Monkey") && is_no_name(b"my_public_key"));
        assert!(!is_no_name(b"key") && !is_no_name(b"apikey"));
    }

    #[test]
    fn recognises_words_for_an_absent_value() {
        for value in ["null", "NULL", "(null)", "None,", "***", "false"] {
            assert!(is_no_value(value.as_bytes()), "{value}");
        }
        assert!(!is_no_value(b"nullify"));
    }

    #[test]
    fn the_specified_words_are_those_in_the_code() {
        assert_eq!(
            written("Words that continue a sentence:"),
            FOLLOWERS.join(" ")
        );
        for (title, separator, words) in [
            ("Names that only end in a name:", ", ", NO_NAMES),
            ("Ends of texts after which", ", ", NO_NAMES_BEFORE_SPACE),
            ("Words for an absent value", " ", NO_VALUES),
            ("Words after which a name still ends:", " ", PLACES),
        ] {
            assert_eq!(written(title), words.join(separator));
        }
        let bound = format!("at most {WORD_LENGTH_MAX} bytes");
        assert!(SPEC.contains(&bound), "{bound}");
    }
}
