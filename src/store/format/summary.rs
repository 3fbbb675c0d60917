//! The summary of a block, as the footer stores it.

use crate::time::Micros;
use std::ops::{Range, RangeInclusive};

/// What a footer says of a block without touching its columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Index in [`Segment::sources`]; `None` when the block holds several.
    pub source: Option<u32>,
    /// Rows.
    pub rows: u32,
    /// First and one past the last id (other blocks hold ids between).
    pub ids: Range<u64>,
    /// Earliest and latest timestamp.
    pub times: RangeInclusive<Micros>,
    /// Rows by `Level::index`.
    pub levels: [u32; 4],
}
