//! Detected fields of several nodes.

use super::lists::safe;
use super::question::{LokiQuestion, pair};
use super::refusal::of_parameter;
use crate::gateway::error::GatewayError;
use crate::logql::FieldType;
use crate::server::loki::json;
use crate::server::loki::parameters::{LIMIT_MAX, QUERY_SINCE_NANOS};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Maximum number of fields, or of values, in one response, as on a node.
const LIMIT_DEFAULT: usize = 1_000;

#[derive(Debug, Deserialize)]
struct DetectedFields {
    fields: Vec<NodeField>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NodeField {
    label: String,
    #[serde(rename = "type")]
    kind: String,
    cardinality: u64,
    parsers: Option<BTreeSet<String>>,
    json_path: Option<Vec<String>>,
}

/// A field of all nodes.
#[derive(Debug, Default)]
struct FleetField {
    kind: Option<FieldType>,
    /// The greatest of any node: which of their values are the same is not known.
    cardinality: u64,
    parsers: BTreeSet<String>,
    json_path: Option<Vec<String>>,
}

impl FleetField {
    fn add(&mut self, field: NodeField) {
        let kind = FieldType::of_name(&field.kind);
        self.kind = Some(self.kind.map_or(kind, |known| known.with(kind)));
        self.cardinality = self.cardinality.max(field.cardinality);
        self.parsers.extend(field.parsers.unwrap_or_default());
        self.json_path = self.json_path.take().or(field.json_path);
    }

    fn described(self, label: &str) -> Value {
        let parsers = if self.parsers.is_empty() {
            Value::Null
        } else {
            json!(self.parsers)
        };
        let mut described = json!({
            "label": label,
            "type": self.kind.map_or("string", FieldType::name),
            "cardinality": self.cardinality,
            "parsers": parsers,
        });
        if let (Some(path), Value::Object(map)) = (self.json_path, &mut described) {
            map.insert("jsonPath".to_owned(), json!(path));
        }
        described
    }
}

fn parameters(question: &mut LokiQuestion) -> Result<Vec<(String, String)>, GatewayError> {
    question.narrow_to_selector()?;
    let range = question.range(QUERY_SINCE_NANOS)?;
    let mut parameters = question.with_range(range, &["query", "line_limit"]);
    parameters.push(pair("limit", LIMIT_MAX.to_string()));
    Ok(parameters)
}

fn limit(question: &LokiQuestion) -> Result<usize, GatewayError> {
    let limit = question.parameters.limit_named("limit", LIMIT_DEFAULT);
    limit.map_err(of_parameter)
}

/// `detected_fields`
pub(super) async fn fields(mut question: LokiQuestion) -> Result<Vec<u8>, GatewayError> {
    let limit = limit(&question)?;
    let parameters = parameters(&mut question)?;
    let (found, _) = question
        .ask::<DetectedFields>("detected_fields", &parameters)
        .await?;
    let mut fields: BTreeMap<String, FleetField> = BTreeMap::new();
    for field in found.into_iter().flat_map(|(_, answer)| answer.fields) {
        fields.entry(field.label.clone()).or_default().add(field);
    }
    let fields = fields.into_iter().take(limit);
    let fields: Vec<_> = fields
        .map(|(label, field)| field.described(&label))
        .collect();
    Ok(json::bytes(&json!({"fields": fields, "limit": limit})))
}

#[derive(Debug, Deserialize)]
struct FieldTexts {
    values: Vec<String>,
}

/// `detected_field/{name}/values`
pub(super) async fn values(
    mut question: LokiQuestion,
    name: &str,
) -> Result<Vec<u8>, GatewayError> {
    let limit = limit(&question)?;
    let parameters = parameters(&mut question)?;
    let path = format!("detected_field/{}/values", safe(name));
    let (found, _) = question.ask::<FieldTexts>(&path, &parameters).await?;
    let values: BTreeSet<String> = found
        .into_iter()
        .flat_map(|(_, answer)| answer.values)
        .collect();
    let values: Vec<String> = values.into_iter().take(limit).collect();
    Ok(json::bytes(&json!({"values": values, "limit": limit})))
}
