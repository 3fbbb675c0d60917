//! Sessions and downloads of the page, as a node has them: `POST session`, `DELETE session`, `POST logs/export`.

use crate::gateway::app::GatewayApp;
use crate::gateway::error::GatewayError;
use crate::gateway::reply::{self, GatewayResponse};
use crate::gateway::request::GatewayRequest;
use crate::gateway::session::authenticator::SESSION_HEADER;
use crate::gateway::session::grant::{self, SessionName};
use crate::tasks;
use hyper::{Method, Response, StatusCode};
use serde_json::json;
use std::io;
use std::sync::Arc;

/// `POST /api/nodes/{id}/session` begins or renews a session; `DELETE` ends it, with all its renewals.
pub(in crate::gateway) async fn session(
    app: &GatewayApp,
    request: &GatewayRequest,
) -> Result<GatewayResponse, GatewayError> {
    let before = request.headers.get(SESSION_HEADER);
    let before = before.and_then(|value| value.to_str().ok());
    let keys = app.keys.set();
    if request.method == Method::DELETE {
        let name = before.and_then(|text| grant::name_of_session(text, keys.secret()));
        if let Some(name) = name {
            end(app, name).await?;
        }
        let mut response = Response::new(reply::whole(""));
        *response.status_mut() = StatusCode::NO_CONTENT;
        return Ok(response);
    }
    let given = grant::session(&request.user, before, keys.secret());
    Ok(created(
        &json!({"session": given.text, "expiresSeconds": given.lasts.as_secs()}),
    ))
}

async fn end(app: &GatewayApp, name: SessionName) -> Result<(), GatewayError> {
    let revoked = Arc::clone(&app.users.revoked);
    let ended = tasks::blocking(move || revoked.revoke(name)).await;
    let ended = ended.unwrap_or_else(|error| Err(io::Error::other(error)));
    ended.map_err(|error| {
        tracing::error!("the end of a session cannot be stored: {error}");
        GatewayError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "session_not_stored",
            "the end of the session cannot be stored: after a restart of the gateway the session may be valid again",
        )
    })
}

/// `POST /api/nodes/{id}/logs/export`: the same address, relative to the page, with a ticket.
pub(in crate::gateway) fn export(app: &GatewayApp, request: &GatewayRequest) -> GatewayResponse {
    let keys = app.keys.set();
    let given = grant::ticket(&request.user, &request.address(), keys.secret());
    let separator = if request.query.is_empty() { "" } else { "&" };
    let address = format!(
        "logs/export?{}{separator}ticket={}",
        request.query, given.text
    );
    created(&json!({"address": address, "expiresSeconds": given.lasts.as_secs()}))
}

fn created(body: &serde_json::Value) -> GatewayResponse {
    let mut response = reply::json(body);
    *response.status_mut() = StatusCode::CREATED;
    response
}
