//! `vmlog exec` and `vmlog pipe`: capture the output of commands.

pub(super) mod exec;
pub(super) mod pipe;

mod arguments;
mod directory;
mod json_lines;
