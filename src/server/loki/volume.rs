//! Volumes: the size of streams by labels, at one time or over time.

use super::listing::{Selector, StreamCounts, bytes_of};
use super::parameters::{LokiParameters, QUERY_SINCE_NANOS, refused};
use super::{json, metrics};
use crate::logql::{self, Expr, Grid, Label, MetricOutcome, MetricPlan, SeriesPoints};
use crate::query::Budget;
use crate::server::http::error::ApiError;
use crate::server::records::ScopedView;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(crate) const LIMIT_DEFAULT: usize = 100;

/// How volumes are grouped.
#[derive(Debug)]
struct VolumeGroups {
    /// The labels whose values form a group; by default all that the selector names.
    labels: Vec<String>,
    /// Whether each label is a group of its own, regardless of its values.
    by_label: bool,
}

impl VolumeGroups {
    fn read(parameters: &LokiParameters, selector: Option<&Selector>) -> Result<Self, ApiError> {
        let by_label = match parameters.get("aggregateBy").unwrap_or("series") {
            "series" => false,
            "labels" => true,
            other => return Err(refused(format!("invalid aggregation option: {other}"))),
        };
        let target = parameters
            .get("targetLabels")
            .unwrap_or_default()
            .split(',');
        let mut labels: Vec<String> = target.map(|label| label.trim().to_owned()).collect();
        labels.retain(|label| !label.is_empty());
        if labels.is_empty()
            && !by_label
            && let Some(selector) = selector
        {
            labels = selector.query.selector_names();
        }
        labels.sort();
        labels.dedup();
        Ok(Self { labels, by_label })
    }

    /// The groups of a stream.
    fn of<'l>(&self, labels: impl Iterator<Item = &'l Label<'l>>) -> Vec<Vec<(String, String)>> {
        let wanted = labels.filter(|label| {
            let is_named = self.labels.iter().any(|name| *name == label.name);
            is_named || self.by_label && self.labels.is_empty()
        });
        let pairs = wanted.map(|label| (label.name.to_string(), label.value.to_string()));
        if self.by_label {
            pairs.map(|(name, _)| vec![(name, String::new())]).collect()
        } else {
            vec![pairs.collect()]
        }
    }
}

/// `index/volume`
pub(super) fn instant(
    view: &ScopedView,
    parameters: &LokiParameters,
    budget: &Budget,
) -> Result<Vec<u8>, ApiError> {
    let selector = Selector::of(parameters)?;
    let groups = VolumeGroups::read(parameters, selector.as_ref())?;
    let limit = parameters.limit_named("limit", LIMIT_DEFAULT)?;
    let (start, end) = parameters.range(QUERY_SINCE_NANOS)?;
    let streams = StreamCounts::find(view, selector.as_ref(), (start, end), budget)?;
    let sizes = view.mean_bytes();
    let mut volumes: BTreeMap<Vec<(String, String)>, u64> = BTreeMap::new();
    for (source, labels, records) in streams.iter() {
        let bytes = bytes_of(records, sizes.of(source));
        for group in groups.of(labels.iter()) {
            *volumes.entry(group).or_default() += bytes;
        }
    }
    let mut volumes: Vec<_> = volumes.into_iter().collect();
    volumes.sort_by(|(a_group, a), (b_group, b)| b.cmp(a).then_with(|| a_group.cmp(b_group)));
    volumes.truncate(limit);
    let time = json::seconds(end);
    let result = volumes.into_iter().map(|(group, bytes)| {
        let metric = group
            .into_iter()
            .map(|(name, value)| (name, Value::from(value)));
        json!({"metric": Value::Object(metric.collect()), "value": [time, bytes.to_string()]})
    });
    Ok(json::success(
        json!({"resultType": "vector", "result": result.collect::<Vec<_>>(), "stats": {}}),
    ))
}

/// `index/volume_range`
pub(super) fn over_time(
    view: &ScopedView,
    parameters: &LokiParameters,
    budget: &Budget,
) -> Result<Vec<u8>, ApiError> {
    let asked = VolumeRange::read(parameters, view.node().is_some())?;
    let mut series = Vec::new();
    for query in &asked.queries {
        let plan = plan(query, asked.grid)?;
        let outcome = metrics::run(view, &plan, false, budget)?.outcome;
        series.extend(outcome.into_series());
    }
    Ok(asked.answer(series, &[]))
}

/// Volumes over time, as metric queries.
#[derive(Debug)]
pub(crate) struct VolumeRange {
    /// Their series are put together.
    pub(crate) queries: Vec<String>,
    pub(crate) grid: Grid,
    limit: usize,
}

impl VolumeRange {
    /// `has_node`: whether streams have the label `node`.
    pub(crate) fn read(parameters: &LokiParameters, has_node: bool) -> Result<Self, ApiError> {
        let selector = Selector::of(parameters)?;
        let groups = VolumeGroups::read(parameters, selector.as_ref())?;
        let limit = parameters.limit_named("limit", LIMIT_DEFAULT)?;
        let (start, end) = parameters.range(QUERY_SINCE_NANOS)?;
        let step = parameters.step(start, end)?;
        let selector = match parameters.get("query").map(str::trim) {
            None | Some("" | "{}") => "{source=~\".+\"}",
            Some(query) => query,
        };
        let queries = if groups.by_label {
            let names = super::labels::NAMES.into_iter();
            let names = names.filter(|name| {
                let is_wanted =
                    groups.labels.is_empty() || groups.labels.iter().any(|label| label == name);
                is_wanted && (has_node || *name != super::labels::NODE)
            });
            let total = volume_query(selector, &[], step);
            let of_label = |name| format!("label_replace({total}, \"{name}\", \"-\", \"\", \"\")");
            names.map(of_label).collect()
        } else {
            vec![volume_query(selector, &groups.labels, step)]
        };
        Ok(Self {
            queries,
            grid: super::parameters::grid(start, end, step)?,
            limit,
        })
    }

    /// The response: the greatest of the series.
    pub(crate) fn answer(&self, series: Vec<SeriesPoints>, warnings: &[String]) -> Vec<u8> {
        let greatest = metrics::greatest(MetricOutcome::Matrix(series), self.limit);
        let time = |point| self.grid.time_nanos(point);
        json::metric_answer(&greatest, time, json::QueryStats::default(), warnings)
    }
}

/// The size of lines over time, as a metric query.
fn volume_query(selector: &str, labels: &[String], step: i64) -> String {
    format!(
        "sum by ({}) (bytes_over_time({selector} [{step}ns]))",
        labels.join(", ")
    )
}

/// Compiles a metric query.
pub(crate) fn plan(query: &str, grid: Grid) -> Result<MetricPlan, ApiError> {
    let parsed = logql::parse(query).map_err(|error| refused(error.to_string()))?;
    let Expr::Metric(metric) = parsed else {
        return Err(refused("only label matchers is supported"));
    };
    MetricPlan::new(&metric, grid).map_err(|error| refused(error.located(query).to_string()))
}
