//! Subcommands that show records: `query`, `tail` and `export`.

pub(super) mod export;
pub(super) mod query;
pub(super) mod tail;

mod boot;
mod chart;
