//! Sealing: a frozen active file becomes a sealed segment, in small steps, so that records can be appended between them.

use super::append::ActiveWriter;
use super::plan::{Planner, RowPlacement};
use super::row_buffer::{RowBuffer, each_row};
use crate::disk::DiskFile;
use crate::record::Source;
use crate::store::error::Error;
use crate::store::folder::directory::Directory;
use crate::store::format::alphabets;
use crate::store::format::column::put_varint;
use crate::store::format::compress::Compressor;
use crate::store::format::footer::{
    BlockEntry, Facts, Footer, MetadataForm, MetadataLayout, StoredChunk, Trailer,
};
use crate::store::format::index::block::{BlockIndexBuilder, TextIndex};
use crate::store::format::index::field_builder::FieldIndexBuilder;
use crate::store::format::layout::{COLUMNS, FileKind, Header, VERSION};
use crate::store::format::metadata::by_key::{self, KeyedMetadata};
use crate::store::read::active::ActiveSegment;
use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::vec;

/// Starts to seal a file of `directory`.
pub(in crate::store) fn begin(
    directory: &Directory,
    frozen: &ActiveWriter,
) -> Result<Sealer, Error> {
    let path = directory.sealed(frozen.header.first_id);
    let (file, temporary) = directory.create(&path)?;
    let output = SealOutput {
        file,
        path: temporary,
        length: 0,
    };
    Sealer::begin(frozen, output)
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

/// A segment that is being sealed. The groups of the frozen file are read one after another, and a block is written when it is full, so
/// that only the blocks that are being filled are in memory.
#[derive(Debug)]
pub(in crate::store) struct Sealer {
    frozen: ActiveSegment,
    names: Arc<Vec<Source>>,
    /// The next group to read.
    group: usize,
    planner: Planner,
    /// The block that is being filled in each slot.
    open: Vec<RowBuffer>,
    /// Blocks to write.
    full: VecDeque<RowBuffer>,
    /// The blocks that were not full at the end.
    rest: Option<vec::IntoIter<RowBuffer>>,
    /// The id after the last row that was read.
    end_id: Option<u64>,
    header: Header,
    output: SealOutput,
    entries: Vec<BlockEntry>,
    /// Bitmaps are stored together after the blocks, so that a search for a rare word touches few pages. Filters follow them.
    bitmaps: Vec<u8>,
    filters: Vec<u8>,
    fields: FieldIndexBuilder,
    tools: Tools,
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
    /// Starts to seal `frozen` into a new file.
    fn begin(frozen: &ActiveWriter, mut output: SealOutput) -> Result<Self, Error> {
        let header = Header {
            version: VERSION,
            kind: FileKind::Sealed,
            ..frozen.header
        };
        output.append(&header.encode())?;
        let compressor = Compressor::new().map_err(Error::io("compress", &output.path))?;
        let (names, segment) = frozen.index.snapshot(&frozen.file);
        let planner = Planner::new(frozen.index.weights(), &names);
        Ok(Self {
            frozen: segment,
            names,
            group: 0,
            open: (0..planner.slots()).map(|_| RowBuffer::default()).collect(),
            planner,
            full: VecDeque::new(),
            rest: None,
            end_id: None,
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

    /// Reads a group or writes a block. Returns its costs in written rows; `None` when all blocks are written.
    pub(in crate::store) fn step(&mut self) -> Result<Option<u64>, Error> {
        if let Some(block) = self.full.pop_front() {
            return self.write_block(&block).map(Some);
        }
        if let Some(rows) = self.read_group()? {
            return Ok(Some(rows.div_ceil(READ_SHARE)));
        }
        let open = &mut self.open;
        let rest = self
            .rest
            .get_or_insert_with(|| std::mem::take(open).into_iter());
        match rest.find(|block| block.len() > 0) {
            Some(block) => self.write_block(&block).map(Some),
            None => Ok(None),
        }
    }

    /// Puts the rows of the next group into their blocks, and returns their number; `None` after the last group.
    fn read_group(&mut self) -> Result<Option<u64>, Error> {
        let Some(group) = self.frozen.group(self.group) else {
            return Ok(None);
        };
        let (planner, open, full) = (&mut self.planner, &mut self.open, &mut self.full);
        let mut end_id = None;
        self.frozen.read(group)?.each(|batch| {
            each_row(batch, |row| {
                let RowPlacement { slot, is_full } = planner.place(row.weight());
                let Some(block) = open.get_mut(slot) else {
                    return;
                };
                block.add(&row);
                end_id = Some(row.id() + 1);
                if is_full {
                    full.push_back(std::mem::take(block));
                }
            })
        })?;
        self.end_id = end_id.or(self.end_id);
        self.group += 1;
        Ok(Some(group.summary.rows.into()))
    }

    /// Writes a block and returns the number of its rows.
    fn write_block(&mut self, block: &RowBuffer) -> Result<u64, Error> {
        let Some(summary) = block.summary() else {
            return Ok(0);
        };
        let by_key = by_key::encode(block.each_metadata(), block.len(), block.metadata().len());
        let chunks = self.write_columns(block, summary.source.is_some(), by_key.as_ref())?;
        if summary.source.is_none() {
            self.add_sources(block);
        }
        let (bitmap, filter) = self.add_index(block)?;
        self.entries.push(BlockEntry {
            summary,
            chunks,
            bitmap,
            filter: Some(filter),
            metadata: MetadataLayout {
                length: saturated(block.metadata().len()),
                form: match by_key {
                    Some(_) => MetadataForm::NumberedKeys,
                    None => MetadataForm::Rows,
                },
            },
        });
        Ok(block.len() as u64)
    }

    /// Writes the indexes, footers and trailer, and makes the file durable. All blocks must be written.
    pub(in crate::store) fn finish(
        mut self,
        sources: &[Source],
        facts: Facts,
        end: Option<u64>,
    ) -> Result<(), Error> {
        debug_assert!(
            self.rest.as_ref().is_some_and(|rest| rest.len() == 0),
            "a block is missing"
        );
        let store = self.header.store;
        let first_at = self.output.length;
        let first_id = self.header.first_id;
        let end = end.or(self.end_id).unwrap_or(first_id);
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
    fn compressed_fields(&mut self) -> Result<StoredChunk, Error> {
        self.tools.stored.clear();
        let raw = self.fields.finish();
        self.compressed(&raw)
    }

    /// Writes the columns of a block, in the order of [`crate::store::format::layout::Column`].
    fn write_columns(
        &mut self,
        block: &RowBuffer,
        same_source: bool,
        by_key: Option<&KeyedMetadata>,
    ) -> Result<[StoredChunk; COLUMNS], Error> {
        self.tools.stored.clear();
        let offset = self.output.length;
        let chunks = [
            self.encoded(|raw| block.put_ids(raw))?,
            self.encoded(|raw| {
                if !same_source {
                    put_numbers(raw, block.sources());
                }
            })?,
            self.encoded(|raw| block.put_timestamps(raw))?,
            self.encoded(|raw| raw.extend(block.levels().map(|level| level as u8)))?,
            self.encoded(|raw| put_numbers(raw, block.message_lengths()))?,
            self.encoded(|raw| put_numbers(raw, block.metadata_lengths()))?,
            self.compressed_with(block.messages(), Compressor::append_messages)?,
            match by_key {
                Some(KeyedMetadata { bytes, ends }) => self.compressed_parts(bytes, ends)?,
                None => self.compressed(block.metadata())?,
            },
        ];
        self.output.append(&self.tools.stored)?;
        Ok(chunks.map(|chunk| StoredChunk {
            offset: offset + chunk.offset,
            ..chunk
        }))
    }

    /// Appends a compressed column with the raw content that `fill` makes.
    fn encoded(&mut self, fill: impl FnOnce(&mut Vec<u8>)) -> Result<StoredChunk, Error> {
        let mut raw = std::mem::take(&mut self.tools.raw);
        raw.clear();
        fill(&mut raw);
        let chunk = self.compressed(&raw);
        self.tools.raw = raw;
        chunk
    }

    /// Appends a compressed column; the offset counts from the first column.
    fn compressed(&mut self, raw: &[u8]) -> Result<StoredChunk, Error> {
        self.compressed_with(raw, Compressor::append)
    }

    /// Appends a compressed column of parts with these ends, each of which is alike within.
    fn compressed_parts(&mut self, raw: &[u8], ends: &[usize]) -> Result<StoredChunk, Error> {
        let cuts = alphabets::cuts(raw, ends);
        self.compressed_with(raw, |compressor, raw, out| {
            compressor.append_cut(raw, &cuts, out)
        })
    }

    fn compressed_with(
        &mut self,
        raw: &[u8],
        append: impl FnOnce(&mut Compressor, &[u8], &mut Vec<u8>) -> io::Result<usize>,
    ) -> Result<StoredChunk, Error> {
        let Tools {
            compressor, stored, ..
        } = &mut self.tools;
        let start = stored.len();
        let length =
            append(compressor, raw, stored).map_err(Error::io("compress", &self.output.path))?;
        Ok(StoredChunk {
            offset: start as u64,
            stored: saturated(length),
            raw: saturated(raw.len()),
            crc: crc32fast::hash(stored.get(start..).unwrap_or_default()),
        })
    }

    /// Adds the sources of a block to its filter.
    fn add_sources(&mut self, block: &RowBuffer) {
        let numbers: BTreeSet<u32> = block.sources().collect();
        let sources = numbers.iter();
        for source in sources.filter_map(|number| self.names.get(*number as usize)) {
            self.tools.index.add_source(source);
        }
    }

    /// Adds the bitmap and the filter of a block; their offsets count from the first bitmap and the first filter.
    fn add_index(&mut self, block: &RowBuffer) -> Result<(StoredChunk, StoredChunk), Error> {
        let corrupt = |what| Error::corrupt(self.frozen.path(), 0, what);
        let index = &mut self.tools.index;
        for message in block.each_message() {
            index
                .add_message(message)
                .ok_or_else(|| corrupt("message"))?;
        }
        index
            .add_metadata(block.each_metadata())
            .ok_or_else(|| corrupt("metadata"))?;
        let TextIndex { bitmap, filter } = index.finish(&mut self.fields);
        Ok((
            append_chunk(&mut self.bitmaps, &bitmap),
            append_chunk(&mut self.filters, &filter),
        ))
    }
}

/// Appends a chunk that is not compressed.
fn append_chunk(out: &mut Vec<u8>, bytes: &[u8]) -> StoredChunk {
    let offset = out.len() as u64;
    out.extend_from_slice(bytes);
    StoredChunk {
        offset,
        stored: saturated(bytes.len()),
        raw: saturated(bytes.len()),
        crc: crc32fast::hash(bytes),
    }
}

fn put_numbers(raw: &mut Vec<u8>, numbers: impl Iterator<Item = u32>) {
    for number in numbers {
        put_varint(raw, number.into());
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

/// A column is no larger than the batches of the active file, which are below 4 GiB.
fn saturated(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// Reading this number of rows costs about as much as writing one.
const READ_SHARE: u64 = 4;
