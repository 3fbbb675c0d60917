//! The file of tokens for joining and of nodes that have joined.
//!
//! `vmlog gateway token` and `vmlog gateway revoke` change it, and so does the gateway; each holds a lock on the folder meanwhile. It
//! contains no secret: of tokens only digests, of nodes public keys. It is private all the same, as it decides who is a node.

use crate::gateway::node::entry::{NODES_MAX, NodeAddress, NodeEntry, check_names};
use crate::server::private_file;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use rustix::fs::{FlockOperation, flock};
use rustix::process::geteuid;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// The name of the file in the gateway's folder.
pub(in crate::gateway) const FILE_NAME: &str = "joined.json";

/// The maximum number of nodes, with labels and workspaces.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// Tokens that wait to be used: enough to prepare a fleet.
const TOKENS_MAX: usize = 10_000;

/// How long a token is remembered after its end, so that the reason of a refusal is known.
const REMEMBERED_S: u64 = 7 * 24 * 3_600;

/// How a token begins, so that people and programs recognize it.
const TOKEN_PREFIX: &str = "vmlog-join-";

/// What the registry would say of a node: its name, who sees it, its labels. Where the registry names the node, the registry counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodePlace {
    /// Its name, the same as its `LOG_NODE_ID`.
    pub node: String,
    /// The user who sees all of it.
    pub owner: Option<String>,
    /// Its workspaces and their owners.
    pub workspaces: BTreeMap<String, String>,
    /// Labels for selecting nodes.
    pub labels: BTreeMap<String, String>,
}

impl NodePlace {
    /// The node as the registry would list it.
    pub(in crate::gateway) fn entry(&self) -> NodeEntry {
        NodeEntry {
            id: self.node.clone(),
            address: NodeAddress::Connects,
            owner: self.owner.clone(),
            workspaces: self.workspaces.clone(),
            labels: self.labels.clone(),
        }
    }
}

/// The content of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::gateway) struct JoinDocument {
    /// Tokens that have not been used, by their SHA-256 in base64url.
    tokens: BTreeMap<String, TokenRow>,
    /// Nodes that have joined, by their names.
    pub(in crate::gateway) nodes: BTreeMap<String, MemberRow>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenRow {
    /// Seconds since 1970.
    expires: u64,
    place: NodePlace,
}

/// A node that has joined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::gateway) struct MemberRow {
    /// Its public key (Ed25519), in base64url.
    pub(in crate::gateway) key: String,
    /// The digest of the token that it has used.
    token: String,
    /// Seconds since 1970.
    joined: u64,
    pub(in crate::gateway) place: NodePlace,
}

/// Why a node cannot join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::gateway) enum JoinRefusal {
    Unknown,
    Used,
    Expired,
    OtherNode,
    NotAKey,
    Listed,
    TooMany,
}

impl fmt::Display for JoinRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "the token is not known",
            Self::Used => "the token has been used",
            Self::Expired => "the token has expired",
            Self::OtherNode => "the token is for a node of another name",
            Self::NotAKey => "expected a public key (Ed25519) in base64url",
            Self::Listed => "the list of nodes has an address for this node",
            Self::TooMany => "as many nodes as are possible have joined",
        })
    }
}

impl std::error::Error for JoinRefusal {}

/// Makes a token with which a node joins once, until it expires, and stores its digest in the folder of the gateway.
///
/// # Errors
/// A name is not valid, there are too many tokens, or the file cannot be used.
pub fn create_join_token(folder: &Path, place: NodePlace, lasts: Duration) -> io::Result<String> {
    check_names(&place.entry()).map_err(io::Error::other)?;
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let token = format!("{TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(random));
    let digest = digest_of(&token);
    let expires = now_s() + lasts.as_secs();
    update(folder, |document| {
        document.forget_expired(now_s());
        if document.tokens.len() >= TOKENS_MAX {
            let text = format!("{TOKENS_MAX} tokens wait to be used");
            return Err(io::Error::other(text));
        }
        document.tokens.insert(digest, TokenRow { expires, place });
        Ok(())
    })??;
    Ok(token)
}

/// Forgets a node that has joined, and the tokens for it. Returns whether there was anything to forget.
///
/// # Errors
/// The file cannot be used.
pub fn revoke_node(folder: &Path, node: &str) -> io::Result<bool> {
    update(folder, |document| {
        let before = document.tokens.len();
        document.tokens.retain(|_, row| row.place.node != node);
        let had_tokens = document.tokens.len() != before;
        document.nodes.remove(node).is_some() || had_tokens
    })
}

/// Reads the file; it is empty before the first token.
pub(in crate::gateway) fn read(folder: &Path) -> io::Result<JoinDocument> {
    let path = folder.join(FILE_NAME);
    let text = match private_file::read(&path, FILE_BYTES_MAX) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(JoinDocument::default()),
        Err(error) => return Err(error),
    };
    serde_json::from_slice(&text).map_err(|error| {
        let text = format!("{}: {error}", path.display());
        io::Error::new(io::ErrorKind::InvalidData, text)
    })
}

/// Changes the file while nobody else does. It is written only if it has changed.
pub(in crate::gateway) fn update<T>(
    folder: &Path,
    change: impl FnOnce(&mut JoinDocument) -> T,
) -> io::Result<T> {
    let lock = File::open(folder)?;
    flock(&lock, FlockOperation::LockExclusive)?;
    let before = read(folder)?;
    let mut document = before.clone();
    let result = change(&mut document);
    if document != before {
        let text = serde_json::to_vec_pretty(&document)?;
        // root makes tokens for a gateway that runs as the owner of the folder
        let owner = fs::metadata(folder)?;
        let owner = (owner.uid(), owner.gid());
        let owner = geteuid().is_root().then_some(owner);
        private_file::write_as(folder, FILE_NAME, &text, owner)?;
    }
    Ok(result)
}

impl JoinDocument {
    /// Whether a token is mentioned at all: the others are refused without touching the file.
    pub(in crate::gateway) fn mentions(&self, token: &str) -> bool {
        let digest = digest_of(token);
        self.tokens.contains_key(&digest) || self.nodes.values().any(|row| row.token == digest)
    }

    /// Lets a node join with a token and a key. The same again is accepted, as the answer may have been lost.
    pub(in crate::gateway) fn join(
        &mut self,
        token: &str,
        node: &str,
        key: &str,
    ) -> Result<(), JoinRefusal> {
        let now = now_s();
        self.forget_expired(now);
        let digest = digest_of(token);
        if let Some(used) = self.nodes.values().find(|row| row.token == digest) {
            let is_same = used.place.node == node && used.key == key;
            return is_same.then_some(()).ok_or(JoinRefusal::Used);
        }
        let row = self.tokens.get(&digest).ok_or(JoinRefusal::Unknown)?;
        if row.expires <= now {
            return Err(JoinRefusal::Expired);
        }
        if row.place.node != node {
            return Err(JoinRefusal::OtherNode);
        }
        public_key(key).ok_or(JoinRefusal::NotAKey)?;
        if self.nodes.len() >= NODES_MAX && !self.nodes.contains_key(node) {
            return Err(JoinRefusal::TooMany);
        }
        if let Some(row) = self.tokens.remove(&digest) {
            let member = MemberRow {
                key: key.to_owned(),
                token: digest,
                joined: now,
                place: row.place,
            };
            self.nodes.insert(node.to_owned(), member);
        }
        Ok(())
    }

    fn forget_expired(&mut self, now_s: u64) {
        self.tokens
            .retain(|_, row| row.expires.saturating_add(REMEMBERED_S) > now_s);
    }
}

/// The bytes of a public key.
pub(in crate::gateway) fn public_key(text: &str) -> Option<[u8; 32]> {
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

fn digest_of(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes()))
}

/// Seconds since 1970.
fn now_s() -> u64 {
    let passed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    passed.map_or(0, |passed| passed.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    const OTHER_KEY: &str = "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    fn place(node: &str) -> NodePlace {
        NodePlace {
            node: node.to_owned(),
            owner: Some("ann".to_owned()),
            workspaces: BTreeMap::new(),
            labels: BTreeMap::from([("zone".to_owned(), "eu".to_owned())]),
        }
    }

    fn token(folder: &Path, node: &str, lasts_s: u64) -> String {
        let lasts = Duration::from_secs(lasts_s);
        create_join_token(folder, place(node), lasts).expect("a token")
    }

    fn join(folder: &Path, token: &str, node: &str, key: &str) -> Result<(), JoinRefusal> {
        update(folder, |document| document.join(token, node, key)).expect("a file")
    }

    #[test]
    fn a_token_lets_one_key_join_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path();
        let token = token(folder, "n1", 60);
        assert!(token.starts_with(TOKEN_PREFIX), "{token}");
        let text = fs::read_to_string(folder.join(FILE_NAME)).expect("a file");
        assert!(!text.contains(&token), "only its digest is stored");
        let mode = fs::metadata(folder.join(FILE_NAME))
            .expect("a file")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);

        assert_eq!(
            join(folder, &token, "n2", KEY),
            Err(JoinRefusal::OtherNode),
            "and it is not used up"
        );
        assert_eq!(join(folder, &token, "n1", "AA"), Err(JoinRefusal::NotAKey));
        assert_eq!(join(folder, &token, "n1", KEY), Ok(()));
        assert_eq!(
            join(folder, &token, "n1", KEY),
            Ok(()),
            "the answer was lost"
        );
        assert_eq!(
            join(folder, &token, "n1", OTHER_KEY),
            Err(JoinRefusal::Used)
        );
        assert_eq!(join(folder, &token, "n2", KEY), Err(JoinRefusal::Used));
        let document = read(folder).expect("a file");
        assert!(document.mentions(&token));
        assert_eq!(document.nodes["n1"].key, KEY);
        assert_eq!(document.nodes["n1"].place, place("n1"));
    }

    #[test]
    fn an_expired_or_unknown_token_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path();
        let token = token(folder, "n1", 0);
        assert_eq!(join(folder, &token, "n1", KEY), Err(JoinRefusal::Expired));
        let other = "vmlog-join-other";
        assert_eq!(join(folder, other, "n1", KEY), Err(JoinRefusal::Unknown));
        let mut document = read(folder).expect("a file");
        assert!(!document.mentions(other));
        document.forget_expired(now_s() + REMEMBERED_S + 1);
        assert_eq!(document, JoinDocument::default());
    }

    #[test]
    fn a_new_token_replaces_the_key_and_a_revoked_node_is_forgotten() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path();
        let first = token(folder, "n1", 60);
        join(folder, &first, "n1", KEY).expect("joined");
        let second = token(folder, "n1", 60);
        join(folder, &second, "n1", OTHER_KEY).expect("joined");
        assert_eq!(read(folder).expect("a file").nodes["n1"].key, OTHER_KEY);
        let unused = token(folder, "n1", 60);
        token(folder, "n2", 60);
        assert!(revoke_node(folder, "n1").expect("a file"));
        assert!(!revoke_node(folder, "n1").expect("a file"));
        for token in [first, second, unused] {
            assert_eq!(
                join(folder, &token, "n1", OTHER_KEY),
                Err(JoinRefusal::Unknown)
            );
        }
        assert!(revoke_node(folder, "n2").expect("a file"), "its token");
    }

    #[test]
    fn names_that_the_registry_would_refuse_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut comma = place("n1");
        comma.labels.insert("zone".to_owned(), "a,b".to_owned());
        let error = create_join_token(folder.path(), comma, Duration::from_secs(1));
        assert!(error.expect_err("refused").to_string().contains("label"));
        let error = create_join_token(folder.path(), place("n 1"), Duration::from_secs(1));
        assert!(error.expect_err("refused").to_string().contains("id must"));
    }

    #[test]
    fn two_writers_lose_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let folder = folder.path();
                scope.spawn(move || {
                    for index in 0..10 {
                        token(folder, &format!("n{writer}-{index}"), 60);
                    }
                });
            }
        });
        assert_eq!(read(folder.path()).expect("a file").tokens.len(), 40);
    }
}
