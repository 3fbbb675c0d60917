//! Queries on a view of the store: pages in any order, counts, patterns and single records, with one model of filters.
//!
//! A filter is an [`Expression`]. It is evaluated block by block: first the footer (source, levels, times, ids), then the indexes
//! of texts and fields, small columns, messages, and metadata last. Blocks are read in the order of the best record that they can
//! hold, and a page is complete when no remaining block can hold a better one.

#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic
    )
)]

mod boot_selector;
mod boots;
mod condition;
mod cursor;
mod error;
mod expression;
mod fields;
mod filter;
mod histogram;
mod lookup;
mod page;
mod parameters;
mod patterns;
mod period_counts;
mod runs;
mod scan;
mod sources;
mod stream;
mod syntax;
mod text;
mod visit;

pub use boot_selector::{BootSelector, BootSelectorError};
pub use boots::{BOOTS_MAX, BootSpan, boots};
pub use condition::Condition;
pub use cursor::{Cursor, CursorError};
pub use error::Error;
pub use expression::Expression;
pub use expression::field::{FieldCondition, FieldTest};
pub use expression::levels::LevelSet;
pub use expression::positions::MatchPositions;
pub use expression::quantity::{Comparison, Quantity};
pub use expression::source_pattern::SourcePattern;
pub use expression::time_range::TimeRange;
pub use fields::{FieldKey, FieldKeys, FieldValues, field_keys, field_values};
pub use filter::Filter;
pub use histogram::{BUCKETS_MAX, Grouping, Histogram, HistogramRequest, histogram};
pub use lookup::record;
pub use page::request::{Around, PAGE_BYTES_MAX, Page, PageRequest, Scope};
pub use page::{next_match, page};
pub use parameters::{
    Limits, ParameterError, parse_fields, parse_filter, parse_histogram, parse_page,
    parse_patterns, unknown,
};
pub use patterns::{
    ComparedPatterns, PATTERN_BUCKETS, PATTERNS_MAX, Pattern, Patterns, PatternsRequest,
    compared_patterns, patterns,
};
pub use period_counts::count_periods;
pub use runs::{Run, RunsCursor, RunsPage, RunsQuery, run, runs};
pub use scan::budget::{Budget, Cancel};
pub use scan::cache::BlockCache;
pub use scan::periods::{Periods, nanos_of};
pub use scan::rank::{Direction, Order};
pub use sources::count::{SourceCounts, SourceSummary, SourcesCursor, SourcesPage, SourcesQuery};
pub use sources::listing::{sources, sources_page};
pub use sources::warnings::filter_warnings;
pub use stream::{EncodedRecord, RecordBatch, RecordStream};
pub use syntax::{ExpressionError, parse_expression};
pub use text::search::{Case, Search, SearchError};
pub use text::template::Template;
pub use visit::{MatchedMetadata, MatchedRows, MatchedTexts, Visit, has_candidates, visit};
