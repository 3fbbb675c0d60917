//! The values in the metadata of a row: by path, as conditions compare them, and as texts, as searches see them.

use crate::store::format::metadata::cbor::{self, Item};
use serde_json::Value;
use std::borrow::Cow;

/// Keys whose values are not searched as text, since all records have them: identifiers of the machine, the boot and the stream,
/// and messages in base64. Bitmaps and filters leave them out, so that this list is part of the format.
pub const BOOKKEEPING_KEYS: [&str; 8] = [
    "_BOOT_ID",
    "_MACHINE_ID",
    "_STREAM_ID",
    "_SYSTEMD_INVOCATION_ID",
    "boot_id",
    "invocation_id",
    "machine_id",
    "message_base64",
];

/// The decoded metadata of a row.
#[derive(Debug)]
pub(in crate::store) struct RowValues<'a> {
    pairs: Vec<(&'a str, Item<'a>)>,
}

impl<'a> RowValues<'a> {
    /// `None` if the bytes are not metadata.
    pub(in crate::store) fn decode(bytes: &'a [u8]) -> Option<Self> {
        let pairs = cbor::decode_pairs(bytes)?;
        Some(Self { pairs })
    }

    /// Calls `visit` with each path that a condition can name, and the distinct texts of its values. A list has the text of each
    /// of its elements. A path leads through nested objects, unless a key of the row is the same text.
    pub(in crate::store) fn each_path(&self, mut visit: impl FnMut(&str, &[Cow<'_, str>])) {
        for (key, item) in &self.pairs {
            match item {
                Item::Text(text) => visit(key, &[Cow::Borrowed(text)]),
                Item::Other(value) => {
                    visit_texts(key, value, &mut visit);
                    if !key.contains('.') {
                        self.each_nested(key, value, &mut visit);
                    }
                }
            }
        }
    }

    fn each_nested(
        &self,
        path: &str,
        value: &Value,
        visit: &mut impl FnMut(&str, &[Cow<'_, str>]),
    ) {
        let mut open = vec![(path.to_owned(), value)];
        while let Some((path, value)) = open.pop() {
            let Value::Object(map) = value else {
                continue;
            };
            for (name, value) in map.iter().filter(|(name, _)| !name.contains('.')) {
                let path = format!("{path}.{name}");
                if path.len() > PATH_BYTES_MAX {
                    visit(&path, &[]);
                    continue;
                }
                if !self.pairs.iter().any(|(key, ..)| *key == path) {
                    visit_texts(&path, value, visit);
                }
                open.push((path, value));
            }
        }
    }

    /// Calls `visit` with each text that a search sees: all strings, numbers and booleans but those of bookkeeping keys.
    pub(in crate::store) fn each_text(&self, mut visit: impl FnMut(&str)) {
        for (key, item) in &self.pairs {
            if BOOKKEEPING_KEYS.contains(key) {
                continue;
            }
            match item {
                Item::Text(text) => visit(text),
                Item::Other(value) => each_leaf(value, &mut visit),
            }
        }
    }
}

fn visit_texts(path: &str, value: &Value, visit: &mut impl FnMut(&str, &[Cow<'_, str>])) {
    let Value::Array(items) = value else {
        return visit(path, &[text_of(value)]);
    };
    let mut texts: Vec<_> = items.iter().map(text_of).collect();
    texts.sort_unstable();
    texts.dedup();
    visit(path, &texts);
}

/// Values nest only as deep as their encoding allows.
fn each_leaf(value: &Value, visit: &mut impl FnMut(&str)) {
    match value {
        Value::Null => {}
        Value::Array(items) => items.iter().for_each(|item| each_leaf(item, visit)),
        Value::Object(map) => map.values().for_each(|item| each_leaf(item, visit)),
        other => visit(&text_of(other)),
    }
}

/// A value as it is compared: strings as they are, all else as JSON.
fn text_of(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        other => Cow::Owned(other.to_string()),
    }
}

/// Paths that are longer are not indexed.
pub(in crate::store) const PATH_BYTES_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::collections::BTreeMap;

    fn encoded(value: &Value) -> Vec<u8> {
        let mut bytes = vec![];
        let metadata = serde_json::from_value(value.clone()).unwrap();
        cbor::encode(&metadata, &mut bytes);
        bytes
    }

    fn paths(value: &Value) -> BTreeMap<String, Vec<String>> {
        let bytes = encoded(value);
        let mut found = BTreeMap::new();
        RowValues::decode(&bytes).unwrap().each_path(|path, texts| {
            let texts = texts.iter().map(ToString::to_string).collect();
            assert!(found.insert(path.to_owned(), texts).is_none(), "{path}");
        });
        found
    }

    #[test]
    fn paths_lead_through_objects_unless_a_key_has_the_same_text() {
        let found = paths(&json!({
            "unit": "ssh", "pid": 7, "ok": true, "none": null, "tag": ["b", "a", "b"], "empty": [],
            "a": {"b": {"c": "deep"}, "d.e": 1}, "x.y": "flat", "x": {"y": "nested"}, "p.q": {"r": 1},
        }));
        let expected = [
            ("a", vec![r#"{"b":{"c":"deep"},"d.e":1}"#]),
            ("a.b", vec![r#"{"c":"deep"}"#]),
            ("a.b.c", vec!["deep"]),
            ("empty", vec![]),
            ("none", vec!["null"]),
            ("ok", vec!["true"]),
            ("p.q", vec![r#"{"r":1}"#]),
            ("pid", vec!["7"]),
            ("tag", vec!["a", "b"]),
            ("unit", vec!["ssh"]),
            ("x", vec![r#"{"y":"nested"}"#]),
            ("x.y", vec!["flat"]),
        ];
        let expected: BTreeMap<String, Vec<String>> = expected
            .into_iter()
            .map(|(path, texts)| {
                (
                    path.to_owned(),
                    texts.into_iter().map(str::to_owned).collect(),
                )
            })
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn texts_are_the_leaves_outside_bookkeeping() {
        let bytes = encoded(&json!({
            "boot_id": "5a1f", "unit": "ssh", "n": 1.5, "deep": {"list": ["x", {"y": true}, null]},
        }));
        let mut found = vec![];
        RowValues::decode(&bytes)
            .unwrap()
            .each_text(|text| found.push(text.to_owned()));
        found.sort_unstable();
        assert_eq!(found, ["1.5", "ssh", "true", "x"]);
    }
}
