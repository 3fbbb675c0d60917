//! The key file: Ed25519 keys that sign tokens for nodes, and the secret that signs cursors.
//!
//! A new key is published before it signs, and an old one after it has stopped, so that a node never meets a token of a key that it
//! cannot know. Several gateways may share the folder: the file is read again when it changes.

use crate::server::private_file;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::hmac;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use rustix::fs::OFlags;
use rustix::process::geteuid;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fmt;
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

/// The name of the file in the gateway's folder.
pub(in crate::gateway) const FILE_NAME: &str = "keys.json";

/// A new key is published for this long before it signs: nodes may copy the set of keys, or cache it for minutes.
const PUBLISHED_BEFORE_S: u64 = 3_600;

/// An old key is published for this long after it has signed the last time. A token is valid for a minute.
const PUBLISHED_AFTER_S: u64 = 3_600;

/// A file of a hundred keys has a quarter of this.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// The keys of the gateway; clones share them.
#[derive(Debug, Clone)]
pub(in crate::gateway) struct Keyring {
    folder: PathBuf,
    lifetime: Duration,
    set: Arc<RwLock<Arc<KeySet>>>,
}

/// The keys at one time.
pub(in crate::gateway) struct KeySet {
    secret: [u8; 32],
    keys: Vec<SigningKey>,
}

/// A key that signs tokens.
pub(in crate::gateway) struct SigningKey {
    pub(in crate::gateway) id: String,
    seed: [u8; 32],
    created_s: u64,
    pair: Ed25519KeyPair,
}

#[derive(Serialize, Deserialize)]
struct KeyFile {
    /// Base64 of 32 bytes.
    secret: String,
    keys: Vec<KeyRow>,
}

#[derive(Serialize, Deserialize)]
struct KeyRow {
    /// Seconds since 1970.
    created: u64,
    /// Base64 of 32 bytes.
    seed: String,
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids = self.keys.iter().map(|key| &key.id);
        f.debug_list().entries(ids).finish()
    }
}

impl Keyring {
    /// Reads the keys from `folder`, or makes the first one. A file that others can read, or that belongs to another user, is an
    /// error: who has a key can read every node.
    pub(in crate::gateway) fn open(folder: &Path, lifetime: Duration) -> io::Result<Self> {
        let set = match read(&folder.join(FILE_NAME)) {
            Ok(set) => set,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let set = KeySet {
                    secret: random()?,
                    keys: vec![SigningKey::new(random()?, now_s())?],
                };
                write(folder, &set)?;
                set
            }
            Err(error) => return Err(error),
        };
        Ok(Self {
            folder: folder.to_owned(),
            lifetime,
            set: Arc::new(RwLock::new(Arc::new(set))),
        })
    }

    /// The current keys.
    pub(in crate::gateway) fn set(&self) -> Arc<KeySet> {
        Arc::clone(&self.set.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the file again, adds a key if the newest is old, and removes those that are no longer published.
    pub(in crate::gateway) fn maintain(&self) -> io::Result<()> {
        self.maintain_at(now_s())
    }

    fn maintain_at(&self, now_s: u64) -> io::Result<()> {
        let mut set = read(&self.folder.join(FILE_NAME))?;
        if set.rotate(now_s, self.lifetime.as_secs())? {
            write(&self.folder, &set)?;
        }
        *self.set.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(set);
        Ok(())
    }
}

impl KeySet {
    /// The key that signs now: the newest that has been published for long enough.
    pub(in crate::gateway) fn signing(&self) -> Option<&SigningKey> {
        self.signing_at(now_s())
    }

    fn signing_at(&self, now_s: u64) -> Option<&SigningKey> {
        let is_known = |key: &&SigningKey| key.created_s + PUBLISHED_BEFORE_S <= now_s;
        self.keys.iter().rev().find(is_known).or(self.keys.first())
    }

    /// The secret that signs what clients bring back.
    pub(in crate::gateway) fn secret(&self) -> &[u8; 32] {
        &self.secret
    }

    /// The identity of this gateway, and of others that share the folder: nodes that connect prove who they are to it alone.
    pub(in crate::gateway) fn identity(&self) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.secret);
        let tag = hmac::sign(&key, b"vmlog gateway identity 1");
        URL_SAFE_NO_PAD.encode(tag.as_ref())
    }

    /// The public keys as a JSON Web Key Set (RFC 7517, RFC 8037).
    pub(in crate::gateway) fn jwks(&self) -> Value {
        let keys = self.keys.iter().map(|key| {
            let x = URL_SAFE_NO_PAD.encode(key.pair.public_key().as_ref());
            json!({"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": key.id, "x": x})
        });
        json!({"keys": keys.collect::<Vec<_>>()})
    }

    /// Whether anything changed. Keys are in order of age, the oldest first.
    fn rotate(&mut self, now_s: u64, lifetime_s: u64) -> io::Result<bool> {
        let newest = self.keys.iter().map(|key| key.created_s).max();
        let is_old = newest.is_none_or(|created| created.saturating_add(lifetime_s) <= now_s);
        if is_old {
            self.keys.push(SigningKey::new(random()?, now_s)?);
        }
        let before = self.keys.len();
        // a key stops when the one after it signs
        let stopped = self.keys.iter().skip(1);
        let gone = stopped
            .take_while(|next| next.created_s + PUBLISHED_BEFORE_S + PUBLISHED_AFTER_S <= now_s)
            .count();
        self.keys.drain(..gone);
        Ok(is_old || self.keys.len() != before)
    }
}

impl SigningKey {
    fn new(seed: [u8; 32], created_s: u64) -> io::Result<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed)
            .map_err(|error| io::Error::other(error.to_string()))?;
        let thumb = digest(&SHA256, pair.public_key().as_ref());
        let id = URL_SAFE_NO_PAD.encode(thumb.as_ref());
        Ok(Self {
            id: id.chars().take(16).collect(),
            seed,
            created_s,
            pair,
        })
    }

    /// A JSON Web Token of these claims.
    pub(in crate::gateway) fn token(&self, claims: &Value) -> String {
        let header = json!({"alg": "EdDSA", "typ": "JWT", "kid": self.id});
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(claims));
        let signature = URL_SAFE_NO_PAD.encode(self.pair.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }
}

fn read(path: &Path) -> io::Result<KeySet> {
    let file = crate::opening::readable(path, OFlags::NOFOLLOW)?;
    let metadata = file.metadata()?;
    let (owner, user) = (metadata.uid(), geteuid().as_raw());
    if owner != user && owner != 0 {
        let text = format!("it belongs to user {owner}, who knows the keys");
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
    }
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let text = format!(
            "its mode is {mode:o}, so other users may have read it (remove it to have new keys made)"
        );
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
    }
    let mut text = String::new();
    file.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
    parse(&text).ok_or_else(|| {
        let text = "expected the keys of a gateway (remove it to have new ones made)";
        io::Error::new(io::ErrorKind::InvalidData, text)
    })
}

fn parse(text: &str) -> Option<KeySet> {
    let bytes =
        |text: &str| -> Option<[u8; 32]> { URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok() };
    let file: KeyFile = serde_json::from_str(text).ok()?;
    let keys = file.keys.iter();
    let keys = keys.map(|row| SigningKey::new(bytes(&row.seed)?, row.created).ok());
    let keys: Vec<SigningKey> = keys.collect::<Option<_>>()?;
    let secret = bytes(&file.secret)?;
    (!keys.is_empty()).then_some(KeySet { secret, keys })
}

/// A crash leaves no incomplete file: it is written under another name and renamed.
fn write(folder: &Path, set: &KeySet) -> io::Result<()> {
    let rows = set.keys.iter().map(|key| KeyRow {
        created: key.created_s,
        seed: URL_SAFE_NO_PAD.encode(key.seed),
    });
    let file = KeyFile {
        secret: URL_SAFE_NO_PAD.encode(set.secret),
        keys: rows.collect(),
    };
    let text = serde_json::to_vec_pretty(&file)?;
    private_file::write(folder, FILE_NAME, &text)
}

fn random() -> io::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}

/// Seconds since 1970.
fn now_s() -> u64 {
    let passed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    passed.map_or(0, |passed| passed.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const HOUR_S: u64 = 3_600;
    const DAY_S: u64 = 24 * HOUR_S;

    fn open(folder: &Path) -> Keyring {
        Keyring::open(folder, Duration::from_secs(30 * DAY_S)).expect("keys")
    }

    fn published(ring: &Keyring) -> Vec<String> {
        ring.set().keys.iter().map(|key| key.id.clone()).collect()
    }

    #[test]
    fn the_first_start_makes_a_private_file_that_later_ones_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = open(folder.path());
        let path = folder.path().join(FILE_NAME);
        let mode = fs::metadata(&path).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let second = open(folder.path());
        assert_eq!(published(&first), published(&second));
        assert_eq!(first.set().secret(), second.set().secret());
        let text = fs::read_to_string(&path).expect("text");
        assert!(!first.set().jwks().to_string().contains("seed"));
        assert!(text.contains("seed"));
    }

    #[test]
    fn a_file_that_others_may_have_read_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        open(folder.path());
        let path = folder.path().join(FILE_NAME);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("a mode");
        let error = Keyring::open(folder.path(), Duration::from_secs(DAY_S)).expect_err("refused");
        assert!(error.to_string().contains("mode is 640"), "{error}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a mode");
        fs::write(&path, "{}").expect("written");
        let error = Keyring::open(folder.path(), Duration::from_secs(DAY_S)).expect_err("refused");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn keys_overlap_when_they_rotate() {
        let folder = tempfile::tempdir().expect("a folder");
        let ring = open(folder.path());
        let start = now_s();
        let old = published(&ring);
        ring.maintain_at(start + 29 * DAY_S).expect("maintained");
        assert_eq!(published(&ring), old);

        let rotated = start + 31 * DAY_S;
        ring.maintain_at(rotated).expect("maintained");
        let both = published(&ring);
        assert_eq!((both.len(), &both[0]), (2, &old[0]));
        let signs = |now| ring.set().signing_at(now).expect("a key").id.clone();
        // the new key is published before it signs
        assert_eq!(signs(rotated + HOUR_S - 1), both[0]);
        assert_eq!(signs(rotated + HOUR_S), both[1]);
        // the old one is published after it has signed the last time
        ring.maintain_at(rotated + 2 * HOUR_S - 1)
            .expect("maintained");
        assert_eq!(published(&ring), both);
        ring.maintain_at(rotated + 2 * HOUR_S).expect("maintained");
        assert_eq!(published(&ring), both[1..]);
        // another gateway with the same folder has the same keys
        assert_eq!(published(&open(folder.path())), both[1..]);
    }
}
