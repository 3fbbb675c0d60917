//! One request from its arrival to its answer: host, route, token, handler, headers.

use super::access::{self, Door};
use super::connection::CONNECTIONS_MAX;
use super::crowd::Crowd;
use super::error::ApiError;
use super::gate::Gate;
use super::metrics::{self, Metrics, add};
use super::rate::Rates;
use super::request::Request;
use super::route::{self, Access, Endpoint};
use super::{Options, State, counts, export, health, logs, openapi, page, reply, runs, stream};
use crate::live::Live;
use crate::store::Reader;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::{Semaphore, watch};
use warp::Filter;
use warp::http::header::{self, HeaderMap, HeaderValue};
use warp::http::{Method, StatusCode};
use warp::reply::Response;

/// What handlers share.
#[derive(Debug)]
pub(super) struct App {
    /// The store.
    pub(super) reader: Reader,
    /// The live tail.
    pub(super) live: Live,
    /// The settings.
    pub(super) options: Arc<Options>,
    /// Bounds the blocking work.
    pub(super) gate: Gate,
    /// One permit a tail client.
    pub(super) tails: Arc<Semaphore>,
    /// One permit an export.
    pub(super) exports: Arc<Semaphore>,
    /// The open connections.
    pub(super) crowd: Arc<Crowd>,
    /// What is counted.
    pub(super) metrics: Metrics,
    /// True once the server stops.
    pub(super) stopping: watch::Receiver<bool>,
    door: Door,
    rates: Rates,
}

/// Who sent a request, as the connection knows it; put into each request by the connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) IpAddr);

impl App {
    /// What handlers of a server that listens on `address` share.
    pub(super) fn new(state: State, address: IpAddr, stopping: watch::Receiver<bool>) -> Self {
        let State {
            reader,
            live,
            options,
        } = state;
        Self {
            reader,
            live,
            gate: Gate::new(),
            tails: Arc::new(Semaphore::new(options.tail_connections_max)),
            exports: Arc::new(Semaphore::new(export::EXPORTS_MAX)),
            crowd: Crowd::new(CONNECTIONS_MAX),
            metrics: Metrics::default(),
            stopping,
            door: Door::new(&options, address),
            rates: Rates::new(options.rate, options.rate_burst),
            options,
        }
    }
}

/// Everything that is served, as one filter that answers every request.
pub(super) fn service(
    app: Arc<App>,
) -> impl Filter<Extract = (Response,), Error = Infallible> + Clone {
    let query = warp::query::raw().or(warp::any().map(String::new)).unify();
    warp::any()
        .map(move || Arc::clone(&app))
        .and(warp::method())
        .and(warp::path::full())
        .and(query)
        .and(warp::header::headers_cloned())
        .and(warp::ext::optional::<Peer>())
        .then(answer)
}

async fn answer(
    app: Arc<App>,
    method: Method,
    path: warp::path::FullPath,
    query: String,
    headers: HeaderMap,
    peer: Option<Peer>,
) -> Response {
    let began = Instant::now();
    let endpoint = route::find(&method, path.as_str())
        .ok()
        .map(|(route, _)| route.endpoint);
    let result = match Request::new(method, path.as_str(), &query, headers) {
        Ok(request) => admit(&app, &request, peer).await,
        Err(refusal) => Err(refusal),
    };
    let mut response = result.unwrap_or_else(ApiError::into_response);
    reply::harden(&mut response);
    app.metrics
        .answered(endpoint, response.status(), began.elapsed());
    response
}

/// The checks, in the order of what they give away, then the handler.
async fn admit(
    app: &Arc<App>,
    request: &Request,
    peer: Option<Peer>,
) -> Result<Response, ApiError> {
    app.door.check_host(&request.headers)?;
    let (route, rest) = route::find(&request.method, &request.path)?;
    // the page is some fifty small files in memory: opening it twice in a row is no flood
    if let Some(Peer(client)) = peer
        && !matches!(route.endpoint, Endpoint::Health | Endpoint::PageFile)
        && let Err(refusal) = app.rates.take(client, Instant::now())
    {
        add(&app.metrics.rate_refused, 1);
        return Err(refusal);
    }
    if route.access == Access::Token
        && let Err(refusal) = app.door.check_token(request)
    {
        if route.endpoint == Endpoint::Page && request.accepts("text/html") {
            return Ok(page::sign_in(request.query_token.is_some()));
        }
        return Err(refusal);
    }
    handle(app, route.endpoint, request, rest).await
}

async fn handle(
    app: &Arc<App>,
    endpoint: Endpoint,
    request: &Request,
    rest: &str,
) -> Result<Response, ApiError> {
    match endpoint {
        Endpoint::Page => Ok(enter(app, request).unwrap_or_else(|| page::index(request))),
        Endpoint::PageFile => page::file(request, rest),
        Endpoint::Logs => logs::page(app, request).await,
        Endpoint::Tail => stream::tail(app, request),
        Endpoint::Export => export::export(app, request),
        Endpoint::Sources => logs::sources(app, request).await,
        Endpoint::Histogram => counts::histogram(app, request).await,
        Endpoint::Fields => counts::fields(app, request).await,
        Endpoint::Record => logs::record(app, request, rest).await,
        Endpoint::Runs => runs::page(app, request).await,
        Endpoint::Run => runs::run(app, request, rest).await,
        Endpoint::Health => Ok(health::health()),
        Endpoint::Ready => health::ready(app),
        Endpoint::Metrics => metrics::metrics(app).await,
        Endpoint::OpenApi => Ok(openapi::description(request)),
    }
}

/// Takes a token out of the page's address: into a cookie when it is the right one. What else the address says stays.
fn enter(app: &App, request: &Request) -> Option<Response> {
    let token = request.query_token.as_ref()?;
    let mut response = Response::default();
    *response.status_mut() = StatusCode::SEE_OTHER;
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, page_address(&request.parameters)?);
    if app.door.has_query_token(request) && !app.door.is_open() {
        headers.insert(header::SET_COOKIE, access::cookie(&request.headers, token)?);
    }
    Some(response)
}

/// Relative, so that it holds behind a proxy that serves the page under a path of its own.
fn page_address(parameters: &[(String, String)]) -> Option<HeaderValue> {
    let query: Vec<_> = parameters
        .iter()
        .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
        .collect();
    let separator = if query.is_empty() { "" } else { "?" };
    format!("./{separator}{}", query.join("&")).parse().ok()
}

/// Percent-encodes everything but what never has a meaning of its own.
fn encoded(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // a String takes every write
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_survives_the_redirect() {
        let parameters = [("q", "a b&c"), ("source", "docker:web"), ("x", "")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(
            page_address(&parameters).expect("a header value"),
            "./?q=a%20b%26c&source=docker%3Aweb&x="
        );
        assert_eq!(page_address(&[]).expect("a header value"), "./");
    }
}
