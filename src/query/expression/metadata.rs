//! Evaluates the conditions that only the metadata decides.

use crate::query::expression::Expression;
use crate::query::expression::values::{OUTPUT_EVENT, text_of};
use crate::query::text::search::Search;
use crate::record::Metadata;
use crate::store::BOOKKEEPING_KEYS;
use serde_json::Value;

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

/// Whether the metadata is that of output of this process.
fn is_output_of(metadata: &Metadata, pid: u64) -> bool {
    metadata.get("event_type").and_then(Value::as_str) == Some(OUTPUT_EVENT)
        && metadata.get("pid").is_some_and(|found| match found {
            Value::Number(number) => number.as_u64() == Some(pid),
            Value::String(text) => text.parse() == Ok(pid),
            _ => false,
        })
}
