//! The HTTP face of the store: pages, live tail over SSE, and the browser page, for whoever holds the token.
//!
//! ```text
//! connection --> app --> route --> access --> handler --> gate --> query over a store view
//!   bounds      one     table    token     plain fn    one blocking hop
//! ```
//!
//! [`run`] owns nothing but the connections: the caller brings the socket, the [`State`] and the signal to stop, so a test
//! can serve on port 0 and stop it. Nothing here knows where records come from.

mod access;
pub(crate) mod access_token;
mod answers;
mod app;
mod connection;
mod counts;
mod encoding;
mod error;
mod export;
mod forwarded;
mod gate;
mod health;
mod host;
mod jwt;
mod keys;
mod label;
mod limiter;
mod logs;
mod metrics;
mod node;
mod openapi;
mod page;
mod principal;
mod rate;
mod records;
mod reply;
mod request;
mod route;
mod runs;
mod scope;
mod session;
mod shares;
#[cfg(test)]
mod spec;
mod sse;
mod stream;
mod tail_start;
mod tls;
mod wire;

pub(crate) use export::write_csv;
pub use forwarded::Network;
pub use host::is_origin;
pub use keys::KeySource;
pub(crate) use keys::{authorities, is_this_machine};
pub use metrics::{Measure, Sample};
pub use node::{NodeAuth, is_issuer};
pub(crate) use request::query_encoded;
pub use scope::WorkspaceSources;
pub use tls::{Tls, TlsError};
pub(crate) use wire::write_entry;

use crate::live::Live;
use crate::store::Reader;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// Settings of the server; `Default` holds the documented defaults.
#[derive(Debug, Clone)]
pub struct Options {
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

impl Default for Options {
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
pub struct State {
    /// Pages.
    pub reader: Reader,
    /// Tail.
    pub live: Live,
    /// Settings.
    pub options: Arc<Options>,
}

/// Serves until `shutdown`, then ends every stream and returns, at the latest after a second.
pub async fn run(
    listener: TcpListener,
    state: State,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let address = listener.local_addr()?;
    let (stop, stopping) = tokio::sync::watch::channel(false);
    let app = Arc::new(app::App::new(state, address.ip(), stopping));
    connection::serve(listener, app, stop, shutdown).await;
    Ok(())
}
