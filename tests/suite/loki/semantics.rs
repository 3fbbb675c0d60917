//! `LogQL` on one node whose records are in several sealed segments and the active one: every answer is the one of a simple evaluator.

use super::encoded;
use super::oracle::{Line, SECOND, assert_same, matrix, metric_query, selection};
use crate::gateway::fleet::Place;
use crate::gateway::loki::unlimited;
use crate::http::server::{NOON, Server, record};
use crate::support::seeded::Rng;
use vmlog::record::{Level, Record};
use vmlog::store;
use vmlog::time::Micros;

const SOURCES: [&str; 4] = [
    "docker:web",
    "docker:db",
    "system:ssh.service",
    "cloud-init",
];
const LEVELS: [Level; 3] = [Level::Info, Level::Warn, Level::Error];
/// A whole second, as times of samples are shorter then.
const BASE: i64 = NOON - NOON % 1_000_000;
const START: i64 = BASE * 1_000;
const SECONDS: i64 = 60;

/// A node, and its lines in order of time.
fn seeded(rng: &mut Rng, records: usize, segment_rows: u64) -> (Server, Vec<Line>) {
    let options = store::Options {
        segment_rows,
        ..store::Options::default()
    };
    let mut node = Place::new().node_over("n1", unlimited(), options);
    let (mut written, mut lines) = (Vec::new(), Vec::new());
    for number in 1..=records {
        // arrival follows time loosely: blocks overlap, and some cover a long time
        let second = i64::try_from(number).expect("small") * SECONDS
            / i64::try_from(records).expect("small");
        let second = if rng.chance(20) {
            rng.small(60)
        } else {
            second
        };
        // whole seconds are where windows begin and end
        let micros = BASE + second * 1_000_000 + rng.small(2) * rng.small(1_000_000);
        let (source, level) = (*rng.pick(&SOURCES), *rng.pick(&LEVELS));
        let value = rng.small(50);
        let text = format!("n={value} w={}", rng.pick(&["a", "b"]));
        written.push(Record {
            timestamp: Micros::new(micros),
            ..record(source, level, &text)
        });
        lines.push(Line {
            nanos: micros * 1_000 + i64::try_from(number % 1_000).expect("small"),
            node: "n1".to_owned(),
            source: source.to_owned(),
            level,
            number: value,
            text,
        });
    }
    for batch in written.chunks(100) {
        node.write(batch.to_vec());
    }
    lines.sort_by_key(|line| line.nanos);
    (node, lines)
}

#[test]
fn metric_queries_are_those_of_a_simple_evaluator() {
    let mut rng = Rng::new(23);
    for (records, segment_rows) in [(0, 1_000), (900, 100_000), (900, 120)] {
        let (node, lines) = seeded(&mut rng, records, segment_rows);
        for _ in 0..120 {
            let step = 1 + rng.small(12);
            let first = START + (rng.small(20) - 5) * SECOND;
            let points: Vec<i64> = (0..9)
                .map(|number| first + number * step * SECOND)
                .collect();
            let (query, expected) = metric_query(&mut rng, &lines, &points);
            let target = format!(
                "/loki/api/v1/query_range?query={}&start={first}&end={}&step={step}",
                encoded(&query),
                points[points.len() - 1]
            );
            let answer = node.json(&target);
            assert_eq!(answer["data"]["resultType"], "matrix", "{query}");
            assert_same(&matrix(&answer), &expected, &query);
        }
    }
}

#[test]
fn lines_are_those_of_a_simple_evaluator_in_both_directions() {
    let mut rng = Rng::new(29);
    let (node, lines) = seeded(&mut rng, 900, 120);
    for _ in 0..120 {
        let selection = selection(&mut rng);
        let (start, seconds) = (START + rng.small(60) * SECOND, 1 + rng.small(40));
        let (end, limit) = (start + seconds * SECOND, 1 + rng.below(60));
        let matching = lines
            .iter()
            .filter(|line| (start..end).contains(&line.nanos) && (selection.matches)(line));
        let expected: Vec<_> = matching
            .map(|line| (line.nanos, line.text.clone()))
            .collect();
        for direction in ["forward", "backward"] {
            let target = format!(
                "/loki/api/v1/query_range?query={}&start={start}&end={end}&limit={limit}&direction={direction}",
                encoded(&selection.text)
            );
            let found = lines_of(&node.json(&target));
            let more = expected.len().saturating_sub(limit);
            let expected = if direction == "forward" {
                &expected[..expected.len() - more]
            } else {
                &expected[more..]
            };
            assert_eq!(
                found, expected,
                "{} {direction} limit {limit}",
                selection.text
            );
        }
    }
}

/// The lines of an answer in order of time.
fn lines_of(answer: &serde_json::Value) -> Vec<(i64, String)> {
    let streams = answer["data"]["result"].as_array().expect("streams").iter();
    let values = streams.flat_map(|stream| stream["values"].as_array().expect("values"));
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    let line =
        |value: &serde_json::Value| (text(&value[0]).parse().expect("a time"), text(&value[1]));
    let mut lines: Vec<_> = values.map(line).collect();
    lines.sort();
    lines
}
