//! The records of a bundle as text: problems, boots, runs and events.

use crate::query::{self, Budget, Direction, Error, Filter, Order, PageRequest, RunsQuery};
use crate::record::StoredRecord;
use crate::store::View;
use crate::time::Micros;
use crate::triage::{self, PROBLEMS_MAX, ProblemsQuery};
use serde::Serialize;
use std::time::Duration;

/// The maximum number of boots: as many as matter on a machine that is destroyed.
const BOOTS_MAX: usize = 20;
/// The maximum number of runs and of events: more than a machine has in a year by default.
const RUNS_MAX: usize = 10_000;
const EVENTS_MAX: usize = 100_000;
const PAGE_ROWS: usize = 500;

/// From this time on, up to this time.
pub(super) type Times = (Option<Micros>, Option<Micros>);

/// A text of a part, and what is missing in it.
pub(super) struct RecordText {
    pub(super) text: Vec<u8>,
    pub(super) gap: Option<String>,
}

/// The first record of the last boot.
pub(super) fn begin_of_boot(view: &View, time_max: Duration) -> Option<Micros> {
    let boots = query::boots(view, &Filter::default(), 1, &budget(time_max)).ok()?;
    boots.first().map(|boot| boot.first.1)
}

fn budget(time_max: Duration) -> Budget {
    Budget {
        time_max,
        ..Budget::default()
    }
}

fn in_window(since: Option<Micros>, until: Option<Micros>) -> Filter {
    let filter = since.map_or_else(Filter::default, |since| Filter::default().with_start(since));
    match until {
        // The window includes its last microsecond.
        Some(until) => filter.with_end(until.plus(1)),
        None => filter,
    }
}

/// Problems with their causes, as `GET /problems` lists them.
pub(super) fn problems(
    view: &View,
    (since, until): Times,
    time_max: Duration,
) -> Result<RecordText, Error> {
    let wanted = ProblemsQuery {
        filter: in_window(since, until),
        kinds: Vec::new(),
        limit: PROBLEMS_MAX,
        with_causes: true,
    };
    let found = triage::problems(view, &wanted, &budget(time_max))?;
    let gap = gap(found.partial || found.has_more, "problems");
    Ok(RecordText {
        text: json(&found),
        gap,
    })
}

/// Boots, as `GET /boots` lists them.
pub(super) fn boots(view: &View, _: Times, time_max: Duration) -> Result<RecordText, Error> {
    let found = triage::boots(view, &Filter::default(), BOOTS_MAX, &budget(time_max))?;
    let gap = gap(found.partial, "boots");
    Ok(RecordText {
        text: json(&found),
        gap,
    })
}

/// Runs, newest first, one per line, as `GET /runs` lists them.
pub(super) fn runs(
    view: &View,
    (since, until): Times,
    time_max: Duration,
) -> Result<RecordText, Error> {
    let mut wanted = RunsQuery {
        filter: in_window(since, until),
        success: None,
        cursor: None,
        limit: PAGE_ROWS,
    };
    let (mut text, mut count) = (Vec::new(), 0);
    loop {
        let page = query::runs(view, &wanted, &budget(time_max))?;
        for run in &page.runs {
            text.extend(json(run));
        }
        count += page.runs.len();
        wanted.cursor = page.next_cursor;
        if wanted.cursor.is_none() || count >= RUNS_MAX {
            let gap = gap(page.has_more, "runs");
            return Ok(RecordText { text, gap });
        }
    }
}

/// Events, oldest first, one per line.
pub(super) fn events(
    view: &View,
    (since, until): Times,
    time_max: Duration,
) -> Result<RecordText, Error> {
    let mut request = PageRequest {
        filter: in_window(since, until),
        cursor: None,
        direction: Direction::Forward,
        limit: PAGE_ROWS,
        order: Order::Id,
        around: None,
    };
    let (mut text, mut count) = (Vec::new(), 0);
    loop {
        let page = query::page(view, &request, &budget(time_max))?;
        for event in &page.entries {
            text.extend(json(&EventLine::of(event)));
        }
        count += page.entries.len();
        request.cursor = page.next_cursor;
        if request.cursor.is_none() || count >= EVENTS_MAX {
            let gap = gap(request.cursor.is_some(), "events");
            return Ok(RecordText { text, gap });
        }
    }
}

/// An event with its record: time, level, message and metadata.
#[derive(Serialize)]
struct EventLine<'a> {
    timestamp: String,
    source: &'a str,
    level: &'a str,
    message: &'a str,
    metadata: &'a crate::record::Metadata,
}

impl<'a> EventLine<'a> {
    fn of(stored: &'a StoredRecord) -> Self {
        let record = &stored.record;
        Self {
            timestamp: record.timestamp.to_string(),
            source: record.source.as_str(),
            level: record.level.as_str(),
            message: &record.message,
            metadata: &record.metadata,
        }
    }
}

fn gap(is_partial: bool, what: &str) -> Option<String> {
    is_partial.then(|| format!("a bound was reached: older {what} are missing"))
}

/// A line of JSON.
fn json(value: &impl Serialize) -> Vec<u8> {
    let mut text = serde_json::to_vec(value).unwrap_or_default();
    text.push(b'\n');
    text
}
