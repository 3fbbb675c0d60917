//! One journal file: its header, its entries by index, and the fields of an entry.

use super::cache::CACHED_FIELD_MAX;
use super::cache::DataCache;
use super::cache::EntryBuffer;
use super::data::DataHead;
use super::data::Payload;
use super::data::Plain;
use super::data::fixed;
use super::data::object_size;
use super::held::HeldResources;
use super::index::EntryIndex;
use super::payload::Extent;
use super::payload::Inflater;
use super::window::FileWindow;
use crate::bytes::ByteReader;
use crate::journal::format::cursor::Cursor;
use crate::journal::format::error::Error;
use crate::journal::format::header::FileHeader;
use crate::journal::format::header::corrupt;
use crate::journal::format::id::Id128;
use crate::journal::format::layout;
use crate::journal::format::layout::ENTRY_BYTES_MAX;
use crate::journal::format::layout::object_type;
use std::ops::ControlFlow;
use std::path::Path;

/// Selects fields by their name; `None` selects all.
pub type FieldChoice = Option<fn(&[u8]) -> bool>;

/// Maximum number of problems from one step; more problems of the same file would add nothing.
pub(crate) const PROBLEMS_MAX: usize = 1_000;

/// An open journal file.
#[derive(Debug)]
pub(crate) struct JournalFile {
    window: FileWindow,
    header: FileHeader,
    index: EntryIndex,
    cache: DataCache,
    fields: FieldChoice,
}

impl JournalFile {
    /// Opens the file at `path`; `fields` selects the fields of its entries.
    pub(crate) fn open(
        path: &Path,
        held: &HeldResources,
        fields: FieldChoice,
    ) -> Result<Self, Error> {
        let mut window = FileWindow::open(path, held)?;
        let mut header = read_header(&mut window)?;
        if header.online() {
            header.tail_object_offset = read_header(&mut window)?.tail_object_offset;
        }
        Ok(Self {
            window,
            header,
            index: EntryIndex::default(),
            cache: DataCache::default(),
            fields,
        })
    }

    pub(crate) fn header(&self) -> &FileHeader {
        &self.header
    }

    /// Device and inode of the file.
    pub(crate) fn inode(&self) -> (u64, u64) {
        self.window.inode()
    }

    /// Reads the current bytes of the header, as far as this reader knows them and the file has them.
    pub(crate) fn raw_header(&mut self) -> Result<Vec<u8>, Error> {
        let mut raw = vec![0; layout::HEADER_SIZE_KNOWN];
        let copied = self.window.read_at(0, &mut raw)?;
        raw.truncate(copied);
        Ok(raw)
    }

    /// Sets the path after the file was renamed.
    pub(crate) fn set_path(&mut self, path: &Path) {
        self.window.set_path(path);
    }

    /// Whether the file is open.
    pub(crate) fn is_open(&self) -> bool {
        self.window.is_open()
    }

    /// Whether the file still has a name, as far as that can be determined.
    pub(crate) fn is_linked(&self) -> bool {
        self.window.is_linked()
    }

    /// Closes the file until it is read again.
    pub(crate) fn close(&mut self) {
        self.release();
        self.window.close();
    }

    /// Checks whether entries were added.
    pub(crate) fn refresh(&mut self) -> Result<bool, Error> {
        let mut header = read_header(&mut self.window)?;
        if header.file_id != self.header.file_id {
            return Err(Error::Gone);
        }
        let grown = header.n_entries != self.header.n_entries
            || header.tail_object_offset != self.header.tail_object_offset;
        if grown {
            // The end of a copied header may be newer than its beginning, and the offset of the last object is stored
            // before the count of entries.
            header.tail_object_offset = read_header(&mut self.window)?.tail_object_offset;
        }
        self.header = header;
        if grown {
            self.window.invalidate();
            self.index.grow(&mut self.window, &self.header);
        }
        Ok(grown)
    }

    /// Number of entries.
    pub(crate) fn length(&self) -> u64 {
        self.index.length(&self.header)
    }

    /// Whether entries are found by walking over the objects.
    pub(crate) fn walked(&self) -> bool {
        self.index.walked()
    }

    /// Switches to walking over the objects; see [`EntryIndex::give_up`].
    pub(crate) fn give_up_index(&mut self) -> Option<(u64, u64)> {
        self.index.give_up(&mut self.window, &self.header)
    }

    /// Memory whose content can be read again, in bytes.
    pub(crate) fn memory(&self) -> usize {
        self.window.memory() + self.index.memory() + self.cache.memory()
    }

    /// Frees memory whose content can be read again.
    pub(crate) fn release(&mut self) {
        self.window.release();
        self.index.release();
        self.cache = DataCache::default();
    }

    /// The offset of the entry at index `number`.
    pub(crate) fn entry_offset(&mut self, number: u64) -> Result<u64, Error> {
        self.index.offset(&mut self.window, &self.header, number)
    }

    /// The fixed part of the entry at index `number`.
    pub(crate) fn entry(&mut self, number: u64) -> Result<EntryHead, Error> {
        self.checked_once(|file| {
            let offset = file.entry_offset(number)?;
            file.entry_at(offset)
        })
    }

    /// Reads several places of the file and then checks once whether it still has a name. What fails is tried again with a check after
    /// each: the known length of the file may be too old.
    pub(crate) fn checked_once<T>(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let deferred = self.window.defer();
        let result = read(self);
        self.window.settle(deferred)?;
        match result {
            Err(_) if !deferred => read(self),
            result => result,
        }
    }

    /// The fixed part of the entry at `offset`.
    pub(crate) fn entry_at(&mut self, offset: u64) -> Result<EntryHead, Error> {
        let bytes = self
            .window
            .sequential(offset, layout::ENTRY_ITEMS, "entry")?;
        EntryHead::parse(bytes, offset, &self.header)
    }

    /// Reads the wanted fields of an entry, or all, into `buffer`. Damaged fields are added to `problems`; the other
    /// fields of the entry are complete.
    pub(crate) fn load(
        &mut self,
        entry: &EntryHead,
        buffer: &mut EntryBuffer,
        limits: &mut LoadLimits<'_>,
    ) -> Result<(), Error> {
        buffer.clear();
        if self.cache.full() {
            self.cache.clear();
        }
        let read = self.read_items(entry, &mut buffer.items);
        buffer.keep_long((self.window.inode(), self.header.file_id));
        read?;
        let items = std::mem::take(&mut buffer.items);
        for item in &items {
            match self.cache.find(*item) {
                Some(slot) if slot.wanted() || limits.whole => buffer.add(slot.place()),
                Some(_) => {}
                None if buffer.add_long(*item) => {}
                None => self.load_new(*item, buffer, limits)?,
            }
        }
        buffer.items = items;
        Ok(())
    }

    /// Reads the field of an item that is not in the cache. Damage is reported and the field skipped.
    fn load_new(
        &mut self,
        item: u64,
        buffer: &mut EntryBuffer,
        limits: &mut LoadLimits<'_>,
    ) -> Result<(), Error> {
        match self.load_data(item, buffer, limits) {
            Err(error @ (Error::Gone | Error::Io { .. })) => Err(error),
            Err(error) => {
                if limits.problems.len() < PROBLEMS_MAX {
                    limits.problems.push(error);
                }
                Ok(())
            }
            read => read,
        }
    }

    /// Calls `each` with every field of an entry that has at most `limit` bytes, until `each` breaks. Damaged fields
    /// are skipped.
    pub(crate) fn each_field(
        &mut self,
        entry: &EntryHead,
        limit: usize,
        inflater: &mut Inflater,
        mut each: impl FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let mut items = Vec::new();
        self.read_items(entry, &mut items)?;
        for item in items {
            if let Some(slot) = self.cache.find(item) {
                if each(self.cache.field(slot)).is_break() {
                    break;
                }
                continue;
            }
            let head = DataHead::read(&mut self.window, &self.header, item);
            let read = head.and_then(|head| {
                head.payload(&mut self.window, &self.header, item, inflater, limit)
            });
            match read {
                Ok(payload) if payload.extent == Extent::Whole => {
                    if each(payload.bytes).is_break() {
                        break;
                    }
                }
                Err(error @ (Error::Gone | Error::Io { .. })) => return Err(error),
                Ok(_) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// The parts of the file that lookups by hash need.
    pub(crate) fn parts<'a>(&'a mut self, inflater: &'a mut Inflater) -> FileParts<'a> {
        FileParts {
            window: &mut self.window,
            header: &self.header,
            inflater,
        }
    }

    /// Number of entries before `offset`.
    pub(crate) fn count_before(&mut self, offset: u64) -> u64 {
        self.index
            .count_before(&mut self.window, &self.header, offset)
    }

    /// Discards the copied bytes of the file, because its writer may have written more since.
    pub(crate) fn forget_copies(&mut self) {
        self.window.invalidate();
        self.index.release();
    }

    /// The cache with the fields that [`load`](Self::load) read last.
    pub(crate) fn cache(&self) -> &DataCache {
        &self.cache
    }

    fn read_items(&mut self, entry: &EntryHead, items: &mut Vec<u64>) -> Result<(), Error> {
        let compact = self.header.compact();
        let size = usize::try_from(entry.size).unwrap_or(usize::MAX);
        let bytes = self.window.sequential(entry.offset, size, "entry items")?;
        let list = bytes.get(layout::ENTRY_ITEMS..).unwrap_or_default();
        if compact {
            let (list, _) = list.as_chunks::<4>();
            items.extend(list.iter().map(|item| u64::from(u32::from_le_bytes(*item))));
        } else {
            let (list, _) = list.as_chunks::<16>();
            items.extend(list.iter().filter_map(|item| {
                let (offset, _hash) = item.split_first_chunk::<8>()?;
                Some(u64::from_le_bytes(*offset))
            }));
        }
        Ok(())
    }

    fn load_data(
        &mut self,
        offset: u64,
        buffer: &mut EntryBuffer,
        limits: &mut LoadLimits<'_>,
    ) -> Result<(), Error> {
        let left = limits.left(buffer);
        let (cut_to, over) = (limits.cut_to(buffer), limits.over(offset));
        let plain = Plain::find(&self.window, &self.header, offset, left);
        let (field, n_entries, extent) = if let Some(plain) = plain {
            (plain.field, plain.n_entries, Extent::Whole)
        } else {
            let wants = self.fields.filter(|_| !limits.whole);
            let parts = FileParts {
                window: &mut self.window,
                header: &self.header,
                inflater: &mut *limits.inflater,
            };
            let Some((payload, head)) = chosen_payload(parts, offset, left, wants)? else {
                return Ok(());
            };
            (payload.bytes, head.n_entries, payload.extent)
        };
        let name = name_length(field, offset)?;
        let wanted = self
            .fields
            .is_none_or(|wants| field.get(..name).is_some_and(wants));
        let is_read = wanted || limits.whole;
        if extent != Extent::Whole && is_read {
            let kept = field.get(..cut_to).unwrap_or(field);
            // Reported as a problem whether a part of the field was kept or nothing.
            buffer.add_cut(offset, kept, name, extent);
            return Err(over);
        }
        if n_entries > 1
            && field.len() <= CACHED_FIELD_MAX
            && let Some(place) = self.cache.keep(offset, field, name, wanted)
        {
            if is_read {
                buffer.add(place);
            }
        } else if is_read && !buffer.add_own(offset, field, name) {
            return Err(over);
        }
        Ok(())
    }
}

/// The field of the object at `offset`, cut to `limit` bytes. `None` if it is long and `wants` does not select its
/// name.
fn chosen_payload(
    parts: FileParts<'_>,
    offset: u64,
    limit: usize,
    wants: FieldChoice,
) -> Result<Option<(Payload<'_>, DataHead)>, Error> {
    let FileParts {
        window,
        header,
        inflater,
    } = parts;
    let head = DataHead::read(window, header, offset)?;
    if let Some(wants) = wants
        && limit > CHOSEN_FIRST_BYTES
    {
        let first = head.payload(window, header, offset, inflater, CHOSEN_FIRST_BYTES)?;
        if first.extent != Extent::Whole {
            let name = name_length(first.bytes, offset)?;
            if !first.bytes.get(..name).is_some_and(wants) {
                return Ok(None);
            }
        }
    }
    let payload = head.payload(window, header, offset, inflater, limit)?;
    Ok(Some((payload, head)))
}

/// If fields are selected, this much of a field is read first to learn its name; most fields are shorter.
const CHOSEN_FIRST_BYTES: usize = 64 << 10;

/// The length of the name in `NAME=value`.
fn name_length(field: &[u8], offset: u64) -> Result<usize, Error> {
    memchr::memchr(b'=', field)
        .ok_or_else(|| corrupt("data payload", offset, "NAME=value", field.len() as u64))
}

/// The parts of a file that lookups by hash need.
pub(crate) struct FileParts<'a> {
    pub(crate) window: &'a mut FileWindow,
    pub(crate) header: &'a FileHeader,
    pub(crate) inflater: &'a mut Inflater,
}

/// Bounds of one entry, and the problems found in it.
pub(crate) struct LoadLimits<'a> {
    /// The longest field, decompressed.
    pub(crate) field_bytes_max: usize,
    /// Read all fields, whichever are selected.
    pub(crate) whole: bool,
    pub(crate) inflater: &'a mut Inflater,
    pub(crate) problems: &'a mut Vec<Error>,
}

impl LoadLimits<'_> {
    /// How many bytes of the next field are read. All long fields of an entry together may take twice as much as one,
    /// and all short ones as much as one: an entry with long fields keeps its short ones.
    fn left(&self, buffer: &EntryBuffer) -> usize {
        let short = self
            .field_bytes_max
            .saturating_mul(3)
            .saturating_sub(buffer.scratch_bytes())
            .min(CACHED_FIELD_MAX.min(self.field_bytes_max));
        short.max(self.left_for_long(buffer))
    }

    fn left_for_long(&self, buffer: &EntryBuffer) -> usize {
        self.field_bytes_max
            .saturating_mul(2)
            .saturating_sub(buffer.scratch_bytes())
            .min(self.field_bytes_max)
    }

    /// How many bytes are kept of a field that is longer than the rest of the budget.
    fn cut_to(&self, buffer: &EntryBuffer) -> usize {
        self.left_for_long(buffer).max(CUT_BYTES_MIN)
    }

    fn over(&self, offset: u64) -> Error {
        Error::Limit {
            what: "field",
            offset,
            limit: self.field_bytes_max as u64,
        }
    }
}

/// This much of a long field is kept when an entry's memory is used up: its name and the start of its value.
const CUT_BYTES_MIN: usize = 256;

/// The fixed part of an ENTRY object.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EntryHead {
    pub(crate) cursor: Cursor,
    pub(crate) offset: u64,
    size: u64,
}

impl EntryHead {
    pub(crate) fn parse(bytes: &[u8], offset: u64, header: &FileHeader) -> Result<Self, Error> {
        let mut reader = ByteReader::new(fixed(bytes), offset);
        let size = object_size(&mut reader, object_type::ENTRY, "3 (entry)")?;
        let items = size.saturating_sub(layout::ENTRY_ITEMS as u64);
        let item = header.entry_item();
        if items == 0 || !items.is_multiple_of(item) || size > ENTRY_BYTES_MAX {
            return Err(corrupt("entry size", offset + 8, "whole items", size));
        }
        let cursor = Cursor {
            seqnum_id: header.seqnum_id,
            seqnum: reader.u64("entry seqnum")?,
            realtime: reader.u64("entry realtime")?,
            monotonic: reader.u64("entry monotonic")?,
            boot_id: Id128::new(reader.array("entry boot id")?),
            xor_hash: reader.u64("entry xor hash")?,
        };
        check_cursor(&cursor, offset)?;
        Ok(Self {
            cursor,
            offset,
            size,
        })
    }
}

fn check_cursor(cursor: &Cursor, offset: u64) -> Result<(), Error> {
    if cursor.seqnum == 0 {
        return Err(corrupt("entry seqnum", offset + 16, "a number above 0", 0));
    }
    if cursor.realtime == 0 || cursor.realtime >= layout::TIME_BOUND {
        return Err(corrupt(
            "entry realtime",
            offset + 24,
            "microseconds below 2^55",
            cursor.realtime,
        ));
    }
    if cursor.monotonic >= layout::TIME_BOUND {
        return Err(corrupt(
            "entry monotonic",
            offset + 32,
            "microseconds below 2^55",
            cursor.monotonic,
        ));
    }
    if cursor.boot_id == Id128::NULL {
        return Err(corrupt("entry boot id", offset + 40, "an id", 0));
    }
    Ok(())
}

fn read_header(window: &mut FileWindow) -> Result<FileHeader, Error> {
    let mut raw = [0; layout::HEADER_SIZE_KNOWN];
    let copied = window.read_at(0, &mut raw)?;
    let header = FileHeader::parse(raw.get(..copied).unwrap_or_default())?;
    // A header that claims more entries than fit into the file is not believed, because reading would look for each
    // of them.
    let most = window.length() / layout::ENTRY_ITEMS as u64;
    Ok(FileHeader {
        n_entries: header.n_entries.min(most),
        ..header
    })
}
