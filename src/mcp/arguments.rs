//! The arguments of a call, checked against the table.

use super::table::{Argument, ArgumentKind, Tool};
use crate::query::{self, Filter};
use crate::time::Micros;
use serde_json::{Map, Value};

/// Checked arguments of a tool.
#[derive(Debug)]
pub(super) struct ToolArguments {
    tool: &'static Tool,
    given: Map<String, Value>,
}

impl ToolArguments {
    /// Checks names and types; the error is a sentence for the agent.
    pub(super) fn check(tool: &'static Tool, given: &Value) -> Result<Self, String> {
        let given = match given {
            Value::Null => Map::new(),
            Value::Object(map) => map.clone(),
            _ => return Err("arguments must be an object".to_owned()),
        };
        let known = |name: &str| tool.arguments.iter().find(|argument| argument.name == name);
        for (name, value) in &given {
            let argument = known(name).ok_or_else(|| {
                let names: Vec<_> = tool
                    .arguments
                    .iter()
                    .map(|argument| argument.name)
                    .collect();
                format!(
                    "unknown argument {name:?}; {} takes {}",
                    tool.name,
                    names.join(", ")
                )
            })?;
            argument.check(value)?;
        }
        let missing = tool
            .arguments
            .iter()
            .find(|it| it.is_required && !given.contains_key(it.name));
        match missing {
            Some(argument) => Err(format!(
                "{} needs the argument {}",
                tool.name, argument.name
            )),
            None => Ok(Self { tool, given }),
        }
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.given.get(name).and_then(Value::as_str)
    }

    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        self.given.get(name).and_then(Value::as_bool)
    }

    /// A number, or its default.
    pub(super) fn number(&self, name: &str) -> u64 {
        let default = self
            .tool
            .arguments
            .iter()
            .find_map(|argument| match argument.kind {
                ArgumentKind::Number { default, .. } if argument.name == name => Some(default),
                _ => None,
            });
        let given = self.given.get(name).and_then(number_of);
        given.or(default).unwrap_or(1)
    }

    pub(super) fn count(&self, name: &str) -> usize {
        usize::try_from(self.number(name)).unwrap_or(1)
    }

    /// The filter that the arguments describe, and `extra` parameters of a filter.
    pub(super) fn filter(&self, extra: &[(&str, &str)]) -> Result<Filter, String> {
        const NAMES: [(&str, &str); 5] = [
            ("query", "q"),
            ("source", "source"),
            ("level", "level"),
            ("since", "start"),
            ("until", "end"),
        ];
        let given = NAMES
            .iter()
            .filter_map(|(name, parameter)| Some((*parameter, self.text(name)?)));
        let all = given.chain(extra.iter().copied());
        let all: Vec<_> = all
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let parsed = query::parse_filter(&all, Micros::now());
        parsed
            .map(|(filter, _)| filter)
            .map_err(|error| error.message)
    }
}

impl Argument {
    fn check(&self, value: &Value) -> Result<(), String> {
        let name = self.name;
        match self.kind {
            ArgumentKind::Text if value.is_string() => Ok(()),
            ArgumentKind::Text => Err(format!("{name} must be a text")),
            ArgumentKind::Flag if value.is_boolean() => Ok(()),
            ArgumentKind::Flag => Err(format!("{name} must be true or false")),
            ArgumentKind::Word(words) if words.iter().any(|word| value.as_str() == Some(*word)) => {
                Ok(())
            }
            ArgumentKind::Word(words) => Err(format!("{name} must be one of {}", words.join(", "))),
            ArgumentKind::Number { max, .. } => match number_of(value) {
                Some(number) if (1..=max).contains(&number) => Ok(()),
                _ if self.is_required => Err(format!("{name} must be a number from 1")),
                _ => Err(format!("{name} must be a number from 1 to {max}")),
            },
        }
    }
}

/// IDs are texts in our answers, so that agents send them as texts.
fn number_of(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}
