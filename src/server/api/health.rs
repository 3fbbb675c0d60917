//! Liveness and readiness.

use crate::server::app::App;
use crate::server::auth::principal::Principal;
use crate::server::http::error::ApiError;
use crate::server::http::reply;
use crate::server::measure::Measure;
use crate::store::StoreHistory;
use crate::tasks;
use crate::time::Micros;
use serde_json::{Map, Value, json};
use warp::reply::Response;

/// `GET /healthz`: the process is running.
pub(in crate::server) fn health() -> Response {
    reply::json(&json!({"status": "ok"}))
}

/// `GET /readyz`: new records are stored. If they are not, only the log has the detailed reason, because it may
/// contain file names. Only principals that see everything learn which collectors there are,
/// and how far back the records reach.
pub(in crate::server) async fn ready(
    app: &App,
    principal: &Principal,
) -> Result<Response, ApiError> {
    app.readiness.health().await?.check()?;
    let mut answer = json!({"status": "ready"});
    if principal.sees_everything() {
        let collectors = collectors(app);
        if !collectors.is_empty() {
            answer["collectors"] = collectors.into();
        }
        let history = tasks::blocking(app.records.history());
        answer["history"] = history_body(&history.await.map_err(|_| ApiError::internal())?);
    }
    Ok(reply::json(&answer))
}

/// How far back the store reaches, and what fills it.
pub(crate) fn history_body(history: &StoreHistory) -> Value {
    let text = |time: Option<Micros>| time.map(|time| time.to_string());
    let largest = history.largest_source.as_ref();
    json!({
        "oldest": text(history.oldest),
        "completeSince": text(history.complete_since),
        "thinned": history.thinned,
        "largestSource": largest.map(|(source, records)| json!({
            "source": source.as_str(),
            "records": records,
        })),
    })
}

/// The counters of each collector, without the origins that it reads; `/metrics` has those.
fn collectors(app: &App) -> Map<String, Value> {
    let samples = app.options.measure.as_ref().map(Measure::read);
    let mut collectors = Map::new();
    for sample in samples.into_iter().flatten() {
        let name = sample.name.strip_prefix("vmlog_collector_");
        let (Some(name), [("collector", collector)]) = (name, sample.labels.as_slice()) else {
            continue;
        };
        let counts = collectors
            .entry(collector.clone())
            .or_insert_with(|| json!({}));
        counts[key(name)] = match name {
            "running" => (sample.value == 1).into(),
            _ => sample.value.into(),
        };
    }
    collectors
}

/// `lag_seconds` becomes `lagSeconds`, `read_total` becomes `read`.
fn key(name: &str) -> String {
    let mut words = name.trim_end_matches("_total").split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |key, word| {
        let (head, rest) = word.split_at_checked(1).unwrap_or((word, ""));
        key + &head.to_ascii_uppercase() + rest
    })
}

#[cfg(test)]
mod tests {
    use super::key;

    #[test]
    fn metric_names_become_camel_case_keys() {
        assert_eq!(key("read_total"), "read");
        assert_eq!(key("lag_seconds"), "lagSeconds");
    }
}
