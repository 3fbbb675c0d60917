//! Bloom filters of 64-bit hashes (format version 2).

use crate::store::format::layout::{VERSION, VERSION_3};

/// Collects hashes.
#[derive(Debug, Default)]
pub(in crate::store) struct BloomBuilder {
    /// A table of the distinct hashes with open addressing, whose length is a power of two; 0 is a free slot. The hashes are uniform
    /// already, and inserting them is a large part of sealing.
    slots: Vec<u64>,
    taken: usize,
    has_zero: bool,
}

impl BloomBuilder {
    pub(in crate::store) fn add(&mut self, hash: u64) {
        self.has_zero |= hash == 0;
        if self.taken * 2 >= self.slots.len() {
            self.grow();
        }
        self.insert(hash);
    }

    fn insert(&mut self, hash: u64) {
        let mask = self.slots.len().wrapping_sub(1);
        let mut index = usize::try_from(hash & 0xffff_ffff).unwrap_or_default() & mask;
        while let Some(slot) = self.slots.get_mut(index) {
            if *slot == hash {
                return;
            }
            if *slot == 0 {
                *slot = hash;
                self.taken += 1;
                return;
            }
            index = (index + 1) & mask;
        }
    }

    fn grow(&mut self) {
        let length = (self.slots.len() * 2).max(SLOTS_MIN);
        let before = std::mem::replace(&mut self.slots, vec![0; length]);
        self.taken = 0;
        for hash in before.into_iter().filter(|hash| *hash != 0) {
            self.insert(hash);
        }
    }

    /// Encodes the filter, and empties the builder. Without hashes it has no bytes.
    pub(in crate::store) fn finish(&mut self) -> Vec<u8> {
        let count = self.taken + usize::from(self.has_zero);
        let bits = count * BITS_PER_HASH;
        let mut bytes = vec![0; bits.div_ceil(8)];
        let length = bytes.len();
        let mut set = |hash: u64| {
            for (byte, bit) in places(hash, length).take(probes(VERSION)) {
                if let Some(byte) = bytes.get_mut(byte) {
                    *byte |= bit;
                }
            }
        };
        for hash in &self.slots {
            if *hash != 0 {
                set(*hash);
            }
        }
        if self.has_zero {
            set(0);
        }
        if self.slots.len() > SLOTS_KEPT_MAX {
            self.slots = vec![];
        }
        self.slots.fill(0);
        (self.taken, self.has_zero) = (0, false);
        bytes
    }
}

/// A filter as it is read.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct BloomFilter<'a> {
    bytes: &'a [u8],
    version: u32,
}

impl<'a> BloomFilter<'a> {
    /// A filter of a file of this format version.
    pub(in crate::store) fn new(bytes: &'a [u8], version: u32) -> Self {
        Self { bytes, version }
    }

    /// False only if the hash was not added.
    pub(in crate::store) fn may_contain(self, hash: u64) -> bool {
        places(hash, self.bytes.len())
            .take(probes(self.version))
            .all(|(byte, bit)| self.bytes.get(byte).is_some_and(|byte| byte & bit != 0))
    }

    /// Whether values with long tokens are looked up by these alone.
    pub(super) fn has_sampled_values(self) -> bool {
        self.version > VERSION_3
    }
}

/// The bits of a hash in a filter of `length` bytes, without end: the index of the byte, and the bit in it.
fn places(hash: u64, length: usize) -> impl Iterator<Item = (usize, u8)> {
    let bits = length as u64 * 8;
    let step = hash >> 32;
    let hashes = std::iter::successors(Some(hash), move |mixed| Some(mixed.wrapping_add(step)));
    hashes.map(move |mixed| {
        let bit = ((mixed & 0xffff_ffff) * bits) >> 32;
        (
            usize::try_from(bit / 8).unwrap_or(usize::MAX),
            1 << (bit % 8),
        )
    })
}

/// How many bits a hash has.
fn probes(version: u32) -> usize {
    if version > VERSION_3 { 5 } else { 4 }
}

/// One hash in seventy that was not added passes. More bits cost more room than the blocks that they save are worth.
const BITS_PER_HASH: usize = 9;
const SLOTS_MIN: usize = 1 << 10;
/// The table of a usual block is kept for the next: 512 KiB.
const SLOTS_KEPT_MAX: usize = 1 << 16;

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
        assert_eq!(filter.len(), 3000 * 9 / 8);
        let filter = BloomFilter::new(&filter, VERSION);
        assert!((0..3000).all(|number| filter.may_contain(mixed(number))));
        let others = 10_000..20_000;
        let passed = others
            .filter(|number| filter.may_contain(mixed(*number)))
            .count();
        assert!((80..220).contains(&passed), "{passed} of 10,000");
    }

    #[test]
    fn an_empty_filter_denies_everything() {
        let filter = BloomBuilder::default().finish();
        assert!(filter.is_empty());
        assert!(!BloomFilter::new(&filter, VERSION).may_contain(1));
    }
}
