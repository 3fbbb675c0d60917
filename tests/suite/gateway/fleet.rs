//! A gateway, and nodes that trust it, for the tests.

use crate::http::client::{Call, get};
use crate::http::server::Server;
use serde_json::{Value, json};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;
use vmlog::gateway::{Gateway, GatewayOptions, GatewayToken};
use vmlog::server::{KeySource, NodeAuth, ServerOptions, WorkspaceSources};
use vmlog::store;

/// The static token of every gateway here.
pub(crate) const OPERATOR: &str = "the-token-of-the-operator";

/// The issuer of tokens for nodes.
pub(crate) const ISSUER: &str = "vmlog-gateway";

/// A gateway whose address is known before it runs: nodes need it for the keys.
pub(crate) struct Place {
    listener: TcpListener,
    pub(crate) address: SocketAddr,
}

impl Place {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        Self { listener, address }
    }

    /// A node that trusts the gateway by the settings of a control plane.
    pub(crate) fn node(&self, id: &str) -> Server {
        self.node_with(id, ServerOptions::default())
    }

    pub(crate) fn node_with(&self, id: &str, options: ServerOptions) -> Server {
        self.node_over(id, options, store::Options::default())
    }

    pub(crate) fn node_over(
        &self,
        id: &str,
        options: ServerOptions,
        store_options: store::Options,
    ) -> Server {
        let keys = format!("http://{}/.well-known/jwks.json", self.address);
        let node_auth = NodeAuth {
            keys: KeySource::parse(&keys).expect("this machine"),
            issuer: ISSUER.to_owned(),
            node: id.to_owned(),
            authorities: None,
            workspace_sources: WorkspaceSources::default(),
            keys_floor: Duration::ZERO,
        };
        let options = ServerOptions {
            node_auth: Some(node_auth),
            ..options
        };
        Server::with(options, store_options)
    }

    /// Starts the gateway for these nodes.
    pub(crate) fn open(self, nodes: &Value) -> Fleet {
        self.open_with(nodes, |_| {})
    }

    pub(crate) fn open_with(
        self,
        nodes: &Value,
        change: impl FnOnce(&mut GatewayOptions),
    ) -> Fleet {
        let folder = tempfile::tempdir().expect("a folder");
        let registry = folder.path().join("nodes.json");
        std::fs::write(&registry, json!({"nodes": nodes}).to_string()).expect("written");
        let mut options = options(&registry, folder.path().join("gateway"));
        change(&mut options);
        let (stop, stopped) = oneshot::channel::<()>();
        let listener = self.listener;
        let thread = std::thread::spawn(move || serve(listener, options, stopped));
        let fleet = Fleet {
            address: self.address,
            registry,
            stop: Some(stop),
            thread: Some(thread),
            _folder: folder,
        };
        // the port accepts connections from the beginning, so the first request waits for the start
        assert_eq!(get(fleet.address, "/healthz").send().status, 200);
        fleet
    }
}

fn options(registry: &std::path::Path, directory: PathBuf) -> GatewayOptions {
    GatewayOptions {
        token: Some(GatewayToken(OPERATOR.to_owned())),
        node_timeout: Duration::from_secs(20),
        rate: 0,
        access_log: false,
        ..GatewayOptions::new(Some(KeySource::File(registry.to_owned())), directory)
    }
}

/// A running gateway.
pub(crate) struct Fleet {
    pub(crate) address: SocketAddr,
    pub(crate) registry: PathBuf,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    _folder: tempfile::TempDir,
}

impl Fleet {
    /// A GET without credentials.
    pub(crate) fn anonymous(&self, target: &str) -> Call {
        get(self.address, target)
    }

    /// A GET of the operator.
    pub(crate) fn get(&self, target: &str) -> Call {
        self.with_token(target, OPERATOR)
    }

    pub(crate) fn with_token(&self, target: &str, token: &str) -> Call {
        self.anonymous(target)
            .header("authorization", &format!("Bearer {token}"))
    }

    /// The JSON of a GET of the operator.
    pub(crate) fn json(&self, target: &str) -> Value {
        let answer = self.get(target).send();
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        answer.json()
    }

    pub(crate) fn stop(&mut self) {
        self.stop
            .take()
            .expect("stopped once")
            .send(())
            .expect("it runs");
        let thread = self.thread.take().expect("stopped once");
        thread.join().expect("it ends well");
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        if self.stop.is_some() {
            self.stop();
        }
    }
}

fn serve(listener: TcpListener, options: GatewayOptions, stopped: oneshot::Receiver<()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        listener.set_nonblocking(true).expect("a mode");
        let address = listener.local_addr().expect("an address");
        let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
        let gateway = Gateway::open(options, address.ip()).await.expect("keys");
        let shutdown = async {
            let _ = stopped.await;
        };
        gateway.serve(listener, shutdown).await;
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
}

/// A row of the registry for a node on this machine.
pub(crate) fn row(id: &str, address: SocketAddr) -> Value {
    json!({"id": id, "url": format!("http://{address}")})
}

/// The same with an owner.
pub(crate) fn owned(id: &str, address: SocketAddr, owner: &str) -> Value {
    let mut row = row(id, address);
    row["owner"] = owner.into();
    row
}
