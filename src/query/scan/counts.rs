//! Counts of whole blocks by bucket, kept from histogram to histogram: a client that watches one repeats its request, and a
//! sealed block never changes.

use crate::query::scan::scale::Scale;
use crate::store::Segment;
use std::collections::HashMap;
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

/// The cached counts.
#[derive(Debug, Default)]
pub(in crate::query) struct Known {
    entries: HashMap<(usize, CountsKey), KeptCounts>,
    counts: usize,
}

#[derive(Debug)]
struct KeptCounts {
    /// Holding it ensures that no other segment gets the same address.
    segment: Weak<Segment>,
    groups: Arc<[GroupCounts]>,
}

impl Known {
    pub(in crate::query) fn get(
        &self,
        segment: &Arc<Segment>,
        question: CountsKey,
    ) -> Option<Arc<[GroupCounts]>> {
        let entry = self.entries.get(&(address(segment), question))?;
        Some(Arc::clone(&entry.groups))
    }

    pub(in crate::query) fn put(
        &mut self,
        segment: &Arc<Segment>,
        question: CountsKey,
        groups: &Arc<[GroupCounts]>,
    ) {
        let counts = weight(groups);
        if self.counts + counts > COUNTS_MAX {
            // first drop counts of segments that are gone; if that is not enough, drop all
            self.entries
                .retain(|_, entry| entry.segment.strong_count() > 0);
            self.counts = self.entries.values().map(|it| weight(&it.groups)).sum();
            if self.counts + counts > COUNTS_MAX / 2 {
                *self = Self::default();
            }
        }
        let entry = KeptCounts {
            segment: Arc::downgrade(segment),
            groups: Arc::clone(groups),
        };
        let before = self.entries.insert((address(segment), question), entry);
        self.counts += counts;
        self.counts -= before.map_or(0, |entry| weight(&entry.groups));
    }
}

fn weight(groups: &[GroupCounts]) -> usize {
    let counts: usize = groups.iter().map(|group| group.counts.len() + 5).sum();
    counts + ENTRY_COUNTS
}

fn address(segment: &Arc<Segment>) -> usize {
    Arc::as_ptr(segment).addr()
}
