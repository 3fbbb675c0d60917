//! Which of two entries of different files comes first, by exactly the rules of libsystemd 262.

use crate::journal::format::cursor::Cursor;
use crate::journal::format::id::Id128;
use std::cmp::Ordering;
use std::collections::HashMap;

/// The last entry of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FileTail {
    /// The machine that wrote the entry; in files of systemd-journal-remote that is the sender.
    pub(crate) machine: Id128,
    pub(crate) boot: Id128,
    pub(crate) monotonic: u64,
    pub(crate) realtime: u64,
}

/// When each boot ended, as far as the files show. This orders entries of different boots, because clocks may jump
/// between boots.
#[derive(Debug, Default)]
pub(crate) struct Boots {
    /// The latest of the last entries of the files that end in this boot.
    newest: HashMap<Id128, FileTail>,
}

impl Boots {
    /// Records the last entry of a file. A time since the boot that is longer than the time since 1970 is ignored.
    pub(crate) fn add(&mut self, tail: FileTail) {
        if tail.monotonic > tail.realtime {
            return;
        }
        let known = self.newest.entry(tail.boot).or_insert(tail);
        if tail.monotonic > known.monotonic {
            *known = tail;
        }
    }

    fn compare(&self, a: Id128, b: Id128) -> Ordering {
        match (self.newest.get(&a), self.newest.get(&b)) {
            (Some(a), Some(b)) if a.machine == b.machine => a.realtime.cmp(&b.realtime),
            _ => Ordering::Equal,
        }
    }

    /// The order of two entries. `Equal` means that one is a copy of the other.
    pub(crate) fn order(&self, a: &Cursor, b: &Cursor) -> Ordering {
        if a.seqnum_id == b.seqnum_id && a.seqnum != b.seqnum {
            return a.seqnum.cmp(&b.seqnum);
        }
        let boots = if a.boot_id == b.boot_id {
            a.monotonic.cmp(&b.monotonic)
        } else {
            self.compare(a.boot_id, b.boot_id)
        };
        boots
            .then_with(|| a.realtime.cmp(&b.realtime))
            .then_with(|| a.xor_hash.cmp(&b.xor_hash))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u8) -> Id128 {
        Id128::new([number; 16])
    }

    fn entry(source: u8, seqnum: u64, boot: u8, monotonic: u64, realtime: u64) -> Cursor {
        Cursor {
            seqnum_id: id(source),
            seqnum,
            boot_id: id(boot),
            monotonic,
            realtime,
            xor_hash: 7,
        }
    }

    #[test]
    fn each_rule_decides_when_the_earlier_rules_cannot() {
        let mut boots = Boots::default();
        let by_number = (entry(1, 5, 1, 900, 900), entry(1, 6, 2, 1, 1));
        let by_monotonic = (entry(1, 9, 1, 5, 900), entry(2, 1, 1, 6, 1));
        let by_realtime = (entry(1, 9, 1, 900, 5), entry(2, 1, 2, 1, 6));
        for (a, b) in [by_number, by_monotonic, by_realtime] {
            assert_eq!(boots.order(&a, &b), Ordering::Less);
            assert_eq!(boots.order(&b, &a), Ordering::Greater);
        }
        let tail = |machine: u8, boot: u8, time: u64| FileTail {
            machine: id(machine),
            boot: id(boot),
            monotonic: time,
            realtime: time,
        };
        boots.add(tail(9, 1, 100));
        boots.add(tail(9, 2, 50));
        let (a, b) = by_realtime;
        assert_eq!(boots.order(&a, &b), Ordering::Greater, "boot 2 ended first");
        boots.add(tail(8, 2, 60));
        assert_eq!(boots.order(&a, &b), Ordering::Less, "another machine");
    }

    #[test]
    fn copies_are_equal_whatever_their_source() {
        let boots = Boots::default();
        let a = entry(1, 5, 1, 10, 20);
        let copy = entry(2, 77, 1, 10, 20);
        assert_eq!(boots.order(&a, &copy), Ordering::Equal);
        let other = Cursor {
            xor_hash: 8,
            ..copy
        };
        assert_eq!(boots.order(&a, &other), Ordering::Less);
    }
}
