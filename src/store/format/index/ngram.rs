//! Bitmaps of format version 1: the 3-grams of a block's folded messages. They are only read.

/// False only if no message of the block contains `folded`.
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
    bytes.is_power_of_two() && (8..=BYTES_MAX).contains(&bytes)
}

/// The bit of a gram: the top bits of a product.
fn bucket(gram: u32, bits_log2: u32) -> usize {
    (gram.wrapping_mul(MULTIPLIER) >> (32 - bits_log2)) as usize
}

/// Knuth's multiplicative hash: 2^32 divided by the golden ratio.
const MULTIPLIER: u32 = 0x9e37_79b1;
/// The largest bitmap: twice what 256 KiB of messages need.
const BYTES_MAX: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn denies_only_text_with_a_gram_that_is_not_set() {
        let mut bitmap = vec![0; 8];
        let bit = bucket(u32::from_le_bytes([b'a', b'b', b'c', 0]), 6);
        bitmap[bit / 8] |= 1 << (bit % 8);
        assert!(may_contain(&bitmap, "abc"));
        assert!(may_contain(&bitmap, "zz"), "too short to say");
        assert!(!may_contain(&bitmap, "abcd") || bucket(u32::from_le_bytes(*b"bcd\0"), 6) == bit);
        assert!(may_contain(&[], "abc"), "no bitmap");
    }

    #[test]
    fn lengths_are_powers_of_two() {
        assert!([8, 16, 16 << 10].into_iter().all(is_length));
        assert!(![0, 4, 24, 32 << 10].into_iter().any(is_length));
    }
}
