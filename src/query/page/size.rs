//! How many records fit on a page, computed before they are read.

use crate::query::scan::cache::BlockColumns;
use crate::query::scan::plan::QueryPlan;
use crate::query::scan::run::is_damage;
use crate::store::Error;
use std::collections::{HashMap, hash_map};
use std::sync::Arc;

/// A row of a page.
#[derive(Debug, Clone, Copy)]
pub(in crate::query) struct PageRow {
    /// The index of its block among those of the page.
    pub(in crate::query) block: usize,
    /// Its index in the block.
    pub(in crate::query) index: usize,
    /// Its size in bytes, if known.
    pub(in crate::query) bytes: Option<u64>,
}

/// How many of the first `rows` have at most `bytes_max` of messages and metadata together; at least one. `blocks` are pairs of
/// segment and block.
///
/// # Errors Any read error except damage to a block, whose rows count as empty, as they are not shown.
pub(in crate::query) fn fitting(
    plan: &QueryPlan<'_>,
    blocks: &[(usize, usize)],
    rows: impl ExactSizeIterator<Item = PageRow> + Clone,
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

/// Whether the whole blocks fit, so that no lengths need to be read.
fn blocks_fit(
    plan: &QueryPlan<'_>,
    blocks: &[(usize, usize)],
    rows: impl Iterator<Item = PageRow>,
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

/// The sizes of the rows of a block.
enum RowBytes {
    Decoded(Arc<BlockColumns>),
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

fn row_bytes(plan: &QueryPlan<'_>, segment: usize, block: usize) -> Result<RowBytes, Error> {
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
