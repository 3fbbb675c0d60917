//! The columns of a block in memory.

use crate::record::{Level, Metadata};
use crate::store::error::Error;
use crate::store::format::batch;
use crate::store::format::layout::Column;
use crate::store::format::metadata::{cbor, json};
use crate::time::Micros;
use memchr::memmem::Finder;
use serde_json::Value;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// All columns of a block.
#[derive(Debug)]
pub(in crate::store) struct Columns {
    pub(in crate::store) ids: Vec<u64>,
    /// `None` if all rows have the source of the summary.
    pub(in crate::store) sources: Option<Vec<u32>>,
    pub(in crate::store) timestamps: Vec<Micros>,
    pub(in crate::store) levels: Vec<Level>,
    pub(in crate::store) messages: Messages,
    pub(in crate::store) metadata: MetadataColumn,
}

impl Columns {
    /// The approximate memory that they take, in bytes.
    pub(in crate::store) fn bytes(&self) -> usize {
        let content = self.messages.text.len() + self.metadata.bytes.len();
        content + self.messages.ends.len() * BYTES_A_ROW
    }

    /// The size of message and metadata of each row in bytes.
    pub(in crate::store) fn row_bytes(&self) -> Vec<u64> {
        let both = lengths(&self.messages.ends).zip(lengths(&self.metadata.ends));
        both.map(|(message, metadata)| message + metadata).collect()
    }

    /// Columns that take this number of bytes.
    #[cfg(test)]
    pub(in crate::store) fn of_bytes(bytes: usize) -> Self {
        Self {
            ids: vec![],
            sources: None,
            timestamps: vec![],
            levels: vec![],
            messages: Messages {
                text: "x".repeat(bytes),
                ends: vec![],
            },
            metadata: MetadataColumn {
                bytes: vec![],
                ends: vec![],
                path: PathBuf::new(),
                offset: 0,
            },
        }
    }
}

/// Id, timestamp, source, level and two ends.
const BYTES_A_ROW: usize = 8 + 8 + 4 + 1 + 4 + 4;

/// The messages of a block: one text, split by row.
#[derive(Debug, Clone)]
pub struct Messages {
    text: String,
    ends: Vec<u32>,
}

impl Messages {
    /// `None` if the lengths do not split all of `text` between characters.
    pub(in crate::store) fn new(text: String, lengths: &[u32]) -> Option<Self> {
        let ends = ends(lengths.iter().copied())?;
        let whole = ends.last().map_or(0, |end| *end as usize) == text.len();
        let between_chars = |end: &u32| text.is_char_boundary(*end as usize);
        let cut = text.is_ascii() || ends.iter().all(between_chars);
        (whole && cut).then_some(Self { text, ends })
    }

    /// The message of a row.
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    pub fn get(&self, row: usize) -> &str {
        range(&self.ends, row)
            .and_then(|range| self.text.get(range))
            .unwrap_or_else(|| panic!("row {row} of {}", self.ends.len()))
    }

    /// All messages, concatenated.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The end of each row in `text`.
    #[must_use]
    pub fn ends(&self) -> &[u32] {
        &self.ends
    }
}

/// The metadata of a block.
#[derive(Debug, Clone)]
pub struct MetadataColumn {
    bytes: Vec<u8>,
    ends: Vec<u32>,
    path: PathBuf,
    offset: u64,
}

impl MetadataColumn {
    /// `None` if the lengths do not split all of `bytes`. `path` and `offset` are for errors.
    pub(in crate::store) fn new(
        bytes: Vec<u8>,
        lengths: &[u32],
        path: &Path,
        offset: u64,
    ) -> Option<Self> {
        let ends = ends(lengths.iter().copied())?;
        let whole = ends.last().map_or(0, |end| *end as usize) == bytes.len();
        whole.then(|| Self {
            bytes,
            ends,
            path: path.to_owned(),
            offset,
        })
    }

    /// The metadata of a row.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn get(&self, row: usize) -> Result<Metadata, Error> {
        batch::decode_metadata(self.bytes(row)).ok_or_else(|| self.corrupt())
    }

    /// The encoded value of a key of a row, empty if it has none. of values only the structure is checked.
    ///
    /// # Errors
    /// As [`Self::get`].
    ///
    /// # Panics
    /// If there is no such row.
    pub fn value_bytes(&self, row: usize, key: &str) -> Result<&[u8], Error> {
        cbor::value_bytes(self.bytes(row), key).ok_or_else(|| self.corrupt())
    }

    /// Decodes a result of [`Self::value_bytes`].
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn decode_value(&self, bytes: &[u8]) -> Result<Value, Error> {
        cbor::decode_value(bytes).ok_or_else(|| self.corrupt())
    }

    /// Appends the metadata of a row as JSON, byte for byte as [`Self::get`] and `serde_json` give it. After an error nothing is
    /// appended.
    ///
    /// # Errors
    /// As [`Self::get`].
    ///
    /// # Panics
    /// If there is no such row.
    pub fn write_json(&self, row: usize, out: &mut Vec<u8>) -> Result<(), Error> {
        json::write(self.bytes(row), out).ok_or_else(|| self.corrupt())
    }

    fn corrupt(&self) -> Error {
        Error::corrupt(&self.path, self.offset, Column::Metadata.name())
    }
}

impl MetadataColumn {
    /// The number of rows.
    pub(in crate::store) fn rows(&self) -> usize {
        self.ends.len()
    }

    /// The encoded metadata of a row. Equal metadata has equal bytes, and the bytes of every string are part of them.
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    pub fn bytes(&self, row: usize) -> &[u8] {
        range(&self.ends, row)
            .and_then(|range| self.bytes.get(range))
            .unwrap_or_else(|| panic!("row {row} of {}", self.ends.len()))
    }

    /// The rows whose encoded metadata contains these bytes, ascending.
    #[must_use]
    pub fn rows_with(&self, needle: &Finder<'_>) -> Vec<u32> {
        let length = needle.needle().len();
        let mut rows = vec![];
        let (mut row, mut at) = (0, 0);
        while let Some(found) = self.bytes.get(at..).and_then(|rest| needle.find(rest)) {
            let start = at + found;
            row = row_at(&self.ends, row, start);
            let Some(end) = self.ends.get(row).map(|end| *end as usize) else {
                break;
            };
            // Across the end of a row it is in neither, and no later one begins in the same row and ends there.
            if start + length <= end {
                rows.extend(u32::try_from(row));
            }
            at = end;
        }
        rows
    }

    /// The end of each row in [`Self::all_bytes`].
    #[must_use]
    pub fn ends(&self) -> &[u32] {
        &self.ends
    }

    /// All encoded metadata, concatenated.
    #[must_use]
    pub fn all_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// The values of one key in the metadata of a block, encoded.
#[derive(Debug)]
pub struct StoredValues {
    bytes: Vec<u8>,
    rows: Vec<Range<usize>>,
    path: PathBuf,
    offset: u64,
}

impl StoredValues {
    /// `rows`: the place of the value of each row in `bytes`. `path` and `offset` are for errors.
    pub(in crate::store) fn new(
        bytes: Vec<u8>,
        rows: Vec<Range<usize>>,
        path: &Path,
        offset: u64,
    ) -> Self {
        Self {
            bytes,
            rows,
            path: path.to_owned(),
            offset,
        }
    }

    /// The encoded value of a row, empty if it has none.
    #[must_use]
    pub fn bytes(&self, row: usize) -> &[u8] {
        let place = self.rows.get(row).cloned();
        place
            .and_then(|place| self.bytes.get(place))
            .unwrap_or_default()
    }

    /// Decodes a result of [`Self::bytes`].
    ///
    /// # Errors
    /// As [`MetadataColumn::get`].
    pub fn decode(&self, bytes: &[u8]) -> Result<Value, Error> {
        let corrupt = || Error::corrupt(&self.path, self.offset, Column::Metadata.name());
        cbor::decode_value(bytes).ok_or_else(corrupt)
    }
}

/// The row that contains a byte, searched from `row`: it is usually close.
#[must_use]
pub fn row_at(ends: &[u32], mut row: usize, byte: usize) -> usize {
    let is_before = |end: &u32| *end as usize <= byte;
    let mut step = 1;
    while ends.get(row + step).is_some_and(is_before) {
        row += step;
        step *= 2;
    }
    let later = ends.get(row..).unwrap_or_default();
    let within = later.get(..=step).unwrap_or(later);
    row + within.partition_point(is_before)
}

/// The ends of consecutive rows with these lengths.
pub(in crate::store) fn ends<T>(lengths: impl IntoIterator<Item = T>) -> Option<Vec<u32>>
where
    u32: TryFrom<T>,
{
    let mut end = 0_u32;
    let ends = lengths.into_iter().map(|length| {
        end = end.checked_add(u32::try_from(length).ok()?)?;
        Some(end)
    });
    ends.collect()
}

/// The lengths of consecutive rows with these ends.
fn lengths(ends: &[u32]) -> impl Iterator<Item = u64> {
    let starts = [0].into_iter().chain(ends.iter().copied());
    let ends = ends.iter();
    ends.zip(starts)
        .map(|(end, start)| u64::from(end.saturating_sub(start)))
}

fn range(ends: &[u32], row: usize) -> Option<Range<usize>> {
    let start = match row.checked_sub(1) {
        Some(before) => *ends.get(before)?,
        None => 0,
    };
    Some(start as usize..*ends.get(row)? as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_split_by_their_lengths() {
        let messages = Messages::new("ab\u{e9}".to_owned(), &[1, 0, 3]).unwrap();
        assert_eq!(messages.get(0), "a");
        assert_eq!(messages.get(1), "");
        assert_eq!(messages.get(2), "b\u{e9}");
        assert_eq!(messages.ends(), [1, 1, 4]);
        assert_eq!(messages.text(), "ab\u{e9}");
    }

    #[test]
    fn rows_with_a_text_are_found_where_it_is_in_one_row() {
        let rows = ["abc", "", "ab", "cab", "c", "xabcabc", "b"];
        let lengths = rows.map(|row| u32::try_from(row.len()).unwrap());
        let bytes = rows.concat().into_bytes();
        let column = MetadataColumn::new(bytes, &lengths, Path::new("x"), 0).unwrap();
        for needle in ["abc", "ab", "b", "cc", "x", "c"] {
            let expected: Vec<u32> = (0..)
                .zip(rows)
                .filter(|(_, row)| row.contains(needle))
                .map(|(row, _)| row)
                .collect();
            assert_eq!(column.rows_with(&Finder::new(needle)), expected, "{needle}");
        }
    }

    #[test]
    fn wrong_lengths_are_refused() {
        let text = || "ab\u{e9}".to_owned();
        assert!(Messages::new(text(), &[1, 2]).is_none(), "too short");
        assert!(Messages::new(text(), &[5]).is_none(), "too long");
        assert!(Messages::new(text(), &[3, 1]).is_none(), "inside a char");
        assert!(Messages::new(text(), &[u32::MAX, 5]).is_none(), "overflow");
        assert!(MetadataColumn::new(vec![0], &[2], Path::new("x"), 0).is_none());
    }

    #[test]
    fn error_of_damaged_metadata_names_its_place() {
        let column = MetadataColumn::new(vec![1], &[1], Path::new("x"), 9).unwrap();
        assert_eq!(
            column.get(0).unwrap_err().to_string(),
            "x: block metadata at offset 9 is damaged"
        );
    }
}
