//! The types that describe a store.

use crate::record::{Positions, Source};
use crate::store::error::Error;
use crate::store::format::layout::{COLUMNS, StoreId};
use crate::store::whole::snapshot::Snapshot;
use crate::time::Micros;
use std::fmt;
use std::ops::{Range, RangeInclusive};
use std::path::PathBuf;

/// A store.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct StoreInspection {
    /// Its folder.
    pub path: PathBuf,
    /// The content of its `STORE` file; an error if it cannot be read.
    pub identity: Result<StoreIdentity, Error>,
    /// The visible ids.
    pub ids: Range<u64>,
    /// The number of records in the files, including those below the low-water id.
    pub records: u64,
    /// The low-water id: records below it are deleted.
    pub low_water: u64,
    /// The size of the segment files in bytes.
    pub bytes: u64,
    /// Its segment files, ascending by id.
    pub segments: Vec<SegmentInspection>,
    /// Errors of segment files that cannot be read.
    pub unreadable: Vec<Error>,
    /// Files whose records are in another file as well, and unfinished files: a writer removes them.
    pub leftover: Vec<PathBuf>,
    /// Its snapshots.
    pub snapshots: Vec<Snapshot>,
}

/// The content of the `STORE` file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreIdentity {
    /// The store id, in hexadecimal.
    pub store_id: String,
    /// When the store was created.
    pub created: Micros,
    /// The program that created it.
    pub by: String,
}

/// The kind of a segment file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SegmentKind {
    /// Frames, appended one by one.
    Active,
    /// Blocks of columns, written once.
    Sealed,
}

impl fmt::Display for SegmentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Active => "active",
            Self::Sealed => "sealed",
        })
    }
}

/// A segment file.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SegmentInspection {
    /// The file.
    pub path: PathBuf,
    /// Its kind.
    pub kind: SegmentKind,
    /// Its length.
    pub bytes: u64,
    /// Its format version.
    pub format_version: u32,
    /// Its store id, in hexadecimal; in a fork, that of the store in which it was written.
    pub store_id: String,
    /// When the active file was created; `None` if the header is damaged.
    pub created: Option<Micros>,
    /// When it was sealed.
    pub sealed: Option<Micros>,
    /// Its ids.
    pub ids: Range<u64>,
    /// The number of its records.
    pub records: u64,
    /// For a kept segment, the number of records that thinning left out of it.
    pub thinned: Option<u64>,
    /// Earliest and latest timestamp; `None` without records.
    pub times: Option<RangeInclusive<Micros>>,
    /// Records by `Level::index`.
    pub levels: [u64; 4],
    /// Its records by source, in order of the sources' numbers.
    pub sources: Vec<SourceInspection>,
    /// Its low-water id.
    pub low_water: u64,
    /// The positions after its last record.
    pub positions: Positions,
    /// The size of its columns, over all blocks or frames.
    pub columns: [ColumnSize; COLUMNS],
    /// Every part of the file, in order: header, columns, frames, footers, bitmaps, trailer.
    pub parts: Vec<Part>,
    /// The blocks of a sealed file.
    pub blocks: Vec<BlockInspection>,
    /// The field index of a sealed file; `None` in format version 1.
    pub fields: Option<ChunkInspection>,
    /// The frames of an active file.
    pub frames: Vec<FrameInspection>,
    /// Bytes after the last complete frame of an active file, left by a crash or by a writer that is just writing.
    pub torn_bytes: u64,
    /// All damage.
    pub damage: Vec<Error>,
}

/// A source in a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SourceInspection {
    /// Its number in this file.
    pub number: u32,
    /// Its name.
    pub source: Source,
    /// Its records by `Level::index`.
    pub levels: [u64; 4],
    /// Its latest timestamp; `None` without records.
    pub last: Option<Micros>,
}

/// The size of a column.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ColumnSize {
    /// Its name in the format.
    pub name: &'static str,
    /// Its size in the file, in bytes. The columns of an active file are compressed together: each has its share of the frames.
    pub stored_bytes: u64,
    /// Its size before compression, in bytes.
    pub raw_bytes: u64,
}

/// A part of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Part {
    /// Its name in the format.
    pub name: &'static str,
    /// Its offset in the file.
    pub offset: u64,
    /// Its size in bytes.
    pub bytes: u64,
    /// Whether its crc is valid.
    pub is_sound: bool,
}

/// A block of a sealed file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BlockInspection {
    /// The number of its source; `None` if its rows have several.
    pub source: Option<u32>,
    /// The number of its rows.
    pub rows: u32,
    /// First id, and one past the last; other blocks may have ids in between.
    pub ids: Range<u64>,
    /// Earliest and latest timestamp.
    pub times: RangeInclusive<Micros>,
    /// Rows by `Level::index`.
    pub levels: [u32; 4],
    /// Its columns, in the order of the file.
    pub columns: [ChunkInspection; COLUMNS],
    /// Its bitmap of 3-grams.
    pub bitmap: ChunkInspection,
    /// The number of bits that are set in the bitmap.
    pub bitmap_bits_set: u64,
    /// Its filter of long tokens and values; `None` in format version 1.
    pub filter: Option<ChunkInspection>,
}

impl BlockInspection {
    /// Everything that is stored for it.
    pub(super) fn chunks(&self) -> impl Iterator<Item = &ChunkInspection> {
        let indexes = [&self.bitmap].into_iter().chain(&self.filter);
        self.columns.iter().chain(indexes)
    }
}

/// A range of stored bytes with a crc.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChunkInspection {
    /// Its name in the format.
    pub name: &'static str,
    /// Its offset in the file.
    pub offset: u64,
    /// Its size in the file, in bytes.
    pub stored_bytes: u32,
    /// Bytes before compression: as many as stored when it is not compressed.
    pub raw_bytes: u32,
    /// Its crc32 according to the footer.
    pub crc: u32,
    /// Whether its bytes have this crc32.
    pub is_sound: bool,
}

/// The content of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameContent {
    /// Records, and the positions that cover them.
    Batch {
        /// The id of the first row.
        first_id: u64,
        /// The number of rows.
        rows: u64,
        /// The number of sources of the rows.
        sources: u64,
        /// The number of positions.
        positions: u64,
        /// The size of the messages in bytes.
        message_bytes: u64,
        /// The size of the metadata in bytes.
        metadata_bytes: u64,
    },
    /// All positions, and the low-water id.
    State {
        /// The number of positions.
        positions: u64,
        /// The low-water id.
        low_water: u64,
    },
    /// A new low-water id.
    LowWater {
        /// The low-water id.
        low_water: u64,
    },
}

/// A complete frame of an active file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct FrameInspection {
    /// Its offset in the file.
    pub offset: u64,
    /// Its size with the header, in bytes.
    pub bytes: u64,
    /// The same before compression: equal if it is not compressed.
    pub raw_bytes: u64,
    /// The number of bytes of the file that were synced when it was written.
    pub durable: u64,
    /// Its content.
    pub content: FrameContent,
}

/// A store id as 32 hexadecimal digits.
pub(super) fn hexadecimal(store: StoreId) -> String {
    format!("{:032x}", u128::from_le_bytes(store).swap_bytes())
}
