//! Counts of whole blocks by bucket or period, kept from request to request: a client that watches a histogram repeats it, and a
//! sealed block never changes.

use crate::query::scan::scale::Scale;
use crate::store::Segment;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Weak};

/// The maximum number of counts in the cache: 2 MiB, enough for 10 million records.
const COUNTS_MAX: usize = (2 << 20) / size_of::<u64>();
/// The overhead of an entry, as a number of counts.
const ENTRY_COUNTS: usize = 16;

/// The counts of one group in a block: of a level by its index, of a source by its number in the segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::query) struct GroupCounts {
    pub(in crate::query) group: u32,
    /// The bucket of the first count.
    pub(in crate::query) first: usize,
    pub(in crate::query) counts: Vec<u64>,
}

/// Identifies counts of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::query) struct CountsKey {
    pub(in crate::query) block: usize,
    pub(in crate::query) scale: Scale,
    pub(in crate::query) by_source: bool,
}

/// Counts that are part of an answer about one block.
pub(in crate::query) trait Counts {
    /// Their memory, in counts of a histogram.
    fn weight(&self) -> usize;
}

impl Counts for GroupCounts {
    fn weight(&self) -> usize {
        self.counts.len() + 5
    }
}

/// How many rows of a segment have a value of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::query) struct ValueCount {
    pub(in crate::query) value: Box<str>,
    pub(in crate::query) rows: u64,
}

impl Counts for ValueCount {
    fn weight(&self) -> usize {
        (size_of::<Self>() + self.value.len()).div_ceil(size_of::<u64>())
    }
}

/// The cached counts, by the question that they answer.
#[derive(Debug)]
pub(in crate::query) struct Known<Q, T> {
    entries: HashMap<(usize, Q), KeptCounts<T>>,
    counts: usize,
}

impl<Q, T> Default for Known<Q, T> {
    fn default() -> Self {
        Self {
            entries: HashMap::new(),
            counts: 0,
        }
    }
}

#[derive(Debug)]
struct KeptCounts<T> {
    /// Holding it ensures that no other segment gets the same address.
    segment: Weak<Segment>,
    counts: Arc<[T]>,
}

impl<Q: Eq + Hash, T: Counts> Known<Q, T> {
    pub(in crate::query) fn get(&self, segment: &Arc<Segment>, question: Q) -> Option<Arc<[T]>> {
        let entry = self.entries.get(&(address(segment), question))?;
        Some(Arc::clone(&entry.counts))
    }

    pub(in crate::query) fn put(&mut self, segment: &Arc<Segment>, question: Q, of: &Arc<[T]>) {
        let counts = weight(of);
        if counts > COUNTS_MAX / 8 {
            return;
        }
        if self.counts + counts > COUNTS_MAX {
            // first drop counts of segments that are gone; if that is not enough, drop all
            self.entries
                .retain(|_, entry| entry.segment.strong_count() > 0);
            self.counts = self.entries.values().map(|it| weight(&it.counts)).sum();
            if self.counts + counts > COUNTS_MAX / 2 {
                *self = Self::default();
            }
        }
        let entry = KeptCounts {
            segment: Arc::downgrade(segment),
            counts: Arc::clone(of),
        };
        let before = self.entries.insert((address(segment), question), entry);
        self.counts += counts;
        self.counts -= before.map_or(0, |entry| weight(&entry.counts));
    }
}

fn weight<T: Counts>(counts: &[T]) -> usize {
    counts.iter().map(Counts::weight).sum::<usize>() + ENTRY_COUNTS
}

fn address(segment: &Arc<Segment>) -> usize {
    Arc::as_ptr(segment).addr()
}
