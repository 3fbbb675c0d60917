//! Reads systemd's journal files natively: without libsystemd and without `journalctl`.
//!
//! A [`Journal`] merges many files and directories into one stream in the order of libsystemd. It follows journald
//! while journald writes, rotates and deletes files, and resumes after a restart ([`OriginPosition`]). It reads files
//! that are damaged, being written, or being deleted. The format is described in `format-spec/journal.md`.
//!
//! This module knows neither records nor async code: it is a library of its own.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic
    )
)]

mod figures;
mod file;
mod filter;
mod format;
mod stream;
mod unique;
mod usage;
mod verify;

pub use figures::Figures;
pub use file::journal_file::FieldChoice;
pub use filter::matches::EntryMatches;
pub use format::cursor::Cursor;
pub use format::cursor::CursorError;
pub use format::error::Error;
pub use format::error::Problem;
pub use format::id::Id128;
pub use format::id::Id128Error;
pub use format::layout;
pub use format::name::Namespaces;
pub use stream::entry::CutField;
pub use stream::entry::Entry;
pub use stream::entry::EntryFields;
pub use stream::entry::JournalEvent;
pub use stream::entry::JournalGap;
pub use stream::journal::FileStatus;
pub use stream::journal::Journal;
pub use stream::options::JournalOptions;
pub use stream::options::Seek;
pub use stream::origin::OriginPosition;
pub use unique::Boot;
pub use verify::FileVerdict;
