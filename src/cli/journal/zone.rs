//! Local times: how they are printed and read.

use crate::time::{Micros, TimeError};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;

/// A time zone.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Zone(TimeZone);

impl Zone {
    /// That of this machine.
    pub(in crate::cli) fn local() -> Self {
        Self(TimeZone::system())
    }

    pub(in crate::cli) fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// Prints a time by a pattern of strftime.
    pub(in crate::cli) fn print(&self, time: Micros, pattern: &str) -> String {
        let zoned = Timestamp::from_microsecond(time.get())
            .unwrap_or_default()
            .to_zoned(self.0.clone());
        strtime::format(pattern, &zoned).unwrap_or_else(|_| time.to_string())
    }

    /// Reads what [`Micros::parse`] reads and `@SECONDS` since 1970 with a fraction;
    /// a calendar time without an offset is of this zone. Also `today`, `yesterday`
    /// and `tomorrow`, as journalctl does.
    pub(in crate::cli) fn parse(&self, text: &str, now: Micros) -> Result<Micros, TimeError> {
        let days = match text {
            "today" => Some(0),
            "yesterday" => Some(-1),
            "tomorrow" => Some(1),
            _ => None,
        };
        if let Some(days) = days {
            let date = Timestamp::from_microsecond(now.get())
                .unwrap_or_default()
                .to_zoned(self.0.clone())
                .date();
            let midnight = date
                .checked_add(jiff::Span::new().days(days))
                .map(|date| date.at(0, 0, 0, 0));
            return Ok(midnight
                .ok()
                .and_then(|midnight| self.at(midnight))
                .unwrap_or(now));
        }
        if let Some(time) = text.strip_prefix('@').and_then(of_epoch) {
            return Ok(time);
        }
        let time = Micros::parse(text, now)?;
        let is_civil = text.trim().starts_with(|c: char| c.is_ascii_digit())
            && text.contains('-')
            && text.parse::<Timestamp>().is_err();
        if !is_civil {
            return Ok(time);
        }
        let civil = Timestamp::from_microsecond(time.get())
            .unwrap_or_default()
            .to_zoned(TimeZone::UTC)
            .datetime();
        Ok(self.at(civil).unwrap_or(time))
    }

    fn at(&self, civil: DateTime) -> Option<Micros> {
        let zoned = civil.to_zoned(self.0.clone()).ok()?;
        Some(Micros::new(zoned.timestamp().as_microsecond()))
    }
}

/// Seconds since 1970 with up to six digits behind the point.
fn of_epoch(text: &str) -> Option<Micros> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(seconds) || !digits(fraction) || fraction.len() > 6 {
        return None;
    }
    let seconds: i64 = seconds.parse().ok()?;
    let fraction: i64 = format!("{fraction:0<6}").parse().ok()?;
    let micros = seconds.checked_mul(1_000_000)?.checked_add(fraction)?;
    Some(Micros::new(micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_calendar_time_is_of_its_zone() {
        let now = Micros::new(1_771_338_615_123_456);
        let zone = Zone(TimeZone::fixed(jiff::tz::offset(2)));
        let read = |text: &str| zone.parse(text, now).unwrap().to_string();
        assert_eq!(read("2026-02-17 14:30"), "2026-02-17T12:30:00.000000Z");
        assert_eq!(read("2026-02-17T14:30:00Z"), "2026-02-17T14:30:00.000000Z");
        assert_eq!(read("-15m"), "2026-02-17T14:15:15.123456Z");
        assert_eq!(read("1771338615"), "2026-02-17T14:30:15.000000Z");
        assert_eq!(read("@1771338615"), "2026-02-17T14:30:15.000000Z");
        assert_eq!(read("@1771338615.02"), "2026-02-17T14:30:15.020000Z");
        assert!(zone.parse("@1.1234567", now).is_err());
        assert!(zone.parse("@-1", now).is_err());
        assert_eq!(read("today"), "2026-02-16T22:00:00.000000Z");
        assert_eq!(read("yesterday"), "2026-02-15T22:00:00.000000Z");
        assert!(zone.parse("someday", now).is_err());
    }

    #[test]
    fn prints_as_asked() {
        let time = Micros::new(1_771_338_615_123_456);
        let zone = Zone(TimeZone::fixed(jiff::tz::offset(2)));
        assert_eq!(zone.print(time, "%b %d %H:%M:%S"), "Feb 17 16:30:15");
        assert_eq!(
            Zone::utc().print(time, "%a %Y-%m-%d %H:%M:%S%.6f %Z"),
            "Tue 2026-02-17 14:30:15.123456 UTC"
        );
    }
}
