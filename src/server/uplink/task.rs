//! The task that keeps a node connected to its gateway.

use crate::http_client::client_config;
use crate::server::app::App;
use crate::server::auth::joining::UplinkOptions;
use crate::server::auth::keys::KeySource;
use crate::server::auth::node::{NodeAuth, NodeTokens};
use crate::server::connection::HEADER_BYTES_MAX;
use crate::server::service;
use crate::server::uplink::dial::Dialler;
use crate::server::uplink::fault::UplinkFault;
use crate::server::uplink::identity::{Membership, NodeIdentity};
use crate::server::uplink::protocol::{JoinRequest, PING_EVERY, PING_WAIT_MAX, STREAMS_MAX};
use crate::server::uplink::retry::{Retry, SUCCESS_AFTER};
use crate::server::waiting::stopped;
use crate::tasks;
use hyper::server::conn::http2;
use hyper::upgrade::Upgraded;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// What waits to be sent for one request; the rest waits in the store.
const SEND_BYTES_MAX: usize = 64 * 1_024;

/// Requests over this connection come from no address of their own.
const NO_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// Keeps the node connected until the server stops.
pub(in crate::server) async fn run(app: Arc<App>, options: Arc<UplinkOptions>) {
    let uplink = Uplink {
        app,
        options,
        tokens: None,
        reported: None,
    };
    uplink.keep_connected().await;
}

struct Uplink {
    app: Arc<App>,
    options: Arc<UplinkOptions>,
    /// The keys of the gateway, by its issuer.
    tokens: Option<(String, Arc<NodeTokens>)>,
    /// The last reported fault: it is not repeated.
    reported: Option<String>,
}

impl Uplink {
    async fn keep_connected(mut self) {
        let mut stopping = self.app.stopping.clone();
        let mut retry = Retry::default();
        loop {
            let began = Instant::now();
            let dialled = tokio::select! {
                dialled = dial(&self.options) => dialled,
                () = stopped(&mut stopping) => return,
            };
            let fault = match dialled {
                Ok((membership, upgraded)) => self.serve(&membership, upgraded).await,
                Err(fault) => fault,
            };
            if *stopping.borrow() {
                return;
            }
            if began.elapsed() >= SUCCESS_AFTER {
                retry.reset();
            }
            let wait = if fault.is_lasting() {
                retry.after_refusal()
            } else {
                retry.after_failure()
            };
            self.report(&fault);
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = stopped(&mut stopping) => return,
            }
        }
    }

    /// Reports a fault once, until it is another one or the node was connected.
    fn report(&mut self, fault: &UplinkFault) {
        let text = fault.to_string();
        if self.reported.as_ref() == Some(&text) {
            return;
        }
        let gateway = &self.options.gateway;
        if fault.is_lasting() {
            tracing::error!("not connected to the gateway {gateway}: {text}");
        } else {
            tracing::warn!("not connected to the gateway {gateway}: {text}; trying again");
        }
        self.reported = Some(text);
    }

    /// Answers the requests of the gateway until the connection ends or the server stops.
    async fn serve(&mut self, membership: &Membership, upgraded: Upgraded) -> UplinkFault {
        let tokens = self.tokens(&membership.issuer);
        let service = service::service(&self.app, NO_ADDRESS, Some(tokens));
        let header_bytes_max = u32::try_from(HEADER_BYTES_MAX).unwrap_or(u32::MAX);
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS_MAX)
            .max_header_list_size(header_bytes_max)
            .max_send_buf_size(SEND_BYTES_MAX)
            .keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_WAIT_MAX)
            .serve_connection(upgraded, service);
        let mut connection = pin!(connection);
        tracing::info!("connected to the gateway {}", self.options.gateway);
        self.reported = None;
        let _connected = Connected::new(&self.app);
        let mut stopping = self.app.stopping.clone();
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = stopped(&mut stopping) => {
                // requests in progress are the last ones
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        UplinkFault::Ended(match ended {
            Ok(()) => "the gateway closed it".to_owned(),
            Err(error) => error.to_string(),
        })
    }

    /// The tokens of the gateway. Its keys are read from the gateway, and read again when a token names a new one.
    fn tokens(&mut self, issuer: &str) -> Arc<NodeTokens> {
        if let Some((known, tokens)) = &self.tokens
            && known == issuer
        {
            return Arc::clone(tokens);
        }
        let options = &self.options;
        let tokens = Arc::new(NodeTokens::new(NodeAuth {
            keys: KeySource::Url(options.gateway.join("/.well-known/jwks.json")),
            issuer: issuer.to_owned(),
            node: options.node.clone(),
            authorities: options.authorities.clone(),
            workspace_sources: options.workspace_sources.clone(),
            keys_floor: NodeAuth::KEYS_FLOOR,
        }));
        self.tokens = Some((issuer.to_owned(), Arc::clone(&tokens)));
        tokens
    }
}

/// Connects, after joining if that is necessary.
async fn dial(options: &UplinkOptions) -> Result<(Membership, Upgraded), UplinkFault> {
    let origin = &options.gateway.origin;
    let tls = if origin.is_encrypted {
        let file = options.authorities.clone();
        let made = blocking(move || Ok(client_config(file.as_deref()))).await?;
        Some(made.map_err(UplinkFault::Authorities)?)
    } else {
        None
    };
    let dialler = Dialler { origin, tls };
    let (folder, node) = (options.directory.clone(), options.node.clone());
    let identity = blocking(move || NodeIdentity::open(&folder, &node)).await?;
    let Some(membership) = identity.membership() else {
        return join(options, &dialler, identity, UplinkFault::NoToken).await;
    };
    match dialler.connect(&options.node, &membership).await {
        Ok(upgraded) => Ok((membership, upgraded)),
        Err(fault) if fault.needs_token() => join(options, &dialler, identity, fault).await,
        Err(fault) => Err(fault),
    }
}

/// Joins with the token, and connects. `fault`: why the node must join; it is the result if there is no token.
async fn join(
    options: &UplinkOptions,
    dialler: &Dialler<'_>,
    mut identity: NodeIdentity,
    fault: UplinkFault,
) -> Result<(Membership, Upgraded), UplinkFault> {
    let Some(source) = options.token.clone() else {
        return Err(fault);
    };
    let read = tasks::blocking(move || source.read()).await;
    let token = read
        .unwrap_or_else(|error| Err(io::Error::other(error)))
        .map_err(UplinkFault::TokenFile)?;
    let sent = token.clone();
    let stored = blocking(move || {
        let key = identity.key_for(&sent)?;
        Ok((identity, key))
    });
    let (mut identity, key) = stored.await?;
    let node = options.node.clone();
    let answer = dialler.join(&token, &JoinRequest { node, key }).await?;
    let stored = blocking(move || {
        identity.accepted(answer)?;
        Ok(identity)
    });
    let membership = stored.await?.membership().ok_or(UplinkFault::NoToken)?;
    let (gateway, node) = (&options.gateway, &options.node);
    tracing::info!("joined the gateway {gateway} as {node}");
    let upgraded = dialler.connect(node, &membership).await?;
    Ok((membership, upgraded))
}

/// Marks the node as connected until it is dropped.
struct Connected<'a>(&'a App);

impl<'a> Connected<'a> {
    fn new(app: &'a App) -> Self {
        app.metrics.uplink.store(1, Ordering::Relaxed);
        Self(app)
    }
}

impl Drop for Connected<'_> {
    fn drop(&mut self) {
        self.0.metrics.uplink.store(0, Ordering::Relaxed);
    }
}

/// Runs file operations of the identity.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, UplinkFault> {
    let done = tasks::blocking(work).await;
    let done = done.unwrap_or_else(|error| Err(io::Error::other(error)));
    done.map_err(UplinkFault::Identity)
}
