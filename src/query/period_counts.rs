//! Counts by period: how many matching records each source has of each level in every period of time.

use crate::query::error::Error;
use crate::query::expression::levels::LevelSet;
use crate::query::filter::Filter;
use crate::query::scan::budget::Budget;
use crate::query::scan::cache::BlockCache;
use crate::query::scan::periods::{PeriodCount, Periods, PeriodsKey, nanos_of, nanos_within};
use crate::query::scan::plan::{Candidate, MatchedTally, QueryPlan};
use crate::query::scan::rank::{Rank, Ranking};
use crate::query::scan::rows::Rows;
use crate::query::scan::run::{BlockResult, Sink, run_scan};
use crate::query::text::search::SearchScratch;
use crate::query::visit::Visit;
use crate::record::{Id, Level, Source};
use crate::store::{self, Block, Summary, View};
use crate::time::Micros;
use std::borrow::Cow;
use std::cell::OnceCell;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

/// Passes the counts of each source in each period, by `Level::index`, to `take`: those of a block one after another, and the same
/// period again for another block. A period is identified by its last nanosecond. `take` ends the scan with `Break`.
///
/// # Errors
/// [`Error`] when the store cannot be read.
pub fn count_periods<'v>(
    view: &'v View,
    filter: &Filter,
    periods: Periods,
    budget: &Budget,
    take: impl FnMut(&'v Source, i64, [u64; 4]) -> ControlFlow<()> + Send,
) -> Result<Visit, Error> {
    let plan = QueryPlan::new(view, filter, 0..u64::MAX, &budget.cache);
    let counting = PeriodCounting {
        plan: &plan,
        periods,
        cache: &budget.cache,
    };
    let mut taker = PeriodTaker {
        view,
        take,
        is_done: false,
    };
    let outcome = run_scan(
        plan.candidates(Ranking::default(), None),
        budget,
        |candidate, scratch| counting.count(candidate, scratch),
        &mut taker,
    )?;
    Ok(Visit {
        scanned: outcome.scanned,
        unreadable: outcome.unreadable,
        is_partial: outcome.stopped.is_some(),
    })
}

/// The counts of a block.
struct BlockPeriods {
    segment: usize,
    counts: Arc<[PeriodCount]>,
    /// The levels that count.
    levels: LevelSet,
}

struct PeriodTaker<'v, F> {
    view: &'v View,
    take: F,
    is_done: bool,
}

impl<'v, F> Sink<BlockPeriods> for PeriodTaker<'v, F>
where
    F: FnMut(&'v Source, i64, [u64; 4]) -> ControlFlow<()> + Send,
{
    fn wants(&self, _: Rank) -> bool {
        !self.is_done
    }

    fn take(&mut self, of_block: BlockPeriods) {
        let Some(segment) = self.view.segments().get(of_block.segment) else {
            return;
        };
        for count in of_block.counts.iter() {
            let Some(source) = segment.sources().get(count.source as usize) else {
                continue;
            };
            let mut levels = count.levels.map(u64::from);
            for (level, count) in Level::ALL.into_iter().zip(&mut levels) {
                if !of_block.levels.contains(level) {
                    *count = 0;
                }
            }
            if self.is_done || levels == [0; 4] {
                continue;
            }
            self.is_done = (self.take)(source, count.to, levels).is_break();
        }
    }
}

/// How blocks are counted.
struct PeriodCounting<'p> {
    plan: &'p QueryPlan<'p>,
    periods: Periods,
    cache: &'p BlockCache,
}

impl<'p> PeriodCounting<'p> {
    /// Counts the matching rows of a block.
    fn count(
        &self,
        candidate: Candidate<'p>,
        scratch: &mut SearchScratch,
    ) -> Result<BlockResult<BlockPeriods>, store::Error> {
        if let Some(counts) = self.tallied(candidate) {
            return Ok(BlockResult {
                scanned: candidate.block.summary().rows.into(),
                value: BlockPeriods {
                    segment: candidate.place.0,
                    counts,
                    levels: LevelSet::ALL,
                },
            });
        }
        let of_levels = self.plan.levels_alone(candidate);
        let rows = match of_levels {
            Some(_) => self.plan.whole(candidate),
            None => self.plan.select(candidate, scratch)?,
        };
        let scanned = rows.scanned();
        let counts = match rows.is_whole() {
            _ if rows.is_empty() => Arc::default(),
            true => self.whole(candidate, rows)?,
            false => count_rows(candidate.block, rows, self.periods)?.into(),
        };
        Ok(BlockResult {
            scanned,
            value: BlockPeriods {
                segment: candidate.place.0,
                counts,
                levels: of_levels.unwrap_or(LevelSet::ALL),
            },
        })
    }

    /// The counts of a block whose rows need not be read, since all are in one period.
    fn tallied(&self, candidate: Candidate<'p>) -> Option<Arc<[PeriodCount]>> {
        let to = self.only_period(candidate.block.summary())?;
        let tallies = self.plan.tallied(candidate)?.into_iter();
        let counts = tallies.map(|MatchedTally { source, levels, .. }| PeriodCount {
            source,
            to,
            levels: levels.map(|count| u32::try_from(count).unwrap_or(u32::MAX)),
        });
        Some(counts.collect())
    }

    /// The last nanosecond of the period of all rows of a block, if they are in one.
    fn only_period(&self, summary: &Summary) -> Option<i64> {
        let (first, _) = nanos_within(*summary.times.start());
        let (_, last) = nanos_within(*summary.times.end());
        let (_, to) = self.periods.around(first);
        (last <= to).then_some(to)
    }

    /// Counts a block of which every row matches; the result is cached if the block cannot change.
    fn whole(
        &self,
        candidate: Candidate<'_>,
        rows: Rows<'_>,
    ) -> Result<Arc<[PeriodCount]>, store::Error> {
        let summary = candidate.block.summary();
        if let Some((source, to)) = summary.source.zip(self.only_period(summary)) {
            let levels = summary.levels;
            return Ok([PeriodCount { source, to, levels }].into());
        }
        let (segment, block) = candidate.place;
        let segment = self.plan.segment(segment);
        let Some(segment) = segment.filter(|segment| block < segment.settled_blocks()) else {
            return Ok(count_rows(candidate.block, rows, self.periods)?.into());
        };
        let question = PeriodsKey {
            block,
            periods: self.periods,
        };
        if let Some(known) = self.cache.periods().get(segment, question) {
            return Ok(known);
        }
        let counts = count_rows(candidate.block, rows, self.periods)?.into();
        self.cache.periods().put(segment, question, &counts);
        Ok(counts)
    }
}

/// Counts the kept rows of a block.
fn count_rows(
    block: Block<'_>,
    mut rows: Rows<'_>,
    periods: Periods,
) -> Result<Vec<PeriodCount>, store::Error> {
    let summary = block.summary();
    let only_level = only_level(&summary.levels);
    rows.times()?;
    if only_level.is_none() {
        rows.levels()?;
    }
    let sources = match summary.source {
        Some(_) => Vec::new(),
        None => rows.sources()?.to_vec(),
    };
    let columns = CountedColumns {
        times: chosen(rows.kept(), rows.read_times()),
        levels: match only_level {
            Some(level) => CountedLevels::All(level),
            None => CountedLevels::Each(chosen(rows.kept(), rows.read_levels())),
        },
        sources: match summary.source {
            Some(source) => CountedSources::All(source),
            None => CountedSources::Each(chosen(rows.kept(), &sources)),
        },
    };
    let ids = OnceCell::new();
    let id_of = |at: usize| -> Result<Id, store::Error> {
        let row = rows
            .kept()
            .map_or(Some(at), |kept| kept.get(at).map(|row| *row as usize));
        if ids.get().is_none() {
            let _ = ids.set(block.ids()?);
        }
        let id = ids.get().zip(row).and_then(|(ids, row)| ids.get(row));
        Ok(Id(id.copied().unwrap_or_default()))
    };
    columns.count(periods, id_of)
}

/// The level of all rows with these counts, if they have only one.
fn only_level(counts: &[u32; 4]) -> Option<Level> {
    let mut present = Level::ALL.into_iter().zip(counts);
    let (level, _) = present.find(|(_, count)| **count > 0)?;
    present.all(|(_, count)| *count == 0).then_some(level)
}

/// The values of the kept rows.
fn chosen<'c, T: Copy>(kept: Option<&[u32]>, column: &'c [T]) -> Cow<'c, [T]> {
    let Some(kept) = kept else {
        return Cow::Borrowed(column);
    };
    let values = kept.iter();
    values
        .filter_map(|row| column.get(*row as usize).copied())
        .collect()
}

/// The columns that counts depend on, of the rows that are counted.
struct CountedColumns<'c> {
    times: Cow<'c, [Micros]>,
    levels: CountedLevels<'c>,
    sources: CountedSources<'c>,
}

enum CountedLevels<'c> {
    All(Level),
    Each(Cow<'c, [Level]>),
}

enum CountedSources<'c> {
    All(u32),
    Each(Cow<'c, [u32]>),
}

impl CountedColumns<'_> {
    /// Counts one period after another. The id of a row matters only if a period ends within its microsecond.
    fn count(
        &self,
        periods: Periods,
        id_of: impl Fn(usize) -> Result<Id, store::Error>,
    ) -> Result<Vec<PeriodCount>, store::Error> {
        let is_sorted = self.times.is_sorted();
        let mut counts = Vec::new();
        let mut row = 0;
        while let Some(rest) = self.times.get(row..)
            && let Some(time) = rest.first()
        {
            let (from, to) = periods.around(nanos_within(*time).0);
            let is_before_end = |time: &Micros| nanos_within(*time).1 <= to;
            let is_inside = |time: &&Micros| from <= nanos_within(**time).0 && is_before_end(time);
            let inside = if is_sorted {
                rest.partition_point(is_before_end)
            } else {
                rest.iter().take_while(is_inside).count()
            };
            let to = match inside {
                0 => periods.around(nanos_of(*time, id_of(row)?)).1,
                _ => to,
            };
            let end = row + inside.max(1);
            self.add(row..end, to, &mut counts);
            row = end;
        }
        if !is_sorted {
            counts.sort_unstable_by_key(|count| (count.to, count.source));
        }
        Ok(merged(counts))
    }

    /// Adds the counts of rows in one period.
    fn add(&self, rows: Range<usize>, to: i64, counts: &mut Vec<PeriodCount>) {
        let length = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        if let CountedSources::All(source) = self.sources {
            let levels = match &self.levels {
                CountedLevels::All(level) => of_one(*level, length),
                CountedLevels::Each(levels) => tally(levels.get(rows).unwrap_or_default()),
            };
            counts.push(PeriodCount { source, to, levels });
            return;
        }
        let first = counts.len();
        counts.extend(rows.filter_map(|row| {
            let source = match &self.sources {
                CountedSources::All(source) => *source,
                CountedSources::Each(sources) => *sources.get(row)?,
            };
            let level = match &self.levels {
                CountedLevels::All(level) => *level,
                CountedLevels::Each(levels) => *levels.get(row)?,
            };
            let levels = of_one(level, 1);
            Some(PeriodCount { source, to, levels })
        }));
        let mut added = counts.split_off(first);
        added.sort_unstable_by_key(|count| count.source);
        counts.extend(merged(added));
    }
}

fn of_one(level: Level, count: u32) -> [u32; 4] {
    Level::ALL.map(|other| if other == level { count } else { 0 })
}

fn tally(levels: &[Level]) -> [u32; 4] {
    Level::ALL.map(|level| {
        let of_level = levels.iter().map(|other| u32::from(*other == level));
        of_level.sum()
    })
}

/// Neighbours of one source and period become one.
fn merged(mut counts: Vec<PeriodCount>) -> Vec<PeriodCount> {
    counts.dedup_by(|next, kept| {
        let is_same = (next.source, next.to) == (kept.source, kept.to);
        if is_same {
            for (total, count) in kept.levels.iter_mut().zip(next.levels) {
                *total += count;
            }
        }
        is_same
    });
    counts
}
