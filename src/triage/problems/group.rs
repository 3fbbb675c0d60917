//! Marked records, grouped by what failed.

use crate::query::MatchedRows;
use crate::record::{Id, Level, Metadata, Source};
use crate::store;
use crate::time::Micros;
use crate::triage::detect::{PROBLEM, PROBLEM_SUBJECT};
use crate::triage::kind::ProblemKind as K;
use crate::triage::problems::answer::{EvidenceLine, FoundProblem};
use foldhash::fast::RandomState;
use serde_json::Value;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

/// Different problems that are kept; more are counted with none.
const GROUPS_MAX: usize = 10_000;
/// Times that are kept of a problem that several records report at once.
const TIMES_MAX: usize = 10_000;
/// Reports of one failure come within this time.
const ONCE_MICROS: i64 = 5_000_000;
/// The kernel reports a crash this long before systemd has written the core dump.
const DUMP_MICROS: i64 = 30_000_000;
/// The bytes that are kept of a message.
const MESSAGE_BYTES_MAX: usize = 1 << 10;
/// The bytes that tell one command from another.
const COMMAND_BYTES_MAX: usize = 256;

/// A marked record.
#[derive(Debug, Clone)]
pub(super) struct ProblemMark {
    pub(super) kind: K,
    pub(super) subject: String,
    pub(super) id: Id,
    pub(super) time: Micros,
    pub(super) source: Source,
    pub(super) level: Level,
    pub(super) message: String,
    pub(super) run: Option<String>,
    /// The beginning of the command that failed.
    command: Option<String>,
    boot: Option<String>,
}

impl ProblemMark {
    /// The bytes of its texts.
    pub(super) fn text_bytes(&self) -> usize {
        let optional = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let optional = [&self.run, &self.command, &self.boot].map(optional);
        self.subject.len() + self.message.len() + optional.iter().sum::<usize>()
    }
}

/// What happened to one thing.
#[derive(Debug)]
pub(super) struct ProblemGroup {
    /// The most telling mark, the latest of its kind.
    pub(super) mark: Arc<ProblemMark>,
    /// The last mark of all.
    pub(super) last: Arc<ProblemMark>,
    first: (Id, Micros),
    counts: HashMap<K, u64, RandomState>,
    /// The times of the kinds that several records report at once.
    times: Vec<Micros>,
}

/// The groups so far.
#[derive(Debug, Default)]
pub(super) struct ProblemGroups(HashMap<(&'static str, String), ProblemGroup, RandomState>);

/// The marks of a block.
pub(super) fn marks_of(rows: &MatchedRows<'_>) -> Result<Vec<ProblemMark>, store::Error> {
    let (ids, times, levels) = (rows.ids()?, rows.timestamps()?, rows.levels()?);
    let (messages, metadata) = (rows.messages()?, rows.metadata()?);
    let columns = ids.iter().zip(times).zip(levels);
    let mut marks = Vec::with_capacity(rows.len());
    for (index, ((id, time), level)) in columns.enumerate() {
        let facts = metadata.get(index)?;
        let Some((kind, source)) = kind_of(&facts).zip(rows.source(index)?) else {
            continue;
        };
        let text = |key: &str| facts.get(key).and_then(Value::as_str).map(str::to_owned);
        let message = messages.get(index);
        let command = facts.get("command").and_then(Value::as_str);
        marks.push(ProblemMark {
            kind,
            subject: text(PROBLEM_SUBJECT).unwrap_or_default(),
            id: Id(*id),
            time: *time,
            source: source.clone(),
            level: *level,
            message: beginning(message, MESSAGE_BYTES_MAX),
            run: text("run_id"),
            command: command
                .filter(|_| kind == K::RunFailed)
                .map(|command| beginning(command, COMMAND_BYTES_MAX)),
            boot: text("boot_id"),
        });
    }
    Ok(marks)
}

fn beginning(text: &str, bytes_max: usize) -> String {
    let end = text.floor_char_boundary(bytes_max);
    text.get(..end).unwrap_or_default().to_owned()
}

fn kind_of(metadata: &Metadata) -> Option<K> {
    metadata.get(PROBLEM)?.as_str()?.parse().ok()
}

/// Kinds that are one problem if they are about the same thing.
fn family(mark: &ProblemMark) -> &'static str {
    let is_unit = mark.subject.contains('.') && !mark.subject.starts_with('/');
    match mark.kind {
        K::StartLimit | K::RestartLoop | K::UnitFailed | K::JobFailed => "unit",
        K::Watchdog | K::CoreDump | K::OomKill if is_unit => "unit",
        K::OomKill if mark.subject.starts_with("container ") => "container",
        K::ContainerRestartLoop | K::ContainerOom | K::ContainerFailed | K::ContainerUnhealthy => {
            "container"
        }
        K::CloudInitFailed | K::CloudInitDegraded => "cloud-init",
        kind => kind.as_str(),
    }
}

/// What a captured command is known by. A name that nobody chose is that of its program, which other commands run, too.
fn run_key(mark: &ProblemMark) -> String {
    let names_program = |command: &&String| {
        let program = command.split(' ').next().unwrap_or_default();
        program.rsplit('/').next() == Some(mark.subject.as_str())
    };
    let command = mark.command.as_ref().filter(names_program);
    command.unwrap_or(&mark.subject).clone()
}

impl ProblemGroups {
    pub(super) fn add(&mut self, mark: Arc<ProblemMark>) {
        let family = family(&mark);
        // the stages of cloud-init fail together
        let subject = match mark.kind {
            _ if family == "cloud-init" => String::new(),
            // a command that a devcontainer ran is known by the log that tells of it
            K::RunFailed if mark.run.is_none() => format!("{} {}", mark.subject, mark.source),
            K::RunFailed => run_key(&mark),
            _ => mark.subject.clone(),
        };
        let key = (family, subject);
        if let Some(group) = self.0.get_mut(&key) {
            group.add(mark);
        } else if self.0.len() < GROUPS_MAX {
            self.0.insert(key, ProblemGroup::new(&mark));
        }
    }

    /// The groups, the most important first.
    pub(super) fn ranked(self) -> Vec<ProblemGroup> {
        let mut groups: Vec<ProblemGroup> = self.0.into_values().collect();
        absorb(&mut groups);
        groups.sort_by_key(|group| {
            let kind = group.mark.kind;
            (
                Reverse(kind.severity()),
                kind,
                Reverse(group.last.time),
                Reverse(group.last.id.0),
            )
        });
        groups
    }
}

/// Removes the reports of a failure that another group tells better.
fn absorb(groups: &mut Vec<ProblemGroup>) {
    absorb_crashes(groups);
    absorb_descriptions(groups);
}

/// systemd before 247 names the job that failed by the description of its unit, beside the unit itself.
fn absorb_descriptions(groups: &mut Vec<ProblemGroup>) {
    let is_name = |mark: &ProblemMark| mark.subject.contains('.') && !mark.subject.contains(' ');
    let units: Vec<(Source, Micros)> = groups
        .iter()
        .filter(|group| family(&group.mark) == "unit" && is_name(&group.mark))
        .map(|group| (group.last.source.clone(), group.last.time))
        .collect();
    groups.retain(|group| {
        let is_description = group.mark.kind == K::JobFailed && !is_name(&group.mark);
        let last = &group.last;
        let is_near = |(source, time): &(Source, Micros)| {
            *source == last.source && time.get().abs_diff(last.time.get()) <= ONCE_MICROS as u64
        };
        !(is_description && units.iter().any(is_near))
    });
}

/// Removes the kernel's report of a crash that systemd reports as well.
fn absorb_crashes(groups: &mut Vec<ProblemGroup>) {
    let dumps: Vec<Micros> = groups
        .iter()
        .filter(|group| group.mark.kind == K::CoreDump && !is_of_kernel(&group.mark))
        .map(|group| group.mark.time)
        .collect();
    let is_near =
        |time: Micros| move |dump: &Micros| dump.get().abs_diff(time.get()) <= DUMP_MICROS as u64;
    groups.retain(|group| {
        let is_crash = group.mark.kind == K::CoreDump && is_of_kernel(&group.mark);
        !(is_crash && dumps.iter().any(is_near(group.last.time)))
    });
}

fn is_of_kernel(mark: &ProblemMark) -> bool {
    mark.source.as_str() == "system:kernel"
}

impl ProblemGroup {
    fn new(mark: &Arc<ProblemMark>) -> Self {
        let mut group = Self {
            first: (mark.id, mark.time),
            last: Arc::clone(mark),
            mark: Arc::clone(mark),
            counts: HashMap::default(),
            times: Vec::new(),
        };
        group.count(mark);
        group
    }

    fn add(&mut self, mark: Arc<ProblemMark>) {
        self.count(&mark);
        if (mark.time, mark.id) < (self.first.1, self.first.0) {
            self.first = (mark.id, mark.time);
        }
        if (self.last.time, self.last.id) < (mark.time, mark.id) {
            self.last = Arc::clone(&mark);
        }
        // the kernel names the process, and systemd the unit
        let rank = |mark: &ProblemMark| {
            (
                Reverse(mark.kind),
                !mark.message.contains("Failed with result"),
                is_of_kernel(mark),
                mark.time,
                mark.id,
            )
        };
        if rank(&self.mark) < rank(&mark) {
            self.mark = mark;
        }
    }

    fn count(&mut self, mark: &ProblemMark) {
        *self.counts.entry(mark.kind).or_default() += 1;
        if self.times.len() < TIMES_MAX {
            self.times.push(mark.time);
        }
    }

    /// How often it happened. Several records report one OOM kill, crash or failed stage.
    fn occurrences(&mut self) -> u64 {
        let most = self.counts.values().copied().max().unwrap_or_default();
        let is_together = matches!(
            self.mark.kind,
            K::OomKill | K::CoreDump | K::CloudInitFailed | K::CloudInitDegraded | K::KernelOops
        );
        if !is_together || self.times.len() >= TIMES_MAX {
            return most;
        }
        self.times.sort_unstable();
        let apart = |pair: &[Micros]| match pair {
            [before, after] => after.get() - before.get() > ONCE_MICROS,
            _ => false,
        };
        let gaps = self.times.windows(2).filter(|pair| apart(pair)).count();
        most.min(gaps as u64 + 1)
    }

    /// The problem, with its cause and the lines around it.
    pub(super) fn into_problem(
        mut self,
        cause: Option<EvidenceLine>,
        context: Vec<EvidenceLine>,
    ) -> FoundProblem {
        let count = self.occurrences();
        let Self {
            mark, last, first, ..
        } = self;
        FoundProblem {
            kind: mark.kind,
            title: mark.kind.title(&mark.subject),
            severity: mark.kind.severity(),
            subject: mark.subject.clone(),
            source: mark.source.clone(),
            count,
            first: first.1,
            last: last.time,
            first_id: first.0,
            last_id: last.id,
            cause,
            context,
            boot: last.boot.clone().or_else(|| mark.boot.clone()),
            run: last.run.clone(),
        }
    }
}
