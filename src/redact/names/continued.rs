//! Values that continue: lists of codes, a new value after an old one, typographic quotes; and values in quotes that are filled in from elsewhere.

use crate::redact::values::extent::Quote;
use crate::redact::values::space::is_space;
use crate::redact::values::worth;
use std::ops::Range;

/// The end of a list of codes of the same length: `a1b2c3d4 e5f6a7b8 c9d0e1f2`, `[a1b2c3d4, e5f6a7b8]`, `ABCD EFGH IJKL MNOP`.
pub(super) fn listed_end(text: &[u8], name_end: usize, first: Range<usize>) -> Option<usize> {
    const LENGTH_MIN: usize = 4;
    const LENGTH_MAX: usize = 64;
    const GROUPS_MIN: usize = 4;
    const COUNT_MAX: usize = 24;
    let of_code = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'-';
    let value = text.get(first.clone())?;
    let value_start = first.start + usize::from(value.first() == Some(&b'['));
    let code_at = |at: usize| {
        let rest = text.get(at..)?;
        let near = rest.get(..LENGTH_MAX + 1).unwrap_or(rest);
        let length = near.iter().take_while(of_code).count();
        Some((near.get(..length)?, at + length))
    };
    let (code, mut end) = code_at(value_start)?;
    if !(LENGTH_MIN..=LENGTH_MAX).contains(&code.len()) {
        return None;
    }
    let before = text.get(..name_end)?;
    let is_of_codes = before
        .get(name_end.saturating_sub(5)..)?
        .eq_ignore_ascii_case(b"codes");
    let mut count = 1;
    while count < COUNT_MAX {
        let between = text.get(end..)?;
        let spaces = between
            .iter()
            .take(2)
            .take_while(|byte| b" ,".contains(byte))
            .count();
        let Some((next, after)) = code_at(end + spaces) else {
            break;
        };
        let is_word = !is_of_codes && next.iter().all(u8::is_ascii_lowercase);
        if spaces == 0 || next.len() != code.len() || is_word {
            break;
        }
        (count, end) = (count + 1, after);
    }
    let listed = text.get(value_start..end)?;
    let has_digit = listed.iter().any(u8::is_ascii_digit);
    let has_letter = listed.iter().any(u8::is_ascii_alphabetic);
    let is_short = code.len() < worth::LENGTH_MIN;
    let count_min = if is_short { GROUPS_MIN } else { 2 };
    (has_digit && (has_letter || !is_short) && count >= count_min).then_some(end)
}

/// The end of the new value after an old one: `x to y`, `x -> y`.
pub(super) fn next_end(text: &[u8], end: usize) -> Option<usize> {
    const LINKS: [&[u8]; 4] = [b" to ", b" -> ", b" => ", b" replaced by "];
    const LENGTH_MAX: usize = 128;
    let rest = text.get(end..)?;
    let link = LINKS.iter().find(|link| rest.starts_with(link))?;
    let rest = rest.get(link.len()..)?;
    let near = rest.get(..LENGTH_MAX).unwrap_or(rest);
    let length = near.iter().take_while(|byte| !is_space(**byte)).count();
    worth::is_random(near.get(..length)?).then_some(end + link.len() + length)
}

/// The end of a value that is shown together with its new value: `"old" -> "new"`.
pub(super) fn changed_end(text: &[u8], after: usize, quote: Quote) -> usize {
    const ARROW: &[u8] = b" -> ";
    let rest = text.get(after..).unwrap_or_default();
    let opened = after + ARROW.len();
    if rest.starts_with(ARROW) && Quote::at(text, opened) == Some(quote) {
        quote.close(text, opened + quote.length).1
    } else {
        after
    }
}

/// The end of a value in typographic quotes.
pub(super) fn curly_end(text: &[u8], start: usize) -> Option<usize> {
    const LENGTH_MAX: usize = 256;
    let rest = text.get(start..)?.strip_prefix("\u{201c}".as_bytes())?;
    let near = rest.get(..LENGTH_MAX).unwrap_or(rest);
    let close = "\u{201d}".as_bytes();
    let length = memchr::memmem::find(near, close)?;
    Some(start + 3 + length + close.len())
}

/// Whether a value in quotes is filled in from elsewhere, or by a person: `<password>`, `${var.x}`, `{{ lookup('x') }}`.
pub(super) fn is_template(value: &[u8]) -> bool {
    let is_filled_in = matches!(
        value,
        [b'{', b'{', .., b'}', b'}'] | [b'$', b'{', .., b'}'] | [b'<', .., b'>']
    );
    is_filled_in && !worth::is_random(value) || worth::is_placeholder(value)
}
