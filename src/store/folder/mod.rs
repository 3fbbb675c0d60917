//! The folder of a store and the files in it.

pub(super) mod directory;
pub(super) mod holder;
pub(super) mod recover;
pub(super) mod scan;
