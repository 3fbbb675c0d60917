//! Sealing: a frozen active file becomes a sealed segment, a block at a time, so that records can be appended between the blocks.

use super::append::ActiveWriter;
use super::plan::{Plan, Weight, plan};
use crate::disk::DiskFile;
use crate::mapped::Mapped;
use crate::record::{Level, Source};
use crate::store::error::Error;
use crate::store::folder::directory::Directory;
use crate::store::format::batch::{Batch, Damage};
use crate::store::format::column::{Compressor, put_varint, put_zigzag};
use crate::store::format::footer::{Chunk, Entry, Facts, Footer, Trailer};
use crate::store::format::frame::{self, FrameKind, Place};
use crate::store::format::index::block::{BlockIndexBuilder, TextIndex};
use crate::store::format::index::field_builder::FieldIndexBuilder;
use crate::store::format::layout::{COLUMNS, FileKind, HEADER_LENGTH, Header, VERSION};
use crate::store::format::summary::Summary;
use crate::store::read::active::ActiveFile;
use crate::time::Micros;
use std::path::PathBuf;
use std::sync::Arc;

/// Starts to seal a file of `directory`.
pub(in crate::store) fn begin(
    directory: &Directory,
    frozen: &ActiveWriter,
) -> Result<Sealer, Error> {
    let path = directory.sealed(frozen.header.first_id);
    let (file, temporary) = directory.create(&path)?;
    Sealer::begin(
        frozen.file.clone(),
        frozen.length,
        frozen.header,
        file,
        temporary,
    )
}

/// Seals a whole file. `end`: the id after those of the segment, if that is not the one after the last record.
pub(in crate::store) fn seal_whole(
    directory: &Directory,
    frozen: &ActiveWriter,
    facts: Facts,
    end: Option<u64>,
) -> Result<(), Error> {
    let mut sealer = begin(directory, frozen)?;
    while sealer.step()?.is_some() {}
    sealer.finish(frozen.index.dictionary.names(), facts, end)?;
    directory.commit(&directory.sealed(frozen.header.first_id))
}

/// A segment that is being sealed.
#[derive(Debug)]
pub(in crate::store) struct Sealer {
    frozen: SealInput,
    header: Header,
    plans: std::vec::IntoIter<Plan>,
    output: SealOutput,
    entries: Vec<Entry>,
    /// Bitmaps are stored together after the blocks, so that a search for a rare word touches few pages. Filters follow them.
    bitmaps: Vec<u8>,
    filters: Vec<u8>,
    fields: FieldIndexBuilder,
    tools: Tools,
}

/// The file that is being sealed, and the places of its rows.
#[derive(Debug)]
struct SealInput {
    file: ActiveFile,
    map: Mapped,
    rows: Vec<SealRow>,
    /// The first row of each run of consecutive ids, with its id.
    runs: Vec<(usize, u64)>,
}

/// The fixed columns of a row, and the places of its texts in the file.
#[derive(Debug, Clone, Copy)]
struct SealRow {
    timestamp: Micros,
    source: u32,
    message_at: u32,
    message_length: u32,
    metadata_at: u32,
    metadata_length: u32,
    level: Level,
}

#[derive(Debug)]
struct SealOutput {
    file: Arc<dyn DiskFile>,
    path: PathBuf,
    length: u64,
}

/// Buffers and builders that are reused for each block.
#[derive(Debug)]
struct Tools {
    compressor: Compressor,
    index: BlockIndexBuilder,
    raw: Vec<u8>,
    stored: Vec<u8>,
}

impl Sealer {
    /// Starts to seal `frozen`, whose first `length` bytes are final, into a new file at `path`.
    fn begin(
        frozen: ActiveFile,
        length: u64,
        header: Header,
        file: Arc<dyn DiskFile>,
        path: PathBuf,
    ) -> Result<Self, Error> {
        let frozen = SealInput::read(frozen, length)?;
        let header = Header {
            version: VERSION,
            kind: FileKind::Sealed,
            ..header
        };
        let mut output = SealOutput {
            file,
            path,
            length: 0,
        };
        output.append(&header.encode())?;
        let compressor = Compressor::new().map_err(Error::io("compress", &output.path))?;
        Ok(Self {
            plans: plan(&frozen.weights()).into_iter(),
            frozen,
            header,
            output,
            entries: vec![],
            bitmaps: vec![],
            filters: vec![],
            fields: FieldIndexBuilder::default(),
            tools: Tools {
                compressor,
                index: BlockIndexBuilder::new(),
                raw: vec![],
                stored: vec![],
            },
        })
    }

    /// Writes the next block and returns the number of its rows; `None` after the last block.
    pub(in crate::store) fn step(&mut self) -> Result<Option<u64>, Error> {
        let Some(plan) = self.plans.next() else {
            return Ok(None);
        };
        let rows: Vec<(u64, SealRow)> = plan
            .rows
            .iter()
            .filter_map(|row| self.frozen.row(*row as usize))
            .collect();
        let Some(summary) = summarize(&rows) else {
            return Ok(Some(0));
        };
        let chunks = self.write_columns(&rows, summary.source.is_some())?;
        let (bitmap, filter) = self.add_index(&rows)?;
        self.entries.push(Entry {
            summary,
            chunks,
            bitmap,
            filter: Some(filter),
        });
        Ok(Some(rows.len() as u64))
    }

    /// Writes the indexes, footers and trailer, and makes the file durable. All blocks must be written.
    pub(in crate::store) fn finish(
        mut self,
        sources: &[Source],
        facts: Facts,
        end: Option<u64>,
    ) -> Result<(), Error> {
        debug_assert!(self.plans.len() == 0, "a block is missing");
        let store = self.header.store;
        let first_at = self.output.length;
        let first_id = self.header.first_id;
        let end = end.or(self.frozen.end_id()).unwrap_or(first_id);
        let fields = self.compressed_fields()?;
        let mut footer = Footer {
            version: self.header.version,
            ids: first_id..end,
            facts,
            sources: sources.to_vec(),
            fields,
            entries: self.entries,
        };
        // The length of a footer does not depend on the offsets in it.
        let bitmaps_at = first_at + footer.encode(store).len() as u64;
        let filters_at = bitmaps_at + self.bitmaps.len() as u64;
        for entry in &mut footer.entries {
            entry.bitmap.offset += bitmaps_at;
            if let Some(filter) = &mut entry.filter {
                filter.offset += filters_at;
            }
        }
        footer.fields.offset = filters_at + self.filters.len() as u64;
        let footer = footer.encode(store);
        let output = &mut self.output;
        output.append(&footer)?;
        output.append(&self.bitmaps)?;
        output.append(&self.filters)?;
        output.append(&self.tools.stored)?;
        let trailer = Trailer {
            version: self.header.version,
            store,
            footers: [first_at, output.length],
        };
        output.append(&footer)?;
        output.append(&trailer.encode())?;
        output.file.sync().map_err(Error::io("sync", &output.path))
    }

    /// Encodes the field index into the buffer of stored bytes; its offset is not known yet.
    fn compressed_fields(&mut self) -> Result<Chunk, Error> {
        self.tools.stored.clear();
        let raw = self.fields.finish();
        self.column(|_, out| out.extend_from_slice(&raw))
    }

    /// Writes the columns of a block, in the order of [`crate::store::format::layout::Column`].
    fn write_columns(
        &mut self,
        rows: &[(u64, SealRow)],
        same_source: bool,
    ) -> Result<[Chunk; COLUMNS], Error> {
        self.tools.stored.clear();
        let offset = self.output.length;
        let lengths: [fn(&SealRow) -> u32; 2] =
            [|row| row.message_length, |row| row.metadata_length];
        let numbers = |raw: &mut Vec<u8>, of: fn(&SealRow) -> u32| {
            for (_, row) in rows {
                put_varint(raw, of(row).into());
            }
        };
        let [message_lengths, metadata_lengths] = lengths;
        let chunks = [
            self.column(|_, raw| put_ids(raw, rows))?,
            self.column(|_, raw| {
                if !same_source {
                    numbers(raw, |row| row.source);
                }
            })?,
            self.column(|_, raw| put_timestamps(raw, rows))?,
            self.column(|_, raw| raw.extend(rows.iter().map(|(_, row)| row.level as u8)))?,
            self.column(|_, raw| numbers(raw, message_lengths))?,
            self.column(|_, raw| numbers(raw, metadata_lengths))?,
            self.column(|map, raw| {
                for (_, row) in rows {
                    raw.extend_from_slice(row.message(map));
                }
            })?,
            self.column(|map, raw| {
                for (_, row) in rows {
                    raw.extend_from_slice(row.metadata(map));
                }
            })?,
        ];
        self.output.append(&self.tools.stored)?;
        Ok(chunks.map(|chunk| Chunk {
            offset: offset + chunk.offset,
            ..chunk
        }))
    }

    /// Appends a compressed column with the raw content that `fill` makes; the offset counts from the first column.
    fn column(&mut self, fill: impl FnOnce(&[u8], &mut Vec<u8>)) -> Result<Chunk, Error> {
        let Tools {
            compressor,
            raw,
            stored,
            ..
        } = &mut self.tools;
        raw.clear();
        fill(&self.frozen.map, raw);
        let start = stored.len();
        let length = compressor
            .append(raw, stored)
            .map_err(Error::io("compress", &self.output.path))?;
        Ok(Chunk {
            offset: start as u64,
            stored: saturated(length),
            raw: saturated(raw.len()),
            crc: crc32fast::hash(stored.get(start..).unwrap_or_default()),
        })
    }

    /// Adds the bitmap and the filter of a block; their offsets count from the first bitmap and the first filter.
    fn add_index(&mut self, rows: &[(u64, SealRow)]) -> Result<(Chunk, Chunk), Error> {
        let SealInput { file, map, .. } = &self.frozen;
        let corrupt = |at: u32, what| Error::corrupt(&file.path, at.into(), what);
        let index = &mut self.tools.index;
        for (_, row) in rows {
            index
                .add_message(row.message(map))
                .ok_or_else(|| corrupt(row.message_at, "message"))?;
        }
        let first_at = rows.first().map_or(0, |(_, row)| row.metadata_at);
        index
            .add_metadata(rows.iter().map(|(_, row)| row.metadata(map)))
            .ok_or_else(|| corrupt(first_at, "metadata"))?;
        let TextIndex { bitmap, filter } = index.finish(&mut self.fields);
        Ok((
            append_chunk(&mut self.bitmaps, &bitmap),
            append_chunk(&mut self.filters, &filter),
        ))
    }
}

/// Appends a chunk that is not compressed.
fn append_chunk(out: &mut Vec<u8>, bytes: &[u8]) -> Chunk {
    let offset = out.len() as u64;
    out.extend_from_slice(bytes);
    Chunk {
        offset,
        stored: saturated(bytes.len()),
        raw: saturated(bytes.len()),
        crc: crc32fast::hash(bytes),
    }
}

fn summarize(rows: &[(u64, SealRow)]) -> Option<Summary> {
    let (first, first_row) = rows.first()?;
    let (last, _) = rows.last()?;
    let mut levels = [0_u32; 4];
    for (_, row) in rows {
        if let Some(count) = levels.get_mut(row.level.index()) {
            *count += 1;
        }
    }
    let times = || rows.iter().map(|(_, row)| row.timestamp);
    let same = rows.iter().all(|(_, row)| row.source == first_row.source);
    Some(Summary {
        source: same.then_some(first_row.source),
        rows: saturated(rows.len()),
        ids: *first..*last + 1,
        times: times().min()?..=times().max()?,
        levels,
    })
}

fn put_ids(raw: &mut Vec<u8>, rows: &[(u64, SealRow)]) {
    let mut next = rows.first().map_or(0, |(id, _)| *id);
    for (id, _) in rows {
        put_varint(raw, id - next);
        next = id + 1;
    }
}

fn put_timestamps(raw: &mut Vec<u8>, rows: &[(u64, SealRow)]) {
    let mut before = 0;
    for (_, row) in rows {
        // The difference cannot overflow: a timestamp is within the years 0000 to 9999.
        put_zigzag(raw, row.timestamp.get() - before);
        before = row.timestamp.get();
    }
}

impl SealOutput {
    fn append(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file
            .write_all_at(bytes, self.length)
            .map_err(Error::io("write", &self.path))?;
        self.length += bytes.len() as u64;
        Ok(())
    }
}

impl SealRow {
    fn message<'a>(&self, map: &'a [u8]) -> &'a [u8] {
        slice(map, self.message_at, self.message_length)
    }

    fn metadata<'a>(&self, map: &'a [u8]) -> &'a [u8] {
        slice(map, self.metadata_at, self.metadata_length)
    }
}

impl SealInput {
    /// Maps the file and locates its rows.
    fn read(file: ActiveFile, length: u64) -> Result<Self, Error> {
        let map = file
            .file
            .map(length)
            .map_err(Error::io("map", &file.path))?;
        let mut frozen = Self {
            file,
            map: map.clone(),
            rows: vec![],
            runs: vec![],
        };
        let mut offset = HEADER_LENGTH as u64;
        while offset < length {
            offset = frozen.read_frame(&map, offset)?;
        }
        Ok(frozen)
    }

    fn read_frame(&mut self, map: &[u8], offset: u64) -> Result<u64, Error> {
        let path = Arc::clone(&self.file.path);
        let corrupt = |what| Error::corrupt(&path, offset, what);
        let rest = usize::try_from(offset).ok().and_then(|at| map.get(at..));
        let place = Place {
            store: self.file.store,
            offset,
        };
        let frame = rest
            .and_then(|rest| frame::parse(rest, place))
            .ok_or_else(|| corrupt("frame"))?;
        if frame.kind == FrameKind::Batch {
            Batch::decode(frame.payload)
                .and_then(|batch| self.add_rows(&batch, frame.end()))
                .map_err(|Damage(what)| corrupt(what))?;
        }
        Ok(frame.end())
    }

    /// Adds the rows of a batch whose frame ends at `end`: messages and metadata are the last parts of it.
    fn add_rows(&mut self, batch: &Batch<'_>, end: u64) -> Result<(), Damage> {
        let ids = batch.ids();
        if !ids.is_empty() && self.end_id() != Some(ids.start) {
            self.runs.push((self.rows.len(), ids.start));
        }
        let metadata_at = end.saturating_sub(batch.metadata().len() as u64);
        let message_at = metadata_at.saturating_sub(batch.text().len() as u64);
        let mut metadata_at = u32::try_from(metadata_at).map_err(|_| Damage("frame place"))?;
        let mut message_at = u32::try_from(message_at).map_err(|_| Damage("frame place"))?;
        let lengths = batch.message_lengths().zip(batch.metadata_lengths());
        let fixed = batch.timestamps().zip(batch.sources()).zip(batch.levels());
        for (((timestamp, source), level), (message_length, metadata_length)) in fixed.zip(lengths)
        {
            self.rows.push(SealRow {
                timestamp,
                source,
                message_at,
                message_length,
                metadata_at,
                metadata_length,
                level: level.ok_or(Damage("levels"))?,
            });
            // The sums of the lengths were checked when the batch was decoded.
            message_at += message_length;
            metadata_at += metadata_length;
        }
        Ok(())
    }

    /// The id after the last one; `None` without rows.
    fn end_id(&self) -> Option<u64> {
        let (row, id) = self.runs.last()?;
        Some(id + (self.rows.len() - row) as u64)
    }

    /// The row of this index, with its id.
    fn row(&self, index: usize) -> Option<(u64, SealRow)> {
        let run = self.runs.partition_point(|(row, _)| *row <= index);
        let (row, id) = self.runs.get(run.checked_sub(1)?)?;
        Some((id + (index - row) as u64, *self.rows.get(index)?))
    }

    fn weights(&self) -> Vec<Weight> {
        let weight = |row: &SealRow| Weight {
            source: row.source,
            bytes: u64::from(row.message_length) + u64::from(row.metadata_length),
        };
        self.rows.iter().map(weight).collect()
    }
}

/// A column is no larger than the active file, which is below 4 GiB.
fn saturated(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn slice(map: &[u8], at: u32, length: u32) -> &[u8] {
    let start = at as usize;
    map.get(start..start + length as usize).unwrap_or_default()
}
