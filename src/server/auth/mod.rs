//! Determines who a client is and which records it may see.

pub(crate) mod access_token;
pub(super) mod authenticator;
pub(super) mod forwarded;
pub(super) mod host;
pub(super) mod joining;
pub(super) mod jwt;
pub(super) mod keys;
pub(super) mod node;
pub(super) mod principal;
pub(crate) mod private_file;
pub(super) mod refusal;
pub(super) mod scope;
pub(super) mod session;
