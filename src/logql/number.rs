//! Arithmetic and comparison of numbers.

use super::ast::{BinaryOp, NumberComparison};

impl NumberComparison {
    /// Whether the comparison of `left` and `right` holds.
    pub(super) fn holds(self, left: f64, right: f64) -> bool {
        #[expect(
            clippy::float_cmp,
            reason = "the language compares floating point numbers exactly"
        )]
        match self {
            Self::Equal => left == right,
            Self::NotEqual => left != right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
        }
    }
}

/// The result of an operator on two numbers; a comparison returns 1 or 0. Operators on sets return `left`.
pub(super) fn of_numbers(op: BinaryOp, left: f64, right: f64) -> f64 {
    match op {
        BinaryOp::Add => left + right,
        BinaryOp::Subtract => left - right,
        BinaryOp::Multiply => left * right,
        BinaryOp::Divide | BinaryOp::Modulo if right == 0.0 => f64::NAN,
        BinaryOp::Divide => left / right,
        BinaryOp::Modulo => left % right,
        BinaryOp::Power => left.powf(right),
        BinaryOp::Compare(comparison) => f64::from(u8::from(comparison.holds(left, right))),
        BinaryOp::Or | BinaryOp::And | BinaryOp::Unless => left,
    }
}

/// The number as a count, if it is whole and not negative.
pub(super) fn count(number: f64) -> Option<usize> {
    let is_count = number.fract() == 0.0 && (0.0..=1e9).contains(&number);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is whole and in range"
    )]
    is_count.then_some(number as usize)
}

/// Formats a sample's value as Prometheus does.
pub(crate) fn format(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned()
    } else if value != 0.0 && !(1e-5..1e21).contains(&value.abs()) {
        let text = format!("{value:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, digits) = match exponent.strip_prefix('-') {
            Some(digits) => ('-', digits),
            None => ('+', exponent),
        };
        format!("{mantissa}e{sign}{digits:0>2}")
    } else {
        format!("{value}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_prometheus_does() {
        for (value, text) in [
            (2.0, "2"),
            (0.5, "0.5"),
            (-1.25, "-1.25"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (1e21, "1e+21"),
            (2.5e-7, "2.5e-07"),
            (1e20, "100000000000000000000"),
        ] {
            assert_eq!(format(value), text);
        }
    }

    #[test]
    fn only_whole_numbers_are_counts() {
        assert_eq!(count(3.0), Some(3));
        assert_eq!(count(1.5), None);
        assert_eq!(count(-1.0), None);
        assert_eq!(count(f64::NAN), None);
    }
}
