//! Bounds on connections, requests, memory and running work, shared among principals.

pub(super) mod connections;
pub(super) mod gate;
pub(super) mod memory;
pub(super) mod rate;
pub(super) mod shares;
