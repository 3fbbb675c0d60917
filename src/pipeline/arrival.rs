//! Times that cannot be right. A program that never set a time writes the zero of its language (year 1, 1970, 1601), a broken one
//! writes any. Such a record keeps the stated time in its metadata and is placed where it arrived, whatever its source.

use crate::record::Record;
use crate::time::Micros;

/// The metadata field that holds the time which a record stated.
pub(super) const STATED_TIME: &str = "stated_time";

/// Gives a record whose time cannot be right the time at which it arrived.
pub(super) fn place(record: &mut Record, now: Micros) {
    if !is_wild(record.timestamp, now) {
        return;
    }
    let stated = record.timestamp.to_string();
    if let Some(own) = record.metadata.insert(STATED_TIME, stated) {
        // a program that has such a field does not speak in our place
        record.metadata.insert(format!("field_{STATED_TIME}"), own);
    }
    record.timestamp = now;
}

/// Whether a time cannot be right: before 1990, or more than a day ahead. A clock that is not set itself (a machine without one starts
/// in 1970) says nothing about other times.
pub(super) fn is_wild(time: Micros, now: Micros) -> bool {
    now >= Micros::PLAUSIBLE_MIN && !Micros::plausible(now).contains(&time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Level, Metadata, Source};

    const DAY: i64 = 86_400_000_000;

    fn time(text: &str) -> Micros {
        Micros::parse(text, Micros::new(0)).unwrap()
    }

    fn placed(time: Micros, now: Micros) -> Record {
        let mut record = Record {
            timestamp: time,
            source: Source::new("file", "x"),
            level: Level::Info,
            message: String::new(),
            metadata: Metadata::new(),
        };
        place(&mut record, now);
        record
    }

    #[test]
    fn a_time_that_cannot_be_right_is_kept_beside_that_of_arrival() {
        let now = time("2026-02-17T14:30:15Z");
        for (stated, text) in [
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"),
            ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000000Z"),
            ("1989-12-31T23:59:59Z", "1989-12-31T23:59:59.000000Z"),
            ("2026-02-18T14:30:16Z", "2026-02-18T14:30:16.000000Z"),
            ("9999-01-01T00:00:00Z", "9999-01-01T00:00:00.000000Z"),
        ] {
            let record = placed(time(stated), now);
            assert_eq!(record.timestamp, now, "{stated}");
            assert_eq!(record.metadata[STATED_TIME], text);
        }
    }

    #[test]
    fn a_field_of_that_name_is_kept_under_another() {
        let mut record = placed(Micros::new(0), Micros::new(0));
        record.metadata.insert(STATED_TIME, "mine");
        place(&mut record, time("2026-02-17T14:30:15Z"));
        assert_eq!(record.metadata[STATED_TIME], "1970-01-01T00:00:00.000000Z");
        assert_eq!(record.metadata["field_stated_time"], "mine");
    }

    #[test]
    fn a_time_that_may_be_right_stays() {
        let now = time("2026-02-17T14:30:15Z");
        let early = time("1990-01-01T00:00:00Z");
        for right in [early, now.plus(-DAY), now, now.plus(DAY)] {
            let record = placed(right, now);
            assert_eq!(record.timestamp, right);
            assert!(record.metadata.is_empty());
        }
    }

    #[test]
    fn a_clock_that_is_not_set_judges_nobody() {
        let unset = Micros::new(60_000_000);
        let right = time("2026-02-17T14:30:15Z");
        assert_eq!(placed(right, unset).timestamp, right);
        assert_eq!(placed(Micros::new(5), unset).timestamp, Micros::new(5));
    }
}
