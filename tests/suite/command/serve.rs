//! `vmlog serve` from outside: its address, its token, its collectors, its end.

use crate::support::program::{Place, outcome, vmlog};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

#[test]
fn one_line_tells_the_address_and_where_the_token_is() {
    let place = Place::new();
    let server = place.serve();
    let (address, token) = (&server.address, &server.token);
    let file = place.data().join("token");
    assert_eq!(
        server.line,
        format!(
            "vmlog: open http://{address}/ (the token is in {})\n",
            file.display()
        ),
        "a pipe may be kept, so the token is not in it"
    );
    assert_eq!(token.len(), 43);
    assert_eq!(std::fs::read_to_string(&file).unwrap().trim(), token);
    assert_eq!(
        std::fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(
        std::fs::metadata(place.data())
            .unwrap()
            .permissions()
            .mode()
            & 0o777,
        0o700
    );
    let kept = token.clone();
    server.kill();
    assert_eq!(place.serve().token, kept);
}

#[test]
fn nothing_is_told_without_the_token() {
    let place = Place::new();
    let server = place.serve();
    for path in ["/logs", "/logs/sources", "/logs/tail", "/logs/1"] {
        for headers in [
            "",
            "Authorization: Bearer wrong\r\n",
            "Cookie: vmlog_token=wrong\r\n",
        ] {
            let (head, body) = server.exchange(path, headers);
            assert!(
                head.starts_with("HTTP/1.1 401 "),
                "{path} {headers:?}: {head}"
            );
            assert!(body.contains("authentication required"), "{body}");
        }
    }
    assert_eq!(server.get("/logs").0, 200);
    let (head, _) = server.exchange("/healthz", "");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
}

#[test]
fn a_configured_key_is_used_and_never_printed() {
    let mut place = Place::new();
    place.set("LOG_API_TOKEN", "a-key-of-my-own-0123");
    let mut server = place.serve();
    assert!(!server.line.contains("a-key-of-my-own"), "{}", server.line);
    assert!(server.line.contains("LOG_API_TOKEN"), "{}", server.line);
    server.token = "a-key-of-my-own-0123".to_owned();
    assert_eq!(server.get("/logs").0, 200);
    assert!(!place.data().join("token").exists());
}

#[test]
fn a_machine_without_a_journal_is_told_so() {
    let place = Place::new();
    std::fs::remove_dir(place.journal()).unwrap();
    let server = place.serve();
    let found = server.wait_for("source=system:vmlog&level=warn", 1);
    let message = found[0]["message"].as_str().unwrap();
    assert!(message.contains("journal"), "{message}");
    assert!(
        message.contains(place.journal().to_str().unwrap()),
        "{message}"
    );
    let (_, sources) = server.get("/logs/sources");
    assert_eq!(sources["sources"][0]["name"], "system:vmlog", "{sources}");
}

#[test]
fn cloud_init_is_collected_once_over_restarts() {
    let place = Place::new();
    let mut file = std::fs::File::create(place.cloud_init()).unwrap();
    file.write_all(b"first line\nfetch token=abcdefgh12345678 done\n")
        .unwrap();
    let server = place.serve();
    server.wait_for("source=cloud-init", 2);
    server.kill();
    file.write_all(b"after the kill\n").unwrap();
    let server = place.serve();
    let found = server.wait_for("source=cloud-init", 3);
    let messages: Vec<_> = found
        .iter()
        .map(|entry| entry["message"].as_str().unwrap())
        .collect();
    assert_eq!(
        messages,
        [
            "first line",
            "fetch token=[REDACTED] done",
            "after the kill"
        ]
    );
    assert!(!place.data_holds(b"abcdefgh12345678"));
}

#[test]
fn a_stop_ends_tails_and_is_quick() {
    for name in ["TERM", "INT"] {
        let place = Place::new();
        let server = place.serve();
        let mut tail = server.tail("");
        let begin = Instant::now();
        server.signal(name);
        let mut rest = String::new();
        tail.read_to_string(&mut rest).unwrap();
        assert!(rest.contains("event: end"), "{rest}");
        assert_eq!(server.wait().code(), Some(0));
        assert!(
            begin.elapsed() < Duration::from_secs(2),
            "{:?}",
            begin.elapsed()
        );
    }
}

#[test]
fn invalid_settings_are_reported_and_change_nothing() {
    let mut open = Place::new();
    open.set("LOG_LISTEN", "0.0.0.0:0");
    let (code, output, error) = outcome(&open.command().output().unwrap());
    assert_eq!((code, output.as_str()), (Some(2), ""));
    assert_eq!(
        error,
        "vmlog: --listen / LOG_LISTEN: 0.0.0.0:0 can be reached by others: set LOG_API_TOKEN to a key of \
         16 characters or more, or listen on 127.0.0.1\n"
    );
    assert!(!open.data().exists());

    let mut wrong = Place::new();
    wrong.set("LOG_STORE_MAX_ROWS", "many");
    let (code, _, error) = outcome(&wrong.command().output().unwrap());
    assert_eq!(code, Some(2));
    assert_eq!(
        error,
        "vmlog: LOG_STORE_MAX_ROWS: expected 1000 to 1000000000, found \"many\"\n"
    );

    let (code, _, error) = outcome(&vmlog(&["serve", "--no-such-flag"]).output().unwrap());
    assert_eq!(code, Some(2));
    assert!(error.contains("--no-such-flag"), "{error}");
}

#[test]
fn an_address_in_use_is_an_error_that_names_it() {
    let place = Place::new();
    let server = place.serve();
    let mut second = Place::new();
    second.set("LOG_LISTEN", &server.address);
    let (code, _, error) = outcome(&second.command().output().unwrap());
    assert_eq!(code, Some(1));
    let expected = format!("vmlog: cannot listen on {}: ", server.address);
    assert!(
        error.starts_with(&expected) && error.ends_with("; set --listen / LOG_LISTEN\n"),
        "{error}"
    );
    assert!(!second.data().exists());
}

#[test]
fn a_second_server_on_the_same_data_names_the_first() {
    let mut place = Place::new();
    let server = place.serve();
    let text = format!(
        "vmlog: vmlog already runs on {} (process {}); `vmlog open --print` prints its address\n",
        place.data().join("store").display(),
        server.pid()
    );
    let refused = |place: &Place| outcome(&place.command().output().unwrap());
    assert_eq!(refused(&place), (Some(1), String::new(), text.clone()));
    place.set("LOG_LISTEN", &server.address);
    assert_eq!(
        refused(&place),
        (Some(1), String::new(), text),
        "same address"
    );
    assert_eq!(server.get("/healthz").0, 200);
}

#[test]
fn a_token_that_others_could_read_is_refused() {
    let place = Place::new();
    place.serve().kill();
    let file = place.data().join("token");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let (code, _, error) = outcome(&place.command().output().unwrap());
    assert_eq!(code, Some(1));
    let path = file.display();
    assert!(
        error.contains(&format!("cannot use {path}: its mode is 644")),
        "{error}"
    );
}

#[test]
fn a_failed_command_is_recorded_with_its_last_lines() {
    let place = Place::new();
    let script = "echo installing; echo 'sh: pnpm: not found' >&2; exit 127";
    let mut exec = vmlog(&[
        "exec",
        "--source",
        "devcontainer:ws-1",
        "--name",
        "postCreateCommand",
        "--",
    ]);
    exec.args(["sh", "-c", script])
        .env("LOG_DATA_DIR", place.data());
    let (code, output, error) = outcome(&exec.output().unwrap());
    assert_eq!(
        (code, output.as_str(), error.as_str()),
        (Some(127), "installing\n", "sh: pnpm: not found\n")
    );
    let server = place.serve();
    let found = server.wait_for("source=devcontainer:ws-1", 4);
    let kinds: Vec<_> = found
        .iter()
        .map(|entry| entry["metadata"]["event_type"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds
            .iter()
            .filter(|kind| **kind == "process_output")
            .count(),
        2,
        "{kinds:?}"
    );
    assert_eq!((kinds[0], kinds[3]), ("process_start", "process_end"));
    let end = &found[3];
    assert_eq!(end["level"], "error");
    assert_eq!(end["metadata"]["exit_code"], 127);
    assert_eq!(end["metadata"]["error_category"], "dependency");
    // The shell's own message, and the end of the run.
    assert_eq!(server.all("source=devcontainer:&level=error").len(), 2);
}

#[test]
fn a_planted_secret_reaches_no_file() {
    const SECRETS: [&str; 3] = [
        "ghp_0123456789abcdefghijABCDEFGHIJ012345",
        "sk-ant-api03-AbCdEfGhIjKlMnOpQrSt",
        "hunter2-is-not-safe",
    ];
    let mut place = Place::new();
    let log = place.data().with_file_name("app.log");
    place.set("LOG_FILES", &format!("app={}", log.display()));
    let lines = format!(
        "clone with {}\nkey {}\npassword={}\n",
        SECRETS[0], SECRETS[1], SECRETS[2]
    );
    std::fs::write(&log, &lines).unwrap();
    std::fs::write(place.cloud_init(), &lines).unwrap();
    let mut exec = vmlog(&["exec", "--source", "devcontainer:ws-1", "--", "sh", "-c"]);
    exec.arg(format!("cat {}; exit 1", log.display()))
        .env("LOG_DATA_DIR", place.data());
    assert_eq!(
        exec.output().unwrap().stdout,
        lines.as_bytes(),
        "what the command says is its own affair"
    );
    let server = place.serve();
    let mut found = server.wait_for("source=file:app", 3);
    found.extend(server.wait_for("source=cloud-init", 3));
    found.extend(server.wait_for("source=devcontainer:ws-1", 5));
    let told = serde_json::to_string(&found).unwrap();
    let (_, exported) = server.exchange(
        "/logs/export?format=csv",
        &format!("Authorization: Bearer {}\r\n", server.token),
    );
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
    for secret in SECRETS {
        assert!(
            !told.contains(secret) && !exported.contains(secret),
            "{secret} is served"
        );
        assert!(
            !place.data_holds(secret.as_bytes()),
            "{secret} is on the disk"
        );
    }
    assert!(told.matches("[REDACTED]").count() >= 9, "{told}");
}

/// The private memory of a process, in KiB.
fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.unwrap().parse().unwrap()
}

#[test]
fn records_with_much_metadata_do_not_fill_the_memory() {
    const RECORDS: usize = 5_000;
    // 40 fields take about 8 KiB in memory, 40 MiB in total.
    let line = |number: usize| {
        let field = |at: usize| format!(r#""field_{at}":"value {at} of record {number}""#);
        let fields: Vec<_> = (0..40).map(field).collect();
        format!(r#"{{"msg":"record {number}",{}}}"#, fields.join(",")) + "\n"
    };
    let mut place = Place::new();
    let log = place.data().with_file_name("app.log");
    std::fs::write(&log, line(RECORDS)).unwrap();
    place.set("LOG_FILES", &format!("app={}", log.display()));
    let server = place.serve();
    server.wait_for("source=file:app", 1);
    // a program that is not optimised has some megabytes of its own, which grow with its code
    let before = resident_kib(server.pid());
    let mut appended = std::fs::OpenOptions::new().append(true).open(&log).unwrap();
    appended
        .write_all((0..RECORDS).map(line).collect::<String>().as_bytes())
        .unwrap();
    // A search would fill the cache of blocks.
    let newest = format!("record {}", RECORDS - 1);
    let begin = Instant::now();
    while server.get("/logs?source=file:app&limit=1").1["entries"][0]["message"] != newest.as_str()
    {
        assert!(
            begin.elapsed() < Duration::from_mins(2),
            "it takes too long"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    let kib = resident_kib(server.pid()).saturating_sub(before);
    // all records at once would take 40 MiB; what is taken at most depends on how many threads read and write at a time
    assert!(kib < 24 << 10, "{kib} KiB more than {before}");
}
