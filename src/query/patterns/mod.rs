//! Similar lines under one template: what a log says, and how often.

mod answer;
mod compared;
mod groups;
mod lines;
mod miner;

pub use answer::{PATTERN_BUCKETS, PATTERNS_MAX, Pattern, Patterns, PatternsRequest};
pub use compared::{ComparedPatterns, compared_patterns};

use crate::query::error::Error;
use crate::query::filter::Filter;
use crate::query::scan::budget::Budget;
use crate::query::scan::plan::QueryPlan;
use crate::query::scan::rank::Direction;
use crate::query::scan::scale::Scale;
use crate::query::sources::warnings;
use crate::query::text::mask::mask;
use crate::query::visit::{MatchedRows, visit};
use crate::record::Id;
use crate::store::{self, View};
use crate::time::Micros;
use foldhash::fast::RandomState;
use lines::Lines;
use miner::Miner;
use std::collections::HashMap;
use std::ops::{ControlFlow, RangeInclusive};

/// Groups the messages of all records that match: lines that are equal once their variable parts are masked, and then lines
/// that differ in few words.
///
/// # Errors
/// [`Error`] when the store cannot be read.
pub fn patterns(
    view: &View,
    request: &PatternsRequest,
    budget: &Budget,
) -> Result<Patterns, Error> {
    let Some(times) = times(view, &request.filter, budget) else {
        return Ok(Patterns {
            warnings: warnings::of_empty(view, &request.filter, budget)?,
            ..Patterns::default()
        });
    };
    let scale = Scale::new(*times.start(), *times.end(), PATTERN_BUCKETS);
    let mut miner = Miner::default();
    let mut continued = 0;
    let visited = visit(
        view,
        &request.filter,
        Direction::Backward,
        budget,
        |rows| lines_of(rows, PATTERN_BUCKETS, |time| scale.bucket(time)),
        |found| {
            continued += found.continued;
            for (line, lines) in found.lines {
                miner.add(line, lines);
            }
            ControlFlow::Continue(())
        },
    )?;
    let mut found = miner.finish();
    found.total += continued;
    found.patterns.sort_by(|a, b| {
        (b.count, b.last)
            .cmp(&(a.count, a.last))
            .then_with(|| a.examples.cmp(&b.examples))
    });
    let has_more = found.patterns.len() > request.limit;
    found.patterns.truncate(request.limit);
    let warnings = if found.total == 0 && !visited.is_partial {
        warnings::of_empty(view, &request.filter, budget)?
    } else {
        Vec::new()
    };
    Ok(Patterns {
        has_more,
        continued,
        start: scale.start(),
        bucket_micros: scale.bucket_micros(),
        is_partial: visited.is_partial,
        scanned: visited.scanned,
        unreadable: visited.unreadable,
        warnings,
        ..found
    })
}

/// The times that the buckets cover: those of the filter, else those of the blocks that may match, as far as they can be right.
fn times(view: &View, filter: &Filter, budget: &Budget) -> Option<RangeInclusive<Micros>> {
    let plan = QueryPlan::new(view, filter, 0..u64::MAX, &budget.cache);
    let bounds = filter.time_bounds();
    let plausible = Micros::plausible(Micros::now());
    let from = bounds.start.unwrap_or(*plausible.start());
    let to = bounds.end.map_or(*plausible.end(), |end| end.plus(-1));
    let (earliest, latest) = plan.times_within(&(from..=to.max(from)))?;
    let first = bounds.start.unwrap_or(earliest);
    let last = bounds.end.map_or(latest, |end| end.plus(-1));
    Some(first..=last.max(first))
}

/// The different masked lines of a block.
struct BlockLines {
    lines: Vec<(String, Lines)>,
    /// Rows that are none of them: the event that they continue is.
    continued: u64,
}

/// The lines of a block, counted in the `bucket` of each time, of which there are `buckets`. The calls of a trace are left out: it would be
/// a pattern for each, all of which say the same as the line that they continue.
fn lines_of(
    rows: &MatchedRows<'_>,
    buckets: usize,
    bucket: impl Fn(Micros) -> usize,
) -> Result<BlockLines, store::Error> {
    let messages = rows.messages()?;
    // read only if a line may be one of a trace
    let mut metadata = None;
    let mut is_continued = |index: usize| {
        if !messages.get(index).starts_with([' ', '\t']) {
            return Ok(false);
        }
        let column = match &mut metadata {
            Some(column) => column,
            none => none.insert(rows.metadata()?),
        };
        Ok::<_, store::Error>(column.get(index)?.contains_key("continues"))
    };
    let mut continued = 0;
    let (ids, times, levels) = (rows.ids()?, rows.timestamps()?, rows.levels()?);
    let mut numbers: HashMap<String, usize, RandomState> = HashMap::default();
    let mut lines: Vec<Lines> = Vec::new();
    let mut masked = String::new();
    let columns = ids.iter().zip(times).zip(levels);
    for (index, ((id, time), level)) in columns.enumerate() {
        if is_continued(index)? {
            continued += 1;
            continue;
        }
        mask(messages.get(index), &mut masked);
        let number = if let Some(number) = numbers.get(&masked) {
            *number
        } else {
            numbers.insert(masked.clone(), lines.len());
            lines.push(Lines::new(*time, buckets));
            lines.len() - 1
        };
        if let Some(lines) = lines.get_mut(number) {
            lines.add_row(Id(*id), *time, level.index(), bucket(*time));
        }
    }
    let mut lines: Vec<Option<Lines>> = lines.into_iter().map(Some).collect();
    let with_lines = |(line, number): (String, usize)| Some((line, lines.get_mut(number)?.take()?));
    Ok(BlockLines {
        lines: numbers.into_iter().filter_map(with_lines).collect(),
        continued,
    })
}
