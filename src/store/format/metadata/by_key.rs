//! Metadata of many fields, stored key by key: values of one key are alike, and key names are stored once. Where a key has few different
//! values, each is stored once too, and rows have its number.

use super::cbor;
use super::cbor_decode::CborReader;
use crate::store::format::column::{Varints, put_varint};
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::ops::Range;
use std::slice;

/// Metadata by key.
#[derive(Debug)]
pub(in crate::store) struct KeyedMetadata {
    pub(in crate::store) bytes: Vec<u8>,
    /// The ascending ends of its parts: of the heads, and of the values and the numbers of each key.
    pub(in crate::store) ends: Vec<usize>,
}

/// Encodes the metadata of `count` rows, which take `length` bytes together; `None` if that is not possible, or if they are so small
/// that nothing is gained.
pub(in crate::store) fn encode<'a>(
    rows: impl Iterator<Item = &'a [u8]>,
    count: usize,
    length: usize,
) -> Option<KeyedMetadata> {
    if length < count * ROW_BYTES_MIN {
        return None;
    }
    let mut columns = KeyColumns::default();
    for row in rows {
        columns.add(row)?;
    }
    Some(columns.finish(true))
}

/// Decodes rows, which take `length` bytes together; `None` for other bytes. `has_numbers`: values that come again have numbers.
pub(in crate::store) fn decode(
    bytes: &[u8],
    rows: usize,
    length: usize,
    has_numbers: bool,
) -> Option<Vec<u8>> {
    let KeyedRows {
        names,
        shapes,
        shape_of,
        parts,
    } = KeyedRows::read(bytes, rows, has_numbers)?;
    let mut heads = vec![];
    for (name, part) in names.iter().zip(&parts) {
        let mut head = vec![];
        cbor::put_text(&mut head, name);
        heads.push((head, KeyReader::new(part)?));
    }
    let mut out = Vec::with_capacity(length.min(ROOM_MAX));
    for shape in shape_of {
        let keys = shapes.get(shape)?;
        if !keys.is_empty() {
            cbor::put_map_head(&mut out, keys.len());
        }
        for key in keys {
            let (head, values) = heads.get_mut(*key)?;
            out.extend_from_slice(head);
            out.extend_from_slice(values.next()?);
        }
        if out.len() > length {
            return None;
        }
    }
    let is_whole = heads.iter().all(|(_, values)| values.is_empty());
    (is_whole && out.len() == length).then_some(out)
}

/// The encoded value of a key in each row, as a place in `bytes`: an empty one for a row without the key. Only this key is decoded. `None`
/// for other bytes, or if a row has the key twice.
pub(in crate::store) fn values(
    bytes: &[u8],
    rows: usize,
    has_numbers: bool,
    key: &str,
) -> Option<Vec<Range<usize>>> {
    let keyed = KeyedRows::read(bytes, rows, has_numbers)?;
    let Some(number) = keyed.names.iter().position(|name| *name == key) else {
        return Some(vec![0..0; rows]);
    };
    let times = |shape: &Vec<usize>| shape.iter().filter(|key| **key == number).count();
    let times: Vec<usize> = keyed.shapes.iter().map(times).collect();
    if times.iter().any(|times| *times > 1) {
        return None;
    }
    let mut values = KeyReader::new(keyed.parts.get(number)?)?;
    let place = |value: &[u8]| {
        let start = value.as_ptr().addr() - bytes.as_ptr().addr();
        start..start + value.len()
    };
    let mut places = Vec::with_capacity(rows);
    for shape in keyed.shape_of {
        places.push(match times.get(shape)? {
            0 => 0..0,
            _ => place(values.next()?),
        });
    }
    values.is_empty().then_some(places)
}

/// Rows by key, of which only the lengths were read.
struct KeyedRows<'a> {
    names: Vec<&'a str>,
    /// Lists of keys, by number.
    shapes: Vec<Vec<usize>>,
    /// The number of the list of each row.
    shape_of: Vec<usize>,
    /// The values of each key.
    parts: Vec<KeyPart<'a>>,
}

struct KeyPart<'a> {
    /// How many values have numbers; 0 if each row has its value.
    numbered: usize,
    values: &'a [u8],
    /// A number for each row that has the key.
    numbers: &'a [u8],
}

impl<'a> KeyedRows<'a> {
    fn read(bytes: &'a [u8], rows: usize, has_numbers: bool) -> Option<Self> {
        let mut reader = Varints::new(bytes);
        let mut names = vec![];
        for _ in 0..reader.count(KEYS_MAX)? {
            let name = reader
                .next()
                .and_then(|length| usize::try_from(length).ok());
            names.push(str::from_utf8(reader.take(name?)?).ok()?);
        }
        let mut shapes = vec![];
        for _ in 0..reader.count(SHAPES_MAX)? {
            let keys = reader.count(ROW_KEYS_MAX)?;
            let keys = (0..keys).map(|_| usize::try_from(reader.next()?).ok());
            shapes.push(keys.collect::<Option<Vec<_>>>()?);
        }
        let mut shape_of = vec![];
        for _ in 0..rows {
            shape_of.push(usize::try_from(reader.next()?).ok()?);
        }
        let layouts = names.iter().map(|_| {
            let numbered = if has_numbers {
                reader.count(NUMBERED_MAX)?
            } else {
                0
            };
            Some((numbered, usize::try_from(reader.next()?).ok()?))
        });
        let layouts = layouts.collect::<Option<Vec<_>>>()?;
        let mut parts = vec![];
        for (numbered, length) in layouts {
            parts.push(KeyPart {
                numbered,
                values: reader.take(length)?,
                numbers: &[],
            });
        }
        if has_numbers {
            let rows_of = rows_of_keys(&shape_of, &shapes, names.len(), bytes.len())?;
            for (part, rows) in parts.iter_mut().zip(rows_of) {
                if part.numbered > 0 {
                    part.numbers = reader.take(rows)?;
                }
            }
        }
        reader.is_empty().then_some(Self {
            names,
            shapes,
            shape_of,
            parts,
        })
    }
}

/// The rows that have each key; `None` if these are more values than `values_max`, of which each takes a byte.
fn rows_of_keys(
    shape_of: &[usize],
    shapes: &[Vec<usize>],
    keys: usize,
    values_max: usize,
) -> Option<Vec<usize>> {
    let mut rows_of_shapes = vec![0_usize; shapes.len()];
    for shape in shape_of {
        *rows_of_shapes.get_mut(*shape)? += 1;
    }
    let mut rows = vec![0; keys];
    let mut values = 0_usize;
    for (shape, count) in shapes.iter().zip(rows_of_shapes) {
        values = values.checked_add(shape.len().checked_mul(count)?)?;
        if values > values_max {
            return None;
        }
        for key in shape {
            // a list without rows may name any key
            if count > 0 {
                *rows.get_mut(*key)? += count;
            }
        }
    }
    Some(rows)
}

/// The values of a key, as they are read row by row.
enum KeyReader<'a> {
    Values(CborReader<'a>),
    Numbers {
        values: Vec<&'a [u8]>,
        numbers: slice::Iter<'a, u8>,
    },
}

impl<'a> KeyReader<'a> {
    fn new(part: &KeyPart<'a>) -> Option<Self> {
        let mut values = CborReader::new(part.values);
        if part.numbered == 0 {
            return Some(Self::Values(values));
        }
        let all = (0..part.numbered).map(|_| values.raw_item());
        let all = all.collect::<Option<Vec<_>>>()?;
        values.is_empty().then_some(Self::Numbers {
            values: all,
            numbers: part.numbers.iter(),
        })
    }

    fn next(&mut self) -> Option<&'a [u8]> {
        match self {
            Self::Values(values) => values.raw_item(),
            Self::Numbers { values, numbers } => values.get(usize::from(*numbers.next()?)).copied(),
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Values(values) => values.is_empty(),
            Self::Numbers { numbers, .. } => numbers.len() == 0,
        }
    }
}

/// Values, sorted by key.
#[derive(Debug, Default)]
struct KeyColumns<'a> {
    keys: Vec<KeyColumn<'a>>,
    numbers: HashMap<&'a [u8], u32, RandomState>,
    /// The keys of rows, by number of the key; each list once.
    shapes: Vec<Vec<u32>>,
    shape_numbers: HashMap<Vec<u32>, u32, RandomState>,
    shape_of: Vec<u32>,
}

#[derive(Debug)]
struct KeyColumn<'a> {
    name: &'a [u8],
    values: Vec<u8>,
    /// `None` once there are too many different values.
    numbered: Option<NumberedValues<'a>>,
}

/// The different values of a key, and the number of the value of each row.
#[derive(Debug, Default)]
struct NumberedValues<'a> {
    numbers: HashMap<&'a [u8], u8, RandomState>,
    values: Vec<u8>,
    of_rows: Vec<u8>,
}

impl<'a> KeyColumn<'a> {
    fn add(&mut self, value: &'a [u8]) {
        self.values.extend_from_slice(value);
        if let Some(numbered) = &mut self.numbered
            && !numbered.add(value)
        {
            self.numbered = None;
        }
    }

    /// The different values, their number and that of each row, if these take clearly less than the values of all rows; otherwise those.
    fn numbered(&self) -> (&[u8], usize, &[u8]) {
        let takes_less = |numbered: &&NumberedValues<'_>| {
            let bytes = numbered.values.len() + numbered.of_rows.len();
            bytes * 4 < self.values.len() * 3
        };
        match self.numbered.as_ref().filter(takes_less) {
            Some(found) => (&found.values, found.numbers.len(), &found.of_rows),
            None => (&self.values, 0, &[]),
        }
    }
}

impl<'a> NumberedValues<'a> {
    /// Returns false if there are too many different values.
    fn add(&mut self, value: &'a [u8]) -> bool {
        let known = self.numbers.get(value).copied();
        let number = known.or_else(|| {
            let number = u8::try_from(self.numbers.len()).ok()?;
            self.numbers.insert(value, number);
            self.values.extend_from_slice(value);
            Some(number)
        });
        let Some(number) = number else {
            return false;
        };
        self.of_rows.push(number);
        self.of_rows.len() < TRIED_ROWS || self.numbers.len() * 4 <= self.of_rows.len() * 3
    }
}

impl<'a> KeyColumns<'a> {
    /// Adds a row; `None` if it cannot be restored to the same bytes, or there is no room for another key.
    fn add(&mut self, row: &'a [u8]) -> Option<()> {
        let mut reader = CborReader::new(row);
        let mut shape = vec![];
        let mut length = 0;
        if !row.is_empty() {
            let pairs = reader.map_head(ROW_KEYS_MAX)?;
            length += cbor::head_length(pairs);
            let before = self.shape_of.last().copied();
            for index in 0..pairs {
                let name = reader.raw_key()?;
                let number = self.number(name, before, index)?;
                let value = reader.raw_item()?;
                length += cbor::head_length(name.len()) + name.len() + value.len();
                self.keys.get_mut(number as usize)?.add(value);
                shape.push(number);
            }
        }
        // A row that this program did not encode may be longer than necessary.
        if length != row.len() {
            return None;
        }
        let shape = self.shape_number(shape)?;
        self.shape_of.push(shape);
        Some(())
    }

    /// The number of a key, which is likely that of the row before at this place.
    fn number(&mut self, name: &'a [u8], before: Option<u32>, index: usize) -> Option<u32> {
        let likely = before.and_then(|shape| self.shapes.get(shape as usize)?.get(index));
        if let Some(number) = likely
            && self.keys.get(*number as usize)?.name == name
        {
            return Some(*number);
        }
        if let Some(number) = self.numbers.get(name) {
            return Some(*number);
        }
        if self.keys.len() >= KEYS_MAX {
            return None;
        }
        let number = u32::try_from(self.keys.len()).ok()?;
        self.numbers.insert(name, number);
        self.keys.push(KeyColumn {
            name,
            values: vec![],
            numbered: Some(NumberedValues::default()),
        });
        Some(number)
    }

    fn shape_number(&mut self, shape: Vec<u32>) -> Option<u32> {
        if let Some(before) = self.shape_of.last()
            && self.shapes.get(*before as usize) == Some(&shape)
        {
            return Some(*before);
        }
        if let Some(number) = self.shape_numbers.get(&shape) {
            return Some(*number);
        }
        if self.shapes.len() >= SHAPES_MAX {
            return None;
        }
        let number = u32::try_from(self.shapes.len()).ok()?;
        self.shapes.push(shape.clone());
        self.shape_numbers.insert(shape, number);
        Some(number)
    }

    fn finish(self, has_numbers: bool) -> KeyedMetadata {
        let mut out = vec![];
        put_varint(&mut out, self.keys.len() as u64);
        for key in &self.keys {
            put_varint(&mut out, key.name.len() as u64);
            out.extend_from_slice(key.name);
        }
        put_varint(&mut out, self.shapes.len() as u64);
        for shape in &self.shapes {
            put_varint(&mut out, shape.len() as u64);
            for key in shape {
                put_varint(&mut out, (*key).into());
            }
        }
        for shape in &self.shape_of {
            put_varint(&mut out, (*shape).into());
        }
        let keys = self.keys.iter().map(|key| {
            if has_numbers {
                key.numbered()
            } else {
                (key.values.as_slice(), 0, [].as_slice())
            }
        });
        for (values, numbered, _) in keys.clone() {
            if has_numbers {
                put_varint(&mut out, numbered as u64);
            }
            put_varint(&mut out, values.len() as u64);
        }
        let mut ends = vec![out.len()];
        let values = keys.clone().map(|(values, ..)| values);
        for part in values.chain(keys.map(|(.., of_rows)| of_rows)) {
            out.extend_from_slice(part);
            ends.push(out.len());
        }
        KeyedMetadata { bytes: out, ends }
    }
}

/// The maximum number of values of a key that have numbers: a number takes a byte.
const NUMBERED_MAX: usize = 256;
/// This number of rows shows whether most have a value of their own.
const TRIED_ROWS: usize = 64;
/// The maximum number of keys of a block.
const KEYS_MAX: usize = 1024;
/// The maximum number of keys of a row.
const ROW_KEYS_MAX: usize = 1024;
/// The maximum number of different lists of keys of a block.
const SHAPES_MAX: usize = 1024;
/// Room for the metadata of a usual block is made at once; the length of a damaged one may be any.
const ROOM_MAX: usize = 1 << 20;
/// What is nothing, or next to nothing, is read faster by row.
const ROW_BYTES_MIN: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Metadata;
    use crate::store::format::metadata::cbor::tests::any_metadata;
    use proptest::prelude::*;
    use serde_json::json;

    fn encoded(metadata: &[Metadata]) -> Vec<Vec<u8>> {
        let encoded = metadata.iter().map(|metadata| {
            let mut row = vec![];
            cbor::encode(metadata, &mut row);
            row
        });
        encoded.collect()
    }

    const FORMS: [bool; 2] = [false, true];

    fn columns(rows: &[Vec<u8>], has_numbers: bool) -> Vec<u8> {
        let mut columns = KeyColumns::default();
        for row in rows {
            columns.add(row).unwrap();
        }
        let KeyedMetadata { bytes, ends } = columns.finish(has_numbers);
        assert!(ends.is_sorted());
        assert_eq!(ends.last(), Some(&bytes.len()));
        bytes
    }

    fn example() -> Vec<Vec<u8>> {
        let rows = (0..40_u64).map(|number| {
            let value = match number % 4 {
                0 => json!({"unit": "ssh.service", "pid": number, "list": [1, {"a": null}]}),
                1 => json!({"pid": number * 1000, "unit": "cron.service"}),
                2 => json!({}),
                _ => json!({"unit": "ssh.service", "pid": -1.5}),
            };
            serde_json::from_value(value).unwrap()
        });
        encoded(&rows.collect::<Vec<Metadata>>())
    }

    #[test]
    fn rows_of_several_shapes_are_restored() {
        let rows = example();
        let all = rows.concat();
        let sizes = FORMS.map(|has_numbers| {
            let bytes = columns(&rows, has_numbers);
            assert_eq!(
                decode(&bytes, rows.len(), all.len(), has_numbers).unwrap(),
                all
            );
            for key in ["unit", "pid", "list", "absent"] {
                let places = values(&bytes, rows.len(), has_numbers, key).unwrap();
                let found: Vec<&[u8]> = places.into_iter().map(|it| &bytes[it]).collect();
                let expected = rows.iter().map(|row| cbor::value_bytes(row, key).unwrap());
                assert_eq!(found, expected.collect::<Vec<_>>(), "{key}");
            }
            bytes.len()
        });
        assert!(sizes[1] < sizes[0] && sizes[0] < all.len(), "{sizes:?}");
    }

    #[test]
    fn small_rows_are_not_stored_by_key() {
        let rows = example();
        let is_by_key = |rows: &[Vec<u8>]| {
            let length = rows.concat().len();
            encode(rows.iter().map(Vec::as_slice), rows.len(), length).is_some()
        };
        assert!(!is_by_key(&rows));
        let long = json!({"text": "x".repeat(ROW_BYTES_MIN)});
        let rows = encoded(&[serde_json::from_value(long).unwrap()]);
        assert!(is_by_key(&rows));
    }

    #[test]
    fn row_that_is_encoded_otherwise_is_refused() {
        // The number 1 in two bytes: the same value, but other bytes. As a value it is kept as it is.
        assert!(KeyColumns::default().add(b"\xa1\x61a\x18\x01").is_some());
        // A map head and a key head that are longer than necessary.
        assert!(KeyColumns::default().add(b"\xb8\x01\x61a\x01").is_none());
        assert!(KeyColumns::default().add(b"\xa1\x78\x01a\x01").is_none());
        assert!(KeyColumns::default().add(b"\xa1\x61a\x01\x01").is_none());
        assert!(KeyColumns::default().add(b"\x01").is_none());
    }

    #[test]
    fn every_prefix_and_flip_is_refused_or_has_the_right_length() {
        let rows = example();
        for has_numbers in FORMS {
            let (bytes, length) = (columns(&rows, has_numbers), rows.concat().len());
            for cut in 0..bytes.len() {
                assert_eq!(
                    decode(&bytes[..cut], rows.len(), length, has_numbers),
                    None,
                    "{cut}"
                );
            }
            for bit in 0..bytes.len() * 8 {
                let mut flipped = bytes.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                if let Some(found) = decode(&flipped, rows.len(), length, has_numbers) {
                    assert_eq!(found.len(), length);
                }
            }
            assert_eq!(decode(&bytes, rows.len() - 1, length, has_numbers), None);
            assert_eq!(decode(&bytes, rows.len(), length - 1, has_numbers), None);
        }
    }

    proptest! {
        #[test]
        fn any_rows_are_restored(metadata in prop::collection::vec(any_metadata(), 0..20)) {
            let rows = encoded(&metadata);
            let all = rows.concat();
            for has_numbers in FORMS {
                let bytes = columns(&rows, has_numbers);
                prop_assert_eq!(decode(&bytes, rows.len(), all.len(), has_numbers), Some(all.clone()));
            }
        }

        #[test]
        fn no_bytes_break_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..200), rows in 0_usize..20, length in 0_usize..500) {
            for has_numbers in FORMS {
                let _ = decode(&bytes, rows, length, has_numbers);
            }
        }
    }
}
