//! Who sees what through Loki's API of the gateway: the same rule as everywhere, on every path.

use crate::gateway::fleet::{Fleet, Place, owned, row};
use crate::gateway::loki::unlimited;
use crate::http::client::Answer;
use crate::http::server::{NOON, record};
use crate::loki::encoded;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use vmlog::gateway::ForwardAuth;
use vmlog::record::Level;
use vmlog::server::Network;

/// A word that is in the source, the level, the text and the metadata of another user's records.
const MARKER: &str = "marker";

/// Every path of the description of Loki's API.
fn paths() -> Vec<String> {
    let text = std::fs::read_to_string("format-spec/loki.md").expect("the description");
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `/"));
    let paths: Vec<String> = rows
        .filter_map(|row| Some(format!("/{}", row.split_once('`')?.0)))
        .filter(|path| path != "/ready")
        .collect();
    assert!(paths.len() > 15, "{paths:?}");
    paths
}

/// Calls of a path that ask for everything.
fn calls(path: &str) -> Vec<String> {
    let (start, end) = (NOON * 1_000, (NOON + 60_000_000) * 1_000);
    let window = format!("start={start}&end={end}");
    let all = encoded("{source=~\".+\"}");
    let count = encoded("sum by (source, node) (count_over_time({source=~\".+\"}[2m]))");
    let names = ["source", "node", "secret_field"];
    let of_name = |name: &str| path.replace("{name}", name);
    let paths: Vec<String> = if path.contains("{name}") {
        names.map(of_name).into()
    } else {
        vec![path.to_owned()]
    };
    let with = |path: String| {
        [
            format!("{path}?query={all}&match[]={all}&{window}"),
            format!("{path}?query={count}&{window}&time={end}&step=60s"),
            format!("{path}?{window}"),
        ]
    };
    paths.into_iter().flat_map(with).collect()
}

fn fleet_of_two() -> (Fleet, [crate::http::server::Server; 2]) {
    let place = Place::new();
    let node = |id| place.node_with(id, unlimited());
    let (mut own, mut foreign) = (node("own"), node("marker-node"));
    own.write([record("docker:web", Level::Info, "a line of bob")]);
    let mut secret = record("docker:marker", Level::Error, "a marker=1 line");
    secret.metadata.insert("secret_field", MARKER);
    foreign.write([secret]);
    let rows = json!([
        owned("own", own.address, "bob"),
        owned("marker-node", foreign.address, "ann")
    ]);
    let fleet = place.open_with(&rows, |options| {
        options.forward_auth = Some(ForwardAuth {
            header: "x-user".parse().expect("a name"),
            proxies: vec![Network::parse("127.0.0.0/8").expect("a network")],
        });
    });
    (fleet, [own, foreign])
}

#[test]
fn no_path_tells_of_nodes_of_other_users() {
    let (fleet, _nodes) = fleet_of_two();
    let asked = |target: &str, user: &str| fleet.anonymous(target).header("x-user", user).send();
    // what concerns no node
    let fixed = [
        "/rules",
        "/alerts",
        "buildinfo",
        "drilldown-limits",
        "format_query",
    ];
    for path in paths() {
        let mut told = false;
        for target in calls(&path) {
            let foreign = asked(&target, "bob");
            assert!(
                !foreign.text().contains(MARKER),
                "{target}: {}",
                foreign.text()
            );
            told |= asked(&target, "ann").text().contains(MARKER);
            // nobody without credentials learns anything
            let nobody = fleet.anonymous(&target).send();
            assert_eq!(
                nobody.status,
                if path.ends_with("/tallies") { 404 } else { 401 },
                "{target}"
            );
            // a node that is named and is not the user's does not exist
            let named = format!("{target}&nodes=marker-node");
            let (named, absent) = (
                asked(&named, "bob"),
                asked(&named.replace("marker-node", "absent"), "bob"),
            );
            let is_fixed = fixed.iter().any(|fixed| path.ends_with(fixed));
            if !is_fixed {
                assert_eq!((named.status, absent.status), (404, 404), "{target}");
            }
        }
        // the owner sees them on every path that concerns records, so that the search above can find something
        let is_silent = fixed.iter().any(|fixed| path.ends_with(fixed))
            || ["/tallies", "/tail", "/index/stats", "/labels", "/label"]
                .iter()
                .any(|silent| path.ends_with(silent));
        let counts_only = path.ends_with("/detected_labels") || path.ends_with("/index/volume");
        assert!(
            told || is_silent || counts_only,
            "{path} tells its owner nothing"
        );
    }
    let counted = |user: &str| {
        asked(
            "/loki/api/v1/index/stats?start=1&query=%7Bsource%3D~%22.%2B%22%7D",
            user,
        )
        .json()["entries"]
            .clone()
    };
    assert_eq!(
        (counted("ann"), counted("bob"), counted("eve")),
        (1.into(), 1.into(), 0.into())
    );
    // the tallies of a node are for the gateway
    assert_eq!(asked("/loki/api/v1/tallies?query=x", "ann").status, 404);
}

#[test]
fn a_token_is_taken_as_bearer_and_as_password_and_parameters_as_a_form() {
    let place = Place::new();
    let mut node = place.node("n1");
    node.write([record("docker:web", Level::Info, "hello")]);
    let fleet = place.open(&json!([row("n1", node.address)]));
    let basic = |password: &str| {
        let value = format!("Basic {}", STANDARD.encode(format!("grafana:{password}")));
        let call = fleet.anonymous("/loki/api/v1/labels?start=1");
        call.header("authorization", &value).send()
    };
    let labels = basic(crate::gateway::fleet::OPERATOR);
    assert_eq!(labels.json()["data"][2], "node");
    let refused = basic("wrong");
    assert_eq!(refused.status, 401);
    assert_eq!(
        refused.header("www-authenticate"),
        Some("Basic realm=\"vmlog gateway\"")
    );
    assert_eq!(refused.text(), "authentication required");
    let form = format!("query={}&start=1&limit=5", encoded("{node=\"n1\"}"));
    let post = |path: &str, form: &str| fleet.get(path).method("POST").body(form).send();
    let answer = post("/loki/api/v1/query_range", &form);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["data"]["result"][0]["values"][0][1], "hello");
    let long = format!("query={}", "x".repeat(300_000));
    assert_eq!(post("/loki/api/v1/query_range", &long).status, 413);
    assert_eq!(fleet.get("/api/logs").body("x=1").send().status, 413);
}

#[test]
fn lines_have_labels_apart_only_for_clients_that_ask_for_it() {
    let place = Place::new();
    let mut node = place.node("n1");
    node.write([record("docker:web", Level::Info, "{\"a\":1}")]);
    let fleet = place.open(&json!([row("n1", node.address)]));
    let target = format!(
        "/loki/api/v1/query_range?query={}&start=1",
        encoded("{node=\"n1\"} | json")
    );
    let plain = fleet.json(&target);
    let stream = &plain["data"]["result"][0];
    assert_eq!(
        (&stream["stream"]["node"], &stream["stream"]["a"]),
        (&json!("n1"), &json!("1"))
    );
    assert_eq!(stream["values"][0].as_array().expect("a pair").len(), 2);
    let flagged = fleet
        .get(&target)
        .header("x-loki-response-encoding-flags", "categorize-labels");
    let flagged = flagged.send().json();
    assert_eq!(
        flagged["data"]["encodingFlags"],
        json!(["categorize-labels"])
    );
    let stream = &flagged["data"]["result"][0];
    assert_eq!(stream["stream"]["node"], "n1");
    assert_eq!(stream["stream"]["a"], Value::Null);
    assert_eq!(stream["values"][0][2]["parsed"]["a"], "1");
    assert_eq!(stream["values"][0][2]["structuredMetadata"]["id"], "1");
    // the same labels as those of the node itself
    let direct = node
        .get(&target)
        .header("x-loki-response-encoding-flags", "categorize-labels");
    assert_eq!(
        direct.send().json()["data"]["result"],
        flagged["data"]["result"]
    );
}

#[test]
fn a_workspace_of_a_node_is_all_that_its_owner_sees() {
    let place = Place::new();
    let mut node = place.node("n1");
    node.write([
        record("docker:ws1", Level::Info, "of ann"),
        record("docker:ws2", Level::Info, "of bob"),
    ]);
    let mut entry = row("n1", node.address);
    entry["workspaces"] = json!([{"id": "ws1", "owner": "ann"}, {"id": "ws2", "owner": "bob"}, {"id": "ws3", "owner": "bob"}]);
    let fleet = place.open_with(&json!([entry]), |options| {
        options.forward_auth = Some(ForwardAuth {
            header: "x-user".parse().expect("a name"),
            proxies: vec![Network::parse("127.0.0.0/8").expect("a network")],
        });
    });
    let asked = |rest: &str, user: &str| -> Answer {
        let all = encoded("{source=~\".+\"}");
        let target = format!("/loki/api/v1/query_range?query={all}&start=1{rest}");
        fleet.anonymous(&target).header("x-user", user).send()
    };
    let text = |answer: &Answer| answer.json()["data"]["result"][0]["values"][0][1].clone();
    assert_eq!(text(&asked("", "ann")), "of ann");
    assert_eq!(text(&asked("&workspace=ws2", "bob")), "of bob");
    let ambiguous = asked("", "bob");
    assert_eq!(ambiguous.status, 502);
    assert!(
        ambiguous.text().contains("name one of your workspaces"),
        "{}",
        ambiguous.text()
    );
}
