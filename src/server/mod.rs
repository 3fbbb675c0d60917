//! The HTTP interface of the store: pages, the live tail over SSE, and the browser page, for clients with a token.
//!
//! ```text
//! connection --> service --> route --> auth --> handler --> gate --> query over a store view
//!   bounds      one filter  table    token   api, tail   one blocking hop
//! ```
//!
//! | Part | Content |
//! |---|---|
//! | `http` | requests, replies, errors, encodings, the table of routes |
//! | `auth` | identity of clients, and the records that they may see |
//! | `limits` | bounds on connections, requests, memory and running work, shared among principals |
//! | `api` | one handler for each endpoint |
//! | `tail` | the live tail |
//! | `views` | the saved views of the page |
//! | `loki` | the read API of Loki, for Grafana |
//! | `foreign` | the read APIs of other systems |
//! | `uplink` | the connection to a gateway, for nodes that accept none |
//!
//! [`run`] owns only the connections. The caller provides the socket, the [`ServerState`] and the signal to stop, so
//! that a test can serve on port 0 and stop it. The server does not know where records come from.

mod api;
mod app;
mod auth;
mod connection;
mod counters;
mod foreign;
mod http;
mod label;
mod limits;
pub(crate) mod loki;
mod measure;
mod options;
mod page;
mod readiness;
mod records;
mod service;
mod socket;
#[cfg(test)]
mod spec;
mod tail;
mod tls;
mod uplink;
mod views;
mod waiting;
mod wire;

pub(crate) use api::export::write_csv;
pub(crate) use api::fields::{VALUES, keys_body, values_body};
pub(crate) use api::health::history_body;
pub(crate) use api::patterns::{PATTERNS, patterns_body};
pub use auth::forwarded::Network;
pub use auth::host::is_origin;
pub use auth::joining::{GatewayUrl, JoinTokenSource, UplinkOptions};
pub(crate) use auth::jwt::UnverifiedToken;
pub use auth::keys::KeySource;
pub(crate) use auth::keys::TokenKeys;
pub use auth::node::{NodeAuth, is_issuer};
pub(crate) use auth::principal::PrincipalId;
pub use auth::scope::WorkspaceSources;
pub(crate) use auth::{access_token, private_file};
pub(crate) use connection::{Listening, serve};
pub(crate) use http::error::ApiError;
pub use http::foreign_call::ForeignApi;
pub(crate) use http::loki_call::LokiCall;
pub(crate) use http::request::FORM_BYTES_MAX;
pub(crate) use http::route::loki_call;
pub(crate) use limits::connections::{ConnectionLimiter, GuardedBody};
pub(crate) use limits::rate::{TokenBuckets, network};
pub(crate) use limits::shares::{FairPermit, FairSemaphore};
pub use measure::{Measure, Sample};
pub use options::{ServerOptions, ServerState};
pub(crate) use page::page_file;
pub use tls::{Tls, TlsError};
pub(crate) use uplink::protocol as uplink_protocol;
pub(crate) use waiting::stopped;
pub(crate) use wire::write_entry;

use crate::tasks;
use records::problems_ahead;
use std::future::Future;
use std::sync::Arc;
use tokio::net::TcpListener;

/// Serves until `shutdown`, then ends every stream and returns within a second.
pub async fn run(
    listener: TcpListener,
    state: ServerState,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let address = listener.local_addr()?;
    let (stop, stopping) = tokio::sync::watch::channel(false);
    let app = Arc::new(app::App::new(state, address.ip(), stopping));
    let listening = Listening {
        listener,
        limiter: Arc::clone(&app.limiter),
        tls: app.options.tls.clone(),
        stop,
    };
    let service = |peer| service::service(&app, peer, None);
    let uplink = app.options.uplink.clone();
    let mut uplink =
        uplink.map(|options| tasks::spawn(uplink::run(Arc::clone(&app), Arc::new(options))));
    let read = Arc::clone(&app);
    let ahead = tasks::spawn(problems_ahead::run(move || read.records.problems_ahead()));
    // A websocket is no longer part of its connection, and that to a gateway never was one of these.
    let upgraded = async {
        app.websockets.closed().await;
        if let Some(uplink) = &mut uplink {
            let _ = uplink.await;
        }
    };
    serve(listening, shutdown, service, upgraded).await;
    ahead.abort();
    if let Some(uplink) = uplink {
        uplink.abort();
    }
    Ok(())
}
