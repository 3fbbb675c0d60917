//! Groups: consecutive frames of an active file, which readers see as a block.

use super::tally::{self, SourceTally};
use crate::store::format::batch::BatchColumns;
use crate::store::format::index::bloom::BloomFilter;
use crate::store::format::index::fields::FieldTable;
use crate::store::format::layout::VERSION;
use crate::store::format::payload::BatchPayload;
use crate::store::format::summary::Summary;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// Consecutive frames. A stream of compressed batches is within one group.
#[derive(Debug, Clone)]
pub(in crate::store) struct Group {
    pub(in crate::store) summary: Summary,
    /// The counts of its rows by source.
    pub(super) tallies: Arc<Vec<SourceTally>>,
    /// The range of its frames in the file.
    pub(super) bytes: Range<u64>,
    /// The size of its batches, uncompressed.
    raw_length: u64,
    /// Whether no more frames are added to it.
    pub(super) is_full: bool,
    /// Of a full group, once a query needed it; `None` if the group cannot be read.
    pub(super) index: OnceLock<Option<Arc<GroupIndex>>>,
}

/// The same as the footer of a sealed segment has for a block.
#[derive(Debug)]
pub(super) struct GroupIndex {
    pub(super) bitmap: Vec<u8>,
    pub(super) filter: Vec<u8>,
    pub(super) fields: FieldTable,
}

impl GroupIndex {
    pub(super) fn filter(&self) -> BloomFilter<'_> {
        BloomFilter::new(&self.filter, VERSION)
    }
}

impl Group {
    /// A group of one frame, which takes `bytes` of the file; `None` if its batch has no rows.
    pub(super) fn new(payload: &BatchPayload<'_>, bytes: Range<u64>) -> Option<Self> {
        let mut group = Self {
            summary: summarize(&payload.columns)?,
            tallies: Arc::new(tallies_of(&payload.columns)),
            bytes,
            raw_length: payload.raw_length,
            is_full: false,
            index: OnceLock::new(),
        };
        group.fill();
        Some(group)
    }

    /// The group with the frames of another one that follow directly.
    pub(super) fn extended(&self, more: &Self) -> Self {
        let (own, other) = (&self.summary, &more.summary);
        let mut levels = own.levels;
        for (total, count) in levels.iter_mut().zip(other.levels) {
            *total += count;
        }
        let start = *own.times.start().min(other.times.start());
        let end = *own.times.end().max(other.times.end());
        let mut group = Self {
            summary: Summary {
                source: own.source.filter(|_| own.source == other.source),
                rows: own.rows + other.rows,
                ids: own.ids.start..other.ids.end,
                times: start..=end,
                levels,
            },
            tallies: Arc::new(tally::merged(&self.tallies, &more.tallies)),
            bytes: self.bytes.start..more.bytes.end,
            raw_length: self.raw_length + more.raw_length,
            is_full: false,
            index: OnceLock::new(),
        };
        group.fill();
        group
    }

    fn fill(&mut self) {
        self.is_full = self.raw_length >= GROUP_BYTES || self.summary.rows >= GROUP_ROWS;
    }

    /// The counts of its rows by source.
    pub(super) fn tallies(&self) -> &[SourceTally] {
        &self.tallies
    }

    /// Whether a row has this source.
    pub(super) fn has_source(&self, source: u32) -> bool {
        let found = self
            .tallies
            .binary_search_by_key(&source, |tally| tally.source);
        found.is_ok()
    }

    /// The offset of its first frame in the file.
    pub(in crate::store) fn start(&self) -> u64 {
        self.bytes.start
    }

    /// The size of its batches in bytes, uncompressed: an upper bound of the size of its messages and metadata.
    pub(in crate::store) fn raw_length(&self) -> u64 {
        self.raw_length
    }
}

fn tallies_of(batch: &BatchColumns<'_>) -> Vec<SourceTally> {
    let rows = batch.sources().zip(batch.timestamps()).zip(batch.levels());
    tally::of_rows(rows.filter_map(|((source, time), level)| Some((source, time, level?))))
}

/// `None` for a batch without rows.
fn summarize(batch: &BatchColumns<'_>) -> Option<Summary> {
    let first = batch.sources().next()?;
    let same = batch.sources().all(|source| source == first);
    let mut levels = [0; 4];
    for level in batch.levels().flatten() {
        if let Some(count) = levels.get_mut(level.index()) {
            *count += 1;
        }
    }
    Some(Summary {
        source: same.then_some(first),
        rows: u32::try_from(batch.rows()).unwrap_or(u32::MAX),
        ids: batch.ids(),
        times: batch.timestamps().min()?..=batch.timestamps().max()?,
        levels,
    })
}

/// The size of a full group: large enough for its index to be a small part, small enough to be read again for a few records. A damaged
/// byte costs the rest of a stream, and so of a group.
const GROUP_BYTES: u64 = 256 << 10;
/// The rows of a full group, for records without text.
const GROUP_ROWS: u32 = 4096;
