//! From the journal to the store on one core: read, scrubbed, appended, with positions, as the pipeline does it but on a single
//! thread, whose own processor time is what counts.
//!
//! `VMLOG_BENCH_JOURNALS` names a directory of journal files, as `tools/make-bench-journals` makes them. With `--target
//! x86_64-unknown-linux-musl` it measures what is shipped, which has an allocator and memory functions of its own.

mod shipped;

use rustix::time::{ClockId, clock_gettime};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use vmlog::collect::{Batch, Collector, JournaldCollector, JournaldOptions};
use vmlog::disk::RealDisk;
use vmlog::record::Positions;
use vmlog::redact::{self, Redacted, Redactor};
use vmlog::store::{self, Store};

/// Each way is gone so often; the median counts.
const ROUNDS: usize = 5;

fn main() {
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

struct Round {
    entries: u32,
    took: [u64; 4],
}

fn round(directory: &Path, redactor: &mut Redactor) -> Round {
    let root = std::env::temp_dir().join(format!("vmlog-bench-collect-{}", std::process::id()));
    let options = store::Options {
        rows_max: u64::MAX,
        bytes_max: u64::MAX,
        age_max: Duration::from_hours(100 * 365 * 24),
        ..store::Options::default()
    };
    let (mut store, _) = Store::open(Arc::new(RealDisk), &root, options).expect("a store");
    let journal = JournaldOptions {
        directories: vec![directory.to_owned()],
        ..JournaldOptions::default()
    };
    let mut collector = JournaldCollector::open(journal, &Positions::new());
    let (mut entries, mut took) = (0, [0; 4]);
    let begin = processor_time();
    loop {
        let mut batch = Batch::default();
        let start = processor_time();
        collector.read(&mut batch).expect("a journal");
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

/// Nanoseconds that this thread has worked.
fn processor_time() -> u64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    u64::try_from(now.tv_sec * 1_000_000_000 + now.tv_nsec).expect("a time since the start")
}
