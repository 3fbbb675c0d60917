//! The walk over all objects of a file: checks each object by itself, and the order of entries.

use super::span;
use crate::bytes::ByteReader;
use crate::journal::figures::Figures;
use crate::journal::file::data::DataHead;
use crate::journal::file::journal_file::EntryHead;
use crate::journal::file::journal_file::FileParts;
use crate::journal::file::window::FileWindow;
use crate::journal::format::cursor::Cursor;
use crate::journal::format::error::Error;
use crate::journal::format::hash;
use crate::journal::format::header::corrupt;
use crate::journal::format::layout;
use crate::journal::format::layout::object_type;

/// Tables and arrays are read in pieces of this size, a multiple of every item's size.
const PIECE_BYTES: u64 = 32 << 10;
/// Names are short; systemd allows 64 bytes.
const FIELD_SIZE_MAX: u64 = 4 << 10;
const TAG_SIZE: u64 = 64;

/// A DATA object, and which entries refer to it.
#[derive(Debug)]
pub(super) struct Data {
    pub(super) offset: u64,
    pub(super) hash: u64,
    pub(super) next_hash_offset: u64,
    pub(super) next_field_offset: u64,
    pub(super) entry_offset: u64,
    pub(super) entry_array_offset: u64,
    pub(super) n_entries: u64,
    /// Its lookup3 hash, whichever hash function the file uses.
    jenkins: u64,
    /// The file's hash of the field name.
    pub(super) name_hash: u64,
    pub(super) named_by: Mentions,
}

/// A set of entries as a count and a sum; two equal lists have the same.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mentions {
    pub(super) count: u64,
    sum: u64,
}

impl Mentions {
    /// Adds the entry at `offset`.
    pub(super) fn add(&mut self, offset: u64) {
        self.count += 1;
        self.sum = self.sum.wrapping_add(spread(offset));
    }

    /// Returns the set without the entry at `offset`.
    pub(super) fn without(mut self, offset: u64) -> Self {
        self.count = self.count.saturating_sub(1);
        self.sum = self.sum.wrapping_sub(spread(offset));
        self
    }
}

/// Mixes the bits, so that sums of different offsets differ.
fn spread(offset: u64) -> u64 {
    let mixed = offset.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ mixed.rotate_left(29).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

/// A FIELD object.
#[derive(Debug)]
pub(super) struct FieldObject {
    pub(super) offset: u64,
    pub(super) hash: u64,
    pub(super) next_hash_offset: u64,
    pub(super) head_data_offset: u64,
}

/// The objects found by the walk, each kind in the order of the file.
#[derive(Debug, Default)]
pub(super) struct VerifiedObjects {
    pub(super) data: Vec<Data>,
    pub(super) fields: Vec<FieldObject>,
    pub(super) entries: Vec<u64>,
    objects: u64,
    arrays: u64,
    tags: u64,
    epoch: u64,
    tables: [u64; 2],
    last: Option<Cursor>,
    items: Vec<(u64, u64)>,
    hashes: Vec<u64>,
}

impl VerifiedObjects {
    /// Walks from the header to the last object.
    pub(super) fn whole(
        parts: &mut FileParts<'_>,
        figures: &Figures,
        limit: usize,
    ) -> Result<Self, Error> {
        let mut walk = Self::default();
        let mut offset = figures.header_size;
        let mut last = 0;
        while offset <= figures.tail_object_offset {
            let size = walk.object(parts, figures, offset, limit)?;
            walk.objects += 1;
            last = offset;
            offset = offset.saturating_add(size.next_multiple_of(8));
        }
        if last != figures.tail_object_offset {
            let found = figures.tail_object_offset;
            return Err(corrupt("tail object offset", 136, "an object", found));
        }
        walk.check_counts(figures)?;
        walk.check_tail(figures)?;
        Ok(walk)
    }

    /// Checks the object at `offset` and returns its size.
    fn object(
        &mut self,
        parts: &mut FileParts<'_>,
        figures: &Figures,
        offset: u64,
        limit: usize,
    ) -> Result<u64, Error> {
        let (kind, flags, size) = object_header(parts.window, offset)?;
        let end = figures.header_size.saturating_add(figures.arena_size);
        let is_within = offset.checked_add(size).is_some_and(|last| last <= end);
        if size <= layout::OBJECT_SIZE || !is_within {
            let expected = "an object within the file";
            return Err(corrupt("object size", offset + 8, expected, size));
        }
        if flags != 0 && kind != object_type::DATA {
            return Err(corrupt("object flags", offset + 1, "0", u64::from(flags)));
        }
        match kind {
            object_type::DATA => self.data(parts, offset, limit)?,
            object_type::FIELD => self.field(parts, offset, size)?,
            object_type::ENTRY => self.entry(parts, figures, offset, size)?,
            object_type::DATA_HASH_TABLE | object_type::FIELD_HASH_TABLE => {
                self.table(parts, kind, offset, size)?;
            }
            object_type::ENTRY_ARRAY => self.array(parts, figures, offset, size)?,
            object_type::TAG => self.tag(parts, figures, offset, size)?,
            _ => return Err(corrupt("object type", offset, "1 to 7", u64::from(kind))),
        }
        Ok(size)
    }

    fn data(&mut self, parts: &mut FileParts<'_>, offset: u64, limit: usize) -> Result<(), Error> {
        let head = DataHead::read(parts.window, parts.header, offset)?;
        let allowed = match head.flags {
            0 => true,
            layout::OBJECT_XZ => has(parts, layout::INCOMPATIBLE_XZ),
            layout::OBJECT_LZ4 => has(parts, layout::INCOMPATIBLE_LZ4),
            _ => has(parts, layout::INCOMPATIBLE_ZSTD),
        };
        if !allowed {
            let expected = "a compression that the header names";
            let found = u64::from(head.flags);
            return Err(corrupt("data object flags", offset + 1, expected, found));
        }
        let keyed = has(parts, layout::INCOMPATIBLE_KEYED_HASH);
        let payload =
            head.whole_payload(parts.window, parts.header, offset, parts.inflater, limit)?;
        let found = parts.header.hash(payload);
        if found != head.hash {
            let expected = "the hash of the payload";
            return Err(corrupt("data hash", offset + 16, expected, head.hash));
        }
        let jenkins = if keyed { hash::jenkins(payload) } else { found };
        let name = payload.split(|byte| *byte == b'=').next();
        if (head.entry_offset == 0) != (head.n_entries == 0) {
            let expected = "a count that fits the first entry";
            let found = head.n_entries;
            return Err(corrupt("number of entries", offset + 56, expected, found));
        }
        self.data.push(Data {
            offset,
            hash: head.hash,
            next_hash_offset: head.next_hash_offset,
            next_field_offset: head.next_field_offset,
            entry_offset: head.entry_offset,
            entry_array_offset: head.entry_array_offset,
            n_entries: head.n_entries,
            jenkins,
            name_hash: parts.header.hash(name.unwrap_or_default()),
            named_by: Mentions::default(),
        });
        Ok(())
    }

    fn field(&mut self, parts: &mut FileParts<'_>, offset: u64, size: u64) -> Result<(), Error> {
        let length = usize::try_from(size)
            .ok()
            .filter(|_| size <= FIELD_SIZE_MAX);
        let length = length.filter(|length| *length > layout::FIELD_PAYLOAD);
        let length =
            length.ok_or_else(|| corrupt("field object size", offset + 8, "a name", size))?;
        let bytes = parts.window.sequential(offset, length, "field object")?;
        let mut reader = ByteReader::new(bytes, offset);
        reader.take(16, "object header")?;
        let field = FieldObject {
            offset,
            hash: reader.u64("field hash")?,
            next_hash_offset: reader.u64("next field of a hash")?,
            head_data_offset: reader.u64("first data object of a field")?,
        };
        if parts.header.hash(reader.rest()) != field.hash {
            let expected = "the hash of the name";
            return Err(corrupt("field hash", offset + 16, expected, field.hash));
        }
        self.fields.push(field);
        Ok(())
    }

    fn entry(
        &mut self,
        parts: &mut FileParts<'_>,
        figures: &Figures,
        offset: u64,
        size: u64,
    ) -> Result<(), Error> {
        let bytes = parts
            .window
            .sequential(offset, layout::ENTRY_ITEMS, "entry")?;
        let cursor = EntryHead::parse(bytes, offset, parts.header)?.cursor;
        self.check_order(&cursor, figures, offset)?;
        self.read_items(parts, offset, size)?;
        self.hashes.clear();
        for (item, item_hash) in &self.items {
            let found = self.data.binary_search_by_key(item, |data| data.offset);
            let data = found.ok().and_then(|index| self.data.get_mut(index));
            let expected = "a data object before the entry";
            let data = data.ok_or_else(|| corrupt("entry item", offset, expected, *item))?;
            if !parts.header.compact() && *item_hash != data.hash {
                let expected = "the hash of the data object";
                return Err(corrupt(
                    "hash of an entry item",
                    offset,
                    expected,
                    *item_hash,
                ));
            }
            data.named_by.add(offset);
            self.hashes.push(data.jenkins);
        }
        if !span::makes(&self.hashes, cursor.xor_hash) {
            let expected = "the combined hashes of the fields";
            let found = cursor.xor_hash;
            return Err(corrupt("entry xor hash", offset + 56, expected, found));
        }
        self.entries.push(offset);
        self.last = Some(cursor);
        Ok(())
    }

    /// Checks that sequence numbers ascend, and that times ascend within a boot.
    fn check_order(&self, cursor: &Cursor, figures: &Figures, offset: u64) -> Result<(), Error> {
        let Some(last) = &self.last else {
            if cursor.seqnum != figures.head_entry_seqnum {
                let found = figures.head_entry_seqnum;
                return Err(corrupt("head entry seqnum", 168, FIRST, found));
            }
            if cursor.realtime != figures.head_entry_realtime {
                let found = figures.head_entry_realtime;
                return Err(corrupt("head entry realtime", 184, FIRST, found));
            }
            return Ok(());
        };
        if cursor.seqnum <= last.seqnum {
            let expected = "a number above that of the previous entry";
            return Err(corrupt(
                "entry seqnum",
                offset + 16,
                expected,
                cursor.seqnum,
            ));
        }
        if cursor.boot_id == last.boot_id && cursor.monotonic < last.monotonic {
            let expected = "a time not before that of the previous entry";
            let found = cursor.monotonic;
            return Err(corrupt("entry monotonic", offset + 32, expected, found));
        }
        Ok(())
    }

    fn read_items(
        &mut self,
        parts: &mut FileParts<'_>,
        offset: u64,
        size: u64,
    ) -> Result<(), Error> {
        self.items.clear();
        let length = usize::try_from(size).unwrap_or(usize::MAX);
        let bytes = parts.window.sequential(offset, length, "entry items")?;
        let mut reader = ByteReader::new(bytes, offset);
        reader.take(layout::ENTRY_ITEMS, "entry")?;
        while !reader.is_empty() {
            let item = if parts.header.compact() {
                (u64::from(reader.u32("entry item")?), 0)
            } else {
                (reader.u64("entry item")?, reader.u64("entry item")?)
            };
            self.items.push(item);
        }
        Ok(())
    }

    fn table(
        &mut self,
        parts: &mut FileParts<'_>,
        kind: u8,
        offset: u64,
        size: u64,
    ) -> Result<(), Error> {
        let header = parts.header;
        let data_table = (header.data_hash_table_offset, header.data_hash_table_size);
        let field_table = (header.field_hash_table_offset, header.field_hash_table_size);
        let (wanted, seen) = if kind == object_type::DATA_HASH_TABLE {
            (data_table, self.tables.first_mut())
        } else {
            (field_table, self.tables.last_mut())
        };
        let found = (
            offset + layout::OBJECT_SIZE,
            size.saturating_sub(layout::OBJECT_SIZE),
        );
        if found != wanted {
            let expected = "the table that the header names";
            return Err(corrupt("hash table", offset, expected, found.1));
        }
        if let Some(seen) = seen {
            *seen += 1;
        }
        Ok(())
    }

    fn array(
        &mut self,
        parts: &mut FileParts<'_>,
        figures: &Figures,
        offset: u64,
        size: u64,
    ) -> Result<(), Error> {
        let width = parts.header.array_item();
        let items = size.saturating_sub(layout::ENTRY_ARRAY_ITEMS);
        if items == 0 || !items.is_multiple_of(width) {
            return Err(corrupt("entry array size", offset + 8, "whole items", size));
        }
        let mut next = 0;
        each_number(parts.window, offset + 16, 8, 8, |_, number| {
            next = number;
            Ok(())
        })?;
        if next != 0 && (next <= offset || next > figures.tail_object_offset) {
            let expected = "an array after this one";
            return Err(corrupt("next entry array", offset + 16, expected, next));
        }
        let (mut before, mut ended) = (0, false);
        let start = offset + layout::ENTRY_ARRAY_ITEMS;
        each_number(parts.window, start, items, width, |at, item| {
            let is_right = match item {
                0 => true,
                _ => !ended && item > before && item.is_multiple_of(8),
            };
            if !is_right {
                let expected = "entries in ascending order, zeros at the end";
                return Err(corrupt("entry array item", at, expected, item));
            }
            ended = item == 0;
            before = item.max(before);
            Ok(())
        })?;
        self.arrays += 1;
        Ok(())
    }

    fn tag(
        &mut self,
        parts: &mut FileParts<'_>,
        figures: &Figures,
        offset: u64,
        size: u64,
    ) -> Result<(), Error> {
        if figures.compatible_flags & layout::COMPATIBLE_SEALED == 0 {
            return Err(corrupt("object type", offset, "no seal in this file", 7));
        }
        if size != TAG_SIZE {
            return Err(corrupt("tag object size", offset + 8, "64", size));
        }
        let mut numbers = [0; 2];
        let mut places = numbers.iter_mut();
        each_number(parts.window, offset + 16, 16, 8, |_, number| {
            places.next().into_iter().for_each(|place| *place = number);
            Ok(())
        })?;
        let [seqnum, epoch] = numbers;
        self.tags += 1;
        if seqnum != self.tags {
            let expected = "the number after that of the previous seal";
            return Err(corrupt("tag seqnum", offset + 16, expected, seqnum));
        }
        if epoch < self.epoch {
            let expected = "not before the previous seal";
            return Err(corrupt("tag epoch", offset + 24, expected, epoch));
        }
        self.epoch = epoch;
        Ok(())
    }

    fn check_counts(&self, figures: &Figures) -> Result<(), Error> {
        let [data_tables, field_tables] = self.tables;
        let counts = [
            (
                "number of objects",
                144,
                Some(figures.n_objects),
                self.objects,
            ),
            (
                "number of entries",
                152,
                Some(figures.n_entries),
                count(&self.entries),
            ),
            (
                "number of data objects",
                208,
                figures.n_data,
                count(&self.data),
            ),
            (
                "number of field objects",
                216,
                figures.n_fields,
                count(&self.fields),
            ),
            ("number of tags", 224, figures.n_tags, self.tags),
            (
                "number of entry arrays",
                232,
                figures.n_entry_arrays,
                self.arrays,
            ),
            ("data hash table offset", 104, Some(1), data_tables),
            ("field hash table offset", 120, Some(1), field_tables),
        ];
        for (what, offset, stated, found) in counts {
            if stated.is_some_and(|stated| stated != found) {
                return Err(corrupt(what, offset, "as many as there are", found));
            }
        }
        Ok(())
    }

    /// Checks the header's figures of the last entry.
    fn check_tail(&self, figures: &Figures) -> Result<(), Error> {
        let Some(last) = &self.last else {
            return Ok(());
        };
        let names_boot = figures.compatible_flags & layout::COMPATIBLE_TAIL_ENTRY_BOOT_ID != 0;
        let is_boot = last.boot_id == figures.boot_id;
        let tails = [
            (
                "tail entry seqnum",
                160,
                figures.tail_entry_seqnum,
                last.seqnum,
                true,
            ),
            (
                "tail entry realtime",
                192,
                figures.tail_entry_realtime,
                last.realtime,
                true,
            ),
            ("tail entry boot id", 56, u64::from(is_boot), 1, names_boot),
            (
                "tail entry monotonic",
                200,
                figures.tail_entry_monotonic,
                last.monotonic,
                names_boot,
            ),
        ];
        for (what, offset, stated, found, counts) in tails {
            if counts && stated != found {
                return Err(corrupt(what, offset, "that of the last entry", stated));
            }
        }
        Ok(())
    }
}

/// What the header's figures of the first entry have to be.
const FIRST: &str = "that of the first entry";

fn count<T>(list: &[T]) -> u64 {
    list.len() as u64
}

fn has(parts: &FileParts<'_>, flag: u32) -> bool {
    parts.header.incompatible_flags & flag != 0
}

/// Reads the type, flags and size of the object at `offset`.
fn object_header(window: &mut FileWindow, offset: u64) -> Result<(u8, u8, u64), Error> {
    let bytes = window.sequential(offset, 16, "object header")?;
    let mut reader = ByteReader::new(bytes, offset);
    let kind = reader.u8("object type")?;
    let flags = reader.u8("object flags")?;
    reader.take(6, "reserved bytes")?;
    Ok((kind, flags, reader.u64("object size")?))
}

/// Calls `each` with every number of `width` bytes in a part of the file, and its offset.
pub(super) fn each_number(
    window: &mut FileWindow,
    start: u64,
    length: u64,
    width: u64,
    mut each: impl FnMut(u64, u64) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut at = start;
    let end = start.saturating_add(length);
    while at < end {
        let piece = usize::try_from((end - at).min(PIECE_BYTES)).unwrap_or(0);
        let mut reader = ByteReader::new(window.sequential(at, piece, "numbers")?, at);
        while !reader.is_empty() {
            let place = reader.offset();
            let number = if width == 4 {
                u64::from(reader.u32("number")?)
            } else {
                reader.u64("number")?
            };
            each(place, number)?;
        }
        at += piece as u64;
    }
    Ok(())
}
