//! What the gateway says about itself and about the nodes that it knows.

use crate::gateway::app::GatewayApp;
use crate::gateway::counters::{family, sample};
use crate::gateway::error::GatewayError;
use crate::gateway::node::pool::Node;
use crate::gateway::registry::current::NodeMap;
use crate::gateway::reply::{self, GatewayResponse};
use crate::gateway::request::{GatewayRequest, take_one};
use crate::gateway::session::user::{Rights, User};
use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, HeaderValue};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// `GET /healthz`: the process is running.
pub(in crate::gateway) fn health() -> GatewayResponse {
    reply::json(&json!({"status": "ok"}))
}

/// `GET /readyz`: there is a list of nodes. Why a newer one is not in use is only in the log, as it may name files.
pub(in crate::gateway) fn ready(app: &GatewayApp) -> Result<GatewayResponse, GatewayError> {
    app.registry.nodes().ok_or_else(no_registry)?;
    let registry = match app.registry.problem() {
        None => "current",
        Some(_) => "stale",
    };
    Ok(reply::json(
        &json!({"status": "ready", "registry": registry}),
    ))
}

/// 503: there has been no valid list of nodes yet.
pub(in crate::gateway) fn no_registry() -> GatewayError {
    GatewayError {
        retry_after_seconds: Some(10),
        ..GatewayError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "no_registry",
            "the list of nodes could not be read yet; the log of the gateway says why",
        )
    }
}

/// `GET /.well-known/jwks.json`
pub(in crate::gateway) fn keys(app: &GatewayApp) -> GatewayResponse {
    let mut response = reply::json(&app.keys.set().jwks());
    let cache = HeaderValue::from_static("public, max-age=300");
    response.headers_mut().insert(CACHE_CONTROL, cache);
    response
}

/// `GET /metrics`
pub(in crate::gateway) fn metrics(
    app: &GatewayApp,
    user: &User,
) -> Result<GatewayResponse, GatewayError> {
    if user.rights != Rights::Everything {
        return Err(GatewayError::forbidden());
    }
    let mut out = String::new();
    app.counters.write(&mut out);
    let nodes = app.registry.nodes();
    let known = nodes.as_ref().map_or(0, |nodes| nodes.len());
    let unreachable = nodes.iter().flat_map(|nodes| nodes.values());
    let unreachable = unreachable.filter(|node| node.health().fault.is_some());
    let is_stale = app.registry.problem().is_some();
    let values = [
        ("vmlog_gateway_nodes", "Nodes of the registry.", known),
        (
            "vmlog_gateway_nodes_faulty",
            "Nodes that did not answer the last request.",
            unreachable.count(),
        ),
        (
            "vmlog_gateway_registry_stale",
            "1 while the newest list of nodes cannot be used.",
            usize::from(is_stale),
        ),
        (
            "vmlog_gateway_registry_failures_total",
            "Times that the list of nodes could not be used.",
            app.registry.failures(),
        ),
        (
            "vmlog_gateway_connections",
            "Open connections of clients.",
            app.limiter.size(),
        ),
        (
            "vmlog_gateway_tails",
            "Open live tails.",
            app.tails.held_by_all(),
        ),
        (
            "vmlog_gateway_nodes_connected",
            "Nodes that have connected to the gateway by themselves.",
            app.uplinks.count(),
        ),
        (
            "vmlog_gateway_idle_node_connections",
            "Connections to nodes that wait for the next request.",
            app.registry.idle(),
        ),
    ];
    for (name, help, value) in values {
        family(&mut out, name, help);
        sample(&mut out, name, "", value as u64);
    }
    Ok(reply::bytes("text/plain; version=0.0.4", out))
}

/// `GET /api/nodes`: the nodes of which the user sees anything.
pub(in crate::gateway) fn nodes(
    app: &GatewayApp,
    request: &GatewayRequest,
) -> Result<GatewayResponse, GatewayError> {
    let mut parameters = request.parameters()?;
    let labels = take_labels(&mut parameters)?;
    let _ = take_one(&mut parameters, "nodes")?;
    let nodes = app.registry.nodes().ok_or_else(no_registry)?;
    let own = nodes
        .values()
        .filter(|node| request.user.knows(&node.entry) && has_labels(&node.entry.labels, &labels));
    let own: Vec<_> = own.collect();
    let rows: Vec<Value> = own
        .iter()
        .map(|node| describe(node, &request.user))
        .collect();
    let clones = clones(&nodes, &request.user);
    let stale = app.registry.problem().is_some();
    Ok(reply::json(
        &json!({"nodes": rows, "clones": clones, "stale": stale}),
    ))
}

/// One node, as far as the user sees it.
pub(in crate::gateway) fn describe(node: &Node, user: &User) -> Value {
    let health = node.health();
    json!({
        "id": node.entry.id,
        "labels": node.entry.labels,
        "workspaces": user.workspaces(&node.entry),
        "lastSeen": health.seen.map(|seen| seen.to_string()),
        "fault": health.fault,
    })
}

/// Groups of nodes that have the same store, as far as they have answered.
fn clones(nodes: &NodeMap, user: &User) -> Vec<Vec<String>> {
    let mut by_store: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for node in nodes.values().filter(|node| user.knows(&node.entry)) {
        if let Some(store) = node.health().store {
            by_store
                .entry(store)
                .or_default()
                .push(node.entry.id.clone());
        }
    }
    let groups = by_store.into_values();
    groups.filter(|group| group.len() > 1).collect()
}

/// Removes the parameters `label=NAME=VALUE`.
pub(in crate::gateway) fn take_labels(
    parameters: &mut Vec<(String, String)>,
) -> Result<Vec<(String, String)>, GatewayError> {
    let found = parameters.extract_if(.., |(name, _)| name == "label");
    let pairs = found.map(|(_, text)| {
        let pair = text.split_once('=');
        let pair = pair.filter(|(name, _)| !name.is_empty());
        let pair = pair.map(|(name, value)| (name.to_owned(), value.to_owned()));
        pair.ok_or_else(|| {
            GatewayError::parameter(
                "invalid_label",
                format!("label must be NAME=VALUE; got {text:?}"),
            )
        })
    });
    pairs.collect()
}

/// Whether a node has all of these labels.
pub(in crate::gateway) fn has_labels(
    labels: &BTreeMap<String, String>,
    wanted: &[(String, String)],
) -> bool {
    let has = |(name, value): &(String, String)| labels.get(name) == Some(value);
    wanted.iter().all(has)
}
