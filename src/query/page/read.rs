//! Reads the records of a page from their blocks.

use crate::query::error::Error;
use crate::query::page::best::Hit;
use crate::query::page::carried::ByRank;
use crate::query::scan::cache::{BlockCache, Columns};
use crate::query::scan::plan::Plan;
use crate::query::scan::run::is_damage;
use crate::record::{Metadata, StoredRecord};
use crate::store;

/// A row of a block, and at which place of the page its record belongs.
struct Wish {
    at: usize,
    row: usize,
}

/// The records of `hits` in their order, each block read once but for those that are `carried`; and how many could not be read.
pub(super) fn records(
    plan: &Plan<'_>,
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

/// Puts the records of one block in their places.
fn read_block(
    plan: &Plan<'_>,
    (segment, block): (usize, usize),
    wishes: &[Wish],
    cache: &BlockCache,
    entries: &mut [Option<StoredRecord>],
) -> Result<(), store::Error> {
    let Some(segment) = plan.segment(segment) else {
        return Ok(());
    };
    let source = segment.block(block).summary().source;
    if source.is_none() {
        // a block of several sources is of a file that still grows, and has changed when the next page comes
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

/// Rows of a block whose records were read last: the next often has the metadata of one of them, and to copy that takes less
/// than to decode it once more.
#[derive(Default)]
struct Alike {
    /// Row and place in the page.
    rows: [Option<(usize, usize)>; ALIKE_MAX],
    oldest: usize,
}

/// Two streams of a container, a few processes of a service.
const ALIKE_MAX: usize = 4;

impl Alike {
    fn metadata(
        &mut self,
        columns: &Columns,
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
