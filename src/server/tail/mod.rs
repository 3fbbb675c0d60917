//! The live tail over server-sent events.

pub(super) mod sse;
pub(super) mod start;
pub(super) mod stream;
mod waiting;
