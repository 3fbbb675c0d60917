//! Nodes and the connections to them.

pub(super) mod body;
pub(super) mod client;
pub(super) mod entry;
pub(super) mod fault;
pub(super) mod pool;
pub(super) mod room;
pub(super) mod uplinks;
