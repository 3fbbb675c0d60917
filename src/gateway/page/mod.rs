//! The page of the gateway: the list of nodes, and for each node the same page that the node serves.

pub(super) mod files;
pub(super) mod sign_in;
