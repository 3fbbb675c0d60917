//! Conditions on metadata: `where=unit=ssh.service`, `exit_code!=0`, `container_id=3f*`, `-unit=cron.service`.

use crate::record::Metadata;
use serde_json::Value;
use std::borrow::Cow;

/// One `where` of a filter. Values are compared as texts: `exit_code=0` holds for the number and for the string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    key: Box<str>,
    /// `!=`: the key is there, and no value of it is this.
    differs: bool,
    value: Box<str>,
    prefix: bool,
    /// A `-` before it: the opposite, which also holds where the key is absent.
    excluded: bool,
}

impl Condition {
    /// Reads `[-]KEY=VALUE[*]` or `[-]KEY!=VALUE[*]`; `\*` at the end is a literal star. `None` without a key or operator.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (excluded, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (key, value) = text.split_once('=')?;
        let (differs, key) = match key.strip_suffix('!') {
            Some(key) => (true, key),
            None => (false, key),
        };
        // `x>=3`, `x ~= y`, `x = 3`: no key that a program writes looks so, and nothing would match
        if key.is_empty() || key.trim() != key || key.ends_with(['<', '>', '~', '!', '=']) {
            return None;
        }
        let (prefix, value) = match value.strip_suffix('*') {
            Some(start) => match start.strip_suffix('\\') {
                Some(start) => (false, Cow::Owned(format!("{start}*"))),
                None => (true, Cow::Borrowed(start)),
            },
            None => (false, Cow::Borrowed(value)),
        };
        Some(Self {
            key: key.into(),
            differs,
            value: value.into(),
            prefix,
            excluded,
        })
    }

    /// What a person may have meant instead, when nothing matches: `x==3` and `x=~3` compare with a text that begins so.
    pub(in crate::query) fn doubt(&self) -> Option<String> {
        let rest = self.value.strip_prefix(['=', '~'])?;
        let (key, value) = (&self.key, &self.value);
        Some(format!(
            "where compares {key} with the text {value:?}; did you mean {key}={rest}?"
        ))
    }

    /// Whether the metadata fulfils it.
    #[must_use]
    pub fn matches(&self, metadata: &Metadata) -> bool {
        let holds = lookup(metadata, &self.key).is_some_and(|found| {
            let equal = values_of(found).iter().any(|value| self.equals(value));
            equal != self.differs
        });
        holds != self.excluded
    }

    /// Texts that the encoded form of every metadata that fulfils it has: its key, and its value where that is no other kind of
    /// JSON than a string. Where one is missing, nothing needs to be decoded.
    pub(in crate::query) fn needles(&self) -> impl Iterator<Item = &str> {
        let key = (!self.excluded).then(|| key_needle(&self.key));
        let value = (!self.excluded && !self.differs && !self.may_mean_other_json())
            .then_some(&*self.value);
        key.into_iter().chain(value)
    }

    /// Whether the JSON form of anything but a string may equal, or begin with, the value.
    fn may_mean_other_json(&self) -> bool {
        let value = &*self.value;
        if value.starts_with(['[', '{']) {
            return true;
        }
        if self.prefix {
            let of_number = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
            let words = ["true", "false", "null"];
            value.bytes().all(of_number) || words.iter().any(|word| word.starts_with(value))
        } else {
            serde_json::from_str::<Value>(value).is_ok()
        }
    }

    fn equals(&self, found: &Value) -> bool {
        let text = text_of(found);
        if self.prefix {
            text.starts_with(&*self.value)
        } else {
            *text == *self.value
        }
    }
}

/// The value under `key`: the key itself, else the way that its dots show through nested objects.
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

/// A text that the encoded form of all metadata with something under `key` has.
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

/// What the encoded form of all output of processes has.
pub(in crate::query) const OUTPUT_NEEDLE: &str = "process_output";

/// `pid=N`: output of that process, which the collectors mark by its event type.
pub(in crate::query) fn is_output_of(metadata: &Metadata, pid: u64) -> bool {
    metadata.get("event_type").and_then(Value::as_str) == Some(OUTPUT_NEEDLE)
        && metadata.get("pid").is_some_and(|found| match found {
            Value::Number(number) => number.as_u64() == Some(pid),
            Value::String(text) => text.parse() == Ok(pid),
            _ => false,
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn holds(condition: &str, metadata: &Value) -> bool {
        Condition::parse(condition)
            .unwrap_or_else(|| panic!("{condition}"))
            .matches(&Metadata::from(metadata.as_object().unwrap().clone()))
    }

    #[test]
    fn equality_is_of_texts() {
        let metadata =
            json!({"unit": "ssh.service", "exit_code": 0, "ok": true, "ratio": 0.5, "none": null});
        for condition in [
            "unit=ssh.service",
            "exit_code=0",
            "ok=true",
            "ratio=0.5",
            "none=null",
            "unit=ssh*",
            "unit=*",
            "exit_code!=1",
            "-exit_code!=0",
            "-unit=cron*",
            "-absent=1",
        ] {
            assert!(holds(condition, &metadata), "{condition}");
        }
        for condition in [
            "unit=ssh",
            "unit=SSH.service",
            "exit_code!=0",
            "absent=1",
            "absent!=1",
            "absent=*",
            "-unit=*",
            "unit=ssh\\*",
        ] {
            assert!(!holds(condition, &metadata), "{condition}");
        }
    }

    #[test]
    fn a_list_holds_each_of_its_values() {
        let metadata = json!({"tag": ["a", "b"], "none": []});
        assert!(holds("tag=a", &metadata) && holds("tag=b", &metadata));
        assert!(!holds("tag!=a", &metadata), "one of them is a");
        assert!(holds("tag!=c", &metadata));
        assert!(!holds("none=*", &metadata) && holds("none!=a", &metadata));
    }

    #[test]
    fn dots_walk_into_objects_unless_the_key_has_them() {
        let metadata = json!({"a": {"b": {"c": "deep"}}, "x.y": "flat", "x": {"y": "nested"}});
        assert!(holds("a.b.c=deep", &metadata));
        assert!(holds("x.y=flat", &metadata));
        assert!(!holds("a.b.c.d=deep", &metadata));
    }

    #[test]
    fn values_may_hold_operators_and_stars() {
        assert!(holds("query=a=b!=c", &json!({"query": "a=b!=c"})));
        assert!(holds("glob=x\\*", &json!({"glob": "x*"})));
        assert!(!holds("glob=x\\*", &json!({"glob": "xy"})));
        assert!(holds("empty=", &json!({"empty": ""})));
        for text in [
            "", "unit", "=x", "!=x", "-=x", "-", "x>=3", "x<=3", "x~=3", "x!!=3", "x = 3", "x>3",
        ] {
            assert_eq!(Condition::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn needles_are_what_must_be_there() {
        let needles = |text: &str| -> Vec<String> {
            let condition = Condition::parse(text).unwrap();
            condition.needles().map(str::to_owned).collect()
        };
        assert_eq!(needles("a.b=web"), ["a", "web"]);
        assert_eq!(needles("container_id=3f9a"), ["container_id", "3f9a"]);
        assert_eq!(needles("container_id=3f9a*"), ["container_id", "3f9a"]);
        for other in [
            "0",
            "-1.5",
            "true",
            "null",
            "[",
            "{\"a\":1}",
            "0*",
            "t*",
            "*",
            "1e*",
        ] {
            assert_eq!(needles(&format!("a={other}")), ["a"], "{other}");
        }
        assert_eq!(needles("a!=web"), ["a"]);
        assert!(needles("-a=web").is_empty() && needles("-a!=web").is_empty());
    }

    #[test]
    fn output_of_a_process_is_marked_by_type_and_pid() {
        let is_output = |value: Value| is_output_of(&serde_json::from_value(value).unwrap(), 42);
        assert!(is_output(
            json!({"event_type": "process_output", "pid": 42})
        ));
        assert!(is_output(
            json!({"event_type": "process_output", "pid": "42"})
        ));
        assert!(!is_output(json!({"event_type": "process_exit", "pid": 42})));
        assert!(!is_output(
            json!({"event_type": "process_output", "pid": 420})
        ));
        assert!(!is_output(json!({"pid": 42})));
    }
}
