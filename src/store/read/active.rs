//! Active files: their groups of frames, which readers see as blocks.
//!
//! The content stays in the file. A group is a run of frames of about [`GROUP_BYTES`]. Its summary is kept in memory, and a reader
//! reads the bytes of the group again when it needs a column. The index of a full group is built when a query first needs it: built
//! while appending, bitmaps alone took 5 to 12 % of the time, also for logs that nobody searches.

use super::cache::Cache;
use super::columns::{Columns, Messages, MetadataColumn};
use super::tally::{self, SourceTally};
use crate::disk::DiskFile;
use crate::record::{Position, Positions, Source};
use crate::store::error::Error;
use crate::store::format::batch::{self, Batch, Damage, Dictionary};
use crate::store::format::frame::{self, Frame, FrameKind, Place};
use crate::store::format::index::block::{BlockIndexBuilder, TextIndex};
use crate::store::format::index::field_builder::FieldIndexBuilder;
use crate::store::format::index::fields::{FieldIndex, FieldTable};
use crate::store::format::index::grams::GramBitmap;
use crate::store::format::index::{bloom, tokens};
use crate::store::format::layout::StoreId;
use crate::store::format::summary::Summary;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// Consecutive frames.
#[derive(Debug, Clone)]
pub(in crate::store) struct Group {
    pub(in crate::store) summary: Summary,
    /// The counts of its rows by source.
    tallies: Arc<Vec<SourceTally>>,
    /// The range of its frames in the file.
    bytes: Range<u64>,
    /// Whether no more frames are added to it.
    is_full: bool,
    /// Of a full group, once a query needed it; `None` if the group cannot be read.
    index: OnceLock<Option<Arc<GroupIndex>>>,
}

/// What the footer of a sealed segment has for a block.
#[derive(Debug)]
struct GroupIndex {
    bitmap: Vec<u8>,
    filter: Vec<u8>,
    fields: FieldTable,
}

/// The state of an active file after the frames so far.
#[derive(Debug)]
pub(in crate::store) struct Index {
    /// The id that the next record gets.
    pub(in crate::store) next_id: u64,
    pub(in crate::store) low_water: u64,
    pub(in crate::store) positions: Positions,
    pub(in crate::store) dictionary: Dictionary,
    /// Whether there was a state frame: without it positions are missing.
    pub(in crate::store) has_state: bool,
    first_id: u64,
    rows: u64,
    groups: Vec<Arc<Group>>,
}

impl Index {
    /// The state of a file without frames.
    pub(in crate::store) fn new(first_id: u64) -> Self {
        Self {
            next_id: first_id,
            low_water: 0,
            positions: Positions::new(),
            dictionary: Dictionary::default(),
            has_state: false,
            first_id,
            rows: 0,
            groups: vec![],
        }
    }

    pub(in crate::store) fn rows(&self) -> u64 {
        self.rows
    }

    pub(in crate::store) fn first_id(&self) -> u64 {
        self.first_id
    }

    /// Adds a frame that was read from the file.
    pub(in crate::store) fn replay(&mut self, frame: &Frame<'_>) -> Result<(), Damage> {
        match frame.kind {
            FrameKind::Batch => {
                let batch = Batch::decode(frame.payload)?;
                // Ids are missing if a frame was lost; they are not used again.
                if batch.first_id < self.next_id || batch.first_id - self.next_id > ID_GAP_MAX {
                    return Err(Damage("batch first id"));
                }
                check_rows(&batch)?;
                for (number, source) in &batch.names {
                    self.dictionary.learn(*number, source)?;
                }
                self.add_batch(&batch, frame.offset..frame.end());
            }
            FrameKind::State => {
                let (low_water, positions) = decode_state(frame.payload)?;
                self.low_water = self.low_water.max(low_water);
                self.positions.clear();
                self.apply(positions);
                self.has_state = true;
            }
            FrameKind::LowWater => {
                let low_water = decode_low_water(frame.payload)?;
                self.low_water = self.low_water.max(low_water);
            }
        }
        Ok(())
    }

    /// Adds a batch whose sources are in the dictionary already.
    pub(in crate::store) fn add_batch(&mut self, batch: &Batch<'_>, bytes: Range<u64>) {
        self.next_id = batch.ids().end;
        self.rows += batch.rows() as u64;
        self.apply(batch.positions.clone());
        let Some(summary) = summarize(batch) else {
            return;
        };
        if batch.first_id != self.groups.last().map_or(0, |group| group.summary.ids.end) {
            self.skip();
        }
        let mut group = match self.groups.pop_if(|group| !group.is_full) {
            Some(open) => merged(&open, &summary, batch, bytes),
            None => Group {
                summary,
                tallies: Arc::new(tallies_of(batch)),
                bytes,
                is_full: false,
                index: OnceLock::new(),
            },
        };
        group.is_full = group.length() >= GROUP_BYTES || group.summary.rows >= GROUP_ROWS;
        self.groups.push(Arc::new(group));
    }

    /// The next frame does not follow directly on the last one: it begins another group.
    pub(in crate::store) fn skip(&mut self) {
        if let Some(open) = self.groups.pop_if(|group| !group.is_full) {
            let mut group = open.as_ref().clone();
            group.is_full = true;
            self.groups.push(Arc::new(group));
        }
    }

    fn apply(&mut self, positions: Vec<Position>) {
        for Position { origin, value } in positions {
            match value {
                Some(value) => self.positions.insert(origin, value),
                None => self.positions.remove(&origin),
            };
        }
    }

    /// The present state for readers.
    pub(in crate::store) fn snapshot(
        &self,
        file: &ActiveFile,
    ) -> (Arc<Vec<Source>>, ActiveSegment) {
        let segment = ActiveSegment {
            file: file.clone(),
            groups: self.groups.clone(),
        };
        (Arc::clone(self.dictionary.names()), segment)
    }
}

fn tallies_of(batch: &Batch<'_>) -> Vec<SourceTally> {
    let rows = batch.sources().zip(batch.timestamps()).zip(batch.levels());
    tally::of_rows(rows.filter_map(|((source, time), level)| Some((source, time, level?))))
}

fn merged(open: &Group, more: &Summary, batch: &Batch<'_>, bytes: Range<u64>) -> Group {
    let mut group = open.clone();
    group.tallies = Arc::new(tally::merged(&open.tallies, &tallies_of(batch)));
    group.bytes.end = bytes.end;
    let summary = &mut group.summary;
    summary.source = summary.source.filter(|_| summary.source == more.source);
    summary.rows += more.rows;
    summary.ids.end = more.ids.end;
    let start = *summary.times.start().min(more.times.start());
    let end = *summary.times.end().max(more.times.end());
    summary.times = start..=end;
    for (total, count) in summary.levels.iter_mut().zip(more.levels) {
        *total += count;
    }
    group
}

/// Checks that the numbers in the rows of a batch are valid.
fn check_rows(batch: &Batch<'_>) -> Result<(), Damage> {
    let named = |number| {
        batch
            .names
            .binary_search_by_key(&number, |(number, _)| *number)
    };
    if batch.sources().any(|source| named(source).is_err()) {
        return Err(Damage("row sources"));
    }
    if batch.levels().any(|level| level.is_none()) {
        return Err(Damage("levels"));
    }
    if batch.messages().any(|message| message.is_none()) {
        return Err(Damage("message lengths"));
    }
    Ok(())
}

/// `None` for a batch without rows.
fn summarize(batch: &Batch<'_>) -> Option<Summary> {
    let first = batch.sources().next()?;
    let same = batch.sources().all(|source| source == first);
    let mut levels = [0; 4];
    for level in batch.levels().flatten() {
        if let Some(count) = levels.get_mut(level.index()) {
            *count += 1;
        }
    }
    Some(Summary {
        source: same.then_some(first),
        rows: u32::try_from(batch.rows()).unwrap_or(u32::MAX),
        ids: batch.ids(),
        times: batch.timestamps().min()?..=batch.timestamps().max()?,
        levels,
    })
}

/// Appends the payload of a state frame.
pub(in crate::store) fn encode_state(out: &mut Vec<u8>, low_water: u64, positions: &Positions) {
    out.extend(low_water.to_le_bytes());
    batch::put_count(out, positions.len());
    batch::put_positions(out, positions);
}

pub(in crate::store) fn decode_state(payload: &[u8]) -> Result<(u64, Vec<Position>), Damage> {
    let mut reader = crate::bytes::ByteReader::new(payload, 0);
    let low_water = reader.u64("low-water id")?;
    let count = reader.u32("position count")?;
    let positions = batch::read_positions(&mut reader, count)?;
    if !reader.is_empty() {
        return Err(Damage("end of state"));
    }
    Ok((low_water, positions))
}

pub(in crate::store) fn decode_low_water(payload: &[u8]) -> Result<u64, Damage> {
    let bytes = payload.try_into().map_err(|_| Damage("low-water id"))?;
    Ok(u64::from_le_bytes(bytes))
}

/// Decodes `payload` as each kind of frame, for the fuzzers.
pub(in crate::store) fn decode_any(payload: &[u8]) {
    let mut index = Index::new(0);
    for kind in FrameKind::ALL {
        let frame = Frame {
            offset: 0,
            kind,
            durable: 0,
            payload,
        };
        let _ = index.replay(&frame);
    }
}

/// An active file, as readers use it.
#[derive(Debug, Clone)]
pub(in crate::store) struct ActiveFile {
    pub(in crate::store) file: Arc<dyn DiskFile>,
    pub(in crate::store) path: Arc<PathBuf>,
    pub(in crate::store) store: StoreId,
    /// Recently decoded groups. Written frames do not change, so that a check is valid for ever.
    pub(in crate::store) decoded: Arc<Cache>,
}

impl ActiveFile {
    pub(in crate::store) fn new(file: Arc<dyn DiskFile>, path: PathBuf, store: StoreId) -> Self {
        Self {
            file,
            path: Arc::new(path),
            store,
            decoded: Arc::new(Cache::new(DECODED_BYTES_MAX)),
        }
    }

    fn corrupt(&self, offset: u64, what: &'static str) -> Error {
        Error::corrupt(&self.path, offset, what)
    }
}

/// The groups at the time of a view.
#[derive(Debug)]
pub(in crate::store) struct ActiveSegment {
    file: ActiveFile,
    groups: Vec<Arc<Group>>,
}

impl ActiveSegment {
    pub(in crate::store) fn block_count(&self) -> usize {
        self.groups.len()
    }

    pub(in crate::store) fn group(&self, index: usize) -> Option<&Group> {
        self.groups.get(index).map(Arc::as_ref)
    }

    pub(in crate::store) fn path(&self) -> &Path {
        &self.file.path
    }

    pub(in crate::store) fn rows(&self) -> u64 {
        let groups = self.groups.iter();
        groups.map(|group| u64::from(group.summary.rows)).sum()
    }

    /// The counts of its rows by source.
    pub(in crate::store) fn tallies(&self) -> Vec<SourceTally> {
        self.groups
            .iter()
            .fold(vec![], |all, group| tally::merged(&all, &group.tallies))
    }

    /// The columns of a group, decoded unless they are in the cache.
    pub(in crate::store) fn columns(&self, group: &Group) -> Result<Arc<Columns>, Error> {
        let key = (group.bytes.start, group.bytes.end);
        self.file
            .decoded
            .columns(key, || self.read(group)?.columns(group.summary.source))
    }

    /// See [`crate::store::Block::may_contain`]. A group that cannot be read may contain anything: the error comes when it is read.
    pub(in crate::store) fn may_contain(&self, group: &Group, folded: &str) -> bool {
        let Some(index) = self.index(group) else {
            return true;
        };
        if GramBitmap::new(&index.bitmap).is_some_and(|bitmap| !bitmap.may_contain(folded)) {
            return false;
        }
        let mut may_contain = true;
        tokens::each_sample(folded.as_bytes(), |hash| {
            may_contain &= bloom::may_contain(&index.filter, hash);
        });
        may_contain
    }

    /// What is known about a key in a group.
    pub(in crate::store) fn field<'a>(&self, group: &'a Group, key: &str) -> FieldIndex<'a> {
        self.index(group).map_or(FieldIndex::Unknown, |index| {
            index.fields.field(0, key, Some(&index.filter))
        })
    }

    /// The index of a full group.
    fn index<'a>(&self, group: &'a Group) -> Option<&'a GroupIndex> {
        if !group.is_full {
            return None;
        }
        let index = group.index.get_or_init(|| self.build_index(group));
        index.as_deref()
    }

    fn build_index(&self, group: &Group) -> Option<Arc<GroupIndex>> {
        let mut builder = BlockIndexBuilder::new();
        let mut fields = FieldIndexBuilder::default();
        let bytes = self.read(group).ok()?;
        let add = |batch: &Batch<'_>| {
            for message in batch.messages().flatten() {
                builder
                    .add_message(message.as_bytes())
                    .ok_or(Damage("messages"))?;
            }
            builder
                .add_metadata(batch.row_metadata())
                .ok_or(Damage("metadata"))
        };
        bytes.each(add).ok()?;
        let TextIndex { bitmap, filter } = builder.finish(&mut fields);
        Some(Arc::new(GroupIndex {
            bitmap,
            filter,
            fields: FieldTable::decode(&fields.finish(), &[group.summary.rows])?,
        }))
    }

    /// Reads the frames of a group.
    pub(in crate::store) fn read(&self, group: &Group) -> Result<GroupBytes<'_>, Error> {
        let Range { start, end } = group.bytes;
        // This process wrote or checked the range, so that it is not longer than the file.
        let length =
            usize::try_from(end - start).map_err(|_| self.file.corrupt(start, "group length"))?;
        let mut bytes = vec![0; length];
        self.file
            .file
            .read_exact_at(&mut bytes, start)
            .map_err(Error::io("read", &self.file.path))?;
        Ok(GroupBytes {
            file: &self.file,
            start,
            bytes,
        })
    }
}

impl Group {
    /// The offset of its first frame in the file.
    pub(in crate::store) fn start(&self) -> u64 {
        self.bytes.start
    }

    /// The size of its frames in bytes.
    pub(in crate::store) fn length(&self) -> u64 {
        self.bytes.end - self.bytes.start
    }
}

/// The bytes of a group.
#[derive(Debug)]
pub(in crate::store) struct GroupBytes<'a> {
    file: &'a ActiveFile,
    start: u64,
    bytes: Vec<u8>,
}

impl GroupBytes<'_> {
    /// Calls `take` with each batch.
    fn each(&self, mut take: impl FnMut(&Batch<'_>) -> Result<(), Damage>) -> Result<(), Error> {
        let mut rest = self.bytes.as_slice();
        let mut offset = self.start;
        while !rest.is_empty() {
            let place = Place {
                store: self.file.store,
                offset,
            };
            let frame =
                frame::parse(rest, place).ok_or_else(|| self.file.corrupt(offset, "frame"))?;
            if frame.kind == FrameKind::Batch {
                Batch::decode(frame.payload)
                    .and_then(|batch| take(&batch))
                    .map_err(|Damage(what)| self.file.corrupt(offset, what))?;
            }
            let taken = frame.end() - offset;
            offset = frame.end();
            rest = usize::try_from(taken)
                .ok()
                .and_then(|taken| rest.get(taken..))
                .unwrap_or_default();
        }
        Ok(())
    }

    /// Decodes all columns. `source`: the source of all rows, if they have the same.
    fn columns(&self, source: Option<u32>) -> Result<Columns, Error> {
        let (mut ids, mut sources, mut timestamps) = (vec![], vec![], vec![]);
        let (mut levels, mut text, mut metadata) = (vec![], String::new(), vec![]);
        let (mut message_lengths, mut metadata_lengths) = (vec![], vec![]);
        self.each(|batch| {
            ids.extend(batch.ids());
            if source.is_none() {
                sources.extend(batch.sources());
            }
            timestamps.extend(batch.timestamps());
            for level in batch.levels() {
                levels.push(level.ok_or(Damage("levels"))?);
            }
            text.push_str(batch.text());
            message_lengths.extend(batch.message_lengths());
            metadata.extend_from_slice(batch.metadata());
            metadata_lengths.extend(batch.metadata_lengths());
            Ok(())
        })?;
        let corrupt = |what| self.file.corrupt(self.start, what);
        let path = &self.file.path;
        Ok(Columns {
            ids,
            sources: source.is_none().then_some(sources),
            timestamps,
            levels,
            messages: Messages::new(text, &message_lengths)
                .ok_or_else(|| corrupt("message lengths"))?,
            metadata: MetadataColumn::new(metadata, &metadata_lengths, path, self.start)
                .ok_or_else(|| corrupt("metadata lengths"))?,
        })
    }

    /// The size of message and metadata of each row in bytes.
    pub(in crate::store) fn lengths(&self) -> Result<Vec<u64>, Error> {
        let mut lengths = vec![];
        self.each(|batch| {
            let both = batch.message_lengths().zip(batch.metadata_lengths());
            lengths
                .extend(both.map(|(message, metadata)| u64::from(message) + u64::from(metadata)));
            Ok(())
        })?;
        Ok(lengths)
    }
}

/// More ids than a frame can have records: a greater gap cannot be a loss.
const ID_GAP_MAX: u64 = 1 << 40;
/// The size of a full group: large enough for its index to be a small part, small enough to be read again for a few records.
const GROUP_BYTES: u64 = 256 << 10;
/// The rows of a full group, for records without text.
const GROUP_ROWS: u32 = 4096;

/// Memory for decoded groups: some pages need two or three of them.
const DECODED_BYTES_MAX: usize = 2 << 20;
