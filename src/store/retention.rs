//! Retention: which records readers still see, and which files may go.
//!
//! A low-water id hides what is too much, exactly and at once; it is kept in the active file and survives a restart. A file is
//! unlinked when all its records are hidden. No file is ever rewritten for it.

use super::error::Error;
use super::reader::View;
use super::recover::LostFile;
use super::segment::Segment;
use super::writer::Store;
use crate::time::Micros;
use std::time::Duration;

/// What retention took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Records hidden.
    pub rows: u64,
    /// Files unlinked.
    pub segments: u64,
    /// Bytes of those files.
    pub bytes: u64,
    /// Whether the file system was short of room.
    pub short_of_room: bool,
}

impl Store {
    /// Applies the limits that are due.
    pub(super) fn prune(&mut self, now: Micros) -> Result<Pruned, Error> {
        let mut pruned = Pruned::default();
        let view = self.shared.view();
        let before = view.records();
        let mut low_water = self.low_water.max(self.low_water_by_rows(&view)?);
        if self.age_is_due(now) {
            self.last_prune = Some(now);
            low_water = low_water.max(self.low_water_by_age(now)?);
        }
        self.raise_low_water(low_water)?;
        self.unlink_hidden(&mut pruned)?;
        self.prune_bytes(&mut pruned)?;
        self.prune_for_room(now, &mut pruned)?;
        if view.ids().start < self.low_water {
            // What cannot be counted any more is not counted.
            let left = self.shared.view().records();
            pruned.rows = before.unwrap_or(0).saturating_sub(left.unwrap_or(0));
        }
        Ok(pruned)
    }

    fn age_is_due(&self, now: Micros) -> bool {
        self.last_prune.is_none_or(|last| {
            u128::from(now.get().abs_diff(last.get())) >= self.options.prune_interval.as_micros()
        })
    }

    /// The id of the oldest record that may stay. Records are counted, not ids: where many ids are missing, a file was lost or
    /// a restore went back, and the records before them must not go for that.
    fn low_water_by_rows(&self, view: &View) -> Result<u64, Error> {
        let ids = view.ids();
        let mut left = self.options.rows_max;
        if ids.end - ids.start <= left {
            return Ok(ids.start);
        }
        for segment in view.segments().iter().rev() {
            match segment.id_before(left)? {
                Some(too_old) => return Ok(too_old + 1),
                None => left -= segment.rows(),
            }
        }
        Ok(ids.start)
    }

    /// The first id, in order of arrival, whose record is young enough. A timestamp after the segment was sealed is taken for
    /// the time of sealing: a record from a clock gone wrong must not keep all after it for ever.
    fn low_water_by_age(&self, now: Micros) -> Result<u64, Error> {
        let age = i64::try_from(self.options.age_max.as_micros()).unwrap_or(i64::MAX);
        let oldest = now.plus(age.saturating_neg());
        for file in &self.sealed {
            if file.facts.sealed < oldest {
                continue;
            }
            if let Some(id) = first_not_before(&file.segment, oldest)? {
                return Ok(id);
            }
        }
        for frozen in &self.frozen {
            if let Some(id) = first_not_before(&frozen.segment, oldest)? {
                return Ok(id);
            }
        }
        let active = first_not_before(&self.active.segment(), oldest)?;
        Ok(active.unwrap_or(self.active.index.next_id))
    }

    fn raise_low_water(&mut self, low_water: u64) -> Result<(), Error> {
        if low_water <= self.low_water {
            return Ok(());
        }
        self.low_water = low_water;
        self.publish();
        match self.append_low_water() {
            // Without room for the note it is worked out again after a restart.
            Err(Error::Full { .. }) => Ok(()),
            result => result,
        }
    }

    fn unlink_hidden(&mut self, pruned: &mut Pruned) -> Result<(), Error> {
        let hidden = |ids: std::ops::Range<u64>| ids.end <= self.low_water;
        let sealed = self
            .sealed
            .iter()
            .filter(|file| hidden(file.segment.ids()))
            .count();
        for file in self.sealed.drain(..sealed) {
            self.directory.remove_in_order(&file.path)?;
            pruned.segments += 1;
            pruned.bytes += file.bytes;
        }
        let low_water = self.low_water;
        let hidden_frozen =
            |frozen: &mut super::writer::Frozen| frozen.segment.ids().end <= low_water;
        for frozen in self.frozen.extract_if(.., hidden_frozen) {
            if frozen.sealer.is_some() {
                let path = self.directory.sealed(frozen.writer.header.first_id);
                self.directory.discard(&path)?;
            }
            self.directory.remove_in_order(&frozen.writer.file.path)?;
            pruned.segments += 1;
            pruned.bytes += frozen.writer.length;
        }
        self.unlink_lost(pruned)?;
        if pruned.segments > 0 {
            self.publish();
        }
        Ok(())
    }

    /// A file that cannot be read goes when the one behind it does.
    fn unlink_lost(&mut self, pruned: &mut Pruned) -> Result<(), Error> {
        let segments = self.shared.view();
        let end = |first_id: u64| {
            let mut starts = segments
                .segments()
                .iter()
                .map(|segment| segment.ids().start);
            starts.find(|start| *start > first_id)
        };
        let low_water = self.low_water;
        let hidden = |file: &mut LostFile| end(file.first_id).is_some_and(|end| end <= low_water);
        for file in self.lost.extract_if(.., hidden) {
            self.directory.remove_in_order(&file.path)?;
            pruned.segments += 1;
            pruned.bytes += file.bytes;
        }
        Ok(())
    }

    fn prune_bytes(&mut self, pruned: &mut Pruned) -> Result<(), Error> {
        while self.bytes() > self.options.bytes_max && self.drop_oldest(pruned)? {}
        Ok(())
    }

    /// Gives up the oldest files, as many as should make up for what is missing. What is unlinked may be freed later, when the
    /// last reader lets go of it: more goes only when that was waited for in vain.
    fn prune_for_room(&mut self, now: Micros, pruned: &mut Pruned) -> Result<(), Error> {
        let missing = self.missing_room();
        if missing == 0 {
            self.room_made = None;
            return Ok(());
        }
        pruned.short_of_room = true;
        let waits = self.room_made.is_some_and(|made| {
            u128::from(now.get().abs_diff(made.get())) < ROOM_PATIENCE.as_micros()
        });
        if waits {
            return Ok(());
        }
        let low_water = self.low_water_for_room(missing);
        if low_water > self.low_water {
            self.room_made = Some(now);
            self.raise_low_water(low_water)?;
            self.unlink_hidden(pruned)?;
        }
        Ok(())
    }

    /// How many bytes the file system lacks of what is to stay free.
    fn missing_room(&self) -> u64 {
        // Not knowing is no reason to throw records away.
        let Ok(space) = self.directory.disk.space(&self.directory.root) else {
            return 0;
        };
        let share = space.total / 100 * u64::from(self.options.free_percent_min);
        share
            .max(self.options.free_bytes_min)
            .saturating_sub(space.free)
    }

    /// Behind the files that must go for so many bytes to become free, or for as many as can be. A file that a snapshot has a
    /// link to frees none, and goes only on the way to one that does.
    fn low_water_for_room(&self, missing: u64) -> u64 {
        let sealed = self.sealed.iter();
        let sealed = sealed.map(|file| (file.segment.ids().end, &file.path));
        let frozen = self.frozen.iter();
        let frozen = frozen.map(|it| (it.segment.ids().end, it.writer.file.path.as_ref()));
        let mut files: Vec<_> = sealed.chain(frozen).collect();
        files.sort_unstable();
        let (mut low_water, mut freed) = (self.low_water, 0);
        for (end, path) in files {
            if freed >= missing {
                break;
            }
            let is_last_link = self
                .directory
                .disk
                .links(path)
                .is_ok_and(|links| links <= 1);
            let length = || self.directory.disk.open(path)?.length();
            if is_last_link && let Ok(bytes) = length() {
                freed += bytes;
                low_water = end;
            }
        }
        low_water
    }

    /// Bytes of all segment files.
    fn bytes(&self) -> u64 {
        let sealed: u64 = self.sealed.iter().map(|file| file.bytes).sum();
        let frozen: u64 = self.frozen.iter().map(|frozen| frozen.writer.length).sum();
        let lost: u64 = self.lost.iter().map(|file| file.bytes).sum();
        sealed + frozen + lost + self.active.length
    }

    /// Gives the oldest file up; false when only the active one is left.
    fn drop_oldest(&mut self, pruned: &mut Pruned) -> Result<bool, Error> {
        let sealed = self.sealed.iter().map(|file| file.segment.ids().end);
        let frozen = self.frozen.iter().map(|frozen| frozen.segment.ids().end);
        let Some(end) = sealed.chain(frozen).min() else {
            return Ok(false);
        };
        self.raise_low_water(end)?;
        self.unlink_hidden(pruned)?;
        Ok(true)
    }
}

/// How long unlinked files may take to become free room: whoever reads a page of them is done by then.
const ROOM_PATIENCE: Duration = Duration::from_secs(10);

/// The first id of the segment whose timestamp is not before `oldest`.
fn first_not_before(segment: &Segment, oldest: Micros) -> Result<Option<u64>, Error> {
    let mut first: Option<u64> = None;
    for block in segment.blocks() {
        let summary = block.summary();
        let better = first.is_none_or(|first| summary.ids.start < first);
        if !better || *summary.times.end() < oldest {
            continue;
        }
        let found = if *summary.times.start() >= oldest {
            Some(summary.ids.start)
        } else {
            let ids = block.ids()?;
            let timestamps = block.timestamps()?;
            let mut rows = ids.into_iter().zip(timestamps);
            rows.find(|(_, timestamp)| *timestamp >= oldest)
                .map(|(id, _)| id)
        };
        first = first.into_iter().chain(found).min();
    }
    Ok(first)
}
