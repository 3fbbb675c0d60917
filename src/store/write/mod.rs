//! Writing: appending to the active file and sealing it.

pub(super) mod append;
pub(super) mod arrival;
pub(super) mod plan;
pub(super) mod row_buffer;
pub(super) mod seal;
pub(super) mod trouble;
pub(super) mod writer;
