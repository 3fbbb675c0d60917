//! Nobody reads what the program prints any more, as after `vmlog ... 2>&1 | head`: that ends no server and no command.

use crate::command::query::numbered;
use crate::support::program::{Place, outcome, vmlog};
use crate::support::stores::TestStore;
use std::process::{Command, Stdio};

/// A standard error whose reader is gone.
fn closed() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

fn without_standard_error(command: &mut Command) -> (Option<i32>, String) {
    let (code, out, _) = outcome(&command.stderr(closed()).output().unwrap());
    (code, out)
}

#[test]
fn server_runs_on_and_stops_when_asked() {
    let place = Place::new();
    let server = place.serve_with(closed());
    assert_eq!(server.get("/logs").0, 200);
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn warning_costs_no_rows() {
    let mut store = TestStore::new(100);
    store.append(numbered(100));
    let root = store.path();
    let mut query = vmlog(&[
        "query", "-o", "cat", "--around", "999", "-n", "1", "--store",
    ]);
    assert_eq!(
        without_standard_error(query.arg(&root)),
        (Some(0), "line 100\n".to_owned())
    );
}

#[test]
fn captured_command_runs_although_its_output_cannot_be_kept() {
    let mut exec = vmlog(&["exec", "echo", "it ran"]);
    exec.env("LOG_STORE_MAX_BYTES", "none");
    let (code, _, error) = outcome(&exec.output().unwrap());
    assert_eq!(code, Some(0));
    assert!(
        error.starts_with("vmlog: output is not captured: "),
        "{error}"
    );
    assert_eq!(
        without_standard_error(&mut exec),
        (Some(0), "it ran\n".to_owned())
    );
}

#[test]
fn failures_keep_their_exit_codes() {
    let code = |arguments: &[&str]| without_standard_error(&mut vmlog(arguments)).0;
    assert_eq!(code(&["--no-such-flag"]), Some(2));
    assert_eq!(code(&["query", "--store", "/nonexistent"]), Some(1));
    assert_eq!(code(&["exec", "/nonexistent"]), Some(127));
}
