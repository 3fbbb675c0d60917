//! `vmlog open`, `status`, `sources`, `runs`, `run` and `version`: their texts, their JSON and their exit codes, with
//! a store, with a server and without either.

use crate::command::query::{on_terminal, printed};
use crate::support::program::{Place, outcome, vmlog};
use crate::support::stores::TestStore;
use serde_json::{Value, json};
use std::process::Command;
use std::time::Duration;
use vmlog::record::{Level, Record};
use vmlog::time::Micros;

const NOON: i64 = 1_771_338_600_000_000;
pub(super) const FIRST: &str = "01kj5p4zhs0g5cv2tnmq83y7re";
const SECOND: &str = "01kj5p4zht0g5cv2tnmq83y7re";

fn record(seconds: i64, source: &str, level: Level, message: &str, metadata: &Value) -> Record {
    Record {
        timestamp: Micros::new(NOON + seconds * 1_000_000),
        source: source.parse().unwrap(),
        level,
        message: message.to_owned(),
        metadata: metadata.as_object().unwrap().clone().into(),
    }
}

/// A store with two boots with a unit each, and two runs of which one failed.
pub(super) fn store() -> TestStore {
    let mut store = TestStore::new(100_000);
    let boot = |digit: &str| json!({"boot_id": digit.repeat(32), "unit": "ssh.service"});
    let start = |id: &str| json!({"event_type": "process_start", "run_id": id, "name": "setup", "command": "npm ci"});
    let end = |id: &str, code: i64| {
        json!({"event_type": "process_end", "run_id": id, "name": "setup", "command": "npm ci",
        "success": code == 0, "exit_code": code, "duration_ms": 3_250, "started_at": "2026-02-17T14:30:00Z"})
    };
    let output =
        |id: &str| json!({"event_type": "process_output", "run_id": id, "stream": "stderr"});
    store.append(vec![
        record(0, "system:ssh", Level::Info, "first boot", &boot("a")),
        record(
            10,
            "docker:web",
            Level::Error,
            "in the first boot",
            &json!({}),
        ),
        record(60, "system:ssh", Level::Warn, "second boot", &boot("b")),
        record(
            61,
            "devcontainer:web",
            Level::Info,
            "setup started: npm ci",
            &start(FIRST),
        ),
        record(
            62,
            "devcontainer:web",
            Level::Error,
            "npm ERR! code ERESOLVE",
            &output(FIRST),
        ),
        record(
            64,
            "devcontainer:web",
            Level::Error,
            "setup failed: exit code 1",
            &end(FIRST, 1),
        ),
        record(
            70,
            "devcontainer:web",
            Level::Info,
            "setup started: npm ci",
            &start(SECOND),
        ),
        record(
            73,
            "devcontainer:web",
            Level::Info,
            "setup succeeded",
            &end(SECOND, 0),
        ),
    ]);
    store
}

pub(super) fn on(store: &TestStore, words: &[&str]) -> Command {
    let mut command = vmlog(words);
    command.arg("--store").arg(store.path());
    command
}

fn as_json(command: &mut Command) -> Value {
    serde_json::from_str(&printed(command)).unwrap()
}

#[test]
fn sources_are_listed_with_their_counts() {
    let store = store();
    assert_eq!(
        printed(&mut on(&store, &["sources", "--utc"])),
        "RECORDS  ERRORS  WARNINGS  LAST RECORD          SOURCE\n\
         \x20     5       2            2026-02-17 14:31:13  devcontainer:web\n\
         \x20     1       1            2026-02-17 14:30:10  docker:web\n\
         \x20     2                 1  2026-02-17 14:31:00  system:ssh\n"
    );
    let listed = as_json(&mut on(&store, &["sources", "-s", "docker:", "--json"]));
    assert_eq!(listed["sources"][0]["name"], "docker:web");
    assert_eq!(listed["sources"][0]["entryCount"], 1);
    let (code, _, error) = outcome(&on(&store, &["sources", "-s", "dokcer:"]).output().unwrap());
    assert_eq!(code, Some(0));
    assert!(error.starts_with("vmlog: no source `dokcer:`"), "{error}");
}

#[test]
fn runs_are_listed_and_one_is_shown_with_its_output() {
    let store = store();
    let listed = printed(&mut on(&store, &["runs", "--utc"]));
    let lines: Vec<&str> = listed.lines().collect();
    assert_eq!(lines.len(), 3, "{listed}");
    assert!(
        lines[1].starts_with(SECOND) && lines[1].contains("  ok           setup  npm ci"),
        "{listed}"
    );
    assert!(
        lines[2].starts_with(FIRST) && lines[2].contains("exit code 1"),
        "{listed}"
    );
    let failed = as_json(&mut on(&store, &["runs", "--failed", "--json"]));
    assert_eq!(failed["runs"].as_array().unwrap().len(), 1);
    assert_eq!(failed["runs"][0]["exitCode"], 1);

    let shown = printed(&mut on(&store, &["run", FIRST, "--utc"]));
    assert!(
        shown.starts_with(&format!(
            "run      {FIRST}\nname     setup\ncommand  npm ci\n"
        )),
        "{shown}"
    );
    assert!(
        shown.contains("result   exit code 1 after 3.2 s\n\n"),
        "{shown}"
    );
    let end = "devcontainer:web: npm ERR! code ERESOLVE\n\
               2026-02-17 14:31:04.000Z error devcontainer:web: setup failed: exit code 1\n";
    assert!(shown.ends_with(end), "{shown}");
    assert_eq!(
        printed(&mut on(&store, &["run", "last", "-o", "cat"])),
        "setup started: npm ci\nsetup succeeded\n"
    );
    let by_prefix = as_json(&mut on(&store, &["run", &FIRST[..10], "--json"]));
    assert_eq!(by_prefix["id"], FIRST);
    let refused = |id: &str| outcome(&on(&store, &["run", id]).output().unwrap());
    assert_eq!(
        refused("nope"),
        (
            Some(1),
            String::new(),
            "vmlog: there is no run nope; `vmlog runs` lists them\n".to_owned()
        )
    );
    let (code, _, error) = refused("01");
    assert_eq!(code, Some(2));
    assert_eq!(
        error,
        "vmlog: several runs begin with 01; give more of the ID\n"
    );
}

#[test]
fn a_boot_is_all_records_from_its_first_to_the_next_boot() {
    let store = store();
    let shown = |words: &[&str]| printed(on(&store, &["query", "-o", "cat"]).args(words));
    assert_eq!(shown(&["-b", "-1"]), "first boot\nin the first boot\n");
    assert_eq!(shown(&["-b", "1"]), "first boot\nin the first boot\n");
    assert_eq!(shown(&["-b", "-n", "1", "-r"]), "setup succeeded\n");
    assert_eq!(
        shown(&["-b", &"a".repeat(32), "-s", "docker:"]),
        "in the first boot\n"
    );
    assert_eq!(shown(&["-b", "eresolve"]), "npm ERR! code ERESOLVE\n");
    let (code, _, error) = outcome(&on(&store, &["query", "-b", "-2"]).output().unwrap());
    assert_eq!(code, Some(1));
    assert_eq!(error, "vmlog: there is no boot -2: the records know 2\n");
}

#[test]
fn status_of_a_store_shows_its_content() {
    let store = store();
    let status = printed(&mut on(&store, &["status", "--utc"]));
    assert_eq!(
        status,
        format!(
            "store    {}\nrecords  8 from 3 sources, 3 errors\nhistory  2026-02-17 14:30:00 to 2026-02-17 14:31:13\nlargest  devcontainer:web with 5 records\nproblems 0\n",
            store.path().display()
        )
    );
    let status = as_json(&mut on(&store, &["status", "--json"]));
    assert_eq!(status["records"]["count"], 8);
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
}

/// The journal of the boots before is often read after the first records of today.
#[test]
fn status_reaches_to_the_earliest_time_not_to_the_first_id() {
    let mut store = TestStore::new(100_000);
    let at = |seconds| record(seconds, "system:ssh", Level::Info, "a line", &json!({}));
    store.append(vec![at(500), at(900), at(100), at(700)]);
    let status = printed(&mut on(&store, &["status", "--utc"]));
    assert!(
        status.contains("\nhistory  2026-02-17 14:31:40 to 2026-02-17 14:45:00\n"),
        "{status}"
    );
}

#[test]
fn a_script_of_many_lines_is_one_row() {
    let mut store = TestStore::new(100_000);
    let metadata = json!({"event_type": "process_start", "run_id": FIRST, "name": "setup", "command": "sh -c 'a\n  b'"});
    store.append(vec![record(
        0,
        "devcontainer:web",
        Level::Info,
        "x",
        &metadata,
    )]);
    let runs = printed(&mut on(&store, &["runs", "--utc"]));
    assert_eq!(runs.lines().count(), 2, "{runs}");
    assert!(runs.ends_with("  sh -c 'a\n"), "{runs}");
}

#[test]
fn status_and_open_report_a_missing_server() {
    let place = Place::new();
    let ask = |words: &[&str]| {
        let mut command = vmlog(words);
        command
            .env("LOG_DATA_DIR", place.data())
            .env("LOG_LISTEN", "127.0.0.1:1");
        outcome(&command.output().unwrap())
    };
    let (code, out, _) = ask(&["status"]);
    assert_eq!(code, Some(1));
    assert!(
        out.starts_with("server   http://127.0.0.1:1 is not running\nproblem  "),
        "{out}"
    );
    let (code, out, error) = ask(&["open"]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert_eq!(
        error,
        "vmlog: no server answers at http://127.0.0.1:1; start it with `vmlog serve` or `systemctl start vmlog`\n"
    );
}

#[test]
fn a_running_server_is_found_and_opened() {
    let place = Place::new();
    let server = place.serve();
    let of_server = |words: &[&str]| {
        let mut command = vmlog(words);
        command
            .env("LOG_DATA_DIR", place.data())
            .env("LOG_LISTEN", &server.address);
        command
    };
    let ready = format!("server   http://{} is ready\n", server.address);
    let mut status = String::new();
    server.wait_for("source=system:vmlog", 1);
    // Collectors take a moment to start.
    for _ in 0..200 {
        status = printed(&mut of_server(&["status"]));
        if status.starts_with(&ready) {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(status.starts_with(&ready), "{status}");
    assert!(
        status.contains("\nCOLLECTOR ") && status.contains("\njournald "),
        "{status}"
    );
    assert_eq!(
        printed(&mut of_server(&["open"])),
        format!("http://{}/\n", server.address),
        "a pipe gets no token"
    );
    let whole = format!("http://{}/?token={}", server.address, server.token);
    assert_eq!(
        printed(&mut of_server(&["open", "--token"])),
        format!("{whole}\n")
    );
    let mut open = of_server(&["open", "--print"]);
    open.args(["--token"]);
    let shown = on_terminal(
        &open,
        &[
            ("LOG_DATA_DIR", place.data().to_str().unwrap()),
            ("LOG_LISTEN", &server.address),
        ],
    );
    assert!(shown.contains(&whole), "{shown}");
    let opened = as_json(&mut of_server(&["open", "--json"]));
    assert_eq!(
        (opened["reachable"].as_bool(), opened["url"].as_str()),
        (Some(true), Some(&*format!("http://{}/", server.address)))
    );
    let listed = printed(&mut of_server(&["sources", "--url", &server.address]));
    assert!(listed.contains("  system:vmlog\n"), "{listed}");
    assert_eq!(
        printed(&mut of_server(&["runs", "--url", &server.address])),
        "no runs; capture a command with `vmlog exec COMMAND`\n"
    );
    let (code, _, error) = outcome(
        &of_server(&["run", "x", "--url", &server.address])
            .output()
            .unwrap(),
    );
    assert_eq!(
        (code, error.as_str()),
        (
            Some(1),
            "vmlog: there is no run x; `vmlog runs` lists them\n"
        )
    );
}

#[test]
fn version_is_a_line_or_json() {
    let text = printed(&mut vmlog(&["version"]));
    assert!(
        text.starts_with(concat!("vmlog ", env!("CARGO_PKG_VERSION"), " (linux ")),
        "{text}"
    );
    assert_eq!(
        as_json(&mut vmlog(&["version", "--json"]))["version"],
        env!("CARGO_PKG_VERSION")
    );
}
