//! The type of a field's values.

use super::units;

/// The type of a field's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldType {
    Int,
    Float,
    Boolean,
    Duration,
    Bytes,
    Text,
}

impl FieldType {
    /// The type of one value.
    pub(crate) fn of(value: &str) -> Self {
        if value.parse::<i64>().is_ok() {
            Self::Int
        } else if value.parse::<f64>().is_ok_and(f64::is_finite) {
            Self::Float
        } else if value == "true" || value == "false" {
            Self::Boolean
        } else if units::duration_value(value).is_some() {
            Self::Duration
        } else if value.starts_with(|c: char| c.is_ascii_digit())
            && units::bytes_value(value).is_some()
        {
            Self::Bytes
        } else {
            Self::Text
        }
    }

    /// The common type of two.
    pub(crate) fn with(self, other: Self) -> Self {
        match (self, other) {
            (a, b) if a == b => a,
            (Self::Int, Self::Float) | (Self::Float, Self::Int) => Self::Float,
            _ => Self::Text,
        }
    }

    /// The type of this name; texts have no other name.
    pub(crate) fn of_name(name: &str) -> Self {
        let types = [
            Self::Int,
            Self::Float,
            Self::Boolean,
            Self::Duration,
            Self::Bytes,
        ];
        let found = types.into_iter().find(|known| known.name() == name);
        found.unwrap_or(Self::Text)
    }

    /// The type's name in Loki.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Int => "int",
            Self::Float => "float",
            Self::Boolean => "boolean",
            Self::Duration => "duration",
            Self::Bytes => "bytes",
            Self::Text => "string",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_recognised_from_values() {
        for (value, name) in [
            ("5", "int"),
            ("1.5", "float"),
            ("true", "boolean"),
            ("1m3s", "duration"),
            ("10 KB", "bytes"),
            ("x", "string"),
            ("", "string"),
            ("NaN", "string"),
        ] {
            assert_eq!(FieldType::of(value).name(), name, "{value}");
        }
        assert_eq!(FieldType::Int.with(FieldType::Float), FieldType::Float);
        assert_eq!(FieldType::Int.with(FieldType::Duration), FieldType::Text);
    }
}
