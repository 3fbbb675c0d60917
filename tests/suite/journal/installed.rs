//! `vmlog journal` compared with the journalctl of this machine: the same arguments, the same output.
//!
//! Without a journalctl nothing is compared. Intentional differences, and differences between versions of journalctl,
//! are explained at the rule that excludes them.

use crate::support::program::vmlog;
use crate::support::seeded::Rng;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

type Field = (Vec<u8>, Vec<u8>);

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn corpus() -> Option<PathBuf> {
    let path = std::env::var_os("VMLOG_CORPUS")
        .map_or_else(|| root().join("../shared/corpus"), PathBuf::from);
    path.is_dir().then_some(path)
}

fn journalctl(arguments: &[String]) -> Option<Output> {
    let mut command = Command::new("journalctl");
    command.args(["--no-pager", "--quiet"]).args(arguments);
    command.env("TZ", "UTC").env("LC_ALL", "C.UTF-8");
    command.output().ok()
}

fn ours(arguments: &[String]) -> Output {
    let mut command = vmlog(&["journal", "--quiet"]);
    command.args(arguments);
    command.env("TZ", "UTC").env("LC_ALL", "C.UTF-8");
    command.output().unwrap()
}

/// The sources to compare: `--file PATH` or `-D PATH`.
fn sources() -> Vec<Vec<String>> {
    let path = |path: PathBuf| path.to_str().unwrap().to_owned();
    let fixture = |name: &str| {
        let found = root().join("tests/fixtures/journal").join(name);
        vec!["--file".to_owned(), path(found)]
    };
    let mut all: Vec<_> = [
        "lz4-regular-jenkins.journal",
        "none-compact-keyed.journal",
        "xz-compact-keyed.journal",
        "zstd-regular-keyed.journal",
    ]
    .map(fixture)
    .to_vec();
    let files = [
        "content/ansi.journal",
        "content/binary.journal",
        "content/clockback.journal",
        "content/docker.journal",
        "content/dup.journal",
        "content/kinds.journal",
        "content/prio.journal",
        "content/twoboots.journal",
        "content/utf8bad.journal",
        "flavour/v247-default-lz4-jenkins.journal",
    ];
    let directories = ["d-chain-v252", "d-unclean-restart-v252", "d-vacuumed-v252"];
    if let Some(corpus) = corpus() {
        all.extend(files.map(|name| vec!["--file".to_owned(), path(corpus.join(name))]));
        all.extend(directories.map(|name| vec!["-D".to_owned(), path(corpus.join(name))]));
    }
    all
}

/// The part of an output that is compared.
#[derive(Debug, PartialEq)]
enum Answer {
    /// Unchanged.
    Bytes(Vec<u8>),
    /// Lines whose order is irrelevant.
    Lines(BTreeSet<Vec<u8>>),
    Entries(Vec<Vec<Field>>),
    Objects(Vec<BTreeMap<String, Value>>),
    /// A line for the entry, and its fields, whose order is irrelevant.
    Blocks(Vec<(Vec<u8>, BTreeSet<Vec<u8>>)>),
}

fn answer(arguments: &[&str], stdout: &[u8]) -> Answer {
    let format = arguments.iter().position(|argument| *argument == "-o");
    match format.map(|at| arguments[at + 1]) {
        Some("export") => Answer::Entries(entries(stdout)),
        Some("verbose") => Answer::Blocks(blocks(stdout)),
        Some(json) if json.starts_with("json") => Answer::Objects(objects(stdout)),
        _ if arguments.contains(&"-F") || arguments.contains(&"-N") => Answer::Lines(
            stdout
                .split(|byte| *byte == b'\n')
                .map(<[u8]>::to_vec)
                .collect(),
        ),
        // Newer versions have a line of headings, and another width.
        _ if arguments.contains(&"--list-boots") => {
            let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
            let text = String::from_utf8_lossy(stdout).into_owned();
            let lines = text
                .lines()
                .map(words)
                .filter(|line| !line.starts_with("IDX"));
            Answer::Bytes(lines.collect::<Vec<_>>().join("\n").into_bytes())
        }
        _ => Answer::Bytes(stdout.to_vec()),
    }
}

/// Entries of the export format, each as a sorted list of fields. Versions before 254 do not print the sequence
/// number separately.
fn entries(mut rest: &[u8]) -> Vec<Vec<Field>> {
    let (mut all, mut fields) = (vec![], vec![]);
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let (line, tail) = (&rest[..end], &rest[end + 1..]);
        rest = tail;
        let (name, value) = if line.is_empty() {
            fields.sort();
            all.push(std::mem::take(&mut fields));
            continue;
        } else if let Some(at) = line.iter().position(|byte| *byte == b'=') {
            (&line[..at], &line[at + 1..])
        } else {
            let (length, tail) = rest.split_first_chunk::<8>().unwrap();
            let (value, tail) = tail.split_at(u64::from_le_bytes(*length) as usize);
            rest = &tail[1..];
            (line, value)
        };
        if !name.starts_with(b"__SEQNUM") {
            fields.push((name.to_vec(), value.to_vec()));
        }
    }
    all
}

fn objects(stdout: &[u8]) -> Vec<BTreeMap<String, Value>> {
    let text = String::from_utf8(stdout.to_vec()).unwrap();
    let text = text.replace('\u{1e}', "").replace("\ndata: {", "\n{");
    let text = text.strip_prefix("data: ").unwrap_or(&text);
    let stream = serde_json::Deserializer::from_str(text).into_iter();
    stream
        .map(|object: Result<BTreeMap<String, Value>, _>| {
            let mut object = object.unwrap();
            object.retain(|name, _| !name.starts_with("__SEQNUM"));
            for value in object.values_mut() {
                if let Value::Array(values) = value
                    && values.iter().any(|value| !value.is_number())
                {
                    values.sort_by_key(Value::to_string);
                }
            }
            object
        })
        .collect()
}

fn blocks(stdout: &[u8]) -> Vec<(Vec<u8>, BTreeSet<Vec<u8>>)> {
    let mut all: Vec<(Vec<u8>, BTreeSet<Vec<u8>>)> = vec![];
    let mut field: Vec<u8> = vec![];
    for line in stdout.split(|byte| *byte == b'\n') {
        let is_field = line.strip_prefix(b"    ").is_some_and(|line| {
            let name = line.split(|byte| *byte == b'=').next().unwrap_or_default();
            name.first().is_some_and(|byte| *byte != b' ') && name.len() < line.len()
        });
        let begins = is_field || !line.starts_with(b" ");
        if begins && !field.is_empty() {
            all.last_mut().unwrap().1.insert(std::mem::take(&mut field));
        }
        if is_field || !begins {
            field.extend_from_slice(line);
            field.push(b'\n');
        } else if !line.is_empty() {
            all.push((line.to_vec(), BTreeSet::new()));
        }
    }
    all
}

/// Sizes and links are printed differently by different versions.
fn has_many_faces(source: &[String]) -> bool {
    source[1].contains("ansi") || source[1].contains("binary")
}

/// Runs both programs and compares; `false` if there is no journalctl.
fn compare(source: &[String], arguments: &[&str]) -> bool {
    let mut all = source.to_vec();
    all.extend(arguments.iter().map(|argument| (*argument).to_owned()));
    let Some(theirs) = journalctl(&all) else {
        return false;
    };
    let ours = ours(&all);
    let (found, expected) = (
        answer(arguments, &ours.stdout),
        answer(arguments, &theirs.stdout),
    );
    if found != expected {
        let (ours, theirs) = (
            String::from_utf8_lossy(&ours.stdout),
            String::from_utf8_lossy(&theirs.stdout),
        );
        let differs = ours.lines().zip(theirs.lines()).find(|(a, b)| a != b);
        panic!("{all:?}: {differs:?}");
    }
    assert_eq!(ours.status.code(), theirs.status.code(), "{all:?}");
    true
}

#[test]
fn every_format_equals_that_of_journalctl() {
    for source in sources() {
        for format in [
            "short",
            "short-iso",
            "short-iso-precise",
            "short-precise",
            "short-full",
            "short-monotonic",
            "short-unix",
            "cat",
            "json",
            "json-pretty",
            "json-seq",
            "json-sse",
            "export",
            "verbose",
            "with-unit",
        ] {
            let is_text = format.starts_with("short") || ["verbose", "with-unit"].contains(&format);
            if is_text && has_many_faces(&source) {
                continue;
            }
            if !compare(&source, &["-o", format]) {
                return;
            }
        }
        // Of a text with a zero byte journalctl prints only the part before it.
        for format in ["json", "export", "cat"] {
            compare(&source, &["-o", format, "--all"]);
        }
    }
}

#[test]
fn every_flag_selects_the_same_entries_as_journalctl() {
    let flags: &[&[&str]] = &[
        &["-n", "5", "-o", "short"],
        &["-n", "5", "-r", "-o", "export"],
        &["-n", "0"],
        &["-n", "all", "-o", "export"],
        &["-n", "-o", "export"],
        &["-r", "-o", "export"],
        &["-p", "err", "-o", "export"],
        &["-p", "3..5", "-o", "export"],
        &["-p", "warning..debug", "-o", "export"],
        &["-t", "web", "-o", "export"],
        &["-t", "web", "-t", "app", "-o", "export"],
        &["-u", "web", "-o", "export"],
        &["-u", "*b.service", "-u", "app.service", "-o", "export"],
        &["-t", "web", "-u", "app", "-o", "export"],
        &["--user-unit", "app", "-o", "export"],
        &["--facility", "daemon", "-o", "export"],
        &["--facility", "kern,4,local0", "-p", "info", "-o", "export"],
        &["-S", "@1747735200", "-o", "export"],
        &[
            "-S",
            "2025-05-20",
            "-U",
            "2025-05-20 10:00:00 UTC",
            "-o",
            "export",
        ],
        &["-S", "Tue 2025-05-20 09:59:59", "-o", "export"],
        &["-S", "yesterday", "-o", "export"],
        &["-S", "2 hours ago", "-U", "tomorrow", "-o", "export"],
        &["-S", "-1h 30min", "-o", "export"],
        &["-U", "today", "-n", "3", "-o", "export"],
        &["-e", "-o", "export"],
        &["-e", "-n", "2", "-o", "export"],
        &["-x", "-o", "short"],
        &["--no-hostname", "-o", "short"],
        &["-k", "-o", "export"],
        &["-b", "-o", "export"],
        &["-b", "_PID=300", "-o", "export"],
        &["-b", "1", "-o", "export"],
        &["-b", "all", "-o", "export"],
        &["-g", "GET", "-o", "export"],
        &["-g", "get", "-n", "3", "-o", "export"],
        &["-g", "GET", "--case-sensitive=false", "-o", "export"],
        &["-g", "a text that is nowhere", "-o", "export"],
        &["-m", "-o", "export"],
        &["--output-fields", "MESSAGE,PRIORITY", "-o", "json"],
        &["--output-fields", "MESSAGE,PRIORITY", "-o", "export"],
        &["--output-fields", "MESSAGE,PRIORITY", "-o", "verbose"],
        &["--utc", "-o", "short-full"],
        &["-n", "1", "--show-cursor", "-o", "cat"],
        &["-F", "_HOSTNAME"],
        &["-F", "PRIORITY"],
        &["-F", "NO_SUCH_FIELD"],
        &["-N"],
        &["--list-boots"],
        &["--no-pager", "-o", "cat"],
    ];
    for source in sources() {
        for flags in flags {
            let is_text = ["short", "short-full", "verbose"]
                .iter()
                .any(|format| flags.contains(format));
            if is_text && has_many_faces(&source) {
                continue;
            }
            // journalctl searches the first entry since a time and shows all following ones, including older ones
            // after the clock was set back.
            if flags.contains(&"-S") && source[1].contains("clockback") {
                continue;
            }
            if !compare(&source, flags) {
                return;
            }
        }
    }
}

/// The cursors of all entries of a source, in order.
fn cursors(source: &[String]) -> Vec<(String, u64, Vec<Field>)> {
    let mut all = source.to_vec();
    all.extend(["-o", "export"].map(str::to_owned));
    entries(&ours(&all).stdout)
        .into_iter()
        .map(|fields| {
            let text = |name: &[u8]| {
                let field = fields.iter().find(|(found, _)| found == name);
                String::from_utf8(field.unwrap().1.clone()).unwrap()
            };
            let cursor = text(b"__CURSOR");
            let time = text(b"__REALTIME_TIMESTAMP").parse().unwrap();
            (cursor, time, fields)
        })
        .collect()
}

/// Random windows, cursors and matches from the content of a journal.
#[test]
fn random_windows_cursors_and_matches_equal_those_of_journalctl() {
    for (seed, source) in (1..).zip(sources()) {
        // If the clock goes back, journalctl ends a window at the first later entry, and so does vmlog; where it
        // begins depends on how the file is searched.
        let has_steady_clock = |all: &[(String, u64, Vec<Field>)]| all.is_sorted_by_key(|it| it.1);
        let all = cursors(&source);
        let mut random = Rng::new(seed);
        for _ in 0..12 {
            let mut arguments = vec!["-o".to_owned(), "export".to_owned()];
            let (one, other) = (random.pick(&all).1, random.pick(&all).1);
            if has_steady_clock(&all) && random.chance(2) {
                let at = |time: u64| format!("@{}.{:06}", time / 1_000_000, time % 1_000_000);
                arguments.push(format!("--since={}", at(one.min(other))));
                arguments.push(format!("--until={}", at(one.max(other))));
            } else {
                let flag = *random.pick(&["--cursor", "--after-cursor"]);
                arguments.push(format!("{flag}={}", random.pick(&all).0));
            }
            // Up to version 255 journalctl skips the first matching entry after a cursor that does not match.
            let matches = !arguments[2].starts_with("--after-cursor");
            for _ in 0..random.below(if matches { 3 } else { 1 }) {
                let fields: Vec<_> = random
                    .pick(&all)
                    .2
                    .iter()
                    .filter(|it| is_matchable(it))
                    .collect();
                if let Some((name, value)) = fields.get(random.below(fields.len().max(1))) {
                    let name = String::from_utf8_lossy(name);
                    arguments.push(format!("{name}={}", String::from_utf8_lossy(value)));
                }
            }
            if random.chance(3) {
                arguments.push("-r".to_owned());
            }
            let borrowed: Vec<_> = arguments.iter().map(String::as_str).collect();
            if !compare(&source, &borrowed) {
                return;
            }
        }
    }
}

/// Whether it can be given as an argument.
fn is_matchable((name, value): &Field) -> bool {
    let is_text = value.iter().all(|byte| (0x20..0x7f).contains(byte));
    !name.starts_with(b"__") && is_text && value.len() < 200
}

#[test]
fn namespaces_are_selected_as_in_journalctl() {
    let Some(corpus) = corpus() else { return };
    let directory = corpus.join("d-namespace-v252");
    let source = ["-D".to_owned(), directory.to_str().unwrap().to_owned()];
    let of = |namespace: &[&str]| {
        let mut all = source.to_vec();
        all.extend(["-o", "export"].map(str::to_owned));
        all.extend(namespace.iter().map(|argument| (*argument).to_owned()));
        entries(&ours(&all).stdout)
    };
    compare(&source, &["-o", "export"]);
    let (plain, app, both) = (
        of(&[]),
        of(&["--namespace", "app"]),
        of(&["--namespace", "+app"]),
    );
    assert_eq!(of(&["--namespace", "*"]), both);
    assert_eq!(plain.len() + app.len(), both.len());
    let files = directory.join("*.app/*.journal");
    let file = ["--file".to_owned(), files.to_str().unwrap().to_owned()];
    assert!(compare(&file, &["-o", "export"]) || app.is_empty());
    let mut all = file.to_vec();
    all.extend(["-o", "export"].map(str::to_owned));
    assert_eq!(entries(&ours(&all).stdout), app);
    assert!(!app.is_empty());
}

#[test]
fn disk_usage_equals_that_of_journalctl() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["zstd-compact-keyed", "none-compact-keyed"] {
        let name = format!("{name}.journal");
        let from = root().join("tests/fixtures/journal").join(&name);
        fs::copy(from, directory.path().join(&name)).unwrap();
    }
    let source = ["-D", directory.path().to_str().unwrap(), "--disk-usage"].map(str::to_owned);
    let Some(theirs) = journalctl(&source) else {
        return;
    };
    // Newer versions omit a zero after the decimal point.
    let plain = |output: &Output| String::from_utf8_lossy(&output.stdout).replace(".0", "");
    assert_eq!(plain(&ours(&source)), plain(&theirs));
}
