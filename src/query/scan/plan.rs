//! A filter laid against a view: which blocks may hold matching rows, and which rows of a block do match.

use crate::query::filter::{Cover, Filter};
use crate::query::scan::cache::{BlockCache, Columns};
use crate::query::scan::rank::{Direction, Order, Rank, Ranking};
use crate::query::scan::rows::Rows;
use crate::query::text::search::{Scratch, Verdict};
use crate::store::{Block, Error, Segment, Summary, View};
use crate::time::Micros;
use std::cmp::Reverse;
use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

/// A filter laid against a view.
#[derive(Debug)]
pub(in crate::query) struct Plan<'v> {
    filter: &'v Filter,
    segments: Vec<SegmentPlan<'v>>,
    /// The ids that may be seen.
    ids: Range<u64>,
    cache: &'v BlockCache,
}

/// A segment and which of its sources are meant.
#[derive(Debug)]
struct SegmentPlan<'v> {
    segment: &'v Arc<Segment>,
    meant: Vec<bool>,
    sources: Cover,
}

/// A block that may hold matching rows, by what its footer says.
#[derive(Debug, Clone, Copy)]
pub(in crate::query) struct Candidate<'v> {
    pub(in crate::query) block: Block<'v>,
    /// Which block: of which segment of the view, and where in it.
    pub(in crate::query) place: (usize, usize),
    /// No row comes before this.
    pub(in crate::query) bound: Rank,
    /// A row that comes no earlier than this is of no use; known once there are enough that do.
    pub(in crate::query) floor: Option<Rank>,
}

impl<'v> Plan<'v> {
    /// `ids` narrows the view further. What `cache` holds of a block is not read again.
    pub(in crate::query) fn new(
        view: &'v View,
        filter: &'v Filter,
        ids: Range<u64>,
        cache: &'v BlockCache,
    ) -> Self {
        let visible = view.ids();
        let segments = view.segments().iter().map(|segment| {
            let sources = segment.sources().iter();
            let meant: Vec<bool> = sources.map(|s| filter.sources.matches(s)).collect();
            let sources = match (meant.contains(&true), meant.contains(&false)) {
                (true, false) => Cover::All,
                (true, true) => Cover::Some,
                (false, _) => Cover::None,
            };
            SegmentPlan {
                segment,
                meant,
                sources,
            }
        });
        Self {
            filter,
            segments: segments.collect(),
            ids: visible.start.max(ids.start)..visible.end.min(ids.end),
            cache,
        }
    }

    /// The first id that may be seen.
    pub(in crate::query) fn first_id(&self) -> u64 {
        self.ids.start
    }

    /// A block that an earlier page decoded.
    pub(in crate::query) fn cached(&self, segment: usize, block: usize) -> Option<Arc<Columns>> {
        self.cache.peek(self.segment(segment)?, block)
    }

    /// The segment at a place.
    pub(in crate::query) fn segment(&self, index: usize) -> Option<&'v Arc<Segment>> {
        self.segments.get(index).map(|plan| plan.segment)
    }

    /// The earliest and the latest time of the blocks that may hold matching rows; `None` when there is none. Of a block that
    /// other sources have a part in, their rows do not count: a reader who may not see them must not learn when they were.
    pub(in crate::query) fn times(&self) -> Option<(Micros, Micros)> {
        let mut times: Option<(Micros, Micros)> = None;
        for plan in self.segments.iter().filter(|plan| self.may_match(plan)) {
            for block in plan.segment.blocks() {
                let summary = block.summary();
                if !self.footer_allows(plan, summary) {
                    continue;
                }
                let of_block = if summary.source.is_none() && plan.sources != Cover::All {
                    plan.times_of_meant(block)
                } else {
                    Some((*summary.times.start(), *summary.times.end()))
                };
                let Some((start, end)) = of_block else {
                    continue;
                };
                let (earliest, latest) = times.unwrap_or((start, end));
                times = Some((earliest.min(start), latest.max(end)));
            }
        }
        times
    }

    /// The same as far as it is in `range`; of blocks that lie across its ends the rows tell. All of it when nothing is in `range`.
    pub(in crate::query) fn times_within(
        &self,
        range: &RangeInclusive<Micros>,
    ) -> Option<(Micros, Micros)> {
        let all = self.times()?;
        if range.contains(&all.0) && range.contains(&all.1) {
            return Some(all);
        }
        let mut within: Option<(Micros, Micros)> = None;
        let mut take = |start: Micros, end: Micros| {
            let (earliest, latest) = within.unwrap_or((start, end));
            within = Some((earliest.min(start), latest.max(end)));
        };
        for plan in self.segments.iter().filter(|plan| self.may_match(plan)) {
            for block in plan.segment.blocks() {
                let summary = block.summary();
                let (start, end) = (*summary.times.start(), *summary.times.end());
                if !self.footer_allows(plan, summary)
                    || end < *range.start()
                    || *range.end() < start
                {
                    continue;
                }
                if range.contains(&start) && range.contains(&end) {
                    take(start, end);
                    continue;
                }
                // a damaged block is told of when it is counted
                let times = block.timestamps().unwrap_or_default();
                let right = times.into_iter().filter(|time| range.contains(time));
                right.for_each(|time| take(time, time));
            }
        }
        Some(within.unwrap_or(all))
    }

    /// The blocks that may hold matching rows below `after`, those with the greatest bound first.
    pub(in crate::query) fn candidates(
        &self,
        ranking: Ranking,
        after: Option<Rank>,
    ) -> Box<dyn Iterator<Item = Candidate<'v>> + Send + '_> {
        let indexes = 0..self.segments.len();
        match (ranking.order, ranking.direction) {
            // segments follow each other by id, so that the later ones need not be looked at before the earlier are done
            (Order::Id, Direction::Backward) => Box::new(
                indexes
                    .rev()
                    .flat_map(move |i| self.sorted(i..i + 1, ranking, after)),
            ),
            (Order::Id, Direction::Forward) => {
                Box::new(indexes.flat_map(move |i| self.sorted(i..i + 1, ranking, after)))
            }
            (Order::Time, _) => Box::new(self.sorted(indexes, ranking, after).into_iter()),
        }
    }

    fn sorted(
        &self,
        segments: Range<usize>,
        ranking: Ranking,
        after: Option<Rank>,
    ) -> Vec<Candidate<'v>> {
        let highest = after.map(Rank::just_below);
        let mut candidates = Vec::new();
        for at in segments {
            let Some(plan) = self.segments.get(at) else {
                break;
            };
            if !self.may_match(plan) {
                continue;
            }
            let blocks = (0..plan.segment.block_count())
                .map(|index| (index, plan.segment.block(index)))
                .filter(|(_, block)| self.footer_allows(plan, block.summary()))
                .filter(|(_, block)| {
                    after.is_none_or(|after| ranking.floor(block.summary()) < after)
                });
            candidates.extend(blocks.map(|(index, block)| {
                let bound = ranking.bound(block.summary(), &self.ids);
                Candidate {
                    block,
                    place: (at, index),
                    bound: highest.map_or(bound, |highest| highest.min(bound)),
                    floor: None,
                }
            }));
        }
        candidates.sort_unstable_by_key(|candidate| Reverse(candidate.bound));
        candidates
    }

    fn may_match(&self, plan: &SegmentPlan<'_>) -> bool {
        plan.sources != Cover::None && overlap(&plan.segment.ids(), &self.ids)
    }

    fn footer_allows(&self, plan: &SegmentPlan<'_>, summary: &Summary) -> bool {
        let source = match summary.source {
            Some(source) => plan.meant.get(source as usize) == Some(&true),
            None => true,
        };
        source
            && overlap(&summary.ids, &self.ids)
            && self.filter.levels_cover(&summary.levels) != Cover::None
            && self
                .filter
                .times
                .cover(*summary.times.start(), *summary.times.end())
                != Cover::None
    }

    /// The rows that match, from the cheapest column to the dearest.
    pub(in crate::query) fn select(
        &self,
        candidate: Candidate<'v>,
        scratch: &mut Scratch,
    ) -> Result<Rows<'v>, Error> {
        let block = candidate.block;
        let (segment, index) = candidate.place;
        let mut rows = Rows::all(block, self.cached(segment, index));
        let search = match &self.filter.search {
            None => None,
            Some(search) => match search.verdict(|text| block.may_contain(text)) {
                Verdict::Nothing => return Ok(Rows::none(block)),
                Verdict::Everything => None,
                Verdict::Some => Some(search),
            },
        };
        self.select_by_small_columns(candidate, &mut rows)?;
        if let (Some(search), false) = (search, rows.is_empty()) {
            rows.retain_found(search, scratch)?;
        }
        if self.filter.needs_metadata() && !rows.is_empty() {
            rows.retain_metadata(self.filter)?;
        }
        Ok(rows)
    }

    fn select_by_small_columns(
        &self,
        candidate: Candidate<'v>,
        rows: &mut Rows<'v>,
    ) -> Result<(), Error> {
        let summary = candidate.block.summary();
        if summary.ids.start < self.ids.start || self.ids.end < summary.ids.end {
            rows.clip_ids(&self.ids)?;
        }
        if let (None, Some(plan)) = (summary.source, self.segments.get(candidate.place.0))
            && plan.sources != Cover::All
        {
            rows.retain_sources(|source| plan.meant.get(source as usize) == Some(&true))?;
        }
        let times = self.filter.times;
        if times.cover(*summary.times.start(), *summary.times.end()) == Cover::Some {
            rows.retain_times(|time| times.contains(time))?;
        }
        if self.filter.levels_cover(&summary.levels) == Cover::Some {
            rows.retain_levels(|level| self.filter.levels().contains(level))?;
        }
        Ok(())
    }
}

impl SegmentPlan<'_> {
    /// The earliest and the latest time of the rows of a block whose source is meant. Damage is left to whoever reads the block.
    fn times_of_meant(&self, block: Block<'_>) -> Option<(Micros, Micros)> {
        let (sources, times) = (block.sources().ok()??, block.timestamps().ok()?);
        let is_meant = |source: &u32| self.meant.get(*source as usize) == Some(&true);
        let rows = sources.iter().zip(&times);
        let meant = rows.filter(|(source, _)| is_meant(source));
        meant.fold(None, |found, (_, time)| {
            let (earliest, latest) = found.unwrap_or((*time, *time));
            Some((earliest.min(*time), latest.max(*time)))
        })
    }
}

fn overlap(a: &Range<u64>, b: &Range<u64>) -> bool {
    a.start < b.end && b.start < a.end
}
