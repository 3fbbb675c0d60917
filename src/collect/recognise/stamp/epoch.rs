//! Times as numbers that count from 1970; their size reveals the unit.

use crate::time::Micros;

/// Smaller numbers, which would be seconds before 1973, count something else, such as seconds since the start.
const LEAST: i64 = 100_000_000;

/// A number with a fraction.
#[expect(clippy::cast_precision_loss, reason = "the bound is a power of ten")]
pub(crate) fn of_number(number: f64) -> Option<Micros> {
    (number >= LEAST as f64)
        .then(|| Micros::from_epoch_float(number))
        .flatten()
}

/// A number as text, exact if it is whole.
pub(crate) fn of_text(text: &[u8]) -> Option<Micros> {
    let text = std::str::from_utf8(text).ok()?;
    let is_number = !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
    if !is_number {
        return None;
    }
    match text.parse::<i64>() {
        Ok(whole) => (whole >= LEAST)
            .then(|| Micros::from_epoch(whole))
            .flatten(),
        Err(_) => of_number(text.parse().ok()?),
    }
}
