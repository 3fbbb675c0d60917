//! When records arrived, as far as clocks can be believed: what age is counted from.
//!
//! A record's own time is no measure of how long the store has had it: it may be read from an old file, or come from a clock
//! gone wrong. Each file says when it was begun, so that its records arrived between that time and the begin of the next file.
//! Clocks are set forward and back, so that these times are not believed blindly either: see [`arrivals`] and [`AgeClock`].

use crate::time::Micros;
use std::time::Duration;

/// When the records of a file arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct Arrival {
    /// Not before; `None` when that is not known.
    from: Option<Micros>,
    /// Not after.
    until: Micros,
}

impl Arrival {
    /// Whether a record with this timestamp may have arrived at `oldest` or later. Its timestamp is taken for the time of its
    /// arrival where it lies in the file's time; any other record is as young as the file allows.
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

/// When the records of each file arrived. `begun` says when each was begun by the clock of that moment, in order of id, where it
/// is known; the last is still written to.
///
/// A time after `now`, or before that of an earlier file, is a clock gone wrong, and the times beside it hold instead. A file
/// that was written to for longer than `age_max` was written to across a step of the clock, or while the machine was off: its
/// begin says nothing of when its records arrived.
pub(in crate::store) fn arrivals(
    begun: &[Option<Micros>],
    now: Micros,
    age_max: Duration,
) -> Vec<Arrival> {
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
        let arrival = Arrival {
            from: begun.filter(is_short),
            until,
        };
        until = begun.unwrap_or(until);
        arrival
    });
    let mut arrivals: Vec<Arrival> = arrivals.collect();
    arrivals.reverse();
    arrivals
}

/// The clock by which age is counted: it is not believed at once when it jumps ahead.
#[derive(Debug)]
pub(in crate::store) struct AgeClock {
    age_max: Duration,
    last: Option<Micros>,
    /// Until then nothing goes for its age.
    held_until: Option<Micros>,
}

/// How the clock went on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Tick {
    Steady,
    /// It was set, or the machine was off.
    Stepped,
}

impl AgeClock {
    /// `known`: the times at which something is known to have been written, in that order.
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

    /// It is `now`. A clock that jumps ahead by a large part of the greatest age must then go on steadily for a while before
    /// anything goes for its age; one that is set back is believed at once, since that makes nothing older.
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

/// How much older than its file a record may be that came as it was written: an hour covers a journal that is read late.
const DELIVERY_MAX: i64 = 3_600_000_000;
/// A jump of a quarter of the greatest age makes at most that much go too early.
const JUMP_SHARE: u32 = 4;
/// A clock that is wrong after a start is set right well within this time.
const TRUST_AFTER: Duration = Duration::from_hours(6);
/// Clocks are set back a little all the time.
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
    fn records_arrive_between_the_begin_of_their_file_and_that_of_the_next() {
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
    fn a_record_is_as_young_as_its_own_time_says_where_that_can_be() {
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
    fn a_file_that_spans_a_step_is_as_old_as_its_end() {
        let begun = [Some(day(0)), Some(day(20_000))];
        let [first, _] = arrivals(&begun, day(20_001), WEEK)[..] else {
            panic!()
        };
        assert!(first.is_young(day(0), day(19_999)));
        assert!(!first.is_young(day(0), day(20_001)));
    }

    #[test]
    fn a_clock_that_jumps_ahead_is_believed_when_it_goes_on_steadily() {
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
        assert!(!again.is_believed(), "a restart does not make it right");
    }
}
