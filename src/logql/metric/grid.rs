//! The points in time at which a query is evaluated.

/// Maximum number of points, more than a screen shows; Loki has the same limit.
pub(crate) const POINTS_MAX: usize = 11_000;

/// Points at equal distances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grid {
    start_nanos: i64,
    step_nanos: i64,
    points: usize,
}

/// The first and the last point whose window contains a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SeenBy {
    pub(super) first: u32,
    pub(super) last: u32,
}

impl Grid {
    /// Points from `start` to `end` at intervals of `step`; `None` for more than [`POINTS_MAX`] or none.
    pub(crate) fn new(start_nanos: i64, end_nanos: i64, step_nanos: i64) -> Option<Self> {
        let span = end_nanos
            .checked_sub(start_nanos)
            .filter(|span| *span >= 0)?;
        let points =
            usize::try_from(span.checked_div(step_nanos).filter(|_| step_nanos > 0)?).ok()? + 1;
        (points <= POINTS_MAX).then_some(Self {
            start_nanos,
            step_nanos,
            points,
        })
    }

    /// One point.
    pub(crate) fn instant(time_nanos: i64) -> Self {
        Self {
            start_nanos: time_nanos,
            step_nanos: 1,
            points: 1,
        }
    }

    pub(crate) fn points(self) -> usize {
        self.points
    }

    pub(crate) fn time_nanos(self, point: usize) -> i64 {
        let steps = i64::try_from(point).unwrap_or(i64::MAX);
        self.start_nanos
            .saturating_add(self.step_nanos.saturating_mul(steps))
    }

    /// The first and the last point, and the step.
    pub(crate) fn nanos(self) -> (i64, i64, i64) {
        (self.start_nanos, self.last_nanos(), self.step_nanos)
    }

    fn last_nanos(self) -> i64 {
        self.time_nanos(self.points - 1)
    }

    /// The times of the lines in any point's window: after the first, up to and including the second.
    pub(super) fn lines(self, interval_nanos: i64, offset_nanos: i64) -> (i64, i64) {
        let first = self
            .start_nanos
            .saturating_sub(offset_nanos)
            .saturating_sub(interval_nanos);
        (first, self.last_nanos().saturating_sub(offset_nanos))
    }

    /// Periods whose lines are in the windows of the same points: their step, and two of their ends.
    pub(super) fn periods(self, interval_nanos: i64, offset_nanos: i64) -> (i64, [i64; 2]) {
        let start = self.start_nanos.saturating_sub(offset_nanos);
        // the window of a single point is one period
        let step = match self.points {
            1 => interval_nanos.max(1),
            _ => self.step_nanos,
        };
        let before = i128::from(interval_nanos).rem_euclid(i128::from(step));
        let before = i64::try_from(before).unwrap_or_default();
        (step, [start, start.saturating_sub(before)])
    }

    /// The points whose windows contain a line; `None` if there are none.
    pub(super) fn seen_by(
        self,
        time_nanos: i64,
        interval_nanos: i64,
        offset_nanos: i64,
    ) -> Option<SeenBy> {
        let from = i128::from(time_nanos) + i128::from(offset_nanos) - i128::from(self.start_nanos);
        let to = from + i128::from(interval_nanos);
        let step = i128::from(self.step_nanos);
        let up = |nanos: i128| -(-nanos).div_euclid(step);
        let first = up(from).max(0);
        let last = (up(to) - 1).min(i128::try_from(self.points).ok()? - 1);
        (first <= last).then_some(SeenBy {
            first: u32::try_from(first).ok()?,
            last: u32::try_from(last).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_open_at_its_start_and_closed_at_its_end() {
        let grid = Grid::new(100, 130, 10).unwrap();
        assert_eq!(grid.points(), 4);
        let seen = |time| {
            grid.seen_by(time, 15, 0)
                .map(|seen| (seen.first, seen.last))
        };
        assert_eq!(seen(85), None, "100 - 15 is left out");
        assert_eq!(seen(86), Some((0, 0)));
        assert_eq!(seen(100), Some((0, 1)));
        assert_eq!(seen(101), Some((1, 1)));
        assert_eq!(seen(130), Some((3, 3)));
        assert_eq!(seen(131), None);
        assert_eq!(grid.lines(15, 5), (80, 125));
        assert_eq!(grid.seen_by(95, 15, 5), grid.seen_by(100, 15, 0));
    }

    #[test]
    fn lines_of_a_period_are_in_the_windows_of_the_same_points() {
        for grid in [Grid::new(100, 200, 10).unwrap(), Grid::instant(130)] {
            for (interval, offset) in [(10, 0), (15, 0), (7, 3), (40, -5), (23, 11), (0, 0)] {
                let (step, ends) = grid.periods(interval, offset);
                let is_end = |time: i64| ends.iter().any(|end| (time - end) % step == 0);
                let seen = |time| grid.seen_by(time, interval, offset);
                for time in 40..260 {
                    assert!(
                        is_end(time) || seen(time) == seen(time + 1),
                        "{grid:?} {interval} {offset} {time}"
                    );
                    let inside = 110..150;
                    if grid.points() > 1 && inside.contains(&time) && interval > 0 {
                        assert_eq!(is_end(time), seen(time) != seen(time + 1), "{time}");
                    }
                }
            }
        }
    }

    #[test]
    fn points_are_bounded() {
        assert!(Grid::new(0, 11_000, 1).is_none() && Grid::new(0, 10_999, 1).is_some());
        assert!(Grid::new(0, 10, 0).is_none() && Grid::new(10, 0, 1).is_none());
        assert!(Grid::new(i64::MIN, i64::MAX, 1).is_none());
    }
}
