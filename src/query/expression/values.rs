//! Values of the metadata: how they are found under a key, and the texts that they have.

use crate::record::Metadata;
use serde_json::Value;
use std::borrow::Cow;

/// The event type of output of processes, by which the collectors mark it.
pub(in crate::query) const OUTPUT_EVENT: &str = "process_output";

/// The value under `key`: the key itself, else the path that its dots describe through nested objects.
pub(in crate::query) fn lookup<'m>(metadata: &'m Metadata, key: &str) -> Option<&'m Value> {
    if let Some(value) = metadata.get(key) {
        return Some(value);
    }
    let (first, rest) = key.split_once('.')?;
    let mut value = metadata.get(first)?;
    for part in rest.split('.') {
        value = value.as_object()?.get(part)?;
    }
    Some(value)
}

/// A text that the encoded form of all metadata with a value under `key` has.
pub(in crate::query) fn key_needle(key: &str) -> &str {
    key.split_once('.').map_or(key, |(first, _)| first)
}

/// The elements of a list (a journal field may have several values), else the value alone.
pub(in crate::query) fn values_of(value: &Value) -> &[Value] {
    match value {
        Value::Array(values) => values,
        single => std::slice::from_ref(single),
    }
}

/// A value as it is compared and counted: strings without quotes, all else as JSON.
pub(in crate::query) fn text_of(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        other => Cow::Owned(other.to_string()),
    }
}
