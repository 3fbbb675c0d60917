//! Redacts the metadata of a record: every text at any depth, with the keys as names.

use super::clean::CleanTexts;
use super::object::Object;
use super::rule_list::REDACTED;
use super::rule_list::is_rule_list;
use super::words::Words;
use crate::record::Metadata;
use crate::redact::edit::MASK;
use crate::redact::scan::RecordScan;
use crate::redact::scan::RuleBits;
use crate::redact::scan::SecretName;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// The suffix of keys whose values are bytes that are not UTF-8.
const BASE64: &str = "_base64";

/// The key of the whole message if it is not UTF-8.
const MESSAGE_BASE64: &str = "message_base64";

/// The suffixes, in lower case, of the keys of an object that is a pair of name and value: `name`, `ParameterKey`.
const NAMES: [&str; 2] = ["name", "key"];
const VALUE: &str = "value";

/// The suffix of the key of a header whose secret follows a scheme.
const AUTHORIZATION: &str = "authorization";

/// Redacts all of `metadata`, and returns the rules that changed something.
pub(in crate::redact) fn scrub(
    scan: &RecordScan<'_>,
    (words, clean): (&mut Words, &mut CleanTexts),
    metadata: &mut Metadata,
) -> RuleBits {
    let is_done = |key: &str, value: &Value| key == REDACTED && is_rule_list(value);
    let may_match = |key: &_| words.may_match(scan, key);
    scrub_object(scan, metadata, is_done, may_match, |value| match value {
        Value::String(text) => replace(text, clean.scrub(scan, text)),
        other => scrub_value(scan, other),
    })
}

/// Replaces the raw bytes by those of the redacted message: they may contain a secret that only earlier records reveal.
pub(in crate::redact) fn replace_raw(metadata: &mut Metadata, message: &str) {
    if let Some(raw) = metadata.get_mut(MESSAGE_BASE64) {
        *raw = STANDARD.encode(message).into();
    }
}

/// Redacts the values of an object, then its keys. `is_done` says which entries to leave unchanged, `may_match` whether any rule could
/// match a key; `scrub_plain` redacts the value of a key that is neither a name nor that of raw bytes.
fn scrub_object<O: Object>(
    scan: &RecordScan<'_>,
    entries: &mut O,
    is_done: impl Fn(&str, &Value) -> bool,
    mut may_match: impl FnMut(&O::Key) -> bool,
    mut scrub_plain: impl FnMut(&mut Value) -> RuleBits,
) -> RuleBits {
    // This needs the names, which the loop below may redact.
    let mut rules = mask_named(scan, entries);
    let mut suspicious_keys = false;
    for (key, value) in entries.entries_mut() {
        let suspicious = may_match(key);
        let key = key.as_ref();
        if is_done(key, value) {
            continue;
        }
        suspicious_keys |= suspicious;
        rules |= if suspicious {
            scrub_entry(scan, key, value)
        } else if is_raw(key) {
            scrub_raw(scan, value)
        } else {
            scrub_plain(value)
        };
    }
    if suspicious_keys {
        rules |= scrub_keys(scan, entries);
    }
    rules
}

/// Redacts a value whose key may be a name.
fn scrub_entry(scan: &RecordScan<'_>, key: &str, value: &mut Value) -> RuleBits {
    let name = key.strip_suffix(BASE64).unwrap_or(key);
    match scan.name(name, value.is_number()) {
        Some(name) => mask(scan, name, value),
        None if is_raw(key) => scrub_raw(scan, value),
        None if ends_in(key, AUTHORIZATION) => scrub_header(scan, value),
        None => scrub_value(scan, value),
    }
}

fn is_raw(key: &str) -> bool {
    key.ends_with(BASE64)
}

/// Whether a key ends in a word, ignoring ASCII case.
fn ends_in(key: &str, word: &str) -> bool {
    let start = key.len().saturating_sub(word.len());
    let end = key.as_bytes().get(start..).unwrap_or_default();
    end.eq_ignore_ascii_case(word.as_bytes())
}

/// Redacts bytes in base64, one text or several. A value that is not base64 is redacted as a text.
fn scrub_raw(scan: &RecordScan<'_>, value: &mut Value) -> RuleBits {
    if let Value::Array(items) = value {
        let items = items.iter_mut();
        return items.fold(0, |rules, item| rules | scrub_raw(scan, item));
    }
    let raw = value.as_str().and_then(|text| STANDARD.decode(text).ok());
    let Some(raw) = raw else {
        return scrub_value(scan, value);
    };
    let Some(scrubbed) = scan.scrub(&raw) else {
        return 0;
    };
    *value = STANDARD.encode(&scrubbed.text).into();
    scrubbed.rules
}

/// Redacts the value of an authorization header, which is a secret even without a scheme before it.
fn scrub_header(scan: &RecordScan<'_>, value: &mut Value) -> RuleBits {
    /// The header in a text.
    const PREFIX: &str = "authorization: ";
    match value {
        Value::Array(items) => {
            let items = items.iter_mut();
            items.fold(0, |rules, item| rules | scrub_header(scan, item))
        }
        Value::String(text) => match scan.scrub_text(&format!("{PREFIX}{text}")) {
            Some((scrubbed, rules)) => {
                let value = scrubbed.strip_prefix(PREFIX);
                value.unwrap_or(&scrubbed).clone_into(text);
                rules
            }
            None => 0,
        },
        other => scrub_value(scan, other),
    }
}

/// Redacts a value whose key is not a name. The JSON parser bounds the depth.
fn scrub_value(scan: &RecordScan<'_>, value: &mut Value) -> RuleBits {
    match value {
        Value::String(text) => replace(text, scan.scrub_text(text)),
        Value::Array(items) => scrub_list(scan, items),
        Value::Object(entries) => {
            let may_match = |key: &String| scan.may_match(key.as_bytes());
            let scrub_plain = |value: &mut Value| scrub_value(scan, value);
            scrub_object(scan, entries, |_, _| false, may_match, scrub_plain)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

/// Replaces a text in which secrets were found, and returns the rules that found them.
fn replace(text: &mut String, scrubbed: Option<(String, RuleBits)>) -> RuleBits {
    let Some((scrubbed, rules)) = scrubbed else {
        return 0;
    };
    *text = scrubbed;
    rules
}

/// Redacts a list. In the arguments of a command, the value after a flag such as `--password` is masked.
fn scrub_list(scan: &RecordScan<'_>, items: &mut [Value]) -> RuleBits {
    let mut rules = 0;
    let mut flag = None;
    for item in items {
        let text = item.as_str().unwrap_or_default();
        let is_flag = text.starts_with('-');
        let next = is_flag.then(|| scan.name(text, false)).flatten();
        let next = next.map(SecretName::of_flag);
        rules |= match flag {
            Some(name) if !is_flag => mask(scan, name, item),
            _ => scrub_value(scan, item),
        };
        flag = next;
    }
    rules
}

/// Masks the value of an object with a name beside it: `{"name": "DB_PASSWORD", "value": "x"}`.
fn mask_named(scan: &RecordScan<'_>, entries: &mut impl Object) -> RuleBits {
    if !entries.entries().any(|(key, _)| ends_in(key, VALUE)) {
        return 0;
    }
    let names = entries
        .entries()
        .filter(|(key, _)| NAMES.iter().any(|name| ends_in(key, name)));
    let name = names
        .filter_map(|(_, name)| name.as_str())
        .find_map(|name| scan.name(name, false));
    let Some(name) = name else {
        return 0;
    };
    entries
        .entries_mut()
        .filter(|(key, _)| ends_in(key.as_ref(), VALUE))
        .fold(0, |rules, (_, value)| rules | mask(scan, name, value))
}

/// Masks every text and number under a key that is the name of a secret. A text that is not a secret after all is redacted like any
/// other.
fn mask(scan: &RecordScan<'_>, name: SecretName, value: &mut Value) -> RuleBits {
    match value {
        Value::String(text) if text.is_empty() || text == MASK => 0,
        Value::String(text) if name.spares(text) || scan.allows(text) => scrub_value(scan, value),
        Value::Number(number) if name.spares(&number.to_string()) => 0,
        Value::String(_) | Value::Number(_) => {
            *value = MASK.into();
            name.rules
        }
        Value::Array(items) => items
            .iter_mut()
            .fold(0, |rules, item| rules | mask(scan, name, item)),
        Value::Object(entries) => entries
            .values_mut()
            .fold(0, |rules, value| rules | mask(scan, name, value)),
        Value::Null | Value::Bool(_) => 0,
    }
}

/// Redacts the keys themselves: a program may use its input as a key.
fn scrub_keys(scan: &RecordScan<'_>, entries: &mut impl Object) -> RuleBits {
    let mut rules = 0;
    let mut renamed = Vec::new();
    for (key, _) in entries.entries() {
        if let Some((scrubbed, found)) = scan.scrub_text(key) {
            rules |= found;
            renamed.push((key.to_owned(), scrubbed));
        }
    }
    if !renamed.is_empty() {
        entries.rename(renamed);
    }
    rules
}
