//! Times as numbers that count from 1970, in the unit that their size reveals.

use crate::time::Micros;

/// A number of seconds, milliseconds, microseconds or nanoseconds: each unit for the years 1973 to 5138, in which their numbers
/// do not overlap.
#[expect(clippy::cast_possible_truncation, reason = "the ranges hold numbers that an i64 can hold")]
pub(crate) fn of_number(number: f64) -> Option<Micros> {
    let micros = match number {
        1e8..1e11 => number * 1e6,
        1e11..1e14 => number * 1e3,
        1e14..1e17 => number,
        1e17..1e20 => number / 1e3,
        _ => return None,
    };
    Some(Micros::new(micros.round() as i64))
}

/// A number as text, exact where it is whole.
pub(crate) fn of_text(text: &[u8]) -> Option<Micros> {
    let text = std::str::from_utf8(text).ok()?;
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if !is_number {
        return None;
    }
    match text.parse::<i64>() {
        Ok(whole @ 100_000_000..100_000_000_000) => Some(Micros::new(whole * 1_000_000)),
        Ok(whole @ 100_000_000_000..100_000_000_000_000) => Some(Micros::new(whole * 1_000)),
        Ok(whole @ 100_000_000_000_000..100_000_000_000_000_000) => Some(Micros::new(whole)),
        Ok(whole @ 100_000_000_000_000_000..) => Some(Micros::new(whole / 1_000)),
        Ok(_) => None,
        Err(_) => of_number(text.parse().ok()?),
    }
}
