//! The order of a page as one number for each record: records with greater ranks come first.

use crate::query::cursor::Cursor;
use crate::record::Id;
use crate::store::Summary;
use crate::time::Micros;
use std::ops::Range;

/// The direction of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// Newest first.
    #[default]
    Backward,
    /// Oldest first.
    Forward,
}

impl Direction {
    /// The opposite direction.
    #[must_use]
    pub fn reversed(self) -> Self {
        match self {
            Self::Backward => Self::Forward,
            Self::Forward => Self::Backward,
        }
    }
}

/// The order of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// The order of arrival.
    #[default]
    Id,
    /// Strictly by timestamp over all sources, ties by id.
    Time,
}

/// The position of a record in the order of pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::query) struct Rank {
    time: i64,
    id: u64,
}

impl Rank {
    /// Less than the rank of any record.
    pub(in crate::query) const LEAST: Self = Self {
        time: i64::MIN,
        id: 0,
    };

    /// The next greater rank. A page that ends here continues with this rank.
    pub(in crate::query) fn just_above(self) -> Self {
        Self {
            id: self.id.saturating_add(1),
            ..self
        }
    }

    /// The next smaller rank.
    pub(in crate::query) fn just_below(self) -> Self {
        match self.id.checked_sub(1) {
            Some(id) => Self { id, ..self },
            None => Self {
                time: self.time.saturating_sub(1),
                id: u64::MAX,
            },
        }
    }
}

/// An order in a direction.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::query) struct Ranking {
    pub(in crate::query) order: Order,
    pub(in crate::query) direction: Direction,
}

impl Ranking {
    pub(in crate::query) fn rank(self, time: Micros, id: u64) -> Rank {
        let time = match self.order {
            Order::Id => 0,
            Order::Time => time.get(),
        };
        self.turned(Rank { time, id })
    }

    /// The least rank that a row of the block can have.
    pub(in crate::query) fn floor(self, summary: &Summary) -> Rank {
        let opposite = Self {
            direction: self.direction.reversed(),
            ..self
        };
        let worst = opposite.bound(summary, &(0..u64::MAX));
        self.turned(opposite.turned(worst))
    }

    /// The greatest rank that a row with one of `ids` of the block can have.
    pub(in crate::query) fn bound(self, summary: &Summary, ids: &Range<u64>) -> Rank {
        match self.direction {
            Direction::Backward => {
                let end = summary.ids.end.min(ids.end);
                self.rank(*summary.times.end(), end.saturating_sub(1))
            }
            Direction::Forward => {
                let start = summary.ids.start.max(ids.start);
                self.rank(*summary.times.start(), start)
            }
        }
    }

    /// The cursor of a rank.
    pub(in crate::query) fn cursor(self, rank: Rank) -> Cursor {
        let Rank { time, id } = self.turned(rank);
        match self.order {
            Order::Id => Cursor::Id(Id(id)),
            Order::Time => Cursor::Time(Micros::new(time), Id(id)),
        }
    }

    /// The rank of a cursor; `None` if it belongs to the other order.
    pub(in crate::query) fn rank_of(self, cursor: Cursor) -> Option<Rank> {
        match (self.order, cursor) {
            (Order::Id, Cursor::Id(id)) => Some(self.rank(Micros::default(), id.0)),
            (Order::Time, Cursor::Time(time, id)) => Some(self.rank(time, id.0)),
            _ => None,
        }
    }

    /// The ids after one rank and before another, in id order.
    pub(in crate::query) fn ids_between(
        self,
        after: Option<Rank>,
        floor: Option<Rank>,
    ) -> Range<u64> {
        let id_of = |rank: Rank| self.turned(rank).id;
        let (after, floor) = (after.map(id_of), floor.map(id_of));
        let (below, above) = match self.direction {
            Direction::Backward => (floor, after),
            Direction::Forward => (after, floor),
        };
        below.map_or(0, |id| id.saturating_add(1))..above.unwrap_or(u64::MAX)
    }

    /// The bitwise complement reverses the order of integers, and is its own inverse.
    fn turned(self, rank: Rank) -> Rank {
        match self.direction {
            Direction::Backward => rank,
            Direction::Forward => Rank {
                time: !rank.time,
                id: !rank.id,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ranking(order: Order, direction: Direction) -> Ranking {
        Ranking { order, direction }
    }

    const ALL: [Ranking; 4] = [
        ranking(Order::Id, Direction::Backward),
        ranking(Order::Id, Direction::Forward),
        ranking(Order::Time, Direction::Backward),
        ranking(Order::Time, Direction::Forward),
    ];

    #[test]
    fn records_that_come_first_rank_higher() {
        let [id_backward, id_forward, time_backward, time_forward] = ALL;
        let (early, late) = (Micros::new(-5), Micros::new(5));
        assert!(id_backward.rank(early, 2) > id_backward.rank(late, 1));
        assert!(id_forward.rank(late, 1) > id_forward.rank(early, 2));
        assert!(time_backward.rank(late, 1) > time_backward.rank(early, 2));
        assert!(time_forward.rank(early, 2) > time_forward.rank(late, 1));
        assert!(
            time_backward.rank(late, 2) > time_backward.rank(late, 1),
            "ties by id"
        );
        assert!(
            time_forward.rank(late, 1) > time_forward.rank(late, 2),
            "ties by id"
        );
    }

    #[test]
    fn ranks_and_cursors_name_each_other() {
        for ranking in ALL {
            let rank = ranking.rank(Micros::new(-7), 9);
            assert_eq!(ranking.rank_of(ranking.cursor(rank)), Some(rank));
            assert!(rank.just_above() > rank && rank.just_below() < rank);
            assert_eq!(rank.just_above().just_below(), rank);
        }
        assert_eq!(ALL[0].rank_of(Cursor::Time(Micros::new(1), Id(1))), None);
        assert_eq!(ALL[2].rank_of(Cursor::Id(Id(1))), None);
    }

    #[test]
    fn a_bound_is_above_every_row() {
        let summary = Summary {
            source: None,
            rows: 2,
            ids: 3..10,
            times: Micros::new(1)..=Micros::new(2),
            levels: [0; 4],
        };
        for ranking in ALL {
            for (time, id) in [(1, 3), (2, 3), (1, 9), (2, 9)] {
                assert!(
                    ranking.bound(&summary, &(0..u64::MAX)) >= ranking.rank(Micros::new(time), id)
                );
            }
        }
    }
}
