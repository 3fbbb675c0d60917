//! Bounds of nodes and of sessions: the gateway keeps to them without its clients noticing, or says so.

use crate::gateway::fleet::{OPERATOR, Place, row};
use crate::gateway::stub::{Stub, response};
use crate::http::problems::{failed, list};
use crate::http::server::{error, numbered, record};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use vmlog::record::Level;
use vmlog::server::ServerOptions;

fn ids_of<'p>(page: &'p Value, node: &str) -> Vec<&'p str> {
    let entries = page["entries"].as_array().expect("entries");
    let of_node = entries.iter().filter(|entry| entry["node"] == node);
    of_node
        .map(|entry| entry["id"].as_str().expect("an id"))
        .collect()
}

#[test]
fn a_node_with_smaller_pages_is_asked_for_smaller_ones() {
    let place = Place::new();
    let small = ServerOptions {
        limit_max: 7,
        ..ServerOptions::default()
    };
    let (mut small, mut usual) = (place.node_with("small", small), place.node("usual"));
    small.write(numbered(0..60));
    usual.write(numbered(0..60));
    let fleet = place.open(&json!([
        row("small", small.address),
        row("usual", usual.address)
    ]));
    for direction in ["backward", "forward"] {
        let page = fleet.json(&format!("/api/logs?limit=120&direction={direction}"));
        assert_eq!(page["nodes"], json!({"asked": 2, "ok": 2, "failed": []}));
        for node in ["small", "usual"] {
            assert_eq!(ids_of(&page, node).len(), 60, "{direction} {node}");
        }
        assert_eq!(page["hasMore"], false);
    }
    let answer = small.get("/logs?limit=8").send();
    assert_eq!(
        (answer.status, answer.header("x-vmlog-limit-max")),
        (400, Some("7"))
    );
}

const NODE_PAGE: &str = concat!(
    r#"{"id":"1","timestamp":"2026-02-17T12:00:00.000000Z","source":"a","level":"info","message":"x","metadata":{}}"#,
    "\n"
);

/// A node that is busy for this number of requests.
fn busy(requests: usize) -> Stub {
    let asked = AtomicUsize::new(0);
    Stub::start(move |_| {
        if asked.fetch_add(1, Ordering::Relaxed) < requests {
            return response("429 Too Many Requests", "retry-after: 1\r\n", "{}");
        }
        response(
            "200 OK",
            "content-type: application/x-ndjson\r\n",
            NODE_PAGE,
        )
    })
}

#[test]
fn a_busy_node_is_asked_again_when_it_says_so_and_named_if_it_stays_busy() {
    let (once, always) = (busy(1), busy(usize::MAX));
    let open = |rows: Value, patience: Duration| {
        Place::new().open_with(&rows, |options| options.node_timeout = patience)
    };
    let fleet = open(json!([row("once", once.address)]), Duration::from_secs(20));
    let page = fleet.json("/api/logs");
    assert_eq!(ids_of(&page, "once"), ["1"]);
    // the time limit of a request is twice that of a node, and the node asks for a second
    let rows = json!([row("once", once.address), row("always", always.address)]);
    let fleet = open(rows, Duration::from_millis(400));
    let page = fleet.json("/api/logs");
    assert_eq!(
        page["nodes"]["failed"],
        json!([{"id": "always", "reason": "node_busy"}])
    );
    let refused = fleet.get("/api/logs?nodes=always").send();
    assert_eq!(refused.status, 429);
    assert_eq!(refused.json()["error"], "node_busy");
    assert_eq!(refused.header("retry-after"), Some("1"));
}

#[test]
fn nodes_that_could_not_be_asked_in_time_are_named_as_those_that_did_not_answer() {
    const NODES: usize = 300;
    let silent = Stub::start(|_| {
        std::thread::sleep(Duration::from_mins(1));
        Vec::new()
    });
    let patience = Duration::from_secs(1);
    let names: Vec<_> = (0..NODES).map(|number| format!("n{number:03}")).collect();
    let rows = names.iter().map(|name| row(name, silent.address)).collect();
    // Both questions together have room for 128 requests, each of which takes half of the time of a question.
    let fleet = Place::new().open_with(&rows, |options| {
        options.node_timeout = patience;
        options.nodes_at_once = 128;
    });
    let began = Instant::now();
    let ask = || fleet.get("/api/logs").send();
    let answers = std::thread::scope(|scope| {
        let other = scope.spawn(ask);
        [ask(), other.join().expect("no panic")]
    });
    assert!(began.elapsed() < 10 * patience, "{:?}", began.elapsed());
    let failed: Vec<_> = names
        .iter()
        .map(|name| json!({"id": name, "reason": "node_timeout"}))
        .collect();
    for answer in answers {
        assert_eq!(error(&answer).0, 504);
        assert_eq!(
            answer.json()["nodes"],
            json!({"asked": NODES, "ok": 0, "failed": failed})
        );
    }
    let reached = silent.received().len();
    assert!((128..NODES * 2).contains(&reached), "{reached}");
}

#[test]
fn streams_of_a_session_end_with_it() {
    let place = Place::new();
    let options = ServerOptions {
        tail_connections_max: 16,
        ..ServerOptions::default()
    };
    let mut node = place.node_with("n1", options);
    node.write([record("docker:web", Level::Info, "hello")]);
    let fleet = place.open(&json!([row("n1", node.address)]));
    let with = |token: &str, path: &str| {
        let call = fleet.anonymous(path);
        call.header("x-vmlog-session", token)
    };
    let begin = || {
        let begun = with(OPERATOR, "/api/nodes/n1/session")
            .method("POST")
            .send();
        let session = begun.json()["session"].clone();
        session.as_str().expect("a session").to_owned()
    };
    let (session, other) = (begin(), begin());
    let paths = ["/api/nodes/n1/logs/tail?after=0", "/api/logs/tail"];
    let mut ended: Vec<_> = paths
        .iter()
        .map(|path| with(&session, path).events())
        .collect();
    let mut stays = with(&other, "/api/nodes/n1/logs/tail?after=0").events();
    assert_eq!(ended[0].ids(1), [1]);
    assert_eq!(stays.ids(1), [1]);
    let path = "/api/nodes/n1/session";
    assert_eq!(with(&session, path).method("DELETE").send().status, 204);
    for tail in &mut ended {
        let last = std::iter::from_fn(|| tail.next_event()).last();
        let last = last.expect("an end");
        assert_eq!(last.name.as_deref(), Some("end"));
        assert_eq!(last.data.as_deref(), Some("{\"reason\":\"session_ended\"}"));
    }
    node.write([record("docker:web", Level::Info, "hello again")]);
    assert_eq!(stays.ids(1), [2]);
}

#[test]
fn a_form_for_a_node_is_passed_on_where_it_reads_and_all_else_is_refused_with_a_reason() {
    let place = Place::new();
    let mut node = place.node("n1");
    node.write([record("docker:web", Level::Info, "hello")]);
    let fleet = place.open(&json!([row("n1", node.address)]));
    let form = "query=%7Bsource%3D%22docker%3Aweb%22%7D&start=1&limit=5";
    let post = |path: &str| {
        let call = fleet.get(&format!("/api/nodes/n1/{path}"));
        call.method("POST").body(form)
    };
    let answer = post("loki/api/v1/query_range").send();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["data"]["result"][0]["values"][0][1], "hello");
    let named = post("loki/api/v1/query_range")
        .header(
            "content-type",
            "application/x-www-form-urlencoded; charset=utf-8",
        )
        .send();
    assert_eq!(named.status, 200);
    let json = post("loki/api/v1/query_range").header("content-type", "application/json");
    let refused = json.send();
    assert_eq!(refused.status, 400);
    assert!(
        refused.text().contains("must be a form"),
        "{}",
        refused.text()
    );
    for path in ["events", "problems", "mcp", "logs"] {
        let refused = post(path).send();
        assert_eq!(
            (refused.status, refused.header("allow")),
            (405, Some("GET, HEAD"))
        );
        let text = refused.text();
        assert!(
            text.contains("send other requests to the node itself"),
            "{text}"
        );
    }
}

#[test]
fn problems_of_a_node_are_followed_through_the_gateway() {
    let place = Place::new();
    let mut node = place.node("n1");
    let fleet = place.open(&json!([row("n1", node.address)]));
    let call = fleet.get("/api/nodes/n1/problems");
    let mut problems = call.header("accept", "text/event-stream").events();
    assert_eq!(list(&problems.next_event().expect("a list")), []);
    node.write([failed("a.service")]);
    let changed = problems.next_event().expect("a list");
    assert_eq!(list(&changed), [("a.service".to_owned(), 1)]);
}

#[test]
fn a_list_that_begins_anew_is_sent_only_if_it_has_changed() {
    // ends its streams as a node does whose token has expired; the third one has news
    let asked = AtomicUsize::new(0);
    let node = Stub::start(move |_| {
        let list = match asked.fetch_add(1, Ordering::Relaxed) {
            0 | 1 => "one",
            _ => "two",
        };
        let reason = if list == "one" {
            "token_expired"
        } else {
            "shutdown"
        };
        format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n\
             retry: 1000\nevent: problems\ndata: {list}\n\nevent: end\ndata: {{\"reason\":\"{reason}\"}}\n\n"
        )
        .into_bytes()
    });
    let fleet = Place::new().open(&json!([row("n1", node.address)]));
    let call = fleet.get("/api/nodes/n1/problems");
    let mut problems = call.header("accept", "text/event-stream").events();
    let events = std::iter::from_fn(|| problems.next_event());
    let data: Vec<_> = events.filter_map(|event| event.data).collect();
    assert_eq!(data, ["one", "two", "{\"reason\":\"shutdown\"}"]);
}
