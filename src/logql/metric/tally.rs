//! Accumulators: the state of a series for each period whose lines are in the windows of the same points.

use super::grid::SeenBy;
use super::series::{self, SeriesLabels};
use super::{BYTES_MAX, MetricError};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

/// What accumulators accumulate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum TallyKind {
    Sum,
    Least,
    Greatest,
    Moments,
    First,
    Last,
    Values,
}

/// The accumulated numbers of lines.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum CellTally {
    Sum(f64),
    Least(f64),
    Greatest(f64),
    /// Their count, their mean, and the sum of squared distances from it.
    Moments {
        count: f64,
        mean: f64,
        squares: f64,
    },
    /// The earliest one and its time.
    First(i64, f64),
    Last(i64, f64),
    /// All, with their times.
    Values(Vec<(i64, f64)>),
}

impl CellTally {
    /// Merges another accumulator of the same kind.
    pub(super) fn merge(&mut self, other: &Self) {
        match (self, other) {
            (Self::Sum(sum), Self::Sum(other)) => *sum += other,
            (Self::Least(least), Self::Least(other)) => *least = least.min(*other),
            (Self::Greatest(greatest), Self::Greatest(other)) => *greatest = greatest.max(*other),
            (
                Self::Moments {
                    count,
                    mean,
                    squares,
                },
                Self::Moments {
                    count: other_count,
                    mean: other_mean,
                    squares: other_squares,
                },
            ) => {
                let total = *count + other_count;
                let distance = other_mean - *mean;
                *squares += other_squares + distance * distance * *count * other_count / total;
                *mean += distance * other_count / total;
                *count = total;
            }
            (Self::First(time, value), Self::First(other_time, other))
                if later(*time, *value, *other_time, *other).is_gt() =>
            {
                (*time, *value) = (*other_time, *other);
            }
            (Self::Last(time, value), Self::Last(other_time, other))
                if later(*time, *value, *other_time, *other).is_lt() =>
            {
                (*time, *value) = (*other_time, *other);
            }
            (Self::Values(values), Self::Values(other)) => values.extend_from_slice(other),
            _ => {}
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Values(values) => size_of::<Cell>() + values.len() * size_of::<(i64, f64)>(),
            _ => size_of::<Cell>(),
        }
    }
}

/// Orders values by time, and those of one time by themselves: the result must not depend on the order in which lines are read.
pub(super) fn later(a_time: i64, a: f64, b_time: i64, b: f64) -> Ordering {
    a_time.cmp(&b_time).then_with(|| a.total_cmp(&b))
}

/// The accumulator of one period.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cell {
    pub(super) seen_by: SeenBy,
    pub(super) tally: CellTally,
}

/// Orders periods by the points that include them.
fn order(cell: &Cell, seen_by: SeenBy) -> Ordering {
    (cell.seen_by.first, cell.seen_by.last).cmp(&(seen_by.first, seen_by.last))
}

/// A series and its accumulators, sorted by time.
#[derive(Debug, Clone)]
pub(super) struct SeriesTally {
    pub(super) labels: Arc<SeriesLabels>,
    hash: u64,
    pub(super) cells: Vec<Cell>,
}

impl SeriesTally {
    /// Adds to the accumulator of a period; returns how much memory that took.
    fn add(&mut self, seen_by: SeenBy, tally: CellTally) -> usize {
        // Lines mostly arrive in ascending or descending order of time.
        let at = match (self.cells.first(), self.cells.last()) {
            (_, Some(last)) if order(last, seen_by).is_eq() => Ok(self.cells.len() - 1),
            (_, Some(last)) if order(last, seen_by).is_lt() => Err(self.cells.len()),
            _ => self.cells.binary_search_by(|cell| order(cell, seen_by)),
        };
        let bytes = tally.bytes();
        match at {
            Ok(at) => {
                let before = size_of::<Cell>();
                if let Some(cell) = self.cells.get_mut(at) {
                    cell.tally.merge(&tally);
                }
                bytes - before
            }
            Err(at) => {
                self.cells.insert(at, Cell { seen_by, tally });
                bytes
            }
        }
    }
}

/// The accumulators of all series of a range.
#[derive(Debug, Default)]
pub(crate) struct SeriesTallies {
    pub(super) series: Vec<SeriesTally>,
    /// Indexes into `series` by the hash of their labels.
    places: HashMap<u64, Vec<u32>>,
    bytes: usize,
}

impl SeriesTallies {
    /// Adds to the accumulator of a series in a period.
    pub(super) fn add(
        &mut self,
        labels: &[(&str, &str)],
        seen_by: SeenBy,
        tally: CellTally,
    ) -> Result<(), MetricError> {
        self.add_all(labels, std::iter::once((seen_by, tally)))
    }

    /// Adds to the accumulators of a series in several periods.
    pub(super) fn add_all(
        &mut self,
        labels: &[(&str, &str)],
        cells: impl Iterator<Item = (SeenBy, CellTally)>,
    ) -> Result<(), MetricError> {
        let hash = series::hash_of(labels);
        let mut place = self.find(hash, |known| known.is_same(labels));
        for (seen_by, tally) in cells {
            let place = *place
                .get_or_insert_with(|| self.begin(hash, Arc::new(SeriesLabels::of_sorted(labels))));
            self.add_to(place, seen_by, tally)?;
        }
        Ok(())
    }

    /// Merges the accumulators of other lines.
    pub(crate) fn merge(&mut self, other: Self) -> Result<(), MetricError> {
        for series in other.series {
            let place = self.find(series.hash, |known| *known == *series.labels);
            let place =
                place.unwrap_or_else(|| self.begin(series.hash, Arc::clone(&series.labels)));
            for cell in series.cells {
                self.add_to(place, cell.seen_by, cell.tally)?;
            }
        }
        Ok(())
    }

    fn find(&self, hash: u64, is_it: impl Fn(&SeriesLabels) -> bool) -> Option<usize> {
        let places = self.places.get(&hash)?.iter().map(|place| *place as usize);
        places
            .filter(|place| {
                self.series
                    .get(*place)
                    .is_some_and(|series| is_it(&series.labels))
            })
            .last()
    }

    fn begin(&mut self, hash: u64, labels: Arc<SeriesLabels>) -> usize {
        let place = self.series.len();
        self.bytes += labels.bytes() + size_of::<SeriesTally>();
        self.series.push(SeriesTally {
            labels,
            hash,
            cells: Vec::new(),
        });
        let places = self.places.entry(hash).or_default();
        places.extend(u32::try_from(place));
        place
    }

    fn add_to(
        &mut self,
        place: usize,
        seen_by: SeenBy,
        tally: CellTally,
    ) -> Result<(), MetricError> {
        if let Some(series) = self.series.get_mut(place) {
            self.bytes += series.add(seen_by, tally);
        }
        if self.bytes > BYTES_MAX {
            return Err(MetricError::TooLarge {
                series: self.series.len(),
            });
        }
        Ok(())
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}
