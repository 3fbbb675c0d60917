//! Accumulators as CBOR: the part of a metric query that the lines of one machine contribute. `format-spec/loki.md` describes the form.
//!
//! Accumulators of several machines are merged as those of several blocks are, so that every function is exact, medians and means
//! included, and the expression around the ranges is evaluated once.

use super::MetricError;
use super::evaluate::MetricPlan;
use super::grid::SeenBy;
use super::series::SeriesLabels;
use super::tally::{CellTally, SeriesTallies, SeriesTally, TallyKind};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The accumulators of all ranges of a query.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct EncodedTallies {
    /// Number of records, and size of the texts, that were examined.
    pub(crate) lines: u64,
    pub(crate) bytes: u64,
    /// Why they may be incomplete.
    pub(crate) warnings: Vec<String>,
    ranges: Vec<EncodedRange>,
}

#[derive(Debug, Serialize, Deserialize)]
struct EncodedRange {
    kind: TallyKind,
    series: Vec<EncodedSeries>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct EncodedSeries {
    labels: Vec<(String, String)>,
    /// The first and the last point of each cell.
    cells: Vec<(u32, u32)>,
    /// One for each cell, three for moments, `lengths` for values.
    numbers: Vec<f64>,
    /// The times of `numbers`, if they matter.
    times: Vec<i64>,
    /// How many values each cell has.
    lengths: Vec<u32>,
}

/// Why accumulators cannot be merged.
#[derive(Debug)]
pub(crate) enum TalliesError {
    /// They are not those of this query.
    Invalid(&'static str),
    /// All together are too large.
    Metric(MetricError),
}

impl fmt::Display for TalliesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(why) => f.write_str(why),
            Self::Metric(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for TalliesError {}

impl EncodedTallies {
    /// The accumulators of the ranges of a plan.
    pub(crate) fn new(plan: &MetricPlan, tallies: &[SeriesTallies]) -> Self {
        let ranges = plan.ranges.iter().zip(tallies);
        let ranges = ranges.map(|(range, tallies)| EncodedRange {
            kind: range.kind(),
            series: tallies.series.iter().map(encoded).collect(),
        });
        Self {
            lines: 0,
            bytes: 0,
            warnings: Vec::new(),
            ranges: ranges.collect(),
        }
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let written = ciborium::into_writer(self, &mut bytes);
        debug_assert!(written.is_ok(), "CBOR into memory: {written:?}");
        bytes
    }

    /// Reads accumulators of another machine.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, TalliesError> {
        ciborium::from_reader(bytes).map_err(|_| TalliesError::Invalid("it is not CBOR of tallies"))
    }

    /// Merges them into those of all machines. `accepts` checks the labels of each series.
    pub(crate) fn add_to(
        self,
        plan: &MetricPlan,
        tallies: &mut [SeriesTallies],
        accepts: impl Fn(&SeriesLabels) -> bool,
    ) -> Result<(), TalliesError> {
        if self.ranges.len() != plan.ranges.len() || tallies.len() != plan.ranges.len() {
            return Err(TalliesError::Invalid(
                "the tallies are of another number of ranges",
            ));
        }
        let points = plan.points();
        for ((encoded, range), tallies) in self.ranges.into_iter().zip(&plan.ranges).zip(tallies) {
            if encoded.kind != range.kind() {
                return Err(TalliesError::Invalid("the tallies are of another function"));
            }
            for series in encoded.series {
                series.add_to(encoded.kind, points, tallies, &accepts)?;
            }
        }
        Ok(())
    }
}

fn encoded(series: &SeriesTally) -> EncodedSeries {
    let labels = series.labels.iter();
    let mut encoded = EncodedSeries {
        labels: labels
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        ..EncodedSeries::default()
    };
    for cell in &series.cells {
        encoded.cells.push((cell.seen_by.first, cell.seen_by.last));
        match &cell.tally {
            CellTally::Sum(value) | CellTally::Least(value) | CellTally::Greatest(value) => {
                encoded.numbers.push(*value);
            }
            CellTally::Moments {
                count,
                mean,
                squares,
            } => encoded.numbers.extend([*count, *mean, *squares]),
            CellTally::First(time, value) | CellTally::Last(time, value) => {
                encoded.times.push(*time);
                encoded.numbers.push(*value);
            }
            CellTally::Values(values) => {
                encoded.lengths.extend(u32::try_from(values.len()));
                encoded.times.extend(values.iter().map(|(time, _)| *time));
                encoded
                    .numbers
                    .extend(values.iter().map(|(_, value)| *value));
            }
        }
    }
    encoded
}

impl EncodedSeries {
    fn add_to(
        self,
        kind: TallyKind,
        points: usize,
        tallies: &mut SeriesTallies,
        accepts: &impl Fn(&SeriesLabels) -> bool,
    ) -> Result<(), TalliesError> {
        let mut labels: Vec<(&str, &str)> = self
            .labels
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        labels.sort_unstable();
        labels.dedup_by(|a, b| a.0 == b.0);
        if !accepts(&SeriesLabels::of_sorted(&labels)) {
            return Err(TalliesError::Invalid(
                "a series has the name of another node",
            ));
        }
        let mut numbers = self.numbers.into_iter();
        let mut times = self.times.into_iter();
        let mut lengths = self.lengths.into_iter();
        for (first, last) in self.cells {
            let is_within = usize::try_from(last).is_ok_and(|last| last < points);
            if first > last || !is_within {
                return Err(TalliesError::Invalid("a tally is of no point of the query"));
            }
            let tally = kind.read(&mut numbers, &mut times, &mut lengths);
            let tally = tally.ok_or(TalliesError::Invalid("a tally is incomplete"))?;
            tallies
                .add(&labels, SeenBy { first, last }, tally)
                .map_err(TalliesError::Metric)?;
        }
        Ok(())
    }
}

impl TallyKind {
    /// The next accumulator; `None` if there are too few numbers.
    fn read(
        self,
        numbers: &mut impl Iterator<Item = f64>,
        times: &mut impl Iterator<Item = i64>,
        lengths: &mut impl Iterator<Item = u32>,
    ) -> Option<CellTally> {
        Some(match self {
            Self::Sum => CellTally::Sum(numbers.next()?),
            Self::Least => CellTally::Least(numbers.next()?),
            Self::Greatest => CellTally::Greatest(numbers.next()?),
            Self::Moments => CellTally::Moments {
                count: numbers.next().filter(|count| *count > 0.0)?,
                mean: numbers.next()?,
                squares: numbers.next()?,
            },
            Self::First => CellTally::First(times.next()?, numbers.next()?),
            Self::Last => CellTally::Last(times.next()?, numbers.next()?),
            Self::Values => {
                let length = lengths.next()?;
                let pairs = (0..length).map(|_| Some((times.next()?, numbers.next()?)));
                CellTally::Values(pairs.collect::<Option<_>>()?)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logql::ast::Expr;
    use crate::logql::labels::{LabelKind, Labels};
    use crate::logql::metric::Grid;
    use crate::logql::pipeline::PipelineLine;

    fn plan(query: &str) -> MetricPlan {
        match crate::logql::parse(query) {
            Ok(Expr::Metric(expr)) => {
                MetricPlan::new(&expr, Grid::new(0, 100, 10).expect("points")).expect(query)
            }
            other => panic!("{query}: {other:?}"),
        }
    }

    fn take(plan: &MetricPlan, tallies: &mut [SeriesTallies], number: i64) {
        let (text, node) = (format!("n={number}"), format!("n{}", number % 3));
        for (range, tallies) in plan.ranges.iter().zip(tallies) {
            let mut labels = Labels::default();
            labels.push(LabelKind::Stream, "node", node.as_str());
            labels.push(
                LabelKind::Stream,
                "level",
                ["info", "warn"][usize::from(number % 5 == 0)],
            );
            let line = PipelineLine {
                timestamp_nanos: (number * 37) % 100,
                text: text.as_str().into(),
                labels,
                is_taken_apart: false,
            };
            range.take(tallies, line).expect("no error");
        }
    }

    fn none(plan: &MetricPlan) -> Vec<SeriesTallies> {
        plan.ranges
            .iter()
            .map(|_| SeriesTallies::default())
            .collect()
    }

    #[test]
    fn tallies_of_several_machines_are_those_of_all_lines() {
        let u = "{level=~\".+\"} | logfmt | unwrap n";
        for query in [
            "sum by (level) (count_over_time({level=~\".+\"}[25ns]))".to_owned(),
            "rate({level=\"warn\"}[25ns]) / on (node, level) bytes_rate({level=~\".+\"}[10ns])"
                .to_owned(),
            format!("topk(2, min_over_time({u} [30ns]) by (node))"),
            format!("max(max_over_time({u} [30ns]))"),
            format!("avg_over_time({u} [30ns]) by (level)"),
            format!("stddev_over_time({u} [30ns]) by (level)"),
            format!("quantile_over_time(0.3, {u} [30ns]) by (level)"),
            format!(
                "first_over_time({u} [30ns]) by (level) + last_over_time({u} [30ns] offset 5ns) by (level)"
            ),
            format!("rate_counter({u} [30ns])"),
            "absent_over_time({level=\"error\"}[5ns])".to_owned(),
        ] {
            let plan = plan(&query);
            let (mut whole, mut merged) = (none(&plan), none(&plan));
            for machine in 0..3 {
                let mut own = none(&plan);
                for number in (0..60).filter(|number| number % 3 == machine) {
                    take(&plan, &mut whole, number);
                    take(&plan, &mut own, number);
                }
                let bytes = EncodedTallies::new(&plan, &own).to_bytes();
                let read = EncodedTallies::from_bytes(&bytes).expect("CBOR");
                read.add_to(&plan, &mut merged, |_| true)
                    .expect("of this query");
            }
            let text = |tallies: &[SeriesTallies]| format!("{:?}", rounded(plan.matrix(tallies)));
            assert_eq!(text(&merged), text(&whole), "{query}");
        }
    }

    /// Sums in another order differ in their last bits.
    fn rounded(
        outcome: Result<crate::logql::MetricOutcome, MetricError>,
    ) -> Vec<(String, Vec<(u32, String)>)> {
        let Ok(crate::logql::MetricOutcome::Matrix(series)) = outcome else {
            panic!("a matrix: {outcome:?}");
        };
        let of_series = |series: crate::logql::metric::SeriesPoints| {
            let values = series.values.iter();
            let values = values.map(|(point, value)| (*point, format!("{value:.9}")));
            (series.labels.to_string(), values.collect())
        };
        series.into_iter().map(of_series).collect()
    }

    #[test]
    fn what_is_not_of_the_query_is_refused() {
        let count = plan("count_over_time({level=~\".+\"}[25ns])");
        let mut own = none(&count);
        (0..20).for_each(|number| take(&count, &mut own, number));
        let bytes = EncodedTallies::new(&count, &own).to_bytes();
        let read = |bytes: &[u8], plan: &MetricPlan| {
            let mut merged = none(plan);
            EncodedTallies::from_bytes(bytes)?
                .add_to(plan, &mut merged, |labels| labels.get("node") != Some("n2"))
        };
        assert!(
            matches!(read(&bytes, &count), Err(TalliesError::Invalid(_))),
            "another node"
        );
        for other in [
            "max_over_time({level=~\".+\"} | unwrap n [25ns])",
            "count_over_time({level=~\".+\"}[25ns]) + count_over_time({level=~\".+\"}[25ns])",
        ] {
            let refused = read(&bytes, &plan(other));
            assert!(matches!(refused, Err(TalliesError::Invalid(_))), "{other}");
        }
        for length in 0..bytes.len() {
            assert!(EncodedTallies::from_bytes(&bytes[..length]).is_err());
        }
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut bytes = bytes.clone();
                bytes[at] ^= 1 << bit;
                let _ = read(&bytes, &count);
            }
        }
    }
}
