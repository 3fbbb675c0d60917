//! The rows of a block before it is written.

use crate::record::Level;
use crate::store::format::batch::{BatchColumns, Damage};
use crate::store::format::column::{put_varint, put_zigzag};
use crate::store::format::summary::Summary;
use crate::store::read::weights::RowWeight;
use crate::time::Micros;

/// The rows of a block, ascending by id.
#[derive(Debug, Default)]
pub(in crate::store) struct RowBuffer {
    rows: Vec<FixedColumns>,
    messages: Vec<u8>,
    metadata: Vec<u8>,
}

/// A row without its texts.
#[derive(Debug, Clone, Copy)]
struct FixedColumns {
    id: u64,
    timestamp: Micros,
    source: u32,
    message_length: u32,
    metadata_length: u32,
    level: Level,
}

/// A row of a batch.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct BatchRow<'a> {
    fixed: FixedColumns,
    message: &'a [u8],
    metadata: &'a [u8],
}

impl BatchRow<'_> {
    pub(in crate::store) fn weight(&self) -> RowWeight {
        RowWeight {
            source: self.fixed.source,
            bytes: (self.message.len() + self.metadata.len()) as u64,
        }
    }

    pub(in crate::store) fn id(&self) -> u64 {
        self.fixed.id
    }
}

/// Calls `take` with each row of a batch.
pub(in crate::store) fn each_row<'a>(
    batch: &BatchColumns<'a>,
    mut take: impl FnMut(BatchRow<'a>),
) -> Result<(), Damage> {
    let mut messages = batch.text().as_bytes();
    let lengths = batch.message_lengths().zip(batch.row_metadata());
    let fixed = batch.timestamps().zip(batch.sources()).zip(batch.levels());
    for ((id, ((timestamp, source), level)), (message_length, metadata)) in
        batch.ids().zip(fixed).zip(lengths)
    {
        // The sums of the lengths were checked when the batch was decoded.
        let split = messages.split_at_checked(message_length as usize);
        let (message, after) = split.ok_or(Damage("message lengths"))?;
        messages = after;
        take(BatchRow {
            fixed: FixedColumns {
                id,
                timestamp,
                source,
                message_length,
                metadata_length: u32::try_from(metadata.len()).unwrap_or(u32::MAX),
                level: level.ok_or(Damage("levels"))?,
            },
            message,
            metadata,
        });
    }
    Ok(())
}

impl RowBuffer {
    pub(in crate::store) fn add(&mut self, row: &BatchRow<'_>) {
        self.rows.push(row.fixed);
        self.messages.extend_from_slice(row.message);
        self.metadata.extend_from_slice(row.metadata);
    }

    pub(in crate::store) fn len(&self) -> usize {
        self.rows.len()
    }

    /// All messages, concatenated.
    pub(in crate::store) fn messages(&self) -> &[u8] {
        &self.messages
    }

    /// All metadata, concatenated.
    pub(in crate::store) fn metadata(&self) -> &[u8] {
        &self.metadata
    }

    /// The message of each row.
    pub(in crate::store) fn each_message(&self) -> impl Iterator<Item = &[u8]> {
        parts(&self.messages, self.message_lengths())
    }

    /// The metadata of each row.
    pub(in crate::store) fn each_metadata(&self) -> impl Iterator<Item = &[u8]> {
        parts(&self.metadata, self.metadata_lengths())
    }

    pub(in crate::store) fn message_lengths(&self) -> impl Iterator<Item = u32> {
        self.rows.iter().map(|row| row.message_length)
    }

    pub(in crate::store) fn metadata_lengths(&self) -> impl Iterator<Item = u32> {
        self.rows.iter().map(|row| row.metadata_length)
    }

    pub(in crate::store) fn sources(&self) -> impl Iterator<Item = u32> {
        self.rows.iter().map(|row| row.source)
    }

    pub(in crate::store) fn levels(&self) -> impl Iterator<Item = Level> {
        self.rows.iter().map(|row| row.level)
    }

    /// `None` without rows.
    pub(in crate::store) fn summary(&self) -> Option<Summary> {
        let (first, last) = self.rows.first().zip(self.rows.last())?;
        let mut levels = [0_u32; 4];
        for row in &self.rows {
            if let Some(count) = levels.get_mut(row.level.index()) {
                *count += 1;
            }
        }
        let times = || self.rows.iter().map(|row| row.timestamp);
        let is_same = self.sources().all(|source| source == first.source);
        Some(Summary {
            source: is_same.then_some(first.source),
            rows: u32::try_from(self.rows.len()).unwrap_or(u32::MAX),
            ids: first.id..last.id + 1,
            times: times().min()?..=times().max()?,
            levels,
        })
    }

    /// Encodes the column of ids.
    pub(in crate::store) fn put_ids(&self, raw: &mut Vec<u8>) {
        let mut next = self.rows.first().map_or(0, |row| row.id);
        for row in &self.rows {
            put_varint(raw, row.id - next);
            next = row.id + 1;
        }
    }

    /// Encodes the column of timestamps.
    pub(in crate::store) fn put_timestamps(&self, raw: &mut Vec<u8>) {
        let mut before = 0;
        for row in &self.rows {
            // The difference cannot overflow: a timestamp is within the years 0000 to 9999.
            put_zigzag(raw, row.timestamp.get() - before);
            before = row.timestamp.get();
        }
    }
}

/// Consecutive parts with these lengths.
fn parts(bytes: &[u8], lengths: impl Iterator<Item = u32>) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    lengths.map(move |length| {
        let (part, after) = rest.split_at_checked(length as usize).unwrap_or_default();
        rest = after;
        part
    })
}
