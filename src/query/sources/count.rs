//! Counts by source.

use crate::query::cursor::CursorError;
use crate::query::error::Error;
use crate::query::expression::cover::Cover;
use crate::query::filter::Filter;
use crate::query::scan::budget::Budget;
use crate::query::scan::plan::{Candidate, MatchedTally, QueryPlan};
use crate::query::scan::rank::{Rank, Ranking};
use crate::query::scan::rows::Rows;
use crate::query::scan::run::{BlockResult, Sink, is_damage, run_scan};
use crate::record::Source;
use crate::store::{self, Segment, SourceTally, View};
use crate::time::Micros;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// Longer than any name of a source.
const NAME_BYTES_MAX: usize = 1_024;

/// What is known of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceSummary {
    /// Its name.
    pub source: Source,
    /// How many records.
    pub count: u64,
    /// The latest timestamp.
    pub last_timestamp: Micros,
    /// Records by `Level::index`.
    pub levels: [u64; 4],
}

/// Counts by source.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SourceCounts {
    /// In order of name.
    pub sources: Vec<SourceSummary>,
    /// The budget ended the scan: records are missing from the counts, and perhaps whole sources.
    pub is_partial: bool,
    /// The number of rows that were read.
    pub scanned: u64,
    /// The number of rows in damaged blocks, which could not be read.
    pub unreadable: u64,
    /// Probable reasons for an empty answer, for people.
    pub warnings: Vec<String>,
}

/// A page of sources that is asked for.
#[derive(Debug, Clone)]
pub struct SourcesQuery {
    /// Which records are counted.
    pub filter: Filter,
    /// Where to continue.
    pub cursor: Option<SourcesCursor>,
    /// How many sources at most.
    pub limit: usize,
}

/// A page of sources, in order of name, and what all sources have together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SourcesPage {
    /// The sources of this page.
    pub counts: SourceCounts,
    /// Where to continue; `None` if there is no more.
    pub next_cursor: Option<SourcesCursor>,
    /// Records of all sources, by `Level::index`.
    pub levels: [u64; 4],
}

/// The last source that was seen, in a form that clients hand back without looking into it: base64 of its name on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourcesCursor(String);

impl fmt::Display for SourcesCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&STANDARD.encode(&self.0))
    }
}

impl FromStr for SourcesCursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let name = STANDARD.decode(text).ok();
        let name = name.and_then(|name| String::from_utf8(name).ok());
        name.filter(|name| !name.is_empty() && name.len() <= NAME_BYTES_MAX)
            .map(Self)
            .ok_or(CursorError)
    }
}

/// Counts by source. Where no text or metadata is asked for, footers answer most of it.
///
/// # Errors
/// [`Error`] when the store cannot be read. Rows of damaged blocks are not counted.
pub(in crate::query) fn count_sources(
    view: &View,
    filter: &Filter,
    budget: &Budget,
) -> Result<SourceCounts, Error> {
    let query = SourcesQuery {
        filter: filter.clone(),
        cursor: None,
        limit: usize::MAX,
    };
    count_page(view, &query, budget).map(|page| page.counts)
}

/// A page of counts by source, in memory that grows with the page alone.
///
/// # Errors
/// As [`count_sources`].
pub(in crate::query) fn count_page(
    view: &View,
    query: &SourcesQuery,
    budget: &Budget,
) -> Result<SourcesPage, Error> {
    let filter = &query.filter;
    let plan = QueryPlan::new(view, filter, 0..u64::MAX, &budget.cache);
    let mut totals = SourceTotals {
        plan: &plan,
        after: query.cursor.as_ref().map(|cursor| cursor.0.as_str()),
        // one more shows whether there are more
        sources_max: query.limit.saturating_add(1),
        by_source: BTreeMap::new(),
        last: None,
        levels: [0; 4],
    };
    let counted = count_segments(view, filter, &mut totals)?;
    let candidates = plan.candidates(Ranking::default(), None);
    let outcome = run_scan(
        candidates.filter(|candidate| counted.get(candidate.place.0) != Some(&true)),
        budget,
        |candidate, scratch| {
            if let Some(value) = tallied(&plan, candidate) {
                let scanned = candidate.block.summary().rows.into();
                return Ok(BlockResult { scanned, value });
            }
            let rows = plan.select(candidate, scratch)?;
            Ok(BlockResult {
                scanned: rows.scanned(),
                value: count(candidate, rows)?,
            })
        },
        &mut totals,
    )?;
    let summary = |(source, tally): (Source, SourceSum)| SourceSummary {
        source,
        count: tally.count,
        last_timestamp: tally.last,
        levels: tally.levels,
    };
    let has_more = totals.by_source.len() > query.limit;
    let found = totals.by_source.into_iter().take(query.limit);
    let sources: Vec<_> = found.map(summary).collect();
    let last = sources.last().filter(|_| has_more);
    Ok(SourcesPage {
        next_cursor: last.map(|last| SourcesCursor(last.source.as_str().to_owned())),
        levels: totals.levels,
        counts: SourceCounts {
            sources,
            is_partial: outcome.stopped.is_some(),
            scanned: outcome.scanned,
            unreadable: outcome.unreadable,
            warnings: Vec::new(),
        },
    })
}

/// Counts whole visible segments from their tallies if all records of a source match or none, and returns which were counted. A damaged
/// segment is not counted here, so that its intact blocks are.
fn count_segments(
    view: &View,
    filter: &Filter,
    totals: &mut SourceTotals<'_>,
) -> Result<Vec<bool>, store::Error> {
    let visible = view.ids();
    let mut counted = vec![];
    for (at, segment) in view.segments().iter().enumerate() {
        let ids = segment.ids();
        let is_whole = visible.start <= ids.start && ids.end <= visible.end;
        let Some(is_meant) = is_whole.then(|| meant_sources(filter, segment)).flatten() else {
            counted.push(false);
            continue;
        };
        let tallies = match segment.tallies() {
            Err(error) if is_damage(&error) => {
                counted.push(false);
                continue;
            }
            tallies => tallies?,
        };
        let is_meant = |tally: &&SourceTally| is_meant.get(tally.source as usize) == Some(&true);
        let meant = tallies.iter().filter(is_meant).map(|tally| {
            let count = tally.levels.iter().sum();
            let (last, levels) = (tally.last, tally.levels);
            (
                tally.source,
                SourceSum {
                    count,
                    last,
                    levels,
                },
            )
        });
        totals.take((at, meant.collect()));
        counted.push(true);
    }
    Ok(counted)
}

/// Which sources of a segment match with all of their records; `None` if some match with a part of them.
fn meant_sources(filter: &Filter, segment: &Segment) -> Option<Vec<bool>> {
    let times = segment.times().unwrap_or((Micros::MIN, Micros::MIN));
    let covers =
        segment
            .sources()
            .iter()
            .map(|source| match filter.cover_of_source(source, times) {
                Cover::All => Some(true),
                Cover::None => Some(false),
                Cover::Some => None,
            });
    covers.collect()
}

/// The counts of one source.
#[derive(Debug, Clone, Copy)]
struct SourceSum {
    count: u64,
    last: Micros,
    levels: [u64; 4],
}

impl SourceSum {
    const NONE: Self = Self {
        count: 0,
        last: Micros::MIN,
        levels: [0; 4],
    };

    fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.last = self.last.max(other.last);
        for (total, count) in self.levels.iter_mut().zip(other.levels) {
            *total += count;
        }
    }
}

/// The counts of a block, by the number of the source in the segment.
type SourceSums = Vec<(u32, SourceSum)>;

/// The counts of a block whose rows need not be read.
fn tallied<'v>(plan: &QueryPlan<'v>, candidate: Candidate<'v>) -> Option<(usize, SourceSums)> {
    let tallies = plan.tallied(candidate)?.into_iter();
    let sums = tallies.map(
        |MatchedTally {
             source,
             levels,
             last,
         }| {
            let count = levels.iter().sum();
            let last = last?;
            Some((
                source,
                SourceSum {
                    count,
                    last,
                    levels,
                },
            ))
        },
    );
    Some((candidate.place.0, sums.collect::<Option<_>>()?))
}

fn count(candidate: Candidate<'_>, rows: Rows<'_>) -> Result<(usize, SourceSums), store::Error> {
    let summary = candidate.block.summary();
    let tallies = match summary.source {
        Some(source) if rows.is_whole() => {
            let tally = SourceSum {
                count: u64::from(summary.rows),
                last: *summary.times.end(),
                levels: summary.levels.map(u64::from),
            };
            vec![(source, tally)]
        }
        _ if rows.is_empty() => SourceSums::new(),
        _ => count_rows(rows)?,
    };
    Ok((candidate.place.0, tallies))
}

fn count_rows(mut rows: Rows<'_>) -> Result<SourceSums, store::Error> {
    let sources = rows.sources()?.to_vec();
    let times = rows.times()?.to_vec();
    let levels = rows.levels()?.to_vec();
    let mut tallies = BTreeMap::new();
    for (row, source) in rows.of(&sources) {
        let row = row as usize;
        let (Some(time), Some(level)) = (times.get(row), levels.get(row)) else {
            continue;
        };
        let tally = tallies.entry(*source).or_insert(SourceSum::NONE);
        tally.count += 1;
        tally.last = tally.last.max(*time);
        if let Some(count) = tally.levels.get_mut(level.index()) {
            *count += 1;
        }
    }
    Ok(tallies.into_iter().collect())
}

struct SourceTotals<'p> {
    plan: &'p QueryPlan<'p>,
    /// Sources up to this name were on earlier pages.
    after: Option<&'p str>,
    sources_max: usize,
    /// The first sources after those. A source that was removed for lack of room stays out, as those before it stay in.
    by_source: BTreeMap<Source, SourceSum>,
    /// The last one, once there are as many as may be.
    last: Option<Source>,
    /// Records of all sources, by `Level::index`.
    levels: [u64; 4],
}

impl SourceTotals<'_> {
    fn add(&mut self, source: &Source, tally: &SourceSum) {
        // of many sources, most are on other pages
        let is_beyond = self.last.as_ref().is_some_and(|last| last < source);
        if is_beyond || self.after.is_some_and(|after| source.as_str() <= after) {
            return;
        }
        if let Some(total) = self.by_source.get_mut(source) {
            total.add(tally);
            return;
        }
        self.by_source.insert(source.clone(), *tally);
        if self.by_source.len() > self.sources_max {
            self.by_source.pop_last();
        }
        if self.by_source.len() == self.sources_max {
            self.last = self.by_source.keys().next_back().cloned();
        }
    }
}

impl Sink<(usize, SourceSums)> for SourceTotals<'_> {
    fn wants(&self, _: Rank) -> bool {
        true
    }

    fn take(&mut self, (segment, tallies): (usize, SourceSums)) {
        let names = self.plan.segment(segment).map_or(&[][..], |s| s.sources());
        for (number, tally) in tallies {
            for (total, count) in self.levels.iter_mut().zip(tally.levels) {
                *total += count;
            }
            if let Some(source) = names.get(number as usize) {
                self.add(source, &tally);
            }
        }
    }
}
