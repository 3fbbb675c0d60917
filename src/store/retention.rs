//! Retention: which records readers still see, and which files may go.
//!
//! A low-water id hides what is too much, exactly and at once; it is kept in the active file and survives a restart. A file is
//! unlinked when all its records are hidden. No file is ever rewritten for it.

use super::error::Error;
use super::recover::LostFile;
use super::segment::Segment;
use super::writer::Store;
use crate::time::Micros;

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
        let before = self.visible_rows();
        let mut low_water = self.low_water.max(self.low_water_by_rows());
        if self.age_is_due(now) {
            self.last_prune = Some(now);
            low_water = low_water.max(self.low_water_by_age(now)?);
        }
        self.raise_low_water(low_water)?;
        self.unlink_hidden(&mut pruned)?;
        self.prune_bytes(&mut pruned)?;
        self.prune_for_room(&mut pruned)?;
        pruned.rows = before.saturating_sub(self.visible_rows());
        Ok(pruned)
    }

    fn visible_rows(&self) -> u64 {
        self.active.index.next_id.saturating_sub(self.low_water)
    }

    fn age_is_due(&self, now: Micros) -> bool {
        self.last_prune.is_none_or(|last| {
            u128::from(now.get().abs_diff(last.get())) >= self.options.prune_interval.as_micros()
        })
    }

    fn low_water_by_rows(&self) -> u64 {
        self.active
            .index
            .next_id
            .saturating_sub(self.options.rows_max)
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

    fn prune_for_room(&mut self, pruned: &mut Pruned) -> Result<(), Error> {
        loop {
            // Not knowing is no reason to throw records away.
            let Ok(space) = self.directory.disk.space(&self.directory.root) else {
                return Ok(());
            };
            let share = space.total / 100 * u64::from(self.options.free_percent_min);
            if space.free >= share.max(self.options.free_bytes_min) {
                return Ok(());
            }
            pruned.short_of_room = true;
            if !self.drop_oldest(pruned)? {
                return Ok(());
            }
        }
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
