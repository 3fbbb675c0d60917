//! Loki's API over several nodes: every answer is the one that a simple evaluator gives for the lines of all nodes together.

use crate::gateway::fleet::{Fleet, Place, row};
use crate::gateway::stub::{Stub, response};
use crate::http::server::{NOON, Server, record};
use crate::loki::encoded;
use crate::loki::oracle::{
    LabelSet, Line, SECOND, STREAM, assert_same, group, matrix, metric_query, selection,
};
use crate::support::seeded::Rng;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use vmlog::record::{Level, Record};
use vmlog::server::ServerOptions;
use vmlog::time::Micros;

const NODES: [&str; 3] = ["n0", "n1", "n2"];
const SOURCES: [&str; 3] = ["docker:web", "docker:db", "system:ssh.service"];
const LEVELS: [Level; 3] = [Level::Info, Level::Warn, Level::Error];
/// A whole second, as times of samples are shorter then.
const BASE: i64 = NOON - NOON % 1_000_000;
const START: i64 = BASE * 1_000;

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

#[test]
fn metric_queries_are_those_of_a_simple_evaluator_over_all_nodes() {
    let mut rng = Rng::new(11);
    let seeded = seeded(&mut rng, 120);
    let points: Vec<i64> = (0..9).map(|step| START + step * 3 * SECOND).collect();
    for _ in 0..100 {
        let (query, expected) = metric_query(&mut rng, &seeded.lines, &points);
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
