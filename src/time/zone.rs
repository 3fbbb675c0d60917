//! Time zones, for printing and parsing local times.

use super::micros::Micros;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::fmt::strtime;
use jiff::tz::{Offset, TimeZone};

/// A time zone.
#[derive(Debug, Clone)]
pub struct Zone(TimeZone);

impl Zone {
    /// The zone of this machine, or of the variable `TZ`.
    #[must_use]
    pub fn local() -> Self {
        Self(TimeZone::system())
    }

    /// Coordinated universal time.
    #[must_use]
    pub fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// A zone from the system's time zone database: `Europe/Berlin`, `CET`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "UTC" | "GMT" | "Z" => Some(Self::utc()),
            _ => TimeZone::get(name).ok().map(Self),
        }
    }

    /// A zone that is always this many seconds east of UTC. `None` beyond a day.
    #[must_use]
    pub fn fixed(seconds_east: i32) -> Option<Self> {
        let offset = Offset::from_seconds(seconds_east).ok()?;
        Some(Self(TimeZone::fixed(offset)))
    }

    /// Formats a time with a strftime pattern.
    #[must_use]
    pub fn print(&self, time: Micros, pattern: &str) -> String {
        let zoned = Timestamp::from_microsecond(time.get())
            .unwrap_or_default()
            .to_zoned(self.0.clone());
        strtime::format(pattern, &zoned).unwrap_or_else(|_| time.to_string())
    }

    /// The date at `time`.
    pub(super) fn date(&self, time: Micros) -> Date {
        let timestamp = Timestamp::from_microsecond(time.get()).unwrap_or_default();
        self.0.to_datetime(timestamp).date()
    }

    /// When the clocks of this zone show `civil`: the first time if they show it twice, the time after the step if a
    /// step skips it.
    pub(super) fn at(&self, civil: DateTime) -> Option<Micros> {
        let timestamp = self.0.to_ambiguous_timestamp(civil).compatible().ok()?;
        Some(Micros::new(timestamp.as_microsecond()))
    }

    /// When the clocks of this zone show `civil` with this `abbreviation`: `CET` or `CEST`.
    pub(super) fn at_abbreviated(&self, civil: DateTime, abbreviation: &str) -> Option<Micros> {
        let ambiguous = || self.0.to_ambiguous_timestamp(civil);
        [ambiguous().earlier(), ambiguous().later()]
            .into_iter()
            .flatten()
            .find(|at| self.0.to_offset_info(*at).abbreviation() == abbreviation)
            .map(|at| Micros::new(at.as_microsecond()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_with_the_given_pattern() {
        let time = Micros::new(1_771_338_615_123_456);
        let zone = Zone::fixed(7200).unwrap();
        assert_eq!(zone.print(time, "%b %d %H:%M:%S"), "Feb 17 16:30:15");
        assert_eq!(
            Zone::utc().print(time, "%a %Y-%m-%d %H:%M:%S%.6f %Z"),
            "Tue 2026-02-17 14:30:15.123456 UTC"
        );
    }

    #[test]
    fn an_unknown_zone_is_none() {
        assert!(Zone::named("Middle/Earth").is_none());
        assert!(Zone::fixed(200_000).is_none());
    }
}
