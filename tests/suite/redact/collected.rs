//! Leak rates with the real collectors: kinds of secrets in many contexts, line by line, as a log file, as a
//! container's log and as the output of a command.

use super::kinds::{Case, cases};
use crate::support::program::{Place, vmlog};
use serde_json::json;
use std::collections::{BTreeMap, HashSet};
use std::fs;

/// One case in this many is used; the other tests run all of them without a server.
const EVERY: usize = 5;

#[test]
fn leak_rates_of_file_docker_and_exec_are_within_their_bounds() {
    let cases: Vec<_> = cases().into_iter().step_by(EVERY).collect();
    let lines: Vec<&str> = cases.iter().flat_map(|case| case.text.lines()).collect();
    let mut place = Place::new();
    let root = place.data().with_file_name("in");
    fs::create_dir(&root).unwrap();
    let log = root.join("app.log");
    fs::write(&log, lines.join("\n") + "\n").unwrap();
    place.set("LOG_FILES", &format!("app={}", log.display()));

    let id = "0123456789abcdef".repeat(4);
    let container = root.join("containers").join(&id);
    fs::create_dir_all(&container).unwrap();
    let config = json!({"ID": id, "Name": "/web"}).to_string();
    fs::write(container.join("config.v2.json"), config).unwrap();
    let entries: String = lines
        .iter()
        .map(|line| {
            let entry = json!({"log": format!("{line}\n"), "stream": "stdout", "time": "2026-02-17T14:30:15.123456789Z"});
            entry.to_string() + "\n"
        })
        .collect();
    fs::write(container.join(format!("{id}-json.log")), entries).unwrap();
    let containers = root.join("containers");
    place.set("LOG_DOCKER_JSON_DIR", containers.to_str().unwrap());

    let mut exec = vmlog(&["exec", "--source", "devcontainer:ws", "--", "cat"]);
    exec.arg(&log);
    exec.env("LOG_DATA_DIR", place.data());
    exec.env("LOG_CAPTURE_MAX_LINES", "1000000");
    exec.env("LOG_CAPTURE_MAX_BYTES", "100000000");
    assert!(exec.output().unwrap().status.success());

    let server = place.serve();
    let count = lines.iter().filter(|line| !line.is_empty()).count();
    for source in ["file:app", "docker:web", "devcontainer:ws"] {
        let query = format!("source={source}");
        server.wait_for(&query, count);
        let records = server.all(&query);
        let text: Vec<_> = records.iter().map(ToString::to_string).collect();
        assert_rates(source, &cases, &text.join("\n"));
    }
    server.kill();
}

/// Compares the leaks in a text with the bounds of `format-spec/redaction.md`.
fn assert_rates(source: &str, cases: &[Case], text: &str) {
    const PART: usize = 8;
    let kept: HashSet<&[u8]> = text.as_bytes().windows(PART).collect();
    let mut rates: BTreeMap<bool, (usize, usize)> = BTreeMap::new();
    let mut left = vec![];
    for case in cases {
        let mut parts = case
            .secrets
            .iter()
            .flat_map(|secret| secret.as_bytes().windows(PART));
        let is_left = parts.any(|part| kept.contains(part));
        let (all, leaks) = rates.entry(case.is_common()).or_default();
        *all += 1;
        *leaks += usize::from(is_left);
        if is_left {
            left.push(case.text.as_str());
        }
    }
    for (is_common, (all, leaks)) in rates {
        println!("{source}, known kinds {is_common}: {leaks} of {all}");
        let percent_max = if is_common { 1 } else { 30 };
        assert!(
            leaks * 100 <= percent_max * all,
            "{source}: {leaks} of {all}: {left:#?}"
        );
    }
}
