//! The items of the queue between collectors and the writer.

use super::counters::Collected;
use crate::collect::Batch;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// An item of the queue. Without content it wakes the writer.
#[derive(Default)]
pub(super) struct Delivery {
    pub(super) batch: Batch,
    /// The collectors of the records.
    pub(super) shares: Vec<BatchShare>,
    /// The counter to decrease when the batch is committed.
    pub(super) in_flight: Option<Arc<InFlightBatches>>,
}

/// The number of records of a delivery from one collector.
#[derive(Debug)]
pub(super) struct BatchShare {
    collected: Arc<Collected>,
    records: u64,
}

impl BatchShare {
    pub(super) fn new(collected: &Arc<Collected>, batch: &Batch) -> Self {
        Self {
            collected: Arc::clone(collected),
            records: batch.records.len() as u64,
        }
    }

    pub(super) fn is_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.collected, &other.collected)
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.records += other.records;
    }

    /// Counts the records as stored.
    pub(super) fn stored(&self) {
        self.collected.stored(self.records);
    }
}

/// The number of batches that are sent but not committed.
#[derive(Debug, Default)]
pub(super) struct InFlightBatches(AtomicUsize);

impl InFlightBatches {
    pub(super) fn sent(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn count(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }

    /// A batch has been committed.
    pub(super) fn committed(&self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
