//! Which nodes a request asks, and what it asks them.

use crate::gateway::app::GatewayApp;
use crate::gateway::error::GatewayError;
use crate::gateway::node::client::NodeCall;
use crate::gateway::node::fault::NodeFault;
use crate::gateway::node::pool::Node;
use crate::gateway::request::{GatewayRequest, take_one};
use crate::gateway::session::user::{NodeGrant, check_workspace};
use crate::gateway::status::{has_labels, no_registry, take_labels};
use crate::http_client::query_encoded;
use crate::server::PrincipalId;
use crate::time::Micros;
use hyper::Method;
use hyper::header::HeaderMap;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A node that is asked, with the workspace that the question is narrowed to.
#[derive(Debug, Clone)]
pub(in crate::gateway) struct Target {
    pub(in crate::gateway) node: Arc<Node>,
    pub(in crate::gateway) workspace: Option<String>,
}

/// The nodes of a request, in order of their ids.
#[derive(Debug)]
pub(in crate::gateway) struct NodeSelection {
    pub(in crate::gateway) targets: Vec<Target>,
    /// Nodes of the request that cannot be asked.
    pub(in crate::gateway) failed: Vec<(String, NodeFault)>,
    /// The parameters for the nodes.
    pub(in crate::gateway) parameters: Vec<(String, String)>,
    /// For whom the gateway asks.
    pub(in crate::gateway) user: String,
}

impl NodeSelection {
    /// For limits: for whom the gateway asks.
    pub(in crate::gateway) fn principal(&self) -> PrincipalId {
        PrincipalId::vouched(None, Some(&self.user))
    }
}

impl Target {
    pub(in crate::gateway) fn id(&self) -> &str {
        &self.node.entry.id
    }
}

impl NodeSelection {
    /// The limit that the client gave. One that is not valid is refused by the nodes.
    pub(in crate::gateway) fn limit(&self) -> Option<usize> {
        let mut parameters = self.parameters.iter();
        let (_, text) = parameters.find(|(name, _)| name == "limit")?;
        text.parse().ok()
    }

    /// A request for a node with these parameters.
    pub(in crate::gateway) fn call(
        &self,
        target: &Target,
        path: &str,
        parameters: &[(String, String)],
        headers: HeaderMap,
    ) -> NodeCall {
        NodeCall {
            method: Method::GET,
            target: address(path, parameters),
            headers,
            workspace: target.workspace.clone(),
            user: self.user.clone(),
        }
    }
}

/// Path and query.
fn address(path: &str, parameters: &[(String, String)]) -> String {
    let pairs = parameters
        .iter()
        .map(|(name, value)| format!("{}={}", query_encoded(name), query_encoded(value)));
    let query = pairs.collect::<Vec<_>>().join("&");
    if query.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{query}")
    }
}

/// Removes the parameters that select nodes: `nodes=ID,ID`, `label=NAME=VALUE`, `workspace=NAME`. Without any, all nodes of the user are
/// asked. A node that is named and is not the user's is 404, as everywhere.
pub(in crate::gateway) fn select(
    app: &GatewayApp,
    request: &GatewayRequest,
) -> Result<NodeSelection, GatewayError> {
    let mut selection = select_as_sent(app, request)?;
    make_absolute(&mut selection.parameters, Micros::now());
    Ok(selection)
}

/// The same with times as the client sent them.
pub(in crate::gateway) fn select_as_sent(
    app: &GatewayApp,
    request: &GatewayRequest,
) -> Result<NodeSelection, GatewayError> {
    let mut parameters = request.parameters()?;
    let labels = take_labels(&mut parameters)?;
    let workspace = take_one(&mut parameters, "workspace")?;
    if let Some(workspace) = &workspace {
        check_workspace(workspace)?;
    }
    let named = parameters.extract_if(.., |(name, _)| name == "nodes");
    let named: Vec<String> = named.map(|(_, value)| value).collect();
    parameters.retain(|(name, _)| !matches!(&**name, "token" | "ticket"));
    let nodes = app.registry.nodes().ok_or_else(no_registry)?;
    let wanted: Vec<&Arc<Node>> = if named.is_empty() {
        nodes.values().collect()
    } else {
        let ids = named.iter().flat_map(|text| text.split(','));
        let ids: BTreeSet<&str> = ids.map(str::trim).filter(|id| !id.is_empty()).collect();
        let known = ids.into_iter().map(|id| {
            let node = nodes.get(id).filter(|node| {
                request.user.knows(&node.entry)
                    && request.user.grant(&node.entry, workspace.as_deref()) != NodeGrant::Nothing
            });
            node.ok_or_else(|| GatewayError::unknown_node(id))
        });
        known.collect::<Result<_, _>>()?
    };
    let mut selection = NodeSelection {
        targets: Vec::new(),
        failed: Vec::new(),
        parameters,
        user: request.user.id.clone(),
    };
    for node in wanted
        .into_iter()
        .filter(|node| has_labels(&node.entry.labels, &labels))
    {
        match request.user.grant(&node.entry, workspace.as_deref()) {
            NodeGrant::Nothing => {}
            NodeGrant::Scope(workspace) => selection.targets.push(Target {
                node: Arc::clone(node),
                workspace,
            }),
            NodeGrant::Ambiguous => {
                let id = node.entry.id.clone();
                selection.failed.push((id, NodeFault::WorkspaceRequired));
            }
        }
    }
    Ok(selection)
}

/// All nodes are asked about the same time, whatever their clocks say and however long it takes. A text that is no time stays, and
/// the nodes refuse it.
fn make_absolute(parameters: &mut [(String, String)], now: Micros) {
    for (name, value) in parameters {
        if matches!(&**name, "start" | "end" | "since" | "until")
            && let Ok(time) = Micros::parse(value, now)
        {
            *value = time.to_string();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_times_are_the_same_for_all_nodes() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut parameters = [pair("start", "-1h"), pair("q", "-1h"), pair("end", "never")];
        make_absolute(&mut parameters, Micros::new(1_771_338_615_123_456));
        let expected = [
            pair("start", "2026-02-17T13:30:15.123456Z"),
            pair("q", "-1h"),
            pair("end", "never"),
        ];
        assert_eq!(parameters, expected);
        let text = address("/logs", &parameters);
        assert_eq!(
            text,
            "/logs?start=2026-02-17T13%3A30%3A15.123456Z&q=-1h&end=never"
        );
        assert_eq!(address("/logs", &[]), "/logs");
    }
}
