//! The live tail and the list of problems over server-sent events.

pub(super) mod problems;
pub(super) mod sse;
pub(super) mod start;
pub(super) mod stream;
mod waiting;
