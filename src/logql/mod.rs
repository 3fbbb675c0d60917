//! `LogQL`, the query language of Loki: parser, printer, pipelines over lines, and metric queries.
//!
//! ```text
//! text --> lexer --> parse --> ast --> pipeline (stages compiled) --> lines
//!                                 \--> metric (ranges, tallies)    --> series
//! ```
//!
//! This module does not know where lines come from. The caller passes each line to a `LogPipeline` or to the ranges
//! of a `MetricPlan`, in any order, and may skip lines that the selector and the line filters of a query exclude.

#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic
    )
)]

mod ast;
mod error;
mod field_type;
pub mod fuzz;
mod labels;
mod lexer;
mod matching;
mod metric;
mod names;
mod number;
mod parse;
mod pipeline;
mod print;
mod regex;
mod selectors;
mod template;
mod units;

pub(crate) use ast::{Expr, LineCondition, LineText, LogQuery};
pub(crate) use field_type::FieldType;
pub(crate) use labels::{Label, LabelKind, Labels, sanitized};
pub(crate) use metric::{
    EncodedTallies, Grid, MetricError, MetricOutcome, MetricPlan, RangePlan, SeriesLabels,
    SeriesPoints, SeriesTallies, TalliesError,
};
pub(crate) use number::format as format_number;
pub(crate) use parse::{parse, parse_unchecked};
pub(crate) use pipeline::{LogPipeline, PipelineLine};
pub(crate) use print::pretty;
pub(crate) use selectors::LabelConditions;
pub(crate) use units::scan_duration;
