//! An answer of one node, passed on as it arrives.

use crate::gateway::app::GatewayApp;
use crate::gateway::error::GatewayError;
use crate::gateway::node::client::NodeCall;
use crate::gateway::node::pool::Node;
use crate::gateway::proxy::feed::Resumption;
use crate::gateway::proxy::headers::{accepts_events, pass_on, to_node};
use crate::gateway::proxy::path::NodePath;
use crate::gateway::proxy::tail;
use crate::gateway::reply::GatewayResponse;
use crate::gateway::request::GatewayRequest;
use http_body_util::BodyExt;
use hyper::Method;
use std::sync::Arc;

/// `GET /api/nodes/{id}/{path...}`
pub(in crate::gateway) async fn answer(
    app: &Arc<GatewayApp>,
    request: &GatewayRequest,
    node: &Arc<Node>,
    path: &NodePath,
) -> Result<GatewayResponse, GatewayError> {
    let (workspace, query) = request.workspace()?;
    let workspace = request.user.scope(&node.entry, workspace.as_deref())?;
    // a form has become a part of the query
    let method = if request.method == Method::POST {
        Method::GET
    } else {
        request.method.clone()
    };
    let call = NodeCall {
        method,
        target: path.target(&query),
        headers: to_node(&request.headers),
        workspace,
        user: request.user.id.clone(),
    };
    if request.method == Method::GET {
        if path.is_tail() {
            return tail::tail(app, request, node, call, Resumption::AfterLast).await;
        }
        if path.is_problems() && accepts_events(&request.headers) {
            return tail::tail(app, request, node, call, Resumption::Anew).await;
        }
    }
    let sent = app.nodes.send(node, &call).await;
    let response = sent.map_err(|fault| GatewayError::of_node(&node.entry.id, &fault))?;
    Ok(pass_on(response.map(BodyExt::boxed_unsync), request))
}
