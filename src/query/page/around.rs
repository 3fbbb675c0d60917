//! A page centred on one record: what happened before and after it.

use crate::query::cursor::Cursor;
use crate::query::error::Error;
use crate::query::expression::source_pattern::SourcePattern;
use crate::query::lookup::record;
use crate::query::page::ordered;
use crate::query::page::request::{Around, PAGE_BYTES_MAX, Page, PageRequest, Scope};
use crate::query::scan::budget::Budget;
use crate::query::scan::rank::{Direction, Order};
use crate::record::{Id, StoredRecord};
use crate::store::View;

/// The record itself is on the page even if the filter does not match it, unless the client may not see its source.
pub(in crate::query) fn page(
    view: &View,
    request: &PageRequest,
    around: &Around,
    budget: &Budget,
) -> Result<Page, Error> {
    let permitted = request.filter.narrowings_only();
    let centre = record(view, around.id)?.filter(|record| permitted.matches(record));
    let filter = match (around.scope, &centre) {
        (Scope::Filter, _) => request.filter.clone(),
        (Scope::Source, Some(centre)) => {
            permitted.with_source(SourcePattern::exact(centre.record.source.as_str()))
        }
        (Scope::Source, None) => {
            return Ok(Page {
                truncated: (1..view.ids().start).contains(&around.id.0),
                warnings: vec![no_record(around.id)],
                ..Page::default()
            });
        }
    };
    let room = request.limit.saturating_sub(usize::from(centre.is_some()));
    let side = |direction| {
        let request = PageRequest {
            filter: filter.clone(),
            cursor: Some(Cursor::Id(around.id)),
            direction,
            // an empty page could not say whether there is more
            limit: room.max(1),
            order: Order::Id,
            around: None,
        };
        ordered::page(view, &request, PAGE_BYTES_MAX / 2, budget)
    };
    let (ahead, behind) = match request.direction {
        Direction::Backward => (side(Direction::Forward)?, side(Direction::Backward)?),
        Direction::Forward => (side(Direction::Backward)?, side(Direction::Forward)?),
    };
    let warnings = match &centre {
        Some(_) => Vec::new(),
        None => vec![no_record(around.id)],
    };
    Ok(Page {
        warnings,
        ..join(ahead, centre, behind, room)
    })
}

/// The same text for a record that was pruned, does not exist yet, or may not be seen by the client.
fn no_record(id: Id) -> String {
    format!("there is no record {id}")
}

/// Joins both sides with the centre in the middle. If one side is short, the other gets its room.
fn join(mut ahead: Page, centre: Option<StoredRecord>, mut behind: Page, room: usize) -> Page {
    let half = (room / 2).max(room.saturating_sub(behind.entries.len()));
    ahead.entries.truncate(half);
    let rest = room - ahead.entries.len();
    let was_cut = behind.entries.len() > rest;
    behind.entries.truncate(rest);
    ahead.entries.reverse();
    let mut entries = ahead.entries;
    entries.extend(centre);
    entries.extend(behind.entries);
    let cursor_of = |record: Option<&StoredRecord>| record.map(|record| Cursor::Id(record.id));
    let next_cursor = if was_cut {
        cursor_of(entries.last())
    } else {
        behind.next_cursor
    };
    Page {
        prev_cursor: cursor_of(entries.first()),
        entries,
        has_more: next_cursor.is_some(),
        next_cursor,
        truncated: ahead.truncated || behind.truncated,
        scanned: ahead.scanned + behind.scanned,
        unreadable: ahead.unreadable + behind.unreadable,
        ..Page::default()
    }
}
