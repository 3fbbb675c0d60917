//! The events of following records, and the place to start.

use crate::record::{Id, StoredRecord};

/// Maximum number of records in one page: the default maximum of a server.
pub(in crate::cli) const PAGE_ROWS: usize = 500;

/// An event of following records.
#[derive(Debug)]
pub(in crate::cli) enum FollowEvent {
    /// A record that matches the filter.
    Record(StoredRecord),
    /// Records that were lost before they could be shown, with their number if it is known.
    Gap(Option<u64>),
    /// Warnings about the filter.
    Warnings(Vec<String>),
    /// No record at the moment: buffered output should be written.
    Idle,
    /// The connection to the server was lost, for this reason.
    Lost(String),
    /// The connection was restored.
    Back,
}

/// Where following starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum FollowStart {
    /// With this number of the newest records.
    Newest(usize),
    /// After this record.
    After(Id),
}
