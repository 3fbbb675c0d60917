//! Lookups through the hash tables of a file.

use super::data::DataHead;
use super::payload::Inflater;
use super::window::FileWindow;
use crate::bytes::ByteReader;
use crate::journal::format::error::Error;
use crate::journal::format::header::FileHeader;
use crate::journal::format::header::corrupt;

/// Size of a bucket: the offsets of the first and the last object of its chain.
const BUCKET: u64 = 16;

/// Finds the DATA object with this payload, and its offset.
pub(crate) fn find_data(
    window: &mut FileWindow,
    header: &FileHeader,
    inflater: &mut Inflater,
    payload: &[u8],
) -> Result<Option<(u64, DataHead)>, Error> {
    let hash = header.hash(payload);
    let table = (header.data_hash_table_offset, header.data_hash_table_size);
    let mut offset = first_of_bucket(window, table, hash)?;
    let mut before = 0;
    while offset != 0 {
        check_chain(before, offset)?;
        let head = DataHead::read(window, header, offset)?;
        if head.hash == hash {
            // A longer payload cannot be equal, so no more than the wanted length is decompressed.
            let found = head.whole_payload(window, header, offset, inflater, payload.len());
            if found.is_ok_and(|found| found == payload) {
                return Ok(Some((offset, head)));
            }
        }
        before = offset;
        offset = head.next_hash_offset;
    }
    Ok(None)
}

/// The first object of the chain that holds all objects with this hash.
pub(crate) fn first_of_bucket(
    window: &mut FileWindow,
    (table, size): (u64, u64),
    hash: u64,
) -> Result<u64, Error> {
    let buckets = size / BUCKET;
    let Some(bucket) = hash.checked_rem(buckets) else {
        return Err(corrupt("hash table size", 112, "at least one bucket", size));
    };
    let offset = table.saturating_add(bucket * BUCKET);
    let bytes = window.random(offset, 8, "hash table bucket")?;
    Ok(ByteReader::new(bytes, offset).u64("hash table bucket")?)
}

/// Chains must ascend, which rules out loops.
pub(crate) fn check_chain(before: u64, next: u64) -> Result<(), Error> {
    if next > before {
        return Ok(());
    }
    Err(corrupt(
        "next object of a hash chain",
        before,
        "an object after this one",
        next,
    ))
}
