//! The collector of the systemd journal, read natively: every entry that is wanted becomes a record, in the order of the
//! journal.

use crate::collect::collector::Batch;
use crate::collect::collector::Collector;
use crate::collect::collector::Error;
use crate::collect::collector::Intake;
use crate::collect::journald::beginning::{id_in, machine, since_boots};
use crate::collect::journald::entry::EntryRules;
use crate::collect::journald::facts::is_read;
use crate::collect::journald::joining::Joining;
use crate::collect::journald::options::{JournaldOptions, Since};
use crate::collect::own::own_record;
use crate::journal::{
    Error as JournalError, Journal, JournalEvent, JournalGap, JournalOptions, Problem,
};
use crate::record::{Level, Metadata, Positions, Record};
use crate::time::Micros;
use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Entries looked at in one read, wanted or not: a read must come back although nothing in the journal is wanted.
const ENTRIES_MAX: usize = 20_000;

/// Problems reported in one run. Each file can have many; the first ones are enough to know.
const PROBLEMS_MAX: usize = 200;

/// How often a journal is looked at that announces nothing. The announcements of journald are as late as this, too; who is in
/// a hurry waits for a shorter time.
const POLL: Duration = Duration::from_millis(250);

/// Reads the systemd journal.
pub struct JournaldCollector {
    directories: Vec<PathBuf>,
    rules: EntryRules,
    stage: Stage,
    joining: Joining,
    /// Whether the last read stopped before the end.
    has_more: bool,
    /// Whether it was reported that there is nothing to read.
    is_missing_told: bool,
    /// Problems that found no room in a batch yet; the journal bounds how many there are.
    untold: VecDeque<Problem>,
    problems_told: usize,
}

/// Opening looks through every file: that waits for the first read.
enum Stage {
    Closed(Box<JournalOptions>, Since),
    Open(Box<Journal>),
}

impl std::fmt::Debug for JournaldCollector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut debug = f.debug_struct("JournaldCollector");
        debug
            .field("directories", &self.directories)
            .finish_non_exhaustive()
    }
}

impl JournaldCollector {
    /// Continues from `positions`. Nothing is opened before the first read.
    #[must_use]
    pub fn open(options: JournaldOptions, positions: &Positions) -> Self {
        let JournaldOptions {
            directories,
            namespaces,
            units,
            docker,
            levels,
            recognition,
            since,
            field_bytes_max,
        } = options;
        let (joining, resume) = Joining::resume(positions, recognition.clone());
        let journal = JournalOptions {
            directories: directories.clone(),
            namespaces,
            resume,
            fields: Some(is_read),
            field_bytes_max,
            poll: POLL,
            ..JournalOptions::default()
        };
        Self {
            directories,
            rules: EntryRules {
                units,
                docker,
                levels,
                recognition,
                machine: None,
            },
            stage: Stage::Closed(Box::new(journal), since),
            joining,
            has_more: false,
            is_missing_told: false,
            untold: VecDeque::new(),
            problems_told: 0,
        }
    }

    /// Reports problems of the journal.
    fn tell_problems(&mut self, intake: &mut Intake<'_>) {
        if let Stage::Open(journal) = &mut self.stage {
            // a field that was cut is reported in its record
            let is_cut = |problem: &Problem| {
                matches!(problem.error, JournalError::Limit { what: "field", .. })
            };
            let problems = journal.problems().into_iter();
            self.untold
                .extend(problems.filter(|problem| !is_cut(problem)));
            let is_missing = journal.files().next().is_none();
            if is_missing && !self.is_missing_told {
                intake.push(missing_record(&self.directories));
            }
            self.is_missing_told = is_missing;
            let skipped = journal.take_skipped();
            if skipped > 0 {
                intake.push(skipped_record(skipped));
            }
        }
        while !intake.is_full()
            && let Some(problem) = self.untold.pop_front()
        {
            self.problems_told = self.problems_told.saturating_add(1);
            if self.problems_told <= PROBLEMS_MAX {
                intake.push(problem_record(&problem));
            } else if self.problems_told == PROBLEMS_MAX + 1 {
                let message = "more is wrong with the journal; only the first problems are told";
                let message = message.to_owned();
                intake.push(own_record(
                    Level::Warn,
                    "journal_problem",
                    message,
                    Metadata::new(),
                ));
            }
        }
    }
}

impl Collector for JournaldCollector {
    fn name(&self) -> &'static str {
        "journald"
    }

    fn read(&mut self, batch: &mut Batch) -> Result<(), Error> {
        if self.rules.machine.is_none() {
            self.rules.machine = machine(&self.directories, id_in("/etc/machine-id"));
        }
        if let Stage::Closed(options, since) = &self.stage {
            self.stage = Stage::Open(Box::new(open(options, *since)));
        }
        let mut intake = Intake::new(batch);
        self.tell_problems(&mut intake);
        let Stage::Open(journal) = &mut self.stage else {
            return Ok(());
        };
        let is_more = read_entries(journal, &self.rules, &mut self.joining, &mut intake);
        let mut positions = journal.changed_positions();
        if !is_more && self.joining.expire(&mut intake) {
            positions = journal.positions();
        }
        for position in positions {
            self.joining.save(&position, &mut intake);
        }
        self.tell_problems(&mut intake);
        self.has_more = is_more || !self.untold.is_empty();
        Ok(())
    }

    fn wait(&mut self, patience: Duration) {
        if self.has_more {
            return;
        }
        let due = self.joining.due();
        let until_due = due.map(|due| due.saturating_duration_since(Instant::now()));
        let patience = until_due.map_or(patience, |until| until.min(patience));
        if let Stage::Open(journal) = &mut self.stage {
            journal.wait(patience);
        }
    }
}

/// Opens the journal at the saved position or, without one, where `since` says.
fn open(options: &JournalOptions, since: Since) -> Journal {
    let time = match since {
        Since::Ever => return Journal::open(options.clone()),
        Since::Time(time) | Since::LastBoot { earliest: time } => time,
    };
    // every file is opened once more for this, which takes a millisecond or two
    let boots = Journal::open(options.clone()).boots();
    let this_boot = id_in("/proc/sys/kernel/random/boot_id");
    let now = u64::try_from(Micros::now().get()).unwrap_or(0);
    let mut journal = Journal::open(JournalOptions {
        since: Some(u64::try_from(time.get()).unwrap_or(0)),
        since_boots: since_boots(&boots, since, this_boot, now),
        ..options.clone()
    });
    if !options.resume.is_empty() {
        // the first start has reported the entries that it skipped, and those origins never get a position
        journal.take_skipped();
    }
    journal
}

/// Reads until the batch is full (`true`) or the end is reached.
fn read_entries(
    journal: &mut Journal,
    rules: &EntryRules,
    joining: &mut Joining,
    intake: &mut Intake<'_>,
) -> bool {
    let mut is_refreshed = false;
    for _ in 0..ENTRIES_MAX {
        if intake.is_full() {
            return true;
        }
        match journal.next() {
            Some(JournalEvent::Gap(gap)) => {
                intake.push(gap_record(&gap));
                continue;
            }
            Some(JournalEvent::Entry(entry)) => {
                joining.take(&entry, rules, intake);
                continue;
            }
            None => {}
        }
        // once: entries that arrive meanwhile are for the next read
        if is_refreshed || !journal.refresh() {
            return false;
        }
        is_refreshed = true;
    }
    true
}

/// Says how much the first start did not read.
fn skipped_record(count: u64) -> Record {
    let message = format!(
        "{count} older journal entries were skipped (LOG_JOURNAL_SINCE sets how far back the first start reads)"
    );
    let mut metadata = Metadata::new();
    metadata.insert("count", count);
    own_record(Level::Info, "journal_skipped", message, metadata)
}

fn gap_record(gap: &JournalGap) -> Record {
    let count = gap.count();
    let message = format!(
        "{count} journal entries between {} and {} were deleted before they could be read",
        Micros::from_unsigned(gap.from),
        Micros::from_unsigned(gap.to)
    );
    let mut metadata = Metadata::new();
    metadata.insert("count", count);
    metadata.insert("seqnum_id", gap.seqnum_id.to_string());
    metadata.insert("seqnum_first", *gap.seqnums.start());
    metadata.insert("seqnum_last", *gap.seqnums.end());
    own_record(Level::Warn, "gap", message, metadata)
}

fn problem_record(problem: &Problem) -> Record {
    let mut message = format!("journal: {problem}");
    if let JournalError::Io { source, .. } = &problem.error
        && source.kind() == io::ErrorKind::PermissionDenied
    {
        message.push_str(REMEDY);
    }
    let mut metadata = Metadata::new();
    metadata.insert("path", problem.path.display().to_string());
    own_record(Level::Warn, "journal_problem", message, metadata)
}

const REMEDY: &str = "; run vmlog as root or add its user to the group systemd-journal";

/// Says in plain words why there is nothing to read.
fn missing_record(directories: &[PathBuf]) -> Record {
    let names: Vec<String> = directories
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    let is_denied = directories.iter().any(|path| is_denied(path));
    let why = if is_denied {
        format!("may not be read{REMEDY}")
    } else {
        "holds no journal files; is systemd-journald running, and is this where it stores?"
            .to_owned()
    };
    let message = format!(
        "no journal to read: {} {why} (vmlog goes on and waits for it)",
        names.join(", ")
    );
    own_record(Level::Warn, "journal_missing", message, Metadata::new())
}

fn is_denied(path: &Path) -> bool {
    fs::read_dir(path).is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
}
