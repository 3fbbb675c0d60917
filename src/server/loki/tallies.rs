//! The part of a metric query that the lines of this machine contribute, for a gateway that evaluates the query over several machines.

use super::metrics;
use super::parameters::{LokiParameters, QUERY_SINCE_NANOS, grid, refused};
use crate::logql::{self, EncodedTallies, Expr, Grid, MetricPlan};
use crate::query::Budget;
use crate::server::http::error::ApiError;
use crate::server::records::ScopedView;

/// The type of the answer.
pub(super) const CBOR: &str = "application/cbor";

/// `tallies`: at one time with `time`, otherwise over time.
pub(super) fn tallies(
    view: &ScopedView,
    parameters: &LokiParameters,
    budget: &Budget,
) -> Result<Vec<u8>, ApiError> {
    let text = parameters.query()?;
    let parsed = logql::parse(text).map_err(|error| refused(error.to_string()))?;
    let Expr::Metric(metric) = parsed else {
        return Err(refused("only metric queries have tallies"));
    };
    let grid = if parameters.get("time").is_some() {
        Grid::instant(parameters.instant()?)
    } else {
        let (start, end) = parameters.range(QUERY_SINCE_NANOS)?;
        grid(start, end, parameters.step(start, end)?)?
    };
    let plan =
        MetricPlan::new(&metric, grid).map_err(|error| refused(error.located(text).to_string()))?;
    let counted = metrics::tally_all(view, &plan, budget)?;
    let mut encoded = EncodedTallies::new(&plan, &counted.tallies);
    encoded.lines = counted.stats.lines;
    encoded.bytes = counted.stats.bytes;
    encoded.warnings = counted.warnings;
    Ok(encoded.to_bytes())
}
