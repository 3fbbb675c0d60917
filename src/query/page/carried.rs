//! Records that are read while their block is searched. If a search finds a few rows in many blocks, reading those blocks again
//! for the page costs more than the search, and only one thread does it.

use crate::query::scan::cache::BlockCache;
use crate::query::scan::rank::Rank;
use crate::record::StoredRecord;
use crate::store::{Messages, Segment};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The maximum number of matches in a block: with more, most would be read in vain.
pub(in crate::query) const ROWS_MAX: usize = 8;
/// The maximum size of a record: a thousand of them take 4 MiB.
const BYTES_MAX: u64 = 4 << 10;

/// A record and the size of its message and metadata.
#[derive(Debug)]
pub(in crate::query) struct Carried {
    pub(in crate::query) record: StoredRecord,
    pub(in crate::query) bytes: u64,
}

/// Carried records by their place in the order of the page.
pub(in crate::query) type ByRank = BTreeMap<Rank, Carried>;

/// Reads `rows` of a block whose messages were read already. Unreadable rows are skipped: reading them for the page fails again.
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
