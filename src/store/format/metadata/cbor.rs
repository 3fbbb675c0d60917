//! Encoding of metadata as CBOR (RFC 8949): a map with text keys and JSON values.

use super::cbor_decode;
pub(in crate::store) use super::cbor_decode::Item;
use crate::record::Metadata;
use serde_json::{Number, Value};

/// Appends `metadata`; an empty map has no bytes. Values that nest deeper than [`DEPTH_MAX`] are stored as JSON text, since a
/// reader must bound its stack.
pub(in crate::store) fn encode(metadata: &Metadata, out: &mut Vec<u8>) {
    if metadata.is_empty() {
        return;
    }
    put_head(out, MAP, metadata.len());
    for (key, value) in metadata.iter() {
        put_text(out, key);
        let may_nest = matches!(value, Value::Array(_) | Value::Object(_));
        if may_nest && depth_exceeds(value, DEPTH_MAX) {
            put_text(out, &value.to_string());
        } else {
            put_value(out, value);
        }
    }
}

/// Major types (RFC 8949, section 3.1), in the upper three bits.
const UNSIGNED: u8 = 0 << 5;
const NEGATIVE: u8 = 1 << 5;
const TEXT: u8 = 3 << 5;
const ARRAY: u8 = 4 << 5;
const MAP: u8 = 5 << 5;
/// Values of major type 7.
const FALSE: u8 = 0xf4;
const TRUE: u8 = 0xf5;
const NULL: u8 = 0xf6;

/// Appends a value; its depth must be bounded.
fn put_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => out.push(NULL),
        Value::Bool(false) => out.push(FALSE),
        Value::Bool(true) => out.push(TRUE),
        Value::Number(number) => put_number(out, number),
        Value::String(text) => put_text(out, text),
        Value::Array(items) => {
            put_head(out, ARRAY, items.len());
            for item in items {
                put_value(out, item);
            }
        }
        Value::Object(map) => {
            put_head(out, MAP, map.len());
            for (key, value) in map {
                put_text(out, key);
                put_value(out, value);
            }
        }
    }
}

fn put_number(out: &mut Vec<u8>, number: &Number) {
    if let Some(unsigned) = number.as_u64() {
        put_argument(out, UNSIGNED, unsigned);
    } else if let Some(signed) = number.as_i64() {
        // -1 - n is the complement.
        put_argument(out, NEGATIVE, (!signed).cast_unsigned());
    } else {
        // The shortest of three lengths that represents it. Writing to memory cannot fail.
        let written = ciborium::into_writer(&number.as_f64(), &mut *out);
        debug_assert!(written.is_ok(), "{written:?}");
    }
}

pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_head(out, TEXT, text.len());
    out.extend_from_slice(text.as_bytes());
}

/// Appends the head of a map.
pub(super) fn put_map_head(out: &mut Vec<u8>, pairs: usize) {
    put_head(out, MAP, pairs);
}

/// The length of the head of a text or a map.
pub(super) fn head_length(argument: usize) -> usize {
    match argument {
        0..0x18 => 1,
        0x18..0x100 => 2,
        0x100..0x1_0000 => 3,
        0x1_0000..0x1_0000_0000 => 5,
        _ => 9,
    }
}

fn put_head(out: &mut Vec<u8>, major: u8, length: usize) {
    put_argument(out, major, length as u64);
}

/// Appends the head of an item, its argument in as few bytes as possible.
fn put_argument(out: &mut Vec<u8>, major: u8, argument: u64) {
    let bytes = argument.to_le_bytes();
    let (info, length) = match argument {
        // A small argument is part of the first byte: nearly all are.
        0..0x18 => return out.push(major | bytes[0]),
        0x18..0x100 => return out.extend_from_slice(&[major | 0x18, bytes[0]]),
        0x100..0x1_0000 => (0x19, 2),
        0x1_0000..0x1_0000_0000 => (0x1a, 4),
        _ => (0x1b, 8),
    };
    out.push(major | info);
    // Big-endian.
    out.extend(bytes.iter().take(length).rev());
}

/// Decodes metadata that [`encode`] wrote; `None` for other bytes.
pub(in crate::store) fn decode(bytes: &[u8]) -> Option<Metadata> {
    if bytes.is_empty() {
        return Some(Metadata::new());
    }
    cbor_decode::decode(bytes, DEPTH_MAX)
}

/// The same as keys with their values, without copying texts.
pub(in crate::store) fn decode_pairs(bytes: &[u8]) -> Option<Vec<(&str, Item<'_>)>> {
    if bytes.is_empty() {
        return Some(vec![]);
    }
    cbor_decode::decode_pairs(bytes, DEPTH_MAX)
}

/// The encoded value of a key, without decoding it, empty if there is no such key; `None` for other bytes.
pub(in crate::store) fn value_bytes<'a>(bytes: &'a [u8], key: &str) -> Option<&'a [u8]> {
    if bytes.is_empty() {
        return Some(&[]);
    }
    cbor_decode::value_bytes(bytes, key)
}

/// Decodes a value of a key.
pub(in crate::store) fn decode_value(bytes: &[u8]) -> Option<Value> {
    cbor_decode::decode_value(bytes, DEPTH_MAX)
}

/// Whether arrays and objects nest deeper than `depth`, without recursion.
fn depth_exceeds(value: &Value, depth: usize) -> bool {
    let mut open = vec![(value, 1)];
    while let Some((value, level)) = open.pop() {
        let inner = level + 1;
        match value {
            Value::Array(_) | Value::Object(_) if level > depth => return true,
            Value::Array(items) => open.extend(items.iter().map(|item| (item, inner))),
            Value::Object(map) => open.extend(map.values().map(|item| (item, inner))),
            _ => {}
        }
    }
    false
}

/// JSON parsers allow 128.
pub(in crate::store) const DEPTH_MAX: usize = 200;

#[cfg(test)]
pub(in crate::store) mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn round_trip(metadata: &Metadata) -> Metadata {
        let mut out = vec![];
        encode(metadata, &mut out);
        decode(&out).unwrap()
    }

    fn object(value: Value) -> Metadata {
        serde_json::from_value(value).unwrap()
    }

    /// Metadata of any shape.
    pub(in crate::store) fn any_metadata() -> impl Strategy<Value = Metadata> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        let value = leaf.prop_recursive(4, 30, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        });
        prop::collection::btree_map(any::<String>(), value, 0..5)
            .prop_map(|map| map.into_iter().collect())
    }

    #[test]
    fn numbers_keep_their_type() {
        let metadata = object(json!({
            "a": u64::MAX, "b": i64::MIN, "c": 1.0, "d": -0.0, "e": 1e300, "f": 0.1, "g": 0, "h": -1,
            "i": 5e-324, "j": null, "k": true, "": [], "l": {}, "m": [[{"x": [1.5]}]],
        }));
        let back = round_trip(&metadata);
        assert_eq!(back, metadata);
        assert_eq!(
            serde_json::to_string(&back).unwrap(),
            serde_json::to_string(&metadata).unwrap()
        );
    }

    #[test]
    fn empty_metadata_has_no_bytes() {
        let mut out = vec![];
        encode(&Metadata::new(), &mut out);
        assert!(out.is_empty());
        assert_eq!(decode(&[]), Some(Metadata::new()));
    }

    fn nested(depth: usize) -> Value {
        (0..depth).fold(json!(1), |inner, _| json!([inner]))
    }

    #[test]
    fn values_nested_too_deep_become_text() {
        let deepest = object(json!({"x": nested(DEPTH_MAX)}));
        assert_eq!(round_trip(&deepest), deepest);
        let deeper = object(json!({"x": nested(DEPTH_MAX + 1), "y": 1}));
        let text = nested(DEPTH_MAX + 1).to_string();
        assert_eq!(round_trip(&deeper), object(json!({"x": text, "y": 1})));
    }

    #[test]
    fn bytes_other_than_one_map_are_refused() {
        assert_eq!(decode(&[0x01]), None);
        assert_eq!(decode(&[0xa0, 0x00]), None);
        assert_eq!(decode(&[0xa1, 0x61]), None);
        assert_eq!(decode(&[0x9f; 1000]), None);
    }

    proptest! {
        #[test]
        fn one_value_is_that_of_the_decoded_metadata(metadata in any_metadata(), at: prop::sample::Index) {
            let mut bytes = vec![];
            encode(&metadata, &mut bytes);
            let decoded = decode(&bytes).unwrap();
            let mut keys: Vec<&str> = decoded.iter().map(|(key, _)| key).collect();
            keys.push("no such key");
            let key = keys[at.index(keys.len())];
            let value = value_bytes(&bytes, key).unwrap();
            let value = Some(value).filter(|value| !value.is_empty());
            let value = value.map(|value| decode_value(value).unwrap());
            prop_assert_eq!(value.as_ref(), decoded.get(key));
        }

        #[test]
        fn encoding_equals_that_of_ciborium(metadata in any_metadata()) {
            let (mut ours, mut theirs) = (vec![], vec![]);
            encode(&metadata, &mut ours);
            if !metadata.is_empty() {
                ciborium::into_writer(&metadata, &mut theirs).unwrap();
            }
            prop_assert_eq!(ours, theirs);
        }

        #[test]
        fn lengths_and_numbers_take_as_few_bytes_as_possible(number in any::<i64>(), shift in 0..64_u32, length in 0..70_000_usize) {
            let metadata = object(json!({"n": number >> shift, "u": number.cast_unsigned() >> shift, "x": "x".repeat(length)}));
            let (mut ours, mut theirs) = (vec![], vec![]);
            encode(&metadata, &mut ours);
            ciborium::into_writer(&metadata, &mut theirs).unwrap();
            prop_assert_eq!(ours, theirs);
        }

        #[test]
        fn any_json_round_trips(metadata in any_metadata()) {
            prop_assert_eq!(round_trip(&metadata), metadata);
        }

        #[test]
        fn no_bytes_break_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = decode(&bytes);
        }
    }
}
