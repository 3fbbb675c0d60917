//! Building the field index of a segment: for each block the keys of its metadata, and the values of keys that have few.

use super::bloom::BloomBuilder;
use super::grams;
use super::texts::TextSet;
use super::unlisted;
use crate::store::format::column::put_varint;
use crate::store::format::metadata::values::{PATH_BYTES_MAX, RowValues};
use foldhash::fast::RandomState;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

/// Collects the values of the rows of a block.
#[derive(Debug, Default)]
pub(in crate::store) struct BlockFields {
    /// In order of appearance, which is nearly the same in all rows.
    keys: Vec<KeyValues>,
    numbers: HashMap<Box<str>, usize, RandomState>,
    /// Not every key is in `keys`.
    is_incomplete: bool,
}

#[derive(Debug)]
struct KeyValues {
    path: Box<str>,
    rows: u32,
    /// Every row that has the key has one value.
    is_single: bool,
    /// `None` once it is known that they are not listed.
    values: Option<ValueCounts>,
    /// The characters of the values that are not listed.
    alphabet: u64,
}

/// Values with the rows that have them.
#[derive(Debug, Default)]
struct ValueCounts {
    texts: TextSet,
    rows: Vec<u32>,
}

impl BlockFields {
    /// Adds `rows` rows with these values. Values that are not listed are added to the filter.
    pub(in crate::store) fn add(
        &mut self,
        row: &RowValues<'_>,
        rows: u32,
        filter: &mut BloomBuilder,
    ) {
        let mut likely = 0;
        row.each_path(|path, texts| {
            let index = self.index(path, likely);
            let Some(key) = index.and_then(|index| self.keys.get_mut(index)) else {
                self.is_incomplete = true;
                return;
            };
            key.add(texts, rows, filter);
            likely = index.map_or(0, |index| index + 1);
        });
    }

    /// The index of a key, which is likely this one; `None` if there is no room for another.
    fn index(&mut self, path: &str, likely: usize) -> Option<usize> {
        if self.keys.get(likely).is_some_and(|key| *key.path == *path) {
            return Some(likely);
        }
        if let Some(index) = self.numbers.get(path) {
            return Some(*index);
        }
        if path.len() > PATH_BYTES_MAX || self.keys.len() >= BLOCK_KEYS_MAX {
            return None;
        }
        let index = self.keys.len();
        self.numbers.insert(path.into(), index);
        self.keys.push(KeyValues {
            path: path.into(),
            rows: 0,
            is_single: true,
            values: Some(ValueCounts::default()),
            alphabet: 0,
        });
        Some(index)
    }

    /// Appends the fields of the block to the index, and empties the collection.
    pub(in crate::store) fn finish(
        &mut self,
        index: &mut FieldIndexBuilder,
        filter: &mut BloomBuilder,
    ) {
        let mut fields = BTreeMap::new();
        self.numbers.clear();
        // In order of path, so that the same rows give the same bytes.
        self.keys.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        for mut key in self.keys.drain(..) {
            let Some(number) = index.key_number(&key.path) else {
                self.is_incomplete = true;
                continue;
            };
            let values = key.values.as_ref();
            let listing = values.and_then(|values| index.list(number, values, &key));
            let listing = listing.unwrap_or_else(|| {
                key.give_up(filter);
                ValueListing::None {
                    alphabet: key.alphabet,
                }
            });
            fields.insert(number, (key.rows, listing));
        }
        index.add_block(self.is_incomplete, &fields);
        self.is_incomplete = false;
    }
}

impl KeyValues {
    fn add(&mut self, texts: &[Cow<'_, str>], rows: u32, filter: &mut BloomBuilder) {
        self.rows += rows;
        self.is_single &= texts.len() == 1;
        for text in texts {
            let values = self.values.as_mut();
            let is_added = values.is_some_and(|values| values.add(text, rows));
            if !is_added {
                self.give_up(filter);
                self.leave_out(text, filter);
            }
        }
        let values = self.values.as_ref();
        if values.is_some_and(|values| values.are_unique(self.rows)) {
            self.give_up(filter);
        }
    }

    /// The values are not listed.
    fn give_up(&mut self, filter: &mut BloomBuilder) {
        if let Some(values) = self.values.take() {
            values
                .texts
                .iter()
                .for_each(|text| self.leave_out(text, filter));
        }
    }

    fn leave_out(&mut self, text: &str, filter: &mut BloomBuilder) {
        unlisted::add(&self.path, text, filter);
        self.alphabet |= grams::alphabet(text);
    }
}

impl ValueCounts {
    /// Returns false if there is no room for the value.
    fn add(&mut self, text: &str, rows: u32) -> bool {
        let has_room = text.len() <= VALUE_BYTES_MAX
            && self.texts.len() < VALUES_MAX
            && self.texts.bytes() <= KEY_TEXT_BYTES_MAX;
        let number = if has_room {
            self.texts.insert(text)
        } else {
            self.texts.find(text)
        };
        let Some(number) = number.and_then(|number| usize::try_from(number).ok()) else {
            return false;
        };
        match self.rows.get_mut(number) {
            Some(count) => *count += rows,
            None => self.rows.push(rows),
        }
        true
    }

    /// Whether hardly a value comes twice in this number of rows.
    fn are_unique(&self, rows: u32) -> bool {
        let (values, rows) = (self.texts.len(), rows as usize);
        rows >= UNIQUE_ROWS && values * 32 > rows * 31
    }
}

/// How a block tells the values of a key.
#[derive(Debug)]
enum ValueListing {
    /// Only the characters of all values.
    None { alphabet: u64 },
    /// Numbers and rows, ascending by number.
    Counts {
        is_single: bool,
        counts: Vec<(u32, u32)>,
    },
    /// A bit for each value.
    Bitmap(Vec<u8>),
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
    values: TextSet,
}

/// The fields of a block by key number: rows and values.
type Fields = BTreeMap<u32, (u32, ValueListing)>;

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
            values: TextSet::default(),
        });
        Some(number)
    }

    /// How the values of a key are listed; `None` if there is no room for all, or if they are too many to be worth the room.
    fn list(&mut self, number: u32, values: &ValueCounts, key: &KeyValues) -> Option<ValueListing> {
        let known = &self.keys.get(number as usize)?.values;
        let mut numbers: Vec<Option<u32>> =
            values.texts.iter().map(|text| known.find(text)).collect();
        let new = values.texts.iter().zip(&numbers);
        let mut new: Vec<&str> = new
            .filter_map(|(text, number)| number.is_none().then_some(text))
            .collect();
        let bytes = new.iter().map(|text| text.len()).sum();
        let is_counted = values.texts.len() <= LISTED_MAX;
        let come_again =
            values.texts.len() * 8 <= key.rows as usize * 7 || new.len() * 2 <= values.texts.len();
        let has_room = self.has_room(bytes)
            && known.len() + new.len() <= VALUES_MAX
            && (is_counted || known.bytes() + bytes <= KEY_TEXT_BYTES_MAX);
        if !has_room || !is_counted && !come_again {
            return None;
        }
        self.text_bytes += bytes;
        let names = &mut self.keys.get_mut(number as usize)?.values;
        // In order of text, so that the same rows give the same bytes.
        new.sort_unstable();
        for text in new {
            names.insert(text)?;
        }
        for (number, text) in numbers.iter_mut().zip(values.texts.iter()) {
            *number = number.or_else(|| names.find(text));
        }
        if !is_counted {
            return Some(ValueListing::Bitmap(bitmap(numbers.into_iter().flatten())));
        }
        let counts = numbers.into_iter().flatten().zip(&values.rows);
        let mut counts: Vec<(u32, u32)> = counts.map(|(number, rows)| (number, *rows)).collect();
        counts.sort_unstable();
        Some(ValueListing::Counts {
            is_single: key.is_single,
            counts,
        })
    }

    fn has_room(&self, bytes: usize) -> bool {
        self.text_bytes + bytes <= TEXT_BYTES_MAX
    }

    fn add_block(&mut self, is_incomplete: bool, fields: &Fields) {
        let out = &mut self.blocks;
        put_varint(out, u64::from(is_incomplete));
        put_varint(out, fields.len() as u64);
        for (number, (rows, listing)) in fields {
            put_varint(out, (*number).into());
            put_varint(out, (*rows).into());
            match listing {
                ValueListing::None { alphabet } => {
                    put_varint(out, FORM_MANY);
                    out.extend(alphabet.to_le_bytes());
                }
                ValueListing::Counts { is_single, counts } => {
                    put_varint(out, if *is_single { FORM_SINGLE } else { FORM_LISTED });
                    put_varint(out, counts.len() as u64);
                    for (value, rows) in counts {
                        put_varint(out, (*value).into());
                        put_varint(out, (*rows).into());
                    }
                }
                ValueListing::Bitmap(bits) => {
                    put_varint(out, FORM_PRESENT);
                    put_varint(out, bits.len() as u64);
                    out.extend_from_slice(bits);
                }
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

/// A bit for each of these numbers.
fn bitmap(numbers: impl Iterator<Item = u32>) -> Vec<u8> {
    let mut bits = vec![];
    for number in numbers {
        let byte = number as usize / 8;
        if bits.len() <= byte {
            bits.resize(byte + 1, 0);
        }
        if let Some(bits) = bits.get_mut(byte) {
            *bits |= 1 << (number % 8);
        }
    }
    bits
}

/// How the values of a key are given: too many to list, listed with their rows, the same with one value a row, or listed without rows.
pub(in crate::store) const FORM_MANY: u64 = 0;
pub(in crate::store) const FORM_LISTED: u64 = 1;
pub(in crate::store) const FORM_SINGLE: u64 = 2;
pub(in crate::store) const FORM_PRESENT: u64 = 3;

/// Values of a key that a block lists with their rows: more are rarely looked at as a whole.
const LISTED_MAX: usize = 64;
/// Longer values are text rather than a choice of a few.
const VALUE_BYTES_MAX: usize = 128;
/// Keys of a block: bounds memory and index where keys are made of data.
const BLOCK_KEYS_MAX: usize = 512;
/// Keys of a segment.
pub(in crate::store) const KEYS_MAX: usize = 1024;
/// Values of a key in a segment.
pub(in crate::store) const VALUES_MAX: usize = 4096;
/// Bytes of the values of a key, unless a block has few of them: a quarter of all, so that no key takes the room of the others.
const KEY_TEXT_BYTES_MAX: usize = 64 << 10;
/// This number of rows tells whether nearly each has a value of its own, as an identifier of requests: those are not listed.
const UNIQUE_ROWS: usize = 512;
/// Bytes of all names and values of a segment.
const TEXT_BYTES_MAX: usize = 256 << 10;
