//! The list of the rules that changed a record, `metadata.redacted`.

use crate::record::Metadata;
use crate::redact::rules::table::RULES;
use serde_json::Value;

/// The metadata key of the list.
pub(super) const REDACTED: &str = "redacted";

/// The id that is listed for a record that was withheld.
pub(super) const WITHHELD: &str = "withheld";

/// Adds rules to the list of a record. A foreign value under its key moves to the same key with as many underscores appended as make it
/// unique.
pub(in crate::redact) fn add_rules(metadata: &mut Metadata, ids: Vec<String>) {
    let mut listed = ids;
    if let Some(old) = metadata.remove(REDACTED) {
        match old {
            Value::Array(items) if items.iter().all(is_listed_id) => {
                listed.extend(items.iter().filter_map(Value::as_str).map(str::to_owned));
            }
            foreign => {
                let mut key = format!("{REDACTED}_");
                while metadata.contains_key(&key) {
                    key.push('_');
                }
                metadata.insert(key, foreign);
            }
        }
    }
    listed.sort_unstable();
    listed.dedup();
    metadata.insert(REDACTED, listed);
}

/// Whether redaction could have written this list.
pub(super) fn is_rule_list(value: &Value) -> bool {
    value
        .as_array()
        .is_some_and(|items| items.iter().all(is_listed_id))
}

/// Whether a value is the id of a rule.
fn is_listed_id(value: &Value) -> bool {
    value.as_str().is_some_and(is_rule_id)
}

/// Whether a text is the id of a rule or of a pattern of the settings.
fn is_rule_id(id: &str) -> bool {
    let pattern = |number: &str| {
        !number.is_empty() && number.len() <= 3 && number.bytes().all(|b| b.is_ascii_digit())
    };
    id == WITHHELD
        || RULES.iter().any(|rule| rule.id == id)
        || id.strip_prefix("pattern-").is_some_and(pattern)
}
