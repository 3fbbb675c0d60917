//! The live tail of Loki's API over several nodes.

use crate::gateway::fleet::{Fleet, OPERATOR, Place, row};
use crate::http::server::Server;
use crate::loki::tail::{WebSocket, now, texts};
use serde_json::{Value, json};

fn open(fleet: &Fleet, query: &str, rest: &str, headers: &str) -> WebSocket {
    let opened = WebSocket::open_at(fleet.address, OPERATOR, query, rest, headers);
    opened.expect("a websocket")
}

fn nodes_of(frame: &Value) -> Vec<String> {
    let streams = frame["streams"].as_array().expect("streams").iter();
    let node = |stream: &Value| {
        stream["stream"]["node"]
            .as_str()
            .expect("a label")
            .to_owned()
    };
    streams.map(node).collect()
}

/// Two nodes with lines of each.
fn two() -> (Fleet, Server, Server) {
    let place = Place::new();
    let (mut one, mut two) = (place.node("n1"), place.node("n2"));
    for number in 0..3 {
        one.write([now("docker:web", &format!("old {number} of one"))]);
        two.write([now("docker:web", &format!("old {number} of two"))]);
    }
    let fleet = place.open(&json!([row("n1", one.address), row("n2", two.address)]));
    (fleet, one, two)
}

#[test]
fn the_newest_lines_of_all_nodes_are_sent_first_and_then_new_ones() {
    let (fleet, mut one, mut two) = two();
    let mut socket = open(
        &fleet,
        "{source=\"docker:web\"} != \"noise\"",
        "&limit=3",
        "",
    );
    let frame = socket.lines();
    assert_eq!(
        texts(&frame),
        ["old 1 of two", "old 2 of one", "old 2 of two"]
    );
    assert_eq!(frame["dropped_entries"], Value::Null);
    one.write([
        now("docker:web", "noise"),
        now("docker:other", "other"),
        now("docker:web", "new 1"),
    ]);
    let frame = socket.lines();
    assert_eq!(
        (texts(&frame), nodes_of(&frame)),
        (vec!["new 1".to_owned()], vec!["n1".to_owned()])
    );
    two.write([now("docker:web", "new 2")]);
    let frame = socket.lines();
    assert_eq!(
        (texts(&frame), nodes_of(&frame)),
        (vec!["new 2".to_owned()], vec!["n2".to_owned()])
    );
    socket.close();
}

#[test]
fn a_lost_node_is_told_as_dropped_entries_and_the_others_go_on() {
    let (fleet, mut one, mut two) = two();
    let mut socket = open(
        &fleet,
        "{source=\"docker:web\"}",
        "&limit=1",
        "x-loki-response-encoding-flags: categorize-labels\r\n",
    );
    let frame = socket.lines();
    assert_eq!(texts(&frame), ["old 2 of two"]);
    assert_eq!(frame["encodingFlags"], json!(["categorize-labels"]));
    two.stop();
    let frame = socket.lines();
    assert_eq!(
        frame["dropped_entries"][0]["labels"],
        json!({"node": "n2"}),
        "{frame}"
    );
    one.write([now("docker:web", "new 1")]);
    assert_eq!(texts(&socket.lines()), ["new 1"]);
}

#[test]
fn selectors_choose_the_nodes_that_are_followed_and_bad_requests_are_refused() {
    let (mut fleet, mut one, mut two) = two();
    let mut socket = open(&fleet, "{node=\"n2\"}", "&limit=1", "");
    assert_eq!(texts(&socket.lines()), ["old 2 of two"]);
    one.write([now("docker:web", "not followed")]);
    two.write([now("docker:web", "followed")]);
    assert_eq!(texts(&socket.lines()), ["followed"]);
    let refused = |query: &str, rest: &str, token: &str| match WebSocket::open_at(
        fleet.address,
        token,
        query,
        rest,
        "",
    ) {
        Ok(_) => panic!("{query} {rest} is refused"),
        Err(head) => head,
    };
    assert!(refused("rate({a=\"b\"}[1m])", "", OPERATOR).starts_with("http/1.1 400"));
    assert!(refused("{a=\"b\"", "", OPERATOR).starts_with("http/1.1 400"));
    assert!(refused("{a=\"b\"}", "&delay_for=6", OPERATOR).starts_with("http/1.1 400"));
    assert!(refused("{a=\"b\"}", "&nodes=absent", OPERATOR).starts_with("http/1.1 404"));
    assert!(refused("{a=\"b\"}", "", "wrong").starts_with("http/1.1 401"));
    let plain = fleet
        .get("/loki/api/v1/tail?query=%7Ba%3D%22b%22%7D")
        .send();
    assert_eq!(
        (plain.status, plain.text()),
        (400, "this endpoint requires a websocket")
    );
    fleet.stop();
    let (kind, _) = socket.frame();
    assert_eq!(kind, 8, "a close frame");
}

#[test]
fn a_tail_of_a_node_as_events_continues_after_the_last_one() {
    let mut server = Server::start();
    server.write([now("docker:web", "one"), now("docker:other", "other")]);
    let target = format!(
        "/loki/api/v1/tail?query={}",
        crate::loki::encoded("{source=\"docker:web\"}")
    );
    let call = server.get(&target).header("accept", "text/event-stream");
    let mut events = call.events();
    let begin = events.next_block().expect("an event");
    assert_eq!(
        (begin.id.as_deref(), begin.data.as_deref()),
        (Some("2"), None)
    );
    let first = events.next_block().expect("an event");
    assert_eq!(
        texts(&serde_json::from_str(first.data.as_deref().expect("data")).expect("JSON")),
        ["one"]
    );
    drop(events);
    server.write([now("docker:web", "two")]);
    let follow = |last: &str| {
        let call = server.get(&target).header("accept", "text/event-stream");
        call.header("last-event-id", last).events()
    };
    let mut events = follow("2");
    assert_eq!(
        events.next_block().expect("an event").id.as_deref(),
        Some("2")
    );
    let next = events.next_block().expect("an event");
    assert_eq!(next.id.as_deref(), Some("3"));
    assert_eq!(
        texts(&serde_json::from_str(next.data.as_deref().expect("data")).expect("JSON")),
        ["two"]
    );
}
