//! Ranges: how lines are assigned to series, and how the lines of a window are combined.

use super::MetricError;
use super::grid::Grid;
use super::series::SeriesLabels;
use super::tally::{Cell, CellTally, SeriesTallies, TallyKind, later};
use crate::logql::ast::{
    Conversion, LabelGrouping, LogQuery, MatchOp, RangeAggregation, RangeOp, Unwrap,
};
use crate::logql::error::LogqlError;
use crate::logql::labels::{ERROR, ERROR_DETAILS, LabelKind, Labels};
use crate::logql::pipeline::{LabelTest, LogPipeline, PipelineLine};
use crate::logql::units;

const EXTRACTION_ERROR: &str = "SampleExtractionErr";

/// A compiled range aggregation that can be fed with lines.
#[derive(Debug)]
pub(crate) struct RangePlan {
    op: RangeOp,
    parameter: f64,
    interval_nanos: i64,
    offset_nanos: i64,
    grid: Grid,
    query: LogQuery,
    pipeline: LogPipeline,
    unwrap: Option<CompiledUnwrap>,
    grouping: Option<LabelGrouping>,
    /// Metadata that the query names. Other metadata creates no series, because most of it differs from line to line.
    named: Vec<String>,
    /// The labels of the series that reports that there are no lines.
    absent_labels: SeriesLabels,
}

#[derive(Debug)]
struct CompiledUnwrap {
    label: String,
    conversion: Option<Conversion>,
    filters: Vec<LabelTest>,
}

impl CompiledUnwrap {
    fn new(unwrap: &Unwrap) -> Result<Self, LogqlError> {
        let filters = unwrap.filters.iter().map(LabelTest::new);
        Ok(Self {
            label: unwrap.label.clone(),
            conversion: unwrap.conversion,
            filters: filters.collect::<Result<_, _>>()?,
        })
    }

    /// The number of a line; `None` if its label is absent or a filter drops the line.
    fn value(&self, labels: &mut Labels<'_>) -> Option<f64> {
        let text = labels.get(&self.label).filter(|text| !text.is_empty())?;
        let value = match self.conversion {
            None => text.parse().ok(),
            Some(Conversion::Bytes) => units::bytes_value(text),
            Some(Conversion::Duration | Conversion::DurationSeconds) => {
                units::duration_value(text).map(|nanos| nanos / 1e9)
            }
        };
        if value.is_none() {
            let details = format!("cannot read the value \"{text}\" of label {}", self.label);
            labels.set_error(EXTRACTION_ERROR, details);
        }
        let is_kept = self.filters.iter().all(|filter| filter.matches(labels));
        is_kept.then_some(value.unwrap_or(0.0))
    }
}

impl RangePlan {
    /// Compiles a range aggregation. `outer` is the grouping of an enclosing aggregation that can be applied at the
    /// same time.
    pub(super) fn new(
        range: &RangeAggregation,
        outer: Option<LabelGrouping>,
        grid: Grid,
    ) -> Result<Self, LogqlError> {
        let pipeline = LogPipeline::new(&range.range.query)?;
        let unwrap = range.range.unwrap.as_ref();
        let mut named = pipeline.label_names();
        if let Some(unwrap) = unwrap {
            for filter in &unwrap.filters {
                LabelTest::new(filter)?.add_names(&mut named);
            }
        }
        let equal = range.range.query.selector.iter();
        let equal = equal.filter(|matcher| matcher.op == MatchOp::Equal);
        let absent_labels = equal.fold(SeriesLabels::default(), |labels, matcher| {
            labels.with(&matcher.name, &matcher.value.value)
        });
        Ok(Self {
            op: range.op,
            parameter: range.parameter.unwrap_or_default(),
            interval_nanos: range.range.interval_nanos,
            offset_nanos: range.range.offset_nanos,
            grid,
            query: range.range.query.clone(),
            unwrap: unwrap.map(CompiledUnwrap::new).transpose()?,
            grouping: outer.or_else(|| range.grouping.clone()),
            pipeline,
            named,
            absent_labels,
        })
    }

    /// The times of the relevant lines: after the first, up to and including the second.
    pub(crate) fn lines(&self) -> (i64, i64) {
        self.grid.lines(self.interval_nanos, self.offset_nanos)
    }

    /// Adds a line.
    ///
    /// # Errors
    ///
    /// [`MetricError`] for a line with an error that no stage handles, and for too many series.
    pub(crate) fn take(
        &self,
        tallies: &mut SeriesTallies,
        mut line: PipelineLine<'_>,
    ) -> Result<(), MetricError> {
        let seen_by =
            self.grid
                .seen_by(line.timestamp_nanos, self.interval_nanos, self.offset_nanos);
        let Some(seen_by) = seen_by else {
            return Ok(());
        };
        if !self.pipeline.selects(&line.labels) || !self.pipeline.run(&mut line) {
            return Ok(());
        }
        let value = match (&self.unwrap, self.op) {
            (Some(unwrap), _) => unwrap.value(&mut line.labels),
            (None, RangeOp::Bytes | RangeOp::BytesRate) =>
            {
                #[expect(
                    clippy::cast_precision_loss,
                    reason = "samples are floating point numbers"
                )]
                Some(line.text.len() as f64)
            }
            (None, _) => Some(1.0),
        };
        let Some(value) = value else {
            return Ok(());
        };
        if line.labels.has_error() {
            return Err(self.pipeline_error(&line.labels));
        }
        let tally = self.tally(line.timestamp_nanos, value);
        tallies.add(&self.series_of(&line.labels), seen_by, tally)
    }

    /// Adds lines of one stream of which only the number matters. `stream` is one of these lines. Each count is of lines in one of
    /// [`Self::periods`], with a time in it.
    ///
    /// # Errors
    ///
    /// The same as of [`Self::take`].
    pub(crate) fn take_counts(
        &self,
        tallies: &mut SeriesTallies,
        mut stream: PipelineLine<'_>,
        counts: impl Iterator<Item = (i64, u64)>,
    ) -> Result<(), MetricError> {
        if !self.pipeline.selects(&stream.labels) || !self.pipeline.run_on_labels(&mut stream) {
            return Ok(());
        }
        let (interval, offset) = (self.interval_nanos, self.offset_nanos);
        let cells = counts.filter_map(|(time, count)| {
            #[expect(
                clippy::cast_precision_loss,
                reason = "samples are floating point numbers"
            )]
            let tally = CellTally::Sum(count as f64);
            Some((self.grid.seen_by(time, interval, offset)?, tally))
        });
        tallies.add_all(&self.series_of(&stream.labels), cells)
    }

    /// The periods whose lines are in the windows of the same points: their step, and two of their ends.
    pub(crate) fn periods(&self) -> (i64, [i64; 2]) {
        self.grid.periods(self.interval_nanos, self.offset_nanos)
    }

    /// Whether the result depends only on the number of lines and the labels of their streams. `is_known` says which
    /// labels all lines of a stream share. The caller applies the line filters, because it searches the lines.
    pub(crate) fn counts_lines(&self, is_known: impl Fn(&str) -> bool) -> bool {
        let is_count = matches!(self.op, RangeOp::Count | RangeOp::Rate | RangeOp::Absent);
        is_count
            && self.unwrap.is_none()
            && self.pipeline.reads_only(&is_known)
            && !self.groups_by_others(is_known)
    }

    /// Whether the result depends on the metadata of lines.
    pub(crate) fn reads_metadata(&self, is_known: impl Fn(&str) -> bool) -> bool {
        let of_labels = !self.pipeline.reads_only(&is_known);
        of_labels || self.unwrap.is_some() || self.groups_by_others(is_known)
    }

    fn groups_by_others(&self, is_known: impl Fn(&str) -> bool) -> bool {
        let grouping = self
            .grouping
            .as_ref()
            .filter(|grouping| !grouping.is_without);
        grouping.is_some_and(|grouping| !grouping.labels.iter().all(|label| is_known(label)))
    }

    /// Its log query.
    pub(crate) fn query(&self) -> &LogQuery {
        &self.query
    }

    /// The pipeline of its log query.
    pub(crate) fn pipeline(&self) -> &LogPipeline {
        &self.pipeline
    }

    fn pipeline_error(&self, labels: &Labels<'_>) -> MetricError {
        let text = |name| labels.get(name).unwrap_or_default().to_owned();
        MetricError::Pipeline {
            error: text(ERROR),
            details: text(ERROR_DETAILS),
            series: SeriesLabels::of_sorted(&self.series_of(labels)).to_string(),
        }
    }

    /// The labels of the series that a line belongs to, sorted by name.
    fn series_of<'l>(&self, labels: &'l Labels<'_>) -> Vec<(&'l str, &'l str)> {
        let mut pairs: Vec<(&str, &str)> = match &self.grouping {
            Some(grouping) if !grouping.is_without => grouping
                .labels
                .iter()
                .filter_map(|name| labels.find(name))
                .map(|label| (&*label.name, &*label.value))
                .collect(),
            grouping => {
                let without = grouping.as_ref().map(|grouping| grouping.labels.as_slice());
                let is_left_out = |name: &str| {
                    let is_unwrapped = self
                        .unwrap
                        .as_ref()
                        .is_some_and(|unwrap| unwrap.label == name);
                    is_unwrapped
                        || without.is_some_and(|labels| labels.iter().any(|label| label == name))
                };
                labels
                    .iter()
                    .filter(|label| {
                        label.kind != LabelKind::Metadata
                            || self.named.iter().any(|name| *name == label.name)
                    })
                    .map(|label| (&*label.name, &*label.value))
                    .filter(|(name, _)| !is_left_out(name))
                    .collect()
            }
        };
        pairs.retain(|(_, value)| !value.is_empty());
        pairs.sort_unstable();
        pairs.dedup();
        pairs
    }

    /// What its accumulators accumulate.
    pub(super) fn kind(&self) -> TallyKind {
        match self.op {
            RangeOp::Count
            | RangeOp::Rate
            | RangeOp::Bytes
            | RangeOp::BytesRate
            | RangeOp::Sum
            | RangeOp::Absent => TallyKind::Sum,
            RangeOp::Min => TallyKind::Least,
            RangeOp::Max => TallyKind::Greatest,
            RangeOp::Avg | RangeOp::Stddev | RangeOp::Stdvar => TallyKind::Moments,
            RangeOp::First => TallyKind::First,
            RangeOp::Last => TallyKind::Last,
            RangeOp::Quantile | RangeOp::RateCounter => TallyKind::Values,
        }
    }

    fn tally(&self, time_nanos: i64, value: f64) -> CellTally {
        match self.kind() {
            TallyKind::Sum => CellTally::Sum(value),
            TallyKind::Least => CellTally::Least(value),
            TallyKind::Greatest => CellTally::Greatest(value),
            TallyKind::Moments => CellTally::Moments {
                count: 1.0,
                mean: value,
                squares: 0.0,
            },
            TallyKind::First => CellTally::First(time_nanos, value),
            TallyKind::Last => CellTally::Last(time_nanos, value),
            TallyKind::Values => CellTally::Values(vec![(time_nanos, value)]),
        }
    }

    /// Whether it reports that there are no lines.
    pub(crate) fn is_absence(&self) -> bool {
        self.op == RangeOp::Absent
    }

    pub(super) fn absent_labels(&self) -> &SeriesLabels {
        &self.absent_labels
    }

    /// The value of a window; `None` without lines.
    pub(super) fn value(&self, window: &[Cell]) -> Option<f64> {
        let (first, rest) = window.split_first()?;
        let mut tally = first.tally.clone();
        for cell in rest {
            tally.merge(&cell.tally);
        }
        #[expect(
            clippy::cast_precision_loss,
            reason = "a length of time, as a floating point number"
        )]
        let seconds = self.interval_nanos as f64 / 1e9;
        Some(match (self.op, tally) {
            (RangeOp::Rate | RangeOp::BytesRate, CellTally::Sum(sum)) => sum / seconds,
            (RangeOp::Stdvar, CellTally::Moments { count, squares, .. }) => squares / count,
            (RangeOp::Stddev, CellTally::Moments { count, squares, .. }) => {
                (squares / count).sqrt()
            }
            (_, CellTally::Moments { mean, .. }) => mean,
            (RangeOp::RateCounter, CellTally::Values(mut values)) => {
                values.sort_by(|(a_time, a), (b_time, b)| later(*a_time, *a, *b_time, *b));
                counter_rate(&values, seconds)
            }
            (_, CellTally::Values(values)) => {
                let values = values.into_iter().map(|(_, value)| value).collect();
                quantile(self.parameter, values)
            }
            (_, CellTally::First(_, value) | CellTally::Last(_, value)) => value,
            (_, CellTally::Sum(value) | CellTally::Least(value) | CellTally::Greatest(value)) => {
                value
            }
        })
    }
}

/// The quantile of values, interpolated between the two nearest ones.
pub(super) fn quantile(quantile: f64, mut values: Vec<f64>) -> f64 {
    if values.is_empty() || quantile.is_nan() {
        return f64::NAN;
    }
    if quantile < 0.0 {
        return f64::NEG_INFINITY;
    }
    if quantile > 1.0 {
        return f64::INFINITY;
    }
    values.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_precision_loss,
        reason = "fewer values than a floating point number counts"
    )]
    let rank = quantile * (values.len() - 1) as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place among the values"
    )]
    let below = rank.floor() as usize;
    let above = (below + 1).min(values.len() - 1);
    let weight = rank - rank.floor();
    let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
    at(below) * (1.0 - weight) + at(above) * weight
}

/// The rate of a counter that may be reset, extrapolated to the ends of the range as in Prometheus.
fn counter_rate(values: &[(i64, f64)], range_seconds: f64) -> f64 {
    let (Some((first_time, first)), Some((last_time, last))) = (values.first(), values.last())
    else {
        return 0.0;
    };
    if values.len() < 2 || first_time == last_time {
        return 0.0;
    }
    let resets = values.windows(2).filter_map(|pair| match pair {
        [(_, before), (_, after)] if after < before => Some(*before),
        _ => None,
    });
    let increase = last - first + resets.sum::<f64>();
    #[expect(
        clippy::cast_precision_loss,
        reason = "a length of time, as a floating point number"
    )]
    let sampled = (last_time - first_time) as f64 / 1e9;
    #[expect(
        clippy::cast_precision_loss,
        reason = "fewer values than a floating point number counts"
    )]
    let between = sampled / (values.len() - 1) as f64;
    // The range is assumed to begin its length before the first value, and to end with the last.
    let mut to_start = range_seconds;
    if increase > 0.0 && *first >= 0.0 {
        to_start = to_start.min(sampled * (first / increase));
    }
    let before = if to_start < between * 1.1 {
        to_start
    } else {
        between / 2.0
    };
    increase * ((sampled + before) / sampled) / range_seconds
}
