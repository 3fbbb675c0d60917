//! Reading the blocks of a sealed segment.

use super::cache::Cache;
use super::columns::{self, Messages, MetadataColumn};
use super::tally::SourceTally;
use crate::mapped::Mapped;
use crate::record::Level;
use crate::store::error::Error;
use crate::store::format::column;
use crate::store::format::footer::{Chunk, Entry};
use crate::store::format::layout::Column;
use crate::store::format::ngram;
use crate::time::Micros;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};

/// A mapped file whose footer was read.
#[derive(Debug)]
pub(in crate::store) struct SealedSegment {
    path: PathBuf,
    map: Mapped,
    blocks: Vec<SealedBlock>,
    rows: u64,
    cache: Arc<Cache>,
    /// Tells it apart in the cache: a compacted file has the first id of one that it replaced.
    pub(in crate::store) key: u64,
    /// See [`Segment::tallies`].
    pub(in crate::store) tallies: OnceLock<Arc<Vec<SourceTally>>>,
}

/// What is known of a block without reading it.
#[derive(Debug)]
pub(in crate::store) struct SealedBlock {
    pub(in crate::store) entry: Entry,
    /// Bitmaps are checked when they are first used.
    bitmap_state: AtomicU8,
}

const BITMAP_UNCHECKED: u8 = 0;
const BITMAP_GOOD: u8 = 1;
const BITMAP_BAD: u8 = 2;

impl SealedSegment {
    /// A segment whose blocks the footer lists.
    pub(in crate::store) fn new(
        path: &Path,
        map: Mapped,
        entries: Vec<Entry>,
        cache: &Arc<Cache>,
    ) -> Self {
        let blocks = entries.into_iter().map(|entry| SealedBlock {
            entry,
            bitmap_state: AtomicU8::new(BITMAP_UNCHECKED),
        });
        let blocks: Vec<_> = blocks.collect();
        let rows = blocks.iter().map(|block| block.entry.summary.rows);
        Self {
            rows: rows.map(u64::from).sum(),
            key: cache.new_key(),
            path: path.to_owned(),
            map,
            blocks,
            cache: Arc::clone(cache),
            tallies: OnceLock::new(),
        }
    }

    pub(in crate::store) fn block_count(&self) -> usize {
        self.blocks.len()
    }

    pub(in crate::store) fn rows(&self) -> u64 {
        self.rows
    }

    pub(in crate::store) fn cache(&self) -> &Cache {
        &self.cache
    }

    pub(in crate::store) fn block(&self, index: usize) -> Option<&SealedBlock> {
        self.blocks.get(index)
    }

    pub(in crate::store) fn may_contain(&self, block: &SealedBlock, folded: &str) -> bool {
        let Some(bitmap) = self.slice(block.entry.bitmap) else {
            return true;
        };
        match block.bitmap_state.load(Ordering::Relaxed) {
            BITMAP_GOOD => ngram::may_contain(bitmap, folded),
            BITMAP_BAD => true,
            _ => {
                let good = self.bitmap(&block.entry).is_ok();
                let state = if good { BITMAP_GOOD } else { BITMAP_BAD };
                block.bitmap_state.store(state, Ordering::Relaxed);
                !good || ngram::may_contain(bitmap, folded)
            }
        }
    }

    /// The bitmap, checked.
    pub(in crate::store) fn bitmap(&self, entry: &Entry) -> Result<&[u8], Error> {
        let chunk = entry.bitmap;
        self.slice(chunk)
            .filter(|bytes| ngram::is_length(bytes.len()) && crc32fast::hash(bytes) == chunk.crc)
            .ok_or_else(|| Error::corrupt(&self.path, chunk.offset, "block bitmap"))
    }

    pub(in crate::store) fn ids(&self, entry: &Entry) -> Result<Vec<u64>, Error> {
        let gaps = self.numbers(entry, Column::Ids)?;
        let mut next = entry.summary.ids.start;
        let ids: Option<Vec<u64>> = gaps
            .into_iter()
            .map(|gap| {
                let id = next.checked_add(gap)?;
                next = id.checked_add(1)?;
                Some(id)
            })
            .collect();
        ids.filter(|_| next == entry.summary.ids.end)
            .ok_or_else(|| self.corrupt(entry, Column::Ids))
    }

    pub(in crate::store) fn sources(&self, entry: &Entry) -> Result<Vec<u32>, Error> {
        self.numbers_u32(entry, Column::Sources)
    }

    pub(in crate::store) fn timestamps(&self, entry: &Entry) -> Result<Vec<Micros>, Error> {
        let steps = self.numbers(entry, Column::Timestamps)?;
        let mut timestamp = 0_i64;
        Ok(steps
            .into_iter()
            .map(|step| {
                timestamp = timestamp.wrapping_add(column::unzigzag(step));
                Micros::new(timestamp)
            })
            .collect())
    }

    pub(in crate::store) fn levels(&self, entry: &Entry) -> Result<Vec<Level>, Error> {
        self.column(entry, Column::Levels)?
            .into_iter()
            .map(|number| Level::from_index(number.into()))
            .collect::<Option<_>>()
            .ok_or_else(|| self.corrupt(entry, Column::Levels))
    }

    /// All messages, one after another, not known to be text.
    pub(in crate::store) fn text(&self, entry: &Entry) -> Result<Vec<u8>, Error> {
        self.column(entry, Column::Messages)
    }

    /// Where each message ends.
    pub(in crate::store) fn message_ends(&self, entry: &Entry) -> Result<Vec<u32>, Error> {
        columns::ends(self.numbers(entry, Column::MessageLengths)?)
            .ok_or_else(|| self.corrupt(entry, Column::MessageLengths))
    }

    /// Cuts what [`Self::text`] read.
    pub(in crate::store) fn cut(&self, entry: &Entry, text: Vec<u8>) -> Result<Messages, Error> {
        let lengths = self.numbers_u32(entry, Column::MessageLengths)?;
        String::from_utf8(text)
            .ok()
            .and_then(|text| Messages::new(text, &lengths))
            .ok_or_else(|| self.corrupt(entry, Column::Messages))
    }

    pub(in crate::store) fn metadata(&self, entry: &Entry) -> Result<MetadataColumn, Error> {
        let lengths = self.numbers_u32(entry, Column::MetadataLengths)?;
        let bytes = self.column(entry, Column::Metadata)?;
        let offset = entry.chunk(Column::Metadata).offset;
        MetadataColumn::new(bytes, &lengths, &self.path, offset)
            .ok_or_else(|| self.corrupt(entry, Column::Metadata))
    }

    /// Bytes of message and metadata of each row.
    pub(in crate::store) fn lengths(&self, entry: &Entry) -> Result<Vec<u64>, Error> {
        let mut lengths = self.numbers(entry, Column::MessageLengths)?;
        let metadata = self.numbers(entry, Column::MetadataLengths)?;
        for (total, length) in lengths.iter_mut().zip(metadata) {
            *total = total.saturating_add(length);
        }
        Ok(lengths)
    }

    pub(in crate::store) fn corrupt(&self, entry: &Entry, column: Column) -> Error {
        Error::corrupt(&self.path, entry.chunk(column).offset, column.name())
    }

    fn numbers_u32(&self, entry: &Entry, column: Column) -> Result<Vec<u32>, Error> {
        self.numbers(entry, column)?
            .into_iter()
            .map(|number| u32::try_from(number).ok())
            .collect::<Option<_>>()
            .ok_or_else(|| self.corrupt(entry, column))
    }

    fn numbers(&self, entry: &Entry, column: Column) -> Result<Vec<u64>, Error> {
        column::varints(&self.column(entry, column)?, entry.rows())
            .ok_or_else(|| self.corrupt(entry, column))
    }

    /// The bytes of a column, checked and decompressed.
    fn column(&self, entry: &Entry, column: Column) -> Result<Vec<u8>, Error> {
        let chunk = entry.chunk(column);
        self.slice(chunk)
            .filter(|stored| crc32fast::hash(stored) == chunk.crc)
            .and_then(|stored| column::decompress(stored, chunk.raw as usize))
            .ok_or_else(|| self.corrupt(entry, column))
    }

    fn slice(&self, chunk: Chunk) -> Option<&[u8]> {
        let start = usize::try_from(chunk.offset).ok()?;
        self.map
            .get(start..start.checked_add(chunk.stored as usize)?)
    }
}
