//! The fields of an entry, and a cache of the fields that many entries share.
//!
//! Most items of an entry are DATA objects that earlier entries used as well. A file's cache keeps those by offset; a
//! field that only one entry uses is copied to the scratch memory of that entry. Long fields are copied there as well
//! and kept for the next entry, so that a run of entries that share one long field decompresses it once.

use super::payload::Extent;
use crate::journal::format::id::Id128;

/// Fields longer than this are not kept between entries.
pub(crate) const CACHED_FIELD_MAX: usize = 4 << 10;
/// The cache of one file is emptied when its fields take more than this: 22 fields of 100 bytes take 2 KiB, so that
/// this holds the shared fields of hundreds of units.
const CACHE_BYTES_MAX: usize = 1 << 20;
/// Slots in the table of a new cache: two pages, because most files are small.
const CACHE_SLOTS_MIN: usize = 1 << 9;
/// Maximum number of slots in the table of a cache; it is emptied when half of them are used.
const CACHE_SLOTS_MAX: usize = 1 << 15;
/// Scratch memory above this size is freed after the entry that needed it.
const SCRATCH_BYTES_KEPT: usize = 1 << 20;
/// Flag in the name length of a field that is not wanted. Names of cached fields are shorter.
const UNWANTED: u16 = 1 << 15;

/// Where a field's bytes are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FieldSpan {
    start: u32,
    length: u32,
    name: u32,
    cached: bool,
}

/// A slot of a cache's table. It is small because the tables of files that are read side by side share the
/// processor's cache.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Slot {
    /// The offset of the object divided by 8; zero in a free slot.
    key: u32,
    start: u32,
    length: u16,
    /// The length of the name, with the flag [`UNWANTED`].
    name: u16,
}

impl Slot {
    /// Whether the field is wanted.
    pub(crate) fn wanted(&self) -> bool {
        self.name & UNWANTED == 0
    }

    /// Where the field's bytes are.
    pub(crate) fn place(&self) -> FieldSpan {
        FieldSpan {
            start: self.start,
            length: u32::from(self.length),
            name: u32::from(self.name & !UNWANTED),
            cached: true,
        }
    }
}

/// The fields of one file's DATA objects, by offset.
#[derive(Debug, Default)]
pub(crate) struct DataCache {
    table: Vec<Slot>,
    used: usize,
    /// The highest key in the cache. A key above it needs no lookup, which saves one for each field that only one
    /// entry has.
    highest: u32,
    bytes: Vec<u8>,
}

impl DataCache {
    /// Finds the field of the object at `offset`. Offsets of zero or not divisible by 8 are never in the cache.
    pub(crate) fn find(&self, offset: u64) -> Option<&Slot> {
        let key = number(offset);
        if key.wrapping_sub(1) >= u64::from(self.highest) {
            return None;
        }
        let mask = self.table.len().wrapping_sub(1);
        let mut at = hash(key) & mask;
        loop {
            let slot = self.table.get(at)?;
            if u64::from(slot.key) == key {
                return Some(slot);
            }
            if slot.key == 0 {
                return None;
            }
            at = (at + 1) & mask;
        }
    }

    /// The field in a slot.
    pub(crate) fn field(&self, slot: &Slot) -> &[u8] {
        let bytes = self.bytes.get(slot.start as usize..);
        bytes
            .and_then(|bytes| bytes.get(..usize::from(slot.length)))
            .unwrap_or_default()
    }

    /// Whether the cache should be emptied before the next entry.
    pub(crate) fn full(&self) -> bool {
        self.bytes.len() >= CACHE_BYTES_MAX || self.used >= CACHE_SLOTS_MAX / 2
    }

    /// Memory in use, in bytes.
    pub(crate) fn memory(&self) -> usize {
        self.bytes.capacity() + self.table.capacity() * size_of::<Slot>()
    }

    /// Empties the cache.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Adds a field whose name has `name` bytes. A table that cannot grow accepts nothing more once it is three
    /// quarters full.
    pub(crate) fn keep(
        &mut self,
        offset: u64,
        field: &[u8],
        name: usize,
        wanted: bool,
    ) -> Option<FieldSpan> {
        let name = u16::try_from(name).ok().filter(|name| *name < UNWANTED)?;
        let slot = Slot {
            key: key_of(offset)?,
            start: u32::try_from(self.bytes.len()).ok()?,
            length: u16::try_from(field.len()).ok()?,
            name: if wanted { name } else { name | UNWANTED },
        };
        if self.used >= self.table.len() / 2 && self.table.len() < CACHE_SLOTS_MAX {
            self.grow();
        }
        if self.used >= self.table.len() / 4 * 3 {
            return None;
        }
        self.bytes.extend_from_slice(field);
        self.highest = self.highest.max(slot.key);
        self.insert(slot);
        Some(slot.place())
    }

    fn grow(&mut self) {
        let length = (self.table.len() * 2).max(CACHE_SLOTS_MIN);
        let old = std::mem::replace(&mut self.table, vec![Slot::default(); length]);
        self.used = 0;
        for slot in old.into_iter().filter(|slot| slot.key != 0) {
            self.insert(slot);
        }
    }

    fn insert(&mut self, slot: Slot) {
        let Some(mask) = self.table.len().checked_sub(1) else {
            return;
        };
        let mut at = hash(u64::from(slot.key)) & mask;
        while let Some(place) = self.table.get_mut(at) {
            if place.key == 0 {
                *place = slot;
                self.used += 1;
                return;
            }
            at = (at + 1) & mask;
        }
    }
}

/// The number of the object at `offset`. Objects have offsets divisible by 8; any other offset becomes a number above
/// all keys.
fn number(offset: u64) -> u64 {
    offset.rotate_right(3)
}

/// The key of an object. Objects beyond 32 GiB have none and are not cached.
fn key_of(offset: u64) -> Option<u32> {
    u32::try_from(number(offset)).ok().filter(|key| *key != 0)
}

/// Spreads keys over the table by multiplication with the golden ratio.
fn hash(key: u64) -> usize {
    (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48) as usize
}

fn push(bytes: &mut Vec<u8>, field: &[u8], name: usize) -> Option<FieldSpan> {
    let start = u32::try_from(bytes.len()).ok()?;
    let length = u32::try_from(field.len()).ok()?;
    start.checked_add(length)?;
    bytes.extend_from_slice(field);
    Some(FieldSpan {
        start,
        length,
        name: u32::try_from(name).ok()?,
        cached: false,
    })
}

/// Which file a buffer was filled from: device and inode, and the id in its header.
pub(crate) type FileKey = ((u64, u64), Id128);

/// The fields of the last entry that was read.
#[derive(Debug, Default)]
pub(crate) struct EntryBuffer {
    pub(crate) items: Vec<u64>,
    places: Vec<FieldSpan>,
    scratch: Vec<u8>,
    /// The long fields in `scratch`, by offset: the next entry may share them.
    long: Vec<Long>,
    file: Option<FileKey>,
    cut: Vec<CutField>,
}

/// A field too long for the cache.
#[derive(Debug)]
struct Long {
    offset: u64,
    place: FieldSpan,
    cut: Option<CutField>,
}

/// A field that was cut to its beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CutField {
    /// The name of the field.
    pub name: Vec<u8>,
    /// How many bytes of the value were kept.
    pub kept: usize,
    /// The length of the whole value, if the file states it.
    pub length: Option<u64>,
}

impl EntryBuffer {
    /// Removes all fields but keeps the bytes of long ones for [`keep_long`](Self::keep_long).
    pub(crate) fn clear(&mut self) {
        self.items.clear();
        self.places.clear();
        self.cut.clear();
    }

    /// Keeps those long fields of the previous entry that `items` names, and frees the memory of the others.
    pub(crate) fn keep_long(&mut self, file: FileKey) {
        if self.file != Some(file) {
            self.file = Some(file);
            self.long.clear();
        }
        let mut length = 0_usize;
        if !self.long.is_empty() {
            let mut items = self.items.clone();
            items.sort_unstable();
            self.long
                .retain(|long| items.binary_search(&long.offset).is_ok());
            // In the order of their bytes, because they are moved to the front.
            self.long.sort_unstable_by_key(|long| long.place.start);
            for long in &mut self.long {
                let start = long.place.start as usize;
                let bytes = start..start + long.place.length as usize;
                if bytes.end <= self.scratch.len() {
                    long.place.start = u32::try_from(length).unwrap_or(u32::MAX);
                    length += bytes.len();
                    self.scratch
                        .copy_within(bytes, length - long.place.length as usize);
                }
            }
            self.long.sort_unstable_by_key(|long| long.offset);
        }
        self.scratch.truncate(length);
        self.scratch.shrink_to(SCRATCH_BYTES_KEPT);
    }

    /// Adds the field of the object at `offset` if it is one of the long fields kept from the previous entry.
    pub(crate) fn add_long(&mut self, offset: u64) -> bool {
        let Ok(at) = self.long.binary_search_by_key(&offset, |long| long.offset) else {
            return false;
        };
        let Some(long) = self.long.get(at) else {
            return false;
        };
        self.places.push(long.place);
        self.cut.extend(long.cut.clone());
        true
    }

    /// Size of the fields that only this entry has, in bytes.
    pub(crate) fn scratch_bytes(&self) -> usize {
        self.scratch.len()
    }

    /// Adds a field that is in the file's cache.
    pub(crate) fn add(&mut self, place: FieldSpan) {
        self.places.push(place);
    }

    /// Adds a field of the object at `offset` whose name has `name` bytes. Returns `false` if it does not fit.
    pub(crate) fn add_own(&mut self, offset: u64, field: &[u8], name: usize) -> bool {
        self.push(offset, field, name, None).is_some()
    }

    /// Adds the beginning of a field and records that the rest was cut.
    pub(crate) fn add_cut(
        &mut self,
        offset: u64,
        field: &[u8],
        name: usize,
        extent: Extent,
    ) -> Option<()> {
        let value_at = name + 1;
        let length = match extent {
            Extent::Whole => Some(field.len() as u64),
            Extent::Cut(length) => length,
        };
        let cut = CutField {
            name: field.get(..name)?.to_vec(),
            kept: field.len().checked_sub(value_at)?,
            length: length.map(|length| length.saturating_sub(value_at as u64)),
        };
        self.push(offset, field, name, Some(cut))
    }

    fn push(
        &mut self,
        offset: u64,
        field: &[u8],
        name: usize,
        cut: Option<CutField>,
    ) -> Option<()> {
        let place = push(&mut self.scratch, field, name)?;
        self.places.push(place);
        self.cut.extend(cut.clone());
        if field.len() > CACHED_FIELD_MAX || cut.is_some() {
            let at = self.long.partition_point(|long| long.offset < offset);
            self.long.insert(at, Long { offset, place, cut });
        }
        Some(())
    }

    /// The fields that were cut.
    pub(crate) fn cut(&self) -> &[CutField] {
        &self.cut
    }

    /// Names and values, in the order of the file.
    pub(crate) fn fields<'a>(&'a self, cache: &'a DataCache) -> EntryFields<'a> {
        EntryFields {
            places: self.places.iter(),
            cached: &cache.bytes,
            own: &self.scratch,
        }
    }
}

/// The fields of an entry as names and values; a repeated name occurs as often as in the file.
#[derive(Debug, Clone)]
pub struct EntryFields<'a> {
    places: std::slice::Iter<'a, FieldSpan>,
    cached: &'a [u8],
    own: &'a [u8],
}

impl<'a> Iterator for EntryFields<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let place = self.places.next()?;
        let from = if place.cached { self.cached } else { self.own };
        let field = from
            .get(place.start as usize..)
            .and_then(|rest| rest.get(..place.length as usize))
            .unwrap_or_default();
        let (name, value) = field
            .split_at_checked(place.name as usize)
            .unwrap_or_default();
        Some((name, value.get(1..).unwrap_or_default()))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.places.size_hint()
    }
}

impl ExactSizeIterator for EntryFields<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_gives_back_what_it_keeps() {
        let mut cache = DataCache::default();
        let mut buffer = EntryBuffer::default();
        assert!(cache.find(8).is_none());
        let mut kept = 0;
        for number in 1..30_000_u64 {
            let field = format!("NAME={number}");
            if let Some(place) = cache.keep(number * 8, field.as_bytes(), 4, true) {
                kept += 1;
                assert_eq!(kept, number);
                buffer.add(place);
            }
        }
        assert_eq!(kept, CACHE_SLOTS_MAX as u64 / 4 * 3);
        assert!(cache.full());
        assert!(cache.find(kept * 8).is_some());
        assert!(cache.find(kept * 8 + 8).is_none());
        let last = buffer.fields(&cache).last().unwrap();
        assert_eq!(last, (&b"NAME"[..], kept.to_string().as_bytes()));
        cache.clear();
        assert!(cache.find(8).is_none());
    }

    #[test]
    fn fields_come_in_order_from_both_memories() {
        let mut cache = DataCache::default();
        let mut buffer = EntryBuffer::default();
        assert!(buffer.add_own(8, b"A=1", 1));
        buffer.add(cache.keep(64, b"B=", 1, true).unwrap());
        cache.keep(72, b"C=", 1, false).unwrap();
        assert!(cache.find(64).unwrap().wanted());
        assert!(!cache.find(72).unwrap().wanted());
        for wrong in [0, 65, 68, 80, 64 | 1 << 35, 64 | 1 << 63] {
            assert!(cache.find(wrong).is_none(), "{wrong}");
        }
        assert!(buffer.add_own(16, b"A==", 1));
        let fields: Vec<_> = buffer.fields(&cache).collect();
        assert_eq!(fields, [(&b"A"[..], &b"1"[..]), (b"B", b""), (b"A", b"=")]);
        assert_eq!(buffer.scratch_bytes(), 6);
    }

    #[test]
    fn long_fields_stay_for_the_next_entry_of_the_same_file() {
        let field = |byte: u8| [b"A=".as_slice(), &vec![byte; CACHED_FIELD_MAX]].concat();
        let file = ((1, 1), Id128::NULL);
        let cache = DataCache::default();
        let mut buffer = EntryBuffer::default();
        buffer.keep_long(file);
        for (offset, byte) in [(80, b'b'), (64, b'a'), (96, b'c')] {
            assert!(buffer.add_own(offset, &field(byte), 1));
        }
        let extent = Extent::Cut(Some(1_002));
        buffer.add_cut(104, b"D=12", 1, extent).unwrap();
        buffer.clear();
        buffer.items = vec![104, 96, 72, 80];
        buffer.keep_long(file);
        assert_eq!(buffer.scratch_bytes(), 2 * field(b'b').len() + 4);
        assert!(!buffer.add_long(64) && !buffer.add_long(72));
        assert!(buffer.add_long(80) && buffer.add_long(96) && buffer.add_long(104));
        let values: Vec<_> = buffer.fields(&cache).map(|(_, value)| value[0]).collect();
        assert_eq!(values, *b"bc1");
        let cut = CutField {
            name: b"D".to_vec(),
            kept: 2,
            length: Some(1_000),
        };
        assert_eq!(buffer.cut(), [cut]);
        buffer.clear();
        buffer.keep_long(((1, 2), Id128::NULL));
        assert!(!buffer.add_long(80));
        assert!(buffer.cut().is_empty());
    }
}
