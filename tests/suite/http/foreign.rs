//! The read APIs of other systems, asked as their clients ask.

use crate::http::access::Node;
use crate::http::client::get;
use crate::http::server::{Server, TOKEN, error, record};
use serde_json::{Value, json};
use vmlog::record::{Level, Record};
use vmlog::server::{ForeignApi, ServerOptions};
use vmlog::store;
use vmlog::time::Micros;

const ALL: [ForeignApi; 4] = [
    ForeignApi::E2b,
    ForeignApi::Microsandbox,
    ForeignApi::Sandboxd,
    ForeignApi::Pactown,
];

fn options() -> ServerOptions {
    ServerOptions {
        foreign_apis: ALL.to_vec(),
        tail_connections_max: 20,
        rate: 0,
        ..ServerOptions::default()
    }
}

fn server() -> Server {
    Server::with(options(), store::Options::default())
}

/// A line of a command in the sandbox `box`, this number of microseconds ago.
fn line(ago: i64, stream: &str, message: &str) -> Record {
    let mut line = record("sandbox:box", Level::Info, message);
    line.timestamp = Micros::now().plus(-ago);
    line.metadata =
        json!({"event_type": "process_output", "stream": stream, "pid": 42, "name": "web"})
            .as_object()
            .cloned()
            .expect("a map")
            .into();
    line
}

const SECOND: i64 = 1_000_000;

fn texts<'a>(list: &'a Value, name: &str) -> Vec<&'a str> {
    let list = list.as_array().expect("a list");
    list.iter().filter_map(|item| item[name].as_str()).collect()
}

#[test]
fn apis_are_off_until_a_setting_names_them() {
    let mut server = Server::start();
    server.write([line(SECOND, "stdout", "x")]);
    for path in [
        "/v2/sandboxes/box/logs",
        "/sandboxes/box",
        "/v1/sandboxes/by-name/box",
        "/v1/sandboxes/box/logs",
        "/v1/sandboxes/box/processes/web/logs",
        "/runs/r/stream",
    ] {
        assert_eq!(server.get(path).send().status, 404, "{path}");
    }
}

#[test]
fn e2b_lines_have_window_direction_level_and_search() {
    let mut server = server();
    let mut warning = line(20 * SECOND, "stderr", "Careful");
    warning.level = Level::Warn;
    server.write([
        line(30 * SECOND, "stdout", "first"),
        warning,
        line(10 * SECOND, "stdout", "last"),
        line(8 * 86_400 * SECOND, "stdout", "too old"),
        record("sandbox:other", Level::Error, "foreign"),
    ]);
    let logs = |query: &str| {
        let body = server.json(&format!("/v2/sandboxes/box/logs?{query}"));
        texts(&body["logs"], "message")
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(logs(""), ["last", "Careful", "first"]);
    assert_eq!(logs("direction=forward"), ["first", "Careful", "last"]);
    assert_eq!(logs("limit=1"), ["last"]);
    assert_eq!(logs("limit=0"), Vec::<String>::new());
    assert_eq!(logs("level=warn"), ["Careful"]);
    assert_eq!(logs("search=areful"), ["Careful"]);
    assert_eq!(logs("search=careful"), Vec::<String>::new(), "case matters");
    assert_eq!(
        logs("search=process_output"),
        Vec::<String>::new(),
        "only the message is searched"
    );
    let middle = (Micros::now().get() - 15 * SECOND) / 1_000;
    assert_eq!(logs(&format!("cursor={middle}")), ["Careful", "first"]);
    assert_eq!(
        logs(&format!("cursor={middle}&direction=forward")),
        ["last"]
    );
    assert_eq!(logs("pid=42&search=first"), ["first"]);
    assert_eq!(
        logs("pid=42&level=error"),
        ["last", "Careful", "first"],
        "output of a process has no level of its own"
    );
    assert_eq!(logs("pid=7"), Vec::<String>::new());
    let entry = &server.json("/v2/sandboxes/box/logs?limit=1")["logs"][0];
    assert_eq!(entry["level"], "info");
    assert_eq!(
        entry["fields"],
        json!({"event_type": "process_output", "stream": "stdout", "pid": "42", "name": "web", "logger": "process"})
    );
    for query in [
        "limit=1001",
        "limit=x",
        "cursor=-1",
        "direction=up",
        "level=fatal",
        "pid=-1",
        "pid=4294967296",
        &format!("search={}", "x".repeat(257)),
    ] {
        let refused = server
            .get(&format!("/v2/sandboxes/box/logs?{query}"))
            .send();
        assert_eq!(
            (refused.status, refused.json()["code"].as_i64()),
            (400, Some(400)),
            "{query}"
        );
        assert!(refused.json()["message"].is_string());
    }
    let unknown = server.get("/v2/sandboxes/none/logs").send();
    assert_eq!(
        unknown.json(),
        json!({"code": 404, "message": "sandbox not found"})
    );
    let stranger = get(server.address, "/v2/sandboxes/box/logs");
    assert_eq!(stranger.send().json()["code"], 401);
    assert_eq!(
        stranger.header("x-api-key", TOKEN).send().status,
        200,
        "as clients of e2b send it"
    );
}

#[test]
fn e2b_follower_receives_every_line_once() {
    let mut server = server();
    server.write([line(SECOND, "stdout", "0")]);
    let (mut seen, mut start) = (Vec::new(), 0);
    let mut written = 1;
    while seen.len() < 200 {
        if written < 200 {
            server.write([line(0, "stdout", &written.to_string())]);
            written += 1;
        }
        let body = server.json(&format!("/sandboxes/box/logs?start={start}"));
        let lines = texts(&body["logs"], "line");
        let lines = lines
            .into_iter()
            .map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        let lines: Vec<_> = lines.map(|line| line["message"].clone()).collect();
        assert_eq!(lines, texts(&body["logEntries"], "message"));
        for entry in body["logEntries"].as_array().expect("a list") {
            let time = entry["timestamp"].as_str().expect("a text");
            let time = Micros::parse(time, Micros::now()).expect("a time");
            start = time.get() / 1_000 + 1;
            seen.push(entry["message"].as_str().expect("a text").to_owned());
        }
    }
    let expected: Vec<_> = (0..200).map(|number: i32| number.to_string()).collect();
    assert_eq!(seen, expected);
}

#[test]
fn a_sandbox_runs_until_an_event_says_otherwise() {
    let mut server = server();
    server.write([line(SECOND, "stdout", "x")]);
    let add = |kind: &str| {
        let event = json!({"type": kind, "message": "x", "sandbox_id": "box"});
        assert_eq!(
            server.post("/events", &event.to_string()).send().status,
            202
        );
    };
    let states = || {
        let e2b = server.json("/sandboxes/box");
        let by_name = server.json("/v1/sandboxes/by-name/box");
        (e2b["state"].clone(), by_name["status"].clone())
    };
    assert_eq!(states(), (json!("running"), json!("running")));
    let size = server.json("/sandboxes/box");
    let processors = std::thread::available_parallelism().map(usize::from);
    assert_eq!(size["cpuCount"], processors.unwrap_or_default());
    assert!(size["memoryMB"].as_u64() > Some(16), "{size}");
    assert!(size["diskSizeMB"].as_u64() > Some(16), "{size}");
    add("sandbox.stopped");
    assert_eq!(states(), (json!("paused"), json!("stopped")));
    add("sandbox.started");
    assert_eq!(states(), (json!("running"), json!("running")));
    add("sandbox.deleted");
    assert_eq!(server.get("/sandboxes/box").send().status, 404);
    let unknown = server.get("/v1/sandboxes/by-name/box").send();
    assert_eq!(
        unknown.json(),
        json!({"error": {"code": "not_found", "message": "sandbox not found"}})
    );
}

#[test]
fn microsandbox_stream_resumes_and_ends_with_the_sandbox() {
    let mut server = server();
    let mut event = record("sandbox:box", Level::Info, "--- sandbox started ---");
    event.metadata.insert("event_type", "sandbox_event");
    event.metadata.insert("stream", "system");
    server.write([event, line(3, "stdout", "one"), line(2, "stderr", "two")]);
    let address = server.address;
    let stream = |query: &str| {
        let call = get(address, &format!("/v1/sandboxes/box/logs{query}"));
        call.header("authorization", &format!("Bearer {TOKEN}"))
    };
    let snapshot = stream("").send();
    assert!(
        snapshot.text().ends_with("event: end\ndata: {}\n\n"),
        "{}",
        snapshot.text()
    );
    assert_eq!(snapshot.text().matches("event: log").count(), 2);
    assert_eq!(
        stream("?sources=stdout,system")
            .send()
            .text()
            .matches("event: log")
            .count(),
        2
    );
    assert_eq!(
        error_code(&stream("?sources=all").send().json()),
        "invalid_source"
    );
    let mut events = stream("").header("accept", "text/event-stream").events();
    let first = events.next_event().expect("an event");
    let data: Value = serde_json::from_str(first.data.as_deref().expect("data")).expect("JSON");
    assert_eq!(
        (&data["source"], &data["text"]),
        (&json!("stdout"), &json!("one\n"))
    );
    let cursor = snapshot
        .text()
        .lines()
        .next()
        .and_then(|line| line.strip_prefix("id: "))
        .expect("a cursor")
        .to_owned();
    assert_eq!(cursor, "AQAAAAAAAAAAAgAAAAAAAAA=");
    let mut resumed = stream("")
        .header("accept", "text/event-stream")
        .header("last-event-id", &cursor)
        .events();
    let next = |events: &mut crate::http::client::Events| {
        events
            .next_event()
            .and_then(|event| event.data)
            .unwrap_or_default()
    };
    assert!(next(&mut resumed).contains("two"), "the first is known");
    server.write([line(1, "stdout", "three")]);
    assert!(next(&mut resumed).contains("three"));
    let stopped = json!({"type": "sandbox.stopped", "message": "x", "sandbox_id": "box"});
    assert_eq!(
        server.post("/events", &stopped.to_string()).send().status,
        202
    );
    assert_eq!(next(&mut resumed), "{}");
    assert_eq!(
        resumed.next_event().map(|event| event.data),
        None,
        "the stream is over"
    );
    let wrong = stream("").header("last-event-id", "x").send();
    assert_eq!(error_code(&wrong.json()), "invalid_cursor");
}

fn error_code(body: &Value) -> &str {
    body["error"]["code"].as_str().unwrap_or_default()
}

#[test]
fn sandboxd_serves_the_last_lines_of_a_process() {
    let mut server = server();
    server.write((0..300).map(|number| line(1_000 - number, "stdout", &format!("line {number}"))));
    let lines = |query: &str| {
        let body = server.json(&format!("/v1/sandboxes/box/processes/web/logs{query}"));
        assert_eq!(body["process"], "web");
        let lines = body["lines"].as_array().expect("a list").clone();
        assert_eq!(lines.last(), Some(&json!("line 299")));
        lines.len()
    };
    assert_eq!(
        [
            lines(""),
            lines("?tail=5"),
            lines("?tail=0"),
            lines("?tail=x"),
            lines("?tail=99999")
        ],
        [200, 5, 200, 200, 300]
    );
    for name in ["web.log", "has%20space", "..", &"x".repeat(65)] {
        let refused = server
            .get(&format!("/v1/sandboxes/box/processes/{name}/logs"))
            .send();
        assert_eq!(
            (refused.status, error_code(&refused.json())),
            (400, "invalid_id"),
            "{name}"
        );
    }
    for path in [
        "/v1/sandboxes/box/processes/none/logs",
        "/v1/sandboxes/none/processes/web/logs",
    ] {
        let unknown = server.get(path).send();
        assert_eq!(
            (unknown.status, error_code(&unknown.json())),
            (404, "not_found"),
            "{path}"
        );
    }
    server.write([
        line(0, "stdout", &"x".repeat(200_000)),
        line(0, "stdout", &"y".repeat(100_000)),
    ]);
    let body = server.json("/v1/sandboxes/box/processes/web/logs");
    assert_eq!(
        body["lines"].as_array().map(Vec::len),
        Some(1),
        "256 KiB together"
    );
}

#[test]
fn sandboxd_task_stream_ends_with_the_task() {
    let server = server();
    let add = |kind: &str| {
        let event = json!({"type": kind, "message": kind, "task_id": "t"});
        assert_eq!(
            server.post("/events", &event.to_string()).send().status,
            202
        );
    };
    add("task.started");
    add("task.build.failed");
    let path = "/v1/sandboxes/box/tasks/t/events";
    let mut live = server.get(path).events();
    assert!(live.next_event().is_some() && live.next_event().is_some());
    add("task.completed");
    let last = live
        .next_event()
        .and_then(|event| event.data)
        .unwrap_or_default();
    assert!(last.contains("task.completed"), "{last}");
    assert!(live.next_event().is_none(), "the stream is over");
    let replay = server.get(path).send();
    let heads: Vec<_> = replay
        .text()
        .lines()
        .filter(|line| !line.starts_with("data") && !line.is_empty())
        .collect();
    assert_eq!(
        heads,
        [
            "id: 0",
            "event: status",
            "id: 1",
            "event: build",
            "id: 2",
            "event: done"
        ]
    );
    let after = server.get(path).header("last-event-id", "1").send();
    assert!(after.text().starts_with("id: 2\n"), "{}", after.text());
    assert!(
        server
            .get(&format!("{path}?since=1"))
            .send()
            .text()
            .starts_with("id: 1\n")
    );
    assert_eq!(server.get(&format!("{path}?since=x")).send().status, 400);
}

#[test]
fn pactown_stream_is_the_output_and_the_result_of_a_run() {
    let mut server = server();
    let of_run = |event: &str, message: &str| {
        let mut record = record("devcontainer:ws", Level::Info, message);
        record.metadata = json!({"event_type": event, "run_id": "r1", "name": "make", "command": "make", "success": false,
            "exit_code": 2}).as_object().cloned().expect("a map").into();
        record
    };
    server.write([
        of_run("process_start", "started: make"),
        of_run("process_output", "one"),
    ]);
    let follower = server.get("/runs/r1/stream");
    let following = std::thread::spawn(move || follower.send());
    server.write([
        record("devcontainer:ws", Level::Info, "of another"),
        of_run("process_output", "two"),
        of_run("process_end", "ended: make"),
    ]);
    let answer = following.join().expect("it ends");
    let lines: Vec<Value> = answer
        .text()
        .lines()
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(
        lines[..3],
        [
            json!({"type": "log", "message": "started: make"}),
            json!({"type": "log", "message": "one"}),
            json!({"type": "log", "message": "two"})
        ]
    );
    assert_eq!(
        lines[3],
        json!({"type": "result", "result": {"success": false, "run_id": "r1", "exit_code": 2, "message": "ended: make"}})
    );
    assert_eq!(answer.header("x-accel-buffering"), Some("no"));
    assert_eq!(error(&server.get("/runs/none/stream").send()).0, 404);
}

#[test]
fn no_foreign_api_shows_records_of_other_workspaces() {
    let mut node = Node::with(options());
    let mut secret = line(SECOND, "stdout", "foreign line");
    secret.source = "devcontainer:ws-2".parse().expect("a source");
    secret.metadata.insert("run_id", "r2");
    let mut start = secret.clone();
    start.metadata.insert("event_type", "process_start");
    node.server.write([
        start,
        secret,
        record("docker:ws-1", Level::Info, "own line"),
    ]);
    let event = json!({"type": "task.completed", "message": "foreign event", "task_id": "t", "workspace_id": "ws-2"});
    assert_eq!(
        node.server
            .post("/events", &event.to_string())
            .send()
            .status,
        202
    );
    let token = |workspace: &str| node.plane.token(&json!({"workspace": workspace}));
    let (own, other) = (token("ws-2"), token("ws-1"));
    for path in [
        "/v2/sandboxes/ws-2/logs",
        "/sandboxes/ws-2/logs",
        "/sandboxes/ws-2",
        "/v1/sandboxes/by-name/ws-2",
        "/v1/sandboxes/ws-2/logs",
        "/v1/sandboxes/ws-2/processes/web/logs",
    ] {
        assert_eq!(node.get(path, &own).send().status, 200, "{path}");
        assert_eq!(node.get(path, &other).send().status, 404, "{path}");
    }
    assert_eq!(node.get("/runs/r2/stream", &other).send().status, 404);
    assert!(
        node.get("/v1/sandboxes/x/tasks/t/events", &own)
            .send()
            .text()
            .contains("foreign event")
    );
    let mut hidden = node.get("/v1/sandboxes/x/tasks/t/events", &other).events();
    let event = json!({"type": "task.completed", "message": "own event", "task_id": "t", "workspace_id": "ws-1"});
    assert_eq!(
        node.server
            .post("/events", &event.to_string())
            .send()
            .status,
        202
    );
    assert!(
        hidden
            .next_event()
            .and_then(|event| event.data)
            .is_some_and(|data| data.contains("own event"))
    );
}
