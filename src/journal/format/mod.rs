//! The parts of a journal file: identifiers, numbers, the header, the file name and the cursors of entries.

pub(crate) mod cursor;
pub(crate) mod error;
pub(crate) mod hash;
pub(crate) mod header;
pub(crate) mod id;
pub mod layout;
pub(crate) mod name;
