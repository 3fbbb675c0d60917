//! Repairing: every readable record is written to a new store, with its id; the damaged store is not changed.

use super::read_only;
use super::snapshot;
use crate::disk::Disk;
use crate::record::{Positions, StoredRecord};
use crate::store::error::Error;
use crate::store::folder::directory::{Directory, Identity};
use crate::store::folder::recover::{self, Found};
use crate::store::format::footer::Facts;
use crate::store::read::segment::Segment;
use crate::store::write::append::{ActiveWriter, FrameWriter};
use crate::store::write::seal;
use crate::time::Micros;
use std::path::Path;
use std::sync::Arc;

/// The result of a repair.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Repair {
    /// The number of records in the new store.
    pub records: u64,
    /// The damage in the old store.
    pub damage: Vec<Error>,
}

/// Writes every readable record of the store at `from` to a new store at `to`, a new or empty folder. Ids, positions and the low-water
/// id are kept.
pub fn repair(disk: Arc<dyn Disk>, from: &Path, to: &Path) -> Result<Repair, Error> {
    let source = Directory::new(disk, from).current();
    let mut repair = Repair::default();
    let identity = match source.read_identity() {
        Err(error @ (Error::Corrupt { .. } | Error::NotAStore { .. })) => {
            let identity = recover::identity_of_segments(&source)?.ok_or_else(|| error.clone())?;
            repair.damage.push(error);
            identity
        }
        identity => identity?,
    };
    let found = read_only::find_as(&source, &identity)?;
    repair.damage.extend(found.damage());
    let target = snapshot::claim(&source.disk, to)?;
    let mut salvage = Salvage {
        target: &target,
        identity: &identity,
        frames: FrameWriter::default(),
        repair,
    };
    let (next_id, low_water) = (found.next_id(), found.low_water());
    let positions = found.newest_positions();
    salvage.run(found)?;
    ActiveWriter::create(&target, &identity, next_id, low_water, &positions)?;
    target.write_identity(&identity)?;
    Ok(salvage.repair)
}

struct Salvage<'a> {
    target: &'a Directory,
    identity: &'a Identity,
    frames: FrameWriter,
    repair: Repair,
}

impl Salvage<'_> {
    fn run(&mut self, found: Found) -> Result<(), Error> {
        for file in found.sealed {
            let Facts {
                low_water,
                positions,
                ..
            } = &file.facts;
            self.segment(&file.segment, file.begun, *low_water, positions)?;
        }
        for file in found.active {
            let begun = (!file.header_damaged).then_some(file.header.created);
            let low_water = file.index.low_water;
            let positions = file.index.positions.clone();
            let segment = ActiveWriter::from(file).segment();
            self.segment(&segment, begun, low_water, &positions)?;
        }
        Ok(())
    }

    /// Writes the readable records of a segment to an active file, and seals that.
    fn segment(
        &mut self,
        segment: &Segment,
        begun: Option<Micros>,
        low_water: u64,
        positions: &Positions,
    ) -> Result<(), Error> {
        let records = self.readable(segment);
        let first = records.first().map(|record| record.id.0);
        let thinning = segment.thinning();
        // A kept segment has ids without records.
        let (first_id, end) = match (first, thinning) {
            (_, Some(_)) => (segment.ids().start, Some(segment.ids().end)),
            (Some(first_id), None) => (first_id, None),
            (None, None) => return Ok(()),
        };
        let mut writer =
            ActiveWriter::create(self.target, self.identity, first_id, low_water, positions)?;
        writer.header.thinning = thinning;
        writer.header.created = begun.unwrap_or(writer.header.created);
        rewrite(&mut self.frames, &mut writer, &records)?;
        writer.sync()?;
        let facts = Facts {
            sealed: Micros::now(),
            low_water,
            positions: positions.clone(),
        };
        seal::seal_whole(self.target, &writer, facts, end)?;
        self.target.remove(&writer.file.path)?;
        self.repair.records += records.len() as u64;
        Ok(())
    }

    /// The records of all readable blocks, by id.
    fn readable(&mut self, segment: &Segment) -> Vec<StoredRecord> {
        let mut records = vec![];
        for block in segment.blocks() {
            let rows: Vec<usize> = (0..block.summary().rows as usize).collect();
            match block.records(&rows) {
                Ok(mut readable) => records.append(&mut readable),
                Err(error) => self.repair.damage.push(error),
            }
        }
        records.sort_by_key(|record| record.id);
        records
    }
}

/// Appends records, which ascend by id, with their ids.
pub(in crate::store) fn rewrite(
    frames: &mut FrameWriter,
    writer: &mut ActiveWriter,
    records: &[StoredRecord],
) -> Result<(), Error> {
    for run in records.chunk_by(|a, b| a.id.0 + 1 == b.id.0) {
        for batch in run.chunks(BATCH_RECORDS) {
            let Some(first) = batch.first() else {
                continue;
            };
            let records = batch.iter().map(|stored| &stored.record);
            if run.len() < STREAM_RECORDS_MIN {
                frames.append_plain(writer, first.id.0, &records)?;
            } else {
                frames.append(writer, first.id.0, &records, &[])?;
            }
        }
    }
    Ok(())
}

/// Each run of adjacent ids begins a stream; one of fewer records is not compressed.
const STREAM_RECORDS_MIN: usize = 64;
/// The usual batch of a collector.
const BATCH_RECORDS: usize = 512;
