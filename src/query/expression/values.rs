//! Values of the metadata: how they are found under a key, and the texts that they have.

use crate::query::expression::Expression;
use crate::query::text::search::Search;
use crate::record::Metadata;
use crate::store::BOOKKEEPING_KEYS;
use serde_json::Value;
use std::borrow::Cow;

/// The event type of output of processes, by which the collectors mark it.
pub(in crate::query) const OUTPUT_EVENT: &str = "process_output";

impl Expression {
    /// Whether only the metadata decides.
    pub(in crate::query) fn is_of_metadata(&self) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().all(Self::is_of_metadata),
            Self::Not(part) => part.is_of_metadata(),
            Self::Values(_) | Self::Field(_) | Self::Output(_) => true,
            _ => false,
        }
    }

    /// Whether the metadata matches. A leaf that asks for anything else matches none.
    pub(in crate::query) fn matches_metadata(&self, metadata: &Metadata) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.matches_metadata(metadata)),
            Self::Any(parts) => parts.iter().any(|part| part.matches_metadata(metadata)),
            Self::Not(part) => !part.matches_metadata(metadata),
            Self::Values(search) => has_text(metadata, search),
            Self::Field(condition) => condition.matches(metadata),
            Self::Output(pid) => is_output_of(metadata, *pid),
            _ => false,
        }
    }
}

/// Whether any value holds the text, except under the bookkeeping keys.
fn has_text(metadata: &Metadata, search: &Search) -> bool {
    let values = metadata.iter();
    let mut searched = values.filter(|(key, _)| !BOOKKEEPING_KEYS.contains(key));
    searched.any(|(_, value)| is_in_value(value, search))
}

/// Numbers and booleans have the text of their JSON form; null has none. Metadata nests only as deep as its encoding allows.
fn is_in_value(value: &Value, search: &Search) -> bool {
    match value {
        Value::Null => false,
        Value::Array(values) => values.iter().any(|value| is_in_value(value, search)),
        Value::Object(map) => map.values().any(|value| is_in_value(value, search)),
        other => search.matches(&text_of(other)),
    }
}

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

/// Whether the metadata is that of output of this process.
fn is_output_of(metadata: &Metadata, pid: u64) -> bool {
    metadata.get("event_type").and_then(Value::as_str) == Some(OUTPUT_EVENT)
        && metadata.get("pid").is_some_and(|found| match found {
            Value::Number(number) => number.as_u64() == Some(pid),
            Value::String(text) => text.parse() == Ok(pid),
            _ => false,
        })
}
