//! A simple evaluator of `LogQL`: it looks at every line for every point of time. Queries are made by chance, with what they must find.

use crate::support::seeded::Rng;
use serde_json::Value;
use std::collections::BTreeMap;
use vmlog::record::Level;

pub(crate) const SECOND: i64 = 1_000_000_000;

/// A line as the simple evaluator knows it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Line {
    pub(crate) nanos: i64,
    pub(crate) node: String,
    pub(crate) source: String,
    pub(crate) level: Level,
    pub(crate) number: i64,
    pub(crate) text: String,
}

impl Line {
    pub(crate) fn label(&self, name: &str) -> String {
        match name {
            "node" => self.node.clone(),
            "source" => self.source.clone(),
            "level" => self.level.as_str().to_owned(),
            "kind" => self.source.split(':').next().unwrap_or_default().to_owned(),
            "service_name" => self
                .source
                .split(':')
                .next_back()
                .unwrap_or_default()
                .to_owned(),
            other => panic!("no label {other}"),
        }
    }
}

pub(crate) type LineTest = Box<dyn Fn(&Line) -> bool>;

/// A selector with filters, and which lines it matches.
pub(crate) struct Selection {
    pub(crate) text: String,
    pub(crate) matches: LineTest,
}

pub(crate) fn selection(rng: &mut Rng) -> Selection {
    let mut text = "source=~\".+\"".to_owned();
    let mut tests: Vec<LineTest> = Vec::new();
    let (more, is_so) = labels(rng);
    text.push_str(more);
    tests.push(is_so);
    if rng.chance(3) {
        text.push_str(", level=\"error\"");
        tests.push(Box::new(|line| line.level == Level::Error));
    }
    let mut text = format!("{{{text}}}");
    for _ in 0..rng.below(3) {
        let (more, is_so) = filter(rng);
        text.push_str(more);
        tests.push(is_so);
    }
    Selection {
        text,
        matches: Box::new(move |line| tests.iter().all(|test| test(line))),
    }
}

/// Further matchers of a selector.
fn labels(rng: &mut Rng) -> (&'static str, LineTest) {
    match rng.below(9) {
        0 => (", node=\"n1\"", Box::new(|line| line.node == "n1")),
        1 => (", node!=\"n1\"", Box::new(|line| line.node != "n1")),
        2 => (
            ", node=~\"n0|n2|other\"",
            Box::new(|line| line.node != "n1"),
        ),
        3 => (
            ", service_name=\"web\"",
            Box::new(|line| line.source == "docker:web"),
        ),
        4 => (
            ", kind!=\"docker\"",
            Box::new(|line| !line.source.starts_with("docker:")),
        ),
        5 => (
            ", level!~\"info|debug\"",
            Box::new(|line| line.level != Level::Info),
        ),
        _ => ("", Box::new(|_| true)),
    }
}

/// A stage of a pipeline that filters lines.
fn filter(rng: &mut Rng) -> (&'static str, LineTest) {
    match rng.below(8) {
        0 => (" |= \"w=a\"", Box::new(|line| line.text.contains("w=a"))),
        1 => (" != \"w=a\"", Box::new(|line| !line.text.contains("w=a"))),
        2 => (" |~ \"n=[0-9] \"", Box::new(|line| line.number < 10)),
        3 => (
            " !~ \"n=1\"",
            Box::new(|line| !line.text.starts_with("n=1")),
        ),
        4 => (
            " |= \"n=7 \" or \"n=8 \"",
            Box::new(|line| line.number == 7 || line.number == 8),
        ),
        5 => (
            " | level=~\"warn|error\"",
            Box::new(|line| line.level != Level::Info),
        ),
        6 => (
            " | level=\"info\"",
            Box::new(|line| line.level == Level::Info),
        ),
        _ => (
            " |> \"n=<_> w=b\"",
            Box::new(|line| line.text.ends_with("w=b")),
        ),
    }
}

pub(crate) type LabelSet = BTreeMap<String, String>;
pub(crate) type Series = BTreeMap<LabelSet, BTreeMap<i64, f64>>;

pub(crate) fn group(line: &Line, labels: &[&str]) -> LabelSet {
    let pairs = labels.iter();
    pairs
        .map(|name| ((*name).to_owned(), line.label(name)))
        .collect()
}

pub(crate) const STREAM: [&str; 5] = ["kind", "level", "node", "service_name", "source"];

/// Values of functions over the lines of a window, which is not empty.
fn range_value(function: &str, lines: &[&Line], seconds: f64) -> f64 {
    let numbers: Vec<f64> = lines
        .iter()
        .map(|line| f64::from(i32::try_from(line.number).expect("small")))
        .collect();
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let count = lines.len() as f64;
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let bytes = lines.iter().map(|line| line.text.len()).sum::<usize>() as f64;
    let mean = numbers.iter().sum::<f64>() / count;
    let ends = || {
        let mut ordered: Vec<_> = lines.iter().map(|line| (line.nanos, line.number)).collect();
        ordered.sort_unstable();
        ordered
    };
    let number = |place: Option<&(i64, i64)>| {
        f64::from(i32::try_from(place.expect("a line").1).expect("small"))
    };
    match function {
        "count_over_time" => count,
        "rate" => count / seconds,
        "bytes_over_time" => bytes,
        "bytes_rate" => bytes / seconds,
        "sum_over_time" => numbers.iter().sum(),
        "avg_over_time" => mean,
        "min_over_time" => numbers.iter().copied().fold(f64::INFINITY, f64::min),
        "max_over_time" => numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        "stddev_over_time" => {
            (numbers.iter().map(|n| (n - mean).powi(2)).sum::<f64>() / count).sqrt()
        }
        "quantile_over_time" => {
            let mut sorted = numbers.clone();
            sorted.sort_by(f64::total_cmp);
            let rank = 0.7 * (count - 1.0);
            let below = rank.floor();
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a place"
            )]
            let at = |rank: f64| sorted[(rank as usize).min(sorted.len() - 1)];
            at(below) * (1.0 - (rank - below)) + at(below + 1.0) * (rank - below)
        }
        "first_over_time" => number(ends().first()),
        "last_over_time" => number(ends().last()),
        other => panic!("no function {other}"),
    }
}

/// The series of a range function, by these labels.
fn range_series(
    all: &[Line],
    selection: &Selection,
    (function, range, labels): (&str, i64, &[&str]),
    points: &[i64],
) -> Series {
    let mut series = Series::new();
    for point in points {
        let mut groups: BTreeMap<LabelSet, Vec<&Line>> = BTreeMap::new();
        for line in all {
            if line.nanos > point - range * SECOND
                && line.nanos <= *point
                && (selection.matches)(line)
            {
                groups.entry(group(line, labels)).or_default().push(line);
            }
        }
        for (labels, lines) in groups {
            #[expect(clippy::cast_precision_loss, reason = "a few seconds")]
            let value = range_value(function, &lines, range as f64);
            series.entry(labels).or_default().insert(*point, value);
        }
    }
    series
}

/// An aggregation over series by these labels.
fn aggregated(series: &Series, aggregation: &str, labels: &[&str]) -> Series {
    let mut groups: BTreeMap<(LabelSet, i64), Vec<f64>> = BTreeMap::new();
    for (set, values) in series {
        let mut kept = set.clone();
        kept.retain(|name, _| labels.contains(&name.as_str()));
        for (point, value) in values {
            groups
                .entry((kept.clone(), *point))
                .or_default()
                .push(*value);
        }
    }
    let mut result = Series::new();
    for ((labels, point), values) in groups {
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let count = values.len() as f64;
        let sum: f64 = values.iter().sum();
        let value = match aggregation {
            "sum" => sum,
            "avg" => sum / count,
            "count" => count,
            "min" => values.iter().copied().fold(f64::INFINITY, f64::min),
            "max" => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            "stddev" => {
                let mean = sum / count;
                (values
                    .iter()
                    .map(|value| (value - mean).powi(2))
                    .sum::<f64>()
                    / count)
                    .sqrt()
            }
            other => panic!("no aggregation {other}"),
        };
        result.entry(labels).or_default().insert(point, value);
    }
    result
}

/// The greatest two series of each point.
fn top_two(series: &Series) -> Series {
    let mut points: BTreeMap<i64, Vec<(LabelSet, f64)>> = BTreeMap::new();
    for (labels, values) in series {
        for (point, value) in values {
            points
                .entry(*point)
                .or_default()
                .push((labels.clone(), *value));
        }
    }
    let mut result = Series::new();
    for (point, mut values) in points {
        values.sort_by(|(a_labels, a), (b_labels, b)| b.total_cmp(a).then(a_labels.cmp(b_labels)));
        for (labels, value) in values.into_iter().take(2) {
            result.entry(labels).or_default().insert(point, value);
        }
    }
    result
}

fn subset(rng: &mut Rng) -> Vec<&'static str> {
    let mut labels = vec!["level", "node", "source"];
    labels.retain(|_| rng.chance(2));
    labels
}

/// A random metric query and its result.
pub(crate) fn metric_query(rng: &mut Rng, all: &[Line], points: &[i64]) -> (String, Series) {
    let (selection, range) = (selection(rng), 1 + rng.small(9));
    let (of_lines, labels) = (
        *rng.pick(&["count_over_time", "rate", "bytes_over_time", "bytes_rate"]),
        subset(rng),
    );
    let by = labels.join(", ");
    let text = &selection.text;
    let streams = |function| range_series(all, &selection, (function, range, &STREAM), points);
    match rng.below(6) {
        0 => {
            let aggregation = *rng.pick(&["sum", "avg", "count", "min", "max", "stddev"]);
            let query = format!("{aggregation} by ({by}) ({of_lines}({text} [{range}s]))");
            (query, aggregated(&streams(of_lines), aggregation, &labels))
        }
        1 => {
            let without: Vec<_> = STREAM
                .into_iter()
                .filter(|name| !labels.contains(name))
                .collect();
            let query = format!("sum without ({by}) ({of_lines}({text} [{range}s]))");
            (query, aggregated(&streams(of_lines), "sum", &without))
        }
        2 => {
            let function = *rng.pick(&[
                "sum_over_time",
                "avg_over_time",
                "min_over_time",
                "max_over_time",
                "stddev_over_time",
                "quantile_over_time",
                "first_over_time",
                "last_over_time",
            ]);
            let parameter = if function == "quantile_over_time" {
                "0.7, "
            } else {
                ""
            };
            // a sum has no grouping of its own
            let (grouping, labels) = if function == "sum_over_time" {
                (
                    String::new(),
                    STREAM.iter().chain(&["w"]).copied().collect(),
                )
            } else {
                (format!(" by ({by})"), labels)
            };
            let query =
                format!("{function}({parameter}{text} | logfmt | unwrap n [{range}s]){grouping}");
            if grouping.is_empty() {
                let query = format!("max by ({by}) ({query})");
                let with_word = by_word(all, &selection, function, range, points);
                return (
                    query,
                    aggregated(&with_word, "max", &by.split(", ").collect::<Vec<_>>()),
                );
            }
            (
                query,
                range_series(all, &selection, (function, range, &labels), points),
            )
        }
        3 => {
            // whole numbers, as sums of others differ by their order, and with them the order of equals
            let of_lines = *rng.pick(&["count_over_time", "bytes_over_time"]);
            let query = format!("topk(2, sum by (node, source) ({of_lines}({text} [{range}s])))");
            (
                query,
                top_two(&aggregated(&streams(of_lines), "sum", &["node", "source"])),
            )
        }
        4 => {
            let query = format!(
                "sum by ({by}) (count_over_time({text} [{range}s])) / on ({by}) sum by ({by}) (bytes_over_time({text} [{range}s]))"
            );
            let counts = aggregated(&streams("count_over_time"), "sum", &labels);
            let bytes = aggregated(&streams("bytes_over_time"), "sum", &labels);
            let mut ratio = counts;
            for (labels, values) in &mut ratio {
                for (point, value) in values {
                    *value /= bytes[labels][point];
                }
            }
            (query, ratio)
        }
        _ => {
            let query = format!(
                "absent_over_time({{source=\"docker:web\", node=\"n1\"}} |= \"n=7 \" [{range}s])"
            );
            let is_there = |point: i64| {
                all.iter().any(|line| {
                    let is_in = line.nanos > point - range * SECOND && line.nanos <= point;
                    is_in && line.node == "n1" && line.source == "docker:web" && line.number == 7
                })
            };
            let absent = points.iter().filter(|point| !is_there(**point));
            let values: BTreeMap<i64, f64> = absent.map(|point| (*point, 1.0)).collect();
            let labels = [("node", "n1"), ("source", "docker:web")];
            let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
            let series = if values.is_empty() {
                Series::new()
            } else {
                [(labels.into(), values)].into()
            };
            (query, series)
        }
    }
}

/// Series of streams and of the word that `logfmt` finds.
fn by_word(
    all: &[Line],
    selection: &Selection,
    function: &str,
    range: i64,
    points: &[i64],
) -> Series {
    let mut found = Series::new();
    for word in ["w=a", "w=b"] {
        let narrowed = Selection {
            text: String::new(),
            matches: Box::new({
                let lines: Vec<Line> = all
                    .iter()
                    .filter(|line| (selection.matches)(line))
                    .cloned()
                    .collect();
                move |line| line.text.ends_with(word) && lines.contains(line)
            }),
        };
        for (mut labels, values) in range_series(all, &narrowed, (function, range, &STREAM), points)
        {
            labels.insert("w".to_owned(), word.to_owned());
            found.insert(labels, values);
        }
    }
    found
}

pub(crate) fn matrix(answer: &Value) -> Series {
    let series = answer["data"]["result"].as_array().expect("series").iter();
    let of_series = |series: &Value| {
        let labels = series["metric"].as_object().expect("labels").iter();
        let labels: LabelSet = labels
            .map(|(name, value)| (name.clone(), value.as_str().expect("a text").to_owned()))
            .collect();
        let values = series["values"]
            .as_array()
            .expect("values")
            .iter()
            .map(|pair| {
                let seconds = pair[0].as_i64().expect("whole seconds");
                (
                    seconds * SECOND,
                    pair[1].as_str().expect("a text").parse().expect("a number"),
                )
            });
        (labels, values.collect())
    };
    series.map(of_series).collect()
}

pub(crate) fn assert_same(found: &Series, expected: &Series, query: &str) {
    let shape = |series: &Series| -> Vec<(LabelSet, Vec<i64>)> {
        series
            .iter()
            .map(|(labels, values)| (labels.clone(), values.keys().copied().collect()))
            .collect()
    };
    assert_eq!(shape(found), shape(expected), "{query}");
    for (labels, values) in expected {
        for (point, value) in values {
            let other = found[labels][point];
            let is_close = (value - other).abs() <= 1e-9 * (1.0 + value.abs());
            assert!(
                is_close,
                "{query}: {labels:?} at {point}: {other}, not {value}"
            );
        }
    }
}
