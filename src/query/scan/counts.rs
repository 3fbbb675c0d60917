//! Counts of whole blocks by bucket, kept from histogram to histogram: who watches one asks for the same again and again, and a
//! sealed block never changes.

use crate::query::scan::scale::Scale;
use crate::store::Segment;
use std::collections::HashMap;
use std::sync::{Arc, Weak};

/// Counts that are kept, of all blocks together: 2 MiB of them, enough for 10 million records.
const COUNTS_MAX: usize = (2 << 20) / size_of::<u64>();
/// What an entry takes beside its counts, in counts.
const ENTRY_COUNTS: usize = 16;

/// The counts of one group in a block: of a level by its index, of a source by its number in the segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::query) struct GroupCounts {
    pub(in crate::query) group: u32,
    /// The bucket of the first count.
    pub(in crate::query) first: usize,
    pub(in crate::query) counts: Vec<u64>,
}

/// Which counts of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::query) struct Question {
    pub(in crate::query) block: usize,
    pub(in crate::query) scale: Scale,
    pub(in crate::query) by_source: bool,
}

/// The counts that are kept.
#[derive(Debug, Default)]
pub(in crate::query) struct Known {
    entries: HashMap<(usize, Question), Entry>,
    counts: usize,
}

#[derive(Debug)]
struct Entry {
    /// While this is held, no other segment can have its address.
    segment: Weak<Segment>,
    groups: Arc<[GroupCounts]>,
}

impl Known {
    pub(in crate::query) fn get(
        &self,
        segment: &Arc<Segment>,
        question: Question,
    ) -> Option<Arc<[GroupCounts]>> {
        let entry = self.entries.get(&(address(segment), question))?;
        Some(Arc::clone(&entry.groups))
    }

    pub(in crate::query) fn put(
        &mut self,
        segment: &Arc<Segment>,
        question: Question,
        groups: &Arc<[GroupCounts]>,
    ) {
        let counts = weight(groups);
        if self.counts + counts > COUNTS_MAX {
            // first what nobody can see any more, then whatever was asked before
            self.entries
                .retain(|_, entry| entry.segment.strong_count() > 0);
            self.counts = self.entries.values().map(|it| weight(&it.groups)).sum();
            if self.counts + counts > COUNTS_MAX / 2 {
                *self = Self::default();
            }
        }
        let entry = Entry {
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
