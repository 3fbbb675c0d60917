//! Pages: so many records in an order, from an end or from a cursor.

use super::Error;
use super::around::{self, Around};
use super::cache::{BlockCache, Columns};
use super::carried::{self, ByRank};
use super::cursor::Cursor;
use super::filter::Filter;
use super::plan::{Candidate, Plan};
use super::rank::{Direction, Order, Rank, Ranking};
use super::rows::Rows;
use super::scan::{self, Budget, Outcome, Part, Sink};
use super::search::Scratch;
use super::size;
use super::warnings;
use crate::record::{Id, Metadata, StoredRecord};
use crate::store::{self, View};
use crate::time::Micros;
use std::cmp::Reverse;
use std::ops::Range;

/// Messages and encoded metadata of all records of a page: a page of the longest messages must fit in little memory, several
/// times over. Only a record that stands alone may be longer.
pub const PAGE_BYTES_MAX: u64 = 8 << 20;

/// A page that is asked for.
#[derive(Debug, Clone)]
pub struct PageRequest {
    /// Which records.
    pub filter: Filter,
    /// Where to go on.
    pub cursor: Option<Cursor>,
    /// Which way.
    pub direction: Direction,
    /// How many at most. Long records make a page shorter: past [`PAGE_BYTES_MAX`] only its first record is given.
    pub limit: usize,
    /// In which order.
    pub order: Order,
    /// A record that stands in the middle of the page; `cursor` and `order` are not looked at then.
    pub around: Option<Around>,
}

/// A page.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// In the asked direction.
    pub entries: Vec<StoredRecord>,
    /// Where to go on; none when there is no more.
    pub next_cursor: Option<Cursor>,
    /// Where to go on in the other direction, to see what comes before this page; none when the page is empty.
    pub prev_cursor: Option<Cursor>,
    /// Whether there is more. After a scan that its budget ended: whether there may be more.
    pub has_more: bool,
    /// The cursor's record was pruned, and records with it that were never shown.
    pub truncated: bool,
    /// How many rows were looked at.
    pub scanned: u64,
    /// How many rows could not be looked at, since their blocks are damaged.
    pub unreadable: u64,
    /// Why the page is probably empty, for people: an unknown source, a record that is not there.
    pub warnings: Vec<String>,
}

/// One page. It is exact: `limit` records when there are so many, or as many as [`PAGE_BYTES_MAX`] lets through; and `has_more`
/// only when there are more. Records that arrive meanwhile are not in the view; a page from the same view is the same.
///
/// # Errors
/// [`Error`] when the store cannot be read. A damaged block is no error: its rows are counted as `unreadable`.
pub fn page(view: &View, request: &PageRequest, budget: &Budget) -> Result<Page, Error> {
    let mut page = match &request.around {
        Some(around) => around::page(view, request, around, budget)?,
        None => ordered(view, request, PAGE_BYTES_MAX, budget)?,
    };
    if page.entries.is_empty() && !page.has_more && request.cursor.is_none() {
        let why = warnings::of_empty(view, &request.filter, budget)?;
        page.warnings.extend(why);
    }
    Ok(page)
}

/// The first record beyond `from` that match the filter, in id order: how a client jumps to the next error without what lies
/// between. A page of one record at most; where the budget ended the scan it is empty and has a cursor to go on from.
///
/// # Errors
/// As [`page`].
pub fn next_match(
    view: &View,
    filter: &Filter,
    from: Cursor,
    direction: Direction,
    budget: &Budget,
) -> Result<Page, Error> {
    let request = PageRequest {
        filter: filter.clone(),
        cursor: Some(from),
        direction,
        limit: 1,
        order: Order::Id,
        around: None,
    };
    ordered(view, &request, PAGE_BYTES_MAX, budget)
}

/// A page that an order and a cursor say, of `bytes_max` at most.
pub(super) fn ordered(
    view: &View,
    request: &PageRequest,
    bytes_max: u64,
    budget: &Budget,
) -> Result<Page, Error> {
    let ranking = Ranking {
        order: request.order,
        direction: request.direction,
    };
    let after = match request.cursor {
        Some(cursor) => Some(ranking.rank_of(cursor).ok_or(Error::CursorOfOtherOrder)?),
        None => None,
    };
    let plan = Plan::new(view, &request.filter, ids_beyond(request), &budget.cache);
    let mut top = Top::new(request.limit.saturating_add(1));
    let outcome = scan::run(
        plan.candidates(ranking, after),
        budget,
        |candidate, scratch| {
            let wanted = Wanted {
                ranking,
                after,
                count: request.limit.saturating_add(1),
            };
            found(&plan, candidate, wanted, &budget.cache, scratch)
        },
        &mut top,
    )?;
    let room = Room {
        rows: request.limit,
        bytes: bytes_max,
    };
    let mut page = assemble(&plan, ranking, room, top, &outcome, &budget.cache)?;
    page.truncated = is_truncated(&view.ids(), request);
    Ok(page)
}

/// In id order a cursor says which ids are left.
fn ids_beyond(request: &PageRequest) -> Range<u64> {
    match (request.cursor, request.direction) {
        (Some(Cursor::Id(Id(id))), Direction::Backward) => 0..id,
        (Some(Cursor::Id(Id(id))), Direction::Forward) => id.saturating_add(1)..u64::MAX,
        _ => 0..u64::MAX,
    }
}

fn is_truncated(visible: &Range<u64>, request: &PageRequest) -> bool {
    let Some(cursor) = request.cursor else {
        return false;
    };
    let id = cursor.id().0;
    match (request.order, request.direction) {
        // below the first record of all there never was one
        (Order::Id, Direction::Backward) => 1 < id && id < visible.start,
        // one id more: nothing stands between this record and the first that is left
        (Order::Id, Direction::Forward) => id.saturating_add(1) < visible.start,
        // any record that went with it may have stood beyond it; the first of all went alone
        (Order::Time, _) => id < visible.start && visible.start > 2,
    }
}

/// A row that matches: its rank, and where in its block it is.
type BlockHit = (Rank, u32);

/// A row that matches.
#[derive(Debug, Clone, Copy)]
struct Hit {
    rank: Rank,
    row: u32,
    /// Which of [`Top::blocks`].
    block: u32,
}

/// Which hits of a block are of use.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    ranking: Ranking,
    /// None that comes before this.
    after: Option<Rank>,
    /// So many at most.
    count: usize,
}

/// What a block gives.
struct Found {
    /// Segment and block.
    place: (usize, usize),
    /// The best first.
    hits: Vec<BlockHit>,
    /// The records of some of them.
    carried: ByRank,
}

fn found(
    plan: &Plan<'_>,
    candidate: Candidate<'_>,
    wanted: Wanted,
    cache: &BlockCache,
    scratch: &mut Scratch,
) -> Result<Part<Found>, store::Error> {
    let mut rows = plan.select(candidate, scratch)?;
    let scanned = rows.scanned();
    let hits = hits(&mut rows, candidate, wanted)?;
    let messages = if may_carry(&hits, candidate) {
        rows.into_messages()
    } else {
        None
    };
    let (segment, block) = candidate.place;
    let carried = match plan.segment(segment).zip(messages) {
        Some((segment, messages)) => carried::read(cache, segment, block, messages, &hits),
        None => ByRank::new(),
    };
    let value = Found {
        place: candidate.place,
        hits,
        carried,
    };
    Ok(Part { scanned, value })
}

/// A block of several sources is of a file that still grows: it stays decoded anyway.
fn may_carry(hits: &[BlockHit], candidate: Candidate<'_>) -> bool {
    (1..=carried::ROWS_MAX).contains(&hits.len()) && candidate.block.summary().source.is_some()
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

/// Rows ascend by id, so that the best stand at one end of those that are wanted.
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
        // the others need not be put in order
        hits.select_nth_unstable_by_key(wanted.count, |hit| Reverse(*hit));
        hits.truncate(wanted.count);
    }
    hits.sort_unstable_by_key(|hit| Reverse(*hit));
    hits
}

/// The best hits so far.
struct Top {
    size: usize,
    /// The best first.
    hits: Vec<Hit>,
    /// Segment and block of those that gave any hit, in the order in which they did.
    blocks: Vec<(usize, usize)>,
    /// The records of some of them.
    carried: ByRank,
}

impl Top {
    fn new(size: usize) -> Self {
        Self {
            size,
            hits: Vec::new(),
            blocks: Vec::new(),
            carried: ByRank::new(),
        }
    }

    /// Takes in the hits of another block.
    fn merge(&mut self, hits: &[BlockHit], place: (usize, usize)) {
        let Ok(block) = u32::try_from(self.blocks.len()) else {
            return;
        };
        self.blocks.push(place);
        let known = std::mem::take(&mut self.hits);
        let room = self.size.min(known.len() + hits.len());
        self.hits.reserve_exact(room);
        let (mut of_known, mut of_block) = (0, 0);
        // which of both comes next is as good as random: without a branch for it this takes half the time
        for _ in 0..room {
            let old = known.get(of_known).copied().unwrap_or(Hit::NONE);
            let new = hits.get(of_block).map_or(Hit::NONE, |(rank, row)| Hit {
                rank: *rank,
                row: *row,
                block,
            });
            let is_new = new.rank > old.rank;
            self.hits.push(if is_new { new } else { old });
            of_block += usize::from(is_new);
            of_known += usize::from(!is_new);
        }
    }
}

impl Hit {
    /// Comes after every other.
    const NONE: Self = Self {
        rank: Rank::LEAST,
        row: 0,
        block: 0,
    };
}

impl Sink<Found> for Top {
    fn wants(&self, bound: Rank) -> bool {
        self.floor().is_none_or(|floor| bound > floor)
    }

    fn take(&mut self, mut found: Found) {
        if found.hits.is_empty() {
            return;
        }
        self.merge(&found.hits, found.place);
        self.carried.append(&mut found.carried);
        if let Some(floor) = self.floor() {
            self.carried = self.carried.split_off(&floor);
        }
    }

    fn floor(&self) -> Option<Rank> {
        let worst = self.hits.last().map(|hit| hit.rank);
        worst.filter(|_| self.hits.len() >= self.size)
    }
}

/// How much a page may hold.
#[derive(Debug, Clone, Copy)]
struct Room {
    rows: usize,
    bytes: u64,
}

/// Reads the records of a page. `top` has the best ones and one more when there is one.
fn assemble(
    plan: &Plan<'_>,
    ranking: Ranking,
    room: Room,
    top: Top,
    outcome: &Outcome,
    cache: &BlockCache,
) -> Result<Page, Error> {
    let Top {
        mut hits,
        blocks,
        mut carried,
        ..
    } = top;
    // below the place where the budget ended the scan, other blocks may hold records that come between these
    if let Some(stopped) = outcome.stopped {
        hits.retain(|hit| hit.rank > stopped);
    }
    let mut is_full = hits.len() > room.rows;
    hits.truncate(room.rows);
    let rows = hits.iter().map(|hit| size::Row {
        block: hit.block as usize,
        index: hit.row as usize,
        bytes: carried.get(&hit.rank).map(|carried| carried.bytes),
    });
    let fitting = size::fitting(plan, &blocks, rows, room.bytes)?;
    is_full |= fitting < hits.len();
    hits.truncate(fitting);
    let last = match (is_full, outcome.stopped) {
        (true, _) => hits.last().map(|hit| hit.rank),
        (false, stopped) => stopped.map(|stopped| above(ranking, stopped, plan.first_id())),
    };
    let (entries, unreadable) = read(plan, &hits, &blocks, &mut carried, cache)?;
    Ok(Page {
        entries,
        next_cursor: last.map(|rank| ranking.cursor(rank)),
        prev_cursor: hits.first().map(|hit| ranking.cursor(hit.rank)),
        has_more: last.is_some(),
        truncated: false,
        scanned: outcome.scanned,
        unreadable: outcome.unreadable + unreadable,
        warnings: Vec::new(),
    })
}

/// The place just above that at which a scan stopped. In time order it never is that of a record below the first one, which
/// would pass for one that was pruned.
fn above(ranking: Ranking, stopped: Rank, first_id: u64) -> Rank {
    let above = stopped.just_above();
    match (ranking.cursor(above), ranking.direction) {
        (Cursor::Time(time, Id(id)), Direction::Forward) if id < first_id => {
            ranking.rank(time.plus(-1), u64::MAX)
        }
        _ => above,
    }
}

/// A row of a block, and at which place of the page its record belongs.
struct Wish {
    at: usize,
    row: usize,
}

/// The records of `hits` in their order, each block read once but for those that are `carried`; and how many could not be read.
fn read(
    plan: &Plan<'_>,
    hits: &[Hit],
    blocks: &[(usize, usize)],
    carried: &mut ByRank,
    cache: &BlockCache,
) -> Result<(Vec<StoredRecord>, u64), Error> {
    let mut entries: Vec<Option<StoredRecord>> = Vec::with_capacity(hits.len());
    let mut wishes: Vec<Vec<Wish>> = Vec::new();
    wishes.resize_with(blocks.len(), Vec::new);
    for (at, hit) in hits.iter().enumerate() {
        let known = carried.remove(&hit.rank).map(|carried| carried.record);
        if let (None, Some(wishes)) = (&known, wishes.get_mut(hit.block as usize)) {
            let row = hit.row as usize;
            wishes.push(Wish { at, row });
        }
        entries.push(known);
    }
    let mut unreadable = 0;
    for (place, wishes) in blocks.iter().zip(&wishes).filter(|(_, w)| !w.is_empty()) {
        match read_block(plan, *place, wishes, cache, &mut entries) {
            Ok(()) => {}
            Err(error) if scan::is_damage(&error) => unreadable += wishes.len() as u64,
            Err(error) => return Err(error.into()),
        }
    }
    let mut records = Vec::with_capacity(entries.len());
    records.extend(entries.into_iter().flatten());
    Ok((records, unreadable))
}

/// Puts the records of one block in their places.
fn read_block(
    plan: &Plan<'_>,
    (segment, block): (usize, usize),
    wishes: &[Wish],
    cache: &BlockCache,
    entries: &mut [Option<StoredRecord>],
) -> Result<(), store::Error> {
    let Some(segment) = plan.segment(segment) else {
        return Ok(());
    };
    let source = segment.block(block).summary().source;
    if source.is_none() {
        // a block of several sources is of a file that still grows, and has changed when the next page comes
        let rows: Vec<usize> = wishes.iter().map(|wish| wish.row).collect();
        let records = segment.block(block).records(&rows)?;
        for (wish, record) in wishes.iter().zip(records) {
            if let Some(entry) = entries.get_mut(wish.at) {
                *entry = Some(record);
            }
        }
        return Ok(());
    }
    let columns = cache.columns(segment, block)?;
    let mut alike = Alike::default();
    for wish in wishes {
        let metadata = alike.metadata(&columns, wish, entries)?;
        if let Some(entry) = entries.get_mut(wish.at) {
            *entry = columns.record(segment, source, wish.row, metadata);
        }
    }
    Ok(())
}

/// Rows of a block whose records were read last: the next often has the metadata of one of them, and to copy that takes less
/// than to decode it once more.
#[derive(Default)]
struct Alike {
    /// Row and place in the page.
    rows: [Option<(usize, usize)>; ALIKE_MAX],
    oldest: usize,
}

/// Two streams of a container, a few processes of a service.
const ALIKE_MAX: usize = 4;

impl Alike {
    fn metadata(
        &mut self,
        columns: &Columns,
        wish: &Wish,
        entries: &[Option<StoredRecord>],
    ) -> Result<Metadata, store::Error> {
        let bytes = columns.metadata.bytes(wish.row);
        let mut known = self.rows.iter().flatten();
        let same = |(row, _): &&(usize, usize)| columns.metadata.bytes(*row) == bytes;
        let record = known
            .find(same)
            .and_then(|(_, at)| entries.get(*at)?.as_ref());
        if let Some(known) = record {
            return Ok(known.record.metadata.clone());
        }
        if let Some(place) = self.rows.get_mut(self.oldest) {
            *place = Some((wish.row, wish.at));
        }
        self.oldest = (self.oldest + 1) % ALIKE_MAX;
        columns.metadata.get(wish.row)
    }
}
