//! Answers of several nodes: merged exactly, with every node named that gave none.

use crate::gateway::fleet::{Fleet, Place, row};
use crate::gateway::stub::{Received, Stub, response};
use crate::http::client::Answer;
use crate::http::server::{NOON, Server, record};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;
use vmlog::record::{Level, Record};
use vmlog::time::Micros;

/// A record of a node: time and id.
type Place2 = (i64, u64);

/// What a stub node does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    /// Answers with 500.
    Fails,
    /// Refuses the token.
    Refuses,
    /// Sends something that is no page.
    Garbage,
    /// Closes the connection in the middle of the page.
    Cut,
    /// Closes the connection in the middle of its second page and of all later ones.
    CutLater,
    /// Sends its records in another order.
    Disorder,
    /// Has the store of another node.
    Cloned,
    /// Never has anything, and always has more.
    Endless,
}

/// A node that answers `GET /logs` from a list of records.
struct FleetNode {
    stub: Stub,
    records: Arc<RwLock<Vec<Place2>>>,
    fault: Fault,
}

fn parameter<'t>(target: &'t str, name: &str) -> Option<&'t str> {
    let query = target.split_once('?')?.1;
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .find(|(given, _)| *given == name)
        .map(|(_, value)| value)
}

fn cursor(text: &str) -> Place2 {
    let text = text.replace("%3D", "=");
    let plain = String::from_utf8(STANDARD.decode(text).expect("base64")).expect("text");
    let (time, id) = plain.split_once(':').expect("a time and an id");
    (time.parse().expect("a time"), id.parse().expect("an id"))
}

fn node(number: usize, records: Vec<Place2>, fault: Fault) -> FleetNode {
    let records = Arc::new(RwLock::new(records));
    let (own, pages) = (Arc::clone(&records), AtomicUsize::new(0));
    let stub = Stub::start(move |received: &Received| {
        let page = pages.fetch_add(1, Ordering::Relaxed);
        let own = own.read().expect("not poisoned").clone();
        logs(number, own, fault, page, &received.target)
    });
    FleetNode {
        stub,
        records,
        fault,
    }
}

/// `GET /logs` of a node, with what is wrong with it.
fn logs(
    number: usize,
    mut records: Vec<Place2>,
    fault: Fault,
    page: usize,
    target: &str,
) -> Vec<u8> {
    match fault {
        Fault::Fails => {
            return response("500 Internal Server Error", "", "{\"error\":\"internal\"}");
        }
        Fault::Refuses => return response("401 Unauthorized", "", "{}"),
        Fault::Garbage => return response("200 OK", "", "<html></html>\n"),
        Fault::Endless => return response("200 OK", "x-next-cursor: MTox\r\n", ""),
        _ => {}
    }
    records.sort_unstable();
    let is_forward = parameter(target, "direction") == Some("forward");
    if !is_forward {
        records.reverse();
    }
    if let Some(text) = parameter(target, "cursor") {
        let after = cursor(text);
        records.retain(|place| {
            if is_forward {
                *place > after
            } else {
                *place < after
            }
        });
    }
    let limit: usize = parameter(target, "limit")
        .expect("a limit")
        .parse()
        .expect("a number");
    let has_more = records.len() > limit;
    records.truncate(limit);
    let next = records
        .last()
        .filter(|_| has_more)
        .map(|(time, id)| STANDARD.encode(format!("{time}:{id}")));
    if fault == Fault::Disorder {
        records.reverse();
    }
    let mut lines = String::new();
    for (time, id) in &records {
        let record = json!({"id": id.to_string(), "timestamp": Micros::new(*time).to_string(), "source": "file:app",
            "level": "info", "message": format!("{number}/{id}"), "metadata": {}});
        lines.push_str(&record.to_string());
        lines.push('\n');
    }
    let store = if fault == Fault::Cloned {
        "c0ffee".to_owned()
    } else {
        format!("{number:032x}")
    };
    let next = next.map_or_else(String::new, |next| format!("x-next-cursor: {next}\r\n"));
    let mut bytes = response(
        "200 OK",
        &format!("x-vmlog-store: {store}\r\n{next}"),
        &lines,
    );
    let is_cut = fault == Fault::Cut || (fault == Fault::CutLater && page > 0);
    if is_cut && !lines.is_empty() {
        bytes.truncate(bytes.len() - lines.len() / 2);
    }
    bytes
}

fn fleet(nodes: &[FleetNode]) -> Fleet {
    let rows: Vec<Value> = nodes
        .iter()
        .enumerate()
        .map(|(number, node)| row(&format!("n{number:02}"), node.stub.address))
        .collect();
    Place::new().open_with(&json!(rows), |options| {
        options.node_timeout = Duration::from_secs(20);
    })
}

/// A record of the merged log: time, node, id.
type Merged = (i64, String, u64);

fn entries(page: &Value) -> Vec<Merged> {
    let entries = page["entries"].as_array().expect("a list").iter();
    entries
        .map(|entry| {
            let text = |name: &str| entry[name].as_str().expect("a text");
            let time = Micros::parse(text("timestamp"), Micros::new(0)).expect("a time");
            (
                time.get(),
                text("node").to_owned(),
                text("id").parse().expect("a number"),
            )
        })
        .collect()
}

fn failed(page: &Value) -> BTreeSet<String> {
    let failed = page["nodes"]["failed"].as_array().expect("a list").iter();
    failed
        .map(|node| node["id"].as_str().expect("a text").to_owned())
        .collect()
}

/// The records of all nodes that did not fail, oldest first.
fn union(nodes: &[FleetNode], failed: &BTreeSet<String>) -> Vec<Merged> {
    let mut all = Vec::new();
    for (number, node) in nodes.iter().enumerate() {
        let id = format!("n{number:02}");
        if !failed.contains(&id) {
            let records = node.records.read().expect("not poisoned");
            all.extend(
                records
                    .iter()
                    .map(|(time, number)| (*time, id.clone(), *number)),
            );
        }
    }
    all.sort_unstable();
    all
}

fn faults() -> impl Strategy<Value = Fault> {
    prop_oneof![
        8 => Just(Fault::None),
        1 => Just(Fault::Fails),
        1 => Just(Fault::Refuses),
        1 => Just(Fault::Garbage),
        1 => Just(Fault::Cut),
        1 => Just(Fault::CutLater),
        1 => Just(Fault::Disorder),
        2 => Just(Fault::Cloned),
        1 => Just(Fault::Endless),
    ]
}

/// Few different times, so that many records of different nodes have the same one.
fn logs_of_nodes() -> impl Strategy<Value = Vec<(Vec<i64>, Fault)>> {
    let times = prop::collection::vec(0_i64..40, 0..60);
    prop::collection::vec((times, faults()), 1..7)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn merged_pages_are_the_sorted_union(
        logs in logs_of_nodes(), limit in 1_usize..25, is_forward: bool, appended in prop::collection::vec(40_i64..60, 0..4),
    ) {
        pages_are_the_sorted_union(logs, limit, is_forward, &appended)?;
    }
}

/// The first node fills the page and fails when it is asked again: what was dropped of the others is on the page after all.
#[test]
fn records_dropped_for_a_node_that_then_fails_are_read_again() {
    let logs = vec![
        (vec![0; 6], Fault::CutLater),
        (vec![0; 2], Fault::None),
        (vec![0; 1], Fault::None),
    ];
    pages_are_the_sorted_union(logs, 3, true, &[]).expect("the union");
}

fn stub_nodes(logs: Vec<(Vec<i64>, Fault)>) -> Vec<FleetNode> {
    let numbered = logs.into_iter().enumerate();
    let nodes = numbered.map(|(number, (times, fault))| {
        let places = times.iter().zip(1..);
        let places = places.map(|(time, id)| (NOON + time, id)).collect();
        node(number, places, fault)
    });
    nodes.collect()
}

fn clones(nodes: &[FleetNode]) -> usize {
    let cloned = nodes.iter().filter(|node| node.fault == Fault::Cloned);
    cloned.count()
}

impl FleetNode {
    /// Whether its fault shows among these nodes.
    fn may_fail(&self, nodes: &[FleetNode]) -> bool {
        match self.fault {
            Fault::None => false,
            Fault::Cloned => clones(nodes) > 1,
            // those show only when there are records
            Fault::Cut | Fault::CutLater | Fault::Disorder => {
                !self.records.read().expect("not poisoned").is_empty()
            }
            Fault::Fails | Fault::Refuses | Fault::Garbage | Fault::Endless => true,
        }
    }
}

/// No failed node goes without a name, and none that works is named.
fn check_failed(
    page: &Value,
    failed: &BTreeSet<String>,
    nodes: &[FleetNode],
) -> Result<(), TestCaseError> {
    for (number, node) in nodes.iter().enumerate() {
        let is_named = failed.contains(&format!("n{number:02}"));
        match node.fault {
            Fault::None => prop_assert!(!is_named, "{page}"),
            Fault::Fails | Fault::Refuses | Fault::Garbage | Fault::Endless => {
                prop_assert!(is_named, "{page}");
            }
            Fault::Cloned => prop_assert_eq!(is_named, clones(nodes) > 1),
            Fault::Cut | Fault::CutLater | Fault::Disorder => {}
        }
    }
    let (asked, ok) = (nodes.len() as u64, (nodes.len() - failed.len()) as u64);
    prop_assert_eq!(page["nodes"]["asked"].as_u64(), Some(asked));
    prop_assert_eq!(page["nodes"]["ok"].as_u64(), Some(ok));
    Ok(())
}

fn append(nodes: &[FleetNode], times: &[i64]) {
    for node in nodes {
        let mut records = node.records.write().expect("not poisoned");
        let next = records.len() as u64 + 1;
        let places = times.iter().zip(next..);
        records.extend(places.map(|(time, id)| (NOON + time, id)));
    }
}

/// Every page is the first part of the sorted union of all nodes that it does not name as failed, after the cursor; no failed node
/// goes without a name, and none that works is named.
fn pages_are_the_sorted_union(
    logs: Vec<(Vec<i64>, Fault)>,
    limit: usize,
    is_forward: bool,
    appended: &[i64],
) -> Result<(), TestCaseError> {
    let nodes = stub_nodes(logs);
    let fleet = fleet(&nodes);
    let direction = if is_forward { "forward" } else { "backward" };
    let address = format!("/api/logs?limit={limit}&direction={direction}");
    let (mut cursor, mut seen) = (None::<String>, Vec::new());
    for number in 0..200 {
        let address = cursor.as_ref().map_or(address.clone(), |cursor| {
            format!("{address}&cursor={cursor}")
        });
        let answer = fleet.get(&address).send();
        if answer.status == 502 {
            let all_fail = nodes.iter().all(|node| node.may_fail(&nodes));
            prop_assert!(all_fail, "{}", answer.text());
            return Ok(());
        }
        prop_assert_eq!(answer.status, 200, "{}", answer.text());
        let page = answer.json();
        let failed = failed(&page);
        check_failed(&page, &failed, &nodes)?;
        let found = entries(&page);
        let mut expected = union(&nodes, &failed);
        if !is_forward {
            expected.reverse();
        }
        // after the last record of the page before
        if let Some(last) = seen.last() {
            expected.retain(|place| {
                if is_forward {
                    place > last
                } else {
                    place < last
                }
            });
        }
        let has_more = expected.len() > found.len();
        expected.truncate(limit);
        prop_assert_eq!(&found, &expected);
        prop_assert_eq!(
            page["hasMore"].as_bool(),
            Some(has_more),
            "{}",
            page["nodes"]
        );
        seen.extend(found);
        // nodes append while somebody pages; towards the past that changes nothing
        if !is_forward && number == 0 {
            append(&nodes, appended);
        }
        match page["nextCursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => break,
        }
    }
    let distinct: BTreeSet<&Merged> = seen.iter().collect();
    prop_assert_eq!(distinct.len(), seen.len(), "a record is there twice");
    Ok(())
}

#[test]
fn pages_lead_back_to_where_they_came_from() {
    let nodes: Vec<FleetNode> = (0..3)
        .map(|number| {
            let places = (1..=50)
                .map(|id| (NOON + (id as i64 * 7 + number as i64) % 20, id))
                .collect();
            node(number, places, Fault::None)
        })
        .collect();
    let fleet = fleet(&nodes);
    let first = fleet.json("/api/logs?limit=40");
    let next = first["nextCursor"].as_str().expect("a cursor");
    let second = fleet.json(&format!("/api/logs?limit=40&cursor={next}"));
    let back = second["prevCursor"].as_str().expect("a cursor");
    let again = fleet.json(&format!(
        "/api/logs?limit=40&direction=forward&cursor={back}"
    ));
    let mut again = entries(&again);
    again.reverse();
    assert_eq!(again, entries(&first));
    for cursor in ["MTIz", &next[1..], &format!("{next}A")] {
        let answer = fleet.get(&format!("/api/logs?cursor={cursor}")).send();
        assert_eq!(
            (answer.status, code(&answer)),
            (400, "invalid_cursor".to_owned())
        );
    }
}

fn code(answer: &Answer) -> String {
    answer.json()["error"].as_str().expect("a code").to_owned()
}

#[test]
fn only_nodes_whose_records_are_on_the_page_are_asked_again() {
    let nodes: Vec<FleetNode> = (0..20)
        .map(|number| {
            // the newest records are those of one node
            let base = if number == 7 { NOON + 1_000_000 } else { NOON };
            let places = (1..=200).map(|id| (base + id as i64, id)).collect();
            node(number, places, Fault::None)
        })
        .collect();
    let fleet = fleet(&nodes);
    let page = fleet.json("/api/logs?limit=100");
    assert!(entries(&page).iter().all(|(_, node, _)| node == "n07"));
    let asked: Vec<usize> = nodes
        .iter()
        .map(|node| node.stub.received().len())
        .collect();
    assert!(asked[7] > 1, "{asked:?}");
    assert!(
        asked
            .iter()
            .enumerate()
            .all(|(number, count)| number == 7 || *count == 1),
        "{asked:?}"
    );
}

#[test]
fn an_answer_of_no_node_is_no_empty_log() {
    let nodes = [
        node(0, vec![(NOON, 1)], Fault::Fails),
        node(1, vec![(NOON, 1)], Fault::Garbage),
    ];
    let two = fleet(&nodes);
    for path in [
        "",
        "/histogram",
        "/sources",
        "/fields",
        "/patterns",
        "/tail",
    ] {
        let answer = two.get(&format!("/api/logs{path}")).send();
        assert_eq!(
            (answer.status, code(&answer)),
            (502, "nodes_failed".to_owned()),
            "{path}"
        );
        assert_eq!(answer.json()["nodes"]["ok"], 0);
    }
    let none = Place::new().open(&json!([]));
    let page = none.json("/api/logs");
    assert_eq!(page["nodes"], json!({"asked": 0, "ok": 0, "failed": []}));
    assert_eq!(none.get("/api/logs?nodes=absent").send().status, 404);
}

/// Real nodes with their own stores.
fn real(names: &[&str]) -> (Vec<Server>, Fleet) {
    let place = Place::new();
    let nodes: Vec<Server> = names.iter().map(|name| place.node(name)).collect();
    let rows: Vec<Value> = names
        .iter()
        .zip(&nodes)
        .map(|(name, node)| {
            let mut row = row(name, node.address);
            row["labels"] = json!({"zone": if name.starts_with('a') { "a" } else { "b" }});
            row
        })
        .collect();
    let fleet = place.open(&json!(rows));
    (nodes, fleet)
}

fn at(seconds: i64, source: &str, level: Level, message: &str) -> Record {
    Record {
        timestamp: Micros::new(NOON + seconds * 1_000_000),
        ..record(source, level, message)
    }
}

#[test]
fn records_counts_sources_fields_and_patterns_of_real_nodes_are_merged() {
    let (mut nodes, fleet) = real(&["a1", "a2", "b1"]);
    nodes[0].write([
        at(0, "system:ssh", Level::Info, "login of user 17"),
        at(300, "docker:web", Level::Error, "failed"),
    ]);
    nodes[1].write([
        at(100, "system:ssh", Level::Info, "login of user 4"),
        at(200, "system:ssh", Level::Warn, "refused"),
    ]);
    nodes[2].write([at(7_200, "system:ssh", Level::Info, "login of user 99")]);
    let messages = |target: &str| -> Vec<String> {
        let page = fleet.json(target);
        let entries = page["entries"].as_array().expect("a list").iter();
        entries
            .map(|entry| {
                format!(
                    "{}: {}",
                    entry["node"].as_str().expect("a node"),
                    entry["message"].as_str().expect("a text")
                )
            })
            .collect()
    };
    let all = [
        "b1: login of user 99",
        "a1: failed",
        "a2: refused",
        "a2: login of user 4",
        "a1: login of user 17",
    ];
    assert_eq!(messages("/api/logs"), all);
    assert_eq!(
        messages("/api/logs?limit=2&direction=forward"),
        ["a1: login of user 17", "a2: login of user 4"]
    );
    assert_eq!(
        messages("/api/logs?label=zone=a&level=warn"),
        ["a1: failed", "a2: refused"]
    );
    assert_eq!(
        messages("/api/logs?nodes=b1,a2&search=login"),
        ["b1: login of user 99", "a2: login of user 4"]
    );
    assert_eq!(messages("/api/logs?label=zone=none"), [""; 0]);

    let histogram = fleet.json("/api/logs/histogram?buckets=50");
    assert_eq!(histogram["total"], 5);
    let buckets = histogram["buckets"].as_array().expect("a list");
    let sum: u64 = buckets
        .iter()
        .map(|bucket| bucket["total"].as_u64().expect("a number"))
        .sum();
    assert_eq!(sum, 5);
    assert_eq!(buckets[0]["levels"]["info"], 2);
    let last = buckets.last().expect("a bucket");
    assert_eq!(
        last["levels"],
        json!({"debug": 0, "info": 1, "warn": 0, "error": 0})
    );
    assert_eq!(
        histogram["nodes"],
        json!({"asked": 3, "ok": 3, "failed": []})
    );

    let sources = fleet.json("/api/logs/sources");
    let ssh = &sources["sources"][1];
    assert_eq!(
        (&ssh["name"], &ssh["entryCount"], &ssh["nodeCount"]),
        (&json!("system:ssh"), &json!(4), &json!(3))
    );
    assert_eq!(sources["sources"][0]["nodes"], json!(["a1"]));
    assert_eq!(sources["total"], 5);
    let first = fleet.json("/api/logs/sources?limit=1");
    assert_eq!(first["sources"].as_array().expect("a list").len(), 1);
    let next = first["nextCursor"]
        .as_str()
        .expect("a cursor")
        .replace('=', "%3D");
    let second = fleet.json(&format!("/api/logs/sources?limit=1&cursor={next}"));
    assert_eq!(second["sources"][0], *ssh);
    assert_eq!(second["hasMore"], false);

    let patterns = fleet.json("/api/logs/patterns");
    let pattern = &patterns["patterns"][0];
    assert_eq!(
        (&pattern["template"], &pattern["count"]),
        (&json!("login of user <num>"), &json!(3))
    );
    let buckets = pattern["buckets"].as_array().expect("a list").iter();
    assert_eq!(
        buckets
            .map(|count| count.as_u64().expect("a number"))
            .sum::<u64>(),
        3
    );
    assert_eq!(pattern["examples"].as_array().expect("a list").len(), 3);

    let invalid = fleet.get("/api/logs?level=loud").send();
    assert_eq!(
        (invalid.status, code(&invalid)),
        (400, "invalid_level".to_owned())
    );
    for (query, expected) in [
        ("limit=0", "invalid_limit"),
        ("direction=up", "invalid_direction"),
        ("order=id", "invalid_order"),
        ("around=5", "conflicting_parameters"),
        ("label=x", "invalid_label"),
        ("workspace=a%2Fb", "invalid_workspace"),
    ] {
        let answer = fleet.get(&format!("/api/logs?{query}")).send();
        assert_eq!((answer.status, code(&answer)), (400, expected.to_owned()));
    }
}

#[test]
fn fields_of_several_nodes_are_added_up() {
    let (mut nodes, fleet) = real(&["a1", "b1"]);
    for node in &mut nodes {
        let mut with_unit = at(0, "system:ssh", Level::Info, "hello");
        with_unit.metadata.insert("unit", "ssh.service");
        node.write([with_unit]);
    }
    let values = fleet.json("/api/logs/fields?key=unit");
    assert_eq!(
        values["values"],
        json!([{"value": "ssh.service", "count": 2}])
    );
    let keys = fleet.json("/api/logs/fields");
    assert_eq!(
        keys["keys"],
        json!([{"key": "unit", "count": 2, "examples": ["ssh.service"]}])
    );
}

#[test]
fn nodes_with_one_store_are_reported_as_clones_and_not_mixed() {
    let clones = [
        node_of_clone(0),
        node_of_clone(1),
        node(2, vec![(NOON, 1)], Fault::None),
    ];
    let gateway = fleet(&clones);
    let page = gateway.json("/api/logs");
    assert_eq!(entries(&page).len(), 1);
    let failed = &page["nodes"]["failed"];
    assert_eq!(
        *failed,
        json!([{"id": "n00", "reason": "node_cloned"}, {"id": "n01", "reason": "node_cloned"}])
    );
    assert_eq!(
        gateway.json("/api/nodes")["clones"],
        json!([["n00", "n01"]])
    );
}

fn node_of_clone(number: usize) -> FleetNode {
    node(number, vec![(NOON + 5, 1)], Fault::Cloned)
}

#[test]
fn a_tail_of_several_nodes_continues_exactly_and_shows_what_is_lost() {
    let (mut nodes, fleet) = real(&["a1", "b1"]);
    nodes[0].write((0..3).map(|number| at(number, "file:a", Level::Info, &format!("a{number}"))));
    nodes[1].write((0..2).map(|number| at(number, "file:b", Level::Info, &format!("b{number}"))));
    let mut tail = fleet.get("/api/logs/tail?tail=100").events();
    assert_eq!(tail.header("content-type"), Some("text/event-stream"));
    let first = tail.next_event().expect("an event");
    assert_eq!(first.name.as_deref(), Some("nodes"));
    let data: Value = serde_json::from_str(&first.data.expect("data")).expect("JSON");
    assert_eq!(data, json!({"asked": 2, "ok": 2, "failed": []}));
    let mut last = String::new();
    let mut take = |tail: &mut crate::http::client::Events, count: usize| -> BTreeSet<String> {
        (0..count)
            .map(|_| {
                let event = tail.next_event().expect("an event");
                assert_eq!(event.name, None, "{event:?}");
                last = event.id.expect("an id");
                let record: Value = serde_json::from_str(&event.data.expect("data")).expect("JSON");
                let text = |name: &str| record[name].as_str().expect("a text").to_owned();
                format!("{}/{}", text("node"), text("message"))
            })
            .collect()
    };
    let texts = |list: &[&str]| {
        list.iter()
            .map(|text| (*text).to_owned())
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(
        take(&mut tail, 5),
        texts(&["a1/a0", "a1/a1", "a1/a2", "b1/b0", "b1/b1"])
    );
    drop(tail);
    nodes[0].write([at(9, "file:a", Level::Info, "a3")]);
    nodes[1].write([at(8, "file:b", Level::Info, "b2")]);
    let call = fleet.get("/api/logs/tail?tail=100");
    let mut again = call.header("last-event-id", &last).events();
    again.next_event().expect("the nodes");
    let mut last_again = String::new();
    let mut rest = BTreeSet::new();
    while rest.len() < 2 {
        let event = again.next_event().expect("an event");
        last_again = event.id.expect("an id");
        let record: Value = serde_json::from_str(&event.data.expect("data")).expect("JSON");
        rest.insert(record["message"].as_str().expect("a text").to_owned());
    }
    assert_eq!(rest, texts(&["a3", "b2"]));
    assert_ne!(last_again, last);
    // a node that stops is named, and the others continue
    let gone = nodes.remove(0);
    drop(gone);
    let departed = again.next_event().expect("an event");
    assert_eq!(departed.name.as_deref(), Some("node"));
    let data: Value = serde_json::from_str(&departed.data.expect("data")).expect("JSON");
    assert_eq!(
        (&data["id"], &data["state"]),
        (&json!("a1"), &json!("lost"))
    );
    nodes[0].write([at(10, "file:b", Level::Info, "b3")]);
    let event = again.next_event().expect("an event");
    assert!(event.data.expect("data").contains("\"b3\""));
    let forged = fleet
        .get("/api/logs/tail")
        .header("last-event-id", "12")
        .send();
    assert_eq!(
        (forged.status, code(&forged)),
        (400, "invalid_cursor".to_owned())
    );
}
