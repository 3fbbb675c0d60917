//! Metadata as CBOR (RFC 8949): a map with text keys, holding what JSON can say.

use super::cbor_decode;
use crate::record::Metadata;
use serde_json::Value;

/// Appends `metadata`; an empty map takes no bytes at all. Values nested deeper than [`DEPTH_MAX`] go in as their JSON text,
/// since a reader must bound its stack.
pub(super) fn encode(metadata: &Metadata, out: &mut Vec<u8>) {
    if metadata.is_empty() {
        return;
    }
    if depth_exceeds(metadata.values(), DEPTH_MAX) {
        encode_any(&flattened(metadata), out);
    } else {
        encode_any(metadata, out);
    }
}

fn encode_any(metadata: &Metadata, out: &mut Vec<u8>) {
    // Writing to memory cannot fail, and every JSON value has a CBOR form.
    let written = ciborium::into_writer(metadata, &mut *out);
    debug_assert!(written.is_ok(), "{written:?}");
}

/// The metadata that [`encode`] wrote; `None` when the bytes hold anything else.
pub(super) fn decode(bytes: &[u8]) -> Option<Metadata> {
    if bytes.is_empty() {
        return Some(Metadata::new());
    }
    cbor_decode::decode(bytes, DEPTH_MAX)
}

/// Whether arrays and objects nest deeper than `depth`, by a stack of its own.
fn depth_exceeds<'a>(values: impl Iterator<Item = &'a Value>, depth: usize) -> bool {
    let mut open: Vec<(&Value, usize)> = values.map(|value| (value, 1)).collect();
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

fn flattened(metadata: &Metadata) -> Metadata {
    metadata
        .iter()
        .map(|(key, value)| {
            let deep = depth_exceeds(std::iter::once(value), DEPTH_MAX);
            let value = if deep {
                Value::String(value.to_string())
            } else {
                value.clone()
            };
            (key.clone(), value)
        })
        .collect()
}

/// JSON parsers stop at 128.
pub(super) const DEPTH_MAX: usize = 200;

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn round_trip(metadata: &Metadata) -> Metadata {
        let mut out = vec![];
        encode(metadata, &mut out);
        decode(&out).unwrap()
    }

    fn object(value: Value) -> Metadata {
        match value {
            Value::Object(map) => map,
            other => panic!("{other} is no object"),
        }
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
    fn numbers_keep_their_kind() {
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
    fn nothing_takes_no_bytes() {
        let mut out = vec![];
        encode(&Metadata::new(), &mut out);
        assert!(out.is_empty());
        assert_eq!(decode(&[]), Some(Metadata::new()));
    }

    fn nested(depth: usize) -> Value {
        (0..depth).fold(json!(1), |inner, _| json!([inner]))
    }

    #[test]
    fn what_nests_too_deep_becomes_text() {
        let deepest = object(json!({"x": nested(DEPTH_MAX)}));
        assert_eq!(round_trip(&deepest), deepest);
        let deeper = object(json!({"x": nested(DEPTH_MAX + 1), "y": 1}));
        let text = nested(DEPTH_MAX + 1).to_string();
        assert_eq!(round_trip(&deeper), object(json!({"x": text, "y": 1})));
    }

    #[test]
    fn what_is_no_map_or_has_bytes_behind_it_is_refused() {
        assert_eq!(decode(&[0x01]), None);
        assert_eq!(decode(&[0xa0, 0x00]), None);
        assert_eq!(decode(&[0xa1, 0x61]), None);
        assert_eq!(decode(&[0x9f; 1000]), None);
    }

    proptest! {
        #[test]
        fn any_json_comes_back(metadata in any_metadata()) {
            prop_assert_eq!(round_trip(&metadata), metadata);
        }

        #[test]
        fn no_bytes_break_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = decode(&bytes);
        }
    }
}
