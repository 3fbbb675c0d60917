//! Which headers are passed on, in each direction.

use crate::gateway::reply::GatewayResponse;
use crate::gateway::request::GatewayRequest;
use hyper::Method;
use hyper::header::{self, HeaderMap, HeaderName};

/// Headers of the client that concern the answer. All others stay here: credentials, cookies, names of users.
const PASSED_TO_NODE: [HeaderName; 4] = [
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    HeaderName::from_static("last-event-id"),
    HeaderName::from_static("x-loki-response-encoding-flags"),
];

/// Headers of the node that concern its answer. All others stay here: cookies, redirects, challenges, policies for a page.
const PASSED_TO_CLIENT: [HeaderName; 11] = [
    header::CACHE_CONTROL,
    header::CONTENT_DISPOSITION,
    header::CONTENT_ENCODING,
    header::CONTENT_TYPE,
    header::RETRY_AFTER,
    header::VARY,
    HeaderName::from_static("x-accel-buffering"),
    HeaderName::from_static("x-next-cursor"),
    HeaderName::from_static("x-vmlog-truncated"),
    HeaderName::from_static("x-vmlog-unreadable"),
    HeaderName::from_static("x-vmlog-warnings"),
];

/// The headers of a client that go to the node.
pub(in crate::gateway) fn to_node(headers: &HeaderMap) -> HeaderMap {
    passed(headers, &PASSED_TO_NODE)
}

/// Whether a client asks for server-sent events, as a node decides it.
pub(in crate::gateway) fn accepts_events(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT);
    let accept = accept.and_then(|accept| accept.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/event-stream"))
}

/// The answer with the headers that concern it.
pub(in crate::gateway) fn pass_on(
    response: GatewayResponse,
    request: &GatewayRequest,
) -> GatewayResponse {
    let (mut head, body) = response.into_parts();
    let mut headers = passed(&head.headers, &PASSED_TO_CLIENT);
    if request.method == Method::HEAD
        && let Some(length) = head.headers.get(header::CONTENT_LENGTH)
    {
        headers.insert(header::CONTENT_LENGTH, length.clone());
    }
    head.headers = headers;
    head.extensions.clear();
    GatewayResponse::from_parts(head, body)
}

fn passed(headers: &HeaderMap, names: &[HeaderName]) -> HeaderMap {
    let mut kept = HeaderMap::new();
    for name in names {
        for value in headers.get_all(name) {
            kept.append(name, value.clone());
        }
    }
    kept
}
