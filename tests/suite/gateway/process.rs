//! `vmlog gateway` as a process, for nodes that connect to it.

use crate::http::client::{Call, get};
use crate::http::tls::fixture;
use crate::support::program::{outcome, vmlog};
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const OPERATOR: &str = "the-token-of-the-operator";

const TIMEOUT: Duration = Duration::from_mins(1);

/// Waits until something is found.
pub(crate) fn wait_until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < TIMEOUT, "{what}: not within {TIMEOUT:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The folder, the address and the list of a gateway, over restarts.
pub(crate) struct GatewayPlace {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) address: SocketAddr,
    is_encrypted: bool,
}

impl GatewayPlace {
    /// A gateway without encryption, whose list of nodes is this.
    pub(crate) fn new(nodes: &Value) -> Self {
        Self::at("127.0.0.1", nodes, false)
    }

    /// With a certificate for localhost and 10.231.77.1.
    pub(crate) fn encrypted(host: &str, nodes: &Value) -> Self {
        Self::at(host, nodes, true)
    }

    fn at(host: &str, nodes: &Value, is_encrypted: bool) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        // free now, and kept over restarts
        let listener = TcpListener::bind((host, 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        let place = Self {
            folder,
            address,
            is_encrypted,
        };
        place.list(nodes);
        place
    }

    /// Replaces the list of nodes.
    pub(crate) fn list(&self, nodes: &Value) {
        let text = serde_json::json!({ "nodes": nodes }).to_string();
        let aside = self.folder.path().join("nodes.new");
        std::fs::write(&aside, text).expect("written");
        std::fs::rename(aside, self.folder.path().join("nodes.json")).expect("renamed");
    }

    /// The folder of its keys.
    pub(crate) fn directory(&self) -> PathBuf {
        self.folder.path().join("gateway")
    }

    pub(crate) fn start(&self) -> GatewayProcess {
        let mut command = vmlog(&["gateway"]);
        command
            .env(
                "LOG_GATEWAY_REGISTRY",
                self.folder.path().join("nodes.json"),
            )
            .env("LOG_GATEWAY_DIR", self.directory())
            .env("LOG_GATEWAY_LISTEN", self.address.to_string())
            .env("LOG_GATEWAY_TOKEN", OPERATOR)
            .env("LOG_GATEWAY_RATE", "0")
            .stderr(Stdio::null());
        if self.is_encrypted {
            command.env("LOG_GATEWAY_TLS_CERT", fixture("one.pem"));
            command.env("LOG_GATEWAY_TLS_KEY", fixture("one.key"));
        }
        let mut child = command.spawn().expect("started");
        let mut line = String::new();
        let output = child.stdout.take().expect("piped");
        BufReader::new(output).read_line(&mut line).expect("a line");
        assert!(line.contains(&self.address.to_string()), "{line}");
        GatewayProcess {
            child,
            address: self.address,
        }
    }

    /// `vmlog gateway WORDS`, with the folder of this gateway.
    pub(crate) fn run(&self, words: &[&str]) -> (Option<i32>, String, String) {
        let mut command: Command = vmlog(&[&["gateway"], words].concat());
        command.env("LOG_GATEWAY_DIR", self.directory());
        outcome(&command.output().expect("run"))
    }

    /// A token for a node.
    pub(crate) fn token(&self, node: &str) -> String {
        let (code, out, error) = self.run(&["token", "--node", node]);
        assert_eq!((code, &*error), (Some(0), ""), "{out}");
        out.trim().to_owned()
    }
}

/// A running gateway; killed when dropped.
pub(crate) struct GatewayProcess {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl GatewayProcess {
    pub(crate) fn get(&self, target: &str) -> Call {
        let bearer = format!("Bearer {OPERATOR}");
        get(self.address, target).header("authorization", &bearer)
    }

    /// Waits until this node is connected.
    pub(crate) fn wait_for_node(&self, id: &str) {
        wait_until("the node is connected", || {
            let answer = self.get(&format!("/api/nodes/{id}")).send();
            let is_there = answer.status == 200 && answer.json()["fault"].is_null();
            is_there.then_some(())
        });
    }

    /// Ends it at once, as a crash does.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("ended");
    }
}

impl Drop for GatewayProcess {
    fn drop(&mut self) {
        // it may have ended already
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
