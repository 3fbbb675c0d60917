//! The key of this node, in a private file.
//!
//! A key is for one gateway. When the node joins, a new key is stored before it is sent: if the answer is lost, the same token and key are
//! sent again. The key that is in use stays until the new one is accepted, so that a token which is of no use any more breaks nothing.

use crate::server::auth::private_file;
use crate::server::uplink::protocol::{JoinAnswer, statement};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// The name of the file in the data directory.
pub(super) const FILE_NAME: &str = "gateway-key.json";

/// Two keys have a tenth of this.
const FILE_BYTES_MAX: u64 = 8 * 1_024;

/// The keys of this node.
#[derive(Debug)]
pub(super) struct NodeIdentity {
    folder: PathBuf,
    node: String,
    file: IdentityFile,
}

#[derive(Default, Serialize, Deserialize)]
struct IdentityFile {
    joined: Option<JoinedRow>,
    pending: Option<PendingRow>,
}

/// Names no key.
impl fmt::Debug for IdentityFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (joined, pending) = (self.joined.is_some(), self.pending.is_some());
        write!(f, "IdentityFile(joined: {joined}, pending: {pending})")
    }
}

/// The key that a gateway has accepted.
#[derive(Clone, Serialize, Deserialize)]
struct JoinedRow {
    node: String,
    gateway: String,
    issuer: String,
    seed: String,
}

/// A key that no gateway has accepted yet.
#[derive(Clone, Serialize, Deserialize)]
struct PendingRow {
    /// The SHA-256 of the token that it is sent with.
    token: String,
    seed: String,
}

/// The membership of this node in a gateway.
#[derive(Debug)]
pub(super) struct Membership {
    /// The identity of the gateway.
    pub(super) gateway: String,
    /// Who signs its tokens.
    pub(super) issuer: String,
    node: String,
    pair: Ed25519KeyPair,
}

impl Membership {
    /// The proof that this node has its key, in base64url.
    pub(super) fn sign(&self, challenge: &str) -> String {
        let statement = statement(&self.gateway, &self.node, challenge);
        URL_SAFE_NO_PAD.encode(self.pair.sign(&statement))
    }
}

impl NodeIdentity {
    /// Reads the keys; there are none at the first start. A file that others can read, or that belongs to another user, is an error.
    pub(super) fn open(folder: &Path, node: &str) -> io::Result<Self> {
        let text = match private_file::read(&folder.join(FILE_NAME), FILE_BYTES_MAX) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => b"{}".to_vec(),
            Err(error) => return Err(error),
        };
        let file = serde_json::from_slice(&text).map_err(|_| {
            let text = format!("{FILE_NAME} does not contain the key of a node");
            io::Error::new(io::ErrorKind::InvalidData, text)
        })?;
        Ok(Self {
            folder: folder.to_owned(),
            node: node.to_owned(),
            file,
        })
    }

    /// The membership, if this node has joined under its present name.
    pub(super) fn membership(&self) -> Option<Membership> {
        let row = self.file.joined.as_ref()?;
        Some(Membership {
            gateway: row.gateway.clone(),
            issuer: row.issuer.clone(),
            node: Some(&row.node)
                .filter(|node| **node == self.node)?
                .to_owned(),
            pair: pair(&row.seed)?,
        })
    }

    /// The public key to send with a token, in base64url. It is stored first.
    pub(super) fn key_for(&mut self, token: &str) -> io::Result<String> {
        let token = URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes()));
        let pending = self.file.pending.as_ref();
        let known = pending.filter(|row| row.token == token);
        let known = known.and_then(|row| pair(&row.seed));
        let pair = match known {
            Some(pair) => pair,
            None => self.new_key(token)?,
        };
        Ok(URL_SAFE_NO_PAD.encode(pair.public_key().as_ref()))
    }

    fn new_key(&mut self, token: String) -> io::Result<Ed25519KeyPair> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(io::Error::other)?;
        let seed = URL_SAFE_NO_PAD.encode(bytes);
        let made = pair(&seed).ok_or_else(|| io::Error::other("a key cannot be made"))?;
        self.file.pending = Some(PendingRow { token, seed });
        self.store()?;
        Ok(made)
    }

    /// The gateway has accepted the key that was sent last.
    pub(super) fn accepted(&mut self, answer: JoinAnswer) -> io::Result<()> {
        let Some(PendingRow { seed, .. }) = self.file.pending.take() else {
            return Ok(());
        };
        self.file.joined = Some(JoinedRow {
            node: self.node.clone(),
            gateway: answer.gateway,
            issuer: answer.issuer,
            seed,
        });
        self.store()
    }

    fn store(&self) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(&self.file)?;
        private_file::write(&self.folder, FILE_NAME, &text)
    }
}

fn pair(seed: &str) -> Option<Ed25519KeyPair> {
    let seed = URL_SAFE_NO_PAD.decode(seed).ok()?;
    Ed25519KeyPair::from_seed_unchecked(&seed).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::signature::{ED25519, UnparsedPublicKey};
    use std::os::unix::fs::PermissionsExt as _;

    fn answer(gateway: &str) -> JoinAnswer {
        JoinAnswer {
            gateway: gateway.to_owned(),
            issuer: "vmlog-gateway".to_owned(),
        }
    }

    fn open(folder: &Path) -> NodeIdentity {
        NodeIdentity::open(folder, "n1").expect("an identity")
    }

    #[test]
    fn a_key_is_stored_before_it_is_sent_and_used_once_it_is_accepted() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut identity = open(folder.path());
        assert!(identity.membership().is_none());
        let key = identity.key_for("token-1").expect("a key");
        let path = folder.path().join(FILE_NAME);
        let mode = std::fs::metadata(&path)
            .expect("a file")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        // the answer was lost: the same again
        assert_eq!(open(folder.path()).key_for("token-1").expect("a key"), key);
        identity.accepted(answer("g1")).expect("stored");

        let membership = open(folder.path()).membership().expect("joined");
        assert_eq!(membership.gateway, "g1");
        let signature = URL_SAFE_NO_PAD
            .decode(membership.sign("c"))
            .expect("base64");
        let public = URL_SAFE_NO_PAD.decode(&key).expect("base64");
        let public = UnparsedPublicKey::new(&ED25519, public);
        public
            .verify(&statement("g1", "n1", "c"), &signature)
            .expect("valid");
        assert!(
            public
                .verify(&statement("g2", "n1", "c"), &signature)
                .is_err()
        );
    }

    #[test]
    fn a_key_in_use_stays_until_a_new_one_is_accepted() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut identity = open(folder.path());
        let first = identity.key_for("token-1").expect("a key");
        identity.accepted(answer("g1")).expect("stored");
        let second = identity.key_for("token-2").expect("a key");
        assert_ne!(first, second);
        let kept = open(folder.path()).membership().expect("joined");
        assert_eq!(
            URL_SAFE_NO_PAD.encode(kept.pair.public_key().as_ref()),
            first
        );
        identity.accepted(answer("g2")).expect("stored");
        let new = open(folder.path()).membership().expect("joined");
        assert_eq!(new.gateway, "g2");
        assert_eq!(
            URL_SAFE_NO_PAD.encode(new.pair.public_key().as_ref()),
            second
        );
    }

    #[test]
    fn a_key_is_for_one_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut identity = open(folder.path());
        identity.key_for("token-1").expect("a key");
        identity.accepted(answer("g1")).expect("stored");
        let renamed = NodeIdentity::open(folder.path(), "n2").expect("an identity");
        assert!(renamed.membership().is_none());
    }

    #[test]
    fn a_file_that_others_may_read_or_that_is_damaged_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        open(folder.path()).key_for("token-1").expect("a key");
        let path = folder.path().join(FILE_NAME);
        let permissions = std::fs::Permissions::from_mode(0o640);
        std::fs::set_permissions(&path, permissions).expect("a mode");
        let error = NodeIdentity::open(folder.path(), "n1").expect_err("refused");
        assert!(error.to_string().contains("mode is 640"), "{error}");
        private_file::write(folder.path(), FILE_NAME, b"{").expect("written");
        let error = NodeIdentity::open(folder.path(), "n1").expect_err("refused");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
