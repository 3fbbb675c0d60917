//! The assignment of the rows of an active file to the blocks of the sealed one.
//!
//! Records of one source are similar: together they compress a quarter better than in order of arrival. Three rules: a block has one
//! source; sources that are too small to fill a block share blocks; and the newest rows of all sources share a block, so that the
//! last page of a store needs one small block instead of a large block of each source.

/// A row, as far as planning needs it.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Weight {
    pub(in crate::store) source: u32,
    /// The size of message and metadata in bytes.
    pub(in crate::store) bytes: u64,
}

/// The rows of a block, ascending.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::store) struct Plan {
    pub(in crate::store) rows: Vec<u32>,
    bytes: u64,
}

/// Assigns rows, which are in order of id, to blocks.
pub(in crate::store) fn plan(rows: &[Weight]) -> Vec<Plan> {
    let (body, tail) = rows.split_at(rows.len() - tail_rows(rows));
    let mut totals: Vec<Total> = vec![];
    for row in body {
        let index = row.source as usize;
        if totals.len() <= index {
            totals.resize_with(index + 1, Total::default);
        }
        if let Some(total) = totals.get_mut(index) {
            total.bytes += row.bytes;
            total.rows += 1;
        }
    }
    let mut plans = Plans::default();
    for (number, row) in (0..).zip(body) {
        match totals.get_mut(row.source as usize) {
            Some(total) if !total.is_small() => {
                let target = total.target();
                plans.add(&mut total.open, target, number, row.bytes);
            }
            _ => plans.add_shared(number, row.bytes),
        }
    }
    plans.shared = None;
    for (number, row) in (0..).zip(rows).skip(body.len()) {
        plans.add_shared(number, row.bytes);
    }
    debug_assert_eq!(tail.len() + body.len(), rows.len());
    plans.all
}

/// The number of the last rows that share a block.
fn tail_rows(rows: &[Weight]) -> usize {
    let mut bytes = 0;
    rows.iter()
        .rev()
        .take(TAIL_ROWS.min(rows.len() / TAIL_SHARE))
        .take_while(|row| {
            bytes += row.bytes;
            bytes <= TAIL_BYTES
        })
        .count()
}

#[derive(Debug, Default)]
struct Total {
    bytes: u64,
    rows: u64,
    open: Option<usize>,
}

impl Total {
    fn is_small(&self) -> bool {
        self.bytes < SMALL_BYTES && self.rows < SMALL_ROWS
    }

    /// All blocks of a source have about one size: none is small.
    fn target(&self) -> u64 {
        self.bytes.div_ceil(self.bytes.div_ceil(BLOCK_BYTES).max(1))
    }
}

#[derive(Debug, Default)]
struct Plans {
    all: Vec<Plan>,
    shared: Option<usize>,
}

impl Plans {
    fn add_shared(&mut self, row: u32, bytes: u64) {
        let mut open = self.shared;
        self.add(&mut open, BLOCK_BYTES, row, bytes);
        self.shared = open;
    }

    /// Adds a row to the open plan, or a new one; closes it when it is full.
    fn add(&mut self, open: &mut Option<usize>, target: u64, row: u32, bytes: u64) {
        let index = *open.get_or_insert_with(|| {
            self.all.push(Plan::default());
            self.all.len() - 1
        });
        let Some(plan) = self.all.get_mut(index) else {
            return;
        };
        plan.rows.push(row);
        plan.bytes += bytes;
        if plan.bytes >= target || plan.rows.len() >= BLOCK_ROWS {
            *open = None;
        }
    }
}

/// The size of messages and metadata in a full block: about 256 KiB of messages with the usual metadata. Smaller blocks compress
/// worse; larger ones slow down a page that needs a few rows of each source.
const BLOCK_BYTES: u64 = 384 << 10;
/// The rows of a full block, for records without content.
const BLOCK_ROWS: usize = 8192;
/// A smaller source shares blocks: a block of its own would be mostly overhead.
const SMALL_BYTES: u64 = 24 << 10;
const SMALL_ROWS: u64 = 1024;
/// The maximum number of newest rows that share a block: a few pages of the usual size.
const TAIL_ROWS: usize = 512;
const TAIL_BYTES: u64 = 128 << 10;
/// The share of rows for that block, since they compress less.
const TAIL_SHARE: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn weights(sources: &[(u32, u64)]) -> Vec<Weight> {
        sources
            .iter()
            .map(|(source, bytes)| Weight {
                source: *source,
                bytes: *bytes,
            })
            .collect()
    }

    fn sources_of(plan: &Plan, rows: &[Weight]) -> Vec<u32> {
        let mut sources: Vec<u32> = plan
            .rows
            .iter()
            .map(|row| rows[*row as usize].source)
            .collect();
        sources.sort_unstable();
        sources.dedup();
        sources
    }

    #[test]
    fn large_sources_have_own_blocks_of_equal_size() {
        let rows: Vec<_> = (0..8000).map(|i| (i % 2, 150)).collect();
        let rows = weights(&rows);
        let plans = plan(&rows);
        let own: Vec<_> = plans
            .iter()
            .filter(|plan| sources_of(plan, &rows).len() == 1)
            .collect();
        assert_eq!(own.len(), 4, "two of each source");
        let tail = plans.last().unwrap();
        assert_eq!(sources_of(tail, &rows), [0, 1]);
        assert_eq!(tail.rows.len(), 512);
        let sizes: Vec<_> = own.iter().map(|plan| plan.rows.len()).collect();
        assert!(
            sizes.iter().max().unwrap() - sizes.iter().min().unwrap() < 3,
            "{sizes:?}"
        );
    }

    #[test]
    fn small_sources_share_blocks() {
        let rows: Vec<_> = (0..1000).map(|i| (i, 100)).collect();
        let plans = plan(&weights(&rows));
        assert_eq!(plans.len(), 2, "the shared block and the newest rows");
    }

    #[test]
    fn no_rows_and_very_large_rows_are_planned() {
        assert_eq!(plan(&[]), []);
        let plans = plan(&weights(&[(0, 16 << 20), (0, 16 << 20), (1, 0)]));
        assert_eq!(plans.iter().map(|plan| plan.rows.len()).sum::<usize>(), 3);
    }

    proptest! {
        #[test]
        fn every_row_is_in_one_plan_in_order(
            sources in prop::collection::vec((0u32..20, 0u64..3000), 0..3000),
            factor in 1u64..100,
        ) {
            let rows: Vec<_> = sources.iter().map(|(source, bytes)| (*source, bytes * factor)).collect();
            let plans = plan(&weights(&rows));
            let mut all: Vec<u32> = vec![];
            for plan in &plans {
                prop_assert!(plan.rows.is_sorted());
                prop_assert!(!plan.rows.is_empty() && plan.rows.len() <= BLOCK_ROWS);
                all.extend(&plan.rows);
            }
            all.sort_unstable();
            let expected: Vec<u32> = (0..).take(rows.len()).collect();
            prop_assert_eq!(all, expected);
        }
    }
}
