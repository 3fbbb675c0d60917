//! Subcommands that show records: `query`, `tail` and `export`; and the one that adds to them: `event`.

pub(super) mod event;
pub(super) mod export;
pub(super) mod mcp;
pub(super) mod query;
pub(super) mod tail;

mod boot;
mod chart;
