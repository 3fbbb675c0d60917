//! `GET /api/logs/sources`: the sources of several nodes, by name.

use crate::gateway::across::ask::ask_selection;
use crate::gateway::across::select::select;
use crate::gateway::app::GatewayApp;
use crate::gateway::error::GatewayError;
use crate::gateway::reply::{self, GatewayResponse};
use crate::gateway::request::GatewayRequest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// As many as a node lists by default, and at most.
const LIMIT: usize = 1_000;

/// Nodes of a source that are named; `nodeCount` counts all.
const NODES_MAX: usize = 20;

/// The sources of a node.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NodeSources {
    sources: Vec<NodeSource>,
    has_more: bool,
    total: u64,
    levels: BTreeMap<String, u64>,
    partial: bool,
    scanned: u64,
    unreadable: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NodeSource {
    name: String,
    label: String,
    entry_count: u64,
    last_timestamp: String,
    levels: BTreeMap<String, u64>,
}

/// The sources of all nodes.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct FleetSources {
    sources: Vec<FleetSource>,
    next_cursor: Option<String>,
    has_more: bool,
    total: u64,
    levels: BTreeMap<String, u64>,
    partial: bool,
    scanned: u64,
    unreadable: u64,
    nodes: Value,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct FleetSource {
    name: String,
    label: String,
    entry_count: u64,
    last_timestamp: String,
    levels: BTreeMap<String, u64>,
    node_count: usize,
    nodes: Vec<String>,
}

/// `GET /api/logs/sources`
pub(in crate::gateway) async fn sources(
    app: &Arc<GatewayApp>,
    request: &GatewayRequest,
) -> Result<GatewayResponse, GatewayError> {
    let selection = select(app, request)?;
    let limit = selection.limit().unwrap_or(LIMIT);
    let (found, report) = ask_selection::<NodeSources>(app, &selection, "/logs/sources").await?;
    let mut all = FleetSources::default();
    let mut by_name: BTreeMap<String, FleetSource> = BTreeMap::new();
    // sources after the last one of a node that has more may be missing
    let mut known_until: Option<String> = None;
    for (id, part) in found {
        if part.has_more
            && let Some(last) = part.sources.last()
            && known_until.as_ref().is_none_or(|until| last.name < *until)
        {
            known_until = Some(last.name.clone());
        }
        all.total += part.total;
        all.partial |= part.partial;
        all.scanned += part.scanned;
        all.unreadable += part.unreadable;
        add(&mut all.levels, part.levels);
        for source in part.sources {
            let sum = by_name.entry(source.name.clone()).or_default();
            sum.name = source.name;
            sum.label = source.label;
            sum.entry_count += source.entry_count;
            sum.last_timestamp = std::mem::take(&mut sum.last_timestamp).max(source.last_timestamp);
            add(&mut sum.levels, source.levels);
            sum.node_count += 1;
            if sum.nodes.len() < NODES_MAX {
                sum.nodes.push(id.clone());
            }
        }
    }
    let known = by_name.into_values().filter(|source| {
        known_until
            .as_ref()
            .is_none_or(|until| source.name <= *until)
    });
    all.sources = known.collect();
    all.has_more = known_until.is_some() || all.sources.len() > limit;
    all.sources.truncate(limit);
    let last = all.sources.last().filter(|_| all.has_more);
    all.next_cursor = last.map(|last| STANDARD.encode(&last.name));
    all.nodes = report.json();
    Ok(reply::json(&all))
}

fn add(sum: &mut BTreeMap<String, u64>, part: BTreeMap<String, u64>) {
    for (name, count) in part {
        *sum.entry(name).or_default() += count;
    }
}
