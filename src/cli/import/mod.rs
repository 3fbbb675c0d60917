//! `vmlog import`: reads JSON lines into a store, with redaction.

mod chunks;
mod line;

use crate::cli::failure::Failure;
use crate::cli::parameters::long;
use crate::cli::settings;
use crate::cli::store::folder;
use crate::cli::terminal::output::print;
use crate::cli::terminal::progress::{Progress, Unit};
use crate::cli::terminal::text::counted;
use crate::disk::{Disk, RealDisk};
use crate::record::Source;
use crate::redact::{Redacted, Redactor};
use crate::store::{self, Store, SyncPolicy};
use crate::time::Micros;
use crate::triage::ProblemWatch;
use chunks::{ImportInput, Parsed};
use clap::{Arg, ArgMatches, Command, value_parser};
use line::ImportedRecord;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Number of records in one write, which the store handles well.
const BATCH_ROWS: usize = 1_000;
/// Size of messages after which a batch is written, however few they are: a frame is held in memory completely.
const BATCH_BYTES: usize = 8 << 20;
/// Maximum number of bad lines that are reported individually.
const BAD_REPORTED_MAX: u64 = 10;
/// A century: retention is left to the server that opens the store.
const NEVER: Duration = Duration::from_hours(876_000);

/// The arguments of `vmlog import`.
pub(super) fn command() -> Command {
    Command::new("import")
        .about("Import JSON lines into a store, with secrets redacted")
        .long_about(
            "Reads one JSON object per line with `timestamp` (RFC 3339, or seconds, milliseconds or microseconds since 1970), `source`, \
             `level`, `message` and `metadata`, as `vmlog export` writes them, redacts secrets and appends the records with new IDs. \
             Other keys become metadata. A line that cannot be read is skipped and reported with its number. No server may be writing \
             the store; a server that opens it later deletes records that its settings do not keep.",
        )
        .after_help(
            "Examples:\n  vmlog import all.jsonl --store /tmp/store\n  zcat old.jsonl.gz | vmlog import - --store /tmp/store --source file:old\n\n\
             Exit codes: 0 done, even if lines were skipped; 1 failed; 2 usage error",
        )
        .arg(Arg::new("file").value_name("FILE").value_parser(value_parser!(PathBuf)).default_value("-").help("A file, or - for standard input"))
        .arg(folder::option())
        .arg(long("source", "SOURCE", "Source of lines without one").value_parser(|text: &str| text.parse::<Source>()))
}

/// Imports all lines, and reports how many.
pub(super) fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let root = folder::of(matches)?;
    let config = settings::config(matches)?;
    let redactor =
        Redactor::new(&config.redact).map_err(|error| Failure::usage(error.to_string()))?;
    let input = input(matches.get_one::<PathBuf>("file").map(PathBuf::as_path))?;
    let options = store::Options {
        rows_max: u64::MAX,
        bytes_max: u64::MAX,
        age_max: NEVER,
        sync: SyncPolicy::Interval(Duration::from_secs(1)),
        free_percent_min: 0,
        ..config.store
    };
    let (store, _) =
        Store::open(Arc::new(RealDisk), &root, options).map_err(folder::unwritable("import"))?;
    let progress = Progress::start("importing", input.length, Unit::Bytes);
    let mut import = Import {
        store,
        redactor,
        problems: ProblemWatch::default(),
        batch: Vec::with_capacity(BATCH_ROWS),
        batch_bytes: 0,
        records: 0,
        bad: 0,
        bytes: 0,
        progress,
    };
    let started = Instant::now();
    let source = matches.get_one::<Source>("source").cloned();
    let read = chunks::read(
        input,
        &line::Defaults {
            source,
            now: Micros::now(),
        },
        &mut |parsed| import.take(parsed),
    );
    let ended = import.end();
    read?;
    let ImportCounts { records, bad } = ended?;
    tell(records, bad, started.elapsed())
}

fn tell(records: u64, bad: u64, elapsed: Duration) -> Result<(), Failure> {
    let rate = u128::from(records) * 1000 / elapsed.as_millis().max(1);
    let skipped = match bad {
        0 => String::new(),
        1 => ", 1 line was skipped".to_owned(),
        bad => format!(", {bad} lines were skipped"),
    };
    let seconds = elapsed.as_secs_f64();
    print(&format!(
        "{} in {seconds:.1} s ({rate}/s){skipped}\n",
        counted(records, "record")
    ))
}

fn input(file: Option<&Path>) -> Result<ImportInput, Failure> {
    match file.filter(|path| path.as_os_str() != "-") {
        None => Ok(ImportInput {
            reader: Box::new(io::stdin()),
            length: None,
        }),
        Some(path) => {
            let cannot = |error: io::Error| {
                Failure::failed(format!("cannot read {}: {error}", path.display()))
            };
            let file = RealDisk.open(path).map_err(cannot)?;
            let length = file.length().map_err(cannot)?;
            // A pipe has no length, and cannot be read at an offset.
            if length == 0 {
                return Err(Failure::failed(format!(
                    "{} is empty or not a regular file: use - and standard input",
                    path.display()
                )));
            }
            Ok(ImportInput {
                reader: Box::new(chunks::FileReader::new(file, length)),
                length: Some(length),
            })
        }
    }
}

/// An import in progress.
struct Import {
    store: Store,
    redactor: Redactor,
    problems: ProblemWatch,
    batch: Vec<Redacted>,
    batch_bytes: usize,
    records: u64,
    bad: u64,
    bytes: u64,
    progress: Progress,
}

struct ImportCounts {
    records: u64,
    bad: u64,
}

impl Import {
    fn take(&mut self, parsed: Parsed) -> Result<(), Failure> {
        let now = Micros::now();
        for ImportedRecord {
            mut record,
            is_exported,
        } in parsed.records
        {
            self.batch_bytes += record.message.len();
            if !is_exported {
                self.problems.mark(&mut record, now);
            }
            let redacted = self.redactor.redact(record);
            if redacted.is_withheld() {
                let source = redacted.record().source.as_str();
                notice!("withheld a record of {source}: redaction took too long");
            }
            self.batch.push(redacted);
            if self.batch.len() >= BATCH_ROWS || self.batch_bytes >= BATCH_BYTES {
                self.write()?;
            }
        }
        for (number, why) in &parsed.bad {
            self.bad += 1;
            if self.bad <= BAD_REPORTED_MAX {
                notice!("skipped line {number}: {why}");
            }
            if self.bad == BAD_REPORTED_MAX {
                notice!("further lines are only counted");
            }
        }
        self.bytes += parsed.bytes;
        self.progress.set(self.bytes);
        Ok(())
    }

    fn write(&mut self) -> Result<(), Failure> {
        if self.batch.is_empty() {
            return Ok(());
        }
        self.store
            .append(&self.batch, &[])
            .map_err(|error| self.failed(error))?;
        self.records += self.batch.len() as u64;
        self.batch.clear();
        self.batch_bytes = 0;
        self.store
            .maintain(Micros::now())
            .map_err(|error| self.failed(error))?;
        Ok(())
    }

    fn failed(&self, error: store::Error) -> Failure {
        let Failure { text, code } = folder::unwritable("import")(error);
        let records = self.records;
        Failure {
            text: format!("{text} ({records} records were imported before)"),
            code,
        }
    }

    /// Writes and syncs the rest.
    fn end(mut self) -> Result<ImportCounts, Failure> {
        let written = self
            .write()
            .and_then(|()| self.store.sync().map_err(|error| self.failed(error)));
        self.progress.finish();
        written?;
        Ok(ImportCounts {
            records: self.records,
            bad: self.bad,
        })
    }
}
