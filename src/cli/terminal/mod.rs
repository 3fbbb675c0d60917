//! Standard output, the pager, progress, and escaping for terminals.

pub(super) mod escape;
pub(super) mod output;
pub(super) mod progress;
pub(super) mod table;
pub(super) mod text;

mod pager;

use std::env;
use std::io::IsTerminal;

/// Whether a stream gets colours: a terminal does, unless the user refuses them.
pub(super) fn wants_colour(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && !refuses_colour()
}

/// Whether [`NO_COLOR`](https://no-color.org) is set.
pub(super) fn refuses_colour() -> bool {
    env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}
