//! Sessions of browsers and links for downloads.

use crate::http_client::query_encoded;
use crate::server::app::App;
use crate::server::auth::principal::Principal;
use crate::server::auth::session::SESSION_HEADER;
use crate::server::http::error::ApiError;
use crate::server::http::reply;
use crate::server::http::request::ApiRequest;
use serde_json::json;
use warp::http::StatusCode;
use warp::reply::Response;

/// `POST /session`: begins a session for the token of the request, or renews the session of the request.
pub(in crate::server) fn begin(
    app: &App,
    principal: &Principal,
    request: &ApiRequest,
) -> Result<Response, ApiError> {
    let sessions = &app.authenticator.sessions;
    let known = request
        .header(&SESSION_HEADER)
        .filter(|text| sessions.session(text).is_some());
    let given = match known {
        Some(text) => sessions.renew(principal, text)?,
        None => sessions.begin(principal)?,
    };
    let body = json!({"session": given.text, "expiresSeconds": given.lasts.as_secs()});
    let mut response = reply::json(&body);
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

/// `DELETE /session`: revokes the session of the request.
pub(in crate::server) fn end(app: &App, request: &ApiRequest) -> Response {
    if let Some(text) = request.header(&SESSION_HEADER) {
        app.authenticator.sessions.revoke(text);
    }
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// `POST /logs/export`: the same address, relative to the page, with a ticket.
pub(in crate::server) fn link(
    app: &App,
    principal: &Principal,
    request: &ApiRequest,
    warnings: &[String],
) -> Result<Response, ApiError> {
    let (path, parameters) = (&request.path, &request.parameters);
    let sessions = &app.authenticator.sessions;
    let given = sessions.ticket_for(principal, path, parameters)?;
    let ticket = ("ticket".to_owned(), given.text);
    let pairs = parameters.iter().chain([&ticket]);
    let query: Vec<_> = pairs
        .map(|(name, value)| format!("{}={}", query_encoded(name), query_encoded(value)))
        .collect();
    let query = query.join("&");
    let address = format!("{}?{query}", path.trim_start_matches('/'));
    let mut body = json!({"address": address, "expiresSeconds": given.lasts.as_secs()});
    if !warnings.is_empty() {
        body["warnings"] = warnings.into();
    }
    let mut response = reply::json(&body);
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}
