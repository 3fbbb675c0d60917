//! A question for patterns, and its answer.

use crate::query::filter::Filter;
use crate::query::text::template::Template;
use crate::record::Id;
use crate::time::Micros;

/// The most patterns that one answer holds.
pub const PATTERNS_MAX: usize = 500;
/// The buckets of a pattern's counts over time: as many as a small chart shows.
pub const PATTERN_BUCKETS: usize = 30;

/// A question for patterns.
#[derive(Debug, Clone)]
pub struct PatternsRequest {
    /// Which records.
    pub filter: Filter,
    /// The maximum number of patterns.
    pub limit: usize,
}

/// Patterns, the most frequent first.
#[derive(Debug, Clone, Default)]
pub struct Patterns {
    /// At most as many as were asked for.
    pub patterns: Vec<Pattern>,
    /// There are more patterns than were asked for.
    pub has_more: bool,
    /// Records whose line was not grouped, since there were too many different lines to hold.
    pub ungrouped: u64,
    /// Records that are the calls of a trace and the like: indented lines that continue an event. They are no patterns of their own.
    pub continued: u64,
    /// All records that match.
    pub total: u64,
    /// The beginning of the first bucket.
    pub start: Micros,
    /// How long each bucket is.
    pub bucket_micros: i64,
    /// The budget ended the scan: the counts are of the newest records only.
    pub is_partial: bool,
    /// How many rows were looked at.
    pub scanned: u64,
    /// How many rows could not be looked at, since their blocks are damaged.
    pub unreadable: u64,
    /// Why nothing was found, probably; for people.
    pub warnings: Vec<String>,
}

/// Similar lines.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// The line with its variable parts masked. It is a filter too.
    pub template: Template,
    /// How many records.
    pub count: u64,
    /// Records by `Level::index`.
    pub levels: [u64; 4],
    /// The earliest timestamp.
    pub first: Micros,
    /// The latest timestamp.
    pub last: Micros,
    /// Records in each bucket of time.
    pub buckets: Vec<u64>,
    /// The newest records, at most three.
    pub examples: Vec<Id>,
}
