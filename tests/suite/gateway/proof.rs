//! What a node must prove, over raw connections.

use crate::gateway::process::{GatewayPlace, GatewayProcess, wait_until};
use crate::http::client::{Answer, get};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::json;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

fn pair(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).expect("32 bytes")
}

fn join(gateway: &GatewayProcess, token: &str, node: &str, seed: u8) -> Answer {
    let key = URL_SAFE_NO_PAD.encode(pair(seed).public_key().as_ref());
    let body = json!({"node": node, "key": key}).to_string();
    let call = get(gateway.address, "/nodes/join").method("POST");
    call.header("authorization", &format!("Bearer {token}"))
        .body(&body)
        .send()
}

fn refusal(answer: &Answer) -> (u16, String) {
    let body = answer.json();
    let message = body["message"].as_str().expect("a text");
    (answer.status, message.to_owned())
}

/// The identity of the gateway and a challenge of it.
fn challenge(answer: &Answer) -> (String, String) {
    assert_eq!(answer.status, 401);
    let offered = answer.header("www-authenticate").expect("a challenge");
    let value = |name: &str| {
        let rest = offered.split(&format!("{name}=\"")).nth(1);
        let value = rest.and_then(|rest| rest.split('"').next());
        value.expect("a parameter").to_owned()
    };
    (value("gateway"), value("challenge"))
}

fn connect(gateway: &GatewayProcess, proof: Option<&str>) -> Answer {
    let call = get(gateway.address, "/nodes/connect").header("upgrade", "h2-reverse");
    match proof {
        Some(proof) => call.header("authorization", proof).send(),
        None => call.send(),
    }
}

/// The header of a node that answers a challenge.
fn proof(seed: u8, node: &str, identity: &str, challenge: &str) -> String {
    let said = format!("vmlog node connection 1\n{identity}\n{node}\n{challenge}");
    let signature = URL_SAFE_NO_PAD.encode(pair(seed).sign(said.as_bytes()));
    format!("Vmlog-Node node=\"{node}\", challenge=\"{challenge}\", signature=\"{signature}\"")
}

/// A connection that the gateway has accepted.
fn accepted(gateway: &GatewayProcess, proof: &str) -> TcpStream {
    let mut stream = TcpStream::connect(gateway.address).expect("a connection");
    let limit = Some(Duration::from_secs(20));
    stream.set_read_timeout(limit).expect("a limit");
    write!(
        stream,
        "GET /nodes/connect HTTP/1.1\r\nhost: {}\r\nconnection: upgrade\r\nupgrade: h2-reverse\r\nauthorization: {proof}\r\n\r\n",
        gateway.address
    )
    .expect("sent");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("a head");
        head.extend(byte);
    }
    let head = String::from_utf8(head).expect("text");
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    // the gateway is the client: it begins
    let mut preface = [0; 24];
    stream.read_exact(&mut preface).expect("a preface");
    assert_eq!(&preface, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    stream
}

/// Whether the other side closes a connection.
fn is_closed(stream: &mut TcpStream) -> bool {
    // a reset is an end as well
    stream.read_to_end(&mut Vec::new()).is_ok_and(|_| true)
        || stream.peek(&mut [0]).map_or(true, |read| read == 0)
}

#[test]
fn a_token_is_of_use_once_in_time_and_for_its_node() {
    let place = GatewayPlace::new(&json!([{"id": "listed", "url": "http://127.0.0.1:1"}]));
    let gateway = place.start();
    let token = place.token("n1");
    let cases = [
        ("made-up", "n1", "the token is not known"),
        (&*token, "n2", "the token is for a node of another name"),
        (
            &*token,
            "listed",
            "the list of nodes has an address for this node",
        ),
    ];
    for (token, node, why) in cases {
        let answer = join(&gateway, token, node, 1);
        assert_eq!(answer.json()["error"], "join_refused");
        assert_eq!(refusal(&answer), (403, why.to_owned()));
    }
    let answer = join(&gateway, &token, "n1", 1);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["issuer"], "vmlog-gateway");
    let again = join(&gateway, &token, "n1", 1);
    assert_eq!(again.text(), answer.text(), "the answer was lost");
    let used = (403, "the token has been used".to_owned());
    assert_eq!(refusal(&join(&gateway, &token, "n1", 2)), used);

    let (code, brief, _) = place.run(&["token", "--node", "n3", "--ttl", "1s"]);
    assert_eq!(code, Some(0));
    wait_until("the end of the token", || {
        // asked under another name, so that it is not used up
        let (_, why) = refusal(&join(&gateway, brief.trim(), "n4", 1));
        (why == "the token has expired").then_some(())
    });
    let (status, why) = refusal(&join(&gateway, brief.trim(), "n3", 1));
    assert_eq!((status, &*why), (403, "the token has expired"));
}

#[test]
fn requests_to_join_are_bounded_and_checked() {
    let place = GatewayPlace::new(&json!([]));
    let gateway = place.start();
    let token = place.token("n1");
    let bearer = format!("Bearer {token}");
    let call = || get(gateway.address, "/nodes/join").method("POST");
    let with_token = || call().header("authorization", &bearer);
    assert_eq!(call().body("{}").send().status, 403);
    let large = format!("{{\"node\": \"{}\"}}", "n".repeat(5_000));
    for body in ["", "{}", "[]", "{\"node\": \"n1\"}", &large] {
        assert_eq!(with_token().body(body).send().status, 400, "{body:.20}");
    }
    let not_a_key = json!({"node": "n1", "key": "AAAA"}).to_string();
    assert_eq!(with_token().body(&not_a_key).send().status, 403);
    assert_eq!(get(gateway.address, "/nodes/join").send().status, 405);
    assert_eq!(join(&gateway, &token, "n1", 1).status, 200);
}

#[test]
fn a_connection_needs_the_key_and_a_fresh_challenge() {
    let place = GatewayPlace::new(&json!([]));
    let gateway = place.start();
    assert_eq!(join(&gateway, &place.token("n1"), "n1", 1).status, 200);
    let fresh = || challenge(&connect(&gateway, None));
    let (identity, first) = fresh();
    let refused = |proof: &str| {
        let answer = connect(&gateway, Some(proof));
        (answer.status, answer.json()["error"].clone())
    };
    let key_refused = (403, json!("key_refused"));
    assert_eq!(refused(&proof(2, "n1", &identity, &first)), key_refused);
    assert_eq!(refused(&proof(1, "n2", &identity, &first)), key_refused);
    assert_eq!(refused(&proof(1, "n1", "other", &first)), key_refused);
    let unauthorized = (401, json!("unauthorized"));
    let made_up = proof(1, "n1", &identity, &first.replace('A', "B"));
    assert_eq!(refused(&made_up), unauthorized);

    let valid = proof(1, "n1", &identity, &first);
    let mut stream = accepted(&gateway, &valid);
    gateway.wait_for_node("n1");
    assert_eq!(refused(&valid), unauthorized, "a replay");
    assert_eq!(connect(&gateway, Some(&valid)).status, 401);
    let (_, second) = fresh();
    assert_ne!(first, second);
    // without Connection: upgrade, as a proxy that does not pass it on sends it
    let answer = connect(&gateway, Some(&proof(1, "n1", &identity, &second)));
    assert_eq!(answer.status, 426);

    // the newer connection counts
    let (_, third) = fresh();
    let newer = accepted(&gateway, &proof(1, "n1", &identity, &third));
    assert!(is_closed(&mut stream));
    gateway.wait_for_node("n1");
    drop(newer);

    // challenges do not outlive the gateway
    let (_, old) = fresh();
    gateway.kill();
    let gateway = place.start();
    let stale = connect(&gateway, Some(&proof(1, "n1", &identity, &old)));
    let (same, fresh) = challenge(&stale);
    assert_eq!(same, identity);
    drop(accepted(&gateway, &proof(1, "n1", &identity, &fresh)));
}

#[test]
fn a_node_that_says_nothing_is_no_answer() {
    let place = GatewayPlace::new(&json!([]));
    let gateway = place.start();
    assert_eq!(join(&gateway, &place.token("n1"), "n1", 1).status, 200);
    let (identity, challenge) = challenge(&connect(&gateway, None));
    let mut stream = accepted(&gateway, &proof(1, "n1", &identity, &challenge));
    gateway.wait_for_node("n1");
    // not HTTP/2
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").expect("sent");
    let answer = wait_until("the connection is given up", || {
        let answer = gateway.get("/api/nodes/n1/logs").send();
        (answer.status == 502).then_some(answer)
    });
    let error = answer.json()["error"].clone();
    let is_expected = error == "node_unreachable" || error == "node_broken";
    assert!(is_expected, "{error}");
}
