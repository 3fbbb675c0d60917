//! The lines of a failure: those of its own unit, container or run, and among them the one that says why.

use crate::query::{
    Budget, Cursor, Direction, Error, Expression, FieldCondition, FieldTest, Filter, Order,
    PageRequest, SourcePattern, TimeRange, page,
};
use crate::record::{Level, Record, Source, StoredRecord};
use crate::store::View;
use crate::time::Micros;
use crate::triage::cause::{CauseCandidate, STRONG, cause, is_noise, plain};
use crate::triage::detect::syslog_tag;
use crate::triage::kind::ProblemKind as K;
use crate::triage::problems::answer::EvidenceLine;
use crate::triage::problems::group::{ProblemGroup, ProblemMark};
use serde_json::Value;

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;

/// Lines of a failure that are looked at: the last ones before its end.
const LINES_MAX: usize = 400;
/// Of a unit, this number of lines is read first: most fail soon after they were started.
const FIRST_LINES: usize = 50;
/// Lines that are shown around the cause.
const CONTEXT_MAX: usize = 5;
const CONTEXT_BEFORE: usize = 2;
/// The bytes of a line that are shown.
const LINE_BYTES_MAX: usize = 1_000;
/// The strength of a line that explains a crash better than the report of the crash.
const EXPLAINS_CRASH: u8 = 88;

/// The line that says why, and lines around it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Evidence {
    pub(super) cause: Option<EvidenceLine>,
    pub(super) context: Vec<EvidenceLine>,
}

/// Where the lines of a failure are.
enum Where {
    /// With this run.
    Run(String),
    /// In the source of the mark, up to the mark.
    Source,
    /// In another source or container, about the time of the mark.
    About(Expression),
    /// The mark says it itself.
    Mark,
}

/// The evidence of a group, within the access rights of `rights`.
pub(super) fn of(
    view: &View,
    rights: &Filter,
    group: &ProblemGroup,
    budget: &Budget,
) -> Result<Evidence, Error> {
    let mark = &group.mark;
    let place = place(mark);
    let lines = lines(view, rights, mark, &place, budget)?;
    let own = own_line(mark);
    if matches!(place, Where::Mark) {
        let context = around(&lines, None, mark);
        return Ok(Evidence {
            cause: Some(reason(own)),
            context,
        });
    }
    let candidates = lines.iter().map(|line| candidate(&line.record, mark));
    let found = cause(candidates);
    let least = match mark.kind {
        K::CoreDump | K::OomKill => EXPLAINS_CRASH,
        K::Watchdog | K::ContainerUnhealthy => STRONG,
        _ => 0,
    };
    let chosen = found.filter(|(_, strength)| *strength >= least);
    let line = chosen.and_then(|(index, _)| Some((index, lines.get(index)?)));
    Ok(match line {
        Some((index, line)) => Evidence {
            cause: Some(reason(shown(line))),
            context: around(&lines, Some(index), mark),
        },
        None => Evidence {
            cause: Some(reason(own)),
            context: around(&lines, None, mark),
        },
    })
}

fn place(mark: &ProblemMark) -> Where {
    match mark.kind {
        K::RunFailed => match &mark.run {
            Some(run) => Where::Run(run.clone()),
            None => Where::Source,
        },
        K::UnitFailed
        | K::JobFailed
        | K::StartLimit
        | K::RestartLoop
        | K::CoreDump
        | K::ErrorBurst => Where::Source,
        // the kernel says it itself, in its own log and in files
        K::Watchdog | K::OomKill if is_of_unit(&mark.source) => Where::Source,
        K::CloudInitFailed | K::CloudInitDegraded => {
            Where::About(Expression::Source(SourcePattern::exact("cloud-init")))
        }
        K::ContainerFailed | K::ContainerRestartLoop => Where::About(of_container(&mark.subject)),
        _ => Where::Mark,
    }
}

/// Whether a source is the log of one unit.
fn is_of_unit(source: &Source) -> bool {
    let name = source.as_str();
    name.starts_with("user:") || name.starts_with("system:") && name != "system:kernel"
}

/// The lines of a container, by its ID or its name.
fn of_container(subject: &str) -> Expression {
    let starts =
        |key, id: &str| Expression::Field(FieldCondition::new(key, FieldTest::Prefix(id.into())));
    match subject.strip_prefix("container ") {
        Some(id) => starts("container_id", id).or(starts("container_id_full", id)),
        None => Expression::Source(SourcePattern::exact(&format!("docker:{subject}"))),
    }
}

/// The lines that belong to a failure, oldest first.
fn lines(
    view: &View,
    rights: &Filter,
    mark: &ProblemMark,
    place: &Where,
    budget: &Budget,
) -> Result<Vec<StoredRecord>, Error> {
    let of_source = Expression::Source(SourcePattern::exact(mark.source.as_str()));
    let (before, after, expression) = match place {
        Where::Run(run) => {
            let of_run = FieldTest::Equals(run.as_str().into());
            let run = Expression::Field(FieldCondition::new("run_id", of_run));
            (i64::MAX, SECOND, of_source.and(run))
        }
        Where::Source => (10 * MINUTE, 0, of_source),
        Where::About(expression) => (30 * MINUTE, 2 * SECOND, expression.clone()),
        Where::Mark => (2 * SECOND, 2 * SECOND, of_source),
    };
    let mark_time = mark.time.get();
    let range = TimeRange {
        start: (before != i64::MAX).then(|| Micros::new(mark_time.saturating_sub(before))),
        end: Some(Micros::new(
            mark_time.saturating_add(after).saturating_add(1),
        )),
    };
    let is_by_time = matches!(place, Where::About(_));
    let mut request = PageRequest {
        filter: rights
            .clone()
            .with_expression(expression)
            .with_expression(Expression::Time(range)),
        // the failure's own lines come before it, except where several logs tell of it
        cursor: match place {
            Where::Source | Where::Run(_) => Some(Cursor::Id(mark.id)),
            _ => None,
        },
        direction: Direction::Backward,
        limit: match place {
            Where::Mark => CONTEXT_MAX * 2,
            Where::Source => FIRST_LINES,
            Where::Run(_) | Where::About(_) => LINES_MAX,
        },
        order: if is_by_time { Order::Time } else { Order::Id },
        around: None,
    };
    let found = page(view, &request, budget)?;
    let mut lines = found.entries;
    if matches!(place, Where::Source) {
        let has_start = mark.kind != K::ErrorBurst;
        let start = |lines: &[StoredRecord]| {
            let mut lines = lines.iter();
            lines.position(|line| has_start && is_start(&line.record, mark))
        };
        if start(&lines).is_none()
            && let Some(next) = found.next_cursor
        {
            request.cursor = Some(next);
            request.limit = LINES_MAX - FIRST_LINES;
            lines.append(&mut page(view, &request, budget)?.entries);
        }
        match start(&lines) {
            Some(start) => lines.truncate(start + 1),
            None if has_start => keep_own_program(&mut lines, mark),
            None => {}
        }
    }
    lines.reverse();
    Ok(lines)
}

/// Whether systemd says that it starts the unit, or a devcontainer that it runs the command: earlier lines are of an earlier time.
fn is_start(record: &Record, mark: &ProblemMark) -> bool {
    let message = &record.message;
    if mark.kind == K::RunFailed {
        return message.contains("Running the ") && message.contains(&mark.subject);
    }
    let metadata = &record.metadata;
    let is_about = metadata.contains_key("about_unit") || metadata.contains_key("about_user_unit");
    let said = match syslog_tag(message) {
        // by the unit, or by a description that has its name
        Some(("systemd", said)) if said.to_lowercase().contains(stem(mark)) => said,
        _ if is_about => message,
        _ => return false,
    };
    said.starts_with("Starting ") || said.starts_with("Started ")
}

/// The name of a unit without its type and instance.
fn stem(mark: &ProblemMark) -> &str {
    mark.subject.split(['.', '@']).next().unwrap_or_default()
}

/// In a file of many programs, keeps the lines of the unit's own program and of systemd, if that program wrote any: `nginx[12]:` for
/// `nginx.service`.
fn keep_own_program(lines: &mut Vec<StoredRecord>, mark: &ProblemMark) {
    if !mark.source.as_str().starts_with("file:") {
        return;
    }
    let stem = stem(mark);
    let is_own = |line: &StoredRecord| {
        let tag = syslog_tag(&line.record.message).map(|(tag, _)| tag);
        tag.is_some_and(|tag| is_same_program(tag, stem))
    };
    if lines.iter().any(is_own) {
        lines.retain(|line| {
            let tag = syslog_tag(&line.record.message).map(|(tag, _)| tag);
            tag.is_none_or(|tag| tag == "systemd" || is_same_program(tag, stem))
        });
    }
}

/// Whether a program's name is that of a unit, or the longer form of it: `dockerd` and `docker`, `postgres` and `postgresql`.
fn is_same_program(tag: &str, stem: &str) -> bool {
    const LENGTH_MIN: usize = 3;
    let shorter = tag.len().min(stem.len());
    shorter >= LENGTH_MIN && (tag.starts_with(stem) || stem.starts_with(tag))
}

fn candidate<'r>(record: &'r Record, mark: &ProblemMark) -> CauseCandidate<'r> {
    let event = record.metadata.get("event_type").and_then(Value::as_str);
    let is_frame = matches!(
        event,
        Some("process_start" | "process_end" | "cloud_init_start")
    );
    let text = if is_frame {
        ""
    } else {
        best_line(&record.message)
    };
    CauseCandidate {
        text,
        level: if record.source == mark.source || record.level == Level::Error {
            record.level
        } else {
            Level::Info
        },
    }
}

/// The line of a text that says why.
fn best_line(message: &str) -> &str {
    if !message.trim_end().contains('\n') {
        return message.trim_end();
    }
    let as_candidate = |text| CauseCandidate {
        text,
        level: Level::Info,
    };
    let found = cause(message.lines().take(LINES_MAX).map(as_candidate));
    found
        .and_then(|(index, _)| message.lines().nth(index))
        .unwrap_or_default()
}

/// The lines around the cause, or around the mark.
fn around(lines: &[StoredRecord], cause: Option<usize>, mark: &ProblemMark) -> Vec<EvidenceLine> {
    let is_shown = |line: &&StoredRecord| {
        line.id != mark.id
            && !line.record.message.trim().is_empty()
            && !is_noise(&line.record.message)
    };
    let middle = cause.unwrap_or_else(|| lines.partition_point(|line| line.id < mark.id));
    let after_cause = middle + usize::from(cause.is_some());
    let before = lines.get(..middle).unwrap_or_default();
    let after = lines.get(after_cause..).unwrap_or_default();
    let after: Vec<_> = after.iter().filter(is_shown).collect();
    // what one side does not need is left to the other
    let of_before = CONTEXT_MAX - after.len().min(CONTEXT_MAX - CONTEXT_BEFORE);
    let mut chosen: Vec<_> = before
        .iter()
        .rev()
        .filter(is_shown)
        .take(of_before)
        .collect();
    chosen.reverse();
    let rest = CONTEXT_MAX - chosen.len();
    chosen.extend(after.into_iter().take(rest));
    chosen.into_iter().map(shown).collect()
}

/// A cause begins with what happened: its time is a field of its own.
fn reason(line: EvidenceLine) -> EvidenceLine {
    let text = plain(&line.message);
    let message = if text.is_empty() { &line.message } else { text };
    EvidenceLine {
        message: message.to_owned(),
        ..line
    }
}

fn shown(line: &StoredRecord) -> EvidenceLine {
    let record = &line.record;
    EvidenceLine {
        id: line.id,
        timestamp: record.timestamp,
        source: record.source.clone(),
        level: record.level,
        message: cut(best_line(&record.message)),
    }
}

fn own_line(mark: &ProblemMark) -> EvidenceLine {
    EvidenceLine {
        id: mark.id,
        timestamp: mark.time,
        source: mark.source.clone(),
        level: mark.level,
        message: cut(mark.message.lines().next().unwrap_or_default()),
    }
}

fn cut(text: &str) -> String {
    let end = text.floor_char_boundary(LINE_BYTES_MAX);
    text.get(..end).unwrap_or(text).to_owned()
}
