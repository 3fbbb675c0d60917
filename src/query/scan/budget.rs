//! Bounds of one scan, and the switch that ends it from outside.

use crate::query::scan::cache::BlockCache;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Bounds of one scan: beyond them a page is partial and has `has_more`.
#[derive(Debug, Clone)]
pub struct Budget {
    /// The maximum number of rows to read.
    pub rows_max: u64,
    /// The maximum duration.
    pub time_max: Duration,
    /// Cancels the scan from outside, when its client has gone.
    pub cancel: Cancel,
    /// Blocks that were decoded for earlier pages.
    pub cache: BlockCache,
}

impl Default for Budget {
    /// More rows than a store on a small machine holds, and less time than people and proxies wait.
    fn default() -> Self {
        Self {
            rows_max: 50_000_000,
            time_max: Duration::from_secs(5),
            cancel: Cancel::default(),
            cache: BlockCache::default(),
        }
    }
}

/// Cancels scans; clones share one state.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Ends all scans that hold a clone, at their next block.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether they are to end.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
