//! Standard output, the pager, progress, and what is safe to show on a terminal.

pub(super) mod escape;
pub(super) mod output;
pub(super) mod progress;
pub(super) mod table;
pub(super) mod text;

mod pager;
