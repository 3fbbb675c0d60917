//! Times of queries over a seeded store, in this process: the first run, the best, the median, and the median of the
//! processor time, which other load hardly affects; and the maximum private memory of a query.
//!
//! `cargo bench --bench query -- 1000000` creates a store of this many rows under `target/`, if there is none yet,
//! and prints one line per query. A second number sets the number of runs of each; a word selects queries by name.

#[path = "../tools/bench/src/generate.rs"]
#[allow(dead_code, reason = "the comparison uses more of it")]
mod generate;

use generate::{Generator, NEEDLE, Sample};
use rustix::time::{ClockId, clock_gettime};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use vmlog::disk::RealDisk;
use vmlog::query::{self, Budget, Cursor, Limits, PageRequest};
use vmlog::record::{Id, Level, Record};
use vmlog::redact::{self, Redacted, Redactor};
use vmlog::store::{Options, Reader, Store, SyncPolicy, View};
use vmlog::time::Micros;

fn main() {
    let mut numbers = std::env::args().filter_map(|argument| argument.parse::<u64>().ok());
    let rows = numbers.next().unwrap_or(100_000);
    let runs = numbers.next().unwrap_or(15);
    let only = std::env::args()
        .skip(1)
        .find(|argument| argument.starts_with(char::is_alphabetic));
    let time = |name: &str, runs: u64, query: &dyn Fn() -> String| {
        if only
            .as_ref()
            .is_none_or(|only| name.contains(only.as_str()))
        {
            time(name, runs, query);
        }
    };
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("target/bench-query-{rows}"));
    if !root.join("STORE").exists() {
        fill(&root, rows);
    }
    let opened = Instant::now();
    let reader = Reader::open_read_only(Arc::new(RealDisk), &root).expect("the store opens");
    let view = reader.view();
    // One budget for all queries, as in a server: the first run of each query finds its blocks not decoded yet.
    let budget = Budget::default();
    println!(
        "rows {}, opened in {:.2} ms",
        view.ids().end - view.ids().start,
        ms(opened.elapsed())
    );
    println!(
        "{:<46} {:>9} {:>9} {:>9} {:>9} {:>9} {:>8}  found",
        "query", "first ms", "its cpu", "best ms", "median ms", "cpu ms", "peak KiB"
    );
    for (name, parameters) in pages(rows) {
        let request = request(&parameters);
        time(name, runs, &|| {
            let page = query::page(&view, &request, &budget).expect("a page");
            format!("{} of {} scanned", page.entries.len(), page.scanned)
        });
    }
    let all = request(&[]).filter;
    time("sources with counts", runs, &|| {
        let counts = query::sources(&view, &all, &budget).expect("counts");
        counts.sources.len().to_string()
    });
    for (name, search) in [
        ("histogram, 60 buckets", ""),
        ("histogram, 60 buckets, common word", "connection"),
    ] {
        let filter = request(&[("search", search)]).filter;
        time(name, runs, &|| histogram(&view, &filter, &budget));
    }
    time("page through 100,000 rows by 1000", runs.min(5), &|| {
        through(&view, 1000, &budget)
    });
    time("page through 100,000 rows by 100", runs.min(3), &|| {
        through(&view, 100, &budget)
    });
    time("next error after the first record", runs, &|| {
        let errors = request(&[("level", "error")]).filter;
        let from = Cursor::Id(Id(view.ids().start));
        let page = query::next_match(&view, &errors, from, query::Direction::Forward, &budget);
        page.expect("a page").entries.len().to_string()
    });
    time(
        "values of a metadata key, whole store",
        runs.min(3),
        &|| {
            let values = query::field_values(&view, &all, "container", 50, &budget);
            values.expect("values").values.len().to_string()
        },
    );
    time("keys of the metadata, whole store", runs.min(3), &|| {
        let keys = query::field_keys(&view, &all, 50, &budget);
        keys.expect("keys").keys.len().to_string()
    });
    time("patterns, whole store", runs.min(3), &|| {
        let request = query::PatternsRequest {
            filter: all.clone(),
            limit: 50,
        };
        let found = query::patterns(&view, &request, &budget).expect("patterns");
        format!("{} of {}", found.patterns.len(), found.total)
    });
}

fn pages(rows: u64) -> Vec<(&'static str, Vec<(&'static str, &'static str)>)> {
    let mut pages = vec![
        ("newest 100", vec![]),
        (
            "newest 100 of a source (6 %)",
            vec![("source", "system:ssh")],
        ),
        (
            "newest 100 of a source (2 %)",
            vec![("source", "cloud-init")],
        ),
        (
            "newest 100 errors, source, 12 h in the middle",
            vec![
                ("source", "docker:api"),
                ("level", "error"),
                ("start", "2026-11-12T06:00:00Z"),
                ("end", "2026-11-12T18:00:00Z"),
            ],
        ),
        ("newest 100 by time", vec![("order", "time")]),
        ("rare word, whole store", vec![("search", NEEDLE)]),
        (
            "rare part of a word, whole store",
            vec![("search", "needle_7f3a9c21e")],
        ),
        ("absent word, whole store", vec![("search", "zzqqxyabsent")]),
        ("common word, newest 100", vec![("search", "connection")]),
        (
            "regex, rare literal, whole store",
            vec![("search", r"timed out after 9\d{3} ms"), ("regex", "true")],
        ),
        (
            "regex, common literal, newest 100",
            vec![("search", r"status=5\d\d bytes=\d{5}"), ("regex", "true")],
        ),
        (
            "regex, no literal, whole store",
            vec![("search", "[a-z]+_[0-9a-f]{6,}q"), ("regex", "true")],
        ),
        ("part of a uuid, whole store", vec![("search", "9c4e-4a7")]),
        (
            "absent uuid, whole store",
            vec![("search", "5f0c9a1e-7b32-4d68-9e01-c4a8b2d7f613")],
        ),
        (
            "absent 12 characters of one, whole store",
            vec![("search", "4d68-9e01-c4")],
        ),
        (
            "expression of texts and fields, newest 100",
            vec![("q", "(timeout OR refused) -source:docker:* level>=warn")],
        ),
        (
            "expression, rare field in an OR, whole store",
            vec![("q", "container:absent* OR zzqqxyabsent")],
        ),
        (
            "where=container=, newest 100",
            vec![("where", "container=zookeeper")],
        ),
    ];
    if rows <= 1_000_000 {
        pages.push((
            "where absent, whole store",
            vec![("where", "container=absent")],
        ));
    }
    pages
}

fn request(parameters: &[(&str, &str)]) -> PageRequest {
    let owned: Vec<(String, String)> = parameters
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let limits = Limits {
        limit_default: 100,
        limit_max: 1000,
    };
    query::parse_page(&owned, &limits, Micros::now()).expect("known parameters")
}

fn histogram(view: &View, filter: &query::Filter, budget: &Budget) -> String {
    let request = query::HistogramRequest {
        filter: filter.clone(),
        buckets: 60,
        by: query::Grouping::Level,
    };
    let histogram = query::histogram(view, &request, budget).expect("counts");
    format!("{} in {}", histogram.total, histogram.buckets)
}

fn through(view: &View, limit: usize, budget: &Budget) -> String {
    let mut request = request(&[]);
    request.limit = limit;
    let mut seen = 0;
    while seen < 100_000 {
        let page = query::page(view, &request, budget).expect("a page");
        seen += page.entries.len();
        request.cursor = page.next_cursor;
        if !page.has_more {
            break;
        }
    }
    seen.to_string()
}

fn time(name: &str, runs: u64, query: &dyn Fn() -> String) {
    let mut found = String::new();
    forget_peak();
    let before = memory("RssAnon:");
    let mut times: Vec<(Duration, Duration)> = (0..runs.max(1))
        .map(|_| {
            let (started, worked) = (Instant::now(), processor_time());
            found = query();
            (started.elapsed(), processor_time().saturating_sub(worked))
        })
        .collect();
    let (first, first_worked) = times[0];
    let peak = memory("VmHWM:").saturating_sub(memory("RssFile:") + before);
    let mut worked: Vec<Duration> = times.iter().map(|(_, worked)| *worked).collect();
    worked.sort();
    times.sort();
    println!(
        "{name:<46} {:>9.3} {:>9.3} {:>9.3} {:>9.3} {:>9.3} {:>8}  {found}",
        ms(first),
        ms(first_worked),
        ms(times[0].0),
        ms(times[times.len() / 2].0),
        ms(worked[worked.len() / 2]),
        peak,
    );
}

/// The processor time of all threads of this process.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(
        time.tv_sec.try_into().expect("a time since the start"),
        time.tv_nsec.try_into().expect("under a second"),
    )
}

/// Resets the maximum memory to the current memory.
fn forget_peak() {
    // An instrumented run may not reset it, and then measures no memory.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// A value that the kernel reports for this process, in KiB.
fn memory(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("a status");
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn fill(root: &Path, rows: u64) {
    let options = Options {
        rows_max: u64::MAX,
        age_max: Duration::from_secs(u64::from(u32::MAX)),
        bytes_max: 1 << 40,
        sync: SyncPolicy::Off,
        ..Options::default()
    };
    let (mut store, _) = Store::open(Arc::new(RealDisk), root, options).expect("a store");
    let mut redactor = Redactor::new(&redact::RedactOptions {
        disabled: vec!["all".to_owned()],
        ..redact::RedactOptions::default()
    })
    .expect("no rule");
    let mut batch: Vec<Redacted> = Vec::new();
    for (row, sample) in (0..rows).zip(Generator::new(1)) {
        batch.push(redactor.redact(record(sample)));
        if batch.len() == 1000 || row + 1 == rows {
            store.append(&batch, &[]).expect("appended");
            store.maintain(Micros::now()).expect("maintenance");
            batch.clear();
        }
    }
    store.sync().expect("synced");
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
