//! The selectors of a query, as far as they concern one label: which of several machines a query is about.

use super::ast::{Expr, LabelChoice, LabelFormatValue, LogQuery, MetricExpr, PipelineStage};
use super::error::LogqlError;
use super::matching::ValueMatcher;

/// The conditions of each selector on one label.
#[derive(Debug)]
pub(crate) struct LabelConditions(Vec<Vec<ValueMatcher>>);

impl LabelConditions {
    /// Compiles the conditions on the label `name`.
    ///
    /// # Errors
    /// [`LogqlError`] for an invalid regular expression.
    pub(crate) fn new(expr: &Expr, name: &str) -> Result<Self, LogqlError> {
        let conditions = |query: &LogQuery| {
            let matchers = query.selector.iter().filter(|matcher| matcher.name == name);
            matchers.map(ValueMatcher::new).collect::<Result<_, _>>()
        };
        let queries = expr.log_queries();
        let selectors = queries.into_iter().map(conditions);
        Ok(Self(selectors.collect::<Result<_, _>>()?))
    }

    /// Whether a selector can match streams whose label has this value.
    pub(crate) fn accepts(&self, value: &str) -> bool {
        let accepts =
            |matchers: &Vec<ValueMatcher>| matchers.iter().all(|matcher| matcher.matches(value));
        self.0.iter().any(accepts)
    }
}

impl Expr {
    /// The log queries, in the order in which the expression names them.
    pub(super) fn log_queries(&self) -> Vec<&LogQuery> {
        let mut queries = Vec::new();
        match self {
            Self::Log(query) => queries.push(query),
            Self::Metric(metric) => add_queries(metric, &mut queries),
        }
        queries
    }

    /// Whether a stage may change or remove the label `name`.
    pub(crate) fn changes_label(&self, name: &str) -> bool {
        let queries = self.log_queries();
        queries
            .iter()
            .flat_map(|query| &query.stages)
            .any(|stage| match stage {
                PipelineStage::LabelFormat(formats) => formats.iter().any(|format| {
                    let is_source = match &format.value {
                        LabelFormatValue::Rename(from) => from == name,
                        LabelFormatValue::LineTemplate(_) => false,
                    };
                    format.label == name || is_source
                }),
                PipelineStage::Keep(_) => true,
                PipelineStage::Drop(choices) => choices.iter().any(|choice| match choice {
                    LabelChoice::Name(dropped) => dropped == name,
                    LabelChoice::Matcher(matcher) => matcher.name == name,
                }),
                _ => false,
            })
    }
}

fn add_queries<'e>(expr: &'e MetricExpr, queries: &mut Vec<&'e LogQuery>) {
    match expr {
        MetricExpr::Range(range) => queries.push(&range.range.query),
        MetricExpr::Vector(vector) => add_queries(&vector.expr, queries),
        MetricExpr::Binary(binary) => {
            add_queries(&binary.left, queries);
            add_queries(&binary.right, queries);
        }
        MetricExpr::LabelReplace(replace) => add_queries(&replace.expr, queries),
        MetricExpr::Literal(_) | MetricExpr::Constant(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(query: &str) -> Vec<&'static str> {
        let expr = crate::logql::parse(query).expect(query);
        let conditions = LabelConditions::new(&expr, "node").expect(query);
        let nodes = ["a", "b", "c"].into_iter();
        nodes.filter(|node| conditions.accepts(node)).collect()
    }

    #[test]
    fn selectors_choose_machines() {
        for (query, expected) in [
            ("{x=\"y\"}", vec!["a", "b", "c"]),
            ("{node=\"a\"}", vec!["a"]),
            ("{node!=\"a\", node=~\"a|b\"}", vec!["b"]),
            ("{x=\"y\", node!~\"a|b\"}", vec!["c"]),
            ("{node=\"d\"}", vec![]),
            (
                "rate({node=\"a\"}[1m]) + rate({node=\"c\"}[1m])",
                vec!["a", "c"],
            ),
            (
                "sum(label_replace(rate({node=\"b\"}[1m]), \"a\", \"b\", \"c\", \"d\"))",
                vec!["b"],
            ),
            ("vector(1) + vector(1)", vec![]),
        ] {
            assert_eq!(accepted(query), expected, "{query}");
        }
    }

    #[test]
    fn stages_that_may_change_a_label_are_known() {
        for (stages, expected) in [
            (
                "| json | x=\"y\" | line_format \"{{.node}}\" | drop a",
                false,
            ),
            ("| label_format node=\"x\"", true),
            ("| label_format x=node", true),
            ("| drop node", true),
            ("| drop a, node=\"b\"", true),
            ("| keep a", true),
        ] {
            let query = format!("{{x=\"y\"}} {stages}");
            let expr = crate::logql::parse(&query).expect(&query);
            assert_eq!(expr.changes_label("node"), expected, "{query}");
        }
    }
}
