//! The command line as a whole: help, exit codes, completions, manual pages.

mod closed_output;
pub(crate) mod doctor;
mod event;
mod evidence;
pub(crate) mod exec;
mod exec_lines;
pub(crate) mod info;
pub(crate) mod mcp;
pub(crate) mod problems;
pub(crate) mod query;
mod readme;
pub(crate) mod serve;
mod shells;
pub(crate) mod store;

use crate::support::program::{outcome, vmlog};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Every command line that has its own help.
const COMMANDS: [&str; 39] = [
    "",
    "serve",
    "gateway",
    "gateway token",
    "gateway revoke",
    "open",
    "status",
    "problems",
    "query",
    "tail",
    "sources",
    "patterns",
    "fields",
    "boots",
    "compare",
    "runs",
    "run",
    "export",
    "event",
    "mcp",
    "evidence",
    "import",
    "inspect",
    "verify",
    "repair",
    "compact",
    "snapshot",
    "snapshot create",
    "snapshot list",
    "snapshot restore",
    "snapshot fork",
    "snapshot delete",
    "exec",
    "pipe",
    "redact",
    "journal",
    "doctor",
    "version",
    "completions",
];
/// The agreed texts.
const GOLDEN: &str = "tests/suite/command/help.txt";

fn words(command: &str) -> Vec<&str> {
    command.split_whitespace().collect()
}

fn help(command: &str) -> String {
    let mut arguments = words(command);
    arguments.push("--help");
    let (code, out, error) = outcome(&vmlog(&arguments).output().unwrap());
    assert_eq!((code, error.as_str()), (Some(0), ""), "{command}");
    out
}

/// Changes of help texts are reviewed: `VMLOG_WRITE_HELP=1` writes the file again.
#[test]
fn help_is_unchanged_since_the_last_review() {
    let mut all = String::new();
    for command in COMMANDS.into_iter().chain(["man"]) {
        let text = help(command);
        // The settings have a table and tests of their own.
        let text = match text.split_once("\nOptions:\n") {
            Some((before, _)) if matches!(command, "serve" | "gateway") => before,
            _ => text.as_str(),
        };
        let name = format!("vmlog {command}");
        all.push_str(&format!(
            "$ {} --help\n{}\n",
            name.trim_end(),
            text.trim_end()
        ));
        all.push('\n');
    }
    if std::env::var_os("VMLOG_WRITE_HELP").is_some() {
        fs::write(GOLDEN, &all).unwrap();
    }
    let golden = fs::read_to_string(GOLDEN).unwrap();
    for (line, (found, expected)) in all.lines().zip(golden.lines()).enumerate() {
        assert_eq!(
            found,
            expected,
            "{GOLDEN}:{}: VMLOG_WRITE_HELP=1 writes it again",
            line + 1
        );
    }
    assert_eq!(
        all.lines().count(),
        golden.lines().count(),
        "{GOLDEN}: VMLOG_WRITE_HELP=1 writes it again"
    );
}

#[test]
fn every_subcommand_conforms_to_its_help() {
    let listed = help("");
    let listed: Vec<&str> = listed
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| line.starts_with("  "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    let known: Vec<&str> = COMMANDS
        .into_iter()
        .chain(["man"])
        .filter(|name| !name.is_empty() && !name.contains(' '))
        .collect();
    assert_eq!(listed, known, "a subcommand is missing in this test");
    for name in listed {
        let text = help(name);
        assert!(
            text.contains("Exit codes: "),
            "{name}: help without exit codes"
        );
        assert!(text.contains("Example"), "{name}: help without an example");
    }
}

#[test]
fn invalid_arguments_exit_with_2_and_refer_to_the_help() {
    for command in COMMANDS {
        let mut arguments = words(command);
        if command == "compare" {
            // A window may begin with a hyphen.
            arguments.extend(["boot:-1", "boot:0"]);
        }
        arguments.push("--no-such-flag");
        let (code, out, error) = outcome(&vmlog(&arguments).output().unwrap());
        assert_eq!((code, out.as_str()), (Some(2), ""), "{command}: {error}");
        assert!(error.contains("--no-such-flag"), "{command}: {error}");
    }
    let (code, _, error) = outcome(&vmlog(&["quary"]).output().unwrap());
    assert_eq!(code, Some(2));
    assert!(error.contains("'query'"), "the nearest is named: {error}");
    let (code, _, error) = outcome(&vmlog(&["completions", "cmd"]).output().unwrap());
    assert_eq!(code, Some(2));
    assert!(
        error.contains("bash, elvish, fish, powershell, zsh"),
        "{error}"
    );
}

#[test]
fn completions_contain_every_subcommand() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let (code, out, error) = outcome(&vmlog(&["completions", shell]).output().unwrap());
        assert_eq!((code, error.as_str()), (Some(0), ""), "{shell}");
        for command in COMMANDS {
            for word in words(command) {
                assert!(out.contains(word), "{shell}: {word} is missing");
            }
        }
    }
}

#[test]
fn bash_completes_a_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let (_, script, _) = outcome(&vmlog(&["completions", "bash"]).output().unwrap());
    let path = folder.path().join("vmlog");
    fs::write(&path, script).unwrap();
    let complete = |line: &[&str]| {
        let ask = "source \"$0\"; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); \
                   _vmlog vmlog \"${COMP_WORDS[COMP_CWORD]}\" \"${COMP_WORDS[COMP_CWORD-1]}\"; echo \"${COMPREPLY[*]}\"";
        let output = Command::new("bash")
            .args(["--norc", "-c", ask])
            .arg(&path)
            .args(line)
            .output()
            .unwrap();
        let (code, out, error) = outcome(&output);
        assert_eq!((code, error.as_str()), (Some(0), ""));
        out.trim().to_owned()
    };
    assert_eq!(complete(&["vmlog", "qu"]), "query");
    assert_eq!(complete(&["vmlog", "snapshot", "fo"]), "fork");
    assert_eq!(complete(&["vmlog", "query", "--histo"]), "--histogram");
    assert_eq!(complete(&["vmlog", "completions", "z"]), "zsh");
}

#[test]
fn every_subcommand_has_a_manual_page() {
    let folder = tempfile::tempdir().unwrap();
    let into = |folder: &Path| outcome(&vmlog(&["man", "--into"]).arg(folder).output().unwrap());
    assert_eq!(into(folder.path()), (Some(0), String::new(), String::new()));
    for command in COMMANDS {
        let name = format!("vmlog {command}").trim_end().replace(' ', "-");
        let page = fs::read_to_string(folder.path().join(format!("{name}.1"))).unwrap();
        assert!(page.contains(&format!(".TH {name} 1")), "{name}");
        for section in [".SH NAME", ".SH SYNOPSIS", ".SH OPTIONS"] {
            assert!(page.contains(section), "{name}: no {section}");
        }
        assert!(
            command.is_empty() || page.contains("Exit codes"),
            "{name}: no exit codes"
        );
    }
    let (code, out, error) = into(&folder.path().join("nowhere"));
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(
        error.ends_with("; name an existing, writable folder\n"),
        "{error}"
    );
    assert_eq!(error.lines().count(), 1, "{error}");
    let (code, page, _) = outcome(&vmlog(&["man"]).output().unwrap());
    assert_eq!(code, Some(0));
    assert_eq!(
        page,
        fs::read_to_string(folder.path().join("vmlog.1")).unwrap()
    );
}
