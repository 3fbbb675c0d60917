//! Values in a template.

use serde_json::Value as Json;
use std::fmt;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum TemplateValue {
    Text(String),
    Int(i64),
    Float(f64),
    Bool(bool),
    /// Nanoseconds since 1970.
    Time(i64),
    /// The result of `fromJson`, or the labels of a line.
    Json(Json),
    Nothing,
}

impl TemplateValue {
    /// Whether the value counts as true.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::Text(text) => !text.is_empty(),
            Self::Int(number) => *number != 0,
            Self::Float(number) => *number != 0.0,
            Self::Bool(is_true) => *is_true,
            Self::Time(_) => true,
            Self::Json(Json::Array(list)) => !list.is_empty(),
            Self::Json(Json::Object(map)) => !map.is_empty(),
            Self::Json(other) => !other.is_null(),
            Self::Nothing => false,
        }
    }

    pub(super) fn as_int(&self) -> Result<i64, String> {
        #[expect(clippy::cast_possible_truncation, reason = "as Go converts; saturates")]
        match self {
            Self::Int(number) => Ok(*number),
            Self::Float(number) => Ok(*number as i64),
            Self::Bool(is_true) => Ok(i64::from(*is_true)),
            Self::Time(nanos) => Ok(*nanos),
            Self::Nothing => Ok(0),
            Self::Text(text) => text
                .trim()
                .parse()
                .or_else(|_| text.trim().parse::<f64>().map(|number| number as i64))
                .map_err(|_| format!("\"{text}\" is not a number")),
            Self::Json(_) => Err("an object is not a number".to_owned()),
        }
    }

    pub(super) fn as_float(&self) -> Result<f64, String> {
        #[expect(clippy::cast_precision_loss, reason = "as Go converts")]
        match self {
            Self::Float(number) => Ok(*number),
            Self::Text(text) => text
                .trim()
                .parse()
                .map_err(|_| format!("\"{text}\" is not a number")),
            other => other.as_int().map(|number| number as f64),
        }
    }

    /// A member of an object.
    pub(super) fn field(&self, name: &str) -> Self {
        match self {
            Self::Json(Json::Object(map)) => map.get(name).map_or(Self::Nothing, Self::of_json),
            _ => Self::Nothing,
        }
    }

    pub(super) fn of_json(json: &Json) -> Self {
        match json {
            Json::String(text) => Self::Text(text.clone()),
            Json::Bool(is_true) => Self::Bool(*is_true),
            Json::Null => Self::Nothing,
            // Go parses every JSON number as floating point.
            Json::Number(number) => number.as_f64().map_or(Self::Nothing, Self::Float),
            other => Self::Json(other.clone()),
        }
    }
}

/// The form in which Go prints it.
impl fmt::Display for TemplateValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Int(number) => number.fmt(f),
            Self::Float(number) => f.write_str(&crate::logql::number::format(*number)),
            Self::Bool(is_true) => is_true.fmt(f),
            Self::Time(nanos) => f.write_str(
                &super::time::format(*nanos, "2006-01-02 15:04:05.999999999 -0700 MST", "UTC")
                    .unwrap_or_default(),
            ),
            Self::Json(Json::Array(list)) => {
                let list: Vec<_> = list
                    .iter()
                    .map(|each| Self::of_json(each).to_string())
                    .collect();
                write!(f, "[{}]", list.join(" "))
            }
            Self::Json(Json::Object(map)) => {
                let pairs = map
                    .iter()
                    .map(|(key, value)| format!("{key}:{}", Self::of_json(value)));
                write!(f, "map[{}]", pairs.collect::<Vec<_>>().join(" "))
            }
            Self::Json(other) => other.fmt(f),
            Self::Nothing => Ok(()),
        }
    }
}
