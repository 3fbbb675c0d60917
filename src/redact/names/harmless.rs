//! Values after names of secrets that are none: counts, folders, descriptions of values.

use crate::redact::values::extent::closing_bracket;
use crate::redact::values::space::is_space;
use std::ops::Range;

/// Whether the value is a number, perhaps of a list or with a unit.
pub(super) fn is_count(text: &[u8], value: usize) -> bool {
    let rest = text.get(value..).unwrap_or_default();
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let after = rest.get(digits);
    digits > 0 && after.is_none_or(|byte| !byte.is_ascii_alphanumeric() && *byte >= b' ')
}

/// Whether a number counts messages of D-Bus: `cookie=12 reply_cookie=7`.
pub(super) fn is_cookie_of_bus(text: &[u8], name: Range<usize>, value: usize) -> bool {
    const DIGITS_MAX: usize = 7;
    let is_cookie = text
        .get(name)
        .is_some_and(|name| name.eq_ignore_ascii_case(b"cookie"));
    let rest = text.get(value..).unwrap_or_default();
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    is_cookie && digits <= DIGITS_MAX && is_count(text, value)
}

/// Whether a quoted name of an object follows, and what happened to the object: `secret "db-7f" not found`.
pub(super) fn is_missing_object(text: &[u8], value: usize) -> bool {
    const LENGTH_MAX: usize = 256;
    const ENDS: [&[u8]; 4] = [
        b" not found",
        b" is forbidden",
        b" already exists",
        b" does not exist",
    ];
    let rest = text.get(value..).unwrap_or_default();
    let near = rest.get(..LENGTH_MAX).unwrap_or(rest);
    let after = near
        .strip_prefix(b"\"")
        .and_then(|inner| inner.get(memchr::memchr(b'"', inner)? + 1..));
    after.is_some_and(|after| ENDS.iter().any(|end| after.starts_with(end)))
}

/// Whether an object describes values, as JSON Schema does, and holds none: `{"type": "string", "minLength": 8}`.
pub(super) fn is_schema(text: &[u8], start: usize) -> bool {
    const LENGTH_MAX: usize = 2_048;
    const TYPES: [&[u8]; 7] = [
        b"string", b"object", b"array", b"integer", b"number", b"boolean", b"null",
    ];
    const HOLDERS: [&[u8]; 9] = [
        b"value", b"default", b"example", b"const", b"enum", b"content", b"data", b"text", b"raw",
    ];
    let rest = text.get(start..).unwrap_or_default();
    let near = rest.get(..LENGTH_MAX).unwrap_or(rest);
    // quotes may be escaped
    let is_sign = |byte: &u8| is_space(*byte) || matches!(byte, b'{' | b'"' | b'\\' | b':');
    let skip = |text: &[u8]| text.iter().take_while(|byte| is_sign(byte)).count();
    let type_of = || {
        let after = near.get(skip(near)..)?.strip_prefix(b"type")?;
        after.get(skip(after)..)
    };
    let is_typed = type_of().is_some_and(|after| {
        TYPES.iter().any(|known| {
            let end = after.strip_prefix(*known).and_then(<[u8]>::first);
            matches!(end, Some(b'"' | b'\\'))
        })
    });
    if !is_typed {
        return false;
    }
    let end = closing_bracket(near, 0);
    let object = near.get(..end).unwrap_or_default();
    let is_whole = object.ends_with(b"}") && (end < near.len() || rest.len() <= LENGTH_MAX);
    is_whole
        && !HOLDERS
            .iter()
            .any(|holder| memchr::memmem::find(object, holder).is_some())
}

/// Whether a list says what is wrong with a value, as forms are answered: `["This field is required."]`, `["can't be blank"]`.
pub(super) fn is_list_of_errors(text: &[u8], start: usize) -> bool {
    const LENGTH_MAX: usize = 512;
    const WORDS: [&[u8]; 10] = [
        b"required",
        b"blank",
        b"must",
        b"short",
        b"long",
        b"invalid",
        b"least",
        b"match",
        b"empty",
        b"incorrect",
    ];
    let rest = text.get(start..).unwrap_or_default();
    let near = rest.get(..LENGTH_MAX).unwrap_or(rest);
    let end = closing_bracket(near, 0);
    let list = near
        .get(..end)
        .and_then(|list| list.strip_prefix(b"[")?.strip_suffix(b"]"));
    let is_known = |word: &[u8]| {
        let letters = word.iter().take_while(|byte| byte.is_ascii_alphabetic());
        WORDS.contains(&word.get(..letters.count()).unwrap_or_default())
    };
    let is_error = |held: &[u8]| {
        let mut words = held.split(|&byte| byte == b' ');
        let is_sentence = words.clone().count() >= 2 && words.clone().all(is_word_of_prose);
        is_sentence && words.any(is_known)
    };
    list.is_some_and(|list| {
        // the texts between the quotes are every second part
        let parts = list.split(|&byte| byte == b'"').skip(1).step_by(2);
        parts.clone().next().is_some() && parts.clone().all(is_error)
    })
}

/// Whether a word has no digits, or is a number of up to three.
fn is_word_of_prose(word: &[u8]) -> bool {
    let digits = word.iter().filter(|byte| byte.is_ascii_digit()).count();
    let is_number = || {
        let letters_and_digits = word.iter().filter(|byte| byte.is_ascii_alphanumeric());
        digits <= 3 && digits == letters_and_digits.count()
    };
    digits == 0 || is_number()
}

/// Whether the value is a number of bytes or characters: the length of a secret.
pub(super) fn is_size(text: &[u8], value: usize) -> bool {
    const DIGITS_MAX: usize = 6;
    let rest = text.get(value..).unwrap_or_default();
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let unit = rest.get(digits..).unwrap_or_default();
    (1..=DIGITS_MAX).contains(&digits)
        && [&b" bytes"[..], b" byte", b" characters", b" chars"]
            .iter()
            .any(|known| unit.starts_with(known))
}

/// Whether a name is the shell variable of the working directory: `PWD=/root`.
pub(super) fn is_working_directory(text: &[u8], name: Range<usize>, value: usize) -> bool {
    let is_pwd = text
        .get(name)
        .is_some_and(|name| name.eq_ignore_ascii_case(b"pwd"));
    let value = text.get(value..).unwrap_or_default();
    let value = value.trim_ascii_start();
    let value = value.strip_prefix(b"\"").unwrap_or(value);
    is_pwd && matches!(value, [b'/' | b'~', ..] | [_, b':', b'\\' | b'/', ..])
}

/// Whether a name of prose is that of a file or a package, and its checksum or version follows: `/etc/pam.d/passwd eaf2ad85b5ccd06c`,
/// `passwd  1:4.13+dfsg1`.
pub(super) fn is_listed(text: &[u8], name: &Range<usize>) -> bool {
    const LENGTH_MAX: usize = 128;
    const NAME_LENGTH_MAX: usize = 32;
    let before = text.get(..name.start).unwrap_or_default();
    let of_name = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let mut before = before
        .iter()
        .rev()
        .take(NAME_LENGTH_MAX)
        .skip_while(of_name);
    let is_file = before.next() == Some(&b'/');
    let rest = text.get(name.end..).unwrap_or_default();
    let near = rest.get(..LENGTH_MAX).unwrap_or(rest);
    let digits = near.trim_ascii_start();
    let count = digits
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    is_file || count > 0 && digits.get(count) == Some(&b':')
}

/// Whether the name is that of a flag that takes no value: `--no-password shop`, `-no-pass`.
pub(super) fn is_negated(text: &[u8], name: usize) -> bool {
    let before = text.get(..name).unwrap_or_default();
    let is_dashed = text.get(name) == Some(&b'-');
    before.ends_with(b"-no-") || is_dashed && before.ends_with(b"-no")
}

/// Whether the name is `secret` and no part of a longer one, which may name an object of Kubernetes.
pub(super) fn is_bare_secret(text: &[u8], name: &Range<usize>) -> bool {
    let before = name.start.checked_sub(1).and_then(|at| text.get(at));
    let is_alone =
        before.is_none_or(|byte| !byte.is_ascii_alphanumeric() && !b"_-.".contains(byte));
    let name = text.get(name.clone()).unwrap_or_default();
    is_alone && name.eq_ignore_ascii_case(b"secret")
}
