//! Passwords in URLs: `scheme://user:password@host`, also percent-encoded as a parameter of another URL.

use crate::redact::values::space::is_space;
use memchr::memmem;
use std::ops::Range;

/// The maximum length of a user before a password, in bytes.
const USER_LENGTH_MAX: usize = 256;

/// The maximum length of a password, in bytes: room for a token of a registry.
const PASSWORD_LENGTH_MAX: usize = 2048;

/// The maximum length of a password with `/`, `?` or `#` in it, in bytes. Valid URLs encode these.
const UNENCODED_LENGTH_MAX: usize = 96;

/// A port has at most this many digits.
const PORT_DIGITS_MAX: usize = 5;

/// Schemes in which a path follows `host:port/`. A path may contain an `@`.
const PAGES: [&[u8]; 6] = [b"http", b"https", b"ws", b"wss", b"ssh", b"git"];

/// The encoding of a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::redact) enum Writing {
    /// `://`, or `:\/\/` in JSON.
    Plain,
    /// `%3A%2F%2F`: a parameter of another URL.
    Encoded,
}

/// The next positions of `@` and of the end of a URL, if known. Each is searched for once, however many URLs a text contains.
#[derive(Debug, Default)]
pub(in crate::redact) struct Ahead {
    at: Option<usize>,
    encoded_at: Option<usize>,
    end: Option<usize>,
}

impl Ahead {
    /// The first `@` at or after `from`.
    fn at(&mut self, text: &[u8], from: usize) -> usize {
        next(&mut self.at, text, from, |rest| memchr::memchr(b'@', rest))
    }

    /// The first `%40` at or after `from`.
    fn encoded_at(&mut self, text: &[u8], from: usize) -> usize {
        next(&mut self.encoded_at, text, from, |rest| {
            memmem::find(rest, b"%40")
        })
    }

    /// The latest possible end of the URL that contains `from`.
    fn end(&mut self, text: &[u8], from: usize) -> usize {
        let ends = |byte: &u8| is_space(*byte) || matches!(byte, b'"' | b'\'' | b'<' | b'>');
        next(&mut self.end, text, from, |rest| rest.iter().position(ends))
    }
}

/// The known position, if it is not before `from`; otherwise the next one, or the end of the text.
fn next(
    known: &mut Option<usize>,
    text: &[u8],
    from: usize,
    find: impl FnOnce(&[u8]) -> Option<usize>,
) -> usize {
    if let Some(place) = known.filter(|&place| place >= from) {
        return place;
    }
    let rest = text.get(from..).unwrap_or_default();
    let place = find(rest).map_or(text.len(), |offset| from + offset);
    *known = Some(place);
    place
}

/// The password of the URL whose `://` is at `sign`.
pub(in crate::redact) fn password(
    text: &[u8],
    sign: Range<usize>,
    writing: Writing,
    ahead: &mut Ahead,
) -> Option<Range<usize>> {
    let end = ahead.end(text, sign.end);
    let mut at = ahead.at(text, sign.end);
    if writing == Writing::Encoded {
        at = at.min(ahead.encoded_at(text, sign.end));
    }
    if at >= end {
        return None;
    }
    let start = password_start(text, sign.end, writing)?;
    let longest = text.get(start..end.min(start + PASSWORD_LENGTH_MAX))?;
    let authority = longest.iter().position(|byte| b"/?#&".contains(byte));
    let authority = match writing {
        Writing::Plain => longest.iter().position(|byte| b"/?#".contains(byte)),
        Writing::Encoded => encoded_delimiter(longest, authority),
    };
    let inside = longest.get(..authority.unwrap_or(longest.len()))?;
    let length = match (last_at(inside, writing), writing) {
        (Some(length), _) => length,
        (None, Writing::Encoded) => return None,
        (None, Writing::Plain) => unencoded_length(text, sign.start, longest)?,
    };
    (length > 0).then_some(start..start + length)
}

/// The start of the password, after the user and a colon.
fn password_start(text: &[u8], start: usize, writing: Writing) -> Option<usize> {
    let longest = text.get(start..)?;
    let longest = longest.get(..USER_LENGTH_MAX).unwrap_or(longest);
    for (offset, &byte) in longest.iter().enumerate() {
        match byte {
            b':' => return Some(start + offset + 1),
            b'%' if writing == Writing::Encoded => {
                let code = longest.get(offset + 1..offset + 3).unwrap_or_default();
                match code {
                    [b'3', b'A' | b'a'] => return Some(start + offset + 3),
                    [b'2', b'F' | b'f'] => return None,
                    _ => {}
                }
            }
            b'/' | b'?' | b'#' | b'@' | b'[' | b']' | b'\\' | b'"' | b'\'' | b'<' | b'>' => {
                return None;
            }
            other if is_space(other) => return None,
            _ => {}
        }
    }
    None
}

/// The first delimiter of an encoded URL. A plain one is at `plain`.
fn encoded_delimiter(text: &[u8], plain: Option<usize>) -> Option<usize> {
    let inside = text.get(..plain.unwrap_or(text.len()))?;
    let coded = memchr::memchr_iter(b'%', inside).find(|&offset| {
        let code = inside.get(offset + 1..offset + 3);
        matches!(code, Some([b'2' | b'3', b'F' | b'f']))
    });
    coded.or(plain)
}

/// The position of the last `@` of an authority.
fn last_at(authority: &[u8], writing: Writing) -> Option<usize> {
    let plain = memchr::memrchr(b'@', authority);
    match writing {
        Writing::Plain => plain,
        Writing::Encoded => plain.max(memmem::rfind(authority, b"%40")),
    }
}

/// The length of a password with unencoded signs. A port and a path are not a password.
fn unencoded_length(text: &[u8], sign: usize, longest: &[u8]) -> Option<usize> {
    let near = longest.get(..UNENCODED_LENGTH_MAX + 1).unwrap_or(longest);
    let length = memchr::memrchr(b'@', near)?;
    let password = near.get(..length)?;
    let digits = password
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let is_port = (1..=PORT_DIGITS_MAX).contains(&digits)
        && matches!(password.get(digits), Some(b'/' | b'?' | b'#'));
    if !is_port {
        return Some(length);
    }
    let rest = password.get(digits + 1..)?;
    let is_path = rest.iter().any(|byte| b"/?&=.".contains(byte));
    let has_both = rest.iter().any(u8::is_ascii_digit) && rest.iter().any(u8::is_ascii_alphabetic);
    (!is_page(text, sign) && !is_path && has_both).then_some(length)
}

/// Whether the scheme that ends at `sign` is one of [`PAGES`].
fn is_page(text: &[u8], sign: usize) -> bool {
    /// The maximum length of a scheme in the list.
    const LENGTH_MAX: usize = 8;
    let before = text
        .get(sign.saturating_sub(LENGTH_MAX)..sign)
        .unwrap_or_default();
    let scheme = before
        .rsplit(|byte| !byte.is_ascii_alphanumeric())
        .next()
        .unwrap_or_default();
    PAGES.iter().any(|page| scheme.eq_ignore_ascii_case(page))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Option<&str> {
        let bytes = text.as_bytes();
        let (sign, writing) = if let Some(at) = text.find("://") {
            (at..at + 3, Writing::Plain)
        } else {
            let at = text.to_ascii_lowercase().find("%3a%2f%2f")?;
            (at..at + 9, Writing::Encoded)
        };
        password(bytes, sign, writing, &mut Ahead::default()).map(|range| &text[range])
    }

    #[test]
    fn finds_the_password_of_an_address() {
        for (text, expected) in [
            ("https://bob:hun@ter2@git.example.com/x", "hun@ter2"),
            ("postgres://app:Rd3Qv3#O0H845@db:5432/prod", "Rd3Qv3#O0H845"),
            ("postgres://app:Rd3Qv3?O0H845@db:5432/prod", "Rd3Qv3?O0H845"),
            (
                "postgres://app:12345/Rd3Qv3O0H845@db/x",
                "12345/Rd3Qv3O0H845",
            ),
            ("redis://:x1@cache", "x1"),
            ("a%3A%2F%2Fbob%3Ahunter2%40git%2Fx", "hunter2"),
            ("a%3a%2f%2fbob:hunter2@git/x", "hunter2"),
        ] {
            assert_eq!(found(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn leaves_ports_and_paths_unchanged() {
        for text in [
            "http://web:8080/users/bob@example.com",
            "http://web:8080?user=bob@example.com",
            "postgres://db:5432/shop?user=bob@example.com",
            "ssh://git@host:22/x",
            "https://host/a:b@c",
            "https://bob:@host",
            "https://[::1]:80/a@b",
            "http://host:80 <a@b>",
            "a%3A%2F%2Fweb%3A8080%2Fusers%2Fbob%40example.com",
        ] {
            assert_eq!(found(text), None, "{text}");
        }
    }

    #[test]
    fn searches_for_each_position_once() {
        let text = b"a@b c@d";
        let mut ahead = Ahead::default();
        assert_eq!(ahead.at(text, 0), 1);
        assert_eq!(ahead.at, Some(1));
        assert_eq!(ahead.at(text, 2), 5);
        assert_eq!(ahead.at(text, 6), text.len());
        assert_eq!((ahead.end(text, 0), ahead.encoded_at(text, 0)), (3, 7));
    }
}
