//! The paths for nodes that connect to the gateway, and the connections that begin there.

pub(super) mod handler;
mod severable;
