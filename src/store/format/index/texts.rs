//! Distinct texts, numbered in order of appearance.

use foldhash::fast::RandomState;
use std::hash::BuildHasher;
use std::ops::Range;

/// Distinct texts, one after another in one buffer. Blocks have thousands of values, of which each would be an allocation.
#[derive(Debug, Default)]
pub(in crate::store) struct TextSet {
    text: String,
    entries: Vec<TextEntry>,
    /// Numbers plus one by hash, with open addressing; 0 is a free slot. Empty while there are few texts, which are compared one by
    /// one. The length is a power of two.
    slots: Vec<u32>,
    state: RandomState,
}

#[derive(Debug)]
struct TextEntry {
    hash: u64,
    place: Range<u32>,
}

impl TextSet {
    pub(in crate::store) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The bytes of all texts.
    pub(in crate::store) fn bytes(&self) -> usize {
        self.text.len()
    }

    /// The texts in order of their numbers.
    pub(in crate::store) fn iter(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| self.slice(entry))
    }

    /// The number of a text.
    pub(in crate::store) fn find(&self, text: &str) -> Option<u32> {
        if self.slots.is_empty() {
            let found = self.iter().position(|known| known == text)?;
            return u32::try_from(found).ok();
        }
        self.probe(self.state.hash_one(text), text).ok()
    }

    /// The number of a text, which is added unless it is there. The set must have fewer than 2^32 bytes.
    pub(in crate::store) fn insert(&mut self, text: &str) -> Option<u32> {
        if let Some(number) = self.find(text) {
            return Some(number);
        }
        let number = u32::try_from(self.entries.len()).ok()?;
        let start = u32::try_from(self.text.len()).ok()?;
        self.text.push_str(text);
        self.entries.push(TextEntry {
            hash: self.state.hash_one(text),
            place: start..u32::try_from(self.text.len()).ok()?,
        });
        if self.entries.len() > FEW && self.entries.len() * 2 > self.slots.len() {
            self.grow();
        } else if !self.slots.is_empty() {
            self.link(number);
        }
        Some(number)
    }

    fn slice(&self, entry: &TextEntry) -> &str {
        let place = entry.place.start as usize..entry.place.end as usize;
        self.text.get(place).unwrap_or_default()
    }

    /// The number of the text, or the free slot for it.
    fn probe(&self, hash: u64, text: &str) -> Result<u32, usize> {
        let mask = self.slots.len().wrapping_sub(1);
        let mut slot = low(hash) & mask;
        loop {
            let Some(number) = self.slots.get(slot).copied().unwrap_or(0).checked_sub(1) else {
                return Err(slot);
            };
            let entry = self.entries.get(number as usize);
            if entry.is_some_and(|entry| entry.hash == hash && self.slice(entry) == text) {
                return Ok(number);
            }
            slot = (slot + 1) & mask;
        }
    }

    fn grow(&mut self) {
        self.slots = vec![0; (self.entries.len() * 4).next_power_of_two()];
        for number in (0..).take(self.entries.len()) {
            self.link(number);
        }
    }

    /// Puts a number, whose text no slot has, into the next free slot.
    fn link(&mut self, number: u32) {
        let mask = self.slots.len().wrapping_sub(1);
        let hash = self.entries.get(number as usize).map(|entry| entry.hash);
        let mut slot = low(hash.unwrap_or_default()) & mask;
        while let Some(found) = self.slots.get_mut(slot) {
            if *found == 0 {
                *found = number + 1;
                return;
            }
            slot = (slot + 1) & mask;
        }
    }
}

fn low(hash: u64) -> usize {
    usize::try_from(hash & 0xffff_ffff).unwrap_or_default()
}

/// This number of texts is compared faster than hashed.
const FEW: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_texts_in_order_of_appearance() {
        let mut set = TextSet::default();
        for round in 0..2 {
            for number in 0..3000_u32 {
                let found = set.insert(&number.to_string());
                assert_eq!(found, Some(number), "round {round}");
            }
        }
        assert_eq!((set.len(), set.bytes()), (3000, 10 + 180 + 2700 + 8000));
        assert_eq!(set.find("2999"), Some(2999));
        assert_eq!((set.find("3000"), set.find("")), (None, None));
        assert_eq!(set.iter().nth(41), Some("41"));
    }
}
