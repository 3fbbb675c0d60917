//! Lists labels, their values, series, and how much of each exists.

use super::labels::{self, NAMES};
use super::parameters::{LABELS_SINCE_NANOS, LokiParameters, QUERY_SINCE_NANOS, refused};
use super::{json, select};
use crate::logql::{Expr, Labels, LogPipeline, LogQuery};
use crate::query::{Budget, Filter, SourcesQuery};
use crate::record::{Level, Source};
use crate::server::http::error::ApiError;
use crate::server::records::ScopedView;
use crate::time::Micros;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Number of sources read at once.
const PAGE_SOURCES: usize = 1_000;

/// Streams with records, and how many each has.
#[derive(Debug)]
pub(super) struct StreamCounts {
    node: Option<String>,
    streams: Vec<(Source, Level, u64)>,
}

impl StreamCounts {
    /// The streams that a selector matches in a range of time; all without a selector.
    pub(super) fn find(
        view: &ScopedView,
        selector: Option<&Selector>,
        (start_nanos, end_nanos): (i64, i64),
        budget: &Budget,
    ) -> Result<Self, ApiError> {
        let filter = match selector {
            Some(selector) => select::filter(
                view,
                &selector.pipeline,
                &selector.query,
                start_nanos,
                end_nanos,
            ),
            None => Some(
                Filter::default()
                    .with_start(Micros::new(start_nanos.div_euclid(1_000)))
                    .with_end(Micros::new(end_nanos.div_euclid(1_000).saturating_add(1))),
            ),
        };
        let mut found = Self {
            node: view.node().map(str::to_owned),
            streams: Vec::new(),
        };
        let Some(filter) = filter else {
            return Ok(found);
        };
        let mut query = SourcesQuery {
            filter,
            cursor: None,
            limit: PAGE_SOURCES,
        };
        loop {
            let page = view.sources(query.clone(), budget)?;
            for summary in page.counts.sources {
                for level in Level::ALL {
                    let count = summary
                        .levels
                        .get(level.index())
                        .copied()
                        .unwrap_or_default();
                    let is_wanted = selector.is_none_or(|selector| {
                        selector.pipeline.selects(&labels::of_stream(
                            view.node(),
                            &summary.source,
                            level,
                        ))
                    });
                    if count > 0 && is_wanted {
                        found.streams.push((summary.source.clone(), level, count));
                    }
                }
            }
            match page.next_cursor {
                Some(cursor) => query.cursor = Some(cursor),
                None => return Ok(found),
            }
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Source, Labels<'_>, u64)> {
        self.streams.iter().map(|(source, level, count)| {
            let labels = labels::of_stream(self.node.as_deref(), source, *level);
            (source, labels, *count)
        })
    }

    /// The values of each label.
    fn values(&self) -> BTreeMap<&'static str, BTreeSet<String>> {
        let mut values: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
        for (_, labels, _) in self.iter() {
            for name in NAMES {
                if let Some(value) = labels.get(name).filter(|value| !value.is_empty()) {
                    values.entry(name).or_default().insert(value.to_owned());
                }
            }
        }
        values
    }
}

/// A selector, perhaps with line filters.
#[derive(Debug)]
pub(super) struct Selector {
    pub(super) query: LogQuery,
    pub(super) pipeline: LogPipeline,
}

impl Selector {
    /// Parses a log query, whose stages do not matter for a list. An empty text and `{}` select everything.
    pub(super) fn read(text: &str) -> Result<Option<Self>, ApiError> {
        if text.trim().is_empty() {
            return Ok(None);
        }
        let parsed =
            crate::logql::parse_unchecked(text).map_err(|error| refused(error.to_string()))?;
        let Expr::Log(query) = parsed else {
            return Err(refused("only label matchers is supported"));
        };
        let pipeline =
            LogPipeline::new(&query).map_err(|error| refused(error.located(text).to_string()))?;
        Ok(Some(Self { query, pipeline }))
    }

    /// The same as [`Self::read`], for the parameter `query`.
    pub(super) fn of(parameters: &LokiParameters) -> Result<Option<Self>, ApiError> {
        Self::read(parameters.get("query").unwrap_or_default())
    }
}

/// `labels`
pub(super) fn label_names(
    view: &ScopedView,
    parameters: &LokiParameters,
    budget: &Budget,
) -> Result<Vec<u8>, ApiError> {
    let selector = Selector::of(parameters)?;
    let range = parameters.range(LABELS_SINCE_NANOS)?;
    let streams = StreamCounts::find(view, selector.as_ref(), range, budget)?;
    let values = streams.values();
    Ok(json::success(json!(values.keys().collect::<Vec<_>>())))
}

/// `label/{name}/values`
pub(super) fn label_values(
    view: &ScopedView,
    parameters: &LokiParameters,
    name: &str,
    budget: &Budget,
) -> Result<Vec<u8>, ApiError> {
    let selector = Selector::of(parameters)?;
    let range = parameters.range(LABELS_SINCE_NANOS)?;
    let streams = StreamCounts::find(view, selector.as_ref(), range, budget)?;
    let mut values = streams.values();
    Ok(json::success(json!(
        values.remove(name).unwrap_or_default()
    )))
}

/// `series`
pub(super) fn series(
    view: &ScopedView,
    parameters: &LokiParameters,
    budget: &Budget,
) -> Result<Vec<u8>, ApiError> {
    let range = parameters.range(LABELS_SINCE_NANOS)?;
    let matches = parameters.all("match[]").chain(parameters.all("match"));
    let mut selectors = matches.map(Selector::read).collect::<Result<Vec<_>, _>>()?;
    if selectors.is_empty() {
        selectors.push(None);
    }
    let mut found: BTreeSet<Vec<(String, String)>> = BTreeSet::new();
    for selector in &selectors {
        let streams = StreamCounts::find(view, selector.as_ref(), range, budget)?;
        let labels_of = |labels: Labels<'_>| {
            let pairs = labels.iter().filter(|label| !label.value.is_empty());
            pairs
                .map(|label| (label.name.to_string(), label.value.to_string()))
                .collect()
        };
        found.extend(streams.iter().map(|(_, labels, _)| labels_of(labels)));
    }
    let objects = found.into_iter().map(|pairs| {
        let pairs = pairs
            .into_iter()
            .map(|(name, value)| (name, Value::from(value)));
        Value::Object(pairs.collect::<Map<_, _>>())
    });
    Ok(json::success(objects.collect()))
}

/// `index/stats`
pub(super) fn stats(
    view: &ScopedView,
    parameters: &LokiParameters,
    budget: &Budget,
) -> Result<Vec<u8>, ApiError> {
    let selector = Selector::of(parameters)?;
    let range = parameters.range(QUERY_SINCE_NANOS)?;
    let streams = StreamCounts::find(view, selector.as_ref(), range, budget)?;
    let sizes = view.mean_bytes();
    let (mut count, mut entries, mut bytes) = (0_u64, 0, 0);
    for (source, _, records) in streams.iter() {
        count += 1;
        entries += records;
        bytes += bytes_of(records, sizes.of(source));
    }
    Ok(json::bytes(
        &json!({"streams": count, "chunks": count, "entries": entries, "bytes": bytes}),
    ))
}

/// The approximate size of records with this mean.
pub(super) fn bytes_of(records: u64, mean: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an estimate, which is not negative"
    )]
    let bytes = (records as f64 * mean).round() as u64;
    bytes
}

/// `detected_labels`
pub(super) fn detected_labels(
    view: &ScopedView,
    parameters: &LokiParameters,
    budget: &Budget,
) -> Result<Vec<u8>, ApiError> {
    let selector = Selector::of(parameters)?;
    let range = parameters.range(QUERY_SINCE_NANOS)?;
    let streams = StreamCounts::find(view, selector.as_ref(), range, budget)?;
    let values = streams.values();
    let labels = values
        .iter()
        .map(|(name, values)| json!({"label": name, "cardinality": values.len()}));
    Ok(json::bytes(
        &json!({"detectedLabels": labels.collect::<Vec<_>>()}),
    ))
}
