//! A filter applied to a view: the blocks that may hold matching rows, and the rows of a block that match.

use crate::query::expression::cover::Cover;
use crate::query::expression::levels::LevelSet;
use crate::query::expression::source_pattern::SourcePattern;
use crate::query::expression::{Expression, is_of_kind};
use crate::query::filter::Filter;
use crate::query::scan::cache::{BlockCache, BlockColumns};
use crate::query::scan::evaluate::evaluate;
use crate::query::scan::rank::{Direction, Order, Rank, Ranking};
use crate::query::scan::residue::{Residue, footer_cover, index_cover, segment_cover};
use crate::query::scan::rows::{Rows, SettledPlace};
use crate::query::text::search::SearchScratch;
use crate::record::{Level, Source};
use crate::store::{Block, Error, Segment, Summary, View};
use crate::time::Micros;
use std::cmp::Reverse;
use std::ops::{Range, RangeInclusive};
use std::sync::{Arc, OnceLock};

/// A filter applied to a view.
#[derive(Debug)]
pub(in crate::query) struct QueryPlan<'v> {
    expression: &'v Expression,
    segments: Vec<SegmentPlan<'v>>,
    /// The visible ids.
    ids: Range<u64>,
    cache: &'v BlockCache,
}

/// A segment and the sources in it that may match.
#[derive(Debug)]
struct SegmentPlan<'v> {
    segment: &'v Arc<Segment>,
    /// Computed when a scan reaches the segment: most scans end earlier.
    sources: OnceLock<SourceCovers>,
}

/// Coverage by the sources of a segment.
#[derive(Debug)]
struct SourceCovers {
    by_source: Vec<Cover>,
    /// That of all sources together.
    overall: Cover,
    /// Whether some source cannot match.
    has_none: bool,
    /// The sources that may match, if they are few.
    few: Option<Vec<u32>>,
}

/// The rows of a source in a block that match.
#[derive(Debug, Clone, Copy)]
pub(in crate::query) struct MatchedTally {
    /// Its number in the segment.
    pub(in crate::query) source: u32,
    /// By `Level::index`.
    pub(in crate::query) levels: [u64; 4],
    /// The latest time, if that is known: where all of its rows match.
    pub(in crate::query) last: Option<Micros>,
}

/// A block that may hold matching rows, according to its footer.
#[derive(Debug, Clone, Copy)]
pub(in crate::query) struct Candidate<'v> {
    pub(in crate::query) block: Block<'v>,
    /// The index of the segment in the view, and of the block in the segment.
    pub(in crate::query) place: (usize, usize),
    /// No row of the block has a greater rank.
    pub(in crate::query) bound: Rank,
    /// Rows up to this rank are not needed; known once enough better rows are found.
    pub(in crate::query) floor: Option<Rank>,
}

impl<'v> QueryPlan<'v> {
    /// Restricts the view to `ids`. Blocks in `cache` are not read again.
    pub(in crate::query) fn new(
        view: &'v View,
        filter: &'v Filter,
        ids: Range<u64>,
        cache: &'v BlockCache,
    ) -> Self {
        let visible = view.ids();
        let segments = view.segments().iter().map(|segment| SegmentPlan {
            segment,
            sources: OnceLock::new(),
        });
        Self {
            expression: filter.expression(),
            segments: segments.collect(),
            ids: visible.start.max(ids.start)..visible.end.min(ids.end),
            cache,
        }
    }

    /// The first visible id.
    pub(in crate::query) fn first_id(&self) -> u64 {
        self.ids.start
    }

    /// The columns of a block, if an earlier page decoded it.
    pub(in crate::query) fn cached(
        &self,
        segment: usize,
        block: usize,
    ) -> Option<Arc<BlockColumns>> {
        self.cache.peek(self.segment(segment)?, block)
    }

    /// The segment at an index.
    pub(in crate::query) fn segment(&self, index: usize) -> Option<&'v Arc<Segment>> {
        self.segments.get(index).map(|plan| plan.segment)
    }

    /// The earliest and the latest time of the blocks that may hold matching rows; `None` if there are none. In a block of
    /// several sources, only rows of matching sources count: a reader must not learn the times of records that it may not see.
    pub(in crate::query) fn times(&self) -> Option<(Micros, Micros)> {
        let mut times: Option<(Micros, Micros)> = None;
        let mut of_several = Vec::new();
        for plan in self.segments.iter().filter(|plan| self.may_match(plan)) {
            for block in plan.segment.blocks() {
                let summary = block.summary();
                if !self.footer_allows(plan, &block) {
                    continue;
                }
                let of_block = (*summary.times.start(), *summary.times.end());
                if summary.source.is_none() && self.covers(plan).has_none {
                    of_several.push((of_block, plan, block));
                } else {
                    times = Some(hull(times, of_block));
                }
            }
        }
        // a block is read only if its times are outside those that are known: of many, the latest ones tell enough
        of_several.sort_by_key(|((_, end), ..)| Reverse(*end));
        for ((start, end), plan, block) in of_several {
            let is_within =
                times.is_some_and(|(earliest, latest)| earliest <= start && end <= latest);
            if is_within {
                continue;
            }
            if let Some(matching) = self.covers(plan).times_of_matching(block) {
                times = Some(hull(times, matching));
            }
        }
        times
    }

    /// As [`Self::times`], restricted to `range`; blocks that overlap its ends are read. If no time is in `range`, the result is
    /// not restricted.
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
                if !self.footer_allows(plan, &block) || end < *range.start() || *range.end() < start
                {
                    continue;
                }
                if range.contains(&start) && range.contains(&end) {
                    take(start, end);
                    continue;
                }
                // damage is reported when the block is counted
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
            // ids ascend from segment to segment, so that one segment at a time is enough
            (Order::Id, Direction::Backward) => Box::new(
                indexes
                    .rev()
                    .flat_map(move |i| self.sorted_of(i, ranking, after)),
            ),
            (Order::Id, Direction::Forward) => {
                Box::new(indexes.flat_map(move |i| self.sorted_of(i, ranking, after)))
            }
            (Order::Time, _) => Box::new(self.sorted(indexes, ranking, after).into_iter()),
        }
    }

    /// The blocks of the segment at an index that may hold matching rows, in the order of their first ids.
    pub(in crate::query) fn candidates_of(&self, segment: usize) -> Vec<Candidate<'v>> {
        let ranking = Ranking {
            order: Order::Id,
            direction: Direction::Forward,
        };
        self.sorted_of(segment, ranking, None)
    }

    /// The blocks of one segment, of which none is asked if the index of the segment rules out all of its rows.
    fn sorted_of(
        &self,
        segment: usize,
        ranking: Ranking,
        after: Option<Rank>,
    ) -> Vec<Candidate<'v>> {
        let is_denied = |plan: &SegmentPlan<'v>| {
            let of_leaf = |leaf: &Expression| segment_cover(leaf, plan.segment);
            self.may_match(plan) && self.expression.cover(&of_leaf) == Cover::None
        };
        if self.segments.get(segment).is_some_and(is_denied) {
            return Vec::new();
        }
        self.sorted(segment..segment + 1, ranking, after)
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
                .filter(|(_, block)| self.footer_allows(plan, block))
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
        overlap(&plan.segment.ids(), &self.ids) && self.covers(plan).overall != Cover::None
    }

    fn covers<'p>(&self, plan: &'p SegmentPlan<'_>) -> &'p SourceCovers {
        plan.sources.get_or_init(|| {
            let sources = plan.segment.sources().iter();
            // of thousands of sources, few are asked for: names are compared faster than an expression is evaluated
            let asked = self.expression.only_sources();
            let asked = asked.filter(|asked| asked.len() <= FEW);
            if let Some(names) = asked.as_ref().and_then(|asked| exact_names(asked)) {
                return self.covers_of(plan.segment, &names);
            }
            let is_asked = |source: &Source| {
                let asked = asked.as_ref();
                asked.is_none_or(|asked| asked.iter().any(|pattern| pattern.matches(source)))
            };
            let of_source = |source: &Source| {
                if is_asked(source) {
                    self.expression.cover_of_source(source)
                } else {
                    Cover::None
                }
            };
            SourceCovers::new(sources.map(of_source).collect())
        })
    }

    /// Where all other sources do not match.
    fn covers_of(&self, segment: &Segment, names: &[&str]) -> SourceCovers {
        let mut covers = vec![Cover::None; segment.sources().len()];
        for number in names.iter().filter_map(|name| segment.source_number(name)) {
            let source = segment.sources().get(number as usize);
            if let Some((cover, source)) = covers.get_mut(number as usize).zip(source) {
                *cover = self.expression.cover_of_source(source);
            }
        }
        SourceCovers::new(covers)
    }

    fn footer_allows(&self, plan: &SegmentPlan<'_>, block: &Block<'_>) -> bool {
        let summary = block.summary();
        overlap(&summary.ids, &self.ids)
            && self.covers(plan).allows(block)
            && self.footer_cover(plan.segment, summary) != Cover::None
    }

    fn footer_cover(&self, segment: &Segment, summary: &Summary) -> Cover {
        let name = |source: u32| segment.sources().get(source as usize);
        let of_leaf = |leaf: &Expression| footer_cover(leaf, summary, name);
        self.expression.cover(&of_leaf)
    }

    /// All rows of a block.
    pub(in crate::query) fn whole(&self, candidate: Candidate<'v>) -> Rows<'v> {
        let (segment, block) = candidate.place;
        let place = self.segment(segment).map(|segment| SettledPlace {
            cache: self.cache,
            segment,
            block,
        });
        let rows = Rows::all(candidate.block, self.cached(segment, block));
        rows.at(place.filter(|place| block < place.segment.settled_blocks()))
    }

    /// The levels that match, if only they decide which rows of a block of one source do, according to its footer.
    pub(in crate::query) fn levels_alone(&self, candidate: Candidate<'_>) -> Option<LevelSet> {
        let summary = candidate.block.summary();
        let is_visible = self.ids.start <= summary.ids.start && summary.ids.end <= self.ids.end;
        let segment = self.segment(candidate.place.0)?;
        let name = |source: u32| segment.sources().get(source as usize);
        let of_leaf = |leaf: &Expression| footer_cover(leaf, summary, name);
        match Residue::of(self.expression, &of_leaf) {
            Residue::Leaf(Expression::Level(levels)) => {
                Some(*levels).filter(|_| is_visible && summary.source.is_some())
            }
            _ => None,
        }
    }

    /// The matching rows of each source of a block, where its counts decide; `None` if its rows must be read.
    pub(in crate::query) fn tallied(&self, candidate: Candidate<'v>) -> Option<Vec<MatchedTally>> {
        let summary = candidate.block.summary();
        let tallies = candidate.block.tallies()?;
        if summary.ids.start < self.ids.start || self.ids.end < summary.ids.end {
            return None;
        }
        let names = self.segment(candidate.place.0)?.sources();
        let mut matched = Vec::new();
        for tally in tallies {
            let source = names.get(tally.source as usize)?;
            let mut levels = [0; 4];
            let counts = tally.levels.iter().zip(&mut levels);
            for (level, (count, kept)) in Level::ALL.into_iter().zip(counts) {
                let of_leaf = |leaf: &Expression| match leaf {
                    Expression::Source(pattern) => Cover::of(pattern.matches(source)),
                    Expression::Kind(kind) => Cover::of(is_of_kind(source, kind)),
                    Expression::Level(levels) => Cover::of(levels.contains(level)),
                    leaf => footer_cover(leaf, summary, |_| None),
                };
                match self.expression.cover(&of_leaf) {
                    _ if *count == 0 => {}
                    Cover::All => *kept = *count,
                    Cover::None => {}
                    Cover::Some => return None,
                }
            }
            if levels != [0; 4] {
                matched.push(MatchedTally {
                    source: tally.source,
                    levels,
                    last: Some(tally.last).filter(|_| levels == tally.levels),
                });
            }
        }
        Some(matched)
    }

    /// The rows that match, evaluated from the cheapest column to the most expensive.
    pub(in crate::query) fn select(
        &self,
        candidate: Candidate<'v>,
        scratch: &mut SearchScratch,
    ) -> Result<Rows<'v>, Error> {
        let block = candidate.block;
        let summary = block.summary();
        let Some(plan) = self.segments.get(candidate.place.0) else {
            return Ok(Rows::none(block));
        };
        let names = plan.segment.sources();
        let name = |source: u32| names.get(source as usize);
        // small columns first: an index of texts is read only where they leave the question open
        let residue = Residue::of(
            self.expression,
            &|leaf| match footer_cover(leaf, summary, name) {
                Cover::Some => index_cover(leaf, block),
                decided => decided,
            },
        );
        if matches!(residue, Residue::Nothing) {
            return Ok(Rows::none(block));
        }
        let mut rows = self.whole(candidate);
        if summary.ids.start < self.ids.start || self.ids.end < summary.ids.end {
            rows.clip_ids(&self.ids)?;
        }
        if summary.source.is_none() {
            let covers = self.covers(plan);
            if covers.has_none {
                rows.retain_sources(|source| covers.of(source) != Cover::None)?;
            }
        }
        scratch.begin();
        evaluate(&residue, &mut rows, names, scratch)?;
        Ok(rows)
    }
}

impl SourceCovers {
    fn new(by_source: Vec<Cover>) -> Self {
        let least = by_source.iter().min().copied().unwrap_or(Cover::None);
        let greatest = by_source.iter().max().copied().unwrap_or(Cover::None);
        let matching = (0..)
            .zip(&by_source)
            .filter(|(_, cover)| **cover != Cover::None);
        let matching: Vec<u32> = matching.map(|(source, _)| source).take(FEW + 1).collect();
        Self {
            few: (matching.len() <= FEW).then_some(matching),
            by_source,
            overall: match (least, greatest) {
                (Cover::All, _) => Cover::All,
                (_, Cover::None) => Cover::None,
                _ => Cover::Some,
            },
            has_none: least == Cover::None,
        }
    }

    /// The earliest and the latest time of the rows of a block whose source may match. Damage is left to the reader of the
    /// block.
    fn times_of_matching(&self, block: Block<'_>) -> Option<(Micros, Micros)> {
        let (sources, times) = (block.sources().ok()??, block.timestamps().ok()?);
        let rows = sources.iter().zip(&times);
        let matching = rows.filter(|(source, _)| self.of(**source) != Cover::None);
        matching.fold(None, |found, (_, time)| {
            let (earliest, latest) = found.unwrap_or((*time, *time));
            Some((earliest.min(*time), latest.max(*time)))
        })
    }

    /// Whether a block may have rows of a source that may match.
    fn allows(&self, block: &Block<'_>) -> bool {
        match (block.summary().source, &self.few) {
            (Some(source), _) => self.of(source) != Cover::None,
            (None, Some(few)) => few.iter().any(|source| block.may_have_source(*source)),
            (None, None) => true,
        }
    }

    /// The coverage by a source, by its number in the segment.
    fn of(&self, source: u32) -> Cover {
        let cover = self.by_source.get(source as usize);
        cover.copied().unwrap_or(Cover::None)
    }
}

/// The earliest and the latest of the times so far and of these.
fn hull(known: Option<(Micros, Micros)>, (start, end): (Micros, Micros)) -> (Micros, Micros) {
    let (earliest, latest) = known.unwrap_or((start, end));
    (earliest.min(start), latest.max(end))
}

/// The names that these patterns are, if each is one.
fn exact_names<'p>(patterns: &[&'p SourcePattern]) -> Option<Vec<&'p str>> {
    patterns.iter().map(|pattern| pattern.name()).collect()
}

/// The maximum number of sources that are looked up one by one in a block of several.
const FEW: usize = 16;

fn overlap(a: &Range<u64>, b: &Range<u64>) -> bool {
    a.start < b.end && b.start < a.end
}
