//! Where reading continues after a restart.
//!
//! One cursor is not enough for many files: up to systemd 253 a source of its own numbers each user's journal,
//! directories of several machines have several sources, and files are renamed and deleted at any time. So a position
//! is kept for each *origin*: the entries of one directory and one lineage (`system`, `user-1000`, `remote-web1`)
//! that have the same source of numbers. Within an origin the numbers only grow, whatever the files are called. The
//! last number delivered therefore determines which entries of every file of the origin remain.
//!
//! The rule: an entry is delivered if its number is above the one in its origin's position; an origin without a
//! position is read from its beginning (or from a given time). So a file that appears late is read however old its
//! entries are, and no entry is delivered twice.
//!
//! journald starts each boot in `/run` and copies its entries to `/var`, under new numbers, once that is mounted. An
//! entry of a persistent directory that is not later than the position of the same lineage in `/run`, in the same
//! boot, is such a copy: it moves the position and is not delivered again.
//!
//! The exception: numbers restart when a crash of the machine loses the end of a file. This shows by another entry
//! having the number of the position, or by all numbers being lower. Then entries of other boots that are later than
//! the position are delivered as well.

use crate::journal::format::cursor::Cursor;

/// Prefix of the keys of origins whose directory is in `/run`.
pub(crate) const VOLATILE: &str = "run/";

/// The last delivered entry of one origin. Keep all positions, and pass them to
/// [`JournalOptions::resume`](crate::journal::JournalOptions::resume).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginPosition {
    /// The name of the origin: `DIRECTORY/LINEAGE/SEQNUM_ID`. Use it only for comparison.
    pub origin: String,
    /// The last delivered entry.
    pub cursor: Cursor,
}

/// The state of one origin.
#[derive(Debug)]
pub(crate) struct JournalOrigin {
    pub(crate) key: String,
    pub(crate) last: Option<Cursor>,
    /// Whether `last` has changed since positions were last requested.
    pub(crate) changed: bool,
    /// The numbers have restarted: see the exception in the module's documentation.
    pub(crate) renumbered: bool,
    /// Directory and lineage, without `run/`.
    lineage: String,
    volatile: bool,
}

impl JournalOrigin {
    pub(crate) fn new(key: String, last: Option<Cursor>) -> Self {
        let whole = key
            .rsplit_once('/')
            .map_or(key.as_str(), |(whole, _)| whole);
        let lasting = whole.strip_prefix(VOLATILE);
        Self {
            lineage: lasting.unwrap_or(whole).to_owned(),
            volatile: lasting.is_some(),
            key,
            last,
            changed: false,
            renumbered: false,
        }
    }

    /// Whether `entry`, which belongs to `other`, is a copy of an entry that this origin delivered.
    pub(crate) fn delivered_copy(&self, other: &Self, entry: &Cursor) -> bool {
        self.volatile
            && !other.volatile
            && self.lineage == other.lineage
            && self.last.is_some_and(|last| {
                let same = entry.monotonic == last.monotonic && entry.xor_hash == last.xor_hash;
                entry.boot_id == last.boot_id && (entry.monotonic < last.monotonic || same)
            })
    }

    /// Whether its files are lost when the machine stops.
    pub(crate) fn volatile(&self) -> bool {
        self.volatile
    }

    /// Whether this entry of the origin was already delivered.
    pub(crate) fn covers(&self, entry: &Cursor) -> bool {
        let Some(last) = &self.last else {
            return false;
        };
        if entry.seqnum == last.seqnum {
            return !later_than(entry, last);
        }
        if entry.seqnum > last.seqnum {
            return false;
        }
        !(self.renumbered && entry.boot_id != last.boot_id && entry.realtime > last.realtime)
    }
}

/// Whether `entry` was written after `last` although both have the same number: some versions of journald repeat a
/// number across a rotation.
fn later_than(entry: &Cursor, last: &Cursor) -> bool {
    if entry.boot_id == last.boot_id {
        (entry.monotonic, entry.realtime, entry.xor_hash)
            > (last.monotonic, last.realtime, last.xor_hash)
    } else {
        entry.realtime > last.realtime
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::format::id::Id128;

    fn entry(seqnum: u64, boot: u8, monotonic: u64, realtime: u64) -> Cursor {
        Cursor {
            seqnum,
            boot_id: Id128::new([boot; 16]),
            monotonic,
            realtime,
            ..Cursor::default()
        }
    }

    #[test]
    fn numbers_decide_even_if_the_clock_goes_back() {
        let origin = JournalOrigin::new("a".to_owned(), Some(entry(10, 1, 100, 1_000)));
        assert!(origin.covers(&entry(10, 1, 100, 1_000)));
        assert!(origin.covers(&entry(9, 1, 500, 5_000)), "clock went back");
        assert!(!origin.covers(&entry(11, 1, 1, 1)), "clock went back");
        assert!(!origin.covers(&entry(11, 2, 1, 1)));
        assert!(!JournalOrigin::new("b".to_owned(), None).covers(&entry(1, 1, 1, 1)));
    }

    #[test]
    fn a_repeated_number_is_another_entry_when_it_is_later() {
        let origin = JournalOrigin::new("a".to_owned(), Some(entry(10, 1, 100, 1_000)));
        assert!(!origin.covers(&entry(10, 1, 101, 1_001)));
        assert!(!origin.covers(&entry(10, 2, 3, 2_000)));
        assert!(origin.covers(&entry(10, 1, 99, 999)));
    }

    #[test]
    fn copies_in_var_of_entries_read_in_run_are_recognised() {
        let run = JournalOrigin::new("run/m/system/1".to_owned(), Some(entry(10, 1, 100, 1_000)));
        let var = JournalOrigin::new("m/system/2".to_owned(), None);
        assert!(run.delivered_copy(&var, &entry(50, 1, 100, 1_000)));
        assert!(run.delivered_copy(&var, &entry(49, 1, 99, 999)));
        assert!(!run.delivered_copy(&var, &entry(51, 1, 101, 1_001)));
        assert!(!run.delivered_copy(&var, &entry(40, 2, 50, 500)), "boot");
        let user = JournalOrigin::new("m/user-1/2".to_owned(), None);
        assert!(!run.delivered_copy(&user, &entry(49, 1, 99, 999)));
        assert!(!var.delivered_copy(&run, &entry(49, 1, 99, 999)));
        assert!(!run.delivered_copy(&run, &entry(49, 1, 99, 999)));
    }

    #[test]
    fn restarted_numbers_are_recognised_by_boot_and_time() {
        let mut origin = JournalOrigin::new("a".to_owned(), Some(entry(10, 1, 100, 1_000)));
        let rewritten = entry(8, 2, 5, 2_000);
        assert!(origin.covers(&rewritten));
        origin.renumbered = true;
        assert!(!origin.covers(&rewritten));
        assert!(origin.covers(&entry(8, 1, 90, 990)));
    }
}
