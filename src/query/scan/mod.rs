//! Scans of a view: which blocks may match, in which order, on how many threads, and which of their rows match.

pub(super) mod budget;
pub(super) mod cache;
pub(super) mod counts;
mod evaluate;
pub(super) mod found;
pub(super) mod metadata_of;
mod need;
pub(super) mod periods;
pub(super) mod plan;
pub(super) mod rank;
mod residue;
pub(super) mod rows;
pub(super) mod run;
pub(super) mod scale;
