//! Whether the process answers, and whether it can do its work.

use super::app::App;
use super::error::ApiError;
use super::metrics::Measure;
use super::reply;
use serde_json::{Map, Value, json};
use std::path::Path;
use warp::reply::Response;

/// `GET /healthz`: the process answers.
pub(super) fn health() -> Response {
    reply::json(&json!({"status": "ok"}))
}

/// Below this the next write is likely to fail: a batch of long records takes as much.
const FREE_BYTES_MIN: u64 = 16 << 20;

/// `GET /readyz`: records are kept. The reason why not is in the log; it may name files.
pub(super) async fn ready(app: &App) -> Result<Response, ApiError> {
    if app.records.has_failed() {
        return Err(ApiError::unavailable(
            "store_failed",
            "a write to the store failed, new records are no longer kept; reading goes on",
            30,
        ));
    }
    let root = app.records.root();
    let free_bytes = app.gate.run(move |_| free_bytes(&root)).await?;
    if free_bytes.is_some_and(|free| free < FREE_BYTES_MIN) {
        return Err(ApiError::unavailable(
            "disk_full",
            "the disk is full, new records may be lost; reading goes on",
            30,
        ));
    }
    let mut answer = json!({"status": "ready"});
    let collectors = collectors(app);
    if !collectors.is_empty() {
        answer["collectors"] = collectors.into();
    }
    Ok(reply::json(&answer))
}

/// What is free of the store's file system; `None` where nobody can tell.
fn free_bytes(root: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(root).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

/// What is counted of each collector. Where it reads is left out: this answer needs no token.
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
