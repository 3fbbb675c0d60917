//! Compares the store with SQLite, on the same seeded records, in one run.
//!
//! `vmlog-bench generate RECORDS` prints records as JSON lines; `vmlog-bench compare RECORDS` measures both and
//! prints a table; `vmlog-bench queries RECORDS FOLDER` runs the same queries on both and keeps the stores in the
//! folder.

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
use vmlog::redact::{RedactOptions, Redacted, Redactor};
use vmlog::store::{Options, Store, fork, restore};
use vmlog::time::Micros;

/// Number of records in an append or a transaction.
const BATCH: usize = 100;
/// Number of records generated while the clock is stopped.
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
    let folder = || arguments.get(2).map(Path::new).ok_or("no folder");
    match arguments.first().map(String::as_str) {
        Some("generate") => generate(count(1)?),
        Some("compare") => compare(count(1)?),
        Some("store") => measure_store(count(1)?, folder()?),
        Some("sqlite") => measure_sqlite(count(1)?, folder()?),
        Some("queries") => queries::compare(count(1)?, folder()?),
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

/// A line of the table: its name, its unit, whether more is better, and the number of printed digits.
struct Line {
    name: &'static str,
    more_is_better: bool,
    digits: usize,
}

const fn line(name: &'static str, more_is_better: bool, digits: usize) -> Line {
    Line {
        name,
        more_is_better,
        digits,
    }
}

/// The figures of both, and then of the store alone.
const LINES: &[Line] = &[
    line("append, records/s of one core", true, 0),
    line("on disk, bytes/record", false, 1),
    line("times smaller than JSON lines", true, 1),
    line("memory at most while appending, MB", false, 1),
    line("memory after that, MB", false, 1),
    line("open and newest 100, ms", false, 2),
    line("newest 100, ms", false, 3),
    line("recovery of a full active file, ms", false, 1),
    line("snapshot, ms", false, 2),
    line("restore, ms", false, 2),
    line("fork, ms", false, 2),
];

/// Measures both, each in a separate process, so that memory can be measured.
fn compare(records: usize) -> Anyhow<()> {
    let dir = tempfile::tempdir()?;
    let json_bytes: usize = samples(records)
        .zip(1..)
        .map(|(it, id)| json_line(&it, id).len() + 1)
        .sum();
    let measure = |what: &str| -> Anyhow<Vec<Option<f64>>> {
        let mut command = std::process::Command::new(std::env::current_exe()?);
        let root = dir.path().join(what);
        fs::create_dir(&root)?;
        command.arg(what).arg(records.to_string()).arg(&root);
        let output = command.stderr(std::process::Stdio::inherit()).output()?;
        if !output.status.success() {
            return Err(format!("measuring {what} failed").into());
        }
        let lines = String::from_utf8(output.stdout)?;
        Ok(lines.lines().map(|line| line.parse().ok()).collect())
    };
    let (ours, theirs) = (measure("store")?, measure("sqlite")?);
    println!(
        "{records} records, {BATCH} an append; JSON lines {:.1} bytes a record\n",
        per(json_bytes as u64, records)
    );
    println!("| | vmlog | SQLite | ratio |\n|---|--:|--:|--:|");
    for (index, line) in LINES.iter().enumerate() {
        let figure = |figures: &[Option<f64>]| {
            let figure = figures.get(index).copied().flatten()?;
            // The bytes per record that both report are this as well.
            Some(match line.name {
                "times smaller than JSON lines" => per(json_bytes as u64, records) / figure,
                _ => figure,
            })
        };
        let (ours, theirs) = (figure(&ours), figure(&theirs));
        let told = |figure: Option<f64>| {
            figure.map_or_else(|| "-".to_owned(), |it| format!("{it:.*}", line.digits))
        };
        let ratio = ours.zip(theirs).map(|(ours, theirs)| {
            let ratio = if line.more_is_better {
                ours / theirs
            } else {
                theirs / ours
            };
            format!("{ratio:.1}")
        });
        let ratio = ratio.unwrap_or_else(|| "-".to_owned());
        println!(
            "| {} | {} | {} | {ratio} |",
            line.name,
            told(ours),
            told(theirs)
        );
    }
    Ok(())
}

fn samples(records: usize) -> impl Iterator<Item = Sample> {
    Generator::new(SEED).take(records)
}

/// Prints a figure for the parent process, in the order of [`LINES`].
fn tell(figure: f64) {
    println!("{figure}");
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

fn options() -> Options {
    Options {
        rows_max: u64::MAX,
        bytes_max: u64::MAX,
        age_max: Duration::from_hours(24 * 365 * 100),
        free_percent_min: 0,
        free_bytes_min: 0,
        ..Options::default()
    }
}

fn open_store(root: &Path) -> Anyhow<Store> {
    Ok(Store::open(Arc::new(RealDisk), root, options())?.0)
}

/// Appends records; returns the processor time, and the maximum memory without mapped files.
fn fill(store: &mut Store, samples: impl Iterator<Item = Sample>) -> Anyhow<(Duration, f64)> {
    let mut redactor = Redactor::new(&RedactOptions {
        disabled: vec!["all".to_owned()],
        ..RedactOptions::default()
    })?;
    let (mut append, mut peak) = (Duration::ZERO, 0.0_f64);
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
            store.maintain(Micros::now())?;
            Ok(())
        })?;
        peak = peak.max(anonymous_megabytes()?);
    }
    append += processor_time(|| Ok(store.sync()?))?;
    Ok((append, peak))
}

fn measure_store(records: usize, root: &Path) -> Anyhow<()> {
    let main = root.join("main");
    let mut store = open_store(&main)?;
    let (append, peak) = fill(&mut store, samples(records))?;
    tell(rate(records, append));
    let bytes = size(&main)?;
    tell(per(bytes, records));
    tell(per(bytes, records));
    tell(peak);
    tell(anonymous_megabytes()?);
    drop(store);
    tell(millis(median(|| page_of_store(&open_store(&main)?))?));
    let mut store = open_store(&main)?;
    tell(millis(median(|| page_of_store(&store))?));
    // One record less than fills a segment, unless its size does.
    let full = root.join("full");
    fill(
        &mut open_store(&full)?,
        samples(Options::default().segment_rows as usize - 1),
    )?;
    tell(millis(median(|| open_store(&full).map(drop))?));
    let mut number = 0;
    let mut name = || {
        number += 1;
        format!("s{number}")
    };
    tell(millis(median(|| Ok(store.snapshot(&name()).map(drop)?))?));
    let snapshot = store.snapshot("last")?;
    let disk = || Arc::new(RealDisk);
    tell(millis(median(|| {
        Ok(restore(disk(), &snapshot, &root.join(name()))?)
    })?));
    tell(millis(median(|| {
        Ok(fork(disk(), &snapshot, &root.join(name()))?)
    })?));
    Ok(())
}

/// Resident memory without mapped files.
fn anonymous_megabytes() -> Anyhow<f64> {
    status_megabytes("RssAnon:")
}

/// A value that the kernel reports for this process.
fn status_megabytes(name: &str) -> Anyhow<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kilobytes = line.ok_or("no such line")?.trim().trim_end_matches(" kB");
    Ok(kilobytes.parse::<f64>()? * 1024.0 / 1e6)
}

fn record(sample: Sample) -> Record {
    Record {
        timestamp: Micros::new(sample.timestamp),
        source: sample.source.parse().expect("a source"),
        level: level(&sample),
        message: sample.message,
        metadata: sample.metadata.into(),
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

fn fill_sqlite(path: &Path, samples: impl Iterator<Item = Sample>) -> Anyhow<(Duration, f64)> {
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
    let (mut append, mut peak) = (Duration::ZERO, 0.0_f64);
    let mut samples = samples.peekable();
    while samples.peek().is_some() {
        let portion: Vec<[String; 5]> = samples.by_ref().take(PORTION).map(columns).collect();
        append += processor_time(|| insert(&mut connection, &portion))?;
        peak = peak.max(anonymous_megabytes()?);
    }
    Ok((append, peak))
}

fn measure_sqlite(records: usize, root: &Path) -> Anyhow<()> {
    let path = root.join("logs.db");
    let (append, peak) = fill_sqlite(&path, samples(records))?;
    tell(rate(records, append));
    let bytes = size(root)?;
    tell(per(bytes, records));
    tell(per(bytes, records));
    tell(peak);
    tell(anonymous_megabytes()?);
    tell(millis(median(|| {
        page_of_sqlite(&Connection::open(&path)?)
    })?));
    let connection = Connection::open(&path)?;
    tell(millis(median(|| page_of_sqlite(&connection))?));
    Ok(())
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

/// The processor time of this thread, which excludes other load.
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

/// The size of a file, or of all files in a folder and below.
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
