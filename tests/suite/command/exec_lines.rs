//! `vmlog exec --json`, `--events-fd` and `--capture`: output for programs, and output that is not recorded.

use crate::support::program::{outcome, vmlog};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};

fn exec(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    outcome(&command(folder, arguments).output().unwrap())
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = vmlog(&["exec", "--dir"]);
    command.arg(folder).args(arguments).env("HOME", folder);
    command
}

fn parsed(lines: &str) -> Vec<Value> {
    let lines = lines.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
        .collect()
}

fn messages<'a>(lines: &'a [Value], stream: &str) -> Vec<&'a str> {
    let lines = lines.iter().filter(|line| line["stream"] == stream);
    lines
        .map(|line| line["message"].as_str().unwrap())
        .collect()
}

/// Everything that was recorded of all runs, and the error reports.
fn recorded(folder: &Path) -> String {
    let files = fs::read_dir(folder).unwrap();
    let files = files.map(|file| file.unwrap().path());
    files
        .filter(|path| {
            path.extension()
                .is_some_and(|end| end == "log" || end == "txt")
        })
        .map(|path| fs::read_to_string(path).unwrap())
        .collect()
}

#[test]
fn json_has_a_line_for_each_line_and_one_for_the_result() {
    let folder = tempfile::tempdir().unwrap();
    let script = "printf 'one\\r\\n\\npassword=hunter22hunter22\\nrest'; printf err >&2; exit 3";
    let (code, out, error) = exec(folder.path(), &["--json", "sh", "-c", script]);
    assert_eq!((code, error.as_str()), (Some(3), ""));
    let lines = parsed(&out);
    assert_eq!(messages(&lines, "stderr"), ["err"]);
    let stdout = messages(&lines, "stdout");
    assert_eq!(stdout[..2], ["one", ""]);
    assert_eq!((stdout[3], stdout.len()), ("rest", 4));
    let is_incomplete = |message: &str| {
        let line = lines.iter().find(|line| line["message"] == message);
        line.unwrap()["line_incomplete"] == true
    };
    assert_eq!((is_incomplete("one"), is_incomplete("rest")), (false, true));
    let recorded = recorded(folder.path());
    assert!(
        !out.contains("hunter22") && !recorded.contains("hunter22"),
        "{out}"
    );
    let redacted = serde_json::to_string(stdout[2]).unwrap();
    assert!(
        recorded.contains(redacted.trim_matches('"')),
        "as in the log: {recorded}"
    );
    let result = &lines.last().unwrap()["result"];
    assert_eq!(
        (&result["success"], &result["exit_code"]),
        (&json!(false), &json!(3))
    );
    let run_id = result["run_id"].as_str().unwrap();
    assert!(recorded.contains(run_id));
}

#[test]
fn lines_of_both_streams_keep_their_order() {
    let folder = tempfile::tempdir().unwrap();
    // A pause between lines of different streams: they are read by two threads.
    let script = "for i in 1 2 3 4; do echo out $i; sleep 0.1; echo err $i >&2; sleep 0.1; done";
    let (_, out, _) = exec(folder.path(), &["--json", "sh", "-c", script]);
    let lines = parsed(&out);
    let logs = lines.iter().filter(|line| line["type"] == "log");
    let found: Vec<_> = logs.map(|line| line["message"].as_str().unwrap()).collect();
    let expected: Vec<_> = (1..5)
        .flat_map(|i| [format!("out {i}"), format!("err {i}")])
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn the_result_says_how_a_command_ended() {
    let folder = tempfile::tempdir().unwrap();
    let result = |arguments: &[&str]| {
        let (code, out, _) = exec(folder.path(), &[&["--json"], arguments].concat());
        (code, parsed(&out).pop().unwrap()["result"].clone())
    };
    let (code, killed) = result(&["sh", "-c", "echo started; kill -9 $$"]);
    assert_eq!((code, &killed["signal"]), (Some(137), &json!("SIGKILL")));
    assert_eq!(
        (&killed["exit_code"], &killed["success"]),
        (&Value::Null, &json!(false))
    );
    let (code, missing) = result(&["no-such-command-anywhere"]);
    assert_eq!(
        (code, &missing["failure"]),
        (Some(127), &json!("command not found"))
    );
    let (code, good) = result(&["true"]);
    assert_eq!((code, &good["success"]), (Some(0), &json!(true)));
}

#[test]
fn all_of_a_long_output_arrives_at_a_slow_reader() {
    let folder = tempfile::tempdir().unwrap();
    let script = "seq 200000; head -c 3000000 /dev/zero | tr '\\0' x";
    let mut command = command(folder.path(), &["--json", "sh", "-c", script]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    reader.read_line(&mut first).unwrap();
    // The command has to wait: more than the queue and the pipe hold is written meanwhile.
    std::thread::sleep(std::time::Duration::from_millis(500));
    let mut rest = String::new();
    reader.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let lines = parsed(&(first + &rest));
    assert!(lines.iter().all(|line| line["type"] != "gap"));
    let stdout = messages(&lines, "stdout");
    let numbers: Vec<_> = (1..=200_000).map(|n: u32| n.to_string()).collect();
    assert_eq!(stdout[..200_000], numbers);
    let long = stdout[200_000..].concat();
    assert_eq!(long.len(), 3_000_000, "a long line comes in parts");
}

#[test]
fn a_reader_that_goes_away_ends_the_output_as_a_pipe_would() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = command(
        folder.path(),
        &["--json", "sh", "-c", "echo first; exec yes"],
    );
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    reader.read_line(&mut line).unwrap();
    drop(reader);
    assert_eq!(child.wait().unwrap().code(), Some(128 + 13), "SIGPIPE");
    assert!(recorded(folder.path()).contains("\"process_end\""));
}

/// Runs `vmlog exec ARGUMENTS` in a shell, so that a redirection can open descriptor 3.
fn exec_in_shell(
    folder: &Path,
    redirection: &str,
    arguments: &[&str],
) -> (Option<i32>, String, String) {
    let script = format!("\"$0\" \"$@\" {redirection}");
    let mut shell = Command::new("bash");
    shell.args(["-c", &script, env!("CARGO_BIN_EXE_vmlog"), "exec", "--dir"]);
    shell.arg(folder).args(arguments).current_dir(folder);
    outcome(&shell.env("HOME", folder).output().unwrap())
}

#[test]
fn events_go_to_a_descriptor_besides_the_output() {
    let folder = tempfile::tempdir().unwrap();
    let events = folder.path().join("events.json");
    fs::write(&events, "before\n").unwrap();
    let arguments = [
        "--events-fd",
        "3",
        "sh",
        "-c",
        "echo out; echo token=hunter22hunter22 >&2; exit 4",
    ];
    let (code, out, error) = exec_in_shell(folder.path(), "3>>events.json", &arguments);
    assert_eq!(
        (code, out.as_str(), error.as_str()),
        (Some(4), "out\n", "token=hunter22hunter22\n")
    );
    let text = fs::read_to_string(&events).unwrap();
    let lines = parsed(text.strip_prefix("before\n").unwrap());
    assert_eq!(messages(&lines, "stdout"), ["out"]);
    assert!(
        !text.contains("hunter22") && messages(&lines, "stderr").len() == 1,
        "{text}"
    );
    assert_eq!(lines.last().unwrap()["result"]["exit_code"], 4);
}

#[test]
fn the_command_does_not_wait_for_the_reader_of_events() {
    let folder = tempfile::tempdir().unwrap();
    // The reader begins when the command has ended; the queue and the pipe hold less than the output.
    let script = "seq -f 'a line of output with the number %.0f' 60000; touch written";
    let reader = "3> >(until test -e written; do sleep 0.05; done; cat > events.json; touch read) > /dev/null; \
                  until test -e read; do sleep 0.05; done";
    let arguments = ["--events-fd", "3", "sh", "-c", script];
    let (code, _, error) = exec_in_shell(folder.path(), reader, &arguments);
    assert_eq!((code, error.as_str()), (Some(0), ""));
    let lines = parsed(&fs::read_to_string(folder.path().join("events.json")).unwrap());
    let gaps = lines.iter().filter(|line| line["type"] == "gap");
    let missing: u64 = gaps.map(|gap| gap["lines"].as_u64().unwrap()).sum();
    assert!(missing > 0, "the reader was too slow");
    assert_eq!(messages(&lines, "stdout").len() as u64 + missing, 60_000);
    assert_eq!(lines.last().unwrap()["result"]["success"], true);
    let recorded = recorded(folder.path());
    assert!(recorded.contains("number 1\\n") && recorded.contains("\"lines\":60000"));
}

#[test]
fn a_reader_of_events_that_goes_away_does_not_affect_the_command() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = [
        "--events-fd",
        "3",
        "sh",
        "-c",
        "until test -e gone; do sleep 0.01; done; seq 1000; exit 5",
    ];
    let (code, out, _) = exec_in_shell(
        folder.path(),
        "3> >(sleep 0.3; exec 0<&-; touch gone)",
        &arguments,
    );
    assert_eq!((code, out.lines().count()), (Some(5), 1000));
}

#[test]
fn a_descriptor_that_is_not_open_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let (code, out, error) = exec(folder.path(), &["--events-fd", "99", "echo", "out"]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(
        error.contains("--events-fd 99: cannot write to this file descriptor: No such file"),
        "{error}"
    );
}

#[test]
fn only_the_wanted_streams_are_recorded_and_all_are_passed_on() {
    let script = "echo to-out-$((1+1)); echo to-err-$((1+1)) >&2; exit 1";
    for (which, has_out, has_err) in [
        ("both", true, true),
        ("stdout", true, false),
        ("stderr", false, true),
        ("none", false, false),
    ] {
        for json in [&[][..], &["--json"]] {
            let folder = tempfile::tempdir().unwrap();
            let arguments = ["--capture", which, "sh", "-c", script];
            let (code, out, error) = exec(folder.path(), &[json, &arguments].concat());
            assert_eq!(code, Some(1), "{error}");
            let passed_on = format!("{out}{error}");
            assert!(
                passed_on.contains("to-out-2") && passed_on.contains("to-err-2"),
                "{which}: {passed_on}"
            );
            // Neither the log nor the error report has lines of the other stream.
            let recorded = recorded(folder.path());
            let found = (recorded.contains("to-out-2"), recorded.contains("to-err-2"));
            assert_eq!(found, (has_out, has_err), "{which} {json:?}: {recorded}");
            let captured = recorded.contains(&format!("\"captured\":\"{which}\""));
            assert_eq!(captured, which != "both", "{recorded}");
        }
    }
}

#[test]
fn a_setting_excludes_output_of_every_command() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [&["exec"][..], &["exec", "--pty"], &["pipe"]] {
        let mut command = vmlog(&[arguments, &["--dir"]].concat());
        command.arg(folder.path()).env("HOME", folder.path());
        if arguments[0] == "exec" {
            command.args(["sh", "-c", "echo to-out-$((1+1))"]);
        } else {
            fs::write(folder.path().join("input"), "to-out-2\n").unwrap();
            command.stdin(fs::File::open(folder.path().join("input")).unwrap());
        }
        let (code, out, error) =
            outcome(&command.env("LOG_CAPTURE_STREAMS", "none").output().unwrap());
        assert_eq!((code, error.as_str()), (Some(0), ""), "{arguments:?}");
        assert_eq!(out.trim_end(), "to-out-2", "{arguments:?}");
    }
    let recorded = recorded(folder.path());
    assert_eq!(recorded.matches("\"process_end\"").count(), 3, "{recorded}");
    assert!(!recorded.contains("to-out-2"), "{recorded}");
}

#[test]
fn nothing_is_shown_if_the_redaction_rules_are_not_valid() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = command(
        folder.path(),
        &["--json", "sh", "-c", "echo secret; exit 6"],
    );
    let (code, out, _) = outcome(&command.env("LOG_REDACT_PATTERNS", "(").output().unwrap());
    assert_eq!(code, Some(6));
    let lines = parsed(&out);
    assert_eq!(
        lines[0],
        json!({"type": "gap", "lines": 1, "bytes": 7, "reason": "not_redacted"})
    );
    assert_eq!(lines[1]["result"]["exit_code"], 6);
    assert_eq!(lines.len(), 2);
}
