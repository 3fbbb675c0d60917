//! Standard output, the pager, progress, and escaping for terminals.

pub(super) mod escape;
pub(super) mod output;
pub(super) mod progress;
pub(super) mod table;
pub(super) mod text;

mod pager;
