//! Users, and what they may see of a node.

use crate::gateway::error::GatewayError;
use crate::gateway::node::entry::NodeEntry;
use crate::gateway::node::entry::is_name;
use crate::server::PrincipalId;
use hyper::StatusCode;
use std::time::Duration;

/// Whom a request is authenticated as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::gateway) struct User {
    /// The name that the registry gives to owners.
    pub(in crate::gateway) id: String,
    pub(in crate::gateway) rights: Rights,
    /// How long the session is still valid; `None`: it does not expire.
    pub(in crate::gateway) remaining: Option<Duration>,
    /// Whether the browser sent the proof by itself: other sites could make it do so.
    pub(in crate::gateway) is_ambient: bool,
    /// The ID of the session of the page that proved who it is.
    pub(in crate::gateway) session: Option<String>,
}

/// Which nodes a user sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::gateway) enum Rights {
    /// All of every node.
    Everything,
    /// Nodes and workspaces that the registry names as the user's, and these nodes.
    Own(Vec<String>),
}

/// How much of a node a user sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::gateway) enum NodeGrant {
    /// Nothing: for the user the node does not exist.
    Nothing,
    /// All of it, or this workspace.
    Scope(Option<String>),
    /// One of several workspaces, of which none was named.
    Ambiguous,
}

impl User {
    /// For limits.
    pub(in crate::gateway) fn principal(&self) -> PrincipalId {
        PrincipalId::vouched(None, Some(&self.id))
    }

    /// How much of a node the user sees. `workspace`: the one that the request names.
    pub(in crate::gateway) fn grant(&self, node: &NodeEntry, workspace: Option<&str>) -> NodeGrant {
        let sees_all = match &self.rights {
            Rights::Everything => true,
            Rights::Own(more) => {
                node.owner.as_deref() == Some(&*self.id) || more.contains(&node.id)
            }
        };
        if sees_all {
            return NodeGrant::Scope(workspace.map(str::to_owned));
        }
        let mut own = node
            .workspaces
            .iter()
            .filter(|(_, owner)| **owner == self.id)
            .map(|(id, _)| id);
        if let Some(workspace) = workspace {
            return match own.find(|id| *id == workspace) {
                Some(id) => NodeGrant::Scope(Some(id.clone())),
                None => NodeGrant::Nothing,
            };
        }
        match (own.next(), own.next()) {
            (None, _) => NodeGrant::Nothing,
            (Some(id), None) => NodeGrant::Scope(Some(id.clone())),
            (Some(_), Some(_)) => NodeGrant::Ambiguous,
        }
    }

    /// Whether the user sees anything of a node.
    pub(in crate::gateway) fn knows(&self, node: &NodeEntry) -> bool {
        self.grant(node, None) != NodeGrant::Nothing
    }

    /// The workspaces of a node that the user may name: all for who sees the whole node.
    pub(in crate::gateway) fn workspaces<'n>(&self, node: &'n NodeEntry) -> Vec<&'n str> {
        let sees_all = self.grant(node, None) == NodeGrant::Scope(None);
        let own = node
            .workspaces
            .iter()
            .filter(|(_, owner)| sees_all || **owner == self.id);
        own.map(|(id, _)| id.as_str()).collect()
    }

    /// The workspace that the token for a node is narrowed to; `None`: it is for the whole node.
    pub(in crate::gateway) fn scope(
        &self,
        node: &NodeEntry,
        workspace: Option<&str>,
    ) -> Result<Option<String>, GatewayError> {
        match self.grant(node, workspace) {
            NodeGrant::Scope(scope) => Ok(scope),
            NodeGrant::Nothing => Err(GatewayError::unknown_node(&node.id)),
            NodeGrant::Ambiguous => Err(GatewayError {
                node: Some(node.id.clone()),
                ..GatewayError::new(
                    StatusCode::BAD_REQUEST,
                    "workspace_required",
                    format!(
                        "name one of your workspaces on this node with workspace=: {}",
                        self.workspaces(node).join(", ")
                    ),
                )
            }),
        }
    }
}

/// Checks the name of a workspace.
pub(in crate::gateway) fn check_workspace(name: &str) -> Result<(), GatewayError> {
    if is_name(name) {
        return Ok(());
    }
    Err(GatewayError::parameter(
        "invalid_workspace",
        "workspace must be 1 to 128 letters, digits and . _ -",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::registry::document;

    fn node() -> NodeEntry {
        let text = br#"{"nodes": [{"id": "n", "url": "https://n", "owner": "ann", "workspaces": [
            {"id": "w1", "owner": "bob"}, {"id": "w2", "owner": "eve"}, {"id": "w3", "owner": "eve"}]}]}"#;
        document::parse(text).expect("valid").remove(0)
    }

    fn user(id: &str, rights: Rights) -> User {
        User {
            id: id.to_owned(),
            rights,
            remaining: None,
            is_ambient: false,
            session: None,
        }
    }

    #[test]
    fn a_user_sees_own_nodes_and_own_workspaces() {
        let node = node();
        let own = || Rights::Own(Vec::new());
        let whole = NodeGrant::Scope(None);
        let workspace = |name: &str| NodeGrant::Scope(Some(name.to_owned()));
        for (user, named, expected) in [
            (user("root", Rights::Everything), None, whole.clone()),
            (user("ann", own()), None, whole.clone()),
            (user("ann", own()), Some("any"), workspace("any")),
            (user("bob", own()), None, workspace("w1")),
            (user("bob", own()), Some("w1"), workspace("w1")),
            (user("bob", own()), Some("w2"), NodeGrant::Nothing),
            (user("eve", own()), None, NodeGrant::Ambiguous),
            (user("eve", own()), Some("w3"), workspace("w3")),
            (user("mal", own()), None, NodeGrant::Nothing),
            (user("mal", own()), Some("w1"), NodeGrant::Nothing),
            (user("mal", Rights::Own(vec!["n".to_owned()])), None, whole),
        ] {
            assert_eq!(user.grant(&node, named), expected, "{user:?} {named:?}");
            assert_eq!(
                user.knows(&node),
                user.id != "mal" || expected != NodeGrant::Nothing
            );
        }
        let text = user("eve", own()).scope(&node, None).expect_err("refused");
        assert!(text.message.ends_with("workspace=: w2, w3"), "{text}");
    }
}
