//! The end of a sealed file: two copies of the footer, which describes the blocks, and the trailer, which has the offsets of the
//! footers. The file can be read if any one of header, trailer and footers is damaged.

use super::batch::{self, Damage};
use super::index::ngram;
use super::layout::{
    COLUMNS, Column, FOOTER_HEADER_LENGTH, FOOTER_MAGIC, FileKind, HEADER_LENGTH, Header,
    SOURCE_SEVERAL, StoreId, TRAILER_CHECKED, TRAILER_LENGTH, TRAILER_MAGIC, Thinning, VERSION,
    VERSION_1, VERSION_2, VERSION_3, block_entry_length,
};
use super::summary::Summary;
use crate::bytes::ByteReader;
use crate::bytes::Truncated;
use crate::record::{Positions, Source};
use crate::store::error::Error;
use crate::time::Micros;
use std::ops::Range;
use std::path::Path;

/// The content of a footer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) struct Footer {
    pub(in crate::store) version: u32,
    pub(in crate::store) ids: Range<u64>,
    pub(in crate::store) facts: Facts,
    pub(in crate::store) sources: Vec<Source>,
    /// The field index; empty in format version 1.
    pub(in crate::store) fields: StoredChunk,
    pub(in crate::store) entries: Vec<BlockEntry>,
}

/// The state of the store when a segment was sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) struct Facts {
    /// When the segment was sealed, by this machine's clock.
    pub(in crate::store) sealed: Micros,
    /// The low-water id at that time.
    pub(in crate::store) low_water: u64,
    /// All positions after the last record of the segment.
    pub(in crate::store) positions: Positions,
}

/// The entry of a block in the footer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) struct BlockEntry {
    pub(in crate::store) summary: Summary,
    pub(in crate::store) chunks: [StoredChunk; COLUMNS],
    pub(in crate::store) bitmap: StoredChunk,
    /// Hashes of long tokens and of values; `None` in format version 1.
    pub(in crate::store) filter: Option<StoredChunk>,
    pub(in crate::store) metadata: MetadataLayout,
}

/// The layout of the metadata column of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct MetadataLayout {
    /// The length of the metadata of all rows, one after another.
    pub(in crate::store) length: u32,
    pub(in crate::store) form: MetadataForm,
}

/// How metadata is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum MetadataForm {
    /// Row by row: the only form up to format version 2.
    Rows,
    /// See [`super::metadata::by_key`]; in format version 3.
    Keys,
    /// The same, where values that come again have numbers.
    NumberedKeys,
}

impl MetadataForm {
    fn number(self) -> u32 {
        match self {
            Self::Rows => 0,
            Self::Keys => 1,
            Self::NumberedKeys => 2,
        }
    }
}

/// A range of bytes in the file with a crc.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::store) struct StoredChunk {
    pub(in crate::store) offset: u64,
    pub(in crate::store) stored: u32,
    pub(in crate::store) raw: u32,
    pub(in crate::store) crc: u32,
}

impl StoredChunk {
    fn end(&self) -> u64 {
        self.offset.saturating_add(self.stored.into())
    }
}

impl BlockEntry {
    pub(in crate::store) fn chunk(&self, column: Column) -> StoredChunk {
        // There is a chunk for each variant.
        self.chunks
            .get(column as usize)
            .copied()
            .unwrap_or_default()
    }

    pub(in crate::store) fn rows(&self) -> usize {
        self.summary.rows as usize
    }

    fn encode(&self, version: u32, out: &mut Vec<u8>) {
        let summary = &self.summary;
        out.extend(summary.source.unwrap_or(SOURCE_SEVERAL).to_le_bytes());
        out.extend(summary.rows.to_le_bytes());
        out.extend(summary.ids.start.to_le_bytes());
        out.extend(summary.ids.end.to_le_bytes());
        out.extend(summary.times.start().get().to_le_bytes());
        out.extend(summary.times.end().get().to_le_bytes());
        out.extend(summary.levels.iter().flat_map(|count| count.to_le_bytes()));
        out.extend(self.chunk(Column::Ids).offset.to_le_bytes());
        out.extend(self.bitmap.offset.to_le_bytes());
        out.extend(self.bitmap.stored.to_le_bytes());
        out.extend(self.bitmap.crc.to_le_bytes());
        for chunk in &self.chunks {
            out.extend(chunk.stored.to_le_bytes());
            out.extend(chunk.raw.to_le_bytes());
            out.extend(chunk.crc.to_le_bytes());
        }
        if let Some(filter) = &self.filter {
            out.extend(filter.offset.to_le_bytes());
            out.extend(filter.stored.to_le_bytes());
            out.extend(filter.crc.to_le_bytes());
        }
        if version > VERSION_2 {
            out.extend(self.metadata.length.to_le_bytes());
            out.extend(self.metadata.form.number().to_le_bytes());
        }
    }

    fn decode(reader: &mut ByteReader<'_>, version: u32) -> Result<Self, Damage> {
        let source = reader.u32("block source")?;
        let rows = reader.u32("block rows")?;
        let ids = reader.u64("block first id")?..reader.u64("block end id")?;
        let times = (reader.i64("block times")?, reader.i64("block times")?);
        let mut levels = [0; 4];
        for count in &mut levels {
            *count = reader.u32("block levels")?;
        }
        let mut offset = reader.u64("block offset")?;
        let bitmap = read_uncompressed(reader)?;
        let mut chunks = [StoredChunk::default(); COLUMNS];
        for chunk in &mut chunks {
            *chunk = StoredChunk {
                offset,
                stored: reader.u32("column length")?,
                raw: reader.u32("column raw length")?,
                crc: reader.u32("column crc")?,
            };
            offset = chunk.end();
        }
        let filter = match version {
            VERSION_1 => None,
            _ => Some(read_uncompressed(reader)?),
        };
        let metadata = if version > VERSION_2 {
            MetadataLayout::decode(reader, version)?
        } else {
            MetadataLayout {
                length: chunks.last().map_or(0, |chunk| chunk.raw),
                form: MetadataForm::Rows,
            }
        };
        let is_bitmap = version != VERSION_1 || ngram::is_length(bitmap.stored as usize);
        if times.0 > times.1 || !is_bitmap {
            return Err(Damage("block entry"));
        }
        Ok(Self {
            summary: Summary {
                source: (source != SOURCE_SEVERAL).then_some(source),
                rows,
                ids,
                times: Micros::new(times.0)..=Micros::new(times.1),
                levels,
            },
            chunks,
            bitmap,
            filter,
            metadata,
        })
    }

    /// Whether its values are possible.
    fn is_sound(&self, source_count: usize, segment: &Range<u64>) -> bool {
        let Summary {
            source, rows, ids, ..
        } = &self.summary;
        let known = source.is_none_or(|source| (source as usize) < source_count);
        let within = segment.start <= ids.start && ids.end <= segment.end;
        let enough = ids.end.saturating_sub(ids.start) >= u64::from(*rows);
        known && within && enough && *rows > 0
    }
}

impl MetadataLayout {
    fn decode(reader: &mut ByteReader<'_>, version: u32) -> Result<Self, Damage> {
        let length = reader.u32("metadata length")?;
        let number = reader.u32("form of the metadata")?;
        let forms = [
            MetadataForm::Rows,
            MetadataForm::Keys,
            MetadataForm::NumberedKeys,
        ];
        let mut forms = forms
            .into_iter()
            .take(if version > VERSION_3 { 3 } else { 2 });
        let form = forms.find(|form| form.number() == number);
        Ok(Self {
            length,
            form: form.ok_or(Damage("form of the metadata"))?,
        })
    }
}

/// The place of a chunk that is never compressed.
fn read_uncompressed(reader: &mut ByteReader<'_>) -> Result<StoredChunk, Damage> {
    let offset = reader.u64("chunk offset")?;
    let length = reader.u32("chunk length")?;
    Ok(StoredChunk {
        offset,
        stored: length,
        raw: length,
        crc: reader.u32("chunk crc")?,
    })
}

impl Footer {
    /// Encodes the footer with its header. The length does not depend on the offsets in it.
    pub(in crate::store) fn encode(&self, store: StoreId) -> Vec<u8> {
        let mut content = vec![];
        content.extend(self.ids.start.to_le_bytes());
        content.extend(self.ids.end.to_le_bytes());
        content.extend(self.facts.sealed.get().to_le_bytes());
        content.extend(self.facts.low_water.to_le_bytes());
        batch::put_count(&mut content, self.sources.len());
        batch::put_count(&mut content, self.entries.len());
        batch::put_count(&mut content, self.facts.positions.len());
        batch::put_sources(&mut content, &self.sources);
        batch::put_positions(&mut content, &self.facts.positions);
        if self.version != VERSION_1 {
            content.extend(self.fields.offset.to_le_bytes());
            content.extend(self.fields.stored.to_le_bytes());
            content.extend(self.fields.raw.to_le_bytes());
            content.extend(self.fields.crc.to_le_bytes());
        }
        for entry in &self.entries {
            entry.encode(self.version, &mut content);
        }
        wrap(store, &content)
    }

    /// Decodes the footer at the start of `bytes`.
    pub(in crate::store) fn decode(
        bytes: &[u8],
        store: StoreId,
        version: u32,
    ) -> Result<Self, Damage> {
        let mut reader = ByteReader::new(bytes, 0);
        let magic = reader.array::<8>("footer magic")?;
        let length = reader.u32("footer length")?;
        let crc = reader.u32("footer crc")?;
        let content = reader.take(length as usize, "footer")?;
        if magic != FOOTER_MAGIC || crc != checksum(store, content) {
            return Err(Damage("footer"));
        }
        let mut reader = ByteReader::new(content, 0);
        let footer = Self::decode_content(&mut reader, version)?;
        let sound = |entry: &BlockEntry| entry.is_sound(footer.sources.len(), &footer.ids);
        if !reader.is_empty() || footer.ids.is_empty() || !footer.entries.iter().all(sound) {
            return Err(Damage("footer content"));
        }
        Ok(footer)
    }

    fn decode_content(reader: &mut ByteReader<'_>, version: u32) -> Result<Self, Damage> {
        let ids = reader.u64("first id")?..reader.u64("end id")?;
        let sealed = Micros::new(reader.i64("sealed")?);
        let low_water = reader.u64("low-water id")?;
        let source_count = reader.u32("source count")?;
        let block_count = reader.u32("block count")?;
        let position_count = reader.u32("position count")?;
        let sources = batch::read_sources(reader, source_count)?;
        let positions = batch::read_positions(reader, position_count)?
            .into_iter()
            .filter_map(|position| Some((position.origin, position.value?)))
            .collect();
        let fields = match version {
            VERSION_1 => StoredChunk::default(),
            _ => StoredChunk {
                offset: reader.u64("field index offset")?,
                stored: reader.u32("field index length")?,
                raw: reader.u32("field index raw length")?,
                crc: reader.u32("field index crc")?,
            },
        };
        let mut entries = vec![];
        for _ in 0..block_count {
            let bytes = reader.take(block_entry_length(version), "block entry")?;
            entries.push(BlockEntry::decode(&mut ByteReader::new(bytes, 0), version)?);
        }
        Ok(Self {
            version,
            ids,
            facts: Facts {
                sealed,
                low_water,
                positions,
            },
            sources,
            fields,
            entries,
        })
    }
}

/// Adds the header of a footer to its content.
pub(in crate::store) fn wrap(store: StoreId, content: &[u8]) -> Vec<u8> {
    let mut out = FOOTER_MAGIC.to_vec();
    batch::put_count(&mut out, content.len());
    out.extend(checksum(store, content).to_le_bytes());
    out.extend_from_slice(content);
    out
}

/// The content of a footer of this version with correct crcs of the chunks, whose bytes are in `blocks`, which begins at `offset`
/// of the file: fuzzers cannot guess a crc. The first id becomes 1, as in the header.
pub(in crate::store) fn with_checksums(
    content: &[u8],
    version: u32,
    offset: u64,
    blocks: &[u8],
) -> Option<Vec<u8>> {
    let mut footer = Footer::decode_content(&mut ByteReader::new(content, 0), version).ok()?;
    footer.ids.start = 1;
    let entries = footer.entries.iter_mut();
    let chunks = entries.flat_map(|entry| {
        let indexes = [&mut entry.bitmap].into_iter().chain(&mut entry.filter);
        entry.chunks.iter_mut().chain(indexes)
    });
    for chunk in chunks.chain([&mut footer.fields]) {
        let start = usize::try_from(chunk.offset.saturating_sub(offset)).ok()?;
        let end = start.checked_add(chunk.stored as usize)?;
        chunk.crc = crc32fast::hash(blocks.get(start..end)?);
    }
    let whole = footer.encode(StoreId::default());
    whole.get(FOOTER_HEADER_LENGTH..).map(<[u8]>::to_vec)
}

/// The store id is included, so that a logged message cannot pass for a footer.
fn checksum(store: StoreId, content: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&store);
    hasher.update(content);
    hasher.finalize()
}

/// The end of a sealed file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct Trailer {
    pub(in crate::store) version: u32,
    pub(in crate::store) store: StoreId,
    /// The offsets of the two copies of the footer.
    pub(in crate::store) footers: [u64; 2],
}

impl Trailer {
    pub(in crate::store) fn encode(&self) -> Vec<u8> {
        let mut out = self.store.to_vec();
        out.extend(self.footers.iter().flat_map(|offset| offset.to_le_bytes()));
        out.extend(self.version.to_le_bytes());
        let crc = crc32fast::hash(&out);
        out.extend(crc.to_le_bytes());
        out.extend(TRAILER_MAGIC);
        out
    }

    pub(in crate::store) fn decode(file: &[u8]) -> Option<Self> {
        let (_, bytes) = file.split_at_checked(file.len().checked_sub(TRAILER_LENGTH)?)?;
        let (checked, _) = bytes.split_at_checked(TRAILER_CHECKED)?;
        let mut reader = ByteReader::new(bytes, 0);
        let mut read = || -> Result<_, Truncated> {
            let store = reader.array("store id")?;
            let footers = [reader.u64("footer")?, reader.u64("footer")?];
            let version = reader.u32("version")?;
            let crc = reader.u32("trailer crc")?;
            Ok((store, footers, version, crc, reader.array("magic")?))
        };
        let (store, footers, version, crc, magic) = read().ok()?;
        let is_known = (VERSION_1..=VERSION).contains(&version);
        let is_valid = is_known && crc == crc32fast::hash(checked) && magic == TRAILER_MAGIC;
        is_valid.then_some(Self {
            version,
            store,
            footers,
        })
    }
}

/// The header and footer of a sealed file.
#[derive(Debug)]
pub(in crate::store) struct Ends {
    /// When the file was created; `None` if its header is damaged.
    pub(in crate::store) begun: Option<Micros>,
    /// Set for a kept segment; `None` if the header is damaged.
    pub(in crate::store) thinning: Option<Thinning>,
    pub(in crate::store) footer: Footer,
    /// Damaged parts that were not needed.
    pub(in crate::store) damage: Vec<Error>,
}

/// Finds the footer of a sealed file, by the trailer, or by its magic if the trailer is damaged.
pub(in crate::store) fn find(path: &Path, map: &[u8]) -> Result<Ends, Error> {
    let mut damage = vec![];
    let header = Header::decode(
        map.get(..HEADER_LENGTH).unwrap_or_default(),
        FileKind::Sealed,
        path,
    );
    let header = match header {
        Err(error @ Error::Unsupported { .. }) => return Err(error),
        Err(error) => {
            damage.push(error);
            None
        }
        Ok(header) => Some(header),
    };
    let trailer = Trailer::decode(map);
    let end = map.len() as u64;
    if trailer.is_none() {
        damage.push(Error::corrupt(path, end, "trailer"));
    }
    let known = trailer.map(|trailer| (trailer.store, trailer.version));
    let known = header
        .map(|header| (header.store, header.version))
        .or(known);
    let Some((store, version)) = known else {
        return Err(Error::corrupt(path, 0, "header and trailer"));
    };
    let footer = match trailer {
        Some(trailer) => at_either(path, map, (store, version), trailer.footers, &mut damage),
        None => anywhere(map, store, version),
    };
    let footer = footer.ok_or_else(|| Error::corrupt(path, end, "footer"))?;
    if header.is_some_and(|header| header.first_id != footer.ids.start) {
        return Err(Error::corrupt(path, 0, "first id"));
    }
    Ok(Ends {
        begun: header.map(|header| header.created),
        thinning: header.and_then(|header| header.thinning),
        footer,
        damage,
    })
}

/// The first valid footer of the two; an invalid one is added to the damage.
fn at_either(
    path: &Path,
    map: &[u8],
    (store, version): (StoreId, u32),
    places: [u64; 2],
    damage: &mut Vec<Error>,
) -> Option<Footer> {
    let footers = places.map(|offset| {
        let bytes = map.get(usize::try_from(offset).ok()?..)?;
        Footer::decode(bytes, store, version).ok()
    });
    for (offset, footer) in places.into_iter().zip(&footers) {
        if footer.is_none() {
            damage.push(Error::corrupt(path, offset, "footer"));
        }
    }
    footers.into_iter().flatten().next()
}

/// Finds the footer by its magic. Each attempt may compute the crc of the whole file, so that their number is limited.
fn anywhere(map: &[u8], store: StoreId, version: u32) -> Option<Footer> {
    memchr::memmem::rfind_iter(map, &FOOTER_MAGIC)
        .take(SEARCH_TRIES_MAX)
        .find_map(|at| Footer::decode(map.get(at..)?, store, version).ok())
}

/// A file has two footers; other matches are messages.
const SEARCH_TRIES_MAX: usize = 1000;

const _: () = assert!(FOOTER_HEADER_LENGTH == FOOTER_MAGIC.len() + 4 + 4);
