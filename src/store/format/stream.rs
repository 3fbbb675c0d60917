//! Streams of compressed batches.
//!
//! The payloads of consecutive batches are one zstd frame, which is flushed after each of them. A batch is readable as soon as its own
//! part is written, and still refers to the batches before it: frames of a single record compress nearly as well as large ones.

use super::batch::{Damage, put_count};
use super::compress::{self, LEVEL, RATIO_MAX, append_part, checked};
use super::layout::FRAME_PAYLOAD_MAX;
use crate::bytes::ByteReader;
use std::io;
use zstd::zstd_safe::zstd_sys::ZSTD_EndDirective;
use zstd::zstd_safe::{CCtx, CParameter, DCtx, DParameter, InBuffer, OutBuffer, ResetDirective};

/// The place of a batch in a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum StreamPlace {
    /// It is not compressed, and in no stream.
    Apart,
    /// It begins a stream.
    First,
    /// It cannot be read without the batches before it.
    Later,
}

/// A compressed batch, as the payload of its frame has it.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct StreamPart<'a> {
    /// The length of the batch.
    pub(in crate::store) raw_length: usize,
    /// The total length of the batches before it in its stream; 0 begins one.
    pub(in crate::store) position: u32,
    /// The bytes of the zstd frame.
    compressed: &'a [u8],
}

impl<'a> StreamPart<'a> {
    pub(in crate::store) fn parse(payload: &'a [u8]) -> Result<Self, Damage> {
        let mut reader = ByteReader::new(payload, 0);
        let raw_length = reader.u32("batch length")? as usize;
        let position = reader.u32("position in the stream")?;
        let compressed = reader.rest();
        // A wrong length must not cost memory.
        let possible = 1..=FRAME_PAYLOAD_MAX;
        if !possible.contains(&raw_length) || raw_length / RATIO_MAX > compressed.len() {
            return Err(Damage("batch length"));
        }
        Ok(Self {
            raw_length,
            position,
            compressed,
        })
    }

    pub(in crate::store) fn place(&self) -> StreamPlace {
        match self.position {
            0 => StreamPlace::First,
            _ => StreamPlace::Later,
        }
    }

    /// The position of the next part.
    fn end(&self) -> Option<u32> {
        let length = u32::try_from(self.raw_length).ok()?;
        self.position.checked_add(length)
    }
}

/// Compresses the batches of a stream.
pub(in crate::store) struct BatchStreamWriter {
    context: CCtx<'static>,
    position: u32,
}

impl BatchStreamWriter {
    pub(in crate::store) fn new() -> io::Result<Self> {
        let mut context = CCtx::try_create().ok_or(io::ErrorKind::OutOfMemory)?;
        for parameter in [
            CParameter::CompressionLevel(LEVEL),
            CParameter::WindowLog(WINDOW_LOG),
        ] {
            checked(context.set_parameter(parameter))?;
        }
        Ok(Self {
            context,
            position: 0,
        })
    }

    /// Begins another stream.
    pub(in crate::store) fn begin(&mut self) -> io::Result<()> {
        self.position = 0;
        checked(self.context.reset(ResetDirective::SessionOnly)).map(drop)
    }

    /// Appends the payload of the frame of a batch to `out`. After an error another stream must begin.
    pub(in crate::store) fn append(&mut self, raw: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        put_count(out, raw.len());
        out.extend(self.position.to_le_bytes());
        append_part(&mut self.context, raw, ZSTD_EndDirective::ZSTD_e_flush, out)?;
        let length = u32::try_from(raw.len()).map_err(io::Error::other)?;
        self.position = self.position.saturating_add(length);
        Ok(())
    }
}

impl std::fmt::Debug for BatchStreamWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BatchStreamWriter at {}", self.position)
    }
}

/// Decompresses streams a batch at a time, in the order of the file.
#[derive(Default)]
pub(in crate::store) struct BatchStreamReader {
    context: Option<DCtx<'static>>,
    /// Where the next part must be; `None` if the stream cannot be continued.
    position: Option<u32>,
    raw: Vec<u8>,
}

impl BatchStreamReader {
    /// The batch of the next part.
    pub(in crate::store) fn batch(&mut self, part: &StreamPart<'_>) -> Result<&[u8], Damage> {
        let can_read = self.can_read(part);
        self.position = None;
        if !can_read {
            return Err(Damage("stream of batches"));
        }
        if part.position == 0 {
            self.begin().ok_or(Damage("memory"))?;
        }
        // A byte more shows whether the part is longer than it says.
        let room = part.raw_length + 1;
        if self.raw.len() < room {
            self.raw.resize(room, 0);
        }
        let raw = self.raw.get_mut(..room).unwrap_or_default();
        let context = self.context.as_mut().ok_or(Damage("stream of batches"))?;
        let length = decompress_part(context, part.compressed, raw);
        if length != Some(part.raw_length) {
            return Err(Damage("stream of batches"));
        }
        self.position = part.end();
        Ok(self.raw.get(..part.raw_length).unwrap_or_default())
    }

    /// Whether the part can be read after those before it.
    pub(in crate::store) fn can_read(&self, part: &StreamPart<'_>) -> bool {
        part.position == 0 || self.position == Some(part.position)
    }

    /// A part was lost: the following parts of its stream cannot be read.
    pub(in crate::store) fn lose(&mut self) {
        self.position = None;
    }

    fn begin(&mut self) -> Option<()> {
        if let Some(context) = &mut self.context {
            return context.reset(ResetDirective::SessionOnly).ok().map(drop);
        }
        let mut context = DCtx::try_create()?;
        let window = DParameter::WindowLogMax(WINDOW_LOG_MAX);
        context.set_parameter(window).ok()?;
        self.context = Some(context);
        Some(())
    }
}

impl std::fmt::Debug for BatchStreamReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BatchStreamReader at {:?}", self.position)
    }
}

/// Decompresses a part into `raw` and returns its length; `None` if it is invalid, or fills `raw`.
fn decompress_part(context: &mut DCtx<'_>, compressed: &[u8], raw: &mut [u8]) -> Option<usize> {
    let mut input = InBuffer::around(compressed);
    let (room, mut output) = (raw.len(), OutBuffer::around(raw));
    loop {
        let before = (input.pos(), output.pos());
        context.decompress_stream(&mut output, &mut input).ok()?;
        let now = (input.pos(), output.pos());
        if now.1 == room {
            return None;
        }
        if now.0 == compressed.len() {
            return Some(now.1);
        }
        if now == before {
            return None;
        }
    }
}

/// The first parts of a stream, which are decompressed together: that needs no memory for a window.
#[derive(Debug, Default)]
pub(in crate::store) struct StreamHead {
    compressed: Vec<u8>,
    raw_length: usize,
}

impl StreamHead {
    pub(in crate::store) fn add(&mut self, part: &StreamPart<'_>) -> Result<(), Damage> {
        if part.position as usize != self.raw_length {
            return Err(Damage("stream of batches"));
        }
        self.compressed.extend_from_slice(part.compressed);
        self.raw_length += part.raw_length;
        Ok(())
    }

    /// All batches, concatenated.
    pub(in crate::store) fn batches(mut self) -> Result<Vec<u8>, Damage> {
        if self.raw_length == 0 {
            return Ok(vec![]);
        }
        self.compressed.extend(LAST_BLOCK);
        compress::decompress_frame(&self.compressed, self.raw_length)
            .ok_or(Damage("stream of batches"))
    }
}

/// Ends a zstd frame: an uncompressed block of no bytes, marked as the last one (RFC 8878, 3.1.1.2).
const LAST_BLOCK: [u8; 3] = [1, 0, 0];
/// A window as large as the content of a stream (256 KiB): larger ones gain nothing.
const WINDOW_LOG: u32 = 18;
/// The format allows windows of 1 MiB.
const WINDOW_LOG_MAX: u32 = 20;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn payloads(batches: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let mut writer = BatchStreamWriter::new().unwrap();
        let payload = |raw: &Vec<u8>| {
            let mut out = vec![];
            writer.append(raw, &mut out).unwrap();
            out
        };
        batches.iter().map(payload).collect()
    }

    fn read(reader: &mut BatchStreamReader, payload: &[u8]) -> Option<Vec<u8>> {
        let part = StreamPart::parse(payload).ok()?;
        reader.batch(&part).ok().map(<[u8]>::to_vec)
    }

    fn example() -> Vec<Vec<u8>> {
        let batch = |number: usize| {
            let line = format!("{number} GET /api/v1/projects 200 in {} ms\n", number * 7);
            line.repeat(1 + number % 3).into_bytes()
        };
        (0..20).map(batch).collect()
    }

    #[test]
    fn later_batch_is_compressed_by_means_of_earlier_ones() {
        let payloads = payloads(&example());
        let first = payloads[0].len();
        let last = payloads[18].len();
        assert!(last < first && last < 40, "{first} and {last} bytes");
    }

    #[test]
    fn stream_is_read_after_another_but_not_after_a_lost_part() {
        let (batches, payloads) = (example(), payloads(&example()));
        let mut reader = BatchStreamReader::default();
        assert_eq!(
            read(&mut reader, &payloads[1]),
            None,
            "it begins in the middle"
        );
        for _ in 0..2 {
            for (batch, payload) in batches.iter().zip(&payloads) {
                assert_eq!(read(&mut reader, payload).as_ref(), Some(batch));
            }
        }
        assert!(read(&mut reader, &payloads[0]).is_some());
        assert_eq!(read(&mut reader, &payloads[2]), None, "one is missing");
        assert_eq!(read(&mut reader, &payloads[1]), None, "too late");
        assert!(read(&mut reader, &payloads[0]).is_some());
        reader.lose();
        assert_eq!(read(&mut reader, &payloads[1]), None);
    }

    #[test]
    fn writer_begins_anew() {
        let mut writer = BatchStreamWriter::new().unwrap();
        let mut out = vec![];
        writer.append(b"some text", &mut out).unwrap();
        writer.begin().unwrap();
        let mut again = vec![];
        writer.append(b"some text", &mut again).unwrap();
        assert_eq!(out, again);
        assert_eq!(StreamPart::parse(&again).unwrap().position, 0);
    }

    #[test]
    fn parts_are_decompressed_together() {
        let (batches, payloads) = (example(), payloads(&example()));
        for count in 0..=payloads.len() {
            let mut head = StreamHead::default();
            for payload in &payloads[..count] {
                head.add(&StreamPart::parse(payload).unwrap()).unwrap();
            }
            assert_eq!(head.batches().unwrap(), batches[..count].concat());
        }
        let mut head = StreamHead::default();
        let second = StreamPart::parse(&payloads[1]).unwrap();
        assert!(head.add(&second).is_err());
    }

    #[test]
    fn wrong_length_and_cut_part_are_refused() {
        let payload = payloads(&example()).swap_remove(0);
        for length in 0..payload.len() {
            let mut reader = BatchStreamReader::default();
            assert_eq!(read(&mut reader, &payload[..length]), None, "{length}");
        }
        let raw_length = u32::from_le_bytes(*payload.first_chunk().unwrap());
        for wrong in [0, raw_length - 1, raw_length + 1, u32::MAX] {
            let mut payload = payload.clone();
            payload[..4].copy_from_slice(&wrong.to_le_bytes());
            assert_eq!(
                read(&mut BatchStreamReader::default(), &payload),
                None,
                "{wrong}"
            );
        }
    }

    proptest! {
        #[test]
        fn batches_round_trip(batches in prop::collection::vec(prop::collection::vec(0u8..6, 1..3000), 1..20)) {
            let mut reader = BatchStreamReader::default();
            for (batch, payload) in batches.iter().zip(payloads(&batches)) {
                let found = read(&mut reader, &payload);
                prop_assert_eq!(found.as_ref(), Some(batch));
            }
        }

        #[test]
        fn no_bytes_break_the_reader(start in 0u8..5, bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut reader = BatchStreamReader::default();
            let payloads = payloads(&example());
            for payload in &payloads[..start.into()] {
                let _ = read(&mut reader, payload);
            }
            let _ = read(&mut reader, &bytes);
        }
    }
}
