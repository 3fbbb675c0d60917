//! Loki's API over several nodes: every answer is the one that a simple evaluator gives for the lines of all nodes together.

use crate::gateway::fleet::{Fleet, Place, row};
use crate::gateway::stub::{Stub, response};
use crate::http::server::{NOON, Server, record};
use crate::loki::encoded;
use crate::support::seeded::Rng;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use vmlog::record::{Level, Record};
use vmlog::server::ServerOptions;
use vmlog::time::Micros;

const NODES: [&str; 3] = ["n0", "n1", "n2"];
const SOURCES: [&str; 3] = ["docker:web", "docker:db", "system:ssh.service"];
const LEVELS: [Level; 3] = [Level::Info, Level::Warn, Level::Error];
const SECOND: i64 = 1_000_000_000;
/// A whole second, as times of samples are shorter then.
const BASE: i64 = NOON - NOON % 1_000_000;
const START: i64 = BASE * 1_000;

/// A line as the simple evaluator knows it.
#[derive(Debug, Clone, PartialEq)]
struct Line {
    nanos: i64,
    node: String,
    source: String,
    level: Level,
    number: i64,
    text: String,
}

impl Line {
    fn label(&self, name: &str) -> String {
        match name {
            "node" => self.node.clone(),
            "source" => self.source.clone(),
            "level" => self.level.as_str().to_owned(),
            "kind" => self.source.split(':').next().unwrap_or_default().to_owned(),
            "service_name" => self.source.split(':').nth(1).unwrap_or_default().to_owned(),
            other => panic!("no label {other}"),
        }
    }
}

/// Nodes with random records, many of which have the same times on several nodes, and a gateway in front of them.
struct Seeded {
    fleet: Fleet,
    nodes: Vec<Server>,
    /// In order of time and node.
    lines: Vec<Line>,
}

fn seeded(rng: &mut Rng, records: usize) -> Seeded {
    let place = Place::new();
    let (mut nodes, mut lines, mut rows) = (Vec::new(), Vec::new(), Vec::new());
    for id in NODES {
        // more requests than a node allows one user
        let mut node = place.node_with(id, unlimited());
        rows.push(row(id, node.address));
        let mut written = Vec::new();
        for number in 1..=records {
            // half of the records of all nodes are at a few common times
            let seconds = rng.small(20);
            let micros = BASE + seconds * 1_000_000 + rng.small(2) * rng.small(3);
            let (source, level) = (*rng.pick(&SOURCES), *rng.pick(&LEVELS));
            let value = rng.small(50);
            let text = format!("n={value} w={}", rng.pick(&["a", "b"]));
            written.push(Record {
                timestamp: Micros::new(micros),
                ..record(source, level, &text)
            });
            lines.push(Line {
                nanos: micros * 1_000 + i64::try_from(number).expect("small"),
                node: id.to_owned(),
                source: source.to_owned(),
                level,
                number: value,
                text,
            });
        }
        node.write(written);
        nodes.push(node);
    }
    lines.sort_by(|a, b| (a.nanos, &a.node).cmp(&(b.nanos, &b.node)));
    Seeded {
        fleet: place.open(&json!(rows)),
        nodes,
        lines,
    }
}

/// Without a limit on the rate of requests.
pub(crate) fn unlimited() -> ServerOptions {
    ServerOptions {
        rate: 0,
        ..ServerOptions::default()
    }
}

type LineTest = Box<dyn Fn(&Line) -> bool>;

/// A selector with a line filter, and which lines it matches.
struct Selection {
    text: String,
    matches: LineTest,
}

fn selection(rng: &mut Rng) -> Selection {
    let mut text = "source=~\".+\"".to_owned();
    let mut tests: Vec<LineTest> = Vec::new();
    match rng.below(5) {
        0 => {
            text.push_str(", node=\"n1\"");
            tests.push(Box::new(|line| line.node == "n1"));
        }
        1 => {
            text.push_str(", node!=\"n1\"");
            tests.push(Box::new(|line| line.node != "n1"));
        }
        2 => {
            text.push_str(", node=~\"n0|n2|other\"");
            tests.push(Box::new(|line| line.node != "n1"));
        }
        _ => {}
    }
    if rng.chance(3) {
        text.push_str(", level=\"error\"");
        tests.push(Box::new(|line| line.level == Level::Error));
    }
    let mut text = format!("{{{text}}}");
    if rng.chance(2) {
        text.push_str(" |= \"w=a\"");
        tests.push(Box::new(|line| line.text.contains("w=a")));
    }
    Selection {
        text,
        matches: Box::new(move |line| tests.iter().all(|test| test(line))),
    }
}

/// The lines of an answer: time, node, text.
fn lines_of(answer: &Value) -> Vec<(i64, String, String)> {
    let streams = answer["data"]["result"].as_array().expect("streams").iter();
    let of_stream = |stream: &Value| {
        let node = stream["stream"]["node"]
            .as_str()
            .expect("a label")
            .to_owned();
        let values = stream["values"].as_array().expect("values").clone();
        values.into_iter().map(move |value| {
            let text = |index: usize| value[index].as_str().expect("a text").to_owned();
            (text(0).parse().expect("a time"), node.clone(), text(1))
        })
    };
    let mut lines: Vec<_> = streams.flat_map(of_stream).collect();
    lines.sort();
    lines
}

#[test]
fn pages_in_both_directions_are_the_lines_of_all_nodes() {
    let mut rng = Rng::new(7);
    for round in 0..3 {
        let seeded = seeded(&mut rng, 10 + 25 * round);
        for _ in 0..4 {
            let selection = selection(&mut rng);
            let expected: Vec<_> = seeded
                .lines
                .iter()
                .filter(|line| (selection.matches)(line))
                .map(|line| (line.nanos, line.node.clone(), line.text.clone()))
                .collect();
            let limit = 2 + rng.below(12);
            for direction in ["forward", "backward"] {
                // both ways in which clients continue: after the last time, and from the last time on
                let (mut found, mut pages) = (BTreeSet::new(), 0);
                let (mut start, mut end) = (START - SECOND, START + 60 * SECOND);
                loop {
                    let target = format!(
                        "/loki/api/v1/query_range?query={}&start={start}&end={end}&limit={limit}&direction={direction}",
                        encoded(&selection.text)
                    );
                    let answer = seeded.fleet.json(&target);
                    assert_eq!(answer["warnings"], Value::Null);
                    let lines = lines_of(&answer);
                    pages += 1;
                    let (Some(first), Some(last)) = (lines.first(), lines.last()) else {
                        break;
                    };
                    let is_forward = direction == "forward";
                    if is_forward {
                        start = last.0 + 1;
                    } else {
                        end = first.0;
                    }
                    let edge = if is_forward { last.0 } else { first.0 };
                    let inner = lines.iter().filter(|line| line.0 != edge).count();
                    assert!(
                        inner < limit,
                        "only lines of the last time exceed the limit"
                    );
                    let is_last = lines.len() < limit;
                    for line in lines {
                        assert!(found.insert(line.clone()), "twice: {line:?}");
                    }
                    if is_last {
                        break;
                    }
                }
                let found: Vec<_> = found.into_iter().collect();
                assert_eq!(
                    found, expected,
                    "{} {direction} limit {limit}",
                    selection.text
                );
                assert!(
                    pages <= expected.len() / limit + 2,
                    "{pages} pages of {limit}"
                );
            }
        }
    }
}

type LabelSet = BTreeMap<String, String>;
type Series = BTreeMap<LabelSet, BTreeMap<i64, f64>>;

fn group(line: &Line, labels: &[&str]) -> LabelSet {
    let pairs = labels.iter();
    pairs
        .map(|name| ((*name).to_owned(), line.label(name)))
        .collect()
}

const STREAM: [&str; 5] = ["kind", "level", "node", "service_name", "source"];

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
    seeded: &Seeded,
    selection: &Selection,
    (function, range, labels): (&str, i64, &[&str]),
    points: &[i64],
) -> Series {
    let mut series = Series::new();
    for point in points {
        let mut groups: BTreeMap<LabelSet, Vec<&Line>> = BTreeMap::new();
        for line in &seeded.lines {
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
fn metric_query(rng: &mut Rng, seeded: &Seeded, points: &[i64]) -> (String, Series) {
    let (selection, range) = (selection(rng), 1 + rng.small(9));
    let (of_lines, labels) = (
        *rng.pick(&["count_over_time", "rate", "bytes_over_time", "bytes_rate"]),
        subset(rng),
    );
    let by = labels.join(", ");
    let text = &selection.text;
    let streams = |function| range_series(seeded, &selection, (function, range, &STREAM), points);
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
                let with_word = by_word(seeded, &selection, function, range, points);
                return (
                    query,
                    aggregated(&with_word, "max", &by.split(", ").collect::<Vec<_>>()),
                );
            }
            (
                query,
                range_series(seeded, &selection, (function, range, &labels), points),
            )
        }
        3 => {
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
                seeded.lines.iter().any(|line| {
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
    seeded: &Seeded,
    selection: &Selection,
    function: &str,
    range: i64,
    points: &[i64],
) -> Series {
    let mut all = Series::new();
    for word in ["w=a", "w=b"] {
        let narrowed = Selection {
            text: String::new(),
            matches: Box::new({
                let lines: Vec<Line> = seeded
                    .lines
                    .iter()
                    .filter(|line| (selection.matches)(line))
                    .cloned()
                    .collect();
                move |line| line.text.ends_with(word) && lines.contains(line)
            }),
        };
        for (mut labels, values) in
            range_series(seeded, &narrowed, (function, range, &STREAM), points)
        {
            labels.insert("w".to_owned(), word.to_owned());
            all.insert(labels, values);
        }
    }
    all
}

fn matrix(answer: &Value) -> Series {
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

fn assert_same(found: &Series, expected: &Series, query: &str) {
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

#[test]
fn metric_queries_are_those_of_a_simple_evaluator_over_all_nodes() {
    let mut rng = Rng::new(11);
    let seeded = seeded(&mut rng, 120);
    let points: Vec<i64> = (0..9).map(|step| START + step * 3 * SECOND).collect();
    for _ in 0..100 {
        let (query, expected) = metric_query(&mut rng, &seeded, &points);
        let target = format!(
            "/loki/api/v1/query_range?query={}&start={}&end={}&step=3",
            encoded(&query),
            points[0],
            points[points.len() - 1]
        );
        let answer = seeded.fleet.json(&target);
        assert_eq!(answer["data"]["resultType"], "matrix", "{query}");
        assert_eq!(answer["warnings"], Value::Null, "{query}");
        assert_same(&matrix(&answer), &expected, &query);
    }
    let query = "sum by (node) (count_over_time({source=~\".+\"}[1h]))";
    let target = format!(
        "/loki/api/v1/query?query={}&time={}",
        encoded(query),
        START + 60 * SECOND
    );
    let answer = seeded.fleet.json(&target);
    let counts = NODES
        .map(|node| json!({"metric": {"node": node}, "value": [BASE / 1_000_000 + 60, "120"]}));
    assert_eq!(answer["data"]["result"], json!(counts));
}

#[test]
fn lists_and_counts_are_those_of_all_nodes() {
    let mut rng = Rng::new(13);
    let seeded = seeded(&mut rng, 40);
    let window = format!("start={START}&end={}", START + 60 * SECOND);
    let call = |path: &str| {
        seeded.fleet.json(&format!(
            "/loki/api/v1/{path}{}{window}",
            if path.contains('?') { "&" } else { "?" }
        ))
    };
    let all = encoded("{source=~\".+\"}");
    let of_two = encoded("{node=~\"n0|n2\"}");
    assert_eq!(call("labels")["data"], json!(STREAM));
    assert_eq!(call("label/node/values")["data"], json!(NODES));
    assert_eq!(
        call(&format!("label/node/values?query={of_two}"))["data"],
        json!(["n0", "n2"])
    );
    let streams: BTreeSet<LabelSet> = seeded
        .lines
        .iter()
        .map(|line| group(line, &STREAM))
        .collect();
    assert_eq!(
        call(&format!("series?match[]={all}"))["data"],
        json!(streams)
    );
    let detected = call("detected_labels");
    let cardinality = |label: &str| {
        let labels = detected["detectedLabels"]
            .as_array()
            .expect("a list")
            .iter();
        let mut found = labels.filter(|each| each["label"] == label);
        found.next().map(|each| each["cardinality"].clone())
    };
    assert_eq!(cardinality("node"), Some(3.into()));
    assert_eq!(cardinality("source"), Some(3.into()));
    let stats = call(&format!("index/stats?query={of_two}"));
    assert_eq!(stats["entries"], 80);
    let volume = |path: &str| {
        let answer = call(path);
        let result = answer["data"]["result"].as_array().expect("a list").clone();
        result
            .into_iter()
            .map(|row| {
                row["metric"]["source"]
                    .as_str()
                    .expect("a label")
                    .to_owned()
            })
            .collect::<BTreeSet<_>>()
    };
    let every: BTreeSet<String> = SOURCES.map(str::to_owned).into();
    assert_eq!(
        volume(&format!("index/volume?query={all}&targetLabels=source")),
        every
    );
    let bytes: usize = seeded.lines.iter().map(|line| line.text.len()).sum();
    let range = call(&format!(
        "index/volume_range?query={all}&targetLabels=kind&step=60s"
    ));
    let sum: f64 = matrix(&range).values().flat_map(BTreeMap::values).sum();
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let (least, whole) = (0.0, bytes as f64);
    assert!(sum > least && sum <= whole, "{sum} of {whole}");
    let fields = call(&format!("detected_fields?query={all}"));
    let fields = fields["fields"].as_array().expect("a list");
    let field = fields
        .iter()
        .find(|field| field["label"] == "n")
        .expect("a field");
    assert_eq!(
        (&field["type"], &field["parsers"]),
        (&json!("int"), &json!(["logfmt"]))
    );
    assert_eq!(
        call(&format!("detected_field/w/values?query={all}"))["values"],
        json!(["a", "b"])
    );
    let patterns = call(&format!("patterns?query={all}&step=60s"));
    let patterns = patterns["data"].as_array().expect("a list").iter();
    let samples =
        patterns.flat_map(|pattern| pattern["samples"].as_array().expect("a list").clone());
    let counted: u64 = samples
        .map(|sample| sample[1].as_u64().expect("a count"))
        .sum();
    assert_eq!(counted, 120);
}

#[test]
fn a_node_that_does_not_answer_is_named_and_none_at_all_is_an_error() {
    let mut rng = Rng::new(17);
    let place = Place::new();
    let mut node = place.node("n0");
    let text = format!("line {}", rng.small(9));
    node.write([record("docker:web", Level::Info, &text)]);
    let broken = Stub::start(|_| response("500 Internal Server Error", "", "{}"));
    let liar = Stub::start(|received| {
        let is_lines = received.target.starts_with("/loki/api/v1/query_range");
        let lines = format!(
            "{{\"data\": {{\"result\": [{{\"stream\": {{\"node\": \"n0\"}}, \"values\": [[\"{START}\", \"forged\", {{}}]]}}]}}}}"
        );
        response(
            "200 OK",
            "",
            if is_lines { &lines } else { "{\"data\": 5}" },
        )
    });
    let rows = json!([
        row("n0", node.address),
        row("broken", broken.address),
        row("liar", liar.address)
    ]);
    let fleet = place.open(&rows);
    let window = format!("start={START}&end={}", START + 60 * SECOND);
    let all = encoded("{source=~\".+\"}");
    let count = encoded("sum by (node) (count_over_time({source=~\".+\"}[1m]))");
    for path in [
        format!("query_range?query={all}&{window}"),
        format!("query_range?query={count}&{window}"),
        format!("query?query={count}&time={}", START + 60 * SECOND),
        format!("labels?{window}"),
        format!("label/source/values?{window}"),
        format!("series?match[]={all}&{window}"),
        format!("index/volume?query={all}&{window}"),
        format!("patterns?query={all}&{window}"),
    ] {
        let answer = fleet.json(&format!("/loki/api/v1/{path}"));
        let warnings = answer["warnings"].to_string();
        assert!(
            warnings.contains(
                "node broken: the node refused the request with status 500 (node_refused)"
            ),
            "{path}: {answer}"
        );
        assert!(warnings.contains("node liar: "), "{path}: {answer}");
        assert!(!answer.to_string().contains("forged"), "{path}: {answer}");
        assert!(!warnings.contains("node n0"), "{path}: {answer}");
    }
    // the others are not asked at all
    let alone = encoded("{node=\"n0\"}");
    let answer = fleet.json(&format!("/loki/api/v1/query_range?query={alone}&{window}"));
    assert_eq!(answer["warnings"], Value::Null);
    assert_eq!(lines_of(&answer).len(), 1);
    let of_broken = encoded("{node=\"broken\"}");
    let answer = fleet
        .get(&format!(
            "/loki/api/v1/query_range?query={of_broken}&{window}"
        ))
        .send();
    assert_eq!(answer.status, 502);
    assert_eq!(
        answer.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    let expected = "no node answered: node broken: the node refused the request with status 500 (node_refused)";
    assert_eq!(answer.text(), expected);
    // nobody knows whether a node that does not answer has such lines
    let absent = encoded("absent_over_time({source=\"x\"}[1m])");
    let answer = fleet
        .get(&format!("/loki/api/v1/query?query={absent}"))
        .send();
    assert_eq!(answer.status, 502, "{}", answer.text());
}

#[test]
fn copies_of_one_node_are_counted_neither_twice_nor_as_one_of_them() {
    let place = Place::new();
    let (mut node, mut copied) = (place.node("n0"), place.node("n1"));
    node.write([record("docker:web", Level::Info, "once")]);
    copied.write([record("docker:web", Level::Info, "copied")]);
    // the same machine under two names answers for the name in its token only, so the copy is a stub in front of it
    let address = copied.address;
    let twin = Stub::start(move |received| {
        let call = crate::http::client::get(address, &received.target);
        let headers = received
            .headers
            .iter()
            .filter(|(name, _)| name != "host" && name != "authorization");
        let call = headers.fold(call, |call, (name, value)| call.header(name, value));
        let bearer = format!("Bearer {}", crate::http::server::TOKEN);
        let answer = call.header("authorization", &bearer).send();
        let store = answer
            .header("x-vmlog-store")
            .expect("an identity")
            .to_owned();
        let (status, length) = (answer.status, answer.body.len());
        let head = format!(
            "HTTP/1.1 {status} OK\r\nconnection: close\r\nx-vmlog-store: {store}\r\ncontent-length: {length}\r\n\r\n"
        );
        let mut bytes = head.into_bytes();
        bytes.extend(answer.body);
        bytes
    });
    let rows = json!([
        row("n0", node.address),
        row("n1", copied.address),
        row("twin", twin.address)
    ]);
    let fleet = place.open(&rows);
    let query = encoded("sum by (node) (count_over_time({source=~\".+\"} | drop x [1h]))");
    let answer = fleet.json(&format!(
        "/loki/api/v1/query?query={query}&time={}",
        START + 60 * SECOND
    ));
    assert_eq!(
        answer["data"]["result"],
        json!([{"metric": {"node": "n0"}, "value": [BASE / 1_000_000 + 60, "1"]}]),
        "{answer}"
    );
    assert!(
        answer["warnings"]
            .to_string()
            .contains("node n1: another node has the same store"),
        "{answer}"
    );
}

#[test]
fn what_grafana_asks_first_needs_no_node() {
    let fleet = Place::new().open(&json!([]));
    let health = fleet
        .json("/loki/api/v1/query?query=vector(1)%2Bvector(1)&time=4000000000&direction=backward");
    let expected = json!([{"metric": {}, "value": [4_000_000_000_i64, "2"]}]);
    assert_eq!(health["data"]["result"], expected);
    assert_eq!(fleet.json("/loki/api/v1/labels")["data"], json!([]));
    assert_eq!(fleet.anonymous("/ready").send().text(), "ready\n");
    assert!(fleet.json("/loki/api/v1/status/buildinfo")["version"].is_string());
    assert_eq!(
        fleet.json("/loki/api/v1/format_query?query=%7Ba%3D%22b%22%7D")["data"],
        "{a=\"b\"}"
    );
    assert_eq!(
        fleet.json("/loki/api/v1/drilldown-limits")["limits"]["volume_enabled"],
        true
    );
    assert_eq!(
        fleet.json("/prometheus/api/v1/rules")["data"]["groups"],
        json!([])
    );
    for (query, start) in [
        ("{a=\"b\"", "parse error at line 1, col 7: "),
        ("{a=~\".*\"}", "parse error"),
    ] {
        let answer = fleet
            .get(&format!(
                "/loki/api/v1/query_range?query={}",
                encoded(query)
            ))
            .send();
        assert_eq!(answer.status, 400);
        assert!(answer.text().starts_with(start), "{}", answer.text());
    }
    let answer = fleet
        .get("/loki/api/v1/query?query=%7Ba%3D%22b%22%7D")
        .send();
    assert_eq!(answer.status, 400);
    assert!(
        answer
            .text()
            .starts_with("log queries are not supported as an instant query type")
    );
}

#[test]
fn an_error_of_a_line_fails_the_query_with_the_words_of_the_node() {
    let mut rng = Rng::new(19);
    let seeded = seeded(&mut rng, 5);
    let query = encoded("sum_over_time({source=~\".+\"} | logfmt | unwrap w [1m])");
    let answer = seeded
        .fleet
        .get(&format!(
            "/loki/api/v1/query?query={query}&time={}",
            START + 30 * SECOND
        ))
        .send();
    assert_eq!(answer.status, 400);
    assert!(
        answer
            .text()
            .starts_with("pipeline error: 'SampleExtractionErr' for series: '{"),
        "{}",
        answer.text()
    );
    drop(seeded.nodes);
}
