//! What a journal file consists of: identifiers, numbers, its header, its name and the cursors of its entries.

pub(crate) mod cursor;
pub(crate) mod error;
pub(crate) mod hash;
pub(crate) mod header;
pub(crate) mod id;
pub mod layout;
pub(crate) mod name;
