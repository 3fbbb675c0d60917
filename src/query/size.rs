//! How many records of a page its bound in bytes lets through, before any of them is read.

use super::cache::Columns;
use super::plan::Plan;
use super::scan;
use crate::store::Error;
use std::collections::HashMap;
use std::sync::Arc;

/// How many of the rows at `places` (segment, block and row) hold `bytes_max` of messages and metadata together: all of them
/// where that is so, else as many of the first as do, and one at least.
///
/// # Errors
/// Any failure to read but the damage of a block: its rows count as nothing, as they are not shown.
pub(super) fn fitting(
    plan: &Plan<'_>,
    places: impl ExactSizeIterator<Item = (usize, usize, usize)> + Clone,
    bytes_max: u64,
) -> Result<usize, Error> {
    let count = places.len();
    if blocks_fit(plan, places.clone(), bytes_max) {
        return Ok(count);
    }
    let mut rows_of: HashMap<(usize, usize), RowBytes> = HashMap::new();
    let mut bytes = 0_u64;
    for (at, (segment, block, row)) in places.enumerate() {
        let rows = match rows_of.entry((segment, block)) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(new) => {
                new.insert(row_bytes(plan, segment, block)?)
            }
        };
        bytes = bytes.saturating_add(rows.of(row));
        if bytes > bytes_max {
            return Ok(at.max(1));
        }
    }
    Ok(count)
}

/// Whether all rows of the blocks fit: no length needs to be read then.
fn blocks_fit(
    plan: &Plan<'_>,
    places: impl Iterator<Item = (usize, usize, usize)>,
    bytes_max: u64,
) -> bool {
    let mut blocks: Vec<(usize, usize)> =
        places.map(|(segment, block, _)| (segment, block)).collect();
    blocks.sort_unstable();
    blocks.dedup();
    let bytes = blocks.into_iter().filter_map(|(segment, block)| {
        let segment = plan.segment(segment)?;
        Some(segment.block(block).content_bytes())
    });
    bytes.sum::<u64>() <= bytes_max
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
