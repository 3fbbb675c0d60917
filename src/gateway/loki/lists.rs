//! Lists of labels, values and series, and counts, of several nodes.

use super::question::{Enclosed, LokiQuestion, selector, warnings};
use crate::gateway::error::GatewayError;
use crate::server::loki::json;
use crate::server::loki::parameters::{LABELS_SINCE_NANOS, QUERY_SINCE_NANOS};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// `labels`
pub(super) async fn labels(question: LokiQuestion) -> Result<Vec<u8>, GatewayError> {
    names(question, "labels").await
}

/// `label/{name}/values`. `name`: as sent.
pub(super) async fn values(question: LokiQuestion, name: &str) -> Result<Vec<u8>, GatewayError> {
    names(question, &format!("label/{}/values", safe(name))).await
}

/// A part of a path as the client sent it, without characters that would end the path.
pub(super) fn safe(name: &str) -> String {
    let plain = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"_-.%".contains(&byte));
    if plain {
        name.to_owned()
    } else {
        utf8_percent_encode(name, NON_ALPHANUMERIC).to_string()
    }
}

async fn names(mut question: LokiQuestion, path: &str) -> Result<Vec<u8>, GatewayError> {
    question.narrow_to_selector()?;
    let range = question.range(LABELS_SINCE_NANOS)?;
    let parameters = question.with_range(range, &["query"]);
    let (found, report) = question
        .ask::<Enclosed<Vec<String>>>(path, &parameters)
        .await?;
    let all: BTreeSet<String> = found
        .into_iter()
        .flat_map(|(_, answer)| answer.data)
        .collect();
    Ok(json::enclosed(json!(all), &warnings(&report, &[])))
}

type LabelSet = BTreeMap<String, String>;

/// `series`
pub(super) async fn series(mut question: LokiQuestion) -> Result<Vec<u8>, GatewayError> {
    let range = question.range(LABELS_SINCE_NANOS)?;
    let texts = question.parameters.all("match[]");
    let texts = texts.chain(question.parameters.all("match"));
    let conditions: Vec<_> = texts.map(selector).collect::<Result<_, _>>()?;
    let conditions: Option<Vec<_>> = conditions.into_iter().collect();
    if let Some(conditions) = conditions.filter(|conditions| !conditions.is_empty()) {
        question.narrow_to_any(&conditions);
    }
    let parameters = question.with_range(range, &["match[]", "match"]);
    let (found, report) = question
        .ask::<Enclosed<Vec<LabelSet>>>("series", &parameters)
        .await?;
    let all: BTreeSet<LabelSet> = found
        .into_iter()
        .flat_map(|(_, answer)| answer.data)
        .collect();
    Ok(json::enclosed(json!(all), &warnings(&report, &[])))
}

/// `detected_labels`: the values of all nodes are counted, so nodes are asked for their series.
pub(super) async fn detected_labels(mut question: LokiQuestion) -> Result<Vec<u8>, GatewayError> {
    question.narrow_to_selector()?;
    let range = question.range(QUERY_SINCE_NANOS)?;
    let mut parameters = question.with_range(range, &[]);
    let query = question.parameters.all("query");
    parameters.extend(query.map(|query| super::question::pair("match[]", query)));
    let (found, _) = question
        .ask::<Enclosed<Vec<LabelSet>>>("series", &parameters)
        .await?;
    let mut values: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, value) in found
        .into_iter()
        .flat_map(|(_, answer)| answer.data)
        .flatten()
    {
        values.entry(name).or_default().insert(value);
    }
    let labels: Vec<_> = values
        .iter()
        .map(|(name, values)| json!({"label": name, "cardinality": values.len()}))
        .collect();
    Ok(json::bytes(&json!({"detectedLabels": labels})))
}

/// How much a selector matches.
#[derive(Debug, Default, Deserialize, Serialize)]
struct IndexStats {
    streams: u64,
    chunks: u64,
    entries: u64,
    bytes: u64,
}

/// `index/stats`
pub(super) async fn stats(mut question: LokiQuestion) -> Result<Vec<u8>, GatewayError> {
    question.narrow_to_selector()?;
    let range = question.range(QUERY_SINCE_NANOS)?;
    let parameters = question.with_range(range, &["query"]);
    let (found, _) = question
        .ask::<IndexStats>("index/stats", &parameters)
        .await?;
    let sum = found
        .into_iter()
        .fold(IndexStats::default(), |sum, (_, part)| IndexStats {
            streams: sum.streams.saturating_add(part.streams),
            chunks: sum.chunks.saturating_add(part.chunks),
            entries: sum.entries.saturating_add(part.entries),
            bytes: sum.bytes.saturating_add(part.bytes),
        });
    Ok(json::bytes(&json!(sum)))
}
