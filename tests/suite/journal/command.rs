//! `vmlog journal` from the user's perspective: the built program compared with recorded output of journalctl for the
//! same files.

use crate::support::program::{outcome, vmlog};
use crate::support::seeded::Rng;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

const FIXTURE: &str = "zstd-compact-keyed.journal";
/// Enough for a loaded machine.
const TIMEOUT: Duration = Duration::from_secs(30);

type Field = (Vec<u8>, Vec<u8>);

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn fixture(name: &str) -> PathBuf {
    root().join("tests/fixtures/journal").join(name)
}

/// A large set of journals outside the project, if there is one.
fn corpus() -> Option<PathBuf> {
    let path = std::env::var_os("VMLOG_CORPUS")
        .map_or_else(|| root().join("../shared/corpus"), PathBuf::from);
    path.is_dir().then_some(path)
}

fn run(arguments: &[&str]) -> Output {
    let mut command = vmlog(&[]);
    command.arg("journal").args(arguments).env("TZ", "UTC");
    command.output().unwrap()
}

fn of_file(path: &Path, arguments: &[&str]) -> Output {
    let path = path.to_str().unwrap();
    run(&[&["--file", path], arguments].concat())
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The files of the project and of the corpus that have a file with `suffix` beside them, with its content.
fn recorded(suffix: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = BTreeMap::new();
    collect(&root().join("tests/fixtures/journal"), suffix, &mut found);
    if let Some(corpus) = corpus() {
        collect(&corpus, suffix, &mut found);
    }
    found.into_iter().collect()
}

fn collect(directory: &Path, suffix: &str, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.to_str().unwrap();
        if path.is_dir() {
            collect(&path, suffix, found);
        } else if let Some(journal) = name.strip_suffix(suffix)
            && Path::new(journal).is_file()
        {
            found.insert(PathBuf::from(journal), fs::read(&path).unwrap());
        }
    }
}

fn is_damaged(path: &Path) -> bool {
    path.parent()
        .is_some_and(|parent| parent.ends_with("damaged"))
}

/// Entries of the export format, each as a sorted list of fields without the address, of which older tools print
/// less.
fn exported(mut rest: &[u8]) -> Vec<Vec<Field>> {
    let (mut all, mut fields) = (vec![], vec![]);
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let (line, tail) = (&rest[..end], &rest[end + 1..]);
        rest = tail;
        if line.is_empty() {
            fields.sort();
            all.push(std::mem::take(&mut fields));
        } else if let Some(at) = line.iter().position(|byte| *byte == b'=') {
            fields.push((line[..at].to_vec(), line[at + 1..].to_vec()));
        } else {
            let (length, tail) = rest.split_first_chunk::<8>().unwrap();
            let (value, tail) = tail.split_at(u64::from_le_bytes(*length) as usize);
            rest = &tail[1..];
            fields.push((line.to_vec(), value.to_vec()));
        }
    }
    all
}

/// Entries of `-o json`, with the values of repeated fields sorted.
fn objects(text: &[u8]) -> Vec<BTreeMap<String, Value>> {
    let lines = text
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let mut object: BTreeMap<String, Value> = serde_json::from_slice(line).unwrap();
            for value in object.values_mut() {
                if let Value::Array(values) = value
                    && values.iter().any(|value| !value.is_number())
                {
                    values.sort_by_key(Value::to_string);
                }
            }
            object
        })
        .collect()
}

fn all_of(path: &Path) -> Vec<Vec<Field>> {
    exported(&of_file(path, &["-o", "export"]).stdout)
}

fn value<'a>(entry: &'a [Field], name: &[u8]) -> Option<&'a [u8]> {
    let field = entry.iter().find(|(found, _)| found == name);
    field.map(|(_, value)| value.as_slice())
}

fn number(entry: &[Field], name: &[u8]) -> u64 {
    let value = value(entry, name).unwrap();
    str::from_utf8(value).unwrap().parse().unwrap()
}

#[test]
fn export_equals_that_of_journalctl() {
    let files = recorded(".export");
    assert!(files.len() >= 6);
    for (path, expected) in files.iter().filter(|(path, _)| !is_damaged(path)) {
        let expected = exported(expected);
        assert!(all_of(path) == expected, "{}", path.display());
    }
}

#[test]
fn json_equals_that_of_journalctl() {
    for (path, expected) in recorded(".json") {
        if is_damaged(&path) {
            continue;
        }
        let found = of_file(&path, &["-o", "json", "--all"]);
        assert!(
            objects(&found.stdout) == objects(&expected),
            "{}",
            path.display()
        );
    }
}

#[test]
fn json_and_export_contain_the_same_entries() {
    let path = fixture(FIXTURE);
    let found = objects(&of_file(&path, &["-o", "json", "--all"]).stdout);
    let entries = all_of(&path);
    assert_eq!(found.len(), entries.len());
    for (object, entry) in found.iter().zip(&entries) {
        let names: BTreeSet<_> = entry.iter().map(|(name, _)| name.as_slice()).collect();
        assert!(
            names
                .iter()
                .copied()
                .eq(object.keys().map(String::as_bytes))
        );
        for (name, value) in object {
            if let Value::String(text) = value {
                assert!(entry.contains(&(name.clone().into_bytes(), text.clone().into_bytes())));
            }
        }
    }
}

#[test]
fn directories_have_the_same_cursors_in_both_directions() {
    let Some(corpus) = corpus() else { return };
    let mut directories = 0;
    for entry in fs::read_dir(corpus).unwrap() {
        let path = entry.unwrap().path();
        for (name, flags) in [("_dir.cursors", &[][..]), ("_dir.cursors.reverse", &["-r"])] {
            let Ok(expected) = fs::read_to_string(path.join(name)) else {
                continue;
            };
            // More is found in damaged files than journalctl finds.
            if path.ends_with("damaged") {
                continue;
            }
            directories += 1;
            let arguments = [&["-D", path.to_str().unwrap(), "-o", "export"], flags].concat();
            let found = text(&run(&arguments));
            // Which of two copies is printed depends on the order in which the file system lists the files.
            let copies = ["d-duplicate", "flavour", "content"];
            let has_copies = copies.iter().any(|name| path.ends_with(name));
            let cursors = |text: &str| -> Vec<String> {
                text.lines()
                    .filter_map(|line| line.strip_prefix("__CURSOR="))
                    .map(|cursor| match cursor.split_once(";b=") {
                        Some((_, rest)) if has_copies => rest.to_owned(),
                        _ => cursor.to_owned(),
                    })
                    .collect()
            };
            let (found, expected) = (cursors(&found), cursors(&expected));
            assert!(!found.is_empty());
            assert_eq!(found, expected, "{}: {name}", path.display());
        }
    }
    assert!(directories > 0);
}

#[test]
fn headers_have_the_figures_of_journalctl() {
    for (path, expected) in recorded(".header") {
        let expected = String::from_utf8(expected).unwrap();
        // Files that journalctl cannot open have other lines; the disk usage is that of the copy.
        if expected.starts_with("Failed") {
            continue;
        }
        let found = text(&of_file(&path, &["--header"]));
        let figures = |text: &str| {
            let lines = text.lines().map(str::to_owned);
            lines
                .filter(|line| !line.starts_with("File path") && !line.starts_with("Disk usage"))
                .filter(|line| !line.is_empty())
                .collect::<Vec<_>>()
        };
        assert_eq!(figures(&found), figures(&expected), "{}", path.display());
    }
    let found = text(&of_file(&fixture(FIXTURE), &["--header"]));
    assert!(found.contains("\nEntry objects: 30\n"), "{found}");
}

#[test]
fn verdicts_are_those_of_journalctl() {
    for (path, expected) in recorded(".verify") {
        let expected = String::from_utf8(expected).unwrap();
        // Without a key journalctl refuses a sealed file; vmlog checks everything except its seals.
        if expected.contains("Required key not available") {
            let found = of_file(&path, &["--verify"]);
            assert!(
                text(&found).contains("seals not checked"),
                "{}",
                text(&found)
            );
            continue;
        }
        let expected = i32::from(!expected.contains("rc=0"));
        let found = of_file(&path, &["--verify"]);
        let what = format!("{}: {}", path.display(), text(&found));
        assert_eq!(found.status.code(), Some(expected), "{what}");
        let word = if expected == 0 { "PASS: " } else { "FAIL: " };
        assert!(text(&found).starts_with(word), "{what}");
    }
    let directory = root().join("tests/fixtures/journal");
    let found = run(&["-D", directory.to_str().unwrap(), "--verify"]);
    assert_eq!(found.status.code(), Some(0));
    assert!(text(&found).lines().count() >= 6);
}

#[test]
fn lists_equal_the_content_of_all_entries() {
    let path = fixture(FIXTURE);
    let entries = all_of(&path);
    for field in ["PRIORITY", "_SYSTEMD_UNIT", "SYSLOG_IDENTIFIER", "TWICE"] {
        let expected: BTreeSet<_> = entries
            .iter()
            .flatten()
            .filter(|(name, _)| name == field.as_bytes())
            .map(|(_, value)| String::from_utf8(value.clone()).unwrap())
            .collect();
        let found = text(&of_file(&path, &["-F", field]));
        assert!(found.lines().eq(expected.iter()), "{field}");
    }
    let boots = text(&of_file(&path, &["--list-boots"]));
    let mut ids = boots.lines().skip(1).map(|line| line.split_whitespace());
    let ids: BTreeSet<_> = ids.by_ref().filter_map(|mut line| line.nth(1)).collect();
    let expected: BTreeSet<_> = entries
        .iter()
        .map(|entry| str::from_utf8(value(entry, b"_BOOT_ID").unwrap()).unwrap())
        .collect();
    assert_eq!(ids, expected);
}

#[test]
fn matches_and_windows_equal_a_naive_selection() {
    // The clock of the fixture's second boot is slow, so a time window belongs to its first boot.
    let path = fixture(FIXTURE);
    let all = all_of(&path);
    let first_boot = value(&all[0], b"_BOOT_ID").map(<[u8]>::to_vec);
    let chosen: Vec<_> = all
        .iter()
        .filter(|entry| value(entry, b"_BOOT_ID") == first_boot.as_deref())
        .collect();
    compare_windows(&path, &all, &chosen);
    if let Some(corpus) = corpus() {
        for name in [
            "flavour/v247-default-lz4-jenkins.journal",
            "content/ansi.journal",
        ] {
            let path = corpus.join(name);
            let all = all_of(&path);
            compare_windows(&path, &all, &all.iter().collect::<Vec<_>>());
        }
    }
}

/// Compares random windows between two of the `chosen` entries, with the names of one or two others.
fn compare_windows(path: &Path, all: &[Vec<Field>], chosen: &[&Vec<Field>]) {
    let mut random = Rng::new(3);
    for _ in 0..20 {
        let names: Vec<_> = (0..2)
            .filter_map(|_| value(random.pick::<&Vec<Field>>(chosen), b"SYSLOG_IDENTIFIER"))
            .collect();
        let mut time = || number(random.pick::<&Vec<Field>>(chosen), b"__REALTIME_TIMESTAMP");
        let (one, other) = (time(), time());
        let (since, until) = (one.min(other), one.max(other));
        let at = |time: u64| format!("@{}.{:06}", time / 1_000_000, time % 1_000_000);
        let mut arguments = vec!["-o".to_owned(), "export".to_owned()];
        arguments.push(format!("--since={}", at(since)));
        arguments.push(format!("--until={}", at(until)));
        for name in &names {
            let name = str::from_utf8(name).unwrap();
            arguments.push(format!("SYSLOG_IDENTIFIER={name}"));
        }
        let is_named = |entry: &[Field]| {
            value(entry, b"SYSLOG_IDENTIFIER").is_some_and(|name| names.contains(&name))
        };
        let expected: Vec<_> = all
            .iter()
            .filter(|entry| (since..=until).contains(&number(entry, b"__REALTIME_TIMESTAMP")))
            .filter(|entry| names.is_empty() || is_named(entry))
            .cloned()
            .collect();
        let borrowed: Vec<_> = arguments.iter().map(String::as_str).collect();
        let found = exported(&of_file(path, &borrowed).stdout);
        assert!(found == expected, "{arguments:?}: {}", found.len());
        // journalctl continues with entries whose clock is after the window.
        if chosen.len() == all.len() {
            same_as_installed(path, &borrowed, &found);
        }
    }
}

/// Compares with the journalctl of this machine, if it has one that reads the file.
fn same_as_installed(path: &Path, arguments: &[&str], found: &[Vec<Field>]) {
    let output = Command::new("journalctl")
        .arg("--file")
        .arg(path)
        .args(arguments)
        .env("TZ", "UTC")
        .output();
    let Some(output) = output.ok().filter(|output| output.status.success()) else {
        return;
    };
    let theirs = exported(&output.stdout);
    let cursors = |entries: &[Vec<Field>]| -> Vec<_> {
        let cursors = entries.iter().map(|entry| value(entry, b"__CURSOR"));
        cursors.map(|cursor| cursor.map(<[u8]>::to_vec)).collect()
    };
    assert_eq!(cursors(found), cursors(&theirs), "{arguments:?}");
}

#[test]
fn exit_codes_show_success_and_failure() {
    let path = fixture(FIXTURE);
    let cases: [(&[&str], i32); 6] = [
        (&["-n", "1"], 0),
        (&["NO_SUCH_FIELD=x"], 0),
        (&["-n", "many"], 2),
        (&["--since", "whenever"], 2),
        (&["--no-such-flag"], 2),
        (&["-b", "7"], 1),
    ];
    for (arguments, code) in cases {
        let found = of_file(&path, arguments);
        assert_eq!(found.status.code(), Some(code), "{arguments:?}");
    }
    let garbage = tempfile::NamedTempFile::new().unwrap();
    fs::write(garbage.path(), [7; 4096]).unwrap();
    let (code, out, error) = outcome(&of_file(garbage.path(), &[]));
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(error.contains("file signature at offset 0"), "{error}");
    for flag in ["--file", "--directory"] {
        let found = vmlog(&["journal", flag, "/no/such"]).output().unwrap();
        let (code, out, error) = outcome(&found);
        assert_eq!((code, out.as_str()), (Some(1), ""), "{flag}");
        let told = format!("vmlog: {flag} \"/no/such\": No such file or directory (os error 2)");
        assert_eq!(error.trim_end(), told);
    }
}

#[test]
fn a_closed_output_is_not_a_failure() {
    let mut command = vmlog(&["journal", "-o", "verbose", "--all", "--file"]);
    // More than a pipe holds. The same file several times would count as one, so other files are added.
    let directory = root().join("tests/fixtures/journal");
    command.arg(directory.join("*.journal"));
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 16];
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut first).unwrap();
    drop(stdout);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_terminal_gets_no_raw_control_bytes() {
    let program = env!("CARGO_BIN_EXE_vmlog");
    let path = fixture(FIXTURE);
    for format in ["short", "cat", "verbose", "json", "json-pretty"] {
        let line = format!(
            "{program} journal --all -o {format} --file {}",
            path.display()
        );
        let Ok(output) = Command::new("script")
            .args(["-qec", &line, "/dev/null"])
            // No pager waits for a key.
            .env("PAGER", "cat")
            .output()
        else {
            return;
        };
        assert!(output.status.success(), "{format}");
        let is_raw = |byte: &u8| *byte < 0x20 && !b"\n\r\t\x1b".contains(byte);
        let raw: Vec<_> = output.stdout.iter().filter(|byte| is_raw(byte)).collect();
        assert!(raw.is_empty(), "{format}: {raw:?}");
        // Colours of the program are expected; one in the message is not.
        let shown = String::from_utf8_lossy(&output.stdout);
        assert!(!shown.contains("\x1b[31mred"), "{format}");
        assert!(output.stdout.len() > 1000, "{format}");
    }
}

#[test]
fn follow_shows_new_entries_of_a_private_journald() {
    let directory = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_vmlog");
    let script = format!(
        "logger before; journalctl --sync; {program} journal -D \"$JOURNALD_DIR\" -f -o cat > {out} & p=$!; \
         sleep 0.5; logger 'the line that is waited for'; \
         for try in $(seq 100); do grep -q 'waited for' {out} && break; sleep 0.1; done; kill $p; exit 0",
        out = directory.path().join("out").display()
    );
    let start = Instant::now();
    let ended = Command::new(root().join("tools/journald"))
        .arg("--dir")
        .arg(directory.path().join("journal"))
        .args(["--", "bash", "-c", &script])
        .output()
        .unwrap();
    if ended.status.code() == Some(77) {
        return;
    }
    let found = fs::read_to_string(directory.path().join("out")).unwrap();
    assert!(found.contains("the line that is waited for\n"), "{found:?}");
    assert!(start.elapsed() < TIMEOUT);
}
