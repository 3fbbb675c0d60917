//! Decoded blocks, kept from page to page: consecutive pages need the same blocks.

use crate::query::scan::counts::{CountedValues, CountsKey, GroupCounts, Known};
use crate::query::scan::found::FoundTexts;
use crate::query::scan::periods::{PeriodCount, PeriodsKey};
use crate::record::{Id, Level, Metadata, Record, StoredRecord};
use crate::store::{Error, Messages, MetadataColumn, Segment};
use crate::time::Micros;
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Memory of all blocks together: enough for a page over the blocks of two dozen sources.
const BYTES_MAX: usize = 8 << 20;
/// Memory of a row without its message and metadata: id, source, timestamp, level and two offsets.
const ROW_BYTES: usize = 8 + 4 + 8 + 1 + 4 + 4;

/// Blocks that were decoded for earlier pages, counts of earlier questions, and where texts were found; clones share one cache. A server
/// needs only one.
#[derive(Clone, Default)]
pub struct BlockCache {
    entries: Arc<Mutex<Entries>>,
    counts: Arc<Mutex<Known<CountsKey, [GroupCounts]>>>,
    periods: Arc<Mutex<Known<PeriodsKey, [PeriodCount]>>>,
    values: Arc<Mutex<Known<Box<str>, CountedValues>>>,
    found: Arc<Mutex<FoundTexts>>,
}

#[derive(Default)]
struct Entries {
    /// The most recently used block is last.
    blocks: VecDeque<CachedBlock>,
    bytes: usize,
}

struct CachedBlock {
    /// Holding it ensures that no other segment gets the same address.
    segment: Weak<Segment>,
    block: usize,
    columns: Arc<BlockColumns>,
    bytes: usize,
}

/// All columns of a block.
#[derive(Debug)]
pub(in crate::query) struct BlockColumns {
    pub(in crate::query) ids: Vec<u64>,
    pub(in crate::query) sources: Option<Vec<u32>>,
    pub(in crate::query) times: Vec<Micros>,
    pub(in crate::query) levels: Vec<Level>,
    pub(in crate::query) messages: Messages,
    pub(in crate::query) metadata: MetadataColumn,
}

impl BlockCache {
    /// The columns of a block; decoded unless they are cached.
    pub(in crate::query) fn columns(
        &self,
        segment: &Arc<Segment>,
        block: usize,
    ) -> Result<Arc<BlockColumns>, Error> {
        if let Some(columns) = self.peek(segment, block) {
            return Ok(columns);
        }
        let messages = segment.block(block).messages()?;
        self.complete(segment, block, messages)
    }

    /// The columns of a block, without caching them: for a reader that needs each block once.
    pub(in crate::query) fn decoded(
        &self,
        segment: &Arc<Segment>,
        block: usize,
    ) -> Result<Arc<BlockColumns>, Error> {
        if let Some(columns) = self.peek(segment, block) {
            return Ok(columns);
        }
        let messages = segment.block(block).messages()?;
        Ok(Arc::new(BlockColumns::read(segment, block, messages)?))
    }

    /// Caches the columns of a block whose messages were read before.
    pub(in crate::query) fn complete(
        &self,
        segment: &Arc<Segment>,
        block: usize,
        messages: Messages,
    ) -> Result<Arc<BlockColumns>, Error> {
        let columns = Arc::new(BlockColumns::read(segment, block, messages)?);
        self.entries().put(CachedBlock {
            segment: Arc::downgrade(segment),
            block,
            bytes: columns.bytes(),
            columns: Arc::clone(&columns),
        });
        Ok(columns)
    }

    /// The columns of a block if they are cached.
    pub(in crate::query) fn peek(
        &self,
        segment: &Arc<Segment>,
        block: usize,
    ) -> Option<Arc<BlockColumns>> {
        self.entries().take(segment, block)
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The counts of earlier histograms.
    pub(in crate::query) fn counts(&self) -> MutexGuard<'_, Known<CountsKey, [GroupCounts]>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The counts by period of earlier questions.
    pub(in crate::query) fn periods(&self) -> MutexGuard<'_, Known<PeriodsKey, [PeriodCount]>> {
        self.periods.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The values in settled blocks of segments, by key.
    pub(in crate::query) fn values(&self) -> MutexGuard<'_, Known<Box<str>, CountedValues>> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where earlier questions found texts.
    pub(in crate::query) fn found(&self) -> MutexGuard<'_, FoundTexts> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for BlockCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockCache")
            .field("bytes", &self.entries().bytes)
            .finish_non_exhaustive()
    }
}

impl Entries {
    fn take(&mut self, segment: &Arc<Segment>, block: usize) -> Option<Arc<BlockColumns>> {
        let same = |entry: &CachedBlock| {
            entry.block == block && std::ptr::eq(entry.segment.as_ptr(), Arc::as_ptr(segment))
        };
        let at = self.blocks.iter().position(same)?;
        let entry = self.blocks.remove(at)?;
        let columns = Arc::clone(&entry.columns);
        self.blocks.push_back(entry);
        Some(columns)
    }

    fn put(&mut self, entry: CachedBlock) {
        // drop the blocks of segments that are gone from every view
        self.blocks.retain(|other| other.segment.strong_count() > 0);
        self.bytes = self.blocks.iter().map(|other| other.bytes).sum();
        self.bytes += entry.bytes;
        self.blocks.push_back(entry);
        while self.bytes > BYTES_MAX {
            let Some(oldest) = self.blocks.pop_front() else {
                break;
            };
            self.bytes -= oldest.bytes;
        }
    }
}

impl BlockColumns {
    fn read(segment: &Segment, block: usize, messages: Messages) -> Result<Self, Error> {
        let block = segment.block(block);
        Ok(Self {
            ids: block.ids()?,
            sources: block.sources()?,
            times: block.timestamps()?,
            levels: block.levels()?,
            messages,
            metadata: block.metadata()?,
        })
    }

    pub(in crate::query) fn bytes(&self) -> usize {
        let content = self.messages.text().len() + self.metadata.all_bytes().len();
        content + self.ids.len() * ROW_BYTES
    }

    /// The size of a row's message and metadata, in bytes.
    pub(in crate::query) fn row_bytes(&self, row: usize) -> u64 {
        if row < self.ids.len() {
            (self.messages.get(row).len() + self.metadata.bytes(row).len()) as u64
        } else {
            0
        }
    }

    /// A row as a record with this metadata. `source` is the source of all rows, if the block has only one.
    pub(in crate::query) fn record(
        &self,
        segment: &Segment,
        source: Option<u32>,
        row: usize,
        metadata: Metadata,
    ) -> Option<StoredRecord> {
        let source = match &self.sources {
            Some(sources) => sources.get(row).copied(),
            None => source,
        };
        Some(StoredRecord {
            id: Id(*self.ids.get(row)?),
            record: Record {
                timestamp: *self.times.get(row)?,
                source: segment.sources().get(source? as usize)?.clone(),
                level: *self.levels.get(row)?,
                message: self.messages.get(row).to_owned(),
                metadata,
            },
        })
    }
}
