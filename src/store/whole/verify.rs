//! Verifying: every byte of a store is read, and footers and indexes are compared with the records.

use super::read_only;
use crate::disk::Disk;
use crate::store::error::Error;
use crate::store::folder::directory::Directory;
use crate::store::format::index::fields::FieldIndex;
use crate::store::format::index::fold::fold;
use crate::store::format::layout::Column;
use crate::store::format::metadata::values::RowValues;
use crate::store::read::block::Block;
use crate::store::read::columns::{Messages, MetadataColumn};
use crate::store::read::segment::{Body, Segment};
use crate::store::write::append::ActiveWriter;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// The result of a verification.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Verification {
    /// The number of segments that could be opened.
    pub segments: u64,
    /// The number of records that could be read.
    pub records: u64,
    /// All damage. Empty for an undamaged store.
    pub damage: Vec<Error>,
    /// Bytes after the last complete frame of the active file, left by a crash or by a writer that is just writing.
    pub torn_bytes: u64,
}

/// Reads the whole store in `root`, which may be in use. Nothing is changed.
pub fn verify(disk: Arc<dyn Disk>, root: &Path) -> Result<Verification, Error> {
    let found = read_only::find(&Directory::new(disk, root))?.found;
    let mut result = Verification {
        damage: found.damage(),
        torn_bytes: found.active.iter().map(|file| file.torn).sum(),
        ..Verification::default()
    };
    let sealed = found.sealed.into_iter().map(|file| file.segment);
    let active = found.active.into_iter();
    let active = active.map(|file| Arc::new(ActiveWriter::from(file).segment()));
    for segment in sealed.chain(active) {
        result.segments += 1;
        let expected = segment.blocks().map(|block| result.check(&segment, &block));
        let expected: Vec<_> = expected.collect();
        result
            .damage
            .extend(check_fields(&segment, &expected).err());
    }
    Ok(result)
}

impl Verification {
    /// Checks a block; returns the metadata of its rows if they can be read.
    fn check(&mut self, segment: &Segment, block: &Block<'_>) -> Option<MetadataColumn> {
        match read(block) {
            Ok((messages, metadata)) => {
                self.records += u64::from(block.summary().rows);
                let checked = check_texts(segment, block, &messages, &metadata);
                self.damage.extend(checked.err());
                Some(metadata)
            }
            Err(error) => {
                self.damage.push(error);
                None
            }
        }
    }
}

/// Reads every column of a block and compares it with the summary.
fn read(block: &Block<'_>) -> Result<(Messages, MetadataColumn), Error> {
    let summary = block.summary();
    let unless =
        |good: bool, column: Column| good.then_some(()).ok_or_else(|| block.corrupt(column));
    let ids = block.ids()?;
    let ends = ids.first().zip(ids.last());
    let within = ends.is_some_and(|(first, last)| summary.ids == (*first..*last + 1));
    unless(within, Column::Ids)?;
    block.sources()?;
    let timestamps = block.timestamps()?;
    let ends = timestamps.iter().min().zip(timestamps.iter().max());
    let within = ends.is_some_and(|(first, last)| summary.times == (*first..=*last));
    unless(within, Column::Timestamps)?;
    let mut levels = [0; 4];
    for level in block.levels()? {
        if let Some(count) = levels.get_mut(level.index()) {
            *count += 1;
        }
    }
    unless(levels == summary.levels, Column::Levels)?;
    let metadata = block.metadata()?;
    for row in 0..ids.len() {
        metadata.get(row)?;
    }
    Ok((block.messages()?, metadata))
}

/// Bitmap and filter must not deny a text of the block. Damage to them costs time, and no record.
fn check_texts(
    segment: &Segment,
    block: &Block<'_>,
    messages: &Messages,
    metadata: &MetadataColumn,
) -> Result<(), Error> {
    if let (Body::Sealed(sealed), Some(entry)) = (segment.body(), block.sealed_entry()) {
        sealed.bitmap(entry)?;
        sealed.filter(entry)?;
    }
    let rows = 0..messages.ends().len();
    let is_found = |row| block.may_contain(&fold(messages.get(row)));
    if !rows.clone().all(is_found) {
        return Err(block.corrupt(Column::Messages));
    }
    for row in rows {
        let values = RowValues::decode(metadata.bytes(row));
        let values = values.ok_or_else(|| block.corrupt(Column::Metadata))?;
        let mut is_found = true;
        values.each_text(|text| is_found &= block.values_may_contain(&fold(text)));
        values.each_path(|path, texts| {
            let field = block.field(path);
            is_found &= field.may_exist() && texts.iter().all(|text| field.may_equal(text));
        });
        if !is_found {
            return Err(block.corrupt(Column::Metadata));
        }
    }
    Ok(())
}

/// The field index of a sealed segment must be the one that its metadata gives. `metadata`: of each block, where it can be read.
fn check_fields(segment: &Segment, metadata: &[Option<MetadataColumn>]) -> Result<(), Error> {
    let Body::Sealed(sealed) = segment.body() else {
        return Ok(());
    };
    if sealed.read_fields()?.is_none() {
        return Ok(());
    }
    for (block, metadata) in segment.blocks().zip(metadata) {
        let Some(metadata) = metadata else {
            continue;
        };
        let mut counts: BTreeMap<String, (u32, BTreeMap<String, u32>)> = BTreeMap::new();
        for row in 0..metadata.rows() {
            let values = RowValues::decode(metadata.bytes(row));
            let values = values.ok_or_else(|| block.corrupt(Column::Metadata))?;
            values.each_path(|path, texts| {
                let (rows, values) = counts.entry(path.to_owned()).or_default();
                *rows += 1;
                for text in texts {
                    *values.entry(text.to_string()).or_default() += 1;
                }
            });
        }
        for (path, (rows, values)) in counts {
            let is_right = match block.field(&path) {
                FieldIndex::Unknown => true,
                FieldIndex::Absent => false,
                FieldIndex::Many(many) => many.rows() == rows,
                FieldIndex::Present(present) => {
                    let found: BTreeSet<_> = present.values().collect();
                    present.rows() == rows && found == values.keys().map(String::as_str).collect()
                }
                FieldIndex::Listed(listed) => {
                    let values = values.iter().map(|(text, rows)| (text.as_str(), *rows));
                    let found: BTreeMap<_, _> = listed.values().collect();
                    listed.rows() == rows && found == values.collect()
                }
            };
            if !is_right {
                return Err(sealed.corrupt_fields());
            }
        }
    }
    Ok(())
}
