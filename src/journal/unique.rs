//! Lists the values of a field, the names of fields, and the boots, using the indexes of the files.

use crate::bytes::ByteReader;
use crate::journal::file::cache::CutField;
use crate::journal::file::cache::EntryBuffer;
use crate::journal::file::chain::Chain;
use crate::journal::file::data::DataHead;
use crate::journal::file::data::object_size;
use crate::journal::file::journal_file::FileParts;
use crate::journal::file::journal_file::LoadLimits;
use crate::journal::file::lookup::check_chain;
use crate::journal::file::lookup::first_of_bucket;
use crate::journal::file::payload::Extent;
use crate::journal::file::payload::Inflater;
use crate::journal::format::cursor::Cursor;
use crate::journal::format::error::Error;
use crate::journal::format::header::corrupt;
use crate::journal::format::id::Id128;
use crate::journal::format::layout;
use crate::journal::format::layout::object_type;
use crate::journal::stream::journal::Journal;
use crate::journal::stream::member::StreamFile;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// A boot, as far as the files record it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Boot {
    /// The id of the boot.
    pub id: Id128,
    /// The machine whose journald wrote its entries.
    pub machine_id: Id128,
    /// Its earliest entry.
    pub first: Cursor,
    /// Its latest entry.
    pub last: Cursor,
}

impl Journal {
    /// The values of the field `name` in any entry, sorted. Returns at most `limit` values, which together take no
    /// more memory than the fields of one entry may.
    pub fn unique(&mut self, name: &[u8], limit: usize) -> Vec<Vec<u8>> {
        let bound = self.options.field_bytes_max;
        let bytes_max = bound.saturating_mul(2);
        let mut values = BTreeSet::new();
        let mut bytes = 0;
        self.each_file(|member, inflater, problems| {
            let mut over = None;
            let mut add = |payload: &[u8]| {
                let value = payload.strip_prefix(name)?.strip_prefix(b"=")?;
                if values.len() < limit && !values.contains(value) {
                    if bytes + value.len() > bytes_max {
                        over = Some(over_limit("values of a field", 0, bytes_max));
                        return None;
                    }
                    bytes += value.len();
                    values.insert(value.to_vec());
                }
                Some(())
            };
            let mut parts = member.file.parts(inflater);
            let found = each_value(&mut parts, name, bound, &mut |payload, _| {
                add(payload);
            });
            if found.is_err() {
                scan(
                    member,
                    (inflater, &mut *problems),
                    bound,
                    &mut |payload, _| {
                        add(payload);
                    },
                );
            }
            found?.or(over).map_or(Ok(()), Err)
        });
        values.into_iter().collect()
    }

    /// The names of all fields, sorted.
    pub fn field_names(&mut self) -> Vec<Vec<u8>> {
        let bound = self.options.field_bytes_max;
        let mut names = BTreeSet::new();
        self.each_file(|member, inflater, problems| {
            let mut parts = member.file.parts(inflater);
            let found = each_name(&mut parts, &mut |name| {
                if !names.contains(name) {
                    names.insert(name.to_vec());
                }
            });
            if found.is_err() {
                scan(
                    member,
                    (inflater, &mut *problems),
                    bound,
                    &mut |payload, _| {
                        let name = payload.split(|byte| *byte == b'=').next();
                        names.extend(name.map(<[u8]>::to_vec));
                    },
                );
            }
            found
        });
        names.into_iter().collect()
    }

    /// All boots, in the order of the journal.
    pub fn boots(&mut self) -> Vec<Boot> {
        let mut boots: BTreeMap<Id128, Boot> = BTreeMap::new();
        self.each_file(|member, inflater, problems| {
            let tail = member.file.header().tail_entry_boot_id;
            let machine_id = member.machine(tail.unwrap_or_default(), problems);
            let mut note = |entry: Cursor| {
                let boot = boots.entry(entry.boot_id).or_insert(Boot {
                    id: entry.boot_id,
                    machine_id,
                    first: entry,
                    last: entry,
                });
                if entry.monotonic < boot.first.monotonic {
                    boot.first = entry;
                }
                if entry.monotonic > boot.last.monotonic {
                    boot.last = entry;
                }
            };
            let ends = ends_of_boots(member, inflater);
            if let Ok(ends) = &ends {
                for entry in ends {
                    note(*entry);
                }
            } else {
                for number in 0..member.file.length() {
                    if let Ok(entry) = member.entry(number, problems) {
                        note(entry.cursor);
                    }
                }
            }
            ends.map(|_| ())
        });
        self.in_order(boots.into_values())
    }

    /// The order of entries is consistent between two entries but not always among three from different files, so a
    /// sort that relies on a total order cannot be used.
    fn in_order(&self, boots: impl Iterator<Item = Boot>) -> Vec<Boot> {
        let mut by_time: Vec<_> = boots.collect();
        by_time.sort_by_key(|boot| (boot.first.realtime, boot.id));
        let mut ordered: Vec<Boot> = Vec::with_capacity(by_time.len());
        for boot in by_time {
            let earlier = ordered
                .iter()
                .rposition(|other| !self.boots.order(&boot.first, &other.first).is_lt());
            ordered.insert(earlier.map_or(0, |at| at + 1), boot);
        }
        ordered
    }

    /// Queries every file; a problem with one is reported and the others are still queried.
    fn each_file(
        &mut self,
        mut ask: impl FnMut(&mut StreamFile, &mut Inflater, &mut Vec<Error>) -> Result<(), Error>,
    ) {
        let mut inflater = Inflater::default();
        let mut problems = Vec::new();
        for member in &mut self.members {
            let was_open = member.file.is_open();
            let asked = ask(member, &mut inflater, &mut problems);
            for error in problems.drain(..).chain(asked.err()) {
                self.problems.add(&member.path, error);
            }
            member.release();
            if !was_open {
                member.close();
            }
        }
    }
}

/// Called with each payload found, and the object that holds it.
type Each<'a> = &'a mut dyn FnMut(&[u8], Option<&DataHead>);

/// Calls `each` with the payloads of one field that any entry has, newest first. Payloads over the limit are left
/// out, and the last of them is reported.
fn each_value(
    parts: &mut FileParts<'_>,
    name: &[u8],
    limit: usize,
    each: Each<'_>,
) -> Result<Option<Error>, Error> {
    let Some(field) = find_field(parts, name)? else {
        return Ok(None);
    };
    let mut offset = field.head_data_offset;
    let mut over = None;
    while offset != 0 {
        let head = DataHead::read(parts.window, parts.header, offset)?;
        if head.n_entries > 0 {
            let payload =
                head.payload(parts.window, parts.header, offset, parts.inflater, limit)?;
            match payload.extent {
                Extent::Whole => each(payload.bytes, Some(&head)),
                Extent::Cut(_) => over = over.or(Some(offset)),
            }
        }
        let next = head.next_field_offset;
        if next >= offset {
            return Err(corrupt(
                "next data object of a field",
                offset,
                "an object before this one",
                next,
            ));
        }
        offset = next;
    }
    Ok(over.map(|offset| over_limit("field", offset, limit)))
}

fn over_limit(what: &'static str, offset: u64, limit: usize) -> Error {
    Error::Limit {
        what,
        offset,
        limit: limit as u64,
    }
}

/// Reads all payloads of all entries, for files whose indexes are damaged.
fn scan(
    member: &mut StreamFile,
    (inflater, problems): (&mut Inflater, &mut Vec<Error>),
    limit: usize,
    each: Each<'_>,
) {
    let mut buffer = EntryBuffer::default();
    let mut ignored = Vec::new();
    for number in 0..member.file.length() {
        let Ok(entry) = member.entry(number, problems) else {
            continue;
        };
        let mut limits = LoadLimits {
            field_bytes_max: limit,
            whole: true,
            inflater,
            problems: &mut ignored,
        };
        if member.file.load(&entry, &mut buffer, &mut limits).is_ok() {
            for (name, value) in buffer.fields(member.file.cache()) {
                let is_this = |cut: &CutField| cut.name == name && cut.kept == value.len();
                if buffer.cut().iter().any(is_this) {
                    continue;
                }
                each(&[name, b"=", value].concat(), None);
            }
        }
        ignored.clear();
    }
}

/// The first and the last entry of each boot of a file.
fn ends_of_boots(member: &mut StreamFile, inflater: &mut Inflater) -> Result<Vec<Cursor>, Error> {
    let mut boots = Vec::new();
    let mut parts = member.file.parts(inflater);
    let limit = "_BOOT_ID=".len() + 32;
    each_value(&mut parts, b"_BOOT_ID", limit, &mut |_, head| {
        boots.extend(head.copied());
    })?;
    let mut ends = Vec::new();
    for head in boots {
        let others = head.n_entries - 1;
        let last = match others.checked_sub(1) {
            None => head.entry_offset,
            Some(number) => {
                let parts = member.file.parts(inflater);
                Chain::new(head.entry_array_offset, others).offset(
                    parts.window,
                    parts.header,
                    number,
                )?
            }
        };
        for offset in [head.entry_offset, last] {
            ends.push(member.file.entry_at(offset)?.cursor);
        }
    }
    Ok(ends)
}

/// The fixed part of a FIELD object, and its name.
struct FieldHead {
    hash: u64,
    next_hash_offset: u64,
    head_data_offset: u64,
    name: Vec<u8>,
}

/// Names are short; systemd allows 64 bytes.
const NAME_BYTES_MAX: u64 = 4 << 10;

impl FieldHead {
    fn read(parts: &mut FileParts<'_>, offset: u64) -> Result<Self, Error> {
        let bytes = parts
            .window
            .random(offset, layout::FIELD_PAYLOAD, "field object")?;
        let mut reader = ByteReader::new(bytes, offset);
        let size = object_size(&mut reader, object_type::FIELD, "2 (field)")?;
        let mut head = Self {
            hash: reader.u64("field hash")?,
            next_hash_offset: reader.u64("next field of a hash")?,
            head_data_offset: reader.u64("first data object of a field")?,
            name: Vec::new(),
        };
        let length = size
            .checked_sub(layout::FIELD_PAYLOAD as u64)
            .filter(|length| *length <= NAME_BYTES_MAX)
            .and_then(|length| usize::try_from(length).ok())
            .ok_or_else(|| corrupt("field object size", offset + 8, "a name", size))?;
        let name_at = offset + layout::FIELD_PAYLOAD as u64;
        head.name = parts
            .window
            .random(name_at, length, "name of a field")?
            .to_vec();
        Ok(head)
    }
}

fn find_field(parts: &mut FileParts<'_>, name: &[u8]) -> Result<Option<FieldHead>, Error> {
    let hash = parts.header.hash(name);
    let header = parts.header;
    let table = (header.field_hash_table_offset, header.field_hash_table_size);
    let mut offset = first_of_bucket(parts.window, table, hash)?;
    let mut before = 0;
    while offset != 0 {
        check_chain(before, offset)?;
        let head = FieldHead::read(parts, offset)?;
        if head.hash == hash && head.name == name {
            return Ok(Some(head));
        }
        before = offset;
        offset = head.next_hash_offset;
    }
    Ok(None)
}

fn each_name(parts: &mut FileParts<'_>, each: &mut dyn FnMut(&[u8])) -> Result<(), Error> {
    let header = parts.header;
    let table = (header.field_hash_table_offset, header.field_hash_table_size);
    for bucket in 0..table.1 / 16 {
        let mut offset = first_of_bucket(parts.window, table, bucket)?;
        let mut before = 0;
        while offset != 0 {
            check_chain(before, offset)?;
            let head = FieldHead::read(parts, offset)?;
            each(&head.name);
            before = offset;
            offset = head.next_hash_offset;
        }
    }
    Ok(())
}
