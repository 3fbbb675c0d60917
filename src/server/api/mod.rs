//! One handler for each endpoint.

pub(super) mod counts;
pub(super) mod events;
pub(super) mod evidence;
pub(super) mod export;
pub(super) mod fields;
pub(super) mod health;
pub(super) mod logs;
pub(super) mod mcp;
pub(super) mod metrics;
pub(super) mod openapi;
pub(super) mod patterns;
pub(super) mod problems;
pub(super) mod respond;
pub(super) mod runs;
pub(super) mod session;
