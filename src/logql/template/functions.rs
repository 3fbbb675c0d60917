//! The functions available in templates.

use super::scope::TemplateScope;
use super::text::{aligned, bounded, indented, printed, repeated, substring, title, truncated};
use super::time;
use super::value::TemplateValue;
use crate::logql::matching::{self, GoRegex};
use crate::logql::units;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::Value as Json;
use std::cmp::Ordering;

/// Every function.
const NAMES: &[&str] = &[
    "__line__",
    "__timestamp__",
    "now",
    "lower",
    "ToLower",
    "upper",
    "ToUpper",
    "title",
    "trunc",
    "substr",
    "replace",
    "Replace",
    "trim",
    "Trim",
    "TrimSpace",
    "trimAll",
    "TrimLeft",
    "TrimRight",
    "trimPrefix",
    "TrimPrefix",
    "trimSuffix",
    "TrimSuffix",
    "contains",
    "hasPrefix",
    "hasSuffix",
    "count",
    "regexReplaceAll",
    "regexReplaceAllLiteral",
    "repeat",
    "indent",
    "nindent",
    "alignLeft",
    "alignRight",
    "b64enc",
    "b64dec",
    "urlencode",
    "urldecode",
    "fromJson",
    "default",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
    "and",
    "or",
    "not",
    "len",
    "index",
    "print",
    "println",
    "printf",
    "add",
    "sub",
    "mul",
    "div",
    "mod",
    "addf",
    "subf",
    "mulf",
    "divf",
    "max",
    "min",
    "maxf",
    "minf",
    "ceil",
    "floor",
    "round",
    "int",
    "float64",
    "bytes",
    "duration",
    "duration_seconds",
    "date",
    "toDate",
    "toDateInZone",
    "unixEpoch",
    "unixEpochMillis",
    "unixEpochNanos",
    "unixToTime",
];

/// Whether the function exists.
pub(super) fn exists(name: &str) -> bool {
    NAMES.contains(&name)
}

/// The arguments of a call; the piped value is the last one.
pub(super) struct Arguments(pub(super) Vec<TemplateValue>);

impl Arguments {
    fn get(&self, index: usize) -> Result<&TemplateValue, String> {
        self.0
            .get(index)
            .ok_or_else(|| format!("wrong number of args: got {}", self.0.len()))
    }

    fn text(&self, index: usize) -> Result<String, String> {
        self.get(index).map(ToString::to_string)
    }

    fn int(&self, index: usize) -> Result<i64, String> {
        self.get(index)?.as_int()
    }

    fn float(&self, index: usize) -> Result<f64, String> {
        self.get(index)?.as_float()
    }

    fn time(&self, index: usize) -> Result<i64, String> {
        match self.get(index)? {
            TemplateValue::Time(nanos) => Ok(*nanos),
            other => Err(format!("{other} is not a time")),
        }
    }
}

type CallResult = Result<TemplateValue, String>;

/// Calls a function.
pub(super) fn call(name: &str, arguments: &Arguments, scope: &TemplateScope<'_>) -> CallResult {
    let results = [
        of_line(name, arguments, scope),
        texts(name, arguments),
        trims(name, arguments),
    ];
    if let Some(result) = results.into_iter().flatten().next() {
        return result;
    }
    numbers(name, arguments)
        .or_else(|| logic(name, arguments))
        .or_else(|| times(name, arguments))
        .or_else(|| encodings(name, arguments))
        .unwrap_or_else(|| Err("not a function".to_owned()))
}

fn of_line(name: &str, _: &Arguments, scope: &TemplateScope<'_>) -> Option<CallResult> {
    Some(Ok(match name {
        "__line__" => TemplateValue::Text(scope.line.to_owned()),
        "__timestamp__" => TemplateValue::Time(scope.timestamp_nanos),
        "now" => TemplateValue::Time(now_nanos()),
        _ => return None,
    }))
}

fn now_nanos() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
    })
}

fn texts(name: &str, arguments: &Arguments) -> Option<CallResult> {
    let text = |index| arguments.text(index);
    let result = match name {
        "lower" | "ToLower" => text(0).map(|text| text.to_lowercase()),
        "upper" | "ToUpper" => text(0).map(|text| text.to_uppercase()),
        "title" => text(0).map(|text| title(&text)),
        "trunc" => arguments
            .int(0)
            .and_then(|length| Ok(truncated(&text(1)?, length))),
        "substr" => (|| Ok(substring(&text(2)?, arguments.int(0)?, arguments.int(1)?)))(),
        "replace" => (|| bounded(text(2)?.replace(&text(0)?, &text(1)?)))(),
        "Replace" => (|| {
            let (whole, from, to) = (text(0)?, text(1)?, text(2)?);
            bounded(match usize::try_from(arguments.int(3)?) {
                Ok(count) => whole.replacen(&from, &to, count),
                Err(_) => whole.replace(&from, &to),
            })
        })(),
        "regexReplaceAll" | "regexReplaceAllLiteral" => (|| {
            let (regex, whole, to) = (pattern(&text(0)?)?, text(1)?, text(2)?);
            bounded(regex.replace_all(&whole, &to, name.ends_with("Literal")))
        })(),
        "repeat" => (|| repeated(&text(1)?, arguments.int(0)?))(),
        "indent" => (|| indented(&text(1)?, arguments.int(0)?))(),
        "nindent" => (|| Ok(format!("\n{}", indented(&text(1)?, arguments.int(0)?)?)))(),
        "alignLeft" | "alignRight" => {
            (|| aligned(&text(1)?, arguments.int(0)?, name == "alignLeft"))()
        }
        "print" => Ok(arguments.0.iter().map(ToString::to_string).collect()),
        "println" => {
            let words: Vec<_> = arguments.0.iter().map(ToString::to_string).collect();
            Ok(words.join(" ") + "\n")
        }
        "printf" => (|| printed(&text(0)?, arguments.0.get(1..).unwrap_or_default()))(),
        _ => return None,
    };
    Some(result.map(TemplateValue::Text))
}

fn pattern(text: &str) -> Result<GoRegex, String> {
    matching::compile_at_run_time(text).ok_or_else(|| format!("error parsing regexp: `{text}`"))
}

fn trims(name: &str, arguments: &Arguments) -> Option<CallResult> {
    let text = |index| arguments.text(index);
    // sprig's functions take the text last, Go's string functions first.
    let result = match name {
        "trim" | "TrimSpace" => text(0).map(|text| text.trim().to_owned()),
        "trimAll" => (|| Ok(trimmed(&text(1)?, &text(0)?, true, true)))(),
        "Trim" => (|| Ok(trimmed(&text(0)?, &text(1)?, true, true)))(),
        "TrimLeft" => (|| Ok(trimmed(&text(0)?, &text(1)?, true, false)))(),
        "TrimRight" => (|| Ok(trimmed(&text(0)?, &text(1)?, false, true)))(),
        "trimPrefix" => (|| Ok(without_prefix(&text(1)?, &text(0)?)))(),
        "TrimPrefix" => (|| Ok(without_prefix(&text(0)?, &text(1)?)))(),
        "trimSuffix" => (|| Ok(without_suffix(&text(1)?, &text(0)?)))(),
        "TrimSuffix" => (|| Ok(without_suffix(&text(0)?, &text(1)?)))(),
        _ => return None,
    };
    Some(result.map(TemplateValue::Text))
}

fn trimmed(text: &str, chars: &str, left: bool, right: bool) -> String {
    let mut text = text;
    if left {
        text = text.trim_start_matches(|c| chars.contains(c));
    }
    if right {
        text = text.trim_end_matches(|c| chars.contains(c));
    }
    text.to_owned()
}

fn without_prefix(text: &str, prefix: &str) -> String {
    text.strip_prefix(prefix).unwrap_or(text).to_owned()
}

fn without_suffix(text: &str, suffix: &str) -> String {
    text.strip_suffix(suffix).unwrap_or(text).to_owned()
}

fn numbers(name: &str, arguments: &Arguments) -> Option<CallResult> {
    let ints = || {
        arguments
            .0
            .iter()
            .map(TemplateValue::as_int)
            .collect::<Result<Vec<_>, _>>()
    };
    let floats = || {
        arguments
            .0
            .iter()
            .map(TemplateValue::as_float)
            .collect::<Result<Vec<_>, _>>()
    };
    let fold = |of: fn(i64, i64) -> i64| {
        let folded = ints()?.into_iter().reduce(of);
        folded
            .map(TemplateValue::Int)
            .ok_or_else(|| "wrong number of args: got 0".to_owned())
    };
    let fold_float = |of: fn(f64, f64) -> f64| {
        let folded = floats()?.into_iter().reduce(of);
        folded
            .map(TemplateValue::Float)
            .ok_or_else(|| "wrong number of args: got 0".to_owned())
    };
    let divided = |of: fn(i64, i64) -> Option<i64>| {
        let result = of(arguments.int(0)?, arguments.int(1)?);
        result
            .map(TemplateValue::Int)
            .ok_or_else(|| "integer divide by zero".to_owned())
    };
    Some(match name {
        "add" => fold(i64::wrapping_add),
        "sub" => fold(i64::wrapping_sub),
        "mul" => fold(i64::wrapping_mul),
        "max" => fold(i64::max),
        "min" => fold(i64::min),
        "div" => divided(i64::checked_div),
        "mod" => divided(i64::checked_rem),
        "addf" => fold_float(|a, b| a + b),
        "subf" => fold_float(|a, b| a - b),
        "mulf" => fold_float(|a, b| a * b),
        "divf" => fold_float(|a, b| a / b),
        "maxf" => fold_float(f64::max),
        "minf" => fold_float(f64::min),
        "ceil" => arguments
            .float(0)
            .map(|number| TemplateValue::Float(number.ceil())),
        "floor" => arguments
            .float(0)
            .map(|number| TemplateValue::Float(number.floor())),
        "round" => (|| {
            let decimals = i32::try_from(arguments.int(1)?)
                .unwrap_or(0)
                .clamp(-300, 300);
            let factor = 10_f64.powi(decimals);
            Ok(TemplateValue::Float(
                (arguments.float(0)? * factor).round() / factor,
            ))
        })(),
        "int" => arguments.int(0).map(TemplateValue::Int),
        "float64" => arguments.float(0).map(TemplateValue::Float),
        _ => return None,
    })
}

fn logic(name: &str, arguments: &Arguments) -> Option<CallResult> {
    let compared = |holds: fn(Ordering) -> bool| {
        let order = order(arguments.get(0)?, arguments.get(1)?)?;
        Ok(TemplateValue::Bool(holds(order)))
    };
    Some(match name {
        "eq" => (|| {
            let first = arguments.get(0)?;
            let mut others = arguments.0.iter().skip(1);
            Ok(TemplateValue::Bool(
                others.any(|other| order(first, other) == Ok(Ordering::Equal)),
            ))
        })(),
        "ne" => (|| {
            let is_equal = order(arguments.get(0)?, arguments.get(1)?) == Ok(Ordering::Equal);
            Ok(TemplateValue::Bool(!is_equal))
        })(),
        "lt" => compared(Ordering::is_lt),
        "le" => compared(Ordering::is_le),
        "gt" => compared(Ordering::is_gt),
        "ge" => compared(Ordering::is_ge),
        "not" => arguments
            .get(0)
            .map(|value| TemplateValue::Bool(!value.is_true())),
        "contains" => (|| {
            Ok(TemplateValue::Bool(
                arguments.text(1)?.contains(&arguments.text(0)?),
            ))
        })(),
        "hasPrefix" => (|| {
            Ok(TemplateValue::Bool(
                arguments.text(1)?.starts_with(&arguments.text(0)?),
            ))
        })(),
        "hasSuffix" => (|| {
            Ok(TemplateValue::Bool(
                arguments.text(1)?.ends_with(&arguments.text(0)?),
            ))
        })(),
        "default" => (|| {
            let value = arguments.get(1)?;
            Ok(if value.is_true() {
                value
            } else {
                arguments.get(0)?
            }
            .clone())
        })(),
        "len" => arguments
            .get(0)
            .map(|value| TemplateValue::Int(length(value))),
        "count" => (|| {
            let count = pattern(&arguments.text(0)?)?.count(&arguments.text(1)?);
            Ok(TemplateValue::Int(i64::try_from(count).unwrap_or(i64::MAX)))
        })(),
        "index" => (|| {
            let first = arguments.get(0)?.clone();
            arguments
                .0
                .iter()
                .skip(1)
                .try_fold(first, |value, key| member(&value, key))
        })(),
        _ => return None,
    })
}

fn length(value: &TemplateValue) -> i64 {
    let length = match value {
        TemplateValue::Json(Json::Array(list)) => list.len(),
        TemplateValue::Json(Json::Object(map)) => map.len(),
        other => other.to_string().len(),
    };
    i64::try_from(length).unwrap_or(i64::MAX)
}

fn member(value: &TemplateValue, key: &TemplateValue) -> CallResult {
    match value {
        TemplateValue::Json(Json::Array(list)) => {
            let index = usize::try_from(key.as_int()?).ok();
            let found = index.and_then(|index| list.get(index));
            found
                .map(TemplateValue::of_json)
                .ok_or_else(|| format!("index out of range: {key}"))
        }
        TemplateValue::Text(text) => {
            let byte = usize::try_from(key.as_int()?)
                .ok()
                .and_then(|index| text.as_bytes().get(index));
            byte.map(|byte| TemplateValue::Int(i64::from(*byte)))
                .ok_or_else(|| format!("index out of range: {key}"))
        }
        other => Ok(other.field(&key.to_string())),
    }
}

/// Compares two values: texts with texts and numbers with numbers.
fn order(left: &TemplateValue, right: &TemplateValue) -> Result<Ordering, String> {
    match (left, right) {
        (TemplateValue::Text(left), TemplateValue::Text(right)) => Ok(left.cmp(right)),
        (TemplateValue::Bool(left), TemplateValue::Bool(right)) => Ok(left.cmp(right)),
        (
            TemplateValue::Text(_),
            TemplateValue::Int(_) | TemplateValue::Float(_) | TemplateValue::Bool(_),
        )
        | (
            TemplateValue::Int(_) | TemplateValue::Float(_) | TemplateValue::Bool(_),
            TemplateValue::Text(_),
        ) => Err("incompatible types for comparison".to_owned()),
        (left, right) => left
            .as_float()?
            .partial_cmp(&right.as_float()?)
            .ok_or_else(|| "values that are no numbers have no order".to_owned()),
    }
}

fn times(name: &str, arguments: &Arguments) -> Option<CallResult> {
    let epoch = |divisor: i64| {
        arguments
            .time(0)
            .map(|nanos| TemplateValue::Text((nanos.div_euclid(divisor)).to_string()))
    };
    Some(match name {
        "date" => (|| {
            time::format(arguments.time(1)?, &arguments.text(0)?, "UTC").map(TemplateValue::Text)
        })(),
        "toDate" => (|| {
            time::parse(&arguments.text(0)?, "UTC", &arguments.text(1)?).map(TemplateValue::Time)
        })(),
        "toDateInZone" => (|| {
            let (layout, zone) = (arguments.text(0)?, arguments.text(1)?);
            time::parse(&layout, &zone, &arguments.text(2)?).map(TemplateValue::Time)
        })(),
        "unixEpoch" => epoch(1_000_000_000),
        "unixEpochMillis" => epoch(1_000_000),
        "unixEpochNanos" => epoch(1),
        "unixToTime" => (|| {
            let text = arguments.text(0)?;
            let number: i64 = text
                .parse()
                .map_err(|_| format!("unable to parse time '{text}'"))?;
            // The number of digits determines the unit: days, seconds, milliseconds, microseconds or nanoseconds.
            let unit = match text.trim_start_matches('-').len() {
                5 => 86_400_000_000_000,
                10 => 1_000_000_000,
                13 => 1_000_000,
                16 => 1_000,
                19 => 1,
                _ => return Err(format!("unable to parse time '{text}'")),
            };
            Ok(TemplateValue::Time(number.saturating_mul(unit)))
        })(),
        "duration" | "duration_seconds" => (|| {
            let text = arguments.text(0)?;
            let nanos = units::duration_value(&text);
            let nanos = nanos.ok_or_else(|| format!("time: invalid duration \"{text}\""))?;
            Ok(TemplateValue::Float(nanos / 1e9))
        })(),
        "bytes" => (|| {
            let text = arguments.text(0)?;
            let bytes = units::bytes_value(&text);
            bytes
                .map(TemplateValue::Float)
                .ok_or_else(|| format!("unhandled size name: {text}"))
        })(),
        _ => return None,
    })
}

fn encodings(name: &str, arguments: &Arguments) -> Option<CallResult> {
    let text = arguments.text(0);
    Some(match name {
        "b64enc" => text.map(|text| TemplateValue::Text(STANDARD.encode(text))),
        "b64dec" => text.and_then(|text| {
            let bytes = STANDARD.decode(text).map_err(|error| error.to_string())?;
            Ok(TemplateValue::Text(
                String::from_utf8_lossy(&bytes).into_owned(),
            ))
        }),
        "urlencode" => text.map(|text| {
            const KEPT: &percent_encoding::AsciiSet = &NON_ALPHANUMERIC
                .remove(b'-')
                .remove(b'.')
                .remove(b'_')
                .remove(b'~')
                .remove(b' ');
            TemplateValue::Text(
                utf8_percent_encode(&text, KEPT)
                    .to_string()
                    .replace(' ', "+"),
            )
        }),
        "urldecode" => text.and_then(|text| {
            let text = text.replace('+', " ");
            let decoded = percent_decode_str(&text)
                .decode_utf8()
                .map_err(|error| error.to_string())?;
            Ok(TemplateValue::Text(decoded.into_owned()))
        }),
        "fromJson" => text.map(|text| {
            serde_json::from_str(&text)
                .map_or(TemplateValue::Nothing, |json| TemplateValue::of_json(&json))
        }),
        _ => return None,
    })
}
