//! Describing an active file.

use super::model::{
    ColumnSize, FrameContent, FrameInspection, Part, SegmentInspection, SegmentKind,
    SourceInspection, hexadecimal,
};
use crate::store::error::Error;
use crate::store::format::frame::Frame;
use crate::store::format::layout::{Column, FRAME_HEADER_LENGTH, HEADER_LENGTH, VERSION};
use crate::store::format::payload::{BatchPayload, FramePayload};
use crate::store::read::segment::Segment;
use crate::store::whole::read_only::LoneFile;
use crate::store::write::append::ActiveWriter;

pub(super) fn inspect(file: LoneFile) -> Result<SegmentInspection, Error> {
    let (path, length, header) = (file.path.clone(), file.length, file.header);
    let mut frames = vec![];
    let mut columns = Column::ALL.map(|column| ColumnSize {
        name: column.name(),
        ..ColumnSize::default()
    });
    let scanned = file.scan(&mut |frame, payload| {
        frames.push(inspect_frame(frame, payload));
        if let FramePayload::Batch(batch) = payload {
            add_columns(&mut columns, frame, batch);
        }
    })?;
    let (torn_bytes, damage) = (scanned.torn, scanned.holes.clone());
    let (low_water, positions) = (scanned.index.low_water, scanned.index.positions.clone());
    let segment = ActiveWriter::from(scanned).segment();
    let tallies = segment.tallies()?;
    let mut levels = [0; 4];
    for tally in tallies.iter() {
        for (total, count) in levels.iter_mut().zip(tally.levels) {
            *total += count;
        }
    }
    let sources = (0..).zip(segment.sources()).map(|(number, source)| {
        let tally = tallies.iter().find(|tally| tally.source == number);
        SourceInspection {
            number,
            source: source.clone(),
            levels: tally.map_or([0; 4], |tally| tally.levels),
            last: tally.map(|tally| tally.last),
        }
    });
    Ok(SegmentInspection {
        path,
        kind: SegmentKind::Active,
        bytes: length,
        format_version: header.map_or(VERSION, |header| header.version),
        store_id: header.map_or_else(String::new, |header| hexadecimal(header.store)),
        created: header.map(|header| header.created),
        sealed: None,
        ids: segment.ids(),
        records: segment.rows(),
        thinned: None,
        times: times(&segment),
        levels,
        sources: sources.collect(),
        low_water,
        positions,
        columns,
        parts: parts(&frames, length, torn_bytes, &damage),
        blocks: vec![],
        fields: None,
        frames,
        torn_bytes,
        damage,
    })
}

fn times(segment: &Segment) -> Option<std::ops::RangeInclusive<crate::time::Micros>> {
    let times = || segment.blocks().map(|block| &block.summary().times);
    let start = times().map(|times| *times.start()).min()?;
    let end = times().map(|times| *times.end()).max()?;
    Some(start..=end)
}

fn inspect_frame(frame: &Frame<'_>, payload: &FramePayload<'_>) -> FrameInspection {
    let mut raw_length = frame.payload.len() as u64;
    let content = match payload {
        FramePayload::Batch(payload) => {
            raw_length = payload.raw_length;
            let batch = &payload.columns;
            FrameContent::Batch {
                first_id: batch.first_id,
                rows: batch.rows() as u64,
                sources: batch.names.len() as u64,
                positions: batch.positions.len() as u64,
                message_bytes: batch.text().len() as u64,
                metadata_bytes: batch.metadata().len() as u64,
            }
        }
        FramePayload::State(low_water, positions) => FrameContent::State {
            positions: positions.len() as u64,
            low_water: *low_water,
        },
        FramePayload::LowWater(low_water) => FrameContent::LowWater {
            low_water: *low_water,
        },
    };
    FrameInspection {
        offset: frame.offset,
        bytes: (FRAME_HEADER_LENGTH + frame.payload.len()) as u64,
        raw_bytes: FRAME_HEADER_LENGTH as u64 + raw_length,
        durable: frame.durable,
        content,
    }
}

/// Adds the sizes of the columns of a batch.
fn add_columns(columns: &mut [ColumnSize], frame: &Frame<'_>, payload: &BatchPayload<'_>) {
    let batch = &payload.columns;
    let rows = batch.rows() as u64;
    let (text, metadata) = (batch.text().len() as u64, batch.metadata().len() as u64);
    // In the order of the columns of a sealed block. Ids are consecutive and take no bytes.
    let raw = [
        0,
        4 * rows,
        8 * rows,
        rows,
        4 * rows,
        4 * rows,
        text,
        metadata,
    ];
    for (column, raw) in columns.iter_mut().zip(raw) {
        column.raw_bytes += raw;
        column.stored_bytes += raw * frame.payload.len() as u64 / payload.raw_length.max(1);
    }
}

/// Header, frames, damaged frames between them, and the torn tail.
fn parts(frames: &[FrameInspection], length: u64, torn: u64, damage: &[Error]) -> Vec<Part> {
    let mut parts = vec![Part {
        name: "header",
        offset: 0,
        bytes: (HEADER_LENGTH as u64).min(length),
        is_sound: true,
    }];
    let holes = damage.iter().filter_map(|error| match error {
        Error::Corrupt { offset, .. } => Some(*offset),
        _ => None,
    });
    for offset in holes {
        let next = frames.iter().map(|frame| frame.offset);
        let end = next.filter(|next| *next > offset).min();
        parts.push(Part {
            name: "damaged frame",
            offset,
            bytes: end.unwrap_or(length - torn).saturating_sub(offset),
            is_sound: false,
        });
    }
    for frame in frames {
        parts.push(Part {
            name: match frame.content {
                FrameContent::Batch { .. } => "batch frame",
                FrameContent::State { .. } => "state frame",
                FrameContent::LowWater { .. } => "low water frame",
            },
            offset: frame.offset,
            bytes: frame.bytes,
            is_sound: true,
        });
    }
    if torn > 0 {
        parts.push(Part {
            name: "torn tail",
            offset: length - torn,
            bytes: torn,
            is_sound: false,
        });
    }
    parts.sort_by_key(|part| part.offset);
    parts
}
