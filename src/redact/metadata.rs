//! Scrubs the metadata of a record: every text at any depth, where the key may decide, and the list
//! that tells what was done.

use super::edit::MASK;
use super::scan::RuleSet;
use super::scan::Scanner;
use crate::record::Metadata;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// The key under which the rules that changed a record are listed.
const REDACTED: &str = "redacted";

/// The key under which a message that is no UTF-8 is kept whole.
const MESSAGE_BASE64: &str = "message_base64";

/// The keys of an object that is a pair of name and value, in any case.
const NAME: &str = "name";
const VALUE: &str = "value";

/// Scrubs all of `metadata` and tells which rules changed something.
pub(super) fn scrub(scanner: &Scanner, metadata: &mut Metadata) -> RuleSet {
    scrub_object(scanner, metadata, |key, value| match key {
        REDACTED if is_rule_list(value) => Some(0),
        MESSAGE_BASE64 => scrub_raw(scanner, value),
        _ => None,
    })
}

/// Scrubs the values of an object, then its keys. `special` sees each entry first and says whether
/// it has done it.
fn scrub_object(
    scanner: &Scanner,
    entries: &mut Metadata,
    special: impl Fn(&str, &mut Value) -> Option<RuleSet>,
) -> RuleSet {
    let mut rules = 0;
    let mut suspicious_keys = false;
    let mut is_pair = false;
    for (key, value) in entries.iter_mut() {
        if let Some(found) = special(key, value) {
            rules |= found;
            continue;
        }
        is_pair |= key.eq_ignore_ascii_case(NAME);
        let suspicious = scanner.may_match(key);
        suspicious_keys |= suspicious;
        let rule = suspicious.then(|| scanner.rule_of_name(key)).flatten();
        rules |= match rule {
            Some(rule) => mask(rule, value),
            None => scrub_value(scanner, value),
        };
    }
    if is_pair {
        rules |= mask_named(scanner, entries);
    }
    if suspicious_keys {
        rules |= scrub_keys(scanner, entries);
    }
    rules
}

/// Adds these rules to the list of a record. A foreign value under the key of the list moves to the
/// key with an underscore appended, or as many as make it free.
pub(super) fn tell(metadata: &mut Metadata, ids: Vec<String>) {
    let mut listed = ids;
    if let Some(old) = metadata.remove(REDACTED) {
        match old {
            Value::Array(items) if items.iter().all(is_rule_id) => {
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
    metadata.insert(REDACTED.to_owned(), listed.into());
}

/// Whether the value is a list that redaction could have written.
fn is_rule_list(value: &Value) -> bool {
    value
        .as_array()
        .is_some_and(|items| items.iter().all(is_rule_id))
}

/// Rule ids are short words joined by hyphens: nothing that is secret looks like that and is also
/// listed there.
fn is_rule_id(value: &Value) -> bool {
    value.as_str().is_some_and(super::is_rule_id)
}

/// Scrubs the raw bytes of a message; nothing where the text is no base64.
fn scrub_raw(scanner: &Scanner, value: &mut Value) -> Option<RuleSet> {
    let raw = STANDARD.decode(value.as_str()?).ok()?;
    let Some(scrubbed) = scanner.scrub(&raw) else {
        return Some(0);
    };
    *value = STANDARD.encode(&scrubbed.text).into();
    Some(scrubbed.rules)
}

/// Scrubs a value whose key does not decide. The depth is bounded by the reader of the JSON text.
fn scrub_value(scanner: &Scanner, value: &mut Value) -> RuleSet {
    match value {
        Value::String(text) => match scanner.scrub_text(text) {
            Some((scrubbed, rules)) => {
                *text = scrubbed;
                rules
            }
            None => 0,
        },
        Value::Array(items) => scrub_list(scanner, items),
        Value::Object(entries) => scrub_object(scanner, entries, |_, _| None),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

/// Scrubs a list. Where it is the arguments of a command, what comes after a flag such as
/// `--password` is masked.
fn scrub_list(scanner: &Scanner, items: &mut [Value]) -> RuleSet {
    let mut rules = 0;
    let mut flag = None;
    for item in items {
        let text = item.as_str().unwrap_or_default();
        let is_flag = text.starts_with('-');
        let next = is_flag.then(|| scanner.rule_of_name(text)).flatten();
        rules |= match flag {
            Some(rule) if !is_flag => mask(rule, item),
            _ => scrub_value(scanner, item),
        };
        flag = next;
    }
    rules
}

/// Masks the value of an object that holds a name and a value side by side: `{"name":
/// "DB_PASSWORD", "value": "x"}`.
fn mask_named(scanner: &Scanner, entries: &mut Metadata) -> RuleSet {
    let is_name = |(key, _): &(&String, &Value)| key.eq_ignore_ascii_case(NAME);
    let name = entries.iter().find(is_name).map(|(_, name)| name);
    let Some(rule) = name
        .and_then(Value::as_str)
        .and_then(|name| scanner.rule_of_name(name))
    else {
        return 0;
    };
    entries
        .iter_mut()
        .filter(|(key, _)| key.eq_ignore_ascii_case(VALUE))
        .fold(0, |rules, (_, value)| rules | mask(rule, value))
}

/// Masks every text and number under a key that says that they are secret.
fn mask(rule: RuleSet, value: &mut Value) -> RuleSet {
    match value {
        Value::String(text) if text.is_empty() || text == MASK => 0,
        Value::String(_) | Value::Number(_) => {
            *value = MASK.into();
            rule
        }
        Value::Array(items) => items
            .iter_mut()
            .fold(0, |rules, item| rules | mask(rule, item)),
        Value::Object(entries) => entries
            .values_mut()
            .fold(0, |rules, value| rules | mask(rule, value)),
        Value::Null | Value::Bool(_) => 0,
    }
}

/// Scrubs the keys themselves: a program may use what it was given as a key.
fn scrub_keys(scanner: &Scanner, entries: &mut Metadata) -> RuleSet {
    let mut rules = 0;
    let mut renamed = Vec::new();
    for key in entries.keys() {
        if let Some((scrubbed, found)) = scanner.scrub_text(key) {
            rules |= found;
            renamed.push((key.clone(), scrubbed));
        }
    }
    for (old, mut new) in renamed {
        if let Some(value) = entries.remove(&old) {
            while entries.contains_key(&new) {
                new.push('_');
            }
            entries.insert(new, value);
        }
    }
    rules
}
