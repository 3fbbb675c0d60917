//! `vmlog event` and the events of `vmlog serve`, over restarts and crashes.

use crate::support::program::{Place, Server, outcome, vmlog};
use serde_json::{Value, json};
use std::process::Command;
use std::sync::Arc;
use vmlog::events::EventLog;
use vmlog::record::{Id, Record, StoredRecord};
use vmlog::time::Micros;

fn event(place: &Place, arguments: &[&str]) -> Command {
    let mut command = vmlog(&[&["event"], arguments].concat());
    command.env("LOG_DATA_DIR", place.data());
    // nothing listens there
    command.env("LOG_LISTEN", "127.0.0.1:1");
    command
}

fn to(server: &Server, place: &Place, arguments: &[&str]) -> String {
    let url = format!("http://{}", server.address);
    let mut command = event(place, &[arguments, &["--url", &url]].concat());
    let (code, id, error) = outcome(&command.output().unwrap());
    assert_eq!((code, error.as_str()), (Some(0), ""));
    id.trim().to_owned()
}

fn kinds(server: &Server) -> Vec<String> {
    let (status, page) = server.get("/events?limit=500");
    assert_eq!(status, 200);
    let events = page["events"].as_array().unwrap().iter();
    let mut kinds: Vec<_> = events
        .map(|event| event["type"].as_str().unwrap().to_owned())
        .collect();
    kinds.reverse();
    kinds
}

#[test]
fn an_acknowledged_event_survives_kill_and_is_among_the_records_once() {
    let place = Place::new();
    let mut ids = Vec::new();
    for round in 0..3 {
        let server = place.serve();
        for number in 0..5 {
            let message = format!("event {round} {number}");
            ids.push(to(
                &server,
                &place,
                &["app.created", &message, "--app", "shop"],
            ));
        }
        server.kill();
    }
    let server = place.serve();
    let (_, page) = server.get("/events?type=app.created&limit=500");
    let events = page["events"].as_array().unwrap().iter().rev();
    let listed: Vec<_> = events
        .map(|event| event["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(listed, ids);
    let records = server.wait_for("source=event:app/shop", ids.len());
    let mut brought: Vec<_> = records
        .iter()
        .map(|record| record["metadata"]["event_id"].as_str().unwrap().to_owned())
        .collect();
    brought.sort();
    assert_eq!(brought, ids, "each once");
}

#[test]
fn an_event_is_stored_while_no_server_runs_and_refused_if_it_is_not_one() {
    let place = Place::new();
    let arguments = [
        "backup.failed",
        "disk full",
        "--severity",
        "error",
        "--payload",
        "{\"bytes\": 0}",
        "--key",
        "k",
    ];
    let run = |arguments: &[&str]| outcome(&event(&place, arguments).output().unwrap());
    let (code, id, _) = run(&arguments);
    assert_eq!((code, id.len()), (Some(0), 27));
    assert_eq!(run(&arguments).1, id, "the same key");
    for (arguments, expected) in [
        (&["gap", "x"][..], "type must be 2 or more words"),
        (&["a.b", " "], "message must have 1 to 4096 bytes"),
        (&["a.b", "x", "--app", "a/b"], "app_id must be 1 to 128"),
        (
            &["a.b", "x", "--payload", "[1]"],
            "the body is not an event",
        ),
        (
            &["a.b", "x", "--payload", "{"],
            "--payload: expected a JSON object",
        ),
    ] {
        let (code, out, text) = run(arguments);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{arguments:?}: {text}");
        assert!(text.contains(expected), "{text}");
    }
    let server = place.serve();
    let (_, page) = server.get("/events?type=backup.failed");
    assert_eq!(page["events"][0]["payload"]["bytes"], 0);
    assert_eq!(page["events"].as_array().map(Vec::len), Some(1));
    let (code, _, text) = run(&["a.b", "x"]);
    assert_eq!(code, Some(1));
    assert!(
        text.contains(
            "a server is running, but not at http://127.0.0.1:1; name its address with --url"
        ),
        "{text}"
    );
}

#[test]
fn the_server_reports_starts_settings_and_snapshots_of_itself() {
    let mut place = Place::new();
    let server = place.serve();
    server.wait_for("where=event_type=started", 1);
    let wait = |server: &Server, count: usize| {
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
        loop {
            let kinds = kinds(server);
            if kinds.len() >= count || std::time::Instant::now() > deadline {
                return kinds;
            }
        }
    };
    assert_eq!(wait(&server, 1), ["vmlog.started"]);
    server.kill();
    place.set("LOG_REDACT_PATTERNS", "very-secret-[0-9]+");
    let server = place.serve();
    let snapshot = |arguments: &[&str]| {
        let mut command = vmlog(&[&["snapshot"], arguments].concat());
        let listen = server.address.clone();
        command
            .env("LOG_DATA_DIR", place.data())
            .env("LOG_LISTEN", listen);
        outcome(&command.output().unwrap())
    };
    assert_eq!(snapshot(&["create", "one"]).0, Some(0));
    assert_eq!(snapshot(&["create", "one"]).0, Some(1));
    for (word, folder) in [("fork", "forked"), ("restore", "restored")] {
        let into = place.data().with_file_name(folder).display().to_string();
        assert_eq!(
            snapshot(&[word, "one", "--into", &into]).0,
            Some(0),
            "{word}"
        );
    }
    assert_eq!(snapshot(&["delete", "one"]).0, Some(0));
    let mut found = wait(&server, 8);
    found.sort();
    assert_eq!(
        found,
        [
            "config.updated",
            "snapshot.capture.failed",
            "snapshot.captured",
            "snapshot.deleted",
            "snapshot.forked",
            "snapshot.restored",
            "vmlog.started",
            "vmlog.started"
        ]
    );
    let (_, page) = server.get("/events?type=config.updated");
    let changed: &Value = &page["events"][0];
    assert_eq!(
        changed["payload"]["settings"],
        serde_json::json!(["LOG_REDACT_PATTERNS"])
    );
    assert!(!place.data_holds(b"very-secret-"), "values are not stored");
    let (_, page) = server.get("/events?snapshot_id=one&type=snapshot.captured");
    assert_eq!(page["events"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_boot_since_the_last_start_is_an_event() {
    let place = Place::new();
    place.serve().kill();
    // What the server of an earlier boot noted.
    let options = vmlog::store::Options::default();
    let rules = vmlog::redact::RedactOptions::default();
    let (disk, root) = (Arc::new(vmlog::disk::RealDisk), place.data().join("events"));
    let (events, _) = EventLog::open(disk, &root, options, &rules).unwrap();
    let before = "f".repeat(32);
    events.append_with_note(None, "boot", &before).unwrap();
    drop(events);
    let server = place.serve();
    let (_, page) = server.get("/events?type=node.booted");
    let booted = &page["events"][0]["payload"];
    let this = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let this = this.trim().replace('-', "");
    assert_eq!(
        (&booted["boot_id"], &booted["previous_boot_id"]),
        (&this.into(), &before.into())
    );
}

/// The log of a run as `vmlog exec` writes it, with output that could not be stored.
#[test]
fn gaps_and_ends_of_runs_are_events() {
    let place = Place::new();
    let folder = place.data().join("capture");
    std::fs::create_dir_all(&folder).unwrap();
    let run = "01kj5p4zhs0g5cv2tnmq83y7re";
    let line = |event: Value| {
        let line = json!({"t": "2026-02-17T14:30:15.000000Z", "s": "system", "d": "x\n", "id": run, "event": event});
        format!("{line}\n")
    };
    let log = [
        line(
            json!({"type": "process_start", "source": "devcontainer:ws", "name": "setup", "pid": 7, "command": "npm ci", "cwd": "/", "user": "root"}),
        ),
        line(json!({"type": "capture_gap", "lines": 12, "bytes": 900})),
        line(
            json!({"type": "process_end", "exit_code": 1, "duration_us": 4_000_000, "streams": {}, "error_category": "dependency"}),
        ),
    ];
    std::fs::write(folder.join(format!("{run}.000001.log")), log.concat()).unwrap();
    let server = place.serve();
    server.wait_for("where=event_type=process_end", 1);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while !kinds(&server).iter().any(|kind| kind == "run.ended")
        && std::time::Instant::now() < deadline
    {}
    let (_, page) = server.get("/events?type=log.gap");
    let gap = &page["events"][0];
    assert_eq!(
        (&gap["severity"], &gap["payload"]["lines"]),
        (&json!("warning"), &json!(12))
    );
    let (_, page) = server.get("/events?type=run.ended");
    let ended = &page["events"][0];
    assert_eq!(
        (&ended["run_id"], &ended["workspace_id"]),
        (&json!(run), &json!("ws"))
    );
    assert_eq!(ended["payload"]["error_category"], "dependency");
}

/// Real lines of journald, the kernel, dockerd and Podman, marked as the collectors mark them.
#[test]
fn every_problem_that_triage_finds_is_an_event() {
    let table = include_str!("../../fixtures/triage/problems.tsv");
    let folder = tempfile::tempdir().unwrap();
    let options = vmlog::store::Options::default();
    let rules = vmlog::redact::RedactOptions::default();
    let disk = Arc::new(vmlog::disk::RealDisk);
    let (events, _) = EventLog::open(disk, folder.path(), options, &rules).unwrap();
    let mut expected = Vec::new();
    for row in table.lines().filter(|line| !line.starts_with('#')) {
        let cells: Vec<&str> = row.splitn(5, '\t').collect();
        let [_, source, fields, level, text] = cells[..] else {
            continue;
        };
        let fields = fields.split(';').filter_map(|field| field.split_once('='));
        let value = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| json!(text));
        let metadata = fields.map(|(name, text)| (name.to_owned(), value(text)));
        let mut record = Record {
            timestamp: Micros::now(),
            source: source.parse().unwrap(),
            level: level.parse().unwrap(),
            message: text.to_owned(),
            metadata: metadata.collect(),
        };
        // Some problems need several records.
        let Some(problem) = vmlog::triage::detect(&record) else {
            continue;
        };
        record.metadata.insert("problem", problem.kind.as_str());
        let is_run = record.metadata.get("event_type") == Some(&json!("process_end"));
        let id = Id(expected.len() as u64 + 1);
        events
            .derive(&[Arc::new(StoredRecord { id, record })])
            .unwrap();
        // The end of a run that failed is an event of its own.
        expected.push(if is_run {
            "run.ended".to_owned()
        } else {
            format!("problem.{}", problem.kind.as_str())
        });
    }
    assert!(expected.len() > 50, "{}", expected.len());
    let view = events.reader().view();
    let stored = view.segments().iter().flat_map(|segment| {
        segment
            .blocks()
            .flat_map(|block| {
                let rows: Vec<usize> = (0..block.summary().rows as usize).collect();
                block.records(&rows).unwrap()
            })
            .collect::<Vec<_>>()
    });
    let kinds = stored.map(|stored| {
        stored.record.metadata["event_type"]
            .as_str()
            .unwrap()
            .to_owned()
    });
    let kinds: Vec<_> = kinds
        .filter(|kind| !kind.starts_with("container."))
        .collect();
    assert_eq!(kinds, expected);
}
