//! Parses metric expressions: functions of ranges and vectors, arithmetic and comparison.

use super::cursor::WordCursor;
use super::{labels, stages};
use crate::logql::ast::{
    BinaryOp, BinaryOperation, Conversion, Expr, GroupSide, LabelGrouping, LabelReplace, LogQuery,
    LogRange, Matching, MatchingLabels, MetricExpr, RangeAggregation, RangeOp, Unwrap,
    VectorAggregation, VectorOp,
};
use crate::logql::error::LogqlError;
use crate::logql::lexer::QueryToken;
use crate::logql::matching::compile_anchored;
use crate::logql::number;

/// A whole expression.
pub(super) fn expression(cursor: &mut WordCursor) -> Result<Expr, LogqlError> {
    operation(cursor, 0)
}

/// The binding strength of an operator, and whether it is right-associative.
fn binding(op: BinaryOp) -> (u8, bool) {
    match op {
        BinaryOp::Or => (1, false),
        BinaryOp::And | BinaryOp::Unless => (2, false),
        BinaryOp::Compare(_) => (3, false),
        BinaryOp::Add | BinaryOp::Subtract => (4, false),
        BinaryOp::Multiply | BinaryOp::Divide | BinaryOp::Modulo => (5, false),
        BinaryOp::Power => (6, true),
    }
}

/// Parses operators that bind at least as tightly as `least`.
fn operation(cursor: &mut WordCursor, least: u8) -> Result<Expr, LogqlError> {
    let mut left_at = cursor.at();
    let mut left = primary(cursor)?;
    while let Some(op) = binary_op(cursor) {
        let (strength, from_right) = binding(op);
        if strength < least {
            break;
        }
        cursor.skip();
        let matching = matching(cursor)?;
        let right_at = cursor.at();
        let next = if from_right { strength } else { strength + 1 };
        let right = cursor.deeper(|cursor| operation(cursor, next))?;
        let left_leg = leg(left, left_at, op, "left")?;
        let right_leg = leg(right, right_at, op, "right")?;
        left = Expr::Metric(binary(
            op, left_leg, right_leg, matching, left_at, right_at,
        )?);
        left_at = left_at.min(right_at);
    }
    Ok(left)
}

fn binary_op(cursor: &WordCursor) -> Option<BinaryOp> {
    match cursor.peek() {
        QueryToken::Sign("=") => None,
        QueryToken::Sign(sign) => BinaryOp::named(sign),
        QueryToken::Name(name) => BinaryOp::named(name),
        _ => None,
    }
}

/// Log queries cannot be operands.
fn leg(expr: Expr, at: usize, op: BinaryOp, side: &str) -> Result<MetricExpr, LogqlError> {
    match expr {
        Expr::Metric(metric) => Ok(metric),
        Expr::Log(query) => {
            let kind = if query.stages.is_empty() {
                "MatchersExpr"
            } else {
                "PipelineExpr"
            };
            let name = op.name();
            let message = format!(
                "unexpected type for {side} leg of binary operation ({name}): *syntax.{kind}"
            );
            Err(LogqlError::meaning(at, message))
        }
    }
}

fn binary(
    op: BinaryOp,
    left: MetricExpr,
    right: MetricExpr,
    matching: Matching,
    left_at: usize,
    right_at: usize,
) -> Result<MetricExpr, LogqlError> {
    if op.is_set() {
        for (side, at, expr) in [("left", left_at, &left), ("right", right_at, &right)] {
            if let MetricExpr::Literal(value) = expr {
                let name = op.name();
                let message = format!(
                    "unexpected literal for {side} leg of logical/set binary operation ({name}): {value}"
                );
                return Err(LogqlError::meaning(at, message));
            }
        }
    }
    if let (MetricExpr::Literal(left), MetricExpr::Literal(right)) = (&left, &right) {
        // A comparison of two numbers is 1 or 0; NaN cannot be written as a number.
        let result = number::of_numbers(op, *left, *right);
        if result.is_finite() {
            return Ok(MetricExpr::Literal(result));
        }
    }
    Ok(MetricExpr::Binary(Box::new(BinaryOperation {
        op,
        left,
        right,
        matching,
    })))
}

/// `bool on(a) group_left(b)`
fn matching(cursor: &mut WordCursor) -> Result<Matching, LogqlError> {
    let returns_bool = cursor.take_name("bool");
    let mut matching = Matching {
        returns_bool,
        ..Matching::default()
    };
    let is_on = cursor.is_name("on");
    if !is_on && !cursor.is_name("ignoring") {
        return Ok(matching);
    }
    cursor.skip();
    matching.labels = Some(MatchingLabels {
        is_on,
        labels: label_list(cursor)?,
    });
    let is_left = cursor.is_name("group_left");
    if is_left || cursor.is_name("group_right") {
        cursor.skip();
        let include = if cursor.is_sign("(") {
            label_list(cursor)?
        } else {
            Vec::new()
        };
        matching.group = Some(GroupSide { is_left, include });
    }
    Ok(matching)
}

/// `(a, b)`; a comma may follow the last.
fn label_list(cursor: &mut WordCursor) -> Result<Vec<String>, LogqlError> {
    cursor.expect_sign("(")?;
    let mut labels = Vec::new();
    while !cursor.take_sign(")") {
        if !labels.is_empty() {
            if !cursor.take_sign(",") {
                return Err(cursor.unexpected(&[",", ")"]));
            }
            if cursor.take_sign(")") {
                break;
            }
        }
        match cursor.peek() {
            QueryToken::Name(name) if !name.contains(':') => labels.push(name.clone()),
            _ => return Err(cursor.unexpected(&["IDENTIFIER", ")"])),
        }
        cursor.skip();
    }
    Ok(labels)
}

fn primary(cursor: &mut WordCursor) -> Result<Expr, LogqlError> {
    match cursor.peek() {
        QueryToken::Sign("{") => stages::log_query(cursor).map(Expr::Log),
        QueryToken::Sign("(") => {
            cursor.skip();
            let inner = cursor.deeper(expression)?;
            cursor.expect_sign(")")?;
            Ok(inner)
        }
        QueryToken::Sign("+" | "-") | QueryToken::Number(_) => {
            let number = labels::signed_number(cursor)?;
            Ok(Expr::Metric(MetricExpr::Literal(number)))
        }
        QueryToken::Name(name) => {
            let name = name.clone();
            call(cursor, &name).map(Expr::Metric)
        }
        _ => Err(cursor.unexpected(&[])),
    }
}

/// A function call by name.
fn call(cursor: &mut WordCursor, name: &str) -> Result<MetricExpr, LogqlError> {
    let at = cursor.at();
    let is_called = matches!(cursor.peek_after(), QueryToken::Sign("("));
    let is_grouped = matches!(cursor.peek_after(), QueryToken::Name(next)
        if next.eq_ignore_ascii_case("by") || next.eq_ignore_ascii_case("without"));
    let range_op = RangeOp::named(name).filter(|_| is_called);
    let vector_op = VectorOp::named(name).filter(|_| is_called || is_grouped);
    if let Some(op) = range_op {
        cursor.skip();
        return cursor.deeper(|cursor| range_aggregation(cursor, op, at));
    }
    if let Some(op) = vector_op {
        cursor.skip();
        return cursor.deeper(|cursor| vector_aggregation(cursor, op, at));
    }
    if name.eq_ignore_ascii_case("vector") {
        cursor.skip();
        cursor.expect_sign("(")?;
        let number = cursor.expect_number()?;
        cursor.expect_sign(")")?;
        return Ok(MetricExpr::Constant(number));
    }
    if name.eq_ignore_ascii_case("label_replace") {
        cursor.skip();
        return cursor.deeper(label_replace);
    }
    Err(cursor.unexpected(&[]))
}

fn label_replace(cursor: &mut WordCursor) -> Result<MetricExpr, LogqlError> {
    cursor.expect_sign("(")?;
    let expr = metric_expression(cursor)?;
    let mut texts = Vec::new();
    for _ in 0..4 {
        cursor.expect_sign(",")?;
        texts.push(cursor.expect_text()?);
    }
    cursor.expect_sign(")")?;
    let mut texts = texts.into_iter();
    let (Some(destination), Some(replacement), Some(source), Some(regex)) =
        (texts.next(), texts.next(), texts.next(), texts.next())
    else {
        return Err(cursor.unexpected(&["STRING"]));
    };
    compile_anchored(&regex)?;
    Ok(MetricExpr::LabelReplace(Box::new(LabelReplace {
        expr,
        destination,
        replacement,
        source,
        regex,
    })))
}

/// An expression that must not be a log query.
fn metric_expression(cursor: &mut WordCursor) -> Result<MetricExpr, LogqlError> {
    let at = cursor.at();
    match expression(cursor)? {
        Expr::Metric(metric) => Ok(metric),
        Expr::Log(_) => Err(LogqlError::syntax(
            cursor.at().max(at),
            format!("unexpected {}", cursor.peek().name()),
        )),
    }
}

/// `sum by (a) (b)`, `topk(3, b)`
fn vector_aggregation(
    cursor: &mut WordCursor,
    op: VectorOp,
    at: usize,
) -> Result<MetricExpr, LogqlError> {
    let mut grouping = label_grouping(cursor)?;
    cursor.expect_sign("(")?;
    let is_parameter = matches!(cursor.peek(), QueryToken::Number(_))
        && matches!(cursor.peek_after(), QueryToken::Sign(","));
    let parameter_at = cursor.at();
    let parameter = if is_parameter {
        let number = cursor.expect_number()?;
        cursor.skip();
        Some(number)
    } else {
        None
    };
    let expr = metric_expression(cursor)?;
    cursor.expect_sign(")")?;
    if grouping.is_none() {
        grouping = label_grouping(cursor)?;
    }
    let is_sort = matches!(op, VectorOp::Sort | VectorOp::SortDescending);
    if is_sort
        && grouping
            .as_ref()
            .is_some_and(|grouping| !grouping.labels.is_empty())
    {
        let message = "sort and sort_desc doesn't allow grouping by ";
        return Err(LogqlError::meaning(at, message));
    }
    let parameter = count_of(op, parameter, at, parameter_at)?;
    Ok(MetricExpr::Vector(Box::new(VectorAggregation {
        op,
        parameter,
        expr,
        grouping,
    })))
}

/// The number of series that `topk` and `bottomk` keep; other functions take no number.
fn count_of(
    op: VectorOp,
    parameter: Option<f64>,
    at: usize,
    parameter_at: usize,
) -> Result<Option<usize>, LogqlError> {
    let name = op.name();
    let takes_count = matches!(op, VectorOp::TopK | VectorOp::BottomK);
    match (takes_count, parameter) {
        (false, None) => Ok(None),
        (false, Some(number)) => {
            let message = format!("unsupported parameter for operation {name}({number},");
            Err(LogqlError::meaning(parameter_at, message))
        }
        (true, None) => {
            let message = format!("parameter required for operation {name}");
            Err(LogqlError::meaning(at, message))
        }
        (true, Some(number)) => match number::count(number) {
            Some(count) if count > 0 => Ok(Some(count)),
            Some(_) => {
                let message = format!("invalid parameter (must be greater than 0) {name}({number}");
                Err(LogqlError::meaning(parameter_at, message))
            }
            None => {
                let message = format!("invalid parameter {name}({number},");
                Err(LogqlError::meaning(parameter_at, message))
            }
        },
    }
}

/// `by (a)` or `without (a)`, if it is next.
fn label_grouping(cursor: &mut WordCursor) -> Result<Option<LabelGrouping>, LogqlError> {
    let is_without = cursor.is_name("without");
    if !is_without && !cursor.is_name("by") {
        return Ok(None);
    }
    cursor.skip();
    cursor.expect_sign("(")?;
    let mut labels = Vec::new();
    if !cursor.take_sign(")") {
        labels.push(cursor.expect_label()?);
        while !cursor.take_sign(")") {
            if !cursor.take_sign(",") {
                return Err(cursor.unexpected(&[",", ")"]));
            }
            labels.push(cursor.expect_label()?);
        }
    }
    Ok(Some(LabelGrouping { is_without, labels }))
}

/// `rate({a="b"}[5m])`
fn range_aggregation(
    cursor: &mut WordCursor,
    op: RangeOp,
    at: usize,
) -> Result<MetricExpr, LogqlError> {
    cursor.expect_sign("(")?;
    let parameter = if matches!(cursor.peek(), QueryToken::Number(_)) {
        let number = cursor.expect_number()?;
        cursor.expect_sign(",")?;
        Some(number)
    } else {
        None
    };
    let range_at = cursor.at();
    let range = log_range(cursor)?;
    cursor.expect_sign(")")?;
    let grouping = label_grouping(cursor)?;
    check_range(op, parameter, &range, grouping.as_ref())
        .map_err(|message| LogqlError::meaning(at, message))?;
    if range.interval_nanos <= 0 {
        let message = "the range must be longer than 0";
        return Err(LogqlError::meaning(range_at, message));
    }
    Ok(MetricExpr::Range(Box::new(RangeAggregation {
        op,
        parameter,
        range,
        grouping,
    })))
}

/// Rejects invalid combinations.
fn check_range(
    op: RangeOp,
    parameter: Option<f64>,
    range: &LogRange,
    grouping: Option<&LabelGrouping>,
) -> Result<(), String> {
    let name = op.name();
    match (op, parameter) {
        (RangeOp::Quantile, None) => {
            return Err(format!("parameter required for operation {name}"));
        }
        (RangeOp::Quantile, Some(_)) | (_, None) => {}
        (_, Some(number)) => {
            return Err(format!(
                "parameter {number} not supported for operation {name}"
            ));
        }
    }
    let may_group = matches!(
        op,
        RangeOp::Avg
            | RangeOp::Stddev
            | RangeOp::Stdvar
            | RangeOp::Quantile
            | RangeOp::Max
            | RangeOp::Min
            | RangeOp::First
            | RangeOp::Last
    );
    if grouping.is_some() && !may_group {
        return Err(format!("grouping not allowed for {name} aggregation"));
    }
    let of_lines = matches!(op, RangeOp::Count | RangeOp::Bytes | RangeOp::BytesRate);
    let of_either = matches!(op, RangeOp::Rate | RangeOp::Absent);
    if range.unwrap.is_some() && of_lines {
        return Err(format!("invalid aggregation {name} with unwrap"));
    }
    if range.unwrap.is_none() && !of_lines && !of_either {
        return Err(format!("invalid aggregation {name} without unwrap"));
    }
    Ok(())
}

/// A log query with a range, which may be before or after the stages.
fn log_range(cursor: &mut WordCursor) -> Result<LogRange, LogqlError> {
    if !cursor.take_sign("(") {
        let parts = range_parts(cursor)?;
        return parts.complete(cursor);
    }
    let mut parts = if cursor.is_sign("(") {
        let inner = cursor.deeper(log_range)?;
        RangeParts::whole(inner)
    } else {
        range_parts(cursor)?
    };
    cursor.expect_sign(")")?;
    if parts.interval.is_none() {
        let is_bare = parts.query.stages.is_empty() && parts.unwrap.is_none();
        parts.read_interval(cursor)?;
        if is_bare {
            parts.unwrap = unwrap(cursor)?;
        }
    }
    parts.complete(cursor)
}

/// A log query whose range may still follow.
struct RangeParts {
    query: LogQuery,
    unwrap: Option<Unwrap>,
    interval: Option<i64>,
    offset: i64,
}

impl RangeParts {
    fn whole(range: LogRange) -> Self {
        Self {
            query: range.query,
            unwrap: range.unwrap,
            interval: Some(range.interval_nanos),
            offset: range.offset_nanos,
        }
    }

    fn read_interval(&mut self, cursor: &mut WordCursor) -> Result<(), LogqlError> {
        if cursor.take_sign("[") {
            self.interval = Some(cursor.expect_duration()?);
            cursor.expect_sign("]")?;
            if cursor.take_name("offset") {
                self.offset = cursor.expect_duration()?;
            }
        }
        Ok(())
    }

    fn complete(self, cursor: &WordCursor) -> Result<LogRange, LogqlError> {
        Ok(LogRange {
            query: self.query,
            unwrap: self.unwrap,
            interval_nanos: self.interval.ok_or_else(|| cursor.unexpected(&["RANGE"]))?,
            offset_nanos: self.offset,
        })
    }
}

fn range_parts(cursor: &mut WordCursor) -> Result<RangeParts, LogqlError> {
    let query = stages::log_query(cursor)?;
    let mut parts = RangeParts {
        query,
        unwrap: unwrap(cursor)?,
        interval: None,
        offset: 0,
    };
    let is_bare = parts.query.stages.is_empty() && parts.unwrap.is_none();
    parts.read_interval(cursor)?;
    if is_bare && parts.interval.is_some() {
        parts.query.stages = stages::stages(cursor)?;
        parts.unwrap = unwrap(cursor)?;
    }
    Ok(parts)
}

/// `| unwrap duration(a) | b="c"`, if it is next.
fn unwrap(cursor: &mut WordCursor) -> Result<Option<Unwrap>, LogqlError> {
    if !cursor.is_sign("|") || !stages::is_unwrap(cursor.peek_after()) {
        return Ok(None);
    }
    cursor.skip();
    cursor.skip();
    let mut label = cursor.expect_label()?;
    let mut conversion = None;
    if let Some(named) = Conversion::named(&label)
        && cursor.take_sign("(")
    {
        conversion = Some(named);
        label = cursor.expect_label()?;
        cursor.expect_sign(")")?;
    }
    let mut filters = Vec::new();
    while cursor.take_sign("|") {
        filters.push(labels::label_filter(cursor)?);
    }
    Ok(Some(Unwrap {
        label,
        conversion,
        filters,
    }))
}
