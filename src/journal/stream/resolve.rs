//! Converts a seek by sequence number or by time since a boot to the entry at that place.

use super::journal::Journal;
use super::options::Seek;
use super::order::Boots;
use crate::journal::format::cursor::Cursor;
use crate::journal::format::id::Id128;

impl Journal {
    /// The same place as a cursor, or as an end of the journal.
    pub(crate) fn resolve(&mut self, seek: &Seek) -> Seek {
        match *seek {
            Seek::Seqnum { seqnum_id, seqnum } => self
                .first_with(|_, entry| entry.seqnum_id != seqnum_id || entry.seqnum < seqnum)
                .filter(|entry| entry.seqnum_id == seqnum_id)
                .map_or(Seek::Tail, Seek::Cursor),
            Seek::Monotonic { boot_id, monotonic } => self.resolve_monotonic(boot_id, monotonic),
            _ => seek.clone(),
        }
    }

    fn resolve_monotonic(&mut self, boot_id: Id128, monotonic: u64) -> Seek {
        let boots = self.boots();
        let Some(boot) = boots.into_iter().find(|boot| boot.id == boot_id) else {
            return Seek::Tail;
        };
        let before = |boots: &Boots, entry: &Cursor| {
            if entry.boot_id == boot_id {
                entry.monotonic < monotonic
            } else {
                boots.order(entry, &boot.first).is_lt()
            }
        };
        self.first_with(before)
            .filter(|entry| entry.boot_id == boot_id)
            .map_or(Seek::After(boot.last), Seek::Cursor)
    }

    /// The earliest among the first entries of each file for which `before` is false.
    fn first_with(&mut self, before: impl Fn(&Boots, &Cursor) -> bool) -> Option<Cursor> {
        let mut first: Option<Cursor> = None;
        for index in 0..self.members.len() {
            let mut problems = std::mem::take(self.item_problems());
            let Some(member) = self.members.get_mut(index) else {
                continue;
            };
            let boots = &self.boots;
            member.seek(|entry| before(boots, entry), &mut problems);
            let found = member.entry(member.position, &mut problems);
            *self.item_problems() = problems;
            self.tell(index);
            let Some(found) = found.ok().map(|entry| entry.cursor) else {
                continue;
            };
            if first.is_none_or(|first| self.boots.order(&found, &first).is_lt()) {
                first = Some(found);
            }
        }
        first
    }
}
