//! How fast journals are read, in one run beside journalctl.
//!
//! `VMLOG_BENCH_JOURNALS` names a directory made by `tools/make-bench-journals`; without it nothing is measured.

use std::hint::black_box;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;
use vmlog::journal::Event;
use vmlog::journal::Journal;
use vmlog::journal::JournalOptions;
use vmlog::journal::Matches;
use vmlog::journal::Seek;

/// What the collector keeps of an entry.
const PROJECTION: &[&[u8]] = &[
    b"PRIORITY",
    b"_SYSTEMD_UNIT",
    b"SYSLOG_IDENTIFIER",
    b"CONTAINER_NAME",
    b"CONTAINER_ID",
    b"_PID",
    b"MESSAGE",
];

fn main() {
    let Some(directory) = std::env::var_os("VMLOG_BENCH_JOURNALS").map(PathBuf::from) else {
        println!("VMLOG_BENCH_JOURNALS is not set: nothing to read");
        return;
    };
    let entries = visit(&directory).0;
    for _ in 0..3 {
        report("all fields", entries, || visit(&directory).1);
    }
    for _ in 0..3 {
        report("projection", entries, || project(&directory));
    }
    for _ in 0..3 {
        report("one unit of 100", entries, || one_unit(&directory));
    }
    for _ in 0..3 {
        report("last 100 entries", 100, || last(&directory, 100));
    }
    report("waiting for 2 s", 1, || idle(&directory));
    let export = ["-o", "export"];
    report("journalctl -o export", entries, || {
        journalctl(&directory, &export)
    });
    let unit = ["-o", "export", UNIT];
    report("journalctl, one unit", entries, || {
        journalctl(&directory, &unit)
    });
    report("journalctl -n 100", 100, || {
        journalctl(&directory, &["-o", "export", "-n", "100"])
    });
    println!("resident at most: {} KiB", resident_kib());
}

fn open(directory: &Path) -> Journal {
    Journal::open(JournalOptions {
        directories: vec![directory.to_owned()],
        ..JournalOptions::default()
    })
}

/// Every byte of every field of every entry is looked at.
fn visit(directory: &Path) -> (u64, u64) {
    let mut journal = open(directory);
    let (mut entries, mut bytes) = (0, 0);
    while let Some(Event::Entry(entry)) = journal.next().expect("the journal can be read") {
        entries += 1;
        for (name, value) in entry.fields() {
            bytes += (black_box(name).len() + black_box(value).len()) as u64;
        }
    }
    (entries, bytes)
}

fn project(directory: &Path) -> u64 {
    let mut journal = open(directory);
    let mut kept = Vec::new();
    let mut bytes = 0;
    while let Some(Event::Entry(entry)) = journal.next().expect("the journal can be read") {
        kept.clear();
        black_box(entry.realtime());
        for (name, value) in entry.fields() {
            if PROJECTION.contains(&name) {
                kept.extend_from_slice(value);
            }
        }
        bytes += black_box(&kept).len() as u64;
    }
    bytes
}

/// The unit that is looked for.
const UNIT: &str = "_SYSTEMD_UNIT=app7.service";

/// The entries of one unit, all fields of each.
fn one_unit(directory: &Path) -> u64 {
    let (name, value) = UNIT.split_once('=').expect("a match");
    let mut journal = Journal::open(JournalOptions {
        directories: vec![directory.to_owned()],
        matches: Matches::default().and(name.as_bytes(), value.as_bytes()),
        ..JournalOptions::default()
    });
    let mut entries = 0;
    while let Some(Event::Entry(entry)) = journal.next().expect("the journal can be read") {
        entries += u64::from(black_box(entry.fields().count()) > 0);
    }
    entries
}

/// What it costs to follow a journal to which nothing is added.
fn idle(directory: &Path) -> u64 {
    let mut journal = open(directory);
    journal.seek(&Seek::Tail).expect("a seek succeeds");
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(2) {
        journal
            .wait(Duration::from_millis(500))
            .expect("waiting succeeds");
        assert!(journal.next().expect("the journal can be read").is_none());
    }
    0
}

/// The newest entries, backward from the end.
fn last(directory: &Path, wanted: u64) -> u64 {
    let mut journal = open(directory);
    journal.seek(&Seek::Tail).expect("a seek succeeds");
    let mut entries = 0;
    while entries < wanted
        && let Some(Event::Entry(entry)) = journal.previous().expect("the journal can be read")
    {
        entries += u64::from(black_box(entry.fields().count()) > 0);
    }
    entries
}

fn journalctl(directory: &Path, arguments: &[&str]) -> u64 {
    let status = std::process::Command::new("journalctl")
        .arg("-D")
        .arg(directory)
        .arg("--no-pager")
        .args(arguments)
        .stdout(std::process::Stdio::null())
        .status();
    u64::from(status.is_ok_and(|status| status.success()))
}

fn report(what: &str, entries: u64, run: impl FnOnce() -> u64) {
    let (start, cpu) = (Instant::now(), cpu_time());
    let result = run();
    let (took, cpu) = (start.elapsed(), cpu_time().saturating_sub(cpu));
    println!(
        "{what:24} {:8.1} ms {:9} entries/s, on the processor {:8.1} ms {:9} entries/s ({result})",
        took.as_secs_f64() * 1e3,
        rate(entries, took),
        cpu.as_secs_f64() * 1e3,
        rate(entries, cpu),
    );
}

/// Time on the processor, which other work on the machine does not lengthen; a child's does not count.
fn cpu_time() -> Duration {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanos = text.split_whitespace().next();
    Duration::from_nanos(nanos.and_then(|nanos| nanos.parse().ok()).unwrap_or(0))
}

fn rate(entries: u64, took: Duration) -> u128 {
    u128::from(entries) * 1_000_000 / took.as_micros().max(1)
}

fn resident_kib() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    line.and_then(|line| line.split_whitespace().nth(1))
        .unwrap_or("?")
        .to_owned()
}
