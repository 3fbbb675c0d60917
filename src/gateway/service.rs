//! One request from its arrival to its response: host, route, user, rate, origin, handler, headers.

use crate::gateway::across::{self, fields, histogram, patterns, sources};
use crate::gateway::app::GatewayApp;
use crate::gateway::arrivals::handler;
use crate::gateway::counters::{RequestKind, add};
use crate::gateway::error::GatewayError;
use crate::gateway::loki::{self, SocketOffer};
use crate::gateway::node::pool::Node;
use crate::gateway::page::{files, sign_in};
use crate::gateway::proxy::path::NodePath;
use crate::gateway::proxy::plain;
use crate::gateway::reply::{self, GatewayResponse};
use crate::gateway::request::{GatewayRequest, address_of, refuse_body, ticket_of};
use crate::gateway::route::{self, GatewayRoute};
use crate::gateway::session::grant;
use crate::gateway::session::user::User;
use crate::gateway::status;
use crate::server::{FORM_BYTES_MAX, GuardedBody, LokiCall, network};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderMap};
use hyper::http::request::Parts;
use hyper::{Method, Request, StatusCode};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// What the access log says of a request, apart from its response.
struct AccessRecord {
    method: Method,
    path: String,
    user: Option<String>,
    peer: IpAddr,
}

/// Answers a request that came from `peer`.
pub(in crate::gateway) async fn answer(
    app: Arc<GatewayApp>,
    peer: IpAddr,
    request: Request<Incoming>,
) -> GatewayResponse {
    let began = Instant::now();
    let mut record = AccessRecord {
        method: request.method().clone(),
        path: request.uri().path().to_owned(),
        user: None,
        peer,
    };
    let headers = request.headers().clone();
    let kind = route::kind(request.uri().path());
    let is_loki = route::find(request.uri().path()).is_ok_and(|route| route.is_loki());
    let answered = admit(&app, peer, request, &mut record).await;
    let mut response = answered.unwrap_or_else(if is_loki {
        GatewayError::into_text_response
    } else {
        GatewayError::into_response
    });
    let is_framed = !app.options.frame_ancestors.is_empty();
    reply::harden(response.headers_mut(), &app.policy, is_framed);
    app.origins.mark(&headers, response.headers_mut());
    let took = began.elapsed();
    app.counters.answered(kind, response.status(), took);
    if app.options.access_log && kind != RequestKind::Other {
        log(&record, response.status(), took);
    }
    response
}

/// Neither the query nor a header is logged: both may contain tokens.
fn log(record: &AccessRecord, status: StatusCode, took: Duration) {
    let AccessRecord {
        method,
        path,
        user,
        peer,
    } = record;
    let user = user.as_deref().unwrap_or("-");
    let (status, ms) = (status.as_u16(), took.as_millis());
    tracing::info!("{peer} {user:?} {method} {path:?} {status} {ms}ms");
}

/// Runs the checks, those that reveal least first, then the handler.
async fn admit(
    app: &Arc<GatewayApp>,
    peer: IpAddr,
    mut request: Request<Incoming>,
    record: &mut AccessRecord,
) -> Result<GatewayResponse, GatewayError> {
    let (headers, uri) = (request.headers(), request.uri());
    app.origins.check_host(headers, uri.authority())?;
    let route = route::find(uri.path())?;
    if !route.methods().contains(request.method()) {
        let refused = GatewayError::method_not_allowed(route.methods());
        return Err(if route.is_passed_on() {
            refused.of_what_only_reads()
        } else {
            refused
        });
    }
    match route {
        GatewayRoute::Join => return handler::join(app, peer, request).await,
        GatewayRoute::Connect => return handler::connect(app, peer, request).await,
        _ => {}
    }
    let offer = SocketOffer::take(&mut request);
    let (head, body) = request.into_parts();
    let takes_form = route.takes_form() && head.method == Method::POST;
    if !takes_form {
        refuse_body(&head.headers)?;
    }
    if let Some(response) = open_to_all(app, &route, &head.headers) {
        return response;
    }
    let user = authenticate(app, peer, &head, &route).await?;
    record.user = Some(user.id.clone());
    app.origins.check_origin(&head.headers, &user)?;
    let permit = app.in_flight.take(user.principal()).ok_or_else(|| {
        GatewayError::too_many(
            "too_many_requests",
            "too many requests of this user are in progress",
        )
    })?;
    let mut query = head.uri.query().unwrap_or_default().to_owned();
    if takes_form {
        check_form(&head.headers)?;
        query.push('&');
        query.push_str(&form(body).await?);
    }
    let request = GatewayRequest {
        method: head.method,
        path: head.uri.path().to_owned(),
        query,
        headers: head.headers,
        user,
    };
    let response = match &route {
        GatewayRoute::Loki(LokiCall::Tail, _) => loki::tail(app, &request, offer).await?,
        route => handle(app, &request, route).await?,
    };
    Ok(response.map(|body| GuardedBody::new(body, permit).boxed_unsync()))
}

/// The user of a request, within the rate of this user, or of strangers at this address.
async fn authenticate(
    app: &GatewayApp,
    peer: IpAddr,
    head: &Parts,
    route: &GatewayRoute,
) -> Result<User, GatewayError> {
    let query = head.uri.query().unwrap_or_default();
    let ticket = ticket_of(query).filter(|_| route.takes_ticket());
    let ticket = ticket.and_then(|text| {
        let address = address_of(head.uri.path(), query);
        grant::user_of_ticket(text, &address, app.keys.set().secret())
    });
    let admitted = match ticket {
        Some(user) => Ok(user),
        None => app.users.admit(&head.headers, peer).await,
    };
    let is_within = match &admitted {
        Ok(user) => app.rates.admits(user.principal(), Instant::now()),
        Err(_) => app.strangers.admits(network(peer), Instant::now()),
    };
    if !is_within {
        add(&app.counters.rate_refused, 1);
        return Err(GatewayError::too_many(
            "too_many_requests",
            "too many requests per second",
        ));
    }
    admitted
}

/// The client has this long to send a form.
const FORM_WAIT_MAX: Duration = Duration::from_secs(10);

/// Refuses a body that says that it is something else: read as a form, it would be parameters that nobody meant.
fn check_form(headers: &HeaderMap) -> Result<(), GatewayError> {
    let Some(kind) = headers.get(CONTENT_TYPE) else {
        return Ok(());
    };
    let kind = kind.to_str().unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Ok(());
    }
    Err(GatewayError::parameter(
        "invalid_encoding",
        format!(
            "the body of a POST must be a form (application/x-www-form-urlencoded); got {kind:?}"
        ),
    ))
}

/// Reads a form.
async fn form(body: Incoming) -> Result<String, GatewayError> {
    let whole = timeout(FORM_WAIT_MAX, Limited::new(body, FORM_BYTES_MAX).collect()).await;
    let incomplete = || GatewayError::parameter("invalid_encoding", "the form is incomplete");
    let whole = whole.map_err(|_| incomplete())?;
    let whole = whole.map_err(|error| {
        if error.is::<LengthLimitError>() {
            GatewayError::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "body_too_large",
                format!("a form has at most {FORM_BYTES_MAX} bytes"),
            )
        } else {
            incomplete()
        }
    })?;
    String::from_utf8(whole.to_bytes().into()).map_err(|_| incomplete())
}

/// The response of paths that contain nothing of the logs; `None` for all others.
fn open_to_all(
    app: &GatewayApp,
    route: &GatewayRoute,
    headers: &HeaderMap,
) -> Option<Result<GatewayResponse, GatewayError>> {
    match route {
        GatewayRoute::Health => Some(Ok(status::health())),
        GatewayRoute::Ready => Some(status::ready(app)),
        GatewayRoute::Keys => Some(Ok(status::keys(app))),
        GatewayRoute::Loki(LokiCall::Ready, _) => Some(loki::ready(app)),
        GatewayRoute::Page(name) => Some(files::fleet(name)),
        GatewayRoute::NodePage(name) => Some(files::of_node(name.as_deref(), headers)),
        _ => None,
    }
}

async fn handle(
    app: &Arc<GatewayApp>,
    request: &GatewayRequest,
    route: &GatewayRoute,
) -> Result<GatewayResponse, GatewayError> {
    match route {
        GatewayRoute::Health
        | GatewayRoute::Ready
        | GatewayRoute::Keys
        | GatewayRoute::Join
        | GatewayRoute::Connect
        | GatewayRoute::Page(_)
        | GatewayRoute::NodePage(_) => Err(GatewayError::unknown_path()),
        GatewayRoute::NodeSession(id) => {
            known(app, &request.user, id)?;
            sign_in::session(app, request).await
        }
        GatewayRoute::Metrics => status::metrics(app, &request.user),
        GatewayRoute::Nodes => status::nodes(app, request),
        GatewayRoute::Node(id) => {
            let node = known(app, &request.user, id)?;
            Ok(reply::json(&status::describe(&node, &request.user)))
        }
        GatewayRoute::Logs => across::page::page(app, request).await,
        GatewayRoute::Tail => across::tail::tail(app, request).await,
        GatewayRoute::Histogram => histogram::histogram(app, request).await,
        GatewayRoute::Sources => sources::sources(app, request).await,
        GatewayRoute::Fields => fields::fields(app, request).await,
        GatewayRoute::Patterns => patterns::patterns(app, request).await,
        GatewayRoute::Loki(call, name) => loki::answer(app, request, *call, name).await,
        GatewayRoute::NodePath(id, rest) => {
            let node = known(app, &request.user, id)?;
            let path = NodePath::parse(rest).ok_or_else(GatewayError::unknown_path)?;
            if request.method == Method::POST && route.is_download() {
                return Ok(sign_in::export(app, request));
            }
            plain::answer(app, request, &node, &path).await
        }
    }
}

/// A node of which the user sees anything.
fn known(app: &GatewayApp, user: &User, id: &str) -> Result<Arc<Node>, GatewayError> {
    let nodes = app.registry.nodes().ok_or_else(status::no_registry)?;
    let node = nodes.get(id).filter(|node| user.knows(&node.entry));
    node.cloned().ok_or_else(|| GatewayError::unknown_node(id))
}
