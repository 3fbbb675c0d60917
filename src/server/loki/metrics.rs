//! Metric queries: the lines of each range are accumulated, and the expression is evaluated from the result.

use super::blocks::{self, StreamPeriods};
use super::json::QueryStats;
use super::parameters::refused;
use super::{labels, select};
use crate::logql::{
    MetricError, MetricOutcome, MetricPlan, RangePlan, SeriesLabels, SeriesTallies,
};
use crate::query::{Budget, Filter, Periods, Visit};
use crate::server::http::error::ApiError;
use crate::server::records::ScopedView;
use std::ops::ControlFlow;
use std::time::Instant;

/// Maximum number of series in one response; Grafana draws no more.
pub(crate) const SERIES_MAX: usize = 500;

/// The result of a metric query.
#[derive(Debug)]
pub(crate) struct MetricResult {
    pub(crate) outcome: MetricOutcome,
    pub(crate) stats: QueryStats,
    pub(crate) warnings: Vec<String>,
}

/// The lines of all ranges of a metric query, counted.
#[derive(Debug)]
pub(crate) struct TalliedRanges {
    pub(crate) tallies: Vec<SeriesTallies>,
    pub(crate) stats: QueryStats,
    pub(crate) warnings: Vec<String>,
}

/// Runs a metric query at all points of its grid.
pub(super) fn run(
    view: &ScopedView,
    plan: &MetricPlan,
    is_instant: bool,
    budget: &Budget,
) -> Result<MetricResult, ApiError> {
    let began = Instant::now();
    evaluate(plan, is_instant, tally_all(view, plan, budget)?, began)
}

/// Counts the lines of all ranges.
pub(super) fn tally_all(
    view: &ScopedView,
    plan: &MetricPlan,
    budget: &Budget,
) -> Result<TalliedRanges, ApiError> {
    let (mut stats, mut warnings) = (QueryStats::default(), Vec::new());
    let mut tallies = Vec::with_capacity(plan.ranges.len());
    for range in &plan.ranges {
        tallies.push(tally(view, range, budget, &mut stats, &mut warnings)?);
    }
    Ok(TalliedRanges {
        tallies,
        stats,
        warnings,
    })
}

/// Evaluates the expression around the ranges. `began`: when the query arrived.
pub(crate) fn evaluate(
    plan: &MetricPlan,
    is_instant: bool,
    counted: TalliedRanges,
    began: Instant,
) -> Result<MetricResult, ApiError> {
    let TalliedRanges {
        tallies,
        mut stats,
        mut warnings,
    } = counted;
    let outcome = if is_instant {
        plan.instant(&tallies)
    } else {
        plan.matrix(&tallies)
    };
    let mut outcome = outcome.map_err(failed)?;
    if limited(&mut outcome) {
        warnings.push(format!(
            "maximum number of series ({SERIES_MAX}) reached for a single query; returning partial results"
        ));
    }
    stats.elapsed = began.elapsed();
    stats.entries = match &outcome {
        MetricOutcome::Scalar(_) => 1,
        MetricOutcome::Vector(samples) => samples.len(),
        MetricOutcome::Matrix(series) => series.len(),
    };
    Ok(MetricResult {
        outcome,
        stats,
        warnings,
    })
}

/// Removes the series beyond the maximum; returns whether there were any.
fn limited(outcome: &mut MetricOutcome) -> bool {
    let (count, truncate): (usize, &mut dyn FnMut()) = match outcome {
        MetricOutcome::Scalar(_) => return false,
        MetricOutcome::Vector(samples) => (samples.len(), &mut || samples.truncate(SERIES_MAX)),
        MetricOutcome::Matrix(series) => (series.len(), &mut || series.truncate(SERIES_MAX)),
    };
    truncate();
    count > SERIES_MAX
}

fn tally(
    view: &ScopedView,
    range: &RangePlan,
    budget: &Budget,
    stats: &mut QueryStats,
    warnings: &mut Vec<String>,
) -> Result<SeriesTallies, ApiError> {
    let (after, last) = range.lines();
    let filter = select::filter(view, range.pipeline(), range.query(), after, last);
    let Some(filter) = filter else {
        return Ok(SeriesTallies::default());
    };
    let counts = range.counts_lines(|name| labels::is_shared(view.node(), name))
        && (!range.pipeline().filters_lines() || select::holds_line_filters(range.query()));
    let (visited, tallies) = if counts {
        count_lines(view, range, filter, budget)?
    } else {
        take_lines(view, range, filter, budget, stats)?
    };
    stats.lines += visited.scanned;
    let tallies = tallies.map_err(failed)?;
    if visited.is_partial && warnings.is_empty() {
        warnings.push(super::parameters::OUT_OF_TIME.to_owned());
    }
    Ok(tallies)
}

/// The tallies of the lines that were visited; a line may fail the query.
type Tallied = (Visit, Result<SeriesTallies, MetricError>);

/// Counts lines of which only the number matters.
fn count_lines(
    view: &ScopedView,
    range: &RangePlan,
    filter: Filter,
    budget: &Budget,
) -> Result<Tallied, ApiError> {
    let mut counts = StreamPeriods::new(view.node(), range);
    let mut failure = None;
    let (step, ends) = range.periods();
    let periods = Periods::new(step, ends);
    let visited = view.count_periods(filter, periods, budget, |source, to, levels| match counts
        .add(source, to, levels)
    {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => {
            failure = Some(error);
            ControlFlow::Break(())
        }
    })?;
    let tallies = failure.map_or_else(|| counts.finish(), Err);
    Ok((visited, tallies))
}

/// Runs the pipeline on each line.
fn take_lines(
    view: &ScopedView,
    range: &RangePlan,
    filter: Filter,
    budget: &Budget,
    stats: &mut QueryStats,
) -> Result<Tallied, ApiError> {
    let mut tallies = SeriesTallies::default();
    let mut failure = None;
    let visited = view.visit(
        filter,
        budget,
        |rows| blocks::take_lines(view.node(), range, rows),
        |of_block| {
            let merged = of_block.and_then(|of_block| {
                stats.bytes += of_block.bytes;
                tallies.merge(of_block.tallies)
            });
            match merged {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failure = Some(error);
                    ControlFlow::Break(())
                }
            }
        },
    )?;
    Ok((visited, failure.map_or(Ok(tallies), Err)))
}

#[expect(clippy::needless_pass_by_value, reason = "it is passed to `map_err`")]
fn failed(error: MetricError) -> ApiError {
    refused(error.to_string())
}

/// The series of a result and the sum of their values, in descending order.
pub(crate) fn greatest(outcome: MetricOutcome, limit: usize) -> MetricOutcome {
    match outcome {
        MetricOutcome::Vector(mut samples) => {
            samples.sort_by(|a, b| {
                b.value
                    .total_cmp(&a.value)
                    .then_with(|| a.labels.cmp(&b.labels))
            });
            samples.truncate(limit);
            MetricOutcome::Vector(samples)
        }
        MetricOutcome::Matrix(mut series) => {
            let total = |values: &[(u32, f64)]| values.iter().map(|(_, value)| value).sum::<f64>();
            series.sort_by(|a, b| {
                let by_total = total(&b.values).total_cmp(&total(&a.values));
                by_total.then_with(|| SeriesLabels::cmp(&a.labels, &b.labels))
            });
            series.truncate(limit);
            MetricOutcome::Matrix(series)
        }
        scalar @ MetricOutcome::Scalar(_) => scalar,
    }
}
