//! Blocks: rows that are stored together, read a column at a time.

use super::active::Group;
use super::batch;
use super::error::Error;
use super::layout::Column;
use super::segment::{Body, Segment};
use crate::record::{Id, Level, Metadata, Record, Source, StoredRecord};
use crate::time::Micros;
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a footer says of a block without touching its columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Index in [`Segment::sources`]; `None` when the block holds several.
    pub source: Option<u32>,
    /// Rows.
    pub rows: u32,
    /// First and one past the last id (other blocks hold ids between).
    pub ids: Range<u64>,
    /// Earliest and latest timestamp.
    pub times: RangeInclusive<Micros>,
    /// Rows by `Level::index`.
    pub levels: [u32; 4],
}

/// Rows that are stored together, ascending by id. Each column is read and checked on its own.
#[derive(Debug, Clone, Copy)]
pub struct Block<'a> {
    segment: &'a Segment,
    place: BlockPlace<'a>,
}

#[derive(Debug, Clone, Copy)]
enum BlockPlace<'a> {
    Active(&'a super::active::ActiveSegment, &'a Group),
    Sealed(
        &'a super::sealed::SealedSegment,
        &'a super::sealed::SealedBlock,
    ),
}

impl<'a> Block<'a> {
    pub(super) fn new(segment: &'a Segment, index: usize) -> Option<Self> {
        let place = match segment.body() {
            Body::Active(active) => BlockPlace::Active(active, active.group(index)?),
            Body::Sealed(sealed) => BlockPlace::Sealed(sealed, sealed.block(index)?),
        };
        Some(Self { segment, place })
    }

    /// What is known without reading it.
    #[must_use]
    pub fn summary(&self) -> &'a Summary {
        match self.place {
            BlockPlace::Active(_, group) => &group.summary,
            BlockPlace::Sealed(_, block) => &block.entry.summary,
        }
    }

    /// False only when no message holds `folded` (a text that went through [`super::fold()`]).
    #[must_use]
    pub fn may_contain(&self, folded: &str) -> bool {
        match self.place {
            BlockPlace::Active(active, group) => active.may_contain(group, folded),
            BlockPlace::Sealed(sealed, block) => sealed.may_contain(block, folded),
        }
    }

    /// The id of each row.
    pub fn ids(&self) -> Result<Vec<u64>, Error> {
        let ids = match self.place {
            BlockPlace::Active(active, group) => active.columns(group)?.ids.clone(),
            BlockPlace::Sealed(sealed, block) => sealed.ids(&block.entry)?,
        };
        self.whole(ids, Column::Ids)
    }

    /// The source of each row; `None` when all are `summary().source`.
    pub fn sources(&self) -> Result<Option<Vec<u32>>, Error> {
        if self.summary().source.is_some() {
            return Ok(None);
        }
        let sources = match self.place {
            BlockPlace::Active(active, group) => {
                active.columns(group)?.sources.clone().unwrap_or_default()
            }
            BlockPlace::Sealed(sealed, block) => sealed.sources(&block.entry)?,
        };
        let known = self.segment.sources().len();
        if sources.iter().any(|source| *source as usize >= known) {
            return Err(self.corrupt(Column::Sources));
        }
        self.whole(sources, Column::Sources).map(Some)
    }

    /// The timestamp of each row.
    pub fn timestamps(&self) -> Result<Vec<Micros>, Error> {
        let timestamps = match self.place {
            BlockPlace::Active(active, group) => active.columns(group)?.timestamps.clone(),
            BlockPlace::Sealed(sealed, block) => sealed.timestamps(&block.entry)?,
        };
        self.whole(timestamps, Column::Timestamps)
    }

    /// The level of each row.
    pub fn levels(&self) -> Result<Vec<Level>, Error> {
        let levels = match self.place {
            BlockPlace::Active(active, group) => active.columns(group)?.levels.clone(),
            BlockPlace::Sealed(sealed, block) => sealed.levels(&block.entry)?,
        };
        self.whole(levels, Column::Levels)
    }

    /// The messages.
    pub fn messages(&self) -> Result<Messages, Error> {
        self.cut(self.text()?)
    }

    /// All messages, one after another: a search needs no more but [`Self::message_ends`]. What is no text is found by
    /// [`Self::cut`].
    pub fn text(&self) -> Result<Vec<u8>, Error> {
        match self.place {
            BlockPlace::Active(active, group) => {
                let text = &active.columns(group)?.messages.text;
                Ok(text.as_bytes().to_vec())
            }
            BlockPlace::Sealed(sealed, block) => sealed.text(&block.entry),
        }
    }

    /// Where each message ends in [`Self::text`], which has `length` bytes. That the borders are between chars, only
    /// [`Self::cut`] looks.
    pub fn message_ends(&self, length: usize) -> Result<Vec<u32>, Error> {
        let ends = match self.place {
            BlockPlace::Active(active, group) => active.columns(group)?.messages.ends.clone(),
            BlockPlace::Sealed(sealed, block) => sealed.message_ends(&block.entry)?,
        };
        if ends.last().map_or(0, |end| *end as usize) != length {
            return Err(self.corrupt(Column::MessageLengths));
        }
        self.whole(ends, Column::MessageLengths)
    }

    /// The messages, of which [`Self::text`] was read before.
    pub fn cut(&self, text: Vec<u8>) -> Result<Messages, Error> {
        let messages = match self.place {
            BlockPlace::Active(active, group) => active.columns(group)?.messages.clone(),
            BlockPlace::Sealed(sealed, block) => sealed.cut(&block.entry, text)?,
        };
        if messages.ends.len() != self.rows() {
            return Err(self.corrupt(Column::Messages));
        }
        Ok(messages)
    }

    /// The metadata, still encoded.
    pub fn metadata(&self) -> Result<MetadataColumn, Error> {
        let metadata = match self.place {
            BlockPlace::Active(active, group) => active.columns(group)?.metadata.clone(),
            BlockPlace::Sealed(sealed, block) => sealed.metadata(&block.entry)?,
        };
        if metadata.ends.len() != self.rows() {
            return Err(self.corrupt(Column::Metadata));
        }
        Ok(metadata)
    }

    /// How many bytes messages and metadata take, before they are compressed: at most so many, without reading any.
    #[must_use]
    pub fn content_bytes(&self) -> u64 {
        match self.place {
            BlockPlace::Active(_, group) => group.length(),
            BlockPlace::Sealed(_, block) => {
                let raw = |column| u64::from(block.entry.chunk(column).raw);
                raw(Column::Messages) + raw(Column::Metadata)
            }
        }
    }

    /// How many bytes message and metadata of each row take.
    pub fn row_bytes(&self) -> Result<Vec<u64>, Error> {
        let lengths = match self.place {
            BlockPlace::Active(active, group) => active.read(group)?.lengths()?,
            BlockPlace::Sealed(sealed, block) => sealed.lengths(&block.entry)?,
        };
        self.whole(lengths, Column::MessageLengths)
    }

    /// Whole records of the rows with these indexes (ascending).
    ///
    /// # Panics
    /// When an index is not below `summary().rows`.
    pub fn records(&self, rows: &[usize]) -> Result<Vec<StoredRecord>, Error> {
        if rows.is_empty() {
            return Ok(vec![]);
        }
        let columns = self.columns()?;
        rows.iter().map(|row| self.record(&columns, *row)).collect()
    }

    fn columns(&self) -> Result<Arc<Columns>, Error> {
        match self.place {
            BlockPlace::Active(active, group) => active.columns(group),
            BlockPlace::Sealed(sealed, block) => {
                let key = (sealed.key, block.entry.chunk(Column::Ids).offset);
                sealed.cache().columns(key, || self.sealed_columns())
            }
        }
    }

    fn sealed_columns(&self) -> Result<Columns, Error> {
        Ok(Columns {
            ids: self.ids()?,
            sources: self.sources()?,
            timestamps: self.timestamps()?,
            levels: self.levels()?,
            messages: self.messages()?,
            metadata: self.metadata()?,
        })
    }

    fn record(&self, columns: &Columns, row: usize) -> Result<StoredRecord, Error> {
        assert!(row < self.rows(), "row {row} of {}", self.rows());
        let number = match &columns.sources {
            Some(sources) => sources.get(row).copied(),
            None => self.summary().source,
        };
        let fixed = || {
            Some((
                *columns.ids.get(row)?,
                self.segment.sources().get(number? as usize)?,
                *columns.timestamps.get(row)?,
                *columns.levels.get(row)?,
            ))
        };
        let (id, source, timestamp, level): (_, &Source, _, _) =
            fixed().ok_or_else(|| self.corrupt(Column::Ids))?;
        Ok(StoredRecord {
            id: Id(id),
            record: Record {
                timestamp,
                source: source.clone(),
                level,
                message: columns.messages.get(row).to_owned(),
                metadata: columns.metadata.get(row)?,
            },
        })
    }

    fn rows(&self) -> usize {
        self.summary().rows as usize
    }

    fn whole<T>(&self, values: Vec<T>, column: Column) -> Result<Vec<T>, Error> {
        if values.len() != self.rows() {
            return Err(self.corrupt(column));
        }
        Ok(values)
    }

    /// What the footer says of a sealed block.
    pub(super) fn sealed_entry(&self) -> Option<&'a super::footer::Entry> {
        match self.place {
            BlockPlace::Active(..) => None,
            BlockPlace::Sealed(_, block) => Some(&block.entry),
        }
    }

    pub(super) fn corrupt(&self, column: Column) -> Error {
        match self.place {
            BlockPlace::Active(active, group) => {
                Error::corrupt(active.path(), group.start(), column.name())
            }
            BlockPlace::Sealed(sealed, block) => sealed.corrupt(&block.entry, column),
        }
    }
}

/// Every column of a block.
#[derive(Debug)]
pub(super) struct Columns {
    pub(super) ids: Vec<u64>,
    /// None when all rows have the source of the summary.
    pub(super) sources: Option<Vec<u32>>,
    pub(super) timestamps: Vec<Micros>,
    pub(super) levels: Vec<Level>,
    pub(super) messages: Messages,
    pub(super) metadata: MetadataColumn,
}

impl Columns {
    /// The memory that they take, nearly.
    pub(super) fn bytes(&self) -> usize {
        let content = self.messages.text.len() + self.metadata.bytes.len();
        content + self.messages.ends.len() * BYTES_A_ROW
    }

    /// Columns that take so much memory.
    #[cfg(test)]
    pub(super) fn of_bytes(bytes: usize) -> Self {
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

/// Id, timestamp, source, level and two lengths.
const BYTES_A_ROW: usize = 8 + 8 + 4 + 1 + 4 + 4;

/// The messages of a block: one text, cut by row.
#[derive(Debug, Clone)]
pub struct Messages {
    text: String,
    ends: Vec<u32>,
}

impl Messages {
    /// `None` when the lengths do not cut `text` into whole chars from end to end.
    pub(super) fn new(text: String, lengths: &[u32]) -> Option<Self> {
        let ends = ends(lengths.iter().copied())?;
        let whole = ends.last().map_or(0, |end| *end as usize) == text.len();
        let between_chars = |end: &u32| text.is_char_boundary(*end as usize);
        let cut = text.is_ascii() || ends.iter().all(between_chars);
        (whole && cut).then_some(Self { text, ends })
    }

    /// The message of a row.
    ///
    /// # Panics
    /// When there is no such row.
    #[must_use]
    pub fn get(&self, row: usize) -> &str {
        range(&self.ends, row)
            .and_then(|range| self.text.get(range))
            .unwrap_or_else(|| panic!("row {row} of {}", self.ends.len()))
    }

    /// All messages, one after another without separator.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where in `text` each row ends.
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
    /// `None` when the lengths do not cut `bytes` from end to end. The place is for errors.
    pub(super) fn new(bytes: Vec<u8>, lengths: &[u32], path: &Path, offset: u64) -> Option<Self> {
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
    /// When there is no such row.
    pub fn get(&self, row: usize) -> Result<Metadata, Error> {
        batch::decode_metadata(self.bytes(row))
            .ok_or_else(|| Error::corrupt(&self.path, self.offset, Column::Metadata.name()))
    }
}

impl MetadataColumn {
    /// The metadata of a row as it is encoded; equal bytes mean equal metadata, and every string in it stands there as it is.
    ///
    /// # Panics
    /// When there is no such row.
    #[must_use]
    pub fn bytes(&self, row: usize) -> &[u8] {
        range(&self.ends, row)
            .and_then(|range| self.bytes.get(range))
            .unwrap_or_else(|| panic!("row {row} of {}", self.ends.len()))
    }

    /// All encoded metadata, one after another.
    #[must_use]
    pub fn all_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Where each of the rows ends that have these lengths, one after another.
pub(super) fn ends<T>(lengths: impl IntoIterator<Item = T>) -> Option<Vec<u32>>
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
    fn messages_are_cut_where_the_lengths_say() {
        let messages = Messages::new("ab\u{e9}".to_owned(), &[1, 0, 3]).unwrap();
        assert_eq!(messages.get(0), "a");
        assert_eq!(messages.get(1), "");
        assert_eq!(messages.get(2), "b\u{e9}");
        assert_eq!(messages.ends(), [1, 1, 4]);
        assert_eq!(messages.text(), "ab\u{e9}");
    }

    #[test]
    fn lengths_that_do_not_fit_are_refused() {
        let text = || "ab\u{e9}".to_owned();
        assert!(Messages::new(text(), &[1, 2]).is_none(), "too short");
        assert!(Messages::new(text(), &[5]).is_none(), "too long");
        assert!(Messages::new(text(), &[3, 1]).is_none(), "inside a char");
        assert!(Messages::new(text(), &[u32::MAX, 5]).is_none(), "overflow");
        assert!(MetadataColumn::new(vec![0], &[2], Path::new("x"), 0).is_none());
    }

    #[test]
    fn damaged_metadata_names_its_place() {
        let column = MetadataColumn::new(vec![1], &[1], Path::new("x"), 9).unwrap();
        assert_eq!(
            column.get(0).unwrap_err().to_string(),
            "x: block metadata at offset 9 is damaged"
        );
    }
}
