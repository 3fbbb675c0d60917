//! What the registry says about a node.

use crate::http_client::Origin;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A node of the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::gateway) struct NodeEntry {
    /// Its name, the same as its `LOG_NODE_ID`.
    pub(in crate::gateway) id: String,
    /// Its address.
    pub(in crate::gateway) origin: Origin,
    /// Which certificate it must show.
    pub(in crate::gateway) trust: NodeTrust,
    /// The user who sees all of it.
    pub(in crate::gateway) owner: Option<String>,
    /// Its workspaces and their owners.
    pub(in crate::gateway) workspaces: BTreeMap<String, String>,
    /// Labels for selecting nodes.
    pub(in crate::gateway) labels: BTreeMap<String, String>,
}

/// Which certificate a node must show.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::gateway) enum NodeTrust {
    /// None: the connection is not encrypted.
    Plain,
    /// One of the authorities that the gateway trusts.
    Usual,
    /// One of the authorities in this file.
    AuthoritiesFile(PathBuf),
    /// One of these authorities, in PEM.
    Authorities(String),
    /// The one with this SHA-256.
    Certificate([u8; 32]),
}
