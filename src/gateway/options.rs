//! The settings of the gateway.

use crate::server::{KeySource, Network, Tls};
use hyper::header::HeaderName;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// The settings of the gateway.
#[derive(Debug, Clone)]
pub struct GatewayOptions {
    /// Where the list of nodes comes from; without one, the nodes are those that have joined.
    pub registry: Option<KeySource>,
    /// Sent as `Authorization: Bearer` for a registry at a URL.
    pub registry_token: Option<GatewayToken>,
    /// Certificate authorities, in PEM, for the registry, the keys of sessions and nodes that name none; by default those of the
    /// system.
    pub authorities: Option<PathBuf>,
    /// Where the keys are stored.
    pub directory: PathBuf,
    /// The issuer of tokens for nodes.
    pub issuer: String,
    /// How long a key signs.
    pub key_lifetime: Duration,
    /// A token whose holder sees every node.
    pub token: Option<GatewayToken>,
    /// Sessions of users.
    pub sessions: Option<SessionOptions>,
    /// A proxy in front that authenticates users.
    pub forward_auth: Option<ForwardAuth>,
    /// Users who see every node.
    pub admins: Vec<String>,
    /// Host names that a gateway on loopback accepts besides `localhost`.
    pub hosts: Vec<String>,
    /// Origins whose pages may read answers.
    pub origins: Vec<String>,
    /// Origins that may embed the page.
    pub frame_ancestors: Vec<String>,
    /// The certificate; without one, connections are not encrypted.
    pub tls: Option<Tls>,
    /// Maximum number of requests a second of one user; 0: unlimited.
    pub rate: u32,
    /// Maximum number of requests at once of one user.
    pub burst: u32,
    /// Maximum number of connections of clients.
    pub connections_max: usize,
    /// Maximum number of live tails.
    pub tails_max: usize,
    /// How long a node may take to begin its answer.
    pub node_timeout: Duration,
    /// Maximum number of nodes that one request asks at a time.
    pub nodes_at_once: usize,
    /// Whether each request is logged.
    pub access_log: bool,
}

/// A token that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct GatewayToken(pub String);

impl GatewayOptions {
    /// The documented defaults. Nothing proves who a client is until `token`, `sessions` or `forward_auth` is set.
    #[must_use]
    pub fn new(registry: Option<KeySource>, directory: PathBuf) -> Self {
        Self {
            registry,
            registry_token: None,
            authorities: None,
            directory,
            issuer: "vmlog-gateway".to_owned(),
            key_lifetime: Duration::from_hours(30 * 24),
            token: None,
            sessions: None,
            forward_auth: None,
            admins: Vec::new(),
            hosts: Vec::new(),
            origins: Vec::new(),
            frame_ancestors: Vec::new(),
            tls: None,
            rate: 50,
            burst: 100,
            connections_max: 1_024,
            tails_max: 64,
            node_timeout: Duration::from_secs(10),
            nodes_at_once: 64,
            access_log: true,
        }
    }
}

impl fmt::Debug for GatewayToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GatewayToken")
    }
}

/// How session tokens of users are checked.
#[derive(Debug, Clone)]
pub struct SessionOptions {
    /// The keys that they are signed with.
    pub keys: KeySource,
    /// Who signs them.
    pub issuer: String,
    /// For whom they are signed.
    pub audience: String,
    /// The cookie that holds one; without it only `Authorization: Bearer` does.
    pub cookie: Option<String>,
    /// The claim that names the user.
    pub user_claim: String,
    /// A claim with a list of nodes that the user sees, besides those of the registry.
    pub nodes_claim: Option<String>,
    /// Minimum time between two attempts to read the keys.
    pub keys_floor: Duration,
}

/// A proxy that authenticates users and names them in a header.
#[derive(Debug, Clone)]
pub struct ForwardAuth {
    /// The header with the name of the user.
    pub header: HeaderName,
    /// From where the header is believed.
    pub proxies: Vec<Network>,
}
