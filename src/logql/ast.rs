//! The syntax tree of a query: log queries, the stages of their pipelines, and metric expressions.

use super::regex;

/// A whole query.
#[derive(Debug, Clone)]
pub(crate) enum Expr {
    /// Lines.
    Log(LogQuery),
    /// Numbers over time.
    Metric(MetricExpr),
}

/// A selector of streams, and the stages applied to each line.
#[derive(Debug, Clone)]
pub(crate) struct LogQuery {
    pub(crate) selector: Vec<LabelMatcher>,
    pub(super) stages: Vec<PipelineStage>,
    /// Offset of the selector in the query.
    pub(super) at: usize,
}

/// The text of a line filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LineText {
    /// A literal text.
    Plain(String),
    /// A regular expression in the syntax of the regex crate.
    Regex(String),
}

/// A line filter: the line contains one of the texts, or none of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LineCondition {
    pub(crate) is_negative: bool,
    pub(crate) texts: Vec<LineText>,
}

impl LogQuery {
    /// The names of the labels in the selector.
    pub(crate) fn selector_names(&self) -> Vec<String> {
        self.selector
            .iter()
            .map(|matcher| matcher.name.clone())
            .collect()
    }

    /// The line filters that search for texts before any stage that changes lines; and whether these are all line
    /// filters.
    pub(crate) fn line_conditions(&self) -> (Vec<LineCondition>, bool) {
        let is_unchanged = |stage: &&PipelineStage| {
            !matches!(
                stage,
                PipelineStage::Unpack | PipelineStage::LineFormat(_) | PipelineStage::Decolorize
            )
        };
        let filter_of = |stage: &'_ PipelineStage| match stage {
            PipelineStage::LineFilter(filter) => Some(filter.condition()),
            _ => None,
        };
        let all = self
            .stages
            .iter()
            .filter(|stage| matches!(stage, PipelineStage::LineFilter(_)));
        let before = self
            .stages
            .iter()
            .take_while(is_unchanged)
            .filter_map(filter_of);
        let conditions: Vec<LineCondition> = before.flatten().collect();
        let are_all = conditions.len() == all.count();
        (conditions, are_all)
    }
}

impl LineFilter {
    /// The filter as a search for texts, if it is one.
    fn condition(&self) -> Option<LineCondition> {
        let text = |test: &LineTest| match self.op {
            _ if test.is_ip => None,
            LineOp::Contains | LineOp::ContainsNot => {
                Some(LineText::Plain(test.text.value.clone()))
            }
            LineOp::Regex | LineOp::NotRegex => {
                Some(LineText::Regex(regex::translated(&test.text.value)))
            }
            LineOp::Pattern | LineOp::NotPattern => None,
        };
        Some(LineCondition {
            is_negative: self.op.is_negative(),
            texts: self.tests.iter().map(text).collect::<Option<_>>()?,
        })
    }
}

/// A text in a query and its offset.
#[derive(Debug, Clone)]
pub(crate) struct QueryText {
    pub(crate) value: String,
    pub(super) at: usize,
}

/// A condition on the value of a label.
#[derive(Debug, Clone)]
pub(crate) struct LabelMatcher {
    pub(crate) name: String,
    pub(crate) op: MatchOp,
    pub(crate) value: QueryText,
}

/// How a label is compared with a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MatchOp {
    Equal,
    NotEqual,
    Regex,
    NotRegex,
}

/// One stage of a pipeline.
#[derive(Debug, Clone)]
pub(super) enum PipelineStage {
    LineFilter(LineFilter),
    Json(Vec<Extraction>),
    Logfmt {
        strict: bool,
        keep_empty: bool,
        extractions: Vec<Extraction>,
    },
    Regexp(QueryText),
    Pattern(QueryText),
    Unpack,
    LabelFilter(LabelFilter),
    LineFormat(QueryText),
    LabelFormat(Vec<LabelFormat>),
    Decolorize,
    Drop(Vec<LabelChoice>),
    Keep(Vec<LabelChoice>),
}

/// How a line is compared with a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineOp {
    Contains,
    ContainsNot,
    Regex,
    NotRegex,
    Pattern,
    NotPattern,
}

impl LineOp {
    /// Whether matching lines are dropped.
    pub(super) fn is_negative(self) -> bool {
        matches!(self, Self::ContainsNot | Self::NotRegex | Self::NotPattern)
    }
}

/// A line must contain one of the tests or, with a negative operator, none of them.
#[derive(Debug, Clone)]
pub(super) struct LineFilter {
    pub(super) op: LineOp,
    pub(super) tests: Vec<LineTest>,
}

/// A text, or a range of IP addresses, to search for in a line.
#[derive(Debug, Clone)]
pub(super) struct LineTest {
    pub(super) is_ip: bool,
    pub(super) text: QueryText,
}

/// A label and the expression by which a parser extracts its value.
#[derive(Debug, Clone)]
pub(super) struct Extraction {
    pub(super) label: String,
    pub(super) expression: QueryText,
}

/// How a label is compared with a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NumberComparison {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

/// The number in a label filter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum FilterQuantity {
    Number(f64),
    /// Nanoseconds.
    Duration(i64),
    Bytes(f64),
}

/// A condition on labels.
#[derive(Debug, Clone)]
pub(super) enum LabelFilter {
    Text(LabelMatcher),
    Number {
        name: String,
        comparison: NumberComparison,
        quantity: FilterQuantity,
    },
    Ip {
        name: String,
        is_negative: bool,
        text: QueryText,
    },
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
}

/// A label that gets a new value.
#[derive(Debug, Clone)]
pub(super) struct LabelFormat {
    pub(super) label: String,
    pub(super) value: LabelFormatValue,
    pub(super) at: usize,
}

/// The source of a formatted label's value.
#[derive(Debug, Clone)]
pub(super) enum LabelFormatValue {
    /// Another label, which is then removed.
    Rename(String),
    LineTemplate(QueryText),
}

/// A label that `drop` or `keep` names, optionally with a condition.
#[derive(Debug, Clone)]
pub(super) enum LabelChoice {
    Name(String),
    Matcher(LabelMatcher),
}

/// Numbers over time.
#[derive(Debug, Clone)]
pub(crate) enum MetricExpr {
    Range(Box<RangeAggregation>),
    Vector(Box<VectorAggregation>),
    Binary(Box<BinaryOperation>),
    /// The same number at every time.
    Literal(f64),
    /// A vector of one sample without labels.
    Constant(f64),
    LabelReplace(Box<LabelReplace>),
}

/// An operation on the lines of a range.
#[derive(Debug, Clone)]
pub(crate) struct RangeAggregation {
    pub(super) op: RangeOp,
    /// The quantile.
    pub(super) parameter: Option<f64>,
    pub(crate) range: LogRange,
    pub(super) grouping: Option<LabelGrouping>,
}

/// The lines in a period that ends at the time of a sample.
#[derive(Debug, Clone)]
pub(crate) struct LogRange {
    pub(crate) query: LogQuery,
    pub(super) unwrap: Option<Unwrap>,
    pub(super) interval_nanos: i64,
    pub(super) offset_nanos: i64,
}

/// The label whose value is the number of a line.
#[derive(Debug, Clone)]
pub(super) struct Unwrap {
    pub(super) label: String,
    pub(super) conversion: Option<Conversion>,
    pub(super) filters: Vec<LabelFilter>,
}

/// How the value of an unwrapped label is parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Conversion {
    Bytes,
    Duration,
    DurationSeconds,
}

/// Labels that a series keeps or drops.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LabelGrouping {
    pub(super) is_without: bool,
    pub(super) labels: Vec<String>,
}

/// The function that is computed from the lines of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RangeOp {
    Count,
    Rate,
    RateCounter,
    Bytes,
    BytesRate,
    Avg,
    Sum,
    Min,
    Max,
    Stdvar,
    Stddev,
    Quantile,
    First,
    Last,
    Absent,
}

/// An aggregation over series.
#[derive(Debug, Clone)]
pub(crate) struct VectorAggregation {
    pub(super) op: VectorOp,
    /// The number of series that `topk` and `bottomk` keep.
    pub(super) parameter: Option<usize>,
    pub(super) expr: MetricExpr,
    pub(super) grouping: Option<LabelGrouping>,
}

/// The function that is computed from series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum VectorOp {
    Sum,
    Avg,
    Count,
    Max,
    Min,
    Stddev,
    Stdvar,
    BottomK,
    TopK,
    Sort,
    SortDescending,
}

/// Two expressions joined by an operator.
#[derive(Debug, Clone)]
pub(crate) struct BinaryOperation {
    pub(super) op: BinaryOp,
    pub(super) left: MetricExpr,
    pub(super) right: MetricExpr,
    pub(super) matching: Matching,
}

/// An operator on two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BinaryOp {
    Or,
    And,
    Unless,
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Power,
    Compare(NumberComparison),
}

impl BinaryOp {
    /// Whether it operates on sets of series rather than values.
    pub(super) fn is_set(self) -> bool {
        matches!(self, Self::Or | Self::And | Self::Unless)
    }
}

/// How the series of both sides are matched.
#[derive(Debug, Clone, Default)]
pub(super) struct Matching {
    /// The comparison returns 0 or 1 instead of filtering.
    pub(super) returns_bool: bool,
    /// Only these labels are compared (`on`), or all others (`ignoring`).
    pub(super) labels: Option<MatchingLabels>,
    pub(super) group: Option<GroupSide>,
}

/// The labels that are compared.
#[derive(Debug, Clone)]
pub(super) struct MatchingLabels {
    pub(super) is_on: bool,
    pub(super) labels: Vec<String>,
}

/// The side that may have several series for one of the other, and the labels that it takes from there.
#[derive(Debug, Clone)]
pub(super) struct GroupSide {
    pub(super) is_left: bool,
    pub(super) include: Vec<String>,
}

/// A label derived from another with a regex.
#[derive(Debug, Clone)]
pub(crate) struct LabelReplace {
    pub(super) expr: MetricExpr,
    pub(super) destination: QueryText,
    pub(super) replacement: QueryText,
    pub(super) source: QueryText,
    pub(super) regex: QueryText,
}
