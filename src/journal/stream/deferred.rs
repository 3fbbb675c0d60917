//! Files whose conditions are not looked up yet, because entries of other files come first.
//!
//! Looking the conditions up takes dozens of reads in each file, and the newest hundred entries of a unit are in the last few of a
//! thousand files. A header tells which sequence numbers its file has, so the file is left alone until one of them could be the next.

use super::member::StreamFile;
use crate::journal::filter::direction::Direction;
use crate::journal::format::id::Id128;
use std::collections::HashMap;

/// Deferred members by the source of their sequence numbers: only numbers of one source can be compared.
#[derive(Debug, Default)]
pub(crate) struct Deferred {
    sources: HashMap<Id128, Vec<Bound>>,
}

/// No entry of the member comes before the one with this number.
#[derive(Debug, Clone, Copy)]
struct Bound {
    seqnum: u64,
    member: usize,
}

impl Deferred {
    /// Forgets all members.
    pub(crate) fn clear(&mut self) {
        self.sources.clear();
    }

    /// Defers a member if its header tells enough.
    pub(crate) fn defer(
        &mut self,
        member: &mut StreamFile,
        index: usize,
        direction: Direction,
    ) -> bool {
        let Some(seqnum) = member.seqnum_bound(direction) else {
            return false;
        };
        member.defer();
        let source = self
            .sources
            .entry(member.file.header().seqnum_id)
            .or_default();
        source.push(Bound {
            seqnum,
            member: index,
        });
        true
    }

    /// Sorts the members, so that [`take_nearer`](Self::take_nearer) finds the nearest at once.
    pub(crate) fn sort(&mut self, direction: Direction) {
        for bounds in self.sources.values_mut() {
            bounds.sort_unstable_by_key(|bound| bound.seqnum);
            if direction == Direction::Forward {
                bounds.reverse();
            }
        }
    }

    /// Takes a member that may have an entry at or before the nearest known one of its source, which `known` tells.
    pub(crate) fn take_nearer(
        &mut self,
        direction: Direction,
        known: impl Fn(Id128) -> Option<u64>,
    ) -> Option<usize> {
        let mut taken = None;
        self.sources.retain(|source, bounds| {
            if taken.is_none() {
                let nearest = known(*source);
                let is_nearer = |bound: &mut Bound| {
                    nearest.is_none_or(|nearest| match direction {
                        Direction::Forward => bound.seqnum <= nearest,
                        Direction::Backward => bound.seqnum >= nearest,
                    })
                };
                taken = bounds.pop_if(is_nearer).map(|bound| bound.member);
            }
            !bounds.is_empty()
        });
        taken
    }
}

#[cfg(test)]
mod tests {
    use crate::journal::file::held::HeldResources;
    use crate::journal::file::journal_file::JournalFile;
    use crate::journal::filter::matches::EntryMatches;
    use crate::journal::format::cursor::Cursor;
    use crate::journal::format::layout::STATE_ONLINE;
    use crate::journal::stream::entry::JournalEvent;
    use crate::journal::stream::follow::tests::ENTRIES;
    use crate::journal::stream::follow::tests::file_of_row;
    use crate::journal::stream::follow::tests::put;
    use crate::journal::stream::journal::Journal;
    use crate::journal::stream::options::JournalOptions;
    use crate::journal::stream::options::Seek;
    use proptest::prelude::*;
    use std::path::Path;

    /// Fields of some entries of a file, and of all.
    const FIELDS: [(&[u8], &[u8]); 2] =
        [(b"_SYSTEMD_UNIT", b"web.service"), (b"_HOSTNAME", b"vm1")];

    /// A file among those that are rotated one after the other.
    #[derive(Debug, Clone)]
    struct Rotated {
        number: u64,
        /// Files of users may have a source of numbers of their own.
        of_user: bool,
        is_online: bool,
        /// What its header tells wrongly of the number of its last entry.
        excess: u64,
    }

    fn write(folder: &Path, index: usize, file: &Rotated) {
        let mut bytes = file_of_row(file.number);
        if file.is_online {
            bytes[16] = STATE_ONLINE;
        }
        if file.of_user {
            bytes[72] ^= 0xff;
        }
        put(&mut bytes, 160, |last| last + file.excess);
        let prefix = if file.of_user { "user-1000" } else { "system" };
        let name =
            format!("{prefix}@aaaabbbbccccdddd0000111122223333-{index:016x}-{index:016x}.journal");
        let path = folder.join(name);
        std::fs::write(&path, &bytes).unwrap();
        order_times(&path, &mut bytes);
        std::fs::write(&path, &bytes).unwrap();
    }

    /// Makes times follow the numbers: the clock of the fixture jumps back, and then there may be no order of entries from several sources.
    fn order_times(path: &Path, bytes: &mut [u8]) {
        let mut file = JournalFile::open(path, &HeldResources::default(), None).unwrap();
        for number in 0..ENTRIES {
            let entry = file.entry(number).unwrap();
            let at = usize::try_from(entry.offset).unwrap();
            put(bytes, at + 24, |_| entry.cursor.seqnum * 1_000_000_000);
        }
    }

    fn open(folder: &Path, field: Option<(&[u8], &[u8])>) -> Journal {
        let all = EntryMatches::default;
        let matches = field.map_or_else(all, |(name, value)| all().and(name, value));
        Journal::open(JournalOptions {
            directories: vec![folder.to_owned()],
            matches,
            ..JournalOptions::default()
        })
    }

    fn cursor(event: Option<JournalEvent<'_>>) -> Option<Cursor> {
        match event? {
            JournalEvent::Entry(entry) => Some(entry.cursor()),
            JournalEvent::Gap(gap) => panic!("{gap:?}"),
        }
    }

    /// The entries with a field, found by reading everything.
    fn all_with(folder: &Path, (name, value): (&[u8], &[u8])) -> Vec<Cursor> {
        let mut journal = open(folder, None);
        let mut found = Vec::new();
        while let Some(event) = journal.next() {
            if let JournalEvent::Entry(entry) = event
                && entry.field(name) == Some(value)
            {
                found.push(entry.cursor());
            }
        }
        found
    }

    fn deferred(journal: &Journal) -> usize {
        journal
            .members
            .iter()
            .filter(|member| member.is_deferred())
            .count()
    }

    fn rotated() -> impl Strategy<Value = Rotated> {
        let kinds = (
            0..8_u64,
            prop::bool::weighted(0.3),
            prop::bool::weighted(0.1),
        );
        (kinds, prop_oneof![4 => Just(0), 1 => 1..90_u64]).prop_map(
            |((number, of_user, is_online), excess)| Rotated {
                number,
                of_user,
                is_online,
                excess,
            },
        )
    }

    #[test]
    fn newest_entries_of_a_unit_are_looked_up_in_the_last_files_alone() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..20 {
            let file = Rotated {
                number,
                of_user: false,
                is_online: false,
                excess: 0,
            };
            write(folder.path(), usize::try_from(number).unwrap(), &file);
        }
        let field = FIELDS[0];
        let expected = all_with(folder.path(), field);
        let mut journal = open(folder.path(), Some(field));
        journal.seek(&Seek::Tail);
        for expected in expected.iter().rev().take(3) {
            assert_eq!(cursor(journal.previous()).as_ref(), Some(expected));
        }
        assert_eq!(deferred(&journal), 19);
        assert_eq!(cursor(journal.next()), Some(expected[expected.len() - 2]));
        assert_eq!(
            deferred(&journal),
            0,
            "nothing follows in those at their ends"
        );
        while journal.previous().is_some() {}
        assert_eq!(deferred(&journal), 0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Files that repeat each other's entries, from two sources, with headers that tell too much.
        #[test]
        fn same_entries_in_the_same_order(
            files in prop::collection::vec(rotated(), 1..12),
            start in any::<prop::sample::Index>(),
            turns in prop::collection::vec(1..40_usize, 1..6),
            is_forward in any::<bool>(),
            field in prop::sample::select(&FIELDS),
        ) {
            let folder = tempfile::tempdir().unwrap();
            for (index, file) in files.iter().enumerate() {
                write(folder.path(), index, file);
            }
            let expected = all_with(folder.path(), field);
            let mut journal = open(folder.path(), Some(field));
            let count = expected.len();
            // twice the number of entries before the place, and one more on an entry itself
            let mut place = 2 * start.index(count + 1);
            journal.seek(&match expected.get(place / 2) {
                Some(next) if place > 0 => Seek::Cursor(*next),
                Some(_) => Seek::Head,
                None => Seek::Tail,
            });
            for (turn, steps) in turns.into_iter().enumerate() {
                let goes_forward = is_forward == turn.is_multiple_of(2);
                for _ in 0..steps {
                    let (found, wanted) = if goes_forward {
                        (cursor(journal.next()), Some(place.div_ceil(2)))
                    } else {
                        (cursor(journal.previous()), (place / 2).checked_sub(1))
                    };
                    let wanted = wanted.filter(|wanted| *wanted < count);
                    // of copies any may be returned
                    let entry = |cursor: Cursor| (cursor.monotonic, cursor.xor_hash);
                    prop_assert_eq!(found.map(entry), wanted.map(|at| entry(expected[at])));
                    place = match wanted {
                        Some(wanted) => 2 * wanted + 1,
                        None if goes_forward => 2 * count,
                        None => 0,
                    };
                }
            }
        }
    }
}
