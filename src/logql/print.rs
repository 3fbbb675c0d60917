//! Formats a query, in one form for each meaning, as Loki's `format_query` does.

use super::ast::{
    BinaryOperation, Expr, Extraction, FilterQuantity, LabelChoice, LabelFilter, LabelFormat,
    LabelFormatValue, LabelGrouping, LabelMatcher, LineFilter, LineTest, LogQuery, LogRange,
    Matching, MetricExpr, PipelineStage, RangeAggregation, Unwrap, VectorAggregation,
};
use super::{number, units};
use std::fmt::Write as _;

/// The longest text that is kept on one line.
const COLUMNS_MAX: usize = 100;

/// The query, wrapped to readable lines.
pub(crate) fn pretty(expr: &Expr) -> String {
    match expr {
        Expr::Log(query) => pretty_log(query, 0),
        Expr::Metric(metric) => pretty_metric(metric, 0),
    }
}

fn indented(level: usize, text: &str) -> String {
    format!("{}{text}", "  ".repeat(level))
}

fn fits(text: &str, level: usize) -> bool {
    text.len() + 2 * level <= COLUMNS_MAX
}

fn pretty_log(query: &LogQuery, level: usize) -> String {
    let whole = log_query(query);
    if fits(&whole, level) {
        return indented(level, &whole);
    }
    let mut text = indented(level, &selector(&query.selector));
    for each in &query.stages {
        text.push('\n');
        text.push_str(&indented(level + 1, &stage(each)));
    }
    text
}

fn pretty_metric(expr: &MetricExpr, level: usize) -> String {
    let whole = metric(expr);
    if fits(&whole, level) {
        return indented(level, &whole);
    }
    match expr {
        MetricExpr::Range(range) => pretty_range(range, level),
        MetricExpr::Vector(vector) => {
            let parameter = vector.parameter.map_or(String::new(), |count| {
                format!("{}\n", indented(level + 1, &format!("{count},")))
            });
            let inner = pretty_metric(&vector.expr, level + 1);
            let head = format!(
                "{}{} (",
                vector.op.name(),
                grouping(vector.grouping.as_ref())
            );
            format!(
                "{}\n{parameter}{inner}\n{}",
                indented(level, &head),
                indented(level, ")")
            )
        }
        MetricExpr::Binary(binary) => {
            let left = pretty_side(&binary.left, level + 1);
            let right = pretty_side(&binary.right, level + 1);
            let op = format!("{}{}", binary.op.name(), matching(&binary.matching));
            format!("{left}\n{}\n{right}", indented(level, &op))
        }
        MetricExpr::LabelReplace(_) | MetricExpr::Literal(_) | MetricExpr::Constant(_) => {
            indented(level, &whole)
        }
    }
}

/// One side of an operator; a nested operation is put in parentheses.
fn pretty_side(expr: &MetricExpr, level: usize) -> String {
    let is_operation = matches!(expr, MetricExpr::Binary(_));
    if !is_operation || fits(&metric(expr), level) {
        return pretty_metric(expr, level);
    }
    let inner = pretty_metric(expr, level + 1);
    format!(
        "{}\n{inner}\n{}",
        indented(level, "("),
        indented(level, ")")
    )
}

fn pretty_range(range: &RangeAggregation, level: usize) -> String {
    let parameter = range.parameter.map_or(String::new(), |parameter| {
        format!(
            "{}\n",
            indented(level + 1, &format!("{},", number::format(parameter)))
        )
    });
    let inner = pretty_log(&range.range.query, level + 1);
    let rest = range_end(&range.range);
    format!(
        "{}\n{parameter}{inner}{rest}\n{}{}",
        indented(level, &format!("{}(", range.op.name())),
        indented(level, ")"),
        grouping(range.grouping.as_ref())
    )
}

/// A query on one line.
#[cfg(test)]
pub(crate) fn line(expr: &Expr) -> String {
    match expr {
        Expr::Log(query) => log_query(query),
        Expr::Metric(expr) => metric(expr),
    }
}

fn log_query(query: &LogQuery) -> String {
    let mut text = selector(&query.selector);
    for each in &query.stages {
        let _ = write!(text, " {}", stage(each));
    }
    text
}

fn selector(matchers: &[LabelMatcher]) -> String {
    let matchers: Vec<String> = matchers.iter().map(matcher).collect();
    format!("{{{}}}", matchers.join(", "))
}

fn matcher(matcher: &LabelMatcher) -> String {
    let LabelMatcher { name, op, value } = matcher;
    format!("{name}{}{}", op.name(), quoted(&value.value))
}

/// A text in double quotes, or raw if that avoids escapes.
pub(super) fn quoted(text: &str) -> String {
    let needs_escapes = text.contains(['\\', '"']) && !text.contains(['`', '\n', '\r']);
    if needs_escapes && !text.chars().any(char::is_control) {
        return format!("`{text}`");
    }
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn stage(stage: &PipelineStage) -> String {
    match stage {
        PipelineStage::LineFilter(filter) => line_filter(filter),
        PipelineStage::Json(list) => format!("| json{}", extractions(list)),
        PipelineStage::Logfmt {
            strict,
            keep_empty,
            extractions: list,
        } => {
            let strict = if *strict { " --strict" } else { "" };
            let keep_empty = if *keep_empty { " --keep-empty" } else { "" };
            format!("| logfmt{strict}{keep_empty}{}", extractions(list))
        }
        PipelineStage::Regexp(text) => format!("| regexp {}", quoted(&text.value)),
        PipelineStage::Pattern(text) => format!("| pattern {}", quoted(&text.value)),
        PipelineStage::Unpack => "| unpack".to_owned(),
        PipelineStage::LabelFilter(filter) => format!("| {}", label_filter(filter, false)),
        PipelineStage::LineFormat(text) => format!("| line_format {}", quoted(&text.value)),
        PipelineStage::LabelFormat(list) => {
            let list: Vec<String> = list.iter().map(label_format).collect();
            format!("| label_format {}", list.join(", "))
        }
        PipelineStage::Decolorize => "| decolorize".to_owned(),
        PipelineStage::Drop(list) => format!("| drop {}", label_choices(list)),
        PipelineStage::Keep(list) => format!("| keep {}", label_choices(list)),
    }
}

fn line_filter(filter: &LineFilter) -> String {
    let test = |test: &LineTest| {
        let text = quoted(&test.text.value);
        if test.is_ip {
            format!("ip({text})")
        } else {
            text
        }
    };
    let tests: Vec<String> = filter.tests.iter().map(test).collect();
    format!("{} {}", filter.op.name(), tests.join(" or "))
}

fn extractions(list: &[Extraction]) -> String {
    if list.is_empty() {
        return String::new();
    }
    let each = |extraction: &Extraction| {
        let expression = quoted(&extraction.expression.value);
        format!("{}={expression}", extraction.label)
    };
    let list: Vec<String> = list.iter().map(each).collect();
    format!(" {}", list.join(", "))
}

fn label_format(format: &LabelFormat) -> String {
    match &format.value {
        LabelFormatValue::Rename(from) => format!("{}={from}", format.label),
        LabelFormatValue::LineTemplate(text) => format!("{}={}", format.label, quoted(&text.value)),
    }
}

fn label_choices(list: &[LabelChoice]) -> String {
    let each = |choice: &LabelChoice| match choice {
        LabelChoice::Name(name) => name.clone(),
        LabelChoice::Matcher(each) => matcher(each),
    };
    let list: Vec<String> = list.iter().map(each).collect();
    list.join(", ")
}

fn label_filter(filter: &LabelFilter, in_parentheses: bool) -> String {
    let text = match filter {
        LabelFilter::Text(each) => return matcher(each),
        LabelFilter::Number {
            name,
            comparison,
            quantity,
        } => {
            let quantity = match quantity {
                FilterQuantity::Number(number) => number::format(*number),
                FilterQuantity::Duration(nanos) => units::format_duration(*nanos),
                FilterQuantity::Bytes(bytes) => units::format_bytes(*bytes),
            };
            return format!("{name}{}{quantity}", comparison.name());
        }
        LabelFilter::Ip {
            name,
            is_negative,
            text,
        } => {
            let op = if *is_negative { "!=" } else { "=" };
            return format!("{name}{op}ip({})", quoted(&text.value));
        }
        LabelFilter::And(left, right) => {
            format!(
                "{} and {}",
                label_filter(left, true),
                label_filter(right, true)
            )
        }
        LabelFilter::Or(left, right) => {
            format!(
                "{} or {}",
                label_filter(left, true),
                label_filter(right, true)
            )
        }
    };
    if in_parentheses {
        format!("({text})")
    } else {
        text
    }
}

fn metric(expr: &MetricExpr) -> String {
    match expr {
        MetricExpr::Range(range) => range_aggregation(range),
        MetricExpr::Vector(vector) => vector_aggregation(vector),
        MetricExpr::Binary(binary) => binary_operation(binary),
        MetricExpr::Literal(value) => number::format(*value),
        MetricExpr::Constant(value) => format!("vector({})", number::format(*value)),
        MetricExpr::LabelReplace(replace) => format!(
            "label_replace({}, {}, {}, {}, {})",
            metric(&replace.expr),
            quoted(&replace.destination.value),
            quoted(&replace.replacement.value),
            quoted(&replace.source.value),
            quoted(&replace.regex.value)
        ),
    }
}

fn range_aggregation(range: &RangeAggregation) -> String {
    let parameter = range.parameter.map_or(String::new(), |parameter| {
        format!("{}, ", number::format(parameter))
    });
    format!(
        "{}({parameter}{}{}){}",
        range.op.name(),
        log_query(&range.range.query),
        range_end(&range.range),
        grouping(range.grouping.as_ref())
    )
}

/// The part after the log query of a range.
fn range_end(range: &LogRange) -> String {
    let mut text = range.unwrap.as_ref().map_or(String::new(), unwrap);
    let _ = write!(text, " [{}]", units::format_duration(range.interval_nanos));
    if range.offset_nanos != 0 {
        let _ = write!(
            text,
            " offset {}",
            units::format_duration(range.offset_nanos)
        );
    }
    text
}

fn unwrap(unwrap: &Unwrap) -> String {
    let mut text = match unwrap.conversion {
        Some(conversion) => format!(" | unwrap {}({})", conversion.name(), unwrap.label),
        None => format!(" | unwrap {}", unwrap.label),
    };
    for filter in &unwrap.filters {
        let _ = write!(text, " | {}", label_filter(filter, false));
    }
    text
}

fn vector_aggregation(vector: &VectorAggregation) -> String {
    let parameter = vector
        .parameter
        .map_or(String::new(), |count| format!("{count}, "));
    let grouping = grouping(vector.grouping.as_ref());
    let blank = if grouping.is_empty() { "" } else { " " };
    let op = vector.op.name();
    format!("{op}{grouping}{blank}({parameter}{})", metric(&vector.expr))
}

/// ` by (a, b)`
fn grouping(grouping: Option<&LabelGrouping>) -> String {
    grouping.map_or(String::new(), |grouping| {
        let word = if grouping.is_without { "without" } else { "by" };
        format!(" {word} ({})", grouping.labels.join(", "))
    })
}

fn binary_operation(binary: &BinaryOperation) -> String {
    format!(
        "({} {}{} {})",
        metric(&binary.left),
        binary.op.name(),
        matching(&binary.matching),
        metric(&binary.right)
    )
}

fn matching(matching: &Matching) -> String {
    let mut text = String::new();
    if matching.returns_bool {
        text.push_str(" bool");
    }
    if let Some(labels) = &matching.labels {
        let word = if labels.is_on { "on" } else { "ignoring" };
        let _ = write!(text, " {word} ({})", labels.labels.join(", "));
    }
    if let Some(group) = &matching.group {
        let word = if group.is_left {
            "group_left"
        } else {
            "group_right"
        };
        let _ = write!(text, " {word} ({})", group.include.join(", "));
    }
    text
}
