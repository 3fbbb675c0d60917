//! Nodes that connect to the gateway: processes of both, and what survives restarts of each.

use crate::gateway::process::{GatewayPlace, wait_until};
use crate::http::client::Answer;
use crate::http::tls::{connect_to, fixture};
use crate::support::program::{Place, Server};
use serde_json::{Value, json};
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Stdio;

/// A node with a log of its own, whose `vmlog serve` connects to a gateway.
struct JoiningNode {
    place: Place,
    log: PathBuf,
    _folder: tempfile::TempDir,
}

impl JoiningNode {
    fn new(gateway: &GatewayPlace, id: &str, token: &str) -> Self {
        Self::at(&format!("http://{}", gateway.address), id, token)
    }

    fn at(gateway: &str, id: &str, token: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("app.log");
        File::create(&log).expect("a log");
        let mut place = Place::new();
        place
            .set("LOG_NODE_ID", id)
            .set("LOG_JOIN_GATEWAY", gateway)
            .set("LOG_JOIN_TOKEN", token)
            .set("LOG_FILES", &format!("app={}", log.display()));
        Self {
            place,
            log,
            _folder: folder,
        }
    }

    fn write(&self, numbers: std::ops::Range<usize>) {
        let lines: Vec<String> = numbers.map(|number| format!("line {number}\n")).collect();
        let mut log = OpenOptions::new().append(true).open(&self.log);
        let log = log.as_mut().expect("a log");
        log.write_all(lines.concat().as_bytes()).expect("written");
    }

    /// Starts it with its own log in this file.
    fn serve_logging(&self, name: &str) -> (Server, PathBuf) {
        let path = self.log.with_file_name(name);
        let file = File::create(&path).expect("a file");
        (self.place.serve_with(Stdio::from(file)), path)
    }
}

/// Starts a node that has joined as n1.
fn joined(gateway: &GatewayPlace) -> JoiningNode {
    JoiningNode::new(gateway, "n1", &gateway.token("n1"))
}

const APP: &str = "source=file:app";

#[test]
fn a_node_that_connects_is_asked_like_any_other() {
    let place = GatewayPlace::new(&json!([]));
    let gateway = place.start();
    let (code, token, _) = place.run(&[
        "token",
        "--node",
        "n1",
        "--owner",
        "ann",
        "--label",
        "zone=eu-1",
        "--workspace",
        "ws=bob",
    ]);
    assert_eq!(code, Some(0));
    assert_eq!(gateway.get("/api/nodes/n1").send().status, 404);
    let node = JoiningNode::new(&place, "n1", token.trim());
    node.write(0..3_000);
    let server = node.place.serve();
    server.wait_for(APP, 3_000);
    gateway.wait_for_node("n1");

    let key = node.place.data().join("gateway-key.json");
    let mode = std::fs::metadata(key).expect("a key").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let listed = gateway.get("/api/nodes?label=zone%3Deu-1").send().json();
    assert_eq!(listed["nodes"][0]["id"], "n1", "{listed}");

    for path in [
        "logs?limit=500&source=file:app",
        "logs?q=line%20(17%20OR%2018)",
        "logs/sources",
        "logs/export?format=jsonl&source=file:app",
        "logs/1",
        "logs?limit=0",
        "loki/api/v1/labels",
    ] {
        let headers = format!("Authorization: Bearer {}\r\n", server.token);
        let direct = server.exchange(&format!("/{path}"), &headers);
        let through = gateway.get(&format!("/api/nodes/n1/{path}")).send();
        let status = format!("HTTP/1.1 {} ", through.status);
        assert!(direct.0.starts_with(&status), "{path}: {}", direct.0);
        let body = direct.1;
        let is_chunked = direct.0.to_lowercase().contains("transfer-encoding");
        assert!(is_chunked || through.text() == body, "{path}");
    }
    let merged = gateway.get("/api/logs?limit=100").send().json();
    assert_eq!(merged["nodes"], json!({"asked": 1, "ok": 1, "failed": []}));
    let lines = gateway
        .get("/api/nodes/n1/logs/export?format=jsonl&source=file:app")
        .send();
    assert_eq!(lines.text().lines().count(), 3_000);
    let metrics = metrics_of(&server);
    assert!(metrics.contains("vmlog_gateway_connected 1"), "{metrics}");
    let metrics = gateway.get("/metrics").send();
    let connected = "vmlog_gateway_nodes_connected 1";
    assert!(metrics.text().contains(connected), "{}", metrics.text());

    // the token of the node does not open the connection, and that of the gateway not the listener: each is for one side
    let own = format!("Bearer {}", server.token);
    let call = crate::http::client::get(gateway.address, "/api/nodes/n1/logs");
    assert_eq!(call.header("authorization", &own).send().status, 401);
    // a node that stops is said to be away
    drop(server);
    let answer = wait_until("the node is gone", || {
        let answer = gateway.get("/api/nodes/n1/logs").send();
        (answer.status == 502).then_some(answer)
    });
    let body = answer.json();
    assert_eq!(body["error"], "node_unreachable", "{body}");
    assert_eq!(body["message"], "the node is not connected to the gateway");
    let listed = gateway.get("/api/nodes/n1").send().json();
    assert_eq!(listed["fault"], "node_unreachable");
}

fn metrics_of(server: &Server) -> String {
    let headers = format!("Authorization: Bearer {}\r\n", server.token);
    server.exchange("/metrics", &headers).1
}

#[test]
fn a_tail_continues_exactly_over_restarts_of_gateway_and_node() {
    let place = GatewayPlace::new(&json!([{"id": "n1"}]));
    let gateway = place.start();
    let node = joined(&place);
    node.write(0..5);
    let server = node.place.serve();
    let first = server.wait_for(APP, 5);
    gateway.wait_for_node("n1");
    let id = |entry: &Value| -> u64 {
        let text = entry["id"].as_str().expect("an id");
        text.parse().expect("a number")
    };
    let target = "/api/nodes/n1/logs/tail?source=file:app";
    let after = id(&first[0]) - 1;
    let mut tail = gateway.get(&format!("{target}&after={after}")).events();
    let mut seen = tail.ids(5);

    gateway.kill();
    assert!(tail.next_event().is_none_or(|event| event.name.is_some()));
    node.write(5..10);
    server.wait_for(APP, 10);
    let gateway = place.start();
    gateway.wait_for_node("n1");
    let last = seen.last().expect("some").to_string();
    let mut tail = gateway.get(target).header("last-event-id", &last).events();
    seen.extend(tail.ids(5));

    server.kill();
    // the stream says that the node is gone
    let ended = std::iter::from_fn(|| tail.next_event()).last();
    assert_eq!(ended.expect("an event").name.as_deref(), Some("end"));
    node.write(10..15);
    let server = node.place.serve();
    let all = server.wait_for(APP, 15);
    gateway.wait_for_node("n1");
    let last = seen.last().expect("some").to_string();
    let mut tail = gateway.get(target).header("last-event-id", &last).events();
    seen.extend(tail.ids(5));
    node.write(15..16);
    seen.extend(tail.ids(1));
    let mut expected: Vec<u64> = all.iter().map(id).collect();
    expected.push(id(server.wait_for(APP, 16).last().expect("some")));
    assert_eq!(seen, expected);
}

#[test]
fn a_client_that_leaves_frees_the_tail_of_the_node() {
    let place = GatewayPlace::new(&json!([{"id": "n1"}]));
    let gateway = place.start();
    let mut node = joined(&place);
    node.place.set("LOG_TAIL_MAX_CONNECTIONS", "2");
    node.write(0..1);
    let server = node.place.serve();
    server.wait_for(APP, 1);
    gateway.wait_for_node("n1");
    for _ in 0..10 {
        // the node has one place for the gateway; it is free again when the client is gone
        wait_until("a place for a tail", || {
            let call = gateway.get("/api/nodes/n1/logs/tail?after=0");
            (call.status() == 200).then_some(())
        });
    }
}

#[test]
fn a_slow_client_keeps_no_other_from_the_node() {
    let place = GatewayPlace::new(&json!([{"id": "n1"}]));
    let gateway = place.start();
    let node = joined(&place);
    node.write(0..20_000);
    let server = node.place.serve();
    server.wait_for("source=file:app&search=19999", 1);
    gateway.wait_for_node("n1");
    let target = "/api/nodes/n1/logs/export?format=jsonl&source=file:app";
    let unread = gateway.get(target).receive_bytes(4_096).unread();
    assert_eq!(unread.0, 200);
    let page = gateway.get("/api/nodes/n1/logs?limit=500").send();
    assert_eq!(page.json()["entries"].as_array().map(Vec::len), Some(500));
    let whole = gateway.get(target).send();
    assert_eq!(whole.text().lines().count(), 20_000);
    drop(unread);
}

#[test]
fn a_revoked_node_loses_its_connection_and_joins_again_with_a_new_token_only() {
    let place = GatewayPlace::new(&json!([{"id": "n1"}]));
    let gateway = place.start();
    let node = joined(&place);
    node.write(0..1);
    let (server, log) = node.serve_logging("first.log");
    server.wait_for(APP, 1);
    gateway.wait_for_node("n1");
    let mut tail = gateway
        .get("/api/nodes/n1/logs/tail?after=0&source=file:app")
        .events();
    tail.ids(1);
    let (code, out, error) = place.run(&["revoke", "n1"]);
    assert_eq!((code, &*out, &*error), (Some(0), "revoked n1\n", ""));
    let ended = std::iter::from_fn(|| tail.next_event()).last();
    assert_eq!(ended.expect("an event").name.as_deref(), Some("end"));
    let answer = gateway.get("/api/nodes/n1/logs").send();
    assert_eq!(
        (answer.status, reason(&answer)),
        (502, "node_unreachable".to_owned())
    );
    // it has tried again with its key, and then with its token
    let said = wait_until("a report", || {
        let text = std::fs::read_to_string(&log).expect("text");
        text.contains("refused this node").then_some(text)
    });
    assert!(said.contains("the token is not known"), "{said}");
    assert_eq!(said.matches("refused this node").count(), 1, "{said}");
    let (code, _, error) = place.run(&["revoke", "n1"]);
    assert_eq!(code, Some(1));
    assert!(
        error.contains("no machine of this name has joined"),
        "{error}"
    );

    drop(server);
    let before = std::fs::read(node.place.data().join("gateway-key.json")).expect("a key");
    let token = place.token("n1");
    let mut node = node;
    node.place.set("LOG_JOIN_TOKEN", &token);
    let server = node.place.serve();
    gateway.wait_for_node("n1");
    let after = std::fs::read(node.place.data().join("gateway-key.json")).expect("a key");
    assert_ne!(before, after, "a new key");
    drop(server);
}

fn reason(answer: &Answer) -> String {
    let body = answer.json();
    body["error"].as_str().expect("a text").to_owned()
}

#[test]
fn a_token_is_for_one_machine() {
    let place = GatewayPlace::new(&json!([]));
    let gateway = place.start();
    let token = place.token("n1");
    let first = JoiningNode::new(&place, "n1", &token);
    let server = first.place.serve();
    gateway.wait_for_node("n1");
    for (id, expected) in [
        ("n1", "the token has been used"),
        ("n2", "the token has been used"),
    ] {
        let second = JoiningNode::new(&place, id, &token);
        let (other, log) = second.serve_logging("refused.log");
        wait_until("a refusal", || {
            let text = std::fs::read_to_string(&log).expect("text");
            text.contains(expected).then_some(())
        });
        drop(other);
    }
    assert_eq!(gateway.get("/api/nodes/n1/logs").send().status, 200);
    // the token stays in the settings of the first, which has no use for it any more
    drop(server);
    let server = first.place.serve();
    gateway.wait_for_node("n1");
    drop(server);
}

#[test]
fn a_list_with_an_address_for_a_node_refuses_its_connection() {
    let place = GatewayPlace::new(&json!([]));
    let gateway = place.start();
    let node = joined(&place);
    let server = node.place.serve();
    gateway.wait_for_node("n1");
    place.list(&json!([{"id": "n1", "url": "http://127.0.0.1:1"}]));
    wait_until("the connection is ended", || {
        metrics_of(&server)
            .contains("vmlog_gateway_connected 0")
            .then_some(())
    });
}

#[test]
fn a_node_joins_only_a_gateway_with_a_trusted_certificate() {
    let place = GatewayPlace::encrypted("127.0.0.1", &json!([{"id": "n1"}]));
    let gateway = place.start();
    let url = format!("https://localhost:{}", gateway.address.port());
    let authority = |name: &str| fixture(name).canonicalize().expect("a file");
    let pinned = |name: &str, token: &str| {
        let mut node = JoiningNode::at(&url, "n1", token);
        node.place
            .set("LOG_JOIN_CA", authority(name).to_str().expect("text"));
        node
    };
    let token = place.token("n1");
    let stranger = pinned("two.pem", &token);
    let (server, log) = stranger.serve_logging("refused.log");
    wait_until("a report", || {
        let text = std::fs::read_to_string(&log).expect("text");
        let said = "no encrypted connection";
        text.contains(said).then_some(())
    });
    drop(server);
    // the token was not sent, so it is still of use
    let node = pinned("authority.pem", &token);
    node.write(0..3);
    let server = node.place.serve();
    server.wait_for(APP, 3);
    wait_until("the connection", || {
        metrics_of(&server)
            .contains("vmlog_gateway_connected 1")
            .then_some(())
    });
    let mut stream = connect_to(gateway.address);
    write!(
        stream,
        "GET /api/nodes/n1/logs?source=file:app HTTP/1.1\r\nhost: localhost\r\n\
         authorization: Bearer the-token-of-the-operator\r\nconnection: close\r\n\r\n"
    )
    .expect("sent");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    assert!(text.starts_with("HTTP/1.1 200 OK"), "{text}");
    assert!(text.contains("line 2"), "{text}");
}
