//! Reading: blocks, segments, and the views that readers see.

pub(super) mod active;
pub(super) mod active_index;
pub(super) mod block;
pub(super) mod cache;
pub(super) mod columns;
pub(super) mod group;
pub(super) mod history;
pub(super) mod opened;
pub(super) mod reader;
pub(super) mod sealed;
pub(super) mod segment;
pub(super) mod segment_file;
pub(super) mod tally;
pub(super) mod weights;
