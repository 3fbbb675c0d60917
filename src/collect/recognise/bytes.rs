//! Which bytes, and which pairs of neighbours, are in a line: read once, this tells which of many forms the line cannot have.

/// Some bytes and pairs of neighbours: one bit for each class of bytes, and two for each pair. Several classes and pairs share a
/// bit, so a line may seem to have what it has not, but never the other way round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ByteSet {
    bytes: u64,
    pairs: [u64; 2],
}

/// The class of a byte: letters, the signs of the forms and the beginning of colours have their own; all other bytes, and `Q`, share one.
const fn class_of(byte: u8) -> u8 {
    match byte {
        b'a'..=b'z' => byte - b'a',
        0x1b => 26 + b'Q' - b'A',
        b'Q' => 63,
        b'A'..=b'Z' => 26 + byte - b'A',
        b':' => 52,
        b'*' => 53,
        b'=' => 54,
        b'[' => 55,
        b'/' => 56,
        b'-' => 57,
        b'.' => 58,
        b'(' => 59,
        b'\t' => 60,
        b'|' => 61,
        b' ' => 62,
        _ => 63,
    }
}

/// The set of each single byte.
static CLASSES: [u64; 256] = classes();

#[expect(clippy::indexing_slicing, reason = "runs at compile time")]
const fn classes() -> [u64; 256] {
    let mut classes = [0; 256];
    let mut byte = 0_u8;
    loop {
        classes[byte as usize] = 1 << class_of(byte);
        if byte == u8::MAX {
            return classes;
        }
        byte += 1;
    }
}

/// The bits of a pair. Each of the two sums keeps other parts of the bytes, so that few pairs share both bits.
const fn pair_bits(first: u8, second: u8) -> [u64; 2] {
    let (first, second) = (first as u32, second as u32);
    [
        1 << ((2 * first + second) & 63),
        1 << ((first + 4 * second) & 63),
    ]
}

impl ByteSet {
    /// Longer lines are not read as a whole.
    pub(crate) const LINE_MAX: usize = 512;

    /// Nothing.
    pub(crate) const NONE: Self = Self {
        bytes: 0,
        pairs: [0; 2],
    };

    /// The bytes of a text that is known at compile time, and its pairs.
    pub(crate) const fn of_text(text: &[u8]) -> Self {
        let mut set = Self::of_bytes(text);
        let mut rest = text;
        while let [first, after @ ..] = rest {
            if let [second, ..] = after {
                let bits = pair_bits(*first, *second);
                set.pairs = [set.pairs[0] | bits[0], set.pairs[1] | bits[1]];
            }
            rest = after;
        }
        set
    }

    /// The bytes of a text that is known at compile time, without its pairs.
    pub(crate) const fn of_bytes(text: &[u8]) -> Self {
        let mut set = Self::NONE;
        let mut rest = text;
        while let [byte, after @ ..] = rest {
            set.bytes |= 1 << class_of(*byte);
            rest = after;
        }
        set
    }

    /// Both.
    pub(crate) const fn and(self, other: Self) -> Self {
        Self {
            bytes: self.bytes | other.bytes,
            pairs: [
                self.pairs[0] | other.pairs[0],
                self.pairs[1] | other.pairs[1],
            ],
        }
    }

    /// The bytes and pairs of a line, and perhaps another pair.
    pub(crate) fn of_line(line: &[u8]) -> Self {
        let mut set = Self::NONE;
        let mut before = 0;
        // four at a time, because counting takes a third of the time otherwise
        let (fours, rest) = line.as_chunks::<4>();
        for four in fours {
            for &byte in four {
                set.add(before, byte);
                before = byte;
            }
        }
        for &byte in rest {
            set.add(before, byte);
            before = byte;
        }
        set
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "a byte is less than 256: no check is left"
    )]
    fn add(&mut self, before: u8, byte: u8) {
        self.bytes |= CLASSES[usize::from(byte)];
        let bits = pair_bits(before, byte);
        self.pairs[0] |= bits[0];
        self.pairs[1] |= bits[1];
    }

    /// The same, unless the line is longer than is read as a whole.
    pub(crate) fn of_whole(line: &[u8]) -> Option<Self> {
        (line.len() <= Self::LINE_MAX).then(|| Self::of_line(line))
    }

    /// Number of [quarters](Self::quarter) of a set.
    pub(crate) const QUARTERS: usize = 16;

    /// Four of the bits of the pairs, as a number below 16.
    pub(crate) const fn quarter(self, place: usize) -> usize {
        (self.pairs[0] >> (4 * place) & 15) as usize
    }

    /// Whether all bytes and pairs of `other` may be in this set.
    pub(crate) const fn has(self, other: Self) -> bool {
        other.bytes & !self.bytes
            | other.pairs[0] & !self.pairs[0]
            | other.pairs[1] & !self.pairs[1]
            == 0
    }
}

/// Whether a text may be in a line with these bytes: `may_say!(bytes, b": line ")`. The text is read at compile time.
macro_rules! may_say {
    ($bytes:expr, $text:expr) => {
        $bytes.has(const { $crate::collect::recognise::bytes::ByteSet::of_text($text) })
    };
}

/// Whether a text is in a line, of which the bytes may be known.
macro_rules! says {
    ($line:expr, $bytes:expr, $text:expr) => {
        $bytes.is_none_or(|bytes: $crate::collect::recognise::bytes::ByteSet| {
            $crate::collect::recognise::bytes::may_say!(bytes, $text)
        }) && $crate::collect::recognise::words::contains(
            $line,
            $crate::collect::recognise::words::needle!($text),
        )
    };
}

pub(crate) use {may_say, says};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_line_has_all_its_texts(line in prop::collection::vec(any::<u8>(), 0..80), from in 0usize..80, length in 0usize..20) {
            let text = line.get(from..).unwrap_or_default();
            let text = text.get(..length).unwrap_or(text);
            let set = ByteSet::of_line(&line);
            prop_assert!(set.has(ByteSet::of_text(text)) && set.has(ByteSet::of_bytes(text)));
            prop_assert!(set.has(ByteSet::of_line(&line).and(ByteSet::NONE)));
        }
    }

    #[test]
    fn a_line_lacks_texts_that_it_has_not() {
        let line =
            b"postgres[812]: checkpoint complete: wrote 1291 buffers (7.9%); 0 WAL file(s) added";
        let set = ByteSet::of_line(line);
        for text in [
            " : cluster [",
            "systemd[",
            " invoked oom-killer: ",
            " with exit code ",
            "audit(",
            " **:",
        ] {
            assert!(!set.has(ByteSet::of_text(text.as_bytes())), "{text}");
        }
    }
}
