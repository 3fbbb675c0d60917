//! From the journal to the store on one core: entries are read, redacted and appended with positions, as in the
//! pipeline but on a single thread, whose own processor time is measured.
//!
//! First the same for a file of mixed lines with and without recognition, alternating, to measure the cost of
//! recognising levels, times and continued lines. It may cost 10 % of the total. With the argument `with` or `without` it
//! reads that file once, for callgrind, which counts instructions: other load does not change them.
//!
//! With `records` and paths it prints what is recognised in each line of these files, and of the journals in folders, so
//! that two versions can be compared.
//!
//! `VMLOG_BENCH_JOURNALS` names a directory of journal files made by `tools/make-bench-journals`. With `--target
//! x86_64-unknown-linux-musl` it measures the released binary, which has its own allocator and memory functions.

mod shipped;

use rustix::time::{ClockId, clock_gettime};
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use vmlog::collect::{Batch, Collector, JournaldCollector, JournaldOptions};
use vmlog::collect::{FileCollector, FileOptions, FollowOptions, Recognition};
use vmlog::disk::RealDisk;
use vmlog::record::Positions;
use vmlog::redact::{self, Redacted, Redactor};
use vmlog::store::{self, Store};

/// Number of rounds; the median counts.
const ROUNDS: usize = 5;

/// Lines of real programs, and ordinary ones, which are the larger part of a log.
const LINES: &str = include_str!("../tests/fixtures/recognition/levels.tsv");
const ORDINARY: &str = include_str!("../tests/fixtures/redact/ordinary.txt");

/// Number of lines in the mixed file.
const MIXED: usize = 100_000;

fn main() {
    match std::env::args().find(|argument| !argument.starts_with('-') && !argument.contains('/')) {
        Some(way) if way == "with" => {
            return mixed(|path| _ = black_box(read_mixed(path, Recognition::default())));
        }
        Some(way) if way == "without" => {
            return mixed(|path| _ = black_box(read_mixed(path, disabled())));
        }
        Some(way) if way == "records" => return records(std::env::args().skip(2)),
        _ => mixed(recognition),
    }
    let Some(directory) = std::env::var_os("VMLOG_BENCH_JOURNALS").map(PathBuf::from) else {
        println!("VMLOG_BENCH_JOURNALS is not set: nothing to collect");
        return;
    };
    let mut redactor =
        Redactor::new(&redact::RedactOptions::default()).expect("the built-in rules");
    let mut took = [const { Vec::new() }; 4];
    let mut entries = 0;
    for _ in 0..ROUNDS {
        let round = round(&directory, &mut redactor);
        entries = round.entries;
        for (all, one) in took.iter_mut().zip(round.took) {
            all.push(one);
        }
    }
    for (what, mut all) in ["collect", "redact", "append", "all of it"]
        .into_iter()
        .zip(took)
    {
        all.sort_unstable();
        let median = all[ROUNDS / 2];
        let rate = u64::from(entries) * 1_000_000_000 / median.max(1);
        let each = median / u64::from(entries.max(1));
        println!("{what}: {rate} entries/s, {each} ns each");
    }
    println!("{entries} entries");
}

/// Calls `measure` with a file of mixed lines.
fn mixed(measure: impl FnOnce(&Path)) {
    let folder = std::env::temp_dir().join(format!("vmlog-bench-lines-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join("mixed.log");
    let stated = LINES.lines().filter_map(|line| line.split_once('\t'));
    let stated: Vec<&str> = stated.map(|(_, line)| line).collect();
    let ordinary: Vec<&str> = ORDINARY.lines().collect();
    let line = |number: usize| match number % 4 {
        0 => stated[number / 4 % stated.len()],
        _ => ordinary[number % ordinary.len()],
    };
    let text: Vec<&str> = (0..MIXED).map(line).collect();
    std::fs::write(&path, text.join("\n") + "\n").expect("a file");
    measure(&path);
    std::fs::remove_dir_all(&folder).expect("the folder is ours");
}

/// Recognition with every rule switched off.
fn disabled() -> Recognition {
    Recognition {
        disabled: vec!["*".parse().expect("a pattern")],
        ..Recognition::default()
    }
}

fn read_mixed(path: &Path, recognition: Recognition) -> Round {
    let mut redactor =
        Redactor::new(&redact::RedactOptions::default()).expect("the built-in rules");
    let options = FileOptions {
        follow: FollowOptions {
            recognition,
            ..FollowOptions::default()
        },
        ..FileOptions::new("mixed", path)
    };
    let mut collector = FileCollector::open(options, &Positions::new());
    ingest(&mut collector, &mut redactor)
}

/// Reads a file of mixed lines with and without recognition.
fn recognition(path: &Path) {
    let mut took = [const { Vec::new() }; 2];
    let mut collected = [const { Vec::new() }; 2];
    for _ in 0..ROUNDS {
        let ways = [Recognition::default(), disabled()];
        for (way, recognition) in ways.into_iter().enumerate() {
            let round = read_mixed(path, recognition);
            took[way].push(round.took[3]);
            collected[way].push(round.took[0]);
        }
    }
    for (what, mut took) in [("collecting", collected), ("all of it", took)] {
        let [on, off] = [0, 1].map(|way| {
            took[way].sort_unstable();
            took[way][ROUNDS / 2] / MIXED as u64
        });
        let thousandths = on.saturating_sub(off) * 1_000 / off.max(1);
        let (percent, rest) = (thousandths / 10, thousandths % 10);
        println!("recognition, {what}: {on} ns a line with it, {off} without: {percent}.{rest} %");
    }
}

/// Prints the records of files and of folders with journals: as they are by default, with JSON as text, and with some
/// rules switched off.
fn records(paths: impl Iterator<Item = String>) {
    let off = ["time", "bracket", "klog", "kernel", "tool", "first-word"];
    let ways = [
        Recognition::default(),
        Recognition {
            structured: "!*".parse().expect("a pattern"),
            ..Recognition::default()
        },
        Recognition {
            disabled: off.map(|rule| rule.parse().expect("a rule")).to_vec(),
            ..Recognition::default()
        },
    ];
    for path in paths.filter(|path| !path.starts_with('-')) {
        for (way, recognition) in ways.iter().enumerate() {
            let mut collector = collector_of(Path::new(&path), recognition.clone());
            let mut batch = Batch::default();
            loop {
                collector.read(&mut batch).expect("something to read");
                let records = std::mem::take(&mut batch.records);
                if records.is_empty() {
                    break;
                }
                for record in records {
                    let line = serde_json::to_string(&record.message).expect("text");
                    let facts = serde_json::to_string(&record.metadata).expect("an object");
                    let (time, level) = (record.timestamp, record.level);
                    println!("{way} {time} {level} {facts} {line}");
                }
            }
        }
    }
}

fn collector_of(path: &Path, recognition: Recognition) -> Box<dyn Collector> {
    if path.is_dir() {
        let options = JournaldOptions {
            directories: vec![path.to_owned()],
            recognition,
            ..JournaldOptions::default()
        };
        return Box::new(JournaldCollector::open(options, &Positions::new()));
    }
    let follow = FollowOptions {
        recognition,
        ..FollowOptions::default()
    };
    let options = FileOptions {
        follow,
        ..FileOptions::new("f", path)
    };
    Box::new(FileCollector::open(options, &Positions::new()))
}

struct Round {
    entries: u32,
    took: [u64; 4],
}

fn round(directory: &Path, redactor: &mut Redactor) -> Round {
    let journal = JournaldOptions {
        directories: vec![directory.to_owned()],
        ..JournaldOptions::default()
    };
    let mut collector = JournaldCollector::open(journal, &Positions::new());
    ingest(&mut collector, redactor)
}

/// Reads everything that a collector has into a new store.
fn ingest(collector: &mut dyn Collector, redactor: &mut Redactor) -> Round {
    let root = std::env::temp_dir().join(format!("vmlog-bench-collect-{}", std::process::id()));
    let options = store::Options {
        rows_max: u64::MAX,
        bytes_max: u64::MAX,
        age_max: Duration::from_hours(100 * 365 * 24),
        ..store::Options::default()
    };
    let (mut store, _) = Store::open(Arc::new(RealDisk), &root, options).expect("a store");
    let (mut entries, mut took) = (0, [0; 4]);
    let begin = processor_time();
    loop {
        let mut batch = Batch::default();
        let start = processor_time();
        collector.read(&mut batch).expect("something to read");
        let collected = processor_time();
        if batch.records.is_empty() {
            break;
        }
        entries += u32::try_from(batch.records.len()).expect("a small batch");
        let records: Vec<Redacted> = batch
            .records
            .into_iter()
            .map(|record| redactor.redact(record))
            .collect();
        let redacted = processor_time();
        store.append(&records, &batch.positions).expect("room");
        drop(records);
        let appended = processor_time();
        took[0] += collected - start;
        took[1] += redacted - collected;
        took[2] += appended - redacted;
    }
    store.sync().expect("a disk");
    took[3] = processor_time() - begin;
    drop(store);
    std::fs::remove_dir_all(&root).expect("the folder is ours");
    Round { entries, took }
}

/// The processor time of this thread, in nanoseconds.
fn processor_time() -> u64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    u64::try_from(now.tv_sec * 1_000_000_000 + now.tv_nsec).expect("a time since the start")
}
