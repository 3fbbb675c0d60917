//! Conditions on the value under one key of the metadata.

use crate::query::expression::quantity::{Comparison, Quantity};
use crate::query::expression::values::{lookup, text_of, values_of};
use crate::query::text::search::Search;
use crate::record::Metadata;
use serde_json::Value;

/// A condition on the value under a key. Dots in the key lead into nested objects, unless the whole key is there. A list matches
/// when one of its values does.
#[derive(Debug, Clone)]
pub struct FieldCondition {
    key: Box<str>,
    test: FieldTest,
}

/// What the value under a key must be. Values are compared as texts: strings as they are, all else as JSON, so that `0` is equal
/// to the number and to the string.
#[derive(Debug, Clone)]
pub enum FieldTest {
    /// There is a value.
    Exists,
    /// It is this text.
    Equals(Box<str>),
    /// It begins with this text.
    Prefix(Box<str>),
    /// This is found in it.
    Contains(Search),
    /// It is a number, a duration or a size that compares so.
    Compare(Comparison, Quantity),
}

impl FieldCondition {
    /// `test` on the value under `key`.
    #[must_use]
    pub fn new(key: &str, test: FieldTest) -> Self {
        Self {
            key: key.into(),
            test,
        }
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What its value must be.
    #[must_use]
    pub fn test(&self) -> &FieldTest {
        &self.test
    }

    /// Whether the metadata matches.
    #[must_use]
    pub fn matches(&self, metadata: &Metadata) -> bool {
        let Some(found) = lookup(metadata, &self.key) else {
            return false;
        };
        match &self.test {
            FieldTest::Exists => true,
            test => values_of(found)
                .iter()
                .any(|value| test.matches(&self.key, value)),
        }
    }

    /// Whether a value with this text matches; a list matches when one of its values does.
    pub(in crate::query) fn matches_text(&self, text: &str) -> bool {
        match &self.test {
            FieldTest::Exists => true,
            FieldTest::Equals(value) => text == &**value,
            FieldTest::Prefix(prefix) => text.starts_with(&**prefix),
            FieldTest::Contains(search) => search.matches(text),
            FieldTest::Compare(comparison, quantity) => {
                let found = Quantity::of(text, &self.key, quantity);
                found.is_some_and(|found| comparison.holds(&found, quantity))
            }
        }
    }

    /// What the encoded form of each matching value has.
    pub(in crate::query) fn value_needle(&self) -> Option<ValueNeedle<'_>> {
        let (text, is_prefix) = match &self.test {
            FieldTest::Equals(text) => (text, false),
            FieldTest::Prefix(text) => (text, true),
            FieldTest::Exists | FieldTest::Contains(_) | FieldTest::Compare(..) => return None,
        };
        if is_only_of_strings(text, is_prefix) {
            return Some(ValueNeedle::Text(text));
        }
        let number = text.parse::<u64>().ok()?;
        // "007" is equal to no number
        (!is_prefix && number.to_string() == **text)
            .then(|| ValueNeedle::TextOrNumber(text, encoded_number(number)))
    }
}

/// Bytes of the encoded form of a value.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::query) enum ValueNeedle<'e> {
    /// Those of a string.
    Text(&'e str),
    /// Those of a string, or of a whole number.
    TextOrNumber(&'e str, Vec<u8>),
}

/// The bytes that every encoding of a whole number in CBOR has: it ends with its big-endian bytes, without zeros at the beginning. A
/// number below 24 may be part of the first byte, which is then equal to it.
fn encoded_number(number: u64) -> Vec<u8> {
    let mut bytes = number.to_le_bytes().to_vec();
    while bytes.len() > 1 && bytes.pop_if(|byte| *byte == 0).is_some() {}
    bytes.reverse();
    bytes
}

impl FieldTest {
    fn matches(&self, key: &str, value: &Value) -> bool {
        match self {
            Self::Exists => true,
            Self::Equals(text) => *text_of(value) == **text,
            Self::Prefix(text) => text_of(value).starts_with(&**text),
            Self::Contains(search) => search.matches(&text_of(value)),
            Self::Compare(comparison, quantity) => {
                let found = Quantity::of_value(value, key, quantity);
                found.is_some_and(|found| comparison.holds(&found, quantity))
            }
        }
    }
}

/// Whether no value but a string can be equal to this text, or begin with it.
fn is_only_of_strings(text: &str, is_prefix: bool) -> bool {
    if text.starts_with(['[', '{']) {
        return false;
    }
    if is_prefix {
        let of_number = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
        let words = ["true", "false", "null"];
        !text.bytes().all(of_number) && !words.iter().any(|word| word.starts_with(text))
    } else {
        serde_json::from_str::<Value>(text).is_err()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::text::search::Case;
    use serde_json::json;

    fn matches(key: &str, test: FieldTest) -> bool {
        let metadata = json!({"status": 500, "took": "1.5s", "tags": ["a", "bc"], "http": {"path": "/api/x"}, "none": null});
        let metadata: Metadata = serde_json::from_value(metadata).unwrap();
        FieldCondition::new(key, test).matches(&metadata)
    }

    #[test]
    fn needle_of_a_number_is_in_every_encoding_of_it() {
        for number in [0, 5, 23, 24, 77, 255, 256, 2_077, 65_536, 1 << 40, u64::MAX] {
            let equals = FieldCondition::new("k", FieldTest::Equals(number.to_string().into()));
            let Some(ValueNeedle::TextOrNumber(text, needle)) = equals.value_needle() else {
                panic!("{number} has a needle");
            };
            assert_eq!(text, number.to_string());
            let mut bytes = number.to_le_bytes();
            bytes.reverse();
            let mut encodings = vec![[&[0x1b][..], &bytes].concat()];
            for (head, length) in [(0x1a, 4), (0x19, 2), (0x18, 1)] {
                if bytes[..8 - length].iter().all(|byte| *byte == 0) {
                    encodings.push([&[head][..], &bytes[8 - length..]].concat());
                }
            }
            if number < 24 {
                encodings.push(vec![bytes[7]]);
            }
            for encoding in encodings {
                let mut windows = encoding.windows(needle.len());
                assert!(
                    windows.any(|window| window == needle),
                    "{number} as {encoding:02x?}"
                );
            }
        }
        for text in ["007", "-5", "1.0", "1e3", "true", "18446744073709551616"] {
            let equals = FieldCondition::new("k", FieldTest::Equals(text.into()));
            let needle = equals.value_needle();
            assert!(
                !matches!(needle, Some(ValueNeedle::TextOrNumber(..))),
                "{text}"
            );
        }
        let prefix = FieldCondition::new("k", FieldTest::Prefix("77".into()));
        assert_eq!(prefix.value_needle(), None);
    }

    #[test]
    fn compares_texts_numbers_lists_and_nested_values() {
        let search = |text| FieldTest::Contains(Search::text(text, Case::Insensitive));
        let compare =
            |comparison, text| FieldTest::Compare(comparison, Quantity::parse(text).unwrap());
        assert!(matches("status", FieldTest::Equals("500".into())));
        assert!(matches("status", FieldTest::Prefix("5".into())));
        assert!(matches("tags", FieldTest::Equals("bc".into())));
        assert!(matches("tags", search("C")));
        assert!(matches("http.path", FieldTest::Prefix("/api/".into())));
        assert!(matches(
            "status",
            compare(Comparison::GreaterOrEqual, "500")
        ));
        assert!(!matches("status", compare(Comparison::Greater, "500")));
        assert!(matches("took", compare(Comparison::Greater, "1s")));
        assert!(!matches("took", compare(Comparison::Greater, "2s")));
        assert!(!matches("tags", compare(Comparison::Greater, "0")));
        assert!(matches("none", FieldTest::Exists));
        assert!(!matches("absent", FieldTest::Exists));
    }
}
