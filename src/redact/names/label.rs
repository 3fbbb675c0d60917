//! Labels, arrows, columns and verbs between a name and its value.

/// Words that join a name and a value in a sentence.
const VERBS: &[&[u8]] = &[
    b"to",
    b"is set to",
    b"is now",
    b"is",
    b"was set to",
    b"was changed to",
    b"was",
    b"has been set to",
    b"has been reset to",
    b"has value",
    b"changed from",
    b"was changed from",
    b"set to",
    b"changed to",
    b"reset to",
];

/// The length of a label: ` 1`, ` #1`, ` (base64)`, `[0]`, ` for admin`, ` for user 'admin'`.
pub(super) fn label_length(near: &[u8]) -> usize {
    const DIGITS_MAX: usize = 3;
    const DOTS_MIN: usize = 3;
    const WORDS_MAX: usize = 4;
    match near {
        [open @ (b'(' | b'['), rest @ ..] => {
            let close = if *open == b'(' { b')' } else { b']' };
            memchr::memchr(close, rest).map_or(0, |length| length + 2)
        }
        [b'.', ..] => match near.iter().take_while(|&&byte| byte == b'.').count() {
            dots @ DOTS_MIN.. => dots,
            _ => 0,
        },
        [b'#', rest @ ..] => match digits(rest) {
            0 => 0,
            count => count + 1,
        },
        [b'0'..=b'9', ..] => match digits(near) {
            count @ 1..=DIGITS_MAX => count,
            _ => 0,
        },
        _ if near
            .get(..4)
            .is_some_and(|word| word.eq_ignore_ascii_case(b"for ")) =>
        {
            let end = near.iter().position(|byte| b":=".contains(byte));
            let end = end.or_else(|| memchr::memmem::find(near, b" is "));
            let words = near.get(..end.unwrap_or(0)).unwrap_or_default();
            let count = words.split(|&byte| byte == b' ').count();
            let is_text = words.contains(&b',') || words.contains(&b'{');
            let quotes = memchr::memchr_iter(b'"', words).count();
            if count <= WORDS_MAX + 1 && !is_text && quotes.is_multiple_of(2) {
                words.len()
            } else {
                0
            }
        }
        _ => 0,
    }
}

pub(super) fn digits(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

pub(super) fn is_number(label: &[u8]) -> bool {
    label
        .iter()
        .all(|byte| byte.is_ascii_digit() || *byte == b'#')
}

/// The length of an arrow, or of the dot of a Lisp pair.
pub(super) fn arrow_length(text: &[u8]) -> Option<usize> {
    match text {
        [b'-' | b'~', b'>', ..] | [b'<', b'-', ..] | [b'.', b' ', b'"', ..] => Some(2),
        _ => None,
    }
}

/// The length of the separator between table columns or list items.
pub(super) fn column_length(text: &[u8]) -> Option<usize> {
    match text {
        [b'|', b'|', ..] => None,
        [b'|' | b',' | b';', ..] => Some(1),
        // the vertical line of a table
        [0xe2, 0x94, 0x82, ..] => Some(3),
        _ => None,
    }
}

/// The length of a verb that joins a name and a value, including the space after it.
pub(super) fn verb_length(text: &[u8]) -> Option<usize> {
    if !matches!(
        text.first()?.to_ascii_lowercase(),
        b't' | b'i' | b'w' | b'h' | b's' | b'c' | b'r'
    ) {
        return None;
    }
    let verb = VERBS.iter().find(|verb| {
        text.get(..verb.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(verb))
            && matches!(text.get(verb.len()), Some(b' ' | b':'))
    })?;
    Some(verb.len() + 1)
}
