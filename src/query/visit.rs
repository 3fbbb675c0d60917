//! Every record that matches, block by block: for counting, and for other query languages.

use crate::query::error::Error;
use crate::query::filter::Filter;
use crate::query::scan::budget::Budget;
use crate::query::scan::cache::BlockColumns;
use crate::query::scan::metadata_of::MetadataOf;
use crate::query::scan::plan::QueryPlan;
use crate::query::scan::rank::{Direction, Order, Rank, Ranking};
use crate::query::scan::rows::RowParts;
use crate::query::scan::run::{BlockResult, Sink, run_scan};
use crate::record::{Level, Metadata, Source};
use crate::store::{self, Block, Messages, Summary, View};
use crate::time::Micros;
use foldhash::fast::RandomState;
use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

/// How a visit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Visit {
    /// How many rows were looked at.
    pub scanned: u64,
    /// How many rows could not be looked at, since their blocks are damaged.
    pub unreadable: u64,
    /// The budget ended the scan: blocks are missing.
    pub is_partial: bool,
}

/// Hands the rows of each block that match to `work`, on up to four threads, and its results to `take`, one at a time. Blocks come
/// about in the order of `direction`; `take` ends the visit with `Break`. A block on which `work` fails as damaged is counted as
/// unreadable.
///
/// # Errors
/// [`Error`] when the store cannot be read.
pub fn visit<T: Send>(
    view: &View,
    filter: &Filter,
    direction: Direction,
    budget: &Budget,
    work: impl Fn(&MatchedRows<'_>) -> Result<T, store::Error> + Sync,
    take: impl FnMut(T) -> ControlFlow<()> + Send,
) -> Result<Visit, Error> {
    let plan = QueryPlan::new(view, filter, 0..u64::MAX, &budget.cache);
    let ranking = Ranking {
        order: Order::Id,
        direction,
    };
    let mut taker = Taker {
        take,
        is_done: false,
    };
    let outcome = run_scan(
        plan.candidates(ranking, None),
        budget,
        |candidate, scratch| {
            let rows = plan.select(candidate, scratch)?;
            let scanned = rows.scanned();
            if rows.is_empty() {
                return Ok(BlockResult {
                    scanned,
                    value: None,
                });
            }
            let segment = plan.segment(candidate.place.0);
            let names = segment.map_or(&[][..], |segment| segment.sources());
            let matched = MatchedRows::new(rows.into_parts(), names);
            Ok(BlockResult {
                scanned,
                value: Some(work(&matched)?),
            })
        },
        &mut taker,
    )?;
    Ok(Visit {
        scanned: outcome.scanned,
        unreadable: outcome.unreadable,
        is_partial: outcome.stopped.is_some(),
    })
}

/// Whether a record may match, as far as the footers of blocks tell.
#[must_use]
pub fn has_candidates(view: &View, filter: &Filter, budget: &Budget) -> bool {
    let plan = QueryPlan::new(view, filter, 0..u64::MAX, &budget.cache);
    let mut candidates = plan.candidates(Ranking::default(), None);
    candidates.next().is_some()
}

struct Taker<F> {
    take: F,
    is_done: bool,
}

impl<T: Send, F: FnMut(T) -> ControlFlow<()> + Send> Sink<Option<T>> for Taker<F> {
    fn wants(&self, _: Rank) -> bool {
        !self.is_done
    }

    fn take(&mut self, value: Option<T>) {
        if let Some(value) = value.filter(|_| !self.is_done) {
            self.is_done = (self.take)(value).is_break();
        }
    }
}

/// The rows of one block that match, one or more, ascending by id. A column is read when it is first asked for.
#[derive(Debug)]
pub struct MatchedRows<'b> {
    block: Block<'b>,
    names: &'b [Source],
    /// Which rows of the block.
    indexes: Vec<u32>,
    cached: Option<Arc<BlockColumns>>,
    /// All messages of the block, where the filter read them.
    text: RefCell<Option<Vec<u8>>>,
    /// Its metadata, where the filter read it.
    read_metadata: Option<MetadataOf>,
    ids: OnceCell<Vec<u64>>,
    timestamps: OnceCell<Vec<Micros>>,
    levels: OnceCell<Vec<Level>>,
    sources: OnceCell<Vec<u32>>,
}

impl<'b> MatchedRows<'b> {
    fn new(parts: RowParts<'b>, names: &'b [Source]) -> Self {
        Self {
            block: parts.block,
            names,
            indexes: parts.indexes,
            cached: parts.cached,
            text: RefCell::new(parts.text),
            read_metadata: parts.metadata,
            ids: OnceCell::new(),
            timestamps: OnceCell::new(),
            levels: OnceCell::new(),
            sources: OnceCell::new(),
        }
    }

    /// How many rows match.
    #[must_use]
    pub fn len(&self) -> usize {
        self.indexes.len()
    }

    /// What the footer says of the block, where all of its rows match.
    #[must_use]
    pub fn whole(&self) -> Option<&'b Summary> {
        let summary = self.block.summary();
        (self.indexes.len() == summary.rows as usize).then_some(summary)
    }

    /// Whether no row matches, which no visit hands out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.indexes.is_empty()
    }

    /// Their ids.
    ///
    /// # Errors
    /// [`store::Error`] when the column cannot be read; so do all columns.
    pub fn ids(&self) -> Result<&[u64], store::Error> {
        let of_cached = |cached: &BlockColumns| self.of_rows(&cached.ids);
        self.column(&self.ids, of_cached, || self.block.ids())
    }

    /// Their timestamps.
    ///
    /// # Errors
    /// As [`Self::ids`].
    pub fn timestamps(&self) -> Result<&[Micros], store::Error> {
        let of_cached = |cached: &BlockColumns| self.of_rows(&cached.times);
        self.column(&self.timestamps, of_cached, || self.block.timestamps())
    }

    /// Their levels.
    ///
    /// # Errors
    /// As [`Self::ids`].
    pub fn levels(&self) -> Result<&[Level], store::Error> {
        let of_cached = |cached: &BlockColumns| self.of_rows(&cached.levels);
        self.column(&self.levels, of_cached, || self.block.levels())
    }

    /// The source of the row at `index`, counted from the first row that matches.
    ///
    /// # Errors
    /// As [`Self::ids`].
    pub fn source(&self, index: usize) -> Result<Option<&'b Source>, store::Error> {
        let mut number = self.block.summary().source;
        if number.is_none() {
            let read = || Ok(self.block.sources()?.unwrap_or_default());
            let sources = fill(&self.sources, || Ok(self.of_rows(&read()?)))?;
            number = sources.get(index).copied();
        }
        Ok(number.and_then(|number| self.names.get(number as usize)))
    }

    /// Their messages.
    ///
    /// # Errors
    /// As [`Self::ids`].
    pub fn messages(&self) -> Result<MatchedTexts<'_>, store::Error> {
        let messages = match (&self.cached, self.text.take()) {
            (Some(cached), _) => Texts::Cached(Arc::clone(cached)),
            (None, Some(text)) => Texts::Read(self.block.cut(text)?),
            (None, None) => Texts::Read(self.block.messages()?),
        };
        Ok(MatchedTexts {
            messages,
            indexes: &self.indexes,
        })
    }

    /// Their metadata.
    ///
    /// # Errors
    /// As [`Self::ids`].
    pub fn metadata(&self) -> Result<MatchedMetadata<'_>, store::Error> {
        let column = match (&self.read_metadata, &self.cached) {
            (Some(read), _) => read.clone(),
            (None, Some(cached)) => MetadataOf::Cached(Arc::clone(cached)),
            (None, None) => MetadataOf::Read(Arc::new(self.block.metadata()?)),
        };
        Ok(MatchedMetadata {
            column,
            indexes: &self.indexes,
        })
    }

    /// The values of the rows that match, from the columns of an earlier page or from the block.
    fn column<'c, T: Copy>(
        &self,
        cell: &'c OnceCell<Vec<T>>,
        of_cached: impl FnOnce(&BlockColumns) -> Vec<T>,
        read: impl FnOnce() -> Result<Vec<T>, store::Error>,
    ) -> Result<&'c [T], store::Error> {
        fill(cell, || match &self.cached {
            Some(cached) => Ok(of_cached(cached)),
            None if self.whole().is_some() => read(),
            None => Ok(self.of_rows(&read()?)),
        })
    }

    fn of_rows<T: Copy>(&self, column: &[T]) -> Vec<T> {
        let rows = self.indexes.iter();
        rows.filter_map(|row| column.get(*row as usize).copied())
            .collect()
    }
}

enum Texts {
    Cached(Arc<BlockColumns>),
    Read(Messages),
}

/// Messages of the rows that match.
pub struct MatchedTexts<'m> {
    messages: Texts,
    indexes: &'m [u32],
}

impl MatchedTexts<'_> {
    /// The message of the row at `index`, counted from the first row that matches; empty beyond the last one.
    #[must_use]
    pub fn get(&self, index: usize) -> &str {
        let Some(row) = self.indexes.get(index) else {
            return "";
        };
        match &self.messages {
            Texts::Cached(columns) => columns.messages.get(*row as usize),
            Texts::Read(messages) => messages.get(*row as usize),
        }
    }
}

/// Metadata of the rows that match, still encoded.
pub struct MatchedMetadata<'m> {
    column: MetadataOf,
    indexes: &'m [u32],
}

impl MatchedMetadata<'_> {
    /// The metadata of the row at `index`, counted from the first row that matches; none beyond the last one.
    ///
    /// # Errors
    /// [`store::Error`] when it is damaged.
    pub fn get(&self, index: usize) -> Result<Metadata, store::Error> {
        match self.indexes.get(index) {
            Some(row) => self.column.get(*row as usize),
            None => Ok(Metadata::new()),
        }
    }

    /// The number of each row's metadata, from 0: rows with equal metadata have the same number. Few are different in most
    /// blocks, so that each needs to be decoded once only.
    #[must_use]
    pub fn groups(&self) -> Vec<usize> {
        let mut numbers: HashMap<&[u8], usize, RandomState> = HashMap::default();
        let rows = self.indexes.iter();
        rows.map(|row| {
            let next = numbers.len();
            *numbers
                .entry(self.column.bytes(*row as usize))
                .or_insert(next)
        })
        .collect()
    }
}

fn fill<T>(
    cell: &OnceCell<Vec<T>>,
    read: impl FnOnce() -> Result<Vec<T>, store::Error>,
) -> Result<&[T], store::Error> {
    if let Some(values) = cell.get() {
        return Ok(values);
    }
    let values = read()?;
    Ok(cell.get_or_init(|| values))
}
