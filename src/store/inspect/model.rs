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
    /// The folder that holds it.
    pub path: PathBuf,
    /// What its `STORE` file says; an error where it cannot be read.
    pub identity: Result<StoreIdentity, Error>,
    /// The ids that a reader sees.
    pub ids: Range<u64>,
    /// Records in the files, those below the low-water id as well.
    pub records: u64,
    /// The low-water id: records below it were given up.
    pub low_water: u64,
    /// Bytes of the segment files.
    pub bytes: u64,
    /// Its segment files, ascending by id.
    pub segments: Vec<SegmentInspection>,
    /// Segment files of which nothing can be read, and why.
    pub unreadable: Vec<Error>,
    /// Files whose records stand in another one as well, or that were begun and not finished: a writer removes them.
    pub leftover: Vec<PathBuf>,
    /// Its snapshots.
    pub snapshots: Vec<Snapshot>,
}

/// What the `STORE` file says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreIdentity {
    /// The store id, in hexadecimal.
    pub store_id: String,
    /// When it was made.
    pub created: Micros,
    /// By which program.
    pub by: String,
}

/// What kind of segment a file is.
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
    /// What kind it is.
    pub kind: SegmentKind,
    /// Its length.
    pub bytes: u64,
    /// The format version that it names.
    pub format_version: u32,
    /// The store id in it, in hexadecimal: in a fork that of the store where it was written.
    pub store_id: String,
    /// When the active file was begun; `None` where the header is damaged.
    pub created: Option<Micros>,
    /// When it was sealed.
    pub sealed: Option<Micros>,
    /// Its ids.
    pub ids: Range<u64>,
    /// Its records.
    pub records: u64,
    /// Earliest and latest timestamp; `None` without records.
    pub times: Option<RangeInclusive<Micros>>,
    /// Records by `Level::index`.
    pub levels: [u64; 4],
    /// Its records by source, in order of the sources' numbers.
    pub sources: Vec<SourceInspection>,
    /// The low-water id that it tells.
    pub low_water: u64,
    /// The positions that held behind its last record.
    pub positions: Positions,
    /// What its columns take, over all blocks or frames.
    pub columns: [ColumnSize; COLUMNS],
    /// Every part of the file, in order: header, columns, frames, footers, bitmaps, trailer.
    pub parts: Vec<Part>,
    /// The blocks of a sealed file.
    pub blocks: Vec<BlockInspection>,
    /// The field index of a sealed file; `None` in format version 1.
    pub fields: Option<Chunk>,
    /// The frames of an active file.
    pub frames: Vec<FrameInspection>,
    /// Bytes behind the last whole frame of an active file: what a crash left, or a writer is about to finish.
    pub torn_bytes: u64,
    /// Everything that is not as it should be.
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

/// What a column takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ColumnSize {
    /// What the format calls it.
    pub name: &'static str,
    /// Bytes in the file.
    pub stored_bytes: u64,
    /// Bytes before compression.
    pub raw_bytes: u64,
}

/// A run of bytes in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Part {
    /// What the format calls it.
    pub name: &'static str,
    /// Where it begins.
    pub offset: u64,
    /// How long it is.
    pub bytes: u64,
    /// Whether its crc is right.
    pub is_sound: bool,
}

/// A block of a sealed file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BlockInspection {
    /// The number of its source; `None` when its rows have several.
    pub source: Option<u32>,
    /// Its rows.
    pub rows: u32,
    /// Its first id, and one past its last; other blocks may hold ids between.
    pub ids: Range<u64>,
    /// Earliest and latest timestamp.
    pub times: RangeInclusive<Micros>,
    /// Rows by `Level::index`.
    pub levels: [u32; 4],
    /// Its columns, in the order of the file.
    pub columns: [Chunk; COLUMNS],
    /// Its bitmap of 3-grams.
    pub bitmap: Chunk,
    /// Bits that are set in the bitmap.
    pub bitmap_bits_set: u64,
    /// Its filter of long tokens and values; `None` in format version 1.
    pub filter: Option<Chunk>,
}

impl BlockInspection {
    /// Everything that is stored for it.
    pub(super) fn chunks(&self) -> impl Iterator<Item = &Chunk> {
        let indexes = [&self.bitmap].into_iter().chain(&self.filter);
        self.columns.iter().chain(indexes)
    }
}

/// A run of stored bytes with a checksum of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Chunk {
    /// What the format calls it.
    pub name: &'static str,
    /// Where it begins.
    pub offset: u64,
    /// Bytes in the file.
    pub stored_bytes: u32,
    /// Bytes before compression: as many as stored when it is not compressed.
    pub raw_bytes: u32,
    /// The crc32 that the footer tells.
    pub crc: u32,
    /// Whether the bytes have it.
    pub is_sound: bool,
}

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameContent {
    /// Records, and positions that they move.
    Batch {
        /// The id of the first row.
        first_id: u64,
        /// Rows.
        rows: u64,
        /// Sources that the rows have.
        sources: u64,
        /// Positions.
        positions: u64,
        /// Bytes of messages.
        message_bytes: u64,
        /// Bytes of metadata.
        metadata_bytes: u64,
    },
    /// All positions, and the low-water id.
    State {
        /// Positions.
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

/// A whole frame of an active file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct FrameInspection {
    /// Where it begins.
    pub offset: u64,
    /// Its length, header and all.
    pub bytes: u64,
    /// How many bytes of the file were synced when it was written.
    pub durable: u64,
    /// What it holds.
    pub content: FrameContent,
}

/// A store id as 32 hexadecimal digits.
pub(super) fn hexadecimal(store: StoreId) -> String {
    format!("{:032x}", u128::from_le_bytes(store).swap_bytes())
}
