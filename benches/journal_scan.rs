//! The speed of reading journals, compared with journalctl in the same run.
//!
//! `VMLOG_BENCH_JOURNALS` names a directory made by `tools/make-bench-journals`; without it only many small files are
//! read. A private journald (`tools/journald`) is followed, if this machine allows it.

use std::fs;
use std::hint::black_box;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;
use std::time::SystemTime;
use vmlog::journal::EntryMatches;
use vmlog::journal::Journal;
use vmlog::journal::JournalEvent;
use vmlog::journal::JournalOptions;
use vmlog::journal::Seek;
use vmlog::journal::layout;

/// The fields of an entry that the collector keeps.
const PROJECTION: &[&[u8]] = &[
    b"PRIORITY",
    b"_SYSTEMD_UNIT",
    b"SYSLOG_IDENTIFIER",
    b"CONTAINER_NAME",
    b"CONTAINER_ID",
    b"_PID",
    b"MESSAGE",
];
/// The unit to find.
const UNIT: &str = "_SYSTEMD_UNIT=app7.service";
/// Number of repetitions; the median counts.
const ROUNDS: usize = 5;
/// Number of archived files, as on a machine that keeps its journal for years.
const MANY_FILES: u64 = 1_500;

fn main() {
    if let Some(directory) = std::env::var_os("VMLOG_BENCH_JOURNALS").map(PathBuf::from) {
        scans(&directory);
        shows(&directory);
    } else {
        println!("VMLOG_BENCH_JOURNALS is not set: no large journal to read");
    }
    many_files();
    report("waiting for 2 s", 1, measure(1, idle));
    latency();
}

/// The library alone, and journalctl's export.
fn scans(directory: &Path) {
    let (entries, bytes) = visit(directory);
    let files = fs::read_dir(directory).map_or(0, Iterator::count);
    println!("{entries} entries with {bytes} bytes of fields in {files} files");
    let all = measure(ROUNDS, || visit(directory).1);
    report("all fields", entries, all);
    report(
        "projection",
        entries,
        measure(ROUNDS, || project(directory)),
    );
    let unit = measure(ROUNDS, || one_unit(directory));
    report("one unit of 100", entries, unit);
    report(
        "last 100 entries",
        100,
        measure(ROUNDS, || last(directory, 100)),
    );
    println!("resident at most: {} KiB", resident_kib("self"));
    let theirs = measure(3, || journalctl(directory, &["-o", "export"]));
    report("journalctl -o export", entries, theirs);
    compare("all fields beside it", all, theirs);
    let theirs = measure(3, || journalctl(directory, &["-o", "export", UNIT]));
    report("journalctl, one unit", entries, theirs);
    compare("one unit beside it", unit, theirs);
}

/// The command, and journalctl with the same arguments.
fn shows(directory: &Path) {
    let entries = visit(directory).0;
    for arguments in [
        &["-o", "export"][..],
        &["-o", "json"],
        &["-o", "short"],
        &["-o", "cat"],
        &["-o", "export", UNIT],
        &["-n", "100"],
    ] {
        let what = arguments.join(" ");
        let ours = measure(ROUNDS, || vmlog(directory, arguments));
        report(&format!("vmlog journal {what}"), entries, ours);
        let theirs = measure(3, || journalctl(directory, arguments));
        report(&format!("journalctl {what}"), entries, theirs);
        compare(&what, ours, theirs);
        println!(
            "resident at most: {} KiB",
            resident_of(directory, arguments)
        );
    }
}

fn many_files() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for number in 0..MANY_FILES {
        archived(directory.path(), number);
    }
    let arguments = ["-n", "100"];
    let ours = measure(ROUNDS, || vmlog(directory.path(), &arguments));
    report("vmlog journal -n 100 of 1,500 files", 100, ours);
    let theirs = measure(ROUNDS, || journalctl(directory.path(), &arguments));
    report("journalctl -n 100 of 1,500 files", 100, theirs);
    compare("1,500 files", ours, theirs);
    let resident = resident_of(directory.path(), &["-o", "export"]);
    println!("resident at most, all of 1,500 files: {resident} KiB");
}

/// Creates a rotated file.
fn archived(directory: &Path, number: u64) {
    let mut bytes = of_number(number);
    bytes[place("state")] = 2;
    let head = (
        get(&bytes, place("head_entry_seqnum")),
        get(&bytes, place("head_entry_realtime")),
    );
    let name = format!("system@{:032x}-{:016x}-{:016x}.journal", 1, head.0, head.1);
    fs::write(directory.join(name), bytes).expect("a file can be written");
}

/// The offset of a field in the header.
fn place(name: &str) -> usize {
    let field = layout::HEADER.iter().find(|field| field.name == name);
    usize::try_from(field.expect("a field of the header").offset).expect("a small number")
}

/// The bytes of a copy of the committed file, with different sequence numbers and times.
fn of_number(number: u64) -> Vec<u8> {
    let fixture = "tests/fixtures/journal/zstd-compact-keyed.journal";
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join(fixture);
    let mut bytes = fs::read(fixture).expect("the fixture is there");
    let add = |bytes: &mut [u8], at: usize, more: u64| {
        let sum = get(bytes, at) + more;
        bytes[at..at + 8].copy_from_slice(&sum.to_le_bytes());
    };
    let (numbers, micros) = (number * 30, number * 10_000_000_000);
    for name in ["head_entry_seqnum", "tail_entry_seqnum"] {
        add(&mut bytes, place(name), numbers);
    }
    for name in [
        "head_entry_realtime",
        "tail_entry_realtime",
        "tail_entry_monotonic",
    ] {
        add(&mut bytes, place(name), micros);
    }
    let mut at = usize::try_from(get(&bytes, place("header_size"))).expect("a small number");
    while at + 64 <= bytes.len() {
        let size = usize::try_from(get(&bytes, at + 8)).expect("a small number");
        if bytes[at] == 3 {
            add(&mut bytes, at + 16, numbers);
            add(&mut bytes, at + 24, micros);
            add(&mut bytes, at + 32, micros);
        }
        at += size.next_multiple_of(8).max(8);
    }
    bytes
}

fn get(bytes: &[u8], at: usize) -> u64 {
    let raw = bytes[at..at + 8].try_into().expect("8 bytes");
    u64::from_le_bytes(raw)
}

fn open(directory: &Path) -> Journal {
    Journal::open(JournalOptions {
        directories: vec![directory.to_owned()],
        ..JournalOptions::default()
    })
}

/// Reads every byte of every field of every entry.
fn visit(directory: &Path) -> (u64, u64) {
    let mut journal = open(directory);
    let (mut entries, mut bytes) = (0, 0);
    while let Some(JournalEvent::Entry(entry)) = journal.next() {
        entries += 1;
        for (name, value) in entry.fields() {
            bytes += (black_box(name).len() + black_box(value).len()) as u64;
        }
    }
    (entries, bytes)
}

fn project(directory: &Path) -> u64 {
    let mut journal = Journal::open(JournalOptions {
        directories: vec![directory.to_owned()],
        fields: Some(|name| PROJECTION.contains(&name)),
        ..JournalOptions::default()
    });
    let mut kept = Vec::new();
    let mut bytes = 0;
    while let Some(JournalEvent::Entry(entry)) = journal.next() {
        kept.clear();
        black_box(entry.realtime());
        for (_, value) in entry.fields() {
            kept.extend_from_slice(value);
        }
        bytes += black_box(&kept).len() as u64;
    }
    bytes
}

/// Reads the entries of one unit, with all fields.
fn one_unit(directory: &Path) -> u64 {
    let (name, value) = UNIT.split_once('=').expect("a match");
    let mut journal = Journal::open(JournalOptions {
        directories: vec![directory.to_owned()],
        matches: EntryMatches::default().and(name.as_bytes(), value.as_bytes()),
        ..JournalOptions::default()
    });
    let mut entries = 0;
    while let Some(JournalEvent::Entry(entry)) = journal.next() {
        entries += u64::from(black_box(entry.fields().count()) > 0);
    }
    entries
}

/// The newest entries, backward from the end.
fn last(directory: &Path, wanted: u64) -> u64 {
    let mut journal = open(directory);
    journal.seek(&Seek::Tail);
    let mut entries = 0;
    while entries < wanted
        && let Some(JournalEvent::Entry(entry)) = journal.previous()
    {
        entries += u64::from(black_box(entry.fields().count()) > 0);
    }
    entries
}

/// The cost of following a journal to which nothing is added.
fn idle() -> u64 {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for number in 0..20 {
        let bytes = of_number(number);
        let name = format!("user-{number}.journal");
        fs::write(directory.path().join(name), bytes).expect("a file can be written");
        archived(directory.path(), number);
    }
    let mut journal = open(directory.path());
    journal.seek(&Seek::Tail);
    let (start, mut waits) = (Instant::now(), 0);
    while start.elapsed() < Duration::from_secs(2) {
        let timeout = Duration::from_millis(500);
        journal.wait(timeout);
        assert!(journal.next().is_none());
        waits += 1;
    }
    waits
}

/// The delay of an entry between journald and a follower.
fn latency() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let script = "sleep 0.5; for i in $(seq 200); do logger -t latency $i; sleep 0.03; done";
    let child = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/journald"))
        .arg("--dir")
        .arg(directory.path())
        .args(["--", "bash", "-c", script])
        .spawn();
    let Ok(mut child) = child else { return };
    let mut journal = open(directory.path());
    let mut took = Vec::new();
    while child
        .try_wait()
        .expect("a child can be waited for")
        .is_none()
    {
        let timeout = Duration::from_millis(200);
        journal.wait(timeout);
        while let Some(event) = journal.next() {
            if let JournalEvent::Entry(entry) = event
                && entry.field(b"SYSLOG_IDENTIFIER") == Some(b"latency")
            {
                took.push(micros_now().saturating_sub(entry.realtime()));
            }
        }
    }
    took.sort_unstable();
    let at = |percent: usize| took.get(took.len() * percent / 100).or(took.last());
    if let (Some(median), Some(most), Some(worst)) = (at(50), at(99), took.last()) {
        let count = took.len();
        println!(
            "{count} entries followed: median {median} us, 99 % within {most} us, worst {worst} us"
        );
    }
}

fn micros_now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_micros()).expect("a time of this age")
    })
}

fn journalctl(directory: &Path, arguments: &[&str]) -> u64 {
    let mut command = Command::new("journalctl");
    command.arg("--no-pager").args(arguments);
    succeeds(command.arg("-D").arg(directory))
}

fn vmlog(directory: &Path, arguments: &[&str]) -> u64 {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vmlog"));
    command.arg("journal").args(arguments);
    succeeds(command.arg("-D").arg(directory))
}

fn succeeds(command: &mut Command) -> u64 {
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    u64::from(status.is_ok_and(|status| status.success()))
}

/// The maximum memory of the command, sampled every few pages of its output.
fn resident_of(directory: &Path, arguments: &[&str]) -> u64 {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vmlog"));
    command.arg("journal").args(arguments);
    command.arg("-D").arg(directory).stdout(Stdio::piped());
    let mut child = command.spawn().expect("the command can be started");
    let mut stdout = child.stdout.take().expect("a pipe");
    let (mut most, mut buffer) = (0, vec![0; 1 << 16]);
    while stdout.read(&mut buffer).is_ok_and(|count| count > 0) {
        most = most.max(resident_kib(&child.id().to_string()));
    }
    child.wait().expect("a child can be waited for");
    most
}

/// Elapsed time and processor time, which other load does not affect. That of a child is counted in steps of 10 ms.
#[derive(Clone, Copy)]
struct Took {
    wall: Duration,
    cpu: Duration,
    result: u64,
}

fn measure(rounds: usize, run: impl Fn() -> u64) -> Took {
    let mut all: Vec<Took> = (0..rounds)
        .map(|_| {
            let (start, cpu) = (Instant::now(), cpu_time());
            let result = run();
            let cpu = cpu_time().saturating_sub(cpu);
            let wall = start.elapsed();
            Took { wall, cpu, result }
        })
        .collect();
    all.sort_by_key(|took| took.wall);
    all[all.len() / 2]
}

fn report(what: &str, entries: u64, took: Took) {
    println!(
        "{what:40} {:8.1} ms {:9} entries/s, on the processor {:8.1} ms {:9} entries/s ({})",
        took.wall.as_secs_f64() * 1e3,
        rate(entries, took.wall),
        took.cpu.as_secs_f64() * 1e3,
        rate(entries, took.cpu),
        took.result,
    );
}

fn compare(what: &str, ours: Took, theirs: Took) {
    let wall = theirs.wall.as_secs_f64() / ours.wall.as_secs_f64();
    let cpu = theirs.cpu.as_secs_f64() / ours.cpu.as_secs_f64();
    println!("{what}: {wall:.1} times as fast as journalctl, {cpu:.1} times on the processor");
}

/// The processor time of this process and its ended children.
fn cpu_time() -> Duration {
    let text = fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanos = text.split_whitespace().next();
    let own = Duration::from_nanos(nanos.and_then(|nanos| nanos.parse().ok()).unwrap_or(0));
    let text = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let numbers = text.rsplit_once(')').map_or("", |(_, numbers)| numbers);
    let ticks = numbers.split_whitespace().skip(13).take(2);
    let ticks: u64 = ticks.filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    own + Duration::from_millis(ticks * 10)
}

fn rate(entries: u64, took: Duration) -> u128 {
    u128::from(entries) * 1_000_000 / took.as_micros().max(1)
}

/// The maximum memory of a process so far.
fn resident_kib(process: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    let number = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
    number.unwrap_or(0)
}
