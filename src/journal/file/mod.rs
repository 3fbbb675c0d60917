//! One journal file: its bytes, the objects in it, the index of its entries, and their fields.

pub(crate) mod cache;
pub(crate) mod chain;
pub(crate) mod data;
pub(crate) mod held;
pub(crate) mod index;
pub(crate) mod journal_file;
pub(crate) mod lookup;
pub(crate) mod payload;
pub(crate) mod walk;
pub(crate) mod window;
