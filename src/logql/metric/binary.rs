//! Operators between two sides at one point.

use super::MetricError;
use super::series::{SeriesLabels, VectorSample};
use crate::logql::ast::{BinaryOp, BinaryOperation, GroupSide, Matching};
use crate::logql::number;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// One side of an operator at one point.
#[derive(Debug)]
pub(super) enum Side {
    Number(f64),
    Vector(Vec<VectorSample>),
}

/// Applies an operator to its sides.
pub(super) fn apply(
    binary: &BinaryOperation,
    left: Side,
    right: Side,
) -> Result<Side, MetricError> {
    let (op, matching) = (binary.op, &binary.matching);
    Ok(match (left, right) {
        (Side::Number(left), Side::Number(right)) => {
            Side::Number(number::of_numbers(op, left, right))
        }
        (Side::Vector(samples), Side::Number(number)) => {
            let each = |value| combine(op, matching.returns_bool, value, number, value);
            Side::Vector(with_number(samples, each))
        }
        (Side::Number(number), Side::Vector(samples)) => {
            let each = |value| combine(op, matching.returns_bool, number, value, value);
            Side::Vector(with_number(samples, each))
        }
        (Side::Vector(left), Side::Vector(right)) if op.is_set() => {
            Side::Vector(sets(op, matching, left, right))
        }
        (Side::Vector(left), Side::Vector(right)) => {
            Side::Vector(matched(op, matching, left, right)?)
        }
    })
}

/// The value of an operator; for a filtering comparison `kept` if it holds, and `None` if not.
fn combine(op: BinaryOp, returns_bool: bool, left: f64, right: f64, kept: f64) -> Option<f64> {
    match op {
        BinaryOp::Compare(comparison) if !returns_bool => {
            comparison.holds(left, right).then_some(kept)
        }
        _ => Some(number::of_numbers(op, left, right)),
    }
}

fn with_number(samples: Vec<VectorSample>, each: impl Fn(f64) -> Option<f64>) -> Vec<VectorSample> {
    let combined = samples.into_iter().filter_map(|sample| {
        let value = each(sample.value)?;
        Some(VectorSample { value, ..sample })
    });
    combined.collect()
}

/// The labels by which series of both sides are matched.
fn signature(matching: &Matching, labels: &SeriesLabels) -> SeriesLabels {
    match &matching.labels {
        None => labels.clone(),
        Some(wanted) => {
            labels.only(|name| wanted.labels.iter().any(|label| label == name) == wanted.is_on)
        }
    }
}

fn sets(
    op: BinaryOp,
    matching: &Matching,
    left: Vec<VectorSample>,
    right: Vec<VectorSample>,
) -> Vec<VectorSample> {
    let signatures = |samples: &[VectorSample]| -> HashSet<SeriesLabels> {
        samples
            .iter()
            .map(|sample| signature(matching, &sample.labels))
            .collect()
    };
    if op == BinaryOp::Or {
        let known = signatures(&left);
        let others = right
            .into_iter()
            .filter(|sample| !known.contains(&signature(matching, &sample.labels)));
        return left.into_iter().chain(others).collect();
    }
    let known = signatures(&right);
    let is_kept = |sample: &VectorSample| {
        known.contains(&signature(matching, &sample.labels)) == (op == BinaryOp::And)
    };
    left.into_iter().filter(is_kept).collect()
}

/// Operators on values: matches each series of the "many" side with the series of the other side that has its
/// signature.
fn matched(
    op: BinaryOp,
    matching: &Matching,
    left: Vec<VectorSample>,
    right: Vec<VectorSample>,
) -> Result<Vec<VectorSample>, MetricError> {
    let many_is_left = matching.group.as_ref().is_none_or(|group| group.is_left);
    let (many, one) = if many_is_left {
        (left, right)
    } else {
        (right, left)
    };
    let mut by_signature = HashMap::new();
    for sample in one {
        let signature = signature(matching, &sample.labels);
        if by_signature.insert(signature, sample).is_some() {
            return Err(MetricError::ManyMatches(if many_is_left {
                "right"
            } else {
                "left"
            }));
        }
    }
    let mut matched = Vec::new();
    let mut seen = HashSet::new();
    for sample in many {
        let signature = signature(matching, &sample.labels);
        let Some(other) = by_signature.get(&signature) else {
            continue;
        };
        if matching.group.is_none() && !seen.insert(signature) {
            return Err(MetricError::ManyMatches("left"));
        }
        let (left, right) = if many_is_left {
            (sample.value, other.value)
        } else {
            (other.value, sample.value)
        };
        let Some(value) = combine(op, matching.returns_bool, left, right, left) else {
            continue;
        };
        let labels = result_labels(matching, &sample.labels, &other.labels);
        matched.push(VectorSample { labels, value });
    }
    Ok(matched)
}

fn result_labels(
    matching: &Matching,
    many: &Arc<SeriesLabels>,
    one: &SeriesLabels,
) -> Arc<SeriesLabels> {
    match &matching.group {
        None if matching.labels.is_none() => Arc::clone(many),
        None => Arc::new(signature(matching, many)),
        Some(GroupSide { include, .. }) => {
            let with = |labels: SeriesLabels, name: &String| {
                labels.with(name, one.get(name).unwrap_or_default())
            };
            Arc::new(include.iter().fold((**many).clone(), with))
        }
    }
}
