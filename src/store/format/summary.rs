//! The summary of a block, as the footer stores it.

use crate::time::Micros;
use std::ops::{Range, RangeInclusive};

/// The part of a block that is known without reading its columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Index in [`crate::store::Segment::sources`]; `None` if the rows have several.
    pub source: Option<u32>,
    /// The number of rows.
    pub rows: u32,
    /// First id, and one past the last; other blocks may have ids in between.
    pub ids: Range<u64>,
    /// Earliest and latest timestamp.
    pub times: RangeInclusive<Micros>,
    /// Rows by `Level::index`.
    pub levels: [u32; 4],
}
