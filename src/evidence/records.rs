//! The records of a bundle as text: problems, boots, runs and events.

use crate::query::{self, Budget, Direction, Error, Filter, Order, PageRequest, RunsQuery};
use crate::record::StoredRecord;
use crate::store::View;
use crate::time::Micros;
use crate::triage::{self, PROBLEMS_MAX, ProblemsQuery};
use serde::Serialize;
use std::time::{Duration, Instant};

/// The maximum number of boots: as many as matter on a machine that is destroyed.
const BOOTS_MAX: usize = 20;
/// The size at which a list ends: an eighth of a bundle, some 20,000 runs or events. The newest are in it.
const LIST_BYTES_MAX: usize = 8 << 20;
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
    let (mut text, deadline) = (Vec::new(), Instant::now() + time_max);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let page = query::runs(view, &wanted, &budget(left))?;
        for run in &page.runs {
            text.extend(json(run));
        }
        wanted.cursor = page.next_cursor;
        let is_full = text.len() >= LIST_BYTES_MAX || Instant::now() >= deadline;
        if wanted.cursor.is_none() || is_full {
            let gap = gap(page.has_more, "runs");
            return Ok(RecordText { text, gap });
        }
    }
}

/// Events, newest first, one per line.
pub(super) fn events(
    view: &View,
    (since, until): Times,
    time_max: Duration,
) -> Result<RecordText, Error> {
    let mut request = PageRequest {
        filter: in_window(since, until),
        cursor: None,
        direction: Direction::Backward,
        limit: PAGE_ROWS,
        order: Order::Id,
        around: None,
    };
    let (mut text, deadline) = (Vec::new(), Instant::now() + time_max);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let page = query::page(view, &request, &budget(left))?;
        for event in &page.entries {
            text.extend(json(&EventLine::of(event)));
        }
        request.cursor = page.next_cursor;
        let is_full = text.len() >= LIST_BYTES_MAX || Instant::now() >= deadline;
        if request.cursor.is_none() || is_full {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::RealDisk;
    use crate::record::{Level, Metadata, Record, Source};
    use crate::redact::{RedactOptions, Redactor};
    use crate::store::{Options, Store};
    use std::sync::Arc;

    #[test]
    fn a_list_ends_at_its_bound_and_has_the_newest() {
        const COUNT: usize = 10_000;
        let folder = tempfile::tempdir().unwrap();
        let opened = Store::open(Arc::new(RealDisk), folder.path(), Options::default());
        let (mut store, _) = opened.unwrap();
        let rules = RedactOptions {
            disabled: vec!["all".to_owned()],
            ..RedactOptions::default()
        };
        let mut redactor = Redactor::new(&rules).unwrap();
        let padding = "x ".repeat(500);
        let event = |number: usize| Record {
            timestamp: Micros::now(),
            source: Source::new("event", "node"),
            level: Level::Info,
            message: format!("event {number} {padding}"),
            metadata: Metadata::new(),
        };
        let events: Vec<_> = (0..COUNT)
            .map(|number| redactor.redact(event(number)))
            .collect();
        store.append(&events, &[]).unwrap();
        let view = store.reader().view();
        let listed = super::events(&view, (None, None), Duration::from_mins(1)).unwrap();
        let over = listed.text.len() - LIST_BYTES_MAX;
        assert!(over < PAGE_ROWS * 1_200, "{over}");
        assert!(listed.gap.is_some());
        let text = String::from_utf8(listed.text).unwrap();
        let first = text.lines().next().unwrap();
        assert!(first.contains(&format!("event {} ", COUNT - 1)), "{first}");
        let since = Some(Micros::now().plus(1_000_000));
        let none = super::events(&view, (since, None), Duration::from_mins(1)).unwrap();
        assert_eq!((none.text.len(), none.gap), (0, None));
    }
}
