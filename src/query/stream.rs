//! Every record that matches, in the order of ids, without building records: for writing all of a log to a file. Each block is searched
//! and decoded once, and few are decoded at a time.

use crate::query::error::Error;
use crate::query::filter::Filter;
use crate::query::scan::budget::Budget;
use crate::query::scan::cache::{BlockCache, BlockColumns};
use crate::query::scan::plan::QueryPlan;
use crate::query::scan::rank::Rank;
use crate::query::scan::run::{BlockResult, Sink, is_damage, run_scan};
use crate::record::{Id, Level, Source};
use crate::store::{self, Segment, View};
use crate::time::Micros;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The maximum memory of the blocks that are decoded at a time, except for a single larger one: enough for two dozen sources, each of which
/// has a block of its own. With more, blocks are decoded several times.
const DECODED_BYTES_MAX: usize = 8 << 20;

/// Every record of a view that matches a filter, in the order of ids.
#[derive(Debug)]
pub struct RecordStream {
    view: View,
    filter: Filter,
    /// The number of segments of the view that were searched.
    searched: usize,
    /// The last of them.
    segment: Option<Arc<Segment>>,
    /// Its blocks with matching rows that no batch has reached; the one with the first id is last.
    ahead: Vec<FoundBlock>,
    /// Its other ones.
    open: Vec<OpenBlock>,
    /// The next row of each open block.
    next: BinaryHeap<Reverse<NextRow>>,
    /// The memory of the decoded blocks, with those of the batch that is being filled, and its maximum.
    decoded_bytes: usize,
    decoded_bytes_max: usize,
}

/// A block with matching rows.
#[derive(Debug)]
struct FoundBlock {
    index: usize,
    first_id: u64,
    /// The rows that match, ascending; `None` for all.
    rows: Option<Vec<u32>>,
}

/// A block of which some rows are in batches.
#[derive(Debug)]
struct OpenBlock {
    index: usize,
    /// The ids of all rows.
    ids: Vec<u64>,
    rows: Option<Vec<u32>>,
    /// How many matching rows are in batches.
    taken: usize,
    columns: Option<Arc<BlockColumns>>,
    /// Its index in the batch that is being filled.
    in_batch: Option<u32>,
}

/// Whether a block is decoded.
enum Decoding {
    /// It was before.
    Known,
    /// It is now, so that its next row is known.
    Done,
    /// Blocks of the batch take too much memory: it must be written first.
    NoRoom,
}

/// A row that follows, by its id, and the number of its open block.
type NextRow = (u64, usize);

impl OpenBlock {
    /// The next row that matches, and its id.
    fn next(&self) -> Option<(u32, u64)> {
        let row = match &self.rows {
            Some(rows) => *rows.get(self.taken)?,
            None => u32::try_from(self.taken).ok()?,
        };
        Some((row, *self.ids.get(row as usize)?))
    }
}

impl RecordStream {
    /// The filter must have the span of its boot.
    #[must_use]
    pub fn new(view: View, filter: Filter) -> Self {
        Self {
            view,
            filter,
            searched: 0,
            segment: None,
            ahead: Vec::new(),
            open: Vec::new(),
            next: BinaryHeap::new(),
            decoded_bytes: 0,
            decoded_bytes_max: DECODED_BYTES_MAX,
        }
    }

    /// The next records, of about `bytes_max` together. There are fewer if the time of the budget is over, at the end, or if their
    /// blocks take much memory. Rows of damaged blocks are left out.
    ///
    /// # Errors
    /// [`Error`] if the store cannot be read.
    pub fn next_batch(&mut self, bytes_max: usize, budget: &Budget) -> Result<RecordBatch, Error> {
        let until = Instant::now().checked_add(budget.time_max);
        let is_over = || until.is_some_and(|until| Instant::now() >= until);
        let mut batch = RecordBatch::default();
        // whatever the time, each batch makes progress
        let searched = self.searched;
        self.begin_batch();
        while batch.bytes < bytes_max {
            let Some(number) = self.next_block() else {
                if self.searched > searched && is_over() || budget.cancel.is_cancelled() {
                    return Ok(batch);
                }
                if !self.search_segment(budget)? {
                    batch.is_last = true;
                    return Ok(batch);
                }
                continue;
            };
            match self.decode(number, &batch, &budget.cache)? {
                Decoding::Known => self.take_rows(number, bytes_max, &mut batch),
                Decoding::Done => {}
                Decoding::NoRoom => return Ok(batch),
            }
        }
        Ok(batch)
    }

    /// Drops the blocks without further rows, which the batch before has kept.
    fn begin_batch(&mut self) {
        self.decoded_bytes = 0;
        for open in &mut self.open {
            open.in_batch = None;
            if open.next().is_none() {
                open.columns = None;
            }
            let bytes = open.columns.as_ref().map_or(0, |columns| columns.bytes());
            self.decoded_bytes += bytes;
        }
    }

    /// The open block that has the next row; `None` if the segment has no more.
    fn next_block(&mut self) -> Option<usize> {
        loop {
            let next = self.next.peek().map(|Reverse(next)| *next);
            let ahead = self.ahead.last().map(|found| found.first_id);
            match (next, ahead) {
                (Some((id, number)), ahead) if ahead.is_none_or(|first| id < first) => {
                    return Some(number);
                }
                (_, Some(_)) => self.open_block(),
                (_, None) => return None,
            }
        }
    }

    /// Opens the block with the first id. Its ids are those of its footer until it is decoded.
    fn open_block(&mut self) {
        let Some(found) = self.ahead.pop() else {
            return;
        };
        self.next.push(Reverse((found.first_id, self.open.len())));
        self.open.push(OpenBlock {
            index: found.index,
            ids: Vec::new(),
            rows: found.rows,
            taken: 0,
            columns: None,
            in_batch: None,
        });
    }

    /// Searches the next segment; returns false if there is none.
    fn search_segment(&mut self, budget: &Budget) -> Result<bool, Error> {
        self.open.clear();
        let plan = QueryPlan::new(&self.view, &self.filter, 0..u64::MAX, &budget.cache);
        let Some(segment) = plan.segment(self.searched) else {
            return Ok(false);
        };
        // A segment is read as a whole, so that the next batch begins with another.
        let budget = Budget {
            rows_max: u64::MAX,
            time_max: Duration::MAX,
            ..budget.clone()
        };
        let mut found = FoundBlocks(Vec::new());
        let outcome = run_scan(
            plan.candidates_of(self.searched).into_iter(),
            &budget,
            |candidate, scratch| {
                let rows = plan.select(candidate, scratch)?;
                let first_id = candidate.block.summary().ids.start;
                Ok(BlockResult {
                    scanned: rows.scanned(),
                    value: (!rows.is_empty()).then(|| FoundBlock {
                        index: candidate.place.1,
                        first_id,
                        rows: rows.kept().map(<[u32]>::to_vec),
                    }),
                })
            },
            &mut found,
        )?;
        if outcome.stopped.is_some() {
            return Ok(true);
        }
        self.searched += 1;
        self.segment = Some(Arc::clone(segment));
        self.ahead = found.0;
        self.ahead
            .sort_unstable_by_key(|found| Reverse(found.first_id));
        Ok(true)
    }

    /// Decodes the open block with the next row, and drops others if that takes too much memory.
    fn decode(
        &mut self,
        number: usize,
        batch: &RecordBatch,
        cache: &BlockCache,
    ) -> Result<Decoding, Error> {
        let Some((open, segment)) = self.open.get(number).zip(self.segment.as_ref()) else {
            return Ok(Decoding::Known);
        };
        if open.columns.is_some() {
            return Ok(Decoding::Known);
        }
        let bytes = usize::try_from(segment.block(open.index).content_bytes());
        let room = self
            .decoded_bytes_max
            .saturating_sub(bytes.unwrap_or(usize::MAX));
        if self.decoded_bytes > room {
            if !batch.rows.is_empty() {
                return Ok(Decoding::NoRoom);
            }
            self.drop_decoded(room);
        }
        let Some((open, segment)) = self.open.get(number).zip(self.segment.as_ref()) else {
            return Ok(Decoding::Known);
        };
        let columns = match cache.decoded(segment, open.index) {
            Ok(columns) => Some(columns),
            Err(error) if is_damage(&error) => None,
            Err(error) => return Err(error.into()),
        };
        let Some(open) = self.open.get_mut(number) else {
            return Ok(Decoding::Known);
        };
        if let Some(columns) = &columns {
            self.decoded_bytes += columns.bytes();
            open.ids.clone_from(&columns.ids);
        } else {
            open.ids.clear();
        }
        open.columns = columns;
        // Its next row may have a greater id than its first row, which does not match.
        if let Some(mut next) = self.next.peek_mut() {
            match open.next() {
                Some((_, id)) => next.0.0 = id,
                None => drop(PeekMut::pop(next)),
            }
        }
        Ok(Decoding::Done)
    }

    /// Drops decoded blocks until the rest takes at most `bytes`; first those whose next row comes last.
    fn drop_decoded(&mut self, bytes: usize) {
        let decoded = (0..)
            .zip(&self.open)
            .filter(|(_, open)| open.columns.is_some());
        let mut decoded: Vec<NextRow> = decoded
            .filter_map(|(number, open)| Some((open.next()?.1, number)))
            .collect();
        decoded.sort_unstable_by_key(|next| Reverse(*next));
        for (_, number) in decoded {
            if self.decoded_bytes <= bytes {
                break;
            }
            let open = self.open.get_mut(number);
            if let Some(columns) = open.and_then(|open| open.columns.take()) {
                self.decoded_bytes = self.decoded_bytes.saturating_sub(columns.bytes());
            }
        }
    }

    /// Adds rows of the block with the next row, until a row of another block follows.
    fn take_rows(&mut self, number: usize, bytes_max: usize, batch: &mut RecordBatch) {
        let Some(Reverse((_, first))) = self.next.pop() else {
            return;
        };
        debug_assert_eq!(first, number, "the block with the next row");
        let after = self.next.peek().map(|Reverse((id, _))| *id);
        let ahead = self.ahead.last().map(|found| found.first_id);
        let end = after.unwrap_or(u64::MAX).min(ahead.unwrap_or(u64::MAX));
        let open = self.open.get_mut(number);
        let Some((open, segment)) = open.zip(self.segment.as_ref()) else {
            return;
        };
        let Some(columns) = &open.columns else {
            return;
        };
        let block = *open.in_batch.get_or_insert_with(|| {
            batch.add_block(BatchBlock {
                segment: Arc::clone(segment),
                source: segment.block(open.index).summary().source,
                columns: Arc::clone(columns),
            })
        });
        while let Some((row, id)) = open.next() {
            if id > end || batch.bytes >= bytes_max {
                self.next.push(Reverse((id, number)));
                return;
            }
            open.taken += 1;
            batch.rows.push((block, row));
            let bytes = usize::try_from(columns.row_bytes(row as usize));
            batch.bytes += ROW_BYTES + bytes.unwrap_or(usize::MAX);
        }
    }
}

/// The text of a record takes about this much more than its message and metadata.
const ROW_BYTES: usize = 100;

/// The blocks of a segment that have matching rows, in any order.
struct FoundBlocks(Vec<FoundBlock>);

impl Sink<Option<FoundBlock>> for FoundBlocks {
    fn wants(&self, _: Rank) -> bool {
        true
    }

    fn take(&mut self, value: Option<FoundBlock>) {
        self.0.extend(value);
    }
}

/// Consecutive records of a stream.
#[derive(Debug, Default)]
pub struct RecordBatch {
    blocks: Vec<BatchBlock>,
    /// The index of the block, and the row in it.
    rows: Vec<(u32, u32)>,
    bytes: usize,
    is_last: bool,
}

#[derive(Debug)]
struct BatchBlock {
    segment: Arc<Segment>,
    source: Option<u32>,
    columns: Arc<BlockColumns>,
}

impl RecordBatch {
    fn add_block(&mut self, block: BatchBlock) -> u32 {
        self.blocks.push(block);
        u32::try_from(self.blocks.len() - 1).unwrap_or(u32::MAX)
    }

    /// Whether no records follow.
    #[must_use]
    pub fn is_last(&self) -> bool {
        self.is_last
    }

    /// Its records.
    pub fn iter(&self) -> impl Iterator<Item = EncodedRecord<'_>> {
        let rows = self.rows.iter();
        rows.filter_map(|(block, row)| self.blocks.get(*block as usize)?.record(*row as usize))
    }
}

impl BatchBlock {
    fn record(&self, row: usize) -> Option<EncodedRecord<'_>> {
        let columns = &self.columns;
        let source = match &columns.sources {
            Some(sources) => sources.get(row).copied(),
            None => self.source,
        };
        Some(EncodedRecord {
            id: Id(*columns.ids.get(row)?),
            timestamp: *columns.times.get(row)?,
            source: self.segment.sources().get(source? as usize)?,
            level: *columns.levels.get(row)?,
            message: columns.messages.get(row),
            columns,
            row,
        })
    }
}

/// A stored record whose metadata is not decoded.
#[derive(Debug, Clone, Copy)]
pub struct EncodedRecord<'b> {
    /// Its id.
    pub id: Id,
    /// When it happened.
    pub timestamp: Micros,
    /// Its source.
    pub source: &'b Source,
    /// Its level.
    pub level: Level,
    /// Its message.
    pub message: &'b str,
    columns: &'b BlockColumns,
    row: usize,
}

impl EncodedRecord<'_> {
    /// Appends its metadata as JSON. After an error nothing is appended.
    ///
    /// # Errors
    /// [`store::Error`] if the metadata is damaged.
    pub fn write_metadata(&self, out: &mut Vec<u8>) -> Result<(), store::Error> {
        self.columns.metadata.write_json(self.row, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::RealDisk;
    use crate::record::{Metadata, Record};
    use crate::redact::{RedactOptions, Redactor};
    use crate::store::{Options, Store};

    /// A store with a sealed segment in which four sources have several blocks each.
    fn store(folder: &std::path::Path) -> Store {
        let (mut store, _) =
            Store::open(Arc::new(RealDisk), folder, Options::default()).expect("a store");
        let options = RedactOptions {
            disabled: vec!["all".to_owned()],
            ..RedactOptions::default()
        };
        let mut redactor = Redactor::new(&options).expect("no rule at all");
        let records = (0..800_i64).map(|number| {
            redactor.redact(Record {
                timestamp: Micros::new(number),
                source: Source::new("docker", &(number * number % 6).to_string()),
                level: Level::Info,
                message: format!("{number} {}", "x".repeat(2_500)),
                metadata: Metadata::new(),
            })
        });
        let records: Vec<_> = records.collect();
        store.append(&records, &[]).expect("appended");
        store.seal().expect("sealed");
        store
    }

    #[test]
    fn batches_are_the_same_with_little_memory() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = store(folder.path());
        let view = store.reader().view();
        for decoded_bytes_max in [1, 800_000, DECODED_BYTES_MAX] {
            for bytes_max in [1, 10_000, 1 << 20] {
                let mut stream = RecordStream {
                    decoded_bytes_max,
                    ..RecordStream::new(view.clone(), Filter::default())
                };
                let mut next_id = 1;
                loop {
                    let batch = stream
                        .next_batch(bytes_max, &Budget::default())
                        .expect("read");
                    for record in batch.iter() {
                        assert_eq!(record.id.0, next_id);
                        assert!(record.message.starts_with(&format!("{} x", next_id - 1)));
                        next_id += 1;
                    }
                    let others = batch.blocks.iter().skip(1);
                    let bytes: usize = others.map(|block| block.columns.bytes()).sum();
                    assert!(bytes <= decoded_bytes_max, "{bytes}");
                    if batch.is_last() {
                        break;
                    }
                }
                assert_eq!(next_id, 801);
            }
        }
    }
}
