//! The state that all handlers share.

use crate::events::EventLog;
use crate::server::auth::authenticator::Authenticator;
use crate::server::auth::host::{AllowedHosts, CorsOrigins};
use crate::server::counters::Metrics;
use crate::server::limits::connections::ConnectionLimiter;
use crate::server::limits::gate::Gate;
use crate::server::limits::memory::ResponseMemory;
use crate::server::limits::rate::Rates;
use crate::server::limits::shares::FairSemaphore;
use crate::server::options::{ServerOptions, ServerState};
use crate::server::readiness::Readiness;
use crate::server::records::Records;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use tokio::sync::{Semaphore, watch};

/// Maximum number of exports at a time. Each takes a turn at the gate for every page, like all other requests.
pub(super) const EXPORTS_MAX: usize = 4;

/// Maximum number of events that are written at a time.
const EVENT_WRITES_MAX: usize = 2;

/// The state that all handlers share.
#[derive(Debug)]
pub(super) struct App {
    /// The log.
    pub(super) records: Records,
    /// The events; `None` where none are kept.
    pub(super) events: Option<EventLog>,
    /// The permits for writing events: each is synced to the disk, and more at a time would only wait.
    pub(super) event_writes: Arc<Semaphore>,
    /// Held while the file of the saved views is changed.
    pub(super) view_changes: Arc<Mutex<()>>,
    /// The only permit for making a bundle of evidence.
    pub(super) bundles: Arc<Semaphore>,
    /// The settings.
    pub(super) options: Arc<ServerOptions>,
    /// Bounds the blocking work.
    pub(super) gate: Gate,
    /// Bounds the memory of responses that clients have not read.
    pub(super) answers: ResponseMemory,
    /// One permit for each live tail.
    pub(super) tails: Arc<FairSemaphore>,
    /// The only permit for filtering texts of new records: all tails together use at most one processor.
    pub(super) matching: Arc<Semaphore>,
    /// One permit for each export.
    pub(super) exports: Arc<FairSemaphore>,
    /// One permit for each request in progress.
    pub(super) in_flight: Arc<FairSemaphore>,
    /// The open connections.
    pub(super) limiter: Arc<ConnectionLimiter>,
    /// The counters of the server.
    pub(super) metrics: Metrics,
    /// Whether records can be stored.
    pub(super) readiness: Readiness,
    /// Has a receiver for each websocket that is open.
    pub(super) websockets: watch::Sender<()>,
    /// True once the server stops.
    pub(super) stopping: watch::Receiver<bool>,
    /// Determines the principal of a request.
    pub(super) authenticator: Authenticator,
    pub(super) hosts: AllowedHosts,
    pub(super) origins: CorsOrigins,
    pub(super) rates: Rates,
}

impl App {
    /// The shared state of a server that listens on `address`.
    pub(super) fn new(
        state: ServerState,
        address: IpAddr,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        let ServerState {
            reader,
            live,
            events,
            options,
        } = state;
        let authenticator = Authenticator::new(options.token.as_deref(), options.node_auth.clone())
            .with_events_token(options.events_token.as_deref());
        let node = options.node_auth.as_ref().map(|auth| auth.node.as_str());
        let joined = options.uplink.as_ref().map(|uplink| uplink.node.as_str());
        let node = node.or(joined);
        let knows_others = authenticator.knows_others() || options.uplink.is_some();
        let shares = |places| FairSemaphore::new(places, knows_others);
        Self {
            records: Records::new(reader.clone(), live).named(node),
            events,
            event_writes: Arc::new(Semaphore::new(EVENT_WRITES_MAX)),
            view_changes: Arc::default(),
            bundles: Arc::new(Semaphore::new(1)),
            gate: Gate::new(),
            answers: ResponseMemory::default(),
            tails: shares(options.tail_connections_max),
            matching: Arc::new(Semaphore::new(1)),
            exports: shares(EXPORTS_MAX),
            in_flight: shares(options.connections_max),
            limiter: ConnectionLimiter::new(options.connections_max),
            metrics: Metrics::default(),
            readiness: Readiness::new(reader),
            websockets: watch::channel(()).0,
            stopping,
            authenticator,
            hosts: AllowedHosts::new(address, &options.hosts),
            origins: CorsOrigins::new(&options.cors_origins),
            rates: Rates::new(options.rate, options.rate_burst),
            options,
        }
    }
}
