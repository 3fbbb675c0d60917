//! Whether the process answers, and whether it can do its work.

use crate::server::app::App;
use crate::server::auth::principal::Principal;
use crate::server::http::error::ApiError;
use crate::server::http::reply;
use crate::server::measure::Measure;
use serde_json::{Map, Value, json};
use warp::reply::Response;

/// `GET /healthz`: the process answers.
pub(in crate::server) fn health() -> Response {
    reply::json(&json!({"status": "ok"}))
}

/// `GET /readyz`: records are kept. The reason why not is in the log; it may name files. What collectors there are is for those who
/// may see the whole log.
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
    }
    Ok(reply::json(&answer))
}

/// What is counted of each collector, without where it reads: that is in `/metrics`.
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

/// `lag_seconds` is `lagSeconds`, `read_total` is `read`.
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
    fn keys_are_those_of_the_other_answers() {
        assert_eq!(key("read_total"), "read");
        assert_eq!(key("lag_seconds"), "lagSeconds");
    }
}
