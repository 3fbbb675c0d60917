//! Patterns of lines of several nodes, added up.

use super::question::{Enclosed, LokiQuestion, pair, warnings};
use super::refusal::{of_parameter, refused};
use crate::gateway::error::GatewayError;
use crate::logql;
use crate::server::loki::json;
use crate::server::loki::parameters::QUERY_SINCE_NANOS;
use crate::server::loki::patterns::SHOWN_MAX;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[derive(Debug, Deserialize)]
struct NodePatternSamples {
    pattern: String,
    level: String,
    samples: Vec<(i64, u64)>,
}

/// `patterns`
pub(super) async fn patterns(mut question: LokiQuestion) -> Result<Vec<u8>, GatewayError> {
    let query = question.query()?;
    let expr = logql::parse(&query).map_err(|error| refused(error.to_string()))?;
    question.narrow(&expr, &query)?;
    let range = question.range(QUERY_SINCE_NANOS)?;
    let step = question
        .parameters
        .step(range.0, range.1)
        .map_err(of_parameter)?;
    let mut parameters = question.with_range(range, &["query"]);
    parameters.push(pair("step", format!("{step}ns")));
    let asked = question.ask::<Enclosed<Vec<NodePatternSamples>>>("patterns", &parameters);
    let (found, report) = asked.await?;
    let mut sums: BTreeMap<(String, String), BTreeMap<i64, u64>> = BTreeMap::new();
    for of_node in found.into_iter().flat_map(|(_, answer)| answer.data) {
        let samples = sums.entry((of_node.pattern, of_node.level)).or_default();
        for (second, count) in of_node.samples {
            let sum = samples.entry(second).or_default();
            *sum = sum.saturating_add(count);
        }
    }
    let total = |samples: &BTreeMap<i64, u64>| samples.values().sum::<u64>();
    let mut sums: Vec<_> = sums.into_iter().collect();
    sums.sort_by(|(a_key, a), (b_key, b)| total(b).cmp(&total(a)).then_with(|| a_key.cmp(b_key)));
    sums.truncate(SHOWN_MAX);
    let data: Value = sums
        .into_iter()
        .map(|((pattern, level), samples)| {
            let samples: Vec<_> = samples.into_iter().collect();
            json!({"pattern": pattern, "level": level, "samples": samples})
        })
        .collect();
    Ok(json::enclosed(data, &warnings(&report, &[])))
}
