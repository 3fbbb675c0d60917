//! Responses: bodies, and the headers that all of them have.

use futures_util::stream::poll_fn;
use serde::Serialize;
use std::error::Error;
use tokio::sync::mpsc;
use warp::Reply as _;
use warp::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use warp::hyper::body::Bytes;
use warp::reply::Response;

/// The page may run and load only files of this server.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// On every response: no sniffing, no embedding, no referrer (an address may contain a token), no reading by other origins.
const SECURITY_HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
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

/// Adds the headers of every response. Responses contain log text, so they are not cached unless they say otherwise.
pub(in crate::server) fn harden(response: &mut Response) {
    let headers = response.headers_mut();
    for (name, value) in SECURITY_HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
}

/// A JSON response.
pub(in crate::server) fn json(value: &impl Serialize) -> Response {
    warp::reply::json(value).into_response()
}

/// A response with this body.
pub(in crate::server) fn bytes(content_type: &'static str, body: impl Into<Bytes>) -> Response {
    let mut response = Response::new(body.into().into());
    set(
        response.headers_mut(),
        header::CONTENT_TYPE,
        HeaderValue::from_static(content_type),
    );
    response
}

/// A response whose body is sent in chunks; it ends when the sender is dropped. An error closes the connection, so
/// that the client does not mistake the body for complete.
pub(in crate::server) fn streamed<E: Error + Send + Sync + 'static>(
    content_type: &'static str,
    mut chunks: mpsc::Receiver<Result<Bytes, E>>,
) -> Response {
    let stream = poll_fn(move |context| chunks.poll_recv(context));
    let mut response = warp::reply::stream(stream).into_response();
    set(
        response.headers_mut(),
        header::CONTENT_TYPE,
        HeaderValue::from_static(content_type),
    );
    response
}

/// A response of server-sent events, which no proxy may collect.
pub(in crate::server) fn event_stream<E: Error + Send + Sync + 'static>(
    chunks: mpsc::Receiver<Result<Bytes, E>>,
) -> Response {
    let mut response = streamed("text/event-stream", chunks);
    for (name, value) in [("cache-control", "no-cache"), ("x-accel-buffering", "no")] {
        set(
            response.headers_mut(),
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    response
}

/// Sets one header.
pub(in crate::server) fn set(headers: &mut HeaderMap, name: HeaderName, value: HeaderValue) {
    headers.insert(name, value);
}

#[cfg(test)]
pub(in crate::server) mod tests {
    use super::*;
    use std::convert::Infallible;

    /// The whole body of a response.
    pub(in crate::server) async fn body_text(response: Response) -> String {
        use warp::hyper::body::Body;
        let mut body = std::pin::pin!(response.into_body());
        let mut text = Vec::new();
        while let Some(frame) = std::future::poll_fn(|context| body.as_mut().poll_frame(context))
            .await
            .transpose()
            .expect("a body that is in memory cannot fail")
        {
            text.extend_from_slice(frame.data_ref().expect("no trailers are sent"));
        }
        String::from_utf8(text).expect("responses are UTF-8")
    }

    #[tokio::test]
    async fn responses_are_hardened_and_not_cached_by_default() {
        let mut response = json(&[1, 2]);
        harden(&mut response);
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
        assert!(
            !response.headers()["content-security-policy"]
                .to_str()
                .expect("ASCII")
                .contains("unsafe")
        );
        assert_eq!(body_text(response).await, "[1,2]");

        let mut response = bytes("text/css", "a{}");
        set(
            response.headers_mut(),
            header::CACHE_CONTROL,
            HeaderValue::from_static("no-cache"),
        );
        harden(&mut response);
        assert_eq!(response.headers()["cache-control"], "no-cache");
    }

    #[tokio::test]
    async fn stream_ends_with_its_sender() {
        let (sender, receiver) = mpsc::channel::<Result<_, Infallible>>(1);
        let response = streamed("text/plain", receiver);
        tokio::spawn(async move {
            for part in ["a", "b", "c"] {
                sender
                    .send(Ok(Bytes::from_static(part.as_bytes())))
                    .await
                    .expect("the body is read");
            }
        });
        assert_eq!(body_text(response).await, "abc");
    }
}
