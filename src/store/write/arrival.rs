//! The time of arrival of records, from which their age is counted.
//!
//! The timestamp of a record does not tell how long the store has had it: it may come from an old file, or from a wrong clock.
//! Each file has its creation time, so that its records arrived between that time and the creation of the next file. Clocks are set
//! forward and back, so that these times may be wrong as well: see [`arrivals`] and [`AgeClock`].

use crate::time::Micros;
use std::time::Duration;

/// The bounds of the arrival of a file's records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct ArrivalBounds {
    /// The earliest time; `None` if it is unknown.
    from: Option<Micros>,
    /// The latest time.
    until: Micros,
}

impl ArrivalBounds {
    /// Whether a record with this timestamp may have arrived at `oldest` or later. Its timestamp counts as the time of its arrival if
    /// it is within the bounds of the file; any other record counts as having arrived at the latest time.
    pub(in crate::store) fn is_young(&self, timestamp: Micros, oldest: Micros) -> bool {
        self.may_be_young(oldest) && (timestamp >= oldest || !self.is_plausible(timestamp))
    }

    /// Whether any record of the file may have arrived at `oldest` or later.
    pub(in crate::store) fn may_be_young(&self, oldest: Micros) -> bool {
        self.until >= oldest
    }

    fn is_plausible(&self, timestamp: Micros) -> bool {
        let earliest = self.from.map(|from| from.plus(-DELIVERY_MAX));
        earliest.is_some_and(|earliest| timestamp >= earliest)
    }
}

/// The arrival of the records of each file. `begun` has the creation times of the files in order of id, where known; the last file
/// is still being written.
///
/// A time after `now`, or before that of an earlier file, comes from a wrong clock, and the times of the next files are used instead.
/// If a file was written for longer than `age_max`, the clock was set meanwhile, or the machine was off: its creation time does not
/// tell when its records arrived.
pub(in crate::store) fn arrivals(
    begun: &[Option<Micros>],
    now: Micros,
    age_max: Duration,
) -> Vec<ArrivalBounds> {
    let mut newest = None;
    let believed = begun.iter().map(|begun| {
        let ascends = |begun: &Micros| newest.is_none_or(|newest| *begun >= newest);
        let found = begun.filter(|begun| *begun <= now && ascends(begun));
        newest = found.or(newest);
        found
    });
    let believed: Vec<Option<Micros>> = believed.collect();
    let mut until = now;
    let arrivals = believed.into_iter().rev().map(|begun| {
        let is_short = |begun: &Micros| until.get().saturating_sub(begun.get()) <= micros(age_max);
        let arrival = ArrivalBounds {
            from: begun.filter(is_short),
            until,
        };
        until = begun.unwrap_or(until);
        arrival
    });
    let mut arrivals: Vec<ArrivalBounds> = arrivals.collect();
    arrivals.reverse();
    arrivals
}

/// The clock by which age is counted. After a jump ahead it is not trusted at once.
#[derive(Debug)]
pub(in crate::store) struct AgeClock {
    age_max: Duration,
    last: Option<Micros>,
    /// Until this time nothing is deleted for its age.
    held_until: Option<Micros>,
}

/// The progress of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Tick {
    Steady,
    /// It was set, or the machine was off.
    Stepped,
}

impl AgeClock {
    /// `known`: times at which something was written, in that order.
    pub(in crate::store) fn new(age_max: Duration, known: impl Iterator<Item = Micros>) -> Self {
        let mut clock = Self {
            age_max,
            last: None,
            held_until: None,
        };
        for time in known {
            clock.tick(time);
        }
        clock
    }

    /// Sets the time to `now`. After a jump ahead by a large part of the maximum age, the clock must run steadily for a while before
    /// anything is deleted for its age. A clock that is set back is trusted at once, since that makes nothing older.
    pub(in crate::store) fn tick(&mut self, now: Micros) -> Tick {
        let last = self.last.replace(now).unwrap_or(now);
        let passed = now.get().saturating_sub(last.get());
        if passed > micros(self.age_max / JUMP_SHARE) {
            let pause = micros((self.age_max / 2).min(TRUST_AFTER));
            self.held_until = Some(now.plus(pause));
            return Tick::Stepped;
        }
        if passed < -JITTER {
            self.held_until = None;
            return Tick::Stepped;
        }
        self.held_until = self.held_until.filter(|until| now < *until);
        Tick::Steady
    }

    pub(in crate::store) fn is_believed(&self) -> bool {
        self.held_until.is_none()
    }
}

pub(in crate::store) fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// How much earlier than its file a timestamp can be the time of arrival: an hour covers a journal that is read late.
const DELIVERY_MAX: i64 = 3_600_000_000;
/// A jump of a quarter of the maximum age deletes records at most that much too early.
const JUMP_SHARE: u32 = 4;
/// A clock that is wrong after a start is corrected well within this time.
const TRUST_AFTER: Duration = Duration::from_hours(6);
/// Clocks are often set back a little.
pub(in crate::store) const JITTER: i64 = 60_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000_000;
    const WEEK: Duration = Duration::from_hours(168);

    fn day(day: i64) -> Micros {
        Micros::new(day * DAY)
    }

    fn untils(begun: &[i64], now: i64) -> Vec<i64> {
        let begun: Vec<_> = begun.iter().map(|begun| Some(day(*begun))).collect();
        let arrivals = arrivals(&begun, day(now), WEEK);
        let days = arrivals.iter().map(|arrival| arrival.until.get() / DAY);
        days.collect()
    }

    #[test]
    fn records_arrive_between_creation_of_their_file_and_of_the_next() {
        assert_eq!(untils(&[100, 102, 104], 105), [102, 104, 105]);
        // +10 years while the second and third were begun
        assert_eq!(untils(&[100, 3750, 3751, 101], 105), [101, 101, 101, 105]);
        // -40 years meanwhile
        assert_eq!(
            untils(&[20_000, 5_400, 5_401, 20_001], 20_002),
            [20_001, 20_001, 20_001, 20_002]
        );
        // and while the clock is still wrong
        assert_eq!(untils(&[20_000, 5_400], 5_401), [5_400, 5_401]);
        assert_eq!(untils(&[100, 3750], 3751), [3750, 3751]);
    }

    #[test]
    fn timestamp_counts_as_arrival_if_it_is_plausible() {
        let begun = [Some(day(100)), Some(day(102))];
        let [first, _] = arrivals(&begun, day(103), WEEK)[..] else {
            panic!()
        };
        assert!(!first.is_young(day(100), day(101)));
        assert!(first.is_young(day(101), day(101)));
        assert!(
            first.is_young(day(50), day(101)),
            "read late from an old file"
        );
        assert!(first.is_young(day(9999), day(102)), "a wild time");
        assert!(!first.is_young(day(9999), day(103)), "but not for ever");
        assert!(!first.is_young(day(50), day(103)));
    }

    #[test]
    fn file_that_spans_a_step_is_as_old_as_its_end() {
        let begun = [Some(day(0)), Some(day(20_000))];
        let [first, _] = arrivals(&begun, day(20_001), WEEK)[..] else {
            panic!()
        };
        assert!(first.is_young(day(0), day(19_999)));
        assert!(!first.is_young(day(0), day(20_001)));
    }

    #[test]
    fn clock_that_jumps_ahead_is_trusted_after_running_steadily() {
        let hour = DAY / 24;
        let mut clock = AgeClock::new(WEEK, [day(100)].into_iter());
        assert_eq!(clock.tick(day(101)), Tick::Steady);
        assert_eq!(clock.tick(day(3750)), Tick::Stepped);
        assert!(!clock.is_believed());
        assert_eq!(clock.tick(day(3750).plus(hour)), Tick::Steady);
        assert!(!clock.is_believed());
        assert_eq!(clock.tick(day(101).plus(hour)), Tick::Stepped);
        assert!(clock.is_believed(), "set right");
        clock.tick(day(109));
        assert!(!clock.is_believed(), "off for a week, perhaps");
        clock.tick(day(109).plus(6 * hour));
        assert!(clock.is_believed());
        assert_eq!(clock.tick(day(109)), Tick::Stepped);
        assert_eq!(clock.tick(day(109).plus(-1)), Tick::Steady);
        let mut unknown = AgeClock::new(WEEK, std::iter::empty());
        assert_eq!(unknown.tick(day(100)), Tick::Steady);
        assert!(unknown.is_believed());
        let known = [day(100), day(3750), day(3750).plus(hour)];
        let mut again = AgeClock::new(WEEK, known.into_iter());
        again.tick(day(3750).plus(2 * hour));
        assert!(!again.is_believed(), "a restart does not correct it");
    }
}
