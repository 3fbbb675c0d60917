//! Blocks: rows that are stored together and read a column at a time.

use super::active::ActiveSegment;
use super::columns::{Columns, Messages, MetadataColumn, StoredValues};
use super::group::Group;
use super::sealed::{SealedBlock, SealedSegment};
use super::tally::SourceTally;
use crate::record::{Id, Level, Record, Source, StoredRecord};
use crate::store::error::Error;
use crate::store::format::footer::BlockEntry;
use crate::store::format::index::fields::FieldIndex;
use crate::store::format::layout::Column;
use crate::store::format::summary::Summary;
use crate::time::Micros;
use std::sync::Arc;

/// Rows that are stored together, ascending by id. Each column is read and checked on its own.
#[derive(Debug, Clone, Copy)]
pub struct Block<'a> {
    sources: &'a [Source],
    /// Its number in the segment.
    index: usize,
    place: BlockPlace<'a>,
}

#[derive(Debug, Clone, Copy)]
enum BlockPlace<'a> {
    Active(&'a ActiveSegment, &'a Group),
    Sealed(&'a SealedSegment, &'a SealedBlock),
}

impl<'a> Block<'a> {
    /// A block of an active segment; `None` if it has fewer blocks.
    pub(in crate::store) fn active(
        sources: &'a [Source],
        active: &'a ActiveSegment,
        index: usize,
    ) -> Option<Self> {
        let place = BlockPlace::Active(active, active.group(index)?);
        Some(Self {
            sources,
            index,
            place,
        })
    }

    /// A block of a sealed segment; `None` if it has fewer blocks.
    pub(in crate::store) fn sealed(
        sources: &'a [Source],
        sealed: &'a SealedSegment,
        index: usize,
    ) -> Option<Self> {
        let place = BlockPlace::Sealed(sealed, sealed.block(index)?);
        Some(Self {
            sources,
            index,
            place,
        })
    }

    /// The part that is known without reading a column.
    #[must_use]
    pub fn summary(&self) -> &'a Summary {
        match self.place {
            BlockPlace::Active(_, group) => &group.summary,
            BlockPlace::Sealed(_, block) => &block.entry.summary,
        }
    }

    /// The counts of its rows by source, ascending by number, where they are known without reading a column.
    #[must_use]
    pub fn tallies(&self) -> Option<&'a [SourceTally]> {
        match self.place {
            BlockPlace::Active(_, group) => Some(group.tallies()),
            BlockPlace::Sealed(..) => None,
        }
    }

    /// False only if no row has this source (index in [`crate::store::Segment::sources`]).
    #[must_use]
    pub fn may_have_source(&self, source: u32) -> bool {
        if let Some(own) = self.summary().source {
            return own == source;
        }
        match self.place {
            BlockPlace::Active(_, group) => group.has_source(source),
            BlockPlace::Sealed(sealed, block) => {
                let name = self.sources.get(source as usize);
                name.is_some_and(|name| sealed.may_have_source(block, name))
            }
        }
    }

    /// False only if no message contains `folded` (a text that was folded by [`crate::store::fold()`]).
    #[must_use]
    pub fn may_contain(&self, folded: &str) -> bool {
        match self.place {
            BlockPlace::Active(active, group) => active.may_contain(group, folded),
            BlockPlace::Sealed(sealed, block) => sealed.may_contain(block, folded),
        }
    }

    /// False only if no value of the metadata contains `folded`. Values are all strings, numbers and booleans, also nested ones,
    /// except those under [`crate::store::BOOKKEEPING_KEYS`].
    #[must_use]
    pub fn values_may_contain(&self, folded: &str) -> bool {
        match self.place {
            BlockPlace::Active(active, group) => active.values_may_contain(group, folded),
            BlockPlace::Sealed(sealed, block) => {
                sealed.values_may_contain(block, self.index, folded)
            }
        }
    }

    /// What is known about a key of the metadata without reading a column. Dots lead through nested objects, unless a key has
    /// them itself.
    #[must_use]
    pub fn field(&self, key: &str) -> FieldIndex<'a> {
        match self.place {
            BlockPlace::Active(active, group) => active.field(group, key),
            BlockPlace::Sealed(sealed, _) => sealed.field(self.index, key),
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

    /// The source of each row; `None` if all have `summary().source`.
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
        let known = self.sources.len();
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

    /// All messages, concatenated: with [`Self::message_ends`] this is enough for a search. Only [`Self::cut`] checks that they are
    /// valid text.
    pub fn text(&self) -> Result<Vec<u8>, Error> {
        match self.place {
            BlockPlace::Active(active, group) => {
                let columns = active.columns(group)?;
                Ok(columns.messages.text().as_bytes().to_vec())
            }
            BlockPlace::Sealed(sealed, block) => sealed.text(&block.entry),
        }
    }

    /// The end of each message in [`Self::text`], which has `length` bytes. Only [`Self::cut`] checks that the ends are between
    /// characters.
    pub fn message_ends(&self, length: usize) -> Result<Vec<u32>, Error> {
        let ends = match self.place {
            BlockPlace::Active(active, group) => active.columns(group)?.messages.ends().to_vec(),
            BlockPlace::Sealed(sealed, block) => sealed.message_ends(&block.entry)?,
        };
        if ends.last().map_or(0, |end| *end as usize) != length {
            return Err(self.corrupt(Column::MessageLengths));
        }
        self.whole(ends, Column::MessageLengths)
    }

    /// The messages, made from the result of [`Self::text`].
    pub fn cut(&self, text: Vec<u8>) -> Result<Messages, Error> {
        let messages = match self.place {
            BlockPlace::Active(active, group) => active.columns(group)?.messages.clone(),
            BlockPlace::Sealed(sealed, block) => sealed.cut(&block.entry, text)?,
        };
        if messages.ends().len() != self.rows() {
            return Err(self.corrupt(Column::Messages));
        }
        Ok(messages)
    }

    /// The metadata, encoded.
    pub fn metadata(&self) -> Result<MetadataColumn, Error> {
        let metadata = match self.place {
            BlockPlace::Active(active, group) => active.columns(group)?.metadata.clone(),
            BlockPlace::Sealed(sealed, block) => sealed.metadata(&block.entry)?,
        };
        self.checked(metadata)
    }

    /// The metadata, encoded; `None` if `may_hold` tells of bytes in which each of its keys and values occurs that they are not worth
    /// being decoded. It is not always asked.
    ///
    /// # Errors
    /// As [`Self::metadata`].
    pub fn metadata_where(
        &self,
        may_hold: impl FnOnce(&[u8]) -> bool,
    ) -> Result<Option<MetadataColumn>, Error> {
        match self.place {
            BlockPlace::Active(..) => self.metadata().map(Some),
            BlockPlace::Sealed(sealed, block) => {
                let metadata = sealed.metadata_where(&block.entry, may_hold)?;
                metadata.map(|metadata| self.checked(metadata)).transpose()
            }
        }
    }

    fn checked(&self, metadata: MetadataColumn) -> Result<MetadataColumn, Error> {
        if metadata.rows() != self.rows() {
            return Err(self.corrupt(Column::Metadata));
        }
        Ok(metadata)
    }

    /// The values of one key of the metadata, where they can be read without those of others.
    ///
    /// # Errors
    /// As [`Self::metadata`].
    pub fn values_of_key(&self, key: &str) -> Result<Option<StoredValues>, Error> {
        match self.place {
            BlockPlace::Active(..) => Ok(None),
            BlockPlace::Sealed(sealed, block) => sealed.values_of_key(&block.entry, key),
        }
    }

    /// The uncompressed size of messages and metadata in bytes, or an upper bound, without reading them.
    #[must_use]
    pub fn content_bytes(&self) -> u64 {
        match self.place {
            BlockPlace::Active(_, group) => group.raw_length(),
            BlockPlace::Sealed(_, block) => {
                let messages = block.entry.chunk(Column::Messages).raw;
                u64::from(messages) + u64::from(block.entry.metadata.length)
            }
        }
    }

    /// The size of message and metadata of each row in bytes.
    pub fn row_bytes(&self) -> Result<Vec<u64>, Error> {
        let lengths = match self.place {
            BlockPlace::Active(active, group) => active.columns(group)?.row_bytes(),
            BlockPlace::Sealed(sealed, block) => sealed.lengths(&block.entry)?,
        };
        self.whole(lengths, Column::MessageLengths)
    }

    /// The records of the rows with these indexes (ascending).
    ///
    /// # Panics
    /// If an index is not below `summary().rows`.
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
                self.sources.get(number? as usize)?,
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

    /// The footer's entry of a sealed block.
    pub(in crate::store) fn sealed_entry(&self) -> Option<&'a BlockEntry> {
        match self.place {
            BlockPlace::Active(..) => None,
            BlockPlace::Sealed(_, block) => Some(&block.entry),
        }
    }

    pub(in crate::store) fn corrupt(&self, column: Column) -> Error {
        match self.place {
            BlockPlace::Active(active, group) => {
                Error::corrupt(active.path(), group.start(), column.name())
            }
            BlockPlace::Sealed(sealed, block) => sealed.corrupt(&block.entry, column),
        }
    }
}
