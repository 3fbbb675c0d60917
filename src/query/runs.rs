//! Runs of captured commands: what was run, how it ended and how much it said, put together from the records of each run.
//!
//! A run is listed by the record of its start, newest first; the store keeps these in order, so a page reads no more than its
//! own runs. Runs whose start was pruned have only the record of their end: they are older than all others and come last, in
//! the order of their names, which is that of their starts.

use crate::query::condition::Condition;
use crate::query::cursor::{Cursor, CursorError};
use crate::query::error::Error;
use crate::query::expression::source_pattern::SourcePattern;
use crate::query::fields::field_values;
use crate::query::filter::Filter;
use crate::query::page::page;
use crate::query::page::request::PageRequest;
use crate::query::scan::budget::Budget;
use crate::query::scan::plan::{Candidate, QueryPlan};
use crate::query::scan::rank::{Direction, Order, Rank, Ranking};
use crate::query::scan::rows::Rows;
use crate::query::scan::run::{BlockResult, Sink, run_scan};
use crate::query::sources::warnings;
use crate::record::{Id, Level, Metadata, Source, StoredRecord};
use crate::store::{self, View};
use crate::time::Micros;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Instant;

/// The names of events in `metadata.event_type`.
const START: &str = "process_start";
const END: &str = "process_end";

const RUN_ID: &str = "run_id";

/// No run has a longer name.
const RUN_ID_BYTES_MAX: usize = 64;

/// A request for runs.
#[derive(Debug, Clone)]
pub struct RunsQuery {
    /// The sources; all other parts of the filter are ignored.
    pub filter: Filter,
    /// Only successful runs, or only failed ones; unfinished runs are neither.
    pub success: Option<bool>,
    /// Where to continue.
    pub cursor: Option<RunsCursor>,
    /// The maximum number of runs.
    pub limit: usize,
}

/// Runs, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RunsPage {
    /// At most as many as requested.
    pub runs: Vec<Run>,
    /// Where to continue; `None` if there is no more.
    pub next_cursor: Option<RunsCursor>,
    /// Whether there is more. After a scan that its budget ended: whether there may be more.
    pub has_more: bool,
    /// Why nothing was found, probably; for people.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// One run of a captured command, as far as its records are still there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// Its name, which all its records have as `metadata.run_id`.
    pub id: String,
    /// What it was called; empty when that is not known.
    pub name: String,
    /// The source of its records.
    #[serde(serialize_with = "as_text")]
    pub source: Source,
    /// What was run, as a shell would read it; empty when that is not known.
    pub command: String,
    /// When it began.
    #[serde(serialize_with = "as_text")]
    pub start: Micros,
    /// When it ended; `None` while it is running.
    #[serde(serialize_with = "as_optional_text")]
    pub end: Option<Micros>,
    /// How long it took; `None` while it is running.
    pub duration_ms: Option<u64>,
    /// What it returned; none when it did not end by itself.
    pub exit_code: Option<i64>,
    /// The signal that ended it.
    pub signal: Option<String>,
    /// What kind of failure it was.
    pub category: Option<String>,
    /// Whether it ended well; `None` while it is running.
    pub success: Option<bool>,
    /// The process that kept its log is gone, so that the outcome is unknown.
    pub interrupted: bool,
    /// Records by `Level::index`.
    #[serde(serialize_with = "by_level")]
    pub counts: [u64; 4],
    /// Its first record.
    #[serde(serialize_with = "as_text")]
    pub first_id: Id,
    /// Its last record.
    #[serde(serialize_with = "as_text")]
    pub last_id: Id,
}

/// The last run that was seen, in a form that clients hand back without looking into it. On the wire it is base64: of the id of
/// the run's start, or of the run's name when its start was pruned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunsCursor(RunsPlace);

#[derive(Debug, Clone, PartialEq, Eq)]
enum RunsPlace {
    /// Behind the run whose start has this id.
    Started(Id),
    /// Behind the run of this name, whose start was pruned.
    Pruned(String),
}

impl RunsCursor {
    /// Behind every run whose start is there: no name comes after this one.
    fn before_pruned() -> Self {
        Self(RunsPlace::Pruned("~".to_owned()))
    }
}

impl fmt::Display for RunsCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = match &self.0 {
            RunsPlace::Started(id) => id.to_string(),
            RunsPlace::Pruned(name) => format!(":{name}"),
        };
        f.pad(&STANDARD.encode(plain))
    }
}

impl FromStr for RunsCursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let read = || -> Option<Self> {
            let plain = String::from_utf8(STANDARD.decode(text).ok()?).ok()?;
            Some(Self(match plain.strip_prefix(':') {
                Some(name) if name.len() <= RUN_ID_BYTES_MAX => RunsPlace::Pruned(name.to_owned()),
                Some(_) => return None,
                None => RunsPlace::Started(Id(plain.parse().ok()?)),
            }))
        };
        // one text for each place: what no page ever gave out is garbage
        read()
            .filter(|cursor| cursor.to_string() == text)
            .ok_or(CursorError)
    }
}

impl Serialize for RunsCursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A page of runs. A run whose records cannot all be looked at within the budget is left to the next page, unless it would be
/// the first of this one.
///
/// # Errors
/// [`Error`] when the store cannot be read. Rows of damaged blocks are not counted.
pub fn runs(view: &View, query: &RunsQuery, budget: &Budget) -> Result<RunsPage, Error> {
    let lister = Lister {
        view,
        filter: of_captures(&query.filter),
        // one more tells whether there is more
        rows: query.limit.saturating_add(1),
        budget,
        began: Instant::now(),
    };
    let mut found: Vec<(RunsCursor, Run)> = Vec::new();
    let mut next = query.cursor.clone();
    loop {
        let batch = match next.as_ref().map(|RunsCursor(place)| place) {
            None => lister.started(None)?,
            Some(RunsPlace::Started(id)) => lister.started(Some(*id))?,
            Some(RunsPlace::Pruned(name)) => lister.pruned(name)?,
        };
        let asked = |run: &Run| query.success.is_none_or(|wish| run.success == Some(wish));
        found.extend(batch.runs.into_iter().filter(|(_, run)| asked(run)));
        next = batch.next;
        if found.len() > query.limit || next.is_none() || lister.is_spent() {
            break;
        }
    }
    if found.len() > query.limit {
        found.truncate(query.limit);
        next = found.last().map(|(cursor, _)| cursor.clone());
    }
    let is_first = query.cursor.is_none();
    let warnings = if is_first && found.is_empty() && next.is_none() {
        warnings::of_empty(view, &query.filter, budget)?
    } else {
        Vec::new()
    };
    Ok(RunsPage {
        warnings,
        runs: found.into_iter().map(|(_, run)| run).collect(),
        has_more: next.is_some(),
        next_cursor: next,
    })
}

/// The run of this name; none when no record of it is there, or none that the filter's sources leave.
///
/// # Errors
/// As [`runs`].
pub fn run(view: &View, filter: &Filter, id: &str, budget: &Budget) -> Result<Option<Run>, Error> {
    let wanted = HashSet::from([id.to_owned()]);
    let filter = of_captures(filter);
    let (mut tallies, _) = tally(view, &filter, 0, &wanted, budget)?;
    Ok(tallies
        .remove(id)
        .map(|tally| tally.into_run(id.to_owned())))
}

/// The filter's sources, as far as commands can be captured under them.
fn of_captures(filter: &Filter) -> Filter {
    let sources = filter.sources_only();
    Source::RESERVED_KINDS
        .into_iter()
        .fold(sources, |filter, kind| {
            filter
                .without_source(SourcePattern::exact(kind))
                .without_source(SourcePattern::prefix(&format!("{kind}:")))
        })
}

/// Lists the runs of a view.
struct Lister<'a> {
    view: &'a View,
    filter: Filter,
    rows: usize,
    budget: &'a Budget,
    began: Instant,
}

/// Some runs, and where to continue.
#[derive(Default)]
struct RunBatch {
    runs: Vec<(RunsCursor, Run)>,
    next: Option<RunsCursor>,
}

impl Lister<'_> {
    /// The remaining budget.
    fn rest(&self) -> Budget {
        Budget {
            time_max: self.budget.time_max.saturating_sub(self.began.elapsed()),
            ..self.budget.clone()
        }
    }

    fn is_spent(&self) -> bool {
        self.rest().time_max.is_zero()
    }

    fn of_event(&self, event: &str) -> Filter {
        let condition = Condition::parse(&format!("event_type={event}"));
        let filter = self.filter.clone();
        condition.iter().fold(filter, Filter::with_condition)
    }

    /// Runs whose start is there, below `after`.
    fn started(&self, after: Option<Id>) -> Result<RunBatch, Error> {
        let request = PageRequest {
            filter: self.of_event(START),
            cursor: after.map(Cursor::Id),
            direction: Direction::Backward,
            limit: self.rows,
            order: Order::Id,
            around: None,
        };
        let starts = page(self.view, &request, &self.rest())?;
        let mut next = match starts.next_cursor {
            Some(cursor) => Some(RunsCursor(RunsPlace::Started(cursor.id()))),
            None => Some(RunsCursor::before_pruned()),
        };
        let ids: Vec<(String, StoredRecord)> = starts
            .entries
            .into_iter()
            .filter_map(|start| Some((text(&start.record.metadata, RUN_ID)?, start)))
            .collect();
        let Some((_, first)) = ids.last() else {
            return Ok(RunBatch { runs: vec![], next });
        };
        let wanted = ids.iter().map(|(name, _)| name.clone()).collect();
        let (mut tallies, whole_from) =
            tally(self.view, &self.filter, first.id.0, &wanted, &self.rest())?;
        let mut runs: Vec<(RunsCursor, Run)> = Vec::new();
        for (name, start) in ids {
            if start.id.0 < whole_from
                && let Some((cursor, _)) = runs.last()
            {
                next = Some(cursor.clone());
                break;
            }
            let cursor = RunsCursor(RunsPlace::Started(start.id));
            let tally = RunTally::beginning(start, tallies.remove(&name));
            runs.push((cursor, tally.into_run(name)));
        }
        Ok(RunBatch { runs, next })
    }

    /// The runs that have a record of this event; `None` when the budget does not last to see them all, as then nothing can be
    /// said of those that have none.
    fn names(&self, event: &str) -> Result<Option<HashSet<String>>, Error> {
        let filter = self.of_event(event);
        let found = field_values(self.view, &filter, RUN_ID, usize::MAX, &self.rest())?;
        let is_whole = !found.is_partial && !found.has_more;
        let names = found.values.into_iter().map(|(name, _)| name);
        Ok(is_whole.then(|| names.collect()))
    }

    /// Runs whose start was pruned, with names below `below`.
    fn pruned(&self, below: &str) -> Result<RunBatch, Error> {
        let Some((ended, started)) = self.names(END)?.zip(self.names(START)?) else {
            return Ok(RunBatch::default());
        };
        let mut pruned: Vec<String> = ended
            .difference(&started)
            .filter(|name| name.as_str() < below)
            .cloned()
            .collect();
        pruned.sort_unstable_by(|a, b| b.cmp(a));
        let is_cut = pruned.len() > self.rows;
        pruned.truncate(self.rows);
        let next = pruned.last().filter(|_| is_cut).cloned();
        let wanted: HashSet<String> = pruned.iter().cloned().collect();
        if wanted.is_empty() {
            return Ok(RunBatch::default());
        }
        let (mut tallies, _) = tally(self.view, &self.filter, 0, &wanted, &self.rest())?;
        let runs = pruned.into_iter().filter_map(|name| {
            let tally = tallies.remove(&name)?;
            let cursor = RunsCursor(RunsPlace::Pruned(name.clone()));
            Some((cursor, tally.into_run(name)))
        });
        Ok(RunBatch {
            runs: runs.collect(),
            next: next.map(|name| RunsCursor(RunsPlace::Pruned(name))),
        })
    }
}

/// What the records from id `first` on say of the `wanted` runs, and the id from which on all were looked at.
fn tally(
    view: &View,
    filter: &Filter,
    first: u64,
    wanted: &HashSet<String>,
    budget: &Budget,
) -> Result<(HashMap<String, RunTally>, u64), Error> {
    let plan = QueryPlan::new(view, filter, first..u64::MAX, &budget.cache);
    let mut totals = RunTotals::default();
    let ranking = Ranking::default();
    let outcome = run_scan(
        plan.candidates(ranking, None),
        budget,
        |candidate, scratch| {
            let rows = plan.select(candidate, scratch)?;
            Ok(BlockResult {
                scanned: rows.scanned(),
                value: tally_block(&plan, candidate, rows, wanted)?,
            })
        },
        &mut totals,
    )?;
    let whole_from = outcome
        .stopped
        .map_or(0, |stopped| ranking.cursor(stopped.just_above()).id().0);
    Ok((totals.0, whole_from))
}

fn tally_block(
    plan: &QueryPlan<'_>,
    candidate: Candidate<'_>,
    mut rows: Rows<'_>,
    wanted: &HashSet<String>,
) -> Result<Vec<(String, RunTally)>, store::Error> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let mut groups: Vec<(String, Metadata, Vec<u32>)> = Vec::new();
    rows.group_metadata(RUN_ID, Vec::push, |metadata, rows| {
        if let Some(name) = text(metadata, RUN_ID).filter(|name| wanted.contains(name)) {
            groups.push((name, metadata.clone(), rows));
        }
    })?;
    if groups.is_empty() {
        return Ok(Vec::new());
    }
    let columns = RunColumns {
        ids: rows.ids()?.to_vec(),
        times: rows.times()?.to_vec(),
        levels: rows.levels()?.to_vec(),
        sources: rows.sources()?.to_vec(),
        names: plan
            .segment(candidate.place.0)
            .map_or(&[][..], |segment| segment.sources()),
    };
    let tallies = groups
        .into_iter()
        .filter_map(|(name, metadata, rows)| Some((name, columns.tally(&rows, &metadata)?)));
    Ok(tallies.collect())
}

/// What a block says of its rows beside their metadata.
struct RunColumns<'v> {
    ids: Vec<u64>,
    times: Vec<Micros>,
    levels: Vec<Level>,
    sources: Vec<u32>,
    names: &'v [Source],
}

impl RunColumns<'_> {
    /// What `rows` say of their run, which all have this metadata.
    fn tally(&self, rows: &[u32], metadata: &Metadata) -> Option<RunTally> {
        let event = metadata.get("event_type").and_then(Value::as_str);
        let mut total: Option<RunTally> = None;
        for row in rows.iter().map(|row| *row as usize) {
            let (id, time) = (Id(*self.ids.get(row)?), *self.times.get(row)?);
            let tally = total.get_or_insert(RunTally {
                source: self.names.get(*self.sources.get(row)? as usize)?.clone(),
                counts: [0; 4],
                ids: id..=id,
                earliest: time,
                start: (event == Some(START)).then(|| (time, metadata.clone())),
                end: (event == Some(END)).then(|| (time, metadata.clone())),
            });
            tally.ids = id.min(*tally.ids.start())..=id.max(*tally.ids.end());
            tally.earliest = time.min(tally.earliest);
            if let Some(count) = tally.counts.get_mut(self.levels.get(row)?.index()) {
                *count += 1;
            }
        }
        total
    }
}

/// Facts about a run.
#[derive(Debug)]
struct RunTally {
    source: Source,
    counts: [u64; 4],
    ids: RangeInclusive<Id>,
    earliest: Micros,
    start: Option<(Micros, Metadata)>,
    end: Option<(Micros, Metadata)>,
}

impl RunTally {
    /// What is known of a run that began with `start`, which may not have been among the records that were looked at.
    fn beginning(start: StoredRecord, looked_at: Option<Self>) -> Self {
        let StoredRecord { id, record } = start;
        let mut counts = [0; 4];
        if let Some(count) = counts.get_mut(record.level.index()) {
            *count = 1;
        }
        let began = Self {
            source: record.source,
            counts,
            ids: id..=id,
            earliest: record.timestamp,
            start: Some((record.timestamp, record.metadata)),
            end: None,
        };
        match looked_at {
            Some(tally) if tally.start.is_some() => tally,
            Some(tally) => began.with(tally),
            None => began,
        }
    }

    /// Both together.
    fn with(mut self, other: Self) -> Self {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
        let first = *self.ids.start().min(other.ids.start());
        let last = *self.ids.end().max(other.ids.end());
        Self {
            ids: first..=last,
            earliest: self.earliest.min(other.earliest),
            start: self.start.or(other.start),
            end: self.end.or(other.end),
            ..self
        }
    }

    fn into_run(self, id: String) -> Run {
        let none = Metadata::new();
        let begun = self.start.as_ref().map_or(&none, |(_, facts)| facts);
        let ended = self.end.as_ref().map_or(&none, |(_, facts)| facts);
        let either = |key| text(begun, key).or_else(|| text(ended, key));
        let started_at = || {
            let told = text(ended, "started_at")?;
            Micros::parse(&told, self.earliest).ok()
        };
        let start = self.start.as_ref().map(|(time, _)| *time);
        let start = start.or_else(started_at).unwrap_or(self.earliest);
        let end = self.end.as_ref().map(|(time, _)| *time);
        let took = || {
            let micros = end?.get().saturating_sub(start.get());
            u64::try_from(micros / 1_000).ok()
        };
        let told = ended.get("duration_ms").and_then(Value::as_u64);
        Run {
            name: either("name").unwrap_or_default(),
            command: either("command").unwrap_or_default(),
            start,
            end,
            duration_ms: told.or_else(took),
            exit_code: ended.get("exit_code").and_then(Value::as_i64),
            signal: text(ended, "signal"),
            category: text(ended, "error_category"),
            success: ended.get("success").and_then(Value::as_bool),
            interrupted: ended.contains_key("interrupted"),
            counts: self.counts,
            first_id: *self.ids.start(),
            last_id: *self.ids.end(),
            source: self.source,
            id,
        }
    }
}

#[derive(Default)]
struct RunTotals(HashMap<String, RunTally>);

impl Sink<Vec<(String, RunTally)>> for RunTotals {
    fn wants(&self, _: Rank) -> bool {
        true
    }

    fn take(&mut self, tallies: Vec<(String, RunTally)>) {
        for (name, tally) in tallies {
            let total = match self.0.remove(&name) {
                Some(before) => before.with(tally),
                None => tally,
            };
            self.0.insert(name, total);
        }
    }
}

fn text(metadata: &Metadata, key: &str) -> Option<String> {
    metadata.get(key)?.as_str().map(str::to_owned)
}

fn as_text<S: Serializer>(value: &impl fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

#[expect(clippy::ref_option, reason = "how serde calls it")]
fn as_optional_text<S: Serializer>(
    value: &Option<impl fmt::Display>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.collect_str(value),
        None => serializer.serialize_none(),
    }
}

fn by_level<S: Serializer>(counts: &[u64; 4], serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(counts.len()))?;
    for (level, count) in Level::ALL.into_iter().zip(counts) {
        map.serialize_entry(level.as_str(), count)?;
    }
    map.end()
}
