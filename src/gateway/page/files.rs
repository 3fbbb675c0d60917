//! Files of the page. They are the same for everybody and contain nothing of the logs.

use crate::gateway::error::GatewayError;
use crate::gateway::reply::{self, GatewayResponse};
use crate::server::page_file;
use hyper::StatusCode;
use hyper::header::{self, HeaderMap, HeaderValue};

/// The list of nodes: its address, its type and its content.
const FLEET: [(&str, &str, &str); 3] = [
    ("", "text/html; charset=utf-8", include_str!("fleet.html")),
    (
        "fleet.js",
        "text/javascript; charset=utf-8",
        include_str!("fleet.js"),
    ),
    (
        "fleet.css",
        "text/css; charset=utf-8",
        include_str!("fleet.css"),
    ),
];

/// `GET /` and the files that it names.
pub(in crate::gateway) fn fleet(name: &str) -> Result<GatewayResponse, GatewayError> {
    let file = FLEET.iter().find(|(known, _, _)| *known == name);
    let (_, content_type, content) = file.ok_or_else(GatewayError::unknown_path)?;
    let mut response = reply::bytes(content_type, *content);
    let cache = HeaderValue::from_static("no-cache");
    response.headers_mut().insert(header::CACHE_CONTROL, cache);
    Ok(response)
}

/// A file of the page of a node; without a name the page itself.
pub(in crate::gateway) fn of_node(
    name: Option<&str>,
    asked: &HeaderMap,
) -> Result<GatewayResponse, GatewayError> {
    let file = page_file(name, asked).ok_or_else(GatewayError::unknown_path)?;
    let is_known = asked
        .get(header::IF_NONE_MATCH)
        .is_some_and(|tag| *tag == file.tag);
    let mut response = if is_known {
        let mut response = reply::bytes(file.content_type, "");
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        reply::bytes(file.content_type, file.bytes)
    };
    let headers = response.headers_mut();
    if file.is_gzipped && !is_known {
        let gzip = HeaderValue::from_static("gzip");
        headers.insert(header::CONTENT_ENCODING, gzip);
    }
    let vary = HeaderValue::from_static("accept-encoding");
    headers.insert(header::VARY, vary);
    headers.insert(header::ETAG, file.tag);
    let cache = HeaderValue::from_static("no-cache");
    headers.insert(header::CACHE_CONTROL, cache);
    Ok(response)
}
