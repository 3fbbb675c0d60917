//! Sessions and downloads of the page, as a node has them: `POST session`, `DELETE session`, `POST logs/export`.

use crate::gateway::app::GatewayApp;
use crate::gateway::reply::{self, GatewayResponse};
use crate::gateway::request::GatewayRequest;
use crate::gateway::session::grant;
use hyper::{Method, Response, StatusCode};
use serde_json::json;

/// `POST /api/nodes/{id}/session` begins or renews a session; `DELETE` says that the page has forgotten it.
pub(in crate::gateway) fn session(app: &GatewayApp, request: &GatewayRequest) -> GatewayResponse {
    if request.method == Method::DELETE {
        let mut response = Response::new(reply::whole(""));
        *response.status_mut() = StatusCode::NO_CONTENT;
        return response;
    }
    let keys = app.keys.set();
    let given = grant::session(&request.user, keys.secret());
    created(&json!({"session": given.text, "expiresSeconds": given.lasts.as_secs()}))
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
