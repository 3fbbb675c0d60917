//! Log queries: the lines in a period that a pipeline keeps, newest or oldest first.

use super::json::FoundLine;
use super::{labels, select};
use crate::logql::{Label, LogPipeline, LogQuery, PipelineLine};
use crate::query::{Budget, Cursor, Direction, Order, PageRequest};
use crate::record::StoredRecord;
use crate::server::http::error::ApiError;
use crate::server::records::ScopedView;
use std::time::Instant;

/// Maximum size of lines and labels in one response: several responses must fit into little memory.
pub(crate) const ANSWER_BYTES_MAX: usize = 8 << 20;

/// Number of records in one page of a scan: few enough to be processed between two checks of the time.
const PAGE_ROWS: usize = 1_000;

/// Maximum number of lines beyond the limit that are read because they have the same microsecond as the last one:
/// their ids may put them before it.
const SAME_TIME_MAX: usize = 2_000;

/// A log query and its parameters.
#[derive(Debug)]
pub(super) struct LogRequest<'q> {
    pub(super) query: &'q LogQuery,
    pub(super) pipeline: &'q LogPipeline,
    /// The first included time.
    pub(super) start_nanos: i64,
    /// The first time after the period.
    pub(super) end_nanos: i64,
    pub(super) direction: Direction,
    pub(super) limit: usize,
}

/// The result of a log query.
#[derive(Debug, Default)]
pub(super) struct FoundLines {
    /// In the requested direction.
    pub(super) lines: Vec<FoundLine>,
    /// Number of records, and size of the texts, that were examined.
    pub(super) scanned: u64,
    pub(super) bytes: u64,
    /// Why the result may be incomplete.
    pub(super) warnings: Vec<String>,
}

impl FoundLines {
    fn bytes_held(&self) -> usize {
        let of_line = |line: &FoundLine| {
            let labels = line
                .labels
                .iter()
                .map(|label| 64 + label.name.len() + label.value.len());
            line.text.len() + labels.sum::<usize>()
        };
        self.lines.iter().map(of_line).sum()
    }
}

/// Runs a log query.
pub(super) fn find(
    view: &ScopedView,
    request: &LogRequest<'_>,
    budget: &Budget,
) -> Result<FoundLines, ApiError> {
    let mut found = FoundLines::default();
    let last = request.end_nanos.saturating_sub(1);
    let filter = select::filter(
        view,
        request.pipeline,
        request.query,
        request.start_nanos,
        last,
    );
    let Some(filter) = filter.filter(|_| request.start_nanos <= last) else {
        return Ok(found);
    };
    let began = Instant::now();
    let mut page_request = PageRequest {
        filter,
        cursor: None,
        direction: request.direction,
        limit: request.limit.clamp(50, PAGE_ROWS),
        order: Order::Time,
        around: None,
    };
    let mut held = 0;
    loop {
        let page = view.page(page_request.clone(), budget)?;
        found.scanned += page.scanned;
        for record in &page.entries {
            found.bytes += record.record.message.len() as u64;
            if is_full(&found, request, record) {
                break;
            }
            if let Some(line) = kept(view, request, record) {
                found.lines.push(line);
            }
        }
        held = found.bytes_held().max(held);
        let is_full = page
            .entries
            .last()
            .is_some_and(|record| is_full(&found, request, record));
        let Some(next) = page.next_cursor.filter(|_| !is_full) else {
            break;
        };
        if held > ANSWER_BYTES_MAX {
            let message = format!(
                "the answer holds {} MiB; narrow the query to see more",
                ANSWER_BYTES_MAX >> 20
            );
            found.warnings.push(message);
            break;
        }
        if began.elapsed() > budget.time_max || budget.cancel.is_cancelled() {
            found
                .warnings
                .push(super::parameters::OUT_OF_TIME.to_owned());
            break;
        }
        page_request.cursor = Some(Cursor::clone(&next));
        page_request.limit = PAGE_ROWS;
    }
    in_order(&mut found.lines, request);
    Ok(found)
}

/// Whether neither this record nor any later one can be in the result.
fn is_full(found: &FoundLines, request: &LogRequest<'_>, record: &StoredRecord) -> bool {
    let beyond = found.lines.len() >= request.limit + SAME_TIME_MAX;
    let limit = found.lines.get(request.limit.saturating_sub(1));
    let micros = record.record.timestamp.get();
    beyond
        || limit.is_some_and(|_| {
            found
                .lines
                .last()
                .is_some_and(|line| line.nanos.div_euclid(1_000) != micros)
        })
}

fn in_order(lines: &mut Vec<FoundLine>, request: &LogRequest<'_>) {
    match request.direction {
        Direction::Forward => lines.sort_by_key(|line| line.nanos),
        Direction::Backward => lines.sort_by_key(|line| std::cmp::Reverse(line.nanos)),
    }
    lines.truncate(with_ties(lines, request.limit));
}

/// Where a list of lines ends: at the limit, or after the last line of the same time. A client that continues at the time of the last
/// line would otherwise miss the others of that time.
pub(crate) fn with_ties(lines: &[FoundLine], limit: usize) -> usize {
    let Some(last) = limit.checked_sub(1).and_then(|last| lines.get(last)) else {
        return lines.len();
    };
    let ties = lines.iter().skip(limit);
    limit + ties.take_while(|line| line.nanos == last.nanos).count()
}

fn kept(view: &ScopedView, request: &LogRequest<'_>, record: &StoredRecord) -> Option<FoundLine> {
    let is_in_range = (request.start_nanos..request.end_nanos).contains(&labels::nanos(record));
    is_in_range
        .then(|| found_line(view.node(), request.pipeline, record))
        .flatten()
}

/// The line that a pipeline makes of a record; `None` if it drops the record.
pub(super) fn found_line(
    node: Option<&str>,
    pipeline: &LogPipeline,
    record: &StoredRecord,
) -> Option<FoundLine> {
    let mut line = labels::line(node, record);
    let is_kept = pipeline.selects(&line.labels) && pipeline.run(&mut line);
    is_kept.then(|| owned(&line))
}

fn owned(line: &PipelineLine<'_>) -> FoundLine {
    let label = |label: &Label<'_>| Label {
        name: labels::owned_name(&label.name),
        value: label.value.to_string().into(),
        kind: label.kind,
    };
    let labels = line.labels.iter().filter(|label| !label.value.is_empty());
    FoundLine {
        nanos: line.timestamp_nanos,
        text: line.text.to_string(),
        labels: labels.map(label).collect(),
    }
}
