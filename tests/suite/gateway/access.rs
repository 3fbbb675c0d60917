//! Who may see which node: sessions, ownership, origins, and that no credential goes where it does not belong.

use crate::gateway::fleet::{Fleet, ISSUER, OPERATOR, Place, owned, row};
use crate::gateway::stub::{Stub, response};
use crate::http::client::{Answer, get};
use crate::http::server::{TOKEN, record};
use crate::support::tokens::{ControlPlane, now};
use serde_json::{Value, json};
use std::time::Duration;
use vmlog::gateway::{ForwardAuth, GatewayOptions, SessionOptions};
use vmlog::record::Level;
use vmlog::server::{KeySource, Network};

/// An identity provider.
const PROVIDER: &str = "https://login.example";

fn sessions(provider: &ControlPlane, folder: &tempfile::TempDir) -> SessionOptions {
    let path = folder.path().join("jwks.json");
    std::fs::write(&path, provider.jwks()).expect("written");
    SessionOptions {
        keys: KeySource::File(path),
        issuer: PROVIDER.to_owned(),
        audience: "vmlog".to_owned(),
        cookie: Some("session".to_owned()),
        user_claim: "sub".to_owned(),
        nodes_claim: Some("nodes".to_owned()),
        keys_floor: Duration::ZERO,
    }
}

/// The session of a user.
fn session(provider: &ControlPlane, user: &str, changes: &Value) -> String {
    let mut claims =
        json!({"iss": PROVIDER, "aud": "vmlog", "type": null, "node": null, "sub": user});
    for (name, value) in changes.as_object().expect("a map") {
        claims[name] = value.clone();
    }
    provider.token(&claims)
}

fn forward(options: &mut GatewayOptions, proxy: &str) {
    options.forward_auth = Some(ForwardAuth {
        header: "x-user".parse().expect("a name"),
        proxies: vec![Network::parse(proxy).expect("a network")],
    });
}

fn code(answer: &Answer) -> (u16, String) {
    let body = answer.json();
    (
        answer.status,
        body["error"].as_str().expect("a code").to_owned(),
    )
}

/// Every path of the gateway that concerns a node.
fn paths_of(id: &str) -> Vec<String> {
    let of_node = [
        "",
        "/logs",
        "/logs/tail",
        "/logs/sources",
        "/logs/histogram",
        "/logs/fields",
        "/logs/patterns",
        "/logs/export",
        "/logs/1",
        "/runs",
        "/runs/1",
        "/problems",
        "/boots",
        "/events",
        "/metrics",
        "/readyz",
        "/openapi.json",
        "/loki/api/v1/labels",
        "/no/such/path",
    ];
    let of_node = of_node.iter().map(|path| format!("/api/nodes/{id}{path}"));
    let of_several = [
        "/api/logs",
        "/api/logs/histogram",
        "/api/logs/sources",
        "/api/logs/fields",
        "/api/logs/patterns",
        "/api/logs/tail",
    ];
    let of_several = of_several.iter().map(|path| format!("{path}?nodes={id}"));
    of_node.chain(of_several).collect()
}

#[test]
fn a_node_of_another_user_is_as_one_that_does_not_exist_on_every_path() {
    let place = Place::new();
    let mut node = place.node("secret");
    node.write([record("docker:web", Level::Info, "hidden")]);
    let fleet = place.open_with(&json!([owned("secret", node.address, "ann")]), |options| {
        forward(options, "127.0.0.0/8");
    });
    let asked = |path: &str, user: &str| fleet.anonymous(path).header("x-user", user).send();
    for path in paths_of("secret") {
        let unknown = paths_of("absent");
        let at = paths_of("secret").iter().position(|other| *other == path);
        let absent = asked(&unknown[at.expect("the same list")], "bob");
        let foreign = asked(&path, "bob");
        assert_eq!(code(&foreign), (404, "node_not_found".to_owned()), "{path}");
        let same = foreign.text().replace("secret", "absent");
        assert_eq!(same, absent.text(), "{path}");
        // nobody without credentials learns which nodes there are
        let nobody = fleet.anonymous(&path).send();
        assert_eq!(code(&nobody), (401, "unauthorized".to_owned()), "{path}");
    }
    assert_eq!(asked("/api/nodes", "bob").json()["nodes"], json!([]));
    let own = asked("/api/nodes/secret/logs", "ann");
    assert_eq!(own.json()["entries"][0]["message"], "hidden");
    assert_eq!(
        asked("/api/nodes", "ann").json()["nodes"][0]["id"],
        "secret"
    );
    assert_eq!(code(&asked("/metrics", "ann")).0, 403);
    for (method, path, expected) in [
        ("POST", "session", 201),
        ("DELETE", "session", 204),
        ("POST", "logs/export", 201),
    ] {
        for (user, node, status) in [
            ("ann", "secret", expected),
            ("bob", "secret", 404),
            ("ann", "absent", 404),
        ] {
            let call = fleet
                .anonymous(&format!("/api/nodes/{node}/{path}"))
                .header("x-user", user);
            let answer = call.header("content-length", "0").method(method).send();
            assert_eq!(answer.status, status, "{method} {node}/{path} {user}");
        }
    }
}

#[test]
fn the_owner_of_a_workspace_sees_its_records_only() {
    let place = Place::new();
    let mut node = place.node("n1");
    node.write([
        record("docker:ws1", Level::Info, "of ann"),
        record("docker:ws2", Level::Info, "of bob"),
        record("docker:ws3", Level::Info, "of bob too"),
        record("system:ssh", Level::Info, "of the machine"),
    ]);
    let mut entry = row("n1", node.address);
    entry["workspaces"] = json!([{"id": "ws1", "owner": "ann"}, {"id": "ws2", "owner": "bob"},
        {"id": "ws3", "owner": "bob"}]);
    let fleet = place.open_with(&json!([entry]), |options| forward(options, "127.0.0.0/8"));
    let asked = |path: &str, user: &str| fleet.anonymous(path).header("x-user", user).send();
    let messages = |answer: Answer| -> Vec<String> {
        assert_eq!(answer.status, 200, "{}", answer.text());
        let body = answer.json();
        let entries = body["entries"].as_array().expect("a list");
        entries
            .iter()
            .map(|entry| entry["message"].as_str().expect("a text").to_owned())
            .collect()
    };
    for path in ["/api/nodes/n1/logs", "/api/logs"] {
        assert_eq!(messages(asked(path, "ann")), ["of ann"]);
        assert_eq!(
            messages(asked(&format!("{path}?workspace=ws3"), "bob")),
            ["of bob too"]
        );
    }
    let foreign = asked("/api/nodes/n1/logs?workspace=ws2", "ann");
    assert_eq!(code(&foreign), (404, "node_not_found".to_owned()));
    let ambiguous = asked("/api/nodes/n1/logs", "bob");
    assert_eq!(code(&ambiguous), (400, "workspace_required".to_owned()));
    assert!(
        ambiguous.json()["message"]
            .as_str()
            .expect("a text")
            .ends_with("ws2, ws3")
    );
    let twice = asked("/api/nodes/n1/logs?workspace=ws1&workspace=ws2", "ann");
    assert_eq!(code(&twice), (400, "repeated_parameter".to_owned()));
    // the operator sees all, or what one workspace sees
    let all = fleet.json("/api/nodes/n1/logs");
    assert_eq!(all["entries"].as_array().expect("a list").len(), 4);
    let narrowed = fleet.json("/api/nodes/n1/logs?workspace=ws1");
    assert_eq!(narrowed["entries"].as_array().expect("a list").len(), 1);
}

#[test]
fn a_session_is_accepted_from_bearer_and_cookie_for_its_issuer_and_audience() {
    let (provider, other) = (ControlPlane::new(1), ControlPlane::new(2));
    let folder = tempfile::tempdir().expect("a folder");
    let place = Place::new();
    let node = place.node("n1");
    let rows = json!([owned("n1", node.address, "ann"), row("n2", node.address)]);
    let fleet = place.open_with(&rows, |options| {
        options.sessions = Some(sessions(&provider, &folder));
    });
    let nodes = |answer: Answer| -> Vec<String> {
        assert_eq!(answer.status, 200, "{}", answer.text());
        let body = answer.json();
        let nodes = body["nodes"].as_array().expect("a list");
        nodes
            .iter()
            .map(|node| node["id"].as_str().expect("a text").to_owned())
            .collect()
    };
    let ann = session(&provider, "ann", &json!({}));
    assert_eq!(nodes(fleet.with_token("/api/nodes", &ann).send()), ["n1"]);
    let cookie = |value: &str| fleet.anonymous("/api/nodes").header("cookie", value).send();
    assert_eq!(nodes(cookie(&format!("a=b; session={ann}"))), ["n1"]);
    let claimed = session(&provider, "bob", &json!({"nodes": ["n2", "absent"]}));
    assert_eq!(
        nodes(fleet.with_token("/api/nodes", &claimed).send()),
        ["n2"]
    );
    // another host of the domain may have set the second one
    assert_eq!(cookie(&format!("session=x; session={ann}")).status, 401);
    for (name, changes) in [
        ("another issuer", json!({"iss": ISSUER})),
        ("another audience", json!({"aud": "other"})),
        ("expired", json!({"exp": now() - 60})),
        ("without an end", json!({"exp": null})),
        ("a token for a node", json!({"type": "node-management"})),
        ("without a user", json!({"sub": null})),
        ("an empty user", json!({"sub": ""})),
    ] {
        let token = session(&provider, "ann", &changes);
        let answer = fleet.with_token("/api/nodes", &token).send();
        assert_eq!(answer.status, 401, "{name}");
    }
    let forged = session(&other, "ann", &json!({}));
    assert_eq!(fleet.with_token("/api/nodes", &forged).send().status, 401);
    // a token in the address would be in logs
    let target = format!("/api/nodes?token={ann}");
    assert_eq!(fleet.anonymous(&target).send().status, 401);
    let target = format!("/api/nodes?token={OPERATOR}");
    assert_eq!(fleet.anonymous(&target).send().status, 401);
}

#[test]
fn a_header_of_a_proxy_is_believed_from_named_addresses_only_and_only_once() {
    let place = Place::new();
    let node = place.node("n1");
    let rows = json!([owned("n1", node.address, "ann")]);
    let fleet = place.open_with(&rows, |options| forward(options, "127.0.0.1"));
    let asked = |headers: &[(&str, &str)]| {
        let call = fleet.anonymous("/api/nodes/n1/logs");
        let call = headers
            .iter()
            .fold(call, |call, (name, value)| call.header(name, value));
        call.send().status
    };
    assert_eq!(asked(&[("x-user", "ann")]), 200);
    assert_eq!(asked(&[("X-USER", " ann ")]), 200);
    // a client's own header that the proxy did not remove, and other spellings of it
    assert_eq!(asked(&[("x-user", "ann"), ("x-user", "bob")]), 401);
    assert_eq!(asked(&[("x-user", "")]), 401);
    assert_eq!(asked(&[("x_user", "ann")]), 401);
    assert_eq!(
        asked(&[("x-user", "bob"), ("x-forwarded-user", "ann")]),
        404
    );

    let place = Place::new();
    let far = place.open_with(&rows, |options| forward(options, "192.0.2.0/24"));
    let call = far.anonymous("/api/nodes/n1/logs").header("x-user", "ann");
    assert_eq!(call.send().status, 401);
    // the name of another host in front of 127.0.0.1: the header could be that of a page
    let call = fleet
        .anonymous("/api/nodes/n1/logs")
        .header("x-user", "ann");
    let foreign = call.header("host", "evil.example").send();
    assert_eq!(code(&foreign), (403, "forbidden_host".to_owned()));
}

#[test]
fn pages_of_other_sites_cannot_use_the_session_of_a_browser() {
    let place = Place::new();
    let node = place.node("n1");
    let rows = json!([owned("n1", node.address, "ann")]);
    let fleet = place.open_with(&rows, |options| {
        forward(options, "127.0.0.1");
        options.origins = vec!["https://panel.example".to_owned()];
    });
    let asked = |origin: &str| {
        let call = fleet
            .anonymous("/api/nodes/n1/logs")
            .header("x-user", "ann");
        call.header("origin", origin).send()
    };
    let foreign = asked("https://evil.example");
    assert_eq!(code(&foreign), (403, "forbidden_origin".to_owned()));
    assert_eq!(foreign.header("access-control-allow-origin"), None);
    let allowed = asked("https://panel.example");
    assert_eq!(allowed.status, 200);
    let origin = allowed.header("access-control-allow-origin");
    assert_eq!(origin, Some("https://panel.example"));
    assert_eq!(asked(&format!("http://{}", fleet.address)).status, 200);
    let call = fleet.anonymous("/api/nodes").header("x-user", "ann");
    let answer = call.method("POST").send();
    assert_eq!(code(&answer), (405, "method_not_allowed".to_owned()));
    for (name, value) in [
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(answer.header(name), Some(value));
    }
}

#[test]
fn tokens_open_only_what_they_are_for() {
    let provider = ControlPlane::new(1);
    let folder = tempfile::tempdir().expect("a folder");
    let place = Place::new();
    let (one, two) = (place.node("n1"), place.node("n2"));
    let spy = Stub::start(|_| response("200 OK", "content-type: application/json\r\n", "{}"));
    let rows = json!([
        row("n1", one.address),
        row("n2", two.address),
        row("spy", spy.address)
    ]);
    let fleet = place.open_with(&rows, |options| {
        options.sessions = Some(sessions(&provider, &folder));
        options.admins = vec!["ann".to_owned()];
    });
    let ann = session(&provider, "ann", &json!({}));
    // a user's token does not open a node
    let direct = |address, token: &str| {
        let bearer = format!("Bearer {token}");
        get(address, "/logs")
            .header("authorization", &bearer)
            .send()
            .status
    };
    assert_eq!(direct(one.address, &ann), 401);
    assert_eq!(direct(one.address, OPERATOR), 401);
    assert_eq!(direct(one.address, TOKEN), 200);
    // what the gateway sends to a node opens neither another node nor the gateway
    assert_eq!(
        fleet.with_token("/api/nodes/spy/logs", &ann).send().status,
        200
    );
    let received = spy.received();
    let minted = received[0].header("authorization").expect("a token");
    let minted = minted.strip_prefix("Bearer ").expect("a scheme");
    assert_eq!(direct(one.address, minted), 401);
    assert_eq!(direct(two.address, minted), 401);
    assert_eq!(fleet.with_token("/api/nodes", minted).send().status, 401);
    // for the right node it does, and the keys are public
    assert_eq!(
        fleet.with_token("/api/nodes/n1/logs", &ann).send().status,
        200
    );
    let keys = fleet.anonymous("/.well-known/jwks.json").send();
    assert_eq!(keys.status, 200);
    assert_eq!(keys.json()["keys"][0]["crv"], "Ed25519");
    assert!(!keys.text().contains("\"d\""));
}

#[test]
fn credentials_and_identities_of_a_client_stay_at_the_gateway() {
    let spy = Stub::start(|_| {
        let headers = "content-type: application/json\r\nset-cookie: a=b\r\nwww-authenticate: Basic\r\nlocation: /x\r\n\
            content-security-policy: default-src *\r\nx-next-cursor: abc\r\nserver: spy\r\n";
        response("200 OK", headers, "{}")
    });
    let fleet = Place::new().open(&json!([row("spy", spy.address)]));
    let sent = [
        ("cookie", "session=secret"),
        ("x-user", "root"),
        ("x-forwarded-user", "root"),
        ("x-forwarded-for", "10.0.0.1"),
        ("x-sam-node-id", "other"),
        ("x-vmlog-session", "secret"),
        ("forwarded", "for=10.0.0.1"),
        ("connection", "close, x-user"),
        ("accept", "application/x-ndjson"),
        ("last-event-id", "7"),
    ];
    let call =
        fleet.get("/api/nodes/spy/logs?token=secret&q=a%20b&ticket=secret&workspace=ws&limit=5");
    let call = sent
        .iter()
        .fold(call, |call, (name, value)| call.header(name, value));
    let answer = call.send();
    assert_eq!(answer.status, 200);
    let received = spy.received();
    assert_eq!(received[0].target, "/logs?q=a%20b&limit=5");
    let mut names: Vec<&str> = received[0]
        .headers
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "accept",
            "authorization",
            "host",
            "last-event-id",
            "user-agent"
        ]
    );
    assert!(!format!("{received:?}").contains("secret"));
    assert!(!format!("{received:?}").contains(OPERATOR));
    for name in ["set-cookie", "www-authenticate", "location", "server"] {
        assert_eq!(answer.header(name), None, "{name}");
    }
    assert_eq!(answer.header("x-next-cursor"), Some("abc"));
    let policy = answer.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
}

#[test]
fn rates_are_limited_for_each_user_and_requests_with_a_body_are_refused() {
    let fleet = Place::new().open_with(&json!([]), |options| {
        forward(options, "127.0.0.1");
        options.rate = 1;
        options.burst = 10;
    });
    let status = |user: &str| {
        fleet
            .anonymous("/api/nodes")
            .header("x-user", user)
            .send()
            .status
    };
    let statuses: Vec<u16> = (0..20).map(|_| status("ann")).collect();
    assert!(
        statuses[..10].iter().all(|status| *status == 200),
        "{statuses:?}"
    );
    assert!(statuses.contains(&429), "{statuses:?}");
    assert_eq!(status("bob"), 200);
    let strangers: Vec<u16> = (0..10)
        .map(|_| fleet.anonymous("/api/nodes").send().status)
        .collect();
    assert!(strangers.contains(&429), "{strangers:?}");
    let call = fleet.anonymous("/api/nodes").header("x-user", "bob");
    let answer = call.header("content-length", "5").send();
    assert_eq!(code(&answer), (413, "body_too_large".to_owned()));
}

#[test]
fn a_changed_registry_is_in_use_at_once_and_a_bad_one_is_reported() {
    let place = Place::new();
    let node = place.node("n1");
    let fleet = place.open(&json!([]));
    assert_eq!(fleet.get("/api/nodes/n1/logs").send().status, 404);
    put(
        &fleet,
        &json!({"nodes": [row("n1", node.address)]}).to_string(),
    );
    until("the node is known", || {
        fleet.get("/api/nodes/n1/logs").send().status == 200
    });
    assert_eq!(
        fleet.anonymous("/readyz").send().json()["registry"],
        "current"
    );
    put(&fleet, "{\"nodes\": [{\"id\": \"n 1\"}]}");
    until("it is reported", || {
        fleet.anonymous("/readyz").send().json()["registry"] == "stale"
    });
    assert_eq!(fleet.get("/api/nodes/n1/logs").send().status, 200);
    let metrics = fleet.get("/metrics").send();
    assert!(
        metrics
            .text()
            .contains("\nvmlog_gateway_registry_stale 1\n"),
        "{}",
        metrics.text()
    );
    assert!(
        metrics.text().contains("\nvmlog_gateway_nodes 1\n"),
        "{}",
        metrics.text()
    );
}

fn put(fleet: &Fleet, text: &str) {
    let aside = fleet.registry.with_extension("new");
    std::fs::write(&aside, text).expect("written");
    std::fs::rename(aside, &fleet.registry).expect("renamed");
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..600 {
        if is_so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("waited half a minute until {what}");
}

#[test]
fn the_page_exchanges_a_token_for_a_session_and_downloads_with_a_ticket() {
    let place = Place::new();
    let mut node = place.node("n1");
    node.write([record("docker:web", Level::Info, "hello")]);
    let other = place.node("n2");
    let fleet = place.open(&json!([row("n1", node.address), row("n2", other.address)]));
    let page = fleet.anonymous("/api/nodes/n1/").send();
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(page.text(), node.get("/").send().text());
    assert_eq!(
        fleet.anonymous("/api/nodes/any/").send().text(),
        page.text()
    );
    let script = fleet.anonymous("/api/nodes/n1/ui/app.js").send();
    let tag = script.header("etag").expect("a tag").to_owned();
    let again = fleet
        .anonymous("/api/nodes/n1/ui/app.js")
        .header("if-none-match", &tag)
        .send();
    assert_eq!((script.status, again.status), (200, 304));
    for file in ["/", "/fleet.js", "/fleet.css"] {
        assert_eq!(fleet.anonymous(file).send().status, 200, "{file}");
    }

    let begin = |token: &str| {
        let call = fleet
            .anonymous("/api/nodes/n1/session")
            .header("x-vmlog-session", token);
        call.method("POST").send()
    };
    assert_eq!(begin("wrong").status, 401);
    let session = begin(OPERATOR).json();
    let session = session["session"].as_str().expect("a session").to_owned();
    assert!(!session.contains(OPERATOR));
    let with = |path: &str, method: &str| {
        let call = fleet.anonymous(path).header("x-vmlog-session", &session);
        call.method(method).send()
    };
    assert_eq!(with("/api/nodes/n1/logs", "GET").status, 200);
    let link = with(
        "/api/nodes/n1/logs/export?format=jsonl&source=docker%3Aweb",
        "POST",
    )
    .json();
    let address = link["address"].as_str().expect("an address");
    let (path, ticket) = address.split_once("&ticket=").expect("a ticket");
    assert_eq!(path, "logs/export?format=jsonl&source=docker%3Aweb");
    let download = fleet.anonymous(&format!("/api/nodes/n1/{address}")).send();
    assert_eq!(download.status, 200);
    assert!(download.text().contains("hello"));
    for other in [
        format!("/api/nodes/n2/{address}"),
        format!("/api/nodes/n1/logs/export?format=csv&ticket={ticket}"),
        format!("/api/nodes/n1/logs?ticket={ticket}"),
        format!("/api/nodes/n1/{address}&ticket={ticket}"),
    ] {
        assert_eq!(fleet.anonymous(&other).send().status, 401, "{other}");
    }
    // a session is none of a node
    let direct = get(node.address, "/logs").header("x-vmlog-session", &session);
    assert_eq!(direct.send().status, 401);
}

#[test]
fn an_ended_session_is_refused_with_all_its_renewals() {
    let place = Place::new();
    let node = place.node("n1");
    let fleet = place.open(&json!([row("n1", node.address)]));
    let with = |token: &str, path: &str, method: &str| {
        let call = fleet.anonymous(&format!("/api/nodes/n1/{path}"));
        call.header("x-vmlog-session", token).method(method).send()
    };
    let begin = |token: &str| {
        let begun = with(token, "session", "POST").json();
        begun["session"].as_str().expect("a session").to_owned()
    };
    let (first, other) = (begin(OPERATOR), begin(OPERATOR));
    let renewed = begin(&first);
    assert_eq!(with(&renewed, "logs", "GET").status, 200);
    assert_eq!(with(&renewed, "session", "DELETE").status, 204);
    for ended in [&first, &renewed] {
        assert_eq!(with(ended, "logs", "GET").status, 401);
        assert_eq!(with(ended, "session", "POST").status, 401);
    }
    assert_eq!(with(&other, "logs", "GET").status, 200);
    assert_eq!(with(OPERATOR, "logs", "GET").status, 200);
}
