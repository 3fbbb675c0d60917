//! The code of the fuzz target `logql`: a query is parsed, printed, planned and evaluated on a few lines.

use super::ast::Expr;
use super::labels::{LabelKind, Labels};
use super::metric::{Grid, MetricPlan, SeriesTallies};
use super::parse::{parse, parse_unchecked};
use super::pipeline::{LogPipeline, PipelineLine};
use super::print;

const SECOND_NANOS: i64 = 1_000_000_000;

/// A line for each kind that stages parse.
const LINES: [&str; 6] = [
    "GET /index.html 200 12ms from 10.0.0.1",
    "{\"status\":500,\"took\":\"1.5s\",\"size\":\"2 KB\",\"nested\":{\"a\":[1,{\"b\":\"\\u00e4\"}]},\"ok\":true}",
    "level=warn msg=\"disk full\" free=12 ratio=0.5 empty=",
    "\u{1b}[31mred\u{1b}[0m text",
    "{\"broken\":",
    "",
];

/// Evaluates a query; it must neither panic nor take long.
///
/// # Panics
///
/// If a printed query is not parsed back to the same query.
pub fn evaluate(query: &str) {
    let Ok(parsed) = parse(query) else {
        return;
    };
    let printed = print::pretty(&parsed);
    let again = parse_unchecked(&printed).map(|parsed| print::pretty(&parsed));
    assert!(
        again.as_ref() == Ok(&printed),
        "{query:?} => {printed:?} => {again:?}"
    );
    match parsed {
        Expr::Log(query) => {
            if let Ok(pipeline) = LogPipeline::new(&query) {
                for mut line in lines() {
                    let _ = pipeline.selects(&line.labels) && pipeline.run(&mut line);
                }
            }
        }
        Expr::Metric(metric) => {
            for grid in [
                Some(Grid::instant(60 * SECOND_NANOS)),
                Grid::new(0, 60 * SECOND_NANOS, 7 * SECOND_NANOS),
            ] {
                let plan = grid.and_then(|grid| MetricPlan::new(&metric, grid).ok());
                let Some(plan) = plan else {
                    continue;
                };
                let mut all = Vec::new();
                for range in &plan.ranges {
                    let mut tallies = SeriesTallies::default();
                    let taken = lines().try_for_each(|line| range.take(&mut tallies, line));
                    if taken.is_ok() {
                        all.push(tallies);
                    }
                }
                let _ = (plan.instant(&all), plan.matrix(&all));
            }
        }
    }
}

fn lines() -> impl Iterator<Item = PipelineLine<'static>> {
    let times = (0..).map(|number| number * 10 * SECOND_NANOS + 1);
    times.zip(LINES).map(|(timestamp_nanos, text)| {
        let mut labels = Labels::default();
        labels.push(LabelKind::Stream, "source", "docker:web");
        labels.push(LabelKind::Stream, "level", "info");
        labels.push(LabelKind::Metadata, "pid", "7");
        PipelineLine {
            timestamp_nanos,
            text: text.into(),
            labels,
            is_taken_apart: false,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_of_all_kinds_are_evaluated() {
        for query in include_str!("../../tests/fixtures/logql/accepted.txt").lines() {
            evaluate(query);
        }
    }
}
