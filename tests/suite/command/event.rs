//! `vmlog event` and the events of `vmlog serve`, over restarts and crashes.

use crate::support::program::{Place, Server, outcome, vmlog};
use serde_json::Value;
use std::process::Command;

fn event(place: &Place, arguments: &[&str]) -> Command {
    let mut command = vmlog(&[&["event"], arguments].concat());
    command.env("LOG_DATA_DIR", place.data());
    // nothing listens there
    command.env("LOG_LISTEN", "127.0.0.1:1");
    command
}

fn to(server: &Server, place: &Place, arguments: &[&str]) -> String {
    let url = format!("http://{}", server.address);
    let mut command = event(place, &[arguments, &["--url", &url]].concat());
    let (code, id, error) = outcome(&command.output().unwrap());
    assert_eq!((code, error.as_str()), (Some(0), ""));
    id.trim().to_owned()
}

fn kinds(server: &Server) -> Vec<String> {
    let (status, page) = server.get("/events?limit=500");
    assert_eq!(status, 200);
    let events = page["events"].as_array().unwrap().iter();
    let mut kinds: Vec<_> = events.map(|event| event["type"].as_str().unwrap().to_owned()).collect();
    kinds.reverse();
    kinds
}

#[test]
fn an_acknowledged_event_survives_kill_and_is_among_the_records_once() {
    let place = Place::new();
    let mut ids = Vec::new();
    for round in 0..3 {
        let server = place.serve();
        for number in 0..5 {
            let message = format!("event {round} {number}");
            ids.push(to(&server, &place, &["app.created", &message, "--app", "shop"]));
        }
        server.kill();
    }
    let server = place.serve();
    let (_, page) = server.get("/events?type=app.created&limit=500");
    let events = page["events"].as_array().unwrap().iter().rev();
    let listed: Vec<_> = events.map(|event| event["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(listed, ids);
    let records = server.wait_for("source=event:app/shop", ids.len());
    let mut brought: Vec<_> = records
        .iter()
        .map(|record| record["metadata"]["event_id"].as_str().unwrap().to_owned())
        .collect();
    brought.sort();
    assert_eq!(brought, ids, "each once");
}

#[test]
fn an_event_is_stored_while_no_server_runs_and_refused_if_it_is_not_one() {
    let place = Place::new();
    let arguments = ["backup.failed", "disk full", "--severity", "error", "--payload", "{\"bytes\": 0}", "--key", "k"];
    let run = |arguments: &[&str]| outcome(&event(&place, arguments).output().unwrap());
    let (code, id, _) = run(&arguments);
    assert_eq!((code, id.len()), (Some(0), 27));
    assert_eq!(run(&arguments).1, id, "the same key");
    for (arguments, expected) in [
        (&["gap", "x"][..], "type must be 2 or more words"),
        (&["a.b", " "], "message must have 1 to 4096 bytes"),
        (&["a.b", "x", "--app", "a/b"], "app_id must be 1 to 128"),
        (&["a.b", "x", "--payload", "[1]"], "the body is not an event"),
        (&["a.b", "x", "--payload", "{"], "--payload: expected a JSON object"),
    ] {
        let (code, out, text) = run(arguments);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{arguments:?}: {text}");
        assert!(text.contains(expected), "{text}");
    }
    let server = place.serve();
    let (_, page) = server.get("/events?type=backup.failed");
    assert_eq!(page["events"][0]["payload"]["bytes"], 0);
    assert_eq!(page["events"].as_array().map(Vec::len), Some(1));
    let (code, _, text) = run(&["a.b", "x"]);
    assert_eq!(code, Some(1));
    assert!(text.contains("a server is running, but not at http://127.0.0.1:1; name its address with --url"), "{text}");
}

#[test]
fn the_server_reports_starts_settings_and_snapshots_of_itself() {
    let mut place = Place::new();
    let server = place.serve();
    server.wait_for("where=event_type=started", 1);
    let wait = |server: &Server, count: usize| {
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
        loop {
            let kinds = kinds(server);
            if kinds.len() >= count || std::time::Instant::now() > deadline {
                return kinds;
            }
        }
    };
    assert_eq!(wait(&server, 1), ["vmlog.started"]);
    server.kill();
    place.set("LOG_REDACT_PATTERNS", "very-secret-[0-9]+");
    let server = place.serve();
    let snapshot = |arguments: &[&str]| {
        let mut command = vmlog(&[&["snapshot"], arguments].concat());
        let listen = server.address.clone();
        command.env("LOG_DATA_DIR", place.data()).env("LOG_LISTEN", listen);
        outcome(&command.output().unwrap())
    };
    assert_eq!(snapshot(&["create", "one"]).0, Some(0));
    assert_eq!(snapshot(&["create", "one"]).0, Some(1));
    assert_eq!(snapshot(&["delete", "one"]).0, Some(0));
    let mut found = wait(&server, 6);
    found.sort();
    assert_eq!(
        found,
        ["config.updated", "snapshot.capture.failed", "snapshot.captured", "snapshot.deleted", "vmlog.started", "vmlog.started"]
    );
    let (_, page) = server.get("/events?type=config.updated");
    let changed: &Value = &page["events"][0];
    assert_eq!(changed["payload"]["settings"], serde_json::json!(["LOG_REDACT_PATTERNS"]));
    assert!(!place.data_holds(b"very-secret-"), "values are not stored");
    let (_, page) = server.get("/events?snapshot_id=one&type=snapshot.captured");
    assert_eq!(page["events"].as_array().map(Vec::len), Some(1));
}
