//! `GET /api/logs/fields`: the keys of the metadata of several nodes, or the values of one.

use crate::gateway::across::ask::ask_selection;
use crate::gateway::across::select::select;
use crate::gateway::app::GatewayApp;
use crate::gateway::error::GatewayError;
use crate::gateway::reply::{self, GatewayResponse};
use crate::gateway::request::GatewayRequest;
use serde::Deserialize;
use serde_json::{Value, json};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

/// As many as a node lists by default.
const LIMIT: usize = 100;

/// Values of a key that are given as examples.
const EXAMPLES_MAX: usize = 3;

/// Keys, or values of a key, of a node.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NodeFields {
    #[serde(default)]
    key: Option<String>,
    #[serde(default)]
    values: Vec<NodeValue>,
    #[serde(default)]
    keys: Vec<NodeKey>,
    has_more: bool,
    partial: bool,
    scanned: u64,
    unreadable: u64,
}

#[derive(Debug, Deserialize)]
struct NodeValue {
    value: String,
    count: u64,
}

#[derive(Debug, Deserialize)]
struct NodeKey {
    key: String,
    count: u64,
    examples: Vec<String>,
}

/// The count of a key or a value, with examples of a key.
#[derive(Debug, Default)]
struct FieldSum {
    count: u64,
    examples: Vec<String>,
}

/// `GET /api/logs/fields`
pub(in crate::gateway) async fn fields(
    app: &Arc<GatewayApp>,
    request: &GatewayRequest,
) -> Result<GatewayResponse, GatewayError> {
    let selection = select(app, request)?;
    let limit = selection.limit().unwrap_or(LIMIT);
    let (found, report) = ask_selection::<NodeFields>(app, &selection, "/logs/fields").await?;
    let key = found.iter().find_map(|(_, part)| part.key.clone());
    let mut sums: BTreeMap<String, FieldSum> = BTreeMap::new();
    let (mut has_more, mut partial, mut scanned, mut unreadable) = (false, false, 0, 0);
    for (_, part) in found {
        has_more |= part.has_more;
        partial |= part.partial;
        scanned += part.scanned;
        unreadable += part.unreadable;
        for value in part.values {
            sums.entry(value.value).or_default().count += value.count;
        }
        for key in part.keys {
            let sum = sums.entry(key.key).or_default();
            sum.count += key.count;
            for example in key.examples {
                if sum.examples.len() < EXAMPLES_MAX && !sum.examples.contains(&example) {
                    sum.examples.push(example);
                }
            }
        }
    }
    has_more |= sums.len() > limit;
    let mut body = json!({
        "hasMore": has_more, "partial": partial, "scanned": scanned, "unreadable": unreadable, "nodes": report.json(),
    });
    if let Some(key) = key {
        // the most frequent first, as a node lists them
        let mut values: Vec<_> = sums.into_iter().collect();
        values.sort_by_key(|(_, sum)| Reverse(sum.count));
        let values = values.into_iter().take(limit);
        let values = values.map(|(value, sum)| json!({"value": value, "count": sum.count}));
        body["key"] = key.into();
        body["values"] = values.collect::<Vec<Value>>().into();
    } else {
        let keys = sums
            .into_iter()
            .take(limit)
            .map(|(key, sum)| json!({"key": key, "count": sum.count, "examples": sum.examples}));
        body["keys"] = keys.collect::<Vec<Value>>().into();
    }
    Ok(reply::json(&body))
}
