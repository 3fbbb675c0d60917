//! Journal files of systemd, read natively: no libsystemd, no `journalctl`.
//!
//! A [`Journal`] makes many files and directories one stream in the order of libsystemd, follows what journald writes,
//! rotates and deletes, and goes on after a restart where it was ([`OriginPosition`]). Files are read as they are found:
//! damaged, being written, or vanishing. What is written is told by `format-spec/journal.md`.
//!
//! This module knows no record and no async: it is a library of its own.
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
