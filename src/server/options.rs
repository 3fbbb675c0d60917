//! The settings of the server and the parts of the program that it serves.

use crate::live::Live;
use crate::server::auth::forwarded::Network;
use crate::server::auth::node::NodeAuth;
use crate::server::measure::Measure;
use crate::server::tls::Tls;
use crate::store::Reader;
use std::sync::Arc;
use std::time::Duration;

/// Settings of the server; `Default` holds the documented defaults.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// The access token that every request needs; without it and `node_auth` every client is the owner (tests only).
    pub token: Option<String>,
    /// `LOG_API_MAX_LIMIT`: the most records that one page holds.
    pub limit_max: usize,
    /// `LOG_TAIL_SEND_BUFFER`: records that wait for one tail client; a client further behind is told what it missed.
    pub tail_queue_rows: usize,
    /// `LOG_TAIL_MAX_CONNECTIONS`: tail clients at a time; one more is refused with 429.
    pub tail_connections_max: usize,
    /// A tail client that gets nothing else for so long gets a comment: proxies close a connection that is silent for a
    /// minute, and half of that keeps it.
    pub tail_keep_alive: Duration,
    /// `LOG_API_RATE`: requests a second that one principal may make; a fifth of it for each address without a token; 0 sets no
    /// bound.
    pub rate: u32,
    /// `LOG_API_BURST`: requests that it may make at once.
    pub rate_burst: u32,
    /// What the rest of the program counts, for `/metrics`.
    pub measure: Option<Measure>,
    /// Tokens of a control plane; without it only the access token is accepted.
    pub node_auth: Option<NodeAuth>,
    /// `LOG_CORS_ORIGINS`: other origins whose pages may read answers.
    pub cors_origins: Vec<String>,
    /// `LOG_TLS_CERT`, `LOG_TLS_KEY`: how connections are encrypted; not at all without.
    pub tls: Option<Tls>,
    /// `LOG_API_MAX_CONNECTIONS`: connections at a time. Each costs a file, of which a process has 1024 by default, and up to
    /// 64 KiB.
    pub connections_max: usize,
    /// `LOG_TAIL_END_WITH_TOKEN`: a tail ends when the token with which it began does.
    pub tail_ends_with_token: bool,
    /// `LOG_API_TRUSTED_PROXIES`: who is believed about the address of a client (`X-Forwarded-For`).
    pub trusted_proxies: Vec<Network>,
    /// Host names, beside those of this machine's loopback, under which a server on loopback may be addressed: what a proxy
    /// in front of it sends as `Host`. Without port.
    pub hosts: Vec<String>,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            token: None,
            limit_max: 500,
            tail_queue_rows: 256,
            tail_connections_max: 5,
            tail_keep_alive: Duration::from_secs(30),
            rate: 50,
            rate_burst: 100,
            measure: None,
            node_auth: None,
            cors_origins: Vec::new(),
            tls: None,
            connections_max: 512,
            tail_ends_with_token: true,
            trusted_proxies: Vec::new(),
            hosts: Vec::new(),
        }
    }
}

/// What handlers reach.
#[derive(Debug, Clone)]
pub struct ServerState {
    /// Pages.
    pub reader: Reader,
    /// Tail.
    pub live: Live,
    /// Settings.
    pub options: Arc<ServerOptions>,
}
