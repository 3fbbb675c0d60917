//! Extra facts about a record: a JSON object, stored as a list of pairs.

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::fmt;
use std::ops::Index;

/// The name of a fact. Most are constants of the program and need no allocation.
pub type Key = Cow<'static, str>;

/// Extra facts about a record: a JSON object, in the order of its keys, kept as CBOR on disk.
///
/// A record has a dozen or two facts, which are created together, read a few times and dropped. A list of pairs needs one
/// allocation; a tree would need one for each key and node.
#[derive(Clone, Default, PartialEq)]
pub struct Metadata {
    /// In ascending order of their keys, each key once.
    pairs: Vec<(Key, Value)>,
}

impl Metadata {
    /// No facts.
    #[must_use]
    pub const fn new() -> Self {
        Self { pairs: Vec::new() }
    }

    /// Metadata of these pairs. If a key occurs several times, the last pair wins, as in JSON. The pairs may be in any order:
    /// sorting them once is cheaper than inserting many one by one.
    #[must_use]
    pub fn of_pairs(mut pairs: Vec<(Key, Value)>) -> Self {
        if !is_ascending(&pairs) {
            pairs.sort_by(|(a, _), (b, _)| a.cmp(b));
            pairs.dedup_by(|(key, value), (kept_key, kept)| {
                let is_same = key == kept_key;
                if is_same {
                    *kept = value.take();
                }
                is_same
            });
        }
        Self { pairs }
    }

    /// Metadata of pairs whose keys ascend.
    #[cfg(feature = "app")]
    pub(crate) fn of_sorted(pairs: Vec<(Key, Value)>) -> Self {
        debug_assert!(is_ascending(&pairs), "{pairs:?}");
        Self { pairs }
    }

    /// The number of facts; nested facts are not counted.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// The value of `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        let (_, value) = self.pairs.get(self.find(key).ok()?)?;
        Some(value)
    }

    /// The value of `key`, mutable.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        let place = self.find(key).ok()?;
        let (_, value) = self.pairs.get_mut(place)?;
        Some(value)
    }

    /// Whether there is a value for `key`.
    #[must_use]
    pub fn contains_key(&self, key: &str) -> bool {
        self.find(key).is_ok()
    }

    /// Sets `key` to `value` and returns the previous value.
    pub fn insert(&mut self, key: impl Into<Key>, value: impl Into<Value>) -> Option<Value> {
        let (key, value) = (key.into(), value.into());
        match self.find(&key) {
            Ok(place) => {
                let (_, old) = self.pairs.get_mut(place)?;
                Some(std::mem::replace(old, value))
            }
            Err(place) => {
                self.pairs.insert(place, (key, value));
                None
            }
        }
    }

    /// Removes `key` and returns its value.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        let place = self.find(key).ok()?;
        let (_, value) = self.pairs.remove(place);
        Some(value)
    }

    /// Every key with its value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.pairs.iter().map(|(key, value)| (key.as_ref(), value))
    }

    /// Every key with its value, mutable.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&Key, &mut Value)> {
        self.pairs.iter_mut().map(|(key, value)| (&*key, value))
    }

    /// Every key.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.iter().map(|(key, _)| key)
    }

    /// Every value.
    pub fn values(&self) -> impl Iterator<Item = &Value> {
        self.iter().map(|(_, value)| value)
    }

    fn find(&self, key: &str) -> Result<usize, usize> {
        self.pairs
            .binary_search_by(|(other, _)| other.as_ref().cmp(key))
    }
}

fn is_ascending(pairs: &[(Key, Value)]) -> bool {
    pairs.is_sorted_by(|(a, _), (b, _)| a < b)
}

/// The value of a key; null if there is none.
impl Index<&str> for Metadata {
    type Output = Value;

    fn index(&self, key: &str) -> &Value {
        self.get(key).unwrap_or(&Value::Null)
    }
}

impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl IntoIterator for Metadata {
    type Item = (Key, Value);
    type IntoIter = std::vec::IntoIter<(Key, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.pairs.into_iter()
    }
}

impl<K: Into<Key>, V: Into<Value>> FromIterator<(K, V)> for Metadata {
    fn from_iter<T: IntoIterator<Item = (K, V)>>(pairs: T) -> Self {
        let pairs = pairs.into_iter();
        Self::of_pairs(
            pairs
                .map(|(key, value)| (key.into(), value.into()))
                .collect(),
        )
    }
}

impl From<Map<String, Value>> for Metadata {
    fn from(map: Map<String, Value>) -> Self {
        map.into_iter().collect()
    }
}

impl From<Metadata> for Value {
    fn from(metadata: Metadata) -> Self {
        let pairs = metadata.into_iter();
        Self::Object(
            pairs
                .map(|(key, value)| (key.into_owned(), value))
                .collect(),
        )
    }
}

impl Serialize for Metadata {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PairsVisitor)
    }
}

struct PairsVisitor;

impl<'de> Visitor<'de> for PairsVisitor {
    type Value = Metadata;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Metadata, A::Error> {
        // a declared length must not allocate memory before the data has arrived
        let mut pairs = Vec::with_capacity(map.size_hint().unwrap_or(0).min(ROOM_MAX));
        while let Some((key, value)) = map.next_entry::<String, Value>()? {
            pairs.push((Key::Owned(key), value));
        }
        Ok(Metadata::of_pairs(pairs))
    }
}

/// The maximum number of pairs to allocate in advance.
const ROOM_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[derive(Debug, Clone)]
    enum Step {
        Insert(String, u8),
        Remove(String),
        Double(String),
    }

    fn step() -> impl Strategy<Value = Step> {
        let key = || "[a-c]{0,2}";
        prop_oneof![
            (key(), any::<u8>()).prop_map(|(key, value)| Step::Insert(key, value)),
            key().prop_map(Step::Remove),
            key().prop_map(Step::Double),
        ]
    }

    proptest! {
        #[test]
        fn behaves_like_a_map(steps in prop::collection::vec(step(), 0..60)) {
            let (mut metadata, mut map) = (Metadata::new(), Map::new());
            for step in steps {
                match step {
                    Step::Insert(key, value) => {
                        let before = map.insert(key.clone(), value.into());
                        prop_assert_eq!(metadata.insert(key, value), before);
                    }
                    Step::Remove(key) => {
                        prop_assert_eq!(metadata.remove(&key), map.remove(&key));
                    }
                    Step::Double(key) => {
                        for value in [metadata.get_mut(&key), map.get_mut(&key)].into_iter().flatten() {
                            *value = json!([value.take()]);
                        }
                    }
                }
            }
            prop_assert_eq!(metadata.len(), map.len());
            prop_assert_eq!(metadata.is_empty(), map.is_empty());
            prop_assert!(metadata.keys().eq(map.keys()) && metadata.values().eq(map.values()));
            for key in ["", "a", "ab", "cc"] {
                prop_assert_eq!(metadata.get(key), map.get(key));
                prop_assert_eq!(metadata.contains_key(key), map.contains_key(key));
            }
            prop_assert_eq!(Metadata::from(map.clone()), metadata.clone());
            prop_assert_eq!(Value::from(metadata), Value::Object(map));
        }

        #[test]
        fn pairs_in_any_order_give_the_same_as_a_map(pairs in prop::collection::vec(("[a-c]{0,2}", any::<u8>()), 0..20)) {
            let metadata: Metadata = pairs.iter().cloned().collect();
            let map: Map<_, _> = pairs.into_iter().map(|(key, value)| (key, value.into())).collect();
            prop_assert_eq!(Value::from(metadata), Value::Object(map));
        }
    }

    #[test]
    fn it_reads_and_writes_as_an_object() {
        let text = r#"{"b":[1,{"x":null}],"a":"x","c":1.5,"a":"y"}"#;
        let metadata: Metadata = serde_json::from_str(text).unwrap();
        let ordered = r#"{"a":"y","b":[1,{"x":null}],"c":1.5}"#;
        assert_eq!(serde_json::to_string(&metadata).unwrap(), ordered);
        assert_eq!(
            format!("{:?}", Metadata::from_iter([("a", 1)])),
            "{\"a\": Number(1)}"
        );
        assert_eq!(
            (&metadata["a"], &metadata["z"]),
            (&json!("y"), &Value::Null)
        );
        for other in ["[]", "1", "\"x\"", "null", "{\"a\"}"] {
            assert!(serde_json::from_str::<Metadata>(other).is_err(), "{other}");
        }
    }
}
