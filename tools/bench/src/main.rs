//! The store beside SQLite, on the same seeded records, in one run.
//!
//! `vmlog-bench generate RECORDS` prints records as JSON lines; `vmlog-bench compare RECORDS` measures both and prints a table;
//! `vmlog-bench queries RECORDS FOLDER` asks both the same questions and keeps them in the folder.

mod generate;
mod queries;

use generate::{Generator, Sample};
use rusqlite::Connection;
use std::error::Error;
use std::fs;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use vmlog::disk::RealDisk;
use vmlog::record::{Level, Record};
use vmlog::redact::{Options as RedactOptions, Redacted, Redactor};
use vmlog::store::{Options, Store};
use vmlog::time::Micros;

/// Records in an append and in a transaction.
const BATCH: usize = 100;
/// Records made while the clock stands still.
const PORTION: usize = 1000;
const SEED: u64 = 1;

type Anyhow<T> = Result<T, Box<dyn Error>>;

fn main() -> Anyhow<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let count = |index: usize| -> Anyhow<usize> {
        Ok(arguments
            .get(index)
            .map_or(Ok(1_000_000), |it| it.parse())?)
    };
    match arguments.first().map(String::as_str) {
        Some("generate") => generate(count(1)?),
        Some("compare") => compare(count(1)?),
        Some("queries") => {
            let folder = arguments.get(2).ok_or("queries needs a folder")?;
            queries::compare(count(1)?, Path::new(folder))
        }
        _ => Err("usage: vmlog-bench generate|compare|queries [RECORDS] [FOLDER]".into()),
    }
}

fn generate(records: usize) -> Anyhow<()> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    for (sample, id) in Generator::new(SEED).take(records).zip(1..) {
        writeln!(out, "{}", json_line(&sample, id))?;
    }
    Ok(out.flush()?)
}

/// A record as the API writes it.
fn json_line(sample: &Sample, id: u64) -> String {
    serde_json::json!({
        "id": id,
        "timestamp": Micros::new(sample.timestamp).to_string(),
        "source": sample.source,
        "level": level(sample).as_str(),
        "message": sample.message,
        "metadata": sample.metadata,
    })
    .to_string()
}

fn level(sample: &Sample) -> Level {
    Level::ALL[sample.level]
}

/// What was measured of one of the two.
struct Figures {
    append: Duration,
    bytes: u64,
    open_and_page: Duration,
    page: Duration,
}

fn compare(records: usize) -> Anyhow<()> {
    let dir = tempfile::tempdir()?;
    let samples = || Generator::new(SEED).take(records);
    let json_bytes: usize = samples()
        .zip(1..)
        .map(|(it, id)| json_line(&it, id).len() + 1)
        .sum();
    let ours = measure_store(&dir.path().join("store"), samples())?;
    let theirs = measure_sqlite(&dir.path().join("logs.db"), samples())?;
    println!(
        "{records} records, {BATCH} an append; JSON lines {:.1} bytes a record",
        per(json_bytes as u64, records)
    );
    println!("{:32} {:>12} {:>12} {:>8}", "", "vmlog", "SQLite", "ratio");
    row(
        "append, records/s",
        rate(records, ours.append),
        rate(records, theirs.append),
        true,
    );
    row(
        "on disk, bytes/record",
        per(ours.bytes, records),
        per(theirs.bytes, records),
        false,
    );
    row(
        "times smaller than JSON lines",
        json_bytes as f64 / ours.bytes as f64,
        json_bytes as f64 / theirs.bytes as f64,
        true,
    );
    row(
        "open and newest 100, ms",
        millis(ours.open_and_page),
        millis(theirs.open_and_page),
        false,
    );
    row(
        "newest 100, ms",
        millis(ours.page),
        millis(theirs.page),
        false,
    );
    Ok(())
}

fn row(name: &str, ours: f64, theirs: f64, more_is_better: bool) {
    let ratio = if more_is_better {
        ours / theirs
    } else {
        theirs / ours
    };
    println!("{name:32} {ours:12.2} {theirs:12.2} {ratio:7.1}x");
}

fn rate(records: usize, time: Duration) -> f64 {
    records as f64 / time.as_secs_f64()
}

fn per(bytes: u64, records: usize) -> f64 {
    bytes as f64 / records as f64
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn measure_store(root: &Path, samples: impl Iterator<Item = Sample>) -> Anyhow<Figures> {
    let options = Options {
        rows_max: u64::MAX,
        bytes_max: u64::MAX,
        age_max: Duration::from_hours(24 * 365 * 100),
        free_percent_min: 0,
        free_bytes_min: 0,
        ..Options::default()
    };
    let open = || Store::open(Arc::new(RealDisk), root, options.clone());
    let mut store = open()?.0;
    let mut redactor = Redactor::new(&RedactOptions {
        disabled: vec!["all".to_owned()],
        ..RedactOptions::default()
    })?;
    let mut append = Duration::ZERO;
    let mut samples = samples.peekable();
    while samples.peek().is_some() {
        let portion: Vec<Redacted> = samples
            .by_ref()
            .take(PORTION)
            .map(|sample| redactor.redact(record(sample)))
            .collect();
        append += processor_time(|| -> Anyhow<()> {
            for batch in portion.chunks(BATCH) {
                store.append(batch, &[])?;
            }
            store.upkeep(Micros::now())?;
            Ok(())
        })?;
    }
    append += processor_time(|| Ok(store.sync()?))?;
    drop(store);
    let bytes = size(root)?;
    let begin = Instant::now();
    let store = open()?.0;
    page_of_store(&store)?;
    let open_and_page = begin.elapsed();
    let page = median(|| page_of_store(&store))?;
    Ok(Figures {
        append,
        bytes,
        open_and_page,
        page,
    })
}

fn record(sample: Sample) -> Record {
    Record {
        timestamp: Micros::new(sample.timestamp),
        source: sample.source.parse().expect("a source"),
        level: level(&sample),
        message: sample.message,
        metadata: sample.metadata,
    }
}

fn page_of_store(store: &Store) -> Anyhow<()> {
    let view = store.reader().view();
    let mut left = 100;
    for segment in view.segments().iter().rev() {
        for index in (0..segment.block_count()).rev() {
            let block = segment.block(index);
            let rows = block.summary().rows as usize;
            let wanted: Vec<usize> = (rows.saturating_sub(left)..rows).collect();
            left -= block.records(&wanted)?.len();
            if left == 0 {
                return Ok(());
            }
        }
    }
    Ok(())
}

fn measure_sqlite(path: &Path, samples: impl Iterator<Item = Sample>) -> Anyhow<Figures> {
    let mut connection = Connection::open(path)?;
    connection.execute_batch(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;
         CREATE TABLE logs (id INTEGER PRIMARY KEY AUTOINCREMENT, timestamp TEXT NOT NULL, source TEXT NOT NULL,
             level TEXT NOT NULL, message TEXT NOT NULL, metadata TEXT, created_at TEXT DEFAULT CURRENT_TIMESTAMP);
         CREATE INDEX by_timestamp ON logs(timestamp);
         CREATE INDEX by_source ON logs(source);
         CREATE INDEX by_level ON logs(level);
         CREATE INDEX by_source_timestamp ON logs(source, timestamp);",
    )?;
    let mut append = Duration::ZERO;
    let mut samples = samples.peekable();
    while samples.peek().is_some() {
        let portion: Vec<[String; 5]> = samples.by_ref().take(PORTION).map(columns).collect();
        append += processor_time(|| insert(&mut connection, &portion))?;
    }
    drop(connection);
    let bytes = size(path.parent().expect("a folder"))? - size(&path.with_file_name("store"))?;
    let begin = Instant::now();
    let connection = Connection::open(path)?;
    page_of_sqlite(&connection)?;
    let open_and_page = begin.elapsed();
    let page = median(|| page_of_sqlite(&connection))?;
    Ok(Figures {
        append,
        bytes,
        open_and_page,
        page,
    })
}

fn columns(sample: Sample) -> [String; 5] {
    [
        Micros::new(sample.timestamp).to_string(),
        sample.source.to_owned(),
        level(&sample).as_str().to_owned(),
        sample.message,
        serde_json::Value::Object(sample.metadata).to_string(),
    ]
}

fn insert(connection: &mut Connection, portion: &[[String; 5]]) -> Anyhow<()> {
    for batch in portion.chunks(BATCH) {
        let transaction = connection.transaction()?;
        {
            let mut statement = transaction.prepare_cached(
                "INSERT INTO logs (timestamp, source, level, message, metadata) VALUES (?, ?, ?, ?, ?)",
            )?;
            for row in batch {
                statement.execute(rusqlite::params_from_iter(row))?;
            }
        }
        transaction.commit()?;
    }
    Ok(())
}

fn page_of_sqlite(connection: &Connection) -> Anyhow<()> {
    let mut statement = connection.prepare_cached(
        "SELECT id, timestamp, source, level, message, metadata FROM logs ORDER BY id DESC LIMIT 100",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let _: (i64, String, String, String, String, String) = row.try_into()?;
    }
    Ok(())
}

/// Processor time of this thread: neighbours on the machine do not count.
fn processor_time(run: impl FnOnce() -> Anyhow<()>) -> Anyhow<Duration> {
    let before = thread_time()?;
    run()?;
    Ok(thread_time()?.saturating_sub(before))
}

fn thread_time() -> Anyhow<Duration> {
    let stat = fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanos = stat.split(' ').next().unwrap_or_default().parse()?;
    Ok(Duration::from_nanos(nanos))
}

fn median(mut run: impl FnMut() -> Anyhow<()>) -> Anyhow<Duration> {
    let mut times = vec![];
    for _ in 0..21 {
        let begin = Instant::now();
        run()?;
        times.push(begin.elapsed());
    }
    times.sort();
    Ok(times[times.len() / 2])
}

/// Bytes of a file, or of all files in a folder and below.
fn size(path: &Path) -> Anyhow<u64> {
    let metadata = fs::metadata(path)?;
    if metadata.is_file() {
        return Ok(metadata.len());
    }
    let mut total = 0;
    for entry in fs::read_dir(path)? {
        total += size(&entry?.path())?;
    }
    Ok(total)
}
