//! Tools for AI agents over the Model Context Protocol: they only read, answers are short, and log text is marked as data. The protocol's
//! part that tools need (initialize, ping, tools/list, tools/call) is a few messages of JSON-RPC, so it is written here.
//! `format-spec/mcp.md` describes tools and bounds.
//!
//! ```text
//! vmlog mcp (stdio) -+
//! POST /mcp         -+-> protocol -> tools -> Logs: a store, or what the token may see
//! ```

#![deny(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "messages come from outside"
)]
#![cfg_attr(
    test,
    allow(
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::unwrap_used,
        reason = "a test may panic"
    )
)]

mod arguments;
mod logs;
mod protocol;
mod table;
mod text;
mod tools;

pub use logs::{Logs, StoreLogs};
pub use protocol::{McpRequest, PROTOCOL_VERSIONS};
pub use table::{TAIL_SECONDS_MAX, TOOLS, Tool};
pub use text::ANSWER_BYTES_MAX;
