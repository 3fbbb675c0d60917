//! Decoding the field index of a segment.

use super::field_builder::{
    FORM_LISTED, FORM_MANY, FORM_PRESENT, FORM_SINGLE, KEYS_MAX, VALUES_MAX,
};
use super::fields::{BlockTable, Field, FieldTable, IndexedKey, ValueForm};
use super::fold::fold;
use crate::store::format::column::Varints;
use crate::store::format::layout::VERSION_3;
use crate::store::format::metadata::values::BOOKKEEPING_KEYS;
use std::borrow::Cow;
use std::ops::Range;
use std::sync::OnceLock;

impl FieldTable {
    /// Decodes the index of a segment of this format version whose blocks have these numbers of rows; `None` if it is not valid.
    pub(in crate::store) fn decode(bytes: &[u8], block_rows: &[u32], version: u32) -> Option<Self> {
        let mut table = Self {
            text: String::new(),
            keys: vec![],
            by_name: vec![],
            values: vec![],
            blocks: vec![],
            is_incomplete: false,
            fields: vec![],
            counts: vec![],
            bits: vec![],
        };
        let mut reader = Varints::new(bytes);
        for _ in 0..reader.count(KEYS_MAX)? {
            table.read_key(&mut reader)?;
        }
        let mut by_name: Vec<u32> = (0..length(&table.keys)).collect();
        by_name.sort_unstable_by_key(|number| table.name(*number));
        table.by_name = by_name;
        for rows in block_rows {
            table.read_block(&mut reader, *rows, version)?;
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
        let text = name.end..u32::try_from(self.text.len()).ok()?;
        let folded = match fold(self.slice(&text)) {
            Cow::Borrowed(_) => None,
            Cow::Owned(folded) => Some(folded.into_boxed_str()),
        };
        let is_bookkeeping = BOOKKEEPING_KEYS.contains(&self.slice(&name));
        self.keys.push(IndexedKey {
            name,
            values: start..length(&self.values),
            text,
            folded,
            sorted: OnceLock::new(),
            is_bookkeeping,
            is_many: false,
            totals: OnceLock::new(),
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

    fn read_block(&mut self, reader: &mut Varints<'_>, rows: u32, version: u32) -> Option<()> {
        let is_incomplete = match reader.next()? {
            0 => false,
            1 => true,
            _ => return None,
        };
        let start = length(&self.fields);
        let mut next = 0;
        for _ in 0..reader.count(KEYS_MAX)? {
            let field = self.read_field(reader, rows, version)?;
            if field.key < next {
                return None;
            }
            next = field.key + 1;
            if matches!(field.form, ValueForm::Many { .. }) {
                self.keys.get_mut(field.key as usize)?.is_many = true;
            }
            self.fields.push(field);
        }
        self.is_incomplete |= is_incomplete;
        self.blocks.push(BlockTable {
            is_incomplete,
            fields: start..length(&self.fields),
        });
        Some(())
    }

    fn read_field(
        &mut self,
        reader: &mut Varints<'_>,
        rows_max: u32,
        version: u32,
    ) -> Option<Field> {
        let key = u32::try_from(reader.next()?).ok()?;
        let values = self.keys.get(key as usize)?.values.clone();
        let rows = row_count(reader, rows_max)?;
        let form = match reader.next()? {
            FORM_MANY if version > VERSION_3 => ValueForm::Many {
                alphabet: u64::from_le_bytes(*reader.take(8)?.first_chunk()?),
            },
            FORM_MANY => ValueForm::Many { alphabet: u64::MAX },
            form @ (FORM_LISTED | FORM_SINGLE) => ValueForm::Listed {
                counts: self.read_counts(reader, rows_max, &values)?,
                is_single: form == FORM_SINGLE,
            },
            FORM_PRESENT if version > VERSION_3 => ValueForm::Present {
                bits: self.read_bits(reader, &values)?,
            },
            _ => return None,
        };
        Some(Field { key, rows, form })
    }

    fn read_counts(
        &mut self,
        reader: &mut Varints<'_>,
        rows_max: u32,
        values: &Range<u32>,
    ) -> Option<Range<u32>> {
        let start = length(&self.counts);
        let mut next = 0;
        for _ in 0..reader.count(VALUES_MAX)? {
            let value = u32::try_from(reader.next()?).ok()?;
            if value < next || value >= values.end - values.start {
                return None;
            }
            next = value + 1;
            let rows = row_count(reader, rows_max)?;
            self.counts.push((values.start + value, rows));
        }
        Some(start..length(&self.counts))
    }

    fn read_bits(&mut self, reader: &mut Varints<'_>, values: &Range<u32>) -> Option<Range<u32>> {
        let start = length(&self.bits);
        let count = reader.count(VALUES_MAX / 8)?;
        let bits = reader.take(count)?;
        let unused = bits.last().map_or(0, |last| last.leading_zeros()) as usize;
        if bits.len() * 8 - unused > values.len() {
            return None;
        }
        self.bits.extend_from_slice(bits);
        Some(start..length(&self.bits))
    }
}

/// A number of rows, of which there are some, but at most `max`.
fn row_count(reader: &mut Varints<'_>, max: u32) -> Option<u32> {
    let rows = u32::try_from(reader.next()?).ok()?;
    (1..=max).contains(&rows).then_some(rows)
}

fn length<T>(items: &[T]) -> u32 {
    // Bounded by the bytes that were decoded, which are below 4 GiB.
    u32::try_from(items.len()).unwrap_or(u32::MAX)
}
