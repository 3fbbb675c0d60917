//! Nodes that connect to the gateway, as nothing can connect to them: tokens to join with, keys, revocation, and what a node must prove.
//! `format-spec/gateway.md` describes it; the other side is `server::uplink`.

pub(super) mod challenge;
pub(super) mod document;
pub(super) mod members;
