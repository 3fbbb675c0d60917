//! The list of sources.

use crate::query::error::Error;
use crate::query::filter::Filter;
use crate::query::scan::budget::Budget;
use crate::query::sources::count::{
    SourceCounts, SourcesPage, SourcesQuery, count_page, count_sources,
};
use crate::query::sources::warnings;
use crate::store::View;

/// Counts by source. Where no text or metadata is asked for, footers answer most of it.
///
/// # Errors
/// [`Error`] when the store cannot be read. Rows of damaged blocks are not counted.
pub fn sources(view: &View, filter: &Filter, budget: &Budget) -> Result<SourceCounts, Error> {
    let mut counts = count_sources(view, filter, budget)?;
    if counts.sources.is_empty() && !counts.is_partial {
        counts.warnings = warnings::of_empty(view, filter, budget)?;
    }
    Ok(counts)
}

/// A page of counts by source, in memory that grows with the page alone.
///
/// # Errors
/// As [`sources`].
pub fn sources_page(
    view: &View,
    query: &SourcesQuery,
    budget: &Budget,
) -> Result<SourcesPage, Error> {
    let mut page = count_page(view, query, budget)?;
    let is_empty = page.counts.sources.is_empty() && query.cursor.is_none();
    if is_empty && !page.counts.is_partial {
        page.counts.warnings = warnings::of_empty(view, &query.filter, budget)?;
    }
    Ok(page)
}
