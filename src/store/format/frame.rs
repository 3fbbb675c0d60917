//! Frames of the active file: a checked header around a payload.
//!
//! The crc also covers the store id and the offset of the frame. A message cannot pass for a frame: its author would have to know
//! both.

use super::layout::{FRAME_HEADER_LENGTH, FRAME_MAGIC, FRAME_PAYLOAD_MAX, StoreId};
use crate::bytes::ByteReader;

/// The kind of a frame's payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum FrameKind {
    /// Records, and the positions that cover them.
    Batch,
    /// The same, as a part of a stream (see [`super::stream`]); from format version 3 on.
    CompressedBatch,
    /// The low-water id and all positions: the first frame of a file.
    State,
    /// A new low-water id.
    LowWater,
}

impl FrameKind {
    pub(in crate::store) const ALL: [Self; 4] = [
        Self::Batch,
        Self::CompressedBatch,
        Self::State,
        Self::LowWater,
    ];

    fn number(self) -> u32 {
        match self {
            Self::Batch => 1,
            Self::State => 2,
            Self::LowWater => 3,
            Self::CompressedBatch => 4,
        }
    }
}

/// A complete frame with a valid crc.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Frame<'a> {
    /// Its offset in the file.
    pub(in crate::store) offset: u64,
    pub(in crate::store) kind: FrameKind,
    /// How many bytes of the file were synced when it was written.
    pub(in crate::store) durable: u64,
    pub(in crate::store) payload: &'a [u8],
}

impl Frame<'_> {
    /// The offset of the next frame.
    pub(in crate::store) fn end(&self) -> u64 {
        self.offset + (FRAME_HEADER_LENGTH + self.payload.len()) as u64
    }
}

/// The store and the offset that a frame is bound to.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Place {
    pub(in crate::store) store: StoreId,
    pub(in crate::store) offset: u64,
}

/// Reserves the header of a frame in `out`. The payload is appended next; [`finish`] fills in the header.
pub(in crate::store) fn begin(out: &mut Vec<u8>) -> usize {
    let start = out.len();
    out.resize(start + FRAME_HEADER_LENGTH, 0);
    start
}

/// Fills in the header of the frame from `start` to the end of `out`. The payload must not exceed [`FRAME_PAYLOAD_MAX`].
pub(in crate::store) fn finish(
    out: &mut [u8],
    start: usize,
    kind: FrameKind,
    durable: u64,
    place: Place,
) {
    let Some((header, payload)) = out
        .get_mut(start..)
        .and_then(|frame| frame.split_first_chunk_mut::<FRAME_HEADER_LENGTH>())
    else {
        debug_assert!(false, "begin() makes room for the header");
        return;
    };
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    let fields = checked_fields(length, kind, durable);
    let crc = checksum(place, fields, payload);
    let (magic, rest) = header.split_at_mut(4);
    magic.copy_from_slice(&FRAME_MAGIC);
    let (sum, rest) = rest.split_at_mut(4);
    sum.copy_from_slice(&crc.to_le_bytes());
    rest.copy_from_slice(&fields);
}

fn checked_fields(length: u32, kind: FrameKind, durable: u64) -> [u8; 16] {
    let mut fields = [0; 16];
    let (numbers, last) = fields.split_at_mut(8);
    let (first, second) = numbers.split_at_mut(4);
    first.copy_from_slice(&length.to_le_bytes());
    second.copy_from_slice(&kind.number().to_le_bytes());
    last.copy_from_slice(&durable.to_le_bytes());
    fields
}

fn checksum(place: Place, fields: [u8; 16], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&place.store);
    hasher.update(&place.offset.to_le_bytes());
    hasher.update(&fields);
    hasher.update(payload);
    hasher.finalize()
}

/// The length of the frame whose header is at the start of `bytes`. The crc has not been checked.
pub(in crate::store) fn length(bytes: &[u8]) -> Option<usize> {
    let mut reader = ByteReader::new(bytes, 0);
    let magic = reader.array::<4>("magic").ok()?;
    reader.u32("crc").ok()?;
    let payload = usize::try_from(reader.u32("length").ok()?).ok()?;
    (magic == FRAME_MAGIC && payload <= FRAME_PAYLOAD_MAX).then_some(FRAME_HEADER_LENGTH + payload)
}

/// The frame at the start of `bytes`; `None` if there is none, or it is not complete.
pub(in crate::store) fn parse(bytes: &[u8], place: Place) -> Option<Frame<'_>> {
    let whole = bytes.get(..length(bytes)?)?;
    let mut reader = ByteReader::new(whole, place.offset);
    reader.u32("magic").ok()?;
    let crc = reader.u32("crc").ok()?;
    let length = reader.u32("length").ok()?;
    let number = reader.u32("kind").ok()?;
    let durable = reader.u64("durable").ok()?;
    let kind = FrameKind::ALL
        .into_iter()
        .find(|kind| kind.number() == number)?;
    let payload = reader.rest();
    (crc == checksum(place, checked_fields(length, kind, durable), payload)).then_some(Frame {
        offset: place.offset,
        kind,
        durable,
        payload,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place {
            store: [7; 16],
            offset: 64,
        }
    }

    fn frame() -> Vec<u8> {
        let mut out = vec![1, 2, 3];
        let start = begin(&mut out);
        out.extend(b"payload");
        finish(&mut out, start, FrameKind::State, 64, place());
        out.split_off(3)
    }

    #[test]
    fn frame_round_trips() {
        let mut bytes = frame();
        bytes.extend(b"more");
        let frame = parse(&bytes, place()).unwrap();
        assert_eq!(frame.payload, b"payload");
        assert_eq!(frame.kind, FrameKind::State);
        assert_eq!(frame.durable, 64);
        assert_eq!(frame.end(), 64 + 24 + 7);
    }

    #[test]
    fn every_prefix_and_flip_is_refused() {
        let bytes = frame();
        for length in 0..bytes.len() {
            assert!(parse(&bytes[..length], place()).is_none());
        }
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(parse(&flipped, place()).is_none(), "bit {bit}");
        }
    }

    #[test]
    fn frame_is_valid_only_in_its_store_and_at_its_offset() {
        let bytes = frame();
        let elsewhere = Place {
            offset: 65,
            ..place()
        };
        assert!(parse(&bytes, elsewhere).is_none());
        let other = Place {
            store: [8; 16],
            ..place()
        };
        assert!(parse(&bytes, other).is_none());
    }
}
