//! The part of a metric query that the lines of this machine contribute, for a gateway that evaluates the query over several machines.

use super::metrics;
use super::parameters::{LokiParameters, QUERY_SINCE_NANOS, grid, refused};
use crate::logql::{self, EncodedTallies, Expr, Grid, MetricPlan};
use crate::query::Budget;
use crate::server::http::error::ApiError;
use crate::server::records::ScopedView;

/// Maximum size of an answer: a gateway waits for those of many machines.
pub(crate) const ANSWER_BYTES_MAX: usize = 8 << 20;

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
    bounded(encoded.to_bytes())
}

fn bounded(bytes: Vec<u8>) -> Result<Vec<u8>, ApiError> {
    if bytes.len() <= ANSWER_BYTES_MAX {
        return Ok(bytes);
    }
    Err(refused(format!(
        "the query has more than {} MiB of tallies on one node; narrow its selector, aggregate by fewer labels, or raise its step",
        ANSWER_BYTES_MAX >> 20
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_tallies_are_refused_with_advice() {
        assert!(bounded(vec![0; ANSWER_BYTES_MAX]).is_ok());
        let error = bounded(vec![0; ANSWER_BYTES_MAX + 1]).expect_err("refused");
        assert_eq!(error.status, 400);
        let text = "the query has more than 8 MiB of tallies on one node; narrow its selector";
        assert!(error.message.starts_with(text), "{error}");
    }
}
