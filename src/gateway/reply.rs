//! Bodies of responses, and the headers that every one of them carries.

use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::Response;
use hyper::body::Bytes;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;
use std::error::Error;

/// Why a body ends before its end. The connection is closed then, so that the client does not take the body for complete.
pub(in crate::gateway) type BodyError = Box<dyn Error + Send + Sync>;

/// The body of a response: whole, or passed on as it arrives.
pub(in crate::gateway) type GatewayBody = UnsyncBoxBody<Bytes, BodyError>;

pub(in crate::gateway) type GatewayResponse = Response<GatewayBody>;

/// A body that is in memory.
pub(in crate::gateway) fn whole(bytes: impl Into<Bytes>) -> GatewayBody {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// A response with this body.
pub(in crate::gateway) fn bytes(
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> GatewayResponse {
    let mut response = Response::new(whole(body));
    let value = HeaderValue::from_static(content_type);
    response.headers_mut().insert(header::CONTENT_TYPE, value);
    response
}

/// A JSON response.
pub(in crate::gateway) fn json(value: &impl Serialize) -> GatewayResponse {
    let body = serde_json::to_vec(value);
    debug_assert!(body.is_ok(), "JSON into memory: {body:?}");
    bytes("application/json", body.unwrap_or_default())
}

/// On every response: no sniffing, no referrer, no reading by other origins.
const SECURITY_HEADERS: [(HeaderName, &str); 4] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
];

/// What a page of the gateway may load, and who may embed it.
pub(in crate::gateway) fn content_security_policy(ancestors: &[String]) -> String {
    let ancestors = match ancestors {
        [] => "'none'".to_owned(),
        list => list.join(" "),
    };
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors {ancestors}"
    )
}

/// Adds the headers of every response. Responses contain log text, so they are not cached unless they say otherwise.
pub(in crate::gateway) fn harden(headers: &mut HeaderMap, policy: &HeaderValue, is_framed: bool) {
    for (name, value) in SECURITY_HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(header::CONTENT_SECURITY_POLICY, policy.clone());
    if !is_framed {
        let deny = HeaderValue::from_static("DENY");
        headers.insert(header::X_FRAME_OPTIONS, deny);
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
}
