//! `vmlog gateway`: one address for many machines.
//!
//! ```text
//! connection --> service --> session --> proxy  --> node (one)     --> vmlog serve
//!   bounds        route       user   \-> across --> node (several)     with a token of the gateway
//! ```
//!
//! | part | what it holds |
//! |---|---|
//! | `registry` | the list of nodes, read again when it changes |
//! | `keys` | the gateway's keys, and the tokens for nodes that it signs |
//! | `session` | who a client is and which nodes it may see |
//! | `node` | connections to nodes |
//! | `join`, `arrivals` | nodes that connect by themselves: tokens, keys, revocation; their connections |
//! | `proxy` | answers of one node, passed on as they arrive |
//! | `page` | the page: the list of nodes, and the page of each node |
//! | `across` | answers of several nodes, merged |
//! | `loki` | the read API of Loki over several nodes |
//!
//! The gateway keeps nothing but its keys: records stay on the nodes, and what a client sees is decided by each node from the token
//! that the gateway signs. No credential of a client goes to a node, and no redirect of a node is followed.

mod across;
mod app;
mod arrivals;
mod counters;
mod error;
mod join;
mod keys;
mod loki;
mod node;
mod options;
mod page;
mod proxy;
mod registry;
mod reply;
mod request;
mod route;
mod service;
mod session;
mod status;

pub use join::document::{NodePlace, create_join_token, revoke_node};
pub use options::{ForwardAuth, GatewayOptions, GatewayToken, SessionOptions};

use crate::server::{self, Listening, access_token};
use crate::tasks;
use app::GatewayApp;
use hyper::service::service_fn;
use join::challenge::Challenges;
use join::members::Members;
use keys::keyring::Keyring;
use session::revoked::RevokedSessions;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// How often keys are maintained, and idle connections to nodes closed.
const MAINTAIN_EVERY: Duration = Duration::from_secs(30);

/// Files of authorities are read again after this many rounds of maintenance.
const AUTHORITIES_ROUNDS: u32 = 20;

/// A gateway that is ready to serve.
#[derive(Debug)]
pub struct Gateway {
    app: Arc<GatewayApp>,
    stop: watch::Sender<bool>,
}

impl Gateway {
    /// Reads the keys, or makes the first one, and reads the registry. `address`: where the gateway will listen.
    ///
    /// # Errors
    /// The keys cannot be used.
    pub async fn open(options: GatewayOptions, address: IpAddr) -> io::Result<Self> {
        let (folder, lifetime) = (options.directory.clone(), options.key_lifetime);
        let opened = tasks::blocking(move || {
            access_token::make_private_directory(&folder)?;
            let keys = Keyring::open(&folder, lifetime)?;
            let members = Members::open(&folder)?;
            Ok::<_, io::Error>((keys, members, RevokedSessions::open(&folder)?))
        });
        let (keys, members, revoked) = opened.await.map_err(io::Error::other)??;
        let challenges = Challenges::new()?;
        let (stop, stopping) = watch::channel(false);
        let app = GatewayApp::new(
            options, keys, members, revoked, challenges, address, stopping,
        );
        let app = Arc::new(app);
        app.registry.refresh().await;
        Ok(Self { app, stop })
    }

    /// Why the registry cannot be used, if it cannot.
    #[must_use]
    pub fn registry_problem(&self) -> Option<String> {
        self.app.registry.problem()
    }

    /// Serves until `shutdown`, then ends every stream and returns within a second.
    pub async fn serve(self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let Self { app, stop } = self;
        let watching = tasks::spawn(watch_registry(Arc::clone(&app)));
        let watching_members = tasks::spawn(watch_members(Arc::clone(&app)));
        let maintaining = tasks::spawn(maintain(Arc::clone(&app)));
        let listening = Listening {
            listener,
            limiter: Arc::clone(&app.limiter),
            tls: app.options.tls.clone(),
            stop,
        };
        let service = |peer| {
            let app = Arc::clone(&app);
            service_fn(move |request| {
                let response = service::answer(Arc::clone(&app), peer, request);
                async move { Ok::<_, Infallible>(response.await) }
            })
        };
        // a websocket is no longer part of its connection
        let websockets = async { app.websockets.closed().await };
        server::serve(listening, shutdown, service, websockets).await;
        watching.abort();
        watching_members.abort();
        maintaining.abort();
    }
}

async fn watch_registry(app: Arc<GatewayApp>) {
    let interval = app.registry.interval().await;
    loop {
        tokio::time::sleep(interval).await;
        app.registry.refresh().await;
    }
}

/// A revoked node loses its connection within this time.
const MEMBERS_EVERY: Duration = Duration::from_secs(1);

async fn watch_members(app: Arc<GatewayApp>) {
    loop {
        tokio::time::sleep(MEMBERS_EVERY).await;
        app.refresh_members().await;
    }
}

async fn maintain(app: Arc<GatewayApp>) {
    for round in 1_u32.. {
        tokio::time::sleep(MAINTAIN_EVERY).await;
        let keys = app.keys.clone();
        let maintained = tasks::blocking(move || keys.maintain()).await;
        if let Ok(Err(error)) = maintained {
            tracing::warn!("the keys of the gateway cannot be maintained: {error}");
        }
        if round.is_multiple_of(AUTHORITIES_ROUNDS) {
            app.nodes.forget_authorities();
        }
        for node in app.registry.nodes().iter().flat_map(|nodes| nodes.values()) {
            node.close_idle();
        }
    }
}
