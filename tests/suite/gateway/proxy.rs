//! Answers of one node: streamed, with reasons for what fails.

use crate::gateway::fleet::{Place, row};
use crate::gateway::stub::{Stub, response};
use crate::http::client::Answer;
use crate::http::server::{Server, numbered};
use serde_json::{Value, json};
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};
use vmlog::server::ServerOptions;

/// A port that nobody listens on.
fn closed_port() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address")
}

#[test]
fn answers_are_those_of_the_node() {
    let place = Place::new();
    let mut node = place.node("n1");
    node.write(numbered(0..700));
    let fleet = place.open(&json!([row("n1", node.address)]));
    for path in [
        "logs?limit=500&level=warn",
        "logs?q=line%20(1%20OR%202)",
        "logs/sources",
        "logs/histogram?buckets=10",
        "logs/fields",
        "logs/patterns",
        "logs/export?format=jsonl",
        "logs/export?format=csv&source=docker:web",
        "logs/700",
        "logs/701",
        "logs?limit=0",
        "logs?unknown=1",
        "runs",
        "openapi.json",
        "loki/api/v1/labels",
    ] {
        let direct = node.get(&format!("/{path}")).send();
        let through = fleet.get(&format!("/api/nodes/n1/{path}")).send();
        assert_eq!(through.status, direct.status, "{path}");
        assert_eq!(through.text(), direct.text(), "{path}");
        let name = "content-type";
        assert_eq!(through.header(name), direct.header(name), "{path}");
    }
    let lines = fleet
        .get("/api/nodes/n1/logs")
        .header("accept", "application/x-ndjson");
    let lines = lines.header("accept-encoding", "gzip").send();
    assert_eq!(lines.header("content-encoding"), Some("gzip"));
    assert!(lines.header("x-next-cursor").is_some());
    let head = fleet.get("/api/nodes/n1/logs").method("HEAD").send();
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(fleet.get("/api/nodes/n1/session").send().status, 405);
    assert_eq!(fleet.get("/api/nodes/n1/ui/no.js").send().status, 404);
    assert_eq!(
        fleet.get("/api/nodes/n1/logs/..%2fsession").send().status,
        404
    );
}

fn fault(answer: &Answer) -> (u16, String, String) {
    let body = answer.json();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    (answer.status, text(&body["error"]), text(&body["node"]))
}

#[test]
fn what_a_node_does_wrong_has_a_reason_and_a_status() {
    let elsewhere = Stub::start(|_| response("200 OK", "", "internal"));
    let target = elsewhere.address;
    let nodes = [
        ("gone", closed_port()),
        (
            "other-key",
            Stub::start(|_| response("401 Unauthorized", "", "{}")).address,
        ),
        (
            "moved",
            Stub::start(move |_| {
                let location = format!("location: http://{target}/\r\n");
                response("302 Found", &location, "")
            })
            .address,
        ),
        (
            "garbage",
            Stub::start(|_| b"SSH-2.0-OpenSSH\r\n".to_vec()).address,
        ),
        (
            "silent",
            Stub::start(|_| {
                std::thread::park();
                Vec::new()
            })
            .address,
        ),
        (
            "failing",
            Stub::start(|_| response("500 Internal Server Error", "", "{\"error\":\"internal\"}"))
                .address,
        ),
    ];
    let rows: Vec<Value> = nodes
        .iter()
        .map(|(id, address)| row(id, *address))
        .collect();
    let fleet = Place::new().open_with(&json!(rows), |options| {
        options.node_timeout = Duration::from_secs(1);
    });
    let asked = |id: &str| fleet.get(&format!("/api/nodes/{id}/logs")).send();
    for (id, status, reason) in [
        ("gone", 502, "node_unreachable"),
        ("other-key", 502, "node_refused"),
        ("moved", 502, "node_refused"),
        ("garbage", 502, "node_broken"),
        ("silent", 504, "node_timeout"),
    ] {
        let answer = asked(id);
        assert_eq!(fault(&answer), (status, reason.to_owned(), id.to_owned()));
        // no address and nothing that the node sent
        assert!(!answer.text().contains("127.0.0.1"), "{}", answer.text());
        assert!(!answer.text().contains("SSH"), "{}", answer.text());
    }
    assert!(elsewhere.received().is_empty(), "a redirect was followed");
    let failing = asked("failing");
    assert_eq!(
        (failing.status, failing.text()),
        (500, "{\"error\":\"internal\"}")
    );
    let listed = fleet.json("/api/nodes");
    let faults: Vec<&str> = listed["nodes"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|node| node["fault"].as_str())
        .collect();
    assert_eq!(faults.len(), 5, "{listed}");
}

#[test]
fn an_answer_that_is_cut_off_is_not_taken_for_complete() {
    let cut =
        Stub::start(|_| b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"entries\":[".to_vec());
    let fleet = Place::new().open(&json!([row("cut", cut.address)]));
    let answer = fleet.get("/api/nodes/cut/logs").try_send();
    let is_whole = answer.is_ok_and(|answer| answer.body.len() == 100);
    assert!(!is_whole);
    let chunked = Stub::start(|_| {
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n".to_vec()
    });
    let fleet = Place::new().open(&json!([row("cut", chunked.address)]));
    assert!(fleet.get("/api/nodes/cut/logs/export").try_send().is_err());
}

#[test]
fn a_tail_is_followed_through_the_gateway_and_goes_on_after_a_restart() {
    let place = Place::new();
    let mut node = place.node("n1");
    node.write(numbered(0..10));
    let rows = json!([row("n1", node.address)]);
    let mut fleet = place.open(&rows);
    let mut tail = fleet.get("/api/nodes/n1/logs/tail?after=4").events();
    assert_eq!(tail.header("content-type"), Some("text/event-stream"));
    assert_eq!(tail.ids(6), (5..=10).collect::<Vec<_>>());
    node.write(numbered(10..20));
    assert_eq!(tail.ids(10), (11..=20).collect::<Vec<_>>());
    fleet.stop();
    let last = std::iter::from_fn(|| tail.next_event())
        .last()
        .expect("an end");
    assert_eq!(last.name.as_deref(), Some("end"));
    assert_eq!(last.data.as_deref(), Some("{\"reason\":\"shutdown\"}"));
    node.write(numbered(20..30));
    let again = Place::new().open(&rows);
    // the new gateway has other keys, so the node reads those of the first address: it refuses
    let refused = again
        .get("/api/nodes/n1/logs/tail")
        .header("last-event-id", "20")
        .send();
    assert_eq!(fault(&refused).1, "node_refused");
}

#[test]
fn a_tail_outlives_the_token_of_the_gateway_without_loss_or_repetition() {
    // ends its first tail as a node does whose token has expired
    let node = Stub::start(|received| {
        let head =
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
        let body = match received.header("last-event-id") {
            None => {
                "retry: 1000\nid: 4\n\nid: 5\ndata: {\"a\":5}\n\nid: 6\ndata: {\"a\":6}\n\n\
                event: end\ndata: {\"reason\":\"token_expired\"}\n\n"
            }
            Some("6") => {
                "retry: 1000\nid: 6\n\nid: 7\ndata: {\"a\":7}\n\nevent: end\ndata: {\"reason\":\"shutdown\"}\n\n"
            }
            Some(other) => panic!("continued after {other}"),
        };
        format!("{head}{body}").into_bytes()
    });
    let fleet = Place::new().open(&json!([row("n1", node.address)]));
    let mut tail = fleet.get("/api/nodes/n1/logs/tail").events();
    let events: Vec<_> = std::iter::from_fn(|| tail.next_block()).collect();
    let ids: Vec<_> = events.iter().map(|event| event.id.as_deref()).collect();
    assert_eq!(ids, [Some("4"), Some("5"), Some("6"), Some("7"), None]);
    assert_eq!(events[4].data.as_deref(), Some("{\"reason\":\"shutdown\"}"));
}

#[test]
fn a_client_that_leaves_frees_the_tail_of_the_node() {
    let place = Place::new();
    let options = ServerOptions {
        tail_connections_max: 2,
        ..ServerOptions::default()
    };
    let mut node = place.node_with("n1", options);
    node.write(numbered(0..1));
    let fleet = place.open(&json!([row("n1", node.address)]));
    for _ in 0..10 {
        // the node has one place for the gateway; it is free again when the client is gone
        let began = Instant::now();
        loop {
            let call = fleet.get("/api/nodes/n1/logs/tail?after=0");
            if call.status() == 200 {
                break;
            }
            assert!(
                began.elapsed() < Duration::from_secs(20),
                "the place is not freed"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// The size of an export that fits into no buffer on the way.
fn large(node: &mut Server) -> usize {
    node.write(numbered(0..20_000));
    let answer = node.get("/logs/export?format=jsonl").send();
    answer.body.len()
}

#[test]
fn a_large_export_is_streamed_whole() {
    let place = Place::new();
    let mut node = place.node("n1");
    let length = large(&mut node);
    let fleet = place.open(&json!([row("n1", node.address)]));
    let answer = fleet.get("/api/nodes/n1/logs/export?format=jsonl").send();
    assert_eq!((answer.status, answer.body.len()), (200, length));
}
