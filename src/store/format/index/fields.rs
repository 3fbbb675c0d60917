//! The field index of a segment, decoded: what it knows about the keys of each block's metadata.

use super::bloom::BloomFilter;
use super::fold::fold;
use super::{grams, unlisted};
use memchr::memmem::Finder;
use std::ops::Range;
use std::sync::OnceLock;

/// The keys and values of a segment, and which of them each block has.
#[derive(Debug)]
pub(in crate::store) struct FieldTable {
    pub(super) text: String,
    pub(super) keys: Vec<IndexedKey>,
    /// The key numbers in order of name.
    pub(super) by_name: Vec<u32>,
    /// All values of all keys, as ranges of `text`.
    pub(super) values: Vec<Range<u32>>,
    pub(super) blocks: Vec<BlockTable>,
    /// A block does not know all of its keys.
    pub(super) is_incomplete: bool,
    pub(super) fields: Vec<Field>,
    pub(super) counts: Vec<(u32, u32)>,
    /// The bits of all fields that have a bit for each value.
    pub(super) bits: Vec<u8>,
}

#[derive(Debug)]
pub(super) struct IndexedKey {
    pub(super) name: Range<u32>,
    pub(super) values: Range<u32>,
    /// All of its values, as a range of `text`.
    pub(super) text: Range<u32>,
    /// The same folded, if that differs.
    pub(super) folded: Option<Box<str>>,
    /// Its values in order of text, once one was looked up.
    pub(super) sorted: OnceLock<Box<[u32]>>,
    /// No search looks at its values.
    pub(super) is_bookkeeping: bool,
    /// A block does not tell its values.
    pub(super) is_many: bool,
    /// The rows of each value, once they were asked for; `None` if a block does not tell them.
    pub(super) totals: OnceLock<Option<IndexedTotals>>,
}

/// The rows that have a key, and those that have each of its values.
#[derive(Debug)]
pub(super) struct IndexedTotals {
    rows: u64,
    /// In the order of the values of the key.
    by_value: Box<[u64]>,
}

#[derive(Debug)]
pub(super) struct BlockTable {
    pub(super) is_incomplete: bool,
    pub(super) fields: Range<u32>,
}

#[derive(Debug)]
pub(super) struct Field {
    pub(super) key: u32,
    pub(super) rows: u32,
    pub(super) form: ValueForm,
}

/// How a block tells the values of a key.
#[derive(Debug)]
pub(super) enum ValueForm {
    /// Not; they have these characters at most.
    Many { alphabet: u64 },
    /// A range of `counts`.
    Listed { counts: Range<u32>, is_single: bool },
    /// A range of `bits`.
    Present { bits: Range<u32> },
}

impl FieldTable {
    pub(super) fn name(&self, number: u32) -> &str {
        let key = self.keys.get(number as usize);
        key.map_or("", |key| self.slice(&key.name))
    }

    pub(super) fn slice(&self, range: &Range<u32>) -> &str {
        let range = range.start as usize..range.end as usize;
        self.text.get(range).unwrap_or_default()
    }

    fn value(&self, index: u32) -> &str {
        let range = self.values.get(index as usize);
        range.map_or("", |range| self.slice(range))
    }

    /// The index in `values` of a value of a key.
    fn find(&self, key: &IndexedKey, value: &str) -> Option<u32> {
        if key.values.len() <= SCANNED_MAX {
            return key.values.clone().find(|index| self.value(*index) == value);
        }
        let sorted = key.sorted.get_or_init(|| {
            let mut sorted: Vec<u32> = key.values.clone().collect();
            sorted.sort_unstable_by_key(|index| self.value(*index));
            sorted.into_boxed_slice()
        });
        let found = sorted.binary_search_by_key(&value, |index| self.value(*index));
        sorted.get(found.ok()?).copied()
    }

    fn key(&self, name: &str) -> Option<u32> {
        let found = self
            .by_name
            .binary_search_by_key(&name, |number| self.name(*number));
        self.by_name.get(found.ok()?).copied()
    }

    fn fields_of(&self, block: &BlockTable) -> &[Field] {
        let range = block.fields.start as usize..block.fields.end as usize;
        self.fields.get(range).unwrap_or_default()
    }

    /// What is known about a key in a block. `filter`: the filter of the block.
    pub(in crate::store) fn field<'a>(
        &'a self,
        block: usize,
        key: &str,
        filter: Option<BloomFilter<'a>>,
    ) -> FieldIndex<'a> {
        let Some(block) = self.blocks.get(block) else {
            return FieldIndex::Unknown;
        };
        let fields = self.fields_of(block);
        let field = self.key(key).and_then(|number| {
            let found = fields.binary_search_by_key(&number, |field| field.key);
            fields.get(found.ok()?)
        });
        match field {
            None if block.is_incomplete => FieldIndex::Unknown,
            None => FieldIndex::Absent,
            Some(field) => match &field.form {
                ValueForm::Many { alphabet } => FieldIndex::Many(ManyValues {
                    key: self.name(field.key),
                    rows: field.rows,
                    filter,
                    alphabet: *alphabet,
                }),
                ValueForm::Listed { counts, is_single } => FieldIndex::Listed(ListedValues {
                    table: self,
                    rows: field.rows,
                    counts: self.counts_of(counts),
                    is_single: *is_single,
                }),
                ValueForm::Present { bits } => FieldIndex::Present(PresentValues {
                    table: self,
                    key: field.key,
                    rows: field.rows,
                    bits: self.bits_of(bits),
                }),
            },
        }
    }

    /// False only if no searched value of the metadata of a block contains `folded`. The value of each key of the outer map is
    /// asked, or its JSON form, which has all texts in it as they are, apart from some characters.
    pub(in crate::store) fn values_may_contain(&self, block: usize, folded: &str) -> bool {
        let is_escaped = |byte: u8| byte < b' ' || matches!(byte, b'"' | b'\\');
        let block = self.blocks.get(block);
        let Some(block) = block.filter(|block| !block.is_incomplete) else {
            return true;
        };
        if folded.bytes().any(is_escaped) {
            return true;
        }
        let (finder, alphabet) = (Finder::new(folded), grams::alphabet(folded));
        let is_in = |text: &str| finder.find(text.as_bytes()).is_some();
        self.fields_of(block).iter().any(|field| {
            let Some(key) = self.keys.get(field.key as usize) else {
                return true;
            };
            let is_in_key = || is_in(key.folded.as_deref().unwrap_or(self.slice(&key.text)));
            !key.is_bookkeeping
                && match &field.form {
                    ValueForm::Many { alphabet: own } => alphabet & !own == 0,
                    ValueForm::Present { .. } => is_in_key(),
                    ValueForm::Listed { counts, .. } => {
                        let mut counts = self.counts_of(counts).iter();
                        is_in_key() && counts.any(|(value, _)| is_in(&fold(self.value(*value))))
                    }
                }
        })
    }

    /// The keys with the rows that have them; `None` if a block does not know all of its keys.
    pub(in crate::store) fn keys(&self) -> Option<Vec<(&str, u64)>> {
        let mut rows = vec![0; self.keys.len()];
        for block in &self.blocks {
            if block.is_incomplete {
                return None;
            }
            for field in self.fields_of(block) {
                *rows.get_mut(field.key as usize)? += u64::from(field.rows);
            }
        }
        let rows = (0..).zip(rows).filter(|(_, rows)| *rows > 0);
        Some(
            rows.map(|(number, rows)| (self.name(number), rows))
                .collect(),
        )
    }

    /// What is known about a key in all blocks together.
    pub(in crate::store) fn totals(&self, key: &str) -> FieldTotals<'_> {
        let Some((number, key)) = self.indexed(key) else {
            return if self.is_incomplete {
                FieldTotals::Unknown
            } else {
                FieldTotals::Absent
            };
        };
        let totals = key.totals.get_or_init(|| self.count(number, key));
        match totals {
            Some(IndexedTotals { rows, by_value }) => {
                let counts = key.values.clone().zip(by_value);
                let counts = counts.filter(|(_, rows)| **rows > 0);
                FieldTotals::Listed {
                    rows: *rows,
                    values: counts
                        .map(|(value, rows)| (self.value(value), *rows))
                        .collect(),
                }
            }
            None => FieldTotals::Unlisted,
        }
    }

    /// The rows of each value of a key; `None` if a block does not tell them.
    fn count(&self, number: u32, key: &IndexedKey) -> Option<IndexedTotals> {
        let mut rows = 0;
        let mut by_value = vec![0_u64; key.values.len()];
        for block in &self.blocks {
            let fields = self.fields_of(block);
            let found = fields.binary_search_by_key(&number, |field| field.key);
            let Some(field) = found.ok().and_then(|at| fields.get(at)) else {
                if block.is_incomplete {
                    return None;
                }
                continue;
            };
            let ValueForm::Listed { counts, .. } = &field.form else {
                return None;
            };
            rows += u64::from(field.rows);
            for (value, rows) in self.counts_of(counts) {
                if let Some(count) = by_value.get_mut((value - key.values.start) as usize) {
                    *count += u64::from(*rows);
                }
            }
        }
        Some(IndexedTotals {
            rows,
            by_value: by_value.into_boxed_slice(),
        })
    }

    /// Which values of a key there are in any block.
    pub(in crate::store) fn anywhere(&self, key: &str) -> FieldValuesAnywhere<'_> {
        match self.indexed(key) {
            _ if self.is_incomplete => FieldValuesAnywhere::Unknown,
            None => FieldValuesAnywhere::Absent,
            Some((_, key)) if key.is_many => FieldValuesAnywhere::Unknown,
            Some((_, key)) => FieldValuesAnywhere::Known(IndexedValues { table: self, key }),
        }
    }

    fn indexed(&self, name: &str) -> Option<(u32, &IndexedKey)> {
        let number = self.key(name)?;
        Some((number, self.keys.get(number as usize)?))
    }

    fn counts_of(&self, counts: &Range<u32>) -> &[(u32, u32)] {
        let range = counts.start as usize..counts.end as usize;
        self.counts.get(range).unwrap_or_default()
    }

    fn bits_of(&self, bits: &Range<u32>) -> &[u8] {
        let range = bits.start as usize..bits.end as usize;
        self.bits.get(range).unwrap_or_default()
    }
}

/// This number of values is compared faster than sorted.
const SCANNED_MAX: usize = 16;

/// What the footer of a segment tells about a key of the metadata in one block.
#[derive(Debug, Clone)]
pub enum FieldIndex<'a> {
    /// Nothing: the metadata must be read.
    Unknown,
    /// No row has the key.
    Absent,
    /// Every value with its rows.
    Listed(ListedValues<'a>),
    /// Every value, without its rows.
    Present(PresentValues<'a>),
    /// There are too many values to list.
    Many(ManyValues<'a>),
}

impl FieldIndex<'_> {
    /// False only if no row has the key.
    #[must_use]
    pub fn may_exist(&self) -> bool {
        !matches!(self, Self::Absent)
    }

    /// False only if no row has this value: strings as they are, all else as JSON; a list has each of its elements.
    #[must_use]
    pub fn may_equal(&self, value: &str) -> bool {
        match self {
            Self::Unknown => true,
            Self::Absent => false,
            Self::Listed(listed) => listed.values().any(|(text, _)| text == value),
            Self::Present(present) => present.has(value),
            Self::Many(many) => many.may_equal(value),
        }
    }

    /// False only if no value passes the test, which is asked about listed values.
    #[must_use]
    pub fn may_match(&self, mut test: impl FnMut(&str) -> bool) -> bool {
        match self {
            Self::Unknown | Self::Many(_) => true,
            Self::Absent => false,
            Self::Listed(listed) => listed.values().any(|(text, _)| test(text)),
            Self::Present(present) => present.values().any(test),
        }
    }

    /// False only if no value contains a folded text. Of values that are listed, [`Self::may_match`] knows more.
    #[must_use]
    pub fn may_contain(&self, folded: &str) -> bool {
        match self {
            Self::Absent => false,
            Self::Many(many) => grams::alphabet(folded) & !many.alphabet == 0,
            Self::Unknown | Self::Listed(_) | Self::Present(_) => true,
        }
    }

    /// The rows that have the key; `None` if that is not known.
    #[must_use]
    pub fn rows(&self) -> Option<u32> {
        match self {
            Self::Unknown => None,
            Self::Absent => Some(0),
            Self::Listed(listed) => Some(listed.rows()),
            Self::Present(present) => Some(present.rows),
            Self::Many(many) => Some(many.rows),
        }
    }
}

/// The values of a key in a block.
#[derive(Debug, Clone, Copy)]
pub struct ListedValues<'a> {
    table: &'a FieldTable,
    rows: u32,
    counts: &'a [(u32, u32)],
    is_single: bool,
}

impl<'a> ListedValues<'a> {
    /// The rows that have the key. An empty list counts.
    #[must_use]
    pub fn rows(&self) -> u32 {
        self.rows
    }

    /// Each value with the rows that have it. A list that holds a value twice counts once.
    pub fn values(&self) -> impl Iterator<Item = (&'a str, u32)> + use<'a> {
        let table = self.table;
        let counts = self.counts.iter();
        counts.map(move |(value, rows)| (table.value(*value), *rows))
    }

    /// Whether every row that has the key has exactly one value.
    #[must_use]
    pub fn is_single(&self) -> bool {
        self.is_single
    }
}

/// The values of a key in a block, without their rows.
#[derive(Debug, Clone, Copy)]
pub struct PresentValues<'a> {
    table: &'a FieldTable,
    key: u32,
    rows: u32,
    /// A bit for each value of the key in the segment.
    bits: &'a [u8],
}

impl<'a> PresentValues<'a> {
    /// The rows that have the key.
    #[must_use]
    pub fn rows(&self) -> u32 {
        self.rows
    }

    /// Each value.
    pub fn values(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let Self { table, bits, .. } = *self;
        let values = table.keys.get(self.key as usize);
        let values = values.map(|key| key.values.clone()).unwrap_or_default();
        let present = (0..).zip(values).filter(move |(bit, _)| is_set(bits, *bit));
        present.map(move |(_, value)| table.value(value))
    }

    /// Whether a row has this value.
    #[must_use]
    pub fn has(&self, value: &str) -> bool {
        let key = self.table.keys.get(self.key as usize);
        let bit = key.and_then(|key| Some(self.table.find(key, value)? - key.values.start));
        bit.is_some_and(|bit| is_set(self.bits, bit))
    }
}

fn is_set(bits: &[u8], bit: u32) -> bool {
    let byte = bits.get(bit as usize / 8);
    byte.is_some_and(|byte| byte >> (bit % 8) & 1 == 1)
}

/// A key with many values in a block.
#[derive(Debug, Clone, Copy)]
pub struct ManyValues<'a> {
    key: &'a str,
    rows: u32,
    filter: Option<BloomFilter<'a>>,
    alphabet: u64,
}

impl ManyValues<'_> {
    /// The rows that have the key.
    #[must_use]
    pub fn rows(&self) -> u32 {
        self.rows
    }

    /// Whether none of them is the JSON form of a list or a map.
    #[must_use]
    pub fn are_scalars(&self) -> bool {
        grams::alphabet("[{") & self.alphabet == 0
    }

    /// False only if no row has this value.
    #[must_use]
    pub fn may_equal(&self, value: &str) -> bool {
        self.filter
            .is_none_or(|filter| unlisted::may_have(self.key, value, filter))
    }
}

/// What the footer tells about a key in all blocks of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldTotals<'a> {
    /// Nothing.
    Unknown,
    /// No row has the key.
    Absent,
    /// Every value with its rows.
    Listed {
        /// The rows that have the key.
        rows: u64,
        /// Each value with the rows that have it.
        values: Vec<(&'a str, u64)>,
    },
    /// A block does not tell the rows of each value.
    Unlisted,
}

/// What the footer of a segment tells about the values of a key, wherever they are in it.
#[derive(Debug, Clone)]
pub enum FieldValuesAnywhere<'a> {
    /// Nothing.
    Unknown,
    /// No row has the key.
    Absent,
    /// Every value.
    Known(IndexedValues<'a>),
}

/// The values of a key in a segment.
#[derive(Debug, Clone, Copy)]
pub struct IndexedValues<'a> {
    table: &'a FieldTable,
    key: &'a IndexedKey,
}

impl<'a> IndexedValues<'a> {
    /// Whether a row has this value.
    #[must_use]
    pub fn has(&self, value: &str) -> bool {
        self.table.find(self.key, value).is_some()
    }

    /// Each value.
    pub fn iter(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let table = self.table;
        self.key.values.clone().map(move |value| table.value(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::format::index::bloom::BloomBuilder;
    use crate::store::format::index::field_builder::{BlockFields, FieldIndexBuilder};
    use crate::store::format::layout::{VERSION, VERSION_3};
    use crate::store::format::metadata::cbor;
    use crate::store::format::metadata::values::RowValues;
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use std::collections::{BTreeMap, BTreeSet};

    /// The index of blocks of rows, and the filter of each block.
    fn index(blocks: &[Vec<Value>]) -> (Vec<u8>, Vec<Vec<u8>>) {
        let (mut index, mut filters) = (FieldIndexBuilder::default(), vec![]);
        let mut fields = BlockFields::default();
        for rows in blocks {
            let mut filter = BloomBuilder::default();
            for row in rows {
                let mut bytes = vec![];
                cbor::encode(&serde_json::from_value(row.clone()).unwrap(), &mut bytes);
                fields.add(&RowValues::decode(&bytes).unwrap(), 1, &mut filter);
            }
            fields.finish(&mut index, &mut filter);
            filters.push(filter.finish());
        }
        (index.finish(), filters)
    }

    fn table(blocks: &[Vec<Value>]) -> FieldTable {
        let rows: Vec<u32> = blocks
            .iter()
            .map(|rows| u32::try_from(rows.len()).unwrap())
            .collect();
        FieldTable::decode(&index(blocks).0, &rows, VERSION).unwrap()
    }

    fn listed<'a>(index: &FieldIndex<'a>) -> BTreeMap<&'a str, u32> {
        let FieldIndex::Listed(listed) = index else {
            panic!("{index:?}")
        };
        listed.values().collect()
    }

    #[test]
    fn lists_few_values_with_their_rows() {
        let blocks = [
            vec![
                json!({"unit": "ssh", "pid": 1}),
                json!({"unit": "ssh"}),
                json!({"unit": "cron"}),
            ],
            vec![json!({"tag": ["a", "a", "b"]}), json!({"tag": []})],
        ];
        let table = table(&blocks);
        let unit = table.field(0, "unit", None);
        assert_eq!(listed(&unit), [("cron", 1), ("ssh", 2)].into());
        assert!(unit.may_equal("ssh") && !unit.may_equal("nginx"));
        assert!(
            unit.may_match(|text| text.starts_with("cr")) && !unit.may_match(|text| text > "t")
        );
        assert_eq!(unit.rows(), Some(3));
        let tag = table.field(1, "tag", None);
        assert_eq!(listed(&tag), [("a", 1), ("b", 1)].into());
        assert_eq!(tag.rows(), Some(2));
        let FieldIndex::Listed(tag) = tag else {
            panic!()
        };
        assert!(!tag.is_single());
        assert!(!table.field(1, "unit", None).may_exist());
        assert!(!table.field(0, "absent", None).may_exist());
        let mut keys = table.keys().unwrap();
        keys.sort_unstable();
        assert_eq!(keys, [("pid", 1), ("tag", 2), ("unit", 3)]);
        let values = vec![("cron", 1), ("ssh", 2)];
        assert_eq!(
            table.totals("unit"),
            FieldTotals::Listed { rows: 3, values }
        );
        assert_eq!(table.totals("absent"), FieldTotals::Absent);
    }

    #[test]
    fn values_anywhere_are_those_of_all_blocks() {
        let of_row = |row: u64| json!({"unit": "ssh", "pid": row % 300, "id": format!("{row:x}")});
        let many: Vec<Value> = (0..600).map(of_row).collect();
        let table = table(&[many, vec![json!({"unit": "cron", "pid": 999, "tag": []})]]);
        let known = |key: &str| match table.anywhere(key) {
            FieldValuesAnywhere::Known(values) => {
                assert!(values.iter().all(|value| values.has(value)));
                values.iter().map(str::to_owned).collect::<BTreeSet<_>>()
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(
            known("unit"),
            BTreeSet::from(["cron", "ssh"].map(str::to_owned))
        );
        assert!(known("tag").is_empty());
        let of_id = table.anywhere("id");
        assert!(matches!(of_id, FieldValuesAnywhere::Unknown), "{of_id:?}");
        let absent = table.anywhere("absent");
        assert!(matches!(absent, FieldValuesAnywhere::Absent), "{absent:?}");
    }

    #[test]
    fn many_values_are_in_the_filter() {
        let rows: Vec<Value> = (0..1000)
            .map(|number| json!({"pid": number, "long": "x".repeat(200)}))
            .collect();
        let (bytes, filters) = index(&[rows]);
        let table = FieldTable::decode(&bytes, &[1000], VERSION).unwrap();
        let filter = BloomFilter::new(&filters[0], VERSION);
        let pid = table.field(0, "pid", Some(filter));
        assert!(matches!(pid, FieldIndex::Many(_)));
        assert!((0..1000).all(|number| pid.may_equal(&number.to_string())));
        let passed = (1000..2000)
            .filter(|number| pid.may_equal(&number.to_string()))
            .count();
        assert!(passed < 40, "{passed}");
        let long = table.field(0, "long", Some(filter));
        assert!(long.may_equal(&"x".repeat(200)) && !long.may_equal("x"));
        assert_eq!(table.totals("pid"), FieldTotals::Unlisted);
        assert!(
            table.field(0, "pid", None).may_equal("x"),
            "without its filter nothing is denied"
        );
    }

    #[test]
    fn values_that_come_again_are_listed_without_rows() {
        let rows = |first: u64| -> Vec<Value> {
            let of_row = |row: u64| json!({"pid": first + row * 7919 % 300, "id": format!("{row:x}-{first:x}")});
            (0..600).map(of_row).collect()
        };
        let blocks = [rows(0), rows(200), rows(10_000)];
        let (bytes, filters) = index(&blocks);
        let table = FieldTable::decode(&bytes, &[600; 3], VERSION).unwrap();
        for ((block, first), filter) in [0, 200, 10_000].into_iter().enumerate().zip(&filters) {
            let filter = BloomFilter::new(filter, VERSION);
            let pid = table.field(block, "pid", Some(filter));
            let FieldIndex::Present(present) = pid else {
                panic!("{pid:?}")
            };
            let found: BTreeSet<u64> = present
                .values()
                .map(|value| value.parse().unwrap())
                .collect();
            assert_eq!(found, (first..first + 300).collect());
            assert!((0..20_000).all(|value| {
                pid.may_equal(&value.to_string()) == (first..first + 300).contains(&value)
            }));
            assert!(pid.may_match(|text| text.ends_with("99")) && !pid.may_match(str::is_empty));
            assert_eq!(pid.rows(), Some(600));
            let id = table.field(block, "id", Some(filter));
            assert!(matches!(id, FieldIndex::Many(_)), "each row has its own");
        }
        assert_eq!(table.totals("pid"), FieldTotals::Unlisted);
    }

    #[test]
    fn texts_are_denied_by_listed_values_and_by_alphabets() {
        let rows: Vec<Value> = (0..600)
            .map(|row| {
                json!({
                    "id": format!("{row:x}"), "boot_id": "xyzzy", "unit": "SSH.service",
                    "deep": {"list": [format!("caf\u{e9} {}", row % 3), {"quote": "a\"b\nc"}]},
                })
            })
            .collect();
        let table = table(&[rows, vec![json!({"unit": "cron"})]]);
        let has = |text: &str| table.values_may_contain(0, &fold(text));
        for text in ["1f", "ssh", "H.S", "caf\u{c9}", "a\"b", "b\nc", "c", ""] {
            assert!(has(text), "{text}");
        }
        for text in ["xyzzy", "connection", "1g", "cron", "af\u{e8}"] {
            assert!(!has(text), "{text}");
        }
        assert!(table.values_may_contain(1, "ron") && !table.values_may_contain(1, "ssh"));
    }

    #[test]
    fn too_many_keys_leave_the_others_unknown() {
        let rows: Vec<Value> = (0..600)
            .map(|number| json!({format!("key{number}"): 1}))
            .collect();
        let table = table(&[rows]);
        assert!(matches!(
            table.field(0, "absent", None),
            FieldIndex::Unknown
        ));
        assert_eq!(table.totals("absent"), FieldTotals::Unknown);
        let absent = table.anywhere("absent");
        assert!(matches!(absent, FieldValuesAnywhere::Unknown), "{absent:?}");
        assert_eq!(table.keys(), None);
    }

    proptest! {
        #[test]
        fn no_bytes_break_the_reader(bytes in prop::collection::vec(0u8..9, 0..60)) {
            for version in [VERSION_3, VERSION] {
                if let Some(table) = FieldTable::decode(&bytes, &[3, 3], version) {
                    let _ = (table.keys(), table.totals("a"), table.values_may_contain(0, "a"));
                }
            }
        }

        #[test]
        fn prefixes_are_refused(at: prop::sample::Index) {
            let (bytes, _) = index(&[vec![json!({"unit": "ssh", "pid": 1, "tag": ["a", "b"]})]]);
            let cut = at.index(bytes.len());
            prop_assert!(FieldTable::decode(&bytes[..cut], &[1], VERSION).is_none());
        }
    }
}
