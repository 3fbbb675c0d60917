//! What the registry says about a node.

use crate::http_client::Origin;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Maximum number of nodes in the list, and of nodes that have joined.
pub(in crate::gateway) const NODES_MAX: usize = 20_000;

/// A node of the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::gateway) struct NodeEntry {
    /// Its name, the same as its `LOG_NODE_ID`.
    pub(in crate::gateway) id: String,
    /// How it is reached.
    pub(in crate::gateway) address: NodeAddress,
    /// The user who sees all of it.
    pub(in crate::gateway) owner: Option<String>,
    /// Its workspaces and their owners.
    pub(in crate::gateway) workspaces: BTreeMap<String, String>,
    /// Labels for selecting nodes.
    pub(in crate::gateway) labels: BTreeMap<String, String>,
}

/// How a node is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::gateway) enum NodeAddress {
    /// The gateway connects to it.
    Url {
        /// Where.
        origin: Origin,
        /// Which certificate it must show.
        trust: NodeTrust,
    },
    /// It connects to the gateway.
    Connects,
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

/// Maximum length of the name of a node, a workspace, a user or a label.
const NAME_BYTES_MAX: usize = 128;

/// Checks all names of a node.
pub(in crate::gateway) fn check_names(node: &NodeEntry) -> Result<(), &'static str> {
    if !is_name(&node.id) {
        return Err("id must be 1 to 128 letters, digits and . _ -");
    }
    for (workspace, owner) in &node.workspaces {
        if !is_name(workspace) {
            return Err("the id of a workspace must be 1 to 128 letters, digits and . _ -");
        }
        if !is_user(owner) {
            return Err("the owner of a workspace must be 1 to 128 characters");
        }
    }
    if node.owner.as_deref().is_some_and(|owner| !is_user(owner)) {
        return Err("owner must be 1 to 128 characters");
    }
    let is_label = |(name, value): (&String, &String)| {
        is_name(name) && value.len() <= NAME_BYTES_MAX && !value.contains(',')
    };
    if !node.labels.iter().all(is_label) {
        return Err(
            "the name of a label must be letters, digits and . _ -, and its value at most 128 bytes without a comma",
        );
    }
    Ok(())
}

/// Whether a text can be the name of a node or a workspace.
pub(in crate::gateway) fn is_name(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_part)
}

fn is_user(text: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&text.len())
}
