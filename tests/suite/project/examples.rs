//! Runs the examples, each with data that its test creates.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

const ENTRIES: &str = "zstd-compact-keyed.journal";

/// The folder of the built examples; `cargo test --test suite` alone does not build them.
fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let test = std::env::current_exe().unwrap();
        let profile = test.parent().unwrap().parent().unwrap();
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--examples", "--quiet", "--target-dir"]);
        build.arg(profile.parent().unwrap());
        if profile.ends_with("release") {
            build.arg("--release");
        }
        assert!(build.status().unwrap().success());
        profile.join("examples")
    })
}

fn start(name: &str, arguments: &[&str]) -> Child {
    let mut command = Command::new(folder().join(name));
    command.args(arguments).stdin(Stdio::piped());
    command.stdout(Stdio::piped()).spawn().unwrap()
}

/// Runs an example with `input` and returns its output.
fn run(name: &str, arguments: &[&str], input: &str) -> String {
    let mut child = start(name, arguments);
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{name}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn journal_fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/journal")
        .join(name)
}

#[test]
fn journal_examples_print_the_entries_of_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(
        journal_fixture(ENTRIES),
        folder.path().join("system.journal"),
    )
    .unwrap();
    let path = folder.path().to_str().unwrap();
    let read = run("read_journal", &[path], "");
    let count = read.lines().count();
    assert!(count > 10, "{read}");

    let followed = run("follow_journal", &[path, "10"], "");
    assert!(followed.lines().count() >= 10, "{followed}");
}

#[test]
fn store_examples_write_redacted_lines_and_find_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let written = run(
        "write_store",
        &[path],
        "one line\npassword=hunter22 was refused\n",
    );
    assert!(written.starts_with("stored 2 records"), "{written}");
    let found = run("search_store", &[path, "search=refused"], "");
    assert_eq!(found.lines().count(), 1, "{found}");
    assert!(
        found.contains("was refused") && !found.contains("hunter22"),
        "{found}"
    );
}

#[test]
fn redaction_example_hides_secrets_and_its_own_pattern() {
    let redacted = run(
        "redact_line",
        &["password=hunter22 EMP-123456 user=ann"],
        "",
    );
    assert!(
        !redacted.contains("hunter22") && !redacted.contains("EMP-123456"),
        "{redacted}"
    );
    assert!(redacted.contains("user=ann"), "{redacted}");
}

#[test]
fn server_example_answers_until_its_input_ends() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = start("embed_server", &[folder.path().to_str().unwrap()]);
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("listening on http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET /logs HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.contains("the server starts"),
        "{answer}"
    );
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}
