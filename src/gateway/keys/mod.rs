//! The keys of the gateway, and the tokens for nodes that it signs with them.

pub(super) mod keyring;
pub(super) mod mint;
