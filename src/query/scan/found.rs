//! Where texts were found in the messages and in the metadata of settled blocks, kept from question to question: a page, its histogram
//! and both again some seconds later look for the same text, and a settled block never changes.

use crate::query::text::search::TextKey;
use crate::store::{Segment, SegmentFile};
use std::collections::HashMap;
use std::sync::{Arc, Weak};

/// Memory of all answers: ten texts in the messages of a million records, or five in their metadata too.
const BYTES_MAX: usize = 2 << 20;
/// The overhead of an answer.
const ANSWER_BYTES: usize = 96;

/// A bit for each row of a block, or none at all if no row has the text.
pub(in crate::query) type RowBits = Arc<[u64]>;

/// The answers for each text.
#[derive(Debug, Default)]
pub(in crate::query) struct FoundTexts {
    /// The most recently used text is last.
    texts: Vec<FoundText>,
    bytes: usize,
}

#[derive(Debug)]
struct FoundText {
    key: TextKey,
    /// By the address of the segment's file, and the number of the block in it.
    blocks: HashMap<(usize, usize), FoundRows>,
    bytes: usize,
}

#[derive(Debug)]
struct FoundRows {
    /// Holding it ensures that no other file gets the same address.
    file: Weak<SegmentFile>,
    rows: RowBits,
}

impl FoundTexts {
    /// The rows of a block that have a text, if that is known.
    pub(in crate::query) fn get(
        &mut self,
        key: &TextKey,
        segment: &Segment,
        block: usize,
    ) -> Option<RowBits> {
        let at = self.texts.iter().rposition(|text| text.key == *key)?;
        let text = self.texts.get(at)?;
        let found = text.blocks.get(&(address(segment), block))?;
        let rows = Arc::clone(&found.rows);
        if at + 1 < self.texts.len() {
            let text = self.texts.remove(at);
            self.texts.push(text);
        }
        Some(rows)
    }

    /// Keeps the rows (ascending) of a block of `row_count` rows that have a text.
    pub(in crate::query) fn put(
        &mut self,
        key: TextKey,
        segment: &Segment,
        block: usize,
        rows: &[u32],
        row_count: u32,
    ) {
        let rows = bits(rows, row_count);
        let bytes = bytes_of(&rows);
        self.make_room(&key, bytes);
        if self.bytes + bytes > BYTES_MAX {
            return;
        }
        let known = self.texts.iter().rposition(|text| text.key == key);
        let at = known.unwrap_or_else(|| {
            self.texts.push(FoundText {
                key,
                blocks: HashMap::new(),
                bytes: 0,
            });
            self.texts.len() - 1
        });
        let Some(text) = self.texts.get_mut(at) else {
            return;
        };
        let found = FoundRows {
            file: Arc::downgrade(segment.file()),
            rows,
        };
        let before = text.blocks.insert((address(segment), block), found);
        let freed = before.map_or(0, |found| bytes_of(&found.rows));
        text.bytes = text.bytes + bytes - freed;
        self.bytes = self.bytes + bytes - freed;
    }

    /// Drops the answers of segments that are gone, and then the texts that were used first, except `key`.
    fn make_room(&mut self, key: &TextKey, bytes: usize) {
        if self.bytes + bytes <= BYTES_MAX {
            return;
        }
        for text in &mut self.texts {
            text.blocks.retain(|_, found| found.file.strong_count() > 0);
            let left = text.blocks.values();
            text.bytes = left.map(|found| bytes_of(&found.rows)).sum();
        }
        self.bytes = self.texts.iter().map(|text| text.bytes).sum();
        while self.bytes + bytes > BYTES_MAX {
            let Some(oldest) = self.texts.iter().position(|text| text.key != *key) else {
                return;
            };
            self.bytes -= self.texts.remove(oldest).bytes;
        }
    }
}

/// Whether a row is among those of an answer.
pub(in crate::query) fn has_row(bits: &[u64], row: u32) -> bool {
    let word = bits.get(row as usize / 64);
    word.is_some_and(|word| word >> (row % 64) & 1 == 1)
}

/// The rows of an answer, ascending.
pub(in crate::query) fn rows_of(bits: &[u64]) -> Vec<u32> {
    let mut rows = Vec::new();
    for (base, word) in (0..).step_by(64).zip(bits) {
        let mut left = *word;
        while left != 0 {
            rows.push(base + left.trailing_zeros());
            left &= left - 1;
        }
    }
    rows
}

fn bits(rows: &[u32], row_count: u32) -> RowBits {
    if rows.is_empty() {
        return Arc::default();
    }
    let mut bits = vec![0; (row_count as usize).div_ceil(64)];
    for row in rows {
        if let Some(word) = bits.get_mut(*row as usize / 64) {
            *word |= 1 << (row % 64);
        }
    }
    Arc::from(bits)
}

fn bytes_of(rows: &RowBits) -> usize {
    ANSWER_BYTES + rows.len() * 8
}

fn address(segment: &Segment) -> usize {
    Arc::as_ptr(segment.file()).addr()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn bits_hold_rows(rows in prop::collection::btree_set(0u32..500, 0..100)) {
            let all: Vec<u32> = rows.iter().copied().collect();
            let bits = bits(&all, 500);
            prop_assert_eq!(rows_of(&bits), all);
            let found: BTreeSet<u32> = (0..600).filter(|row| has_row(&bits, *row)).collect();
            prop_assert_eq!(found, rows);
        }
    }
}
