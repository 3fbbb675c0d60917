//! `GET /api/logs/histogram`: counts over time of several nodes, added up.

use crate::gateway::across::ask::{NodesReport, ask_all};
use crate::gateway::across::select::{NodeSelection, select};
use crate::gateway::app::GatewayApp;
use crate::gateway::error::GatewayError;
use crate::gateway::node::fault::NodeFault;
use crate::gateway::reply::{self, GatewayResponse};
use crate::gateway::request::GatewayRequest;
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

const PATH: &str = "/logs/histogram";

/// The histogram of a node, and of all.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct HistogramSum {
    start: Option<String>,
    end: Option<String>,
    bucket_ms: Option<Number>,
    buckets: Vec<BucketSum>,
    total: u64,
    outside: u64,
    partial: bool,
    scanned: u64,
    unreadable: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    #[serde(default)]
    nodes: Value,
}

#[derive(Debug, Default, Deserialize, Serialize)]
struct BucketSum {
    start: String,
    total: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    levels: Option<BTreeMap<String, u64>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sources: Option<BTreeMap<String, u64>>,
}

/// `GET /api/logs/histogram`
pub(in crate::gateway) async fn histogram(
    app: &Arc<GatewayApp>,
    request: &GatewayRequest,
) -> Result<GatewayResponse, GatewayError> {
    let selection = select(app, request)?;
    let mut report = NodesReport::new(&selection);
    let parameters = &selection.parameters;
    let mut found: Vec<(String, HistogramSum)> =
        ask_all(app, &selection, &mut report, PATH, parameters).await;
    let outside = found.iter().map(|(_, part)| part.outside).sum();
    if let Some(range) = range(&found) {
        let parameters = within(&selection, &range);
        let mut again = NodesReport::new(&selection);
        found = ask_all(app, &selection, &mut again, PATH, &parameters).await;
        report = again;
    }
    let mut sum = HistogramSum::default();
    for (id, part) in found {
        if let Err(fault) = sum.add(part) {
            report.fail(&id, fault.into());
        }
    }
    sum.outside = outside;
    report.check(app)?;
    sum.nodes = report.json();
    Ok(reply::json(&sum))
}

/// The common range, if the nodes have different ones: each chooses buckets for its own records where the filter names no times.
fn range(found: &[(String, HistogramSum)]) -> Option<(String, String)> {
    let parts = || found.iter().map(|(_, part)| part);
    let with_buckets = || parts().filter(|part| part.start.is_some());
    let scale = |part: &HistogramSum| (part.start.clone(), part.end.clone());
    let first = with_buckets().next().map(scale)?;
    if with_buckets().all(|part| scale(part) == first) {
        return None;
    }
    // all times have the same form, so their texts are in order of time
    let start = with_buckets().filter_map(|part| part.start.clone()).min()?;
    let end = with_buckets().filter_map(|part| part.end.clone()).max()?;
    Some((start, end))
}

/// The parameters with a range for all nodes, within the one that the client named.
fn within(selection: &NodeSelection, (start, end): &(String, String)) -> Vec<(String, String)> {
    let mut parameters = selection.parameters.clone();
    for (name, value) in [("start", start), ("end", end)] {
        if !parameters.iter().any(|(given, _)| given == name) {
            parameters.push((name.to_owned(), value.clone()));
        }
    }
    parameters
}

impl HistogramSum {
    fn add(&mut self, part: Self) -> Result<(), NodeFault> {
        if part.start.is_some() {
            if self.start.is_none() {
                self.start = part.start;
                self.end = part.end;
                self.bucket_ms = part.bucket_ms;
                self.buckets = part.buckets;
            } else if self.start == part.start && self.buckets.len() == part.buckets.len() {
                for (sum, bucket) in self.buckets.iter_mut().zip(part.buckets) {
                    sum.total += bucket.total;
                    add_counts(&mut sum.levels, bucket.levels);
                    add_counts(&mut sum.sources, bucket.sources);
                }
            } else {
                return Err(NodeFault::Broken(
                    "its buckets are of another range".to_owned(),
                ));
            }
        }
        self.total += part.total;
        self.partial |= part.partial;
        self.scanned += part.scanned;
        self.unreadable += part.unreadable;
        Ok(())
    }
}

fn add_counts(sum: &mut Option<BTreeMap<String, u64>>, part: Option<BTreeMap<String, u64>>) {
    for (name, count) in part.into_iter().flatten() {
        *sum.get_or_insert_default().entry(name).or_default() += count;
    }
}
