//! The payloads of DATA objects, decompressed within a limit.

use crate::journal::format::error::Error;
use crate::journal::format::header::corrupt;
use crate::journal::format::layout;
use std::io::Read;

/// The largest xz dictionary that this reader allocates, in KiB: systemd uses 8 MiB at most.
const XZ_MEMORY_KIB: u32 = 72 << 10;
/// One byte of an lz4 block expands to at most this many bytes: a block that claims more is refused before memory is
/// allocated.
const LZ4_RATIO_MAX: usize = 256;
/// The largest window a zstd frame may request, as a power of two. The window of a single segment is its whole
/// content, which systemd itself limits to 768 MiB; only the part that is written takes memory.
const ZSTD_WINDOW_LOG_MAX: u32 = 30;
/// Size of the end of a payload that is read to find the footer of an xz stream and an index of a few blocks.
pub(crate) const XZ_TAIL_BYTES: usize = 128;

/// Size of the state of zstd: tables for literals and sequences, and a buffer for one block (measured: 160 KiB).
const ZSTD_STATE_BYTES: usize = 160 << 10;

/// How a payload is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    None,
    Xz,
    Lz4,
    Zstd,
}

impl Compression {
    /// The compression that the flags of the DATA object at `offset` name.
    pub(crate) fn from_flags(flags: u8, offset: u64) -> Result<Self, Error> {
        match flags {
            0 => Ok(Self::None),
            layout::OBJECT_XZ => Ok(Self::Xz),
            layout::OBJECT_LZ4 => Ok(Self::Lz4),
            layout::OBJECT_ZSTD => Ok(Self::Zstd),
            _ => Err(corrupt(
                "data object flags",
                offset,
                "at most one compression",
                u64::from(flags),
            )),
        }
    }
}

/// A payload as it is stored, or the beginning of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stored<'a> {
    pub(crate) bytes: &'a [u8],
    /// Its offset in the file, in bytes.
    pub(crate) offset: u64,
    /// More bytes follow in the file.
    pub(crate) is_cut: bool,
}

/// How much of a field was decompressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    Whole,
    /// The field is longer than the limit. Its length is known if the stored form states it.
    Cut(Option<u64>),
}

/// Decompresses payloads and keeps the state that is expensive to create.
#[derive(Default)]
pub(crate) struct Inflater {
    zstd: Option<zstd::bulk::Decompressor<'static>>,
    bytes: Vec<u8>,
}

impl Inflater {
    /// Memory in use, in bytes.
    pub(crate) fn memory(&self) -> usize {
        let state = if self.zstd.is_some() {
            ZSTD_STATE_BYTES
        } else {
            0
        };
        self.bytes.capacity() + state
    }

    /// The output of the last call of [`inflate`](Self::inflate).
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Decompresses up to `limit` bytes; never decompresses or holds more.
    pub(crate) fn inflate(
        &mut self,
        compression: Compression,
        stored: Stored<'_>,
        limit: usize,
    ) -> Result<Extent, Error> {
        self.bytes.clear();
        self.bytes.shrink_to(INFLATE_AT_ONCE_MAX);
        let extent = match compression {
            Compression::None => {
                let kept = stored.bytes.get(..limit).unwrap_or(stored.bytes);
                self.bytes.extend_from_slice(kept);
                let is_whole = kept.len() == stored.bytes.len() && !stored.is_cut;
                is_whole.then_some(Extent::Whole)
            }
            Compression::Xz => {
                let stream =
                    lzma_rust2::XzReader::new_mem_limit(stored.bytes, false, XZ_MEMORY_KIB);
                let is_whole = read_bounded(stream, &mut self.bytes, limit);
                is_whole.then_some(Extent::Whole)
            }
            Compression::Lz4 => self.lz4(stored, limit)?,
            Compression::Zstd => self.zstd(stored, limit),
        };
        if let Some(extent) = extent {
            return Ok(extent);
        }
        if self.bytes.len() >= limit || stored.is_cut && !self.bytes.is_empty() {
            self.bytes.truncate(limit);
            return Ok(Extent::Cut(stated_length(compression, stored.bytes)));
        }
        let (what, expected) = match compression {
            Compression::Xz => ("xz payload", "a valid stream"),
            Compression::Lz4 => ("lz4 payload", "a length and a valid block"),
            _ => ("zstd payload", "a valid frame"),
        };
        let found = stored.bytes.len() as u64;
        Err(corrupt(what, stored.offset, expected, found))
    }

    /// Returns `None` if the block is damaged or is longer than the limit.
    fn lz4(&mut self, stored: Stored<'_>, limit: usize) -> Result<Option<Extent>, Error> {
        let bad = |found| {
            let expected = "a length and a valid block";
            corrupt("lz4 payload", stored.offset, expected, found)
        };
        let (length, block) = stored
            .bytes
            .split_first_chunk::<8>()
            .ok_or_else(|| bad(stored.bytes.len() as u64))?;
        let claimed = u64::from_le_bytes(*length);
        let length = usize::try_from(claimed).map_err(|_| bad(claimed))?;
        if !stored.is_cut && length > block.len().saturating_mul(LZ4_RATIO_MAX) {
            return Err(bad(claimed));
        }
        if stored.is_cut || length > limit {
            lz4_prefix(block, &mut self.bytes, limit.min(length));
            return Ok(None);
        }
        self.bytes.resize(length, 0);
        match lz4_flex::block::decompress_into(block, &mut self.bytes) {
            Ok(written) if written == length => Ok(Some(Extent::Whole)),
            _ => Err(bad(claimed)),
        }
    }

    /// Returns `None` if the frame is damaged or is longer than the limit.
    fn zstd(&mut self, stored: Stored<'_>, limit: usize) -> Option<Extent> {
        let stated = stated_length(Compression::Zstd, stored.bytes)
            .and_then(|stated| usize::try_from(stated).ok());
        if let Some(stated) = stated
            && stated <= limit.min(INFLATE_AT_ONCE_MAX)
            && !stored.is_cut
        {
            if self.zstd.is_none() {
                self.zstd = zstd::bulk::Decompressor::new().ok();
            }
            self.bytes.reserve(stated);
            let decompressor = self.zstd.as_mut()?;
            let written = decompressor.decompress_to_buffer(stored.bytes, &mut self.bytes);
            let is_whole = written.is_ok_and(|written| written == stated);
            if !is_whole {
                self.bytes.clear();
            }
            return is_whole.then_some(Extent::Whole);
        }
        let mut stream = zstd::stream::read::Decoder::with_buffer(stored.bytes).ok()?;
        stream.window_log_max(ZSTD_WINDOW_LOG_MAX).ok()?;
        let is_whole = read_bounded(stream.single_frame(), &mut self.bytes, limit);
        is_whole.then_some(Extent::Whole)
    }
}

/// A stated size up to this is allocated before decompression starts, and this much memory is kept.
const INFLATE_AT_ONCE_MAX: usize = 1 << 20;

/// Reads a stream to its end. Returns `false` if it is damaged or longer than `limit`; `bytes` then holds the part
/// before.
fn read_bounded(mut stream: impl Read, bytes: &mut Vec<u8>, limit: usize) -> bool {
    let bound = limit.saturating_add(1);
    loop {
        let start = bytes.len();
        let room = (bound - start).min(start.max(READ_BYTES_MIN));
        if room == 0 {
            return false;
        }
        bytes.resize(start + room, 0);
        let read = stream.read(bytes.get_mut(start..).unwrap_or_default());
        bytes.truncate(start + *read.as_ref().unwrap_or(&0));
        match read {
            Ok(0) => return true,
            Ok(_) => {}
            Err(_) => return false,
        }
    }
}

/// Size of the first piece read from a stream; later pieces grow with the amount read.
const READ_BYTES_MIN: usize = 4 << 10;

/// Decompresses the first `limit` bytes of an lz4 block, or all bytes before its end or its first damage.
fn lz4_prefix(block: &[u8], bytes: &mut Vec<u8>, limit: usize) {
    let mut reader = block;
    while bytes.len() < limit {
        let Some(token) = take_byte(&mut reader) else {
            return;
        };
        let Some(literals) = lz4_length(&mut reader, token >> 4) else {
            return;
        };
        let whole = literals.min(reader.len());
        let (copied, rest) = reader.split_at(whole);
        let kept = copied.get(..limit - bytes.len()).unwrap_or(copied);
        bytes.extend_from_slice(kept);
        reader = rest;
        let Some((distance, rest)) = reader.split_first_chunk::<2>() else {
            return;
        };
        reader = rest;
        let Some(matched) = lz4_length(&mut reader, token & 15) else {
            return;
        };
        let distance = usize::from(u16::from_le_bytes(*distance));
        let Some(start) = bytes.len().checked_sub(distance).filter(|_| distance > 0) else {
            return;
        };
        let mut left = matched
            .saturating_add(LZ4_MATCH_MIN)
            .min(limit - bytes.len());
        // The source may overlap the output: the copied part then repeats.
        while left > 0 {
            let piece = left.min(bytes.len() - start);
            bytes.extend_from_within(start..start + piece);
            left -= piece;
        }
    }
}

/// The shortest match of an lz4 block.
const LZ4_MATCH_MIN: usize = 4;

fn take_byte(reader: &mut &[u8]) -> Option<u8> {
    let (byte, rest) = reader.split_first()?;
    *reader = rest;
    Some(*byte)
}

/// Reads a length of an lz4 block: 15 in the token means that the length continues in the following bytes, up to the
/// first below 255.
fn lz4_length(reader: &mut &[u8], token: u8) -> Option<usize> {
    let mut length = usize::from(token);
    if token == 15 {
        loop {
            let byte = take_byte(reader)?;
            length = length.saturating_add(usize::from(byte));
            if byte != u8::MAX {
                break;
            }
        }
    }
    Some(length)
}

/// The length of the field as its stored form states it: at its start (lz4, zstd) or at its end (xz).
pub(crate) fn stated_length(compression: Compression, bytes: &[u8]) -> Option<u64> {
    match compression {
        Compression::None => Some(bytes.len() as u64),
        Compression::Lz4 => bytes
            .first_chunk()
            .map(|length| u64::from_le_bytes(*length)),
        Compression::Zstd => zstd::zstd_safe::get_frame_content_size(bytes)
            .ok()
            .flatten(),
        Compression::Xz => xz_length(bytes),
    }
}

/// The sum of the lengths of all blocks, from the index at the end of an xz stream.
fn xz_length(bytes: &[u8]) -> Option<u64> {
    let (rest, footer) = bytes.split_last_chunk::<12>()?;
    let [_, _, _, _, size @ .., _, _, b'Y', b'Z'] = footer else {
        return None;
    };
    let size = u64::from(u32::from_le_bytes(*size))
        .checked_add(1)?
        .checked_mul(4)?;
    let start = rest.len().checked_sub(usize::try_from(size).ok()?)?;
    let mut index = rest.get(start..)?.strip_prefix(&[0])?;
    let blocks = xz_number(&mut index)?;
    let mut length = 0_u64;
    for _ in 0..blocks {
        xz_number(&mut index)?;
        length = length.checked_add(xz_number(&mut index)?)?;
    }
    Some(length)
}

/// Reads a number stored in groups of seven bits, lowest first.
fn xz_number(reader: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..63).step_by(7) {
        let byte = take_byte(reader)?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn sample() -> Vec<u8> {
        (0..5_000_u32)
            .flat_map(|number| (number % 97).to_le_bytes())
            .collect()
    }

    fn whole(bytes: &[u8]) -> Stored<'_> {
        Stored {
            bytes,
            offset: 64,
            is_cut: false,
        }
    }

    fn xz(bytes: &[u8]) -> Vec<u8> {
        let options = lzma_rust2::XzOptions::default();
        let mut writer = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
        writer.write_all(bytes).unwrap();
        writer.finish().unwrap()
    }

    fn lz4(bytes: &[u8]) -> Vec<u8> {
        let mut payload = (bytes.len() as u64).to_le_bytes().to_vec();
        payload.extend(lz4_flex::block::compress(bytes));
        payload
    }

    fn zstd_without_size(bytes: &[u8]) -> Vec<u8> {
        let mut writer = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        writer.include_contentsize(false).unwrap();
        writer.write_all(bytes).unwrap();
        writer.finish().unwrap()
    }

    fn forms(bytes: &[u8]) -> Vec<(Compression, Vec<u8>)> {
        vec![
            (Compression::None, bytes.to_vec()),
            (Compression::Xz, xz(bytes)),
            (Compression::Lz4, lz4(bytes)),
            (Compression::Zstd, zstd::bulk::compress(bytes, 1).unwrap()),
            (Compression::Zstd, zstd_without_size(bytes)),
        ]
    }

    #[test]
    fn every_form_gives_the_bytes_back() {
        let bytes = sample();
        let mut inflater = Inflater::default();
        for (compression, payload) in forms(&bytes) {
            let extent = inflater.inflate(compression, whole(&payload), bytes.len());
            assert_eq!(extent.unwrap(), Extent::Whole, "{compression:?}");
            assert_eq!(inflater.bytes(), bytes, "{compression:?}");
        }
    }

    #[test]
    fn every_form_stops_at_the_limit_and_tells_the_length() {
        let mut bytes = sample();
        bytes.resize(4 << 20, b'a');
        let mut inflater = Inflater::default();
        for (at, (compression, payload)) in forms(&bytes).into_iter().enumerate() {
            for limit in [1, 5, 1_000, 20_000, 1 << 20, bytes.len() - 1] {
                let extent = inflater.inflate(compression, whole(&payload), limit);
                // The last form is the frame that does not state its length.
                let stated = (at < 4).then_some(bytes.len() as u64);
                assert_eq!(extent.unwrap(), Extent::Cut(stated), "{compression:?}");
                assert!(inflater.bytes() == &bytes[..limit], "{compression:?}");
                let held = inflater.memory();
                let most = (2 * limit).max(INFLATE_AT_ONCE_MAX) + ZSTD_STATE_BYTES;
                assert!(held <= most, "{compression:?}: {held} for {limit}");
            }
        }
    }

    #[test]
    fn the_beginning_of_a_stored_form_gives_the_beginning_of_the_field() {
        // Bytes that barely compress, so that the stored form has several pieces.
        let mut state = 1_u64;
        let bytes: Vec<u8> = std::iter::repeat_with(|| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 57) as u8
        })
        .take(512 << 10)
        .collect();
        let mut inflater = Inflater::default();
        for (compression, payload) in forms(&bytes) {
            let stored = Stored {
                bytes: &payload[..payload.len() * 3 / 4],
                offset: 64,
                is_cut: true,
            };
            let limit = 256 << 10;
            let extent = inflater.inflate(compression, stored, limit).unwrap();
            assert!(matches!(extent, Extent::Cut(_)), "{compression:?}");
            assert!(inflater.bytes() == &bytes[..limit], "{compression:?}");
        }
    }

    #[test]
    fn every_prefix_of_a_compressed_form_is_refused() {
        let bytes = sample();
        let mut inflater = Inflater::default();
        for (compression, payload) in forms(&bytes).into_iter().skip(1) {
            for length in 0..payload.len() {
                let found = inflater.inflate(compression, whole(&payload[..length]), 1 << 20);
                // An xz stream is complete once its blocks are; only an index follows.
                assert!(
                    found.is_err() || compression == Compression::Xz,
                    "{compression:?}: {length} bytes"
                );
            }
        }
    }

    #[test]
    fn flags_name_one_compression() {
        assert_eq!(Compression::from_flags(4, 0).unwrap(), Compression::Zstd);
        let error = Compression::from_flags(7, 80).unwrap_err();
        assert_eq!(
            error.to_string(),
            "data object flags at offset 80: expected at most one compression, found 7"
        );
    }
}
