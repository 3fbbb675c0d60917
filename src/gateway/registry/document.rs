//! The registry as a JSON document.

use crate::gateway::node::entry::{NODES_MAX, NodeAddress, NodeEntry, NodeTrust, check_names};
use crate::http_client::{Origin, is_this_machine};
use hyper::Uri;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RegistryDocument {
    nodes: Vec<NodeRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct NodeRow {
    id: String,
    /// Without it the node connects to the gateway.
    url: Option<String>,
    /// Authorities in PEM, or the absolute path of a file of them.
    ca: Option<String>,
    /// The SHA-256 of the certificate, in hexadecimal; colons are ignored.
    certificate_sha256: Option<String>,
    /// Allows an address of another machine without encryption, for private networks that encrypt by themselves.
    #[serde(default)]
    plain_http: bool,
    owner: Option<String>,
    #[serde(default)]
    workspaces: Vec<WorkspaceRow>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WorkspaceRow {
    id: String,
    owner: String,
}

/// What is wrong with a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::gateway) enum DocumentError {
    /// It is not JSON, or not of the expected shape.
    Shape(String),
    /// A node is not valid.
    Node {
        /// Its place, from 1.
        number: usize,
        id: String,
        why: &'static str,
    },
    /// Too many nodes.
    TooMany(usize),
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape(why) => write!(f, "expected {{\"nodes\": [...]}}: {why}"),
            Self::Node { number, id, why } => write!(f, "node {number} ({id:?}): {why}"),
            Self::TooMany(count) => write!(f, "{count} nodes; at most {NODES_MAX} are possible"),
        }
    }
}

impl std::error::Error for DocumentError {}

/// Reads the nodes of a document.
pub(in crate::gateway) fn parse(text: &[u8]) -> Result<Vec<NodeEntry>, DocumentError> {
    let document: RegistryDocument =
        serde_json::from_slice(text).map_err(|error| DocumentError::Shape(error.to_string()))?;
    if document.nodes.len() > NODES_MAX {
        return Err(DocumentError::TooMany(document.nodes.len()));
    }
    let mut ids = BTreeSet::new();
    let mut nodes = Vec::with_capacity(document.nodes.len());
    for (index, row) in document.nodes.into_iter().enumerate() {
        let id = row.id.clone();
        let fault = |why| DocumentError::Node {
            number: index + 1,
            id: id.clone(),
            why,
        };
        if !ids.insert(id.clone()) {
            return Err(fault("another node has this id"));
        }
        nodes.push(entry(row).map_err(fault)?);
    }
    Ok(nodes)
}

fn entry(row: NodeRow) -> Result<NodeEntry, &'static str> {
    let address = match &row.url {
        Some(url) => address(&row, url)?,
        None if row.ca.is_some() || row.certificate_sha256.is_some() || row.plain_http => {
            return Err("ca, certificateSha256 and plainHttp need a url");
        }
        None => NodeAddress::Connects,
    };
    let mut workspaces = BTreeMap::new();
    for workspace in row.workspaces {
        if workspaces.insert(workspace.id, workspace.owner).is_some() {
            return Err("a workspace is listed twice");
        }
    }
    let node = NodeEntry {
        id: row.id,
        address,
        owner: row.owner,
        workspaces,
        labels: row.labels,
    };
    check_names(&node)?;
    Ok(node)
}

fn address(row: &NodeRow, url: &str) -> Result<NodeAddress, &'static str> {
    let not_a_url = "url must be https://HOST or https://HOST:PORT, without a path";
    let uri: Uri = url.parse().map_err(|_| not_a_url)?;
    let origin = Origin::of(&uri).ok_or(not_a_url)?;
    let has_user = uri
        .authority()
        .is_none_or(|authority| authority.as_str().contains('@'));
    let has_path = !matches!(uri.path(), "" | "/") || uri.query().is_some();
    if has_user || has_path {
        return Err(not_a_url);
    }
    if !origin.is_encrypted {
        if row.ca.is_some() || row.certificate_sha256.is_some() {
            return Err("a certificate needs a url with https");
        }
        if !is_this_machine(&origin.host) && !row.plain_http {
            return Err(
                "url must be https; \"plainHttp\": true allows http in a network that encrypts by itself",
            );
        }
        let trust = NodeTrust::Plain;
        return Ok(NodeAddress::Url { origin, trust });
    }
    let trust = match (&row.ca, &row.certificate_sha256) {
        (None, None) => NodeTrust::Usual,
        (Some(pem), None) if pem.contains("-----BEGIN CERTIFICATE-----") => {
            NodeTrust::Authorities(pem.clone())
        }
        (Some(path), None) if path.starts_with('/') => {
            NodeTrust::AuthoritiesFile(PathBuf::from(path))
        }
        (Some(_), None) => return Err("ca must be certificates in PEM or an absolute path"),
        (None, Some(text)) => NodeTrust::Certificate(
            fingerprint(text).ok_or("certificateSha256 must be 64 hexadecimal digits")?,
        ),
        (Some(_), Some(_)) => return Err("ca and certificateSha256 exclude each other"),
    };
    Ok(NodeAddress::Url { origin, trust })
}

/// `ab:cd:...` or `abcd...`.
fn fingerprint(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b':').collect();
    let pairs = digits.chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair)
            .ok()
            .filter(|pair| pair.len() == 2)?;
        let is_digits = pair.bytes().all(|digit| digit.is_ascii_hexdigit());
        is_digits.then(|| u8::from_str_radix(pair, 16).ok())?
    });
    let bytes: Vec<u8> = pairs.collect::<Option<_>>()?;
    bytes.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(row: &str) -> Result<NodeEntry, DocumentError> {
        let document = format!("{{\"nodes\": [{row}]}}");
        parse(document.as_bytes()).map(|mut nodes| nodes.remove(0))
    }

    fn why(row: &str) -> &'static str {
        match one(row) {
            Err(DocumentError::Node { why, .. }) => why,
            other => panic!("{row}: {other:?}"),
        }
    }

    #[test]
    fn a_node_is_read_with_its_address_trust_owners_and_labels() {
        let node = one(r#"{"id": "n1", "url": "https://n1.example:8443", "owner": "ann",
            "certificateSha256": "AB:00000000000000000000000000000000000000000000000000000000000001",
            "workspaces": [{"id": "ws", "owner": "bob"}], "labels": {"env": "prod"}}"#)
        .expect("valid");
        let NodeAddress::Url { origin, trust } = node.address else {
            panic!("{:?}", node.address);
        };
        assert_eq!(origin.to_string(), "n1.example:8443");
        let NodeTrust::Certificate(sha256) = trust else {
            panic!("{trust:?}");
        };
        assert_eq!((sha256[0], sha256[31]), (0xab, 1));
        assert_eq!(node.workspaces["ws"], "bob");
        assert_eq!(node.labels["env"], "prod");
        let trust = |row: &str| match one(row).expect("valid").address {
            NodeAddress::Url { trust, .. } => trust,
            NodeAddress::Connects => panic!("{row}"),
        };
        let plain = trust(r#"{"id": "n1", "url": "http://127.0.0.1:8687"}"#);
        assert_eq!(plain, NodeTrust::Plain);
        let file = trust(r#"{"id": "n1", "url": "https://a", "ca": "/etc/ca.pem"}"#);
        assert_eq!(file, NodeTrust::AuthoritiesFile("/etc/ca.pem".into()));
        let connects = one(r#"{"id": "n1", "owner": "ann"}"#).expect("valid");
        assert_eq!(connects.address, NodeAddress::Connects);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (row, expected) in [
            (r#"{"id": "a/b", "url": "https://a"}"#, "id must be"),
            (r#"{"id": "a", "url": "ftp://a"}"#, "url must be https://"),
            (r#"{"id": "a", "plainHttp": true}"#, "need a url"),
            (r#"{"id": "a", "url": "https://a/path"}"#, "without a path"),
            (r#"{"id": "a", "url": "https://u@a"}"#, "without a path"),
            (
                r#"{"id": "a", "url": "http://localhost@evil"}"#,
                "without a path",
            ),
            (r#"{"id": "a", "url": "http://10.0.0.1"}"#, "plainHttp"),
            (
                r#"{"id": "a", "url": "https://a", "ca": "x.pem"}"#,
                "absolute path",
            ),
            (
                r#"{"id": "a", "url": "https://a", "certificateSha256": "ab"}"#,
                "64 hexadecimal",
            ),
            (
                r#"{"id": "a", "url": "https://a", "labels": {"a b": "c"}}"#,
                "name of a label",
            ),
            (
                r#"{"id": "a", "url": "https://a", "workspaces": [{"id": "w*", "owner": "x"}]}"#,
                "id of a workspace",
            ),
        ] {
            let found = why(row);
            assert!(found.contains(expected), "{row}: {found}");
        }
        let twice =
            br#"{"nodes": [{"id": "a", "url": "https://a"}, {"id": "a", "url": "https://b"}]}"#;
        let error = parse(twice).expect_err("refused").to_string();
        assert_eq!(error, "node 2 (\"a\"): another node has this id");
        let unknown = one(r#"{"id": "a", "url": "https://a", "adress": "b"}"#);
        assert!(
            matches!(unknown, Err(DocumentError::Shape(_))),
            "{unknown:?}"
        );
    }
}
