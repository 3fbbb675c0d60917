//! Retention: hides records above the limits, and removes files without visible records.
//!
//! A low-water id hides records exactly and at once; it is stored in the active file and survives a restart. A file is removed when all
//! of its records are hidden. If evidence is kept, the limits of rows and bytes do not raise the low-water id: see
//! [`super::thinning`]. The limits are independent: a file that cannot be read or removed is reported, and
//! does not stop the others.

use crate::store::error::Error;
use crate::store::folder::directory::temporary;
use crate::store::folder::recover::{LostFile, SealedFile};
use crate::store::read::reader::View;
use crate::store::read::segment::Segment;
use crate::store::write::arrival::{self, ArrivalBounds};
use crate::store::write::trouble::Task;
use crate::store::write::writer::{Frozen, Store};
use crate::time::Micros;

/// The result of retention.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// The number of hidden records, and of those that thinning left out.
    pub rows: u64,
    /// The number of removed segments.
    pub segments: u64,
    /// Their size in bytes.
    pub bytes: u64,
    /// Whether the file system lacked free space.
    pub short_of_room: bool,
}

impl Store {
    /// Applies the limits that are due, independently of each other.
    pub(in crate::store) fn prune(&mut self, now: Micros) -> Result<Pruned, Error> {
        let mut pruned = Pruned::default();
        let view = self.shared.view();
        let before = view.records();
        let mut low_water = self.low_water_by_rows(&view);
        if self.age_is_due(now) && self.age_clock.is_believed() {
            self.last_prune = Some(now);
            low_water = low_water.max(self.low_water_by_age(now));
        }
        self.raise_low_water(low_water)?;
        self.prune_bytes()?;
        self.prune_for_room(now, &mut pruned)?;
        self.unlink_pause.tick();
        if !self.unlink_pause.is_waiting() {
            self.unlink_doomed(&mut pruned);
        }
        if view.ids().start < self.low_water {
            // Damaged records are not counted.
            let left = self.shared.view().records();
            pruned.rows = before.unwrap_or(0).saturating_sub(left.unwrap_or(0));
        }
        Ok(pruned)
    }

    /// Applies the limit of rows between appends, so that it is exceeded by at most a segment until the next maintenance.
    pub(in crate::store) fn prune_rows(&mut self) {
        let low_water = self.low_water_by_rows(&self.shared.view());
        // A failure is latched for the next call.
        if self.raise_low_water(low_water).is_ok() && !self.unlink_pause.is_waiting() {
            self.unlink_doomed(&mut Pruned::default());
        }
    }

    fn age_is_due(&self, now: Micros) -> bool {
        self.last_prune.is_none_or(|last| {
            u128::from(now.get().abs_diff(last.get())) >= self.options.prune_interval.as_micros()
        })
    }

    /// The id of the oldest record within the limit of rows. Records are counted rather than ids: many ids are missing after a lost file
    /// or a restore, and must not count.
    fn low_water_by_rows(&mut self, view: &View) -> u64 {
        let ids = view.ids();
        let mut left = self.options.rows_max;
        if self.is_thinning() || ids.end - ids.start <= left {
            return ids.start;
        }
        let mut damage = None;
        let mut low_water = ids.start;
        for segment in view.segments().iter().rev() {
            if let Some(too_old) = segment.id_before(left, &mut damage) {
                low_water = too_old + 1;
                break;
            }
            left -= segment.rows();
        }
        self.note(Task::Rows, damage);
        low_water
    }

    /// The first id whose record is within the limit of age.
    fn low_water_by_age(&mut self, now: Micros) -> u64 {
        let oldest = now.plus(arrival::micros(self.options.age_max).saturating_neg());
        let view = self.shared.view();
        let begun: Vec<_> = self.begun();
        let arrivals = arrival::arrivals(&begun, now, self.options.age_max);
        let mut damage = None;
        let mut files = view.segments().iter().zip(&arrivals);
        let first =
            files.find_map(|(segment, arrival)| first_young(segment, arrival, oldest, &mut damage));
        self.note(Task::Age, damage);
        first.unwrap_or(view.ids().end)
    }

    /// The creation time of the file of each segment of a view, where known.
    fn begun(&self) -> Vec<Option<Micros>> {
        let sealed = self.sealed.iter();
        let sealed = sealed.map(|file| (file.segment.ids().start, file.begun));
        let frozen = self.frozen.iter();
        let frozen = frozen.map(|it| (it.segment.ids().start, Some(it.writer.header.created)));
        let active = &self.active;
        let active = (active.index.first_id(), Some(active.header.created));
        let mut begun: Vec<_> = sealed.chain(frozen).collect();
        begun.sort_by_key(|(first_id, _)| *first_id);
        begun.push(active);
        begun.into_iter().map(|(_, begun)| begun).collect()
    }

    fn note(&mut self, task: Task, damage: Option<Error>) {
        match damage {
            Some(damage) => self.troubles.note(task, damage),
            None => self.troubles.succeeded(task),
        }
    }

    /// Hides the records below, and deletes files without visible records.
    pub(in crate::store) fn raise_low_water(&mut self, low_water: u64) -> Result<(), Error> {
        if low_water > self.low_water {
            self.low_water = low_water;
            self.publish();
            match self.append_low_water() {
                // If it cannot be stored for lack of space, it is computed again after a restart.
                Err(error) if error.is_transient() => {}
                result => result?,
            }
        }
        self.drop_hidden();
        Ok(())
    }

    /// Deletes the files whose records are all hidden.
    fn drop_hidden(&mut self) {
        let low_water = self.low_water;
        let sealed = self.sealed.iter().map(|file| file.segment.ids().start);
        let frozen = self.frozen.iter().map(|it| it.segment.ids().start);
        let active = [self.active.index.first_id()];
        let starts: Vec<u64> = sealed.chain(frozen).chain(active).collect();
        // A file that cannot be read is deleted with the next one.
        let is_lost = |file: &mut LostFile| {
            let later = starts.iter().filter(|start| **start > file.first_id);
            later.min().is_some_and(|start| *start <= low_water)
        };
        let is_sealed = |file: &mut SealedFile| file.segment.ids().end <= low_water;
        let is_frozen = |frozen: &mut Frozen| frozen.segment.ids().end <= low_water;
        let lost: Vec<_> = self.lost.extract_if(.., is_lost).collect();
        let sealed: Vec<_> = self.sealed.extract_if(.., is_sealed).collect();
        let frozen: Vec<_> = self.frozen.extract_if(.., is_frozen).collect();
        self.doom_files(lost, sealed, frozen);
    }

    /// Removes files that are no longer part of the store.
    pub(in crate::store) fn doom_files(
        &mut self,
        lost: Vec<LostFile>,
        sealed: Vec<SealedFile>,
        frozen: Vec<Frozen>,
    ) {
        if lost.is_empty() && sealed.is_empty() && frozen.is_empty() {
            return;
        }
        for file in lost {
            self.doom(file.path, file.bytes);
        }
        for file in sealed {
            self.doom(file.path, file.bytes);
        }
        for frozen in frozen {
            let path = self.directory.sealed(frozen.writer.header.first_id);
            self.doom_part(temporary(&path));
            self.doom_part(path);
            let path = frozen.writer.file.path.to_path_buf();
            self.doom(path, frozen.writer.length);
        }
        self.publish();
    }

    fn prune_bytes(&mut self) -> Result<(), Error> {
        while !self.is_thinning() && self.bytes() > self.options.bytes_max && self.drop_oldest()? {}
        Ok(())
    }

    /// The size of all segment files in bytes.
    pub(super) fn bytes(&self) -> u64 {
        let sealed: u64 = self.sealed.iter().map(|file| file.bytes).sum();
        let frozen: u64 = self.frozen.iter().map(|frozen| frozen.writer.length).sum();
        let lost: u64 = self.lost.iter().map(|file| file.bytes).sum();
        sealed + frozen + lost + self.active.length
    }

    /// Deletes the oldest file; false if there is only the active one.
    fn drop_oldest(&mut self) -> Result<bool, Error> {
        let sealed = self.sealed.iter().map(|file| file.segment.ids().end);
        let frozen = self.frozen.iter().map(|frozen| frozen.segment.ids().end);
        let Some(end) = sealed.chain(frozen).min() else {
            return Ok(false);
        };
        self.raise_low_water(end)?;
        Ok(true)
    }
}

/// The first id of the segment whose record may have arrived at `oldest` or later. An unreadable block is kept until its latest
/// timestamp is too old; the first error is stored in `damage`.
fn first_young(
    segment: &Segment,
    arrival: &ArrivalBounds,
    oldest: Micros,
    damage: &mut Option<Error>,
) -> Option<u64> {
    if !arrival.may_be_young(oldest) {
        return None;
    }
    let mut first: Option<u64> = None;
    for block in segment.blocks() {
        let summary = block.summary();
        let (earliest, latest) = (*summary.times.start(), *summary.times.end());
        let is_better = first.is_none_or(|first| summary.ids.start < first);
        let may_be_young = arrival.is_young(earliest, oldest) || arrival.is_young(latest, oldest);
        if !is_better || !may_be_young {
            continue;
        }
        let rows = || Ok::<_, Error>(block.ids()?.into_iter().zip(block.timestamps()?));
        let found = if earliest >= oldest {
            Some(summary.ids.start)
        } else {
            match rows() {
                Ok(mut rows) => rows
                    .find(|(_, timestamp)| arrival.is_young(*timestamp, oldest))
                    .map(|(id, _)| id),
                Err(error) => {
                    damage.get_or_insert(error);
                    Some(summary.ids.start)
                }
            }
        };
        first = first.into_iter().chain(found).min();
    }
    // The ids before the first record of a kept segment are hidden together with it.
    let lowest = segment.blocks().map(|block| block.summary().ids.start);
    if first.is_some() && first == lowest.min() {
        return Some(segment.ids().start);
    }
    first
}
