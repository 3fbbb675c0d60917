//! The parser: recursive descent over the tokens of a query.

mod cursor;
mod labels;
mod metric;
mod selector;
mod stages;

use super::ast::{Expr, MetricExpr};
use super::error::LogqlError;
use super::lexer::QueryToken;
use cursor::WordCursor;

/// Maximum length of a query, as in Loki.
pub(crate) const QUERY_BYTES_MAX: usize = 128 << 10;

/// Parses a query.
///
/// # Errors
///
/// [`LogqlError`] with line and column, for violations of the grammar and for invalid combinations.
pub(crate) fn parse(query: &str) -> Result<Expr, LogqlError> {
    let parsed = parse_unchecked(query)?;
    check(&parsed).map_err(|error| error.located(query))?;
    Ok(parsed)
}

/// The same as [`parse`], but a selector may match everything, because a scope is added to the query.
pub(crate) fn parse_unchecked(query: &str) -> Result<Expr, LogqlError> {
    if query.len() > QUERY_BYTES_MAX {
        let message = format!("input size too long ({} > {QUERY_BYTES_MAX})", query.len());
        return Err(LogqlError::meaning(0, message));
    }
    let read = || {
        let mut cursor = WordCursor::new(query)?;
        let parsed = metric::expression(&mut cursor)?;
        match cursor.peek() {
            QueryToken::End => Ok(parsed),
            _ => Err(cursor.unexpected(&[])),
        }
    };
    read().map_err(|error: LogqlError| error.located(query))
}

/// Rejects selectors that match every stream.
fn check(expr: &Expr) -> Result<(), LogqlError> {
    match expr {
        Expr::Log(query) => selector::check(query),
        Expr::Metric(metric) => check_metric(metric),
    }
}

fn check_metric(expr: &MetricExpr) -> Result<(), LogqlError> {
    match expr {
        MetricExpr::Range(range) => selector::check(&range.range.query),
        MetricExpr::Vector(vector) => check_metric(&vector.expr),
        MetricExpr::Binary(binary) => {
            check_metric(&binary.left)?;
            check_metric(&binary.right)
        }
        MetricExpr::LabelReplace(replace) => check_metric(&replace.expr),
        MetricExpr::Literal(_) | MetricExpr::Constant(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests;
