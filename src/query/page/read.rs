//! Reads the records of a page from their blocks.

use crate::query::error::Error;
use crate::query::page::best::Hit;
use crate::query::page::carried::ByRank;
use crate::query::scan::cache::{BlockCache, BlockColumns};
use crate::query::scan::plan::QueryPlan;
use crate::query::scan::run::is_damage;
use crate::record::{Metadata, StoredRecord};
use crate::store;

/// A row of a block, and the index of its record on the page.
struct Wish {
    at: usize,
    row: usize,
}

/// The records of `hits` in order, and the number of unreadable ones. Each block is read once; `carried` records are not read
/// again.
pub(super) fn records(
    plan: &QueryPlan<'_>,
    hits: &[Hit],
    blocks: &[(usize, usize)],
    carried: &mut ByRank,
    cache: &BlockCache,
) -> Result<(Vec<StoredRecord>, u64), Error> {
    let mut entries: Vec<Option<StoredRecord>> = Vec::with_capacity(hits.len());
    let mut wishes: Vec<Vec<Wish>> = Vec::new();
    wishes.resize_with(blocks.len(), Vec::new);
    for (at, hit) in hits.iter().enumerate() {
        let known = carried.remove(&hit.rank).map(|carried| carried.record);
        if let (None, Some(wishes)) = (&known, wishes.get_mut(hit.block as usize)) {
            let row = hit.row as usize;
            wishes.push(Wish { at, row });
        }
        entries.push(known);
    }
    let mut unreadable = 0;
    for (place, wishes) in blocks.iter().zip(&wishes).filter(|(_, w)| !w.is_empty()) {
        match read_block(plan, *place, wishes, cache, &mut entries) {
            Ok(()) => {}
            Err(error) if is_damage(&error) => unreadable += wishes.len() as u64,
            Err(error) => return Err(error.into()),
        }
    }
    let mut records = Vec::with_capacity(entries.len());
    records.extend(entries.into_iter().flatten());
    Ok((records, unreadable))
}

/// Reads the records of one block into their slots.
fn read_block(
    plan: &QueryPlan<'_>,
    (segment, block): (usize, usize),
    wishes: &[Wish],
    cache: &BlockCache,
    entries: &mut [Option<StoredRecord>],
) -> Result<(), store::Error> {
    let Some(segment) = plan.segment(segment) else {
        return Ok(());
    };
    let source = segment.block(block).summary().source;
    if source.is_none() && !segment.is_sealed() {
        // such a block will have changed by the next page: it is not cached
        let rows: Vec<usize> = wishes.iter().map(|wish| wish.row).collect();
        let records = segment.block(block).records(&rows)?;
        for (wish, record) in wishes.iter().zip(records) {
            if let Some(entry) = entries.get_mut(wish.at) {
                *entry = Some(record);
            }
        }
        return Ok(());
    }
    let columns = cache.columns(segment, block)?;
    let mut alike = Alike::default();
    for wish in wishes {
        let metadata = alike.metadata(&columns, wish, entries)?;
        if let Some(entry) = entries.get_mut(wish.at) {
            *entry = columns.record(segment, source, wish.row, metadata);
        }
    }
    Ok(())
}

/// The rows that were read last: the next row often has equal metadata, and cloning it is cheaper than decoding it again.
#[derive(Default)]
struct Alike {
    /// Index of the row, and index on the page.
    rows: [Option<(usize, usize)>; ALIKE_MAX],
    oldest: usize,
}

/// Enough for two streams of a container, or a few processes of a service.
const ALIKE_MAX: usize = 4;

impl Alike {
    fn metadata(
        &mut self,
        columns: &BlockColumns,
        wish: &Wish,
        entries: &[Option<StoredRecord>],
    ) -> Result<Metadata, store::Error> {
        let bytes = columns.metadata.bytes(wish.row);
        let mut known = self.rows.iter().flatten();
        let same = |(row, _): &&(usize, usize)| columns.metadata.bytes(*row) == bytes;
        let record = known
            .find(same)
            .and_then(|(_, at)| entries.get(*at)?.as_ref());
        if let Some(known) = record {
            return Ok(known.record.metadata.clone());
        }
        if let Some(place) = self.rows.get_mut(self.oldest) {
            *place = Some((wish.row, wish.at));
        }
        self.oldest = (self.oldest + 1) % ALIKE_MAX;
        columns.metadata.get(wish.row)
    }
}
