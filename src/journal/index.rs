//! Which entry is where: the chain of entry arrays of a file, or, where that is damaged, a walk over its objects.

use super::chain::Chain;
use super::chain::no_entry;
use super::error::Error;
use super::header::Header;
use super::walk::Walk;
use super::window::Window;

/// The entries of a file, by their number in it.
#[derive(Debug, Default)]
pub(super) struct EntryIndex {
    chain: Chain,
    walk: Option<Walk>,
}

impl EntryIndex {
    /// How many entries there are.
    pub(super) fn length(&self, header: &Header) -> u64 {
        self.walk.as_ref().map_or(header.n_entries, Walk::length)
    }

    /// Goes on with a walk: the file has grown.
    pub(super) fn grow(&mut self, window: &mut Window, header: &Header) {
        if let Some(walk) = &mut self.walk {
            walk.extend(window, header);
        }
    }

    /// Whether the chain was given up.
    pub(super) fn walked(&self) -> bool {
        self.walk.is_some()
    }

    /// How much memory [`release`](Self::release) gives back.
    pub(super) fn memory(&self) -> usize {
        self.chain.memory()
    }

    /// Gives the memory back that can be had again by reading.
    pub(super) fn release(&mut self) {
        self.chain.release();
    }

    /// Where entry `number` stands.
    pub(super) fn offset(
        &mut self,
        window: &mut Window,
        header: &Header,
        number: u64,
    ) -> Result<u64, Error> {
        if let Some(walk) = &self.walk
            && number >= walk.first()
        {
            return walk.offset(number).ok_or_else(|| no_entry(number));
        }
        self.chain.grow(header.entry_array_offset, header.n_entries);
        self.chain.offset(window, header, number)
    }

    /// Gives the chain up from entry `number` on and walks the objects from the entry before it. Returns where the walk
    /// begins and how many entries it found from `number` on, or `None` when the chain was given up before.
    pub(super) fn give_up(
        &mut self,
        window: &mut Window,
        header: &Header,
        number: u64,
    ) -> Option<(u64, u64)> {
        if self.walk.is_some() {
            return None;
        }
        let before = number
            .checked_sub(1)
            .and_then(|before| self.offset(window, header, before).ok());
        let (first, start) = match before {
            Some(offset) => (number - 1, offset),
            None => (0, header.header_size),
        };
        let mut walk = Walk::new(first, start);
        walk.extend(window, header);
        let found = walk.length().saturating_sub(number);
        self.walk = Some(walk);
        Some((start, found))
    }
}
