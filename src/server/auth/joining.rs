//! The settings of a node that connects to a gateway.

use super::scope::WorkspaceSources;
use crate::http_client::{Origin, is_trusted_url};
use crate::opening;
use hyper::Uri;
use rustix::fs::OFlags;
use std::fmt;
use std::io::{self, Read as _};
use std::path::PathBuf;

/// The settings of a node that connects to a gateway.
#[derive(Debug, Clone)]
pub struct UplinkOptions {
    /// `LOG_JOIN_GATEWAY`: the gateway.
    pub gateway: GatewayUrl,
    /// `LOG_JOIN_TOKEN`, `LOG_JOIN_TOKEN_FILE`: the token that lets this node join; not needed once it has.
    pub token: Option<JoinTokenSource>,
    /// `LOG_JOIN_CA`: the only certificate authorities that the gateway's certificate may have, in PEM; by default those of the system.
    pub authorities: Option<PathBuf>,
    /// `LOG_NODE_ID`: the name of this node.
    pub node: String,
    /// Where the key of this node is stored.
    pub directory: PathBuf,
    /// `LOG_AUTH_WORKSPACE_SOURCES`: the sources that a workspace may see.
    pub workspace_sources: WorkspaceSources,
}

/// The address of a gateway: over https, or on this machine.
#[derive(Clone, PartialEq, Eq)]
pub struct GatewayUrl {
    pub(in crate::server) origin: Origin,
    /// Without a slash at its end.
    text: String,
}

impl GatewayUrl {
    /// `None` unless the text is `https://HOST` or `https://HOST:PORT`, or such an address of this machine with http.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_suffix('/').unwrap_or(text);
        let uri: Uri = text.parse().ok()?;
        let has_path = !matches!(uri.path(), "" | "/") || uri.query().is_some();
        if has_path || !is_trusted_url(text) {
            return None;
        }
        Some(Self {
            origin: Origin::of(&uri)?,
            text: text.to_owned(),
        })
    }

    /// The address of a path of the gateway.
    pub(in crate::server) fn join(&self, path: &str) -> String {
        format!("{}{path}", self.text)
    }
}

impl fmt::Display for GatewayUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for GatewayUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Where the token for joining is.
#[derive(Clone, PartialEq, Eq)]
pub enum JoinTokenSource {
    /// The token itself.
    Text(String),
    /// A file, read each time that the node tries to join.
    File(PathBuf),
}

/// A token has 50 characters; a file may have blanks around it.
const TOKEN_BYTES_MAX: u64 = 512;

impl JoinTokenSource {
    pub(in crate::server) fn read(&self) -> io::Result<String> {
        match self {
            Self::Text(text) => Ok(text.clone()),
            Self::File(path) => {
                let file = opening::readable(path, OFlags::empty())?;
                let mut text = String::new();
                file.take(TOKEN_BYTES_MAX).read_to_string(&mut text)?;
                Ok(text.trim().to_owned())
            }
        }
    }
}

/// The token is never printed.
impl fmt::Debug for JoinTokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => f.write_str("Text"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_is_reached_over_https_or_on_this_machine() {
        for (text, path) in [
            ("https://logs.example", "https://logs.example/x"),
            ("https://logs.example:8443/", "https://logs.example:8443/x"),
            ("http://127.0.0.1:8688", "http://127.0.0.1:8688/x"),
        ] {
            let url = GatewayUrl::parse(text).expect(text);
            assert_eq!(url.join("/x"), path);
        }
        for text in [
            "",
            "logs.example",
            "http://logs.example",
            "https://",
            "https://logs.example/path",
            "https://logs.example?x=1",
            "https://ann:secret@logs.example",
            "ftp://logs.example",
        ] {
            assert_eq!(GatewayUrl::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_token_is_read_from_its_file_and_never_printed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("token");
        let source = JoinTokenSource::File(path.clone());
        assert!(source.read().is_err());
        std::fs::write(&path, "a-token\n").expect("written");
        assert_eq!(source.read().expect("a token"), "a-token");
        let text = JoinTokenSource::Text("a-secret".to_owned());
        assert_eq!(text.read().expect("a token"), "a-secret");
        assert!(!format!("{text:?}").contains("a-secret"));
    }
}
