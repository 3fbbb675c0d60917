//! Reading the blocks of a sealed segment.

use super::cache::Cache;
use super::columns::{self, Messages, MetadataColumn, StoredValues};
use super::tally::SourceTally;
use crate::mapped::Mapped;
use crate::record::{Level, Source};
use crate::store::error::Error;
use crate::store::format::column;
use crate::store::format::compress;
use crate::store::format::footer::{BlockEntry, Footer, MetadataForm, StoredChunk};
use crate::store::format::index::block::source_hash;
use crate::store::format::index::bloom::BloomFilter;
use crate::store::format::index::fields::{FieldIndex, FieldTable};
use crate::store::format::index::grams::GramBitmap;
use crate::store::format::index::{ngram, tokens};
use crate::store::format::layout::{Column, VERSION_1, VERSION_2};
use crate::store::format::metadata::by_key;
use crate::time::Micros;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};

/// A mapped file whose footer was read.
#[derive(Debug)]
pub(in crate::store) struct SealedSegment {
    path: PathBuf,
    map: Mapped,
    version: u32,
    blocks: Vec<SealedBlock>,
    fields_chunk: StoredChunk,
    fields: OnceLock<Option<FieldTable>>,
    rows: u64,
    cache: Arc<Cache>,
    /// Whether the reading of all bitmaps, and of all filters, has begun.
    bitmaps_ahead: AtomicBool,
    filters_ahead: AtomicBool,
    /// Its key in the cache: a compacted file has the same first id as one that it replaced.
    pub(in crate::store) key: u64,
    /// See `Segment::source_number`.
    pub(in crate::store) source_hashes: OnceLock<Box<[u32]>>,
    /// See `Segment::times`.
    pub(in crate::store) times: OnceLock<Option<(Micros, Micros)>>,
    /// See `Segment::tallies`.
    pub(in crate::store) tallies: OnceLock<Arc<Vec<SourceTally>>>,
}

/// The part of a block that is known without reading it.
#[derive(Debug)]
pub(in crate::store) struct SealedBlock {
    pub(in crate::store) entry: BlockEntry,
    /// Bitmaps and filters are checked when they are first used.
    bitmap_state: ChunkState,
    filter_state: ChunkState,
}

/// Whether the crc of a chunk is right, once that was asked.
#[derive(Debug, Default)]
struct ChunkState(AtomicU8);

impl ChunkState {
    const SOUND: u8 = 1;
    const DAMAGED: u8 = 2;

    fn is_sound(&self, check: impl FnOnce() -> bool) -> bool {
        match self.0.load(Ordering::Relaxed) {
            Self::SOUND => true,
            Self::DAMAGED => false,
            _ => {
                let is_sound = check();
                let state = if is_sound { Self::SOUND } else { Self::DAMAGED };
                self.0.store(state, Ordering::Relaxed);
                is_sound
            }
        }
    }
}

impl SealedSegment {
    /// A segment with the blocks that the footer lists.
    pub(in crate::store) fn new(
        path: &Path,
        map: Mapped,
        footer: Footer,
        cache: &Arc<Cache>,
    ) -> Self {
        let blocks = footer.entries.into_iter().map(|entry| SealedBlock {
            entry,
            bitmap_state: ChunkState::default(),
            filter_state: ChunkState::default(),
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
            source_hashes: OnceLock::new(),
            times: OnceLock::new(),
            tallies: OnceLock::new(),
            version: footer.version,
            fields_chunk: footer.fields,
            fields: OnceLock::new(),
            bitmaps_ahead: AtomicBool::new(false),
            filters_ahead: AtomicBool::new(false),
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

    /// See [`crate::store::Block::may_contain`].
    pub(in crate::store) fn may_contain(&self, block: &SealedBlock, folded: &str) -> bool {
        let entry = &block.entry;
        self.read_all_ahead(&self.bitmaps_ahead, |entry| Some(entry.bitmap));
        let is_sound = || self.bitmap(entry).is_ok();
        if let Some(bitmap) = self.slice(entry.bitmap)
            && block.bitmap_state.is_sound(is_sound)
            && !self.bitmap_may_contain(bitmap, folded)
        {
            return false;
        }
        let mut may_contain = true;
        tokens::each_sample(folded.as_bytes(), |hash| {
            may_contain = may_contain
                && self
                    .checked_filter(block)
                    .is_none_or(|filter| filter.may_contain(hash));
        });
        may_contain
    }

    /// See [`crate::store::Block::values_may_contain`].
    pub(in crate::store) fn values_may_contain(
        &self,
        block: &SealedBlock,
        index: usize,
        folded: &str,
    ) -> bool {
        let of_fields = |fields: &FieldTable| fields.values_may_contain(index, folded);
        self.version == VERSION_1
            || self.may_contain(block, folded) && self.fields().is_none_or(of_fields)
    }

    /// False only if no row of a block with several sources has this one.
    pub(in crate::store) fn may_have_source(&self, block: &SealedBlock, source: &Source) -> bool {
        self.version <= VERSION_2
            || self
                .checked_filter(block)
                .is_none_or(|filter| filter.may_contain(source_hash(source)))
    }

    fn bitmap_may_contain(&self, bitmap: &[u8], folded: &str) -> bool {
        match self.version {
            VERSION_1 => ngram::may_contain(bitmap, folded),
            _ => GramBitmap::new(bitmap).is_none_or(|bitmap| bitmap.may_contain(folded)),
        }
    }

    /// The filter of a block; `None` if it has none, or it is damaged.
    fn checked_filter(&self, block: &SealedBlock) -> Option<BloomFilter<'_>> {
        self.read_all_ahead(&self.filters_ahead, |entry| entry.filter);
        let filter = self.slice(block.entry.filter?)?;
        let is_sound = || self.filter(&block.entry).is_ok();
        let filter = BloomFilter::new(filter, self.version);
        block.filter_state.is_sound(is_sound).then_some(filter)
    }

    /// What the field index tells about a key in the block of this index.
    pub(in crate::store) fn field(&self, index: usize, key: &str) -> FieldIndex<'_> {
        match (self.fields(), self.block(index)) {
            (Some(fields), Some(block)) => fields.field(index, key, self.checked_filter(block)),
            _ => FieldIndex::Unknown,
        }
    }

    /// The field index, decoded when it is first needed; `None` in format version 1, or if it is damaged.
    pub(in crate::store) fn fields(&self) -> Option<&FieldTable> {
        let fields = self
            .fields
            .get_or_init(|| self.read_fields().ok().flatten());
        fields.as_ref()
    }

    /// Decodes the field index; `None` in format version 1.
    pub(in crate::store) fn read_fields(&self) -> Result<Option<FieldTable>, Error> {
        if self.version == VERSION_1 {
            return Ok(None);
        }
        let chunk = self.fields_chunk;
        self.read_ahead(chunk);
        let blocks = self.blocks.iter();
        let rows: Vec<u32> = blocks.map(|block| block.entry.summary.rows).collect();
        self.slice(chunk)
            .filter(|stored| crc32fast::hash(stored) == chunk.crc)
            .and_then(|stored| compress::decompress(stored, chunk.raw as usize))
            .and_then(|raw| FieldTable::decode(&raw, &rows, self.version))
            .map(Some)
            .ok_or_else(|| self.corrupt_fields())
    }

    pub(in crate::store) fn corrupt_fields(&self) -> Error {
        Error::corrupt(&self.path, self.fields_chunk.offset, "field index")
    }

    /// The bitmap, checked.
    pub(in crate::store) fn bitmap(&self, entry: &BlockEntry) -> Result<&[u8], Error> {
        let is_valid = |bytes: &[u8]| match self.version {
            VERSION_1 => ngram::is_length(bytes.len()),
            _ => GramBitmap::new(bytes).is_some(),
        };
        self.checked(entry.bitmap)
            .filter(|bytes| is_valid(bytes))
            .ok_or_else(|| Error::corrupt(&self.path, entry.bitmap.offset, "block bitmap"))
    }

    /// The filter, checked; empty in format version 1.
    pub(in crate::store) fn filter(&self, entry: &BlockEntry) -> Result<&[u8], Error> {
        let Some(chunk) = entry.filter else {
            return Ok(&[]);
        };
        self.checked(chunk)
            .ok_or_else(|| Error::corrupt(&self.path, chunk.offset, "block filter"))
    }

    fn checked(&self, chunk: StoredChunk) -> Option<&[u8]> {
        self.slice(chunk)
            .filter(|bytes| crc32fast::hash(bytes) == chunk.crc)
    }

    pub(in crate::store) fn ids(&self, entry: &BlockEntry) -> Result<Vec<u64>, Error> {
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

    pub(in crate::store) fn sources(&self, entry: &BlockEntry) -> Result<Vec<u32>, Error> {
        self.numbers_u32(entry, Column::Sources)
    }

    pub(in crate::store) fn timestamps(&self, entry: &BlockEntry) -> Result<Vec<Micros>, Error> {
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

    pub(in crate::store) fn levels(&self, entry: &BlockEntry) -> Result<Vec<Level>, Error> {
        self.column(entry, Column::Levels)?
            .into_iter()
            .map(|number| Level::from_index(number.into()))
            .collect::<Option<_>>()
            .ok_or_else(|| self.corrupt(entry, Column::Levels))
    }

    /// All messages, concatenated, not checked to be text.
    pub(in crate::store) fn text(&self, entry: &BlockEntry) -> Result<Vec<u8>, Error> {
        self.column(entry, Column::Messages)
    }

    /// The end of each message.
    pub(in crate::store) fn message_ends(&self, entry: &BlockEntry) -> Result<Vec<u32>, Error> {
        columns::ends(self.numbers(entry, Column::MessageLengths)?)
            .ok_or_else(|| self.corrupt(entry, Column::MessageLengths))
    }

    /// Splits the result of [`Self::text`].
    pub(in crate::store) fn cut(
        &self,
        entry: &BlockEntry,
        text: Vec<u8>,
    ) -> Result<Messages, Error> {
        let lengths = self.numbers_u32(entry, Column::MessageLengths)?;
        String::from_utf8(text)
            .ok()
            .and_then(|text| Messages::new(text, &lengths))
            .ok_or_else(|| self.corrupt(entry, Column::Messages))
    }

    pub(in crate::store) fn metadata(&self, entry: &BlockEntry) -> Result<MetadataColumn, Error> {
        let bytes = self.column(entry, Column::Metadata)?;
        self.metadata_of(entry, bytes)
    }

    /// The metadata; `None` if it is stored by key and `may_hold` is false for its bytes, in which keys and values are as in rows.
    pub(in crate::store) fn metadata_where(
        &self,
        entry: &BlockEntry,
        may_hold: impl FnOnce(&[u8]) -> bool,
    ) -> Result<Option<MetadataColumn>, Error> {
        let bytes = self.column(entry, Column::Metadata)?;
        if entry.metadata.form != MetadataForm::Rows && !may_hold(&bytes) {
            return Ok(None);
        }
        self.metadata_of(entry, bytes).map(Some)
    }

    fn metadata_of(&self, entry: &BlockEntry, bytes: Vec<u8>) -> Result<MetadataColumn, Error> {
        let lengths = self.numbers_u32(entry, Column::MetadataLengths)?;
        let rows = self.metadata_rows(entry, bytes)?;
        let offset = entry.chunk(Column::Metadata).offset;
        MetadataColumn::new(rows, &lengths, &self.path, offset)
            .ok_or_else(|| self.corrupt(entry, Column::Metadata))
    }

    /// The values of one key, without those of others; `None` if the metadata is not stored by key, or a row has the key twice.
    pub(in crate::store) fn values_of_key(
        &self,
        entry: &BlockEntry,
        key: &str,
    ) -> Result<Option<StoredValues>, Error> {
        let has_numbers = match entry.metadata.form {
            MetadataForm::Rows => return Ok(None),
            form => form == MetadataForm::NumberedKeys,
        };
        let bytes = self.column(entry, Column::Metadata)?;
        let rows = by_key::values(&bytes, entry.rows(), has_numbers, key);
        let offset = entry.chunk(Column::Metadata).offset;
        Ok(rows.map(|rows| StoredValues::new(bytes, rows, &self.path, offset)))
    }

    /// The metadata of all rows, one after another.
    fn metadata_rows(&self, entry: &BlockEntry, bytes: Vec<u8>) -> Result<Vec<u8>, Error> {
        let length = entry.metadata.length as usize;
        let rows = match entry.metadata.form {
            MetadataForm::Rows => Some(bytes).filter(|bytes| bytes.len() == length),
            form => {
                let has_numbers = form == MetadataForm::NumberedKeys;
                by_key::decode(&bytes, entry.rows(), length, has_numbers)
            }
        };
        rows.ok_or_else(|| self.corrupt(entry, Column::Metadata))
    }

    /// The size of message and metadata of each row in bytes.
    pub(in crate::store) fn lengths(&self, entry: &BlockEntry) -> Result<Vec<u64>, Error> {
        let mut lengths = self.numbers(entry, Column::MessageLengths)?;
        let metadata = self.numbers(entry, Column::MetadataLengths)?;
        for (total, length) in lengths.iter_mut().zip(metadata) {
            *total = total.saturating_add(length);
        }
        Ok(lengths)
    }

    pub(in crate::store) fn corrupt(&self, entry: &BlockEntry, column: Column) -> Error {
        Error::corrupt(&self.path, entry.chunk(column).offset, column.name())
    }

    fn numbers_u32(&self, entry: &BlockEntry, column: Column) -> Result<Vec<u32>, Error> {
        self.numbers(entry, column)?
            .into_iter()
            .map(|number| u32::try_from(number).ok())
            .collect::<Option<_>>()
            .ok_or_else(|| self.corrupt(entry, column))
    }

    fn numbers(&self, entry: &BlockEntry, column: Column) -> Result<Vec<u64>, Error> {
        column::varints(&self.column(entry, column)?, entry.rows())
            .ok_or_else(|| self.corrupt(entry, column))
    }

    /// The bytes of a column, checked and decompressed.
    fn column(&self, entry: &BlockEntry, column: Column) -> Result<Vec<u8>, Error> {
        let chunk = entry.chunk(column);
        self.read_ahead(chunk);
        self.slice(chunk)
            .filter(|stored| crc32fast::hash(stored) == chunk.crc)
            .and_then(|stored| compress::decompress(stored, chunk.raw as usize))
            .ok_or_else(|| self.corrupt(entry, column))
    }

    /// Begins to read the chunks of a kind of all blocks: a search looks at each of them, and each is read apart from its neighbours.
    fn read_all_ahead(
        &self,
        is_begun: &AtomicBool,
        chunk: impl Fn(&BlockEntry) -> Option<StoredChunk>,
    ) {
        if is_begun.swap(true, Ordering::Relaxed) {
            return;
        }
        let chunks = self.blocks.iter().filter_map(|block| chunk(&block.entry));
        for range in chunks.filter_map(range_of) {
            self.map.read_ahead(range);
        }
    }

    /// Begins to read a chunk of several pages.
    fn read_ahead(&self, chunk: StoredChunk) {
        if let Some(range) = range_of(chunk).filter(|range| range.len() > PAGE_BYTES) {
            self.map.read_ahead(range);
        }
    }

    fn slice(&self, chunk: StoredChunk) -> Option<&[u8]> {
        self.map.get(range_of(chunk)?)
    }
}

/// The bytes of a chunk in the file.
fn range_of(chunk: StoredChunk) -> Option<Range<usize>> {
    let start = usize::try_from(chunk.offset).ok()?;
    Some(start..start.checked_add(chunk.stored as usize)?)
}

/// A page is read at once when it is missing.
const PAGE_BYTES: usize = 4 << 10;
