//! One request from its arrival to its answer: host, route, principal, rate, handler, headers.

use super::access::Authenticator;
use super::answers::Answers;
use super::error::ApiError;
use super::gate::Gate;
use super::health::Readiness;
use super::host::{Hosts, Origins};
use super::limiter::ConnectionLimiter;
use super::metrics::{self, Metrics, add};
use super::principal::Principal;
use super::rate::Rates;
use super::records::Records;
use super::request::{Request, refuse};
use super::route::{self, Access, Endpoint};
use super::shares::{Share, Shares};
use super::{Options, State, counts, export, forwarded, health, logs, openapi, page, reply, runs};
use super::{session, stream};
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::{Semaphore, watch};
use warp::Filter;
use warp::http::Method;
use warp::http::header::HeaderMap;
use warp::http::uri::Authority;
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
    /// One place for each live tail.
    pub(super) tails: Arc<Shares>,
    /// The one permit of filters that read texts of records as they come: tails together take one processor at most.
    pub(super) matching: Arc<Semaphore>,
    /// One place for each export.
    pub(super) exports: Arc<Shares>,
    /// One place for each request that is being answered.
    in_flight: Arc<Shares>,
    /// The open connections.
    pub(super) limiter: Arc<ConnectionLimiter>,
    /// What is counted.
    pub(super) metrics: Metrics,
    /// Whether records can be kept.
    pub(super) readiness: Readiness,
    /// True once the server stops.
    pub(super) stopping: watch::Receiver<bool>,
    /// Who may see what.
    pub(super) authenticator: Authenticator,
    hosts: Hosts,
    origins: Origins,
    rates: Rates,
}

/// How a request came; put into each request by the connection.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    /// The other end of the connection.
    pub(super) address: IpAddr,
    /// The authority of a target in absolute form.
    pub(super) authority: Option<Authority>,
}

/// Travels with an answer until its body is handed over.
#[derive(Debug, Clone)]
pub(super) struct InFlight {
    _share: Arc<Share>,
}

impl App {
    /// What handlers of a server that listens on `address` share.
    pub(super) fn new(state: State, address: IpAddr, stopping: watch::Receiver<bool>) -> Self {
        let State {
            reader,
            live,
            options,
        } = state;
        let authenticator = Authenticator::new(&options);
        let shares = |places| Shares::new(places, authenticator.knows_others());
        Self {
            records: Records::new(reader.clone(), live),
            gate: Gate::new(),
            answers: Answers::default(),
            tails: shares(options.tail_connections_max),
            matching: Arc::new(Semaphore::new(1)),
            exports: shares(export::EXPORTS_MAX),
            in_flight: shares(options.connections_max),
            limiter: ConnectionLimiter::new(options.connections_max),
            metrics: Metrics::default(),
            readiness: Readiness::new(reader),
            stopping,
            authenticator,
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
    let target = peer.as_ref().and_then(|peer| peer.authority.as_ref());
    app.hosts.check(&request.headers, target)?;
    let (route, rest) = match route::find(&request.method, &request.path) {
        Ok(found) => found,
        Err(refusal) => return preflight(app, request).ok_or(refusal),
    };
    let address = peer.map_or(IpAddr::from([127, 0, 0, 1]), |peer| peer.address);
    let stranger = || {
        let proxies = &app.options.trusted_proxies;
        Principal::stranger(forwarded::client(address, &request.headers, proxies))
    };
    // a page of an open path is the same for everybody, and asking who wants it may cost the check of a signature
    let admitted = match route.endpoint {
        Endpoint::Health | Endpoint::Page | Endpoint::PageFile => Ok(stranger()),
        _ => app.authenticator.admit(request).await,
    };
    let principal = admitted
        .as_ref()
        .map_or_else(|_| stranger(), Principal::clone);
    if !route.endpoint.is_unlimited()
        && let Err(refusal) = app.rates.take(&principal, Instant::now())
    {
        add(&app.metrics.rate_refused, 1);
        return Err(refusal);
    }
    if let (Access::Token, Err(refusal)) = (route.access, admitted) {
        return Err(refusal);
    }
    let share = app.in_flight.take(principal.id).ok_or_else(|| {
        ApiError::too_many(
            "too_many_requests",
            "too many answers of this client wait to be read",
            1,
        )
    })?;
    let mut response = handle(app, &principal, route.endpoint, request, rest).await?;
    let share = Arc::new(share);
    response.extensions_mut().insert(InFlight { _share: share });
    Ok(response)
}

/// The answer to a browser that asks on behalf of a page of another origin.
fn preflight(app: &App, request: &Request) -> Option<Response> {
    let (route, _) = route::find(&Method::GET, &request.path).ok()?;
    app.origins.preflight(request, route.methods)
}

async fn handle(
    app: &Arc<App>,
    principal: &Principal,
    endpoint: Endpoint,
    request: &Request,
    rest: &str,
) -> Result<Response, ApiError> {
    if endpoint.takes_no_parameters() {
        refuse(&request.parameters)?;
    }
    match endpoint {
        Endpoint::Page => Ok(page::index(request)),
        Endpoint::Logs => logs::page(app, principal, request).await,
        Endpoint::Tail => stream::tail(app, principal, request).await,
        Endpoint::Export if request.method == Method::POST => {
            export::check(app, principal, request).await?;
            session::link(app, principal, request)
        }
        Endpoint::Export => export::export(app, principal, request).await,
        Endpoint::Sources => logs::sources(app, principal, request).await,
        Endpoint::Histogram => counts::histogram(app, principal, request).await,
        Endpoint::Fields => counts::fields(app, principal, request).await,
        Endpoint::Record => logs::record(app, principal, request, rest).await,
        Endpoint::Runs => runs::page(app, principal, request).await,
        Endpoint::Run => runs::run(app, principal, request, rest).await,
        Endpoint::Metrics => metrics::metrics(app, principal).await,
        Endpoint::PageFile => page::file(request, rest),
        Endpoint::Health => Ok(health::health()),
        Endpoint::Ready => health::ready(app, principal).await,
        Endpoint::OpenApi => openapi::description(app, principal, request),
        Endpoint::Session if request.method == Method::DELETE => Ok(session::end(app, request)),
        Endpoint::Session => session::begin(app, principal, request),
    }
}
