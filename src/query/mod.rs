//! Questions to a store view: pages in any order, counts, and single records, for one model of filter.
//!
//! A filter is laid against the view as a plan. What the footers say of a block (source, levels, times, ids) decides first, then
//! the bitmap of its 3-grams, then its small columns, then messages, and metadata last. Blocks are taken in the order of the
//! best record that they can hold, and a page is done when no block that is left can hold a better one than it has.

#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic
    )
)]

mod around;
mod cache;
mod carried;
mod condition;
mod counts;
mod cursor;
mod error;
mod fields;
mod filter;
mod histogram;
mod levels;
mod listing;
mod literals;
mod page;
mod parameters;
mod plan;
mod rank;
mod rarity;
mod rows;
mod runs;
mod scale;
mod scan;
mod search;
mod size;
mod source_filter;
mod sources;
mod warnings;
mod weight;

pub use around::{Around, Scope};
pub use cache::BlockCache;
pub use condition::Condition;
pub use cursor::{Cursor, CursorError};
pub use error::Error;
pub use fields::{FieldValues, field_values};
pub use filter::Filter;
pub use histogram::{BUCKETS_MAX, Grouping, Histogram, HistogramRequest, histogram};
pub use levels::LevelSet;
pub use listing::{sources, sources_page};
pub use page::{PAGE_BYTES_MAX, Page, PageRequest, next_match, page};
pub use parameters::{
    Limits, ParameterError, parse_fields, parse_filter, parse_histogram, parse_page, unknown,
};
pub use rank::{Direction, Order};
pub use runs::{Run, RunsCursor, RunsPage, RunsQuery, run, runs};
pub use scan::{Budget, Cancel};
pub use search::{Case, Search, SearchError};
pub use source_filter::SourcePattern;
pub use sources::{SourceCounts, SourceSummary, SourcesCursor, SourcesPage, SourcesQuery};

use crate::record::{Id, StoredRecord};
use crate::store::View;

/// One record; none when it is pruned or not yet there. Whether the asker may see it is for [`Filter::matches`] to say.
///
/// # Errors
/// [`Error`] when the store cannot be read: the damage of a block in which the record may have been.
pub fn record(view: &View, id: Id) -> Result<Option<StoredRecord>, Error> {
    let Id(number) = id;
    if !view.ids().contains(&number) {
        return Ok(None);
    }
    let mut damage = None;
    let segments = view.segments().iter();
    for segment in segments.filter(|segment| segment.ids().contains(&number)) {
        let blocks = (0..segment.block_count()).map(|index| segment.block(index));
        for block in blocks.filter(|block| block.summary().ids.contains(&number)) {
            match block.ids().map(|ids| ids.binary_search(&number)) {
                Ok(Ok(row)) => return Ok(block.records(&[row])?.pop()),
                Ok(Err(_)) => {}
                // the record may be in another block
                Err(error) => damage = Some(error),
            }
        }
    }
    damage.map_or(Ok(None), |error| Err(error.into()))
}
