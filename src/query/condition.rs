//! The syntax of `where`: `unit=ssh.service`, `exit_code!=0`, `container_id=3f*`, `-unit=cron.service`.

use crate::query::expression::Expression;
use crate::query::expression::field::{FieldCondition, FieldTest};
use std::borrow::Cow;

/// One `where` of a request. Values are compared as texts: `exit_code=0` matches the number and the string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    key: Box<str>,
    /// `!=`: the key is there, and none of its values is this one.
    differs: bool,
    value: Box<str>,
    prefix: bool,
    /// A leading `-`: the opposite, which also matches where the key is absent.
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
        // `x>=3`, `x ~= y`, `x = 3`: no program writes such a key, so that nothing would match
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

    /// The condition as an expression.
    #[must_use]
    pub fn expression(&self) -> Expression {
        let field = |test| Expression::Field(FieldCondition::new(&self.key, test));
        let value = self.value.clone();
        let equal = field(if self.prefix {
            FieldTest::Prefix(value)
        } else {
            FieldTest::Equals(value)
        });
        let condition = if self.differs {
            field(FieldTest::Exists).and(equal.negated())
        } else {
            equal
        };
        if self.excluded {
            condition.negated()
        } else {
            condition
        }
    }

    /// A suggestion when nothing matches: `x==3` and `x=~3` compare with a text that begins with the sign.
    pub(super) fn doubt(&self) -> Option<String> {
        let rest = self.value.strip_prefix(['=', '~'])?;
        let (key, value) = (&self.key, &self.value);
        Some(format!(
            "where compares {key} with the text {value:?}; did you mean {key}={rest}?"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Metadata;
    use serde_json::{Value, json};

    fn holds(condition: &str, metadata: &Value) -> bool {
        Condition::parse(condition)
            .unwrap_or_else(|| panic!("{condition}"))
            .expression()
            .matches_metadata(&Metadata::from(metadata.as_object().unwrap().clone()))
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
}
