//! Whether the process answers, and whether it can do its work.

use super::app::App;
use super::error::ApiError;
use super::reply;
use serde_json::json;
use warp::reply::Response;

/// `GET /healthz`: the process answers.
pub(super) fn health() -> Response {
    reply::json(&json!({"status": "ok"}))
}

/// `GET /readyz`: records are kept. The reason why not is in the log; it may name files.
pub(super) fn ready(app: &App) -> Result<Response, ApiError> {
    if app.reader.failure().is_some() {
        return Err(ApiError::unavailable(
            "store_failed",
            "a write to the store failed, new records are no longer kept; reading goes on",
            30,
        ));
    }
    Ok(reply::json(&json!({"status": "ready"})))
}
