//! Captured commands: what a command writes is passed on as it is and kept, scrubbed, in a log of its own, whether or not a
//! server runs. `format-spec/capture.md` is the format of the log; the collector of the folder reads it.
//!
//! The command comes first: nothing that goes wrong here (a full disk, a folder that cannot be written) is anything that it
//! could notice. What could not be kept is counted and told.

mod command;
mod log;
mod session;
mod user;

pub use command::{
    Command, CommandEnd, Keep, become_on_terminal, exit_code_of, pass_standard_input,
};
pub(crate) use log::{
    CaptureGap, FIRST_PART, FOREIGN_BYTES_MAX, FOREIGN_RUNS_MAX, Folder, LogEntry, RunEnd,
    RunEvent, RunParts, RunStart, StreamCount, user_folder,
};
pub use log::{CaptureLimits, Category, RunId, RunIdError, Stream};
pub use session::{Ending, RecordingOptions, RunFacts};
pub use user::user_name;
