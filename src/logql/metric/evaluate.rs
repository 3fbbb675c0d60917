//! Evaluates expressions, point by point, over the tallies of their ranges.

use super::aggregate::aggregate;
use super::binary::{self, Side};
use super::grid::Grid;
use super::range::RangePlan;
use super::series::{SeriesLabels, SeriesPoints, VectorSample};
use super::tally::{SeriesTallies, SeriesTally};
use super::{BYTES_MAX, MetricError};
use crate::logql::ast::{
    LabelGrouping, LabelReplace, MetricExpr, RangeOp, VectorAggregation, VectorOp,
};
use crate::logql::error::LogqlError;
use crate::logql::matching::{self, GoRegex};
use std::collections::HashMap;
use std::sync::Arc;

/// A compiled expression whose ranges can be fed with lines.
#[derive(Debug)]
pub(crate) struct MetricPlan {
    grid: Grid,
    root: PlanNode,
    /// The ranges, in the order in which the expression names them.
    pub(crate) ranges: Vec<RangePlan>,
}

/// The expression with its ranges numbered.
#[derive(Debug)]
enum PlanNode {
    Range(usize),
    Vector(Box<VectorAggregation>, Box<Self>),
    Binary(
        Box<crate::logql::ast::BinaryOperation>,
        Box<Self>,
        Box<Self>,
    ),
    Literal(f64),
    Constant(f64),
    LabelReplace(Box<Replace>, Box<Self>),
}

#[derive(Debug)]
struct Replace {
    destination: String,
    replacement: String,
    source: String,
    pattern: GoRegex,
}

/// The result of an expression.
#[derive(Debug, PartialEq)]
pub(crate) enum MetricOutcome {
    /// A number, for one point.
    Scalar(f64),
    /// Samples, for one point, in their order.
    Vector(Vec<VectorSample>),
    /// Series, in the order of their labels.
    Matrix(Vec<SeriesPoints>),
}

impl MetricOutcome {
    /// The series of a matrix.
    pub(crate) fn into_series(self) -> Vec<SeriesPoints> {
        match self {
            Self::Matrix(series) => series,
            Self::Scalar(_) | Self::Vector(_) => Vec::new(),
        }
    }
}

impl MetricPlan {
    /// Compiles an expression.
    ///
    /// # Errors
    /// [`LogqlError`] as [`crate::logql::LogPipeline::new`].
    pub(crate) fn new(expr: &MetricExpr, grid: Grid) -> Result<Self, LogqlError> {
        let mut ranges = Vec::new();
        let root = plan(expr, grid, &mut ranges)?;
        Ok(Self { grid, root, ranges })
    }

    /// The points in time.
    pub(crate) fn grid(&self) -> Grid {
        self.grid
    }

    /// The number of points in time.
    pub(super) fn points(&self) -> usize {
        self.grid.points()
    }

    /// The value at the only point of the grid.
    pub(crate) fn instant(&self, tallies: &[SeriesTallies]) -> Result<MetricOutcome, MetricError> {
        let mut windows = RangeWindows::all(&self.ranges, tallies);
        Ok(match self.root.at(0, &mut windows)? {
            Side::Number(number) => MetricOutcome::Scalar(number),
            Side::Vector(mut samples) => {
                if !self.root.is_ordered() {
                    samples.sort_by(|a, b| a.labels.cmp(&b.labels));
                }
                MetricOutcome::Vector(samples)
            }
        })
    }

    /// The values at all points.
    pub(crate) fn matrix(&self, tallies: &[SeriesTallies]) -> Result<MetricOutcome, MetricError> {
        let mut windows = RangeWindows::all(&self.ranges, tallies);
        let mut bytes: usize = tallies.iter().map(SeriesTallies::bytes).sum();
        let mut series: HashMap<Arc<SeriesLabels>, Vec<(u32, f64)>> = HashMap::new();
        for point in (0_u32..).take(self.grid.points()) {
            let samples = match self.root.at(point, &mut windows)? {
                Side::Vector(samples) => samples,
                Side::Number(value) => vec![VectorSample {
                    labels: Arc::default(),
                    value,
                }],
            };
            bytes += samples.len() * size_of::<(u32, f64)>();
            for sample in samples {
                let values = series.entry(sample.labels).or_insert_with_key(|labels| {
                    bytes += labels.bytes();
                    Vec::new()
                });
                values.push((point, sample.value));
            }
            if bytes > BYTES_MAX {
                return Err(MetricError::TooLarge {
                    series: series.len(),
                });
            }
        }
        let series = series.into_iter();
        let mut series: Vec<_> = series
            .map(|(labels, values)| SeriesPoints { labels, values })
            .collect();
        series.sort_by(|a, b| a.labels.cmp(&b.labels));
        Ok(MetricOutcome::Matrix(series))
    }
}

fn plan(
    expr: &MetricExpr,
    grid: Grid,
    ranges: &mut Vec<RangePlan>,
) -> Result<PlanNode, LogqlError> {
    Ok(match expr {
        MetricExpr::Range(range) => {
            ranges.push(RangePlan::new(range, None, grid)?);
            PlanNode::Range(ranges.len() - 1)
        }
        MetricExpr::Vector(vector) => {
            if let Some(grouping) = grouped_at_once(vector)
                && let MetricExpr::Range(range) = &vector.expr
            {
                ranges.push(RangePlan::new(range, Some(grouping), grid)?);
                return Ok(PlanNode::Range(ranges.len() - 1));
            }
            let inner = plan(&vector.expr, grid, ranges)?;
            PlanNode::Vector(vector.clone(), Box::new(inner))
        }
        MetricExpr::Binary(operation) => {
            let left = plan(&operation.left, grid, ranges)?;
            let right = plan(&operation.right, grid, ranges)?;
            PlanNode::Binary(operation.clone(), Box::new(left), Box::new(right))
        }
        MetricExpr::Literal(value) => PlanNode::Literal(*value),
        MetricExpr::Constant(value) => PlanNode::Constant(*value),
        MetricExpr::LabelReplace(replace) => {
            let LabelReplace {
                expr,
                destination,
                replacement,
                source,
                regex,
            } = &**replace;
            let replace = Replace {
                destination: destination.value.clone(),
                replacement: replacement.value.clone(),
                source: source.value.clone(),
                pattern: matching::compile_anchored(regex)?,
            };
            PlanNode::LabelReplace(Box::new(replace), Box::new(plan(expr, grid, ranges)?))
        }
    })
}

/// The grouping of an aggregation that can be applied while lines are counted, which leads to fewer series; `None` if
/// it cannot.
fn grouped_at_once(vector: &VectorAggregation) -> Option<LabelGrouping> {
    let MetricExpr::Range(range) = &vector.expr else {
        return None;
    };
    let is_same = match vector.op {
        VectorOp::Sum => matches!(
            range.op,
            RangeOp::Count | RangeOp::Rate | RangeOp::Bytes | RangeOp::BytesRate | RangeOp::Sum
        ),
        VectorOp::Min => range.op == RangeOp::Min,
        VectorOp::Max => range.op == RangeOp::Max,
        _ => false,
    };
    let none = LabelGrouping {
        is_without: false,
        labels: Vec::new(),
    };
    (is_same && range.grouping.is_none()).then(|| vector.grouping.clone().unwrap_or(none))
}

/// The windows of all series of a range, which move forward with the points.
struct RangeWindows<'t> {
    plan: &'t RangePlan,
    series: Vec<SeriesWindow<'t>>,
}

struct SeriesWindow<'t> {
    series: &'t SeriesTally,
    first: usize,
    end: usize,
}

impl<'t> RangeWindows<'t> {
    fn all(ranges: &'t [RangePlan], tallies: &'t [SeriesTallies]) -> Vec<Self> {
        let each = ranges.iter().zip(tallies).map(|(plan, tallies)| Self {
            plan,
            series: tallies
                .series
                .iter()
                .map(|series| SeriesWindow {
                    series,
                    first: 0,
                    end: 0,
                })
                .collect(),
        });
        each.collect()
    }

    fn at(&mut self, point: u32) -> Vec<VectorSample> {
        let mut samples = Vec::new();
        for window in &mut self.series {
            let cells = &window.series.cells;
            let is_gone = |cell: &super::tally::Cell| cell.seen_by.last < point;
            while cells.get(window.first).is_some_and(is_gone) {
                window.first += 1;
            }
            while cells
                .get(window.end)
                .is_some_and(|cell| cell.seen_by.first <= point)
            {
                window.end += 1;
            }
            let seen = cells
                .get(window.first..window.end.max(window.first))
                .unwrap_or_default();
            samples.extend(self.plan.value(seen).map(|value| VectorSample {
                labels: Arc::clone(&window.series.labels),
                value,
            }));
        }
        if !self.plan.is_absence() {
            return samples;
        }
        let absent = VectorSample {
            labels: Arc::new(self.plan.absent_labels().clone()),
            value: 1.0,
        };
        if samples.is_empty() {
            vec![absent]
        } else {
            Vec::new()
        }
    }
}

impl PlanNode {
    /// Whether the order of its samples is significant.
    fn is_ordered(&self) -> bool {
        let ordered = [
            VectorOp::Sort,
            VectorOp::SortDescending,
            VectorOp::TopK,
            VectorOp::BottomK,
        ];
        matches!(self, Self::Vector(aggregation, _) if ordered.contains(&aggregation.op))
    }

    fn at(&self, point: u32, windows: &mut [RangeWindows<'_>]) -> Result<Side, MetricError> {
        Ok(match self {
            Self::Range(index) => {
                let range = windows.get_mut(*index);
                Side::Vector(range.map(|range| range.at(point)).unwrap_or_default())
            }
            Self::Vector(aggregation, inner) => match inner.at(point, windows)? {
                Side::Vector(samples) => Side::Vector(aggregate(aggregation, samples)),
                Side::Number(value) => {
                    let labels = Arc::default();
                    Side::Vector(aggregate(aggregation, vec![VectorSample { labels, value }]))
                }
            },
            Self::Binary(operation, left, right) => {
                let left = left.at(point, windows)?;
                let right = right.at(point, windows)?;
                binary::apply(operation, left, right)?
            }
            Self::Literal(value) => Side::Number(*value),
            Self::Constant(value) => Side::Vector(vec![VectorSample {
                labels: Arc::default(),
                value: *value,
            }]),
            Self::LabelReplace(replace, inner) => match inner.at(point, windows)? {
                Side::Vector(samples) => Side::Vector(
                    samples
                        .into_iter()
                        .map(|sample| replace.apply(sample))
                        .collect(),
                ),
                number @ Side::Number(_) => number,
            },
        })
    }
}

impl Replace {
    fn apply(&self, sample: VectorSample) -> VectorSample {
        let source = sample.labels.get(&self.source).unwrap_or_default();
        let Some(captures) = self.pattern.captures(source) else {
            return sample;
        };
        let value = GoRegex::expand(&captures, source, &self.replacement);
        VectorSample {
            labels: Arc::new(sample.labels.with(&self.destination, &value)),
            ..sample
        }
    }
}
