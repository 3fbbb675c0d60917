//! The periodic work of a store: syncing, rotating, and sealing in small steps.

use super::renew::Recovered;
use super::retention::Pruned;
use crate::store::error::Error;
use crate::store::folder::recover;
use crate::store::format::footer::Facts;
use crate::store::options::SyncPolicy;
use crate::store::write::append::ActiveWriter;
use crate::store::write::arrival::{self, Tick};
use crate::store::write::seal;
use crate::store::write::trouble::Task;
use crate::store::write::writer::{Frozen, Store};
use crate::time::Micros;
use std::mem;

/// The result of maintenance, for records of `system:vmlog` and counters.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Maintenance {
    /// All records appended before are durable.
    pub synced: bool,
    /// The number of sealed segments.
    pub sealed_segments: u64,
    /// The result of retention.
    pub pruned: Pruned,
    /// The recovery, if the store had failed.
    pub recovered: Option<Recovered>,
    /// Failures that will be retried, each reported once.
    pub troubles: Vec<Error>,
}

impl Store {
    /// Does the work that is due: sync, sealing, retention, free space, and recovery after a failure. It is cheap if nothing is due;
    /// call it at least once a second.
    ///
    /// A failure that loses no records is retried later and reported once, in [`Maintenance::troubles`]. An error is a failed write or
    /// sync of records, from which the next calls try to recover.
    pub fn maintain(&mut self, now: Micros) -> Result<Maintenance, Error> {
        self.notice_removal();
        let mut done = Maintenance {
            recovered: self.recover_if_failed()?,
            synced: self.sync_if_due(now)?,
            ..Maintenance::default()
        };
        self.rotate_if_old(now);
        done.pruned = self.prune(now)?;
        let before = self.sealed.len();
        self.rotation_pause.tick();
        if !self.rotation_pause.is_waiting() {
            match self.seal_some(STEPS_AT_REST) {
                Ok(()) => self.troubles.succeeded(Task::Seal),
                Err(error) => self.put_off(Task::Seal, error),
            }
        }
        self.thin();
        done.pruned.rows += mem::take(&mut self.thinned_rows);
        done.sealed_segments = self.sealed.len().saturating_sub(before) as u64;
        self.check()?;
        done.troubles = self.troubles.take();
        Ok(done)
    }

    fn sync_if_due(&mut self, now: Micros) -> Result<bool, Error> {
        let SyncPolicy::Interval(interval) = self.options.sync else {
            return Ok(false);
        };
        let passed = now.get().abs_diff(self.last_sync.get());
        // A clock that was set back must not delay the next sync: the difference counts in both directions.
        if !self.active.is_dirty() || u128::from(passed) < interval.as_micros() {
            return Ok(false);
        }
        self.sync()?;
        self.last_sync = now;
        Ok(true)
    }

    /// Freezes the active file, so that every record is in a file that does not change.
    pub(in crate::store) fn freeze(&mut self) -> Result<(), Error> {
        if self.active.index.rows() > 0 {
            self.rotate()?;
        }
        Ok(())
    }

    /// Seals the active file.
    pub fn seal(&mut self) -> Result<(), Error> {
        self.check()?;
        self.freeze()?;
        self.seal_rest()
    }

    /// After an append of `rows`: creates a new file if this one is full, and seals some blocks, so that a frozen file is sealed long
    /// before the next one is full. A failure must not fail the append, which is complete.
    pub(in crate::store) fn seal_in_passing(&mut self, rows: u64) {
        if self.rotation_pause.is_waiting() {
            return;
        }
        if let Err(error) = self.rotate_if_full() {
            self.put_off(Task::Rotate, error);
            return;
        }
        if self.frozen.is_empty() {
            return;
        }
        self.seal_credit += rows * SEAL_PACE;
        if let Err(error) = self.spend_seal_credit() {
            self.put_off(Task::Seal, error);
        }
    }

    /// Before an append: limits the size of a file if sealing keeps failing.
    pub(in crate::store) fn make_way(&mut self) -> Result<(), Error> {
        let (rows, bytes) = self.options.overfull();
        if self.active.index.rows() >= rows || self.active.raw_length() >= bytes {
            return self.rotate();
        }
        Ok(())
    }

    /// Creates a new file if this one is old, or its creation time is in the future, since the age of its records depends on it.
    fn rotate_if_old(&mut self, now: Micros) {
        let is_stepped = self.age_clock.tick(now) == Tick::Stepped;
        let begun = self.active.header.created;
        let age = now.get().saturating_sub(begun.get());
        let is_old = age >= arrival::micros(self.options.segment_age_bound());
        let is_untrue = age < -arrival::JITTER;
        if self.rotation_pause.is_waiting() {
            return;
        }
        let rotated = if self.active.index.rows() > 0 && (is_stepped || is_old || is_untrue) {
            self.rotate()
        } else if is_untrue {
            self.renew()
        } else {
            return;
        };
        match rotated {
            Ok(()) => self.troubles.succeeded(Task::Rotate),
            Err(error) => self.put_off(Task::Rotate, error),
        }
    }

    fn spend_seal_credit(&mut self) -> Result<(), Error> {
        while self.seal_credit > 0 && self.frozen.iter().any(|frozen| !frozen.damaged) {
            let rows = self.seal_step()?;
            self.seal_credit = self.seal_credit.saturating_sub(rows.max(1));
        }
        self.seal_credit = 0;
        Ok(())
    }

    fn rotate_if_full(&mut self) -> Result<(), Error> {
        let active = &self.active;
        let full = active.index.rows() >= self.options.segment_rows_bound()
            || active.raw_length() >= self.options.segment_bytes_bound()
            || active.index.dictionary.names().len() >= SOURCES_MAX;
        if !full {
            return Ok(());
        }
        if active.index.rows() == 0 {
            self.renew()?;
        } else {
            // At most one frozen file, or a slow disk would accumulate them.
            self.seal_rest()?;
            self.rotate()?;
            self.prune_rows();
            self.begin_thinning();
        }
        self.troubles.succeeded(Task::Rotate);
        Ok(())
    }

    /// Freezes the active file and creates the next. The old one is synced first: if its tail were lost but not the new file, records
    /// that the new positions cover would be missing.
    pub(in crate::store) fn rotate(&mut self) -> Result<(), Error> {
        self.sync()?;
        let next = self.successor(self.active.index.next_id)?;
        let writer = mem::replace(&mut self.active, next);
        self.frozen.push(Frozen::new(writer, false));
        self.rotation_pause.succeeded();
        self.publish();
        Ok(())
    }

    /// Replaces an active file that has positions but no records by one with the newest positions.
    fn renew(&mut self) -> Result<(), Error> {
        let next = self.successor(self.active.index.next_id)?;
        let before = mem::replace(&mut self.active, next);
        if before.header.first_id != self.active.header.first_id {
            self.doom_part(before.file.path.to_path_buf());
        }
        self.publish();
        Ok(())
    }

    fn successor(&self, first_id: u64) -> Result<ActiveWriter, Error> {
        let created = ActiveWriter::create(
            &self.directory,
            &self.identity,
            first_id,
            self.low_water,
            &self.active.index.positions,
        );
        self.latched(created)
    }

    /// Seals all frozen files.
    pub(in crate::store) fn seal_rest(&mut self) -> Result<(), Error> {
        self.seal_some(usize::MAX)
    }

    /// Does this number of sealing steps.
    fn seal_some(&mut self, steps: usize) -> Result<(), Error> {
        for _ in 0..steps {
            if self.frozen.iter().all(|frozen| frozen.damaged) {
                break;
            }
            self.seal_step()?;
        }
        Ok(())
    }

    /// Does a step of sealing the oldest frozen file; returns its costs in written rows.
    fn seal_step(&mut self) -> Result<u64, Error> {
        let Some(index) = self.frozen.iter().position(|frozen| !frozen.damaged) else {
            return Ok(0);
        };
        match self.seal_step_of(index) {
            Err(error @ Error::Corrupt { .. }) => {
                if let Some(frozen) = self.frozen.get_mut(index) {
                    frozen.damaged = true;
                    frozen.sealer = None;
                }
                Err(error)
            }
            result => result,
        }
    }

    fn seal_step_of(&mut self, index: usize) -> Result<u64, Error> {
        let Some(frozen) = self.frozen.get_mut(index) else {
            return Ok(0);
        };
        if frozen.sealer.is_none() {
            frozen.sealer = Some(seal::begin(&self.directory, &frozen.writer)?);
        }
        let Some(sealer) = &mut frozen.sealer else {
            return Ok(0);
        };
        match sealer.step()? {
            Some(rows) => Ok(rows),
            None => self.finish_seal(index).map(|()| 0),
        }
    }

    /// Gives the sealed file its name; only then can the frozen one be removed.
    fn finish_seal(&mut self, index: usize) -> Result<(), Error> {
        let Some(sealer) = self.frozen.get_mut(index).and_then(|it| it.sealer.take()) else {
            return Ok(());
        };
        let Some(frozen) = self.frozen.get(index) else {
            return Ok(());
        };
        let facts = Facts {
            sealed: self.directory.now(),
            low_water: self.low_water,
            positions: frozen.writer.index.positions.clone(),
        };
        sealer.finish(frozen.segment.sources(), facts, None)?;
        let first_id = frozen.writer.header.first_id;
        self.directory.commit(&self.directory.sealed(first_id))?;
        let file = recover::open_sealed(&self.directory, first_id)?;
        let frozen = self.frozen.remove(index);
        self.sealed.push(file);
        self.sealed.sort_by_key(|file| file.segment.ids().start);
        self.publish();
        self.doom_part(frozen.writer.file.path.to_path_buf());
        self.unlink_doomed(&mut Pruned::default());
        self.rotation_pause.succeeded();
        self.troubles.succeeded(Task::Seal);
        Ok(())
    }

    /// Handles a failure that is not one of appending. Sealing restarts after a pause; readers use the frozen file meanwhile. A damaged
    /// frozen file is not sealed, and delays nothing else.
    pub(in crate::store) fn put_off(&mut self, task: Task, error: Error) {
        if error.is_failure() {
            return;
        }
        if !matches!(error, Error::Corrupt { .. }) {
            for frozen in &mut self.frozen {
                frozen.sealer = None;
                let path = self.directory.sealed(frozen.writer.header.first_id);
                // A file that remains is overwritten.
                let _ = self.directory.discard(&path);
            }
            self.rotation_pause.failed();
        }
        self.troubles.note(task, error);
    }
}

/// The number of rows to seal for each appended row: a frozen file is sealed before a quarter of the next is full.
const SEAL_PACE: u64 = 4;
/// The number of groups to read and blocks to write in one maintenance if nothing is appended: about ten milliseconds.
const STEPS_AT_REST: usize = 16;
/// The maximum number of sources of a segment: its dictionary is in memory, and copied when it grows. Machines with 10,000 sources must
/// not seal small segments for that.
pub(in crate::store) const SOURCES_MAX: usize = 16_384;
