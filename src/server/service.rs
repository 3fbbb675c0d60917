//! One request from its arrival to its response: host, route, principal, rate, handler, headers.
//!
//! The server uses `warp` for its request filter, its body and reply types and its streams. Routes are a table of our
//! own, because metrics, rates, the `OpenAPI` description and its tests all read it. Compression is our own, because
//! sizes are known only after it and large responses are counted by their size. SSE is written by hand, because a
//! tail fills gaps from the store.

use crate::server::api::{
    counts, events, evidence, export, fields, health, logs, mcp, metrics, openapi, patterns,
    problems, runs, session,
};
use crate::server::app::App;
use crate::server::auth::authenticator;
use crate::server::auth::forwarded;
use crate::server::auth::node::NodeTokens;
use crate::server::auth::principal::Principal;
use crate::server::counters::add;
use crate::server::foreign;
use crate::server::http::error::{ApiError, ErrorForm};
use crate::server::http::loki_call::LokiCall;
use crate::server::http::reply;
use crate::server::http::request::{ApiRequest, refuse, taken_body, takes_form};
use crate::server::http::route::{self, Access, Endpoint};
use crate::server::limits::connections::GuardedBody;
use crate::server::limits::shares::FairPermit;
use crate::server::loki;
use crate::server::page;
use crate::server::tail::{self, stream};
use crate::server::views;
use futures_util::{Stream, StreamExt as _};
use hyper_util::service::TowerToHyperService;
use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::timeout;
use warp::Filter;
use warp::http::header::{HeaderMap, HeaderName};
use warp::http::uri::Authority;
use warp::http::{Method, StatusCode};
use warp::hyper::Request;
use warp::hyper::body::{Body, Buf, Bytes, Incoming};
use warp::hyper::service::{Service as HyperService, service_fn};
use warp::reply::Response;
use warp::ws::Ws;

/// The origin of a request; the connection adds it to each request.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    /// The other end of the connection.
    pub(super) address: IpAddr,
    /// The authority of a target in absolute form.
    pub(super) authority: Option<Authority>,
    /// The tokens of the gateway, if the request came over the connection to it. No other token is accepted there.
    pub(super) gateway: Option<Arc<NodeTokens>>,
}

/// Held by a response until its body has been sent.
#[derive(Debug, Clone)]
pub(super) struct RequestPermit {
    _share: Arc<FairPermit>,
}

/// The service for the requests that come from `peer` over one connection. `gateway`: the tokens of the gateway, if it is at the other end.
pub(super) fn service(
    app: &Arc<App>,
    peer: IpAddr,
    gateway: Option<Arc<NodeTokens>>,
) -> impl HyperService<
    Request<Incoming>,
    Response = warp::http::Response<
        impl Body<Data = Bytes, Error = warp::Error> + Send + Unpin + use<>,
    >,
    Error = Infallible,
    Future: Send + 'static,
> + Send
+ use<> {
    let filter = TowerToHyperService::new(warp::service(filter(Arc::clone(app))));
    service_fn(move |mut request: Request<Incoming>| {
        let authority = request.uri().authority().cloned();
        request.extensions_mut().insert(Peer {
            address: peer,
            authority,
            gateway: gateway.clone(),
        });
        let response = filter.call(request);
        async move {
            let mut response = response.await?;
            let share = response.extensions_mut().remove::<RequestPermit>();
            Ok(response.map(|body| GuardedBody::new(body, share)))
        }
    })
}

/// One filter that handles every request.
fn filter(app: Arc<App>) -> impl Filter<Extract = (Response,), Error = Infallible> + Clone {
    let query = warp::query::raw().or(warp::any().map(String::new)).unify();
    let websocket = warp::ws::ws()
        .map(Some)
        .or(warp::any().map(|| None))
        .unify();
    let body = warp::body::stream()
        .map(|body| -> RequestBody { Box::pin(chunks(body)) })
        .or(warp::any().map(|| -> RequestBody { Box::pin(futures_util::stream::empty()) }))
        .unify();
    let rest =
        websocket
            .and(body)
            .and(warp::ext::optional::<Peer>())
            .map(|websocket, body, peer| ArrivedRequest {
                peer,
                websocket,
                body,
            });
    warp::any()
        .map(move || Arc::clone(&app))
        .and(warp::method())
        .and(warp::path::full())
        .and(query)
        .and(warp::header::headers_cloned())
        .and(rest)
        .then(answer)
}

/// The body of a request in pieces; an error if the client stops.
type RequestBody = Pin<Box<dyn Stream<Item = Result<Bytes, warp::Error>> + Send + Sync>>;

fn chunks<B: Buf>(
    body: impl Stream<Item = Result<B, warp::Error>>,
) -> impl Stream<Item = Result<Bytes, warp::Error>> {
    body.map(|chunk| chunk.map(|mut chunk| chunk.copy_to_bytes(chunk.remaining())))
}

/// The parts of a request other than its headers.
struct ArrivedRequest {
    peer: Option<Peer>,
    /// Present if the client requests a websocket.
    websocket: Option<Ws>,
    body: RequestBody,
}

async fn answer(
    app: Arc<App>,
    method: Method,
    path: warp::path::FullPath,
    query: String,
    headers: HeaderMap,
    arrival: ArrivedRequest,
) -> Response {
    let began = Instant::now();
    let endpoint = route::find(&method, path.as_str())
        .ok()
        .map(|(route, _)| route.endpoint);
    let form = endpoint.map_or(ErrorForm::Native, Endpoint::error_form);
    let refused = |refusal: ApiError| refusal.into_response_as(form);
    let (mut response, headers) = match ApiRequest::new(method, path.as_str(), &query, headers) {
        Ok(mut request) => {
            let result = admit(&app, &mut request, arrival).await;
            (result.unwrap_or_else(refused), request.headers)
        }
        Err(refusal) => (refused(refusal), HeaderMap::new()),
    };
    if endpoint == Some(Endpoint::Logs) {
        reply::set(
            response.headers_mut(),
            LIMIT_MAX_HEADER,
            app.options.limit_max.into(),
        );
    }
    reply::harden(&mut response);
    app.origins.mark(&headers, &mut response);
    app.metrics
        .answered(endpoint, response.status(), began.elapsed());
    response
}

/// Runs the checks, those that reveal least first, then the handler.
async fn admit(
    app: &Arc<App>,
    request: &mut ApiRequest,
    arrival: ArrivedRequest,
) -> Result<Response, ApiError> {
    let ArrivedRequest {
        peer,
        websocket,
        body,
    } = arrival;
    let target = peer.as_ref().and_then(|peer| peer.authority.as_ref());
    let gateway = peer.as_ref().and_then(|peer| peer.gateway.clone());
    // no browser sends requests over the connection to a gateway
    if gateway.is_none() {
        app.hosts.check(&request.headers, target)?;
    }
    let (route, rest) = match route::find(&request.method, &request.path) {
        Ok((route, rest)) => (route, rest.to_owned()),
        Err(refusal) => return preflight(app, request).ok_or(refusal),
    };
    let address = peer.map_or(IpAddr::from([127, 0, 0, 1]), |peer| peer.address);
    let stranger = || {
        let proxies = &app.options.trusted_proxies;
        Principal::stranger(forwarded::client(address, &request.headers, proxies))
    };
    // These responses do not depend on the client, and authentication may have to verify a signature.
    let admitted = match route.endpoint {
        Endpoint::Health | Endpoint::Page | Endpoint::PageFile => Ok(stranger()),
        _ => authenticate(app, request, gateway.as_deref()).await,
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
    if matches!(request.method, Method::POST | Method::PUT) {
        take_body(request, body).await?;
    }
    let mut response = match route.endpoint {
        Endpoint::Loki(LokiCall::Tail) => {
            loki::tail::tail(app, &principal, request, websocket).await?
        }
        endpoint => handle(app, &principal, endpoint, request, &rest).await?,
    };
    if route.access == Access::Token
        && let Some(store) = app.records.store()
    {
        reply::set(response.headers_mut(), STORE_HEADER, store);
    }
    let share = Arc::new(share);
    response
        .extensions_mut()
        .insert(RequestPermit { _share: share });
    Ok(response)
}

/// The principal of a request. `gateway`: the only tokens that are accepted over the connection to a gateway.
async fn authenticate(
    app: &App,
    request: &ApiRequest,
    gateway: Option<&NodeTokens>,
) -> Result<Principal, ApiError> {
    match gateway {
        Some(tokens) => authenticator::admit_vouched(tokens, request).await,
        None => app.authenticator.admit(request).await,
    }
}

/// A digest of the identity of the store: a gateway recognizes two machines that are copies of one.
const STORE_HEADER: HeaderName = HeaderName::from_static("x-vmlog-store");

/// The most records of a page (`LOG_API_MAX_LIMIT`), also of a refused one: a gateway asks for pages that fit.
const LIMIT_MAX_HEADER: HeaderName = HeaderName::from_static("x-vmlog-limit-max");

/// The client has this long to send a body.
const BODY_WAIT_MAX: Duration = Duration::from_secs(10);

/// Reads the body, where the path takes one.
async fn take_body(request: &mut ApiRequest, body: RequestBody) -> Result<(), ApiError> {
    let Some((what, bytes_max)) = taken_body(&request.path) else {
        return Ok(());
    };
    let read = timeout(BODY_WAIT_MAX, read_body(body, what, bytes_max)).await;
    let bytes = read.map_err(|_| incomplete_body(what))??;
    if takes_form(&request.path) {
        let form = String::from_utf8(bytes).map_err(|_| incomplete_form())?;
        return request.add_form(&form);
    }
    request.body = bytes;
    Ok(())
}

async fn read_body(
    mut body: RequestBody,
    what: &str,
    bytes_max: usize,
) -> Result<Vec<u8>, ApiError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = body.next().await {
        bytes.extend_from_slice(&chunk.map_err(|_| incomplete_body(what))?);
        if bytes.len() > bytes_max {
            return Err(ApiError::body_too_large(what, bytes_max));
        }
    }
    Ok(bytes)
}

fn incomplete_body(what: &str) -> ApiError {
    ApiError::new(
        StatusCode::BAD_REQUEST,
        "invalid_encoding",
        format!("the body, {what}, is incomplete"),
    )
}

fn incomplete_form() -> ApiError {
    ApiError::new(
        StatusCode::BAD_REQUEST,
        "invalid_encoding",
        "the form is incomplete or not percent-encoded UTF-8",
    )
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
        Endpoint::Compare => problems::compare(app, principal, request).await,
        Endpoint::Problems if request.accepts("text/event-stream") => {
            tail::problems::follow(app, principal, request).await
        }
        Endpoint::Problems => problems::problems(app, principal, request).await,
        Endpoint::Boots => problems::boots(app, principal, request).await,
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
        Endpoint::Events if request.method == Method::POST => {
            events::add(app, principal, request).await
        }
        Endpoint::Evidence => evidence::create(app, principal, request),
        Endpoint::Mcp => mcp::call(app, principal, request).await,
        Endpoint::Events => events::page(app, principal, request).await,
        Endpoint::Views => views::handler::answer(app, principal, request).await,
        Endpoint::Foreign(call) => foreign::answer(app, principal, call, request, rest).await,
        Endpoint::Loki(call) => loki::answer(app, principal, call, request, rest).await,
    }
}
