//! Thinning: when rows or bytes push a segment out, its evidence remains in a kept segment of the same ids.
//!
//! A kept segment replaces its segment by one rename, so that after any crash each record is there once. Small kept segments are merged
//! as compaction does it. Kept segments have a budget of their own: above it the oldest are thinned once more, and then deleted. The
//! age of records applies to all segments.

use super::periodic::SOURCES_MAX;
use super::retention::Pruned;
use crate::record::Source;
use crate::store::error::Error;
use crate::store::evidence::thinner::Thinner;
use crate::store::folder::directory::temporary;
use crate::store::folder::recover::{self, SealedFile};
use crate::store::format::footer::Facts;
use crate::store::format::layout::{Degree, Thinning};
use crate::store::read::segment::Segment;
use crate::store::whole::repair;
use crate::store::write::append::ActiveWriter;
use crate::store::write::arrival;
use crate::store::write::seal;
use crate::store::write::trouble::Task;
use crate::store::write::writer::Store;
use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

impl Store {
    /// Whether evidence is kept.
    pub(in crate::store) fn is_thinning(&self) -> bool {
        self.options.kept_bytes_max > 0
    }

    /// The part of maintenance: a few steps, or as many as are needed if the limits are exceeded by a segment.
    pub(in crate::store) fn thin(&mut self) {
        self.thin_pause.tick();
        let mut steps = 0;
        let steps_max = if self.oldest_noise().is_some() {
            STEPS_FOR_ROOM
        } else {
            STEPS_AT_REST
        };
        while self.is_thinning()
            && !self.thin_pause.is_waiting()
            && (steps < steps_max || self.is_overdue())
        {
            match self.thin_step() {
                Ok(Some(_)) => steps += 1,
                Ok(None) => break,
                Err(error) => self.put_off_thinning(error),
            }
        }
    }

    /// After an append of `rows`: continues what maintenance or a full file began. A failure must not fail the append.
    pub(in crate::store) fn thin_in_passing(&mut self, rows: u64) {
        if self.thinner.is_none() || self.thin_pause.is_waiting() {
            return;
        }
        let mut credit = rows * THIN_PACE;
        while credit > 0 && self.thinner.is_some() {
            match self.thin_step() {
                Ok(Some(read)) => credit = credit.saturating_sub(read.max(FREE_ROWS)),
                Ok(None) => break,
                Err(error) => self.put_off_thinning(error),
            }
        }
    }

    /// Starts what is due, so that appends continue it.
    pub(in crate::store) fn begin_thinning(&mut self) {
        if self.is_thinning() && self.thinner.is_none() && !self.thin_pause.is_waiting() {
            self.thinner = self.next_thinning();
        }
    }

    /// Reads a block of what is due, or writes a kept segment; returns the number of rows, `None` if nothing is due.
    fn thin_step(&mut self) -> Result<Option<u64>, Error> {
        let is_current = self.thinner.as_ref().is_some_and(|it| self.has_all(it));
        if !is_current {
            self.thinner = None;
            self.drop_unreadable();
            self.drop_kept_over_budget()?;
            self.thinner = self.next_thinning();
        }
        let Some(thinner) = &mut self.thinner else {
            return Ok(None);
        };
        if let Some(rows) = thinner.step()? {
            return Ok(Some(rows));
        }
        let Some(thinner) = self.thinner.take() else {
            return Ok(None);
        };
        self.replace(thinner).map(Some)
    }

    /// Whether all inputs are still segments of the store.
    fn has_all(&self, thinner: &Thinner) -> bool {
        let is_here = |input: &Arc<Segment>| {
            let mut sealed = self.sealed.iter();
            sealed.any(|file| Arc::ptr_eq(&file.segment, input))
        };
        thinner.inputs.iter().all(is_here)
    }

    /// Thinning restarts after a pause. If the limits are exceeded by far, the oldest segment is deleted without its evidence, except on a
    /// full disk, which takes no more records either: the segment waits until there is room for its evidence. If it was thinned to make
    /// room, waiting would be in vain, and it is deleted.
    fn put_off_thinning(&mut self, error: Error) {
        let ids = self.thinner.take().map(|thinner| thinner.ids());
        if let Some(ids) = ids {
            self.doom_part(temporary(&self.directory.active(ids.start)));
            self.doom_part(temporary(&self.directory.sealed(ids.start)));
        }
        let is_full = matches!(error, Error::Full { .. });
        let is_for_room = self.oldest_noise().is_some();
        if (is_full && is_for_room || !is_full && self.is_overdue())
            && let Some(index) = self.oldest_whole()
        {
            let file = self.sealed.remove(index);
            self.thinned_rows += file.segment.rows();
            self.doom(file.path, file.bytes);
            self.publish();
        }
        self.unlink_doomed(&mut Pruned::default());
        self.thin_pause.failed();
        self.troubles.note(Task::Thin, error);
    }

    /// What is due next: thinning the oldest whole segment if there are too many rows or bytes, thinning kept ones once more, merging.
    fn next_thinning(&self) -> Option<Thinner> {
        let (run, degree) = if self.exceeds(0, 0) || self.oldest_noise().is_some() {
            let index = self.oldest_whole()?;
            (index..index + 1, Degree::Evidence)
        } else if self.kept_bytes() > self.options.kept_bytes_max {
            let index = self.oldest_kept(Degree::Evidence)?;
            (index..index + 1, Degree::Essence)
        } else {
            self.kept_to_merge()?
        };
        let files = self.sealed.get(run)?;
        let inputs: Vec<_> = files.iter().map(|file| Arc::clone(&file.segment)).collect();
        let end = inputs.last()?.ids().end;
        let view = self.shared.view();
        let newer = view.segments().iter();
        let newer = newer.filter(|segment| segment.ids().start >= end);
        let (low_water, newest) = (self.low_water, self.options.kept_rows_per_source);
        Some(Thinner::new(inputs, degree, low_water, newer, newest))
    }

    /// Whether whole segments exceed the limits by more than this number of rows or bytes.
    fn exceeds(&self, rows: u64, bytes: u64) -> bool {
        let whole = || self.sealed.iter().filter(|file| !file.segment.is_kept());
        let sealed: u64 = whole().map(|file| file.segment.rows()).sum();
        let frozen = self.frozen.iter().map(|frozen| frozen.segment.rows());
        let all_rows = sealed + frozen.sum::<u64>() + self.active.index.rows();
        let sealed: u64 = whole().map(|file| file.bytes).sum();
        let frozen: u64 = self.frozen.iter().map(|frozen| frozen.writer.length).sum();
        let lost: u64 = self.lost.iter().map(|file| file.bytes).sum();
        let all_bytes = sealed + frozen + lost + self.active.length;
        all_rows > self.options.rows_max.saturating_add(rows)
            || all_bytes > self.options.bytes_max.saturating_add(bytes)
    }

    fn is_overdue(&self) -> bool {
        let bytes = self.options.bytes_max / OVERDUE_SHARE;
        self.exceeds(self.options.segment_rows_bound(), bytes) && self.oldest_whole().is_some()
    }

    fn kept_bytes(&self) -> u64 {
        let kept = self.sealed.iter().filter(|file| file.segment.is_kept());
        kept.map(|file| file.bytes).sum()
    }

    pub(super) fn oldest_whole(&self) -> Option<usize> {
        self.sealed.iter().position(|file| !file.segment.is_kept())
    }

    fn oldest_kept(&self, degree: Degree) -> Option<usize> {
        let is_it = |thinning: Thinning| thinning.degree == degree;
        let mut sealed = self.sealed.iter();
        sealed.position(|file| file.segment.thinning().is_some_and(is_it))
    }

    /// If there are too many rows or bytes: deletes files older than all whole segments that cannot be read or sealed.
    fn drop_unreadable(&mut self) {
        if !self.exceeds(0, 0) {
            return;
        }
        let oldest = self.oldest_whole().and_then(|index| self.sealed.get(index));
        let oldest = oldest.map_or(self.active.index.first_id(), |file| {
            file.segment.ids().start
        });
        let is_lost = |first_id: u64| first_id < oldest;
        let lost = self.lost.extract_if(.., |file| is_lost(file.first_id));
        let lost: Vec<_> = lost.collect();
        let frozen = self.frozen.extract_if(.., |frozen| {
            frozen.damaged && is_lost(frozen.writer.header.first_id)
        });
        let frozen: Vec<_> = frozen.collect();
        self.doom_files(lost, vec![], frozen);
    }

    /// If the budget is exceeded although nothing more can be thinned: deletes the oldest kept segments.
    fn drop_kept_over_budget(&mut self) -> Result<(), Error> {
        while self.kept_bytes() > self.options.kept_bytes_max
            && self.oldest_kept(Degree::Evidence).is_none()
            && let Some(index) = self.oldest_kept(Degree::Essence)
            && let Some(file) = self.sealed.get(index)
        {
            self.raise_low_water(file.segment.ids().end)?;
        }
        Ok(())
    }

    /// The first run of adjacent kept segments of one degree that together are small. Their number is then bounded by the budget: of any
    /// such number in a row, the bytes are above the bound.
    fn kept_to_merge(&self) -> Option<(Range<usize>, Degree)> {
        let windows = self.sealed.windows(MERGED_TOGETHER).enumerate();
        windows.into_iter().find_map(|(start, files)| {
            let degree = files.first()?.segment.thinning()?.degree;
            let is_same = |file: &SealedFile| {
                let thinning = file.segment.thinning();
                thinning.is_some_and(|thinning| thinning.degree == degree)
            };
            let range = start..start + MERGED_TOGETHER;
            let together = (start + 1..range.end).all(|index| !self.is_gap_before(index));
            (files.iter().all(is_same) && together && self.is_small(files, &range))
                .then_some((range, degree))
        })
    }

    /// Whether kept segments fit into one that is a small part of the budget, and spans a small part of the maximum age.
    fn is_small(&self, files: &[SealedFile], range: &Range<usize>) -> bool {
        let bytes: u64 = files.iter().map(|file| file.bytes).sum();
        let rows: u64 = files.iter().map(|file| file.segment.rows()).sum();
        let sources = files.iter().flat_map(|file| file.segment.sources());
        let sources: HashSet<&str> = sources.map(Source::as_str).collect();
        let next = self.sealed.get(range.end).and_then(|file| file.begun);
        let first = files.first().and_then(|file| file.begun);
        let span = first
            .zip(next)
            .map_or(0, |(first, next)| next.get().saturating_sub(first.get()));
        bytes <= self.options.kept_bytes_max / MERGED_SHARE
            && rows <= MERGED_ROWS_MAX
            && sources.len() <= SOURCES_MAX
            && span <= arrival::micros(self.options.segment_age_bound())
    }

    /// Writes the evidence to a kept segment and gives it the name of the first input; returns the number of its rows. Readers then ignore
    /// the other inputs, which are within its ids.
    fn replace(&mut self, mut thinner: Thinner) -> Result<u64, Error> {
        let is_first = |file: &SealedFile| {
            let first = thinner.inputs.first();
            first.is_some_and(|input| Arc::ptr_eq(input, &file.segment))
        };
        let Some(start) = self.sealed.iter().position(is_first) else {
            return Ok(0);
        };
        let run = start..start + thinner.inputs.len();
        let first_id = thinner.ids().start;
        let rows_before = thinner.inputs.iter().map(|input| input.rows()).sum::<u64>();
        let kept = self.write_kept(&mut thinner, run.clone());
        let begun = self.directory.active(first_id);
        self.doom_part(begun.clone());
        if kept.is_err() {
            self.doom_part(temporary(&begun));
            self.doom_part(temporary(&self.directory.sealed(first_id)));
        }
        let kept = kept.inspect_err(|_| self.unlink_doomed(&mut Pruned::default()))?;
        let rows = kept.segment.rows();
        self.thinned_rows += rows_before.saturating_sub(rows);
        let old: Vec<SealedFile> = self.sealed.splice(run, [kept]).collect();
        self.publish();
        for file in old.into_iter().skip(1) {
            self.doom_part(file.path);
        }
        self.unlink_doomed(&mut Pruned::default());
        self.thin_pause.succeeded();
        match thinner.damage {
            Some(damage) => self.troubles.note(Task::Thin, damage),
            None => self.troubles.succeeded(Task::Thin),
        }
        Ok(rows)
    }

    fn write_kept(
        &mut self,
        thinner: &mut Thinner,
        run: Range<usize>,
    ) -> Result<SealedFile, Error> {
        let files = self.sealed.get(run).unwrap_or_default();
        let last = files.last().map(|file| &file.facts);
        let last = last.ok_or_else(|| Error::corrupt(&self.directory.root, 0, "run"))?;
        let facts = Facts {
            sealed: last.sealed,
            low_water: self.low_water,
            positions: last.positions.clone(),
        };
        let begun = files.iter().find_map(|file| file.begun);
        let records = thinner.take_records();
        let ids = thinner.ids();
        let directory = &self.directory;
        let positions = &facts.positions;
        let mut writer = ActiveWriter::create(
            directory,
            &self.identity,
            ids.start,
            self.low_water,
            positions,
        )?;
        repair::rewrite(&mut self.frames, &mut writer, &records)?;
        // The time of arrival of its records does not change.
        writer.header.created = begun.unwrap_or(writer.header.created);
        writer.header.thinning = Some(Thinning {
            degree: thinner.degree,
            removed: thinner.rows().saturating_sub(records.len() as u64),
        });
        seal::seal_whole(directory, &writer, facts, Some(ids.end))?;
        recover::open_sealed(directory, ids.start)
    }
}

/// The blocks that are read in one maintenance if nothing is overdue: about ten milliseconds.
const STEPS_AT_REST: usize = 8;
/// The blocks that are read in one maintenance if space is short: about a segment, so that deleting keeps up with what fills the disk.
const STEPS_FOR_ROOM: usize = 64;
/// The rows to read for each appended row: a segment is thinned before an eighth of the next is full.
const THIN_PACE: u64 = 8;
/// A block that need not be read costs about as much as this number of rows.
const FREE_ROWS: u64 = 16;
/// The share of the limit of bytes by which it may be exceeded while thinning is behind.
const OVERDUE_SHARE: u64 = 8;
/// The number of adjacent kept segments that become one.
const MERGED_TOGETHER: usize = 8;
/// A merged segment is a small part of the budget, since the oldest is deleted as a whole.
const MERGED_SHARE: u64 = 16;
/// Its records are in memory while it is written.
const MERGED_ROWS_MAX: u64 = 65_536;
