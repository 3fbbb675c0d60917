//! Who may see what, through a real socket: tokens of a control plane, workspaces, pages of other origins.

use crate::http_client::{Answer, Call, get};
use crate::http_server::{Server, TOKEN, error, record};
use crate::tokens::{ControlPlane, node_auth, now};
use serde_json::{Value, json};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use vmlog::record::{Level, Record};
use vmlog::server::{KeySource, Options};
use vmlog::store;

/// A server that trusts a control plane.
struct Node {
    server: Server,
    plane: ControlPlane,
    _folder: tempfile::TempDir,
}

impl Node {
    fn start() -> Self {
        Self::with(Options::default())
    }

    fn with(options: Options) -> Self {
        let (plane, folder) = (ControlPlane::new(1), tempfile::tempdir().expect("a folder"));
        let path = folder.path().join("jwks.json");
        fs::write(&path, plane.jwks()).expect("written");
        let options = Options {
            node_auth: Some(node_auth(KeySource::File(path), None)),
            ..options
        };
        Self {
            server: Server::with(options, store::Options::default()),
            plane,
            _folder: folder,
        }
    }

    fn get(&self, target: &str, token: &str) -> Call {
        get(self.server.address, target).header("authorization", &format!("Bearer {token}"))
    }
}

#[test]
fn a_token_of_the_control_plane_opens_the_door() {
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
fn what_is_wrong_with_a_token_is_not_told() {
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
fn the_page_takes_a_token_into_a_cookie_that_ends_with_it() {
    let mut node = Node::start();
    node.server.write(two_workspaces());
    let token = node.plane.token(&json!({"workspace": "ws-1"}));
    let entry = get(node.server.address, &format!("/?token={token}")).send();
    assert_eq!((entry.status, entry.header("location")), (303, Some("./")));
    let cookie = entry.header("set-cookie").expect("a cookie").to_owned();
    let age = cookie.rsplit_once("; Max-Age=").expect("an age").1;
    assert!((3_500..=3_630).contains(&age.parse::<i64>().expect("seconds")));
    assert!(cookie.contains("; HttpOnly; SameSite=Strict;"), "{cookie}");
    let cookie = cookie.split(';').next().expect("a pair");
    let page = get(node.server.address, "/logs")
        .header("cookie", cookie)
        .send();
    assert_eq!(page.status, 200);
    assert_eq!(
        page.json()["entries"].as_array().map(Vec::len),
        Some(OWN_RECORDS)
    );
    let refused = get(node.server.address, "/?token=a.b.c")
        .header("accept", "text/html")
        .send();
    assert_eq!((refused.status, refused.header("set-cookie")), (401, None));
}

// --- workspaces

/// Stands in everything that is not of workspace `ws-1`.
const FOREIGN: &str = "foreign";

const OWN_RECORDS: usize = 4;

fn two_workspaces() -> Vec<Record> {
    let run = |workspace: &str, word: &str| {
        let source = format!("devcontainer:{workspace}");
        [("process_start", "began"), ("process_end", "ended")].map(|(event, text)| {
            let mut record = record(&source, Level::Info, &format!("{word} {text}"));
            record.metadata =
                json!({"event_type": event, "run_id": format!("run-{word}"), "name": word,
                "command": word, "topic": word, "success": true})
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

/// How each path that needs a token is asked, so that it would show what is foreign.
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
        "/logs/fields" => &["/logs/fields?key=topic"],
        "/logs/{id}" => &[
            "/logs/4", "/logs/5", "/logs/6", "/logs/7", "/logs/8", "/logs/9",
        ],
        "/runs" => &["/runs", "/runs?source=*", "/runs?success=true"],
        "/runs/{id}" => &["/runs/run-foreign"],
        "/metrics" => &["/metrics"],
        // it is the same for everybody
        "/" => &[],
        new => {
            panic!("{new} is new: say here how it is asked, and see that it shows nothing foreign")
        }
    }
}

/// What an answer shows, as far as it comes before the end of a tail.
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

#[test]
fn no_endpoint_shows_a_workspace_what_is_not_its_own() {
    let mut node = Node::with(Options {
        tail_connections_max: 100,
        ..Options::default()
    });
    node.server.write(two_workspaces());
    let (all, own) = (
        node.plane.token(&json!({})),
        node.plane.token(&json!({"workspace": "ws-1"})),
    );
    let description = node.server.json("/openapi.json");
    let paths = description["paths"].as_object().expect("a map");
    let mut asked = 0;
    for (path, item) in paths {
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
    assert!(asked > 20, "{asked}");
}

#[test]
fn what_is_not_its_own_does_not_exist_for_a_workspace() {
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

#[test]
fn a_live_tail_stays_narrow() {
    let mut node = Node::start();
    let own = node.plane.token(&json!({"workspace": "ws-1"}));
    let mut tail = node.get("/logs/tail?source=*", &own).events();
    tail.next_block().expect("the beginning");
    node.server.write(two_workspaces());
    assert_eq!(tail.ids(OWN_RECORDS), [1, 2, 3, 10]);
}

#[test]
fn a_tail_ends_with_its_token() {
    let began = Instant::now();
    let node = Node::start();
    // past its end by less than clocks may differ: some seconds are left
    let short = node.plane.token(&json!({"exp": now() - 28}));
    let mut tail = node.get("/logs/tail", &short).events();
    let end = tail.next_event().expect("an event");
    assert_eq!(end.name.as_deref(), Some("end"));
    assert_eq!(end.data.as_deref(), Some(r#"{"reason":"token_expired"}"#));
    assert_eq!(tail.next_event(), None);
    assert!(began.elapsed() < Duration::from_secs(20));

    let mut patient = Node::with(Options {
        tail_ends_with_token: false,
        ..Options::default()
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

/// Serves what `document` holds, and counts how often.
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
fn keys_come_from_a_url_and_new_ones_are_found() {
    let (first, second) = (ControlPlane::new(1), ControlPlane::new(2));
    let document = Arc::new(std::sync::Mutex::new(first.jwks()));
    let (url, fetches) = serve_keys(Arc::clone(&document));
    let mut auth = node_auth(KeySource::parse(&url).expect("of this machine"), None);
    auth.keys_floor = Duration::from_millis(300);
    let options = Options {
        node_auth: Some(auth),
        ..Options::default()
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
fn only_pages_of_named_origins_may_read() {
    let mut node = Node::with(Options {
        cors_origins: vec!["https://app.example".to_owned()],
        ..Options::default()
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
