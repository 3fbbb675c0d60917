//! Measures the store: appending with sealing, size on disk, opening, recovery, memory.
//!
//! `cargo bench --bench store [-- RECORDS]`; the figures depend on the machine.

#![expect(
    clippy::cast_precision_loss,
    reason = "figures are printed with few digits"
)]

#[path = "../tools/bench/src/generate.rs"]
#[allow(dead_code, reason = "the comparison uses more of it")]
mod generate;

mod shipped;

use generate::{Generator, Sample};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use vmlog::disk::RealDisk;
use vmlog::record::{Level, Record};
use vmlog::redact::{self, Redacted, Redactor};
use vmlog::store::{Options, Store, SyncPolicy, fork, restore};
use vmlog::time::Micros;

const BATCH: usize = 100;

fn main() {
    let records: usize = std::env::args()
        .skip(1)
        .find_map(|argument| argument.parse().ok())
        .unwrap_or(1_000_000);
    let dir = tempfile::tempdir().expect("a temporary folder");
    println!("{records} records, {BATCH} an append");
    append(dir.path(), records);
    size(dir.path(), records);
    open(dir.path());
}

/// Batches of generated records, a hundred at a time.
struct Samples {
    left: usize,
    generator: Generator,
    redactor: Redactor,
    json_bytes: usize,
    message_bytes: usize,
}

impl Samples {
    fn new(left: usize) -> Self {
        let options = redact::RedactOptions {
            disabled: vec!["all".to_owned()],
            ..redact::RedactOptions::default()
        };
        Self {
            left,
            generator: Generator::new(1),
            redactor: Redactor::new(&options).expect("no rule"),
            json_bytes: 0,
            message_bytes: 0,
        }
    }

    fn next(&mut self) -> Option<Vec<Vec<Redacted>>> {
        let count = self.left.min(10 * BATCH);
        self.left -= count;
        let mut records = vec![];
        for sample in self.generator.by_ref().take(count) {
            self.message_bytes += sample.message.len();
            self.json_bytes += json_length(&sample);
            records.push(self.redactor.redact(record(sample)));
        }
        let batches = records.chunks(BATCH).map(<[_]>::to_vec).collect();
        (count > 0).then_some(batches)
    }
}

/// The length of the record as a line of JSON in the API's form.
fn json_length(sample: &Sample) -> usize {
    let line = serde_json::json!({
        "id": 1_000_000,
        "timestamp": Micros::new(sample.timestamp).to_string(),
        "source": sample.source,
        "level": Level::from_index(sample.level).expect("a level").as_str(),
        "message": sample.message,
        "metadata": sample.metadata,
    });
    line.to_string().len() + 1
}

fn record(sample: Sample) -> Record {
    Record {
        timestamp: Micros::new(sample.timestamp),
        source: sample.source.parse().expect("a source"),
        level: Level::from_index(sample.level).expect("a level"),
        message: sample.message,
        metadata: sample.metadata.into(),
    }
}

fn options() -> Options {
    Options {
        rows_max: u64::MAX,
        bytes_max: u64::MAX,
        age_max: Duration::from_hours(24 * 365 * 100),
        sync: SyncPolicy::Interval(Duration::from_secs(1)),
        free_percent_min: 0,
        free_bytes_min: 0,
        ..Options::default()
    }
}

/// Appends records. They are generated a few at a time while the clock is stopped, so that only the store's memory is
/// measured.
fn append(root: &Path, records: usize) {
    let (mut store, _) = Store::open(Arc::new(RealDisk), root, options()).expect("a store");
    let mut samples = Samples::new(records);
    let before = anonymous_bytes();
    let (mut wall, mut cpu, mut slowest, mut peak) =
        (Duration::ZERO, Duration::ZERO, Duration::ZERO, 0.0_f64);
    while let Some(batches) = samples.next() {
        let (start, cpu_start) = (Instant::now(), cpu_time());
        for batch in &batches {
            let begin = Instant::now();
            store.append(batch, &[]).expect("an append");
            slowest = slowest.max(begin.elapsed());
        }
        store.maintain(Micros::now()).expect("maintenance");
        wall += start.elapsed();
        cpu += cpu_time().saturating_sub(cpu_start);
        drop(batches);
        peak = peak.max(anonymous_bytes());
    }
    let begin = Instant::now();
    store.sync().expect("a sync");
    wall += begin.elapsed();
    println!(
        "append                {:9.0} records/s of one core ({:.3} s of processor time, {:.3} s in all)",
        records as f64 / cpu.as_secs_f64(),
        cpu.as_secs_f64(),
        wall.as_secs_f64(),
    );
    println!(
        "slowest append        {:9.2} ms",
        slowest.as_secs_f64() * 1e3
    );
    println!(
        "memory                {:9.1} MB more at most ({:.1} MB resident, files apart)",
        (peak - before) / 1e6,
        peak / 1e6
    );
    println!(
        "JSON lines            {:9.1} bytes/record, messages {:.1}",
        samples.json_bytes as f64 / records as f64,
        samples.message_bytes as f64 / records as f64
    );
    let begin = Instant::now();
    drop(store);
    let (mut store, recovery) = Store::open(Arc::new(RealDisk), root, options()).expect("a store");
    let view = store.reader().view();
    println!(
        "open with active file {:9.2} ms  ({} records in it, {} cut)",
        begin.elapsed().as_secs_f64() * 1e3,
        view.segments()
            .last()
            .map_or(0, |last| last.ids().end - last.ids().start),
        recovery.cut_bytes
    );
    copies(&mut store, root);
    let begin = Instant::now();
    store.seal().expect("sealing");
    println!(
        "seal                  {:9.2} ms",
        begin.elapsed().as_secs_f64() * 1e3
    );
}

/// The processor time of this thread, which excludes other load.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("procfs");
    let nanos = stat.split(' ').next().and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(nanos.expect("a number"))
}

/// Resident memory without mapped files.
fn anonymous_bytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("procfs");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    let kilobytes: f64 = line
        .and_then(|line| line.trim().trim_end_matches(" kB").parse().ok())
        .expect("RssAnon");
    kilobytes * 1024.0
}

/// Measures snapshots and stores created from them, while some records are not sealed yet.
fn copies(store: &mut Store, root: &Path) {
    let millis = |begin: Instant| begin.elapsed().as_secs_f64() * 1e3;
    let begin = Instant::now();
    let snapshot = store.snapshot("bench").expect("a snapshot");
    println!("snapshot              {:9.2} ms", millis(begin));
    let disk = || Arc::new(RealDisk);
    let begin = Instant::now();
    restore(disk(), &snapshot, &root.join("restored")).expect("a restored store");
    println!("restore               {:9.2} ms", millis(begin));
    let begin = Instant::now();
    fork(disk(), &snapshot, &root.join("forked")).expect("a fork");
    println!("fork                  {:9.2} ms", millis(begin));
    for made in ["snapshots", "restored", "forked"] {
        std::fs::remove_dir_all(root.join(made)).expect("removing what was made");
    }
}

fn size(root: &Path, records: usize) {
    let mut total = 0;
    for entry in std::fs::read_dir(root).expect("the folder") {
        total += entry.expect("an entry").metadata().expect("its size").len();
    }
    println!(
        "size                  {:9.2} bytes/record",
        total as f64 / records as f64
    );
}

fn open(root: &Path) {
    let mut times = vec![];
    for _ in 0..5 {
        let begin = Instant::now();
        let (store, _) = Store::open(Arc::new(RealDisk), root, options()).expect("a store");
        let view = store.reader().view();
        let opened = begin.elapsed();
        let mut left = 100;
        let newest_first = view.segments().iter().rev();
        for block in newest_first.flat_map(|segment| segment.blocks().rev()) {
            let rows = block.summary().rows as usize;
            let page: Vec<usize> = (rows.saturating_sub(left)..rows).collect();
            left -= block.records(&page).expect("a page").len();
            if left == 0 {
                break;
            }
        }
        times.push((opened, begin.elapsed()));
    }
    times.sort();
    let (opened, page) = times[times.len() / 2];
    println!(
        "open                  {:9.2} ms, with a page of the newest 100 {:.2} ms",
        opened.as_secs_f64() * 1e3,
        page.as_secs_f64() * 1e3
    );
}
