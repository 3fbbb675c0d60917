//! The commands of the README work in an empty folder, beside a server, as they are pasted.

use crate::support::program::{Place, outcome, vmlog};
use std::path::Path;
use std::process::Command;

/// The lines of the README that begin with `$ ` and this word.
fn commands(word: &str) -> Vec<String> {
    let readme = std::fs::read_to_string("README.md").unwrap();
    readme
        .lines()
        .filter_map(|line| line.strip_prefix("$ "))
        .filter(|line| line.split(' ').next() == Some(word))
        .map(str::to_owned)
        .collect()
}

/// `sh -c` in a folder, with the environment of `vmlog` and the program in the path.
fn shell(line: &str, place: &Place, address: &str, folder: &Path) -> Command {
    let program = Path::new(env!("CARGO_BIN_EXE_vmlog"));
    let inherited = std::env::var("PATH").unwrap_or_default();
    let line = line
        .replace("/var/lib/vmlog", place.data().to_str().unwrap())
        .replace("127.0.0.1:8687", address);
    let mut command = vmlog(&[]);
    let envs: Vec<_> = command
        .get_envs()
        .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
        .collect();
    command = Command::new("sh");
    command.args(["-c", &line]).env_clear().envs(envs);
    command
        .env("LOG_DATA_DIR", place.data())
        .env("LOG_LISTEN", address)
        .env(
            "PATH",
            format!("{}:{inherited}", program.parent().unwrap().display()),
        )
        .current_dir(folder);
    command
}

#[test]
fn commands_of_the_readme_work_as_they_are_pasted() {
    let place = Place::new();
    std::fs::copy(
        "tests/fixtures/journal/none-compact-keyed.journal",
        place.journal().join("system.journal"),
    )
    .unwrap();
    let server = place.serve();
    server.wait_for("", 1);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("post-create.sh"),
        "echo installing\necho 'npm error code ERESOLVE' >&2\n",
    )
    .unwrap();
    std::fs::write(folder.path().join("app.log"), "password=hunter22\n").unwrap();
    let all: Vec<String> = ["vmlog", "curl"].into_iter().flat_map(commands).collect();
    assert!(all.len() >= 6, "{all:?}");
    for line in all {
        let mut command = shell(&line, &place, &server.address, folder.path());
        let (code, out, error) = outcome(&command.output().unwrap());
        assert_eq!(code, Some(0), "{line}: {out}{error}");
        let is_quiet = line.contains("vmlog query") || line.contains("curl");
        assert!(is_quiet || !(out.is_empty() && error.is_empty()), "{line}");
        assert!(!out.contains("hunter22"), "{line}: {out}");
    }
}
