//! Implausible times. A program that never set a time writes the zero of its language (year 1, 1970, 1601), and a
//! faulty one writes anything. Such a record gets the time of its arrival, and keeps the stated time in its metadata.

use crate::record::Record;
use crate::time::Micros;

/// The metadata field with the stated time of a record.
pub(super) const STATED_TIME: &str = "stated_time";

/// Gives a record with an implausible time the time of its arrival.
pub(super) fn place(record: &mut Record, now: Micros) {
    if !is_implausible(record.timestamp, now) {
        return;
    }
    let stated = record.timestamp.to_string();
    if let Some(own) = record.metadata.insert(STATED_TIME, stated) {
        // A field of this name set by the program must not look like ours.
        record.metadata.insert(format!("field_{STATED_TIME}"), own);
    }
    record.timestamp = now;
}

/// Whether a time is implausible: before 1990, or more than a day ahead. While the clock of the machine is not set (without a hardware clock
/// it starts in 1970), every time is plausible.
pub(super) fn is_implausible(time: Micros, now: Micros) -> bool {
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
    fn keeps_an_implausible_time_beside_that_of_arrival() {
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
    fn keeps_a_plausible_time() {
        let now = time("2026-02-17T14:30:15Z");
        let early = time("1990-01-01T00:00:00Z");
        for right in [early, now.plus(-DAY), now, now.plus(DAY)] {
            let record = placed(right, now);
            assert_eq!(record.timestamp, right);
            assert!(record.metadata.is_empty());
        }
    }

    #[test]
    fn every_time_is_plausible_while_the_clock_is_not_set() {
        let unset = Micros::new(60_000_000);
        let right = time("2026-02-17T14:30:15Z");
        assert_eq!(placed(right, unset).timestamp, right);
        assert_eq!(placed(Micros::new(5), unset).timestamp, Micros::new(5));
    }
}
