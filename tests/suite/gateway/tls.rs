//! Nodes over TLS: which certificate the gateway accepts.

use crate::gateway::fleet::Place;
use crate::http::tls::fixture;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use vmlog::server::{ServerOptions, Tls};

fn fingerprint(name: &str) -> String {
    let certificate = CertificateDer::from_pem_file(fixture(name)).expect("a certificate");
    let sha256 = digest(&SHA256, &certificate);
    let digits = sha256.as_ref().iter().map(|byte| format!("{byte:02x}"));
    digits.collect()
}

#[test]
fn a_node_must_show_the_certificate_that_the_list_names() {
    let place = Place::new();
    let options = ServerOptions {
        tls: Some(Tls::load(&fixture("one.pem"), &fixture("one.key")).expect("a pair")),
        ..ServerOptions::default()
    };
    // the list names the node under several ids; what is asked of it needs no token
    let node = place.node_with("n1", options);
    let port = node.address.port();
    let path = |name: &str| {
        let path = fixture(name).canonicalize().expect("a file");
        path.to_str().expect("text").to_owned()
    };
    let pem = std::fs::read_to_string(fixture("authority.pem")).expect("text");
    let cases = [
        ("file", json!({"ca": path("authority.pem")}), true),
        ("text", json!({"ca": pem}), true),
        ("other-file", json!({"ca": path("two.pem")}), false),
        ("absent-file", json!({"ca": "/nonexistent.pem"}), false),
        (
            "pinned",
            json!({"certificateSha256": fingerprint("one.pem")}),
            true,
        ),
        (
            "other-pinned",
            json!({"certificateSha256": fingerprint("two.pem")}),
            false,
        ),
        ("usual", json!({}), true),
    ];
    let rows = cases.iter().map(|(id, trust, _)| {
        let mut row = trust.clone();
        row["id"] = (*id).into();
        row["url"] = format!("https://localhost:{port}").into();
        row
    });
    let rows: Vec<Value> = rows.collect();
    // of nodes that name none
    let authority = fixture("authority.pem");
    let fleet = place.open_with(&json!(rows), |options| {
        options.authorities = Some(authority);
    });
    for (id, _, is_trusted) in &cases {
        let answer = fleet.get(&format!("/api/nodes/{id}/readyz")).send();
        let body = answer.json();
        if *is_trusted {
            assert_eq!(answer.status, 200, "{id}: {body}");
        } else {
            assert_eq!(answer.status, 502, "{id}: {body}");
            assert_eq!(body["error"], "node_unreachable", "{id}");
        }
    }
    // the token of the gateway is for one node: over the same connection another name is refused
    let named = fleet.get("/api/nodes/file/logs").send();
    assert_eq!(named.json()["error"], "node_refused");
}
