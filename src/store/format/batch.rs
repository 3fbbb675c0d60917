//! Payloads of batch frames: records in columns, and positions.

use super::layout::VALUE_FORGOTTEN;
use super::metadata::cbor;
use crate::bytes::ByteReader;
use crate::bytes::Truncated;
use crate::record::{Level, Metadata, Position, Positions, Record, Source};
use crate::time::Micros;
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::sync::Arc;

/// The sources of a segment, numbered in order of appearance.
#[derive(Debug, Default)]
pub(in crate::store) struct Dictionary {
    names: Arc<Vec<Source>>,
    numbers: HashMap<Source, u32, RandomState>,
}

impl Dictionary {
    /// The number of a source; a new source gets the next one.
    fn number(&mut self, source: &Source) -> u32 {
        if let Some(number) = self.numbers.get(source) {
            return *number;
        }
        let number = saturated(self.names.len());
        self.numbers.insert(source.clone(), number);
        Arc::make_mut(&mut self.names).push(source.clone());
        number
    }

    /// Adds a source with the number that a frame gives it. Numbers are missing if the frame that assigned them was lost.
    pub(in crate::store) fn learn(&mut self, number: u32, source: &Source) -> Result<(), Damage> {
        let index = number as usize;
        if let Some(known) = self.names.get(index)
            && known.as_str() != UNNAMED
        {
            let same = (known == source).then_some(());
            return same.ok_or(Damage("source number"));
        }
        if index >= self.names.len() + SKIPPED_MAX {
            return Err(Damage("source number"));
        }
        let names = Arc::make_mut(&mut self.names);
        if names.len() <= index {
            names.resize_with(index + 1, unnamed);
        }
        if let Some(name) = names.get_mut(index) {
            name.clone_from(source);
        }
        self.numbers.insert(source.clone(), number);
        Ok(())
    }

    /// Removes all but the first `count` sources: the frame that added the others was not written.
    pub(in crate::store) fn truncate(&mut self, count: usize) {
        for source in self.names.iter().skip(count) {
            self.numbers.remove(source);
        }
        Arc::make_mut(&mut self.names).truncate(count);
    }

    pub(in crate::store) fn names(&self) -> &Arc<Vec<Source>> {
        &self.names
    }
}

/// The placeholder for a number whose source is unknown; no row has it.
fn unnamed() -> Source {
    Source::new(UNNAMED, "")
}

const UNNAMED: &str = "?";

/// The maximum gap between numbers: more than a frame can assign.
const SKIPPED_MAX: usize = 1 << 20;

/// Buffers for encoding, reused between batches.
#[derive(Debug, Default)]
pub(in crate::store) struct Scratch {
    sources: Vec<u32>,
    /// The same without duplicates.
    distinct: Vec<u32>,
    metadata: Vec<u8>,
    metadata_lengths: Vec<u32>,
}

/// Appends the payload of a batch frame. It names every source of its rows, so that it can be read if earlier frames are lost. New
/// sources are added to `dictionary`.
pub(in crate::store) fn encode<'a>(
    out: &mut Vec<u8>,
    first_id: u64,
    records: &(impl ExactSizeIterator<Item = &'a Record> + Clone),
    positions: &[Position],
    dictionary: &mut Dictionary,
    scratch: &mut Scratch,
) {
    let records = || records.clone();
    scratch.sources.clear();
    scratch
        .sources
        .extend(records().map(|record| dictionary.number(&record.source)));
    scratch.distinct.clone_from(&scratch.sources);
    scratch.distinct.sort_unstable();
    scratch.distinct.dedup();
    scratch.metadata.clear();
    scratch.metadata_lengths.clear();
    for record in records() {
        let start = scratch.metadata.len();
        cbor::encode(&record.metadata, &mut scratch.metadata);
        let length = scratch.metadata.len() - start;
        scratch.metadata_lengths.push(saturated(length));
    }
    out.extend(first_id.to_le_bytes());
    put_count(out, records().len());
    put_count(out, scratch.distinct.len());
    put_count(out, positions.len());
    for number in &scratch.distinct {
        out.extend(number.to_le_bytes());
        put_sources(out, dictionary.names.get(*number as usize));
    }
    for position in positions {
        put_position(out, &position.origin, position.value.as_deref());
    }
    for record in records() {
        out.extend_from_slice(&record.timestamp.get().to_le_bytes());
    }
    for number in &scratch.sources {
        out.extend_from_slice(&number.to_le_bytes());
    }
    out.extend(records().map(|record| record.level as u8));
    for record in records() {
        put_count(out, record.message.len());
    }
    for length in &scratch.metadata_lengths {
        out.extend_from_slice(&length.to_le_bytes());
    }
    for record in records() {
        out.extend_from_slice(record.message.as_bytes());
    }
    out.extend_from_slice(&scratch.metadata);
}

/// A length as the format stores it. One that does not fit makes the payload too large for its frame, which is refused.
fn saturated(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// Appends a count or a length.
pub(in crate::store) fn put_count(out: &mut Vec<u8>, count: usize) {
    out.extend_from_slice(&saturated(count).to_le_bytes());
}

/// Appends source names, each preceded by its length.
pub(in crate::store) fn put_sources<'a>(
    out: &mut Vec<u8>,
    sources: impl IntoIterator<Item = &'a Source>,
) {
    for source in sources {
        let name = source.as_str().as_bytes();
        // A source is at most 300 bytes long by its type.
        let length = u16::try_from(name.len()).unwrap_or(u16::MAX);
        out.extend(length.to_le_bytes());
        out.extend_from_slice(name);
    }
}

fn put_position(out: &mut Vec<u8>, origin: &str, value: Option<&[u8]>) {
    put_count(out, origin.len());
    let length = value.map_or(VALUE_FORGOTTEN, |value| saturated(value.len()));
    out.extend(length.to_le_bytes());
    out.extend_from_slice(origin.as_bytes());
    out.extend_from_slice(value.unwrap_or_default());
}

/// Appends positions.
pub(in crate::store) fn put_positions(out: &mut Vec<u8>, positions: &Positions) {
    for (origin, value) in positions {
        put_position(out, origin, Some(value));
    }
}

/// Reads source names.
pub(in crate::store) fn read_sources(
    reader: &mut ByteReader<'_>,
    count: u32,
) -> Result<Vec<Source>, Damage> {
    (0..count).map(|_| read_source(reader)).collect()
}

fn read_source(reader: &mut ByteReader<'_>) -> Result<Source, Damage> {
    let length = reader.u16("source length")?;
    let name = reader.take(length.into(), "source")?;
    let name = str::from_utf8(name).map_err(|_| Damage("source"))?;
    name.parse().map_err(|_| Damage("source"))
}

/// Reads positions.
pub(in crate::store) fn read_positions(
    reader: &mut ByteReader<'_>,
    count: u32,
) -> Result<Vec<Position>, Damage> {
    (0..count)
        .map(|_| {
            let origin_length = reader.u32("origin length")?;
            let value_length = reader.u32("position length")?;
            let origin = reader.take(origin_length as usize, "origin")?;
            let origin = str::from_utf8(origin).map_err(|_| Damage("origin"))?;
            let value = match value_length {
                VALUE_FORGOTTEN => None,
                length => Some(reader.take(length as usize, "position")?.to_vec()),
            };
            let origin = origin.to_owned();
            Ok(Position { origin, value })
        })
        .collect()
}

/// The damaged part of a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct Damage(pub(in crate::store) &'static str);

impl From<Truncated> for Damage {
    fn from(error: Truncated) -> Self {
        Self(error.what)
    }
}

/// The payload of a batch frame, split into its columns.
#[derive(Debug)]
pub(in crate::store) struct BatchColumns<'a> {
    pub(in crate::store) first_id: u64,
    /// The sources of its rows, by number.
    pub(in crate::store) names: Vec<(u32, Source)>,
    pub(in crate::store) positions: Vec<Position>,
    timestamps: &'a [[u8; 8]],
    sources: &'a [[u8; 4]],
    levels: &'a [u8],
    message_lengths: &'a [[u8; 4]],
    metadata_lengths: &'a [[u8; 4]],
    messages: &'a str,
    metadata: &'a [u8],
}

impl<'a> BatchColumns<'a> {
    pub(in crate::store) fn decode(payload: &'a [u8]) -> Result<Self, Damage> {
        let mut reader = ByteReader::new(payload, 0);
        let first_id = reader.u64("first id")?;
        let rows = reader.u32("row count")? as usize;
        let source_count = reader.u32("source count")?;
        let position_count = reader.u32("position count")?;
        let names = (0..source_count)
            .map(|_| Ok((reader.u32("source number")?, read_source(&mut reader)?)))
            .collect::<Result<Vec<_>, Damage>>()?;
        let positions = read_positions(&mut reader, position_count)?;
        let timestamps = column(&mut reader, rows, "timestamps")?;
        let sources = column(&mut reader, rows, "row sources")?;
        let levels = reader.take(rows, "levels")?;
        let message_lengths = column(&mut reader, rows, "message lengths")?;
        let metadata_lengths = column(&mut reader, rows, "metadata lengths")?;
        let messages = reader.take(total(message_lengths)?, "messages")?;
        let messages = str::from_utf8(messages).map_err(|_| Damage("messages"))?;
        let metadata = reader.take(total(metadata_lengths)?, "metadata")?;
        if !reader.is_empty() {
            return Err(Damage("end of batch"));
        }
        Ok(Self {
            first_id,
            names,
            positions,
            timestamps,
            sources,
            levels,
            message_lengths,
            metadata_lengths,
            messages,
            metadata,
        })
    }

    pub(in crate::store) fn rows(&self) -> usize {
        self.levels.len()
    }

    /// The ids of its rows.
    pub(in crate::store) fn ids(&self) -> std::ops::Range<u64> {
        self.first_id..self.first_id.saturating_add(self.rows() as u64)
    }

    pub(in crate::store) fn timestamps(&self) -> impl Iterator<Item = Micros> {
        let numbers = self.timestamps.iter();
        numbers.map(|bytes| Micros::new(i64::from_le_bytes(*bytes)))
    }

    pub(in crate::store) fn sources(&self) -> impl Iterator<Item = u32> {
        self.sources.iter().map(|bytes| u32::from_le_bytes(*bytes))
    }

    /// `None` for an invalid number.
    pub(in crate::store) fn levels(&self) -> impl Iterator<Item = Option<Level>> {
        let numbers = self.levels.iter();
        numbers.map(|number| Level::from_index((*number).into()))
    }

    pub(in crate::store) fn message_lengths(&self) -> impl Iterator<Item = u32> {
        let numbers = self.message_lengths.iter();
        numbers.map(|bytes| u32::from_le_bytes(*bytes))
    }

    pub(in crate::store) fn metadata_lengths(&self) -> impl Iterator<Item = u32> {
        let numbers = self.metadata_lengths.iter();
        numbers.map(|bytes| u32::from_le_bytes(*bytes))
    }

    /// All messages, concatenated.
    pub(in crate::store) fn text(&self) -> &'a str {
        self.messages
    }

    /// All metadata, concatenated.
    pub(in crate::store) fn metadata(&self) -> &'a [u8] {
        self.metadata
    }

    /// The metadata of each row.
    pub(in crate::store) fn row_metadata(&self) -> impl Iterator<Item = &'a [u8]> {
        let mut rest = self.metadata;
        self.metadata_lengths().map(move |length| {
            // The sum of the lengths was checked when the batch was decoded.
            let (row, after) = rest.split_at_checked(length as usize).unwrap_or_default();
            rest = after;
            row
        })
    }

    /// Each message; `None` if a length splits a character.
    pub(in crate::store) fn messages(&self) -> impl Iterator<Item = Option<&'a str>> {
        let mut rest = Some(self.messages);
        self.message_lengths().map(move |length| {
            let (message, after) = rest?.split_at_checked(length as usize)?;
            rest = Some(after);
            Some(message)
        })
    }
}

/// Decodes metadata of a row.
pub(in crate::store) fn decode_metadata(bytes: &[u8]) -> Option<Metadata> {
    cbor::decode(bytes)
}

fn column<'a, const N: usize>(
    reader: &mut ByteReader<'a>,
    rows: usize,
    what: &'static str,
) -> Result<&'a [[u8; N]], Damage> {
    let bytes = rows.checked_mul(N).ok_or(Damage(what))?;
    Ok(reader.take(bytes, what)?.as_chunks().0)
}

fn total(lengths: &[[u8; 4]]) -> Result<usize, Damage> {
    let total: u64 = lengths
        .iter()
        .map(|bytes| u64::from(u32::from_le_bytes(*bytes)))
        .sum();
    usize::try_from(total).map_err(|_| Damage("lengths"))
}
