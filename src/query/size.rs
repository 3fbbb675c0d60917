//! How many records of a page its bound in bytes lets through, before any of them is read.

use super::cache::Columns;
use super::plan::Plan;
use super::scan;
use crate::store::Error;
use std::collections::{HashMap, hash_map};
use std::sync::Arc;

/// A row of a page.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    /// Segment, block and row.
    pub(super) place: (usize, usize, usize),
    /// How many bytes it has, where that is known.
    pub(super) bytes: Option<u64>,
}

/// How many of `rows` hold `bytes_max` of messages and metadata together: all of them
/// where that is so, else as many of the first as do, and one at least.
///
/// # Errors
/// Any failure to read but the damage of a block: its rows count as nothing, as they are not shown.
pub(super) fn fitting(
    plan: &Plan<'_>,
    rows: impl ExactSizeIterator<Item = Row> + Clone,
    bytes_max: u64,
) -> Result<usize, Error> {
    let count = rows.len();
    if blocks_fit(plan, rows.clone(), bytes_max) {
        return Ok(count);
    }
    let mut rows_of: HashMap<(usize, usize), RowBytes> = HashMap::new();
    let mut bytes = 0_u64;
    for (at, row) in rows.enumerate() {
        let (segment, block, index) = row.place;
        let row_bytes = match (row.bytes, rows_of.entry((segment, block))) {
            (Some(bytes), _) => bytes,
            (None, hash_map::Entry::Occupied(rows)) => rows.get().of(index),
            (None, hash_map::Entry::Vacant(new)) => {
                new.insert(row_bytes(plan, segment, block)?).of(index)
            }
        };
        bytes = bytes.saturating_add(row_bytes);
        if bytes > bytes_max {
            return Ok(at.max(1));
        }
    }
    Ok(count)
}

/// Whether all rows of the blocks fit whose rows are not known: no length needs to be read then.
fn blocks_fit(plan: &Plan<'_>, rows: impl Iterator<Item = Row> + Clone, bytes_max: u64) -> bool {
    let known: u64 = rows.clone().filter_map(|row| row.bytes).sum();
    let unknown = rows.filter(|row| row.bytes.is_none());
    let mut blocks: Vec<(usize, usize)> = unknown.map(|row| (row.place.0, row.place.1)).collect();
    blocks.sort_unstable();
    blocks.dedup();
    let bytes = blocks.into_iter().filter_map(|(segment, block)| {
        let segment = plan.segment(segment)?;
        Some(segment.block(block).content_bytes())
    });
    known + bytes.sum::<u64>() <= bytes_max
}

/// How many bytes the rows of a block have.
enum RowBytes {
    Decoded(Arc<Columns>),
    Read(Vec<u64>),
}

impl RowBytes {
    fn of(&self, row: usize) -> u64 {
        match self {
            Self::Decoded(columns) => columns.row_bytes(row),
            Self::Read(bytes) => bytes.get(row).copied().unwrap_or_default(),
        }
    }
}

fn row_bytes(plan: &Plan<'_>, segment: usize, block: usize) -> Result<RowBytes, Error> {
    if let Some(columns) = plan.cached(segment, block) {
        return Ok(RowBytes::Decoded(columns));
    }
    let Some(segment) = plan.segment(segment) else {
        return Ok(RowBytes::Read(Vec::new()));
    };
    match segment.block(block).row_bytes() {
        Err(error) if scan::is_damage(&error) => Ok(RowBytes::Read(Vec::new())),
        rows => rows.map(RowBytes::Read),
    }
}
