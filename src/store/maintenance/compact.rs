//! Compaction: adjacent small sealed segments become one. Snapshots and restarts leave many small ones, each of which costs a footer,
//! a dictionary and blocks that are too small to compress well.

use crate::store::error::Error;
use crate::store::folder::directory::temporary;
use crate::store::write::append::ActiveWriter;

use super::periodic::SOURCES_MAX;
use super::retention::Pruned;
use crate::record::Source;
use crate::store::folder::recover::{self, SealedFile};
use crate::store::format::footer::Facts;
use crate::store::read::segment::Segment;
use crate::store::whole::repair;
use crate::store::write::seal;
use crate::store::write::trouble::Task;
use crate::store::write::writer::Store;
use std::collections::HashSet;
use std::ops::Range;

/// The result of a compaction.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Compaction {
    /// The number of sealed segments, before and after.
    pub segments: (u64, u64),
    /// Their size in bytes, before and after.
    pub bytes: (u64, u64),
    /// Damage: segments with damage are not merged.
    pub damage: Vec<Error>,
}

impl Store {
    /// Merges sealed segments that together fit into one; all records and ids are kept. Readers are not disturbed, and a crash leaves
    /// either the old files or the new one. An error stops it; earlier merges remain.
    pub fn compact(&mut self) -> Result<Compaction, Error> {
        self.check()?;
        if let Err(error) = self.seal_rest() {
            self.put_off(Task::Seal, error);
        }
        let mut done = Compaction {
            segments: (self.sealed.len() as u64, 0),
            bytes: (self.sealed_bytes(), 0),
            ..Compaction::default()
        };
        // The last first, so that the indexes of the others do not change.
        for run in self.runs_to_merge().into_iter().rev() {
            match self.merge(run) {
                Err(error @ Error::Corrupt { .. }) => done.damage.push(error),
                // The old files are unchanged.
                Err(error) => return Err(error),
                Ok(()) => {}
            }
        }
        done.segments.1 = self.sealed.len() as u64;
        done.bytes.1 = self.sealed_bytes();
        Ok(done)
    }

    fn sealed_bytes(&self) -> u64 {
        self.sealed.iter().map(|file| file.bytes).sum()
    }

    /// Runs of two or more adjacent whole segments that fit into one.
    fn runs_to_merge(&self) -> Vec<Range<usize>> {
        let mut runs = vec![];
        let mut start = 0;
        while start < self.sealed.len() {
            let mut load = Load::default();
            let rest = self.sealed.iter().enumerate().skip(start);
            let fitting = rest.take_while(|(index, file)| {
                let is_kept = file.segment.is_kept();
                let together = !is_kept && (*index == start || !self.is_gap_before(*index));
                together && load.takes(&file.segment, self)
            });
            let end = start + fitting.count().max(1);
            if end - start > 1 {
                runs.push(start..end);
            }
            start = end;
        }
        runs
    }

    /// Whether a file that is not sealed, or cannot be read, is between a sealed one and the one before it.
    pub(in crate::store) fn is_gap_before(&self, index: usize) -> bool {
        let start = |index: usize| self.sealed.get(index).map(|file| file.segment.ids().start);
        let Some((before, after)) = index.checked_sub(1).and_then(start).zip(start(index)) else {
            return false;
        };
        let lost = self.lost.iter().map(|file| file.first_id);
        let frozen = self.frozen.iter();
        let mut others = lost.chain(frozen.map(|frozen| frozen.writer.header.first_id));
        others.any(|other| (before..after).contains(&other))
    }

    /// Writes the records of a run to an active file with the first id of the run, which readers ignore as that id is sealed, and seals
    /// it over the first segment. From then on readers ignore the others.
    fn merge(&mut self, run: Range<usize>) -> Result<(), Error> {
        let Some(first) = self.sealed.get(run.start) else {
            return Ok(());
        };
        let first_id = first.segment.ids().start;
        let merged = self.write_merged(first_id, run.clone());
        let begun = self.directory.active(first_id);
        self.doom_part(begun.clone());
        if merged.is_err() {
            self.doom_part(temporary(&begun));
            self.doom_part(temporary(&self.directory.sealed(first_id)));
        }
        let merged = merged.inspect_err(|_| self.unlink_doomed(&mut Pruned::default()))?;
        let old: Vec<SealedFile> = self.sealed.splice(run, [merged]).collect();
        self.publish();
        for file in old.into_iter().skip(1) {
            self.doom_part(file.path);
        }
        self.unlink_doomed(&mut Pruned::default());
        Ok(())
    }

    fn write_merged(&mut self, first_id: u64, run: Range<usize>) -> Result<SealedFile, Error> {
        let files = self.sealed.get(run).unwrap_or_default();
        let last = files.last().map(|file| &file.facts);
        let last = last.ok_or_else(|| Error::corrupt(&self.directory.root, 0, "run"))?;
        let (sealed, positions) = (last.sealed, last.positions.clone());
        let begun = files.iter().find_map(|file| file.begun);
        let (directory, identity) = (&self.directory, &self.identity);
        let mut writer =
            ActiveWriter::create(directory, identity, first_id, self.low_water, &positions)?;
        for file in files {
            let mut records = vec![];
            for block in file.segment.blocks() {
                let rows: Vec<usize> = (0..block.summary().rows as usize).collect();
                records.append(&mut block.records(&rows)?);
            }
            records.sort_by_key(|record| record.id);
            repair::rewrite(&mut self.frames, &mut writer, &records)?;
        }
        // The time of arrival of its records does not change.
        writer.header.created = begun.unwrap_or(writer.header.created);
        let facts = Facts {
            sealed,
            low_water: self.low_water,
            positions,
        };
        seal::seal_whole(directory, &writer, facts, None)?;
        recover::open_sealed(directory, first_id)
    }
}

/// The size of several segments together.
#[derive(Debug, Default)]
struct Load<'a> {
    rows: u64,
    bytes: u64,
    sources: HashSet<&'a str>,
}

impl<'a> Load<'a> {
    /// Adds a segment; returns whether it fits.
    fn takes(&mut self, segment: &'a Segment, store: &Store) -> bool {
        self.rows += segment.rows();
        let content = segment.blocks().map(|block| block.content_bytes());
        self.bytes += content.sum::<u64>() + segment.rows() * FRAME_BYTES_A_ROW;
        let names = segment.sources().iter().map(Source::as_str);
        self.sources.extend(names);
        self.rows <= store.options.segment_rows_bound()
            && self.bytes <= store.options.segment_bytes_bound()
            && self.sources.len() <= SOURCES_MAX
    }
}

/// The size of time, source, level and lengths of a row in a frame, and its share of the frame header.
const FRAME_BYTES_A_ROW: u64 = 24;
