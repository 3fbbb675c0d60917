//! Verifying: every byte of a store is read, and what it says of itself is compared with what it holds.

use super::read_only;
use crate::disk::Disk;
use crate::store::error::Error;
use crate::store::folder::directory::Directory;
use crate::store::format::fold::fold;
use crate::store::format::layout::Column;
use crate::store::read::block::Block;
use crate::store::read::columns::Messages;
use crate::store::read::segment::{Body, Segment};
use crate::store::write::append::ActiveWriter;
use std::path::Path;
use std::sync::Arc;

/// What a store turned out to be.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Verification {
    /// Segments that could be opened.
    pub segments: u64,
    /// Records that could be read.
    pub records: u64,
    /// Everything that is not as it should be: file, offset, what. Empty for a sound store.
    pub damage: Vec<Error>,
    /// Bytes behind the last whole frame of the active file: what a crash left, or a writer is about to finish.
    pub torn_bytes: u64,
}

/// Reads all of the store in `root`, which may be in use, and changes nothing.
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
        for block in segment.blocks() {
            result.check(&segment, &block);
        }
    }
    Ok(result)
}

impl Verification {
    fn check(&mut self, segment: &Segment, block: &Block<'_>) {
        match read(block) {
            Ok(messages) => {
                self.records += u64::from(block.summary().rows);
                self.damage
                    .extend(check_bitmap(segment, block, &messages).err());
            }
            Err(error) => self.damage.push(error),
        }
    }
}

/// Reads every column of a block and compares it with the summary.
fn read(block: &Block<'_>) -> Result<Messages, Error> {
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
    block.messages()
}

/// A bitmap must not deny what is there. Damage to it costs time, and no record.
fn check_bitmap(segment: &Segment, block: &Block<'_>, messages: &Messages) -> Result<(), Error> {
    if let (Body::Sealed(sealed), Some(entry)) = (segment.body(), block.sealed_entry()) {
        sealed.bitmap(entry)?;
    }
    let told = |row| block.may_contain(&fold(messages.get(row)));
    if !(0..messages.ends().len()).all(told) {
        return Err(block.corrupt(Column::Messages));
    }
    Ok(())
}
