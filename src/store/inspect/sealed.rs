//! Describing a sealed file.

use super::model::{
    BlockInspection, ChunkInspection, ColumnSize, Part, SegmentInspection, SegmentKind,
    SourceInspection, hexadecimal,
};
use crate::store::error::Error;
use crate::store::format::footer::{self, BlockEntry, Footer, Trailer};
use crate::store::format::index::grams::GramBitmap;
use crate::store::format::layout::{
    COLUMNS, Column, HEADER_LENGTH, StoreId, TRAILER_LENGTH, VERSION_1,
};
use crate::store::read::opened;
use crate::store::read::tally::SourceTally;
use crate::store::whole::read_only::LoneFile;
use std::sync::Arc;

pub(super) fn inspect(file: &LoneFile) -> Result<SegmentInspection, Error> {
    let path = &file.path;
    let map = file.file.map(file.length);
    let map = map.map_err(Error::io("open", path))?;
    let ends = footer::find(path, &map)?;
    let footer = &ends.footer;
    let trailer = Trailer::decode(&map);
    let store = file.header.map(|header| header.store);
    let store = store.or(trailer.map(|trailer| trailer.store));
    let store = store.unwrap_or_default();
    let mut damage = ends.damage.clone();
    let blocks: Vec<BlockInspection> = footer
        .entries
        .iter()
        .map(|entry| block(&map, entry))
        .collect();
    for block in &blocks {
        for chunk in block.chunks() {
            if !chunk.is_sound {
                damage.push(Error::corrupt(path, chunk.offset, chunk.name));
            }
        }
    }
    let fields = (footer.version != VERSION_1).then(|| chunk(&map, "field index", footer.fields));
    let is_damaged = fields.filter(|fields| !fields.is_sound);
    damage.extend(is_damaged.map(|fields| Error::corrupt(path, fields.offset, fields.name)));
    let opened = opened::open_map(path, map.clone(), &Arc::default())?;
    let tallies = opened.segment.tallies();
    let times = blocks.iter().map(|block| &block.times);
    let earliest = times.clone().map(|times| *times.start()).min();
    let latest = times.map(|times| *times.end()).max();
    Ok(SegmentInspection {
        path: path.clone(),
        kind: SegmentKind::Sealed,
        bytes: file.length,
        format_version: footer.version,
        store_id: hexadecimal(store),
        created: file.header.map(|header| header.created),
        sealed: Some(footer.facts.sealed),
        ids: footer.ids.clone(),
        records: blocks.iter().map(|block| u64::from(block.rows)).sum(),
        thinned: opened.segment.is_kept().then(|| opened.segment.thinned()),
        times: earliest.zip(latest).map(|(start, end)| start..=end),
        levels: level_counts(&blocks),
        sources: sources(footer, &tallies.unwrap_or_default()),
        low_water: footer.facts.low_water,
        positions: footer.facts.positions.clone(),
        columns: column_sizes(&blocks),
        parts: parts(
            &map,
            file,
            (store, footer.version),
            trailer,
            &blocks,
            fields,
        ),
        blocks,
        fields,
        frames: vec![],
        torn_bytes: 0,
        damage,
    })
}

/// The size of the columns of all blocks.
fn column_sizes(blocks: &[BlockInspection]) -> [ColumnSize; COLUMNS] {
    let mut columns = Column::ALL.map(|column| ColumnSize {
        name: column.name(),
        ..ColumnSize::default()
    });
    for block in blocks {
        for (total, chunk) in columns.iter_mut().zip(&block.columns) {
            total.stored_bytes += u64::from(chunk.stored_bytes);
            total.raw_bytes += u64::from(chunk.raw_bytes);
        }
    }
    columns
}

/// Rows by level, over all blocks.
fn level_counts(blocks: &[BlockInspection]) -> [u64; 4] {
    let mut levels = [0; 4];
    for block in blocks {
        for (total, count) in levels.iter_mut().zip(block.levels) {
            *total += u64::from(count);
        }
    }
    levels
}

fn block(map: &[u8], entry: &BlockEntry) -> BlockInspection {
    let summary = &entry.summary;
    let bitmap = chunk(map, "block bitmap", entry.bitmap);
    let bytes = bytes(map, entry.bitmap.offset, entry.bitmap.stored.into());
    let bits_set = || bytes.iter().map(|byte| u64::from(byte.count_ones())).sum();
    BlockInspection {
        source: summary.source,
        rows: summary.rows,
        ids: summary.ids.clone(),
        times: summary.times.clone(),
        levels: summary.levels,
        columns: Column::ALL.map(|column| chunk(map, column.name(), entry.chunk(column))),
        bitmap,
        bitmap_bits_set: match entry.filter {
            // After the length of its first part.
            Some(_) => GramBitmap::new(bytes).map_or(0, |bitmap| bitmap.bits_set()),
            None => bits_set(),
        },
        filter: entry
            .filter
            .map(|filter| chunk(map, "block filter", filter)),
    }
}

fn chunk(map: &[u8], name: &'static str, chunk: footer::StoredChunk) -> ChunkInspection {
    let stored = bytes(map, chunk.offset, chunk.stored.into());
    ChunkInspection {
        name,
        offset: chunk.offset,
        stored_bytes: chunk.stored,
        raw_bytes: chunk.raw,
        crc: chunk.crc,
        is_sound: stored.len() == chunk.stored as usize && crc32fast::hash(stored) == chunk.crc,
    }
}

/// `length` bytes of the file, or none if it is shorter.
fn bytes(map: &[u8], offset: u64, length: u64) -> &[u8] {
    let range = || {
        let start = usize::try_from(offset).ok()?;
        map.get(start..start.checked_add(usize::try_from(length).ok()?)?)
    };
    range().unwrap_or_default()
}

fn sources(footer: &Footer, tallies: &[SourceTally]) -> Vec<SourceInspection> {
    let named = (0..).zip(&footer.sources);
    let inspection = |(number, source): (u32, &crate::record::Source)| {
        let tally = tallies.iter().find(|tally| tally.source == number);
        SourceInspection {
            number,
            source: source.clone(),
            levels: tally.map_or([0; 4], |tally| tally.levels),
            last: tally.map(|tally| tally.last),
        }
    };
    named.map(inspection).collect()
}

fn parts(
    map: &[u8],
    file: &LoneFile,
    (store, version): (StoreId, u32),
    trailer: Option<Trailer>,
    blocks: &[BlockInspection],
    fields: Option<ChunkInspection>,
) -> Vec<Part> {
    let mut parts = vec![Part {
        name: "header",
        offset: 0,
        bytes: HEADER_LENGTH as u64,
        is_sound: file.header.is_some(),
    }];
    let chunks = blocks.iter().flat_map(BlockInspection::chunks);
    parts.extend(chunks.chain(fields.as_ref()).map(|chunk| Part {
        name: chunk.name,
        offset: chunk.offset,
        bytes: chunk.stored_bytes.into(),
        is_sound: chunk.is_sound,
    }));
    let trailer_at = file.length.saturating_sub(TRAILER_LENGTH as u64);
    for offset in trailer.iter().flat_map(|trailer| trailer.footers) {
        let found = bytes(map, offset, trailer_at.saturating_sub(offset));
        let footer = Footer::decode(found, store, version).ok();
        parts.push(Part {
            name: "footer",
            offset,
            bytes: footer
                .as_ref()
                .map_or(0, |footer| footer.encode(store).len() as u64),
            is_sound: footer.is_some(),
        });
    }
    parts.push(Part {
        name: "trailer",
        offset: trailer_at,
        bytes: TRAILER_LENGTH as u64,
        is_sound: trailer.is_some(),
    });
    parts.sort_by_key(|part| part.offset);
    parts
}
