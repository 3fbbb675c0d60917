//! Which sequence numbers were delivered: what tells that entries were deleted before they were read.
//!
//! journald counts all entries that it writes into one directory, whichever file they go to. A number that was not
//! delivered may still come: the file of a user is found later than the file of the system. So what is missing is
//! reported when everything has been read and the directories were looked through once more.

use super::cursor::Cursor;
use super::entry::Gap;
use super::id::Id128;
use std::collections::VecDeque;

/// Missing ranges kept apart; more of them are reported as they are.
const MISSING_MAX: usize = 1_000;

/// The numbers of one counter.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    highest: Option<Cursor>,
    /// What numbers the files of the system; up to systemd 253 those of users have sources of their own.
    source: Option<Id128>,
    /// Numbers up to this were there when reading began: what is missing among them was deleted long ago.
    history: u64,
    missing: VecDeque<Missing>,
}

#[derive(Debug)]
struct Missing {
    gap: Gap,
    round: u64,
}

impl Ledger {
    /// Entries up to `seqnum` existed when reading began.
    pub(super) fn begin_after(&mut self, seqnum: u64) {
        self.history = self.history.max(seqnum);
    }

    /// Goes on behind an entry that was delivered in an earlier life: everything after it counts.
    pub(super) fn resume(&mut self, last: &Cursor, system: bool) {
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

    /// Forgets the past: the reader was sent elsewhere.
    pub(super) fn reset(&mut self) {
        *self = Self {
            history: self.history,
            ..Self::default()
        };
    }

    /// An entry is delivered while the directories were looked through `round` times.
    pub(super) fn deliver(&mut self, entry: &Cursor, system: bool, round: u64) {
        // A new source of the system's numbers counts from anywhere.
        let known = !system || self.source.is_none_or(|source| source == entry.seqnum_id);
        if system {
            self.source = Some(entry.seqnum_id);
        }
        let Some(highest) = self.highest.filter(|_| known) else {
            self.highest = Some(*entry);
            return;
        };
        if entry.seqnum <= highest.seqnum {
            self.found(entry.seqnum);
            return;
        }
        let first = highest
            .seqnum
            .saturating_add(1)
            .max(self.history.saturating_add(1));
        if first < entry.seqnum && self.missing.len() < MISSING_MAX {
            self.missing.push_back(Missing {
                gap: Gap {
                    seqnum_id: self.source.unwrap_or(entry.seqnum_id),
                    seqnums: first..=entry.seqnum - 1,
                    from: highest.realtime,
                    to: entry.realtime,
                },
                round,
            });
        }
        self.highest = Some(*entry);
    }

    /// The next gap that was noted before the directories were looked through for the `round`th time.
    pub(super) fn take(&mut self, round: u64) -> Option<Gap> {
        let first = self.missing.front()?;
        if first.round < round {
            return self.missing.pop_front().map(|missing| missing.gap);
        }
        None
    }

    /// Whether anything is missing.
    pub(super) fn pending(&self) -> bool {
        !self.missing.is_empty()
    }

    fn found(&mut self, seqnum: u64) {
        let Some(at) = self
            .missing
            .iter()
            .position(|missing| missing.gap.seqnums.contains(&seqnum))
        else {
            return;
        };
        let Some(Missing { gap, round }) = self.missing.remove(at) else {
            return;
        };
        let (start, end) = (*gap.seqnums.start(), *gap.seqnums.end());
        let parts = [
            (seqnum < end, seqnum + 1, end),
            (start < seqnum, start, seqnum.saturating_sub(1)),
        ];
        for (_, start, end) in parts.into_iter().filter(|(some, ..)| *some) {
            let gap = Gap {
                seqnums: start..=end,
                ..gap
            };
            self.missing.insert(at, Missing { gap, round });
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
        std::iter::from_fn(|| ledger.take(round))
            .map(|gap| (*gap.seqnums.start(), *gap.seqnums.end()))
            .collect()
    }

    #[test]
    fn what_is_missing_is_told_after_another_look() {
        let mut ledger = Ledger::default();
        for seqnum in [1, 2, 5, 6, 10] {
            ledger.deliver(&entry(1, seqnum), true, 1);
        }
        assert_eq!(taken(&mut ledger, 1), []);
        assert_eq!(taken(&mut ledger, 2), [(3, 4), (7, 9)]);
        assert!(!ledger.pending());
    }

    #[test]
    fn what_comes_late_is_not_missing() {
        let mut ledger = Ledger::default();
        for seqnum in [1, 10, 3, 2, 9, 6] {
            ledger.deliver(&entry(1, seqnum), true, 1);
        }
        assert_eq!(taken(&mut ledger, 2), [(4, 5), (7, 8)]);
    }

    #[test]
    fn history_and_new_sources_are_no_gaps() {
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
        let gap = ledger.take(2).unwrap();
        assert_eq!((gap.seqnums.clone(), gap.count()), (8..=8, 1));
        assert_eq!((gap.from, gap.to), (70, 90));
    }
}
