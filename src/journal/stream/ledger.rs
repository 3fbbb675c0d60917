//! Tracks which sequence numbers were delivered, to detect entries that were deleted before they were read.
//!
//! journald numbers all entries that it writes into one directory, in whichever file. A missing number may still
//! arrive: the file of a user may be found later than the file of the system. So missing entries are reported only
//! after the directories were listed once more and some time has passed. If they arrive later nevertheless, they are
//! delivered.

use super::entry::JournalGap;
use crate::journal::format::cursor::Cursor;
use crate::journal::format::id::Id128;
use std::collections::VecDeque;
use std::time::Duration;
use std::time::Instant;

/// Maximum number of missing ranges that are remembered. Beyond it the oldest are reported at once, and those already
/// reported are forgotten first.
const MISSING_MAX: usize = 1_000;
/// A range must be missing for this long before it is reported: a file may be found later than the files after it.
const MISSING_TIMEOUT: Duration = Duration::from_secs(1);

/// The delivered numbers of one counter.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    highest: Option<Cursor>,
    /// The source of the numbers in the files of the system; up to systemd 253 the files of users have sources of
    /// their own.
    source: Option<Id128>,
    /// Numbers up to this one existed when reading began; those missing among them were deleted long ago.
    history: u64,
    missing: VecDeque<Missing>,
    /// How many missing ranges are still to be reported.
    pending: usize,
}

#[derive(Debug)]
struct Missing {
    gap: JournalGap,
    round: u64,
    since: Instant,
    /// Was reported, or never will be; its entries are delivered nevertheless if they arrive.
    is_settled: bool,
}

impl Ledger {
    /// Entries up to `seqnum` existed when reading began.
    pub(crate) fn begin_after(&mut self, seqnum: u64) {
        self.history = self.history.max(seqnum);
    }

    /// Continues after an entry that an earlier process delivered: every later number counts.
    pub(crate) fn resume(&mut self, last: &Cursor, system: bool) {
        if system {
            self.source = Some(last.seqnum_id);
        }
        if self
            .highest
            .is_none_or(|highest| highest.seqnum < last.seqnum)
        {
            self.highest = Some(*last);
        }
    }

    /// Forgets everything, because the reader was moved elsewhere.
    pub(crate) fn reset(&mut self) {
        *self = Self {
            history: self.history,
            ..Self::default()
        };
    }

    /// Whether numbers before that of `entry` were not delivered and are not yet known as missing.
    pub(crate) fn skips_to(&self, entry: &Cursor, system: bool) -> bool {
        self.counts(entry, system)
            && self
                .highest
                .is_some_and(|highest| highest.seqnum.saturating_add(1) < entry.seqnum)
    }

    /// Whether the numbers of `entry` are those that this ledger counts; a new source of the system's numbers may
    /// start anywhere.
    fn counts(&self, entry: &Cursor, system: bool) -> bool {
        !system || self.source.is_none_or(|source| source == entry.seqnum_id)
    }

    /// Records the delivery of an entry during listing `round` of the directories.
    pub(crate) fn deliver(&mut self, entry: &Cursor, system: bool, round: u64) {
        let counts = self.counts(entry, system);
        if system {
            self.source = Some(entry.seqnum_id);
        }
        let Some(highest) = self.highest.filter(|_| counts) else {
            self.highest = Some(*entry);
            return;
        };
        if entry.seqnum <= highest.seqnum {
            self.found(entry.seqnum);
            return;
        }
        let first = highest.seqnum.saturating_add(1);
        let last = entry.seqnum - 1;
        let seqnum_id = self.source.unwrap_or(entry.seqnum_id);
        let parts = [
            (first, last.min(self.history), true),
            (first.max(self.history.saturating_add(1)), last, false),
        ];
        for (first, last, is_settled) in parts {
            if first <= last {
                self.note(Missing {
                    gap: JournalGap {
                        seqnum_id,
                        seqnums: first..=last,
                        from: highest.realtime,
                        to: entry.realtime,
                    },
                    round,
                    since: Instant::now(),
                    is_settled,
                });
            }
        }
        self.highest = Some(*entry);
    }

    fn note(&mut self, missing: Missing) {
        if self.missing.len() >= MISSING_MAX
            && let Some(at) = self.missing.iter().position(|missing| missing.is_settled)
        {
            self.missing.remove(at);
        }
        self.pending += usize::from(!missing.is_settled);
        self.missing.push_back(missing);
    }

    /// The next gap to report: missing long enough, and since before listing `round` of the directories.
    pub(crate) fn take(&mut self, round: u64) -> Option<JournalGap> {
        let at = self.due(round)?;
        let missing = self.missing.get_mut(at)?;
        missing.is_settled = true;
        self.pending -= 1;
        Some(missing.gap.clone())
    }

    /// Whether a gap has to be reported.
    pub(crate) fn is_due(&self, round: u64) -> bool {
        self.due(round).is_some()
    }

    fn due(&self, round: u64) -> Option<usize> {
        if self.pending == 0 {
            return None;
        }
        let at = self
            .missing
            .iter()
            .position(|missing| !missing.is_settled)?;
        let missing = self.missing.get(at)?;
        let is_due = missing.round < round && missing.since.elapsed() >= MISSING_TIMEOUT;
        (is_due || self.pending >= MISSING_MAX).then_some(at)
    }

    /// Whether any missing range is still to be reported.
    pub(crate) fn pending(&self) -> bool {
        self.pending > 0
    }

    /// Whether the entry with this number was not delivered although later ones were.
    pub(crate) fn is_missing(&self, seqnum: u64) -> bool {
        self.missing
            .iter()
            .any(|missing| missing.gap.seqnums.contains(&seqnum))
    }

    /// The lowest number that was not delivered although later ones were.
    pub(crate) fn first_missing(&self) -> Option<u64> {
        let starts = self.missing.iter().map(|it| *it.gap.seqnums.start());
        starts.min()
    }

    fn found(&mut self, seqnum: u64) {
        let Some(at) = self
            .missing
            .iter()
            .position(|missing| missing.gap.seqnums.contains(&seqnum))
        else {
            return;
        };
        let Some(missing) = self.missing.remove(at) else {
            return;
        };
        self.pending -= usize::from(!missing.is_settled);
        let (start, end) = (*missing.gap.seqnums.start(), *missing.gap.seqnums.end());
        let parts = [
            (seqnum < end, seqnum + 1, end),
            (start < seqnum, start, seqnum.saturating_sub(1)),
        ];
        for (_, start, end) in parts.into_iter().filter(|(some, ..)| *some) {
            self.pending += usize::from(!missing.is_settled);
            let gap = JournalGap {
                seqnums: start..=end,
                ..missing.gap.clone()
            };
            self.missing.insert(at, Missing { gap, ..missing });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(source: u8, seqnum: u64) -> Cursor {
        Cursor {
            seqnum_id: Id128::new([source; 16]),
            seqnum,
            realtime: seqnum * 10,
            ..Cursor::default()
        }
    }

    fn taken(ledger: &mut Ledger, round: u64) -> Vec<(u64, u64)> {
        // Make the ranges appear to have been missing for long.
        for missing in &mut ledger.missing {
            missing.since = Instant::now().checked_sub(MISSING_TIMEOUT).unwrap();
        }
        std::iter::from_fn(|| ledger.take(round))
            .map(|gap| (*gap.seqnums.start(), *gap.seqnums.end()))
            .collect()
    }

    #[test]
    fn missing_entries_are_reported_after_another_listing() {
        let mut ledger = Ledger::default();
        for seqnum in [1, 2, 5, 6, 10] {
            ledger.deliver(&entry(1, seqnum), true, 1);
        }
        assert_eq!(taken(&mut ledger, 1), []);
        assert_eq!(taken(&mut ledger, 2), [(3, 4), (7, 9)]);
        assert!(!ledger.pending());
    }

    #[test]
    fn late_entries_are_not_missing() {
        let mut ledger = Ledger::default();
        for seqnum in [1, 10, 3, 2, 9, 6] {
            ledger.deliver(&entry(1, seqnum), true, 1);
        }
        assert_eq!(taken(&mut ledger, 2), [(4, 5), (7, 8)]);
    }

    #[test]
    fn entries_before_the_start_and_new_sources_are_not_gaps() {
        let mut ledger = Ledger::default();
        ledger.begin_after(20);
        for seqnum in [1, 15, 25] {
            ledger.deliver(&entry(1, seqnum), true, 1);
        }
        ledger.deliver(&entry(2, 28), false, 1);
        ledger.deliver(&entry(1, 29), true, 1);
        ledger.deliver(&entry(3, 99), true, 1);
        ledger.deliver(&entry(3, 100), true, 1);
        assert_eq!(taken(&mut ledger, 2), [(21, 24), (26, 27)]);
    }

    #[test]
    fn a_resumed_ledger_counts_from_the_position() {
        let mut ledger = Ledger::default();
        ledger.resume(&entry(1, 7), true);
        ledger.resume(&entry(2, 5), false);
        ledger.deliver(&entry(1, 9), true, 1);
        assert!(ledger.take(2).is_none(), "it may come yet");
        assert_eq!(taken(&mut ledger, 2), [(8, 8)]);
        let gap = &ledger.missing[0].gap;
        assert_eq!((gap.from, gap.to, gap.count()), (70, 90, 1));
    }

    #[test]
    fn entries_are_known_as_missing_until_they_come_even_when_reported() {
        let mut ledger = Ledger::default();
        ledger.begin_after(4);
        assert!(!ledger.skips_to(&entry(1, 2), true));
        for seqnum in [1, 8] {
            ledger.deliver(&entry(1, seqnum), true, 1);
        }
        assert!(ledger.skips_to(&entry(1, 10), true) && !ledger.skips_to(&entry(1, 9), true));
        assert_eq!(ledger.first_missing(), Some(2));
        assert_eq!(taken(&mut ledger, 2), [(5, 7)]);
        for seqnum in [2, 3, 4, 5, 7, 6] {
            assert!(ledger.is_missing(seqnum));
            ledger.deliver(&entry(1, seqnum), true, 2);
            assert!(!ledger.is_missing(seqnum));
        }
        assert_eq!(ledger.first_missing(), None);
        assert_eq!(taken(&mut ledger, 9), []);
    }

    #[test]
    fn many_gaps_are_reported_at_once_and_memory_is_bounded() {
        let mut ledger = Ledger::default();
        let mut reported = 0;
        for seqnum in 0..5 * MISSING_MAX as u64 {
            ledger.deliver(&entry(1, 1 + 2 * seqnum), true, 1);
            reported += usize::from(ledger.take(1).is_some());
            assert!(ledger.missing.len() <= MISSING_MAX + 1);
        }
        assert_eq!(reported + ledger.pending, 5 * MISSING_MAX - 1);
    }
}
