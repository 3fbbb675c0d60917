//! Numbers since 1970 in any unit. The unit follows from the size: for the years 1973 to 5138 the numbers of the four units do
//! not overlap.

use super::micros::Micros;

/// Numbers below it are seconds.
const MILLISECONDS_MIN: i64 = 100_000_000_000;
/// Numbers from here on are microseconds.
const MICROSECONDS_MIN: i64 = 100_000_000_000_000;
/// Numbers from here on are nanoseconds.
const NANOSECONDS_MIN: i64 = 100_000_000_000_000_000;

/// The number of digits of a fraction that are used.
const FRACTION_DIGITS: usize = 6;

impl Micros {
    /// The time `number` seconds, milliseconds, microseconds or nanoseconds after 1970; the size of the number determines the
    /// unit. `None` when the time is outside [`Micros::MIN`] to [`Micros::MAX`].
    #[must_use]
    pub fn from_epoch(number: i64) -> Option<Self> {
        of_parts(number, 0)
    }

    /// As above, for a number with a fraction.
    #[must_use]
    pub fn from_epoch_float(number: f64) -> Option<Self> {
        let factor = match number.abs() {
            0.0..1e11 => 1e6,
            1e11..1e14 => 1e3,
            1e14..1e17 => 1.0,
            1e17..1e20 => 1e-3,
            _ => return None,
        };
        #[expect(
            clippy::cast_possible_truncation,
            reason = "at most 1e17, which an i64 can hold"
        )]
        let micros = (number * factor).round() as i64;
        in_range(micros)
    }
}

/// Parses `SECONDS[.FRACTION]` and the same in the smaller units. A sign is not accepted, because a negative number
/// is a relative time.
pub(super) fn parse(text: &str) -> Option<Micros> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let digits = fraction.bytes().chain(std::iter::repeat(b'0'));
    let millionths = digits
        .take(FRACTION_DIGITS)
        .fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    of_parts(whole.parse().ok()?, millionths)
}

fn of_parts(whole: i64, millionths: i64) -> Option<Micros> {
    let micros_per_unit = match whole.saturating_abs() {
        ..MILLISECONDS_MIN => 1_000_000,
        MILLISECONDS_MIN..MICROSECONDS_MIN => 1_000,
        MICROSECONDS_MIN..NANOSECONDS_MIN => 1,
        NANOSECONDS_MIN.. => return in_range(whole.div_euclid(1_000)),
    };
    let micros = whole.checked_mul(micros_per_unit)?;
    in_range(micros.checked_add(millionths * micros_per_unit / 1_000_000)?)
}

fn in_range(micros: i64) -> Option<Micros> {
    let time = Micros::new(micros);
    (time.get() == micros).then_some(time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_size_of_a_number_determines_its_unit() {
        let expected = Micros::new(1_771_338_615_123_456);
        let seconds = Some(Micros::new(1_771_338_615_000_000));
        assert_eq!(parse("1771338615"), seconds);
        assert_eq!(parse("1771338615.123456"), Some(expected));
        assert_eq!(parse("1771338615.1234569"), Some(expected));
        assert_eq!(parse("1771338615123.456"), Some(expected));
        assert_eq!(parse("1771338615123456"), Some(expected));
        assert_eq!(parse("1771338615123456789"), Some(expected));
        assert_eq!(Micros::from_epoch(-1), Some(Micros::new(-1_000_000)));
        let float = Micros::from_epoch_float(1_771_338_615.5);
        assert_eq!(float, Some(Micros::new(1_771_338_615_500_000)));
    }

    #[test]
    fn numbers_outside_the_range_are_refused() {
        for text in [
            "",
            ".",
            "1.",
            ".5",
            "-1",
            "+1",
            "1e9",
            "99999999999999999999",
            "1.5.5",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
        assert_eq!(Micros::from_epoch_float(f64::NAN), None);
        assert_eq!(Micros::from_epoch_float(1e300), None);
    }

    proptest! {
        #[test]
        fn every_unit_gives_the_same_second(second in 100_000_000i64..9_000_000_000) {
            let expected = Some(Micros::new(second * 1_000_000));
            for scale in [1, 1_000, 1_000_000, 1_000_000_000] {
                prop_assert_eq!(parse(&(second * scale).to_string()), expected);
            }
        }

        #[test]
        fn no_number_panics(whole: i64, float: f64) {
            let _ = (Micros::from_epoch(whole), Micros::from_epoch_float(float));
        }
    }
}
