//! Chunks, compressed as frames of zstd.

use std::cell::RefCell;
use std::io;
use zstd::zstd_safe::zstd_sys::ZSTD_EndDirective;
use zstd::zstd_safe::{
    CCtx, CParameter, InBuffer, OutBuffer, ResetDirective, SafeResult, Strategy, compress_bound,
    get_error_name,
};

/// How matches are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MatchTables {
    /// By one table of hashes: level 1 of zstd, of which level 3 would save less than 2 % and cost a third of the speed.
    One,
    /// By another table of longer beginnings as well. It makes most messages up to a tenth shorter and is about as fast. Metadata with
    /// many identifiers becomes longer.
    Two,
}

/// Compresses chunks with one context for each way.
pub(in crate::store) struct Compressor {
    one_table: zstd::bulk::Compressor<'static>,
    two_tables: zstd::bulk::Compressor<'static>,
    /// The way for messages, once it is known.
    messages: Option<MatchTables>,
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
        if let Some(tables) = self.messages {
            return self.append_by(tables, raw, out);
        }
        if raw.len() < TRIED_BYTES_MIN {
            return self.append(raw, out);
        }
        let mut other = vec![];
        let length = append_with(&mut self.one_table, raw, out)?;
        let other_length = append_with(&mut self.two_tables, raw, &mut other)?;
        if other_length >= length {
            self.messages = Some(MatchTables::One);
            return Ok(length);
        }
        self.messages = Some(MatchTables::Two);
        out.truncate(out.len() - length);
        out.append(&mut other);
        Ok(other_length)
    }

    /// Appends `raw` to `out`, compressed if that is shorter. Returns the stored length, which is that of `raw` if it is not.
    pub(in crate::store) fn append(&mut self, raw: &[u8], out: &mut Vec<u8>) -> io::Result<usize> {
        self.append_by(MatchTables::One, raw, out)
    }

    /// As [`Self::append`], with blocks of zstd that end at these ascending places, so that each has codes for its own bytes.
    pub(in crate::store) fn append_cut(
        &mut self,
        raw: &[u8],
        cuts: &[usize],
        out: &mut Vec<u8>,
    ) -> io::Result<usize> {
        if cuts.is_empty() {
            return self.append(raw, out);
        }
        let start = out.len();
        let context = self.one_table.context_mut();
        checked(context.reset(ResetDirective::SessionOnly))?;
        checked(context.set_pledged_src_size(Some(raw.len() as u64)))?;
        let mut from = 0;
        for to in cuts {
            let part = raw.get(from..*to).unwrap_or_default();
            append_part(context, part, ZSTD_EndDirective::ZSTD_e_flush, out)?;
            from += part.len();
        }
        let rest = raw.get(from..).unwrap_or_default();
        append_part(context, rest, ZSTD_EndDirective::ZSTD_e_end, out)?;
        if out.len() - start >= raw.len() {
            out.truncate(start);
            out.extend_from_slice(raw);
        }
        Ok(out.len() - start)
    }

    fn append_by(
        &mut self,
        tables: MatchTables,
        raw: &[u8],
        out: &mut Vec<u8>,
    ) -> io::Result<usize> {
        let context = match tables {
            MatchTables::One => &mut self.one_table,
            MatchTables::Two => &mut self.two_tables,
        };
        append_with(context, raw, out)
    }
}

/// Appends what a context makes of a part of its input, down to the last byte of it.
pub(super) fn append_part(
    context: &mut CCtx<'_>,
    raw: &[u8],
    directive: ZSTD_EndDirective,
    out: &mut Vec<u8>,
) -> io::Result<()> {
    let mut input = InBuffer::around(raw);
    loop {
        let begun = out.len();
        out.reserve(compress_bound(raw.len() - input.pos()) + FLUSH_BYTES);
        let mut output = OutBuffer::around_pos(out, begun);
        if checked(context.compress_stream2(&mut output, &mut input, directive))? == 0 {
            return Ok(());
        }
    }
}

/// The result of zstd as one of this crate.
pub(super) fn checked(result: SafeResult) -> io::Result<usize> {
    result.map_err(|code| io::Error::other(get_error_name(code)))
}

fn append_with(
    context: &mut zstd::bulk::Compressor<'static>,
    raw: &[u8],
    out: &mut Vec<u8>,
) -> io::Result<usize> {
    let start = out.len();
    out.resize(start + compress_bound(raw.len()), 0);
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
/// Room for the headers of a frame and of its last block.
const FLUSH_BYTES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
            let mut lengths = [MatchTables::One, MatchTables::Two].map(|tables| {
                let mut out = vec![];
                compressor
                    .append_by(tables, text.as_bytes(), &mut out)
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

    #[test]
    fn a_cut_chunk_is_read_as_one_and_shorter() {
        let digits = (0..2_000_u64).map(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let digits: Vec<u8> = digits
            .flat_map(|digits| format!("{digits:016x}").into_bytes())
            .collect();
        let words = "connection closed by peer ".repeat(10);
        let raw = [words.as_bytes(), &digits, &[0; 9_000]].concat();
        let mut compressor = Compressor::new().unwrap();
        let mut whole = vec![];
        compressor.append(&raw, &mut whole).unwrap();
        let cuts = [words.len(), words.len() + digits.len()];
        let mut out = b"before".to_vec();
        for _ in 0..2 {
            let start = out.len();
            let length = compressor.append_cut(&raw, &cuts, &mut out).unwrap();
            assert_eq!(length, out.len() - start);
            assert!(length < whole.len(), "{length} of {}", whole.len());
            assert!(decompress(&out[start..], raw.len()).unwrap() == raw);
        }
        assert!(out.starts_with(b"before"));
        let mut out = vec![];
        assert_eq!(compressor.append_cut(b"abc", &[1, 2], &mut out).unwrap(), 3);
        assert_eq!(
            out, b"abc",
            "what does not become shorter is stored as it is"
        );
    }

    proptest! {
        #[test]
        fn chunks_round_trip(raw in prop::collection::vec(0u8..4, 0..5000)) {
            let mut out = vec![];
            let length = Compressor::new().unwrap().append(&raw, &mut out).unwrap();
            prop_assert_eq!(length, out.len());
            prop_assert_eq!(decompress(&out, raw.len()), Some(raw));
        }

        #[test]
        fn cut_chunks_round_trip(raw in prop::collection::vec(0u8..4, 0..5000), mut cuts in prop::collection::vec(0usize..5000, 0..9)) {
            cuts.retain(|cut| *cut <= raw.len());
            cuts.sort_unstable();
            let mut out = vec![];
            let length = Compressor::new().unwrap().append_cut(&raw, &cuts, &mut out).unwrap();
            prop_assert_eq!(length, out.len());
            prop_assert_eq!(decompress(&out, raw.len()), Some(raw));
        }

        #[test]
        fn no_bytes_break_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..200), count in 0usize..300) {
            let _ = decompress(&bytes, count);
        }
    }
}
