//! Records that were read when their block was searched. Where a search finds few in many blocks, reading these once more for the
//! page costs more than the search did, and one thread has to do it alone.

use crate::query::scan::cache::BlockCache;
use crate::query::scan::rank::Rank;
use crate::record::StoredRecord;
use crate::store::{Messages, Segment};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Of a block with more matches none is carried: most of them would be read for nothing.
pub(in crate::query) const ROWS_MAX: usize = 8;
/// Longer records are read for the page: a thousand that are shorter take 4 MiB.
const BYTES_MAX: u64 = 4 << 10;

/// A record, and how many bytes its message and metadata have.
#[derive(Debug)]
pub(in crate::query) struct Carried {
    pub(in crate::query) record: StoredRecord,
    pub(in crate::query) bytes: u64,
}

/// Carried records by their place in the order of the page.
pub(in crate::query) type ByRank = BTreeMap<Rank, Carried>;

/// Reads `rows` of a block whose messages are at hand. What cannot be read is left out: it fails again when the page reads it.
pub(in crate::query) fn read(
    cache: &BlockCache,
    segment: &Arc<Segment>,
    block: usize,
    messages: Messages,
    rows: &[(Rank, u32)],
) -> ByRank {
    let mut carried = ByRank::new();
    let source = segment.block(block).summary().source;
    let Ok(columns) = cache.complete(segment, block, messages) else {
        return carried;
    };
    for (rank, row) in rows {
        let row = *row as usize;
        let bytes = columns.row_bytes(row);
        if bytes > BYTES_MAX {
            continue;
        }
        let Ok(metadata) = columns.metadata.get(row) else {
            continue;
        };
        if let Some(record) = columns.record(segment, source, row, metadata) {
            carried.insert(*rank, Carried { record, bytes });
        }
    }
    carried
}
