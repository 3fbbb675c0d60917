//! Lists of sources and runs, in the API's own names.

use crate::query::{Run, SourceSummary};
use crate::record::Level;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A source and its number of records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) struct SourceRow {
    pub(in crate::cli) name: String,
    #[serde(rename = "entryCount")]
    pub(in crate::cli) count: u64,
    pub(in crate::cli) last_timestamp: String,
    pub(in crate::cli) levels: BTreeMap<String, u64>,
}

/// A run of a captured command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) struct RunRow {
    pub(in crate::cli) id: String,
    pub(in crate::cli) name: String,
    pub(in crate::cli) source: String,
    pub(in crate::cli) command: String,
    pub(in crate::cli) start: String,
    pub(in crate::cli) end: Option<String>,
    pub(in crate::cli) duration_ms: Option<u64>,
    pub(in crate::cli) exit_code: Option<i64>,
    pub(in crate::cli) signal: Option<String>,
    pub(in crate::cli) category: Option<String>,
    pub(in crate::cli) success: Option<bool>,
    pub(in crate::cli) interrupted: bool,
    pub(in crate::cli) counts: BTreeMap<String, u64>,
    pub(in crate::cli) first_id: String,
    pub(in crate::cli) last_id: String,
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct ListPage<T> {
    pub(in crate::cli) rows: Vec<T>,
    pub(in crate::cli) next_cursor: Option<String>,
    pub(in crate::cli) warnings: Vec<String>,
}

impl From<&SourceSummary> for SourceRow {
    fn from(summary: &SourceSummary) -> Self {
        Self {
            name: summary.source.to_string(),
            count: summary.count,
            last_timestamp: summary.last_timestamp.to_string(),
            levels: by_level(summary.levels),
        }
    }
}

impl From<&Run> for RunRow {
    fn from(run: &Run) -> Self {
        Self {
            id: run.id.clone(),
            name: run.name.clone(),
            source: run.source.to_string(),
            command: run.command.clone(),
            start: run.start.to_string(),
            end: run.end.map(|end| end.to_string()),
            duration_ms: run.duration_ms,
            exit_code: run.exit_code,
            signal: run.signal.clone(),
            category: run.category.clone(),
            success: run.success,
            interrupted: run.interrupted,
            counts: by_level(run.counts),
            first_id: run.first_id.to_string(),
            last_id: run.last_id.to_string(),
        }
    }
}

fn by_level(counts: [u64; 4]) -> BTreeMap<String, u64> {
    let counts = Level::ALL.into_iter().zip(counts);
    counts
        .map(|(level, count)| (level.to_string(), count))
        .collect()
}

/// A page of sources, as the server sends it.
pub(super) fn sources(body: &[u8]) -> Option<ListPage<SourceRow>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct SourcesReply {
        sources: Vec<SourceRow>,
        next_cursor: Option<String>,
        #[serde(default)]
        warnings: Vec<String>,
    }
    let reply: SourcesReply = serde_json::from_slice(body).ok()?;
    Some(ListPage {
        rows: reply.sources,
        next_cursor: reply.next_cursor,
        warnings: reply.warnings,
    })
}

/// A page of runs, as the server sends it.
pub(super) fn runs(body: &[u8]) -> Option<ListPage<RunRow>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct RunsReply {
        runs: Vec<RunRow>,
        next_cursor: Option<String>,
        #[serde(default)]
        warnings: Vec<String>,
    }
    let reply: RunsReply = serde_json::from_slice(body).ok()?;
    Some(ListPage {
        rows: reply.runs,
        next_cursor: reply.next_cursor,
        warnings: reply.warnings,
    })
}

/// One run, as the server sends it.
pub(super) fn run(body: &[u8]) -> Option<RunRow> {
    serde_json::from_slice(body).ok()
}

/// The values of a metadata key with their counts, as the server sends them.
pub(super) fn values(body: &[u8]) -> Option<Vec<(String, u64)>> {
    #[derive(Deserialize)]
    struct FieldsReply {
        values: Vec<ValueReply>,
    }
    #[derive(Deserialize)]
    struct ValueReply {
        value: String,
        count: u64,
    }
    let reply: FieldsReply = serde_json::from_slice(body).ok()?;
    let values = reply.values.into_iter();
    Some(values.map(|found| (found.value, found.count)).collect())
}
