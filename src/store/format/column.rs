//! Encoding of columns: numbers as varints, and each column as one compressed chunk.

use std::cell::RefCell;
use std::io;
use zstd::zstd_safe::{CParameter, Strategy};

/// Appends `value`, seven bits in each byte, lowest first; the top bit says that another byte follows.
pub(in crate::store) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

/// Appends `value` so that small numbers of either sign take few bytes.
pub(in crate::store) fn put_zigzag(out: &mut Vec<u8>, value: i64) {
    put_varint(
        out,
        (value.cast_unsigned() << 1) ^ (value >> 63).cast_unsigned(),
    );
}

/// Decodes `count` varints that must fill `bytes`; `None` if they do not.
pub(in crate::store) fn varints(bytes: &[u8], count: usize) -> Option<Vec<u64>> {
    // Each takes at least a byte, so that a wrong count cannot allocate more memory than the bytes take.
    if bytes.len() < count {
        return None;
    }
    let mut values = Vec::with_capacity(count);
    let mut rest = bytes;
    while values.len() + 1 < count {
        if let Some((pair, after)) = two_varints(rest) {
            values.extend_from_slice(&pair);
            rest = after;
        } else {
            let (value, after) = varint(rest)?;
            values.push(value);
            rest = after;
        }
    }
    if values.len() < count {
        let (value, after) = varint(rest)?;
        values.push(value);
        rest = after;
    }
    rest.is_empty().then_some(values)
}

/// The first two varints of `bytes` and the bytes after them, if both are within the first eight bytes. The start of the second
/// does not depend on decoding the first, so that two take the time of one.
#[inline]
fn two_varints(bytes: &[u8]) -> Option<([u64; 2], &[u8])> {
    let word = u64::from_le_bytes(*bytes.first_chunk::<8>()?);
    let ends = !word & CONTINUED;
    let later = ends & ends.wrapping_sub(1);
    if later == 0 {
        return None;
    }
    let first = ends.trailing_zeros() + 1;
    let length = later.trailing_zeros() / 8 + 1;
    // All bits up to the cleared top bit.
    let up_to = |end: u64| word & (end ^ end.wrapping_sub(1));
    let pair = [joined(up_to(ends)), joined(up_to(later) >> first)];
    Some((pair, bytes.get(length as usize..)?))
}

/// The first varint of `bytes` and the bytes after it.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    // Lengths vary, so that a branch for each byte would be mispredicted: this takes half the time.
    if let Some(word) = bytes.first_chunk::<8>() {
        let word = u64::from_le_bytes(*word);
        let last = !word & CONTINUED;
        if last != 0 {
            let length = last.trailing_zeros() / 8 + 1;
            // All bits up to the cleared top bit.
            let own = word & (last ^ (last - 1));
            return Some((joined(own), bytes.get(length as usize..)?));
        }
    }
    long_varint(bytes)
}

/// The bit of each byte that says that another follows.
const CONTINUED: u64 = 0x8080_8080_8080_8080;

/// The seven low bits of each byte, joined.
fn joined(bytes: u64) -> u64 {
    let bits = (bytes & 0x007f_007f_007f_007f) | (bytes & 0x7f00_7f00_7f00_7f00) >> 1;
    let bits = (bits & 0x0000_3fff_0000_3fff) | (bits & 0x3fff_0000_3fff_0000) >> 2;
    (bits & 0x0fff_ffff) | (bits & 0x0fff_ffff_0000_0000) >> 4
}

/// A varint near the end of the bytes, or of more than eight bytes.
fn long_varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    let mut rest = bytes;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        let bits = u64::from(byte & 0x7f);
        if bits << shift >> shift != bits {
            return None;
        }
        value |= bits << shift;
        rest = after;
        if byte & 0x80 == 0 {
            return Some((value, rest));
        }
    }
    None
}

/// Reads varints and texts one by one.
#[derive(Debug)]
pub(in crate::store) struct Varints<'a> {
    rest: &'a [u8],
}

impl<'a> Varints<'a> {
    pub(in crate::store) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(in crate::store) fn next(&mut self) -> Option<u64> {
        let (value, rest) = varint(self.rest)?;
        self.rest = rest;
        Some(value)
    }

    /// A number of items that is at most `max`.
    pub(in crate::store) fn count(&mut self, max: usize) -> Option<usize> {
        let count = usize::try_from(self.next()?).ok()?;
        (count <= max).then_some(count)
    }

    pub(in crate::store) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    pub(in crate::store) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}

/// Undoes the folding of [`put_zigzag`].
pub(in crate::store) fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}

/// How matches are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Matching {
    /// By one table of hashes: level 1 of zstd, of which level 3 would save less than 2 % and cost a third of the speed.
    OneTable,
    /// By another table of longer beginnings as well. It makes most messages up to a tenth shorter and is about as fast. Metadata with
    /// many identifiers becomes longer.
    TwoTables,
}

/// Compresses chunks with one context for each way.
pub(in crate::store) struct Compressor {
    one_table: zstd::bulk::Compressor<'static>,
    two_tables: zstd::bulk::Compressor<'static>,
    /// The way for messages, once it is known.
    messages: Option<Matching>,
}

impl Compressor {
    pub(in crate::store) fn new() -> io::Result<Self> {
        let mut two_tables = zstd::bulk::Compressor::new(LEVEL)?;
        for parameter in TWO_TABLES {
            two_tables.set_parameter(parameter)?;
        }
        Ok(Self {
            one_table: zstd::bulk::Compressor::new(LEVEL)?,
            two_tables,
            messages: None,
        })
    }

    /// As [`Self::append`], for messages. The way that makes the first of them shorter is used for all others.
    pub(in crate::store) fn append_messages(
        &mut self,
        raw: &[u8],
        out: &mut Vec<u8>,
    ) -> io::Result<usize> {
        if let Some(matching) = self.messages {
            return self.append_by(matching, raw, out);
        }
        if raw.len() < TRIED_BYTES_MIN {
            return self.append(raw, out);
        }
        let mut other = vec![];
        let length = append_with(&mut self.one_table, raw, out)?;
        let other_length = append_with(&mut self.two_tables, raw, &mut other)?;
        if other_length >= length {
            self.messages = Some(Matching::OneTable);
            return Ok(length);
        }
        self.messages = Some(Matching::TwoTables);
        out.truncate(out.len() - length);
        out.append(&mut other);
        Ok(other_length)
    }

    /// Appends `raw` to `out`, compressed if that is shorter. Returns the stored length, which is that of `raw` if it is not.
    pub(in crate::store) fn append(&mut self, raw: &[u8], out: &mut Vec<u8>) -> io::Result<usize> {
        self.append_by(Matching::OneTable, raw, out)
    }

    fn append_by(
        &mut self,
        matching: Matching,
        raw: &[u8],
        out: &mut Vec<u8>,
    ) -> io::Result<usize> {
        let context = match matching {
            Matching::OneTable => &mut self.one_table,
            Matching::TwoTables => &mut self.two_tables,
        };
        append_with(context, raw, out)
    }
}

fn append_with(
    context: &mut zstd::bulk::Compressor<'static>,
    raw: &[u8],
    out: &mut Vec<u8>,
) -> io::Result<usize> {
    let start = out.len();
    out.resize(start + zstd::zstd_safe::compress_bound(raw.len()), 0);
    let (_, room) = out.split_at_mut(start);
    let length = context.compress_to_buffer(raw, room)?;
    if length < raw.len() {
        out.truncate(start + length);
        return Ok(length);
    }
    out.truncate(start);
    out.extend_from_slice(raw);
    Ok(raw.len())
}

impl std::fmt::Debug for Compressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Compressor")
    }
}

/// The `raw_length` bytes of a chunk; `None` if it has another number of bytes.
pub(in crate::store) fn decompress(stored: &[u8], raw_length: usize) -> Option<Vec<u8>> {
    if stored.len() == raw_length {
        return Some(stored.to_vec());
    }
    if raw_length / RATIO_MAX > stored.len() {
        return None;
    }
    decompress_frame(stored, raw_length)
}

/// The content of a zstd frame; `None` if it has another number of bytes than `raw_length`.
pub(in crate::store) fn decompress_frame(stored: &[u8], raw_length: usize) -> Option<Vec<u8>> {
    thread_local! {
        static CONTEXT: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
    }
    CONTEXT.with_borrow_mut(|context| {
        if context.is_none() {
            *context = zstd::bulk::Decompressor::new().ok();
        }
        let mut raw = Vec::with_capacity(raw_length);
        context
            .as_mut()?
            .decompress_to_buffer(stored, &mut raw)
            .ok()?;
        (raw.len() == raw_length).then_some(raw)
    })
}

pub(in crate::store) const LEVEL: i32 = 1;
/// Of the tables up to 2^16 entries and the shortest matches of 5 to 7 bytes, these made the messages of `tools/bench` shortest; larger
/// tables save 0.2 %.
const TWO_TABLES: [CParameter; 4] = [
    CParameter::Strategy(Strategy::ZSTD_dfast),
    CParameter::MinMatch(6),
    CParameter::HashLog(15),
    CParameter::ChainLog(15),
];
/// This many bytes of messages show which way is better.
const TRIED_BYTES_MIN: usize = 64 << 10;
/// The limit of zstd: a block of 128 KiB of one repeated byte takes four bytes. A greater ratio is invalid and would cost memory.
pub(in crate::store) const RATIO_MAX: usize = 1 << 15;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn varints_of_every_length_round_trip() {
        let mut out = vec![];
        for value in [0, 127, 128, 300, u64::MAX] {
            put_varint(&mut out, value);
        }
        assert_eq!(out.len(), 1 + 1 + 2 + 2 + 10);
        assert_eq!(varints(&out, 5), Some(vec![0, 127, 128, 300, u64::MAX]));
        assert_eq!(varints(&out, 4), None, "bytes are left");
        assert_eq!(varints(&out, 6), None, "bytes are missing");
        assert_eq!(varints(&[0xff; 10], 1), None, "more than 64 bits");
        assert_eq!(varints(&[], usize::MAX), None);
    }

    #[test]
    fn messages_are_compressed_in_the_way_that_suits_the_first() {
        let repeated = "GET /index.html HTTP/1.1 200 from 10.0.0.1\n".repeat(3_000);
        let mut number = 1_u64;
        let words = (0..40_000).map(|_| {
            number = number
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            ["timeout ", "packet ", "index ", "stream "][usize::try_from(number >> 62).unwrap()]
        });
        for text in [repeated, words.collect()] {
            let mut compressor = Compressor::new().unwrap();
            let mut lengths = [Matching::OneTable, Matching::TwoTables].map(|matching| {
                let mut out = vec![];
                compressor
                    .append_by(matching, text.as_bytes(), &mut out)
                    .unwrap()
            });
            let mut out = b"before".to_vec();
            for _ in 0..2 {
                let start = out.len();
                let length = compressor
                    .append_messages(text.as_bytes(), &mut out)
                    .unwrap();
                assert_eq!(length, out.len() - start);
                let stored = &out[start..];
                let raw = decompress(stored, text.len()).unwrap();
                assert!(raw == text.as_bytes());
                lengths.sort_unstable();
                assert_eq!(length, lengths[0]);
            }
            assert!(out.starts_with(b"before"));
        }
    }

    #[test]
    fn incompressible_chunk_is_stored_uncompressed() {
        let mut compressor = Compressor::new().unwrap();
        let mut out = vec![9];
        assert_eq!(compressor.append(b"abc", &mut out).unwrap(), 3);
        assert_eq!(out, b"\x09abc");
        assert_eq!(decompress(b"abc", 3).unwrap(), b"abc");
    }

    #[test]
    fn wrong_length_is_refused() {
        let mut out = vec![];
        let raw = vec![7; 1 << 20];
        Compressor::new().unwrap().append(&raw, &mut out).unwrap();
        assert_eq!(decompress(&out, 1 << 20), Some(raw));
        assert_eq!(decompress(&out, (1 << 20) - 1), None);
        assert_eq!(decompress(&out, (1 << 20) + 1), None);
        assert_eq!(decompress(&out, usize::MAX), None);
        assert_eq!(decompress(b"no zstd frame", 1000), None);
    }

    proptest! {
        #[test]
        fn unsigned_numbers_round_trip(values in prop::collection::vec((any::<u64>(), 0u32..64), 0..50)) {
            let values: Vec<u64> = values.into_iter().map(|(value, shift)| value >> shift).collect();
            let mut out = vec![];
            for value in &values {
                put_varint(&mut out, *value);
            }
            prop_assert_eq!(varints(&out, values.len()), Some(values));
        }

        #[test]
        fn signed_numbers_round_trip(values in prop::collection::vec(any::<i64>(), 0..50)) {
            let mut out = vec![];
            for value in &values {
                put_zigzag(&mut out, *value);
            }
            let back: Vec<i64> = varints(&out, values.len()).unwrap().into_iter().map(unzigzag).collect();
            prop_assert_eq!(back, values);
        }

        #[test]
        fn chunks_round_trip(raw in prop::collection::vec(0u8..4, 0..5000)) {
            let mut out = vec![];
            let length = Compressor::new().unwrap().append(&raw, &mut out).unwrap();
            prop_assert_eq!(length, out.len());
            prop_assert_eq!(decompress(&out, raw.len()), Some(raw));
        }

        #[test]
        fn no_bytes_break_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..200), count in 0usize..300) {
            let _ = varints(&bytes, count);
            let _ = decompress(&bytes, count);
        }
    }
}
