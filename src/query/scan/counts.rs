//! Counts of whole blocks by bucket or period, kept from request to request: a client that watches a histogram repeats it, and a
//! settled block never changes.

use crate::query::scan::scale::Scale;
use crate::store::{Segment, SegmentFile};
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

/// Counts that are kept.
pub(in crate::query) trait Counts {
    /// Their memory, in counts of a histogram.
    fn weight(&self) -> usize;
}

impl<T: Counts> Counts for [T] {
    fn weight(&self) -> usize {
        self.iter().map(Counts::weight).sum()
    }
}

impl Counts for GroupCounts {
    fn weight(&self) -> usize {
        self.counts.len() + 5
    }
}

/// The values of a key in the first blocks of a segment.
#[derive(Debug)]
pub(in crate::query) struct CountedValues {
    pub(in crate::query) blocks: usize,
    /// Each with the number of rows that have it.
    pub(in crate::query) values: Box<[(Box<str>, u64)]>,
}

impl Counts for CountedValues {
    fn weight(&self) -> usize {
        let bytes = |(value, _): &(Box<str>, u64)| size_of::<(Box<str>, u64)>() + value.len();
        self.values.iter().map(bytes).sum::<usize>() / size_of::<u64>()
    }
}

/// The cached counts, by the question that they answer.
#[derive(Debug)]
pub(in crate::query) struct Known<Q, T: ?Sized> {
    entries: HashMap<(usize, Q), KeptCounts<T>>,
    counts: usize,
}

impl<Q, T: ?Sized> Default for Known<Q, T> {
    fn default() -> Self {
        Self {
            entries: HashMap::new(),
            counts: 0,
        }
    }
}

#[derive(Debug)]
struct KeptCounts<T: ?Sized> {
    /// Holding it ensures that no other file gets the same address.
    file: Weak<SegmentFile>,
    counts: Arc<T>,
}

impl<Q: Eq + Hash, T: Counts + ?Sized> Known<Q, T> {
    pub(in crate::query) fn get(&self, segment: &Segment, question: Q) -> Option<Arc<T>> {
        let entry = self.entries.get(&(address(segment), question))?;
        Some(Arc::clone(&entry.counts))
    }

    pub(in crate::query) fn put(&mut self, segment: &Segment, question: Q, of: &Arc<T>) {
        let counts = weight(&**of);
        if counts > COUNTS_MAX / 8 {
            return;
        }
        if self.counts + counts > COUNTS_MAX {
            // first drop counts of segments that are gone; if that is not enough, drop all
            self.entries
                .retain(|_, entry| entry.file.strong_count() > 0);
            self.counts = self.entries.values().map(|it| weight(&*it.counts)).sum();
            if self.counts + counts > COUNTS_MAX / 2 {
                *self = Self::default();
            }
        }
        let entry = KeptCounts {
            file: Arc::downgrade(segment.file()),
            counts: Arc::clone(of),
        };
        let before = self.entries.insert((address(segment), question), entry);
        self.counts += counts;
        self.counts -= before.map_or(0, |entry| weight(&*entry.counts));
    }
}

fn weight<T: Counts + ?Sized>(counts: &T) -> usize {
    counts.weight() + ENTRY_COUNTS
}

fn address(segment: &Segment) -> usize {
    Arc::as_ptr(segment.file()).addr()
}
