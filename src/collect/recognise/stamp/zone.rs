//! The zone of times that state none.

use crate::time::Micros;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

/// The machine's own zone, or the one that a setting names for a source.
#[derive(Debug, Clone)]
pub(crate) struct SourceZone(TimeZone);

impl SourceZone {
    pub(crate) fn new(zone: TimeZone) -> Self {
        Self(zone)
    }

    /// The moment of a civil time `offset_s` east of UTC, or in this zone. Of a repeated hour the one nearer to
    /// `written` is taken; a skipped hour is moved past the gap.
    pub(crate) fn at(
        &self,
        civil: DateTime,
        micros: i64,
        offset_s: Option<i32>,
        written: Micros,
    ) -> Option<Micros> {
        let seconds = match offset_s {
            Some(offset_s) => utc_seconds(civil)? - i64::from(offset_s),
            None => self.seconds(civil, written)?,
        };
        Some(Micros::new(
            seconds.checked_mul(1_000_000)?.checked_add(micros)?,
        ))
    }

    fn seconds(&self, civil: DateTime, written: Micros) -> Option<i64> {
        if self.0 == TimeZone::UTC {
            return utc_seconds(civil);
        }
        let ambiguous = self.0.to_ambiguous_timestamp(civil);
        let earlier = ambiguous.earlier().ok()?.as_second();
        if !ambiguous.is_ambiguous() {
            return Some(earlier);
        }
        let later = ambiguous.later().ok()?.as_second();
        let written_s = written.get() / 1_000_000;
        let is_fold = later > earlier && civil == self.civil_of(later)?;
        let is_later = is_fold && later <= written_s;
        Some(if is_later || !is_fold {
            later.max(earlier)
        } else {
            earlier
        })
    }

    fn civil_of(&self, seconds: i64) -> Option<DateTime> {
        let timestamp = Timestamp::from_second(seconds).ok()?;
        Some(self.0.to_datetime(timestamp))
    }

    /// The year in this zone at `time`.
    pub(crate) fn year_of(&self, time: Micros) -> i16 {
        self.date_of(time).map_or(1970, Date::year)
    }

    /// The date in this zone at `time`.
    pub(crate) fn date_of(&self, time: Micros) -> Option<Date> {
        let timestamp = Timestamp::from_microsecond(time.get()).ok()?;
        Some(self.0.to_datetime(timestamp).date())
    }
}

fn utc_seconds(civil: DateTime) -> Option<i64> {
    let zoned = civil.to_zoned(TimeZone::UTC).ok()?;
    Some(zoned.timestamp().as_second())
}
