//! Metadata as JSON, straight from its encoding: an export of all records would spend most of its time on values that live as long as
//! a line.

use super::cbor;
use super::cbor_decode::{CborReader, Major, simple};
use crate::record::json;
use serde_json::Value;

/// Appends the JSON of the metadata, byte for byte that of the decoded value; `None` for bytes that cannot be decoded.
pub(in crate::store) fn write(bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let start = out.len();
    if bytes.is_empty() {
        out.extend_from_slice(b"{}");
        return Some(());
    }
    let mut reader = CborReader::new(bytes);
    let is_written = put_whole(&mut reader, out).is_some();
    if !(is_written && reader.is_empty()) {
        // Damaged, or keys in another order than those of a decoded value.
        out.truncate(start);
        put(out, &cbor::decode(bytes)?);
    }
    Some(())
}

fn put_whole(reader: &mut CborReader<'_>, out: &mut Vec<u8>) -> Option<()> {
    let (Major::Map, _, pairs) = reader.head()? else {
        return None;
    };
    put_object(reader, pairs, cbor::DEPTH_MAX, out)
}

/// Appends an object of which values nest at most `depth` deep; `None` unless its keys ascend.
fn put_object(
    reader: &mut CborReader<'_>,
    pairs: u64,
    depth: usize,
    out: &mut Vec<u8>,
) -> Option<()> {
    let mut before = None;
    out.push(b'{');
    for _ in 0..reader.possible(pairs)? {
        let key = reader.key()?;
        match before {
            Some(before) if before >= key => return None,
            Some(_) => out.push(b','),
            None => {}
        }
        before = Some(key);
        json::put_text(out, key);
        out.push(b':');
        put_value(reader, depth, out)?;
    }
    out.push(b'}');
    Some(())
}

fn put_list(
    reader: &mut CborReader<'_>,
    length: u64,
    depth: usize,
    out: &mut Vec<u8>,
) -> Option<()> {
    out.push(b'[');
    for index in 0..reader.possible(length)? {
        if index > 0 {
            out.push(b',');
        }
        put_value(reader, depth, out)?;
    }
    out.push(b']');
    Some(())
}

fn put_value(reader: &mut CborReader<'_>, depth: usize, out: &mut Vec<u8>) -> Option<()> {
    let (major, info, argument) = reader.head()?;
    match major {
        Major::Text => json::put_text(out, reader.text(argument)?),
        Major::Unsigned => json::put_number(out, argument),
        Major::Negative => {
            let number = !i64::try_from(argument).ok()?;
            out.push(b'-');
            json::put_number(out, number.unsigned_abs());
        }
        Major::Array => put_list(reader, argument, depth.checked_sub(1)?, out)?,
        Major::Map => put_object(reader, argument, depth.checked_sub(1)?, out)?,
        Major::Simple => match simple(info, argument)? {
            Value::Bool(true) => out.extend_from_slice(b"true"),
            Value::Bool(false) => out.extend_from_slice(b"false"),
            Value::Null => out.extend_from_slice(b"null"),
            value => put(out, &value),
        },
    }
    Some(())
}

/// Writing to memory cannot fail.
fn put(out: &mut Vec<u8>, value: &impl serde::Serialize) {
    let written = serde_json::to_writer(&mut *out, value);
    debug_assert!(written.is_ok(), "JSON into memory: {written:?}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::format::metadata::cbor::tests::any_metadata;
    use proptest::prelude::*;

    fn both(bytes: &[u8]) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
        let mut out = vec![];
        let written = write(bytes, &mut out).map(|()| out);
        let decoded = cbor::decode(bytes);
        (
            written,
            decoded.map(|metadata| serde_json::to_vec(&metadata).unwrap()),
        )
    }

    #[test]
    fn unsorted_and_repeated_keys_are_those_of_the_decoded_value() {
        let (written, decoded) = both(b"\xa3\x61b\x01\x61a\x02\x61b\xf5");
        assert_eq!(written, decoded);
        assert_eq!(written.unwrap(), br#"{"a":2,"b":true}"#);
        let (written, decoded) = both(b"\xa1\x61x\xa2\x61b\x20\x61a\xf6");
        assert_eq!(written, decoded);
        assert!(written.is_some());
    }

    proptest! {
        #[test]
        fn json_is_that_of_the_decoded_value(metadata in any_metadata()) {
            let mut bytes = vec![];
            cbor::encode(&metadata, &mut bytes);
            let (written, decoded) = both(&bytes);
            prop_assert_eq!(&written, &decoded);
            prop_assert_eq!(written.unwrap(), serde_json::to_vec(&metadata).unwrap());
        }

        #[test]
        fn damage_is_that_of_the_decoded_value(
            metadata in any_metadata(),
            at in any::<prop::sample::Index>(),
            bit in 0..8_u8,
            any in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let mut bytes = vec![];
            cbor::encode(&metadata, &mut bytes);
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] ^= 1 << bit;
            }
            for bytes in [bytes, any] {
                let (written, decoded) = both(&bytes);
                prop_assert_eq!(written, decoded);
            }
        }
    }
}
