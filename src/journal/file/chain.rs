//! A chain of entry arrays, which holds offsets of entries, oldest first. A file has one chain of all its entries,
//! and each DATA object has one of the entries that use it.

use super::window::FileWindow;
use crate::bytes::ByteReader;
use crate::journal::format::error::Error;
use crate::journal::format::header::FileHeader;
use crate::journal::format::header::corrupt;
use crate::journal::format::layout;
use crate::journal::format::layout::ARRAYS_MAX;
use crate::journal::format::layout::object_type;

/// Items are read in groups of this size.
const GROUP: u64 = 512;
/// An array is read with its first items: most are short, as each is twice as long as the one before.
const HEAD_BYTES: usize = 512;

/// One array of the chain.
#[derive(Debug, Clone, Copy)]
struct Array {
    offset: u64,
    first: u64,
    items: u64,
    /// The offset of the next array; 0 if there was none yet when this one was read.
    next: u64,
    /// Its first item, if it could be read with the array.
    least: Option<u64>,
}

/// The entries of a chain, by their index in it.
#[derive(Debug, Default)]
pub(crate) struct Chain {
    /// Offset of the first array.
    root: u64,
    /// Number of valid items in the arrays.
    length: u64,
    arrays: Vec<Array>,
    /// A part of one array: its items from index `group_first` on.
    group: Vec<u64>,
    group_first: u64,
    raw: Vec<u8>,
    /// The number of the array with the first bytes that are in `head`.
    head_of: Option<usize>,
    head: Vec<u8>,
}

impl Chain {
    /// Creates the chain of `length` items whose first array is at `root`.
    pub(crate) fn new(root: u64, length: u64) -> Self {
        Self {
            root,
            length,
            ..Self::default()
        }
    }

    /// Extends the chain after items were added to the file.
    pub(crate) fn grow(&mut self, root: u64, length: u64) {
        if self.length != length {
            // what was read with an array may lack the new items
            self.head_of = None;
        }
        self.root = root;
        self.length = length;
    }

    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// How much memory [`release`](Self::release) frees.
    pub(crate) fn memory(&self) -> usize {
        self.group.capacity() * size_of::<u64>() + self.raw.capacity() + self.head.capacity()
    }

    /// Frees memory whose content can be read again.
    pub(crate) fn release(&mut self) {
        self.group = Vec::new();
        self.raw = Vec::new();
        self.head = Vec::new();
        self.head_of = None;
    }

    /// The offset of the entry at index `number`.
    pub(crate) fn offset(
        &mut self,
        window: &mut FileWindow,
        header: &FileHeader,
        number: u64,
    ) -> Result<u64, Error> {
        if let Some(offset) = self.in_group(number) {
            return Ok(offset);
        }
        self.fill_group(window, header, number)?;
        if let Some(offset) = self.in_group(number) {
            return Ok(offset);
        }
        // it may have been written since the array was read
        if self.head_of.take().is_some() {
            self.fill_group(window, header, number)?;
        }
        self.in_group(number).ok_or_else(|| no_entry(number))
    }

    /// The number of items before `offset`.
    pub(crate) fn count_before(
        &mut self,
        window: &mut FileWindow,
        header: &FileHeader,
        offset: u64,
    ) -> Result<u64, Error> {
        let Some(last) = self.length.checked_sub(1) else {
            return Ok(0);
        };
        // a search from the end begins behind all items
        if self.offset(window, header, last)? < offset {
            return Ok(self.length);
        }
        let (mut low, mut high) = self.arrays_around(offset);
        high = high.min(last);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.offset(window, header, middle)? < offset {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }

    /// The first item of the last array that begins before `offset`, and the item after its last one.
    fn arrays_around(&self, offset: u64) -> (u64, u64) {
        let begins_before = |array: &Array| array.least.is_some_and(|least| least < offset);
        let known = self.arrays.iter().all(|array| array.least.is_some());
        let after = self.arrays.partition_point(begins_before);
        let array = after.checked_sub(1).and_then(|at| self.arrays.get(at));
        match array {
            Some(array) if known => (array.first, array.first + array.items),
            None if known => (0, 0),
            _ => (0, self.length),
        }
    }

    fn in_group(&self, number: u64) -> Option<u64> {
        let at = usize::try_from(number.checked_sub(self.group_first)?).ok()?;
        self.group.get(at).copied()
    }

    fn fill_group(
        &mut self,
        window: &mut FileWindow,
        header: &FileHeader,
        number: u64,
    ) -> Result<(), Error> {
        let array = self.array_of(window, header, number)?;
        let within = (number - array.first) / GROUP * GROUP;
        let first = array.first + within;
        let count = GROUP
            .min(array.items - within)
            .min(self.length.saturating_sub(first));
        let item = header.array_item();
        let skip = usize_of(layout::ENTRY_ARRAY_ITEMS + within * item);
        let offset = array.offset + skip as u64;
        let bytes = usize_of(count * item);
        self.group.clear();
        self.group_first = first;
        self.raw.clear();
        let read = self.head_of.and_then(|of| self.arrays.get(of));
        let is_read = read.is_some_and(|read| read.offset == array.offset);
        let head = self.head.get(skip..skip + bytes).filter(|_| is_read);
        if let Some(head) = head {
            self.raw.extend_from_slice(head);
        } else {
            self.raw.resize(bytes, 0);
            let copied = window.read_at(offset, &mut self.raw)?;
            self.raw.truncate(copied);
        }
        let mut reader = ByteReader::new(&self.raw, offset);
        while let Ok(value) = array_item(&mut reader, header.compact()) {
            if value == 0 {
                break;
            }
            self.group.push(value);
        }
        Ok(())
    }

    /// The array that holds index `number`; follows the chain as far as needed.
    fn array_of(
        &mut self,
        window: &mut FileWindow,
        header: &FileHeader,
        number: u64,
    ) -> Result<Array, Error> {
        while self
            .arrays
            .last()
            .is_none_or(|last| number >= last.first + last.items)
        {
            self.follow(window, header)?;
        }
        let at = self
            .arrays
            .partition_point(|array| array.first + array.items <= number);
        self.arrays.get(at).copied().ok_or_else(|| no_entry(number))
    }

    /// Reads the next array of the chain.
    fn follow(&mut self, window: &mut FileWindow, header: &FileHeader) -> Result<(), Error> {
        if let Some(at) = self.arrays.len().checked_sub(1)
            && self.arrays.get(at).is_some_and(|last| last.next == 0)
        {
            let offset = self.arrays.get(at).map_or(0, |last| last.offset);
            let (next, _) = self.read_head(window, header, offset)?;
            self.head_of = Some(at);
            if let Some(last) = self.arrays.get_mut(at) {
                last.next = next;
            }
        }
        let (offset, first, floor) = match self.arrays.last() {
            None => (self.root, 0, header.header_size),
            Some(last) => (last.next, last.first + last.items, last.offset + 1),
        };
        if offset < floor || !offset.is_multiple_of(8) || self.arrays.len() >= ARRAYS_MAX {
            return Err(corrupt(
                "entry array offset",
                self.arrays.last().map_or(0, |last| last.offset + 16),
                "a multiple of 8 after the previous array",
                offset,
            ));
        }
        let (next, items) = self.read_head(window, header, offset)?;
        let rest = self.head.get(usize_of(layout::ENTRY_ARRAY_ITEMS)..);
        let mut reader = ByteReader::new(rest.unwrap_or_default(), offset);
        let least = array_item(&mut reader, header.compact()).ok();
        self.arrays.push(Array {
            offset,
            first,
            items,
            next,
            least: least.filter(|least| *least > 0),
        });
        self.head_of = self.arrays.len().checked_sub(1);
        Ok(())
    }

    /// Reads the beginning of the array at `offset` into `head`: the offset of the next array and the number of items.
    fn read_head(
        &mut self,
        window: &mut FileWindow,
        header: &FileHeader,
        offset: u64,
    ) -> Result<(u64, u64), Error> {
        self.head_of = None;
        self.head.resize(HEAD_BYTES, 0);
        let copied = window.read_at(offset, &mut self.head)?;
        self.head.truncate(copied);
        let (next, size) = array_sizes(&self.head, offset)?;
        let end = header.end(window.length());
        let items = size
            .checked_sub(layout::ENTRY_ARRAY_ITEMS)
            .filter(|bytes| *bytes > 0 && bytes.is_multiple_of(header.array_item()))
            .filter(|_| offset.checked_add(size).is_some_and(|last| last <= end))
            .map(|bytes| bytes / header.array_item())
            .ok_or_else(|| {
                corrupt(
                    "entry array size",
                    offset + 8,
                    "whole items within the file",
                    size,
                )
            })?;
        Ok((next, items))
    }
}

/// The offset of the next array and the size of the array that is at `offset`.
fn array_sizes(bytes: &[u8], offset: u64) -> Result<(u64, u64), Error> {
    let mut reader = ByteReader::new(bytes, offset);
    let kind = reader.u8("entry array type")?;
    reader.take(7, "entry array flags")?;
    let size = reader.u64("entry array size")?;
    let next = reader.u64("next entry array")?;
    if kind != object_type::ENTRY_ARRAY {
        return Err(corrupt(
            "object type",
            offset,
            "6 (entry array)",
            u64::from(kind),
        ));
    }
    Ok((next, size))
}

/// Reads the next item of an entry array.
fn array_item(reader: &mut ByteReader<'_>, compact: bool) -> Result<u64, Error> {
    Ok(if compact {
        u64::from(reader.u32("entry array item")?)
    } else {
        reader.u64("entry array item")?
    })
}

pub(crate) fn no_entry(number: u64) -> Error {
    corrupt("entry number", 0, "an entry that the arrays hold", number)
}

/// Converts a count that was bounded before, so that it fits.
fn usize_of(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
