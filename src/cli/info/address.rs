//! The address of this machine's own server, from its settings.

use crate::config::Config;
use crate::server::access_token;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

/// A server on this machine accepts a connection at once.
const CONNECT_WITHIN: Duration = Duration::from_secs(1);

/// The address of this machine's server.
#[derive(Debug, Clone)]
pub(in crate::cli) struct OwnServer {
    address: SocketAddr,
    scheme: &'static str,
    /// The file with its token; `None` if a setting contains the token.
    pub(in crate::cli) token_file: Option<PathBuf>,
}

impl OwnServer {
    pub(in crate::cli) fn new(config: &Config) -> Self {
        let is_set = config.api_token.is_some();
        Self {
            address: local(config.listen),
            scheme: if config.tls.is_some() {
                "https"
            } else {
                "http"
            },
            token_file: (!is_set).then(|| config.data_dir.join(access_token::FILE_NAME)),
        }
    }

    pub(in crate::cli) fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    pub(super) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Whether a server accepts connections there.
    pub(in crate::cli) fn is_reachable(&self) -> bool {
        TcpStream::connect_timeout(&self.address, CONNECT_WITHIN).is_ok()
    }
}

/// A server that listens on all addresses is reached through the loopback address.
fn local(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}
