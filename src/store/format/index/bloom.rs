//! Bloom filters of 64-bit hashes (format version 2).

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

/// Collects hashes.
#[derive(Debug, Default)]
pub(in crate::store) struct BloomBuilder {
    hashes: HashSet<u64, BuildHasherDefault<HashItself>>,
}

impl BloomBuilder {
    pub(in crate::store) fn add(&mut self, hash: u64) {
        self.hashes.insert(hash);
    }

    /// Encodes the filter, and empties the builder. Without hashes it has no bytes.
    pub(in crate::store) fn finish(&mut self) -> Vec<u8> {
        let bits = self.hashes.len() * BITS_PER_HASH_TIMES_2 / 2;
        let mut bytes = vec![0; bits.div_ceil(8)];
        let length = bytes.len();
        for hash in self.hashes.drain() {
            for (byte, bit) in places(hash, length) {
                if let Some(byte) = bytes.get_mut(byte) {
                    *byte |= bit;
                }
            }
        }
        bytes
    }
}

/// False only if the hash was not added.
pub(in crate::store) fn may_contain(filter: &[u8], hash: u64) -> bool {
    places(hash, filter.len())
        .all(|(byte, bit)| filter.get(byte).is_some_and(|byte| byte & bit != 0))
}

/// The bits of a hash in a filter of `length` bytes: the index of the byte, and the bit in it.
fn places(hash: u64, length: usize) -> impl Iterator<Item = (usize, u8)> {
    let (low, high) = (hash & 0xffff_ffff, hash >> 32);
    (0..PROBES).map(move |probe| {
        let mixed = low.wrapping_add(high.wrapping_mul(probe)) & 0xffff_ffff;
        let bit = (mixed * (length as u64 * 8)) >> 32;
        let byte = usize::try_from(bit / 8).unwrap_or(usize::MAX);
        (byte, 1 << (bit % 8))
    })
}

/// The hashes are uniform already.
#[derive(Debug, Default)]
struct HashItself(u64);

impl Hasher for HashItself {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0 << 8 | u64::from(*byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

/// 6.5 bits for a hash: one in twenty that was not added passes. More bits cost more room than the blocks that they save are worth.
const BITS_PER_HASH_TIMES_2: usize = 13;
const PROBES: u64 = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::format::index::tokens::mixed;

    #[test]
    fn finds_every_hash_and_few_others() {
        let mut builder = BloomBuilder::default();
        for number in 0..3000 {
            builder.add(mixed(number));
            builder.add(mixed(number));
        }
        let filter = builder.finish();
        assert_eq!(filter.len(), 3000 * 13 / 2 / 8 + 1);
        assert!((0..3000).all(|number| may_contain(&filter, mixed(number))));
        let others = 10_000..20_000;
        let passed = others
            .filter(|number| may_contain(&filter, mixed(*number)))
            .count();
        assert!((300..700).contains(&passed), "{passed} of 10,000");
    }

    #[test]
    fn an_empty_filter_denies_everything() {
        let filter = BloomBuilder::default().finish();
        assert!(filter.is_empty());
        assert!(!may_contain(&filter, 1));
    }
}
