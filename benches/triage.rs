//! What an answer to "what went wrong?" costs, and what it costs to keep evidence: times of problems, patterns and comparisons over a seeded
//! store, and thinning as a share of ingestion. Each row has a bound; the bench fails if one is exceeded.
//!
//! Other load makes the times longer: the processor time of all threads beside them says how much of it.
//!
//! `cargo bench --bench triage [-- [RECORDS] [WORD]]` creates a store of this many records (a million, unless said otherwise) under
//! `target/`, if there is none yet: ten boots within a day, one record in a thousand reports a problem. With a word it asks only the
//! rows whose names contain it.

#![expect(
    clippy::cast_possible_truncation,
    reason = "numbers of records fit into a usize"
)]

#[path = "../tools/bench/src/generate.rs"]
#[allow(dead_code, reason = "the comparison uses more of it")]
mod generate;

mod shipped;

use generate::{Generator, START, Sample};
use rustix::time::{ClockId, clock_gettime};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use vmlog::disk::RealDisk;
use vmlog::query::{self, Budget, Limits, PatternsRequest};
use vmlog::record::{Level, Record, Source};
use vmlog::redact::{RedactOptions, Redacted, Redactor};
use vmlog::store::{Options, Reader, Store, SyncPolicy, View};
use vmlog::time::Micros;
use vmlog::triage::{self, KnownProblems, PROBLEM, PROBLEM_SUBJECT};

const DAY_MICROS: i64 = 86_400_000_000;
const HOUR_MICROS: i64 = DAY_MICROS / 24;
/// The generator's records span five days to a million.
const GENERATED_MICROS: i64 = 5 * DAY_MICROS;
const BOOTS: u64 = 10;
const RUNS: usize = 15;

/// What a row may cost: milliseconds, or a ratio.
struct Row {
    name: &'static str,
    value: f64,
    at_most: f64,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut numbers = arguments.iter().filter_map(|it| it.parse::<u64>().ok());
    let records = numbers.next().unwrap_or(1_000_000);
    let mut words = arguments.iter();
    let word = words.find(|it| !it.starts_with('-') && it.parse::<u64>().is_err());
    let is_wanted = |name: &str| word.is_none_or(|word| name.contains(word.as_str()));
    let root =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("target/bench-triage-{records}"));
    if !root.join("STORE").exists() {
        fill(&root, records);
    }
    let reader = Reader::open_read_only(Arc::new(RealDisk), &root).expect("the store opens");
    let mut rows = questions(&reader.view(), &is_wanted);
    for lines in [Lines::Noise, Lines::TenthEvidence] {
        if is_wanted(lines.name()) {
            rows.push(thinning(lines));
        }
    }
    println!("{:<46} {:>9} {:>9}", "", "median", "at most");
    for row in &rows {
        println!("{:<46} {:>9.3} {:>9.3}", row.name, row.value, row.at_most);
    }
    let slow: Vec<_> = rows
        .iter()
        .filter(|row| row.value > row.at_most)
        .map(|row| row.name)
        .collect();
    if slow.is_empty() {
        return ExitCode::SUCCESS;
    }
    eprintln!("above the bound: {}", slow.join(", "));
    ExitCode::FAILURE
}

/// Questions about the whole store, an hour, and the last two boots.
fn questions(view: &View, is_wanted: &impl Fn(&str) -> bool) -> Vec<Row> {
    // one budget for all, as in a server: the first run of each finds its blocks not decoded yet
    let budget = Budget::default();
    let now = Micros::new(START + DAY_MICROS);
    let known = KnownProblems::default();
    let problems = |text: &str| {
        let (mut query, _) = triage::parse_problems(&pairs(text), now).expect("parameters");
        query.filter = query.filter.resolved(view, &budget).expect("a boot");
        let found = triage::problems_known(view, &query, &budget, &known).expect("problems");
        assert!(!found.problems.is_empty() && !found.partial);
        format!("{} problems", found.problems.len())
    };
    let last_hour = format!(
        "start={}&end={}",
        now.plus(-HOUR_MICROS),
        now.plus(DAY_MICROS)
    );
    let time = |name, at_most, question: &dyn Fn() -> String| {
        is_wanted(name).then(|| time(name, at_most, question))
    };
    let rows = [
        time("problems of all records, ms", 5.0, &|| problems("")),
        time("problems of the last boot, ms", 5.0, &|| problems("boot=0")),
        time("patterns of one hour, ms", 50.0, &|| {
            let limits = Limits {
                limit_default: 100,
                limit_max: 1000,
            };
            let request = query::parse_page(&pairs(&last_hour), &limits, now).expect("parameters");
            let request = PatternsRequest {
                filter: request.filter,
                limit: 50,
            };
            let found = query::patterns(view, &request, &budget).expect("patterns");
            assert!(!found.is_partial);
            format!("{} of {}", found.patterns.len(), found.total)
        }),
        time("comparison of two boots, ms", 300.0, &|| {
            let query = pairs("a=boot:-1&b=boot:0");
            let query = triage::parse_compare(&query, now).expect("parameters");
            let found = triage::compare(view, &query, &budget).expect("a comparison");
            assert!(!found.partial);
            format!("{} and {} records", found.a.records, found.b.records)
        }),
    ];
    rows.into_iter().flatten().collect()
}

fn pairs(text: &str) -> Vec<(String, String)> {
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn time(name: &'static str, at_most: f64, question: impl Fn() -> String) -> Row {
    let (mut times, mut worked) = (Vec::new(), Vec::new());
    let mut found = String::new();
    for _ in 0..RUNS {
        let (begun, worked_before) = (Instant::now(), processor_time_of_all());
        found = question();
        times.push(begun.elapsed().as_secs_f64() * 1e3);
        let now = processor_time_of_all();
        worked.push(now.saturating_sub(worked_before).as_secs_f64() * 1e3);
    }
    let (first, first_worked) = (times[0], worked[0]);
    times.sort_by(f64::total_cmp);
    worked.sort_by(f64::total_cmp);
    println!(
        "{name:<46} first {first:.3}, best {:.3}, of processors {:.3}, first {first_worked:.3}: {found}",
        times[0],
        worked[RUNS / 2]
    );
    Row {
        name,
        value: times[RUNS / 2],
        at_most,
    }
}

/// The processor time of all threads of this process, which other load hardly affects.
fn processor_time_of_all() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(
        time.tv_sec.try_into().expect("a time since the start"),
        time.tv_nsec.try_into().expect("under a second"),
    )
}

/// Records that are ingested: the store is full after the first quarter.
const INGESTED: u64 = 1_048_576;

/// Ingestion of records whose store is full, with and without evidence: redaction and appending, as processor time of one thread, in
/// turn.
/// What is taken in while segments are thinned.
#[derive(Clone, Copy, PartialEq)]
enum Lines {
    /// Nothing but lines at level info: of these only the newest are evidence.
    Noise,
    /// One line in ten is a warning or an error, for ever: all of these are sealed once more.
    TenthEvidence,
}

impl Lines {
    fn name(self) -> &'static str {
        match self {
            Self::Noise => "ingestion of noise, thinned to dropped",
            Self::TenthEvidence => "ingestion of a tenth evidence, thinned to dropped",
        }
    }

    fn at_most(self) -> f64 {
        match self {
            Self::Noise => 1.05,
            Self::TenthEvidence => 1.15,
        }
    }
}

fn thinning(lines: Lines) -> Row {
    let mut ratios: Vec<f64> = (0..3)
        .map(|_| {
            let [dropping, keeping] = [0, 64 << 20].map(|bytes| ingestion(lines, bytes));
            println!("dropping {dropping:.1?}, keeping {keeping:.1?}");
            keeping.as_secs_f64() / dropping.as_secs_f64()
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    Row {
        name: lines.name(),
        value: ratios[ratios.len() / 2],
        at_most: lines.at_most(),
    }
}

fn ingestion(lines: Lines, kept_bytes_max: u64) -> Duration {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = Options {
        // four segments of the default size
        rows_max: INGESTED / 4,
        kept_bytes_max,
        ..options()
    };
    let (mut store, _) = Store::open(Arc::new(RealDisk), folder.path(), options).expect("a store");
    let mut redactor = Redactor::new(&RedactOptions::default()).expect("the rules");
    let mut samples: Box<dyn Iterator<Item = Record>> = match lines {
        Lines::Noise => Box::new(noise()),
        Lines::TenthEvidence => Box::new(marked(Generator::new(1))),
    };
    let mut worked = Duration::ZERO;
    let mut left = INGESTED;
    while left > 0 {
        let count = left.min(1000);
        left -= count;
        let made: Vec<Record> = samples.by_ref().take(count as usize).collect();
        let is_full = left < INGESTED - INGESTED / 4;
        let begun = processor_time();
        for batch in made.chunks(100) {
            let batch: Vec<Redacted> = batch
                .iter()
                .map(|record| redactor.redact(record.clone()))
                .collect();
            store.append(&batch, &[]).expect("appended");
        }
        store.maintain(Micros::now()).expect("maintenance");
        if is_full {
            worked += processor_time().saturating_sub(begun);
        }
    }
    let kept = store.reader().view();
    assert_eq!(
        kept.segments().iter().any(|segment| segment.is_kept()),
        kept_bytes_max > 0,
        "evidence is kept if asked for"
    );
    worked
}

/// The processor time of this thread, which excludes other load.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("procfs");
    let nanos = stat.split(' ').next().and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(nanos.expect("a number"))
}

fn options() -> Options {
    Options {
        rows_max: u64::MAX,
        bytes_max: 1 << 40,
        age_max: Duration::from_hours(24 * 365 * 100),
        sync: SyncPolicy::Off,
        free_percent_min: 0,
        free_bytes_min: 0,
        ..Options::default()
    }
}

fn fill(root: &Path, records: u64) {
    let (mut store, _) = Store::open(Arc::new(RealDisk), root, options()).expect("a store");
    let nothing = RedactOptions {
        disabled: vec!["all".to_owned()],
        ..RedactOptions::default()
    };
    let mut redactor = Redactor::new(&nothing).expect("no rule");
    let mut samples = marked(Generator::new(1)).take(records as usize);
    loop {
        let batch = samples.by_ref().take(1000);
        let batch: Vec<Redacted> = batch.map(|record| redactor.redact(record)).collect();
        if batch.is_empty() {
            break;
        }
        store.append(&batch, &[]).expect("appended");
        store.maintain(Micros::now()).expect("maintenance");
    }
    store.sync().expect("synced");
}

/// What may fail: kind, what it is about, and the source that tells of it. Services fail one by one, others again and again.
const FAILURES: [(&str, &str, &str); 12] = [
    ("unit_failed", "web.service", "system:web"),
    ("restart_loop", "worker.service", "system:worker"),
    ("oom_kill", "docker-3f1c9b7d.scope", "system:kernel"),
    ("core_dump", "imgproxy", "system:systemd-coredump"),
    ("container_failed", "api", "docker:api"),
    ("run_failed", "postCreateCommand", "devcontainer:build"),
    ("dns_failure", "db.internal", "docker:worker"),
    ("disk_full", "/var", "docker:hdfs"),
    ("login_failures", "ssh", "system:ssh"),
    ("error_burst", "docker:api", "docker:api"),
    ("certificate_error", "example.com", "docker:web"),
    ("job_failed", "backup.timer", "system:backup"),
];

/// Generated records, a million to a day, of ten boots to a million. One in a thousand reports a problem of one of a hundred things.
fn marked(samples: Generator) -> impl Iterator<Item = Record> {
    (0_u64..).zip(samples).map(|(number, sample)| {
        let mut record = record(sample, number);
        if number % 1_000 == 500 {
            let which = (number / 1_000).wrapping_mul(2_654_435_761);
            let (kind, subject, source) = FAILURES[(which % 12) as usize];
            record.source = source.parse::<Source>().expect("a source");
            record.level = Level::Error;
            record.metadata.insert(PROBLEM, kind);
            let subject = match which / 12 % 9 {
                0 => subject.to_owned(),
                copy => format!("{copy}-{subject}"),
            };
            record.metadata.insert(PROBLEM_SUBJECT, subject);
        }
        record
    })
}

/// The same lines without anything that is evidence by itself.
fn noise() -> impl Iterator<Item = Record> {
    (0_u64..)
        .zip(Generator::new(1))
        .map(|(number, sample)| Record {
            level: Level::Info,
            ..record(sample, number)
        })
}

fn record(sample: Sample, number: u64) -> Record {
    let passed = (sample.timestamp - START) / (GENERATED_MICROS / DAY_MICROS);
    let mut metadata: vmlog::record::Metadata = sample.metadata.into();
    if metadata.contains_key("boot_id") {
        let boot = number / (1_000_000 / BOOTS);
        metadata.insert("boot_id", format!("{boot:032x}"));
    }
    Record {
        timestamp: Micros::new(START + passed),
        source: sample.source.parse().expect("a source"),
        level: Level::from_index(sample.level).expect("a level"),
        message: sample.message,
        metadata,
    }
}
