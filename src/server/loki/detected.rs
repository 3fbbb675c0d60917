//! Detected fields: the fields in a sample of the newest lines of a query, from metadata and from JSON or logfmt.

use super::json;
use super::labels;
use super::logs::{self, LogRequest};
use super::parameters::{LokiParameters, QUERY_SINCE_NANOS, refused};
use crate::logql::{self, Expr, FieldType, Label, LabelKind, LogPipeline, LogQuery};
use crate::query::{Budget, Direction};
use crate::server::http::error::ApiError;
use crate::server::records::ScopedView;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Size of the sample.
const SAMPLE_LINES: usize = 1_000;

/// Maximum number of fields, or of values, in one response.
const LIMIT_DEFAULT: usize = 1_000;

/// Maximum number of distinct values kept for a field.
const VALUES_MAX: usize = 1_000;

/// The parsers for the fields of a text.
const PARSERS: [(&str, &str); 2] = [("json", "| json"), ("logfmt", "| logfmt")];

/// The collected facts about a field.
#[derive(Debug, Default)]
struct DetectedField {
    values: BTreeSet<String>,
    parsers: BTreeSet<&'static str>,
    field_type: Option<FieldType>,
}

impl DetectedField {
    fn add(&mut self, value: &str, parser: Option<&'static str>) {
        let field_type = FieldType::of(value);
        self.field_type = Some(match self.field_type {
            None => field_type,
            Some(known) => known.with(field_type),
        });
        self.parsers.extend(parser);
        if self.values.len() < VALUES_MAX {
            self.values.insert(value.to_owned());
        }
    }
}

/// The query and the period to sample.
struct SampleRequest {
    query: LogQuery,
    pipeline: LogPipeline,
    range: (i64, i64),
    lines: usize,
}

impl SampleRequest {
    fn read(parameters: &LokiParameters) -> Result<Self, ApiError> {
        let text = match parameters.get("query").map(str::trim) {
            None | Some("" | "{}") => "{source=~\".+\"}",
            Some(query) => query,
        };
        let Expr::Log(query) = logql::parse(text).map_err(|error| refused(error.to_string()))?
        else {
            return Err(refused("only log selector is supported"));
        };
        let pipeline =
            LogPipeline::new(&query).map_err(|error| refused(error.located(text).to_string()))?;
        Ok(Self {
            query,
            pipeline,
            range: parameters.range(QUERY_SINCE_NANOS)?,
            lines: parameters
                .limit_named("line_limit", SAMPLE_LINES)?
                .min(SAMPLE_LINES),
        })
    }

    fn fields(
        &self,
        view: &ScopedView,
        budget: &Budget,
    ) -> Result<BTreeMap<String, DetectedField>, ApiError> {
        let request = LogRequest {
            query: &self.query,
            pipeline: &self.pipeline,
            start_nanos: self.range.0,
            end_nanos: self.range.1,
            direction: Direction::Backward,
            limit: self.lines,
        };
        let found = logs::find(view, &request, budget)?;
        let parsers = PARSERS.map(|(name, stage)| (name, stage_of(stage)));
        let mut fields: BTreeMap<String, DetectedField> = BTreeMap::new();
        for line in &found.lines {
            let own = line
                .labels
                .iter()
                .filter(|label| label.kind != LabelKind::Stream);
            for label in own.filter(|label| !label.name.starts_with("__")) {
                fields
                    .entry(label.name.to_string())
                    .or_default()
                    .add(&label.value, None);
            }
            for (name, parser) in &parsers {
                for label in parsed(parser.as_ref(), &line.text) {
                    if !labels::is_of_stream(view.node(), &label.name) {
                        fields
                            .entry(label.name.to_string())
                            .or_default()
                            .add(&label.value, Some(name));
                    }
                }
            }
        }
        Ok(fields)
    }
}

/// A pipeline of one stage.
fn stage_of(stage: &str) -> Option<LogPipeline> {
    match logql::parse(&format!("{{source=~\".+\"}} {stage}")) {
        Ok(Expr::Log(query)) => LogPipeline::new(&query).ok(),
        _ => None,
    }
}

/// The labels that a parser finds in a text of its kind.
fn parsed(parser: Option<&LogPipeline>, text: &str) -> Vec<Label<'static>> {
    let Some(parser) = parser else {
        return Vec::new();
    };
    let mut line = logql::PipelineLine {
        timestamp_nanos: 0,
        text: text.into(),
        labels: logql::Labels::default(),
        is_taken_apart: false,
    };
    parser.run(&mut line);
    let labels = line.labels.iter().map(|label| Label {
        name: label.name.to_string().into(),
        value: label.value.to_string().into(),
        kind: label.kind,
    });
    let labels: Vec<_> = labels.collect();
    if labels.iter().any(|label| label.name.starts_with("__error")) {
        return Vec::new();
    }
    labels
}

/// `detected_fields`
pub(super) fn fields(
    view: &ScopedView,
    parameters: &LokiParameters,
    budget: &Budget,
) -> Result<Vec<u8>, ApiError> {
    let limit = parameters.limit_named("limit", LIMIT_DEFAULT)?;
    let fields = SampleRequest::read(parameters)?.fields(view, budget)?;
    let fields = fields.into_iter().take(limit).map(|(name, field)| {
        let parsers = if field.parsers.is_empty() {
            Value::Null
        } else {
            json!(field.parsers)
        };
        let mut described = json!({
            "label": name,
            "type": field.field_type.map_or("string", FieldType::name),
            "cardinality": field.values.len(),
            "parsers": parsers,
        });
        if field.parsers.contains("json")
            && let Value::Object(map) = &mut described
        {
            map.insert("jsonPath".to_owned(), json!([name]));
        }
        described
    });
    Ok(json::bytes(
        &json!({"fields": fields.collect::<Vec<_>>(), "limit": limit}),
    ))
}

/// `detected_field/{name}/values`
pub(super) fn field_values(
    view: &ScopedView,
    parameters: &LokiParameters,
    name: &str,
    budget: &Budget,
) -> Result<Vec<u8>, ApiError> {
    let limit = parameters.limit_named("limit", LIMIT_DEFAULT)?;
    let mut fields = SampleRequest::read(parameters)?.fields(view, budget)?;
    let values = fields.remove(name).unwrap_or_default().values;
    let values: Vec<_> = values.into_iter().take(limit).collect();
    Ok(json::bytes(&json!({"values": values, "limit": limit})))
}
