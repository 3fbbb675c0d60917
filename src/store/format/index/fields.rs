//! The field index of a segment, decoded: what it knows about the keys of each block's metadata.

use super::bloom;
use super::field_builder::{FORM_LISTED, FORM_MANY, FORM_SINGLE, KEYS_MAX, VALUES_MAX, pair_hash};
use crate::store::format::column::Varints;
use std::ops::Range;

/// The keys and values of a segment, and which of them each block has.
#[derive(Debug)]
pub(in crate::store) struct FieldTable {
    text: String,
    keys: Vec<IndexedKey>,
    /// The key numbers in order of name.
    by_name: Vec<u32>,
    /// All values of all keys, as ranges of `text`.
    values: Vec<Range<u32>>,
    blocks: Vec<BlockTable>,
    fields: Vec<Field>,
    counts: Vec<(u32, u32)>,
}

#[derive(Debug)]
struct IndexedKey {
    name: Range<u32>,
    values: Range<u32>,
}

#[derive(Debug)]
struct BlockTable {
    is_incomplete: bool,
    fields: Range<u32>,
}

#[derive(Debug)]
struct Field {
    key: u32,
    rows: u32,
    form: u64,
    counts: Range<u32>,
}

impl FieldTable {
    /// Decodes the index of a segment whose blocks have these numbers of rows; `None` if it is not valid.
    pub(in crate::store) fn decode(bytes: &[u8], block_rows: &[u32]) -> Option<Self> {
        let mut table = Self {
            text: String::new(),
            keys: vec![],
            by_name: vec![],
            values: vec![],
            blocks: vec![],
            fields: vec![],
            counts: vec![],
        };
        let mut reader = Varints::new(bytes);
        for _ in 0..reader.count(KEYS_MAX)? {
            table.read_key(&mut reader)?;
        }
        let mut by_name: Vec<u32> = (0..length(&table.keys)).collect();
        by_name.sort_unstable_by_key(|number| table.name(*number));
        table.by_name = by_name;
        for rows in block_rows {
            table.read_block(&mut reader, *rows)?;
        }
        reader.is_empty().then_some(table)
    }

    fn read_key(&mut self, reader: &mut Varints<'_>) -> Option<()> {
        let name = self.read_text(reader)?;
        let start = length(&self.values);
        for _ in 0..reader.count(VALUES_MAX)? {
            let value = self.read_text(reader)?;
            self.values.push(value);
        }
        self.keys.push(IndexedKey {
            name,
            values: start..length(&self.values),
        });
        Some(())
    }

    fn read_text(&mut self, reader: &mut Varints<'_>) -> Option<Range<u32>> {
        let bytes = usize::try_from(reader.next()?).ok()?;
        let text = str::from_utf8(reader.take(bytes)?).ok()?;
        let start = u32::try_from(self.text.len()).ok()?;
        self.text.push_str(text);
        Some(start..u32::try_from(self.text.len()).ok()?)
    }

    fn read_block(&mut self, reader: &mut Varints<'_>, rows: u32) -> Option<()> {
        let is_incomplete = match reader.next()? {
            0 => false,
            1 => true,
            _ => return None,
        };
        let start = length(&self.fields);
        let mut next = 0;
        for _ in 0..reader.count(KEYS_MAX)? {
            let field = self.read_field(reader, rows)?;
            if field.key < next {
                return None;
            }
            next = field.key + 1;
            self.fields.push(field);
        }
        self.blocks.push(BlockTable {
            is_incomplete,
            fields: start..length(&self.fields),
        });
        Some(())
    }

    fn read_field(&mut self, reader: &mut Varints<'_>, rows_max: u32) -> Option<Field> {
        let rows = |reader: &mut Varints<'_>| {
            let rows = u32::try_from(reader.next()?).ok()?;
            (1..=rows_max).contains(&rows).then_some(rows)
        };
        let key = u32::try_from(reader.next()?).ok()?;
        let values = self.keys.get(key as usize)?.values.clone();
        let own_rows = rows(reader)?;
        let form = reader.next()?;
        let start = length(&self.counts);
        match form {
            FORM_MANY => {}
            FORM_LISTED | FORM_SINGLE => {
                let mut next = 0;
                for _ in 0..reader.count(VALUES_MAX)? {
                    let value = u32::try_from(reader.next()?).ok()?;
                    if value < next || value >= values.end - values.start {
                        return None;
                    }
                    next = value + 1;
                    self.counts.push((values.start + value, rows(reader)?));
                }
            }
            _ => return None,
        }
        Some(Field {
            key,
            rows: own_rows,
            form,
            counts: start..length(&self.counts),
        })
    }

    fn name(&self, number: u32) -> &str {
        let key = self.keys.get(number as usize);
        key.map_or("", |key| self.slice(&key.name))
    }

    fn slice(&self, range: &Range<u32>) -> &str {
        let range = range.start as usize..range.end as usize;
        self.text.get(range).unwrap_or_default()
    }

    fn value(&self, index: u32) -> &str {
        let range = self.values.get(index as usize);
        range.map_or("", |range| self.slice(range))
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
        filter: Option<&'a [u8]>,
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
            Some(field) if field.form == FORM_MANY => FieldIndex::Many(ManyValues {
                key: self.name(field.key),
                rows: field.rows,
                filter,
            }),
            Some(field) => FieldIndex::Listed(ListedValues { table: self, field }),
        }
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
        let Some(number) = self.key(key) else {
            let unknown = self.blocks.iter().any(|block| block.is_incomplete);
            return if unknown {
                FieldTotals::Unknown
            } else {
                FieldTotals::Absent
            };
        };
        let Some(values) = self.keys.get(number as usize).map(|key| key.values.clone()) else {
            return FieldTotals::Unknown;
        };
        let mut rows = 0;
        let mut is_many = false;
        let mut counts = vec![0_u64; (values.end - values.start) as usize];
        for block in &self.blocks {
            let fields = self.fields_of(block);
            let Ok(found) = fields.binary_search_by_key(&number, |field| field.key) else {
                if block.is_incomplete {
                    return FieldTotals::Unknown;
                }
                continue;
            };
            let Some(field) = fields.get(found) else {
                continue;
            };
            rows += u64::from(field.rows);
            is_many |= field.form == FORM_MANY;
            for (value, rows) in self.counts_of(field) {
                if let Some(count) = counts.get_mut((value - values.start) as usize) {
                    *count += u64::from(*rows);
                }
            }
        }
        if is_many {
            return FieldTotals::Many { rows };
        }
        let counts = values.zip(counts).filter(|(_, rows)| *rows > 0);
        let values = counts
            .map(|(value, rows)| (self.value(value), rows))
            .collect();
        FieldTotals::Listed { rows, values }
    }

    fn counts_of(&self, field: &Field) -> &[(u32, u32)] {
        let range = field.counts.start as usize..field.counts.end as usize;
        self.counts.get(range).unwrap_or_default()
    }
}

fn length<T>(items: &[T]) -> u32 {
    // Bounded by the bytes that were decoded, which are below 4 GiB.
    u32::try_from(items.len()).unwrap_or(u32::MAX)
}

/// What the footer of a segment tells about a key of the metadata in one block.
#[derive(Debug, Clone)]
pub enum FieldIndex<'a> {
    /// Nothing: the metadata must be read.
    Unknown,
    /// No row has the key.
    Absent,
    /// Every value with its rows.
    Listed(ListedValues<'a>),
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
        }
    }

    /// The rows that have the key; `None` if that is not known.
    #[must_use]
    pub fn rows(&self) -> Option<u32> {
        match self {
            Self::Unknown => None,
            Self::Absent => Some(0),
            Self::Listed(listed) => Some(listed.rows()),
            Self::Many(many) => Some(many.rows),
        }
    }
}

/// The values of a key in a block.
#[derive(Debug, Clone, Copy)]
pub struct ListedValues<'a> {
    table: &'a FieldTable,
    field: &'a Field,
}

impl<'a> ListedValues<'a> {
    /// The rows that have the key. An empty list counts.
    #[must_use]
    pub fn rows(&self) -> u32 {
        self.field.rows
    }

    /// Each value with the rows that have it. A list that holds a value twice counts once.
    pub fn values(&self) -> impl Iterator<Item = (&'a str, u32)> + use<'a> {
        let table = self.table;
        let counts = table.counts_of(self.field).iter();
        counts.map(move |(value, rows)| (table.value(*value), *rows))
    }

    /// Whether every row that has the key has exactly one value.
    #[must_use]
    pub fn is_single(&self) -> bool {
        self.field.form == FORM_SINGLE
    }
}

/// A key with many values in a block.
#[derive(Debug, Clone, Copy)]
pub struct ManyValues<'a> {
    key: &'a str,
    rows: u32,
    filter: Option<&'a [u8]>,
}

impl ManyValues<'_> {
    /// The rows that have the key.
    #[must_use]
    pub fn rows(&self) -> u32 {
        self.rows
    }

    /// False only if no row has this value.
    #[must_use]
    pub fn may_equal(&self, value: &str) -> bool {
        self.filter
            .is_none_or(|filter| bloom::may_contain(filter, pair_hash(self.key, value)))
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
    /// A block has too many values to list.
    Many {
        /// The rows that have the key.
        rows: u64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::format::index::bloom::BloomBuilder;
    use crate::store::format::index::field_builder::{BlockFields, FieldIndexBuilder};
    use crate::store::format::metadata::cbor;
    use crate::store::format::metadata::values::RowValues;
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use std::collections::BTreeMap;

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
        FieldTable::decode(&index(blocks).0, &rows).unwrap()
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
    fn many_values_are_in_the_filter() {
        let rows: Vec<Value> = (0..1000)
            .map(|number| json!({"pid": number, "long": "x".repeat(200)}))
            .collect();
        let (bytes, filters) = index(&[rows]);
        let table = FieldTable::decode(&bytes, &[1000]).unwrap();
        let pid = table.field(0, "pid", Some(&filters[0]));
        assert!(matches!(pid, FieldIndex::Many(_)));
        assert!((0..1000).all(|number| pid.may_equal(&number.to_string())));
        let passed = (1000..2000)
            .filter(|number| pid.may_equal(&number.to_string()))
            .count();
        assert!(passed < 100, "{passed}");
        let long = table.field(0, "long", Some(&filters[0]));
        assert!(long.may_equal(&"x".repeat(200)) && !long.may_equal("x"));
        assert_eq!(table.totals("pid"), FieldTotals::Many { rows: 1000 });
        assert!(
            table.field(0, "pid", None).may_equal("x"),
            "without its filter nothing is denied"
        );
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
        assert_eq!(table.keys(), None);
    }

    proptest! {
        #[test]
        fn no_bytes_break_the_reader(bytes in prop::collection::vec(0u8..9, 0..60)) {
            if let Some(table) = FieldTable::decode(&bytes, &[3, 3]) {
                let _ = (table.keys(), table.totals("a"));
            }
        }

        #[test]
        fn prefixes_are_refused(at: prop::sample::Index) {
            let (bytes, _) = index(&[vec![json!({"unit": "ssh", "pid": 1, "tag": ["a", "b"]})]]);
            let cut = at.index(bytes.len());
            prop_assert!(FieldTable::decode(&bytes[..cut], &[1]).is_none());
        }
    }
}
