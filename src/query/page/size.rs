//! How many records of a page its bound in bytes lets through, before any of them is read.

use crate::query::scan::cache::Columns;
use crate::query::scan::plan::Plan;
use crate::query::scan::run::is_damage;
use crate::store::Error;
use std::collections::{HashMap, hash_map};
use std::sync::Arc;

/// A row of a page.
#[derive(Debug, Clone, Copy)]
pub(in crate::query) struct Row {
    /// Which of the page's blocks it is in.
    pub(in crate::query) block: usize,
    /// Where in its block it is.
    pub(in crate::query) index: usize,
    /// How many bytes it has, where that is known.
    pub(in crate::query) bytes: Option<u64>,
}

/// How many of `rows`, of these `blocks` (segment and block), hold `bytes_max` of messages and metadata together: all of them
/// where that is so, else as many of the first as do, and one at least.
///
/// # Errors
/// Any failure to read but the damage of a block: its rows count as nothing, as they are not shown.
pub(in crate::query) fn fitting(
    plan: &Plan<'_>,
    blocks: &[(usize, usize)],
    rows: impl ExactSizeIterator<Item = Row> + Clone,
    bytes_max: u64,
) -> Result<usize, Error> {
    let count = rows.len();
    if blocks_fit(plan, blocks, rows.clone(), bytes_max) {
        return Ok(count);
    }
    let mut rows_of: HashMap<usize, RowBytes> = HashMap::new();
    let mut bytes = 0_u64;
    for (at, row) in rows.enumerate() {
        let row_bytes = match (row.bytes, rows_of.entry(row.block)) {
            (Some(bytes), _) => bytes,
            (None, hash_map::Entry::Occupied(rows)) => rows.get().of(row.index),
            (None, hash_map::Entry::Vacant(new)) => {
                let (segment, block) = blocks.get(row.block).copied().unwrap_or_default();
                new.insert(row_bytes(plan, segment, block)?).of(row.index)
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
fn blocks_fit(
    plan: &Plan<'_>,
    blocks: &[(usize, usize)],
    rows: impl Iterator<Item = Row>,
    bytes_max: u64,
) -> bool {
    let mut bytes = 0_u64;
    let mut is_counted = vec![false; blocks.len()];
    for row in rows {
        if let Some(known) = row.bytes {
            bytes = bytes.saturating_add(known);
        } else if let Some(counted @ false) = is_counted.get_mut(row.block) {
            *counted = true;
            let (segment, block) = blocks.get(row.block).copied().unwrap_or_default();
            let segment = plan.segment(segment);
            let content = segment.map_or(0, |segment| segment.block(block).content_bytes());
            bytes = bytes.saturating_add(content);
        }
    }
    bytes <= bytes_max
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
        Err(error) if is_damage(&error) => Ok(RowBytes::Read(Vec::new())),
        rows => rows.map(RowBytes::Read),
    }
}
