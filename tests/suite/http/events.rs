//! Events over HTTP: written once, read with filters and as sandboxd serves them, within the scope of the token.

use crate::http::access::Node;
use crate::http::client::get;
use crate::http::server::{Server, error, record};
use serde_json::{Value, json};
use vmlog::record::{Level, Record};
use vmlog::server::ServerOptions;

fn add(server: &Server, event: &Value) -> String {
    let answer = server.post("/events", &event.to_string()).send();
    assert_eq!(answer.status, 202, "{}", answer.text());
    answer.json()["id"].as_str().expect("a text").to_owned()
}

fn messages(page: &Value) -> Vec<&str> {
    let events = page["events"].as_array().expect("a list");
    events
        .iter()
        .filter_map(|event| event["message"].as_str())
        .collect()
}

fn numbered(server: &Server, count: usize, ids: &Value) -> Vec<String> {
    let event = |number: usize| {
        let mut event = json!({"type": "task.started", "message": format!("event {number}")});
        for (name, id) in ids.as_object().expect("a map") {
            event[name] = id.clone();
        }
        event
    };
    (0..count)
        .map(|number| add(server, &event(number)))
        .collect()
}

#[test]
fn an_event_is_listed_in_the_documented_shape() {
    let server = Server::start();
    let id = add(
        &server,
        &json!({"type": "snapshot.captured", "severity": "warning", "message": "taken", "app_id": "shop",
            "snapshot_id": "s1", "payload": {"bytes": 5}}),
    );
    let mut page = server.json("/events");
    let created = page["events"][0]["created_at"].take();
    let created = created.as_str().expect("a text");
    assert!(created.len() == 20 && created.ends_with('Z'), "{created}");
    assert_eq!(
        page,
        json!({"events": [{"id": id, "type": "snapshot.captured", "severity": "warning", "message": "taken",
            "app_id": "shop", "snapshot_id": "s1", "payload": {"bytes": 5}, "created_at": null}],
            "nextBefore": null, "hasMore": false})
    );
}

#[test]
fn events_are_filtered_by_type_severity_ids_and_text() {
    let server = Server::start();
    for event in [
        json!({"type": "app.created", "message": "one", "app_id": "a"}),
        json!({"type": "task.failed", "message": "two", "app_id": "a", "task_id": "t", "severity": "error"}),
        json!({"type": "task.started", "message": "three", "app_id": "b", "task_id": "t"}),
    ] {
        add(&server, &event);
    }
    for (query, expected) in [
        ("", &["three", "two", "one"][..]),
        ("type=task.failed", &["two"]),
        ("type=task.*", &["three", "two"]),
        ("severity=info", &["three", "one"]),
        ("level=warn", &["two"]),
        ("app_id=a", &["two", "one"]),
        ("app_id=a&task_id=t", &["two"]),
        ("app_id=none", &[]),
        ("search=hre", &["three"]),
        ("q=-two", &["three", "one"]),
        ("source=event:app/b", &["three"]),
        ("end=2001-01-01", &[]),
        ("limit=1", &["three"]),
    ] {
        let page = server.json(&format!("/events?{query}"));
        assert_eq!(messages(&page), expected, "{query}");
    }
    for (query, code) in [
        ("severity=warn", "invalid_severity"),
        ("type=*", "invalid_type"),
        ("limit=0", "invalid_limit"),
        ("limit=501", "invalid_limit"),
        ("app_id=a&app_id=b", "repeated_parameter"),
        ("cursor=x", "unknown_parameter"),
    ] {
        let refused = server.get(&format!("/events?{query}")).send();
        assert_eq!(error(&refused).1, code, "{query}");
    }
}

#[test]
fn pages_of_events_return_each_once() {
    let server = Server::start();
    let ids = numbered(&server, 25, &json!({}));
    let (mut seen, mut before) = (Vec::new(), String::new());
    loop {
        let page = server.json(&format!("/events?limit=10{before}"));
        let events = page["events"].as_array().expect("a list");
        seen.extend(
            events
                .iter()
                .map(|event| event["id"].as_str().expect("a text").to_owned()),
        );
        let Some(next) = page["nextBefore"].as_str() else {
            assert_eq!(page["hasMore"], false);
            break;
        };
        before = format!("&before={next}");
    }
    seen.reverse();
    assert_eq!(seen, ids);
}

#[test]
fn invalid_events_are_refused_and_nothing_is_stored() {
    let server = Server::start();
    for (body, field) in [
        ("", "body"),
        ("[]", "body"),
        ("{\"type\":\"a.b\"", "body"),
        ("{\"type\":\"a.b\",\"message\":\"x\",\"time\":1}", "body"),
        ("{\"type\":\"gap\",\"message\":\"x\"}", "type"),
        ("{\"type\":\"a.b\"}", "message"),
        (
            "{\"type\":\"a.b\",\"message\":\"x\",\"app_id\":\"a b\"}",
            "app_id",
        ),
    ] {
        let refused = server.post("/events", body).send();
        let expected = (400, "invalid_event".to_owned(), Some(field.to_owned()));
        assert_eq!(error(&refused), expected, "{body}");
    }
    let large = json!({"type": "a.b", "message": "x".repeat(70_000)});
    let refused = server.post("/events", &large.to_string()).send();
    assert_eq!(error(&refused), (413, "body_too_large".to_owned(), None));
    let good = json!({"type": "a.b", "message": "x"}).to_string();
    let refused = server.post("/events?x=1", &good).send();
    assert_eq!(error(&refused).1, "unknown_parameter");
    assert_eq!(server.json("/events")["events"], json!([]));
}

#[test]
fn an_event_with_the_same_key_is_stored_once() {
    let server = Server::start();
    let event = json!({"type": "a.b", "message": "x"}).to_string();
    let send = |key: &str| {
        let call = server
            .post("/events", &event)
            .header("idempotency-key", key);
        call.send().json()
    };
    let first = send("k1");
    assert_eq!(first["duplicate"], false);
    assert_eq!(send("k1"), json!({"id": first["id"], "duplicate": true}));
    assert_eq!(send("k2")["duplicate"], false);
    assert_eq!(messages(&server.json("/events")).len(), 2);
}

#[test]
fn only_tokens_for_events_write_them() {
    let node = Node::with(ServerOptions {
        events_token: Some("only-for-events-1".to_owned()),
        ..ServerOptions::default()
    });
    let event = |workspace: Option<&str>| {
        json!({"type": "a.b", "message": "x", "workspace_id": workspace}).to_string()
    };
    let status = |token: &str, workspace: Option<&str>| {
        let call = node.get("/events", token).method("POST");
        call.body(&event(workspace)).send().status
    };
    let plain = node.plane.token(&json!({}));
    let writer = node
        .plane
        .token(&json!({"scope": "logs:read events:write"}));
    let own = node
        .plane
        .token(&json!({"workspace": "ws-1", "scope": "events:write"}));
    assert_eq!(status("wrong", None), 401);
    assert_eq!(status(&plain, None), 403);
    assert_eq!(status(&writer, Some("ws-2")), 202);
    assert_eq!(status(&own, Some("ws-2")), 403, "of another workspace");
    assert_eq!(status(&own, None), 202);
    assert_eq!(status("only-for-events-1", Some("ws-3")), 202);
    let page = node.get("/events", &own).send().json();
    assert_eq!(page["events"].as_array().map(Vec::len), Some(1));
    assert_eq!(page["events"][0]["workspace_id"], "ws-1");
    let unseen = node.get("/events", "only-for-events-1").send().json();
    assert_eq!(unseen["events"], json!([]), "it may not read");
    assert_eq!(
        node.get("/logs", "only-for-events-1").send().json()["entries"],
        json!([])
    );
    assert_eq!(node.get("/metrics", "only-for-events-1").send().status, 403);
}

#[test]
fn events_of_apps_and_tasks_are_served_as_sandboxd_does() {
    let server = Server::start();
    let ids = numbered(&server, 60, &json!({"app_id": "a", "task_id": "t"}));
    add(
        &server,
        &json!({"type": "a.b", "message": "other", "app_id": "b"}),
    );
    let newest: Vec<_> = ids.iter().rev().collect();
    let listed = |target: &str| {
        let page = server.json(target);
        let events = page["events"].as_array().expect("a list");
        let listed: Vec<_> = events
            .iter()
            .map(|event| event["id"].as_str().expect("a text").to_owned())
            .collect();
        (listed, page.get("next_before").cloned())
    };
    for (limit, count) in [
        ("", 50),
        ("?limit=", 50),
        ("?limit=x", 50),
        ("?limit=0", 50),
        ("?limit=-5", 50),
        ("?limit=7", 7),
        ("?limit=99999", 60),
    ] {
        for path in ["/v1/apps/a/events", "/v1/tasks/t/events"] {
            let (found, next) = listed(&format!("{path}{limit}"));
            assert_eq!(
                found.iter().collect::<Vec<_>>(),
                newest[..count],
                "{path}{limit}"
            );
            assert_eq!(
                next,
                Some(json!(newest[count - 1])),
                "also on the last page"
            );
        }
    }
    let (found, next) = listed(&format!("/v1/apps/a/events?before={}", ids[3]));
    assert_eq!(
        found.iter().collect::<Vec<_>>(),
        [&ids[2], &ids[1], &ids[0]]
    );
    assert_eq!(next, Some(json!(ids[0])));
    let page = server.json(&format!("/v1/apps/a/events?before={}", ids[0]));
    assert_eq!(
        page,
        json!({"events": []}),
        "the page after the last one is empty"
    );
    assert_eq!(server.json("/v1/tasks/none/events"), json!({"events": []}));
    let unknown = server.get("/v1/apps/none/events").send();
    assert_eq!(unknown.status, 404);
    assert_eq!(
        unknown.json(),
        json!({"error": {"code": "not_found", "message": "app not found", "retryable": false}})
    );
    let stranger = get(server.address, "/v1/apps/a/events").send();
    assert_eq!(
        (stranger.status, stranger.json()["error"]["code"].as_str()),
        (401, Some("unauthorized"))
    );
}

#[test]
fn apps_of_others_are_404_and_their_tasks_empty() {
    let node = Node::with(ServerOptions::default());
    add(
        &node.server,
        &json!({"type": "a.b", "message": "x", "app_id": "a", "task_id": "t", "workspace_id": "ws-1"}),
    );
    let token = |workspace: &str| node.plane.token(&json!({"workspace": workspace}));
    let (own, other) = (token("ws-1"), token("ws-2"));
    assert_eq!(node.get("/v1/apps/a/events", &own).send().status, 200);
    assert_eq!(node.get("/v1/apps/a/events", &other).send().status, 404);
    let page = |token: &str| node.get("/v1/tasks/t/events", token).send().json();
    assert_eq!(page(&own)["events"].as_array().map(Vec::len), Some(1));
    assert_eq!(page(&other), json!({"events": []}));
}

/// The start or the end of a step, as the collector of captured commands writes it.
fn step(workspace: &str, run_id: &str, name: &str, exit_code: Option<i64>) -> Record {
    let (event_type, level) = match exit_code {
        None => ("process_start", Level::Info),
        Some(0) => ("process_end", Level::Info),
        Some(_) => ("process_end", Level::Error),
    };
    let mut metadata = json!({"event_type": event_type, "run_id": run_id, "name": name});
    if let Some(code) = exit_code {
        metadata["exit_code"] = code.into();
        metadata["success"] = (code == 0).into();
        metadata["duration_ms"] = 5.into();
    }
    let mut found = record(&format!("devcontainer:{workspace}"), level, event_type);
    found.metadata = metadata.as_object().cloned().expect("a map").into();
    found
}

#[test]
fn the_boot_log_of_a_workspace_is_replayed_and_continues_live() {
    let mut server = Server::start();
    let mut line = record("devcontainer:ws-1", Level::Info, "added 12 packages");
    line.metadata = json!({"event_type": "process_output", "run_id": "r1"})
        .as_object()
        .cloned()
        .expect("a map")
        .into();
    server.write([
        step("ws-1", "r1", "onCreateCommand", None),
        line,
        step("ws-2", "r2", "onCreateCommand", None),
        step("ws-1", "r1", "onCreateCommand", Some(0)),
        step("ws-1", "r3", "postCreateCommand", None),
    ]);
    // The call of `format-spec/events.md`.
    let spec = include_str!("../../../format-spec/events.md");
    let row = spec
        .lines()
        .find(|line| line.starts_with("| replay, then live"));
    let call = row.and_then(|row| row.split('`').nth(1)).expect("a call");
    let target = call.strip_prefix("GET ").expect("a method");
    let target = target.replace("WORKSPACE", "ws-1").replace(' ', "%20");
    let target = target.replace("event_type=", "event_type%3D");
    let mut tail = server.events(&target);
    server.write([step("ws-1", "r3", "postCreateCommand", Some(1))]);
    let mut steps = Vec::new();
    while steps.len() < 4 {
        let event = tail.next_event().expect("an event");
        let Some(data) = event.data else { continue };
        let found: Value = serde_json::from_str(&data).expect("JSON");
        let of = |key: &str| found["metadata"][key].clone();
        steps.push(json!([of("name"), of("event_type"), of("success")]));
    }
    let expected = json!([
        ["onCreateCommand", "process_start", null],
        ["onCreateCommand", "process_end", true],
        ["postCreateCommand", "process_start", null],
        ["postCreateCommand", "process_end", false]
    ]);
    assert_eq!(Value::from(steps), expected);
    let runs = server.json("/runs?source=devcontainer:ws-1");
    let status = |index: usize| {
        (
            runs["runs"][index]["name"].clone(),
            runs["runs"][index]["success"].clone(),
        )
    };
    assert_eq!(status(0), (json!("postCreateCommand"), json!(false)));
    assert_eq!(status(1), (json!("onCreateCommand"), json!(true)));
    assert_eq!(runs["runs"].as_array().map(Vec::len), Some(2));
}
