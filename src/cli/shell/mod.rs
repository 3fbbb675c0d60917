//! Completions and manual pages.

pub(super) mod complete;
pub(super) mod completions;
pub(super) mod man;
