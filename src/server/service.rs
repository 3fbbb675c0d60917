//! One request from its arrival to its response: host, route, principal, rate, handler, headers.
//!
//! Of `warp` the server uses its request filter, its body and reply types and its streams. Routes are a table of our own, because
//! metrics, rates, the `OpenAPI` description and its tests all read it. Compression is our own, because sizes are known only after it
//! and large responses are counted by their size. SSE is written by hand, because a tail fills gaps from the store.

use crate::server::api::{
    counts, export, fields, health, logs, metrics, openapi, patterns, runs, session,
};
use crate::server::app::App;
use crate::server::auth::forwarded;
use crate::server::auth::principal::Principal;
use crate::server::counters::add;
use crate::server::http::error::ApiError;
use crate::server::http::reply;
use crate::server::http::request::{ApiRequest, refuse};
use crate::server::http::route::{self, Access, Endpoint};
use crate::server::limits::shares::FairPermit;
use crate::server::page;
use crate::server::tail::stream;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;
use warp::Filter;
use warp::http::Method;
use warp::http::header::HeaderMap;
use warp::http::uri::Authority;
use warp::reply::Response;

/// Where a request comes from; the connection adds it to each request.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    /// The other end of the connection.
    pub(super) address: IpAddr,
    /// The authority of a target in absolute form.
    pub(super) authority: Option<Authority>,
}

/// Held by a response until its body has been sent.
#[derive(Debug, Clone)]
pub(super) struct RequestPermit {
    _share: Arc<FairPermit>,
}

/// One filter that handles every request.
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
    let (mut response, headers) = match ApiRequest::new(method, path.as_str(), &query, headers) {
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

/// Runs the checks, those that reveal least first, then the handler.
async fn admit(
    app: &Arc<App>,
    request: &ApiRequest,
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
    // these responses do not depend on the client, and authentication may have to verify a signature
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
            "too many requests of this client are in progress",
            1,
        )
    })?;
    let mut response = handle(app, &principal, route.endpoint, request, rest).await?;
    let share = Arc::new(share);
    response
        .extensions_mut()
        .insert(RequestPermit { _share: share });
    Ok(response)
}

/// The response to a CORS preflight request.
fn preflight(app: &App, request: &ApiRequest) -> Option<Response> {
    let (route, _) = route::find(&Method::GET, &request.path).ok()?;
    app.origins.preflight(request, route.methods)
}

async fn handle(
    app: &Arc<App>,
    principal: &Principal,
    endpoint: Endpoint,
    request: &ApiRequest,
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
            let warnings = export::check(app, principal, request).await?;
            session::link(app, principal, request, &warnings)
        }
        Endpoint::Export => export::export(app, principal, request).await,
        Endpoint::Sources => logs::sources(app, principal, request).await,
        Endpoint::Histogram => counts::histogram(app, principal, request).await,
        Endpoint::Fields => fields::fields(app, principal, request).await,
        Endpoint::Patterns => patterns::patterns(app, principal, request).await,
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
