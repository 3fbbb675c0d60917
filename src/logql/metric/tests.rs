//! Metric queries: single rules, and random queries compared with a simple evaluator.

use super::*;
use crate::logql::ast::{Expr, MetricExpr, RangeAggregation, RangeOp};
use crate::logql::labels::{LabelKind, Labels};
use crate::logql::parse::parse;
use crate::logql::pipeline::{LogPipeline, PipelineLine};
use std::collections::BTreeMap;

const SECOND: i64 = 1_000_000_000;

#[derive(Debug, Clone)]
struct Line {
    at: i64,
    app: &'static str,
    level: &'static str,
    text: String,
}

impl Line {
    fn log_line(&self) -> PipelineLine<'_> {
        let mut labels = Labels::default();
        labels.push(LabelKind::Stream, "app", self.app);
        labels.push(LabelKind::Stream, "level", self.level);
        labels.push(LabelKind::Metadata, "id", self.at.to_string());
        PipelineLine {
            timestamp_nanos: self.at,
            text: self.text.as_str().into(),
            labels,
            is_taken_apart: false,
        }
    }
}

fn metric(query: &str) -> MetricExpr {
    match parse(query) {
        Ok(Expr::Metric(metric)) => metric,
        other => panic!("{query}: {other:?}"),
    }
}

fn outcome(query: &str, grid: Grid, lines: &[Line]) -> Result<MetricOutcome, MetricError> {
    let plan = MetricPlan::new(&metric(query), grid).expect(query);
    let mut tallies = Vec::new();
    for range in &plan.ranges {
        // Lines are added as blocks deliver them: in parts, the last part first.
        let mut all = SeriesTallies::default();
        for part in lines.chunks(7).rev() {
            let mut of_part = SeriesTallies::default();
            for line in part {
                range.take(&mut of_part, line.log_line())?;
            }
            all.merge(of_part)?;
        }
        tallies.push(all);
    }
    if grid.points() == 1 {
        plan.instant(&tallies)
    } else {
        plan.matrix(&tallies)
    }
}

fn shown(outcome: MetricOutcome) -> Vec<String> {
    match outcome {
        MetricOutcome::Scalar(value) => vec![crate::logql::number::format(value)],
        MetricOutcome::Vector(samples) => samples
            .iter()
            .map(|sample| format!("{} {}", sample.labels, sample.value))
            .collect(),
        MetricOutcome::Matrix(series) => series
            .iter()
            .map(|series| format!("{} {:?}", series.labels, series.values))
            .collect(),
    }
}

fn at(seconds: i64, app: &'static str, level: &'static str, text: &str) -> Line {
    Line {
        at: seconds * SECOND + 1,
        app,
        level,
        text: text.to_owned(),
    }
}

fn lines() -> Vec<Line> {
    vec![
        at(1, "web", "info", r#"{"ms":10,"path":"/a"}"#),
        at(2, "web", "error", r#"{"ms":30,"path":"/b"}"#),
        at(3, "db", "info", r#"{"ms":20,"path":"/a"}"#),
        at(8, "web", "info", r#"{"ms":50,"path":"/a"}"#),
        at(9, "db", "info", r#"{"ms":5,"path":"/b"}"#),
    ]
}

fn now(query: &str) -> Vec<String> {
    let grid = Grid::instant(10 * SECOND);
    outcome(query, grid, &lines()).map_or_else(|error| vec![error.to_string()], shown)
}

#[test]
fn the_health_check_of_grafana_returns_a_vector_of_two() {
    assert_eq!(now("vector(1)+vector(1)"), ["{} 2"]);
    assert_eq!(now("1 + 1"), ["2"]);
    assert_eq!(now("1 > bool 2"), ["0"]);
}

#[test]
fn lines_are_counted_by_stream() {
    assert_eq!(
        now(r#"count_over_time({app=~".+"}[10s])"#),
        [
            r#"{app="db", level="info"} 2"#,
            r#"{app="web", level="error"} 1"#,
            r#"{app="web", level="info"} 2"#,
        ]
    );
    assert_eq!(
        now(r#"sum by (app) (rate({app=~".+"}[10s]))"#),
        [r#"{app="db"} 0.2"#, r#"{app="web"} 0.3"#]
    );
    assert_eq!(now(r#"sum(count_over_time({app=~".+"}[5s]))"#), ["{} 2"]);
    assert_eq!(
        now(r#"sum(count_over_time({app=~".+"}[5s] offset 5s))"#),
        ["{} 3"]
    );
    assert_eq!(
        now(r#"bytes_over_time({app="db"} |= "20" [10s])"#),
        [r#"{app="db", level="info"} 21"#]
    );
    assert_eq!(
        now(r#"absent_over_time({app="x"}[10s])"#),
        [r#"{app="x"} 1"#]
    );
    assert!(now(r#"absent_over_time({app="db"}[10s])"#).is_empty());
    assert!(now(r#"count_over_time({app="x"}[10s])"#).is_empty());
}

#[test]
fn numbers_are_extracted_from_lines() {
    let of = |op: &str| {
        now(&format!(
            r#"{op}({{app="web"}} | json | unwrap ms [10s]) by (app)"#
        ))
    };
    assert_eq!(of("avg_over_time"), [r#"{app="web"} 30"#]);
    assert_eq!(of("max_over_time"), [r#"{app="web"} 50"#]);
    assert_eq!(of("min_over_time"), [r#"{app="web"} 10"#]);
    assert_eq!(of("first_over_time"), [r#"{app="web"} 10"#]);
    assert_eq!(of("last_over_time"), [r#"{app="web"} 50"#]);
    let quantile = r#"quantile_over_time(0.5, {app="web"} | json | unwrap ms [10s]) by ()"#;
    assert_eq!(now(quantile), ["{} 30"]);
    let by_path = r#"sum by (path) (sum_over_time({app=~".+"} | json | unwrap ms [10s]))"#;
    assert_eq!(now(by_path), [r#"{path="/a"} 80"#, r#"{path="/b"} 35"#]);
    let series = r#"sum_over_time({app="db"} | json | unwrap ms [10s])"#;
    assert_eq!(
        now(series),
        [
            r#"{app="db", level="info", path="/a"} 20"#,
            r#"{app="db", level="info", path="/b"} 5"#
        ],
        "the unwrapped label is removed"
    );
}

#[test]
fn a_line_with_an_error_fails_the_query_unless_it_is_handled() {
    let mut lines = lines();
    lines.push(at(4, "web", "info", "plain"));
    let run = |query: &str| outcome(query, Grid::instant(10 * SECOND), &lines).map(shown);
    let error = run(r#"count_over_time({app="web"} | json [10s])"#)
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("pipeline error: 'JSONParserErr' for series: '{"),
        "{error}"
    );
    assert!(error.contains("\nUse a label filter to intentionally skip this error. (e.g | __error__!=\"JSONParserErr\").\n"));
    let volume = r#"sum by (level, detected_level) (count_over_time({app="web"} | json | drop __error__ [10s]))"#;
    assert_eq!(
        run(volume).unwrap(),
        [r#"{level="error"} 1"#, r#"{level="info"} 3"#]
    );
    assert_eq!(
        run(r#"sum(count_over_time({app="web"} | json | __error__="" [10s]))"#).unwrap(),
        ["{} 3"]
    );
    let error = run(r#"sum_over_time({app="web"} | json | unwrap path [10s])"#)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("SampleExtractionErr") || error.contains("JSONParserErr"),
        "{error}"
    );
}

#[test]
fn series_are_aggregated_and_matched() {
    let base = r#"count_over_time({app=~".+"}[10s])"#;
    assert_eq!(
        now(&format!("topk(1, sum by (app) ({base}))")),
        [r#"{app="web"} 3"#]
    );
    assert_eq!(
        now(&format!("bottomk(1, sum by (app) ({base}))")),
        [r#"{app="db"} 2"#]
    );
    assert_eq!(now(&format!("count({base})")), ["{} 3"]);
    assert_eq!(
        now(&format!("max without (level) ({base})")),
        [r#"{app="db"} 2"#, r#"{app="web"} 2"#]
    );
    assert_eq!(
        now(&format!("sort_desc(sum by (app) ({base}))")),
        [r#"{app="web"} 3"#, r#"{app="db"} 2"#]
    );
    assert_eq!(
        now(&format!("sum by (app) ({base}) > 2")),
        [r#"{app="web"} 3"#]
    );
    assert_eq!(
        now(&format!("2 < sum by (app) ({base})")),
        [r#"{app="web"} 3"#]
    );
    assert_eq!(
        now(&format!("sum by (app) ({base}) > bool 2")),
        [r#"{app="db"} 0"#, r#"{app="web"} 1"#]
    );
    let errors = r#"sum by (app) (count_over_time({level="error"}[10s]))"#;
    let all = format!("sum by (app) ({base})");
    assert_eq!(
        now(&format!("{errors} / {all}")),
        [r#"{app="web"} 0.3333333333333333"#]
    );
    assert_eq!(now(&format!("{all} unless {errors}")), [r#"{app="db"} 2"#]);
    assert_eq!(now(&format!("{all} and {errors}")), [r#"{app="web"} 3"#]);
    assert_eq!(
        now(&format!("{errors} or {all}")),
        [r#"{app="db"} 2"#, r#"{app="web"} 1"#]
    );
    let grouped = format!("{base} / on(app) group_left {all}");
    assert_eq!(now(&grouped).len(), 3);
    let error = now(&format!("{base} / on(app) {all}"));
    assert!(
        error
            .concat()
            .contains("many-to-one matching must be explicit"),
        "{error:?}"
    );
    let replaced = format!(r#"label_replace({all}, "x", "$1!", "app", "(w.*)")"#);
    assert_eq!(
        now(&replaced),
        [r#"{app="db"} 2"#, r#"{app="web", x="web!"} 3"#]
    );
}

#[test]
fn a_range_query_has_values_only_where_there_are_lines() {
    let grid = Grid::new(0, 10 * SECOND, 2 * SECOND).unwrap();
    let found = outcome(
        r#"sum by (app) (count_over_time({app=~".+"}[2s]))"#,
        grid,
        &lines(),
    )
    .unwrap();
    assert_eq!(
        shown(found),
        [
            r#"{app="db"} [(2, 1.0), (5, 1.0)]"#,
            r#"{app="web"} [(1, 1.0), (2, 1.0), (5, 1.0)]"#
        ]
    );
    let number = outcome("1 + 1", grid, &lines()).unwrap();
    assert_eq!(
        shown(number),
        ["{} [(0, 2.0), (1, 2.0), (2, 2.0), (3, 2.0), (4, 2.0), (5, 2.0)]"]
    );
}

#[test]
fn a_counter_may_be_reset() {
    let counter: Vec<Line> = [(1, 10), (2, 20), (3, 5), (4, 15)]
        .map(|(second, value)| at(second, "web", "info", &format!("v={value}")))
        .to_vec();
    let found = outcome(
        r#"rate_counter({app="web"} | logfmt | unwrap v [10s])"#,
        Grid::instant(10 * SECOND),
        &counter,
    );
    let Ok(MetricOutcome::Vector(samples)) = found else {
        panic!("{found:?}");
    };
    // 25 in 3 seconds, extrapolated by half the distance of two values, over 10 seconds.
    assert!(
        (samples[0].value - 25.0 * (3.5 / 3.0) / 10.0).abs() < 1e-9,
        "{samples:?}"
    );
}

#[test]
fn too_many_series_are_refused() {
    let many: Vec<Line> = (0..60_000)
        .map(|n| Line {
            at: n,
            app: "web",
            level: "info",
            text: format!("v={n}{}", "x".repeat(400)),
        })
        .collect();
    let query = r#"count_over_time({app="web"} | logfmt [10s])"#;
    let error = outcome(query, Grid::instant(10 * SECOND), &many).unwrap_err();
    assert!(
        matches!(error, MetricError::TooLarge { series } if series > 10_000),
        "{error}"
    );
}

/// The value of a range at a time, computed from all lines.
fn plain(range: &RangeAggregation, time: i64, lines: &[Line]) -> BTreeMap<String, f64> {
    let pipeline = LogPipeline::new(&range.range.query).unwrap();
    let end = time - range.range.offset_nanos;
    let mut groups: BTreeMap<String, Vec<(i64, f64)>> = BTreeMap::new();
    for line in lines {
        if line.at > end || line.at <= end - range.range.interval_nanos {
            continue;
        }
        let mut log_line = line.log_line();
        if !pipeline.selects(&log_line.labels) || !pipeline.run(&mut log_line) {
            continue;
        }
        let value = match range.range.unwrap {
            Some(_) => match log_line.labels.get("ms") {
                Some(ms) => ms.parse().unwrap(),
                None => continue,
            },
            None => 1.0,
        };
        groups
            .entry(line.app.to_owned())
            .or_default()
            .push((line.at, value));
    }
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let value = |mut values: Vec<(i64, f64)>| {
        values.sort_by_key(|(time, _)| *time);
        let count = values.len() as f64;
        let numbers = || values.iter().map(|(_, value)| *value);
        let mean = numbers().sum::<f64>() / count;
        match range.op {
            RangeOp::Count | RangeOp::Sum => numbers().sum(),
            RangeOp::Rate => numbers().sum::<f64>() / (range.range.interval_nanos as f64 / 1e9),
            RangeOp::Avg => mean,
            RangeOp::Min => numbers().fold(f64::INFINITY, f64::min),
            RangeOp::Max => numbers().fold(f64::NEG_INFINITY, f64::max),
            RangeOp::Stdvar => numbers().map(|value| (value - mean).powi(2)).sum::<f64>() / count,
            RangeOp::First => values[0].1,
            RangeOp::Last => values[values.len() - 1].1,
            RangeOp::Quantile => {
                let mut sorted: Vec<f64> = numbers().collect();
                sorted.sort_by(f64::total_cmp);
                let rank = range.parameter.unwrap() * (count - 1.0);
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a small index"
                )]
                let (low, high) = (rank.floor() as usize, rank.ceil() as usize);
                sorted[low] + (sorted[high] - sorted[low]) * (rank - rank.floor())
            }
            other => panic!("{other:?}"),
        }
    };
    groups
        .into_iter()
        .map(|(app, values)| (app, value(values)))
        .collect()
}

/// A small random number generator, so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, end: i64) -> i64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(self.0 >> 33).unwrap() % end
    }
}

/// Ranges of which `I` is the interval.
const RANGES: [&str; 10] = [
    "count_over_time({app=~\".+\"}[I])",
    "rate({app=~\".+\"} |= \"1\" [I])",
    "sum_over_time({app=~\".+\"} | json | unwrap ms [I])",
    "avg_over_time({app=~\".+\"} | json | unwrap ms [I]) by (app)",
    "min_over_time({app=~\".+\"} | json | unwrap ms [I]) by (app)",
    "max_over_time({app=~\".+\"} | json | unwrap ms [I]) by (app)",
    "stdvar_over_time({app=~\".+\"} | json | unwrap ms [I]) by (app)",
    "first_over_time({app=~\".+\"} | json | unwrap ms [I]) by (app)",
    "last_over_time({app=~\".+\"} | json | unwrap ms [I]) by (app)",
    "quantile_over_time(0.9, {app=~\".+\"} | json | unwrap ms [I]) by (app)",
];
#[test]
fn windows_equal_those_of_a_simple_evaluator() {
    for seed in 0..300 {
        let mut random = Random(seed);
        let lines: Vec<Line> = (0..random.below(60))
            .map(|_| Line {
                at: random.below(100),
                app: ["web", "db"][usize::try_from(random.below(2)).unwrap()],
                level: "info",
                text: format!("{{\"ms\":{}}}", random.below(30)),
            })
            .collect();
        let op = RANGES[usize::try_from(random.below(10)).unwrap()];
        let interval = 1 + random.below(40);
        let (start, step) = (random.below(60), 1 + random.below(20));
        let grid = Grid::new(start, start + random.below(100), step).unwrap();
        let query = op.replace('I', &format!("{interval}ns"));
        let MetricExpr::Range(range) = metric(&query) else {
            panic!("{query} is a range");
        };
        let grouped = match range.op {
            RangeOp::Count | RangeOp::Rate | RangeOp::Sum => format!("sum by (app) ({query})"),
            _ => query.clone(),
        };
        let mut found: BTreeMap<(u32, String), f64> = BTreeMap::new();
        let plan = MetricPlan::new(&metric(&grouped), grid).unwrap();
        let mut tallies = SeriesTallies::default();
        for line in &lines {
            plan.ranges[0].take(&mut tallies, line.log_line()).unwrap();
        }
        let matrix = plan.matrix(&[tallies]).unwrap();
        let MetricOutcome::Matrix(series) = matrix else {
            panic!("{matrix:?}");
        };
        for series in series {
            let app = series.labels.get("app").unwrap_or_default().to_owned();
            found.extend(
                series
                    .values
                    .iter()
                    .map(|(point, value)| ((*point, app.clone()), *value)),
            );
        }
        for point in 0..grid.points() {
            let expected = plain(&range, grid.time_nanos(point), &lines);
            let point = u32::try_from(point).unwrap();
            for (app, value) in expected {
                let is = found.remove(&(point, app.clone()));
                // Of two lines with the same time either may count as the first.
                let is_close = is.is_some_and(|is| {
                    (is - value).abs() < 1e-6 || matches!(range.op, RangeOp::First | RangeOp::Last)
                });
                assert!(
                    is_close,
                    "seed {seed}: {query} at {point} of {app}: {is:?}, expected {value}"
                );
            }
        }
        assert!(found.is_empty(), "seed {seed}: {query}: {found:?}");
    }
}
