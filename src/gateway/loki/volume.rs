//! Volumes of several nodes, added up.

use super::question::{Enclosed, LokiQuestion, pair, warnings};
use super::refusal::{of_parameter, refused};
use super::samples;
use crate::gateway::error::GatewayError;
use crate::logql::{self, Expr};
use crate::server::loki::json;
use crate::server::loki::parameters::{LIMIT_MAX, QUERY_SINCE_NANOS};
use crate::server::loki::volume::{LIMIT_DEFAULT, VolumeRange, plan};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Instant;

#[derive(Debug, Deserialize)]
struct VolumeVector {
    result: Vec<VolumeSample>,
}

#[derive(Debug, Deserialize)]
struct VolumeSample {
    metric: BTreeMap<String, String>,
    value: (Value, String),
}

/// `index/volume`
pub(super) async fn instant(mut question: LokiQuestion) -> Result<Vec<u8>, GatewayError> {
    question.narrow_to_selector()?;
    let limit = question
        .parameters
        .limit_named("limit", LIMIT_DEFAULT)
        .map_err(of_parameter)?;
    let range = question.range(QUERY_SINCE_NANOS)?;
    let mut parameters = question.with_range(range, &["query", "targetLabels", "aggregateBy"]);
    // a group that is small on each node may be large on all of them
    parameters.push(pair("limit", LIMIT_MAX.to_string()));
    let asked = question.ask::<Enclosed<VolumeVector>>("index/volume", &parameters);
    let (found, report) = asked.await?;
    let mut volumes: BTreeMap<BTreeMap<String, String>, u64> = BTreeMap::new();
    for sample in found.into_iter().flat_map(|(_, answer)| answer.data.result) {
        let bytes: u64 = sample.value.1.parse().unwrap_or_default();
        let volume = volumes.entry(sample.metric).or_default();
        *volume = volume.saturating_add(bytes);
    }
    let mut volumes: Vec<_> = volumes.into_iter().collect();
    volumes.sort_by(|(a_group, a), (b_group, b)| b.cmp(a).then_with(|| a_group.cmp(b_group)));
    volumes.truncate(limit);
    let time = json::seconds(range.1);
    let result = volumes
        .into_iter()
        .map(|(metric, bytes)| json!({"metric": metric, "value": [time, bytes.to_string()]}));
    let data = json!({"resultType": "vector", "result": result.collect::<Vec<_>>(), "stats": {}});
    Ok(json::enclosed(data, &warnings(&report, &[])))
}

/// `index/volume_range`
pub(super) async fn over_time(mut question: LokiQuestion) -> Result<Vec<u8>, GatewayError> {
    let asked = VolumeRange::read(&question.parameters, true).map_err(of_parameter)?;
    let (mut series, mut all_warnings) = (Vec::new(), Vec::new());
    if let Some(first) = asked.queries.first() {
        let expr = logql::parse(first).map_err(|error| refused(error.to_string()))?;
        if let Expr::Metric(_) = &expr {
            question.narrow(&expr, first)?;
        }
    }
    for query in &asked.queries {
        let plan = plan(query, asked.grid).map_err(of_parameter)?;
        let evaluation = samples::Evaluation {
            query,
            plan,
            is_instant: false,
            changes_node: false,
            began: Instant::now(),
        };
        let result = evaluation.run(&question).await?;
        series.extend(result.outcome.into_series());
        all_warnings.extend(result.warnings);
    }
    all_warnings.sort();
    all_warnings.dedup();
    Ok(asked.answer(series, &all_warnings))
}
