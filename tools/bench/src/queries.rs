//! Runs queries on the store and on SQLite, with the same records in one run.

use crate::generate::Generator;
use crate::{Anyhow, SEED, anonymous_megabytes, fill, fill_sqlite, open_store, status_megabytes};
use regex_automata::meta::Regex;
use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, params_from_iter};
use rustix::time::{ClockId, clock_gettime};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use vmlog::disk::RealDisk;
use vmlog::query::{self, Budget, Grouping, HistogramRequest, Limits, PageRequest};
use vmlog::store::{Reader, View};
use vmlog::time::Micros;

/// Number of runs of a query on the store; SQLite has as many, up to a time limit.
const RUNS: usize = 21;
const SLOW: Duration = Duration::from_secs(3);

/// A query in the languages of both.
struct Question {
    name: &'static str,
    /// Maximum milliseconds, for a million records and for five million.
    at_most: [f64; 2],
    ours: Ours,
    sql: &'static str,
    values: &'static [&'static str],
}

enum Ours {
    Page(&'static [(&'static str, &'static str)]),
    Sources,
    Histogram(&'static str),
    Through,
}

const COLUMNS: &str = "id, timestamp, source, level, message, metadata";

const QUESTIONS: &[Question] = &[
    Question {
        name: "newest 100",
        at_most: [0.4, 0.5],
        ours: Ours::Page(&[]),
        sql: "SELECT {} FROM logs ORDER BY id DESC LIMIT 100",
        values: &[],
    },
    Question {
        name: "newest 100 of one source (6 %)",
        at_most: [0.4, 0.5],
        ours: Ours::Page(&[("source", "system:ssh")]),
        sql: "SELECT {} FROM logs WHERE source = ? ORDER BY timestamp DESC LIMIT 100",
        values: &["system:ssh"],
    },
    Question {
        name: "newest 100 errors, one source, 12 h",
        at_most: [0.6, 0.8],
        ours: Ours::Page(&[
            ("source", "docker:api"),
            ("level", "error"),
            ("start", "2026-11-12T06:00:00Z"),
            ("end", "2026-11-12T18:00:00Z"),
        ]),
        sql: "SELECT {} FROM logs WHERE source = ? AND level = 'error' AND timestamp >= ? AND timestamp < ?
              ORDER BY timestamp DESC LIMIT 100",
        values: &[
            "docker:api",
            "2026-11-12T06:00:00.000000Z",
            "2026-11-12T18:00:00.000000Z",
        ],
    },
    Question {
        name: "rare part of a word, whole store",
        at_most: [0.8, 2.0],
        ours: Ours::Page(&[("search", "needle_7f3a9c21e")]),
        sql: "SELECT {} FROM logs WHERE message LIKE ? ORDER BY id DESC LIMIT 100",
        values: &["%needle\\_7f3a9c21e%"],
    },
    Question {
        name: "absent word, whole store",
        at_most: [0.3, 1.0],
        ours: Ours::Page(&[("search", "zzqqxyabsent")]),
        sql: "SELECT {} FROM logs WHERE message LIKE ? ORDER BY id DESC LIMIT 100",
        values: &["%zzqqxyabsent%"],
    },
    Question {
        name: "common word, newest 100",
        at_most: [0.5, 0.6],
        ours: Ours::Page(&[("search", "connection")]),
        sql: "SELECT {} FROM logs WHERE message LIKE ? ORDER BY id DESC LIMIT 100",
        values: &["%connection%"],
    },
    Question {
        name: "part of a uuid, whole store",
        at_most: [60.0, 300.0],
        ours: Ours::Page(&[("search", "9c4e-4a7")]),
        sql: "SELECT {} FROM logs WHERE message LIKE ? ORDER BY id DESC LIMIT 100",
        values: &["%9c4e-4a7%"],
    },
    Question {
        name: "regex with a rare literal, whole store",
        at_most: [3.0, 10.0],
        ours: Ours::Page(&[("search", r"timed out after 9\d{3} ms"), ("regex", "true")]),
        sql: "SELECT {} FROM logs WHERE message REGEXP ? ORDER BY id DESC LIMIT 100",
        values: &[r"(?i)timed out after 9\d{3} ms"],
    },
    Question {
        name: "regex without a literal, whole store",
        at_most: [250.0, 1250.0],
        ours: Ours::Page(&[("search", "[a-z]+_[0-9a-f]{6,}q"), ("regex", "true")]),
        sql: "SELECT {} FROM logs WHERE message REGEXP ? ORDER BY id DESC LIMIT 100",
        values: &["(?i)[a-z]+_[0-9a-f]{6,}q"],
    },
    Question {
        name: "sources with counts",
        at_most: [0.1, 0.2],
        ours: Ours::Sources,
        sql: "SELECT source, level, COUNT(*), MAX(timestamp) FROM logs GROUP BY source, level",
        values: &[],
    },
    Question {
        name: "histogram, 60 buckets by level",
        at_most: [3.0, 12.0],
        ours: Ours::Histogram(""),
        sql: "SELECT strftime('%s', timestamp) / 7200, level, COUNT(*) FROM logs GROUP BY 1, 2",
        values: &[],
    },
    Question {
        name: "the same with a common search",
        at_most: [60.0, 300.0],
        ours: Ours::Histogram("connection"),
        sql: "SELECT strftime('%s', timestamp) / 7200, level, COUNT(*) FROM logs WHERE message LIKE ? GROUP BY 1, 2",
        values: &["%connection%"],
    },
    Question {
        name: "page through 100,000 rows by 1000",
        at_most: [60.0, 60.0],
        ours: Ours::Through,
        sql: "SELECT {} FROM logs WHERE id < ? ORDER BY id DESC LIMIT 1000",
        values: &[],
    },
];

/// Prints a table: the first and the median time of each query, the processor time of all threads, and the maximum
/// memory. `folder` keeps both stores for the next run.
pub(crate) fn compare(records: usize, folder: &Path) -> Anyhow<()> {
    let (root, database) = (folder.join("store"), folder.join("logs.db"));
    if !database.exists() {
        std::fs::create_dir_all(folder)?;
        let samples = || Generator::new(SEED).take(records);
        fill(&mut open_store(&root)?, samples())?;
        fill_sqlite(&database, samples())?;
    }
    let reader = Reader::open_read_only(Arc::new(RealDisk), &root)?;
    let view = reader.view();
    let connection = open(&database)?;
    let rows = view.ids().end - view.ids().start;
    println!("{rows} records; ms, memory beside mapped files in MB\n");
    println!("| query | at most | first | median | processor | memory | SQLite | ratio |");
    println!("|---|--:|--:|--:|--:|--:|--:|--:|");
    let budget = Budget::default();
    for question in QUESTIONS {
        let before = forget_peak()?;
        let ours = times(RUNS, || ours(&view, &question.ours, &budget))?;
        let memory = status_megabytes("VmHWM:")? - status_megabytes("RssFile:")? - before;
        let theirs = times(RUNS, || theirs(&connection, question))?;
        let median = middle(ours.iter().map(|run| run.took));
        let other = middle(theirs.iter().map(|run| run.took));
        println!(
            "| {} | {} | {:.3} | {median:.3} | {:.3} | {memory:.1} | {other:.3} | {:.1} |",
            question.name,
            question.at_most[usize::from(rows > 1_000_000)],
            millis(ours[0].took),
            middle(ours.iter().map(|run| run.worked)),
            other / median,
        );
    }
    Ok(())
}

/// The duration of a query, and its processor time, which other load hardly affects.
struct Run {
    took: Duration,
    worked: Duration,
}

/// Resets the maximum memory; returns the current memory without mapped files.
fn forget_peak() -> Anyhow<f64> {
    std::fs::write("/proc/self/clear_refs", "5")?;
    anonymous_megabytes()
}

/// The processor time of all threads.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let part = |part: i64| u64::try_from(part).unwrap_or_default();
    Duration::from_secs(part(time.tv_sec)) + Duration::from_nanos(part(time.tv_nsec))
}

fn times(runs: usize, mut run: impl FnMut() -> Anyhow<usize>) -> Anyhow<Vec<Run>> {
    let (mut times, begin) = (vec![], Instant::now());
    while times.len() < runs && (times.is_empty() || begin.elapsed() < SLOW) {
        let (started, worked) = (Instant::now(), processor_time());
        run()?;
        times.push(Run {
            took: started.elapsed(),
            worked: processor_time().saturating_sub(worked),
        });
    }
    Ok(times)
}

fn middle(times: impl Iterator<Item = Duration>) -> f64 {
    let mut sorted: Vec<Duration> = times.collect();
    sorted.sort();
    millis(sorted[sorted.len() / 2])
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn request(parameters: &[(&str, &str)]) -> Anyhow<PageRequest> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let owned: Vec<_> = parameters.iter().map(owned).collect();
    let limits = Limits {
        limit_default: 100,
        limit_max: 1000,
    };
    Ok(query::parse_page(&owned, &limits, Micros::now())?)
}

fn ours(view: &View, ours: &Ours, budget: &Budget) -> Anyhow<usize> {
    match ours {
        Ours::Page(parameters) => Ok(query::page(view, &request(parameters)?, budget)?
            .entries
            .len()),
        Ours::Sources => Ok(query::sources(view, &request(&[])?.filter, budget)?
            .sources
            .len()),
        Ours::Histogram(search) => {
            let request = HistogramRequest {
                filter: request(&[("search", search)])?.filter,
                buckets: 60,
                by: Grouping::Level,
            };
            Ok(query::histogram(view, &request, budget)?.buckets)
        }
        Ours::Through => {
            let mut request = request(&[("limit", "1000")])?;
            let mut seen = 0;
            while seen < 100_000 {
                let page = query::page(view, &request, budget)?;
                seen += page.entries.len();
                request.cursor = page.next_cursor;
                if !page.has_more {
                    break;
                }
            }
            Ok(seen)
        }
    }
}

/// Adds a function for `REGEXP`, which SQLite itself lacks.
fn open(database: &Path) -> Anyhow<Connection> {
    let connection = Connection::open(database)?;
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function("regexp", 2, flags, |context| {
        let compile = |pattern: rusqlite::types::ValueRef<'_>| -> Anyhow<Regex> {
            Ok(Regex::new(pattern.as_str()?)?)
        };
        let compile = |pattern: rusqlite::types::ValueRef<'_>| {
            compile(pattern).map_err(|error| -> Box<dyn std::error::Error + Send + Sync> {
                error.to_string().into()
            })
        };
        let regex = context.get_or_create_aux(0, compile)?;
        let message = context.get_raw(1).as_str();
        Ok(regex.is_match(message.unwrap_or_default()))
    })?;
    Ok(connection)
}

fn theirs(connection: &Connection, question: &Question) -> Anyhow<usize> {
    let sql = question.sql.replace("{}", COLUMNS);
    let mut statement = connection.prepare_cached(&sql)?;
    if !matches!(question.ours, Ours::Through) {
        return Ok(read(&mut statement, question.values)?.0);
    }
    let (mut seen, mut last) = (0, i64::MAX);
    while seen < 100_000 {
        let (rows, lowest) = read(&mut statement, &[last])?;
        if rows == 0 {
            break;
        }
        (seen, last) = (seen + rows, lowest);
    }
    Ok(seen)
}

/// Reads every value of every row; returns the first value of the last row, which is its id if rows have one.
fn read<P: rusqlite::ToSql>(
    statement: &mut rusqlite::Statement<'_>,
    values: &[P],
) -> Anyhow<(usize, i64)> {
    let columns = statement.column_count();
    let mut rows = statement.query(params_from_iter(values))?;
    let (mut count, mut last) = (0, 0);
    while let Some(row) = rows.next()? {
        let taken: Vec<rusqlite::types::Value> = (0..columns)
            .map(|column| row.get(column))
            .collect::<Result<_, _>>()?;
        if let Some(rusqlite::types::Value::Integer(id)) = taken.first() {
            last = *id;
        }
        count += 1;
    }
    Ok((count, last))
}
