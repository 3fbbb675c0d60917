//! `GET /api/logs/patterns`: similar lines of several nodes under one template.

use crate::gateway::across::ask::ask_selection;
use crate::gateway::across::select::select;
use crate::gateway::app::GatewayApp;
use crate::gateway::error::GatewayError;
use crate::gateway::reply::{self, GatewayResponse};
use crate::gateway::request::GatewayRequest;
use crate::time::Micros;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// As many as a node lists by default.
const LIMIT: usize = 50;

/// Buckets of a pattern: those of nodes have different ranges.
const BUCKETS_MAX: usize = 60;

const EXAMPLES_MAX: usize = 3;

/// The patterns of a node.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NodePatterns {
    patterns: Vec<NodePattern>,
    has_more: bool,
    total: u64,
    ungrouped: u64,
    #[serde(default)]
    continued: u64,
    start: Option<String>,
    bucket_ms: f64,
    partial: bool,
    scanned: u64,
    unreadable: u64,
}

#[derive(Debug, Deserialize)]
struct NodePattern {
    template: String,
    count: u64,
    levels: BTreeMap<String, u64>,
    first: String,
    last: String,
    buckets: Vec<u64>,
    examples: Vec<String>,
}

/// A pattern of all nodes.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct FleetPattern {
    template: String,
    count: u64,
    levels: BTreeMap<String, u64>,
    first: String,
    last: String,
    buckets: Vec<u64>,
    examples: Vec<PatternExample>,
    node_count: usize,
}

#[derive(Debug, Serialize)]
struct PatternExample {
    node: String,
    id: String,
}

/// `GET /api/logs/patterns`
pub(in crate::gateway) async fn patterns(
    app: &Arc<GatewayApp>,
    request: &GatewayRequest,
) -> Result<GatewayResponse, GatewayError> {
    let selection = select(app, request)?;
    let limit = selection.limit().unwrap_or(LIMIT);
    let (found, report) = ask_selection::<NodePatterns>(app, &selection, "/logs/patterns").await?;
    let scale = scale(found.iter().map(|(_, part)| part));
    let sum =
        |read: fn(&NodePatterns) -> u64| found.iter().map(|(_, part)| read(part)).sum::<u64>();
    let is_any = |read: fn(&NodePatterns) -> bool| found.iter().any(|(_, part)| read(part));
    let mut body = json!({
        "total": sum(|part| part.total), "ungrouped": sum(|part| part.ungrouped), "continued": sum(|part| part.continued),
        "scanned": sum(|part| part.scanned), "unreadable": sum(|part| part.unreadable), "partial": is_any(|part| part.partial),
        "start": scale.map(|scale| scale.start.to_string()), "bucketMs": scale.map(|scale| scale.width / 1_000),
        "nodes": report.json(),
    });
    let has_more = is_any(|part| part.has_more);
    let mut patterns = merged(found, scale);
    body["hasMore"] = (has_more || patterns.len() > limit).into();
    patterns.truncate(limit);
    let rows = patterns.iter().map(|pattern| json!(pattern));
    body["patterns"] = rows.collect::<Vec<Value>>().into();
    Ok(reply::json(&body))
}

/// The buckets of all patterns.
#[derive(Debug, Clone, Copy)]
struct PatternScale {
    start: Micros,
    /// In microseconds.
    width: i64,
}

impl PatternScale {
    fn bucket(self, time: Micros) -> usize {
        let passed = time.get().saturating_sub(self.start.get());
        usize::try_from(passed / self.width.max(1)).map_or(0, |bucket| bucket.min(BUCKETS_MAX - 1))
    }
}

/// Buckets that cover those of all nodes, as long as the longest of theirs at least.
fn scale<'p>(parts: impl Iterator<Item = &'p NodePatterns>) -> Option<PatternScale> {
    let mut range: Option<(i64, i64, i64)> = None;
    for part in parts {
        let Some((start, width)) = buckets_of(part) else {
            continue;
        };
        let longest = part.patterns.iter().map(|pattern| pattern.buckets.len());
        let count = i64::try_from(longest.max().unwrap_or_default()).unwrap_or_default();
        let end = start.get().saturating_add(width.saturating_mul(count));
        range = Some(match range {
            None => (start.get(), end, width),
            Some((first, last, longest)) => {
                (first.min(start.get()), last.max(end), longest.max(width))
            }
        });
    }
    let (start, end, width) = range?;
    let most = i64::try_from(BUCKETS_MAX).unwrap_or(i64::MAX);
    let mut width = width.max(1);
    while (end - start) / width >= most {
        width = width.saturating_mul(2);
    }
    let start = Micros::new(start.div_euclid(width).saturating_mul(width));
    Some(PatternScale { start, width })
}

fn buckets_of(part: &NodePatterns) -> Option<(Micros, i64)> {
    let start = Micros::parse(part.start.as_deref()?, Micros::new(0)).ok()?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a bucket is shorter than centuries"
    )]
    let width = (part.bucket_ms * 1_000.0) as i64;
    Some((start, width.max(1)))
}

/// The patterns of all nodes, the most frequent first. A bucket of a node is counted where it begins.
fn merged(found: Vec<(String, NodePatterns)>, scale: Option<PatternScale>) -> Vec<FleetPattern> {
    let mut by_template: BTreeMap<String, FleetPattern> = BTreeMap::new();
    for (id, part) in found {
        let own = buckets_of(&part);
        for pattern in part.patterns {
            let sum = by_template.entry(pattern.template.clone()).or_default();
            if sum.count == 0 || pattern.first < sum.first {
                sum.first = pattern.first;
            }
            sum.last = std::mem::take(&mut sum.last).max(pattern.last);
            sum.template = pattern.template;
            sum.count += pattern.count;
            sum.node_count += 1;
            for (level, count) in pattern.levels {
                *sum.levels.entry(level).or_default() += count;
            }
            if let (Some(scale), Some((start, width))) = (scale, own) {
                let mut begins = start;
                for count in pattern.buckets {
                    let bucket = scale.bucket(begins);
                    if sum.buckets.len() <= bucket {
                        sum.buckets.resize(bucket + 1, 0);
                    }
                    if let Some(of_all) = sum.buckets.get_mut(bucket) {
                        *of_all += count;
                    }
                    begins = begins.plus(width);
                }
            }
            let free = EXAMPLES_MAX.saturating_sub(sum.examples.len());
            let examples = pattern.examples.into_iter().take(free);
            sum.examples.extend(examples.map(|example| PatternExample {
                node: id.clone(),
                id: example,
            }));
        }
    }
    let mut patterns: Vec<FleetPattern> = by_template.into_values().collect();
    patterns.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| b.last.cmp(&a.last)));
    let longest = patterns.iter().map(|pattern| pattern.buckets.len()).max();
    for pattern in &mut patterns {
        pattern.buckets.resize(longest.unwrap_or_default(), 0);
    }
    patterns
}
