//! The words of the head of a line, each with the kinds of bytes in it: they decide which forms it may have.

/// A word, and the kinds of bytes in it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct HeadWord<'a> {
    pub(super) text: &'a [u8],
    kinds: u8,
}

/// The kinds of bytes that decide which forms a word may have.
pub(super) const DIGIT: u8 = 1;
pub(super) const DOT: u8 = 2;
pub(super) const SLASH: u8 = 4;
pub(super) const COLON: u8 = 8;
/// A bracket that is opened.
pub(super) const OPEN: u8 = 16;
/// A sign between a name and a value.
pub(super) const PAIR: u8 = 32;
/// A blank or a bar, which ends a word.
const BREAK: u8 = 64;
pub(super) const LETTER: u8 = 128;

static KINDS: [u8; 256] = kinds();

#[expect(clippy::indexing_slicing, reason = "runs at compile time")]
const fn kinds() -> [u8; 256] {
    let mut kinds = [0; 256];
    let mut byte = 0_u8;
    loop {
        kinds[byte as usize] = match byte {
            b'0'..=b'9' => DIGIT,
            b'a'..=b'z' | b'A'..=b'Z' => LETTER,
            b'.' => DOT,
            b'/' => SLASH,
            b':' => COLON,
            b'[' | b'(' | b'<' => OPEN,
            b'=' | b'@' => PAIR,
            b' ' | b'\t' | b'\n' | b'\x0c' | b'\r' | b'|' => BREAK,
            _ => 0,
        };
        if byte == u8::MAX {
            return kinds;
        }
        byte += 1;
    }
}

impl HeadWord<'_> {
    /// Whether it has a byte of one of these kinds.
    pub(super) fn has(self, kinds: u8) -> bool {
        self.kinds & kinds != 0
    }
}

/// The next word, which is removed from `rest`.
pub(super) fn next_word<'a>(rest: &mut &'a [u8]) -> Option<HeadWord<'a>> {
    let kind_of = |byte: &u8| KINDS.get(usize::from(*byte)).copied().unwrap_or(0);
    let start = rest.iter().position(|byte| kind_of(byte) != BREAK)?;
    let text = rest.get(start..)?;
    let mut kinds = 0;
    let end = text.iter().position(|byte| {
        let kind = kind_of(byte);
        kinds |= kind;
        kind == BREAK
    });
    let (text, after) = text.split_at_checked(end.unwrap_or(text.len()))?;
    *rest = after;
    Some(HeadWord { text, kinds })
}
