//! The names of operators and functions, for parser and printer.

use super::ast::{BinaryOp, Conversion, LineOp, MatchOp, NumberComparison, RangeOp, VectorOp};

const RANGE_OPS: &[(&str, RangeOp)] = &[
    ("count_over_time", RangeOp::Count),
    ("rate", RangeOp::Rate),
    ("rate_counter", RangeOp::RateCounter),
    ("bytes_over_time", RangeOp::Bytes),
    ("bytes_rate", RangeOp::BytesRate),
    ("avg_over_time", RangeOp::Avg),
    ("sum_over_time", RangeOp::Sum),
    ("min_over_time", RangeOp::Min),
    ("max_over_time", RangeOp::Max),
    ("stdvar_over_time", RangeOp::Stdvar),
    ("stddev_over_time", RangeOp::Stddev),
    ("quantile_over_time", RangeOp::Quantile),
    ("first_over_time", RangeOp::First),
    ("last_over_time", RangeOp::Last),
    ("absent_over_time", RangeOp::Absent),
];

const VECTOR_OPS: &[(&str, VectorOp)] = &[
    ("sum", VectorOp::Sum),
    ("avg", VectorOp::Avg),
    ("count", VectorOp::Count),
    ("max", VectorOp::Max),
    ("min", VectorOp::Min),
    ("stddev", VectorOp::Stddev),
    ("stdvar", VectorOp::Stdvar),
    ("bottomk", VectorOp::BottomK),
    ("topk", VectorOp::TopK),
    ("sort", VectorOp::Sort),
    ("sort_desc", VectorOp::SortDescending),
];

const BINARY_OPS: &[(&str, BinaryOp)] = &[
    ("or", BinaryOp::Or),
    ("and", BinaryOp::And),
    ("unless", BinaryOp::Unless),
    ("+", BinaryOp::Add),
    ("-", BinaryOp::Subtract),
    ("*", BinaryOp::Multiply),
    ("/", BinaryOp::Divide),
    ("%", BinaryOp::Modulo),
    ("^", BinaryOp::Power),
    ("==", BinaryOp::Compare(NumberComparison::Equal)),
    ("!=", BinaryOp::Compare(NumberComparison::NotEqual)),
    (">", BinaryOp::Compare(NumberComparison::Greater)),
    (">=", BinaryOp::Compare(NumberComparison::GreaterOrEqual)),
    ("<", BinaryOp::Compare(NumberComparison::Less)),
    ("<=", BinaryOp::Compare(NumberComparison::LessOrEqual)),
];

const LINE_OPS: &[(&str, LineOp)] = &[
    ("|=", LineOp::Contains),
    ("!=", LineOp::ContainsNot),
    ("|~", LineOp::Regex),
    ("!~", LineOp::NotRegex),
    ("|>", LineOp::Pattern),
    ("!>", LineOp::NotPattern),
];

const MATCH_OPS: &[(&str, MatchOp)] = &[
    ("=", MatchOp::Equal),
    ("!=", MatchOp::NotEqual),
    ("=~", MatchOp::Regex),
    ("!~", MatchOp::NotRegex),
];

/// Of several names the first one is printed.
const COMPARISONS: &[(&str, NumberComparison)] = &[
    ("==", NumberComparison::Equal),
    ("=", NumberComparison::Equal),
    ("!=", NumberComparison::NotEqual),
    (">", NumberComparison::Greater),
    (">=", NumberComparison::GreaterOrEqual),
    ("<", NumberComparison::Less),
    ("<=", NumberComparison::LessOrEqual),
];

const CONVERSIONS: &[(&str, Conversion)] = &[
    ("bytes", Conversion::Bytes),
    ("duration", Conversion::Duration),
    ("duration_seconds", Conversion::DurationSeconds),
];

fn find<T: Copy>(table: &[(&str, T)], name: &str) -> Option<T> {
    let found = table.iter().find(|(of, _)| of.eq_ignore_ascii_case(name));
    found.map(|(_, op)| *op)
}

fn name_of<T: PartialEq>(table: &[(&'static str, T)], op: &T) -> &'static str {
    let found = table.iter().find(|(_, of)| of == op);
    found.map_or("", |(name, _)| name)
}

macro_rules! named {
    ($type:ty, $table:ident) => {
        impl $type {
            /// The operation of this name.
            pub(super) fn named(name: &str) -> Option<Self> {
                find($table, name)
            }

            pub(super) fn name(self) -> &'static str {
                name_of($table, &self)
            }
        }
    };
}

named!(RangeOp, RANGE_OPS);
named!(VectorOp, VECTOR_OPS);
named!(BinaryOp, BINARY_OPS);
named!(LineOp, LINE_OPS);
named!(MatchOp, MATCH_OPS);
named!(NumberComparison, COMPARISONS);
named!(Conversion, CONVERSIONS);
