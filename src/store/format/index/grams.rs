//! Bitmaps of the 3-grams of a block's texts (format version 2): they tell which blocks cannot contain a text.
//!
//! A byte of folded text has a code of six bits, so that a 3-gram is a number below 2^18. Grams of hexadecimal digits have a part
//! of their own in the bitmap: identifiers use nearly all of them, and would fill the part that tells words apart.

use super::fold::fold;
use crate::bytes::ByteReader;

/// Collects the 3-grams of texts.
#[derive(Debug)]
pub(in crate::store) struct GramBuilder {
    /// A byte for each gram, 1 if a text has it: setting a byte takes half the time of setting a bit.
    seen: Box<[u8; GRAMS]>,
}

impl GramBuilder {
    pub(in crate::store) fn new() -> Self {
        Self { seen: zeros() }
    }

    /// Adds the 3-grams of a folded text.
    pub(in crate::store) fn add(&mut self, folded: &[u8]) {
        let Some(([first, second], rest)) = folded.split_first_chunk::<2>() else {
            return;
        };
        // The innermost loop of sealing: no step waits for the one before it, and the index is always in range.
        let (mut first, mut second) = (code(*first), code(*second));
        let mut add = |byte: u8| {
            let third = code(byte);
            let gram = (first << 12 | second << 6 | third) as usize % GRAMS;
            if let Some(seen) = self.seen.get_mut(gram) {
                *seen = 1;
            }
            (first, second) = (second, third);
        };
        let (chunks, rest) = rest.as_chunks::<8>();
        for chunk in chunks {
            for byte in chunk {
                add(*byte);
            }
        }
        for byte in rest {
            add(*byte);
        }
    }

    /// Encodes the bitmap, and empties the builder.
    pub(in crate::store) fn finish(&mut self) -> Vec<u8> {
        let mut words = vec![];
        let mut hex = vec![];
        self.each(|gram| match hex_gram(gram) {
            Some(number) => hex.push(number),
            None => words.push(gram),
        });
        let words_bits = bits_for(words.len(), WORD_BITS_MAX);
        let hex_bits = bits_for(hex.len(), HEX_GRAMS);
        let mut word_part = vec![0; words_bits / 8];
        let mut hex_part = vec![0; hex_bits / 8];
        for gram in words {
            set(&mut word_part, word_bit(gram, words_bits));
        }
        for number in hex {
            set(&mut hex_part, hex_bit(number, hex_bits));
        }
        self.seen.fill(0);
        let length = u32::try_from(word_part.len()).unwrap_or(u32::MAX);
        let mut out = length.to_le_bytes().to_vec();
        out.append(&mut word_part);
        out.append(&mut hex_part);
        out
    }

    fn each(&self, mut visit: impl FnMut(u32)) {
        let (chunks, _) = self.seen.as_chunks::<CHUNK>();
        for (start, chunk) in (0..).step_by(CHUNK).zip(chunks) {
            if *chunk == [0; CHUNK] {
                continue;
            }
            for (base, word) in (start..).step_by(8).zip(chunk.as_chunks::<8>().0) {
                let mut left = u64::from_le_bytes(*word);
                while left != 0 {
                    visit(base + left.trailing_zeros() / 8);
                    left &= left - 1;
                }
            }
        }
    }
}

/// A bitmap as it is read.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct GramBitmap<'a> {
    words: &'a [u8],
    hex: &'a [u8],
}

impl<'a> GramBitmap<'a> {
    /// `None` if the lengths are not valid.
    pub(in crate::store) fn new(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = ByteReader::new(bytes, 0);
        let length = reader.u32("bitmap length").ok()? as usize;
        let words = reader.take(length, "bitmap").ok()?;
        let hex = reader.rest();
        let is_valid = words.len() <= WORD_BITS_MAX / 8 && hex.len() <= HEX_GRAMS / 8;
        is_valid.then_some(Self { words, hex })
    }

    /// False only if none of the texts contains `folded`.
    pub(in crate::store) fn may_contain(&self, folded: &str) -> bool {
        folded.as_bytes().array_windows::<3>().all(|[a, b, c]| {
            let gram = code(*a) << 12 | code(*b) << 6 | code(*c);
            match hex_gram(gram) {
                Some(number) => is_set(self.hex, hex_bit(number, self.hex.len() * 8)),
                None => is_set(self.words, word_bit(gram, self.words.len() * 8)),
            }
        })
    }

    /// The number of bits that are set.
    pub(in crate::store) fn bits_set(&self) -> u64 {
        let bytes = self.words.iter().chain(self.hex);
        bytes.map(|byte| u64::from(byte.count_ones())).sum()
    }
}

/// Made on the heap: a stack may be smaller.
fn zeros() -> Box<[u8; GRAMS]> {
    let bytes = vec![0; GRAMS].into_boxed_slice();
    bytes
        .try_into()
        .unwrap_or_else(|_| unreachable!("of this length"))
}

/// Folds a text into a buffer, without allocating for ASCII; `None` if the bytes are not UTF-8.
pub(in crate::store) fn fold_into(text: &[u8], buffer: &mut Vec<u8>) -> Option<()> {
    buffer.clear();
    buffer.extend_from_slice(text);
    // Whole chunks take a few instructions for 16 bytes; a remainder takes a few for each.
    buffer.resize(text.len().next_multiple_of(CHUNK), 0);
    if buffer.is_ascii() {
        for chunk in buffer.as_chunks_mut::<CHUNK>().0 {
            *chunk = chunk.map(|byte| byte.to_ascii_lowercase());
        }
        buffer.truncate(text.len());
    } else {
        buffer.clear();
        buffer.extend_from_slice(fold(str::from_utf8(text).ok()?).as_bytes());
    }
    Some(())
}

/// The code of a byte: digits and letters first, then the most frequent other characters. The bytes of characters beyond ASCII
/// share codes with those.
fn code(byte: u8) -> u32 {
    CODES
        .get(usize::from(byte))
        .copied()
        .unwrap_or(OTHER)
        .into()
}

/// The codes of the bytes that a text has once it is folded, a bit for each; all of them if it is not ASCII.
pub(super) fn alphabet(text: &str) -> u64 {
    if !text.is_ascii() {
        return u64::MAX;
    }
    let codes = text.bytes().map(|byte| code(byte.to_ascii_lowercase()));
    codes.fold(0, |found, code| found | 1 << code)
}

/// The number of a gram of hexadecimal digits.
fn hex_gram(gram: u32) -> Option<u32> {
    let (a, b, c) = (gram >> 12, gram >> 6 & 63, gram & 63);
    ((a | b | c) < 16).then_some(a << 8 | b << 4 | c)
}

/// The bit of a gram of hexadecimal digits in a part with this number of bits.
fn hex_bit(number: u32, bits: usize) -> usize {
    number as usize * bits / HEX_GRAMS
}

/// The bit of any other gram in a part with this number of bits.
fn word_bit(gram: u32, bits: usize) -> usize {
    let hash = u64::from(gram.wrapping_mul(MULTIPLIER));
    usize::try_from((hash * bits as u64) >> 32).unwrap_or(usize::MAX)
}

/// The size of a part that has `count` grams: about 3/8 of its bits are set, so that a text of ten grams passes by chance once
/// in 18,000.
fn bits_for(count: usize, bits_max: usize) -> usize {
    (count * 32 / 15).next_multiple_of(64).min(bits_max)
}

fn set(bytes: &mut [u8], bit: usize) {
    if let Some(byte) = bytes.get_mut(bit / 8) {
        *byte |= 1 << (bit % 8);
    }
}

fn is_set(bytes: &[u8], bit: usize) -> bool {
    let byte = bytes.get(bit / 8);
    byte.is_some_and(|byte| byte & (1 << (bit % 8)) != 0)
}

const CHUNK: usize = 64;
/// Grams that have a number.
const GRAMS: usize = 1 << 18;
/// Grams of hexadecimal digits.
const HEX_GRAMS: usize = 1 << 12;
/// 16 KiB: twice what 256 KiB of text need.
const WORD_BITS_MAX: usize = 1 << 17;
/// Knuth's multiplicative hash: 2^32 divided by the golden ratio.
const MULTIPLIER: u32 = 0x9e37_79b1;
/// Characters that have a code of their own, in order of their codes.
const CODED: &[u8; 62] = b"0123456789abcdefghijklmnopqrstuvwxyz -_./:=,;\"'()[]{}<>@#%&+*|";
/// The code of all other ASCII characters.
const OTHER: u8 = 62;

#[expect(clippy::indexing_slicing, reason = "it is evaluated by the compiler")]
const CODES: [u8; 256] = {
    let mut codes = [OTHER; 256];
    let mut code = 0_u8;
    while (code as usize) < CODED.len() {
        codes[CODED[code as usize] as usize] = code;
        code += 1;
    }
    let mut byte = 128;
    let mut code = 0;
    while byte < 256 {
        codes[byte] = code;
        byte += 1;
        code = (code + 1) % 64;
    }
    codes
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bitmap(texts: &[&str]) -> Vec<u8> {
        let mut builder = GramBuilder::new();
        let mut folded = vec![];
        for text in texts {
            fold_into(text.as_bytes(), &mut folded).unwrap();
            builder.add(&folded);
        }
        builder.finish()
    }

    fn may_contain(bitmap: &[u8], folded: &str) -> bool {
        GramBitmap::new(bitmap).unwrap().may_contain(folded)
    }

    #[test]
    fn denies_text_with_grams_that_no_text_has() {
        let bits = bitmap(&["Connection refused", "started in 12 ms", "id 5a1f0c9e2b7d"]);
        assert!(may_contain(&bits, "nection ref"));
        assert!(may_contain(&bits, "in 12"));
        assert!(may_contain(&bits, "0c9e"));
        assert!(may_contain(&bits, "zz"), "too short to say");
        assert!(!may_contain(&bits, "timeout"));
        assert!(!may_contain(&bits, "12345"));
    }

    #[test]
    fn size_follows_the_number_of_distinct_grams() {
        assert_eq!(bitmap(&[]).len(), 4);
        assert_eq!(bitmap(&["hello"]).len(), 4 + 8);
        let ids = (0..40_000_u32).map(|i| format!("{:08x}", i.wrapping_mul(2_654_435_761)));
        let ids: Vec<String> = ids.collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        assert_eq!(
            bitmap(&ids).len(),
            4 + 512,
            "a bit for each hexadecimal gram"
        );
    }

    #[test]
    fn builder_is_empty_after_finish() {
        let mut builder = GramBuilder::new();
        builder.add(b"abcdef xyz");
        builder.finish();
        let bits = builder.finish();
        assert!(!may_contain(&bits, "abc") && !may_contain(&bits, "xyz"));
    }

    #[test]
    fn invalid_lengths_are_refused() {
        assert!(GramBitmap::new(&[]).is_none());
        assert!(GramBitmap::new(&[9, 0, 0, 0, 1]).is_none());
        assert!(GramBitmap::new(&[0, 0, 0, 0]).is_some());
        assert!(GramBitmap::new(&vec![0; 4 + 513]).is_none());
    }

    proptest! {
        #[test]
        fn part_of_a_text_is_never_denied(text in any::<String>(), noise in "[a-z0-9 ]{0,3000}", from in 0usize..20, length in 0usize..20) {
            let bits = bitmap(&[&text, &noise]);
            let part: String = text.chars().skip(from).take(length).collect();
            prop_assert!(may_contain(&bits, &fold(&part)));
        }

        #[test]
        fn no_bytes_break_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..60), text in any::<String>()) {
            if let Some(bitmap) = GramBitmap::new(&bytes) {
                let _ = bitmap.may_contain(&text);
            }
        }
    }
}
