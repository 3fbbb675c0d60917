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

/// One page. It has `limit` records if that many match and fit in [`PAGE_BYTES_MAX`], and `has_more` is exact. The same request
/// on the same view gives the same page.
///
/// # Errors
/// [`Error`] when the store cannot be read. A damaged block is not an error: its rows are counted as `unreadable`.
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

/// The first record after `from` that matches the filter, in id order: for jumping to the next error. The page has one record at
/// most. If the budget ended the scan, it is empty and has a cursor to continue from.
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
