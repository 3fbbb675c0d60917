//! The state that the threads of the pipeline share.

use super::counters::Counters;
use crate::live::Live;
use crate::record::Positions;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// The state that the threads share.
#[derive(Debug)]
pub(super) struct PipelineState {
    pub(super) stop: AtomicBool,
    /// Whether threads that have not stopped by now are abandoned.
    pub(super) is_abandoned: AtomicBool,
    /// The committed positions, from which a collector continues after a failure.
    pub(super) committed: Mutex<Positions>,
    pub(super) live: Live,
    pub(super) counters: Counters,
}

impl PipelineState {
    pub(super) fn stopping(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.is_abandoned.load(Ordering::Acquire)
    }

    pub(super) fn committed(&self) -> Positions {
        self.committed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Whether any client tails.
    pub(super) fn has_subscribers(&self) -> bool {
        self.live.subscribers() > 0
    }
}
