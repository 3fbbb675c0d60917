//! The collector of the systemd journal. It reads the files natively and makes a record of every entry that matches
//! its options, in the order of the journal.

use crate::collect::collector::Batch;
use crate::collect::collector::Collector;
use crate::collect::collector::Error;
use crate::collect::collector::Intake;
use crate::collect::journald::beginning::{BOOT_ID_FILE, id_in, machine, since_boots};
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

/// Maximum number of entries in one read, kept or not: a read must return even if no entry of the journal is kept.
const ENTRIES_MAX: usize = 20_000;

/// Maximum number of problems reported in one run. A file can have many; the first ones are enough.
const PROBLEMS_MAX: usize = 200;

/// How often a journal is checked without an announcement. journald's announcements are also up to this late; a
/// caller that needs less delay polls more often.
const POLL: Duration = Duration::from_millis(250);

/// The collector of the systemd journal.
pub struct JournaldCollector {
    directories: Vec<PathBuf>,
    rules: EntryRules,
    stage: Stage,
    joining: Joining,
    /// Whether the last read stopped before the end.
    has_more: bool,
    /// Whether it was reported that there is nothing to read.
    is_missing_reported: bool,
    /// Problems that did not fit into a batch yet; the journal limits their number.
    unreported: VecDeque<Problem>,
    problems_reported: usize,
}

/// Opening reads every file, so it is done at the first read.
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
            is_missing_reported: false,
            unreported: VecDeque::new(),
            problems_reported: 0,
        }
    }

    /// Reports problems of the journal.
    fn tell_problems(&mut self, intake: &mut Intake<'_>) {
        if let Stage::Open(journal) = &mut self.stage {
            // A field that was cut is reported in its record.
            let is_cut = |problem: &Problem| {
                matches!(problem.error, JournalError::Limit { what: "field", .. })
            };
            let problems = journal.problems().into_iter();
            self.unreported
                .extend(problems.filter(|problem| !is_cut(problem)));
            let is_missing = journal.files().next().is_none();
            if is_missing && !self.is_missing_reported {
                intake.push(missing_record(&self.directories));
            }
            self.is_missing_reported = is_missing;
            let skipped = journal.take_skipped();
            if skipped > 0 {
                intake.push(skipped_record(skipped));
            }
        }
        while !intake.is_full()
            && let Some(problem) = self.unreported.pop_front()
        {
            self.problems_reported = self.problems_reported.saturating_add(1);
            if self.problems_reported <= PROBLEMS_MAX {
                intake.push(problem_record(&problem));
            } else if self.problems_reported == PROBLEMS_MAX + 1 {
                let message = "the journal has more problems; only the first ones are reported";
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
        self.has_more = is_more || !self.unreported.is_empty();
        Ok(())
    }

    fn wait(&mut self, timeout: Duration) {
        if self.has_more {
            return;
        }
        let due = self.joining.due();
        let until_due = due.map(|due| due.saturating_duration_since(Instant::now()));
        let timeout = until_due.map_or(timeout, |until| until.min(timeout));
        if let Stage::Open(journal) = &mut self.stage {
            journal.wait(timeout);
        }
    }

    /// journald reports what it wrote up to 250 ms later.
    fn notices_late(&self) -> bool {
        true
    }
}

/// Opens the journal at the saved position or, without one, at `since`.
fn open(options: &JournalOptions, since: Since) -> Journal {
    let time = match since {
        Since::Ever => return Journal::open(options.clone()),
        Since::Time(time) | Since::LastBoot { earliest: time } => time,
    };
    // This opens every file once more, which takes a millisecond or two.
    let boots = Journal::open(options.clone()).boots();
    let this_boot = id_in(BOOT_ID_FILE);
    let now = u64::try_from(Micros::now().get()).unwrap_or(0);
    let mut journal = Journal::open(JournalOptions {
        since: Some(u64::try_from(time.get()).unwrap_or(0)),
        since_boots: since_boots(&boots, since, this_boot, now),
        ..options.clone()
    });
    if !options.resume.is_empty() {
        // The first start has reported the entries that it skipped; those origins never get a position.
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
        // Refresh only once: entries that arrive meanwhile are left to the next read.
        if is_refreshed || !journal.refresh() {
            return false;
        }
        is_refreshed = true;
    }
    true
}

/// The report of how many entries the first start skipped.
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

/// The report of why there is nothing to read.
fn missing_record(directories: &[PathBuf]) -> Record {
    let names: Vec<String> = directories
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    let names = names.join(", ");
    let why = if directories.iter().any(|path| is_denied(path)) {
        format!("{names} may not be read{REMEDY}")
    } else {
        format!(
            "there are no journal files in {names}; is systemd-journald running, and does it store them there?"
        )
    };
    let message = format!("no journal to read: {why} (vmlog continues and waits for it)");
    own_record(Level::Warn, "journal_missing", message, Metadata::new())
}

fn is_denied(path: &Path) -> bool {
    fs::read_dir(path).is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
}
