//! Text that is not UTF-8: UTF-16 with a byte order mark, or recognisable without one. Lines are found in it, and it
//! is transcoded before any other code sees it.

/// How the characters of a file are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum TextEncoding {
    /// UTF-8, or arbitrary bytes.
    #[default]
    Bytes,
    Utf16Le,
    Utf16Be,
}

/// U+FEFF, which Windows programs put before a text.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// How much of the start of a file without a mark is examined: enough to be sure, and within the part that is always
/// remembered.
const EVIDENCE_MAX: usize = 128;

/// Fewer bytes than this are not enough evidence.
const EVIDENCE_MIN: usize = 8;

impl TextEncoding {
    /// The encoding of a file that begins with `head`.
    pub(crate) fn of(head: &[u8]) -> Self {
        match head {
            [0xff, 0xfe, ..] => Self::Utf16Le,
            [0xfe, 0xff, ..] => Self::Utf16Be,
            _ => Self::evident(head.get(..EVIDENCE_MAX).unwrap_or(head)),
        }
    }

    /// Latin text in UTF-16: every other byte is zero, and no byte between them is.
    fn evident(head: &[u8]) -> Self {
        if head.len() < EVIDENCE_MIN {
            return Self::Bytes;
        }
        let (units, _) = head.as_chunks::<2>();
        let is_text = |byte: u8| matches!(byte, b'\t' | b'\r' | b'\n' | b' '..=b'~');
        if units.iter().all(|&[low, high]| high == 0 && is_text(low)) {
            Self::Utf16Le
        } else if units.iter().all(|&[high, low]| high == 0 && is_text(low)) {
            Self::Utf16Be
        } else {
            Self::Bytes
        }
    }

    /// Size of a code unit in bytes.
    pub(crate) fn unit(self) -> usize {
        match self {
            Self::Bytes => 1,
            Self::Utf16Le | Self::Utf16Be => 2,
        }
    }

    /// The offset of the first line end at or after `from`, which is between two units.
    pub(crate) fn find_newline(self, text: &[u8], from: usize) -> Option<usize> {
        let behind = text.get(from..)?;
        match self {
            Self::Bytes => memchr::memchr(b'\n', behind).map(|at| from + at),
            Self::Utf16Le => memchr::memchr_iter(b'\n', behind)
                .map(|at| from + at)
                .find(|&at| at % 2 == 0 && text.get(at + 1) == Some(&0)),
            Self::Utf16Be => memchr::memchr_iter(b'\n', behind)
                .map(|at| from + at)
                .filter(|at| at % 2 == 1)
                .map(|at| at - 1)
                .find(|&at| text.get(at) == Some(&0)),
        }
    }

    /// The length of a line without the `\r` of its end, in whole units.
    pub(crate) fn content_length(self, line: &[u8]) -> usize {
        let whole = line.len() - line.len() % self.unit();
        let line = line.get(..whole).unwrap_or_default();
        let end: &[u8] = match self {
            Self::Bytes => b"\r",
            Self::Utf16Le => b"\r\0",
            Self::Utf16Be => b"\0\r",
        };
        line.strip_suffix(end).unwrap_or(line).len()
    }

    /// Whether this place is inside a character.
    pub(crate) fn is_within_character(self, text: &[u8], at: usize) -> bool {
        let byte = |at: usize| text.get(at).copied().unwrap_or_default();
        match self {
            Self::Bytes => byte(at) & 0xC0 == 0x80,
            Self::Utf16Le => at % 2 == 1 || byte(at + 1) & 0xFC == 0xDC,
            Self::Utf16Be => at % 2 == 1 || byte(at) & 0xFC == 0xDC,
        }
    }

    /// The bytes as UTF-8 without a byte order mark; uses `buffer` if they have to be changed.
    pub(crate) fn text<'a>(self, bytes: &'a [u8], buffer: &'a mut String) -> &'a [u8] {
        let read: fn([u8; 2]) -> u16 = match self {
            Self::Bytes => return bytes.strip_prefix(MARK).unwrap_or(bytes),
            Self::Utf16Le => u16::from_le_bytes,
            Self::Utf16Be => u16::from_be_bytes,
        };
        let units = bytes.as_chunks::<2>().0.iter().map(|&unit| read(unit));
        buffer.clear();
        buffer.extend(
            char::decode_utf16(units).map(|read| read.unwrap_or(char::REPLACEMENT_CHARACTER)),
        );
        let text = buffer.as_bytes();
        text.strip_prefix(MARK).unwrap_or(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn le(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    fn be(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_be_bytes).collect()
    }

    #[test]
    fn encodings_are_known_by_their_mark_or_by_evidence() {
        assert_eq!(TextEncoding::of(&le("\u{feff}a")), TextEncoding::Utf16Le);
        assert_eq!(
            TextEncoding::of(&be("\u{feff}\u{4e2d}")),
            TextEncoding::Utf16Be
        );
        assert_eq!(TextEncoding::of(&le("2026-02-17\n")), TextEncoding::Utf16Le);
        assert_eq!(TextEncoding::of(&be("2026-02-17\n")), TextEncoding::Utf16Be);
        for text in [
            &b""[..],
            b"a",
            b"plain text",
            b"a\0b\0",
            b"\0\0\0\0\0\0\0\0",
            b"a\0b\0c\0dd\0",
        ] {
            assert_eq!(TextEncoding::of(text), TextEncoding::Bytes, "{text:?}");
        }
    }

    #[test]
    fn ends_of_lines_are_whole_units() {
        // U+0A00 and U+000A next to each other, and U+0A0A.
        for (encoding, text) in [
            (TextEncoding::Utf16Le, le("\u{0a00}\u{0a0a}x\r\ny")),
            (TextEncoding::Utf16Be, be("\u{0a00}\u{0a0a}x\r\ny")),
        ] {
            let end = encoding.find_newline(&text, 0).unwrap();
            assert_eq!(end, 8, "{encoding:?}");
            assert_eq!(encoding.find_newline(&text, end + 2), None);
            assert_eq!(encoding.content_length(&text[..end]), 6);
            assert_eq!(encoding.content_length(&text[..3]), 2);
        }
        assert_eq!(TextEncoding::Bytes.find_newline(b"a\nb\n", 2), Some(3));
    }

    #[test]
    fn text_is_transcoded_without_its_mark() {
        let mut buffer = String::new();
        let whole = "\u{feff}caf\u{e9} \u{1f600}";
        let expected = "caf\u{e9} \u{1f600}".as_bytes();
        assert_eq!(
            TextEncoding::Utf16Le.text(&le(whole), &mut buffer),
            expected
        );
        assert_eq!(
            TextEncoding::Utf16Be.text(&be(whole), &mut buffer),
            expected
        );
        assert_eq!(
            TextEncoding::Bytes.text(whole.as_bytes(), &mut buffer),
            expected
        );
        let lone = [0x00, 0xd8, b'x', 0];
        let text = TextEncoding::Utf16Le.text(&lone, &mut buffer);
        assert_eq!(text, "\u{fffd}x".as_bytes());
        assert!(TextEncoding::Utf16Le.is_within_character(&le("\u{1f600}"), 2));
        assert!(!TextEncoding::Utf16Le.is_within_character(&le("ab"), 2));
    }
}
