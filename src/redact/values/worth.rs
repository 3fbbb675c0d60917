//! Judges a value by itself: whether it looks random, as generated secrets do, or consists of words, as names, paths and sentences do.

use super::space::is_space;
use std::ops::Range;

/// The number of bytes of a value that are examined. That suffices to judge a longer one.
const LOOKED_AT_MAX: usize = 128;

/// The minimum length of a secret after a weak name.
pub(in crate::redact) const LENGTH_MIN: usize = 8;

/// The minimum length of a secret after a strong name; shorter passwords are rare.
pub(super) const STRONG_LENGTH_MIN: usize = 6;

/// The maximum number of digits in a row within a value that consists of words.
pub(super) const NUMBER_DIGITS_MAX: usize = 6;

/// Whether a value looks generated.
pub(in crate::redact) fn is_random(value: &[u8]) -> bool {
    let value = trimmed(value);
    let near = value.get(..LOOKED_AT_MAX).unwrap_or(value);
    if !has_digit_or_capital(near) {
        return false;
    }
    if value.len() < LENGTH_MIN || is_uuid(value) || is_path(value) || starts_with_word(value) {
        return false;
    }
    let value = value.get(..LOOKED_AT_MAX).unwrap_or(value);
    let longest = segments(value).max_by_key(|segment| segment.len());
    let longest = longest.unwrap_or_default();
    if is_random_run(longest) {
        return true;
    }
    if longest.len() == value.len() || is_plain(value) {
        return false;
    }
    is_random_whole(value)
}

/// Whether the letters and digits of a value look random without the signs between them.
pub(super) fn is_random_whole(value: &[u8]) -> bool {
    let whole: Vec<u8> = segments(value).flatten().copied().collect();
    whole.len() >= LENGTH_MIN && is_random_run(&whole)
}

/// Lower-case letters alone never change kind.
pub(super) fn has_digit_or_capital(value: &[u8]) -> bool {
    // without an early end this takes a few instructions
    value.iter().fold(false, |found, byte| {
        found | byte.is_ascii_digit() | byte.is_ascii_uppercase()
    })
}

/// Whether a value is likely a secret after a strong name. It may be short, and a word with a number at its end counts, too.
pub(in crate::redact) fn is_likely_secret(value: &[u8]) -> bool {
    let value = trimmed(value);
    if value.len() < STRONG_LENGTH_MIN || is_path(value) {
        return false;
    }
    let value = value.get(..LOOKED_AT_MAX).unwrap_or(value);
    let has_both =
        value.iter().any(u8::is_ascii_digit) && value.iter().any(u8::is_ascii_alphabetic);
    let is_one_word = has_both && value.iter().all(u8::is_ascii_alphanumeric) && !is_measure(value);
    is_one_word || !is_plain(value)
}

/// Whether a value consists of words and short numbers: a name, a path, an address, a date, code.
pub(in crate::redact) fn is_plain(value: &[u8]) -> bool {
    let value = trimmed(value);
    let value = value.get(..LOOKED_AT_MAX).unwrap_or(value);
    let signs = value
        .iter()
        .filter(|byte| byte.is_ascii_punctuation())
        .count();
    value.iter().all(|&byte| joins_words(byte))
        && 2 * signs <= value.len()
        && segments(value).all(is_plain_segment)
}

/// Whether a byte may be in a value that consists of words.
pub(super) const fn joins_words(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || byte >= 0x80
        || is_space(byte)
        || matches!(
            byte,
            b'/' | b'.'
                | b'_'
                | b':'
                | b'-'
                | b'@'
                | b'('
                | b')'
                | b'['
                | b']'
                | b'\''
                | b'"'
                | b','
                | b'='
                | b'+'
                | b'\\'
        )
}

/// Whether a value is a placeholder or a reference: `<your token>`, `(sensitive value)`, `$TOKEN`, `${{ secrets.TOKEN }}`, `%s`.
pub(in crate::redact) fn is_reference(value: &[u8]) -> bool {
    let words = |bytes: &[u8]| {
        let letters = |byte: &u8| byte.is_ascii_alphabetic() || b" _-'.,:".contains(byte);
        !bytes.is_empty() && bytes.len() <= LOOKED_AT_MAX && bytes.iter().all(letters)
    };
    let variable = |bytes: &[u8]| {
        let of_name =
            |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_';
        bytes.first().is_some_and(|byte| !byte.is_ascii_digit()) && bytes.iter().all(of_name)
    };
    // a token of a language model: `<|endoftext|>`
    if matches!(value, [b'<', b'|', .., b'|', b'>']) {
        return true;
    }
    if is_code(value) || is_type(value) || is_address_of_page(value) || is_placeholder(value) {
        return true;
    }
    match value {
        // a tag of YAML: `!vault |`, `!secret db`
        [b'!', tag @ ..] => {
            tag.len() > 1 && tag.len() < LENGTH_MIN + 2 && tag.iter().all(u8::is_ascii_alphabetic)
        }
        // `((db-password))` of Concourse
        [b'(', b'(', .., b')', b')'] => is_plain(value),
        [b'<', inside @ .., b'>'] | [b'(', inside @ .., b')'] => {
            words(inside) || value.first() == Some(&b'(') && is_plain(inside)
        }
        [b'%', b'(', name @ .., b')', b's'] => words(name),
        [b'<' | b'(', rest @ ..] => {
            let bare = rest.strip_suffix(b",").unwrap_or(rest);
            words(bare) && bare.iter().any(u8::is_ascii_lowercase)
        }
        [b'$', b'{', b'{', ..] | [b'{', b'{', ..] | [b'%', b's' | b'v' | b'q' | b'd'] => true,
        [b'$', b'{' | b'(', inside @ ..] => {
            let name = inside
                .strip_suffix(b"}")
                .or_else(|| inside.strip_suffix(b")"));
            let name = name.unwrap_or(inside);
            variable(name) || name.contains(&b'.') && words(name)
        }
        [b'$', name @ ..] => variable(trimmed(name)) || is_own_name(trimmed(name)),
        _ => false,
    }
}

/// Whether the name of a variable is that of a secret: `$password`.
fn is_own_name(name: &[u8]) -> bool {
    const NAMES: [&[u8]; 5] = [b"password", b"passwd", b"secret", b"token", b"key"];
    let is_word = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_';
    name.iter().all(is_word)
        && NAMES
            .iter()
            .any(|known| name.to_ascii_lowercase().ends_with(known))
}

/// Whether a value names a type: `Option<String>,`, `str,`, `string;`.
fn is_type(value: &[u8]) -> bool {
    const TYPES: [&[u8]; 16] = [
        b"Buffer",
        b"Bytes",
        b"Option",
        b"Optional",
        b"Secret",
        b"SecretStr",
        b"SecretString",
        b"String",
        b"Vec",
        b"any",
        b"bool",
        b"boolean",
        b"bytes",
        b"int",
        b"str",
        b"string",
    ];
    let bare = value.strip_suffix(b"|").unwrap_or(value);
    let name = bare
        .iter()
        .take_while(|byte| byte.is_ascii_alphabetic())
        .count();
    let (name, rest) = bare.split_at(name);
    let is_closed = || {
        rest.iter()
            .all(|byte| byte.is_ascii_alphabetic() || b"<>[],;)?:".contains(byte))
    };
    TYPES.contains(&name)
        && matches!(rest.first(), Some(b'<' | b'[' | b',' | b';' | b')'))
        && is_closed()
}

/// Whether a program that logged a value wrote it over, or a person wrote what belongs there: `xxxxxxxx`, `YOUR_API_KEY`.
pub(in crate::redact) fn is_placeholder(value: &[u8]) -> bool {
    const LENGTH_MIN: usize = 4;
    let value = trimmed(value);
    let is_your = value
        .get(..4)
        .is_some_and(|start| start.eq_ignore_ascii_case(b"your"))
        && matches!(value.get(4), Some(b'_' | b'-'));
    let of_words = |byte: &u8| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-');
    value.len() >= LENGTH_MIN
        && (value.iter().all(|byte| matches!(byte, b'x' | b'X'))
            || is_your && value.iter().all(of_words))
}

/// Whether a value is code that gets the value from elsewhere: `var.password`, `process.env.TOKEN`, `os.environ["X"]`, `getpass()`.
fn is_code(value: &[u8]) -> bool {
    const LENGTH_MAX: usize = 96;
    const ROOTS: [&[u8]; 24] = [
        b"app.",
        b"form.",
        b"input.",
        b"req.",
        b"request.",
        b"args.",
        b"cfg.",
        b"conf.",
        b"config.",
        b"ctx.",
        b"data.",
        b"env.",
        b"flags.",
        b"local.",
        b"module.",
        b"opts.",
        b"options.",
        b"os.environ",
        b"params.",
        b"process.env",
        b"self.",
        b"settings.",
        b"this.",
        b"var.",
    ];
    if value.len() > LENGTH_MAX {
        return false;
    }
    let of_name = |byte: &u8| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'.');
    let length = value.iter().take_while(|byte| of_name(byte)).count();
    let (name, rest) = value.split_at(length);
    let is_rooted = ROOTS.iter().any(|root| name.starts_with(root));
    let of_access =
        |byte: &u8| of_name(byte) || byte.is_ascii_digit() || b"[]\"'(),;?!".contains(byte);
    let is_call = rest.starts_with(b"()") && length > 1;
    // `encode(&header, ...`, `&str,`
    let takes_reference = rest.starts_with(b"(&") && is_plain(value);
    let is_borrowed = || {
        let name = value.strip_prefix(b"&").unwrap_or_default();
        let name = name.strip_suffix(b",").unwrap_or(name);
        !name.is_empty() && name.iter().all(of_name) && is_word(name)
    };
    if takes_reference || is_borrowed() {
        return true;
    }
    (is_rooted || is_call) && rest.iter().all(of_access) && is_plain(value)
}

/// Whether a value is the address of a page. Rules of their own find what is secret in one.
fn is_address_of_page(value: &[u8]) -> bool {
    value.starts_with(b"https://") || value.starts_with(b"http://")
}

/// Whether a value is the path of a file, by its start and its words.
pub(in crate::redact) fn is_path(value: &[u8]) -> bool {
    let value = trimmed(value);
    let value = value.get(..LOOKED_AT_MAX).unwrap_or(value);
    is_path_start(value) || is_file_name(value)
}

/// Whether a value is the name of a file that holds a key or settings: `certs/web.key.pem`.
fn is_file_name(value: &[u8]) -> bool {
    const ENDS: [&[u8]; 14] = [
        b".asc", b".cfg", b".conf", b".crt", b".env", b".gpg", b".jks", b".json", b".key", b".p12",
        b".pem", b".pub", b".txt", b".yml",
    ];
    value.len() > ENDS.len() / 2 && ENDS.iter().any(|end| value.ends_with(end)) && is_plain(value)
}

/// The same for the bytes of a value that are examined.
pub(super) fn is_path_start(value: &[u8]) -> bool {
    let starts = match value {
        // `~/x`, `~user/x`; a password may start with the same sign
        [b'~', rest @ ..] => memchr::memchr(b'/', rest)
            .is_some_and(|length| rest.iter().take(length).all(u8::is_ascii_lowercase)),
        [b'/', ..] | [b'.', b'/' | b'.', ..] | [_, b':', b'\\' | b'/', ..] => true,
        _ => false,
    };
    if !starts || value.len() < 2 {
        return false;
    }
    let mut segments = segments(value);
    let Some(first) = segments.next() else {
        return false;
    };
    // base64 may start with a slash
    let is_base64 =
        first.iter().any(u8::is_ascii_uppercase) && segments.next().is_some_and(is_random_run);
    is_plain_segment(first) && !is_base64
}

/// Whether a value is the name of an object in Kubernetes, of two words or more: `web-tls`, `prod/web-tls`.
pub(in crate::redact) fn is_name_of_object(value: &[u8]) -> bool {
    let value = trimmed(value);
    let of_name = |byte: &u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'/' | b'.')
    };
    // in a namespace the name may end in a generated part
    let is_namespace = |length: usize| {
        let name = value.get(..length).unwrap_or_default();
        name.iter()
            .all(|byte| byte.is_ascii_lowercase() || *byte == b'-')
    };
    value.first().is_some_and(u8::is_ascii_lowercase)
        && value.iter().any(|byte| matches!(byte, b'-' | b'/'))
        && value.len() <= LOOKED_AT_MAX
        && value.iter().all(of_name)
        && (memchr::memchr(b'/', value).is_some_and(is_namespace)
            || segments(value).all(|segment| segment.iter().all(u8::is_ascii_lowercase)))
}

/// Whether a value is hexadecimal in capitals, as the ids of keys are written, perhaps after `0x`.
pub(in crate::redact) fn is_key_id(value: &[u8]) -> bool {
    let value = trimmed(value);
    let value = value.strip_prefix(b"0x").unwrap_or(value);
    matches!(value.len(), 8 | 16 | 32 | 40)
        && value
            .iter()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b'A'..=b'F'))
}

/// Whether a value is the address of an object, as programs print it that give it no other name: `0x7f12ab345640`,
/// `android.os.BinderProxy@2bd79ce`, `Token{a64f992`.
pub(in crate::redact) fn is_address(value: &[u8]) -> bool {
    const DIGITS_MAX: usize = 16;
    let is_number = |digits: &[u8]| {
        (1..=DIGITS_MAX).contains(&digits.len())
            && digits
                .iter()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    if let Some(digits) = value.strip_prefix(b"0x") {
        return is_number(digits);
    }
    let of_name = |byte: &u8| byte.is_ascii_alphabetic() || matches!(byte, b'.' | b'$');
    let length = value.iter().take_while(|byte| of_name(byte)).count();
    let name = value.get(..length).unwrap_or_default();
    match value.get(length..) {
        Some([b'@' | b'{', digits @ ..]) => {
            is_number(digits) && name.split(|byte| matches!(byte, b'.' | b'$')).all(is_word)
        }
        _ => false,
    }
}

/// Whether a value is a UUID, which is more often an identifier than a secret.
pub(in crate::redact) fn is_uuid(value: &[u8]) -> bool {
    const LENGTH: usize = 36;
    const HYPHENS: [usize; 4] = [8, 13, 18, 23];
    value.len() == LENGTH
        && value.iter().enumerate().all(|(index, byte)| {
            if HYPHENS.contains(&index) {
                *byte == b'-'
            } else {
                byte.is_ascii_hexdigit()
            }
        })
}

/// The end of a longer value does not matter, and it may be far away.
const TRIMMED_MAX: usize = 4 * LOOKED_AT_MAX;

/// The value without the brackets, quotes and punctuation around it.
pub(in crate::redact) fn trimmed(value: &[u8]) -> &[u8] {
    let mut value = trimmed_start(value.get(..TRIMMED_MAX).unwrap_or(value));
    while let [rest @ .., last] = value
        && is_trimmed_end(*last)
    {
        value = rest;
    }
    value
}

fn trimmed_start(mut value: &[u8]) -> &[u8] {
    while let [
        b'(' | b'[' | b'<' | b'{' | b'"' | b'\'' | b'`' | b' ',
        rest @ ..,
    ] = value
    {
        value = rest;
    }
    value
}

/// Whether a byte at the end of a value does not belong to it.
fn is_trimmed_end(byte: u8) -> bool {
    matches!(
        byte,
        b')' | b']'
            | b'>'
            | b'}'
            | b'"'
            | b'\''
            | b'`'
            | b'.'
            | b','
            | b';'
            | b':'
            | b'!'
            | b'?'
            | b' '
            | b'\\'
    )
}

/// The range of the trimmed value that is examined. Unlike [`trimmed`] it does not look at the end of a longer value.
pub(super) fn trimmed_near(value: &[u8]) -> Range<usize> {
    let value = value.get(..TRIMMED_MAX).unwrap_or(value);
    let start = value.len() - trimmed_start(value).len();
    let end = start + LOOKED_AT_MAX;
    let is_longer = |rest: &[u8]| rest.iter().any(|&byte| !is_trimmed_end(byte));
    if value.get(end..).is_some_and(is_longer) {
        return start..end;
    }
    let length = trimmed(value).len().min(LOOKED_AT_MAX);
    start..start + length
}

/// The runs of letters and digits.
fn segments(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value
        .split(|byte| !byte.is_ascii_alphanumeric() && *byte < 0x80)
        .filter(|segment| !segment.is_empty())
}

/// Whether a value begins with a word that ends at a sign: `Linux-cargo-0f6c1e4b`, `user:42`.
pub(super) fn starts_with_word(value: &[u8]) -> bool {
    /// Random texts may start with shorter runs of letters.
    const WORD_LENGTH_MIN: usize = 3;
    let length = value
        .iter()
        .take_while(|byte| byte.is_ascii_alphabetic())
        .count();
    let word = value.get(..length).unwrap_or_default();
    let continues = value
        .get(length)
        .is_some_and(|byte| !byte.is_ascii_alphanumeric());
    let capitals = word.iter().filter(|byte| byte.is_ascii_uppercase()).count();
    // unlike `GHPn`, with which base64 may start
    let is_usual = capitals <= 1 || capitals == length || humps_in(word) + 1 >= capitals;
    length >= WORD_LENGTH_MIN && continues && is_usual && is_word(word)
}

/// The number of capitals after a letter in lower case.
fn humps_in(letters: &[u8]) -> usize {
    let pairs = letters.windows(2);
    pairs
        .filter(|pair| matches!(pair, [a, b] if a.is_ascii_lowercase() && b.is_ascii_uppercase()))
        .count()
}

pub(super) fn is_plain_segment(segment: &[u8]) -> bool {
    let digits = segment.iter().filter(|byte| byte.is_ascii_digit()).count();
    if digits == segment.len() {
        return digits <= NUMBER_DIGITS_MAX;
    }
    if digits == 0 {
        return is_word(segment);
    }
    is_measure(segment) || is_numbered_word(segment)
}

/// Letters that can be words: of one case, or words with capitals joined (`getUserToken`).
pub(super) fn is_word(letters: &[u8]) -> bool {
    if letters.iter().any(|byte| *byte >= 0x80) {
        return true;
    }
    let capitals = letters
        .iter()
        .filter(|byte| byte.is_ascii_uppercase())
        .count();
    let humps = humps_in(letters);
    let starts_large = letters.first().is_some_and(u8::is_ascii_uppercase);
    is_word_of(letters.len(), capitals, humps, starts_large)
}

/// The same for ASCII letters of which these are counted: the capitals, and the capitals after a lower-case letter.
pub(super) fn is_word_of(length: usize, capitals: usize, humps: usize, starts_large: bool) -> bool {
    /// English has few longer words; a longer run is more likely generated.
    const LENGTH_MAX: usize = 24;
    /// Words in capitals are shorter; codes are written so.
    const CAPITALS_MAX: usize = 20;
    /// The minimum average length of words joined by capitals.
    const HUMP_LENGTH_MIN: usize = 3;
    if capitals == 0 || capitals == length {
        let length_max = if capitals == 0 {
            LENGTH_MAX
        } else {
            CAPITALS_MAX
        };
        return length <= length_max;
    }
    length <= 2 * LENGTH_MAX
        && humps == capitals - usize::from(starts_large)
        && length >= HUMP_LENGTH_MIN * (humps + 1)
        || humps == 0 && length <= LENGTH_MAX / 2
}

/// A number and a unit: `16Gi`, `10ms`, `2nd`.
pub(super) fn is_measure(segment: &[u8]) -> bool {
    const UNIT_LENGTH_MAX: usize = 3;
    let digits = segment
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let unit = segment.get(digits..).unwrap_or_default();
    (1..=NUMBER_DIGITS_MAX).contains(&digits)
        && unit.len() <= UNIT_LENGTH_MAX
        && unit.iter().all(u8::is_ascii_alphabetic)
}

/// A word and a short number, perhaps twice: `web1`, `ed25519`, `v1beta1`.
pub(super) fn is_numbered_word(segment: &[u8]) -> bool {
    const DIGITS_MAX: usize = 5;
    let letters = segment
        .iter()
        .take_while(|byte| byte.is_ascii_alphabetic())
        .count();
    let (word, rest) = segment.split_at(letters);
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let rest = rest.get(digits..).unwrap_or_default();
    let is_version = matches!(word, b"v" | b"V") && digits == 1 && rest.len() <= 6;
    letters > 0 && digits <= DIGITS_MAX && is_word(word) && (rest.is_empty() || is_version)
}

/// Whether a run of letters and digits changes between lower case, upper case and digits as often as a random one.
fn is_random_run(run: &[u8]) -> bool {
    let changes = run
        .windows(2)
        .filter(|pair| matches!(pair, [a, b] if kind_of(*a) != kind_of(*b)))
        .count();
    let has_digit = run.iter().any(u8::is_ascii_digit);
    let has_letter = run.iter().any(u8::is_ascii_alphabetic);
    let is_mixed = has_letter && (has_digit || !is_word(run));
    let is_hex = run.len() >= 2 * LENGTH_MIN
        && has_digit
        && has_letter
        && run.iter().all(u8::is_ascii_hexdigit);
    is_hex || run.len() >= LENGTH_MIN && is_mixed && changes_often(changes, run.len())
}

/// Whether this number of changes of kind between neighbours is as large as in random letters and digits of this length.
pub(super) fn changes_often(changes: usize, length: usize) -> bool {
    /// Of ten pairs of neighbours, between six and seven change kind in random letters and digits, nearly five in random hexadecimal,
    /// and three in words joined by capitals.
    const CHANGES_IN_100_MIN: usize = 22;
    changes * 100 >= CHANGES_IN_100_MIN * length.saturating_sub(1)
}

/// Digits, capitals and all other bytes are different kinds.
pub(super) const fn kind_of(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => 0,
        b'A'..=b'Z' => 1,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distinguishes_random_values_from_names() {
        for value in [
            "Rd3Qv3O0H845qBJ6FqjqEDJp",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "0123456789abcdef0123456789abcdef",
            "x9kYh7qweZ3",
            "3vJx8kq0cYwXqPzL5nB2mR7tD9sF1gH4",
            "AbC-123_defGHi45-jkL",
            "DFSDhmErxtIddNEZDAIB4Vw9D4K+cGXtrC77CaouZbE=",
        ] {
            assert!(is_random(value.as_bytes()), "{value}");
            assert!(is_likely_secret(value.as_bytes()), "{value}");
        }
        for value in [
            "created_at",
            "fk_orders_user",
            "uploads/2026/02/17/report.pdf",
            "net.ipv4.ip_forward",
            "service.name",
            "DATABASE_URL",
            "Linux-cargo-0f6c1e4b9a8d7c6b5a4f3e2d1c0b9a8f7e6d5c4b",
            "3f2b8a30-1c6e-4b51-9f4e-0d6c6b0f7a11",
            "a@example.com",
            "Ctrl+K",
            "user:42",
            "/registry/pods/default/web-1",
            "users.email_unique",
            "v1beta1",
            "getUserByName",
            "FINGERPRINTS-----",
            "HTTP/1.1",
            "10.32.0.17",
            "2026-02-17",
            "(a@example.com)",
        ] {
            assert!(!is_random(value.as_bytes()), "{value}");
            assert!(
                is_plain(value.as_bytes())
                    || is_uuid(value.as_bytes())
                    || value.starts_with("Linux"),
                "{value}"
            );
        }
        assert!(is_likely_secret(b"hunter2") && is_likely_secret(b"S3cr#et"));
        assert!(!is_likely_secret(b"10.32.0.17") && !is_likely_secret(b"12 bytes"));
    }

    #[test]
    fn addresses_of_objects_are_not_secrets() {
        for value in [
            "0x14f4a6318b8002f",
            "android.os.BinderProxy@2bd79ce",
            "Token{a64f992",
        ] {
            assert!(is_address(value.as_bytes()), "{value}");
        }
        for value in [
            "0x",
            "0x14f4a6318b8002f14f4a6318b8002f",
            "x9kYh7qweZ3@2bd79ce",
            "Token{x9kYh7q",
            "bob@example.com",
        ] {
            assert!(!is_address(value.as_bytes()), "{value}");
        }
    }

    #[test]
    fn references_and_paths_are_not_secrets() {
        for value in [
            "<your-token>",
            "(sensitive value)",
            "(known",
            "<set",
            "$TOKEN",
            "${DB_PASSWORD}",
            "${{ secrets.X }}",
            "{{ token }}",
            "%s",
        ] {
            assert!(is_reference(value.as_bytes()), "{value}");
        }
        for value in [
            "$ecret1",
            "<3x9kYh7qwe",
            "(x9kYh7qwe)",
            "hunter2",
            "$Passw0rd",
        ] {
            assert!(!is_reference(value.as_bytes()), "{value}");
        }
        for value in [
            "/etc/ssl/key.pem",
            "~/.ssh/id_rsa",
            "./x",
            "C:\\keys\\a.pem",
            "../a/b",
        ] {
            assert!(is_path(value.as_bytes()), "{value}");
        }
        for value in ["/9xKq2Lm/4Zt", "a/b", "/", "~"] {
            assert!(!is_path(value.as_bytes()), "{value}");
        }
        assert!(is_key_id(b"7EA0A9C3F273FCD8:") && !is_key_id(b"7ea0a9c3f273fcd8"));
    }
}
