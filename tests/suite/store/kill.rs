//! A real process that appends, seals and prunes, killed at any moment, over and over, in one store.
//!
//! The test starts itself as the writer, with a folder in `VMLOG_KILL_ROOT`. `tools/crash-loop` runs many rounds.

use crate::store::{options, position, read_all, record, redacted};
use crate::support::seeded::Rng;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use vmlog::disk::RealDisk;
use vmlog::record::Record;
use vmlog::store::{Options, Store, SyncPolicy, verify};
use vmlog::time::Micros;

const ROOT: &str = "VMLOG_KILL_ROOT";

fn small() -> Options {
    Options {
        rows_max: 12_000,
        segment_rows: 1500,
        kept_bytes_max: 256 << 10,
        kept_rows_per_source: 50,
        sync: SyncPolicy::Interval(Duration::from_millis(20)),
        ..options()
    }
}

fn covered(store: &Store) -> u64 {
    let value = store.positions().get("journal:a");
    value.map_or(0, |value| str::from_utf8(value).unwrap().parse().unwrap())
}

/// The writer: says on its output how many records are in the store, as soon as they are.
#[test]
#[ignore = "is started by the test that kills it"]
fn writer() {
    let root = std::env::var_os(ROOT).expect("a folder");
    let (mut store, _) = Store::open(Arc::new(RealDisk), Path::new(&root), small()).unwrap();
    let mut done = covered(&store);
    let mut random = Rng::new(done);
    let mut out = std::io::stdout();
    loop {
        let count = 1 + random.number(200);
        let records: Vec<Record> = (done..done + count).map(record).collect();
        done += count;
        store
            .append(&redacted(&records), &[position(done)])
            .unwrap();
        // The parent may be gone, and with it the reason to continue.
        if writeln!(out, "{done}").is_err() {
            return;
        }
        if random.number(5) == 0 {
            store.maintain(Micros::now()).unwrap();
        }
        if random.number(100) == 0 {
            store.seal().unwrap();
        }
    }
}

/// Runs a writer and kills it after this number of milliseconds; returns the last number that it printed.
fn run_and_kill(root: &Path, patience: Duration) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["store::kill::writer", "--exact", "--ignored", "--nocapture"])
        .env(ROOT, root)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    while first.trim().parse::<u64>().is_err() {
        first.clear();
        assert!(
            output.read_line(&mut first).unwrap() > 0,
            "the writer did not start"
        );
    }
    // Somebody must read while the writer writes, or a full pipe would stop it.
    let reader = std::thread::spawn(move || {
        let mut rest = String::new();
        output.read_to_string(&mut rest).unwrap();
        rest
    });
    std::thread::sleep(patience);
    child.kill().unwrap();
    child.wait().unwrap();
    let said = first + &reader.join().unwrap();
    // The last line may be cut.
    let whole = said.rfind('\n').map_or("", |end| &said[..end]);
    whole.lines().last().unwrap().parse().unwrap()
}

fn check(root: &Path, said: u64, round: u64) {
    let verified = verify(Arc::new(RealDisk), root).unwrap();
    assert!(
        verified.damage.is_empty(),
        "round {round}: {:?}",
        verified.damage
    );
    let (store, recovery) = Store::open(Arc::new(RealDisk), root, small()).unwrap();
    assert!(recovery.damage.is_empty(), "round {round}");
    let view = store.reader().view();
    let ids = view.ids();
    assert!(
        ids.end > said,
        "round {round}: {said} were appended, {} are there",
        ids.end - 1
    );
    assert_eq!(covered(&store), ids.end - 1, "round {round}");
    assert!(
        ids.end - ids.start >= small().rows_max.min(said),
        "round {round}"
    );
    let records = read_all(&view);
    let all = records.len() as u64 + view.thinned();
    assert_eq!(all, ids.end - ids.start, "round {round}");
    assert!(records.is_sorted_by(|a, b| a.id < b.id), "round {round}");
    for found in records {
        assert_eq!(found.record, record(found.id.0 - 1), "round {round}");
    }
}

#[test]
fn a_killed_writer_loses_nothing() {
    let kills = std::env::var("VMLOG_TEST_KILLS").map_or(6, |kills| kills.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let mut random = Rng::new(kills);
    for round in 0..kills {
        let said = run_and_kill(dir.path(), Duration::from_micros(random.number(40_000)));
        check(dir.path(), said, round);
    }
}
