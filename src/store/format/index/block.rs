//! Building the index of a block.

use super::bloom::BloomBuilder;
use super::field_builder::{BlockFields, FieldIndexBuilder};
use super::grams::{GramBuilder, fold_into};
use super::tokens;
use super::unlisted::fnv;
use crate::record::Source;
use crate::store::format::metadata::values::RowValues;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::mem;

/// Collects the texts and fields of a block. One builder makes the indexes of many blocks, one after another.
#[derive(Debug)]
pub(in crate::store) struct BlockIndexBuilder {
    grams: GramBuilder,
    filter: BloomBuilder,
    fields: BlockFields,
    folded: Vec<u8>,
    /// The text before, whose 3-grams are collected: texts of one source often begin alike.
    before: Vec<u8>,
}

/// The encoded index of a block, without its fields.
#[derive(Debug)]
pub(in crate::store) struct TextIndex {
    pub(in crate::store) bitmap: Vec<u8>,
    pub(in crate::store) filter: Vec<u8>,
}

impl BlockIndexBuilder {
    pub(in crate::store) fn new() -> Self {
        Self {
            grams: GramBuilder::new(),
            filter: BloomBuilder::default(),
            fields: BlockFields::default(),
            folded: vec![],
            before: vec![],
        }
    }

    /// Adds a message; `None` if it is not UTF-8.
    pub(in crate::store) fn add_message(&mut self, message: &[u8]) -> Option<()> {
        self.add_text(message)
    }

    /// Adds the metadata of all rows of the block; `None` if that of a row is not valid.
    pub(in crate::store) fn add_metadata<'a>(
        &mut self,
        rows: impl Iterator<Item = &'a [u8]>,
    ) -> Option<()> {
        for (bytes, count) in distinct(rows) {
            let values = RowValues::decode(bytes)?;
            self.fields.add(&values, count, &mut self.filter);
            values.each_text(|text| {
                // A text is always UTF-8.
                let _ = self.add_text(text.as_bytes());
            });
        }
        Some(())
    }

    /// Adds the source of a row of a block with several sources.
    pub(in crate::store) fn add_source(&mut self, source: &Source) {
        self.filter.add(source_hash(source));
    }

    fn add_text(&mut self, text: &[u8]) -> Option<()> {
        fold_into(text, &mut self.folded)?;
        let known = common_length(&self.before, &self.folded).saturating_sub(2);
        self.grams.add(self.folded.get(known..).unwrap_or_default());
        tokens::each_sample(&self.folded, |hash| self.filter.add(hash));
        mem::swap(&mut self.before, &mut self.folded);
        Some(())
    }

    /// Encodes the index of the block, and empties the builder. The fields go into `fields`.
    pub(in crate::store) fn finish(&mut self, fields: &mut FieldIndexBuilder) -> TextIndex {
        self.fields.finish(fields, &mut self.filter);
        self.before.clear();
        TextIndex {
            bitmap: self.grams.finish(),
            filter: self.filter.finish(),
        }
    }
}

/// The hash of a source in the filter of a block. The byte before the name is in no text, so that no path of a key can be the same.
pub(in crate::store) fn source_hash(source: &Source) -> u64 {
    let bytes = [0xff].into_iter().chain(source.as_str().bytes());
    tokens::mixed(fnv(bytes))
}

/// The number of bytes with which both texts begin, rounded down to whole words.
fn common_length(a: &[u8], b: &[u8]) -> usize {
    let words = a.as_chunks::<8>().0.iter().zip(b.as_chunks::<8>().0);
    8 * words.take_while(|(a, b)| a == b).count()
}

/// The different metadata of rows, in order of appearance, with the number of rows that have it. Most rows of a block have the same
/// few.
fn distinct<'a>(rows: impl Iterator<Item = &'a [u8]>) -> Vec<(&'a [u8], u32)> {
    let mut found: Vec<(&[u8], u32)> = vec![];
    let mut places: HashMap<&[u8], usize, BuildHasherDefault<WordHasher>> = HashMap::default();
    for bytes in rows {
        let place = *places.entry(bytes).or_insert(found.len());
        match found.get_mut(place) {
            Some((_, count)) => *count += 1,
            None => found.push((bytes, 1)),
        }
    }
    found
}

/// Hashes eight bytes at a time. The keys are our own and live for one block: nothing is gained by making them collide.
#[derive(Debug, Default)]
struct WordHasher(u64);

impl Hasher for WordHasher {
    fn finish(&self) -> u64 {
        tokens::mixed(self.0)
    }

    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.write_u64(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        for (to, from) in last.iter_mut().zip(rest) {
            *to = *from;
        }
        self.write_u64(u64::from_le_bytes(last));
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }
}
