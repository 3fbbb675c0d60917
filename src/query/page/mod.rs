//! Pages of records: from either end, from a cursor, or around one record.

mod around;
mod best;
mod block_hits;
mod carried;
mod ordered;
mod read;
pub(super) mod request;
mod size;

use crate::query::cursor::Cursor;
use crate::query::error::Error;
use crate::query::filter::Filter;
use crate::query::scan::budget::Budget;
use crate::query::scan::rank::{Direction, Order};
use crate::query::sources::warnings;
use crate::store::View;
use request::{PAGE_BYTES_MAX, Page, PageRequest};

/// One page. It is exact: `limit` records when there are so many, or as many as [`PAGE_BYTES_MAX`] lets through; and `has_more`
/// only when there are more. Records that arrive meanwhile are not in the view; a page from the same view is the same.
///
/// # Errors
/// [`Error`] when the store cannot be read. A damaged block is no error: its rows are counted as `unreadable`.
pub fn page(view: &View, request: &PageRequest, budget: &Budget) -> Result<Page, Error> {
    let mut page = match &request.around {
        Some(around) => around::page(view, request, around, budget)?,
        None => ordered::page(view, request, PAGE_BYTES_MAX, budget)?,
    };
    page.searched = request.filter.searched();
    if page.entries.is_empty() && !page.has_more && request.cursor.is_none() {
        let why = warnings::of_empty(view, &request.filter, budget)?;
        page.warnings.extend(why);
    }
    Ok(page)
}

/// The first record beyond `from` that match the filter, in id order: how a client jumps to the next error without what lies
/// between. A page of one record at most; where the budget ended the scan it is empty and has a cursor to go on from.
///
/// # Errors
/// As [`page`].
pub fn next_match(
    view: &View,
    filter: &Filter,
    from: Cursor,
    direction: Direction,
    budget: &Budget,
) -> Result<Page, Error> {
    let request = PageRequest {
        filter: filter.clone(),
        cursor: Some(from),
        direction,
        limit: 1,
        order: Order::Id,
        around: None,
    };
    ordered::page(view, &request, PAGE_BYTES_MAX, budget)
}
