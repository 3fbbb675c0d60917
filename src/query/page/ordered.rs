//! Pages in an order, from an end or from a cursor.

use crate::query::cursor::Cursor;
use crate::query::error::Error;
use crate::query::expression::time_range::TimeRange;
use crate::query::page::best::Best;
use crate::query::page::block_hits::{self, Wanted};
use crate::query::page::read;
use crate::query::page::request::{Page, PageRequest};
use crate::query::page::size;
use crate::query::scan::budget::Budget;
use crate::query::scan::cache::BlockCache;
use crate::query::scan::plan::QueryPlan;
use crate::query::scan::rank::{Direction, Order, Rank, Ranking};
use crate::query::scan::run::{Outcome, run_scan};
use crate::record::Id;
use crate::store::{Segment, View};
use std::ops::Range;
use std::sync::Arc;

/// The page that the order and the cursor of `request` describe, of at most `bytes_max`.
pub(in crate::query) fn page(
    view: &View,
    request: &PageRequest,
    bytes_max: u64,
    budget: &Budget,
) -> Result<Page, Error> {
    let ranking = Ranking {
        order: request.order,
        direction: request.direction,
    };
    let after = match request.cursor {
        Some(cursor) => Some(ranking.rank_of(cursor).ok_or(Error::CursorOfOtherOrder)?),
        None => None,
    };
    let plan = QueryPlan::new(view, &request.filter, ids_beyond(request), &budget.cache);
    let mut best = Best::new(request.limit.saturating_add(1));
    let outcome = run_scan(
        plan.candidates(ranking, after),
        budget,
        |candidate, scratch| {
            let wanted = Wanted {
                ranking,
                after,
                count: request.limit.saturating_add(1),
            };
            block_hits::of_block(&plan, candidate, wanted, &budget.cache, scratch)
        },
        &mut best,
    )?;
    let room = Room {
        rows: request.limit,
        bytes: bytes_max,
    };
    let mut page = assemble(&plan, ranking, room, best, &outcome, &budget.cache)?;
    page.truncated = is_truncated(&view.ids(), request) || is_thinned(view, request, &page);
    Ok(page)
}

/// The ids after the cursor, in id order.
fn ids_beyond(request: &PageRequest) -> Range<u64> {
    match (request.cursor, request.direction) {
        (Some(Cursor::Id(Id(id))), Direction::Backward) => 0..id,
        (Some(Cursor::Id(Id(id))), Direction::Forward) => id.saturating_add(1)..u64::MAX,
        _ => 0..u64::MAX,
    }
}

/// Whether thinning left out records between the cursor, or the end of the log, and the end of the page.
fn is_thinned(view: &View, request: &PageRequest, page: &Page) -> bool {
    if request.order != Order::Id {
        return false;
    }
    let from = request.cursor.map(|cursor| cursor.id().0);
    let to = page.next_cursor.map(|next| next.id().0);
    let ids = match request.direction {
        Direction::Backward => to.unwrap_or(0)..from.unwrap_or(u64::MAX),
        Direction::Forward => from.map_or(0, |id| id.saturating_add(1))..to.unwrap_or(u64::MAX),
    };
    let bounds = request.filter.time_bounds();
    let segments = view.segments();
    segments.iter().enumerate().any(|(index, segment)| {
        let own = segment.ids();
        let own = own.start.max(ids.start)..own.end.min(ids.end);
        segment.is_kept()
            && !own.is_empty()
            && view.thinned_within(&own) > 0
            && may_have_been_within(segments.get(index..).unwrap_or_default(), &bounds)
    })
}

/// Whether records that are left out of the first of these segments may have been of these times. They arrived between those that
/// remain of it, if any do, and the next segment.
fn may_have_been_within(segments: &[Arc<Segment>], bounds: &TimeRange) -> bool {
    let mut times = segments.iter().map(|segment| {
        let times = segment.blocks().map(|block| block.summary().times.clone());
        times.reduce(|a, b| *a.start().min(b.start())..=*a.end().max(b.end()))
    });
    let own = times.next().flatten();
    let next = times.flatten().next();
    let start = own.as_ref().map(|own| *own.start());
    // `None` is before every time
    let end = own
        .map(|own| *own.end())
        .max(next.map(|next| *next.start()));
    let begins_before = |until| start.is_none_or(|start| start < until);
    let ends_after = |since| end.is_none_or(|end| since <= end);
    bounds.end.is_none_or(begins_before) && bounds.start.is_none_or(ends_after)
}

fn is_truncated(visible: &Range<u64>, request: &PageRequest) -> bool {
    let Some(cursor) = request.cursor else {
        return false;
    };
    let id = cursor.id().0;
    match (request.order, request.direction) {
        // there never was a record before the first
        (Order::Id, Direction::Backward) => 1 < id && id < visible.start,
        // one id more: no record was between this one and the first that is kept
        (Order::Id, Direction::Forward) => id.saturating_add(1) < visible.start,
        // another pruned record may have come after it; only the very first can have been pruned alone
        (Order::Time, _) => id < visible.start && visible.start > 2,
    }
}

/// The size limits of a page.
#[derive(Debug, Clone, Copy)]
struct Room {
    rows: usize,
    bytes: u64,
}

/// Reads the records of a page. `best` has one hit more than the page if there is one.
fn assemble(
    plan: &QueryPlan<'_>,
    ranking: Ranking,
    room: Room,
    best: Best,
    outcome: &Outcome,
    cache: &BlockCache,
) -> Result<Page, Error> {
    let Best {
        mut hits,
        blocks,
        mut carried,
        ..
    } = best;
    // below the rank where the budget ended the scan, unread blocks may hold records between these
    if let Some(stopped) = outcome.stopped {
        hits.retain(|hit| hit.rank > stopped);
    }
    let mut is_full = hits.len() > room.rows;
    hits.truncate(room.rows);
    let rows = hits.iter().map(|hit| size::PageRow {
        block: hit.block as usize,
        index: hit.row as usize,
        bytes: carried.get(&hit.rank).map(|carried| carried.bytes),
    });
    let fitting = size::fitting(plan, &blocks, rows, room.bytes)?;
    is_full |= fitting < hits.len();
    hits.truncate(fitting);
    let last = match (is_full, outcome.stopped) {
        (true, _) => hits.last().map(|hit| hit.rank),
        (false, stopped) => stopped.map(|stopped| above(ranking, stopped, plan.first_id())),
    };
    let (entries, unreadable) = read::records(plan, &hits, &blocks, &mut carried, cache)?;
    Ok(Page {
        entries,
        next_cursor: last.map(|rank| ranking.cursor(rank)),
        prev_cursor: hits.first().map(|hit| ranking.cursor(hit.rank)),
        has_more: last.is_some(),
        truncated: false,
        scanned: outcome.scanned,
        unreadable: outcome.unreadable + unreadable,
        searched: Vec::new(),
        warnings: Vec::new(),
    })
}

/// The rank just above the one where a scan stopped. In time order, it never has an id below the first one, which would look like
/// a pruned record.
fn above(ranking: Ranking, stopped: Rank, first_id: u64) -> Rank {
    let above = stopped.just_above();
    match (ranking.cursor(above), ranking.direction) {
        (Cursor::Time(time, Id(id)), Direction::Forward) if id < first_id => {
            ranking.rank(time.plus(-1), u64::MAX)
        }
        _ => above,
    }
}
