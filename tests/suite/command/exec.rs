//! Captured commands from end to end: `vmlog exec` and `vmlog pipe` write, the collector of the folder reads.

use base64::Engine;
use serde_json::Value;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use vmlog::collect::{Batch, CaptureCollector, CaptureOptions, Collector};
use vmlog::record::{Level, Positions, Record};

/// A capture folder and the records collected from it.
struct Captures {
    dir: tempfile::TempDir,
    positions: Positions,
}

impl Captures {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            positions: Positions::new(),
        }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("capture")
    }

    fn vmlog(&self, arguments: &[&str]) -> Command {
        // Signals that this process ignores, as under nohup or in the background of a script, would also be ignored
        // in the child.
        let mut command = Command::new("env");
        command.arg("--default-signal");
        command.arg(env!("CARGO_BIN_EXE_vmlog"));
        command.args(arguments).env("LOG_CAPTURE_DIR", self.path());
        command
    }

    fn exec(&self, words: &[&str]) -> Output {
        let mut command = self.vmlog(&["exec", "--"]);
        command.args(words).output().unwrap()
    }

    fn sh(&self, script: &str) -> Output {
        self.exec(&["sh", "-c", script])
    }

    fn options(&self) -> CaptureOptions {
        CaptureOptions::new(self.path())
    }

    /// The records that a new collector reads.
    fn collect(&mut self) -> Vec<Record> {
        self.collect_with(&self.options())
    }

    fn collect_with(&mut self, options: &CaptureOptions) -> Vec<Record> {
        let mut collector = CaptureCollector::open(options.clone(), &self.positions);
        let mut records = Vec::new();
        loop {
            let batch = read(&mut collector);
            if batch.records.is_empty() && batch.positions.is_empty() {
                return records;
            }
            assert!(batch.records.len() <= Batch::RECORDS_MAX);
            commit(&mut self.positions, &batch);
            records.extend(batch.records);
        }
    }
}

fn read(collector: &mut CaptureCollector) -> Batch {
    let mut batch = Batch::default();
    collector.read(&mut batch).unwrap();
    batch
}

fn commit(positions: &mut Positions, batch: &Batch) {
    for position in &batch.positions {
        match &position.value {
            Some(value) => drop(positions.insert(position.origin.clone(), value.clone())),
            None => drop(positions.remove(&position.origin)),
        }
    }
}

fn field<'a>(record: &'a Record, name: &str) -> &'a Value {
    record.metadata.get(name).unwrap_or(&Value::Null)
}

fn of_type<'a>(records: &'a [Record], event_type: &str) -> Vec<&'a Record> {
    records
        .iter()
        .filter(|record| field(record, "event_type") == event_type)
        .collect()
}

fn lines<'a>(records: &'a [Record], stream: &str) -> Vec<&'a str> {
    let output = of_type(records, "process_output");
    let of_stream = output
        .into_iter()
        .filter(|record| field(record, "stream") == stream);
    of_stream.map(|record| record.message.as_str()).collect()
}

fn wait_until(mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "it takes too long"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn process_is_there(pid: u64) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

#[test]
fn a_failing_step_is_reported_with_its_last_lines_and_category() {
    let mut captures = Captures::new();
    let script = "echo one; echo; printf 'two\\r\\n'; echo 'WARN odd' >&2; \
                  echo 'Error: listen EADDRINUSE: address already in use :::3000' >&2; printf unfinished; exit 3";
    let mut command = captures.vmlog(&[
        "exec",
        "--source",
        "devcontainer:ws1",
        "--name",
        "postCreateCommand",
        "--",
        "sh",
        "-c",
        script,
    ]);
    let output = command.current_dir("/").output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(output.stdout, b"one\n\ntwo\r\nunfinished");
    assert!(output.stderr.starts_with(b"WARN odd\nError: listen"));

    let records = captures.collect();
    assert!(
        records
            .iter()
            .all(|record| record.source.as_str() == "devcontainer:ws1")
    );
    let run_id = field(&records[0], "run_id");
    assert!(
        records
            .iter()
            .all(|record| field(record, "run_id") == run_id && field(record, "pid").is_u64())
    );
    let start = &records[0];
    assert_eq!(
        (field(start, "event_type"), start.level),
        (&"process_start".into(), Level::Info)
    );
    assert_eq!(field(start, "cwd"), "/");
    assert_eq!(field(start, "name"), "postCreateCommand");
    assert!(
        field(start, "command")
            .as_str()
            .unwrap()
            .starts_with("sh -c 'echo one;")
    );
    assert_eq!(lines(&records, "stdout"), ["one", "", "two", "unfinished"]);
    assert_eq!(lines(&records, "stderr")[0], "WARN odd");
    let error = of_type(&records, "process_output")
        .into_iter()
        .find(|record| record.message.contains("EADDR"))
        .unwrap();
    assert_eq!(error.level, Level::Error, "the line says so");

    let end = records.last().unwrap();
    assert_eq!(
        (field(end, "event_type"), end.level),
        (&"process_end".into(), Level::Error)
    );
    assert_eq!(field(end, "exit_code"), 3);
    assert_eq!(field(end, "success"), false);
    assert_eq!(field(end, "error_category"), "port_conflict");
    assert_eq!(
        (field(end, "stdout_lines"), field(end, "stdout_bytes")),
        (&4.into(), &20.into())
    );
    let report = captures
        .path()
        .join(field(end, "error_report").as_str().unwrap());
    let report = fs::read_to_string(report).unwrap();
    assert!(
        report.contains("Exit: exit code 3\nCategory: port_conflict\n"),
        "{report}"
    );
    assert!(report.contains("\none\n\ntwo\nunfinished\n"), "{report}");

    assert_eq!(captures.collect(), [], "each line once");
}

#[test]
fn exit_codes_are_those_of_a_shell() {
    let mut captures = Captures::new();
    assert_eq!(captures.exec(&["true"]).status.code(), Some(0));
    assert_eq!(captures.sh("exit 255").status.code(), Some(255));
    assert_eq!(captures.sh("kill -SEGV $$").status.code(), Some(128 + 11));
    let missing = captures.exec(&["no-such-command-here"]);
    assert_eq!(missing.status.code(), Some(127));
    assert_eq!(
        missing.stderr,
        b"vmlog: no-such-command-here: command not found\n"
    );
    assert_eq!(captures.exec(&["/etc/passwd"]).status.code(), Some(126));
    let script = captures.dir.path().join("script");
    fs::write(&script, "echo \"$1\"; exit 4\n").unwrap();
    let path = script.to_str().unwrap();
    assert_eq!(
        Command::new("chmod")
            .args(["+x", path])
            .status()
            .unwrap()
            .code(),
        Some(0)
    );
    let output = captures.exec(&[path, "argument"]);
    assert_eq!(
        (output.status.code(), output.stdout),
        (Some(4), b"argument\n".to_vec()),
        "a script without #!"
    );

    let records = captures.collect();
    let ends = of_type(&records, "process_end");
    let told: Vec<_> = ends
        .iter()
        .map(|end| {
            (
                field(end, "exit_code").clone(),
                field(end, "signal").clone(),
                field(end, "error_category").clone(),
            )
        })
        .collect();
    let null = Value::Null;
    assert_eq!(
        told,
        [
            (0.into(), null.clone(), null.clone()),
            (255.into(), null.clone(), "unknown".into()),
            (null.clone(), "SIGSEGV".into(), "process_crash".into()),
            (127.into(), null.clone(), "dependency".into()),
            (126.into(), null.clone(), "permission".into()),
            (4.into(), null, "unknown".into()),
        ]
    );
}

#[test]
fn a_command_cannot_take_the_name_of_another_collector() {
    let captures = Captures::new();
    let output = captures
        .vmlog(&["exec", "--source", "system:ssh", "--", "true"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("source of another collector")
    );
}

#[test]
fn the_command_gets_the_input() {
    let captures = Captures::new();
    let mut child = captures
        .vmlog(&["exec", "--", "tr", "a-z", "A-Z"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"hello").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        (output.status.code(), output.stdout),
        (Some(0), b"HELLO".to_vec())
    );
}

#[test]
fn secrets_never_reach_the_disk() {
    let mut captures = Captures::new();
    let output = captures.sh("printf 'password=hunter2'; sleep 0.05; echo hunter3; echo 'x \\377 token=hunter2hunter2' >&2; exit 1");
    assert!(
        output.stdout.ends_with(b"hunter2hunter3\n"),
        "what passes is not touched"
    );
    for file in fs::read_dir(captures.path()).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(
            !text.contains("hunter2hunter") && !text.contains("aHVudGVyM"),
            "{text}"
        );
    }
    let records = captures.collect();
    let output = of_type(&records, "process_output");
    assert_eq!(output.len(), 2);
    assert!(!format!("{output:?}").contains("hunter3"));
}

#[test]
fn commands_side_by_side_do_not_mix() {
    let mut captures = Captures::new();
    let script =
        |name: &str| format!("i=0; while [ $i -lt 300 ]; do echo {name} $i; i=$((i+1)); done");
    let names = ["red", "green", "blue"];
    let children: Vec<Child> = names
        .iter()
        .map(|name| {
            captures
                .vmlog(&["exec", "--name", name, "--", "sh", "-c", &script(name)])
                .stdout(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let records = captures.collect();
    for name in names {
        let of_run: Vec<Record> = records
            .iter()
            .filter(|record| field(record, "name") == name)
            .cloned()
            .collect();
        let expected: Vec<String> = (0..300).map(|n| format!("{name} {n}")).collect();
        assert_eq!(lines(&of_run, "stdout"), expected);
    }
}

#[test]
fn without_capture_only_start_and_end_are_recorded() {
    let mut captures = Captures::new();
    let output = captures
        .vmlog(&["exec", "--no-capture", "--", "sh", "-c", "echo out; exit 2"])
        .output()
        .unwrap();
    assert_eq!(
        (output.status.code(), output.stdout),
        (Some(2), b"out\n".to_vec())
    );
    let records = captures.collect();
    let types: Vec<_> = records
        .iter()
        .map(|record| field(record, "event_type"))
        .collect();
    assert_eq!(types, ["process_start", "process_end"]);
    assert_eq!(field(&records[1], "exit_code"), 2);
}

#[test]
fn head_and_tail_are_kept_and_the_omission_reported_once() {
    let mut captures = Captures::new();
    captures.sh("i=0; while [ $i -lt 100 ]; do echo line $i; i=$((i+1)); done");
    let mut options = captures.options();
    options.lines_max = 40;
    let records = captures.collect_with(&options);
    let expected: Vec<String> = (0..30)
        .chain(90..100)
        .map(|n| format!("line {n}"))
        .collect();
    let mut found = lines(&records, "stdout");
    let cut = found.remove(30);
    assert_eq!(
        cut,
        "[output truncated: command exceeded log capture limit]"
    );
    assert_eq!(found, expected);
    let cuts: Vec<_> = records
        .iter()
        .filter(|record| record.message == cut)
        .collect();
    assert_eq!((cuts.len(), cuts[0].level), (1, Level::Warn));
    assert_eq!(field(cuts[0], "lines_left_out"), 60);
    assert_eq!(field(cuts[0], "bytes_left_out"), 60 * 7);
    assert!(field(cuts[0], "pid").is_u64());
    assert_eq!(captures.collect_with(&options), []);
}

#[test]
fn output_below_the_limit_is_kept_without_a_mark() {
    let mut captures = Captures::new();
    captures.sh("i=0; while [ $i -lt 40 ]; do echo line $i; i=$((i+1)); done");
    let mut options = captures.options();
    options.lines_max = 40;
    let records = captures.collect_with(&options);
    let expected: Vec<String> = (0..40).map(|n| format!("line {n}")).collect();
    assert_eq!(lines(&records, "stdout"), expected);
}

#[test]
fn a_collector_continues_after_being_killed_between_any_two_batches() {
    let mut captures = Captures::new();
    captures.sh(
        "i=0; while [ $i -lt 3000 ]; do echo out $i; echo err $i >&2; i=$((i+1)); done; exit 1",
    );
    let mut options = captures.options();
    options.lines_max = 4000;
    let whole = captures.collect_with(&options);
    captures.positions.clear();
    let mut found = Vec::new();
    loop {
        let mut collector = CaptureCollector::open(options.clone(), &captures.positions);
        // A batch that was read but not committed is read again.
        let lost = read(&mut collector);
        let mut collector = CaptureCollector::open(options.clone(), &captures.positions);
        let batch = read(&mut collector);
        assert_eq!(batch.records, lost.records);
        if batch.records.is_empty() && batch.positions.is_empty() {
            break;
        }
        commit(&mut captures.positions, &batch);
        found.extend(batch.records);
    }
    assert_eq!(found.len(), 4003);
    assert_eq!(found, whole);
}

#[test]
fn output_is_followed_while_the_command_runs() {
    let captures = Captures::new();
    let mut child = captures
        .vmlog(&[
            "exec",
            "--",
            "sh",
            "-c",
            "echo ready; read line; echo $line",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut collector = CaptureCollector::open(captures.options(), &Positions::new());
    let mut records = Vec::new();
    let mut follow = |until: &str| {
        let start = Instant::now();
        while !records
            .iter()
            .any(|record: &Record| record.message == until || record.message.contains(until))
        {
            assert!(
                start.elapsed() < Duration::from_secs(20),
                "{until} does not come: {records:?}"
            );
            collector.wait(Duration::from_secs(10));
            records.extend(read(&mut collector).records);
        }
    };
    follow("ready");
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"continue\n")
        .unwrap();
    follow("continue");
    follow("ended: ");
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_run_whose_writer_was_killed_is_interrupted() {
    let mut captures = Captures::new();
    let mut child = captures
        .vmlog(&["exec", "--", "sh", "-c", "echo begun; exec sleep 30"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut begun = [0; 6];
    child
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut begun)
        .unwrap();
    let mut pid = 0;
    wait_until(|| {
        let records = captures.collect();
        pid = records
            .first()
            .map_or(pid, |record| field(record, "pid").as_u64().unwrap());
        records.iter().any(|record| record.message == "begun")
    });
    assert_eq!(captures.collect(), [], "it continues");
    child.kill().unwrap();
    child.wait().unwrap();
    let records = captures.collect();
    assert_eq!(records.len(), 1);
    assert_eq!(field(&records[0], "interrupted"), true);
    assert_eq!(
        (field(&records[0], "event_type"), records[0].level),
        (&"process_end".into(), Level::Error)
    );
    assert!(
        records[0]
            .message
            .ends_with("interrupted, its end was not recorded")
    );
    assert!(
        process_is_there(pid),
        "the command itself is not ours to end"
    );
    kill("KILL", u32::try_from(pid).unwrap());
}

fn kill(signal: &str, pid: u32) {
    assert!(
        Command::new("kill")
            .args([&format!("-{signal}"), &pid.to_string()])
            .status()
            .unwrap()
            .success()
    );
}

#[test]
fn signals_reach_the_command() {
    let captures = Captures::new();
    for (signal, code) in [("TERM", 10), ("INT", 11), ("HUP", 12), ("USR1", 13)] {
        let script = format!(
            "trap 'echo got {signal}; exit {code}' {signal}; echo ready; while :; do sleep 0.02; done"
        );
        let mut child = captures
            .vmlog(&["exec", "--", "sh", "-c", &script])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_exact(&mut [0; 6]).unwrap();
        kill(signal, child.id());
        let mut rest = String::new();
        stdout.read_to_string(&mut rest).unwrap();
        assert_eq!(
            (rest, child.wait().unwrap().code()),
            (format!("got {signal}\n"), Some(code))
        );
    }
}

#[test]
fn a_signal_that_is_ignored_stays_ignored() {
    let captures = Captures::new();
    let vmlog = env!("CARGO_BIN_EXE_vmlog");
    // As nohup does.
    let script =
        format!("trap '' HUP; exec {vmlog} exec -- sh -c 'echo ready; read line; echo $line'");
    let mut child = Command::new("sh")
        .args(["-c", &script])
        .env("LOG_CAPTURE_DIR", captures.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut [0; 6]).unwrap();
    kill("HUP", child.id());
    std::thread::sleep(Duration::from_millis(50));
    child.stdin.take().unwrap().write_all(b"alive\n").unwrap();
    let mut text = String::new();
    stdout.read_to_string(&mut text).unwrap();
    assert_eq!(
        (text.as_str(), child.wait().unwrap().code()),
        ("alive\n", Some(0))
    );
}

#[test]
fn a_background_process_with_much_output_does_not_delay_the_end() {
    let captures = Captures::new();
    let file = captures.dir.path().join("pid");
    let script = format!("yes & echo $! > {}", file.display());
    let start = Instant::now();
    let status = captures
        .vmlog(&["exec", "--", "sh", "-c", &script])
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success() && start.elapsed() < Duration::from_secs(10));
    let pid = fs::read_to_string(file).unwrap().trim().parse().unwrap();
    assert!(process_is_there(pid), "it continues");
    kill("KILL", u32::try_from(pid).unwrap());
}

#[test]
fn a_slow_reader_gets_all_output_from_the_run_itself() {
    let mut captures = Captures::new();
    let mut child = captures
        .vmlog(&["exec", "--", "seq", "1", "25000"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    let mut text = vec![0; 10];
    stdout.read_exact(&mut text).unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    stdout.read_to_end(&mut text).unwrap();
    assert_eq!(text.len(), 138_894);
    assert!(child.wait().unwrap().success());
    let records = captures.collect();
    assert_eq!(
        of_type(&records, "process_start").len(),
        1,
        "nothing was left behind"
    );
    assert_eq!(field(records.last().unwrap(), "stdout_lines"), 25_000);
}

#[test]
fn unread_output_does_not_keep_processes_alive() {
    use std::os::unix::process::ExitStatusExt;
    let mut captures = Captures::new();
    // More than one pipe holds, and less than two.
    let mut child = captures
        .vmlog(&["exec", "--", "seq", "1", "20000"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pid = 0;
    wait_until(|| {
        let records = captures.collect();
        pid = records
            .first()
            .map_or(pid, |record| field(record, "pid").as_u64().unwrap());
        pid > 0 && !process_is_there(pid)
    });
    assert!(
        child.try_wait().unwrap().is_none(),
        "what the command wrote is still to be read"
    );
    // The command is reaped shortly after its end.
    wait_until(|| {
        kill("TERM", child.id());
        child.try_wait().unwrap().is_some()
    });
    assert_eq!(child.wait().unwrap().signal(), Some(15));
}

#[test]
fn a_script_that_signals_its_group_gets_the_signal_once() {
    use std::os::unix::process::CommandExt;
    let captures = Captures::new();
    let script = "trap 'n=$((n+1))' TERM; kill -TERM 0; i=0; while [ $i -lt 10 ]; do sleep 0.02; i=$((i+1)); done; echo $n times";
    let output = captures
        .vmlog(&["exec", "--", "sh", "-c", script])
        .process_group(0)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "1 times\n");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn the_newest_reports_are_kept() {
    let captures = Captures::new();
    for _ in 0..23 {
        captures.exec(&["false"]);
    }
    let names = fs::read_dir(captures.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    let (reports, logs): (Vec<_>, Vec<_>) = names
        .into_iter()
        .partition(|name| name.ends_with(".report.txt"));
    assert_eq!((reports.len(), logs.len()), (20, 23));
    assert_eq!(reports[19][..26], logs[22][..26], "the newest");
}

#[test]
fn a_private_key_over_many_lines_never_reaches_the_disk() {
    let mut captures = Captures::new();
    let key = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEAsecretsecret0\nQmFzZTY0IGtleSBtYXRlcmlhbA==\n-----END RSA PRIVATE KEY-----\n";
    let file = captures.dir.path().join("key");
    fs::write(&file, key).unwrap();
    let output = captures.sh(&format!(
        "cat {}; echo between >&2; echo after",
        file.display()
    ));
    assert!(output.stdout.starts_with(key.as_bytes()));
    for entry in fs::read_dir(captures.path()).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(
            !text.contains("secretsecret") && !text.contains("QmFzZTY0"),
            "{text}"
        );
    }
    let records = captures.collect();
    assert_eq!(lines(&records, "stderr"), ["between"]);
    assert_eq!(lines(&records, "stdout").last(), Some(&"after"));
}

#[test]
fn a_closed_output_ends_the_command_as_without_capture() {
    let captures = Captures::new();
    let mut child = captures
        .vmlog(&["exec", "--", "yes"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut some = [0; 100];
    child.stdout.take().unwrap().read_exact(&mut some).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(128 + 13), "SIGPIPE");
}

#[test]
fn an_unwritable_folder_does_not_affect_the_command() {
    let captures = Captures::new();
    fs::write(captures.path(), "in the way").unwrap();
    let output = captures.sh("echo out; echo err >&2; exit 5");
    assert_eq!(
        (output.status.code(), output.stdout, output.stderr),
        (Some(5), b"out\n".to_vec(), b"err\n".to_vec())
    );
}

#[test]
fn the_content_of_a_pipe_is_captured() {
    let mut captures = Captures::new();
    let mut child = captures
        .vmlog(&["pipe", "--source", "build", "--stream", "stderr"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"one\n\xff\ntwo")
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        (output.status.code(), output.stdout),
        (Some(0), b"one\n\xff\ntwo".to_vec())
    );
    let records = captures.collect();
    assert_eq!(lines(&records, "stderr"), ["one", "\u{fffd}", "two"]);
    assert_eq!(field(&records[2], "message_base64"), "/w==");
    assert!(
        records
            .iter()
            .all(|record| record.source.as_str() == "build")
    );
    let end = records.last().unwrap();
    assert_eq!(
        (field(end, "success"), end.level),
        (&true.into(), Level::Info)
    );
}

#[test]
fn output_of_a_background_process_is_captured_after_the_command() {
    let mut captures = Captures::new();
    let mut child = captures
        .vmlog(&["exec", "--name", "setup", "--", "sh", "-c"])
        .arg("(sleep 2; echo late; echo later >&2; sleep 0.3; echo last) & echo early")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    assert!(child.wait().unwrap().success());
    let at_once = captures.collect();
    assert_eq!(lines(&at_once, "stdout"), ["early"]);
    let end = of_type(&at_once, "process_end")[0];
    assert!(
        field(end, "duration_ms").as_u64().unwrap() < 2000,
        "it ends with the command"
    );
    let mut stdout = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut stdout)
        .unwrap();
    assert_eq!(stdout, "early\nlate\nlast\n");
    let mut later = Vec::new();
    wait_until(|| {
        later.extend(captures.collect());
        of_type(&later, "process_end").len() == 2
    });
    let later = [at_once.clone(), later].concat();
    assert_eq!(lines(&later, "stdout"), ["early", "late", "last"]);
    assert_eq!(lines(&later, "stderr"), ["later"]);
    let starts = of_type(&later, "process_start");
    assert_eq!(starts.len(), 3);
    assert!(
        starts[1..]
            .iter()
            .all(|start| field(start, "parent_run_id") == field(end, "run_id"))
    );
}

#[test]
fn on_a_terminal_both_streams_are_one() {
    let mut captures = Captures::new();
    let script = "test -t 0 && test -t 1 && test -t 2 && echo terminal; echo error >&2; stty size; read line; echo got $line; exit 6";
    let mut child = captures
        .vmlog(&["exec", "--pty", "--", "sh", "-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"typed\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(6));
    assert_eq!(output.stderr, b"");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("terminal\r\n") && text.ends_with("got typed\r\n"),
        "{text:?}"
    );
    let records = captures.collect();
    let told = lines(&records, "output");
    for line in ["terminal", "error", "24 80", "got typed"] {
        assert!(told.contains(&line), "{told:?}");
    }
    assert_eq!(field(records.last().unwrap(), "exit_code"), 6);
}

#[test]
fn a_terminal_passes_on_the_end_of_input_and_signals() {
    let captures = Captures::new();
    let output = captures
        .vmlog(&["exec", "--pty", "--", "cat"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    let missing = captures
        .vmlog(&["exec", "--pty", "--", "no-such-command"])
        .output()
        .unwrap();
    assert_eq!(missing.status.code(), Some(127));
    let script = "trap 'exit 9' TERM; echo ready; while :; do sleep 0.02; done";
    let mut child = captures
        .vmlog(&["exec", "--pty", "--", "sh", "-c", script])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut [0; 7])
        .unwrap();
    kill("TERM", child.id());
    assert_eq!(child.wait().unwrap().code(), Some(9));
}

/// The bytes of the lines of a stream, joined.
fn raw(records: &[Record]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for record in of_type(records, "process_output") {
        match field(record, "message_base64").as_str() {
            Some(encoded) => bytes.extend(
                base64::engine::general_purpose::STANDARD
                    .decode(encoded)
                    .unwrap(),
            ),
            None => bytes.extend(record.message.as_bytes()),
        }
        if field(record, "line_incomplete") != true {
            bytes.push(b'\n');
        }
    }
    bytes
}

fn without_caps(captures: &Captures) -> CaptureOptions {
    let mut options = captures.options();
    options.lines_max = u64::MAX;
    options.bytes_max = u64::MAX;
    options
}

#[test]
fn any_bytes_pass_and_are_kept() {
    let mut captures = Captures::new();
    let noise = captures.dir.path().join("noise");
    let mut state = 1u64;
    let next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        state.to_le_bytes()[7]
    };
    let bytes: Vec<u8> = std::iter::repeat_with(next)
        .filter(|&byte| byte != b'\r')
        .take(1_000_000)
        .collect();
    fs::write(&noise, &bytes).unwrap();
    let output = captures.exec(&["cat", noise.to_str().unwrap()]);
    assert!(output.stdout == bytes);
    let options = without_caps(&captures);
    let mut found = raw(&captures.collect_with(&options));
    assert_eq!(
        found.pop(),
        Some(b'\n'),
        "the last line has no end of its own"
    );
    assert!(found == bytes);
}

#[test]
fn a_line_that_never_ends_is_kept_in_parts() {
    let mut captures = Captures::new();
    let output = captures.sh("yes 'word' | tr '\\n' ' ' | head -c 5000000");
    assert_eq!(output.stdout.len(), 5_000_000);
    let options = without_caps(&captures);
    let records = captures.collect_with(&options);
    assert!(
        lines(&records, "stdout")
            .iter()
            .all(|part| part.len() <= 1 << 20)
    );
    let mut found = raw(&records);
    found.pop();
    assert!(found == output.stdout);
    assert_eq!(field(records.last().unwrap(), "stdout_lines"), 1);
}

#[test]
fn many_lines_end_with_the_last_ones() {
    let mut captures = Captures::new();
    let output = captures.exec(&["seq", "1", "200000"]);
    assert_eq!(output.stdout.len(), 1_288_895);
    let records = captures.collect();
    let found = lines(&records, "stdout");
    assert_eq!(
        (found.len(), found[7499], found[7501], found[10_000]),
        (10_001, "7500", "197501", "200000")
    );
    assert_eq!(
        field(
            records
                .iter()
                .find(|r| field(r, "truncated") == true)
                .unwrap(),
            "lines_left_out"
        ),
        190_000
    );
    assert_eq!(field(records.last().unwrap(), "stdout_lines"), 200_000);
}

#[test]
fn a_log_that_cannot_grow_does_not_affect_the_command() {
    let mut captures = Captures::new();
    let vmlog = env!("CARGO_BIN_EXE_vmlog");
    // In blocks of 512 bytes.
    let script = format!("ulimit -f 100; exec {vmlog} exec -- seq 1 20000");
    let output = Command::new("sh")
        .args(["-c", &script])
        .env("LOG_CAPTURE_DIR", captures.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(output.stdout.len(), 108_894);
    let records = captures.collect();
    let found = lines(&records, "stdout");
    assert!(
        found.len() > 1000 && found[0] == "1" && found.last() == Some(&"20000"),
        "{found:?}"
    );
    assert!(
        found
            .iter()
            .is_sorted_by_key(|line| line.parse::<u32>().unwrap())
    );
    assert_eq!(field(records.last().unwrap(), "success"), true);
    let parts = fs::read_dir(captures.path()).unwrap();
    assert!(
        parts
            .map(|part| part.unwrap().metadata().unwrap().len())
            .all(|length| length <= 51_200)
    );
}

#[test]
fn a_slow_reader_gets_every_byte() {
    let captures = Captures::new();
    let mut child = captures
        .vmlog(&["exec", "--", "seq", "1", "100000"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    let mut text = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(text.lines().count(), 100_000);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_key_on_the_terminal_reaches_the_command_once() {
    let captures = Captures::new();
    let vmlog = env!("CARGO_BIN_EXE_vmlog");
    let script = "trap 'echo INT; n=$((n+1))' INT; echo ready; i=0; while [ $i -lt 40 ]; do sleep 0.02; i=$((i+1)); done; echo $n times";
    // The outer one gives the inner one a terminal, to which the test types.
    let mut child = captures
        .vmlog(&["exec", "--pty", "--"])
        .args([vmlog, "exec", "--", "sh", "-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut [0; 7]).unwrap();
    child.stdin.as_mut().unwrap().write_all(b"\x03").unwrap();
    let mut text = String::new();
    stdout.read_to_string(&mut text).unwrap();
    assert!(text.ends_with("1 times\r\n"), "{text:?}");
    assert!(child.wait().unwrap().success());
}

fn bytes_of(dir: &Path) -> u64 {
    fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .sum()
}

#[test]
fn logs_are_private_and_bounded() {
    use std::os::unix::fs::PermissionsExt;
    let captures = Captures::new();
    captures.sh("yes 'a line of some length that fills the disk' | head -c 3000000");
    assert!(bytes_of(&captures.path()) > 3_000_000);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&captures.path()), 0o700);
    for entry in fs::read_dir(captures.path()).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
}

/// A folder with the mode that the package gives it.
fn spool(root: &Path) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let spool = root.join("spool");
    fs::create_dir(&spool).unwrap();
    fs::set_permissions(root, fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(&spool, fs::Permissions::from_mode(0o1733)).unwrap();
    spool
}

/// `vmlog exec` without a named folder.
fn exec_of_user(uid: Option<u32>, home: &Path, spool: &Path) -> (String, String) {
    use std::os::unix::process::CommandExt as _;
    // The test binary may be in a folder that other users cannot enter.
    let binary = home.join("vmlog");
    if !binary.exists() {
        fs::copy(env!("CARGO_BIN_EXE_vmlog"), &binary).unwrap();
    }
    let mut command = Command::new(&binary);
    command.args(["exec", "--source", "build", "--", "echo", "hello"]);
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap());
    command
        .env("HOME", home.join("home"))
        .env("LOG_CAPTURE_SPOOL", spool);
    command.current_dir("/");
    if let Some(uid) = uid {
        command.uid(uid).gid(uid);
    }
    // A process that another test starts while the program is copied holds it open for writing until its own exec.
    let output = loop {
        match command.output() {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => {}
            output => break output.unwrap(),
        }
    };
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr))
}

#[test]
fn a_command_of_another_user_is_collected_from_the_spool() {
    const NOBODY: u32 = 65534;
    if !rustix::process::geteuid().is_root() {
        // Only root can run a command as another user.
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let spool = spool(root.path());
    let (out, error) = exec_of_user(Some(NOBODY), root.path(), &spool);
    assert_eq!((out.as_str(), error.as_str()), ("hello\n", ""));
    let options = CaptureOptions::new(&spool);
    let mut collector = vmlog::collect::SpoolCollector::open(spool, options, &Positions::new());
    let mut batch = Batch::default();
    collector.read(&mut batch).unwrap();
    let line = batch
        .records
        .iter()
        .find(|record| record.message == "hello")
        .unwrap();
    assert_eq!(line.source.as_str(), "build");
    assert_eq!(field(line, "uid"), &Value::from(NOBODY));
}

#[test]
fn a_capture_that_no_server_reads_is_reported_once() {
    if rustix::process::geteuid().is_root() {
        // Root's own folder belongs to the machine and must not be created by a test.
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("home")).unwrap();
        std::os::unix::fs::chown(root.path().join("home"), Some(65534), Some(65534)).unwrap();
        reported_once(Some(65534), root.path());
    } else {
        reported_once(None, tempfile::tempdir().unwrap().path());
    }
}

fn reported_once(uid: Option<u32>, root: &Path) {
    let spool = spool(root).join("missing");
    let (_, error) = exec_of_user(uid, root, &spool);
    let dir = root.join("home/.local/state/vmlog/capture");
    let expected = format!(
        "vmlog: output is stored in {}, which nothing reads until `vmlog serve` runs as this user; the machine's server reads {}, which \
         is not usable: No such file or directory (os error 2)\n",
        dir.display(),
        spool.display()
    );
    assert_eq!(error, expected);
    let (_, error) = exec_of_user(uid, root, &spool);
    assert_eq!(error, "", "it is reported once");
}
