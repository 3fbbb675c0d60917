//! The state that all handlers share.

use crate::gateway::counters::GatewayCounters;
use crate::gateway::keys::keyring::Keyring;
use crate::gateway::keys::mint::TokenMint;
use crate::gateway::node::client::NodeClient;
use crate::gateway::options::GatewayOptions;
use crate::gateway::registry::current::Registry;
use crate::gateway::registry::source::DocumentSource;
use crate::gateway::reply;
use crate::gateway::session::authenticator::UserAuthenticator;
use crate::gateway::session::origin::OriginRules;
use crate::server::{ConnectionLimiter, FairSemaphore, PrincipalId, TokenBuckets};
use hyper::header::HeaderValue;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::sync::{Semaphore, watch};

/// Clients without a valid session have this part of the rate of a user.
const STRANGER_PART: u32 = 5;

/// Calls of Loki's API whose answers are merged at the same time. Each needs at most 32 MiB, mostly much less.
const MERGES_MAX: usize = 8;

/// The state that all handlers share.
#[derive(Debug)]
pub(in crate::gateway) struct GatewayApp {
    pub(in crate::gateway) options: GatewayOptions,
    pub(in crate::gateway) registry: Registry,
    pub(in crate::gateway) keys: Keyring,
    pub(in crate::gateway) nodes: NodeClient,
    pub(in crate::gateway) users: UserAuthenticator,
    pub(in crate::gateway) origins: OriginRules,
    pub(in crate::gateway) rates: TokenBuckets<PrincipalId>,
    /// Of clients without a valid session, by address.
    pub(in crate::gateway) strangers: TokenBuckets<IpAddr>,
    /// One permit for each request in progress.
    pub(in crate::gateway) in_flight: Arc<FairSemaphore>,
    /// One permit for each live tail.
    pub(in crate::gateway) tails: Arc<FairSemaphore>,
    /// Has a receiver for each websocket that is open.
    pub(in crate::gateway) websockets: watch::Sender<()>,
    /// One permit for each call of Loki's API that merges answers: what is merged is held in memory.
    pub(in crate::gateway) merges: Semaphore,
    pub(in crate::gateway) limiter: Arc<ConnectionLimiter>,
    pub(in crate::gateway) counters: GatewayCounters,
    /// True once the gateway stops.
    pub(in crate::gateway) stopping: watch::Receiver<bool>,
    /// The `Content-Security-Policy` of every response.
    pub(in crate::gateway) policy: HeaderValue,
}

impl GatewayApp {
    /// The state of a gateway that listens on `address`.
    pub(in crate::gateway) fn new(
        options: GatewayOptions,
        keys: Keyring,
        address: IpAddr,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        let token = options.registry_token.as_ref().map(|token| &*token.0);
        let source =
            DocumentSource::new(options.registry.clone(), token, options.authorities.clone());
        let mint = Arc::new(TokenMint::new(keys.clone(), options.issuer.clone()));
        let nodes = NodeClient::new(mint, options.authorities.clone(), options.node_timeout);
        let policy = reply::content_security_policy(&options.frame_ancestors);
        Self {
            registry: Registry::new(source),
            users: UserAuthenticator::new(&options, keys.clone()),
            keys,
            nodes,
            origins: OriginRules::new(address, &options.hosts, &options.origins),
            rates: TokenBuckets::new(options.rate, options.burst),
            strangers: TokenBuckets::new(
                options.rate.div_ceil(STRANGER_PART),
                options.burst.div_ceil(STRANGER_PART),
            ),
            in_flight: FairSemaphore::new(options.connections_max, true),
            tails: FairSemaphore::new(options.tails_max, true),
            websockets: watch::channel(()).0,
            merges: Semaphore::new(MERGES_MAX),
            limiter: ConnectionLimiter::new(options.connections_max),
            counters: GatewayCounters::default(),
            stopping,
            policy: policy
                .parse()
                .unwrap_or(HeaderValue::from_static("default-src 'none'")),
            options,
        }
    }
}
