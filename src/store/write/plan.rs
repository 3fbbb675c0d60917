//! The assignment of the rows of an active file to the blocks of the sealed one.
//!
//! Records of one source are similar: together they compress a quarter better than in order of arrival. Three rules: a block has one
//! source; sources that are too small to fill a block share blocks, next to those with similar names; and the newest rows of all
//! sources share a block, so that the last page of a store needs one small block instead of a large block of each source.

use crate::record::Source;
use crate::store::read::weights::{NEWEST_ROWS, RowWeight, SourceWeight, Weights};

/// Assigns rows, one after another, to blocks. Several blocks are filled at the same time, each in a slot.
#[derive(Debug)]
pub(in crate::store) struct Planner {
    slots: Vec<BlockSlot>,
    /// The slot of each source.
    slot_of: Vec<usize>,
    /// The slot of the newest rows.
    newest_slot: usize,
    /// How many rows come before the newest ones.
    rows_before_newest: u64,
}

/// A block that is being filled.
#[derive(Debug)]
struct BlockSlot {
    /// The size of messages and metadata at which the block is full.
    target: u64,
    bytes: u64,
    rows: usize,
}

impl BlockSlot {
    fn new(target: u64) -> Self {
        Self {
            target,
            bytes: 0,
            rows: 0,
        }
    }
}

/// The place of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct RowPlacement {
    pub(in crate::store) slot: usize,
    /// Whether the block in the slot is full with this row: the next row of the slot begins another block.
    pub(in crate::store) is_full: bool,
}

impl Planner {
    /// A plan for rows with these weights. `names`: the sources by number.
    pub(in crate::store) fn new(weights: &Weights, names: &[Source]) -> Self {
        let newest_rows = newest_rows(weights);
        let mut totals = weights.sources().to_vec();
        for row in weights.newest().rev().take(newest_rows) {
            if let Some(total) = totals.get_mut(row.source as usize) {
                total.rows = total.rows.saturating_sub(1);
                total.bytes = total.bytes.saturating_sub(row.bytes);
            }
        }
        let mut slots = vec![];
        let mut slot_of = vec![0; totals.len()];
        let mut small = vec![];
        for (number, total) in totals.iter().enumerate() {
            if is_small(total) {
                small.push(number);
            } else if let Some(slot) = slot_of.get_mut(number) {
                *slot = slots.len();
                slots.push(BlockSlot::new(target(total.bytes)));
            }
        }
        small.sort_by_key(|number| names.get(*number));
        let all_small = small.iter().filter_map(|number| totals.get(*number));
        let target = target(all_small.map(|total| total.bytes).sum());
        let mut shared: Option<SourceWeight> = None;
        for number in small {
            let own = totals.get(number).copied().unwrap_or_default();
            let fits = |open: &SourceWeight| {
                open.bytes < target && open.rows + own.rows <= BLOCK_ROWS as u64
            };
            let open = shared.take().filter(fits).unwrap_or_else(|| {
                // Its sources are chosen so that it is not full before the end.
                slots.push(BlockSlot::new(u64::MAX));
                SourceWeight::default()
            });
            shared = Some(SourceWeight {
                rows: open.rows + own.rows,
                bytes: open.bytes + own.bytes,
            });
            if let Some(slot) = slot_of.get_mut(number) {
                *slot = slots.len() - 1;
            }
        }
        let newest_slot = slots.len();
        slots.push(BlockSlot::new(u64::MAX));
        Self {
            slots,
            slot_of,
            newest_slot,
            rows_before_newest: weights.rows().saturating_sub(newest_rows as u64),
        }
    }

    /// The number of slots. That of the newest rows is the last one.
    pub(in crate::store) fn slots(&self) -> usize {
        self.slots.len()
    }

    /// The place of the next row.
    pub(in crate::store) fn place(&mut self, row: RowWeight) -> RowPlacement {
        let is_newest = self.rows_before_newest == 0;
        self.rows_before_newest = self.rows_before_newest.saturating_sub(1);
        let own = self.slot_of.get(row.source as usize).copied();
        let index = own.filter(|_| !is_newest).unwrap_or(self.newest_slot);
        let Some(slot) = self.slots.get_mut(index) else {
            return RowPlacement {
                slot: 0,
                is_full: false,
            };
        };
        slot.bytes += row.bytes;
        slot.rows += 1;
        let is_full = slot.bytes >= slot.target || slot.rows >= BLOCK_ROWS;
        if is_full {
            (slot.bytes, slot.rows) = (0, 0);
        }
        RowPlacement {
            slot: index,
            is_full,
        }
    }
}

/// The number of the last rows that share a block.
fn newest_rows(weights: &Weights) -> usize {
    let share = usize::try_from(weights.rows() / NEWEST_SHARE).unwrap_or(usize::MAX);
    let mut bytes = 0;
    let newest = weights.newest().rev().take(NEWEST_ROWS.min(share));
    newest
        .take_while(|row| {
            bytes += row.bytes;
            bytes <= NEWEST_BYTES
        })
        .count()
}

fn is_small(total: &SourceWeight) -> bool {
    total.bytes < SMALL_BYTES && total.rows < SMALL_ROWS
}

/// The size of each block, so that all blocks of these bytes have about one size.
fn target(bytes: u64) -> u64 {
    bytes.div_ceil(bytes.div_ceil(BLOCK_BYTES).max(1))
}

/// The size of messages and metadata in a full block: about 256 KiB of messages with the usual metadata. Smaller blocks compress
/// worse; larger ones slow down a page that needs a few rows of each source.
const BLOCK_BYTES: u64 = 384 << 10;
/// The rows of a full block, for records without content.
const BLOCK_ROWS: usize = 8192;
/// A smaller source shares blocks: a block of its own would be mostly overhead.
const SMALL_BYTES: u64 = 24 << 10;
const SMALL_ROWS: u64 = 1024;
/// The size of the newest rows that share a block: a few pages of the usual size.
const NEWEST_BYTES: u64 = 128 << 10;
/// The share of rows for that block, since they compress less.
const NEWEST_SHARE: u64 = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, Default)]
    struct Block {
        rows: Vec<usize>,
        sources: Vec<u32>,
    }

    /// The blocks of rows with these sources and sizes.
    fn plan(rows: &[(u32, u64)]) -> Vec<Block> {
        let sources = rows.iter().map(|(source, _)| *source).max();
        let names: Vec<Source> = (0..=sources.unwrap_or(0))
            .map(|number| Source::new("docker", &format!("c{number:05}")))
            .collect();
        let rows = || {
            let rows = rows.iter();
            rows.map(|(source, bytes)| RowWeight {
                source: *source,
                bytes: *bytes,
            })
        };
        let mut weights = Weights::default();
        rows().for_each(|row| weights.add(row));
        let mut planner = Planner::new(&weights, &names);
        let mut open: Vec<Block> = (0..planner.slots()).map(|_| Block::default()).collect();
        let mut blocks = vec![];
        for (number, row) in rows().enumerate() {
            let RowPlacement { slot, is_full } = planner.place(row);
            open[slot].rows.push(number);
            open[slot].sources.push(row.source);
            if is_full {
                blocks.push(std::mem::take(&mut open[slot]));
            }
        }
        blocks.extend(open.into_iter().filter(|block| !block.rows.is_empty()));
        for block in &mut blocks {
            block.sources.sort_unstable();
            block.sources.dedup();
        }
        blocks
    }

    #[test]
    fn large_sources_have_own_blocks_of_equal_size() {
        let rows: Vec<_> = (0..8000).map(|i| (i % 2, 150)).collect();
        let blocks = plan(&rows);
        let (own, shared): (Vec<_>, Vec<_>) =
            blocks.iter().partition(|block| block.sources.len() == 1);
        assert_eq!(own.len(), 4, "two of each source");
        let sizes: Vec<_> = own.iter().map(|block| block.rows.len()).collect();
        assert!(
            sizes.iter().max().unwrap() - sizes.iter().min().unwrap() < 3,
            "{sizes:?}"
        );
        assert_eq!(shared.len(), 1, "the newest rows");
        assert_eq!(shared[0].rows, (8000 - 512..8000).collect::<Vec<_>>());
    }

    #[test]
    fn small_sources_share_blocks_next_to_similar_names() {
        let few: Vec<_> = (0..1000).map(|i| (i, 100)).collect();
        assert_eq!(plan(&few).len(), 2, "the shared block and the newest rows");
        let many: Vec<_> = (0..60_000).map(|i| (i * 7919 % 10_000, 200)).collect();
        let mut blocks = plan(&many);
        assert_eq!(blocks.pop().unwrap().rows.len(), 512, "the newest rows");
        assert_eq!(blocks.len(), 31);
        for (before, after) in blocks.iter().zip(&blocks[1..]) {
            assert!(before.sources.last() < after.sources.first());
        }
    }

    #[test]
    fn no_rows_and_very_large_rows_are_planned() {
        assert!(plan(&[]).is_empty());
        let blocks = plan(&[(0, 16 << 20), (0, 16 << 20), (1, 0)]);
        assert_eq!(
            blocks.iter().map(|block| block.rows.len()).sum::<usize>(),
            3
        );
    }

    proptest! {
        #[test]
        fn every_row_is_in_one_block_in_order(
            sources in prop::collection::vec((0u32..20, 0u64..3000), 0..3000),
            factor in 1u64..100,
        ) {
            let rows: Vec<_> = sources.iter().map(|(source, bytes)| (*source, bytes * factor)).collect();
            let mut all = vec![];
            for block in plan(&rows) {
                prop_assert!(block.rows.is_sorted());
                prop_assert!(!block.rows.is_empty() && block.rows.len() <= BLOCK_ROWS);
                all.extend(block.rows);
            }
            all.sort_unstable();
            prop_assert_eq!(all, (0..rows.len()).collect::<Vec<_>>());
        }
    }
}
