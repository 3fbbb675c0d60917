//! The rows of a block that may match, and the columns that were read so far.

mod metadata;

use crate::query::scan::cache::{BlockCache, BlockColumns};
use crate::query::scan::found;
use crate::query::scan::metadata_of::MetadataOf;
use crate::query::text::search::{Search, SearchScratch, TextKey};
use crate::record::Level;
use crate::store::{Block, Error, Messages, Segment};
use crate::time::Micros;
use std::ops::Range;
use std::sync::Arc;

/// Some rows of a block. A column is read once, when it is first needed.
#[derive(Debug)]
pub(in crate::query) struct Rows<'v> {
    block: Block<'v>,
    /// The decoded block, if an earlier page needed it.
    cached: Option<Arc<BlockColumns>>,
    /// Ascending; `None` while all rows are kept.
    kept: Option<Vec<u32>>,
    ids: Option<Vec<u64>>,
    times: Option<Vec<Micros>>,
    levels: Option<Vec<Level>>,
    sources: Option<Vec<u32>>,
    /// All messages, once a search read them.
    text: Option<Vec<u8>>,
    /// Where each message ends in `text`, once a search needed it.
    ends: Option<Vec<u32>>,
    /// All metadata, once a condition read it.
    metadata: Option<MetadataOf>,
    /// The footer says that no row matches.
    is_denied: bool,
    /// Where answers for the block are kept, if it is settled.
    kept_at: Option<SettledPlace<'v>>,
}

/// A block that does not change any more, and the cache of answers about it.
#[derive(Debug, Clone, Copy)]
pub(in crate::query) struct SettledPlace<'v> {
    pub(in crate::query) cache: &'v BlockCache,
    pub(in crate::query) segment: &'v Arc<Segment>,
    pub(in crate::query) block: usize,
}

impl<'v> Rows<'v> {
    pub(in crate::query) fn all(block: Block<'v>, cached: Option<Arc<BlockColumns>>) -> Self {
        Self {
            block,
            cached,
            kept: None,
            ids: None,
            times: None,
            levels: None,
            sources: None,
            text: None,
            ends: None,
            metadata: None,
            is_denied: false,
            kept_at: None,
        }
    }

    /// The same rows, whose answers are kept there.
    pub(in crate::query) fn at(self, kept_at: Option<SettledPlace<'v>>) -> Self {
        Self { kept_at, ..self }
    }

    pub(in crate::query) fn none(block: Block<'v>) -> Self {
        Self {
            kept: Some(Vec::new()),
            is_denied: true,
            ..Self::all(block, None)
        }
    }

    /// Whether every row of the block is kept, so that its footer describes them.
    pub(in crate::query) fn is_whole(&self) -> bool {
        self.kept.is_none()
    }

    pub(in crate::query) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(in crate::query) fn len(&self) -> usize {
        match &self.kept {
            None => self.block.summary().rows as usize,
            Some(kept) => kept.len(),
        }
    }

    /// The number of rows that were read: none if the footer was enough.
    pub(in crate::query) fn scanned(&self) -> u64 {
        if self.is_denied {
            0
        } else {
            u64::from(self.block.summary().rows)
        }
    }

    /// Indexes of the rows, ascending.
    pub(in crate::query) fn indexes(&self) -> Vec<u32> {
        match &self.kept {
            None => (0..self.block.summary().rows).collect(),
            Some(kept) => kept.clone(),
        }
    }

    /// The value of each kept row in a column.
    pub(in crate::query) fn of<'c, T>(
        &self,
        column: &'c [T],
    ) -> impl Iterator<Item = (u32, &'c T)> {
        let indexes = self.indexes();
        indexes
            .into_iter()
            .filter_map(|row| Some((row, column.get(row as usize)?)))
    }

    pub(in crate::query) fn times(&mut self) -> Result<&[Micros], Error> {
        match &self.cached {
            Some(cached) => Ok(&cached.times),
            None => fill(&mut self.times, || self.block.timestamps()),
        }
    }

    pub(in crate::query) fn ids(&mut self) -> Result<&[u64], Error> {
        if let Some(cached) = &self.cached {
            return Ok(&cached.ids);
        }
        let summary = self.block.summary();
        fill(&mut self.ids, || {
            if summary.ids.end - summary.ids.start == u64::from(summary.rows) {
                // with as many ids as rows, no id in between belongs to another block
                return Ok(summary.ids.clone().collect());
            }
            self.block.ids()
        })
    }

    pub(in crate::query) fn levels(&mut self) -> Result<&[Level], Error> {
        match &self.cached {
            Some(cached) => Ok(&cached.levels),
            None => fill(&mut self.levels, || self.block.levels()),
        }
    }

    /// The source of each row, as the segment numbers them.
    pub(in crate::query) fn sources(&mut self) -> Result<&[u32], Error> {
        let summary = self.block.summary();
        let cached = self.cached.as_ref().and_then(|it| it.sources.as_ref());
        fill(&mut self.sources, || match (summary.source, cached) {
            (Some(source), _) => Ok(vec![source; summary.rows as usize]),
            (None, Some(sources)) => Ok(sources.clone()),
            (None, None) => Ok(self.block.sources()?.unwrap_or_default()),
        })
    }

    pub(in crate::query) fn clip_ids(&mut self, range: &Range<u64>) -> Result<(), Error> {
        let ids = self.ids()?;
        let place = |bound: u64| ids.partition_point(|id| *id < bound);
        let (start, end) = (saturated(place(range.start)), saturated(place(range.end)));
        match &mut self.kept {
            Some(kept) => kept.retain(|row| (start..end).contains(row)),
            None => self.kept = Some((start..end).collect()),
        }
        Ok(())
    }

    pub(in crate::query) fn retain_sources(
        &mut self,
        keep: impl Fn(u32) -> bool,
    ) -> Result<(), Error> {
        self.sources()?;
        let column = self.sources.take().unwrap_or_default();
        self.retain_by(&column, |source| keep(*source));
        self.sources = Some(column);
        Ok(())
    }

    pub(in crate::query) fn retain_times(
        &mut self,
        keep: impl Fn(Micros) -> bool,
    ) -> Result<(), Error> {
        let keep = |time: &Micros| keep(*time);
        if let Some(cached) = self.cached.clone() {
            self.retain_by(&cached.times, keep);
            return Ok(());
        }
        self.times()?;
        let column = self.times.take().unwrap_or_default();
        self.retain_by(&column, keep);
        self.times = Some(column);
        Ok(())
    }

    pub(in crate::query) fn retain_levels(
        &mut self,
        keep: impl Fn(Level) -> bool,
    ) -> Result<(), Error> {
        let keep = |level: &Level| keep(*level);
        if let Some(cached) = self.cached.clone() {
            self.retain_by(&cached.levels, keep);
            return Ok(());
        }
        self.levels()?;
        let column = self.levels.take().unwrap_or_default();
        self.retain_by(&column, keep);
        self.levels = Some(column);
        Ok(())
    }

    /// Keeps the rows whose message matches.
    pub(in crate::query) fn retain_found(
        &mut self,
        search: &Search,
        scratch: &mut SearchScratch,
    ) -> Result<(), Error> {
        self.retain_known(search.key(), |rows| rows.search_messages(search, scratch))
    }

    /// Keeps the rows that `search` keeps. Where a plain text was found in a whole settled block is known for the next question.
    pub(in crate::query) fn retain_known(
        &mut self,
        key: Option<TextKey>,
        search: impl FnOnce(&mut Self) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let Some((
            SettledPlace {
                cache,
                segment,
                block,
            },
            key,
        )) = self.kept_at.zip(key)
        else {
            return search(self);
        };
        let known = cache.found().get(&key, segment, block);
        if let Some(bits) = known {
            match &mut self.kept {
                Some(kept) => kept.retain(|row| found::has_row(&bits, *row)),
                None => self.kept = Some(found::rows_of(&bits)),
            }
            return Ok(());
        }
        let is_whole = self.is_whole();
        search(self)?;
        if let Some(kept) = self.kept.as_deref().filter(|_| is_whole) {
            let rows = self.block.summary().rows;
            cache.found().put(key, segment, block, kept, rows);
        }
        Ok(())
    }

    fn search_messages(
        &mut self,
        search: &Search,
        scratch: &mut SearchScratch,
    ) -> Result<(), Error> {
        let mut kept = self.indexes();
        if let Some(cached) = &self.cached {
            let messages = &cached.messages;
            let text = messages.text().as_bytes();
            search.retain(text, messages.ends(), &mut kept, scratch);
        } else {
            let text = match self.text.take() {
                Some(text) => text,
                None => self.block.text()?,
            };
            if search.may_find(&text, scratch) {
                let ends = match self.ends.take() {
                    Some(ends) => ends,
                    None => self.block.message_ends(text.len())?,
                };
                search.retain(&text, &ends, &mut kept, scratch);
                self.ends = Some(ends);
            } else {
                kept.clear();
            }
            self.text = Some(text);
        }
        self.kept = Some(kept);
        Ok(())
    }

    /// Keeps the rows whose message is UTF-8 and passes `keep`.
    pub(in crate::query) fn retain_messages(
        &mut self,
        keep: impl Fn(&str) -> bool,
    ) -> Result<(), Error> {
        if self.is_empty() {
            return Ok(());
        }
        if let Some(cached) = self.cached.clone() {
            self.retain(|row| keep(cached.messages.get(row as usize)));
            return Ok(());
        }
        let text = match self.text.take() {
            Some(text) => text,
            None => self.block.text()?,
        };
        let ends = match self.ends.take() {
            Some(ends) => ends,
            None => self.block.message_ends(text.len())?,
        };
        self.retain(|row| {
            let end_of = |row: u32| ends.get(row as usize).map_or(0, |end| *end as usize);
            let start = row.checked_sub(1).map_or(0, end_of);
            let message = text.get(start..end_of(row)).unwrap_or_default();
            str::from_utf8(message).is_ok_and(&keep)
        });
        (self.text, self.ends) = (Some(text), Some(ends));
        Ok(())
    }

    /// The messages of the whole block, where a search read them and rows are left. Damage is reported by the next reader of the
    /// block.
    pub(in crate::query) fn into_messages(self) -> Option<Messages> {
        let has_rows = !self.is_empty();
        let text = self.text.filter(|_| has_rows)?;
        self.block.cut(text).ok()
    }

    /// The block and the columns that were read.
    pub(in crate::query) fn into_parts(self) -> RowParts<'v> {
        RowParts {
            indexes: self.indexes(),
            block: self.block,
            cached: self.cached,
            text: self.text,
            metadata: self.metadata,
        }
    }

    /// The ids; empty before they are read.
    pub(in crate::query) fn read_ids(&self) -> &[u64] {
        match &self.cached {
            Some(cached) => &cached.ids,
            None => self.ids.as_deref().unwrap_or_default(),
        }
    }

    /// The times; empty before they are read.
    pub(in crate::query) fn read_times(&self) -> &[Micros] {
        match &self.cached {
            Some(cached) => &cached.times,
            None => self.times.as_deref().unwrap_or_default(),
        }
    }

    /// The levels; empty before they are read.
    pub(in crate::query) fn read_levels(&self) -> &[Level] {
        match &self.cached {
            Some(cached) => &cached.levels,
            None => self.levels.as_deref().unwrap_or_default(),
        }
    }

    /// The kept rows, ascending; `None` if all rows are kept.
    pub(in crate::query) fn kept(&self) -> Option<&[u32]> {
        self.kept.as_deref()
    }

    /// The positions among the kept rows whose id is in `range`. The ids must have been read.
    pub(in crate::query) fn within_ids(&self, range: &Range<u64>) -> Range<usize> {
        let ids = self.read_ids();
        let is_below = |bound: u64| move |id: &u64| *id < bound;
        let place = |bound: u64| match &self.kept {
            None => ids.partition_point(is_below(bound)),
            Some(kept) => {
                let id_of = |row: &u32| ids.get(*row as usize);
                kept.partition_point(|row| id_of(row).is_some_and(is_below(bound)))
            }
        };
        place(range.start)..place(range.end)
    }

    /// A copy of the kept rows; `None` if all rows are kept.
    pub(in crate::query) fn clone_kept(&self) -> Option<Vec<u32>> {
        self.kept.clone()
    }

    /// Keeps these rows, or all.
    pub(in crate::query) fn set_kept(&mut self, kept: Option<Vec<u32>>) {
        self.kept = kept;
    }

    /// Keeps these rows; the whole block is kept as such.
    pub(in crate::query) fn keep_only(&mut self, kept: Vec<u32>) {
        let is_whole = kept.len() == self.block.summary().rows as usize;
        self.kept = Some(kept).filter(|_| !is_whole);
    }

    /// Keeps the rows of `within` (all rows for `None`) that are not kept now.
    pub(in crate::query) fn complement_within(&mut self, within: Option<Vec<u32>>) {
        let kept = self.indexes();
        let mut kept = kept.iter().peekable();
        let mut is_left = |row: &u32| {
            while kept.next_if(|next| *next < row).is_some() {}
            kept.next_if_eq(&row).is_none()
        };
        let left = match within {
            Some(mut rows) => {
                rows.retain(&mut is_left);
                rows
            }
            None => (0..self.block.summary().rows)
                .filter(&mut is_left)
                .collect(),
        };
        self.keep_only(left);
    }

    fn retain_by<T>(&mut self, column: &[T], keep: impl Fn(&T) -> bool) {
        self.retain(|row| column.get(row as usize).is_some_and(&keep));
    }

    fn retain(&mut self, keep: impl Fn(u32) -> bool) {
        if let Some(kept) = &mut self.kept {
            kept.retain(|row| keep(*row));
        } else {
            let rows = 0..self.block.summary().rows;
            self.kept = Some(rows.filter(|row| keep(*row)).collect());
        }
    }
}

/// A block, its matching rows, and the columns that were read.
#[derive(Debug)]
pub(in crate::query) struct RowParts<'v> {
    pub(in crate::query) block: Block<'v>,
    pub(in crate::query) indexes: Vec<u32>,
    pub(in crate::query) cached: Option<Arc<BlockColumns>>,
    pub(in crate::query) text: Option<Vec<u8>>,
    pub(in crate::query) metadata: Option<MetadataOf>,
}

/// A block has far fewer rows than `u32::MAX`.
fn saturated(row: usize) -> u32 {
    u32::try_from(row).unwrap_or(u32::MAX)
}

fn fill<T>(
    column: &mut Option<Vec<T>>,
    read: impl FnOnce() -> Result<Vec<T>, Error>,
) -> Result<&[T], Error> {
    match column {
        Some(values) => Ok(values),
        None => Ok(column.insert(read()?)),
    }
}
