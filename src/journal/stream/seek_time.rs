//! Seeks to a time within a file. If the clock was set back within the file, times do not ascend and every entry is
//! checked; otherwise a binary search checks a few.

use super::member::StreamFile;
use crate::journal::format::cursor::Cursor;
use crate::journal::format::error::Error;

/// In files of up to this many entries every entry is checked, which costs about as much as a search.
const ENTRIES_FEW: u64 = 256;
/// In longer files this many samples show whether the clock was set back between them.
const SAMPLES: u64 = 16;
/// The wall clock may lag behind the boot clock by this part of the time, because it is slewed, and by this constant,
/// because of how it is read.
const SLEW: u64 = 1_000;
const JITTER_US: u64 = 100_000;

impl StreamFile {
    /// Moves before the first entry at or after this time (microseconds since 1970).
    pub(crate) fn seek_realtime(&mut self, time: u64, problems: &mut Vec<Error>) {
        if self.file.length() > ENTRIES_FEW && self.times_ascend(problems) {
            self.seek(|entry| entry.realtime < time, problems);
            return;
        }
        let mut number = 0;
        while number < self.file.length() {
            let read = self.entry(number, problems);
            if read.is_ok_and(|entry| entry.cursor.realtime >= time) {
                break;
            }
            number += 1;
        }
        self.go_to(number);
    }

    fn times_ascend(&mut self, problems: &mut Vec<Error>) -> bool {
        let last = self.file.length().saturating_sub(1);
        let mut before: Option<(u64, Cursor)> = None;
        for sample in 0..=SAMPLES {
            let number = last / SAMPLES * sample + last % SAMPLES * sample / SAMPLES;
            let Ok(entry) = self.entry(number, problems) else {
                continue;
            };
            let after = (number, entry.cursor);
            if let Some(before) = before
                && !self.ascends(before, after, problems)
            {
                return false;
            }
            before = Some(after);
        }
        true
    }

    /// Whether the clock was not set back between two entries, as far as the entries and a change of the boot show.
    fn ascends(
        &mut self,
        (mut low, mut before): (u64, Cursor),
        (mut high, mut after): (u64, Cursor),
        problems: &mut Vec<Error>,
    ) -> bool {
        if before.boot_id == after.boot_id {
            return is_steady(&before, &after);
        }
        // At the end of a boot the clock may start again.
        let boot = before.boot_id;
        let (first, last) = (before, after);
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            match self.entry(middle, problems) {
                Ok(entry) if entry.cursor.boot_id == boot => {
                    (low, before) = (middle, entry.cursor);
                }
                Ok(entry) => (high, after) = (middle, entry.cursor),
                Err(_) => return false,
            }
        }
        let rest = after.boot_id != last.boot_id || is_steady(&after, &last);
        is_steady(&first, &before) && before.realtime <= after.realtime && rest
    }
}

/// Whether the wall clock advanced between two entries of one boot by at least as much as the boot clock.
fn is_steady(before: &Cursor, after: &Cursor) -> bool {
    let passed = after.monotonic.saturating_sub(before.monotonic);
    let expected = before.realtime.saturating_add(passed);
    let tolerated = passed / SLEW + JITTER_US;
    after.realtime >= before.realtime && after.realtime.saturating_add(tolerated) >= expected
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_set_back_shows_by_the_time_since_the_boot() {
        let at = |realtime, monotonic| Cursor {
            monotonic,
            realtime,
            ..Cursor::default()
        };
        let hour = 3_600_000_000;
        let before = at(100 * hour, hour);
        for (after, steady) in [
            (at(101 * hour, 2 * hour), true),
            (at(101 * hour - 1_000_000, 2 * hour), true),
            (at(110 * hour, 2 * hour), true),
            (at(101 * hour - hour / 2, 2 * hour), false),
            (at(99 * hour, 2 * hour), false),
        ] {
            assert_eq!(is_steady(&before, &after), steady, "{after}");
        }
    }
}
