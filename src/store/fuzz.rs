//! Entry points for fuzzers, past the checksums, which would refuse nearly all inputs.

use super::format::batch::BatchColumns;
use super::format::column;
use super::format::compress;
use super::format::footer::{self, Trailer};
use super::format::frame::{self, Frame, FrameKind, Place};
use super::format::index::fields::FieldTable;
use super::format::layout::{FileKind, HEADER_LENGTH, Header, VERSION, VERSION_1};
use super::format::metadata::values::RowValues;
use super::format::metadata::{by_key, cbor};
use super::format::payload::FramePayload;
use super::format::stream::BatchStreamReader;
use super::read::active_index::ActiveIndex;
use super::read::columns::Messages;
use super::read::opened;
use crate::mapped::Mapped;
use crate::time::Micros;
use std::path::Path;
use std::sync::Arc;

const STORE: [u8; 16] = [7; 16];

/// Parses a frame, and each kind of payload.
pub fn frame(data: &[u8]) {
    let place = Place {
        store: STORE,
        offset: HEADER_LENGTH as u64,
    };
    let _ = frame::parse(data, place);
    let (mut index, mut streams) = (ActiveIndex::new(0), BatchStreamReader::default());
    for kind in FrameKind::ALL {
        let frame = Frame {
            offset: 0,
            kind,
            durable: 0,
            payload: data,
        };
        if let Ok(payload) = FramePayload::decode(&frame, &mut streams) {
            let _ = index.replay(&payload, 0..1);
        }
    }
    if let Ok(batch) = BatchColumns::decode(data) {
        assert!(batch.rows() <= data.len(), "rows without bytes");
        let messages: usize = batch.messages().flatten().map(str::len).sum();
        assert!(messages <= data.len(), "messages without bytes");
    }
}

/// Reads a sealed file, and columns.
pub fn segment(data: &[u8]) {
    read_all(Mapped::memory(data));
    if let Some((length, stored)) = data.split_first_chunk::<4>() {
        let length = u32::from_le_bytes(*length) as usize;
        if let Some(raw) = compress::decompress(stored, length) {
            assert_eq!(raw.len(), length);
        }
        if let Some(numbers) = column::varints(stored, length) {
            assert_eq!(numbers.len(), length);
        }
        let _ = cbor::decode(stored);
        if let Some(values) = RowValues::decode(stored) {
            values.each_text(|_| ());
            values.each_path(|_, _| ());
        }
        for has_numbers in [false, true] {
            let _ = by_key::decode(stored, length % 100, length, has_numbers);
        }
        for version in VERSION_1..=VERSION {
            if let Some(table) = FieldTable::decode(stored, &[1, 2, 3], version) {
                let _ = table.values_may_contain(0, "needle");
            }
        }
        let lengths: Vec<u32> = stored.iter().map(|byte| (*byte).into()).collect();
        let text = String::from_utf8_lossy(stored).into_owned();
        let _ = Messages::new(text, &lengths);
    }
}

/// Reads sealed files whose footer has the content `data`: without blocks, and with `data` as the blocks.
pub fn footer(data: &[u8]) {
    for version in VERSION_1..=VERSION {
        read_all(Mapped::memory(&with_footer(version, &[], data)));
        let content = footer::with_checksums(data, version, HEADER_LENGTH as u64, data);
        if let Some(content) = content {
            read_all(Mapped::memory(&with_footer(version, data, &content)));
        }
    }
}

/// A file of these blocks and this footer content, with a valid header, trailer and checksums.
fn with_footer(version: u32, blocks: &[u8], content: &[u8]) -> Vec<u8> {
    let header = Header {
        version,
        kind: FileKind::Sealed,
        store: STORE,
        first_id: 1,
        created: Micros::default(),
        thinning: None,
    };
    let mut file = header.encode().to_vec();
    file.extend(blocks);
    let at = file.len() as u64;
    file.extend(footer::wrap(STORE, content));
    let trailer = Trailer {
        version,
        store: STORE,
        footers: [at, at],
    };
    file.extend(trailer.encode());
    file
}

fn read_all(map: Mapped) {
    let Ok(opened) = opened::open_map(Path::new("fuzz"), map, &Arc::default()) else {
        return;
    };
    for block in opened.segment.blocks() {
        let _ = block.may_contain("needle 5a1f0c9e2b7d4f3e");
        let _ = block.values_may_contain("needle");
        let _ = block.may_have_source(0);
        let _ = block.field("unit").may_equal("ssh");
        let rows = (block.summary().rows as usize).min(10);
        let _ = block.records(&(0..rows).collect::<Vec<_>>());
        let _ = block.row_bytes();
    }
    let _ = opened.segment.tallies();
    let _ = opened.segment.field_keys();
    let _ = opened.segment.field_totals("unit");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_bytes_break_the_readers(data in prop::collection::vec(any::<u8>(), 0..400)) {
            frame(&data);
            segment(&data);
            footer(&data);
        }

        #[test]
        fn no_small_numbers_break_the_readers(data in prop::collection::vec(0u8..4, 0..400)) {
            frame(&data);
            segment(&data);
            footer(&data);
        }
    }
}
