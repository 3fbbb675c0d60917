//! The rows of one block that a page may show, the best first, and the records of a few of them.

use crate::query::page::carried::{self, ByRank};
use crate::query::scan::cache::BlockCache;
use crate::query::scan::plan::{Candidate, QueryPlan};
use crate::query::scan::rank::{Direction, Order, Rank, Ranking};
use crate::query::scan::rows::Rows;
use crate::query::scan::run::BlockResult;
use crate::query::text::search::SearchScratch;
use crate::store;
use crate::time::Micros;
use std::cmp::Reverse;

/// A row that matches: its rank and its index in the block.
pub(super) type BlockHit = (Rank, u32);

/// The hits of a block that a page can use.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub(super) ranking: Ranking,
    /// Only rows after this rank.
    pub(super) after: Option<Rank>,
    /// The maximum number of hits.
    pub(super) count: usize,
}

/// The hits of one block.
pub(super) struct BlockHits {
    /// Segment and block.
    pub(super) place: (usize, usize),
    /// Best first.
    pub(super) hits: Vec<BlockHit>,
    /// Records of some hits.
    pub(super) carried: ByRank,
}

pub(super) fn of_block(
    plan: &QueryPlan<'_>,
    candidate: Candidate<'_>,
    wanted: Wanted,
    cache: &BlockCache,
    scratch: &mut SearchScratch,
) -> Result<BlockResult<BlockHits>, store::Error> {
    let mut rows = plan.select(candidate, scratch)?;
    let scanned = rows.scanned();
    let hits = hits(&mut rows, candidate, wanted)?;
    let (segment, block) = candidate.place;
    let segment = plan.segment(segment);
    let is_sealed = segment.is_some_and(|segment| segment.is_sealed());
    let messages = if may_carry(&hits, candidate, is_sealed) {
        rows.into_messages()
    } else {
        None
    };
    let carried = match segment.zip(messages) {
        Some((segment, messages)) => carried::read(cache, segment, block, messages, &hits),
        None => ByRank::new(),
    };
    let value = BlockHits {
        place: candidate.place,
        hits,
        carried,
    };
    Ok(BlockResult { scanned, value })
}

/// A block of several sources of the active file stays decoded anyway.
fn may_carry(hits: &[BlockHit], candidate: Candidate<'_>, is_sealed: bool) -> bool {
    let is_cached = is_sealed || candidate.block.summary().source.is_some();
    (1..=carried::ROWS_MAX).contains(&hits.len()) && is_cached
}

/// The hits of a block, the best first.
fn hits(
    rows: &mut Rows<'_>,
    candidate: Candidate<'_>,
    wanted: Wanted,
) -> Result<Vec<BlockHit>, store::Error> {
    Ok(if rows.is_empty() {
        Vec::new()
    } else {
        rows.ids()?;
        match wanted.ranking.order {
            Order::Id => hits_by_id(rows, candidate, wanted),
            Order::Time => {
                rows.times()?;
                hits_by_time(rows, candidate, wanted)
            }
        }
    })
}

/// Rows ascend by id, so that the best ones are at one end.
fn hits_by_id(rows: &Rows<'_>, candidate: Candidate<'_>, wanted: Wanted) -> Vec<BlockHit> {
    let ids = rows.read_ids();
    let between = wanted.ranking.ids_between(wanted.after, candidate.floor);
    let within = rows.within_ids(&between);
    let hit = |row: u32| {
        let id = *ids.get(row as usize)?;
        Some((wanted.ranking.rank(Micros::default(), id), row))
    };
    let count = wanted.count.min(within.len());
    let best = match wanted.ranking.direction {
        Direction::Backward => within.end - count..within.end,
        Direction::Forward => within.start..within.start + count,
    };
    let mut hits: Vec<BlockHit> = match rows.kept() {
        Some(kept) => {
            let kept = kept.get(best).unwrap_or_default();
            kept.iter().filter_map(|row| hit(*row)).collect()
        }
        None => best
            .filter_map(|row| hit(u32::try_from(row).ok()?))
            .collect(),
    };
    if wanted.ranking.direction == Direction::Backward {
        hits.reverse();
    }
    hits
}

fn hits_by_time(rows: &Rows<'_>, candidate: Candidate<'_>, wanted: Wanted) -> Vec<BlockHit> {
    let (ids, times) = (rows.read_ids(), rows.read_times());
    let is_wanted = |(rank, _): &BlockHit| {
        wanted.after.is_none_or(|after| *rank < after)
            && candidate.floor.is_none_or(|floor| *rank > floor)
    };
    let hits = rows.indexes().into_iter().filter_map(|row| {
        let (time, id) = (times.get(row as usize)?, ids.get(row as usize)?);
        Some((wanted.ranking.rank(*time, *id), row))
    });
    let mut hits: Vec<BlockHit> = hits.filter(is_wanted).collect();
    if hits.len() > wanted.count {
        // the remaining hits need not be sorted
        hits.select_nth_unstable_by_key(wanted.count, |hit| Reverse(*hit));
        hits.truncate(wanted.count);
    }
    hits.sort_unstable_by_key(|hit| Reverse(*hit));
    hits
}
