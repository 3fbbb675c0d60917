//! Bundles of evidence from the user's perspective: written, read in place of a store, and shown as a page.

use crate::support::program::{outcome, vmlog};
use crate::support::stores::TestStore;
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use vmlog::record::{Level, Metadata, Record};
use vmlog::time::Micros;

const BOOT: &str = "0123456789abcdef0123456789abcdef";

fn record(at: i64, source: &str, level: Level, message: &str, metadata: &Value) -> Record {
    Record {
        timestamp: Micros::new(1_771_338_600_000_000 + at * 1_000_000),
        source: source.parse().unwrap(),
        level,
        message: message.to_owned(),
        metadata: serde_json::from_value::<Metadata>(metadata.clone()).unwrap(),
    }
}

/// A boot with much noise, a problem, a run that succeeds, an event and provisioning; records before it are of another boot.
fn machine() -> TestStore {
    let mut store = TestStore::new(1_000_000);
    let info =
        |at, source: &str, message: &str| record(at, source, Level::Info, message, &json!({}));
    let old = json!({"boot_id": "f".repeat(32)});
    store.append(vec![
        record(
            -500,
            "system:kernel",
            Level::Info,
            "of the boot before",
            &old,
        ),
        record(
            -400,
            "system:disk",
            Level::Error,
            "an error of the boot before",
            &old,
        ),
    ]);
    let mut records = vec![
        record(
            0,
            "system:kernel",
            Level::Info,
            "Linux version 6",
            &json!({"boot_id": BOOT}),
        ),
        info(1, "cloud-init", "cloud-init finished"),
        record(
            2,
            "event:node",
            Level::Info,
            "the machine booted",
            &json!({"event_id": "01KJ5P4ZHS0G5CV2TNMQ83Y7RE"}),
        ),
    ];
    let run = |at, event: &str, message: &str| {
        let metadata =
            json!({"run_id": "r1", "event_type": event, "success": true, "name": "setup"});
        record(at, "command:sh", Level::Info, message, &metadata)
    };
    records.push(run(3, "process_start", "started: sh"));
    records.extend((0..50).map(|n| run(4, "process_output", &format!("line {n} of the run"))));
    records.push(run(5, "process_end", "ended: sh"));
    let problem = json!({"problem": "unit_failed", "problem_subject": "web.service"});
    records.push(record(
        6,
        "system:systemd",
        Level::Error,
        "web.service: Failed with result 'exit-code'.",
        &problem,
    ));
    records
        .extend((0..6_000).map(|n| info(10 + n / 100, "docker:noisy", &format!("GET /{n} 200"))));
    for part in records.chunks(2_000) {
        store.append(part.to_vec());
        store.store.seal().unwrap();
    }
    store.append(vec![info(100, "docker:web", "the last line")]);
    store
}

const LEFT_OUT: &str =
    "vmlog: some records of this range were deleted or left out and are not shown\n";

struct Bundle {
    store: TestStore,
    folder: tempfile::TempDir,
}

impl Bundle {
    fn path(&self) -> PathBuf {
        self.folder.path().join("evidence.tar.zst")
    }

    /// What a command prints that reads the bundle.
    fn read(&self, words: &[&str]) -> String {
        let mut command = vmlog(words);
        command
            .arg("--store")
            .arg(self.path())
            .env("TMPDIR", self.folder.path());
        let (code, out, error) = outcome(&command.output().unwrap());
        // `problems` exits with 1 if there are problems.
        let expected = i32::from(words[0] == "problems");
        // A bundle has fewer records than the machine had, and `query` says so.
        let error = match words[0] {
            "query" => error.trim_start_matches(LEFT_OUT),
            _ => &error,
        };
        assert_eq!((code, error), (Some(expected), ""), "{words:?}");
        out
    }
}

fn evidence(store: &Path, out: &Path, more: &[&str]) -> Command {
    let mut command = vmlog(&["evidence"]);
    command.arg(out).arg("--store").arg(store).args(more);
    command.env("LOG_DATA_DIR", out.parent().unwrap());
    command
}

fn written(more: &[&str]) -> (Bundle, Value) {
    let bundle = Bundle {
        store: machine(),
        folder: tempfile::tempdir().unwrap(),
    };
    let mut command = evidence(
        &bundle.store.path(),
        &bundle.path(),
        &[&["--json"], more].concat(),
    );
    let (code, out, error) = outcome(&command.output().unwrap());
    assert_eq!((code, error.as_str()), (Some(0), ""));
    (bundle, serde_json::from_str(&out).unwrap())
}

#[test]
fn a_bundle_has_the_evidence_of_this_boot_and_is_read_like_a_store() {
    let (bundle, manifest) = written(&[]);
    assert_eq!(manifest["window"]["since"], "2026-02-17T14:30:00.000000Z");
    let mode = std::os::unix::fs::MetadataExt::mode(&fs::metadata(bundle.path()).unwrap());
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(
        fs::read_dir(bundle.folder.path()).unwrap().count(),
        1,
        "nothing else is left"
    );

    let records: Vec<Value> = bundle
        .read(&["export"])
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of = |source: &str| {
        records
            .iter()
            .filter(|record| record["source"] == source)
            .count()
    };
    assert_eq!(
        (
            of("command:sh"),
            of("system:systemd"),
            of("event:node"),
            of("cloud-init")
        ),
        (52, 1, 1, 1)
    );
    assert_eq!(of("system:disk"), 0, "it is of the boot before");
    let noise = of("docker:noisy");
    assert!((1_000..4_000).contains(&noise), "{noise} of 6000 remain");
    assert_eq!(manifest["records"]["kept"], records.len());
    assert_eq!(manifest["records"]["left_out"], 6_000 - noise);
    assert_eq!(manifest["records"]["not_read"], 0);

    let id_of = |message: &str, records: &[Value]| {
        let found = records.iter().find(|record| record["message"] == message);
        found.unwrap_or_else(|| panic!("no {message}"))["id"].clone()
    };
    let mut original = vmlog(&["export"]);
    original.arg("--store").arg(bundle.store.path());
    let (_, original, _) = outcome(&original.output().unwrap());
    let original: Vec<Value> = original
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for message in ["the last line", "line 49 of the run", "cloud-init finished"] {
        assert_eq!(
            id_of(message, &records),
            id_of(message, &original),
            "IDs are kept"
        );
    }

    assert!(
        bundle
            .read(&["query", "unit failed OR web.service"])
            .contains("Failed with result")
    );
    let problems: Value = serde_json::from_str(&bundle.read(&["problems", "--json"])).unwrap();
    assert_eq!(problems["problems"][0]["subject"], "web.service");
    assert!(bundle.read(&["runs"]).contains("setup"));
    let boots: Value = serde_json::from_str(&bundle.read(&["boots", "--json"])).unwrap();
    assert_eq!(boots["boots"][0]["id"], BOOT);
    assert!(bundle.read(&["sources"]).contains("docker:noisy"));
    assert_eq!(
        fs::read_dir(bundle.folder.path()).unwrap().count(),
        1,
        "temporary folders are removed"
    );

    let (code, _, error) = outcome(
        &vmlog(&["tail", "--store"])
            .arg(bundle.path())
            .output()
            .unwrap(),
    );
    assert_eq!(code, Some(2));
    assert!(
        error.contains("a bundle of evidence has no new records"),
        "{error}"
    );
}

#[test]
fn the_manifest_names_what_is_there_and_why_something_is_missing() {
    let (bundle, manifest) = written(&[
        "--since",
        "2026-02-17T14:30:03Z",
        "--until",
        "2026-02-17T14:30:06Z",
    ]);
    assert_eq!(manifest["records"]["kept"], 52, "the window of the run");
    let part = |name: &str| {
        let parts = manifest["parts"].as_array().unwrap();
        parts
            .iter()
            .find(|part| part["path"] == name)
            .unwrap_or_else(|| panic!("no {name}"))
            .clone()
    };
    assert!(part("system/memory.txt")["bytes"].as_u64().unwrap() > 100);
    assert_eq!(
        part("events.jsonl")["reason"],
        "the store is not the one of this machine"
    );
    for part in manifest["parts"].as_array().unwrap() {
        assert!(
            part["ok"] == true || !part["reason"].as_str().unwrap().is_empty(),
            "{part}"
        );
        assert_eq!(part["ok"] == true, part["sha256"].is_string(), "{part}");
    }
    let mut inspect = vmlog(&["inspect"]);
    let (code, text, error) = outcome(&inspect.arg(bundle.path()).output().unwrap());
    assert_eq!((code, error.as_str()), (Some(0), ""));
    assert!(
        text.contains("all hashes are correct\n  records from 2026-02-17T14:30:03.000000Z"),
        "{text}"
    );
    assert!(
        text.contains("the store is not the one of this machine\n"),
        "{text}"
    );
}

#[test]
fn a_reader_made_from_the_page_alone_reads_the_same() {
    let (bundle, manifest) = written(&[]);
    let usable = Command::new("python3")
        .args(["-c", "import zstandard"])
        .output();
    if !usable.is_ok_and(|output| output.status.success()) {
        assert!(
            std::env::var_os("CI").is_none(),
            "python3 with zstandard is missing"
        );
        return;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/read_evidence.py");
    let output = Command::new("python3")
        .arg(script)
        .arg(bundle.path())
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    assert_eq!(lines.next().unwrap(), manifest);
    let ids: Vec<u64> = lines.filter_map(|line| line["id"].as_u64()).collect();
    let exported = bundle.read(&["export"]);
    let exported = exported.lines().map(|line| {
        let record: Value = serde_json::from_str(line).unwrap();
        record["id"].as_str().unwrap().parse::<u64>().unwrap()
    });
    assert_eq!(ids, exported.collect::<Vec<_>>());
}

#[test]
fn a_small_bound_keeps_the_newest_and_says_what_is_missing() {
    let store = machine();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("small.tar.zst");
    let mut command = evidence(&store.path(), &out, &["--json"]);
    let (code, text, error) = outcome(
        &command
            .env("LOG_EVIDENCE_MAX_BYTES", "1MiB")
            .output()
            .unwrap(),
    );
    assert_eq!((code, error.as_str()), (Some(0), ""));
    let manifest: Value = serde_json::from_str(&text).unwrap();
    let parts = manifest["parts"].as_array().unwrap();
    let bytes: u64 = parts.iter().filter_map(|part| part["bytes"].as_u64()).sum();
    assert!(bytes <= 1 << 20, "{bytes}");
}

#[test]
fn what_is_no_bundle_or_was_changed_is_refused() {
    let (bundle, _) = written(&[]);
    let mut bytes = fs::read(bundle.path()).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let changed = bundle.folder.path().join("changed.tar.zst");
    fs::write(&changed, &bytes).unwrap();
    let cut = bundle.folder.path().join("cut.tar.zst");
    fs::write(&cut, &bytes[..middle]).unwrap();
    for path in [changed, cut] {
        for words in [&["inspect"][..], &["open"], &["query", "--store"]] {
            let mut command = vmlog(words);
            command.arg(&path).env("TMPDIR", bundle.folder.path());
            let (code, out, error) = outcome(&command.output().unwrap());
            assert_eq!((code, out.as_str()), (Some(1), ""), "{words:?}");
            assert!(
                error.starts_with("vmlog: cannot read the bundle "),
                "{words:?}: {error}"
            );
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }
    assert_eq!(
        fs::read_dir(bundle.folder.path()).unwrap().count(),
        3,
        "temporary folders are removed"
    );
}

#[test]
fn a_bundle_goes_to_standard_output_and_a_store_that_is_missing_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = evidence(&folder.path().join("nothing"), Path::new("-"), &[]);
    let output = command.env("LOG_DATA_DIR", folder.path()).output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let path = folder.path().join("bundle");
    fs::write(&path, &output.stdout).unwrap();
    let (_, text, _) = outcome(&vmlog(&["inspect"]).arg(&path).output().unwrap());
    assert!(
        text.contains("store/") && text.contains("not a store"),
        "{text}"
    );
    let (code, _, error) = outcome(&vmlog(&["query", "--store"]).arg(&path).output().unwrap());
    assert_eq!(code, Some(1));
    assert!(error.contains("has no records: "), "{error}");
    let mut command = evidence(folder.path(), &folder.path().join("no/such/folder/x"), &[]);
    let (code, _, error) = outcome(&command.output().unwrap());
    assert_eq!(code, Some(1));
    assert!(
        error.contains("cannot write the bundle: No such file"),
        "{error}"
    );
}

/// Ends the process when the test fails.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_page_of_a_bundle_is_served_and_cannot_be_written_to() {
    let (bundle, _) = written(&[]);
    let mut command = vmlog(&["open"]);
    command
        .arg(bundle.path())
        .env("TMPDIR", bundle.folder.path());
    let mut child = Running(command.spawn().unwrap());
    let mut line = String::new();
    BufReader::new(child.0.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let (address, token) = line.trim_end().split_once("/?token=").unwrap();
    let address = address.rsplit('/').next().unwrap();
    assert_eq!(
        fs::read_dir(bundle.folder.path()).unwrap().count(),
        1,
        "the unpacked files are gone"
    );
    let ask = |method: &str, target: &str, token: &str| {
        let mut stream = TcpStream::connect(address).unwrap();
        let head = format!(
            "{method} {target} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    assert!(ask("GET", "/", "").contains("200 OK"));
    assert!(ask("GET", "/logs?search=last", token).contains("the last line"));
    assert!(ask("GET", "/problems", token).contains("web.service"));
    assert!(ask("GET", "/logs", "wrong").starts_with("HTTP/1.1 401"));
    for target in ["/events", "/evidence"] {
        assert!(
            ask("POST", target, token).starts_with("HTTP/1.1 404"),
            "{target}"
        );
    }
    let pid = child.0.id().to_string();
    Command::new("kill").args(["-INT", &pid]).status().unwrap();
    assert_eq!(child.0.wait().unwrap().code(), Some(0));
}
