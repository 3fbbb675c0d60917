//! Ranges of time.

use crate::query::expression::cover::Cover;
use crate::time::Micros;

/// From `start` (included) to `end` (not included).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TimeRange {
    /// The first time in the range; without it the range has no beginning.
    pub start: Option<Micros>,
    /// The first time after the range; without it the range has no end.
    pub end: Option<Micros>,
}

impl TimeRange {
    /// Whether `time` is in the range.
    #[must_use]
    pub fn contains(self, time: Micros) -> bool {
        self.start.is_none_or(|start| start <= time) && self.end.is_none_or(|end| time < end)
    }

    /// How many of the rows whose times are between these, both included, are in the range.
    pub(in crate::query) fn cover(self, earliest: Micros, latest: Micros) -> Cover {
        let before = self.start.is_some_and(|start| latest < start);
        let after = self.end.is_some_and(|end| end <= earliest);
        if before || after {
            Cover::None
        } else if self.contains(earliest) && self.contains(latest) {
            Cover::All
        } else {
            Cover::Some
        }
    }

    /// The times that are in both.
    pub(in crate::query) fn intersection(self, other: Self) -> Self {
        Self {
            start: self.start.max(other.start),
            end: match (self.end, other.end) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            },
        }
    }

    /// The shortest range that holds both.
    pub(in crate::query) fn hull(self, other: Self) -> Self {
        Self {
            start: self.start.zip(other.start).map(|(a, b)| a.min(b)),
            end: self.end.zip(other.end).map(|(a, b)| a.max(b)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(start: i64, end: i64) -> TimeRange {
        TimeRange {
            start: Some(Micros::new(start)),
            end: Some(Micros::new(end)),
        }
    }

    #[test]
    fn covers_a_block_wholly_partly_or_not() {
        let range = range(10, 20);
        let cover = |earliest, latest| range.cover(Micros::new(earliest), Micros::new(latest));
        assert_eq!(cover(10, 19), Cover::All);
        assert_eq!(cover(10, 20), Cover::Some);
        assert_eq!(cover(5, 10), Cover::Some);
        assert_eq!(cover(5, 9), Cover::None);
        assert_eq!(cover(20, 25), Cover::None);
        assert_eq!(cover(5, 25), Cover::Some);
    }

    #[test]
    fn intersection_and_hull_know_open_ends() {
        let open = TimeRange::default();
        assert_eq!(range(1, 5).intersection(range(3, 9)), range(3, 5));
        assert_eq!(range(1, 5).intersection(open), range(1, 5));
        assert_eq!(range(1, 5).hull(range(3, 9)), range(1, 9));
        assert_eq!(range(1, 5).hull(open), open);
    }
}
