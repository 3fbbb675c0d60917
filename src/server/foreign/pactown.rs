//! The stream of a run as pactown prints it: a line of JSON for each line of output, and one for the result.

use super::follow::{MakeView, StreamForm, stream};
use crate::query::{Budget, Expression, FieldCondition, FieldTest, Filter};
use crate::record::{Id, StoredRecord};
use crate::server::app::App;
use crate::server::auth::principal::Principal;
use crate::server::http::error::ApiError;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use warp::reply::Response;

/// `GET /runs/{id}/stream`
pub(in crate::server) async fn run_stream(
    app: &Arc<App>,
    principal: &Principal,
    id: &str,
) -> Result<Response, ApiError> {
    let (asked, view) = (id.to_owned(), app.records.of(principal).now());
    let run = app
        .gate
        .run(principal, move |budget| view.run(&asked, budget));
    let run = run.await??.ok_or_else(ApiError::unknown_run)?;
    let of_run = FieldCondition::new("run_id", FieldTest::Equals(id.into()));
    let filter = Filter::default().with_expression(Expression::Field(of_run));
    let records = app.records.of(principal);
    let view: MakeView = Box::new(move || records.now());
    let after = Id(run.first_id.0.saturating_sub(1));
    let kind = "application/x-ndjson";
    stream(app, principal, kind, view, (filter, after), RunLines)
}

struct RunLines;

impl StreamForm for RunLines {
    fn write(&mut self, record: &StoredRecord, out: &mut Vec<u8>) -> bool {
        let event = record
            .record
            .metadata
            .get("event_type")
            .and_then(Value::as_str);
        let line = match event {
            Some("process_end") => json!({"type": "result", "result": result(record)}),
            // events about the run have an ID of an event
            _ if record.record.metadata.contains_key("event_id") => return false,
            _ => json!({"type": "log", "message": record.record.message}),
        };
        out.extend_from_slice(line.to_string().as_bytes());
        out.push(b'\n');
        event == Some("process_end")
    }

    fn caught_up(&mut self, _budget: &Budget) -> Option<Vec<u8>> {
        None
    }

    fn keep_alive(&self) -> &'static [u8] {
        b"\n"
    }
}

/// How the run ended, with the names that pactown uses.
fn result(record: &StoredRecord) -> Value {
    let metadata = &record.record.metadata;
    let mut result = Map::new();
    for (name, key) in [
        ("success", "success"),
        ("run_id", "run_id"),
        ("exit_code", "exit_code"),
        ("signal", "signal"),
        ("duration_ms", "duration_ms"),
        ("error_category", "error_category"),
    ] {
        if let Some(value) = metadata.get(key) {
            result.insert(name.to_owned(), value.clone());
        }
    }
    result.insert("message".to_owned(), record.record.message.clone().into());
    Value::Object(result)
}
