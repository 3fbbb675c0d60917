//! What the pipeline counts, for whoever watches it.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};

/// The counters of all collectors.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counters(Arc<Mutex<Vec<Named>>>);

/// A collector's name, and what it has brought.
type Named = (String, Arc<Collected>);

/// What one collector has brought since the start.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    records: AtomicU64,
    bytes: AtomicU64,
    failures: AtomicU64,
}

/// The same at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) collector: String,
    /// Records brought.
    pub(crate) records: u64,
    /// Bytes of their messages.
    pub(crate) bytes: u64,
    /// Times that it failed and was started again.
    pub(crate) failures: u64,
}

impl Counters {
    /// Counters of their own for the collector called `name`.
    pub(super) fn register(&self, name: &str) -> Arc<Collected> {
        let collected = Arc::<Collected>::default();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push((name.to_owned(), Arc::clone(&collected)));
        collected
    }

    /// Where everything stands.
    pub(crate) fn read(&self) -> Vec<Count> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = |(name, collected): &Named| Count {
            collector: name.clone(),
            records: collected.records.load(Ordering::Relaxed),
            bytes: collected.bytes.load(Ordering::Relaxed),
            failures: collected.failures.load(Ordering::Relaxed),
        };
        all.iter().map(count).collect()
    }
}

impl Collected {
    pub(super) fn brought(&self, records: usize, bytes: usize) {
        self.records.fetch_add(records as u64, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn failed(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }
}
