//! The end of a name: what may follow it, and suffixes that belong to it.

use crate::redact::values::prose;
use crate::redact::values::space::ESCAPE;
use crate::redact::values::space::is_space;

/// The maximum length of a suffix of a name: `_PROD`, `_2`.
const SUFFIX_LENGTH_MAX: usize = 12;

/// Whether a name may end here: the next byte can begin a separator or a suffix, or close a quote.
pub(in crate::redact) fn may_end(text: &[u8], end: usize) -> bool {
    // at the end of a text the value may precede the name
    text.get(end).is_none_or(|&byte| {
        is_space(byte)
            || byte.is_ascii_digit()
            || matches!(
                byte,
                b'=' | b':'
                    | b'"'
                    | b'\''
                    | b'`'
                    | b'\\'
                    | b']'
                    | b'%'
                    | b'&'
                    | b'@'
                    | b'#'
                    | b'^'
                    | b','
                    | b';'
                    | b'>'
                    | b'~'
                    | b'*'
                    | b'}'
                    | b')'
                    | b'?'
                    | b'+'
                    | b'.'
                    | 0xe2
                    | b'|'
                    | b'('
                    | b'['
                    | b'<'
                    | b'_'
                    | b'-'
                    | 0xc2
                    | 0xef
                    | ESCAPE
            )
    })
}

/// Whether a key ends at `end`, apart from a suffix.
pub(in crate::redact) fn ends(key: &[u8], end: usize) -> bool {
    end == key.len() || suffix_length(key, end).is_some_and(|length| end + length == key.len())
}

/// The length of the suffix of a name: a number, or a word for where the secret is used (`_PROD`). `None` if the name continues in another
/// way and names something else (`key_id`).
pub(super) fn suffix_length(text: &[u8], end: usize) -> Option<usize> {
    let rest = text.get(end..)?;
    let rest = rest.get(..SUFFIX_LENGTH_MAX).unwrap_or(rest);
    let of_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    match rest {
        [b'0'..=b'9', ..] => {
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            (digits <= 2 && !rest.get(digits).is_some_and(of_name)).then_some(digits)
        }
        [b'_' | b'-', word @ ..] => {
            let length = word.iter().take_while(|byte| of_name(byte)).count();
            if length == 0 {
                return (rest.get(..2) == Some(b"->")).then_some(0);
            }
            // the name of a module of Python: `__password__`
            if word.iter().take(length).all(|&byte| byte == b'_') {
                return Some(length + 1);
            }
            prose::is_place(word.get(..length)?).then_some(length + 1)
        }
        _ => Some(0),
    }
}
