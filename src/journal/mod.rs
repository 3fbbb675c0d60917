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

mod cache;
mod chain;
mod clock;
mod cursor;
mod data;
mod entry;
mod error;
mod figures;
mod file;
mod filter;
mod follow;
mod hash;
mod header;
mod held;
mod id;
mod index;
pub mod layout;
mod ledger;
mod lookup;
mod matches;
mod member;
mod name;
mod options;
mod order;
mod origin;
mod payload;
mod problems;
mod resolve;
mod scan;
mod selection;
mod stream;
mod unique;
mod usage;
mod verify;
mod walk;
mod watch;
mod window;

pub use cursor::Cursor;
pub use cursor::CursorError;
pub use entry::CutField;
pub use entry::Entry;
pub use entry::Event;
pub use entry::Fields;
pub use entry::Gap;
pub use error::Error;
pub use error::Problem;
pub use figures::Figures;
pub use id::Id128;
pub use id::Id128Error;
pub use matches::Matches;
pub use name::Namespaces;
pub use options::FieldChoice;
pub use options::JournalOptions;
pub use options::Seek;
pub use origin::OriginPosition;
pub use stream::FileStatus;
pub use stream::Journal;
pub use unique::Boot;
pub use verify::Verdict;
