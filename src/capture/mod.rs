//! Captured commands: what a command writes is passed on as it is and kept, scrubbed, in a log of its own, whether or not a
//! server runs. `format-spec/capture.md` is the format of the log; the collector of the folder reads it.
//!
//! The command comes first: nothing that goes wrong here (a full disk, a folder that cannot be written) is anything that it
//! could notice. What could not be kept is counted and told.

mod category;
mod command;
mod entry;
mod folder;
mod log;
mod notice;
mod pty;
mod pump;
mod quote;
mod report;
mod run_id;
mod scrub;
mod session;
mod signals;
mod spool;
mod user;

pub use category::Category;
pub use command::{Command, Ended, Keep, exit_code_of};
pub use entry::Stream;
pub(crate) use entry::{Count, End, Entry, Event, Gap, Start};
pub use folder::Limits;
pub(crate) use folder::{FIRST_PART, Folder, Parts};
pub use pty::become_on_terminal;
pub use pump::pass_standard_input;
pub use run_id::{RunId, RunIdError};
pub use session::{Ending, Facts, Options};
pub(crate) use spool::user_folder;
pub use user::user_name;
