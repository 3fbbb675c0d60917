//! Reading active files, group by group.
//!
//! A reader reads the bytes of a group again when it needs a column. The index of a full group is built when a query first needs it:
//! built while appending, bitmaps alone took 5 to 12 % of the time, also for logs that nobody searches.

use super::cache::Cache;
use super::columns::{Columns, Messages, MetadataColumn};
use super::group::{Group, GroupIndex};
use super::segment_file::SegmentFile;
use super::tally::{self, SourceTally};
use crate::disk::DiskFile;
use crate::store::error::Error;
use crate::store::format::batch::{BatchColumns, Damage};
use crate::store::format::frame::{self, Frame, FrameKind, Place};
use crate::store::format::index::block::{BlockIndexBuilder, TextIndex};
use crate::store::format::index::field_builder::FieldIndexBuilder;
use crate::store::format::index::fields::{FieldIndex, FieldTable};
use crate::store::format::index::grams::GramBitmap;
use crate::store::format::index::tokens;
use crate::store::format::layout::{StoreId, VERSION};
use crate::store::format::stream::{StreamHead, StreamPart};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An active file, as readers use it.
#[derive(Debug, Clone)]
pub(in crate::store) struct ActiveFile {
    pub(in crate::store) file: Arc<dyn DiskFile>,
    pub(in crate::store) path: Arc<PathBuf>,
    pub(in crate::store) store: StoreId,
    identity: Arc<SegmentFile>,
    /// Recently decoded groups. Written frames do not change, so that a check is valid for ever.
    pub(in crate::store) decoded: Arc<Cache>,
}

impl ActiveFile {
    pub(in crate::store) fn new(file: Arc<dyn DiskFile>, path: PathBuf, store: StoreId) -> Self {
        Self {
            file,
            path: Arc::new(path),
            store,
            identity: Arc::default(),
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
    pub(super) fn new(file: ActiveFile, groups: Vec<Arc<Group>>) -> Self {
        Self { file, groups }
    }

    pub(super) fn identity(&self) -> Arc<SegmentFile> {
        Arc::clone(&self.file.identity)
    }

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
            may_contain &= index.filter().may_contain(hash);
        });
        may_contain
    }

    /// See [`crate::store::Block::values_may_contain`].
    pub(in crate::store) fn values_may_contain(&self, group: &Group, folded: &str) -> bool {
        let of_fields = |index: &GroupIndex| index.fields.values_may_contain(0, folded);
        self.may_contain(group, folded) && self.index(group).is_none_or(of_fields)
    }

    /// What is known about a key in a group.
    pub(in crate::store) fn field<'a>(&self, group: &'a Group, key: &str) -> FieldIndex<'a> {
        self.index(group).map_or(FieldIndex::Unknown, |index| {
            index.fields.field(0, key, Some(index.filter()))
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
        let add = |batch: &BatchColumns<'_>| {
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
            fields: FieldTable::decode(&fields.finish(), &[group.summary.rows], VERSION)?,
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

/// The bytes of a group.
#[derive(Debug)]
pub(in crate::store) struct GroupBytes<'a> {
    file: &'a ActiveFile,
    start: u64,
    bytes: Vec<u8>,
}

impl GroupBytes<'_> {
    /// Calls `take` with each batch.
    pub(in crate::store) fn each(
        &self,
        mut take: impl FnMut(&BatchColumns<'_>) -> Result<(), Damage>,
    ) -> Result<(), Error> {
        let frames = self.frames()?;
        let corrupt = |offset, Damage(what)| self.file.corrupt(offset, what);
        let mut stream = StreamHead::default();
        for (frame, part) in &frames {
            if let Some(part) = part {
                stream
                    .add(part)
                    .map_err(|damage| corrupt(frame.offset, damage))?;
            }
        }
        let batches = stream
            .batches()
            .map_err(|damage| corrupt(self.start, damage))?;
        let mut rest = batches.as_slice();
        for (frame, part) in &frames {
            let batch = match part {
                Some(part) => {
                    let (batch, after) = rest.split_at_checked(part.raw_length).unwrap_or_default();
                    rest = after;
                    batch
                }
                None => frame.payload,
            };
            BatchColumns::decode(batch)
                .and_then(|batch| take(&batch))
                .map_err(|damage| corrupt(frame.offset, damage))?;
        }
        Ok(())
    }

    /// The frames of batches; with their part of a stream if they are compressed.
    fn frames(&self) -> Result<Vec<(Frame<'_>, Option<StreamPart<'_>>)>, Error> {
        let mut frames = vec![];
        let mut rest = self.bytes.as_slice();
        let mut offset = self.start;
        while !rest.is_empty() {
            let place = Place {
                store: self.file.store,
                offset,
            };
            let frame =
                frame::parse(rest, place).ok_or_else(|| self.file.corrupt(offset, "frame"))?;
            match frame.kind {
                FrameKind::Batch => frames.push((frame, None)),
                FrameKind::CompressedBatch => {
                    let part = StreamPart::parse(frame.payload)
                        .map_err(|Damage(what)| self.file.corrupt(offset, what))?;
                    frames.push((frame, Some(part)));
                }
                FrameKind::State | FrameKind::LowWater => {}
            }
            let taken = frame.end() - offset;
            offset = frame.end();
            rest = usize::try_from(taken)
                .ok()
                .and_then(|taken| rest.get(taken..))
                .unwrap_or_default();
        }
        Ok(frames)
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
}

/// Memory for decoded groups: some pages need two or three of them.
const DECODED_BYTES_MAX: usize = 2 << 20;
