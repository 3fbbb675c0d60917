//! The HTTP API through a real socket.

pub(crate) mod access;
pub(crate) mod api;
pub(crate) mod client;
pub(crate) mod events;
mod evidence;
pub(crate) mod foreign;
pub(crate) mod hostile;
pub(crate) mod mcp;
pub(crate) mod problems;
pub(crate) mod server;
pub(crate) mod tail;
pub(crate) mod tls;
mod views;
