//! Decoded blocks, kept from page to page: who pages on needs the same blocks again and again.

use crate::query::scan::counts::Known;
use crate::record::{Id, Level, Metadata, Record, StoredRecord};
use crate::store::{Error, Messages, MetadataColumn, Segment};
use crate::time::Micros;
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Memory of all blocks together: enough for a page over the blocks of two dozen sources.
const BYTES_MAX: usize = 8 << 20;
/// What a row takes beside its message and metadata: id, source, timestamp, level, and where both end.
const ROW_BYTES: usize = 8 + 4 + 8 + 1 + 4 + 4;

/// Blocks that were decoded for earlier pages, and counts of earlier histograms; its clones are the same cache. One for a whole
/// server keeps paging fast.
#[derive(Clone, Default)]
pub struct BlockCache {
    entries: Arc<Mutex<Entries>>,
    counts: Arc<Mutex<Known>>,
}

#[derive(Default)]
struct Entries {
    /// The most recently used last.
    blocks: VecDeque<Entry>,
    bytes: usize,
}

struct Entry {
    /// While this is held, no other segment can have its address.
    segment: Weak<Segment>,
    block: usize,
    columns: Arc<Columns>,
    bytes: usize,
}

/// All columns of a block.
#[derive(Debug)]
pub(in crate::query) struct Columns {
    pub(in crate::query) ids: Vec<u64>,
    pub(in crate::query) sources: Option<Vec<u32>>,
    pub(in crate::query) times: Vec<Micros>,
    pub(in crate::query) levels: Vec<Level>,
    pub(in crate::query) messages: Messages,
    pub(in crate::query) metadata: MetadataColumn,
}

impl BlockCache {
    /// The columns of a block, decoded unless they are here.
    pub(in crate::query) fn columns(
        &self,
        segment: &Arc<Segment>,
        block: usize,
    ) -> Result<Arc<Columns>, Error> {
        if let Some(columns) = self.peek(segment, block) {
            return Ok(columns);
        }
        let messages = segment.block(block).messages()?;
        self.complete(segment, block, messages)
    }

    /// The columns of a block that is not here and whose messages were read before.
    pub(in crate::query) fn complete(
        &self,
        segment: &Arc<Segment>,
        block: usize,
        messages: Messages,
    ) -> Result<Arc<Columns>, Error> {
        let columns = Arc::new(Columns::read(segment, block, messages)?);
        self.entries().put(Entry {
            segment: Arc::downgrade(segment),
            block,
            bytes: columns.bytes(),
            columns: Arc::clone(&columns),
        });
        Ok(columns)
    }

    /// The columns of a block when they are here.
    pub(in crate::query) fn peek(
        &self,
        segment: &Arc<Segment>,
        block: usize,
    ) -> Option<Arc<Columns>> {
        self.entries().take(segment, block)
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The counts of earlier histograms.
    pub(in crate::query) fn counts(&self) -> MutexGuard<'_, Known> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
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
    fn take(&mut self, segment: &Arc<Segment>, block: usize) -> Option<Arc<Columns>> {
        let same = |entry: &Entry| {
            entry.block == block && std::ptr::eq(entry.segment.as_ptr(), Arc::as_ptr(segment))
        };
        let at = self.blocks.iter().position(same)?;
        let entry = self.blocks.remove(at)?;
        let columns = Arc::clone(&entry.columns);
        self.blocks.push_back(entry);
        Some(columns)
    }

    fn put(&mut self, entry: Entry) {
        // blocks of segments that nobody sees any more would only take room
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

impl Columns {
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

    fn bytes(&self) -> usize {
        let content = self.messages.text().len() + self.metadata.all_bytes().len();
        content + self.ids.len() * ROW_BYTES
    }

    /// How many bytes message and metadata of a row have.
    pub(in crate::query) fn row_bytes(&self, row: usize) -> u64 {
        if row < self.ids.len() {
            (self.messages.get(row).len() + self.metadata.bytes(row).len()) as u64
        } else {
            0
        }
    }

    /// A row as a record with this metadata. `source`: that of all rows, where the block has only one.
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
