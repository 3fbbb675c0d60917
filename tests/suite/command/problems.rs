//! `vmlog problems`, `boots`, `compare`, `patterns` and `fields` on a machine with planted failures among harmless lines.

use crate::command::query::printed;
use crate::support::program::{outcome, vmlog};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use vmlog::time::Micros;

const START: i64 = 1_771_338_600_000_000;
/// The second boot begins here.
const REBOOT: i64 = 600;
const HARMLESS: i64 = 12_000;

/// The log of a machine, line by line.
struct Machine {
    lines: Vec<(i64, String)>,
}

impl Machine {
    fn new() -> Self {
        let mut machine = Self { lines: vec![] };
        for number in 0..HARMLESS {
            let millis = number * 1_200_000 / HARMLESS;
            let (source, text) = match number % 6 {
                0 => ("docker:web", format!("GET /items/{number} 200 in 3 ms")),
                1 => ("docker:shop", format!("order {number} accepted")),
                2 => ("system:cron", format!("(root) CMD (run-parts {number})")),
                3 => (
                    "system:ssh",
                    format!("Accepted publickey for ann from 10.0.0.7 port {number} ssh2"),
                ),
                4 => (
                    "system:kernel",
                    format!("audit: type=1400 audit({number}.1:2): apparmor=\"ALLOWED\""),
                ),
                _ => (
                    "docker:db",
                    format!("LOG:  checkpoint complete: wrote {number} buffers"),
                ),
            };
            machine.line(millis, source, "info", &text, json!({}));
        }
        machine
    }

    fn line(&mut self, millis: i64, source: &str, level: &str, text: &str, mut metadata: Value) {
        if source.starts_with("system:") {
            let boot = if millis < REBOOT * 1_000 { "a" } else { "b" };
            metadata["boot_id"] = boot.repeat(32).into();
        }
        let time = Micros::new(START + millis * 1_000).to_string();
        let record = json!({"timestamp": time, "source": source, "level": level, "message": text, "metadata": metadata});
        self.lines.push((millis, record.to_string()));
    }

    /// The planted failures.
    fn plant(&mut self) {
        let table = include_str!("../../fixtures/triage/machine.tsv");
        for row in table.lines().filter(|line| !line.starts_with('#')) {
            let columns: Vec<&str> = row.splitn(5, '\t').collect();
            let [millis, source, level, metadata, text] = columns[..] else {
                panic!("{row}");
            };
            let metadata = serde_json::from_str(metadata).unwrap();
            self.line(millis.parse().unwrap(), source, level, text, metadata);
        }
    }

    /// The store that `vmlog import` makes of it.
    fn store(mut self, folder: &tempfile::TempDir) -> PathBuf {
        self.lines.sort_by_key(|(millis, _)| *millis);
        let mut text = String::new();
        for (_, line) in &self.lines {
            writeln!(text, "{line}").unwrap();
        }
        let (file, store) = (folder.path().join("log.jsonl"), folder.path().join("store"));
        std::fs::write(&file, text).unwrap();
        let mut import = vmlog(&["import"]);
        import.arg(&file).arg("--store").arg(&store);
        let (code, _, error) = outcome(&import.output().unwrap());
        assert_eq!(code, Some(0), "{error}");
        store
    }
}

/// Each planted failure: its kind, its subject, and a part of the line that says why.
const PLANTED: [(&str, &str, &str); 15] = [
    (
        "unit_failed",
        "nginx.service",
        "bind() to 0.0.0.0:80 failed (98: Address already in use)",
    ),
    ("oom_kill", "app.service", "Killed process 4711 (java)"),
    (
        "core_dump",
        "imgproxy.service",
        "Process 4242 (imgproxy) of user 33 dumped core.",
    ),
    (
        "container_failed",
        "container 0123456789ab",
        "connect ECONNREFUSED 172.18.0.2:5432",
    ),
    (
        "run_failed",
        "postCreateCommand",
        "ERESOLVE unable to resolve dependency tree",
    ),
    (
        "cloud_init_failed",
        "modules-final",
        "E: Unable to locate package libfoo",
    ),
    ("filesystem_error", "vdb1", "EXT4-fs error (device vdb1)"),
    ("disk_full", "", "No space left on device"),
    ("io_error", "sdc", "I/O error, dev sdc"),
    ("dns_failure", "", "Temporary failure in name resolution"),
    (
        "certificate_error",
        "docker:proxy",
        "certificate has expired",
    ),
    ("login_failures", "", "Failed password for root"),
    ("restart_loop", "worker.service", "KeyError: 'QUEUE_URL'"),
    (
        "job_failed",
        "mnt-data.mount",
        "Timed out waiting for device",
    ),
    (
        "error_burst",
        "docker:shop",
        "payment failed: upstream returned 502",
    ),
];

fn failing_machine() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let mut machine = Machine::new();
    machine.plant();
    let store = machine.store(&folder);
    (folder, store)
}

fn on(store: &Path, words: &[&str]) -> Command {
    let mut command = vmlog(words);
    command.arg("--store").arg(store);
    command
}

fn answer(store: &Path, words: &[&str]) -> (Option<i32>, Value) {
    let (code, text, error) = outcome(&on(store, words).output().unwrap());
    let answer = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}\n{error}"));
    (code, answer)
}

#[test]
fn planted_failures_are_found_with_their_causes() {
    let (_folder, store) = failing_machine();
    let (code, found) = answer(&store, &["problems", "--json"]);
    assert_eq!(code, Some(1), "there are problems");
    let problems = found["problems"].as_array().unwrap();
    let shown = |problem: &Value| {
        let cause = problem["cause"]["message"].as_str().unwrap_or_default();
        format!("{} {}: {cause}", problem["kind"], problem["subject"])
    };
    let all: Vec<String> = problems.iter().map(shown).collect();
    for (kind, subject, cause) in PLANTED {
        let of_it = problems
            .iter()
            .find(|problem| problem["kind"] == kind && problem["subject"] == subject);
        let of_it = of_it.unwrap_or_else(|| panic!("{kind} {subject} is missing in {all:#?}"));
        let message = of_it["cause"]["message"].as_str().unwrap_or_default();
        assert!(message.contains(cause), "{kind} {subject}: {message}");
        assert!(of_it["context"].as_array().unwrap().len() <= 5);
    }
    assert!(problems.len() <= PLANTED.len() + 2, "{all:#?}");
    let nginx = problems
        .iter()
        .find(|problem| problem["subject"] == "nginx.service")
        .unwrap();
    assert_eq!(nginx["count"], 1, "two records report one failure");
    let cause = nginx["cause"]["message"].as_str().unwrap();
    assert!(
        cause.starts_with("[emerg] "),
        "the time is not said twice: {cause}"
    );
    let context = nginx["context"].to_string();
    assert!(
        context.contains("still could not bind") && !context.contains("not of nginx"),
        "{context}"
    );
    let table = printed_with(
        &mut on(&store, &["problems", "--utc", "--kind", "unit_failed"]),
        1,
    );
    let is_nginx = |line: &str| line.contains("nginx.service failed") && line.contains("bind() to");
    assert!(table.lines().any(is_nginx), "{table}");
    let none = printed(&mut on(&store, &["problems", "-b", "-1"]));
    assert_eq!(none, "no problems\n");
}

#[test]
fn commands_of_one_program_are_problems_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let mut machine = Machine { lines: vec![] };
    let runs = [
        ("sh", "sh -c 'npm ci'"),
        ("sh", "/bin/sh -c seed"),
        ("sh", "sh -c 'npm ci'"),
        ("build", "make -j2 all"),
        ("build", "make -j4 all"),
    ];
    for (millis, (name, command)) in (0..).zip(runs) {
        let facts = json!({"event_type": "process_end", "run_id": format!("{millis:026}"), "name": name,
            "command": command, "success": false, "exit_code": 1});
        let text = format!("ended: {command}: exit code 1 after 0.010 s");
        machine.line(millis * 60_000, "command:sh", "error", &text, facts);
    }
    let (_, found) = answer(&machine.store(&folder), &["problems", "--json"]);
    let mut counts: Vec<(&str, u64)> = found["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| {
            (
                it["subject"].as_str().unwrap(),
                it["count"].as_u64().unwrap(),
            )
        })
        .collect();
    counts.sort_unstable();
    assert_eq!(counts, [("build", 2), ("sh", 1), ("sh", 2)]);
}

fn printed_with(command: &mut Command, expected: i32) -> String {
    let (code, text, error) = outcome(&command.output().unwrap());
    assert_eq!(code, Some(expected), "{text}{error}");
    text
}

#[test]
fn boots_are_listed() {
    let (_folder, store) = failing_machine();
    let (code, listed) = answer(&store, &["boots", "--json"]);
    assert_eq!(code, Some(0));
    let boots = listed["boots"].as_array().unwrap();
    let facts: Vec<_> = boots
        .iter()
        .map(|boot| {
            (
                boot["index"].as_i64(),
                boot["clean"].as_bool(),
                boot["problems"].as_u64() > Some(0),
            )
        })
        .collect();
    assert_eq!(
        facts,
        [(Some(0), None, true), (Some(-1), Some(false), false)]
    );
    let records: u64 = boots
        .iter()
        .filter_map(|boot| boot["records"].as_u64())
        .sum();
    let counts = answer(&store, &["sources", "--json"]).1;
    let of_sources = counts["sources"].as_array().unwrap().iter();
    let stored: u64 = of_sources
        .filter_map(|source| source["entryCount"].as_u64())
        .sum();
    // the first harmless line is of a container, before the journal names the first boot
    assert!(
        stored - records <= 2,
        "{records} of {stored} records are in a boot"
    );
}

#[test]
fn boots_are_compared() {
    let (_folder, store) = failing_machine();
    let (code, compared) = answer(&store, &["compare", "boot:-1", "boot:0", "--json"]);
    assert_eq!(code, Some(0));
    let patterns = compared["patterns"].as_array().unwrap();
    let first = &patterns[0];
    assert_eq!(
        (&first["change"], &first["level"]),
        (&json!("new"), &json!("error"))
    );
    assert_eq!((&first["a"], &first["b"]), (&json!(0), &json!(40)));
    assert!(
        first["template"]
            .as_str()
            .unwrap()
            .starts_with("payment failed"),
        "{first}"
    );
    assert_eq!(first["example"]["source"], "docker:shop");
    assert!(
        patterns.iter().all(|pattern| pattern["change"] == "new"),
        "{patterns:#?}"
    );
    let words = ["compare", "boot:-1", "boot:0", "-l", "error", "-n", "1"];
    let (_, text, warning) = outcome(&on(&store, &words).output().unwrap());
    assert_eq!(warning, "vmlog: window a has no record: boot:-1\n");
    assert!(
        text.lines()
            .nth(1)
            .unwrap()
            .starts_with("new     0  40      40            payment failed"),
        "{text}"
    );
}

#[test]
fn mistakes_are_named_and_failures_are_no_problems() {
    let (_folder, store) = failing_machine();
    for (words, code, expected) in [
        (
            &["problems", "--kind", "fire"][..],
            2,
            "kind must be one of kernel_panic",
        ),
        (&["compare", "boot:-1", "yesterday"], 2, "b must be boot:0"),
    ] {
        let (found, _, error) = outcome(&on(&store, words).output().unwrap());
        assert_eq!(found, Some(code), "{error}");
        assert!(error.contains(expected), "{error}");
    }
    let nowhere = store.join("nowhere");
    let (code, _, _) = outcome(&on(&nowhere, &["problems"]).output().unwrap());
    assert_eq!(code, Some(3));
}

#[test]
fn patterns_and_fields_are_tables() {
    let (_folder, store) = failing_machine();
    let patterns = printed(&mut on(&store, &["patterns", "-s", "docker:shop", "--utc"]));
    assert!(
        patterns.lines().count() == 3 && patterns.contains("order <num> accepted"),
        "{patterns}"
    );
    let fields = printed(&mut on(&store, &["fields", "-l", "error"]));
    assert!(fields.contains("problem"), "{fields}");
    let values = printed(&mut on(&store, &["fields", "problem", "-b"]));
    assert!(values.contains("1  io_error"), "{values}");
    let status = outcome(&on(&store, &["status"]).output().unwrap()).1;
    assert!(status.contains("; see `vmlog problems`"), "{status}");
}
