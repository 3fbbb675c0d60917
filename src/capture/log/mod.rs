//! The capture log: its lines, its files and its folders, as `format-spec/capture.md` defines them.

mod category;
mod entry;
mod folder;
mod keep;
mod run_id;
mod spool;
mod writer;

pub use category::Category;
pub(crate) use category::{ExitFailure, classify};
pub use entry::Stream;
pub(crate) use entry::{CaptureGap, LogEntry, RunEnd, RunEvent, RunStart, StreamCount, write};
pub use folder::CaptureLimits;
pub(crate) use folder::{
    FIRST_PART, FOREIGN_BYTES_MAX, FOREIGN_RUNS_MAX, Folder, RunParts, report_name,
};
pub use keep::Keep;
pub use run_id::{RunId, RunIdError};
pub(crate) use spool::user_folder;
pub(crate) use writer::RunLog;
