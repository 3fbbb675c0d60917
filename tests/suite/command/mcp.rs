//! `vmlog mcp`: messages over standard input and output.

use crate::support::program::{Place, vmlog};
use serde_json::{Value, json};
use std::io::Write as _;
use std::process::Stdio;

fn converse(arguments: &[&str], place: &Place, token: &str, messages: &[Value]) -> Vec<Value> {
    let mut command = vmlog(&[&["mcp"], arguments].concat());
    command
        .env("LOG_DATA_DIR", place.data())
        .env("VMLOG_TOKEN", token);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    for message in messages {
        writeln!(input, "{message}").unwrap();
    }
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_store_and_a_server_give_the_same_answers_to_an_agent() {
    let place = Place::new();
    let server = place.serve();
    server.wait_for("where=event_type=started", 1);
    let messages = [
        json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-06-18"}}),
        json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        json!({"jsonrpc": "2.0", "id": "two", "method": "tools/call", "params": {"name": "search", "arguments": {"query": "started"}}}),
        json!({"jsonrpc": "2.0", "id": 3, "method": "tools/list"}),
    ];
    let from_store = converse(&[], &place, "", &messages);
    let url = format!("http://{}", server.address);
    let from_server = converse(&["--url", &url], &place, &server.token, &messages);
    assert_eq!(from_store, from_server);
    assert_eq!(from_store.len(), 3, "a notification is not answered");
    let text = from_store[1]["result"]["content"][0]["text"]
        .as_str()
        .unwrap();
    assert!(text.contains("system:vmlog: vmlog "), "{text}");
    assert_eq!(from_store[1]["id"], "two");
}
