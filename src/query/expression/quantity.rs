//! Numbers with a unit: `500`, `1.5s`, `1h30m`, `10KiB`.

use serde_json::Value;
use std::cmp::Ordering;

/// A number, a duration or a size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantity {
    number: Number,
    unit: QuantityUnit,
}

/// What a quantity counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum QuantityUnit {
    Plain,
    Seconds,
    Bytes,
}

/// Integers of any size that JSON programs write are compared exactly.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Number {
    Integer(i128),
    Float(f64),
}

/// How two quantities must compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `=`, as numbers: `1.0` is equal to `1`.
    Equal,
    /// `>=`
    GreaterOrEqual,
    /// `>`
    Greater,
}

/// Names of units and how long they are in seconds.
const DURATIONS: [(&str, f64); 11] = [
    ("ns", 1e-9),
    ("us", 1e-6),
    ("\u{b5}s", 1e-6),
    ("\u{3bc}s", 1e-6),
    ("ms", 1e-3),
    ("s", 1.0),
    ("min", 60.0),
    ("m", 60.0),
    ("h", 3_600.0),
    ("d", 86_400.0),
    ("w", 604_800.0),
];

/// Names of units, in lower case, and how many bytes they are.
const SIZES: [(&str, f64); 14] = [
    ("b", 1.0),
    ("k", 1e3),
    ("kb", 1e3),
    ("kib", 1024.0),
    ("mb", 1e6),
    ("mib", 1_048_576.0),
    ("g", 1e9),
    ("gb", 1e9),
    ("gib", 1_073_741_824.0),
    ("t", 1e12),
    ("tb", 1e12),
    ("tib", 1_099_511_627_776.0),
    ("pb", 1e15),
    ("pib", 1_125_899_906_842_624.0),
];

/// Ends of keys that say in which unit a plain number is, and how long it is in seconds.
const DURATION_KEYS: [(&str, f64); 14] = [
    ("_ns", 1e-9),
    ("_nanos", 1e-9),
    ("_nanoseconds", 1e-9),
    ("_us", 1e-6),
    ("_usec", 1e-6),
    ("_micros", 1e-6),
    ("_microseconds", 1e-6),
    ("_ms", 1e-3),
    ("_msec", 1e-3),
    ("_millis", 1e-3),
    ("_milliseconds", 1e-3),
    ("_min", 60.0),
    ("_minutes", 60.0),
    ("_hours", 3_600.0),
];

impl Quantity {
    /// Reads a number, a duration (`250ms`, `1h30m`) or a size (`10KiB`, `5MB`); `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(number) = Number::parse(text) {
            return Some(Self {
                number,
                unit: QuantityUnit::Plain,
            });
        }
        let (number, unit) = split_unit(text)?;
        let unit = unit.trim_start().to_lowercase();
        if let Some((_, bytes)) = SIZES.iter().find(|(name, _)| *name == unit) {
            return Some(Self::new(number * bytes, QuantityUnit::Bytes));
        }
        duration(text).map(|seconds| Self::new(seconds, QuantityUnit::Seconds))
    }

    /// The text that was found under `key`, as far as it can be compared with `other`.
    #[must_use]
    pub fn of(text: &str, key: &str, other: &Self) -> Option<Self> {
        Self::parse(text)?.as_unit_of(other, key)
    }

    /// The same of a JSON value.
    pub(in crate::query) fn of_value(value: &Value, key: &str, other: &Self) -> Option<Self> {
        match value {
            Value::String(text) => Self::of(text, key, other),
            Value::Number(number) => {
                let number = match number.as_i128() {
                    Some(integer) => Number::Integer(integer),
                    None => Number::Float(number.as_f64()?),
                };
                let plain = Self {
                    number,
                    unit: QuantityUnit::Plain,
                };
                plain.as_unit_of(other, key)
            }
            _ => None,
        }
    }

    /// The number; of a duration in seconds, of a size in bytes.
    #[must_use]
    pub fn value(&self) -> f64 {
        self.number.as_float()
    }

    fn new(value: f64, unit: QuantityUnit) -> Self {
        Self {
            number: Number::Float(value),
            unit,
        }
    }

    /// Itself in the unit of `other`. A plain number is of the unit that its key names, else in seconds or bytes.
    fn as_unit_of(self, other: &Self, key: &str) -> Option<Self> {
        match (self.unit, other.unit) {
            (own, wanted) if own == wanted => Some(self),
            (QuantityUnit::Plain, QuantityUnit::Seconds) => {
                let key = key.to_ascii_lowercase();
                let named = DURATION_KEYS.iter().find(|(end, _)| key.ends_with(end));
                let seconds = named.map_or(1.0, |(_, seconds)| *seconds);
                Some(Self::new(self.value() * seconds, QuantityUnit::Seconds))
            }
            (QuantityUnit::Plain, QuantityUnit::Bytes) => {
                Some(Self::new(self.value(), QuantityUnit::Bytes))
            }
            _ => None,
        }
    }
}

impl Number {
    /// A number as programs write it; neither words (`inf`, `nan`) nor blanks.
    fn parse(text: &str) -> Option<Self> {
        if let Ok(integer) = text.parse() {
            return Some(Self::Integer(integer));
        }
        let of_number = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
        let begins = text.trim_start_matches(['+', '-']);
        let is_number = begins.starts_with(|c: char| c.is_ascii_digit() || c == '.')
            && text.bytes().all(of_number);
        is_number
            .then(|| text.parse().ok().map(Self::Float))
            .flatten()
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "integers compare exactly among themselves; beside a fraction only the size matters"
    )]
    fn as_float(self) -> f64 {
        match self {
            Self::Integer(integer) => integer as f64,
            Self::Float(float) => float,
        }
    }
}

impl Comparison {
    /// Whether `found` compares so with `wanted`.
    pub(in crate::query) fn holds(self, found: &Quantity, wanted: &Quantity) -> bool {
        let order = match (found.number, wanted.number) {
            (Number::Integer(found), Number::Integer(wanted)) => Some(found.cmp(&wanted)),
            (found, wanted) => found.as_float().partial_cmp(&wanted.as_float()),
        };
        let Some(order) = order else {
            return false;
        };
        match self {
            Self::Less => order == Ordering::Less,
            Self::LessOrEqual => order != Ordering::Greater,
            Self::Equal => order == Ordering::Equal,
            Self::GreaterOrEqual => order != Ordering::Less,
            Self::Greater => order == Ordering::Greater,
        }
    }
}

/// A number, and the rest that follows it at once.
fn split_unit(text: &str) -> Option<(f64, &str)> {
    let of_number = |c: char| c.is_ascii_digit() || c == '.';
    let begins = text.strip_prefix(['+', '-']).unwrap_or(text);
    let digits = begins.find(|c| !of_number(c)).unwrap_or(begins.len());
    let (number, unit) = text.split_at(text.len() - begins.len() + digits);
    Some((number.parse().ok()?, unit))
}

/// Several numbers, each with a unit: `1h30m`, `1m 2.5s`.
fn duration(text: &str) -> Option<f64> {
    let mut seconds = 0.0;
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text),
    };
    while !rest.is_empty() {
        let (number, after) = split_unit(rest)?;
        let after = after.trim_start();
        let end = after
            .find(|c: char| c.is_ascii_digit() || c == '.' || c.is_whitespace())
            .unwrap_or(after.len());
        let (unit, others) = after.split_at(end);
        let (_, length) = DURATIONS.iter().find(|(name, _)| *name == unit)?;
        seconds += number * length;
        rest = others.trim_start();
    }
    Some(sign * seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parsed(text: &str) -> Option<(f64, QuantityUnit)> {
        Quantity::parse(text).map(|quantity| (quantity.value(), quantity.unit))
    }

    #[test]
    fn reads_numbers_durations_and_sizes() {
        assert_eq!(parsed("500"), Some((500.0, QuantityUnit::Plain)));
        assert_eq!(parsed("-1.5e3"), Some((-1500.0, QuantityUnit::Plain)));
        assert_eq!(parsed("1.5s"), Some((1.5, QuantityUnit::Seconds)));
        assert_eq!(parsed("1h30m"), Some((5400.0, QuantityUnit::Seconds)));
        assert_eq!(parsed("1m 2.5s"), Some((62.5, QuantityUnit::Seconds)));
        assert_eq!(parsed("-250ms"), Some((-0.25, QuantityUnit::Seconds)));
        assert_eq!(parsed("10KiB"), Some((10_240.0, QuantityUnit::Bytes)));
        assert_eq!(parsed("5 MB"), Some((5e6, QuantityUnit::Bytes)));
        for text in [
            "", "s", "1x", "inf", "nan", "1s2", "1h30", "--1", "1.2.3", "e5",
        ] {
            assert_eq!(parsed(text), None, "{text}");
        }
    }

    #[test]
    fn large_integers_compare_exactly() {
        let wanted = Quantity::parse("9007199254740993").unwrap();
        let found = |value| Quantity::of_value(&value, "n", &wanted).unwrap();
        assert!(Comparison::Less.holds(&found(json!(9_007_199_254_740_992_u64)), &wanted));
        assert!(Comparison::Equal.holds(&found(json!("9007199254740993")), &wanted));
        assert!(Comparison::Greater.holds(&found(json!(u64::MAX)), &wanted));
    }

    #[test]
    fn the_key_names_the_unit_of_a_plain_number() {
        let second = Quantity::parse("1s").unwrap();
        let value = |key: &str, value| Quantity::of_value(&value, key, &second).map(|q| q.value());
        assert_eq!(value("duration", json!(1.5)), Some(1.5));
        assert_eq!(value("duration_ms", json!(1500)), Some(1.5));
        assert_eq!(value("took_us", json!("250000")), Some(0.25));
        assert_eq!(value("took", json!("2KiB")), None);
        let plain = Quantity::parse("1").unwrap();
        assert_eq!(Quantity::of("1s", "took", &plain), None);
    }
}
