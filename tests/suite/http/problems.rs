//! The list of problems, as a client follows it.

use crate::http::client::{Event, Events};
use crate::http::server::{Server, error, record};
use serde_json::Value;
use std::time::Duration;
use vmlog::record::{Level, Record};
use vmlog::server::ServerOptions;
use vmlog::store;

pub(crate) fn failed(unit: &str) -> Record {
    let text = format!("{unit}: Failed with result 'exit-code'.");
    let mut record = record("system:init", Level::Error, &text);
    record.metadata.insert("problem", "unit_failed");
    record.metadata.insert("problem_subject", unit);
    record
}

pub(crate) fn follow(server: &Server, target: &str) -> Events {
    let call = server.get(target).header("accept", "text/event-stream");
    call.events()
}

/// What failed, and how often, in the order of the list.
pub(crate) fn list(event: &Event) -> Vec<(String, u64)> {
    assert_eq!(event.name.as_deref(), Some("problems"));
    let list: Value = serde_json::from_str(event.data.as_deref().expect("data")).expect("JSON");
    let problems = list["problems"].as_array().expect("a list");
    let of = |problem: &Value| {
        let subject = problem["subject"].as_str().expect("a text").to_owned();
        (subject, problem["count"].as_u64().expect("a number"))
    };
    problems.iter().map(of).collect()
}

fn pairs(expected: &[(&str, u64)]) -> Vec<(String, u64)> {
    let pairs = expected.iter();
    pairs
        .map(|(name, count)| ((*name).to_owned(), *count))
        .collect()
}

#[test]
fn the_list_is_sent_whole_at_first_and_when_a_problem_arrives() {
    let mut server = Server::start();
    server.write([failed("a.service")]);
    let mut all = follow(&server, "/problems");
    let mut one = follow(&server, "/problems?search=b.service");
    assert_eq!(all.header("content-type"), Some("text/event-stream"));
    assert_eq!(all.header("x-accel-buffering"), Some("no"));
    let first = all.next_event().expect("a list");
    assert_eq!(list(&first), pairs(&[("a.service", 1)]));
    let data: Value = serde_json::from_str(&first.data.expect("data")).expect("JSON");
    assert_eq!(data, server.json("/problems"));
    assert_eq!(list(&one.next_event().expect("a list")), []);
    // what reports no problem, and a problem that the filter does not match, change nothing
    server.write([record("docker:web", Level::Error, "timed out")]);
    server.write([failed("a.service")]);
    let second = all.next_event().expect("a list");
    assert_eq!(list(&second), pairs(&[("a.service", 2)]));
    server.write([failed("b.service")]);
    let third = all.next_event().expect("a list");
    assert_eq!(list(&third).len(), 2);
    assert_eq!(
        list(&one.next_event().expect("a list")),
        pairs(&[("b.service", 1)])
    );
    server.stop();
    let end = all.next_event().expect("an end");
    assert_eq!(end.name.as_deref(), Some("end"));
    assert_eq!(end.data.as_deref(), Some("{\"reason\":\"shutdown\"}"));
}

#[test]
fn followed_lists_count_as_tails_and_wrong_parameters_are_refused() {
    let options = ServerOptions {
        tail_connections_max: 1,
        tail_keep_alive: Duration::from_millis(20),
        ..ServerOptions::default()
    };
    let server = Server::with(options, store::Options::default());
    let call = |target: &str| server.get(target).header("accept", "text/event-stream");
    let refused = error(&call("/problems?kind=fire").send());
    assert_eq!((refused.0, &*refused.1), (400, "invalid_kind"));
    let mut open = follow(&server, "/problems");
    assert_eq!(list(&open.next_event().expect("a list")), []);
    let refused = error(&call("/problems").send());
    assert_eq!((refused.0, &*refused.1), (429, "too_many_tails"));
    // a comment shows that the connection is alive
    let block = open.next_block().expect("a block");
    assert_eq!((block.name, block.data), (None, None));
}
