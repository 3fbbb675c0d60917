//! What node and gateway say to each other before the connection carries requests.

use hyper::header::HeaderValue;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Where a node exchanges a token for the right to connect.
pub(crate) const JOIN_PATH: &str = "/nodes/join";

/// Where a node connects.
pub(crate) const CONNECT_PATH: &str = "/nodes/connect";

/// The protocol that a connection switches to: HTTP/2 whose server is the side that connected.
pub(crate) const UPGRADE: &str = "h2-reverse";

/// The scheme of the headers `WWW-Authenticate` and `Authorization`.
pub(crate) const SCHEME: &str = "Vmlog-Node";

/// Requests at a time over one connection. A node answers no more at a time to all of its clients.
pub(crate) const STREAMS_MAX: u32 = 64;

/// Both sides send a ping this often: proxies close connections that are silent for a minute.
pub(crate) const PING_EVERY: Duration = Duration::from_secs(20);

/// The other side is gone if it does not answer a ping for this long.
pub(crate) const PING_WAIT_MAX: Duration = Duration::from_secs(20);

/// The name of a node and a key have a tenth of this.
pub(crate) const JOIN_BYTES_MAX: usize = 4 * 1_024;

/// The body of a request to join. The token is in `Authorization: Bearer`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct JoinRequest {
    /// The name of the node.
    pub(crate) node: String,
    /// Its public key (Ed25519), in base64url.
    pub(crate) key: String,
}

/// The body of the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct JoinAnswer {
    /// The identity of the gateway, for which proofs are signed.
    pub(crate) gateway: String,
    /// Who signs its tokens for nodes.
    pub(crate) issuer: String,
}

/// What a node signs to prove that it has its key: for this gateway, by this node, in answer to this challenge.
pub(crate) fn statement(gateway: &str, node: &str, challenge: &str) -> Vec<u8> {
    format!("vmlog node connection 1\n{gateway}\n{node}\n{challenge}").into_bytes()
}

/// `Vmlog-Node NAME="VALUE", ...`. All values are names or base64url.
pub(crate) fn credentials(parameters: &[(&str, &str)]) -> Option<HeaderValue> {
    let parts = parameters
        .iter()
        .map(|(name, value)| format!("{name}=\"{value}\""));
    let parts: Vec<String> = parts.collect();
    format!("{SCHEME} {}", parts.join(", ")).parse().ok()
}

/// The parameters of such a header.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Credentials(Vec<(String, String)>);

impl Credentials {
    /// `None` unless the header has this scheme and parameters without special characters, each once.
    pub(crate) fn parse(value: &HeaderValue) -> Option<Self> {
        let (scheme, rest) = value.to_str().ok()?.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case(SCHEME) {
            return None;
        }
        let mut found = Vec::<(String, String)>::new();
        for part in rest.split(',') {
            let (name, value) = part.trim().split_once('=')?;
            let value = value.strip_prefix('"')?.strip_suffix('"')?;
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
            let is_again = found.iter().any(|(given, _)| given == name);
            if is_again || !value.bytes().all(is_plain) {
                return None;
            }
            found.push((name.to_owned(), value.to_owned()));
        }
        Some(Self(found))
    }

    /// The value of a parameter.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(given, _)| given == name);
        found.map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<Credentials> {
        Credentials::parse(&text.parse().expect("a header"))
    }

    #[test]
    fn credentials_are_read_as_written() {
        let header = credentials(&[("node", "n-1"), ("signature", "AQ_-")]).expect("a header");
        assert_eq!(header, "Vmlog-Node node=\"n-1\", signature=\"AQ_-\"");
        let read = Credentials::parse(&header).expect("valid");
        assert_eq!(read.get("node"), Some("n-1"));
        assert_eq!(read.get("signature"), Some("AQ_-"));
        assert_eq!(read.get("challenge"), None);
    }

    #[test]
    fn other_headers_are_not_credentials() {
        for text in [
            "Bearer abc",
            "Vmlog-Node",
            "Vmlog-Node abc",
            "Vmlog-Node node=n1",
            "Vmlog-Node node=\"n1",
            "Vmlog-Node node=\"n 1\"",
            "Vmlog-Node node=\"a\", node=\"b\"",
            "Vmlog-Node node=\"a\\\"b\"",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert!(parse("vmlog-node node=\"n1\"").is_some());
    }

    #[test]
    fn statements_differ_in_each_part() {
        let all = [
            statement("g", "n", "c"),
            statement("h", "n", "c"),
            statement("g", "m", "c"),
            statement("g", "n", "d"),
        ];
        for (index, one) in all.iter().enumerate() {
            assert!(!all.iter().skip(index + 1).any(|other| other == one));
        }
    }
}
