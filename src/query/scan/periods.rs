//! Periods into which time is divided in nanoseconds, and counts of rows by period.

use crate::query::scan::counts::Counts;
use crate::record::Id;
use crate::time::Micros;

/// Consecutive periods that repeat with a step. Each step has one or two of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Periods {
    step: i64,
    /// Where periods end, counted from a multiple of the step.
    ends: [i64; 2],
}

impl Periods {
    /// Periods whose last nanoseconds are both of `ends`, and all times that are a multiple of `step_nanos` before or after them.
    #[must_use]
    pub fn new(step_nanos: i64, ends: [i64; 2]) -> Self {
        let step = step_nanos.max(1);
        Self {
            step,
            ends: ends.map(|end| end.rem_euclid(step)),
        }
    }

    /// The first and the last nanosecond of the period of a time.
    #[must_use]
    pub fn around(self, nanos: i64) -> (i64, i64) {
        let (nanos, step) = (i128::from(nanos), i128::from(self.step));
        let after = self
            .ends
            .map(|end| (i128::from(end) - nanos).rem_euclid(step));
        let [to, other_to] = after.map(|distance| nanos + distance);
        let [before, other_before] = after.map(|distance| match distance {
            0 => nanos - step,
            distance => nanos + distance - step,
        });
        let clamped = |nanos: i128| {
            let bounded = nanos.clamp(i128::from(i64::MIN), i128::from(i64::MAX));
            i64::try_from(bounded).unwrap_or_default()
        };
        (
            clamped(before.max(other_before) + 1),
            clamped(to.min(other_to)),
        )
    }
}

/// The time of a row in nanoseconds: its id makes the times of rows in one microsecond differ.
#[must_use]
pub fn nanos_of(timestamp: Micros, id: Id) -> i64 {
    let within = i64::try_from(id.0 % 1_000).unwrap_or(0);
    timestamp.get().saturating_mul(1_000).saturating_add(within)
}

/// The first and the last nanosecond that a row of this microsecond can have.
pub(in crate::query) fn nanos_within(timestamp: Micros) -> (i64, i64) {
    (nanos_of(timestamp, Id(0)), nanos_of(timestamp, Id(999)))
}

/// Counts of the rows of one source in one period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::query) struct PeriodCount {
    /// The number of the source in its segment.
    pub(in crate::query) source: u32,
    /// The last nanosecond of the period.
    pub(in crate::query) to: i64,
    /// By `Level::index`.
    pub(in crate::query) levels: [u32; 4],
}

impl Counts for PeriodCount {
    fn weight(&self) -> usize {
        size_of::<Self>().div_ceil(size_of::<u64>())
    }
}

/// Identifies counts of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::query) struct PeriodsKey {
    pub(in crate::query) block: usize,
    pub(in crate::query) periods: Periods,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_period_is_closed_at_its_end() {
        let periods = Periods::new(10, [3, 7]);
        assert_eq!(periods.around(3), (-2, 3));
        assert_eq!(periods.around(4), (4, 7));
        assert_eq!(periods.around(7), (4, 7));
        assert_eq!(periods.around(8), (8, 13));
        assert_eq!(Periods::new(10, [103, -17]).around(0), (-6, 3));
        assert_eq!(Periods::new(1, [0, 0]).around(5), (5, 5));
    }

    #[test]
    fn the_first_and_the_last_nanosecond_have_a_period() {
        let periods = Periods::new(i64::MAX, [0, 5]);
        for nanos in [i64::MIN, -1, 0, 1, 6, i64::MAX] {
            let (from, to) = periods.around(nanos);
            assert!(from <= nanos && nanos <= to, "{from} {nanos} {to}");
        }
    }

    proptest! {
        #[test]
        fn periods_follow_one_another(step in 1..40_i64, a in -99..99_i64, b in -99..99_i64, at in -200..200_i64) {
            let periods = Periods::new(step, [a, b]);
            let (from, to) = periods.around(at);
            prop_assert!(from <= at && at <= to);
            let is_end = |nanos: i64| (nanos - a) % step == 0 || (nanos - b) % step == 0;
            prop_assert!(is_end(to) && is_end(from - 1));
            prop_assert!((from..to).all(|nanos| !is_end(nanos)));
        }
    }
}
