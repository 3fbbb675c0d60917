//! Free space of the file system: when it is short, noise is deleted before evidence.
//!
//! If evidence is kept, the oldest segments that were not thinned are thinned, as far as they free the missing space. Only when all of
//! them are, or if no evidence is kept, the oldest files are deleted.

use super::retention::Pruned;
use crate::store::error::Error;
use crate::store::write::writer::Store;
use crate::time::Micros;
use std::path::Path;
use std::time::Duration;

/// The time for the space of removed files to become free: a reader finishes a page within it.
const ROOM_PATIENCE: Duration = Duration::from_secs(10);

/// A file that can be deleted to free space.
struct RoomFile<'a> {
    /// The id after its last record.
    end: u64,
    path: &'a Path,
    bytes: u64,
    /// It can be thinned.
    is_noise: bool,
}

impl Store {
    /// Frees the missing space. The space of a removed file becomes free when the last reader drops it, so that more are deleted only after
    /// a pause.
    pub(super) fn prune_for_room(&mut self, now: Micros, pruned: &mut Pruned) -> Result<(), Error> {
        let missing = self.missing_room();
        if missing == 0 {
            self.room_made = None;
            self.noise_end = 0;
            return Ok(());
        }
        pruned.short_of_room = true;
        if self.oldest_noise().is_some() {
            self.room_made = Some(now);
            return Ok(());
        }
        let waits = self.room_made.is_some_and(|made| {
            u128::from(now.get().abs_diff(made.get())) < ROOM_PATIENCE.as_micros()
        });
        if waits {
            return Ok(());
        }
        if self.is_thinning()
            && let Some(end) = self.end_for_room(missing, |file| file.is_noise)
        {
            self.room_made = Some(now);
            self.noise_end = end;
            return Ok(());
        }
        if let Some(low_water) = self.end_for_room(missing, |_| true)
            && low_water > self.low_water
        {
            self.room_made = Some(now);
            self.raise_low_water(low_water)?;
        }
        Ok(())
    }

    /// The oldest segment that is thinned because space is short, as an index.
    pub(super) fn oldest_noise(&self) -> Option<usize> {
        let index = self.oldest_whole()?;
        let end = self.sealed.get(index)?.segment.ids().end;
        (end <= self.noise_end).then_some(index)
    }

    /// The number of bytes that are missing to the limit of free space.
    fn missing_room(&self) -> u64 {
        // If it is unknown, nothing is deleted.
        let Ok(space) = self.directory.disk.space(&self.directory.root) else {
            return 0;
        };
        let share = space.total / 100 * u64::from(self.options.free_percent_min);
        share
            .max(self.options.free_bytes_min)
            .saturating_sub(space.free)
    }

    /// The end of the oldest of these files that together free this number of bytes, or as many as possible without the bytes that are
    /// always kept; `None` if none frees any. A file that a snapshot links to frees nothing, and is only chosen together with a later one
    /// that does.
    fn end_for_room(&self, missing: u64, may_go: impl Fn(&RoomFile<'_>) -> bool) -> Option<u64> {
        let sealed = self.sealed.iter().map(|file| RoomFile {
            end: file.segment.ids().end,
            path: &file.path,
            bytes: file.bytes,
            is_noise: !file.segment.is_kept(),
        });
        let frozen = self.frozen.iter().map(|frozen| RoomFile {
            end: frozen.segment.ids().end,
            path: frozen.writer.file.path.as_ref(),
            bytes: frozen.writer.length,
            is_noise: false,
        });
        let mut files: Vec<_> = sealed.chain(frozen).filter(may_go).collect();
        files.sort_unstable_by_key(|file| file.end);
        let (mut chosen, mut freed) = (None, 0);
        let mut left = self.bytes();
        for file in files {
            left = left.saturating_sub(file.bytes);
            if freed >= missing || left < self.options.keep_bytes_min {
                break;
            }
            let links = self.directory.disk.links(file.path);
            if links.is_ok_and(|links| links <= 1) {
                freed += file.bytes;
                chosen = Some(file.end);
            }
        }
        chosen
    }
}
