//! Captures commands: the output of a command is passed on unchanged and stored, with secrets redacted, in a log per
//! run, whether or not a server runs. `format-spec/capture.md` specifies the log; the collector of the capture folder
//! reads it.
//!
//! The command takes precedence: it never notices a failure of the capture, such as a full disk or a folder that
//! cannot be written. Output that could not be stored is counted and reported.

mod command;
mod log;
mod session;
mod user;

pub use command::{Command, CommandEnd, become_on_terminal, exit_code_of, pass_standard_input};
pub(crate) use log::{
    CaptureGap, FIRST_PART, FOREIGN_BYTES_MAX, FOREIGN_RUNS_MAX, Folder, LogEntry, RunEnd,
    RunEvent, RunParts, RunStart, StreamCount, user_folder,
};
pub use log::{CaptureLimits, Category, Keep, RunId, RunIdError, Stream};
pub use session::{
    CapturedLine, Ending, GapReason, LogSink, RecordingOptions, RunFacts, SinkGap, SinkItem,
};
pub use user::user_name;
