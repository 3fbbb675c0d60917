//! Objects of metadata: the metadata of a record, and JSON objects within it.

use crate::record::Key;
use crate::record::Metadata;
use serde_json::Map;
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// An object whose values and keys are redacted.
pub(super) trait Object {
    /// The type of its keys.
    type Key: AsRef<str>;

    /// All keys with their values.
    fn entries(&self) -> impl Iterator<Item = (&str, &Value)>;

    /// All keys with their values, which may be changed.
    fn entries_mut(&mut self) -> impl Iterator<Item = (&Self::Key, &mut Value)>;

    /// Renames keys. The pairs of old and new key are in the order of the entries. If the new key exists, it is prefixed with a space
    /// and the first number from 2 on that makes it unique; a suffix could look like a part of a secret.
    fn rename(&mut self, renamed: Vec<(String, String)>);
}

impl Object for Metadata {
    type Key = Key;

    fn entries(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.iter()
    }

    fn entries_mut(&mut self) -> impl Iterator<Item = (&Key, &mut Value)> {
        self.iter_mut()
    }

    fn rename(&mut self, renamed: Vec<(String, String)>) {
        let pairs = std::mem::take(self).into_iter();
        let pairs = pairs.map(|(key, value)| (key.into_owned(), value));
        *self = with_new_keys(pairs.collect(), renamed)
            .into_iter()
            .collect();
    }
}

impl Object for Map<String, Value> {
    type Key = String;

    fn entries(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.iter().map(|(key, value)| (key.as_str(), value))
    }

    fn entries_mut(&mut self) -> impl Iterator<Item = (&String, &mut Value)> {
        self.iter_mut()
    }

    fn rename(&mut self, renamed: Vec<(String, String)>) {
        let pairs = std::mem::take(self).into_iter();
        *self = with_new_keys(pairs.collect(), renamed)
            .into_iter()
            .collect();
    }
}

/// The pairs with their new keys. `renamed` is in the order of the pairs.
fn with_new_keys(
    mut pairs: Vec<(String, Value)>,
    renamed: Vec<(String, String)>,
) -> Vec<(String, Value)> {
    let mut taken: HashSet<String> = pairs.iter().map(|(key, _)| key.clone()).collect();
    // The last number of each key, because an attacker can make many keys equal.
    let mut numbers = HashMap::new();
    let mut renamed = renamed.into_iter().peekable();
    for (key, _) in &mut pairs {
        let Some((_, wanted)) = renamed.next_if(|(old, _)| old == key) else {
            continue;
        };
        taken.remove(key);
        let mut new = wanted.clone();
        while taken.contains(&new) {
            let number = numbers.entry(wanted.clone()).or_insert(1_u64);
            *number += 1;
            new = format!("{number} {wanted}");
        }
        taken.insert(new.clone());
        *key = new;
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_keys_that_become_equal() {
        let renamed = || {
            let old = ["a", "c", "d"].map(str::to_owned);
            old.map(|old| (old, "b".to_owned())).to_vec()
        };
        let before = json!({"2 b": 3, "a": 1, "b": 2, "c": 4, "d": 5});
        let after = json!({"2 b": 3, "3 b": 1, "4 b": 4, "5 b": 5, "b": 2});
        let mut map = before.as_object().unwrap().clone();
        let mut metadata = Metadata::from(map.clone());
        map.rename(renamed());
        metadata.rename(renamed());
        assert_eq!(Value::Object(map), after);
        assert_eq!(Value::from(metadata), after);
    }

    #[test]
    fn a_key_may_take_the_name_that_another_one_had() {
        let mut metadata = Metadata::from_iter([("a", 1), ("b", 2)]);
        let renamed = [("a", "x"), ("b", "a")].map(|(old, new)| (old.to_owned(), new.to_owned()));
        metadata.rename(renamed.to_vec());
        assert_eq!(Value::from(metadata), json!({"x": 1, "a": 2}));
    }
}
