//! One request from its arrival to its answer: host, route, token, handler, headers.

use super::access::{self, Asker, Door};
use super::answers::Answers;
use super::crowd::Crowd;
use super::error::ApiError;
use super::gate::Gate;
use super::host::{Hosts, Origins};
use super::metrics::{self, Metrics, add};
use super::rate::Rates;
use super::records::Records;
use super::request::{Request, refuse};
use super::route::{self, Access, Endpoint};
use super::{Options, State, counts, export, health, logs, openapi, page, reply, runs, stream};
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
    /// The log.
    pub(super) records: Records,
    /// The settings.
    pub(super) options: Arc<Options>,
    /// Bounds the blocking work.
    pub(super) gate: Gate,
    /// Bounds what waits to be read.
    pub(super) answers: Answers,
    /// One permit a tail client.
    pub(super) tails: Arc<Semaphore>,
    /// The one permit of filters that read texts of records as they come: tails together take one processor at most.
    pub(super) matching: Arc<Semaphore>,
    /// One permit an export.
    pub(super) exports: Arc<Semaphore>,
    /// The open connections.
    pub(super) crowd: Arc<Crowd>,
    /// What is counted.
    pub(super) metrics: Metrics,
    /// True once the server stops.
    pub(super) stopping: watch::Receiver<bool>,
    door: Door,
    hosts: Hosts,
    origins: Origins,
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
            records: Records::new(reader, live),
            gate: Gate::new(),
            answers: Answers::new(),
            tails: Arc::new(Semaphore::new(options.tail_connections_max)),
            matching: Arc::new(Semaphore::new(1)),
            exports: Arc::new(Semaphore::new(export::EXPORTS_MAX)),
            crowd: Crowd::new(options.connections_max),
            metrics: Metrics::default(),
            stopping,
            door: Door::new(&options),
            hosts: Hosts::new(address, &options.hosts),
            origins: Origins::new(&options.cors_origins),
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
    let (mut response, headers) = match Request::new(method, path.as_str(), &query, headers) {
        Ok(request) => {
            let result = admit(&app, &request, peer).await;
            (
                result.unwrap_or_else(ApiError::into_response),
                request.headers,
            )
        }
        Err(refusal) => (refusal.into_response(), HeaderMap::new()),
    };
    reply::harden(&mut response);
    app.origins.mark(&headers, &mut response);
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
    app.hosts.check(&request.headers)?;
    let (route, rest) = match route::find(&request.method, &request.path) {
        Ok(found) => found,
        Err(refusal) => return preflight(app, request).ok_or(refusal),
    };
    // the page is some fifty small files in memory: opening it twice in a row is no flood
    if let Some(Peer(client)) = peer
        && !matches!(route.endpoint, Endpoint::Health | Endpoint::PageFile)
        && let Err(refusal) = app.rates.take(client, Instant::now())
    {
        add(&app.metrics.rate_refused, 1);
        return Err(refusal);
    }
    let asker = match route.access {
        Access::Open => Ok(Asker::nobody()),
        Access::Token => app.door.admit(request).await,
    };
    match asker {
        Ok(asker) => handle(app, &asker, route.endpoint, request, rest).await,
        Err(_) if route.endpoint == Endpoint::Page && request.accepts("text/html") => {
            Ok(page::sign_in(request.query_token.is_some()))
        }
        Err(refusal) => Err(refusal),
    }
}

/// The answer to a browser that asks on behalf of a page of another origin.
fn preflight(app: &App, request: &Request) -> Option<Response> {
    let (route, _) = route::find(&Method::GET, &request.path).ok()?;
    app.origins.preflight(request, route.methods)
}

async fn handle(
    app: &Arc<App>,
    asker: &Asker,
    endpoint: Endpoint,
    request: &Request,
    rest: &str,
) -> Result<Response, ApiError> {
    if endpoint.takes_no_parameters() {
        refuse(&request.parameters)?;
    }
    match endpoint {
        Endpoint::Page => Ok(enter(app, request)
            .await
            .unwrap_or_else(|| page::index(request))),
        Endpoint::Logs => logs::page(app, asker, request).await,
        Endpoint::Tail => stream::tail(app, asker, request),
        Endpoint::Export => export::export(app, asker, request),
        Endpoint::Sources => logs::sources(app, asker, request).await,
        Endpoint::Histogram => counts::histogram(app, asker, request).await,
        Endpoint::Fields => counts::fields(app, asker, request).await,
        Endpoint::Record => logs::record(app, asker, request, rest).await,
        Endpoint::Runs => runs::page(app, asker, request).await,
        Endpoint::Run => runs::run(app, asker, request, rest).await,
        Endpoint::Metrics => metrics::metrics(app, asker).await,
        Endpoint::PageFile => page::file(request, rest),
        Endpoint::Health => Ok(health::health()),
        Endpoint::Ready => health::ready(app).await,
        Endpoint::OpenApi => openapi::description(app, request),
    }
}

/// Takes a token out of the page's address: into a cookie when it is the right one. What else the address says stays.
async fn enter(app: &App, request: &Request) -> Option<Response> {
    let token = request.query_token.as_ref()?;
    let mut response = Response::default();
    *response.status_mut() = StatusCode::SEE_OTHER;
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, page_address(&request.parameters)?);
    if let Some(asker) = app.door.query_holder(request).await {
        let is_secure = app.options.tls.is_some();
        let cookie = access::cookie(&request.headers, token, &asker, is_secure)?;
        headers.insert(header::SET_COOKIE, cookie);
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
