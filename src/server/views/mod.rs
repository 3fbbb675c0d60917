//! Saved views of the page: names for its filters, shared by everybody who sees the whole machine.

pub(super) mod file;
pub(super) mod handler;
