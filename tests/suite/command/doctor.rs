//! `vmlog doctor`, on a machine with and without problems.

use crate::command::query::on_terminal;
use crate::support::program::{Place, outcome, vmlog};
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// `vmlog doctor` with the settings of a place.
fn doctor(place: &Place) -> Command {
    let mut command = vmlog(&["doctor"]);
    // A disk that happens to be nearly full must not affect these tests.
    command.env("LOG_STORE_MIN_FREE", "0");
    for (name, value) in place.command().get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    command
}

/// The line of a subject, and the line below it if that is a suggestion.
fn line<'a>(out: &'a str, subject: &str) -> (&'a str, &'a str) {
    let mut lines = out.lines();
    let found = lines
        .find(|line| line.get(6..).is_some_and(|rest| rest.starts_with(subject)))
        .unwrap_or_else(|| panic!("no {subject} in {out}"));
    let remedy = lines
        .next()
        .and_then(|line| line.trim_start().strip_prefix("-> "));
    (found, remedy.unwrap_or_default())
}

#[test]
fn control_characters_in_names_are_escaped_on_a_terminal() {
    let place = Place::new();
    let data = place.data();
    let environment = [
        ("LOG_DATA_DIR", data.to_str().unwrap()),
        ("LOG_STORE_MIN_FREE", "0"),
        ("LOG_JOURNAL_DIRS", "/no/journal"),
        ("LOG_CLOUD_INIT_PATH", "/no\u{1b}]0;owned\u{7}/log"),
        ("LOG_LISTEN", "127.0.0.1:0"),
    ];
    let plain = [environment.as_slice(), &[("NO_COLOR", "1")]].concat();
    let shown = on_terminal(&vmlog(&["doctor"]), &plain);
    let (cloud_init, _) = line(&shown, "cloud-init");
    assert!(
        cloud_init.contains(r"/no\x1b]0;owned\x07/log does not exist"),
        "{shown:?}"
    );
    assert!(!shown.contains(['\u{1b}', '\u{7}']), "{shown:?}");
    let coloured = on_terminal(
        &vmlog(&["doctor"]),
        &[environment.as_slice(), &[("NO_COLOR", "")]].concat(),
    );
    assert!(
        coloured.contains("\u{1b}[33mnote  \u{1b}[0mcloud-init"),
        "{coloured:?}"
    );
    assert!(
        coloured.contains(r"/no\x1b]0;owned\x07/log does not exist"),
        "{coloured:?}"
    );
    assert!(!coloured.contains("\u{1b}]"), "{coloured:?}");
}

#[test]
fn reports_no_problems_if_there_are_none() {
    let place = Place::new();
    fs::write(place.cloud_init(), "booted\n").unwrap();
    let (code, out, error) = outcome(&doctor(&place).output().unwrap());
    assert_eq!((code, error.as_str()), (Some(0), ""), "{out}");
    assert!(out.ends_with("\nno problems found\n"), "{out}");
    assert!(line(&out, "settings").0.starts_with("ok "), "{out}");
    assert!(
        line(&out, "data")
            .0
            .ends_with(" does not exist yet and can be created")
    );
    assert!(line(&out, "store").0.starts_with("note "), "{out}");
    assert!(
        line(&out, "cloud-init").0.ends_with(" can be read"),
        "{out}"
    );
    assert!(
        line(&out, "journal").0.contains("no journal files in "),
        "{out}"
    );
    assert!(!place.data().exists(), "it changes nothing");
}

#[test]
fn a_running_server_is_recognised_by_its_store_and_address() {
    let place = Place::new();
    let server = place.serve();
    let mut asked = doctor(&place);
    asked.env("LOG_LISTEN", &server.address);
    let (code, out, error) = outcome(&asked.output().unwrap());
    assert_eq!((code, error.as_str()), (Some(0), ""), "{out}");
    assert!(
        line(&out, "store").0.ends_with(", in use by a server"),
        "{out}"
    );
    assert!(
        line(&out, "address")
            .0
            .ends_with(" is in use by the server of this store"),
        "{out}"
    );
}

#[test]
fn an_address_used_by_another_program_is_a_problem() {
    let place = Place::new();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    let (code, out, _) = outcome(&doctor(&place).env("LOG_LISTEN", &address).output().unwrap());
    assert_eq!(code, Some(1), "{out}");
    let (found, remedy) = line(&out, "address");
    assert!(
        found.starts_with(&format!("WRONG address     {address}: ")),
        "{found}"
    );
    assert_eq!(
        remedy,
        "`ss -ltnp` shows the process that uses it; set --listen / LOG_LISTEN to another port"
    );
    assert!(out.ends_with("\n1 problem found\n"), "{out}");
}

#[test]
fn an_invalid_setting_is_reported_alone() {
    let (code, out, error) = outcome(
        &vmlog(&["doctor"])
            .env("LOG_DATA_DIR", "/nonexistent")
            .env("LOG_STORE_MAX_AGE", "soon")
            .output()
            .unwrap(),
    );
    assert_eq!((code, error.as_str()), (Some(1), ""));
    let (found, remedy) = line(&out, "settings");
    assert!(
        found.contains("LOG_STORE_MAX_AGE") && found.contains("soon"),
        "{found}"
    );
    assert!(remedy.contains("vmlog serve --help"), "{remedy}");
    assert_eq!(out.lines().count(), 3, "{out}");
}

#[test]
fn a_damaged_store_is_a_problem() {
    let place = Place::new();
    let root = place.data().join("store");
    fs::create_dir_all(&root).unwrap();
    fs::write(root.join("STORE"), b"something else").unwrap();
    let (code, out, _) = outcome(&doctor(&place).output().unwrap());
    assert_eq!(code, Some(1), "{out}");
    let (found, remedy) = line(&out, "store");
    assert!(found.starts_with("WRONG store "), "{found}");
    assert!(remedy.contains("vmlog verify"), "{remedy}");
}

/// A copy of the program that every user may run, started as `nobody`.
fn as_nobody(folder: &Path) -> Option<Command> {
    if !is_root() {
        return None;
    }
    let program = folder.join("vmlog");
    // Copied by another process, because a test that forks meanwhile would hold the file open for writing.
    let copied = Command::new("cp")
        .args([Path::new(env!("CARGO_BIN_EXE_vmlog")), &program])
        .status()
        .unwrap();
    assert!(copied.success());
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new(program);
    command.uid(65_534).gid(65_534).env_clear().arg("doctor");
    Some(command)
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

#[test]
fn unreadable_sources_are_reported_with_suggestions() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut command) = as_nobody(folder.path()) else {
        return;
    };
    let closed = |name: &str| {
        let path = folder.path().join(name);
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        path
    };
    let (journal, docker, data) = (closed("journal"), closed("docker"), closed("data"));
    let log = folder.path().join("output.log");
    fs::write(&log, "booted\n").unwrap();
    fs::set_permissions(&log, fs::Permissions::from_mode(0o600)).unwrap();
    let output = command
        .env("LOG_JOURNAL_DIRS", &journal)
        .env("LOG_DOCKER_JSON_DIR", &docker)
        .env("LOG_DATA_DIR", &data)
        .env("LOG_CLOUD_INIT_PATH", &log)
        .env("LOG_FILES", format!("app={}", log.display()))
        .env("LOG_LISTEN", "127.0.0.1:0")
        .output()
        .unwrap();
    let (code, out, error) = outcome(&output);
    assert_eq!((code, error.as_str()), (Some(1), ""), "{out}");
    for (subject, help) in [
        ("data", "LOG_DATA_DIR"),
        ("journal", "usermod -aG systemd-journal"),
        ("cloud-init", "usermod -aG adm"),
        ("file", "setfacl"),
    ] {
        let (found, remedy) = line(&out, subject);
        assert!(
            found.starts_with("WRONG ") && found.contains("ermission denied"),
            "{out}"
        );
        assert!(remedy.contains(help), "{subject}: {remedy}");
    }
    // Which driver Docker uses depends on the machine; json-file is the default.
    if !Path::new("/etc/docker/daemon.json").exists() {
        let (found, remedy) = line(&out, "docker");
        assert!(
            found.starts_with("WRONG ") && remedy.contains("log-driver"),
            "{out}"
        );
    }
}

#[test]
fn files_of_patterns_and_folders_are_counted_as_the_server_reads_them() {
    let place = Place::new();
    let logs = place.data().with_file_name("logs");
    for name in ["app-1.log", "app-x.log", "deep/er/a.log", "debug.log"] {
        let path = logs.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "line\n").unwrap();
    }
    for (path, found) in [
        ("app-[0-9].log", "app: 1 file named "),
        ("**/*.log,!debug*", "app: 3 files named "),
        ("", "app: 3 files in "),
    ] {
        let files = format!("app={}/{path}", logs.display());
        let (_, out, _) = outcome(&doctor(&place).env("LOG_FILES", files).output().unwrap());
        let (file, _) = line(&out, "file");
        assert!(file.contains(found) && file.starts_with("ok "), "{file}");
    }
}
