//! Finds entries without the entry arrays: object by object and, after a damaged object header, at the next offset
//! that looks like an entry.

use super::window::FileWindow;
use crate::bytes::ByteReader;
use crate::journal::format::header::FileHeader;
use crate::journal::format::layout;
use crate::journal::format::layout::FOUND_MAX;
use crate::journal::format::layout::object_type;

/// The entries after a certain offset of a file.
#[derive(Debug)]
pub(crate) struct ObjectWalk {
    first: u64,
    found: Vec<u64>,
    /// Offset at which the walk continues.
    next: u64,
    /// Whether `next` is the start of an object rather than an offset inside one.
    aligned: bool,
    /// Offset at which `aligned` was last lost.
    damaged_from: u64,
}

/// Damage at the end is checked again whenever the file has grown, if it is not longer than this: a few objects.
const LOOKED_AT_AGAIN_MAX: u64 = 64 << 10;

impl ObjectWalk {
    /// Starts a walk at the object at `start`; the first entry that it finds gets the index `first`.
    pub(crate) fn new(first: u64, start: u64) -> Self {
        Self {
            first,
            found: Vec::new(),
            next: start,
            aligned: true,
            damaged_from: start,
        }
    }

    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    /// The index after the last entry.
    pub(crate) fn length(&self) -> u64 {
        self.first + self.found.len() as u64
    }

    /// How many of the entries found are before `offset`.
    pub(crate) fn count_before(&self, offset: u64) -> u64 {
        self.found.partition_point(|found| *found < offset) as u64
    }

    pub(crate) fn offset(&self, number: u64) -> Option<u64> {
        let at = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.found.get(at).copied()
    }

    /// Adds an entry that is known from elsewhere.
    pub(crate) fn add(&mut self, offset: u64) {
        if let Err(at) = self.found.binary_search(&offset) {
            self.found.insert(at, offset);
        }
    }

    /// Continues to the last object that the header knows, or to the end of the file.
    pub(crate) fn extend(&mut self, window: &mut FileWindow, header: &FileHeader) {
        // A damaged object may have been one that was just being written.
        if !self.aligned && self.next.saturating_sub(self.damaged_from) <= LOOKED_AT_AGAIN_MAX {
            self.next = self.damaged_from;
            self.aligned = true;
        }
        while self.next <= header.tail_object_offset && self.found.len() < FOUND_MAX {
            let Ok(bytes) = window.sequential(self.next, layout::ENTRY_ITEMS, "object header")
            else {
                return;
            };
            let object = ObjectHead::parse(bytes, self.next);
            let step = match object {
                Some(seen) if self.aligned => {
                    if seen.entry_of(header) {
                        self.found.push(self.next);
                    }
                    seen.step()
                }
                Some(seen) if seen.entry_of(header) => {
                    self.found.push(self.next);
                    self.aligned = true;
                    seen.step()
                }
                _ => {
                    self.lose_alignment();
                    8
                }
            };
            let end = self.next.saturating_add(step);
            let limit = header.end(window.length());
            if end > limit && step > 8 {
                // It claims more than the file holds: it is no object, and perhaps not even the start of one.
                self.found.pop_if(|last| *last == self.next);
                self.lose_alignment();
                self.next += 8;
            } else {
                self.next = end;
            }
        }
    }

    fn lose_alignment(&mut self) {
        if self.aligned {
            self.damaged_from = self.next;
        }
        self.aligned = false;
    }
}

/// The header of a possible object.
struct ObjectHead {
    kind: u8,
    flags: u8,
    reserved: [u8; 6],
    size: u64,
    seqnum: u64,
    realtime: u64,
}

impl ObjectHead {
    fn parse(bytes: &[u8], offset: u64) -> Option<Self> {
        let mut reader = ByteReader::new(bytes, offset);
        let seen = Self {
            kind: reader.u8("object type").ok()?,
            flags: reader.u8("object flags").ok()?,
            reserved: reader.array("reserved bytes").ok()?,
            size: reader.u64("object size").ok()?,
            seqnum: reader.u64("seqnum").ok()?,
            realtime: reader.u64("realtime").ok()?,
        };
        let known = (object_type::DATA..=object_type::TAG).contains(&seen.kind);
        (known && seen.size > layout::OBJECT_SIZE).then_some(seen)
    }

    /// Distance to the next object, in bytes.
    fn step(&self) -> u64 {
        self.size.checked_next_multiple_of(8).unwrap_or(u64::MAX)
    }

    fn entry_of(&self, header: &FileHeader) -> bool {
        let items = self.size.saturating_sub(layout::ENTRY_ITEMS as u64);
        self.kind == object_type::ENTRY
            && self.flags == 0
            && self.reserved == [0; 6]
            && items > 0
            && items.is_multiple_of(header.entry_item())
            && (header.head_entry_seqnum..=header.tail_entry_seqnum).contains(&self.seqnum)
            && self.realtime < layout::TIME_BOUND
    }
}
