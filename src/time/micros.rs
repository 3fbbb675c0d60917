//! A point in time, printed as RFC 3339.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::SystemTime;

/// A point in time, in microseconds since 1970-01-01T00:00:00Z, from [`Micros::MIN`] to [`Micros::MAX`]: the range that RFC 3339
/// can express in every time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Micros(i64);

impl Micros {
    /// 0000-01-01T00:00:00Z.
    pub const MIN: Self = Self(-62_167_219_200_000_000);
    /// 9999-12-30T22:00:00.999999Z: the last second that is in the year 9999 in every time zone.
    pub const MAX: Self = Self(253_402_207_200_999_999);

    /// 1990-01-01T00:00:00Z: records of a system with journald or cloud-init are never older.
    pub const PLAUSIBLE_MIN: Self = Self(631_152_000_000_000);

    /// The plausible times of a record: from 1990 to one day after `now`, because clocks differ.
    #[must_use]
    pub fn plausible(now: Self) -> RangeInclusive<Self> {
        Self::PLAUSIBLE_MIN..=now.plus(86_400_000_000)
    }

    /// The time `micros` after 1970, clamped to the range that RFC 3339 can express.
    #[must_use]
    pub fn new(micros: i64) -> Self {
        Self(micros.clamp(Self::MIN.0, Self::MAX.0))
    }

    /// As `new`, from an unsigned number, as journal files store it.
    #[must_use]
    pub fn from_unsigned(micros: u64) -> Self {
        Self::new(i64::try_from(micros).unwrap_or(i64::MAX))
    }

    /// The current time of the system clock.
    #[must_use]
    pub fn now() -> Self {
        Self::from(SystemTime::now())
    }

    /// Microseconds since 1970.
    #[must_use]
    pub fn get(self) -> i64 {
        self.0
    }

    /// This time plus `micros`, which may be negative.
    #[must_use]
    pub fn plus(self, micros: i64) -> Self {
        Self::new(self.0.saturating_add(micros))
    }
}

impl From<SystemTime> for Micros {
    fn from(time: SystemTime) -> Self {
        let micros = match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_micros()).unwrap_or(i64::MAX),
            Err(before) => {
                i64::try_from(before.duration().as_micros()).map_or(i64::MIN, |micros| -micros)
            }
        };
        Self::new(micros)
    }
}

/// RFC 3339 in UTC with six digits: texts sort like times.
impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.to_ascii();
        f.write_str(str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl Micros {
    /// The text of `Display`. Formatting seven numbers one by one takes several times as long.
    #[must_use]
    pub fn to_ascii(self) -> [u8; 27] {
        let seconds = self.0.div_euclid(1_000_000);
        let micros = self.0.rem_euclid(1_000_000);
        let (year, month, day) = date_of(seconds.div_euclid(86_400));
        let second = seconds.rem_euclid(86_400);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        let mut text = *b"0000-00-00T00:00:00.000000Z";
        let mut put = |digits: std::ops::Range<usize>, mut number: i64| {
            for digit in text.get_mut(digits).into_iter().flatten().rev() {
                *digit += u8::try_from(number % 10).unwrap_or_default();
                number /= 10;
            }
        };
        put(0..4, year);
        put(5..7, month);
        put(8..10, day);
        put(11..13, hour);
        put(14..16, minute);
        put(17..19, second);
        put(20..26, micros);
        text
    }
}

/// The Gregorian date `days` after 1970-01-01, computed in eras of 400 years that begin on March 1.
fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn prints_six_digits_always() {
        assert_eq!(Micros::new(0).to_string(), "1970-01-01T00:00:00.000000Z");
        assert_eq!(Micros::new(-1).to_string(), "1969-12-31T23:59:59.999999Z");
        assert_eq!(Micros::MIN.to_string(), "0000-01-01T00:00:00.000000Z");
        assert_eq!(Micros::MAX.to_string(), "9999-12-30T22:00:00.999999Z");
        assert_eq!(
            Micros::new(1_709_164_800_000_000).to_string(),
            "2024-02-29T00:00:00.000000Z"
        );
    }

    proptest! {
        #[test]
        fn text_is_that_of_formatted_numbers(micros in any::<i64>(), near in -100_000_000_000_000..4_000_000_000_000_000_i64) {
            for time in [Micros::new(micros), Micros::new(near)] {
                let seconds = time.get().div_euclid(1_000_000);
                let (year, month, day) = date_of(seconds.div_euclid(86_400));
                let (hour, minute, second) = (
                    seconds.rem_euclid(86_400) / 3600,
                    seconds.rem_euclid(3600) / 60,
                    seconds.rem_euclid(60),
                );
                let micros = time.get().rem_euclid(1_000_000);
                let text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z");
                prop_assert_eq!(time.to_string(), text);
            }
        }

        #[test]
        fn texts_sort_as_times_do(a in any::<i64>(), b in any::<i64>()) {
            let (a, b) = (Micros::new(a), Micros::new(b));
            prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
        }
    }
}
