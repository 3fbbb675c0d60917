//! Segments: the files of a store, as readers see them.

use super::active::ActiveSegment;
use super::block::Block;
use super::sealed::SealedSegment;
use super::segment_file::SegmentFile;
use super::tally::{self, SourceTally};
use crate::record::Source;
use crate::store::error::Error;
use crate::store::format::index::fields::{FieldTotals, FieldValuesAnywhere};
use crate::store::format::layout::Thinning;
use crate::time::Micros;
use foldhash::fast::FixedState;
use std::hash::BuildHasher as _;
use std::ops::Range;
use std::sync::Arc;

/// A file of the store, sealed or active.
#[derive(Debug)]
pub struct Segment {
    file: Arc<SegmentFile>,
    ids: Range<u64>,
    sources: Arc<Vec<Source>>,
    body: Body,
    thinning: Option<Thinning>,
}

#[derive(Debug)]
pub(in crate::store) enum Body {
    Active(ActiveSegment),
    Sealed(Box<SealedSegment>),
}

impl Segment {
    pub(in crate::store) fn active(
        ids: Range<u64>,
        sources: Arc<Vec<Source>>,
        active: ActiveSegment,
    ) -> Self {
        Self {
            file: active.identity(),
            ids,
            sources,
            body: Body::Active(active),
            thinning: None,
        }
    }

    pub(in crate::store) fn sealed(
        ids: Range<u64>,
        sources: Vec<Source>,
        sealed: SealedSegment,
        thinning: Option<Thinning>,
    ) -> Self {
        Self {
            file: Arc::default(),
            ids,
            sources: Arc::new(sources),
            body: Body::Sealed(Box::new(sealed)),
            thinning,
        }
    }

    /// Its ids.
    #[must_use]
    pub fn ids(&self) -> Range<u64> {
        self.ids.clone()
    }

    /// Whether its file is complete, so that its blocks never change.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        matches!(self.body, Body::Sealed(_))
    }

    pub(crate) fn file(&self) -> &Arc<SegmentFile> {
        &self.file
    }

    /// The number of its first blocks that never change: only the last block of an active file grows.
    pub(crate) fn settled_blocks(&self) -> usize {
        let grows = !self.is_sealed() && self.block_count() > 0;
        self.block_count() - usize::from(grows)
    }

    /// Whether it is a kept segment: only evidence remains of its records.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.thinning.is_some()
    }

    /// The number of records that thinning left out of it.
    #[must_use]
    pub fn thinned(&self) -> u64 {
        self.thinning.map_or(0, |thinning| thinning.removed)
    }

    pub(in crate::store) fn thinning(&self) -> Option<Thinning> {
        self.thinning
    }

    /// The number of records that thinning left out of these ids. If the ids cannot be read, none of the ids counts as left out.
    pub(in crate::store) fn thinned_within(&self, ids: &Range<u64>) -> u64 {
        let ids = ids.start.max(self.ids.start)..ids.end.min(self.ids.end);
        if !self.is_kept() || ids.is_empty() {
            return 0;
        }
        let rows = |from| self.rows_from(from).ok();
        let rows = rows(ids.start).zip(rows(ids.end));
        let all = ids.end - ids.start;
        rows.map_or(0, |(from, after)| {
            all.saturating_sub(from.saturating_sub(after))
        })
    }

    /// The number of its records: less than the number of ids if some were lost.
    #[must_use]
    pub fn rows(&self) -> u64 {
        match &self.body {
            Body::Active(active) => active.rows(),
            Body::Sealed(sealed) => sealed.rows(),
        }
    }

    /// The ids of its records, ascending.
    ///
    /// # Errors
    /// [`Error`] if a block is damaged.
    fn all_ids(&self) -> Result<Vec<u64>, Error> {
        let mut ids = vec![];
        for block in self.blocks() {
            ids.append(&mut block.ids()?);
        }
        ids.sort_unstable();
        Ok(ids)
    }

    /// The number of records with this id or a greater one.
    pub(in crate::store) fn rows_from(&self, id: u64) -> Result<u64, Error> {
        if id <= self.ids.start {
            return Ok(self.rows());
        }
        if id >= self.ids.end {
            return Ok(0);
        }
        if self.is_contiguous() {
            return Ok(self.ids.end.saturating_sub(id));
        }
        let ids = self.all_ids()?;
        Ok((ids.len() - ids.partition_point(|found| *found < id)) as u64)
    }

    /// The id of the record that is followed by `newer` records; `None` if the segment has no more than these. If the ids of a block
    /// cannot be read, its last possible ids are used instead, and the first error is stored in `damage`.
    pub(in crate::store) fn id_before(
        &self,
        newer: u64,
        damage: &mut Option<Error>,
    ) -> Option<u64> {
        if self.rows() <= newer {
            return None;
        }
        if self.is_contiguous() {
            return (self.ids.end - newer).checked_sub(1);
        }
        let mut ids = vec![];
        for block in self.blocks() {
            let summary = block.summary();
            let end = summary.ids.end;
            let assumed = end.saturating_sub(summary.rows.into())..end;
            match block.ids() {
                Ok(mut found) => ids.append(&mut found),
                Err(error) => {
                    damage.get_or_insert(error);
                    ids.extend(assumed);
                }
            }
        }
        ids.sort_unstable();
        let newer = usize::try_from(newer).unwrap_or(usize::MAX);
        ids.iter().rev().nth(newer).copied()
    }

    /// Whether no id within its range is missing.
    fn is_contiguous(&self) -> bool {
        self.rows() == self.ids.end - self.ids.start
    }

    /// The earliest and the latest time of its records; `None` if it has none.
    #[must_use]
    pub fn times(&self) -> Option<(Micros, Micros)> {
        match &self.body {
            Body::Active(_) => earliest_and_latest(self.blocks()),
            Body::Sealed(sealed) => *sealed
                .times
                .get_or_init(|| earliest_and_latest(self.blocks())),
        }
    }

    /// The sources that blocks refer to by index.
    #[must_use]
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// The number of the source with this name. Of a sealed segment with many sources, short hashes of the names are compared: the names
    /// are all over the memory.
    #[must_use]
    pub fn source_number(&self, name: &str) -> Option<u32> {
        let is_named = |number: &u32| {
            let source = self.sources.get(*number as usize);
            source.is_some_and(|source| source.as_str() == name)
        };
        let count = u32::try_from(self.sources.len()).unwrap_or(u32::MAX);
        let Body::Sealed(sealed) = &self.body else {
            return (0..count).find(is_named);
        };
        let hashes = sealed.source_hashes.get_or_init(|| {
            let names = self.sources.iter().map(Source::as_str);
            names.map(short_hash).collect()
        });
        let wanted = short_hash(name);
        let alike = (0..count).zip(hashes).filter(|(_, hash)| **hash == wanted);
        alike.map(|(number, _)| number).find(is_named)
    }

    /// The number of blocks.
    #[must_use]
    pub fn block_count(&self) -> usize {
        match &self.body {
            Body::Active(active) => active.block_count(),
            Body::Sealed(sealed) => sealed.block_count(),
        }
    }

    /// One block.
    ///
    /// # Panics
    /// If `index >= block_count()`.
    #[must_use]
    pub fn block(&self, index: usize) -> Block<'_> {
        let block = match &self.body {
            Body::Active(active) => Block::active(&self.sources, active, index),
            Body::Sealed(sealed) => Block::sealed(&self.sources, sealed, index),
        };
        block.unwrap_or_else(|| panic!("block {index} of {}", self.block_count()))
    }

    /// The counts of its rows by source, ascending by number. Only blocks of several sources are read, once.
    ///
    /// # Errors
    /// [`Error`] if a block that must be read is damaged.
    pub fn tallies(&self) -> Result<Arc<Vec<SourceTally>>, Error> {
        match &self.body {
            Body::Active(active) => Ok(Arc::new(active.tallies())),
            Body::Sealed(sealed) => {
                if let Some(known) = sealed.tallies.get() {
                    return Ok(Arc::clone(known));
                }
                let found = Arc::new(self.count_blocks()?);
                Ok(Arc::clone(sealed.tallies.get_or_init(|| found)))
            }
        }
    }

    fn count_blocks(&self) -> Result<Vec<SourceTally>, Error> {
        let mut all = vec![];
        for block in self.blocks() {
            let summary = block.summary();
            let part = if let Some(source) = summary.source {
                vec![SourceTally {
                    source,
                    levels: summary.levels.map(u64::from),
                    last: *summary.times.end(),
                }]
            } else {
                let sources = block.sources()?.unwrap_or_default();
                let rows = sources.into_iter().zip(block.timestamps()?);
                let rows = rows.zip(block.levels()?);
                tally::of_rows(rows.map(|((source, time), level)| (source, time, level)))
            };
            all = tally::merged(&all, &part);
        }
        Ok(all)
    }

    /// The keys of the metadata with the rows that have them; `None` if that is not known.
    #[must_use]
    pub fn field_keys(&self) -> Option<Vec<(&str, u64)>> {
        match &self.body {
            Body::Active(_) => None,
            Body::Sealed(sealed) => sealed.fields()?.keys(),
        }
    }

    /// What is known about a key of the metadata in all blocks together.
    #[must_use]
    pub fn field_totals(&self, key: &str) -> FieldTotals<'_> {
        match &self.body {
            Body::Active(_) => FieldTotals::Unknown,
            Body::Sealed(sealed) => match sealed.fields() {
                Some(fields) => fields.totals(key),
                None => FieldTotals::Unknown,
            },
        }
    }

    /// Which values of a key of the metadata there are in any block.
    #[must_use]
    pub fn field_values(&self, key: &str) -> FieldValuesAnywhere<'_> {
        let fields = match &self.body {
            Body::Active(_) => None,
            Body::Sealed(sealed) => sealed.fields(),
        };
        fields.map_or(FieldValuesAnywhere::Unknown, |fields| fields.anywhere(key))
    }

    /// All blocks, in the order of the file.
    #[must_use]
    pub fn blocks(&self) -> impl DoubleEndedIterator<Item = Block<'_>> + ExactSizeIterator {
        (0..self.block_count()).map(|index| self.block(index))
    }

    pub(in crate::store) fn body(&self) -> &Body {
        &self.body
    }
}

fn earliest_and_latest<'b>(blocks: impl Iterator<Item = Block<'b>>) -> Option<(Micros, Micros)> {
    let of_block = blocks.map(|block| {
        let times = &block.summary().times;
        (*times.start(), *times.end())
    });
    of_block.reduce(|(start, end), (other_start, other_end)| {
        (start.min(other_start), end.max(other_end))
    })
}

#[expect(clippy::cast_possible_truncation, reason = "a part of a hash is one")]
fn short_hash(name: &str) -> u32 {
    FixedState::default().hash_one(name) as u32
}
