//! The index of entries: the chain of entry arrays of a file or, if that is damaged, a walk over its objects.

use super::chain::Chain;
use super::chain::no_entry;
use super::walk::ObjectWalk;
use super::window::FileWindow;
use crate::journal::format::error::Error;
use crate::journal::format::header::FileHeader;
use crate::journal::format::header::corrupt;
use crate::journal::format::layout::FOUND_MAX;

/// The rest of a chain is ignored after this many damaged items in a row, which is more than are read at once.
const DAMAGED_RUN_MAX: u64 = 1 << 10;

/// The entries of a file, by their index in it.
#[derive(Debug, Default)]
pub(crate) struct EntryIndex {
    chain: Chain,
    walk: Option<ObjectWalk>,
}

impl EntryIndex {
    /// Number of entries.
    pub(crate) fn length(&self, header: &FileHeader) -> u64 {
        self.walk
            .as_ref()
            .map_or(header.n_entries, ObjectWalk::length)
    }

    /// Continues a walk after the file has grown.
    pub(crate) fn grow(&mut self, window: &mut FileWindow, header: &FileHeader) {
        if let Some(walk) = &mut self.walk {
            walk.extend(window, header);
        }
    }

    /// Whether the chain was replaced by a walk.
    pub(crate) fn walked(&self) -> bool {
        self.walk.is_some()
    }

    /// How much memory [`release`](Self::release) frees.
    pub(crate) fn memory(&self) -> usize {
        self.chain.memory()
    }

    /// Frees memory whose content can be read again.
    pub(crate) fn release(&mut self) {
        self.chain.release();
    }

    /// The offset of the entry at index `number`.
    pub(crate) fn offset(
        &mut self,
        window: &mut FileWindow,
        header: &FileHeader,
        number: u64,
    ) -> Result<u64, Error> {
        if let Some(walk) = &self.walk
            && number >= walk.first()
        {
            return walk.offset(number).ok_or_else(|| no_entry(number));
        }
        self.chain.grow(header.entry_array_offset, header.n_entries);
        let offset = self.chain.offset(window, header, number)?;
        if offset < header.header_size
            || !offset.is_multiple_of(8)
            || offset > header.tail_object_offset
        {
            return Err(corrupt(
                "entry array item",
                offset,
                "a multiple of 8 between the header and the last object",
                offset,
            ));
        }
        Ok(offset)
    }

    /// Ignores the chain from its first damaged item on and walks the objects from the last good entry. Entries that
    /// the chain has after the damage are added as well, because a walk loses its way at a damaged object. Returns
    /// the offset at which the walk starts and the number of entries found from there, or `None` if the index already
    /// uses a walk.
    pub(crate) fn give_up(
        &mut self,
        window: &mut FileWindow,
        header: &FileHeader,
    ) -> Option<(u64, u64)> {
        if self.walk.is_some() {
            return None;
        }
        let mut sound = None;
        let mut others = Vec::new();
        let (mut damaged, mut number) = (0, 0);
        while number < header.n_entries && damaged < DAMAGED_RUN_MAX && others.len() < FOUND_MAX {
            match self.offset(window, header, number) {
                Ok(offset) if damaged == 0 && others.is_empty() => sound = Some((number, offset)),
                Ok(offset) => {
                    others.push(offset);
                    damaged = 0;
                }
                Err(_) => damaged += 1,
            }
            number += 1;
        }
        let (first, start) = sound.unwrap_or((0, header.header_size));
        let mut walk = ObjectWalk::new(first, start);
        walk.extend(window, header);
        for offset in others {
            walk.add(offset);
        }
        let found = walk.length() - first;
        self.walk = Some(walk);
        Some((start, found))
    }

    /// Number of entries before `offset`.
    pub(crate) fn count_before(
        &mut self,
        window: &mut FileWindow,
        header: &FileHeader,
        offset: u64,
    ) -> u64 {
        let (mut low, mut high) = (0, self.length(header));
        if let Some(walk) = &self.walk {
            match walk.count_before(offset) {
                0 => high = walk.first(),
                count => return walk.first() + count,
            }
        }
        while low < high {
            let middle = low + (high - low) / 2;
            match self.offset(window, header, middle) {
                Ok(found) if found < offset => low = middle + 1,
                _ => high = middle,
            }
        }
        low
    }
}
