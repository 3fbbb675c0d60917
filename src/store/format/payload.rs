//! The payloads of frames.

use super::batch::{self, BatchColumns, Damage};
use super::frame::{Frame, FrameKind};
use super::stream::{BatchStreamReader, StreamPart, StreamPlace};
use crate::bytes::ByteReader;
use crate::record::{Position, Positions};

/// The decoded payload of a frame.
#[derive(Debug)]
pub(in crate::store) enum FramePayload<'a> {
    /// Records and positions.
    Batch(BatchPayload<'a>),
    /// The low-water id and all positions.
    State(u64, Vec<Position>),
    /// A new low-water id.
    LowWater(u64),
}

/// The payload of a frame with a batch.
#[derive(Debug)]
pub(in crate::store) struct BatchPayload<'a> {
    pub(in crate::store) columns: BatchColumns<'a>,
    /// Its length, uncompressed.
    pub(in crate::store) raw_length: u64,
    pub(in crate::store) stream: StreamPlace,
}

impl<'a> FramePayload<'a> {
    /// Decodes a frame; `streams` has read the frames before it.
    pub(in crate::store) fn decode(
        frame: &Frame<'a>,
        streams: &'a mut BatchStreamReader,
    ) -> Result<Self, Damage> {
        match frame.kind {
            FrameKind::Batch => Ok(Self::Batch(BatchPayload {
                columns: BatchColumns::decode(frame.payload)?,
                raw_length: frame.payload.len() as u64,
                stream: StreamPlace::Apart,
            })),
            FrameKind::CompressedBatch => {
                let part = StreamPart::parse(frame.payload)?;
                let columns = BatchColumns::decode(streams.batch(&part)?)?;
                if columns.rows() == 0 {
                    return Err(Damage("rows of a compressed batch"));
                }
                Ok(Self::Batch(BatchPayload {
                    columns,
                    raw_length: part.raw_length as u64,
                    stream: part.place(),
                }))
            }
            FrameKind::State => {
                let (low_water, positions) = decode_state(frame.payload)?;
                Ok(Self::State(low_water, positions))
            }
            FrameKind::LowWater => {
                let bytes = frame.payload.try_into();
                let bytes = bytes.map_err(|_| Damage("low-water id"))?;
                Ok(Self::LowWater(u64::from_le_bytes(bytes)))
            }
        }
    }
}

/// Appends the payload of a state frame.
pub(in crate::store) fn encode_state(out: &mut Vec<u8>, low_water: u64, positions: &Positions) {
    out.extend(low_water.to_le_bytes());
    batch::put_count(out, positions.len());
    batch::put_positions(out, positions);
}

fn decode_state(payload: &[u8]) -> Result<(u64, Vec<Position>), Damage> {
    let mut reader = ByteReader::new(payload, 0);
    let low_water = reader.u64("low-water id")?;
    let count = reader.u32("position count")?;
    let positions = batch::read_positions(&mut reader, count)?;
    if !reader.is_empty() {
        return Err(Damage("end of state"));
    }
    Ok((low_water, positions))
}
