//! Completions of shells, with candidates from the log, tried in the shells themselves.

use super::info::{FIRST, on, store};
use super::query::printed;
use crate::support::program::{outcome, vmlog};
use crate::support::stores::TestStore;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

#[test]
fn candidates_for_shells_come_from_the_log() {
    let store = store();
    let candidates = |words: &[&str]| printed(on(&store, &["complete"]).args(words));
    assert_eq!(
        candidates(&["sources", "d"]),
        "devcontainer:\ndevcontainer:web\ndocker:\ndocker:web\n"
    );
    assert_eq!(
        candidates(&["sources", "-docker:"]),
        "-docker:\n-docker:web\n"
    );
    assert_eq!(candidates(&["units"]), "ssh\n");
    assert_eq!(candidates(&["runs", "01kj5p4zhs"]), format!("{FIRST}\n"));
    assert_eq!(candidates(&["fields", "exit"]), "exit_code=\n");
    assert_eq!(
        candidates(&["fields", "exit_code="]),
        "exit_code=0\nexit_code=1\n"
    );
    assert_eq!(candidates(&["keys", "exit"]), "exit_code\n");
    assert_eq!(
        candidates(&["levels", "error,w"]),
        "error,warn\n",
        "the last of a list"
    );
    assert_eq!(candidates(&["boots"]), "-1\n0\nall\n");
    assert_eq!(candidates(&["windows", "boot:"]), "boot:-1\nboot:0\n");
    assert_eq!(
        candidates(&["windows", "run:01kj5p4zhs"]),
        format!("run:{FIRST}\n")
    );
    assert_eq!(candidates(&["expressions", "exit"]), "exit_code:\n");
    assert_eq!(
        candidates(&["expressions", "-exit_code:"]),
        "-exit_code:0\n-exit_code:1\n"
    );
    assert_eq!(
        candidates(&["expressions", "source:dock"]),
        "source:docker:*\nsource:docker:web\n"
    );
    assert_eq!(candidates(&["expressions", "level:w"]), "level:warn\n");
    assert_eq!(
        candidates(&["expressions", "command:"]),
        "",
        "a value with a blank needs quotes"
    );
    let nowhere = outcome(
        &vmlog(&["complete", "sources", "--store", "/nowhere"])
            .output()
            .unwrap(),
    );
    assert_eq!(nowhere, (Some(0), String::new(), String::new()));
}

/// A folder with a program `vmlog` for scripts of shells to call: this one, with the test's store.
struct ShellFolder {
    folder: TempDir,
    _store: TestStore,
}

impl ShellFolder {
    fn new() -> Self {
        let (folder, store) = (tempfile::tempdir().unwrap(), store());
        let program = folder.path().join("vmlog");
        let text = format!(
            "#!/bin/sh\nexec {} \"$@\" --store {}\n",
            env!("CARGO_BIN_EXE_vmlog"),
            store.path().display()
        );
        fs::write(&program, text).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(&program, mode).unwrap();
        Self {
            folder,
            _store: store,
        }
    }

    /// Writes the completions of a shell.
    fn script(&self, shell: &str, name: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        let script = printed(&mut vmlog(&["completions", shell]));
        fs::write(&path, script).unwrap();
        path
    }

    /// What a shell prints that finds our program.
    fn printed(&self, shell: &mut Command) -> String {
        let search = format!(
            "{}:{}",
            self.folder.path().display(),
            std::env::var("PATH").unwrap()
        );
        printed(shell.env("PATH", search)).trim().to_owned()
    }
}

#[test]
fn bash_completes_from_the_log() {
    let folder = ShellFolder::new();
    let script = folder.script("bash", "vmlog.bash");
    let complete = |line: &str| {
        let ask = "source \"$0\"; COMP_LINE=$1; COMP_POINT=${#1}; read -ra COMP_WORDS <<<\"$1\"; \
                   [[ $1 = *' ' ]] && COMP_WORDS+=(''); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); compopt() { :; }; \
                   _vmlog_with_log vmlog \"${COMP_WORDS[COMP_CWORD]}\" \"${COMP_WORDS[COMP_CWORD-1]}\"; echo \"${COMPREPLY[*]}\"";
        let mut bash = Command::new("bash");
        folder.printed(bash.args(["--norc", "-c", ask]).arg(&script).arg(line))
    };
    // bash takes what is before a colon or an equals sign for another word
    assert_eq!(complete("vmlog query -s dock"), "docker: docker:web");
    assert_eq!(complete("vmlog query -s docker:w"), "web");
    assert_eq!(complete("vmlog query -w exit_code="), "0 1");
    assert_eq!(complete("vmlog run 01kj5p4zhs"), FIRST);
    assert_eq!(complete("vmlog query --histo"), "--histogram");
    assert_eq!(complete("vmlog query --level w"), "warn");
    assert_eq!(complete("vmlog query --levels error,w"), "error,warn");
    assert_eq!(complete("vmlog query -b "), "-1 0 all");
    assert_eq!(complete("vmlog query source:docker:"), "* web");
    assert_eq!(complete("vmlog query -n 5 exit"), "exit_code:");
    assert_eq!(complete("vmlog fields exit"), "exit_code");
    assert_eq!(complete("vmlog compare boot:-1 boot:"), "-1 0");
}

#[test]
fn fish_completes_from_the_log() {
    let folder = ShellFolder::new();
    let script = folder.script("fish", "vmlog.fish");
    let complete = |line: &str| {
        let ask = format!("source {}; complete -C '{line}'", script.display());
        let mut fish = Command::new("fish");
        // Its own settings and history are no part of this.
        fish.env("HOME", folder.folder.path());
        let found = folder.printed(fish.args(["--no-config", "-c", &ask]));
        let words = found.lines().map(|line| line.split('\t').next().unwrap());
        words.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(complete("vmlog query -s dock"), "docker: docker:web");
    assert_eq!(
        complete("vmlog query --source=docker:w"),
        "--source=docker:web"
    );
    assert_eq!(
        complete("vmlog query -w exit_code="),
        "exit_code=0 exit_code=1"
    );
    assert_eq!(complete("vmlog run 01kj5p4zhs"), FIRST);
    assert_eq!(complete("vmlog query --histo"), "--histogram");
    assert_eq!(complete("vmlog query --level w"), "warn");
    assert_eq!(complete("vmlog query -b "), "0 all -1");
    assert_eq!(
        complete("vmlog query source:docker:"),
        "source:docker:* source:docker:web"
    );
    assert_eq!(complete("vmlog fields exit"), "exit_code");
    assert_eq!(complete("vmlog compare boot:-1 boot:"), "boot:0 boot:-1");
}

/// zsh completes only at a terminal: it has a module that makes one.
#[test]
fn zsh_completes_from_the_log() {
    let folder = ShellFolder::new();
    folder.script("zsh", "_vmlog");
    let complete = |line: &str, shown: &str| {
        let ask = r#"
            zmodload zsh/zpty
            zpty z zsh -f -i
            zpty -w z "PS1= PS2= fpath=($1 \$fpath); autoload -Uz compinit; compinit -u -D; LISTMAX=1000; print RE""ADY"
            zpty -r z out '*READY*'
            zpty -w -n z "$2"$'\t\t'
            zpty -r z out "*$3*"
            print -r -- "${out//[^[:print:]]/ }"
            zpty -d z
        "#;
        let mut zsh = Command::new("timeout");
        zsh.args(["60", "zsh", "-f", "-c", ask, "zsh"])
            .arg(folder.folder.path())
            .args([line, shown]);
        let found = folder.printed(&mut zsh);
        assert!(found.contains(shown), "{line}: {found}");
    };
    complete("vmlog query -s docker:w", "docker:web");
    complete("vmlog query -w exit_code=", "exit_code=1");
    complete("vmlog run 01kj5p4zhs", FIRST);
    complete("vmlog query --level w", "warn");
    complete("vmlog query -b ", "all");
    complete("vmlog query source:docker:w", "source:docker:web");
    complete("vmlog fields exit", "exit_code");
    complete("vmlog compare boot:-1 boot:", "boot:0");
}
