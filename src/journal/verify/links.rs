//! Checks everything that refers to an object: the array of all entries, the hash tables, the chains of a field's
//! values, and the entries of each DATA object.

use super::objects::Data;
use super::objects::FieldObject;
use super::objects::Mentions;
use super::objects::VerifiedObjects;
use super::objects::each_number;
use crate::journal::figures::Figures;
use crate::journal::file::chain::Chain;
use crate::journal::file::journal_file::FileParts;
use crate::journal::format::error::Error;
use crate::journal::format::header::corrupt;
use crate::journal::format::layout;

/// Checks that every object is referred to from where it belongs, and from nowhere else.
pub(super) fn check(
    parts: &mut FileParts<'_>,
    figures: &Figures,
    walk: &mut VerifiedObjects,
) -> Result<(), Error> {
    check_entry_array(parts, figures, &walk.entries)?;
    let header = parts.header;
    let table = (header.data_hash_table_offset, header.data_hash_table_size);
    check_table(parts, table, &walk.data)?;
    let table = (header.field_hash_table_offset, header.field_hash_table_size);
    check_table(parts, table, &walk.fields)?;
    if !walk.fields.is_empty() {
        check_fields(&walk.fields, &walk.data)?;
    }
    let last = walk.entries.last().copied();
    for data in &walk.data {
        check_postings(parts, data, last)?;
    }
    Ok(())
}

/// Checks that the array of all entries holds each of them, in order.
fn check_entry_array(
    parts: &mut FileParts<'_>,
    figures: &Figures,
    entries: &[u64],
) -> Result<(), Error> {
    let mut chain = Chain::new(figures.entry_array_offset, figures.n_entries);
    for (number, entry) in (0..).zip(entries) {
        let found = chain.offset(parts.window, parts.header, number)?;
        if found != *entry {
            let expected = "the entries in the order of the file";
            return Err(corrupt("entry array item", *entry, expected, found));
        }
    }
    Ok(())
}

/// An object that a hash table leads to.
trait Hashed {
    fn offset(&self) -> u64;
    fn hash(&self) -> u64;
    fn next(&self) -> u64;
}

impl Hashed for Data {
    fn offset(&self) -> u64 {
        self.offset
    }
    fn hash(&self) -> u64 {
        self.hash
    }
    fn next(&self) -> u64 {
        self.next_hash_offset
    }
}

impl Hashed for FieldObject {
    fn offset(&self) -> u64 {
        self.offset
    }
    fn hash(&self) -> u64 {
        self.hash
    }
    fn next(&self) -> u64 {
        self.next_hash_offset
    }
}

/// Checks that each object is in the chain of its bucket once. Chains must ascend, which rules out loops.
fn check_table<T: Hashed>(
    parts: &mut FileParts<'_>,
    (table, size): (u64, u64),
    objects: &[T],
) -> Result<(), Error> {
    let buckets = size / 16;
    let (mut reached, mut head) = (0, 0);
    each_number(parts.window, table, size, 8, |at, number| {
        let within = at - table;
        if within.is_multiple_of(16) {
            head = number;
            return Ok(());
        }
        let bucket = within / 16;
        let (mut offset, mut before) = (head, 0);
        while offset != 0 {
            let object = find(objects, offset).filter(|_| offset > before);
            let expected = "an object after the previous one in its bucket";
            let object = object
                .filter(|object| object.hash().checked_rem(buckets) == Some(bucket))
                .ok_or_else(|| corrupt("hash chain", before.max(at), expected, offset))?;
            reached += 1;
            before = offset;
            offset = object.next();
        }
        if before != number {
            let expected = "the last object of the chain";
            return Err(corrupt("tail of a hash chain", at, expected, number));
        }
        Ok(())
    })?;
    if reached != objects.len() as u64 {
        let expected = "every object in its chain";
        return Err(corrupt("hash table", table, expected, reached));
    }
    Ok(())
}

fn find<T: Hashed>(objects: &[T], offset: u64) -> Option<&T> {
    let found = objects.binary_search_by_key(&offset, Hashed::offset);
    found.ok().and_then(|index| objects.get(index))
}

/// Checks that each DATA object is in the chain of its field's values, newest first.
fn check_fields(fields: &[FieldObject], data: &[Data]) -> Result<(), Error> {
    let mut reached = 0;
    for field in fields {
        let (mut offset, mut before) = (field.head_data_offset, u64::MAX);
        while offset != 0 {
            let value = find(data, offset).filter(|_| offset < before);
            let expected = "a data object of this field before the last one";
            let value = value
                .filter(|value| value.name_hash == field.hash)
                .ok_or_else(|| corrupt("values of a field", field.offset, expected, offset))?;
            reached += 1;
            before = offset;
            offset = value.next_field_offset;
        }
    }
    if reached != data.len() as u64 {
        let expected = "every data object";
        return Err(corrupt("values of all fields", 216, expected, reached));
    }
    Ok(())
}

/// Checks that a DATA object lists the entries that refer to it. A writer that died may have left out the last entry;
/// that stays so, because the next journald archives the file unchanged.
fn check_postings(parts: &mut FileParts<'_>, data: &Data, last: Option<u64>) -> Result<(), Error> {
    let mut listed = Mentions::default();
    let mut before = 0;
    let others = data.n_entries.saturating_sub(1);
    if data.n_entries > 0 {
        listed.add(data.entry_offset);
        before = data.entry_offset;
    }
    if data.named_by.count + 1 < data.n_entries {
        return Err(wrong_list(data));
    }
    let mut chain = Chain::new(data.entry_array_offset, others);
    for number in 0..others {
        let entry = chain.offset(parts.window, parts.header, number)?;
        if entry <= before {
            let expected = "entries in ascending order";
            return Err(corrupt("entry array item", data.offset, expected, entry));
        }
        listed.add(entry);
        before = entry;
    }
    let unlinked = last.map(|last| data.named_by.without(last));
    let may_be_unlinked = unlinked == Some(listed);
    if listed == data.named_by || may_be_unlinked {
        return Ok(());
    }
    Err(wrong_list(data))
}

fn wrong_list(data: &Data) -> Error {
    let offset = data.offset.saturating_add(layout::ENTRY_ITEMS as u64 - 8);
    let expected = "the entries that name the data object";
    corrupt("entries of a data object", offset, expected, data.n_entries)
}
