//! Which entry is where: the chain of entry arrays of a file, or, where that is damaged, a walk over its objects.

use super::chain::Chain;
use super::chain::no_entry;
use super::walk::ObjectWalk;
use super::window::FileWindow;
use crate::journal::format::error::Error;
use crate::journal::format::header::FileHeader;
use crate::journal::format::header::corrupt;
use crate::journal::format::layout::FOUND_MAX;

/// Behind so many damaged items in a row, more than are read at once, nothing more of a chain is looked at.
const DAMAGED_RUN_MAX: u64 = 1 << 10;

/// The entries of a file, by their number in it.
#[derive(Debug, Default)]
pub(crate) struct EntryIndex {
    chain: Chain,
    walk: Option<ObjectWalk>,
}

impl EntryIndex {
    /// How many entries there are.
    pub(crate) fn length(&self, header: &FileHeader) -> u64 {
        self.walk
            .as_ref()
            .map_or(header.n_entries, ObjectWalk::length)
    }

    /// Goes on with a walk: the file has grown.
    pub(crate) fn grow(&mut self, window: &mut FileWindow, header: &FileHeader) {
        if let Some(walk) = &mut self.walk {
            walk.extend(window, header);
        }
    }

    /// Whether the chain was given up.
    pub(crate) fn walked(&self) -> bool {
        self.walk.is_some()
    }

    /// How much memory [`release`](Self::release) gives back.
    pub(crate) fn memory(&self) -> usize {
        self.chain.memory()
    }

    /// Gives the memory back that can be had again by reading.
    pub(crate) fn release(&mut self) {
        self.chain.release();
    }

    /// Where entry `number` stands.
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

    /// Gives the chain up from its first damage on and walks the objects from the entry before it. What the chain has
    /// behind its damage counts as well: a walk loses its way where an object is damaged. Returns where the walk begins
    /// and how many entries were found from there on, or `None` when the chain was given up already.
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

    /// How many entries are before `offset`.
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
