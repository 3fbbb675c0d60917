//! Aggregations over the series of one point.

use super::series::{SeriesLabels, VectorSample};
use crate::logql::ast::{VectorAggregation, VectorOp};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Applies an aggregation to the samples of one point.
pub(super) fn aggregate(
    aggregation: &VectorAggregation,
    samples: Vec<VectorSample>,
) -> Vec<VectorSample> {
    let op = aggregation.op;
    if matches!(op, VectorOp::Sort | VectorOp::SortDescending) {
        return sorted(samples, op == VectorOp::SortDescending);
    }
    let mut groups: BTreeMap<SeriesLabels, Vec<VectorSample>> = BTreeMap::new();
    for sample in samples {
        let labels = sample.labels.grouped(aggregation.grouping.as_ref());
        groups.entry(labels).or_default().push(sample);
    }
    if let (VectorOp::TopK | VectorOp::BottomK, Some(count)) = (op, aggregation.parameter) {
        let kept = groups.into_values().map(|group| {
            let mut group = sorted(group, op == VectorOp::TopK);
            group.truncate(count);
            group
        });
        return sorted(kept.flatten().collect(), op == VectorOp::TopK);
    }
    let combined = groups.into_iter().map(|(labels, group)| VectorSample {
        labels: Arc::new(labels),
        value: combined(op, &group),
    });
    combined.collect()
}

/// Sorts by value, and series of equal values by their labels. NaN comes last.
fn sorted(mut samples: Vec<VectorSample>, is_descending: bool) -> Vec<VectorSample> {
    samples.sort_by(|a, b| {
        let by_value = match (a.value.is_nan(), b.value.is_nan()) {
            (false, false) if is_descending => b.value.total_cmp(&a.value),
            (false, false) => a.value.total_cmp(&b.value),
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (true, true) => Ordering::Equal,
        };
        by_value.then_with(|| a.labels.cmp(&b.labels))
    });
    samples
}

fn combined(op: VectorOp, group: &[VectorSample]) -> f64 {
    let values = || group.iter().map(|sample| sample.value);
    #[expect(
        clippy::cast_precision_loss,
        reason = "fewer series than a floating point number counts"
    )]
    let count = group.len() as f64;
    let mean = || values().sum::<f64>() / count;
    let variance = || {
        let mean = mean();
        values().map(|value| (value - mean).powi(2)).sum::<f64>() / count
    };
    match op {
        VectorOp::Sum => values().sum(),
        VectorOp::Avg => mean(),
        VectorOp::Count => count,
        VectorOp::Max => values().fold(f64::NAN, f64::max),
        VectorOp::Min => values().fold(f64::NAN, f64::min),
        VectorOp::Stdvar => variance(),
        VectorOp::Stddev => variance().sqrt(),
        VectorOp::TopK | VectorOp::BottomK | VectorOp::Sort | VectorOp::SortDescending => f64::NAN,
    }
}
