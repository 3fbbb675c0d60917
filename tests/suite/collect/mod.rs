//! Collectors with real files and a real journald.

mod incidents;
pub(crate) mod journal;
mod long_lines;
pub(crate) mod safety;
pub(crate) mod served;

use crate::collect::journal::ENGINE;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};
use vmlog::collect::own_record;
use vmlog::collect::{
    Batch, CloudInitCollector, CloudInitOptions, Collector, JournaldCollector, JournaldOptions,
};
use vmlog::journal::Namespaces;
use vmlog::record::{Level, Metadata, Positions, Record};

const PATIENCE: Duration = Duration::from_millis(200);

/// A program with its own journald. `None` if the machine does not allow it.
pub(crate) fn journald(dir: &Path, script: &str) -> Option<Child> {
    let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/journald");
    let mut command = Command::new(tool);
    command
        .arg("--dir")
        .arg(dir)
        .args(["--", "bash", "-euc", script]);
    let mut child = command.spawn().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    match child.try_wait().unwrap() {
        Some(status) if status.code() == Some(77) => None,
        _ => Some(child),
    }
}

pub(crate) fn options(dir: &Path) -> JournaldOptions {
    JournaldOptions {
        directories: vec![dir.to_owned()],
        ..JournaldOptions::default()
    }
}

/// Stores the content of a batch, as the store does.
pub(crate) fn commit(batch: Batch, records: &mut Vec<Record>, positions: &mut Positions) -> bool {
    let is_empty = batch.records.is_empty();
    assert!(batch.records.len() <= Batch::RECORDS_MAX);
    records.extend(batch.records);
    for position in batch.positions {
        positions.insert(position.origin, position.value.unwrap());
    }
    is_empty
}

/// Reads until nothing new arrives.
pub(crate) fn drain(collector: &mut dyn Collector, positions: &mut Positions) -> Vec<Record> {
    let mut records = Vec::new();
    loop {
        let mut batch = Batch::default();
        collector.read(&mut batch).unwrap();
        if commit(batch, &mut records, positions) {
            return records;
        }
    }
}

pub(crate) fn find<'a>(records: &'a [Record], text: &str) -> &'a Record {
    let found = records.iter().find(|record| record.message.contains(text));
    found.unwrap_or_else(|| panic!("no record with {text:?}"))
}

#[test]
fn reads_all_entries_of_a_real_journald() {
    let dir = tempfile::tempdir().unwrap();
    let script = r#"
        logger -t plain "a plain line"
        logger -t coloured "$(printf '\033[31mred\033[0m')"
        logger -S 9000 -t long "$(head -c 8192 /dev/zero | tr '\0' 'x')"
        engine <<'END'
MESSAGE=from a container
CONTAINER_NAME=web
CONTAINER_ID=0123456789ab
PRIORITY=3
END
        logger --journald <<'END'
MY_FIELD=no message at all
PRIORITY=4
END
        printf 'bytes \xff\xfe end' | systemd-cat -t raw
        python3 - <<'END' || logger -t inside "one
two"
import socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
text = b"one\ntwo"
data = b"MESSAGE\n" + len(text).to_bytes(8, "little") + text + b"\nSYSLOG_IDENTIFIER=inside\n"
s.sendto(data, "/run/systemd/journal/socket")
END
        journalctl --sync
        journald-stop
    "#;
    let script = &format!("{ENGINE}{script}");
    let Some(mut child) = journald(dir.path(), script) else {
        return;
    };
    assert!(child.wait().unwrap().success());
    let mut positions = Positions::new();
    let mut collector = JournaldCollector::open(options(dir.path()), &positions);
    let records = drain(&mut collector, &mut positions);

    let plain = find(&records, "a plain line");
    assert_eq!(plain.source.as_str(), "system:plain");
    assert_eq!(plain.level, Level::Info, "user.notice");
    assert_eq!(plain.metadata["identifier"], "plain");
    assert_eq!(find(&records, "red").message, "\u{1b}[31mred\u{1b}[0m");
    assert_eq!(find(&records, "xxxx").message, "x".repeat(8192));
    assert_eq!(find(&records, "one\ntwo").source.as_str(), "system:inside");
    let raw = find(&records, "bytes ");
    assert_eq!(raw.message, "bytes \u{fffd}\u{fffd} end");
    assert_eq!(raw.metadata["message_base64"], "Ynl0ZXMg//4gZW5k");
    let container = find(&records, "from a container");
    assert_eq!(
        (container.source.as_str(), container.level),
        ("docker:web", Level::Warn)
    );
    let empty = records
        .iter()
        .find(|record| record.metadata.contains_key("my_field"))
        .unwrap();
    assert_eq!((empty.message.as_str(), empty.level), ("", Level::Warn));

    let mut again = JournaldCollector::open(options(dir.path()), &positions);
    assert!(
        drain(&mut again, &mut positions).is_empty(),
        "each entry once"
    );
}

#[test]
fn every_entry_is_read_once_while_journald_rotates_and_the_collector_restarts() {
    const LINES: usize = 6_000;
    let dir = tempfile::tempdir().unwrap();
    let script = format!(
        "for part in 1 2 3; do
            seq -f \"part$part line %.0f\" 1 {} | logger -t storm
            journalctl --sync
            [ $part = 3 ] || journalctl --rotate
        done
        journald-stop",
        LINES / 3
    );
    let Some(mut child) = journald(dir.path(), &script) else {
        return;
    };
    let mut positions = Positions::new();
    let mut records = Vec::new();
    let deadline = Instant::now() + Duration::from_mins(1);
    let count = |records: &[Record]| {
        records
            .iter()
            .filter(|record| record.source.as_str() == "system:storm")
            .count()
    };
    while count(&records) < LINES && Instant::now() < deadline {
        let mut collector = JournaldCollector::open(options(dir.path()), &positions);
        for _ in 0..5 {
            let mut batch = Batch::default();
            collector.read(&mut batch).unwrap();
            commit(batch, &mut records, &mut positions);
            collector.wait(PATIENCE);
        }
        // Read but not stored: the next collector must read it again.
        collector.read(&mut Batch::default()).unwrap();
    }
    assert!(child.wait().unwrap().success());
    let mut collector = JournaldCollector::open(options(dir.path()), &positions);
    records.extend(drain(&mut collector, &mut positions));
    let lines: Vec<&str> = records
        .iter()
        .filter(|record| record.source.as_str() == "system:storm")
        .map(|record| record.message.as_str())
        .collect();
    let distinct: BTreeSet<&str> = lines.iter().copied().collect();
    assert_eq!((lines.len(), distinct.len()), (LINES, LINES));
    let is_gap = |record: &&Record| {
        record
            .metadata
            .get("event_type")
            .is_some_and(|event| event == "gap")
    };
    assert_eq!(records.iter().find(is_gap), None);
    let expected =
        (1..=3).flat_map(|part| (1..=LINES / 3).map(move |line| format!("part{part} line {line}")));
    assert!(lines.iter().copied().eq(expected), "in order");
}

/// Parts of three lines in Docker's form; the complete lines are `a` and `b`, interleaved, and an unflagged one.
const PARTS: &str = r#"
part() { # container, id, ordinal, last, text
    printf 'MESSAGE=%s\nCONTAINER_NAME=%s\nCONTAINER_ID=%s\nCONTAINER_PARTIAL_ID=%s\nPRIORITY=6\n' "$5" "$1" "$1" "$2"
    printf 'CONTAINER_PARTIAL_ORDINAL=%s\nCONTAINER_PARTIAL_LAST=%s\n' "$3" "$4"
    [ "$4" = true ] || printf 'CONTAINER_PARTIAL_MESSAGE=true\n'
}
send() { part "$@"; echo; }
(send a 1 1 false one-; send b 2 1 false eins-) | engine
logger -t between "between the parts"
(send a 1 2 false two-; send b 2 2 true zwei; send a 1 3 true three
printf 'MESSAGE=whole\nCONTAINER_NAME=a\nCONTAINER_ID=a\nPRIORITY=6\n') | engine
journalctl --sync
journald-stop
"#;

#[test]
fn parts_of_container_lines_are_joined_whenever_the_collector_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mut child) = journald(dir.path(), &format!("{ENGINE}{PARTS}")) else {
        return;
    };
    assert!(child.wait().unwrap().success());
    let expected = ["between the parts", "eins-zwei", "one-two-three", "whole"];
    // A batch that is nearly full ends after each record.
    let filler = own_record(Level::Info, "filler", String::new(), Metadata::new());
    let filler = vec![filler; Batch::RECORDS_MAX - 1];
    for stop_after in 0..=12 {
        let mut positions = Positions::new();
        let mut messages = Vec::new();
        let mut collector = JournaldCollector::open(options(dir.path()), &positions);
        for step in 0..40 {
            let mut batch = Batch::default();
            batch.records.clone_from(&filler);
            collector.read(&mut batch).unwrap();
            let records = batch.records.split_off(filler.len());
            messages.extend(records.into_iter().map(|record| record.message));
            positions.extend(
                batch
                    .positions
                    .into_iter()
                    .map(|position| (position.origin, position.value.unwrap())),
            );
            if step == stop_after {
                collector = JournaldCollector::open(options(dir.path()), &positions);
            }
        }
        messages.retain(|message| expected.contains(&message.as_str()) || message.contains('-'));
        assert_eq!(messages, expected, "restart after {stop_after}");
    }
}

/// Output of a user's unit, in a control group of that form, if the machine allows creating one.
const USER_UNIT: &str = r#"
    unit=user.slice/user-1000.slice/user@1000.service/app.slice/vmlog-$$.service
    roots=$(ls -d /sys/fs/cgroup/cgroup.procs /sys/fs/cgroup/{systemd,unified}/cgroup.procs 2>/dev/null || true)
    enter() {
        for root in $roots; do
            mkdir -p "${root%/*}/$unit" && echo $BASHPID > "${root%/*}/$unit/cgroup.procs" || return 1
        done
    }
    if [ -n "$roots" ] && (enter) 2>/dev/null; then
        (enter; exec systemd-cat -t inside sh -c 'echo "from the unit of a user"; sleep 1')
    fi
    journalctl --sync
    journald-stop
    for root in $roots; do (cd "${root%/*}"; rmdir -p "$unit" 2>/dev/null || true); done
"#;

#[test]
fn the_unit_of_a_user_is_a_source() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mut child) = journald(dir.path(), USER_UNIT) else {
        return;
    };
    assert!(child.wait().unwrap().success());
    let mut positions = Positions::new();
    let mut collector = JournaldCollector::open(options(dir.path()), &positions);
    let records = drain(&mut collector, &mut positions);
    let entry = records
        .iter()
        .find(|record| record.message == "from the unit of a user");
    // A machine that does not allow creating control groups has no such unit.
    let Some(entry) = entry else { return };
    let source = entry.source.as_str();
    assert!(source.starts_with("user:vmlog-"), "{source}");
    assert!(!source.ends_with(".service"), "{source}");
    assert_eq!(entry.metadata["unit"], "user@1000.service");
}

#[test]
fn selected_namespaces_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let script = r#"
        python3 - <<'END'
import socket
for path, text in (("journal", "in none"), ("journal.app", "in app")):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.sendto(f"MESSAGE={text}\nSYSLOG_IDENTIFIER=test\n".encode(), f"/run/systemd/{path}/socket")
END
        journalctl --sync
        journalctl --namespace=app --sync
        journald-stop
    "#;
    let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/journald");
    let mut command = Command::new(tool);
    command.arg("--dir").arg(dir.path());
    command.args(["--namespace", "app", "--", "bash", "-euc", script]);
    let status = command.status().unwrap();
    if status.code() == Some(77) {
        return;
    }
    assert!(status.success());
    let read = |namespaces: Namespaces| -> Vec<String> {
        let mut positions = Positions::new();
        let options = JournaldOptions {
            namespaces,
            ..options(dir.path())
        };
        let mut collector = JournaldCollector::open(options, &positions);
        let records = drain(&mut collector, &mut positions);
        let ours = records
            .iter()
            .filter(|record| record.source.as_str() == "system:test");
        ours.map(|record| record.message.clone()).collect()
    };
    // Two daemons stamp their entries independently.
    let mut all = read(Namespaces::All);
    all.sort_unstable();
    assert_eq!(all, ["in app", "in none"]);
    assert_eq!(read(Namespaces::Named(vec![String::new()])), ["in none"]);
    assert_eq!(read(Namespaces::Named(vec!["app".to_owned()])), ["in app"]);
}

#[test]
fn reports_a_missing_journal_once_and_waits_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut collector =
        JournaldCollector::open(options(&dir.path().join("journal")), &Positions::new());
    let mut positions = Positions::new();
    let told = drain(&mut collector, &mut positions);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].source.as_str(), "system:vmlog");
    assert_eq!(told[0].metadata["event_type"], "journal_missing");
    assert!(drain(&mut collector, &mut positions).is_empty());
}

fn append(path: &PathBuf, text: &str) {
    use std::io::Write;
    let mut options = std::fs::OpenOptions::new();
    options
        .append(true)
        .create(true)
        .open(path)
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
}

#[test]
fn reads_the_first_boot_from_cloud_init() {
    let dir = tempfile::tempdir().unwrap();
    let options = CloudInitOptions {
        output: dir.path().join("cloud-init-output.log"),
        log: Some(dir.path().join("cloud-init.log")),
        ..CloudInitOptions::default()
    };
    let mut positions = Positions::new();
    let mut collector = CloudInitCollector::open(options.clone(), &positions);
    assert!(
        drain(&mut collector, &mut positions).is_empty(),
        "the files may come later"
    );
    append(
        &options.output,
        "Cloud-init v. 24.1 running 'init' at Tue, 17 Feb 2026 14:30:15 +0000. Up 12.3 seconds.\n\
         Get:1 http://deb.debian.org stable InRelease\n\
         \n\
         E: unable to locate\n\
         ERROR: failed to install\n\
         Cloud-init v. 24.1 finished at Tue, 17 Feb 2026 14:31:02 +0000. Datasource DataSourceNoCloud.  Up 60 seconds\n",
    );
    append(
        options.log.as_ref().unwrap(),
        "2026-02-17 14:30:14,512 - util.py[DEBUG]: Cloud-init v. 24.1 running 'init-local'\n\
         2026-02-17 14:30:15,000 - handlers.py[DEBUG]: start: init-network/config-ssh: running config-ssh\n\
         2026-02-17 14:30:16,250 - util.py[WARNING]: Running module ssh failed\n\
         Traceback (most recent call last):\n\
         2026-02-17 14:30:17,000 - handlers.py[DEBUG]: finish: init-network/config-ssh: FAIL: running config-ssh\n",
    );
    let records = drain(&mut collector, &mut positions);
    assert!(
        records
            .iter()
            .all(|record| record.source.as_str() == "cloud-init")
    );
    let facts: Vec<String> = records
        .iter()
        .map(|record| {
            let get = |name: &str| {
                record
                    .metadata
                    .get(name)
                    .and_then(|value| value.as_str())
                    .unwrap_or("-")
            };
            let message: String = record.message.chars().take(12).collect();
            let time = record.timestamp.to_string();
            format!(
                "{} {} {} {} {message}",
                get("file"),
                record.level,
                &time[11..23],
                get("stage")
            )
        })
        .collect();
    let expected = [
        "cloud-init-output.log info 14:30:15.000 init Cloud-init v",
        "cloud-init-output.log info 14:30:15.000 init Get:1 http:/",
        "cloud-init-output.log info 14:30:15.000 init ",
        "cloud-init-output.log error 14:30:15.000 init E: unable to",
        "cloud-init-output.log error 14:30:15.000 init ERROR: faile",
        "cloud-init-output.log info 14:31:02.000 - Cloud-init v",
        "cloud-init.log debug 14:30:14.512 - Cloud-init v",
        "cloud-init.log debug 14:30:15.000 init-network start: init-",
        "cloud-init.log warn 14:30:16.250 init-network Running modu",
        "cloud-init.log warn 14:30:16.250 init-network Traceback (m",
        "cloud-init.log error 14:30:17.000 init-network finish: init",
    ];
    assert_eq!(facts, expected);
    assert_eq!(records[8].metadata["module"], "util.py");
    assert_eq!(records[10].metadata["result"], "FAIL");

    let mut again = CloudInitCollector::open(options.clone(), &positions);
    assert!(
        drain(&mut again, &mut positions).is_empty(),
        "each line once"
    );
    append(&options.output, "more\n");
    let more = drain(&mut again, &mut positions);
    assert_eq!(more.len(), 1);
}

/// A small random number generator, so that every run is the same.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

/// Writes numbered lines to a log and rotates it as its program and logrotate would: by renaming or, with
/// `VMLOG_STORM_COPIES`, `b.log` by copying and truncating; old files are compressed.
fn write_and_rotate(path: &Path, lines: usize, mut dice: Dice) {
    use std::fs::{self, File, OpenOptions};
    use std::io::Write;
    let open = || {
        OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)
            .unwrap()
    };
    let rotated = |number: usize| PathBuf::from(format!("{}-20260217-{number:06}", path.display()));
    let copies = path.ends_with("b.log") && std::env::var_os("VMLOG_STORM_COPIES").is_some();
    let mut file = open();
    let mut rotations = 0;
    for line in 0..lines {
        let padding = "x".repeat(usize::try_from(dice.roll(60)).unwrap());
        writeln!(file, "{line} {padding}").unwrap();
        match dice.roll(600) {
            0 if !copies => {
                rotations += 1;
                fs::rename(path, rotated(rotations)).unwrap();
                file = open();
            }
            2 if copies => {
                rotations += 1;
                fs::copy(path, rotated(rotations)).unwrap();
                OpenOptions::new()
                    .write(true)
                    .truncate(true)
                    .open(path)
                    .unwrap();
            }
            3 if rotations > 2 => {
                let name = rotated(rotations - 1);
                if let Ok(text) = fs::read(&name) {
                    let packed = File::create(format!("{}.gz.tmp", name.display())).unwrap();
                    let mut encoder =
                        flate2::write::GzEncoder::new(packed, flate2::Compression::fast());
                    encoder.write_all(&text).unwrap();
                    let modified = fs::metadata(&name).unwrap().modified().unwrap();
                    encoder.finish().unwrap().set_modified(modified).unwrap();
                    let packed = format!("{}.gz", name.display());
                    fs::rename(format!("{packed}.tmp"), &packed).unwrap();
                    fs::remove_file(&name).unwrap();
                }
            }
            4..20 => std::thread::sleep(Duration::from_millis(1)),
            _ => {}
        }
        if dice.roll(50) == 0 {
            file = open();
        }
    }
}

/// Writers and rotations at random, and a collector that is killed repeatedly: every line arrives once and in order.
/// `VMLOG_STORM_LINES` makes the test longer.
#[test]
fn many_rotations_lose_and_repeat_nothing() {
    use vmlog::collect::{FileCollector, FileOptions};
    let lines: usize =
        std::env::var("VMLOG_STORM_LINES").map_or(6_000, |lines| lines.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let names = ["a.log", "b.log", "c.log"];
    let mut dice = Dice(0x5eed);
    let writers: Vec<_> = names
        .iter()
        .map(|name| {
            let (path, dice) = (dir.path().join(name), Dice(1 + dice.roll(u64::MAX)));
            append(&path, "begin\n");
            (path, dice)
        })
        .collect();
    let options = FileOptions::new("storm", dir.path().join("*.log"));
    let mut positions = Positions::new();
    let mut records = drain(
        &mut FileCollector::open(options.clone(), &positions),
        &mut positions,
    );
    assert_eq!(records.len(), names.len());
    let writers: Vec<_> = writers
        .into_iter()
        .map(|(path, dice)| std::thread::spawn(move || write_and_rotate(&path, lines, dice)))
        .collect();
    let mut collector = FileCollector::open(options.clone(), &positions);
    while writers.iter().any(|writer| !writer.is_finished()) {
        let mut batch = Batch::default();
        collector.read(&mut batch).unwrap();
        if dice.roll(30) == 0 {
            // Killed before the batch was stored.
            collector = FileCollector::open(options.clone(), &positions);
        } else if commit(batch, &mut records, &mut positions) {
            collector.wait(Duration::from_millis(5));
        }
    }
    for writer in writers {
        writer.join().unwrap();
    }
    records.extend(drain(&mut collector, &mut positions));
    for name in names {
        let path = dir.path().join(name).display().to_string();
        let of_file = records
            .iter()
            .filter(|record| record.metadata["file"] == path.as_str());
        let found: Vec<&str> = of_file
            .map(|record| record.message.split(' ').next().unwrap())
            .collect();
        let expected: Vec<String> = std::iter::once("begin".to_owned())
            .chain((0..lines).map(|n| n.to_string()))
            .collect();
        let fault = found
            .iter()
            .zip(&expected)
            .position(|(found, expected)| found != expected);
        let around = fault.map(|at| &found[at.saturating_sub(3)..(at + 3).min(found.len())]);
        assert_eq!((around, found.len()), (None, expected.len()), "{name}");
    }
    let own = records
        .iter()
        .filter(|record| record.source.as_str() == "system:vmlog");
    assert_eq!(own.count(), 0);
}
pub(crate) mod vm;
