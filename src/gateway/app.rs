//! The state that all handlers share.

use crate::gateway::counters::GatewayCounters;
use crate::gateway::join::challenge::Challenges;
use crate::gateway::join::members::Members;
use crate::gateway::keys::keyring::Keyring;
use crate::gateway::keys::mint::TokenMint;
use crate::gateway::node::client::NodeClient;
use crate::gateway::node::room::NodeRoom;
use crate::gateway::node::uplinks::Uplinks;
use crate::gateway::options::GatewayOptions;
use crate::gateway::registry::current::Registry;
use crate::gateway::registry::source::DocumentSource;
use crate::gateway::reply;
use crate::gateway::session::authenticator::UserAuthenticator;
use crate::gateway::session::origin::OriginRules;
use crate::gateway::session::revoked::RevokedSessions;
use crate::server::{ConnectionLimiter, FairSemaphore, PrincipalId, TokenBuckets};
use crate::tasks;
use hyper::header::HeaderValue;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
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
    /// Nodes that have joined.
    pub(in crate::gateway) members: Arc<Members>,
    /// Their connections.
    pub(in crate::gateway) uplinks: Arc<Uplinks>,
    /// What they have to answer when they connect.
    pub(in crate::gateway) challenges: Challenges,
    /// Of nodes that join or connect, by address.
    pub(in crate::gateway) arrivals: TokenBuckets<IpAddr>,
    /// Why the file of nodes that have joined cannot be read; it is reported once.
    members_problem: Mutex<Option<String>>,
    pub(in crate::gateway) keys: Keyring,
    pub(in crate::gateway) nodes: NodeClient,
    pub(in crate::gateway) users: UserAuthenticator,
    pub(in crate::gateway) origins: OriginRules,
    pub(in crate::gateway) rates: TokenBuckets<PrincipalId>,
    /// Of clients without a valid session, by address.
    pub(in crate::gateway) strangers: TokenBuckets<IpAddr>,
    /// One permit for each request in progress.
    pub(in crate::gateway) in_flight: Arc<FairSemaphore>,
    /// For requests of questions to several nodes.
    pub(in crate::gateway) room: NodeRoom,
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
        members: Members,
        revoked: RevokedSessions,
        challenges: Challenges,
        address: IpAddr,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        let token = options.registry_token.as_ref().map(|token| &*token.0);
        let source = options
            .registry
            .clone()
            .map(|place| DocumentSource::new(place, token, options.authorities.clone()));
        let mint = Arc::new(TokenMint::new(keys.clone(), options.issuer.clone()));
        let (members, uplinks) = (Arc::new(members), Arc::new(Uplinks::default()));
        let authorities = options.authorities.clone();
        let nodes = NodeClient::new(
            mint,
            authorities,
            options.node_timeout,
            Arc::clone(&uplinks),
        );
        let policy = reply::content_security_policy(&options.frame_ancestors);
        Self {
            registry: Registry::new(source, Arc::clone(&members), Arc::clone(&uplinks)),
            members,
            uplinks,
            challenges,
            arrivals: TokenBuckets::new(options.rate, options.burst),
            members_problem: Mutex::default(),
            users: UserAuthenticator::new(&options, keys.clone(), revoked),
            keys,
            nodes,
            origins: OriginRules::new(address, &options.hosts, &options.origins),
            rates: TokenBuckets::new(options.rate, options.burst),
            strangers: TokenBuckets::new(
                options.rate.div_ceil(STRANGER_PART),
                options.burst.div_ceil(STRANGER_PART),
            ),
            in_flight: FairSemaphore::new(options.connections_max, true),
            room: NodeRoom::new(options.nodes_at_once),
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

    /// Reads the files of nodes that have joined and of sessions that were ended if they have changed. If one cannot be read, the last valid
    /// one stays in use.
    pub(in crate::gateway) async fn refresh_members(&self) {
        let (members, revoked) = (Arc::clone(&self.members), Arc::clone(&self.users.revoked));
        let refreshed = tasks::blocking(move || {
            let (members, sessions) = (members.refresh(), revoked.refresh());
            (
                *members.as_ref().unwrap_or(&false),
                members.err().or(sessions.err()),
            )
        });
        let (changed, problem) = match refreshed.await {
            Ok((changed, problem)) => (changed, problem),
            Err(error) => (false, Some(io::Error::other(error))),
        };
        if changed {
            self.registry.rebuild();
        }
        let problem = problem.map(|error| error.to_string());
        // a panic elsewhere leaves the text intact
        let known = &self.members_problem;
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(text) = &problem
            && known.as_ref() != Some(text)
        {
            tracing::error!("the files of nodes and sessions cannot be used: {text}");
        }
        *known = problem;
    }
}
