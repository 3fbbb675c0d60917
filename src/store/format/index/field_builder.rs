//! Building the field index of a segment: for each block the keys of its metadata, and the values of keys that have few.

use super::bloom::BloomBuilder;
use super::tokens::mixed;
use crate::store::format::column::put_varint;
use crate::store::format::metadata::values::{PATH_BYTES_MAX, RowValues};
use foldhash::fast::RandomState;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

/// Collects the values of the rows of a block.
#[derive(Debug, Default)]
pub(in crate::store) struct BlockFields {
    keys: HashMap<Box<str>, KeyValues, RandomState>,
    /// Not every key is in `keys`.
    is_incomplete: bool,
}

#[derive(Debug)]
struct KeyValues {
    rows: u32,
    /// Every row that has the key has one value.
    is_single: bool,
    /// The rows of each value; `None` once there are too many values to list.
    values: Option<HashMap<Box<str>, u32, RandomState>>,
}

impl BlockFields {
    /// Adds `rows` rows with these values. Values that are not listed are added to the filter.
    pub(in crate::store) fn add(
        &mut self,
        row: &RowValues<'_>,
        rows: u32,
        filter: &mut BloomBuilder,
    ) {
        row.each_path(|path, texts| self.add_path(path, texts, rows, filter));
    }

    fn add_path(
        &mut self,
        path: &str,
        texts: &[Cow<'_, str>],
        rows: u32,
        filter: &mut BloomBuilder,
    ) {
        if !self.keys.contains_key(path) {
            if path.len() > PATH_BYTES_MAX || self.keys.len() >= BLOCK_KEYS_MAX {
                self.is_incomplete = true;
                return;
            }
            self.keys.insert(path.into(), KeyValues::default());
        }
        let Some(key) = self.keys.get_mut(path) else {
            return;
        };
        key.rows += rows;
        key.is_single &= texts.len() == 1;
        for text in texts {
            key.add(path, text, rows, filter);
        }
    }

    /// Appends the fields of the block to the index, and empties the collection.
    pub(in crate::store) fn finish(
        &mut self,
        index: &mut FieldIndexBuilder,
        filter: &mut BloomBuilder,
    ) {
        let mut fields = BTreeMap::new();
        // In order of path, so that the same rows give the same bytes.
        let mut keys: Vec<_> = self.keys.drain().collect();
        keys.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        for (path, mut key) in keys {
            let Some(number) = index.key_number(&path) else {
                self.is_incomplete = true;
                continue;
            };
            let values = key.values.take();
            let listed = values.and_then(|values| {
                if let Some(numbers) = index.value_numbers(number, &values) {
                    Some(numbers)
                } else {
                    for text in values.keys() {
                        filter.add(pair_hash(&path, text));
                    }
                    None
                }
            });
            fields.insert(number, (key.rows, key.is_single, listed));
        }
        index.add_block(self.is_incomplete, &fields);
        self.is_incomplete = false;
    }
}

impl Default for KeyValues {
    fn default() -> Self {
        Self {
            rows: 0,
            is_single: true,
            values: Some(HashMap::default()),
        }
    }
}

impl KeyValues {
    fn add(&mut self, path: &str, text: &str, rows: u32, filter: &mut BloomBuilder) {
        let Some(values) = &mut self.values else {
            return filter.add(pair_hash(path, text));
        };
        if let Some(count) = values.get_mut(text) {
            *count += rows;
            return;
        }
        if values.len() < LISTED_MAX && text.len() <= VALUE_BYTES_MAX {
            values.insert(text.into(), rows);
            return;
        }
        for listed in values.keys() {
            filter.add(pair_hash(path, listed));
        }
        filter.add(pair_hash(path, text));
        self.values = None;
    }
}

/// Collects the fields of all blocks of a segment, which share key names and values.
#[derive(Debug, Default)]
pub(in crate::store) struct FieldIndexBuilder {
    keys: Vec<KeyNames>,
    numbers: HashMap<Box<str>, u32, RandomState>,
    /// Bytes of names and values.
    text_bytes: usize,
    blocks: Vec<u8>,
}

#[derive(Debug)]
struct KeyNames {
    name: Box<str>,
    values: Vec<Box<str>>,
    numbers: HashMap<Box<str>, u32, RandomState>,
}

/// The fields of a block by key number: rows, whether each has one value, and the listed values by number.
type Fields = BTreeMap<u32, (u32, bool, Option<BTreeMap<u32, u32>>)>;

impl FieldIndexBuilder {
    /// The number of a key; `None` if there is no room for another.
    fn key_number(&mut self, name: &str) -> Option<u32> {
        if let Some(number) = self.numbers.get(name) {
            return Some(*number);
        }
        let number = u32::try_from(self.keys.len()).ok()?;
        if self.keys.len() >= KEYS_MAX || !self.has_room(name.len()) {
            return None;
        }
        self.text_bytes += name.len();
        self.numbers.insert(name.into(), number);
        self.keys.push(KeyNames {
            name: name.into(),
            values: vec![],
            numbers: HashMap::default(),
        });
        Some(number)
    }

    /// The numbers of the values of a key, with their rows; `None` if there is no room for all.
    fn value_numbers(
        &mut self,
        key: u32,
        values: &HashMap<Box<str>, u32, RandomState>,
    ) -> Option<BTreeMap<u32, u32>> {
        let names = self.keys.get(key as usize)?;
        let new = values
            .keys()
            .filter(|text| !names.numbers.contains_key(*text));
        let (count, bytes) = new.fold((0, 0), |(count, bytes), text| {
            (count + 1, bytes + text.len())
        });
        if names.values.len() + count > VALUES_MAX || !self.has_room(bytes) {
            return None;
        }
        self.text_bytes += bytes;
        let names = self.keys.get_mut(key as usize)?;
        // In order of text, so that the same rows give the same bytes.
        let sorted: BTreeMap<_, _> = values.iter().collect();
        let mut numbers = BTreeMap::new();
        for (text, rows) in sorted {
            let next = u32::try_from(names.values.len()).ok()?;
            let number = *names.numbers.entry(text.clone()).or_insert(next);
            if number == next {
                names.values.push(text.clone());
            }
            numbers.insert(number, *rows);
        }
        Some(numbers)
    }

    fn has_room(&self, bytes: usize) -> bool {
        self.text_bytes + bytes <= TEXT_BYTES_MAX
    }

    fn add_block(&mut self, is_incomplete: bool, fields: &Fields) {
        let out = &mut self.blocks;
        put_varint(out, u64::from(is_incomplete));
        put_varint(out, fields.len() as u64);
        for (number, (rows, is_single, listed)) in fields {
            put_varint(out, (*number).into());
            put_varint(out, (*rows).into());
            let Some(values) = listed else {
                put_varint(out, FORM_MANY);
                continue;
            };
            put_varint(out, if *is_single { FORM_SINGLE } else { FORM_LISTED });
            put_varint(out, values.len() as u64);
            for (value, rows) in values {
                put_varint(out, (*value).into());
                put_varint(out, (*rows).into());
            }
        }
    }

    /// Encodes the index: names and values first, then the blocks in the order in which they were added.
    pub(in crate::store) fn finish(&self) -> Vec<u8> {
        let mut out = vec![];
        put_varint(&mut out, self.keys.len() as u64);
        for key in &self.keys {
            put_text(&mut out, &key.name);
            put_varint(&mut out, key.values.len() as u64);
            key.values
                .iter()
                .for_each(|value| put_text(&mut out, value));
        }
        out.extend_from_slice(&self.blocks);
        out
    }
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// The hash of a value of a key in the filter of a block: FNV-1a over the path, a zero byte and the text, then mixed.
pub(in crate::store) fn pair_hash(path: &str, text: &str) -> u64 {
    mixed(fnv(path.bytes().chain([0]).chain(text.bytes())))
}

/// The 64-bit FNV-1a hash of bytes.
pub(super) fn fnv(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// How the values of a key are given: too many to list, listed, or listed with one value a row.
pub(in crate::store) const FORM_MANY: u64 = 0;
pub(in crate::store) const FORM_LISTED: u64 = 1;
pub(in crate::store) const FORM_SINGLE: u64 = 2;

/// Values of a key that a block lists: more are rarely looked at as a whole.
const LISTED_MAX: usize = 64;
/// Longer values are text rather than a choice of a few.
const VALUE_BYTES_MAX: usize = 128;
/// Keys of a block: bounds memory and index where keys are made of data.
const BLOCK_KEYS_MAX: usize = 512;
/// Keys of a segment.
pub(in crate::store) const KEYS_MAX: usize = 1024;
/// Values of a key in a segment.
pub(in crate::store) const VALUES_MAX: usize = 4096;
/// Bytes of all names and values of a segment.
const TEXT_BYTES_MAX: usize = 256 << 10;
