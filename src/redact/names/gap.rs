//! A value that is separated from its name by something that no form describes: markup, columns, escapes, the words of a type. The text
//! between the two proves nothing, so that the value must look generated.

use super::strength::Strength;
use crate::redact::values::extent::escape_length;
use crate::redact::values::worth;
use std::ops::Range;

/// The longest text between a name and its value, in bytes.
const GAP_LENGTH_MAX: usize = 48;

/// The maximum number of words in it.
const WORDS_MAX: usize = 3;

/// The longest value that is examined, in bytes.
const VALUE_LENGTH_MAX: usize = 256;

/// The minimum length of a generated value.
const VALUE_LENGTH_MIN: usize = 12;

/// The same after `key`, which is more often the name of a thing.
const VALUE_OF_KEY_LENGTH_MIN: usize = 16;

/// Words in lower case that may be between a name and its value, before a sign.
const WORDS: &[&str] = &[
    "b",
    "br",
    "byte",
    "bytes",
    "char",
    "code",
    "const",
    "content",
    "created",
    "data",
    "default",
    "em",
    "eq",
    "equ",
    "env",
    "from",
    "config",
    "generated",
    "initial",
    "is",
    "just",
    "new",
    "nvarchar",
    "of",
    "optional",
    "payload",
    "plaintext",
    "pre",
    "raw",
    "reset",
    "secret",
    "set",
    "some",
    "span",
    "str",
    "string",
    "strong",
    "temporary",
    "text",
    "to",
    "v",
    "val",
    "value",
    "var",
    "varchar",
    "was",
];

/// The text between a name and a value.
#[derive(Debug, Default)]
struct Gap {
    words: usize,
    /// Whether the last word says that a value was read: `passphrase: got x`.
    ends_in_verb: bool,
    /// Whether the last part that is not white space is a sign.
    ends_in_sign: bool,
    /// Whether there is a sign that joins no parts of one word, as `/`, `.`, `-` and `_` do.
    separates: bool,
}

impl Gap {
    /// The length of the part of the gap at the start of a text. `None` where the gap ends.
    fn part(&mut self, rest: &[u8]) -> Option<usize> {
        if let Some(length) = escape_length(rest) {
            return Some(length);
        }
        let length = match rest {
            [b' ' | b'\t', ..] => return Some(1),
            [b'\n' | b'\r', ..] | [] => return None,
            [b'\\', b't' | b'r' | b'n', next, ..] if !next.is_ascii_lowercase() => 2,
            [b'%', code @ ..] => 1 + encoded_sign(code),
            [b'&', ..] => entity_length(rest),
            [b'<', ..] => tag_length(rest),
            [b'(', ..] => remark_length(rest),
            [byte, ..] if byte.is_ascii_punctuation() => 1,
            [byte, ..] if *byte >= 0x80 => sign_length(rest)?,
            _ => {
                let length = attribute_length(rest).or_else(|| word_length(rest))?;
                self.ends_in_verb = self.separates && is_verb(rest.get(..length)?);
                self.words += 1;
                self.ends_in_sign = false;
                return (self.words <= WORDS_MAX).then_some(length);
            }
        };
        self.ends_in_sign = true;
        self.separates |= rest.starts_with(b"..")
            || !matches!(rest.first(), Some(b'/' | b'.' | b'-' | b'_' | b'@'));
        Some(length)
    }

    /// Whether a value may follow the gap.
    fn may_end(&self) -> bool {
        self.separates && (self.words == 0 || self.ends_in_sign || self.ends_in_verb)
    }
}

/// The generated value after the name that ends at `end`, if there is one.
pub(super) fn value_after(text: &[u8], end: usize, strength: Strength) -> Option<Range<usize>> {
    let mut gap = Gap::default();
    let mut at = end;
    while let Some(length) = gap.part(text.get(at..)?) {
        at += length;
        if at > end + GAP_LENGTH_MAX {
            return None;
        }
    }
    if at == end || !gap.may_end() {
        return None;
    }
    let rest = text.get(at..)?;
    let near = rest.get(..VALUE_LENGTH_MAX).unwrap_or(rest);
    let length = match text.get(at - 1)? {
        quote @ (b'"' | b'\'' | b'`') => memchr::memchr(*quote, near),
        b'>' => memchr::memchr(b'<', near),
        _ => None,
    };
    let length =
        length.unwrap_or_else(|| near.iter().take_while(|byte| is_of_value(**byte)).count());
    let value = near.get(..length)?;
    // the quote that ends it may be escaped
    let escapes = value
        .iter()
        .rev()
        .take_while(|byte| **byte == b'\\')
        .count();
    let length = length - escapes;
    let value = value.get(..length)?;
    let is_weak = strength == Strength::Key;
    let length_min = if is_weak {
        VALUE_OF_KEY_LENGTH_MIN
    } else {
        VALUE_LENGTH_MIN
    };
    let is_digest = || value.iter().all(u8::is_ascii_hexdigit);
    let is_secret = length >= length_min
        && !value.iter().any(|byte| matches!(byte, b'\n' | b' '))
        && worth::is_random(value)
        && !value.starts_with(b"0x")
        && !(is_weak && (gap.words > 0 || is_digest()));
    is_secret.then_some(at..at + length)
}

/// Whether a byte is in generated values without quotes.
fn is_of_value(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/_=.~!$*-@#".contains(&byte)
}

/// 2 after the percent sign of an encoded sign or blank, else 0.
fn encoded_sign(code: &[u8]) -> usize {
    let digits = code
        .get(..2)
        .and_then(|digits| std::str::from_utf8(digits).ok());
    let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
    match byte {
        Some(byte) if byte == b' ' || byte.is_ascii_punctuation() => 2,
        _ => 0,
    }
}

/// The length of words in parentheses, or of the sign that begins them: `(base32)`.
fn remark_length(rest: &[u8]) -> usize {
    const LENGTH_MAX: usize = 32;
    let near = rest.get(..LENGTH_MAX).unwrap_or(rest);
    let end = memchr::memchr(b')', near);
    let is_remark = |end: &usize| near.get(1..*end).is_some_and(worth::is_plain);
    end.filter(is_remark).map_or(1, |end| end + 1)
}

/// The length of an entity of HTML, or of the sign that begins it.
fn entity_length(rest: &[u8]) -> usize {
    const LENGTH_MAX: usize = 8;
    let near = rest.get(..LENGTH_MAX).unwrap_or(rest);
    let end = memchr::memchr(b';', near);
    let is_name = |end: &usize| {
        near.iter()
            .take(*end)
            .skip(1)
            .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'#')
    };
    end.filter(is_name).map_or(1, |end| end + 1)
}

/// The length of a tag without attributes, or of the sign that begins it.
fn tag_length(rest: &[u8]) -> usize {
    const LENGTH_MAX: usize = 40;
    const CDATA: &[u8] = b"<![CDATA[";
    if rest.starts_with(CDATA) {
        return CDATA.len();
    }
    let near = rest.get(..LENGTH_MAX).unwrap_or(rest);
    let of_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"/:_.-".contains(byte);
    let end = memchr::memchr(b'>', near);
    let is_name = |end: &usize| *end > 1 && near.iter().take(*end).skip(1).all(of_name);
    end.filter(is_name).map_or(1, |end| end + 1)
}

/// The length of a character that is not a letter: the line of a table, an arrow.
fn sign_length(rest: &[u8]) -> Option<usize> {
    const LENGTH_MAX: usize = 4;
    let near = rest.get(..LENGTH_MAX).unwrap_or(rest);
    let character = near.utf8_chunks().next()?.valid().chars().next()?;
    (!character.is_alphanumeric()).then_some(character.len_utf8())
}

/// The length of an attribute of a tag: `type="string"`.
fn attribute_length(rest: &[u8]) -> Option<usize> {
    const LENGTH_MAX: usize = 40;
    let near = rest.get(..LENGTH_MAX).unwrap_or(rest);
    let of_name = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'-');
    let name = near.iter().take_while(of_name).count();
    let content = near.get(name..)?.strip_prefix(b"=\"")?;
    let length = memchr::memchr(b'"', content)?;
    let end = name + 2 + length + 1;
    matches!(near.get(end), Some(b'>' | b' ' | b'/')).then_some(end)
}

/// The generated value that is called by the name at `start`: `SELECT 'x' AS password`, `use x as the password`.
pub(super) fn value_called(text: &[u8], start: usize, strength: Strength) -> Option<Range<usize>> {
    /// The maximum length of the parts of the name before `start`.
    const NAME_LENGTH_MAX: usize = 32;
    const LINKS: [&[u8]; 5] = [b" as the ", b" as ", b" AS ", b" as your ", b" as a "];
    fn linked(before: &[u8]) -> Option<&[u8]> {
        LINKS.iter().find_map(|link| before.strip_suffix(*link))
    }
    let from = start.saturating_sub(NAME_LENGTH_MAX);
    let before = text.get(from..start)?;
    let of_name = |byte: &&u8| byte.is_ascii_alphanumeric() || b"_\"`[.".contains(byte);
    let name = before.iter().rev().take_while(of_name).count();
    let before = text.get(..start - name)?;
    let before = linked(before).or_else(|| linked(without_word(before)?))?;
    let near = before.len().saturating_sub(VALUE_LENGTH_MAX);
    let ends_it = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'"' | b'\'' | b'`' | b'(');
    let end = before.len() - usize::from(before.last().is_some_and(ends_it));
    let value = before.get(near..end)?;
    let value_start = near + value.iter().rposition(ends_it).map_or(0, |place| place + 1);
    let value = before.get(value_start..end)?;
    let is_secret =
        strength != Strength::Key && value.len() >= VALUE_LENGTH_MIN && worth::is_random(value);
    is_secret.then_some(value_start..end)
}

/// The text before its last word and the blank after it, with the blank before that word: `x as superuser `.
fn without_word(text: &[u8]) -> Option<&[u8]> {
    const LENGTH_MAX: usize = 16;
    let text = text.strip_suffix(b" ")?;
    let letters = text
        .iter()
        .rev()
        .take(LENGTH_MAX)
        .take_while(|byte| byte.is_ascii_lowercase());
    text.get(..text.len() - letters.count())
}

fn is_verb(word: &[u8]) -> bool {
    [&b"got"[..], b"read", b"received", b"using"].contains(&word)
}

/// The length of one of [`WORDS`], or of a verb.
fn word_length(rest: &[u8]) -> Option<usize> {
    const LENGTH_MAX: usize = 12;
    let near = rest.get(..LENGTH_MAX).unwrap_or(rest);
    let length = near
        .iter()
        .take_while(|byte| byte.is_ascii_alphabetic())
        .count();
    let word = near.get(..length)?;
    let ends = rest
        .get(length)
        .is_some_and(|byte| !byte.is_ascii_alphanumeric());
    let is_known = WORDS
        .iter()
        .any(|known| word.eq_ignore_ascii_case(known.as_bytes()));
    (ends && (is_known || is_verb(word))).then_some(length)
}
