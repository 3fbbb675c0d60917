//! `vmlog query` and `vmlog tail` from the user's perspective: with a folder and a server, with a pipe and a
//! terminal.

use crate::http::server::{Server, TOKEN};
use crate::support::program::{Place, outcome, vmlog};
use crate::support::stores::TestStore;
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Read as _, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use vmlog::record::{Level, Metadata, Record};
use vmlog::time::Micros;
use vmlog::{server, store};

fn record(source: &str, level: Level, message: &str) -> Record {
    Record {
        timestamp: Micros::new(1_771_338_615_123_456),
        source: source.parse().unwrap(),
        level,
        message: message.to_owned(),
        metadata: Metadata::new(),
    }
}

pub(crate) fn numbered(count: u64) -> Vec<Record> {
    let level = |number: u64| [Level::Info, Level::Warn][usize::from(number.is_multiple_of(10))];
    (1..=count)
        .map(|number| {
            record(
                ["docker:web", "system:ssh"][usize::from(number.is_multiple_of(2))],
                level(number),
                &format!("line {number}"),
            )
        })
        .collect()
}

/// The output of a command that succeeds.
pub(crate) fn printed(command: &mut Command) -> String {
    let (code, out, error) = outcome(&command.output().unwrap());
    assert_eq!((code, error.as_str()), (Some(0), ""), "{command:?}");
    out
}

fn query(root: &Path, arguments: &[&str]) -> Command {
    let mut command = vmlog(&["query", "--utc", "--store"]);
    command.arg(root).args(arguments);
    command
}

/// The output of the same command line on a terminal.
pub(crate) fn on_terminal(command: &Command, environment: &[(&str, &str)]) -> String {
    let mut terminal = vmlog(&["exec", "--pty", "--"]);
    terminal.arg(command.get_program()).args(command.get_args());
    let captures = tempfile::tempdir().unwrap();
    terminal
        .env("LOG_CAPTURE_DIR", captures.path())
        .env("PAGER", "cat")
        .envs(environment.iter().copied());
    let (code, out, error) = outcome(&terminal.output().unwrap());
    assert_eq!((code, error.as_str()), (Some(0), ""), "{out}");
    out
}

#[test]
fn a_listed_pattern_opens_or_excludes_its_records() {
    let mut store = TestStore::new(100_000);
    let messages = ["took 5 ms", "took 71 ms", "the end", "took long"];
    store.append(
        messages
            .map(|message| record("docker:web", Level::Info, message))
            .to_vec(),
    );
    let root = store.path();
    let patterns = printed(vmlog(&["patterns", "--store"]).arg(&root).arg("--json"));
    let patterns: serde_json::Value = serde_json::from_str(&patterns).unwrap();
    let template = patterns["patterns"][0]["template"].as_str().unwrap();
    let shown = |arguments: &[&str]| printed(query(&root, arguments).args(["-o", "cat"]));
    assert_eq!(shown(&["--pattern", template]), "took 5 ms\ntook 71 ms\n");
    assert_eq!(
        shown(&["--exclude-pattern", template]),
        "the end\ntook long\n"
    );
    let both = ["--pattern", "took <*>", "--exclude-pattern", template];
    assert_eq!(shown(&both), "took long\n");
}

#[test]
fn the_newest_records_are_last_and_a_filter_applies() {
    let mut store = TestStore::new(100_000);
    store.append(numbered(250));
    store.store.seal().unwrap();
    store.append(numbered(1));
    let root = store.path();
    let all = printed(&mut query(&root, &[]));
    assert_eq!(all.lines().count(), 100);
    assert_eq!(
        all.lines().last(),
        Some("2026-02-17 14:30:15.123Z info  docker:web: line 1")
    );
    let few = printed(&mut query(&root, &["-n", "2", "-l", "warn", "--ids"]));
    assert_eq!(
        few,
        "     240 2026-02-17 14:30:15.123Z warn  system:ssh: line 240\n     250 2026-02-17 14:30:15.123Z warn  system:ssh: line 250\n"
    );
    let newest = printed(&mut query(
        &root,
        &["-n", "2", "-r", "-s", "docker:", "-o", "cat"],
    ));
    assert_eq!(newest, "line 1\nline 249\n");
    let oldest = printed(&mut query(
        &root,
        &["-n", "2", "--direction", "forward", "-o", "cat"],
    ));
    assert_eq!(oldest, "line 1\nline 2\n");
    let found = printed(&mut query(
        &root,
        &["-g", "^LINE 2[34]9$", "--case", "insensitive", "-o", "cat"],
    ));
    assert_eq!(found, "line 239\nline 249\n");
    let first = printed(&mut query(&root, &["-n", "+2", "-o", "cat"]));
    assert_eq!(first, oldest);
    let of_unit = printed(&mut query(
        &root,
        &["-u", "ssh", "-p", "warning", "-n", "1", "-o", "cat"],
    ));
    assert_eq!(of_unit, "line 250\n");
    let around = printed(&mut query(
        &root,
        &["--around", "100", "-n", "3", "-o", "cat"],
    ));
    assert_eq!(around, "line 99\nline 100\nline 101\n");
    assert_eq!(
        printed(&mut query(&root, &["-n", "all", "-o", "jsonl"]))
            .lines()
            .count(),
        251
    );
    assert_eq!(
        printed(&mut query(&root, &["--after", "249", "-o", "cat"])),
        "line 250\nline 1\n"
    );
    assert_eq!(printed(&mut query(&root, &["nothing like it"])), "");
    let quiet = |words: &[&str]| {
        let (code, out, _) = outcome(&query(&root, words).arg("-q").output().unwrap());
        assert_eq!(out, "", "{words:?}");
        code
    };
    assert_eq!((quiet(&["line"]), quiet(&["nothing"])), (Some(0), Some(1)));
    let chart = printed(&mut query(&root, &["--histogram"]));
    assert!(
        chart.ends_with("251 records, a line is 1us  = warn 25  - info 226\n"),
        "{chart}"
    );
}

#[test]
fn every_format_is_complete() {
    let mut store = TestStore::new(100_000);
    store.append(vec![record(
        "docker:web",
        Level::Error,
        "a,\"b\"\nc\u{1b}[2J",
    )]);
    let root = store.path();
    let printed = |format: &str| printed(&mut query(&root, &["-o", format]));
    assert_eq!(
        printed("pretty"),
        "2026-02-17 14:30:15.123Z error docker:web: a,\"b\"\n    c\u{1b}[2J\n"
    );
    let array: serde_json::Value = serde_json::from_str(&printed("json")).unwrap();
    let line: serde_json::Value = serde_json::from_str(&printed("jsonl")).unwrap();
    assert_eq!(array, serde_json::json!([line]));
    assert_eq!(line["id"], "1");
    assert_eq!(
        printed("csv"),
        "id,timestamp,source,level,message,metadata\r\n1,2026-02-17T14:30:15.123456Z,docker:web,error,\"a,\"\"b\"\"\nc\u{1b}[2J\",{}\r\n"
    );
    assert_eq!(printed("cat"), "a,\"b\"\nc\u{1b}[2J\n");
    assert!(
        printed("export")
            .starts_with("__CURSOR=1\n__REALTIME_TIMESTAMP=1771338615123456\nPRIORITY=3\n")
    );
}

#[test]
fn logged_control_characters_are_escaped_on_a_terminal() {
    let mut store = TestStore::new(100_000);
    let hostile = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\u{8}\u{202e}\rx\u{1b}[31mred\u{1b}[0m\u{1b}Pq\u{1b}\\";
    store.append(vec![record("docker:web", Level::Info, hostile)]);
    let root = store.path();
    for format in ["pretty", "json", "jsonl", "csv", "cat"] {
        let shown = on_terminal(&query(&root, &["--color", "never", "-o", format]), &[]);
        let odd: Vec<char> = shown
            .chars()
            .filter(|c| c.is_control() && !"\r\n".contains(*c) || *c == '\u{202e}')
            .collect();
        assert!(
            odd.is_empty() && shown.contains("red"),
            "{format}: {shown:?}"
        );
        assert_eq!(
            shown.matches('\r').count(),
            shown.matches("\r\n").count(),
            "{format}: {shown:?}"
        );
    }
}

#[test]
fn colour_is_used_on_terminals_that_support_it() {
    let mut store = TestStore::new(100_000);
    store.append(vec![record("docker:web", Level::Error, "x")]);
    let root = store.path();
    let on = |arguments: &[&str], environment: &[(&str, &str)]| {
        on_terminal(&query(&root, arguments), environment)
    };
    assert!(on(&[], &[]).contains("\u{1b}[1;31merror\u{1b}[0m"));
    assert!(!on(&[], &[("NO_COLOR", "1")]).contains('\u{1b}'));
    assert!(on(&["--color", "always"], &[("NO_COLOR", "1")]).contains("\u{1b}[1;31m"));
    assert!(!on(&["--color", "never"], &[]).contains('\u{1b}'));
    assert!(
        !printed(&mut query(&root, &[])).contains('\u{1b}'),
        "a pipe"
    );
    assert!(
        printed(&mut query(&root, &["--color", "always"])).contains("\u{1b}[1;31m"),
        "a pipe that asks"
    );
}

#[test]
fn output_to_a_terminal_uses_a_pager() {
    let mut store = TestStore::new(100_000);
    store.append(numbered(3));
    let root = store.path();
    let pager = [("VMLOG_PAGER", "tr a-z A-Z")];
    assert!(on_terminal(&query(&root, &["-o", "cat"]), &pager).contains("LINE 3"));
    assert!(on_terminal(&query(&root, &["-o", "cat", "--no-pager"]), &pager).contains("line 3"));
    assert!(
        on_terminal(
            &query(&root, &["-o", "cat"]),
            &[("VMLOG_PAGER", "/no/such/pager")]
        )
        .contains("line 3")
    );
}

#[test]
fn a_closed_output_is_not_a_failure() {
    let mut store = TestStore::new(100_000);
    store.append(numbered(20_000));
    let mut child = query(&store.path(), &["-n", "all"]).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let (code, _, error) = outcome(&child.wait_with_output().unwrap());
    assert_eq!((code, error.as_str()), (Some(0), ""));
}

#[test]
fn errors_are_one_line_with_a_suggestion() {
    let nowhere = tempfile::tempdir().unwrap();
    let empty = nowhere.path().display().to_string();
    let store = TestStore::new(10);
    let refused = |arguments: &[&str]| {
        let (code, out, error) = outcome(&vmlog(arguments).output().unwrap());
        assert_eq!(out, "", "{arguments:?}");
        assert_eq!(error.lines().count(), 1, "{arguments:?}: {error}");
        (code, error)
    };
    let (code, error) = refused(&["query", "--store", &empty]);
    assert_eq!(code, Some(1));
    assert_eq!(
        error,
        format!(
            "vmlog: cannot read the store {empty}: not a store; start `vmlog serve`, or name another store with --store or a server with --url\n"
        )
    );
    let (code, error) = refused(&["tail", "--url", "127.0.0.1:1"]);
    assert_eq!(code, Some(1));
    assert!(
        error.contains("cannot reach http://127.0.0.1:1: ")
            && error.contains("is `vmlog serve` running there?"),
        "{error}"
    );
    let root = store.path().display().to_string();
    assert_eq!(
        refused(&["query", "--store", &root, "-l", "loud"]).0,
        Some(2)
    );
    assert_eq!(refused(&["query", "--store", &root, "-n", "0"]).0, Some(2));
    assert_eq!(
        refused(&["query", "--store", &root, "-n", "100001"]).0,
        Some(2)
    );
    assert_eq!(
        refused(&["tail", "--store", &root, "-o", "json"]).0,
        Some(2)
    );
    assert_eq!(refused(&["query", "--url", "ftp://x"]).0, Some(2));
}

/// A server whose only records are the lines of a file.
struct Lines {
    place: Place,
    file: PathBuf,
}

impl Lines {
    fn new() -> Self {
        let mut place = Place::new();
        let file = place.data().with_file_name("app.log");
        std::fs::write(&file, "").unwrap();
        place.set("LOG_FILES", &format!("app={}", file.display()));
        Self { place, file }
    }

    fn say(&self, text: &str) {
        let mut file = OpenOptions::new().append(true).open(&self.file).unwrap();
        writeln!(file, "{text}").unwrap();
    }
}

/// A tail whose lines are read one by one.
struct Tail {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Tail {
    fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    fn next(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_server_and_its_folder_give_the_same_answers() {
    let lines = Lines::new();
    let server = lines.place.serve();
    for number in 0..30 {
        lines.say(&format!("line {number}"));
    }
    server.wait_for("source=file:app", 30);
    let root = lines.place.data().join("store");
    let url = format!("http://{}/", server.address);
    for arguments in [
        &["-s", "file:", "-n", "7"][..],
        &["-s", "file:", "-n", "all", "-o", "jsonl"],
        &["line 2", "-r", "-o", "csv"],
        &["-s", "file:", "--histogram", "-o", "json"],
        &["-s", "file:", "--order", "time", "-n", "3", "-o", "cat"],
    ] {
        let mut asked = vmlog(&["query", "--utc", "--url", &url]);
        asked.args(arguments).env("VMLOG_TOKEN", &server.token);
        let (from_server, from_folder) =
            (printed(&mut asked), printed(&mut query(&root, arguments)));
        let scanned = |text: &str| text.split("\"scanned\"").next().unwrap().to_owned();
        assert_eq!(
            scanned(&from_server),
            scanned(&from_folder),
            "{arguments:?}"
        );
        assert!(from_server.lines().count() > 0, "{arguments:?}");
    }
    let file = lines.place.data().join("token").display().to_string();
    let mut by_file = vmlog(&["query", "--url", &url, "--token-file", &file, "-n", "1"]);
    assert_eq!(printed(&mut by_file).lines().count(), 1);
    let (code, _, error) = outcome(
        &vmlog(&["query", "--url", &url])
            .env("VMLOG_TOKEN", "wrong")
            .output()
            .unwrap(),
    );
    assert_eq!(code, Some(1));
    assert!(
        error.contains("refuses this access token: check --token-file or VMLOG_TOKEN"),
        "{error}"
    );
}

#[test]
fn a_tail_of_a_folder_shows_new_records() {
    let mut store = TestStore::new(100_000);
    store.append(numbered(20));
    let mut command = vmlog(&["tail", "-n", "2", "-o", "cat", "--store"]);
    let mut tail = Tail::start(command.arg(store.path()));
    assert_eq!(
        (tail.next(), tail.next()),
        ("line 19".to_owned(), "line 20".to_owned())
    );
    store.append(vec![record("docker:web", Level::Info, "new")]);
    assert_eq!(tail.next(), "new");
    store.store.seal().unwrap();
    store.append(vec![record("docker:web", Level::Info, "behind a seal")]);
    assert_eq!(tail.next(), "behind a seal");
}

#[test]
fn a_tail_misses_no_records_while_the_server_is_down() {
    let lines = Lines::new();
    let mut server = lines.place.serve();
    lines.say("one");
    server.wait_for("source=file:app", 1);
    let address = server.address.clone();
    let token = server.token.clone();
    let mut command = vmlog(&[
        "tail", "-n", "1", "-s", "file:", "-o", "cat", "--url", &address,
    ]);
    let mut tail = Tail::start(command.env("VMLOG_TOKEN", &token));
    assert_eq!(tail.next(), "one");
    server.signal("TERM");
    assert!(server.wait().success());
    lines.say("two, while nobody serves");
    let mut place = lines.place;
    place.set("LOG_LISTEN", &address);
    server = place.serve();
    assert_eq!(tail.next(), "two, while nobody serves");
    drop(server);
}

#[test]
fn a_tail_succeeds_if_its_output_is_closed() {
    let mut store = TestStore::new(100);
    store.append(numbered(1));
    let mut command = vmlog(&["tail", "-n", "1", "-o", "cat", "--store"]);
    let mut child = command.arg(store.path()).spawn().unwrap();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    drop(reader);
    assert!(child.wait().unwrap().success());
}

#[test]
fn an_empty_result_states_the_reason() {
    let mut store = TestStore::new(100_000);
    store.append(numbered(4));
    let root = store.path();
    let said = |arguments: &[&str]| {
        let (code, out, error) = outcome(&query(&root, arguments).output().unwrap());
        assert_eq!(
            (code, out.as_str()),
            (Some(0), ""),
            "{arguments:?}: {error}"
        );
        error
    };
    assert_eq!(
        said(&["-s", "docker"]),
        "vmlog: no source `docker`; did you mean `docker:`?\n"
    );
    assert_eq!(said(&["-s", "kernel:"]), "vmlog: no source `kernel:`\n");
    assert_eq!(
        said(&["-w", "unit==ssh"]),
        "vmlog: where compares unit with the text \"=ssh\"; did you mean unit=ssh?\n"
    );
    assert!(said(&["-S", "2100-01-01"]).starts_with("vmlog: start is in the future: 2100-01-01"));
    let (code, _, error) = outcome(
        &query(&root, &["--around", "99", "-n", "2"])
            .output()
            .unwrap(),
    );
    assert_eq!(
        (code, error.as_str()),
        (Some(0), "vmlog: there is no record 99\n")
    );
    let (code, _, error) = outcome(&query(&root, &["-w", "pid>=3"]).output().unwrap());
    assert_eq!(code, Some(2));
    assert_eq!(
        error,
        "vmlog: where must be KEY=VALUE, KEY!=VALUE or -KEY=VALUE, with * at the end of VALUE for a prefix; got \"pid>=3\"\n"
    );
    assert_eq!(said(&["no such text"]), "", "the question itself is sound");
}

fn served(options: server::ServerOptions) -> Server {
    let mut server = Server::with(options, store::Options::default());
    server.write(numbered(20));
    server
}

#[test]
fn all_records_are_read_from_a_server_with_small_pages() {
    let server = served(server::ServerOptions {
        limit_max: 1,
        ..server::ServerOptions::default()
    });
    let url = format!("http://{}", server.address);
    for (arguments, count) in [
        (&["-n", "3"][..], 3),
        (&["-n", "all"], 20),
        (&["--around", "7", "-n", "1"], 1),
    ] {
        let mut asked = vmlog(&["query", "--url", &url, "-o", "cat"]);
        asked.args(arguments).env("VMLOG_TOKEN", TOKEN);
        assert_eq!(printed(&mut asked).lines().count(), count, "{arguments:?}");
    }
    let server = served(server::ServerOptions {
        limit_max: 7,
        ..server::ServerOptions::default()
    });
    let url = format!("http://{}", server.address);
    let mut asked = vmlog(&["query", "--url", &url, "-o", "cat", "-n", "9"]);
    let lines = printed(asked.env("VMLOG_TOKEN", TOKEN));
    assert_eq!(lines.lines().count(), 9, "never more than was asked for");
}

#[test]
fn https_accepts_a_certificate_that_is_its_own_authority_if_it_is_named() {
    let fixture = |name: &str| Path::new("tests/fixtures/tls").join(name);
    let certificate = fixture("self-signed.pem");
    let tls = server::Tls::load(&certificate, &fixture("self-signed.key")).unwrap();
    let server = served(server::ServerOptions {
        tls: Some(tls),
        ..server::ServerOptions::default()
    });
    let ask = |host: &str, trusted: &Path| {
        let url = format!("https://{host}:{}", server.address.port());
        let mut asked = vmlog(&["query", "--url", &url, "-n", "1", "-o", "cat", "--cacert"]);
        asked.arg(trusted).env("LOG_API_TOKEN", TOKEN);
        asked
    };
    assert_eq!(printed(&mut ask("127.0.0.1", &certificate)), "line 20\n");
    let (code, _, error) = outcome(
        &ask("127.0.0.1", &fixture("authority.pem"))
            .output()
            .unwrap(),
    );
    assert!(
        code == Some(1) && error.contains("UnknownIssuer"),
        "{error}"
    );
}

#[test]
fn https_uses_the_named_authority() {
    let fixture = |name: &str| Path::new("tests/fixtures/tls").join(name);
    let tls = server::Tls::load(&fixture("one.pem"), &fixture("one.key")).unwrap();
    let server = served(server::ServerOptions {
        tls: Some(tls),
        ..server::ServerOptions::default()
    });
    let url = format!("https://localhost:{}", server.address.port());
    let authority = fixture("authority.pem").display().to_string();
    let ask = |words: &[&str]| {
        let mut asked = vmlog(words);
        // Its own token may be sent to another machine if the connection is encrypted.
        asked
            .args(["--url", &url, "-n", "2", "-o", "cat"])
            .env("LOG_API_TOKEN", TOKEN);
        asked
    };
    let trusted = printed(&mut ask(&["query", "--cacert", &authority]));
    assert_eq!(trusted, "line 19\nline 20\n");
    let mut tail = Tail::start(&mut ask(&["tail", "--cacert", &authority]));
    assert_eq!(
        (tail.next(), tail.next()),
        ("line 19".to_owned(), "line 20".to_owned())
    );

    let own = fixture("one.key").display().to_string();
    let (code, _, error) = outcome(&ask(&["query", "--cacert", &own]).output().unwrap());
    assert_eq!(
        (code, error),
        (
            Some(1),
            format!("vmlog: --cacert {own}: no certificate authorities were found\n")
        )
    );
    let (code, _, error) = outcome(&ask(&["query"]).output().unwrap());
    let is_told = error.contains("name the authority of its certificate with --cacert")
        || error.contains("no certificate authorities were found");
    assert!(code == Some(1) && is_told, "{error}");
    let plain = format!("http://{}", server.address);
    let mut plain = vmlog(&["query", "--cacert", &authority, "--url", &plain]);
    let (code, _, error) = outcome(&plain.output().unwrap());
    assert_eq!(code, Some(2));
    assert!(
        error.starts_with("vmlog: --cacert applies only to https, but the server is http://"),
        "{error}"
    );
}

/// The request that a server at a non-loopback address receives.
fn request_to_another_machine(environment: &[(&str, &str)]) -> (String, String) {
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let reader = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = vec![0; 4096];
        let length = stream.read(&mut head).unwrap();
        String::from_utf8(head[..length].to_vec()).unwrap()
    });
    let mut asked = vmlog(&["query", "--url", &format!("http://0.0.0.0:{port}")]);
    let (_, _, error) = outcome(&asked.envs(environment.iter().copied()).output().unwrap());
    (reader.join().unwrap(), error)
}

#[test]
fn the_servers_own_token_is_not_sent_unencrypted_to_another_machine() {
    let (head, error) = request_to_another_machine(&[("LOG_API_TOKEN", TOKEN)]);
    assert!(
        head.starts_with("GET /logs?") && !head.contains(TOKEN),
        "{head}"
    );
    assert!(
        error.starts_with("vmlog: LOG_API_TOKEN is not sent to http://0.0.0.0:")
            && error.contains("use https, or set VMLOG_TOKEN to send it"),
        "{error}"
    );
    let (head, error) = request_to_another_machine(&[("VMLOG_TOKEN", TOKEN)]);
    assert!(
        head.contains(TOKEN) && !error.contains("is not sent"),
        "{error}"
    );
}

#[test]
fn tail_and_export_print_warnings_to_stderr() {
    let server = served(server::ServerOptions::default());
    let url = format!("http://{}", server.address);
    let asked = |words: &[&str]| {
        let mut asked = vmlog(words);
        asked
            .args(["-s", "nosuch", "--url", &url])
            .env("VMLOG_TOKEN", TOKEN);
        asked
    };
    let (code, out, error) = outcome(&asked(&["export"]).output().unwrap());
    assert_eq!(
        (code, &*out, &*error),
        (Some(0), "", "vmlog: no source `nosuch`\n")
    );
    let mut tail = asked(&["tail"]);
    tail.stderr(Stdio::piped());
    let mut tail = tail.spawn().unwrap();
    let mut line = String::new();
    BufReader::read_line(&mut BufReader::new(tail.stderr.take().unwrap()), &mut line).unwrap();
    tail.kill().unwrap();
    tail.wait().unwrap();
    assert_eq!(line, "vmlog: no source `nosuch`\n");
}
