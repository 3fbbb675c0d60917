//! Which bytes journalctl prints as text, and which are safe on a terminal.

use std::borrow::Cow;

/// Whether `bytes` are text that journalctl prints unchanged: UTF-8 without control characters except the tab and,
/// with `newline`, the line feed, and without noncharacters.
pub(in crate::cli) fn is_text(bytes: &[u8], newline: bool) -> bool {
    if is_plain(bytes) {
        return true;
    }
    str::from_utf8(bytes).is_ok_and(|text| text.chars().all(|c| is_shown(c, newline)))
}

/// A quick check for the usual case, printable ASCII and tabs, which the compiler vectorises.
fn is_plain(bytes: &[u8]) -> bool {
    bytes.chunks(64).all(|chunk| {
        // Without a branch, so that the compiler can vectorise it.
        let odd = |byte: &u8| u8::from(!(0x20..0x7f).contains(byte)) & u8::from(*byte != b'\t');
        chunk.iter().fold(0, |found, byte| found | odd(byte)) == 0
    })
}

fn is_shown(c: char, newline: bool) -> bool {
    match c {
        '\t' => true,
        '\n' => newline,
        _ => !c.is_control() && !is_noncharacter(c),
    }
}

/// The code points that Unicode reserves as noncharacters.
fn is_noncharacter(c: char) -> bool {
    let code = u32::from(c);
    (0xfdd0..=0xfdef).contains(&code) || code & 0xfffe == 0xfffe
}

/// Appends `bytes` unchanged, or escaped if they could control a terminal.
pub(in crate::cli) fn push_shown(out: &mut Vec<u8>, bytes: &[u8], is_terminal: bool) {
    if is_terminal {
        push_escaped(out, bytes);
    } else {
        out.extend_from_slice(bytes);
    }
}

/// Appends `bytes` so that they cannot control a terminal: control and bidirectional characters become visible
/// escapes, invalid UTF-8 becomes `\xHH`.
pub(in crate::cli) fn push_escaped(out: &mut Vec<u8>, bytes: &[u8]) {
    if is_plain(bytes) {
        out.extend_from_slice(bytes);
        return;
    }
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            push_char(out, c);
        }
        for byte in chunk.invalid() {
            out.extend_from_slice(format!("\\x{byte:02x}").as_bytes());
        }
    }
}

fn push_char(out: &mut Vec<u8>, c: char) {
    if c == '\t' || is_harmless(c) {
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    } else if c.is_ascii() {
        out.extend_from_slice(format!("\\x{:02x}", u32::from(c)).as_bytes());
    } else {
        out.extend_from_slice(format!("\\u{{{:x}}}", u32::from(c)).as_bytes());
    }
}

/// Whether a terminal only displays the character.
pub(in crate::cli) fn is_harmless(c: char) -> bool {
    !(c.is_control() || is_layout_control(c))
}

/// Characters that change the direction of text, or are invisible.
fn is_layout_control(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// A message as journalctl prints it: without sequences that set colours and titles, without carriage returns at the
/// end of a line, and with tabs as eight spaces.
pub(in crate::cli) fn without_escape_sequences(message: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr3(b'\x1b', b'\t', b'\r', message).is_none() {
        return Cow::Borrowed(message);
    }
    let mut out = Vec::with_capacity(message.len());
    let mut rest = message;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'\t' => out.extend_from_slice(b"        "),
            b'\r' if after.first().is_none_or(|next| *next == b'\n') => {}
            b'\x1b' => match after_sequence(after) {
                Some(behind) => rest = behind,
                None => out.push(byte),
            },
            _ => out.push(byte),
        }
    }
    Cow::Owned(out)
}

/// The text after the sequence whose escape character precedes `text`: a colour (`[...m`), or a title or link (`]...`
/// up to a bell or to an escape and a backslash).
fn after_sequence(text: &[u8]) -> Option<&[u8]> {
    if let Some(body) = text.strip_prefix(b"[") {
        let is_part = |byte: &u8| byte.is_ascii_digit() || *byte == b';';
        let end = body.iter().position(|byte| !is_part(byte))?;
        return body.get(end..)?.strip_prefix(b"m");
    }
    let body = text.strip_prefix(b"]")?;
    let end = body.iter().position(|byte| *byte < b' ')?;
    let close = body.get(end..)?;
    let behind = close.strip_prefix(b"\x07");
    behind.or_else(|| close.strip_prefix(b"\x1b\\"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_recognised_as_in_journalctl() {
        for text in [
            "",
            "plain",
            "tab\there",
            "caf\u{e9} \u{1f980}",
            "\u{feff}mark",
        ] {
            assert!(is_text(text.as_bytes(), false), "{text:?}");
        }
        let binary: [&[u8]; 7] = [
            b"\x1b[31m",
            b"\r",
            b"\0",
            b"\x7f",
            "\u{85}".as_bytes(),
            b"\xff",
            "\u{10ffff}".as_bytes(),
        ];
        for bytes in binary {
            assert!(!is_text(bytes, true), "{bytes:?}");
        }
        assert!(is_text(b"a\nb", true) && !is_text(b"a\nb", false));
        let long = [b'x'; 200];
        assert!(is_text(&long, false) && !is_text(&[&long[..], b"\n"].concat(), false));
    }

    #[test]
    fn a_terminal_gets_no_raw_control_characters() {
        let mut out = vec![];
        push_escaped(&mut out, b"a\x1b[2Jb\tc\xff\xe2\x80\xaed\nend");
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "a\\x1b[2Jb\tc\\xff\\u{202e}d\\x0aend"
        );
    }
}
