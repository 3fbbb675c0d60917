//! Metric queries: values of lines, accumulated in any order, and expressions over them at each point in time.
//!
//! Lines are not kept. Each series has one accumulator for each period whose lines are in the windows of the same
//! points, so that memory depends on series and points, not on lines; above [`BYTES_MAX`] a query is refused.

mod aggregate;
mod binary;
mod evaluate;
mod grid;
mod range;
mod series;
mod tally;
mod wire;

pub(crate) use evaluate::{MetricOutcome, MetricPlan};
pub(crate) use grid::Grid;
pub(crate) use range::RangePlan;
pub(crate) use series::{SeriesLabels, SeriesPoints};
pub(crate) use tally::SeriesTallies;
pub(crate) use wire::{EncodedTallies, TalliesError};

use std::fmt;

/// Maximum memory of the accumulators and results of one query.
pub(crate) const BYTES_MAX: usize = 32 << 20;

/// Why a metric query has no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MetricError {
    /// A line has an error that the query does not handle.
    Pipeline {
        error: String,
        details: String,
        series: String,
    },
    /// Too many series for the number of points.
    TooLarge { series: usize },
    /// Several series of one side match one series of the other.
    ManyMatches(&'static str),
}

impl fmt::Display for MetricError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pipeline {
                error,
                details,
                series,
            } => {
                write!(f, "pipeline error: '{error}' for series: '{series}'")?;
                if !details.is_empty() {
                    write!(f, " ({details})")?;
                }
                write!(
                    f,
                    ".\nUse a label filter to intentionally skip this error. (e.g | __error__!=\"{error}\").\n\
                     To skip all potential errors you can match empty errors.(e.g __error__=\"\")\n\
                     The label filter can also be specified after unwrap. (e.g | unwrap latency | __error__=\"\" )\n"
                )
            }
            Self::TooLarge { series } => write!(
                f,
                "the query needs more than {} MiB for {series} series; narrow its selector, aggregate by fewer labels, or raise its step",
                BYTES_MAX >> 20
            ),
            Self::ManyMatches(side) => write!(
                f,
                "multiple matches for labels on the {side} side: many-to-one matching must be explicit (group_left/group_right)"
            ),
        }
    }
}

impl std::error::Error for MetricError {}

#[cfg(test)]
mod tests;
