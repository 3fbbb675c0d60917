//! The read API of Loki through a real socket: the requests of Grafana in their order, and those of other clients.

pub(crate) mod errors;
pub(crate) mod grafana;
pub(crate) mod oracle;
pub(crate) mod readme;
pub(crate) mod scope;
pub(crate) mod semantics;
pub(crate) mod tail;

use crate::http::client::Answer;
use crate::http::server::{NOON, Server, record};
use serde_json::{Value, json};
use vmlog::record::{Level, Record};
use vmlog::time::Micros;

/// The time of the first record, in nanoseconds.
pub(crate) const START: i64 = NOON * 1_000;

/// A record some seconds after the first.
pub(crate) fn at(
    seconds: i64,
    source: &str,
    level: Level,
    message: &str,
    metadata: Value,
) -> Record {
    Record {
        timestamp: Micros::new(NOON + seconds * 1_000_000),
        metadata: serde_json::from_value(metadata).expect("an object"),
        ..record(source, level, message)
    }
}

/// A server with a few records of two services within one minute.
pub(crate) fn server() -> Server {
    let mut server = Server::start();
    server.write([
        at(
            0,
            "docker:web",
            Level::Info,
            "GET /a took 12 ms",
            json!({"stream": "stdout"}),
        ),
        at(
            1,
            "docker:web",
            Level::Error,
            "{\"status\":500,\"path\":\"/b\",\"took\":\"30ms\"}",
            json!({}),
        ),
        at(
            2,
            "system:ssh.service",
            Level::Warn,
            "session 7 of root",
            json!({"pid": 7, "event_type": "process_output"}),
        ),
        at(
            3,
            "docker:web",
            Level::Info,
            "{\"status\":200,\"path\":\"/a\",\"took\":\"10ms\"}",
            json!({}),
        ),
        at(
            4,
            "devcontainer:ws-1",
            Level::Info,
            "ready",
            json!({"http": {"status": 204}}),
        ),
    ]);
    server
}

/// Percent-encodes a query.
pub(crate) fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// The target of a range query over the minute of the records.
pub(crate) fn range(query: &str, rest: &str) -> String {
    let (start, end) = (START, START + 60_000_000_000);
    format!(
        "/loki/api/v1/query_range?query={}&start={start}&end={end}{rest}",
        encoded(query)
    )
}

impl Server {
    /// The answer of a range query.
    pub(crate) fn loki_range(&self, query: &str, rest: &str) -> Answer {
        self.get(&range(query, rest)).send()
    }

    /// The texts of the lines of a range query, in the order of their streams' values.
    pub(crate) fn loki_lines(&self, query: &str, rest: &str) -> Vec<String> {
        let answer = self.loki_range(query, rest);
        assert_eq!(answer.status, 200, "{query}: {}", answer.text());
        let streams = answer.json()["data"]["result"].clone();
        let streams = streams.as_array().expect("streams").clone();
        let mut lines: Vec<(String, String)> = streams
            .iter()
            .flat_map(|stream| stream["values"].as_array().expect("values").clone())
            .map(|value| {
                let text = |index: usize| value[index].as_str().expect("a text").to_owned();
                (text(0), text(1))
            })
            .collect();
        lines.sort();
        lines.into_iter().map(|(_, text)| text).collect()
    }
}
