//! Access control through a real socket: tokens of a control plane, workspaces, other origins.

use crate::http::client::{Answer, Call, get};
use crate::http::server::{NOON, Server, TOKEN, error, ids, record};
use crate::support::tokens::{ControlPlane, node_auth, now};
use serde_json::{Value, json};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use vmlog::record::{Level, Record};
use vmlog::server::{ForeignApi, KeySource, Network, ServerOptions};
use vmlog::store;
use vmlog::time::Micros;

/// A server that accepts tokens of a control plane.
pub(crate) struct Node {
    pub(crate) server: Server,
    pub(crate) plane: ControlPlane,
    _folder: tempfile::TempDir,
}

impl Node {
    fn start() -> Self {
        Self::with(ServerOptions::default())
    }

    pub(crate) fn with(options: ServerOptions) -> Self {
        Self::open(options, store::Options::default())
    }

    fn with_store(options: store::Options) -> Self {
        Self::open(ServerOptions::default(), options)
    }

    fn open(options: ServerOptions, store_options: store::Options) -> Self {
        let (plane, folder) = (ControlPlane::new(1), tempfile::tempdir().expect("a folder"));
        let path = folder.path().join("jwks.json");
        fs::write(&path, plane.jwks()).expect("written");
        let options = ServerOptions {
            node_auth: Some(node_auth(KeySource::File(path), None)),
            ..options
        };
        Self {
            server: Server::with(options, store_options),
            plane,
            _folder: folder,
        }
    }

    pub(crate) fn get(&self, target: &str, token: &str) -> Call {
        get(self.server.address, target).header("authorization", &format!("Bearer {token}"))
    }
}

#[test]
fn node_token_is_accepted() {
    let node = Node::start();
    let token = node.plane.token(&json!({}));
    assert_eq!(node.get("/logs", &token).send().status, 200);
    let named = node.get("/logs", &token).header("x-sam-node-id", "node-1");
    assert_eq!(named.send().status, 200);
    let other = node.get("/logs", &token).header("x-sam-node-id", "node-2");
    assert_eq!(error(&other.send()).0, 401);
    let query = get(node.server.address, &format!("/logs?token={token}"));
    assert_eq!(query.send().status, 200);
    assert_eq!(query.header("x-sam-node-id", "node-2").send().status, 401);
    assert_eq!(
        node.get("/logs", TOKEN).send().status,
        200,
        "the key of the machine holds beside it"
    );
    assert_eq!(node.get("/metrics", &token).send().status, 200);
}

#[test]
fn every_invalid_token_gets_the_same_response() {
    let node = Node::start();
    let stranger = ControlPlane::new(2);
    let claims = json!({"iss": "https://api.example", "aud": "node-management", "type": "node-management",
        "node": "node-1", "exp": now() + 60});
    let tokens = [
        stranger.token(&json!({})),
        stranger.signed(&json!({"alg": "EdDSA", "kid": "key-1"}), &claims),
        node.plane.signed(&json!({"alg": "none"}), &claims),
        node.plane
            .signed(&json!({"alg": "HS256", "kid": "key-1"}), &claims),
        node.plane.token(&json!({"exp": now() - 3_600})),
        node.plane.token(&json!({"exp": null})),
        node.plane.token(&json!({"iss": "https://api.evil"})),
        node.plane.token(&json!({"aud": "workspace-terminal"})),
        node.plane.token(&json!({"type": "terminal"})),
        node.plane.token(&json!({"node": ""})),
        node.plane.token(&json!({"node": "node-2"})),
        node.plane.token(&json!({"workspace": ""})),
        node.plane.token(&json!({"workspace": "../*"})),
    ];
    for token in &tokens {
        let refused = node.get("/logs", token).send();
        assert_eq!(
            error(&refused),
            (401, "unauthorized".to_owned(), None),
            "{token}"
        );
        assert_eq!(refused.json()["message"], "authentication required");
    }
    let good = node.plane.token(&json!({}));
    let behind = node.get(&format!("/logs?token={good}"), &tokens[0]).send();
    assert_eq!(behind.status, 200, "a wrong one does not hide a right one");
}

#[test]
fn session_expires_with_its_token_and_keeps_its_scope() {
    let mut node = Node::start();
    node.server.write(two_workspaces());
    let token = node
        .plane
        .token(&json!({"workspace": "ws-1", "exp": now() + 60}));
    let begun = node.get("/session", &token).method("POST").send();
    assert_eq!(begun.status, 201, "{}", begun.text());
    let seconds = begun.json()["expiresSeconds"].as_i64().expect("seconds");
    assert!((30..=90).contains(&seconds), "{seconds}");
    let session = begun.json()["session"].as_str().expect("a text").to_owned();
    let with = |target: &str| get(node.server.address, target).header("x-vmlog-session", &session);
    let page = with("/logs").send();
    assert_eq!(
        page.json()["entries"].as_array().map(Vec::len),
        Some(OWN_RECORDS)
    );
    assert_eq!(with("/metrics").send().status, 403);
    let renewed = with("/session").method("POST").send();
    assert!(renewed.json()["expiresSeconds"].as_i64() <= Some(seconds));
    let ticket = with("/logs/export").method("POST").send();
    let address = ticket.json()["address"]
        .as_str()
        .expect("a text")
        .to_owned();
    let export = get(node.server.address, &format!("/{address}")).send();
    assert_eq!(export.text().lines().count(), OWN_RECORDS);
}

// --- workspaces

/// Contained in every record that does not belong to workspace `ws-1`.
const FOREIGN: &str = "foreign";

const OWN_RECORDS: usize = 4;

fn two_workspaces() -> Vec<Record> {
    let run = |workspace: &str, word: &str| {
        let source = format!("devcontainer:{workspace}");
        [("process_start", "began"), ("process_end", "ended")].map(|(event, text)| {
            let mut record = record(&source, Level::Info, &format!("{word} {text}"));
            record.metadata =
                json!({"event_type": event, "run_id": format!("run-{word}"), "name": word,
                "command": word, "topic": word, "success": true, "boot_id": word,
                "problem": "run_failed", "problem_subject": word})
                .as_object()
                .cloned()
                .expect("a map")
                .into();
            record
        })
    };
    let mut records = Vec::from(run("ws-1", "own"));
    records.push(record("docker:ws-1", Level::Warn, "own container"));
    records.extend(run(FOREIGN, FOREIGN));
    for source in [
        "docker:foreign",
        "system:foreign",
        "cloud-init",
        "devcontainer:ws-1-foreign",
    ] {
        records.push(record(source, Level::Error, FOREIGN));
    }
    records.push(record("docker:ws-1", Level::Error, "last of all"));
    records
}

/// Requests for each path that needs a token; they would show foreign records.
fn question(path: &str) -> &'static [&'static str] {
    match path {
        "/logs" => &[
            "/logs",
            "/logs?source=*&limit=500",
            "/logs?source=devcontainer:",
            "/logs?around=5",
            "/logs?search=foreign",
            "/logs?where=topic=foreign",
            "/logs?order=time",
        ],
        "/logs/tail" => &[
            "/logs/tail?after=0",
            "/logs/tail?tail=50",
            "/logs/tail?after=0&source=*",
        ],
        "/logs/sources" => &["/logs/sources", "/logs/sources?source=*"],
        "/logs/export" => &[
            "/logs/export",
            "/logs/export?format=jsonl&source=*",
            "/logs/export?format=csv",
        ],
        "/logs/histogram" => &[
            "/logs/histogram?by=source",
            "/logs/histogram?search=foreign",
        ],
        "/logs/fields" => &["/logs/fields", "/logs/fields?key=topic"],
        "/logs/patterns" => &["/logs/patterns", "/logs/patterns?q=foreign"],
        "/logs/compare" => &["/logs/compare?a=..2020-01-01&b=2020-01-01.."],
        "/problems" => &[
            "/problems",
            "/problems?source=*",
            "/problems?workspace=foreign",
        ],
        "/boots" => &["/boots"],
        "/logs/{id}" => &[
            "/logs/4", "/logs/5", "/logs/6", "/logs/7", "/logs/8", "/logs/9",
        ],
        "/runs" => &["/runs", "/runs?source=*", "/runs?success=true"],
        "/runs/{id}" => &["/runs/run-foreign"],
        "/metrics" => &["/metrics"],
        // Messages are asked in `mcp::no_tool_shows_records_of_other_workspaces`; a bundle is refused in
        // `evidence::only_a_token_that_sees_everything_makes_bundles`, and a stream that waits for events is asked in
        // `foreign::no_foreign_api_shows_records_of_other_workspaces`.
        "/mcp" | "/evidence" | "/v1/sandboxes/{id}/tasks/{task}/events" => &[],
        "/views" => &["/views"],
        "/v1/apps/{id}/events" => &["/v1/apps/foreign/events"],
        "/v1/tasks/{id}/events" => &["/v1/tasks/foreign/events"],
        "/v1/sandboxes/{id}/processes/{name}/logs" => {
            &["/v1/sandboxes/foreign/processes/foreign/logs"]
        }
        "/v2/sandboxes/{id}/logs" => &["/v2/sandboxes/foreign/logs"],
        "/sandboxes/{id}/logs" => &["/sandboxes/foreign/logs"],
        "/sandboxes/{id}" => &["/sandboxes/foreign"],
        "/v1/sandboxes/by-name/{name}" => &["/v1/sandboxes/by-name/foreign"],
        "/v1/sandboxes/{id}/logs" => &["/v1/sandboxes/foreign/logs"],
        "/runs/{id}/stream" => &["/runs/run-foreign/stream"],
        "/events" => &[
            "/events",
            "/events?app_id=foreign",
            "/events?q=foreign",
            "/events?type=app.*&limit=1",
        ],
        new => {
            panic!("{new} is new: say here how it is asked, and see that it shows nothing foreign")
        }
    }
}

/// The text of a response; of a tail, up to its first pause.
fn shown(call: &Call, path: &str) -> String {
    if path != "/logs/tail" {
        return call.send().text().to_owned();
    }
    let mut events = call.events();
    let mut text = String::new();
    while let Some(event) = events.next_event() {
        text += event.data.as_deref().unwrap_or_default();
        if text.contains("last of all") {
            break;
        }
    }
    text
}

/// An event of workspace `ws-1`, and newer ones of others; a view of the whole machine.
fn write_events(node: &Node) {
    let view = json!({"name": FOREIGN, "query": "?source=docker:foreign"});
    let saved = node.server.get("/views").method("PUT");
    assert_eq!(saved.body(&view.to_string()).send().status, 200);
    for event in [
        json!({"type": "app.created", "message": "own", "workspace_id": "ws-1"}),
        json!({"type": "app.created", "message": "of foreign", "workspace_id": FOREIGN}),
        json!({"type": "app.created", "message": "of foreign", "app_id": FOREIGN}),
        json!({"type": "app.created", "message": "of the foreign machine", "task_id": FOREIGN}),
    ] {
        let answer = node.server.post("/events", &event.to_string()).send();
        assert_eq!(answer.status, 202, "{}", answer.text());
    }
}

#[test]
fn no_endpoint_shows_foreign_records_to_a_workspace() {
    let mut node = Node::with(ServerOptions {
        tail_connections_max: 100,
        foreign_apis: ForeignApi::NAMES
            .into_iter()
            .filter_map(ForeignApi::named)
            .collect(),
        ..ServerOptions::default()
    });
    node.server.write(two_workspaces());
    write_events(&node);
    let (all, own) = (
        node.plane.token(&json!({})),
        node.plane.token(&json!({"workspace": "ws-1"})),
    );
    let description = node.server.json("/openapi.json");
    let paths = description["paths"].as_object().expect("a map");
    let mut asked = 0;
    for (path, item) in paths.iter().filter(|(path, _)| *path != "/session") {
        let is_open = item["get"]["security"]
            .as_array()
            .is_some_and(Vec::is_empty);
        let targets = if is_open { &[][..] } else { question(path) };
        for target in targets {
            let everything = shown(&node.get(target, &all), path);
            let mine = shown(&node.get(target, &own), path);
            assert_ne!(everything, mine, "{target} asks for nothing foreign");
            assert!(!mine.contains(FOREIGN), "{target}: {mine}");
            asked += 1;
        }
    }
    assert!(asked > 30, "{asked}");
}

#[test]
fn foreign_records_and_runs_are_404_for_a_workspace() {
    let mut node = Node::start();
    node.server.write(two_workspaces());
    let own = node.plane.token(&json!({"workspace": "ws-1"}));
    let status = |target: &str| error(&node.get(target, &own).send());
    let not_found = (404, "not_found".to_owned(), None);
    assert_eq!(status("/logs/4"), not_found);
    assert_eq!(status("/runs/run-foreign"), not_found);
    assert_eq!(status("/metrics"), (403, "forbidden".to_owned(), None));
    let json = |target: &str| node.get(target, &own).send().json();
    assert_eq!(json("/logs/1")["message"], "own began");
    assert_eq!(json("/runs/run-own")["name"], "own");
    assert_eq!(json("/runs")["runs"].as_array().map(Vec::len), Some(1));
    let names: Vec<Value> = json("/logs/sources")["sources"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|source| source["name"].clone())
        .collect();
    assert_eq!(names, ["devcontainer:ws-1", "docker:ws-1"]);
    assert_eq!(json("/logs/histogram")["total"], OWN_RECORDS);
    assert_eq!(
        json("/logs/fields?key=topic")["values"],
        json!([{"value": "own", "count": 2}])
    );
    let export = node.get("/logs/export", &own).send();
    assert_eq!(export.text().lines().count(), OWN_RECORDS);
}

/// Compares two servers, one of which also has records of others: a workspace token cannot distinguish them.
#[test]
fn responses_to_a_workspace_do_not_depend_on_foreign_records() {
    let own = |number: i64| {
        let mut own = record("docker:ws-1", Level::Info, &format!("own {number}"));
        own.timestamp = Micros::new(NOON + number * 1_000_000);
        own
    };
    let foreign = |number: i64| {
        let text = "marlowe.whitfield@clinic.example signed in";
        let mut foreign = record("docker:foreign", Level::Error, text);
        foreign.timestamp = Micros::new(NOON - 86_400_000_000 + number);
        foreign
    };
    let (mut quiet, mut busy) = (Node::start(), Node::start());
    quiet.server.write((0..3).map(own));
    busy.server
        .write((0..3).map(own).chain((0..500).map(foreign)));
    let token = |node: &Node| node.plane.token(&json!({"workspace": "ws-1"}));
    for target in [
        "/logs",
        "/logs?search=marlowe.whitfield",
        "/logs?search=gertrude.hollis",
        "/logs?search=own&limit=1",
        "/logs?order=time",
        "/logs?around=2",
        "/logs?around=400",
        "/logs?cursor=NDAw",
        "/logs?cursor=NDAw&direction=forward",
        "/logs/sources",
        "/logs/sources?search=marlowe.whitfield",
        "/logs/histogram",
        "/logs/histogram?by=source",
        "/logs/histogram?search=marlowe.whitfield",
        "/logs/fields",
        "/logs/fields?key=unit",
        "/logs/patterns",
        "/logs/compare?a=..2020-01-01&b=2020-01-01..",
        "/problems",
        "/boots",
        "/logs?boot=0",
        "/logs?boot=-1",
        "/logs/fields?key=unit&search=marlowe.whitfield",
        "/logs/400",
        "/runs",
        "/logs/export",
        "/readyz",
    ] {
        let answer = |node: &Node| {
            let answer = node.get(target, &token(node)).send();
            (answer.status, answer.text().to_owned())
        };
        assert_eq!(answer(&quiet), answer(&busy), "{target}");
    }
    for target in [
        "/logs/tail",
        "/logs/tail?tail=1",
        "/logs/tail?tail=50",
        "/logs/tail?after=0",
        "/logs/tail?after=2",
        "/logs/tail?after=400",
        "/logs/tail?after=99999999",
    ] {
        let told = |node: &mut Node| {
            let mut tail = node.get(target, &token(node)).events();
            let mut blocks = vec![tail.next_block().expect("the beginning")];
            node.server.write([own(9)]);
            while !blocks.last().is_some_and(|block| {
                block
                    .data
                    .as_deref()
                    .is_some_and(|data| data.contains("own 9"))
            }) {
                blocks.push(tail.next_block().expect("the stream continues"));
            }
            // IDs are assigned over all sources, so the ID of the new record differs.
            blocks.pop();
            blocks
        };
        let fresh = |others: i64| {
            let mut node = Node::start();
            node.server
                .write((0..3).map(own).chain((0..others).map(foreign)));
            told(&mut node)
        };
        assert_eq!(fresh(0), fresh(500), "{target}");
    }
}

#[test]
fn gap_event_of_a_workspace_has_its_own_ids() {
    let mut node = Node::with_store(store::Options {
        rows_max: 1_000,
        kept_bytes_max: 0,
        ..store::Options::default()
    });
    let token = node.plane.token(&json!({"workspace": "ws-1"}));
    let some = |source: &str| {
        let source = source.to_owned();
        move |number: u64| record(&source, Level::Info, &number.to_string())
    };
    node.server.write((0..2_000).map(some("docker:ws-1")));
    node.server.write((0..2_000).map(some("docker:foreign")));
    node.server.write((0..100).map(some("docker:ws-1")));
    node.server
        .store
        .maintain(Micros::new(NOON))
        .expect("pruned");
    let first = ids(&node
        .get("/logs?direction=forward&limit=1", &token)
        .send()
        .json())[0];
    assert!(first > 4_000, "{first}");
    let gap = |to: u64| {
        let data = format!(r#"{{"from":"11","to":"{to}","count":{}}}"#, to - 10);
        Some(("gap".to_owned(), data))
    };
    let mut tail = node.get("/logs/tail?after=10", &token).events();
    let event = tail.next_event().expect("an event");
    assert_eq!(event.name.zip(event.data), gap(first - 1));
    assert_eq!(tail.ids(2), [first, first + 1]);
    let page = node
        .get("/logs?cursor=MTA%3D&direction=forward&limit=1", &token)
        .send();
    assert_eq!(page.json()["truncated"], true);
}

#[test]
fn one_workspace_cannot_take_all_tails_and_exports() {
    let mut node = Node::start();
    let text = "x".repeat(40_000);
    node.server
        .write((0..200).map(|_| record("docker:ws-1", Level::Info, &text)));
    let own = node.plane.token(&json!({"workspace": "ws-1"}));
    let mut held = Vec::new();
    for target in ["/logs/tail?after=0", "/logs/export"] {
        for _ in 0..8 {
            let call = node.get(target, &own).receive_bytes(4_096);
            held.push(call.unread());
        }
        let refused = held
            .iter()
            .rev()
            .take(8)
            .filter(|(status, _)| *status != 200);
        assert!(refused.count() >= 5, "{target}: they have a share");
    }
    assert_eq!(node.get("/logs/tail", TOKEN).events().status, 200);
    assert_eq!(
        node.get("/logs/export?search=none", TOKEN).send().status,
        200
    );
    assert_eq!(node.get("/logs?limit=5", TOKEN).send().status, 200);
}

#[test]
fn expensive_queries_of_a_workspace_do_not_block_others() {
    let mut node = Node::with(ServerOptions {
        rate: 0,
        ..ServerOptions::default()
    });
    let text = "all the quick brown foxes jump over some lazy dogs ".repeat(4);
    node.server
        .write((0..20_000).map(|_| record("docker:ws-1", Level::Info, &text)));
    let own = node.plane.token(&json!({"workspace": "ws-1"}));
    let target = "/logs?regex=true&search=%5Ba-m%5D.%7B60%7D%5Cp%7BGreek%7D";
    let crowd: Vec<_> = (0..100)
        .map(|_| {
            let call = node.get(target, &own);
            std::thread::spawn(move || call.send().status)
        })
        .collect();
    std::thread::sleep(Duration::from_millis(500));
    let mut took: Vec<_> = (0..5)
        .map(|_| {
            let began = Instant::now();
            assert_eq!(node.get("/logs?limit=5", TOKEN).send().status, 200);
            began.elapsed()
        })
        .collect();
    took.sort_unstable();
    println!("the owner's page beside a hundred regexes: {took:?}");
    // Generous, for busy machines: with one queue for all it would take a minute.
    assert!(took[2] < Duration::from_secs(2), "{took:?}");
    for one in crowd {
        let status = one.join().expect("no panic");
        assert!(matches!(status, 200 | 503), "{status}");
    }
}

#[test]
fn strangers_use_up_only_their_own_rate() {
    let node = Node::with(ServerOptions {
        trusted_proxies: vec![Network::parse("127.0.0.0/8").expect("a network")],
        ..ServerOptions::default()
    });
    let stranger = |from: &str| {
        let call = get(node.server.address, "/logs").header("x-forwarded-for", from);
        call.send().status
    };
    let statuses: Vec<_> = (0..200).map(|_| stranger("1.2.3.4, 192.0.2.1")).collect();
    assert_eq!(statuses[..20], [401; 20]);
    assert!(
        statuses[20..]
            .iter()
            .filter(|status| **status == 429)
            .count()
            > 100
    );
    assert_eq!(stranger("192.0.2.2"), 401, "another address");
    for _ in 0..50 {
        let owner = node
            .get("/logs?limit=1", TOKEN)
            .header("x-forwarded-for", "192.0.2.1");
        assert_eq!(owner.send().status, 200);
    }
    assert_eq!(get(node.server.address, "/readyz").send().status, 200);
    let own = node.plane.token(&json!({"workspace": "ws-1"}));
    let statuses: Vec<_> = (0..300)
        .map(|_| node.get("/runs", &own).send().status)
        .collect();
    assert!(statuses.contains(&429), "a principal has a rate");
    assert_eq!(
        node.get("/logs?limit=1", TOKEN).send().status,
        200,
        "and each its own"
    );
}

#[test]
fn readyz_lists_collectors_only_for_full_access() {
    let samples = || {
        vec![vmlog::server::Sample {
            name: "vmlog_collector_read_total",
            help: "Read.",
            labels: vec![("collector", "file:secret-project".to_owned())],
            value: 1,
        }]
    };
    let node = Node::with(ServerOptions {
        measure: Some(vmlog::server::Measure::new(samples)),
        ..ServerOptions::default()
    });
    let own = node.plane.token(&json!({"workspace": "ws-1"}));
    let shown = |call: Call| call.send().text().contains("secret-project");
    assert!(shown(node.get("/readyz", TOKEN)));
    assert!(!shown(node.get("/readyz", &own)));
    assert!(!shown(get(node.server.address, "/readyz")));
}

#[test]
fn live_tail_stays_within_its_scope() {
    let mut node = Node::start();
    let own = node.plane.token(&json!({"workspace": "ws-1"}));
    let mut tail = node.get("/logs/tail?source=*", &own).events();
    tail.next_block().expect("the beginning");
    node.server.write(two_workspaces());
    assert_eq!(tail.ids(OWN_RECORDS), [1, 2, 3, 10]);
}

#[test]
fn tail_ends_when_its_token_expires() {
    let began = Instant::now();
    let node = Node::start();
    // Expired, but within the leeway: some seconds are left.
    let short = node.plane.token(&json!({"exp": now() - 28}));
    let mut tail = node.get("/logs/tail", &short).events();
    let end = tail.next_event().expect("an event");
    assert_eq!(end.name.as_deref(), Some("end"));
    assert_eq!(end.data.as_deref(), Some(r#"{"reason":"token_expired"}"#));
    assert_eq!(tail.next_event(), None);
    assert!(began.elapsed() < Duration::from_secs(20));

    let mut patient = Node::with(ServerOptions {
        tail_ends_with_token: false,
        ..ServerOptions::default()
    });
    let short = patient.plane.token(&json!({"exp": now() - 28}));
    let mut tail = patient.get("/logs/tail", &short).events();
    std::thread::sleep(Duration::from_millis(2_500));
    assert_eq!(
        patient.get("/logs", &short).send().status,
        401,
        "it has ended"
    );
    patient
        .server
        .write([record("cloud-init", Level::Info, "still here")]);
    assert_eq!(tail.ids(1), [1]);
}

// --- keys

/// Serves `document`, and counts the requests.
fn serve_keys(document: Arc<std::sync::Mutex<String>>) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!(
        "http://{}/jwks.json",
        listener.local_addr().expect("an address")
    );
    let served = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&served);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut request = [0; 4_096];
            let _ = stream.read(&mut request).expect("a request");
            count.fetch_add(1, Ordering::SeqCst);
            let body = document.lock().expect("not poisoned").clone();
            let head = if body.is_empty() { "500 No" } else { "200 OK" };
            let answer = format!(
                "HTTP/1.1 {head}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(answer.as_bytes()).expect("sent");
        }
    });
    (url, served)
}

#[test]
fn keys_are_fetched_and_new_ones_are_found() {
    let (first, second) = (ControlPlane::new(1), ControlPlane::new(2));
    let document = Arc::new(std::sync::Mutex::new(first.jwks()));
    let (url, fetches) = serve_keys(Arc::clone(&document));
    let mut auth = node_auth(KeySource::parse(&url).expect("of this machine"), None);
    auth.keys_floor = Duration::from_millis(300);
    let options = ServerOptions {
        node_auth: Some(auth),
        ..ServerOptions::default()
    };
    let server = Server::with(options, store::Options::default());
    let status = |plane: &ControlPlane| {
        let token = plane.token(&json!({}));
        let call = get(server.address, "/logs").header("authorization", &format!("Bearer {token}"));
        call.send().status
    };
    assert_eq!(status(&first), 200);
    for _ in 0..5 {
        assert_eq!(status(&first), 200);
    }
    assert_eq!(fetches.load(Ordering::SeqCst), 1, "they are kept");
    let before = Instant::now();
    let refused = (0..20).filter(|_| status(&second) == 401).count();
    let most = 2 + before.elapsed().as_millis() / 300;
    assert_eq!(refused, 20);
    assert!(
        fetches.load(Ordering::SeqCst) as u128 <= most,
        "made-up names are not followed"
    );
    document
        .lock()
        .expect("not poisoned")
        .clone_from(&second.jwks());
    let began = Instant::now();
    while status(&second) != 200 {
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "the new key is found"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    document.lock().expect("not poisoned").clear();
    std::thread::sleep(Duration::from_millis(350));
    assert_eq!(status(&first), 401);
    assert_eq!(status(&second), 200, "the last good ones stay");
}

// --- pages of other origins

fn shared(call: &Call, origin: &str) -> (Answer, Option<String>) {
    let answer = call.clone().header("origin", origin).send();
    let allowed = answer
        .header("access-control-allow-origin")
        .map(str::to_owned);
    (answer, allowed)
}

#[test]
fn only_pages_of_allowed_origins_may_read() {
    let mut node = Node::with(ServerOptions {
        cors_origins: vec!["https://app.example".to_owned()],
        ..ServerOptions::default()
    });
    node.server.write(two_workspaces());
    let token = node.plane.token(&json!({}));
    let call = node.get("/logs", &token);
    let (answer, allowed) = shared(&call, "https://app.example");
    assert_eq!(
        (answer.status, allowed.as_deref()),
        (200, Some("https://app.example"))
    );
    assert_eq!(answer.header("access-control-allow-credentials"), None);
    let varies = |name: &str| {
        answer
            .headers
            .contains(&("vary".to_owned(), name.to_owned()))
    };
    assert!(varies("origin") && varies("accept-encoding"));
    let (_, allowed) = shared(&call, "https://evil.example");
    assert_eq!(allowed, None);
    let (refused, allowed) = shared(&get(node.server.address, "/logs"), "https://app.example");
    assert_eq!(
        (refused.status, allowed.as_deref()),
        (401, Some("https://app.example"))
    );

    let ask = |path: &str, origin: &str| {
        get(node.server.address, path)
            .method("OPTIONS")
            .header("origin", origin)
            .header("access-control-request-method", "GET")
            .header("access-control-request-headers", "authorization")
            .send()
    };
    let told = ask("/logs/tail", "https://app.example");
    assert_eq!(told.status, 204);
    assert_eq!(
        told.header("access-control-allow-methods"),
        Some("GET, HEAD")
    );
    assert_eq!(
        told.header("access-control-allow-origin"),
        Some("https://app.example")
    );
    assert!(
        told.header("access-control-allow-headers")
            .is_some_and(|names| names.contains("authorization"))
    );
    assert_eq!(ask("/logs/tail", "https://evil.example").status, 405);
    assert_eq!(ask("/nothing", "https://app.example").status, 404);
}
