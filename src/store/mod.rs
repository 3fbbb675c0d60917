//! The segment store: append-only, one writer, many readers.
//!
//! Records are appended as frames to an active file, together with the positions of their origins. A full file is frozen and
//! then sealed: its records are rewritten once as compressed columns, block by block, while appending continues in a new active
//! file. Sealed files are never changed, only read and removed. The format is specified in `format-spec/store.md`. The code,
//! bottom up:
//!
//! - `format`: encoding and decoding of bytes.
//! - `read`: blocks, segments and views.
//! - `folder`: the files of a store, and reading them after a crash.
//! - `evidence`: what remains of segments that rows or bytes push out.
//! - `write`: the writer and sealing.
//! - `whole`: operations on a whole store: opening, snapshots, restoring, repairing, verifying.
//! - `maintenance`: the periodic work of the writer: syncing, sealing, retention, recovery; and compaction.
//! - `inspect`: a description of every byte of a store.

#![deny(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "bytes on a disk are never a reason to panic"
)]
#![cfg_attr(
    test,
    allow(
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::unwrap_used,
        reason = "a test may panic"
    )
)]

mod error;
mod evidence;
mod folder;
mod format;
#[doc(hidden)]
pub mod fuzz;
mod inspect;
mod maintenance;
mod options;
mod read;
mod whole;
mod write;

pub use error::Error;
pub use folder::holder::Holder;
pub use format::index::fields::{
    FieldIndex, FieldTotals, FieldValuesAnywhere, IndexedValues, ListedValues, ManyValues,
    PresentValues,
};
pub use format::index::fold::fold;
pub use format::metadata::values::BOOKKEEPING_KEYS;
pub use format::summary::Summary;
pub use inspect::model::{
    BlockInspection, ChunkInspection, ColumnSize, FrameContent, FrameInspection, Part,
    SegmentInspection, SegmentKind, SourceInspection, StoreIdentity, StoreInspection,
};
pub use inspect::{inspect_segment, inspect_store, is_segment};
pub use maintenance::compact::Compaction;
pub use maintenance::periodic::Maintenance;
pub use maintenance::renew::Recovered;
pub use maintenance::retention::Pruned;
pub use options::{Options, SyncPolicy};
pub use read::block::Block;
pub use read::columns::{Messages, MetadataColumn, StoredValues, row_at};
pub use read::history::StoreHistory;
pub use read::reader::{Reader, View};
pub use read::segment::Segment;
pub(crate) use read::segment_file::SegmentFile;
pub use read::tally::SourceTally;
pub use whole::copy_evidence::{CopyBound, EvidenceCopy, EvidenceWindow, copy_evidence};
pub use whole::open::Recovery;
pub use whole::repair::{Repair, repair};
pub use whole::replace::restore_replacing;
pub use whole::snapshot::{
    Snapshot, SnapshotContent, delete_snapshot, fork, restore, snapshot, snapshots,
};
pub use whole::verify::{Verification, verify};
pub use write::writer::Store;
