//! Counts over time: how many records of each level, or of each kind of source, in every bucket of a range.

use crate::query::error::Error;
use crate::query::expression::levels::LevelSet;
use crate::query::filter::Filter;
use crate::query::scan::budget::Budget;
use crate::query::scan::cache::BlockCache;
use crate::query::scan::counts::{CountsKey, GroupCounts};
use crate::query::scan::plan::{Candidate, QueryPlan};
use crate::query::scan::rank::{Rank, Ranking};
use crate::query::scan::rows::Rows;
use crate::query::scan::run::{BlockResult, Sink, run_scan};
use crate::query::scan::scale::Scale;
use crate::query::sources::warnings;
use crate::query::text::search::SearchScratch;
use crate::record::Level;
use crate::store::{self, View};
use crate::time::Micros;
use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

/// No screen shows more buckets.
pub const BUCKETS_MAX: usize = 500;

/// A histogram request.
#[derive(Debug, Clone)]
pub struct HistogramRequest {
    /// Which records.
    pub filter: Filter,
    /// The maximum number of buckets, from 1 to [`BUCKETS_MAX`].
    pub buckets: usize,
    /// The groups to count separately.
    pub by: Grouping,
}

/// The groups of a histogram.
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
    /// The number of buckets; 0 if no record can match.
    pub buckets: usize,
    /// For each group its name and a count for each bucket. By level: all four, lowest first. By source: in order of name.
    pub series: Vec<(String, Vec<u64>)>,
    /// The sum of all counts.
    pub total: u64,
    /// Records that are in no bucket, since their time is implausible: a few of them would stretch the buckets over centuries.
    pub outside: u64,
    /// The budget ended the scan: the counts are of the newest records only.
    pub is_partial: bool,
    /// The number of rows that were read.
    pub scanned: u64,
    /// The number of rows in damaged blocks, which could not be read.
    pub unreadable: u64,
    /// Probable reasons for an empty answer, for people.
    pub warnings: Vec<String>,
}

/// Counts the records of a filter. The buckets have a round length and cover the time range of the filter if it has one, else the
/// times of the blocks that may match, restricted to [`Micros::plausible`] times if there are any. Without a condition on texts,
/// footers and timestamps are enough.
///
/// # Errors
/// [`Error`] when the store cannot be read.
pub fn histogram(
    view: &View,
    request: &HistogramRequest,
    budget: &Budget,
) -> Result<Histogram, Error> {
    let plan = QueryPlan::new(view, &request.filter, 0..u64::MAX, &budget.cache);
    let Some(times) = times(&plan, request) else {
        return Ok(Histogram {
            warnings: warnings::of_empty(view, &request.filter, budget)?,
            ..Histogram::default()
        });
    };
    let buckets = request.buckets.clamp(1, BUCKETS_MAX);
    let scale = Scale::new(*times.start(), *times.end(), buckets);
    let mut totals = HistogramTotals {
        plan: &plan,
        by: request.by,
        buckets: scale.buckets(),
        outside: 0,
        levels: vec![vec![0; scale.buckets()]; Level::ALL.len()],
        sources: BTreeMap::new(),
    };
    let counting = Counting {
        plan: &plan,
        scale,
        times,
        by: request.by,
        cache: &budget.cache,
    };
    let outcome = run_scan(
        plan.candidates(Ranking::default(), None),
        budget,
        |candidate, scratch| counting.count(candidate, scratch),
        &mut totals,
    )?;
    let outside = totals.outside;
    let series = totals.into_series();
    let total = series.iter().flat_map(|(_, counts)| counts).sum();
    let is_partial = outcome.stopped.is_some();
    let warnings = match (total, is_partial) {
        (0, false) => warnings::of_empty(view, &request.filter, budget)?,
        _ => Vec::new(),
    };
    Ok(Histogram {
        start: scale.start(),
        bucket_micros: scale.bucket_micros(),
        buckets: scale.buckets(),
        total,
        warnings,
        series,
        outside,
        is_partial,
        scanned: outcome.scanned,
        unreadable: outcome.unreadable,
    })
}

/// The times that the buckets of a request cover; `None` when no block can hold a match.
fn times(plan: &QueryPlan<'_>, request: &HistogramRequest) -> Option<RangeInclusive<Micros>> {
    let times = request.filter.time_bounds();
    let plausible = Micros::plausible(Micros::now());
    let from = times.start.unwrap_or(*plausible.start());
    let to = times.end.map_or(*plausible.end(), |end| end.plus(-1));
    let is_bounded = times.start.is_some() && times.end.is_some();
    // a requested end may be beyond the other end, which was not requested
    let (earliest, latest) = if is_bounded || to < from {
        plan.times()?
    } else {
        plan.times_within(&(from..=to))?
    };
    let first = times.start.unwrap_or(earliest);
    let last = times.end.map_or(latest, |end| end.plus(-1));
    Some(first..=last.max(first))
}

/// The counts of a block.
enum BucketCounts {
    /// All in one bucket; the counts by level are those of the footer.
    OneBucket {
        bucket: usize,
        levels: [u32; 4],
        source: Option<u32>,
    },
    Groups(Arc<[GroupCounts]>),
}

/// The counts of a block, with its segment.
struct Counted {
    segment: usize,
    counts: BucketCounts,
    /// The levels that count, if records are counted by level.
    levels: LevelSet,
    /// Rows that are in no bucket.
    outside: u64,
}

impl Counted {
    fn none(candidate: Candidate<'_>) -> Self {
        Self {
            segment: candidate.place.0,
            counts: BucketCounts::Groups(Arc::default()),
            levels: LevelSet::ALL,
            outside: 0,
        }
    }
}

/// How blocks are counted.
struct Counting<'p> {
    plan: &'p QueryPlan<'p>,
    scale: Scale,
    /// The range of the buckets: other times are in none.
    times: RangeInclusive<Micros>,
    by: Grouping,
    cache: &'p BlockCache,
}

impl<'p> Counting<'p> {
    /// Counts the matching rows of a block.
    fn count(
        &self,
        candidate: Candidate<'p>,
        scratch: &mut SearchScratch,
    ) -> Result<BlockResult<Counted>, store::Error> {
        if let Some(levels) = self.levels_alone(candidate) {
            let rows = self.plan.whole(candidate);
            return Ok(BlockResult {
                scanned: rows.scanned(),
                value: Counted {
                    levels,
                    counts: self.block(candidate, rows)?,
                    ..Counted::none(candidate)
                },
            });
        }
        if let Some(counts) = self.tallied(candidate) {
            return Ok(BlockResult {
                scanned: candidate.block.summary().rows.into(),
                value: Counted {
                    counts,
                    ..Counted::none(candidate)
                },
            });
        }
        let mut rows = self.plan.select(candidate, scratch)?;
        let outside = self.leave_out(candidate, &mut rows)?;
        Ok(BlockResult {
            scanned: rows.scanned(),
            value: Counted {
                counts: self.block(candidate, rows)?,
                outside,
                ..Counted::none(candidate)
            },
        })
    }

    /// The levels that match, if only they decide which rows of a block do: all rows are counted by level, which is kept for the next
    /// question.
    fn levels_alone(&self, candidate: Candidate<'_>) -> Option<LevelSet> {
        let is_by_level = self.by == Grouping::Level && self.contains(candidate);
        self.plan.levels_alone(candidate).filter(|_| is_by_level)
    }

    /// The counts of a block whose rows need not be read, since all are in one bucket.
    fn tallied(&self, candidate: Candidate<'p>) -> Option<BucketCounts> {
        let span = self.span(candidate);
        if span.len() != 1 || !self.contains(candidate) {
            return None;
        }
        let tallies = self.plan.tallied(candidate)?;
        let group = |group: u32, count: u64| GroupCounts {
            group,
            first: span.start,
            counts: vec![count],
        };
        let groups = if self.by == Grouping::Source {
            let counts = tallies.iter().map(|it| (it.source, it.levels.iter().sum()));
            counts.map(|(source, count)| group(source, count)).collect()
        } else {
            let count = |level: &Level| {
                let counts = tallies.iter().filter_map(|it| it.levels.get(level.index()));
                counts.sum()
            };
            let levels = (0..).zip(Level::ALL.iter().map(count));
            levels.map(|(level, count)| group(level, count)).collect()
        };
        Some(BucketCounts::Groups(groups))
    }

    /// Whether all rows of a block are in a bucket.
    fn contains(&self, candidate: Candidate<'_>) -> bool {
        let of_block = &candidate.block.summary().times;
        self.times.contains(of_block.start()) && self.times.contains(of_block.end())
    }

    /// Removes the rows that are in no bucket, and returns their number.
    fn leave_out(
        &self,
        candidate: Candidate<'_>,
        rows: &mut Rows<'_>,
    ) -> Result<u64, store::Error> {
        if rows.is_empty() || self.contains(candidate) {
            return Ok(0);
        }
        let before = rows.len();
        rows.retain_times(|time| self.times.contains(&time))?;
        Ok((before - rows.len()) as u64)
    }

    fn block(
        &self,
        candidate: Candidate<'_>,
        rows: Rows<'_>,
    ) -> Result<BucketCounts, store::Error> {
        if rows.is_empty() {
            return Ok(BucketCounts::Groups(Arc::default()));
        }
        if !rows.is_whole() {
            return self.rows(candidate, rows).map(BucketCounts::Groups);
        }
        let summary = candidate.block.summary();
        let span = self.span(candidate);
        if span.len() == 1 && (self.by == Grouping::Level || summary.source.is_some()) {
            return Ok(BucketCounts::OneBucket {
                bucket: span.start,
                levels: summary.levels,
                source: summary.source,
            });
        }
        self.whole(candidate, rows).map(BucketCounts::Groups)
    }

    /// Counts a block of which every row matches; the result is cached.
    fn whole(
        &self,
        candidate: Candidate<'_>,
        rows: Rows<'_>,
    ) -> Result<Arc<[GroupCounts]>, store::Error> {
        let (segment, block) = candidate.place;
        let segment = self.plan.segment(segment);
        let segment = segment.filter(|segment| block < segment.settled_blocks());
        let Some(segment) = segment else {
            return self.rows(candidate, rows);
        };
        let question = CountsKey {
            block,
            scale: self.scale,
            by_source: self.by == Grouping::Source,
        };
        if let Some(known) = self.cache.counts().get(segment, question) {
            return Ok(known);
        }
        let groups = self.rows(candidate, rows)?;
        self.cache.counts().put(segment, question, &groups);
        Ok(groups)
    }

    fn rows(
        &self,
        candidate: Candidate<'_>,
        rows: Rows<'_>,
    ) -> Result<Arc<[GroupCounts]>, store::Error> {
        let source = candidate.block.summary().source;
        let span = self.span(candidate);
        count_rows(rows, source, self.scale, self.by, span).map(Arc::from)
    }

    /// The buckets that the rows of a block can be in.
    fn span(&self, candidate: Candidate<'_>) -> Range<usize> {
        let times = &candidate.block.summary().times;
        self.scale.bucket(*times.start())..self.scale.bucket(*times.end()) + 1
    }
}

fn count_rows(
    mut rows: Rows<'_>,
    source: Option<u32>,
    scale: Scale,
    by: Grouping,
    span: Range<usize>,
) -> Result<Vec<GroupCounts>, store::Error> {
    if span.len() > 1 {
        rows.times()?;
    }
    Ok(match (by, source) {
        (Grouping::Level, _) => {
            rows.levels()?;
            let levels = rows.read_levels();
            let level_of = |row: usize| levels.get(row).map(|level| level.index());
            tally(&rows, scale, span, &[0, 1, 2, 3], level_of)
        }
        (Grouping::Source, Some(source)) => tally(&rows, scale, span, &[source], |_| Some(0)),
        (Grouping::Source, None) => {
            let sources = rows.sources()?.to_vec();
            let mut groups = sources.clone();
            groups.sort_unstable();
            groups.dedup();
            let group_of = |row: usize| groups.binary_search(sources.get(row)?).ok();
            tally(&rows, scale, span, &groups, group_of)
        }
    })
}

/// Counts each kept row in its bucket, which is in `span`, and in its group, an index of `groups`. Without a choice of buckets no times
/// are needed.
fn tally(
    rows: &Rows<'_>,
    scale: Scale,
    span: Range<usize>,
    groups: &[u32],
    group_of: impl Fn(usize) -> Option<usize>,
) -> Vec<GroupCounts> {
    let times = rows.read_times();
    let width = span.len();
    let mut counts = vec![0; groups.len() * width];
    let mut place = scale.follow();
    let mut take = |row: usize| {
        let bucket = match times.get(row) {
            _ if width == 1 => 0,
            Some(time) => place.bucket(*time).wrapping_sub(span.start),
            None => return,
        };
        let Some(group) = group_of(row) else {
            return;
        };
        if bucket < width
            && let Some(count) = counts.get_mut(group * width + bucket)
        {
            *count += 1;
        }
    };
    match rows.kept() {
        None => (0..rows.len()).for_each(&mut take),
        Some(kept) => kept.iter().for_each(|row| take(*row as usize)),
    }
    let of_groups = groups.iter().zip(counts.chunks_exact(width.max(1)));
    let counted = of_groups.filter(|(_, counts)| counts.iter().any(|count| *count > 0));
    let counted = counted.map(|(group, counts)| GroupCounts {
        group: *group,
        first: span.start,
        counts: counts.to_vec(),
    });
    counted.collect()
}

struct HistogramTotals<'p> {
    plan: &'p QueryPlan<'p>,
    by: Grouping,
    buckets: usize,
    outside: u64,
    /// By `Level::index`; all 0 when sources are counted.
    levels: Vec<Vec<u64>>,
    /// By kind; empty when levels are counted.
    sources: BTreeMap<String, Vec<u64>>,
}

impl HistogramTotals<'_> {
    /// The totals of a group.
    fn of(&mut self, segment: usize, group: u32) -> Option<&mut Vec<u64>> {
        if self.by == Grouping::Level {
            return self.levels.get_mut(group as usize);
        }
        let source = self.plan.segment(segment)?.sources().get(group as usize)?;
        let name = source.as_str();
        let kind = name.split_once(':').map_or(name, |(kind, _)| kind);
        if !self.sources.contains_key(kind) {
            let none = vec![0; self.buckets];
            self.sources.insert(kind.to_owned(), none);
        }
        self.sources.get_mut(kind)
    }

    fn add(&mut self, segment: usize, group: u32, bucket: usize, count: u64) {
        let totals = self.of(segment, group);
        if let Some(total) = totals.and_then(|totals| totals.get_mut(bucket)) {
            *total += count;
        }
    }

    fn into_series(self) -> Vec<(String, Vec<u64>)> {
        match self.by {
            Grouping::Source => self.sources.into_iter().collect(),
            Grouping::Level => {
                let names = Level::ALL.map(|level| level.as_str().to_owned());
                names.into_iter().zip(self.levels).collect()
            }
        }
    }
}

impl Sink<Counted> for HistogramTotals<'_> {
    fn wants(&self, _: Rank) -> bool {
        true
    }

    fn take(&mut self, counted: Counted) {
        let Counted {
            segment,
            counts,
            levels: matching,
            outside,
        } = counted;
        let counts_group = |group: u32| {
            let level = Level::from_index(group as usize);
            matching == LevelSet::ALL || level.is_some_and(|level| matching.contains(level))
        };
        self.outside += outside;
        match counts {
            BucketCounts::OneBucket {
                bucket,
                levels,
                source,
            } => {
                if let (Grouping::Source, Some(source)) = (self.by, source) {
                    let rows = levels.iter().map(|count| u64::from(*count)).sum();
                    self.add(segment, source, bucket, rows);
                } else {
                    let groups = (0..).zip(levels);
                    for (group, count) in groups.filter(|(group, _)| counts_group(*group)) {
                        self.add(segment, group, bucket, count.into());
                    }
                }
            }
            BucketCounts::Groups(groups) => {
                for part in groups.iter().filter(|part| counts_group(part.group)) {
                    let Some(totals) = self.of(segment, part.group) else {
                        continue;
                    };
                    let totals = totals.iter_mut().skip(part.first);
                    for (total, count) in totals.zip(&part.counts) {
                        *total += count;
                    }
                }
            }
        }
    }
}
