//! The segment store: append-only, one writer, many readers.
//!
//! Records are appended as frames to an active file, together with the positions that say they were read. A full file is
//! frozen and sealed: rewritten once as compressed columns, block by block, beside which appending goes on. Sealed files are
//! only read or unlinked. `format-spec/store.md` is the format; this is the map of the code, bottom up:
//!
//! - `layout`, `frame`, `batch`, `cbor`, `column`, `footer`, `ngram`, `fold`: bytes.
//! - `active`, `sealed`, `segment`, `block`, `cache`: what readers see of a file.
//! - `plan`, `seal`: from an active file to a sealed one.
//! - `directory`, `scan`, `recover`, `open`: the folder, and opening it.
//! - `append`, `writer`: the one writer; `upkeep`, `retention`, `arrival`, `unlink`, `trouble`, `renew`: what it does besides.
//! - `reader`, `read_only`: everybody else.
//! - `compact`, `snapshot`, `replace`, `verify`, `repair`: a whole store at a time; `inspect`: its bytes, named.

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

mod active;
mod append;
mod arrival;
mod batch;
mod block;
mod cache;
mod cbor;
mod cbor_decode;
mod column;
mod compact;
mod directory;
mod error;
mod fold;
mod footer;
mod frame;
#[doc(hidden)]
pub mod fuzz;
mod inspect;
mod layout;
mod ngram;
mod open;
mod options;
mod plan;
mod read_only;
mod reader;
mod recover;
mod renew;
mod repair;
mod replace;
mod retention;
mod scan;
mod seal;
mod sealed;
mod segment;
mod snapshot;
mod tally;
mod trouble;
mod unlink;
mod upkeep;
mod verify;
mod writer;

pub use block::{Block, Messages, MetadataColumn, Summary};
pub use compact::Compaction;
pub use error::Error;
pub use fold::fold;
pub use inspect::{
    BlockInspection, Chunk, ColumnSize, FrameContent, FrameInspection, Part, SegmentInspection,
    SegmentKind, SourceInspection, StoreIdentity, StoreInspection, inspect_segment, inspect_store,
    is_segment,
};
pub use open::Recovery;
pub use options::{Options, SyncPolicy};
pub use reader::{Reader, View};
pub use renew::Recovered;
pub use repair::{Repair, repair};
pub use replace::restore_replacing;
pub use retention::Pruned;
pub use segment::Segment;
pub use snapshot::{
    Snapshot, SnapshotContent, delete_snapshot, fork, restore, snapshot, snapshots,
};
pub use tally::SourceTally;
pub use upkeep::Upkeep;
pub use verify::{Verification, verify};
pub use writer::Store;
