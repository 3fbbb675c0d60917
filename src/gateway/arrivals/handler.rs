//! The two paths for nodes: joining with a token, and connecting with a key.

use crate::gateway::app::GatewayApp;
use crate::gateway::arrivals::severable::Severable;
use crate::gateway::error::GatewayError;
use crate::gateway::join::document::JoinRefusal;
use crate::gateway::node::entry::NodeAddress;
use crate::gateway::node::uplinks::NewUplink;
use crate::gateway::reply::{self, GatewayResponse};
use crate::gateway::status;
use crate::server::uplink_protocol::{
    Credentials, JOIN_BYTES_MAX, JoinAnswer, JoinRequest, PING_EVERY, PING_WAIT_MAX, STREAMS_MAX,
    UPGRADE, credentials, statement,
};
use crate::server::{network, stopped};
use crate::tasks;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http_body_util::{BodyExt as _, Collected, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::upgrade::OnUpgrade;
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use ring::signature::{ED25519, UnparsedPublicKey};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::time::timeout;

/// A node sends its name and its key at once.
const BODY_WAIT_MAX: Duration = Duration::from_secs(10);

/// The longest name of a node, twice.
const NAME_BYTES_MAX: usize = 256;

/// What the gateway holds of one answer while its client is slow. A client in another country still gets several MB a second.
const STREAM_WINDOW: u32 = 128 * 1_024;

/// All answers of a node together, 8 MiB: as much as all requests over a connection may take, so that slow clients do not keep others from
/// the node.
const CONNECTION_WINDOW: u32 = STREAM_WINDOW * STREAMS_MAX;

/// Headers of an answer, as on connections that the gateway opens.
const HEADER_BYTES_MAX: u32 = 32 * 1_024;

/// A node begins HTTP/2 as soon as it is accepted.
const BEGIN_MAX: Duration = Duration::from_secs(10);

/// `POST /nodes/join`: a token for the right to connect with a key.
pub(in crate::gateway) async fn join(
    app: &Arc<GatewayApp>,
    peer: IpAddr,
    request: Request<Incoming>,
) -> Result<GatewayResponse, GatewayError> {
    check_rate(app, peer)?;
    let (head, body) = request.into_parts();
    let token = bearer(&head.headers).ok_or_else(|| refused(JoinRefusal::Unknown))?;
    let read = timeout(BODY_WAIT_MAX, Limited::new(body, JOIN_BYTES_MAX).collect()).await;
    let body = read.ok().and_then(Result::ok).map(Collected::to_bytes);
    let request = body.and_then(|body| serde_json::from_slice::<JoinRequest>(&body).ok());
    let request = request.ok_or_else(|| {
        let expected = "expected {\"node\": NAME, \"key\": KEY}";
        GatewayError::parameter("invalid_encoding", expected)
    })?;
    let nodes = app.registry.nodes().ok_or_else(status::no_registry)?;
    let known = nodes.get(&request.node);
    if known.is_some_and(|node| node.entry.address != NodeAddress::Connects) {
        return Err(refused(JoinRefusal::Listed));
    }
    let (members, node) = (Arc::clone(&app.members), request.node.clone());
    let joined = tasks::blocking(move || members.join(&token, &node, &request.key));
    let joined = joined
        .await
        .unwrap_or_else(|error| Err(std::io::Error::other(error)));
    let joined = joined.map_err(|error| {
        tracing::error!("the file of nodes that have joined cannot be used: {error}");
        GatewayError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "no_members",
            "the gateway cannot store that the node has joined; its log says why",
        )
    })?;
    let node = &request.node;
    if let Err(refusal) = joined {
        tracing::warn!("a node at {peer} that calls itself {node:?} cannot join: {refusal}");
        return Err(refused(refusal));
    }
    tracing::info!("node {node}: joined from {peer}");
    app.registry.rebuild();
    Ok(reply::json(&JoinAnswer {
        gateway: app.keys.set().identity(),
        issuer: app.options.issuer.clone(),
    }))
}

/// `GET /nodes/connect`: 401 with a challenge, or 101 for a node that has answered one.
pub(in crate::gateway) async fn connect(
    app: &Arc<GatewayApp>,
    peer: IpAddr,
    request: Request<Incoming>,
) -> Result<GatewayResponse, GatewayError> {
    check_rate(app, peer)?;
    let Some((node, challenge, signature)) = proof(request.headers()) else {
        return Ok(challenged(app));
    };
    let key = member_key(app, &node).await;
    let statement = statement(&app.keys.set().identity(), &node, &challenge);
    let key = key.filter(|key| {
        let public = UnparsedPublicKey::new(&ED25519, key);
        public.verify(&statement, &signature).is_ok()
    });
    let key = key.ok_or_else(|| key_refused("its key is not known, or was revoked"))?;
    if !app.challenges.accept(&node, &challenge) {
        return Ok(challenged(app));
    }
    let nodes = app.registry.nodes().ok_or_else(status::no_registry)?;
    let entry = nodes.get(&node).map(|node| &node.entry.address);
    if entry != Some(&NodeAddress::Connects) {
        return Err(key_refused(
            "the list of nodes has an address for this node",
        ));
    }
    if !wants_upgrade(&request) {
        return Err(GatewayError::new(
            StatusCode::UPGRADE_REQUIRED,
            "upgrade_required",
            "this path needs a connection that can be upgraded; a proxy in front must pass on Upgrade",
        ));
    }
    let upgrade = hyper::upgrade::on(request);
    tasks::spawn(serve(Arc::clone(app), node, key, peer, upgrade));
    let mut response = reply::bytes("text/plain", "");
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.clear();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static(UPGRADE));
    Ok(response)
}

/// Nodes that connect have the rate of a user, by address: many may be behind one. After a restart of the gateway all come at once, and those
/// that are refused try again.
fn check_rate(app: &GatewayApp, peer: IpAddr) -> Result<(), GatewayError> {
    if app.arrivals.admits(network(peer), Instant::now()) {
        return Ok(());
    }
    Err(GatewayError::too_many(
        "too_many_requests",
        "too many nodes connect at once",
    ))
}

fn refused(refusal: JoinRefusal) -> GatewayError {
    GatewayError::new(StatusCode::FORBIDDEN, "join_refused", refusal.to_string())
}

fn key_refused(why: &'static str) -> GatewayError {
    GatewayError::new(StatusCode::FORBIDDEN, "key_refused", why)
}

fn bearer(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let is_bearer = scheme.eq_ignore_ascii_case("bearer");
    is_bearer.then(|| token.trim().to_owned())
}

/// Node, challenge and signature of a request.
fn proof(headers: &HeaderMap) -> Option<(String, String, Vec<u8>)> {
    let given = Credentials::parse(headers.get(header::AUTHORIZATION)?)?;
    let node = given.get("node").filter(|id| id.len() <= NAME_BYTES_MAX)?;
    let signature = URL_SAFE_NO_PAD.decode(given.get("signature")?).ok()?;
    Some((
        node.to_owned(),
        given.get("challenge")?.to_owned(),
        signature,
    ))
}

fn wants_upgrade(request: &Request<Incoming>) -> bool {
    let headers = request.headers();
    // hyper offers an upgrade without this header as well, but a proxy would not pass it on
    let options = headers.get_all(header::CONNECTION).iter();
    let mut options = options
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    let is_named = options.any(|option| option.trim().eq_ignore_ascii_case("upgrade"));
    let asked = headers.get(header::UPGRADE);
    let is_ours =
        asked.is_some_and(|asked| asked.as_bytes().eq_ignore_ascii_case(UPGRADE.as_bytes()));
    is_named && is_ours && request.extensions().get::<OnUpgrade>().is_some()
}

/// 401 with a challenge.
fn challenged(app: &GatewayApp) -> GatewayResponse {
    let mut response = GatewayError::unauthorized().into_response();
    let (gateway, challenge) = (app.keys.set().identity(), app.challenges.make());
    let parameters = [("gateway", &*gateway), ("challenge", &*challenge)];
    if let Some(value) = credentials(&parameters) {
        let headers = response.headers_mut();
        headers.insert(header::WWW_AUTHENTICATE, value);
    }
    response
}

/// The key of a node. The file is read again if the node is not known: another gateway may have let it join.
async fn member_key(app: &GatewayApp, node: &str) -> Option<[u8; 32]> {
    if let Some(key) = app.members.key(node) {
        return Some(key);
    }
    app.refresh_members().await;
    app.members.key(node)
}

/// Keeps the connection of a node until it ends, the node is revoked, or the gateway stops.
async fn serve(
    app: Arc<GatewayApp>,
    node: String,
    key: [u8; 32],
    peer: IpAddr,
    upgrade: OnUpgrade,
) {
    let (sever, severed) = watch::channel(false);
    let begun = timeout(BEGIN_MAX, async {
        let stream = TokioIo::new(upgrade.await?);
        let stream = TokioIo::new(Severable::new(stream, severed));
        http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .initial_max_send_streams(STREAMS_MAX as usize)
            .max_header_list_size(HEADER_BYTES_MAX)
            .keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_WAIT_MAX)
            .keep_alive_while_idle(true)
            .handshake(stream)
            .await
    });
    let (sender, connection) = match begun.await {
        Ok(Ok(begun)) => begun,
        Ok(Err(error)) => return tracing::debug!("node {node}: its connection failed: {error}"),
        Err(_) => return tracing::debug!("node {node}: its connection did not begin"),
    };
    let uplink = NewUplink {
        sender,
        key,
        peer,
        sever: sever.clone(),
    };
    let (number, before) = app.uplinks.add(&node, uplink);
    // it may have been revoked meanwhile
    app.registry.end_revoked();
    match before {
        Some(before) if before != peer => tracing::warn!(
            "node {node}: connected from {peer}, and its connection from {before} was ended; if this happens again and again, two machines have its key"
        ),
        _ => tracing::info!("node {node}: connected from {peer}"),
    }
    app.registry.connected(&node);
    let mut stopping = app.stopping.clone();
    tokio::select! {
        _ = connection => {}
        () = stopped(&mut stopping) => {}
    }
    sever.send_replace(true);
    if app.uplinks.remove(&node, number) {
        app.registry.disconnected(&node);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_names_node_challenge_and_signature() {
        let of = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, HeaderValue::from_static(value));
            proof(&headers)
        };
        assert_eq!(
            of("Vmlog-Node node=\"n1\", challenge=\"c\", signature=\"AQ\""),
            Some(("n1".to_owned(), "c".to_owned(), vec![1]))
        );
        for value in [
            "Bearer abc",
            "Vmlog-Node node=\"n1\", challenge=\"c\"",
            "Vmlog-Node node=\"n1\", signature=\"AQ\"",
            "Vmlog-Node challenge=\"c\", signature=\"AQ\"",
            "Vmlog-Node node=\"n1\", challenge=\"c\", signature=\"A\"",
        ] {
            assert_eq!(of(value), None, "{value}");
        }
    }

    #[test]
    fn slow_clients_cannot_block_a_node() {
        let all = u64::from(STREAM_WINDOW) * u64::from(STREAMS_MAX);
        assert!(u64::from(CONNECTION_WINDOW) >= all);
    }
}
