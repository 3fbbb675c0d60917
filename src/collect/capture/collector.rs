//! The collector of captured commands. It reads the log of every run in the capture folder and makes records of its
//! start, its output and its end. Output that was written while no collector ran is read later; a run whose writer
//! died is reported as interrupted.

use super::caps::Caps;
use super::run::{CapturedRun, RunContext, RunPlace, RunStep};
use crate::capture::{Folder, RunId, RunParts};
use crate::collect::collector::Batch;
use crate::collect::collector::Collector;
use crate::collect::collector::Error;
use crate::collect::collector::Intake;
use crate::collect::own::own_record;
use crate::collect::position::{forget, load, save};
use crate::collect::recognise::Recognition;
use crate::collect::watch::FileWatch;
use crate::record::{Level, Metadata, Positions};
use crate::time::Micros;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

/// Options of a [`CaptureCollector`].
#[derive(Debug, Clone)]
pub struct CaptureOptions {
    /// Folder of the capture logs; it need not exist yet.
    pub directory: PathBuf,
    /// Maximum number of lines of one run that become records: three quarters from its head, one quarter from its
    /// tail.
    pub lines_max: u64,
    /// Maximum size of these lines in bytes.
    pub bytes_max: u64,
    /// After this time without growth an unterminated line becomes a record.
    pub quiet: Duration,
    /// How the lines of the output are recognised.
    pub recognition: Recognition,
}

impl CaptureOptions {
    /// Reads `directory` with the default limits: 10,000 lines and 2 MiB a run.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            lines_max: 10_000,
            bytes_max: 2 << 20,
            quiet: Duration::from_secs(2),
            recognition: Recognition::default(),
        }
    }
}

/// A running command is checked this often, because nothing reports the death of its writer.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// If a folder changed this shortly before it was listed, it may have changed again with the same timestamp.
const SETTLED_AFTER: Duration = Duration::from_millis(50);

/// The prefix of the positions of runs.
const ORIGIN: &str = "capture:";

/// Collects the runs of one folder.
#[derive(Debug)]
pub struct CaptureCollector {
    options: CaptureOptions,
    folder: Folder,
    /// The prefix of its positions.
    origin: String,
    runs: BTreeMap<RunId, RunState>,
    listing: RunListing,
    watch: FileWatch,
    /// The run that is read first: a run with much output must not starve the others.
    turn: Option<RunId>,
    /// The runs that the numbers of [`Collector::parts`] refer to.
    parts: Vec<RunId>,
}

#[derive(Debug)]
enum RunState {
    /// Known from a position, or new; not opened yet.
    Known(RunPlace),
    Open(Box<CapturedRun>),
    /// Read to its end.
    Over,
    /// It cannot be read, which was reported.
    Broken,
}

/// The logs in the folder.
#[derive(Debug, Default)]
struct RunListing {
    /// Number of logs that the limits of the folder exclude.
    skipped_logs: u64,
    runs: BTreeMap<RunId, RunParts>,
    /// When the folder had last changed, if that is long enough ago to be reliable.
    changed: Option<SystemTime>,
}

impl CaptureCollector {
    /// Continues from `positions`. Nothing is opened before the first read.
    #[must_use]
    pub fn open(options: CaptureOptions, positions: &Positions) -> Self {
        let folder = Folder::new(&options.directory);
        Self::on(folder, ORIGIN.to_owned(), options, positions)
    }

    /// The same for the folder of another user; records and positions then name that user.
    pub(super) fn of_user(options: CaptureOptions, uid: u32, positions: &Positions) -> Self {
        let folder = Folder::of_user(&options.directory, uid);
        Self::on(folder, format!("spool:{uid}:"), options, positions)
    }

    fn on(folder: Folder, origin: String, options: CaptureOptions, positions: &Positions) -> Self {
        let known = positions.keys().filter_map(|name| {
            let run = name.strip_prefix(&origin)?.parse().ok()?;
            Some((run, RunState::Known(load(positions, name))))
        });
        Self {
            folder,
            runs: known.collect(),
            origin,
            listing: RunListing::default(),
            watch: FileWatch::new(),
            turn: None,
            parts: Vec::new(),
            options,
        }
    }

    /// Lists the folder, unless it is unchanged.
    fn list(&mut self) -> Result<(), Error> {
        let modified = fs::metadata(self.folder.path()).and_then(|folder| folder.modified());
        let modified = match modified {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // The time of change is unknown, so the folder counts as changed at the next listing.
                self.listing = RunListing {
                    skipped_logs: 0,
                    runs: BTreeMap::new(),
                    changed: Some(SystemTime::UNIX_EPOCH),
                };
                return Ok(());
            }
            modified => modified.map_err(|error| self.error("look at", error))?,
        };
        if self.listing.changed == Some(modified) {
            return Ok(());
        }
        let age = modified.elapsed();
        let is_settled = age.map_or(true, |age| age >= SETTLED_AFTER);
        let listed = self.folder.list();
        let listed = listed.map_err(|error| self.error("list", error))?;
        self.listing = RunListing {
            runs: listed.runs,
            skipped_logs: listed.skipped_logs,
            changed: is_settled.then_some(modified),
        };
        Ok(())
    }

    /// Number of logs in the folder of another user that its limits exclude.
    pub(super) fn skipped_logs(&self) -> u64 {
        self.listing.skipped_logs
    }

    fn error(&self, what: &str, source: io::Error) -> Error {
        Error::Io {
            what: format!("{what} {}", self.folder.path().display()),
            source,
        }
    }

    /// Removes the positions of runs that no longer exist.
    fn forget_removed(&mut self, intake: &mut Intake<'_>) {
        let (listed, prefix) = (&self.listing.runs, &self.origin);
        self.runs.retain(|run, state| {
            if listed.contains_key(run) {
                return true;
            }
            let was_read = match state {
                RunState::Known(place) => place.is_over,
                RunState::Open(_) => false,
                RunState::Over | RunState::Broken => true,
            };
            if !was_read {
                let text = "a capture log was removed before it was read to its end";
                intake.push(log_report(*run, text.to_owned()));
            }
            intake.position(forget(&origin(prefix, *run)), None);
            false
        });
    }

    /// The runs in the order of reading. Runs that have ended come first, in the order in which they started, so that
    /// commands that ran one after the other are reported in that order. Running ones take turns.
    fn order(&self) -> Vec<RunId> {
        let turn = self.turn;
        let listed = self.listing.runs.iter();
        let unread: Vec<_> = listed.filter(|(run, _)| !self.is_read(**run)).collect();
        let is_one_of_many = unread.len() > 1;
        let (mut order, running): (Vec<_>, Vec<_>) = unread
            .into_iter()
            .partition(|(run, parts)| is_one_of_many && self.has_ended(**run, parts));
        let (now, before): (Vec<_>, Vec<_>) = running
            .into_iter()
            .partition(|(run, _)| turn.is_none_or(|turn| **run >= turn));
        order.extend(now);
        order.extend(before);
        order.into_iter().map(|(run, _)| *run).collect()
    }

    /// Whether nothing of a run is left to read.
    fn is_read(&self, run: RunId) -> bool {
        match self.runs.get(&run) {
            Some(RunState::Over | RunState::Broken) => true,
            Some(RunState::Known(place)) => place.is_over,
            Some(RunState::Open(_)) | None => false,
        }
    }

    fn has_ended(&self, run: RunId, parts: &RunParts) -> bool {
        let last = parts.numbers.last();
        last.is_some_and(|last| matches!(self.folder.is_being_written(run, *last), Ok(false)))
    }

    /// Reads a run until nothing new arrives or the batch is full.
    fn advance(&mut self, id: RunId, intake: &mut Intake<'_>) {
        let Some(mut run) = self.take_run(id) else {
            return;
        };
        let before = intake.count();
        let result = self.read_run(id, &mut run, intake);
        if intake.count() > before || run.place().is_over {
            intake.position(
                save(&origin(&self.origin, id), run.place()),
                run.place().reached(),
            );
        }
        let state = match result {
            Ok(()) if run.place().is_over => RunState::Over,
            Ok(()) => RunState::Open(run),
            Err(error) => {
                intake.push(log_report(
                    id,
                    format!("a capture log cannot be read: {error}"),
                ));
                RunState::Broken
            }
        };
        self.runs.insert(id, state);
    }

    fn take_run(&mut self, id: RunId) -> Option<Box<CapturedRun>> {
        let caps = Caps {
            lines: self.options.lines_max,
            bytes: self.options.bytes_max,
        };
        let state = self
            .runs
            .entry(id)
            .or_insert_with(|| RunState::Known(RunPlace::default()));
        match state {
            RunState::Over | RunState::Broken => return None,
            RunState::Known(place) if place.is_over => {
                *state = RunState::Over;
                return None;
            }
            RunState::Known(place) => {
                let parts = self.listing.runs.get(&id)?;
                let run = CapturedRun::open(
                    &self.folder,
                    id,
                    place.clone(),
                    (caps, &self.options.recognition),
                    parts,
                )?;
                *state = RunState::Open(Box::new(run));
            }
            RunState::Open(_) => {}
        }
        match std::mem::replace(state, RunState::Broken) {
            RunState::Open(run) => Some(run),
            RunState::Known(_) | RunState::Over | RunState::Broken => None,
        }
    }

    fn read_run(
        &mut self,
        id: RunId,
        run: &mut CapturedRun,
        intake: &mut Intake<'_>,
    ) -> io::Result<()> {
        let mut parts = self.listing.runs.get(&id).cloned().unwrap_or_default();
        while !intake.is_full() {
            let mut context = RunContext {
                folder: &self.folder,
                parts: &parts,
                watch: &mut self.watch,
                intake: &mut *intake,
            };
            match run.step(&mut context)? {
                RunStep::More => {}
                RunStep::Left => parts = self.folder.runs()?.remove(&id).unwrap_or(parts),
                RunStep::Waiting => {
                    run.quiet(self.options.quiet, intake);
                    return Ok(());
                }
                RunStep::Over => return Ok(()),
            }
        }
        Ok(())
    }
}

impl Collector for CaptureCollector {
    fn name(&self) -> &'static str {
        "capture"
    }

    fn read(&mut self, batch: &mut Batch) -> Result<(), Error> {
        self.watch.begin();
        self.watch.folder(&self.options.directory);
        self.list()?;
        let mut intake = Intake::new(batch);
        self.forget_removed(&mut intake);
        for run in self.order() {
            if intake.is_full() {
                self.turn = Some(run);
                return Ok(());
            }
            self.advance(run, &mut intake);
        }
        self.turn = None;
        Ok(())
    }

    fn wait(&mut self, timeout: Duration) {
        let open = || {
            self.runs.values().filter_map(|state| match state {
                RunState::Open(run) => Some(run),
                _ => None,
            })
        };
        let mut timeout = timeout;
        let is_going_on = |state: &RunState| match state {
            RunState::Known(place) => !place.is_over,
            RunState::Open(_) => true,
            RunState::Over | RunState::Broken => false,
        };
        if self.runs.values().any(is_going_on) {
            timeout = timeout.min(LOOK_EVERY);
        }
        if self.listing.changed.is_none() {
            timeout = timeout.min(SETTLED_AFTER);
        }
        if let Some(due) = open().filter_map(|run| run.due(self.options.quiet)).min() {
            timeout = timeout.min(due.saturating_duration_since(Instant::now()));
        }
        self.watch.wait(timeout);
    }

    fn notices_late(&self) -> bool {
        self.watch.is_blind()
    }

    fn parts(&mut self, batch: &mut Batch) -> Result<Vec<Micros>, Error> {
        self.watch.begin();
        self.watch.folder(&self.options.directory);
        self.list()?;
        self.forget_removed(&mut Intake::new(batch));
        let listed = self.listing.runs.keys().copied();
        self.parts = listed.filter(|run| !self.is_read(*run)).collect();
        Ok(self.parts.iter().map(|run| run.begun()).collect())
    }

    fn read_part(&mut self, part: usize, batch: &mut Batch) -> Result<(), Error> {
        if let Some(run) = self.parts.get(part) {
            self.advance(*run, &mut Intake::new(batch));
        }
        Ok(())
    }
}

fn origin(prefix: &str, run: RunId) -> String {
    format!("{prefix}{run}")
}

/// A record about the log of a run.
fn log_report(run: RunId, text: String) -> crate::record::Record {
    let mut metadata = Metadata::new();
    metadata.insert("run_id", run.to_string());
    own_record(Level::Warn, "gap", text, metadata)
}
