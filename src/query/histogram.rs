//! Counts over time: how many records of each level, or of each kind of source, in every bucket of a range.

use super::Error;
use super::filter::Filter;
use super::plan::{Candidate, Plan};
use super::rank::{Rank, Ranking};
use super::rows::Rows;
use super::scale::Scale;
use super::scan::{self, Budget, Part, Sink};
use crate::record::Level;
use crate::store::{self, View};
use crate::time::Micros;
use std::collections::BTreeMap;

/// More buckets than that no screen shows.
pub const BUCKETS_MAX: usize = 500;

/// A histogram that is asked for.
#[derive(Debug, Clone)]
pub struct HistogramRequest {
    /// Which records.
    pub filter: Filter,
    /// How many buckets at most, from 1 to [`BUCKETS_MAX`].
    pub buckets: usize,
    /// What is counted apart.
    pub by: Grouping,
}

/// What a histogram counts apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Grouping {
    /// Levels.
    #[default]
    Level,
    /// Kinds of sources: their names up to the first colon.
    Source,
}

/// Counts over time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Histogram {
    /// Where the first bucket begins: a multiple of `bucket_micros`, at or before the first record.
    pub start: Micros,
    /// How long each bucket is.
    pub bucket_micros: i64,
    /// How many buckets there are; none when no record can match.
    pub buckets: usize,
    /// For each group its name and a count for each bucket. By level: all four, lowest first. By source: in order of name.
    pub series: Vec<(String, Vec<u64>)>,
    /// The sum of all counts.
    pub total: u64,
    /// The budget ended the scan: the counts are of the newest records only.
    pub is_partial: bool,
    /// How many rows were looked at.
    pub scanned: u64,
    /// How many rows could not be looked at, since their blocks are damaged.
    pub unreadable: u64,
}

/// Counts the records of a filter. The buckets cover the filter's range of time where it has one, else the times of the blocks
/// that may hold a match; their length is a round one. Without search and metadata, footers and timestamps answer it.
///
/// # Errors
/// [`Error`] when the store cannot be read.
pub fn histogram(
    view: &View,
    request: &HistogramRequest,
    budget: &Budget,
) -> Result<Histogram, Error> {
    let plan = Plan::new(view, &request.filter, 0..u64::MAX, &budget.cache);
    let Some(scale) = scale(&plan, request) else {
        return Ok(Histogram::default());
    };
    let mut totals = Totals {
        plan: &plan,
        by: request.by,
        scale,
        series: BTreeMap::new(),
    };
    let outcome = scan::run(
        plan.candidates(Ranking::default(), None),
        budget,
        |candidate, scratch| {
            let rows = plan.select(candidate, scratch)?;
            Ok(Part {
                scanned: rows.scanned(),
                value: (
                    candidate.place.0,
                    count(candidate, rows, scale, request.by)?,
                ),
            })
        },
        &mut totals,
    )?;
    let series = totals.into_series();
    Ok(Histogram {
        start: scale.start(),
        bucket_micros: scale.bucket_micros(),
        buckets: scale.buckets(),
        total: series.iter().flat_map(|(_, counts)| counts).sum(),
        series,
        is_partial: outcome.stopped.is_some(),
        scanned: outcome.scanned,
        unreadable: outcome.unreadable,
    })
}

/// The buckets of a request; `None` when no block can hold a match.
fn scale(plan: &Plan<'_>, request: &HistogramRequest) -> Option<Scale> {
    let blocks = || {
        let candidates = plan.candidates(Ranking::default(), None);
        candidates.map(|candidate| candidate.block.summary().times.clone())
    };
    let earliest = *blocks().min_by_key(|times| *times.start())?.start();
    let latest = *blocks().max_by_key(|times| *times.end())?.end();
    let times = request.filter.times;
    let first = times.start.unwrap_or(earliest);
    let last = times.end.map_or(latest, |end| end.plus(-1));
    Some(Scale::new(
        first,
        last.max(first),
        request.buckets.clamp(1, BUCKETS_MAX),
    ))
}

/// The counts of one group in a block: of a level by its index, of a source by its number in the segment.
struct GroupCounts {
    group: u32,
    /// The bucket of the first count.
    first: usize,
    counts: Vec<u64>,
}

fn count(
    candidate: Candidate<'_>,
    rows: Rows<'_>,
    scale: Scale,
    by: Grouping,
) -> Result<Vec<GroupCounts>, store::Error> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let summary = candidate.block.summary();
    let (first, last) = (
        scale.bucket(*summary.times.start()),
        scale.bucket(*summary.times.end()),
    );
    if rows.is_whole() && first == last {
        let in_one_bucket = |(group, count): (u32, u32)| GroupCounts {
            group,
            first,
            counts: vec![u64::from(count)],
        };
        match (by, summary.source) {
            (Grouping::Level, _) => {
                return Ok((0..).zip(summary.levels).map(in_one_bucket).collect());
            }
            (Grouping::Source, Some(source)) => {
                return Ok(vec![in_one_bucket((source, summary.rows))]);
            }
            (Grouping::Source, None) => {}
        }
    }
    count_rows(rows, scale, by, first..=last)
}

fn count_rows(
    mut rows: Rows<'_>,
    scale: Scale,
    by: Grouping,
    buckets: std::ops::RangeInclusive<usize>,
) -> Result<Vec<GroupCounts>, store::Error> {
    rows.times()?;
    let groups: Vec<u32> = match by {
        Grouping::Level => rows.levels()?.iter().map(|level| *level as u32).collect(),
        Grouping::Source => rows.sources()?.to_vec(),
    };
    let first = *buckets.start();
    let mut by_group: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
    let mut place = scale.follow();
    for (row, time) in rows.of(rows.read_times()) {
        let Some(group) = groups.get(row as usize) else {
            continue;
        };
        let counts = by_group
            .entry(*group)
            .or_insert_with(|| vec![0; buckets.clone().count()]);
        if let Some(count) = counts.get_mut(place.bucket(*time).wrapping_sub(first)) {
            *count += 1;
        }
    }
    let counts = by_group.into_iter().map(|(group, counts)| GroupCounts {
        group,
        first,
        counts,
    });
    Ok(counts.collect())
}

struct Totals<'p> {
    plan: &'p Plan<'p>,
    by: Grouping,
    scale: Scale,
    /// By level, the index stands for the name: names would come in another order.
    series: BTreeMap<String, Vec<u64>>,
}

impl Totals<'_> {
    fn name(&self, segment: usize, group: u32) -> String {
        match self.by {
            Grouping::Level => group.to_string(),
            Grouping::Source => {
                let names = self.plan.segment(segment).map_or(&[][..], |s| s.sources());
                let name = names
                    .get(group as usize)
                    .map_or("", |source| source.as_str());
                let kind = name.split_once(':').map_or(name, |(kind, _)| kind);
                kind.to_owned()
            }
        }
    }

    fn into_series(mut self) -> Vec<(String, Vec<u64>)> {
        match self.by {
            Grouping::Source => self.series.into_iter().collect(),
            Grouping::Level => Level::ALL
                .into_iter()
                .map(|level| {
                    let counts = self.series.remove(&level.index().to_string());
                    let none = || vec![0; self.scale.buckets()];
                    (level.as_str().to_owned(), counts.unwrap_or_else(none))
                })
                .collect(),
        }
    }
}

impl Sink<(usize, Vec<GroupCounts>)> for Totals<'_> {
    fn wants(&self, _: Rank) -> bool {
        true
    }

    fn take(&mut self, (segment, parts): (usize, Vec<GroupCounts>)) {
        for part in parts {
            let name = self.name(segment, part.group);
            let buckets = self.scale.buckets();
            let totals = self.series.entry(name).or_insert_with(|| vec![0; buckets]);
            let totals = totals.iter_mut().skip(part.first);
            for (total, count) in totals.zip(part.counts) {
                *total += count;
            }
        }
    }
}
