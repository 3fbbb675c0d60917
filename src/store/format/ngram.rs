//! Bitmaps of the 3-grams of a block's folded messages: they say which blocks cannot hold a text.

use super::fold::fold;

/// Collects 3-grams of messages.
#[derive(Debug)]
pub(in crate::store) struct Builder {
    bits: Box<[u64; WORDS_MAX]>,
    /// The message at hand, and a byte behind it.
    folded: Vec<u8>,
}

impl Builder {
    pub(in crate::store) fn new() -> Self {
        Self {
            bits: Box::new([0; WORDS_MAX]),
            folded: vec![],
        }
    }

    /// Adds the 3-grams of a message, which need not be folded.
    pub(in crate::store) fn add(&mut self, message: &str) {
        self.folded.clear();
        if message.is_ascii() {
            // Most messages are, and this way takes no memory of its own.
            self.folded.extend_from_slice(message.as_bytes());
            self.folded.make_ascii_lowercase();
        } else {
            self.folded.extend_from_slice(fold(message).as_bytes());
        }
        // Four bytes are one load: this is the innermost loop of appending and of sealing.
        self.folded.push(0);
        for window in self.folded.array_windows::<4>() {
            let bit = bucket(u32::from_le_bytes(*window) & GRAM_MASK, BITS_LOG2_MAX);
            if let Some(word) = self.bits.get_mut(bit / 64) {
                *word |= 1 << (bit % 64);
            }
        }
    }

    /// The bitmap, halved for as long as it stays sparse enough to be of use, and an empty builder.
    pub(in crate::store) fn finish(&mut self) -> Vec<u8> {
        let mut bits = self.bits.to_vec();
        self.bits.fill(0);
        while bits.len() > 1 {
            let half = halved(&bits);
            let ones: u64 = half.iter().map(|word| u64::from(word.count_ones())).sum();
            if ones * FILL_DIVISOR > half.len() as u64 * 64 * FILL_DIVIDEND {
                break;
            }
            bits = half;
        }
        bits.iter().flat_map(|word| word.to_le_bytes()).collect()
    }
}

/// False only when no message that went into `bitmap` holds `folded`.
pub(in crate::store) fn may_contain(bitmap: &[u8], folded: &str) -> bool {
    let Some(bits_log2) = (bitmap.len() as u64 * 8).checked_ilog2() else {
        return true;
    };
    folded.as_bytes().array_windows::<3>().all(|[a, b, c]| {
        let bit = bucket(u32::from_le_bytes([*a, *b, *c, 0]), bits_log2);
        bitmap
            .get(bit / 8)
            .is_none_or(|byte| byte & (1 << (bit % 8)) != 0)
    })
}

/// The lengths that a bitmap may have.
pub(in crate::store) fn is_length(bytes: usize) -> bool {
    bytes.is_power_of_two() && (8..=WORDS_MAX * 8).contains(&bytes)
}

/// The top bits of a product: halving a bitmap drops the lowest of them.
fn bucket(gram: u32, bits_log2: u32) -> usize {
    (gram.wrapping_mul(MULTIPLIER) >> (32 - bits_log2)) as usize
}

/// Each pair of neighbouring bits becomes one.
fn halved(bits: &[u64]) -> Vec<u64> {
    let (pairs, _) = bits.as_chunks::<2>();
    pairs
        .iter()
        .map(|[low, high]| squeeze(*low) | squeeze(*high) << 32)
        .collect()
}

/// The 32 pairs of a word as 32 bits.
fn squeeze(word: u64) -> u64 {
    let mut bits = (word | word >> 1) & 0x5555_5555_5555_5555;
    bits = (bits | bits >> 1) & 0x3333_3333_3333_3333;
    bits = (bits | bits >> 2) & 0x0f0f_0f0f_0f0f_0f0f;
    bits = (bits | bits >> 4) & 0x00ff_00ff_00ff_00ff;
    bits = (bits | bits >> 8) & 0x0000_ffff_0000_ffff;
    (bits | bits >> 16) & 0x0000_0000_ffff_ffff
}

/// The three bytes of a gram in a little-endian word.
const GRAM_MASK: u32 = 0x00ff_ffff;
/// Knuth's multiplicative hash: 2^32 divided by the golden ratio.
const MULTIPLIER: u32 = 0x9e37_79b1;
/// The greatest bitmap, 16 KiB: twice what 256 KiB of messages need.
const BITS_LOG2_MAX: u32 = 17;
const WORDS_MAX: usize = (1 << BITS_LOG2_MAX) / 64;
/// A bitmap is halved while at most 3/8 of its bits are set: a text of 10 grams then passes by chance once in 18,000.
const FILL_DIVIDEND: u64 = 3;
const FILL_DIVISOR: u64 = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bitmap(messages: &[&str]) -> Vec<u8> {
        let mut builder = Builder::new();
        for message in messages {
            builder.add(message);
        }
        builder.finish()
    }

    #[test]
    fn what_is_there_may_be_there_and_what_is_not_is_not() {
        let bits = bitmap(&["Connection refused", "started in 12 ms"]);
        assert!(may_contain(&bits, "nection ref"));
        assert!(may_contain(&bits, "in 12"));
        assert!(may_contain(&bits, "zz"), "too short to say");
        assert!(!may_contain(&bits, "timeout"));
    }

    #[test]
    fn size_follows_content() {
        assert_eq!(bitmap(&[]).len(), 8);
        assert_eq!(bitmap(&["abcdef"]).len(), 8);
        let text: Vec<String> = (0..20_000_u32).map(|i| format!("{:x}", i * 977)).collect();
        let large = bitmap(&text.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(
            large.len() > 512 && is_length(large.len()),
            "{}",
            large.len()
        );
    }

    #[test]
    fn the_builder_is_empty_after_finish() {
        let mut builder = Builder::new();
        builder.add("abcdef");
        builder.finish();
        assert!(!may_contain(&builder.finish(), "abc"));
    }

    proptest! {
        #[test]
        fn a_part_of_a_message_is_never_denied(message in any::<String>(), noise in "[a-z]{0,3000}", from in 0usize..20, length in 0usize..20) {
            let bits = bitmap(&[&message, &noise]);
            let part: String = message.chars().skip(from).take(length).collect();
            prop_assert!(may_contain(&bits, &fold(&part)));
        }
    }
}
