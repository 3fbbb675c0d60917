//! Segments: what a file of the store is to readers, sealed or active.

use super::active::ActiveSegment;
use super::block::Block;
use super::error::Error;
use super::sealed::SealedSegment;
use super::tally::{self, SourceTally};
use crate::record::Source;
use std::ops::Range;
use std::sync::Arc;

/// Sealed or active: the same to a reader.
#[derive(Debug)]
pub struct Segment {
    ids: Range<u64>,
    sources: Arc<Vec<Source>>,
    body: Body,
}

#[derive(Debug)]
pub(super) enum Body {
    Active(ActiveSegment),
    Sealed(SealedSegment),
}

impl Segment {
    pub(super) fn active(
        ids: Range<u64>,
        sources: Arc<Vec<Source>>,
        active: ActiveSegment,
    ) -> Self {
        Self {
            ids,
            sources,
            body: Body::Active(active),
        }
    }

    pub(super) fn sealed(ids: Range<u64>, sources: Vec<Source>, sealed: SealedSegment) -> Self {
        Self {
            ids,
            sources: Arc::new(sources),
            body: Body::Sealed(sealed),
        }
    }

    /// The ids it holds.
    #[must_use]
    pub fn ids(&self) -> Range<u64> {
        self.ids.clone()
    }

    /// The sources that blocks name by index.
    #[must_use]
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// How many blocks.
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
    /// When `index >= block_count()`.
    #[must_use]
    pub fn block(&self, index: usize) -> Block<'_> {
        Block::new(self, index).unwrap_or_else(|| panic!("block {index} of {}", self.block_count()))
    }

    /// What its rows are by source, ascending by number. Rows that few share a block with are read the first time; the others
    /// never.
    ///
    /// # Errors
    /// [`Error`] when a block that must be read is damaged.
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

    /// All blocks, in the order of the file.
    #[must_use]
    pub fn blocks(&self) -> impl DoubleEndedIterator<Item = Block<'_>> + ExactSizeIterator {
        (0..self.block_count()).map(|index| self.block(index))
    }

    pub(super) fn body(&self) -> &Body {
        &self.body
    }
}
