//! Options of the pipeline, and how it creates a collector.

use crate::collect::Collector;
use crate::record::{Positions, StoredRecord};
use std::sync::Arc;
use std::time::Duration;

/// Makes a collector that continues from these positions, at the start and after a failure.
pub(crate) type Build = Box<dyn FnMut(&Positions) -> Box<dyn Collector> + Send>;

/// Receives the records that were stored, on the writer's thread.
pub(crate) type Tap = Box<dyn Fn(&[Arc<StoredRecord>]) + Send + Sync>;

/// Options of the pipeline.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PipelineOptions {
    /// The maximum time that a record waits.
    pub(crate) flush_after: Duration,
    /// The number of records that are written without waiting.
    pub(crate) flush_records: usize,
    /// The maximum number of distinct sources. Records of further ones share one source.
    pub(crate) sources_max: usize,
    /// Time limits for sources that do not respond.
    pub(crate) timeouts: SourceTimeouts,
}

/// Time limits for sources that do not respond.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SourceTimeouts {
    /// For one call. Beyond this it is reported, and during the merge of histories the other sources continue.
    pub(crate) answer: Duration,
    /// For the stop of collectors. Unsent data is read again at the next start.
    pub(crate) stop: Duration,
    /// Between the first failure of a collector and its restart. Each further back-off is twice as long, up to a maximum.
    pub(crate) retry: Duration,
}

impl Default for SourceTimeouts {
    /// Far more than a slow disk needs. A source that is merely slow loses nothing.
    fn default() -> Self {
        Self {
            answer: Duration::from_secs(10),
            stop: Duration::from_secs(5),
            retry: Duration::from_secs(1),
        }
    }
}
