//! Counts by source, and the warnings of an empty answer, which need to know which sources there are.

pub(super) mod count;
pub(super) mod listing;
pub(super) mod warnings;
