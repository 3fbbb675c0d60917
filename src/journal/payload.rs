//! The payloads of DATA objects, decompressed within a bound.

use super::error::Error;
use super::header::corrupt;
use super::layout;
use std::io::Read;

/// The xz dictionary that this reader is willing to allocate, in KiB: systemd writes with 8 MiB at most.
const XZ_MEMORY_KIB: u32 = 72 << 10;
/// One byte of an lz4 block stands for at most this many: what claims more is refused before memory is taken.
const LZ4_RATIO_MAX: usize = 256;
/// The largest window a zstd frame may ask for, as a power of two: systemd writes single segments, which need none.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;

/// What the state of zstd takes: tables for literals and sequences, and room for one block (measured: 160 KiB).
const ZSTD_STATE_BYTES: usize = 160 << 10;

/// How a payload is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Xz,
    Lz4,
    Zstd,
}

impl Compression {
    /// What the flags of a DATA object at `offset` say.
    pub(super) fn from_flags(flags: u8, offset: u64) -> Result<Self, Error> {
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

/// Decompresses payloads, keeping the state that is dear to make.
#[derive(Default)]
pub(super) struct Inflater {
    zstd: Option<zstd::bulk::Decompressor<'static>>,
    bytes: Vec<u8>,
}

impl Inflater {
    /// How much memory it takes.
    pub(super) fn memory(&self) -> usize {
        let state = if self.zstd.is_some() {
            ZSTD_STATE_BYTES
        } else {
            0
        };
        self.bytes.capacity() + state
    }

    /// The bytes that `payload`, which stands at `offset`, was made from: at most `limit` of them.
    pub(super) fn inflate(
        &mut self,
        compression: Compression,
        payload: &[u8],
        offset: u64,
        limit: usize,
    ) -> Result<&[u8], Error> {
        self.bytes.clear();
        self.bytes.shrink_to(1 << 20);
        let bad = |what| corrupt(what, offset, "a valid stream", payload.len() as u64);
        match compression {
            Compression::None => self.bytes.extend_from_slice(payload),
            Compression::Xz => {
                let stream = lzma_rust2::XzReader::new_mem_limit(payload, false, XZ_MEMORY_KIB);
                read_bounded(stream, &mut self.bytes, limit).ok_or_else(|| bad("xz payload"))?;
            }
            Compression::Lz4 => self.lz4(payload, offset, limit)?,
            Compression::Zstd => self.zstd(payload, offset, limit)?,
        }
        if self.bytes.len() > limit {
            return Err(over(offset, limit));
        }
        Ok(&self.bytes)
    }

    fn lz4(&mut self, payload: &[u8], offset: u64, limit: usize) -> Result<(), Error> {
        let bad = |found| corrupt("lz4 payload", offset, "a length and a valid block", found);
        let (length, block) = payload
            .split_first_chunk::<8>()
            .ok_or_else(|| bad(payload.len() as u64))?;
        let claimed = u64::from_le_bytes(*length);
        let length = usize::try_from(claimed).map_err(|_| bad(claimed))?;
        if length > block.len().saturating_mul(LZ4_RATIO_MAX) {
            return Err(bad(claimed));
        }
        if length > limit {
            return Err(over(offset, limit));
        }
        self.bytes.resize(length, 0);
        match lz4_flex::block::decompress_into(block, &mut self.bytes) {
            Ok(written) if written == length => Ok(()),
            _ => Err(bad(claimed)),
        }
    }

    fn zstd(&mut self, payload: &[u8], offset: u64, limit: usize) -> Result<(), Error> {
        let bad = || {
            corrupt(
                "zstd payload",
                offset,
                "a valid frame",
                payload.len() as u64,
            )
        };
        let stated = zstd::zstd_safe::get_frame_content_size(payload)
            .ok()
            .flatten();
        // A frame that states more than the whole bound is refused; memory grows as bytes come out, not as stated.
        if stated.is_some_and(|stated| stated > limit as u64) {
            return Err(over(offset, limit));
        }
        match stated.and_then(|stated| usize::try_from(stated).ok()) {
            Some(stated) if stated <= INFLATE_AT_ONCE_MAX => {
                if self.zstd.is_none() {
                    self.zstd = zstd::bulk::Decompressor::new().ok();
                }
                let Some(decompressor) = self.zstd.as_mut() else {
                    return Err(bad());
                };
                self.bytes.reserve(stated);
                let written = decompressor
                    .decompress_to_buffer(payload, &mut self.bytes)
                    .map_err(|_| bad())?;
                if written == stated {
                    Ok(())
                } else {
                    Err(bad())
                }
            }
            _ => {
                let mut stream =
                    zstd::stream::read::Decoder::with_buffer(payload).map_err(|_| bad())?;
                stream
                    .window_log_max(ZSTD_WINDOW_LOG_MAX)
                    .map_err(|_| bad())?;
                read_bounded(stream.single_frame(), &mut self.bytes, limit).ok_or_else(bad)
            }
        }
    }
}

/// A stated size up to this is allocated before the first byte comes out.
const INFLATE_AT_ONCE_MAX: usize = 1 << 20;

/// Reads a stream to its end, or one byte further than `limit`. `None` when the stream is broken.
fn read_bounded(stream: impl Read, bytes: &mut Vec<u8>, limit: usize) -> Option<()> {
    let bound = (limit as u64).saturating_add(1);
    stream.take(bound).read_to_end(bytes).ok().map(|_| ())
}

fn over(offset: u64, limit: usize) -> Error {
    Error::Limit {
        what: "field",
        offset,
        limit: limit as u64,
    }
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
            let found = inflater.inflate(compression, &payload, 64, bytes.len());
            assert_eq!(found.unwrap(), bytes, "{compression:?}");
        }
    }

    #[test]
    fn the_bound_is_kept_by_every_form() {
        let bytes = vec![b'a'; 4 << 20];
        let mut inflater = Inflater::default();
        for (compression, payload) in forms(&bytes) {
            let error = inflater
                .inflate(compression, &payload, 64, 1 << 20)
                .unwrap_err();
            assert_eq!(
                error.to_string(),
                "field at offset 64 is over the bound of 1048576 bytes",
                "{compression:?}"
            );
        }
    }

    #[test]
    fn every_prefix_of_a_compressed_form_is_refused() {
        let bytes = sample();
        let mut inflater = Inflater::default();
        for (compression, payload) in forms(&bytes).into_iter().skip(1) {
            for length in 0..payload.len() {
                let found = inflater.inflate(compression, &payload[..length], 0, 1 << 20);
                // An xz stream is whole when its blocks are; what follows is only an index.
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
