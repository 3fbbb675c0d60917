//! Requests and replies as every endpoint reads and writes them.

pub(super) mod encoding;
pub(super) mod error;
pub(super) mod foreign_call;
pub(super) mod foreign_description;
pub(super) mod loki_call;
pub(super) mod reply;
pub(super) mod request;
pub(super) mod route;
