//! Processes blocks in order, on several threads if that helps, within a budget.

use crate::query::scan::budget::Budget;
use crate::query::scan::plan::Candidate;
use crate::query::scan::rank::Rank;
use crate::query::text::search::SearchScratch;
use crate::store::Error;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Threads of one scan: more would starve the writer and the other readers of a small machine.
const THREADS_MAX: usize = 4;
/// How long a scan uses one thread: shorter scans do not benefit from a second one.
const ALONE_FOR: Duration = Duration::from_micros(500);

/// The result of one block.
pub(in crate::query) struct BlockResult<T> {
    /// The number of rows that were read.
    pub(in crate::query) scanned: u64,
    pub(in crate::query) value: T,
}

/// Receives the results of blocks, in any order.
pub(in crate::query) trait Sink<T>: Send {
    /// Whether a block with this bound may still contribute. If not, no later block does.
    fn wants(&self, bound: Rank) -> bool;
    fn take(&mut self, value: T);

    /// Rows up to this rank are not needed; `None` while every row may be needed.
    fn floor(&self) -> Option<Rank> {
        None
    }
}

/// How a scan ended.
#[derive(Debug, Default)]
pub(in crate::query) struct Outcome {
    pub(in crate::query) scanned: u64,
    /// Where the budget ended the scan: all greater ranks were read.
    pub(in crate::query) stopped: Option<Rank>,
    /// Rows of blocks that are damaged.
    pub(in crate::query) unreadable: u64,
}

/// Calls `work` with each candidate and gives the results to `sink`. The blocks with the greatest bound are always read, whatever
/// the budget, so that a client that continues from a partial page makes progress.
///
/// # Errors The first error of `work` that is not damage to one block.
pub(in crate::query) fn run_scan<'v, T: Send, S: Sink<T>>(
    candidates: impl Iterator<Item = Candidate<'v>> + Send,
    budget: &Budget,
    work: impl Fn(Candidate<'v>, &mut SearchScratch) -> Result<BlockResult<T>, Error> + Sync,
    sink: &mut S,
) -> Result<Outcome, Error> {
    let started = Instant::now();
    let shared = Mutex::new(ScanState {
        candidates,
        sink,
        budget,
        started,
        first: None,
        ended: false,
        outcome: Outcome::default(),
        failure: None,
    });
    let worker = |scratch: &mut SearchScratch, alone_for: Option<Duration>| {
        while alone_for.is_none_or(|bound| started.elapsed() < bound) {
            let Some(candidate) = lock(&shared).next() else {
                return;
            };
            let result = work(candidate, scratch);
            lock(&shared).finish(candidate, result);
        }
    };
    let mut scratch = SearchScratch::default();
    worker(&mut scratch, Some(ALONE_FOR));
    if !lock(&shared).ended {
        let helpers = thread::available_parallelism()
            .map_or(1, usize::from)
            .min(THREADS_MAX)
            - 1;
        thread::scope(|scope| {
            for _ in 0..helpers {
                scope.spawn(|| worker(&mut SearchScratch::default(), None));
            }
            worker(&mut scratch, None);
        });
    }
    let shared = shared.into_inner().unwrap_or_else(PoisonError::into_inner);
    match shared.failure {
        Some(error) => Err(error),
        None => Ok(shared.outcome),
    }
}

/// State that the threads of a scan share.
struct ScanState<'s, I, S> {
    candidates: I,
    sink: &'s mut S,
    budget: &'s Budget,
    started: Instant,
    /// The bound of the first block.
    first: Option<Rank>,
    ended: bool,
    outcome: Outcome,
    failure: Option<Error>,
}

impl<'v, I: Iterator<Item = Candidate<'v>>, S> ScanState<'_, I, S> {
    /// The next block to read; `None` when the scan has ended for any reason.
    fn next<T>(&mut self) -> Option<Candidate<'v>>
    where
        S: Sink<T>,
    {
        if self.ended {
            return None;
        }
        let next = self.candidates.next();
        let Some(candidate) = next.filter(|candidate| self.sink.wants(candidate.bound)) else {
            self.ended = true;
            return None;
        };
        let first = *self.first.get_or_insert(candidate.bound);
        // a cancelled page has no client that would continue from it
        let is_over = candidate.bound < first && self.is_spent();
        if is_over || self.budget.cancel.is_cancelled() {
            self.outcome.stopped = Some(candidate.bound);
            self.ended = true;
            return None;
        }
        Some(Candidate {
            floor: self.sink.floor(),
            ..candidate
        })
    }

    fn finish<T>(&mut self, candidate: Candidate<'v>, result: Result<BlockResult<T>, Error>)
    where
        S: Sink<T>,
    {
        match result {
            Ok(part) => {
                self.outcome.scanned += part.scanned;
                self.sink.take(part.value);
            }
            Err(error) if is_damage(&error) => {
                self.outcome.unreadable += u64::from(candidate.block.summary().rows);
            }
            Err(error) => {
                self.ended = true;
                self.failure.get_or_insert(error);
            }
        }
    }

    fn is_spent(&self) -> bool {
        self.outcome.scanned >= self.budget.rows_max
            || self.started.elapsed() >= self.budget.time_max
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Damage affects its own block only.
pub(in crate::query) fn is_damage(error: &Error) -> bool {
    matches!(error, Error::Corrupt { .. })
}
