//! The settings of the server and the parts of the program that it serves.

use crate::events::EventLog;
use crate::evidence::BundleOptions;
use crate::live::Live;
use crate::server::auth::forwarded::Network;
use crate::server::auth::joining::UplinkOptions;
use crate::server::auth::node::NodeAuth;
use crate::server::http::foreign_call::ForeignApi;
use crate::server::measure::Measure;
use crate::server::tls::Tls;
use crate::store::Reader;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Settings of the server; `Default` holds the documented defaults.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// The access token that every request needs. Without it and `node_auth`, every client is the owner (tests only).
    pub token: Option<String>,
    /// `LOG_EVENTS_TOKEN`: a token that may only write events.
    pub events_token: Option<String>,
    /// How bundles of evidence are made; without it none are.
    pub evidence: Option<BundleOptions>,
    /// The directory of the file with the saved views of the page; without it none are saved.
    pub views_directory: Option<PathBuf>,
    /// `LOG_FOREIGN_APIS`: the APIs of other systems that are served.
    pub foreign_apis: Vec<ForeignApi>,
    /// `LOG_API_MAX_LIMIT`: maximum number of records on a page.
    pub limit_max: usize,
    /// `LOG_TAIL_SEND_BUFFER`: maximum number of records that wait for one tail client. A client that falls further behind receives a
    /// gap event.
    pub tail_queue_rows: usize,
    /// `LOG_TAIL_MAX_CONNECTIONS`: maximum number of tail clients; further ones are refused with 429.
    pub tail_connections_max: usize,
    /// A tail without records sends a comment at this interval: proxies close connections that are silent for a minute.
    pub tail_keep_alive: Duration,
    /// `LOG_API_RATE`: maximum number of requests per second of one principal, and a fifth of it for each address without a token;
    /// 0 means unlimited.
    pub rate: u32,
    /// `LOG_API_BURST`: maximum number of requests at once.
    pub rate_burst: u32,
    /// Metrics of the rest of the program, for `/metrics`.
    pub measure: Option<Measure>,
    /// Tokens of a control plane; if unset, only the access token is accepted.
    pub node_auth: Option<NodeAuth>,
    /// `LOG_JOIN_GATEWAY`: the gateway that the server connects to and answers over that connection.
    pub uplink: Option<UplinkOptions>,
    /// `LOG_CORS_ORIGINS`: other origins whose pages may read answers.
    pub cors_origins: Vec<String>,
    /// `LOG_TLS_CERT`, `LOG_TLS_KEY`: the certificate; if unset, connections are not encrypted.
    pub tls: Option<Tls>,
    /// `LOG_API_MAX_CONNECTIONS`: maximum number of connections. Each takes a file descriptor, of which a process has 1024 by
    /// default, and up to 64 KiB.
    pub connections_max: usize,
    /// `LOG_TAIL_END_WITH_TOKEN`: whether a tail ends when the token that started it expires.
    pub tail_ends_with_token: bool,
    /// `LOG_API_TRUSTED_PROXIES`: proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
    /// Host names, without port, that a server on loopback accepts in addition to `localhost`: those that a proxy in
    /// front of it sends as `Host`.
    pub hosts: Vec<String>,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            token: None,
            events_token: None,
            evidence: None,
            views_directory: None,
            foreign_apis: Vec::new(),
            limit_max: 500,
            tail_queue_rows: 256,
            tail_connections_max: 5,
            tail_keep_alive: Duration::from_secs(30),
            rate: 50,
            rate_burst: 100,
            measure: None,
            node_auth: None,
            uplink: None,
            cors_origins: Vec::new(),
            tls: None,
            connections_max: 512,
            tail_ends_with_token: true,
            trusted_proxies: Vec::new(),
            hosts: Vec::new(),
        }
    }
}

/// The parts of the program that handlers use.
#[derive(Debug, Clone)]
pub struct ServerState {
    /// The store.
    pub reader: Reader,
    /// The newest records.
    pub live: Live,
    /// The events; `None` where none are kept.
    pub events: Option<EventLog>,
    /// Settings.
    pub options: Arc<ServerOptions>,
}
