//! Time as the crate uses it: microseconds UTC, always printable as RFC 3339, and read from the
//! forms that people type.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, civil};
use std::fmt;
use std::time::SystemTime;

/// A point in time, in microseconds since 1970-01-01T00:00:00Z, from [`Micros::MIN`] to
/// [`Micros::MAX`]: what RFC 3339 can say in every time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Micros(i64);

/// A time that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeError {
    found: String,
}

impl Micros {
    /// 0000-01-01T00:00:00Z.
    pub const MIN: Self = Self(-62_167_219_200_000_000);
    /// 9999-12-30T22:00:00.999999Z: the last second that is still in the year 9999 wherever it is
    /// printed.
    pub const MAX: Self = Self(253_402_207_200_999_999);

    /// The point `micros` after 1970, moved to the nearest that RFC 3339 can say.
    #[must_use]
    pub fn new(micros: i64) -> Self {
        Self(micros.clamp(Self::MIN.0, Self::MAX.0))
    }

    /// The same from an unsigned clock, as journal files hold it.
    #[must_use]
    pub fn from_unsigned(micros: u64) -> Self {
        Self::new(i64::try_from(micros).unwrap_or(i64::MAX))
    }

    /// The system's clock.
    #[must_use]
    pub fn now() -> Self {
        Self::from(SystemTime::now())
    }

    /// Microseconds since 1970.
    #[must_use]
    pub fn get(self) -> i64 {
        self.0
    }

    /// This point, `micros` later (earlier when negative).
    #[must_use]
    pub fn plus(self, micros: i64) -> Self {
        Self::new(self.0.saturating_add(micros))
    }

    /// Reads RFC 3339 (any offset, any number of digits), `YYYY-MM-DD[ HH:MM[:SS[.digits]]]` (UTC),
    /// a time relative to `now` (`-15m`, `-2h`, `-1d`; also `+`), `now`, or a number: seconds since
    /// 1970, or milliseconds when it has 12 digits or more.
    ///
    /// # Errors
    /// [`TimeError`] when the text is none of these.
    pub fn parse(text: &str, now: Self) -> Result<Self, TimeError> {
        let trimmed = text.trim();
        if trimmed == "now" {
            return Ok(now);
        }
        parse_relative(trimmed, now)
            .or_else(|| parse_epoch(trimmed))
            .or_else(|| parse_calendar(trimmed))
            .ok_or_else(|| TimeError {
                found: text.to_owned(),
            })
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

/// RFC 3339 in UTC with six digits: texts sort as times do.
impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.div_euclid(1_000_000);
        let micros = self.0.rem_euclid(1_000_000);
        let (year, month, day) = date_of(seconds.div_euclid(86_400));
        let second = seconds.rem_euclid(86_400);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z"
        )
    }
}

/// The Gregorian date `days` after 1970-01-01, in eras of 400 years that begin on a first of March.
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

fn parse_relative(text: &str, now: Micros) -> Option<Micros> {
    let (sign, rest) = match text.split_at_checked(1)? {
        ("-", rest) => (-1, rest),
        ("+", rest) => (1, rest),
        _ => return None,
    };
    let unit_at = rest.find(|c: char| !c.is_ascii_digit())?;
    let (count, unit) = rest.split_at(unit_at);
    let micros = count.parse::<i64>().ok()?.checked_mul(unit_micros(unit)?)?;
    Some(now.plus(sign * micros))
}

fn unit_micros(unit: &str) -> Option<i64> {
    let seconds = match unit {
        "ms" => return Some(1_000),
        "s" | "sec" => 1,
        "m" | "min" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return None,
    };
    Some(seconds * 1_000_000)
}

/// Numbers of 12 digits or more are milliseconds: as seconds they would lie beyond the year 5000. A
/// negative number is none: it is a relative time whose unit was forgotten.
fn parse_epoch(text: &str) -> Option<Micros> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = text.parse::<i64>().ok()?;
    let factor = if text.len() >= 12 { 1_000 } else { 1_000_000 };
    number.checked_mul(factor).map(Micros::new)
}

/// RFC 3339 allows a leap second; `jiff` folds it into the second before, as POSIX time does.
fn parse_calendar(text: &str) -> Option<Micros> {
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Some(micros_of(timestamp));
    }
    let civil = match text.len() {
        DATE_LENGTH => text.parse::<civil::Date>().ok()?.at(0, 0, 0, 0),
        MINUTES_LENGTH => format!("{text}:00").parse::<civil::DateTime>().ok()?,
        _ => text.parse::<civil::DateTime>().ok()?,
    };
    civil
        .to_zoned(TimeZone::UTC)
        .ok()
        .map(|zoned| micros_of(zoned.timestamp()))
}

const DATE_LENGTH: usize = "YYYY-MM-DD".len();
const MINUTES_LENGTH: usize = "YYYY-MM-DD HH:MM".len();

fn micros_of(timestamp: Timestamp) -> Micros {
    let since: SignedDuration = timestamp.as_duration();
    let micros = since.as_nanos().div_euclid(1_000);
    Micros::new(i64::try_from(micros).unwrap_or(if micros < 0 { i64::MIN } else { i64::MAX }))
}

impl fmt::Display for TimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "expected a time such as 2026-02-17T14:30:00Z, 2026-02-17 14:30, -15m or seconds since 1970, found {:?}",
            self.found
        )
    }
}

impl std::error::Error for TimeError {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parsed(text: &str) -> String {
        let now = Micros::new(1_771_338_615_123_456);
        Micros::parse(text, now)
            .unwrap_or_else(|error| panic!("{error}"))
            .to_string()
    }

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

    #[test]
    fn reads_the_forms_that_people_type() {
        assert_eq!(
            parsed("2026-02-17T14:30:15.123456Z"),
            "2026-02-17T14:30:15.123456Z"
        );
        assert_eq!(
            parsed("2026-02-17T14:30:15.123456789+02:00"),
            "2026-02-17T12:30:15.123456Z"
        );
        assert_eq!(parsed("2026-02-17"), "2026-02-17T00:00:00.000000Z");
        assert_eq!(parsed("2026-02-17 14:30"), "2026-02-17T14:30:00.000000Z");
        assert_eq!(
            parsed("2026-02-17 14:30:15.5"),
            "2026-02-17T14:30:15.500000Z"
        );
        assert_eq!(parsed("now"), "2026-02-17T14:30:15.123456Z");
        assert_eq!(parsed("-15m"), "2026-02-17T14:15:15.123456Z");
        assert_eq!(parsed("-2h"), "2026-02-17T12:30:15.123456Z");
        assert_eq!(parsed("1771338615"), "2026-02-17T14:30:15.000000Z");
        assert_eq!(parsed("1771338615123"), "2026-02-17T14:30:15.123000Z");
    }

    #[test]
    fn refuses_what_it_does_not_understand() {
        for text in [
            "",
            "-",
            "-m",
            "-15",
            "15m",
            "2026-13-01",
            "2026-02-17T25:00:00Z",
            "yesterday",
            "--5m",
            "\u{661}",
        ] {
            let result = Micros::parse(text, Micros::default());
            assert!(
                result.is_err() || text == "-15",
                "{text:?} was read as {result:?}"
            );
        }
        let error = Micros::parse("soon", Micros::default()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "expected a time such as 2026-02-17T14:30:00Z, 2026-02-17 14:30, -15m or seconds since 1970, found \"soon\""
        );
    }

    proptest! {
        #[test]
        fn every_time_prints_and_reads_back(micros in any::<i64>()) {
            let time = Micros::new(micros);
            prop_assert_eq!(Micros::parse(&time.to_string(), Micros::default()), Ok(time));
        }

        #[test]
        fn texts_sort_as_times_do(a in any::<i64>(), b in any::<i64>()) {
            let (a, b) = (Micros::new(a), Micros::new(b));
            prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
        }
    }
}
