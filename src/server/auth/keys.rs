//! The keys of a JWKS (RFC 7517), from a file or a URL: kept, read again when a token names one that is not there, and the last
//! good ones stay when that fails.

use crate::server::auth::jwt::{Algorithm, PublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use std::fmt;
use std::fs;
use std::io::{self, Read as _};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio_rustls::rustls::crypto;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use warp::http::Uri;

/// A set has a key a month, and a few months of them.
const KEYS_MAX: usize = 32;

/// A set of so many keys takes a tenth of this.
const DOCUMENT_BYTES_MAX: u64 = 256 * 1024;

/// Who asks waits for no longer than this.
const FETCH_MAX: Duration = Duration::from_secs(5);

/// Keys that were read so long ago are read again, so that one that was taken back ends.
const FRESH_FOR: Duration = Duration::from_mins(5);

/// Where distributions keep the certificate authorities that the system trusts.
const SYSTEM_AUTHORITIES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Where keys come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// A file on this machine.
    File(PathBuf),
    /// A server: over https, or on this machine.
    Url(String),
}

impl KeySource {
    /// A path or a URL. `None` for a URL that anybody on the way could answer.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.contains("://") {
            return is_trusted_url(text).then(|| Self::Url(text.to_owned()));
        }
        (!text.is_empty()).then(|| Self::File(PathBuf::from(text)))
    }
}

/// Whether a URL is https, or http on this machine.
pub(in crate::server) fn is_trusted_url(text: &str) -> bool {
    let Ok(uri) = text.parse::<Uri>() else {
        return false;
    };
    // `http://localhost@elsewhere/` reads as what it is not
    let Some(authority) = uri.authority().filter(|name| !name.as_str().contains('@')) else {
        return false;
    };
    match uri.scheme_str() {
        Some("https") => true,
        Some("http") => is_this_machine(authority.host()),
        _ => false,
    }
}

/// Whether a name, as it stands in a URL or a `Host` header, is one of this machine alone.
pub(crate) fn is_this_machine(name: &str) -> bool {
    let address = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'))
        .unwrap_or(name);
    name.eq_ignore_ascii_case("localhost")
        || address
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// One key of a set.
#[derive(Debug, Clone, PartialEq, Eq)]
struct NamedKey {
    id: Option<String>,
    public: Arc<PublicKey>,
}

/// The keys that tokens are signed with.
#[derive(Debug)]
pub(in crate::server) struct Keys {
    source: KeySource,
    authorities: Option<PathBuf>,
    /// After a try there is none for so long: anybody can make up names of keys.
    floor: Duration,
    state: Mutex<KeyCache>,
    /// One reads, the others wait for what comes of it.
    reading: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct KeyCache {
    keys: Vec<NamedKey>,
    read_at: Option<Instant>,
    tried_at: Option<Instant>,
}

impl Keys {
    pub(in crate::server) fn new(
        source: KeySource,
        authorities: Option<PathBuf>,
        floor: Duration,
    ) -> Self {
        Self {
            source,
            authorities,
            floor,
            state: Mutex::default(),
            reading: tokio::sync::Mutex::default(),
        }
    }

    /// The keys that a token with this algorithm and key id may be signed with.
    pub(in crate::server) async fn find(
        self: &Arc<Self>,
        algorithm: Algorithm,
        id: Option<&str>,
    ) -> Vec<Arc<PublicKey>> {
        let found = self.known(algorithm, id);
        if found.is_empty() {
            self.read_again().await;
            return self.known(algorithm, id);
        }
        if self.is_stale() && self.may_try() {
            let keys = Arc::clone(self);
            tokio::spawn(async move { keys.read_again().await });
        }
        found
    }

    /// Without an id every key of its kind is tried: sets of one key often have none.
    fn known(&self, algorithm: Algorithm, id: Option<&str>) -> Vec<Arc<PublicKey>> {
        let state = lock(&self.state);
        let meant = state.keys.iter().filter(|key| {
            key.public.algorithm() == algorithm && (id.is_none() || key.id.as_deref() == id)
        });
        meant.map(|key| Arc::clone(&key.public)).collect()
    }

    fn is_stale(&self) -> bool {
        let read_at = lock(&self.state).read_at;
        read_at.is_none_or(|at| at.elapsed() >= FRESH_FOR)
    }

    fn may_try(&self) -> bool {
        let tried_at = lock(&self.state).tried_at;
        tried_at.is_none_or(|at| at.elapsed() >= self.floor)
    }

    /// Reads the set, unless somebody just did.
    async fn read_again(self: &Arc<Self>) {
        let _turn = self.reading.lock().await;
        if !self.may_try() {
            return;
        }
        let keys = Arc::clone(self);
        let read = tokio::task::spawn_blocking(move || keys.read()).await;
        let mut state = lock(&self.state);
        state.tried_at = Some(Instant::now());
        match read {
            Ok(Ok(keys)) => {
                state.keys = keys;
                state.read_at = state.tried_at;
            }
            Ok(Err(error)) => {
                let kept = state.keys.len();
                tracing::warn!("the keys of access tokens: {error}; {kept} known keys are kept");
            }
            Err(error) => {
                tracing::error!("reading the keys of access tokens failed inside: {error}");
            }
        }
    }

    fn read(&self) -> Result<Vec<NamedKey>, KeysError> {
        let document = match &self.source {
            KeySource::File(path) => {
                let file = fs::File::open(path).map_err(KeysError::File)?;
                let mut text = Vec::new();
                file.take(DOCUMENT_BYTES_MAX)
                    .read_to_end(&mut text)
                    .map_err(KeysError::File)?;
                text
            }
            KeySource::Url(url) => fetch(url, self.authorities.as_ref())?,
        };
        parse(&document)
    }
}

/// A panic elsewhere leaves the keys whole.
fn lock(state: &Mutex<KeyCache>) -> MutexGuard<'_, KeyCache> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Fetches a document, without following it elsewhere.
fn fetch(url: &str, authorities: Option<&PathBuf>) -> Result<Vec<u8>, KeysError> {
    let mut config = ureq::Agent::config_builder()
        .timeout_global(Some(FETCH_MAX))
        .max_redirects(0)
        .proxy(None)
        .max_idle_connections(0)
        .user_agent("vmlog");
    if url.starts_with("https:") {
        let tls = TlsConfig::builder()
            .unversioned_rustls_crypto_provider(Arc::new(crypto::ring::default_provider()))
            .root_certs(RootCerts::from(trusted(authorities)?))
            .build();
        config = config.tls_config(tls);
    }
    let agent = config.build().new_agent();
    let failed = |error: ureq::Error| KeysError::Fetch(error.to_string());
    let mut answer = agent.get(url).call().map_err(failed)?;
    if answer.status() != 200 {
        let status = answer.status().as_u16();
        return Err(KeysError::Fetch(format!("the answer has status {status}")));
    }
    let body = answer.body_mut().with_config().limit(DOCUMENT_BYTES_MAX);
    body.read_to_vec().map_err(failed)
}

fn trusted(file: Option<&PathBuf>) -> Result<Vec<Certificate<'static>>, KeysError> {
    let certificates = authorities(file)?;
    let certificate = |one: &CertificateDer<'_>| Certificate::from_der(one).to_owned();
    Ok(certificates.iter().map(certificate).collect())
}

/// The authorities of a file, or those of the system.
pub(crate) fn authorities(
    file: Option<&PathBuf>,
) -> Result<Vec<CertificateDer<'static>>, KeysError> {
    let system = || SYSTEM_AUTHORITIES.map(PathBuf::from).into_iter();
    let path = match file {
        Some(path) => Some(path.clone()),
        None => system().find(|path| path.exists()),
    };
    let path = path.ok_or(KeysError::NoAuthorities)?;
    let bytes = fs::read(path).map_err(KeysError::Authorities)?;
    // one that cannot be read is one that is not trusted
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&bytes)
        .filter_map(|certificate| Some(certificate.ok()?.into_owned()))
        .collect();
    if certificates.is_empty() {
        return Err(KeysError::NoAuthorities);
    }
    Ok(certificates)
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
}

/// The keys of a set that are of use here; others stand beside them in peace.
fn parse(document: &[u8]) -> Result<Vec<NamedKey>, KeysError> {
    let Document { keys } = serde_json::from_slice(document).map_err(|_| KeysError::NoSet)?;
    let keys: Vec<NamedKey> = keys
        .into_iter()
        .filter_map(|key| serde_json::from_value::<Jwk>(key).ok()?.key())
        .take(KEYS_MAX)
        .collect();
    if keys.is_empty() {
        return Err(KeysError::NoKey);
    }
    Ok(keys)
}

impl Jwk {
    fn key(self) -> Option<NamedKey> {
        let is = |given: &Option<String>, word| given.as_deref().is_none_or(|given| given == word);
        let bytes = |text: Option<String>| URL_SAFE_NO_PAD.decode(text?).ok();
        if !is(&self.purpose, "sig") {
            return None;
        }
        let public = match self.kty.as_str() {
            "RSA" if is(&self.alg, "RS256") => PublicKey::Rsa {
                n: without_zeros(bytes(self.n)?),
                e: without_zeros(bytes(self.e)?),
            },
            "OKP" if is(&self.alg, "EdDSA") && self.crv.as_deref() == Some("Ed25519") => {
                let key = bytes(self.x).filter(|key| key.len() == 32)?;
                if is_small_order(&key) {
                    tracing::warn!(
                        "a key for access tokens is refused: it is a point of small order"
                    );
                    return None;
                }
                PublicKey::Ed25519(key)
            }
            _ => return None,
        };
        Some(NamedKey {
            id: self.kid,
            public: Arc::new(public),
        })
    }
}

/// Whether an Ed25519 key is one of the points of small order: signatures can be made for these without any secret. `y` is 0, 1, -1
/// or one of two roots of order 8, possibly written as `y + p`; the sign of `x` (the highest bit) is of no account.
fn is_small_order(key: &[u8]) -> bool {
    let Ok(mut key) = <[u8; 32]>::try_from(key) else {
        return false;
    };
    key[31] &= 0x7f;
    // the first and the last byte of p = 2^255 - 19; all between them are 0xff
    let near_p = |first: u8| {
        key[0] == first && key[31] == 0x7f && key[1..31].iter().all(|byte| *byte == 0xff)
    };
    let is_tiny = key[0] <= 1 && key[1..].iter().all(|byte| *byte == 0);
    is_tiny || [0xec, 0xed, 0xee].into_iter().any(near_p) || ORDER_8.contains(&key)
}

/// The `y` of the points of order 8, little-endian. Multiplying any point of the curve by the order of its large subgroup leads to one.
const ORDER_8: [[u8; 32]; 2] = [
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
];

fn without_zeros(mut number: Vec<u8>) -> Vec<u8> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.drain(..zeros);
    number
}

/// Why keys could not be read.
#[derive(Debug)]
pub(crate) enum KeysError {
    File(io::Error),
    Fetch(String),
    Authorities(io::Error),
    NoAuthorities,
    NoSet,
    NoKey,
}

impl fmt::Display for KeysError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => write!(f, "their file cannot be read: {error}"),
            Self::Fetch(error) => write!(f, "they cannot be fetched: {error}"),
            Self::Authorities(error) => {
                write!(f, "the certificate authorities cannot be read: {error}")
            }
            Self::NoAuthorities => f.write_str("no certificate authorities were found"),
            Self::NoSet => f.write_str("expected a JSON Web NamedKey Set, found something else"),
            Self::NoKey => f.write_str("the set has no RSA or Ed25519 key for signatures"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::auth::jwt::tests::{key_pair, public};
    use ring::signature::KeyPair as _;
    use serde_json::{Value, json};

    fn jwk(seed: u8, id: &str) -> Value {
        let x = URL_SAFE_NO_PAD.encode(key_pair(seed).public_key().as_ref());
        json!({"kty": "OKP", "crv": "Ed25519", "kid": id, "use": "sig", "x": x})
    }

    fn set(keys: &[Value]) -> String {
        json!({"keys": keys}).to_string()
    }

    #[test]
    fn a_set_is_read_as_far_as_it_is_of_use() {
        let document = set(&[
            jwk(1, "a"),
            json!({"kty": "RSA", "kid": "r", "alg": "RS256", "n": "AAEC", "e": "AQAB"}),
            json!({"kty": "RSA", "kid": "other", "alg": "PS256", "n": "AQEC", "e": "AQAB"}),
            json!({"kty": "RSA", "kid": "enc", "use": "enc", "n": "AQEC", "e": "AQAB"}),
            json!({"kty": "EC", "crv": "P-256", "x": "AQ", "y": "AQ"}),
            json!({"kty": "OKP", "crv": "Ed25519", "x": "AQ"}),
            json!({"kty": "oct", "k": "AQ"}),
            json!(7),
        ]);
        let keys = parse(document.as_bytes()).expect("a set");
        let ids: Vec<_> = keys.iter().map(|key| key.id.as_deref()).collect();
        assert_eq!(ids, [Some("a"), Some("r")]);
        assert_eq!(*keys[0].public, public(&key_pair(1)));
        let rsa = PublicKey::Rsa {
            n: vec![1, 2],
            e: vec![1, 0, 1],
        };
        assert_eq!(*keys[1].public, rsa);
        for (text, message) in [
            (
                "{",
                "expected a JSON Web NamedKey Set, found something else",
            ),
            (
                "[]",
                "expected a JSON Web NamedKey Set, found something else",
            ),
            (
                r#"{"keys":[]}"#,
                "the set has no RSA or Ed25519 key for signatures",
            ),
        ] {
            let error = parse(text.as_bytes()).expect_err(text);
            assert_eq!(error.to_string(), message);
        }
    }

    #[test]
    fn a_key_of_small_order_is_refused() {
        let mut refused: Vec<[u8; 32]> = ORDER_8.to_vec();
        for (first, rest, last) in [
            (0, 0, 0),
            (1, 0, 0),
            (0xec, 0xff, 0x7f),
            (0xed, 0xff, 0x7f),
            (0xee, 0xff, 0x7f),
        ] {
            let mut key = [rest; 32];
            (key[0], key[31]) = (first, last);
            refused.push(key);
        }
        for key in &refused {
            for sign in [0, 0x80] {
                let mut key = *key;
                key[31] |= sign;
                assert!(is_small_order(&key), "{key:?}");
                let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(key)});
                assert!(parse(set(&[jwk]).as_bytes()).is_err());
            }
        }
        assert!(parse(set(&[jwk(1, "a")]).as_bytes()).is_ok());
        let mut near = [0xff; 32];
        (near[0], near[31]) = (0xeb, 0x7f);
        assert!(!is_small_order(&near) && !is_small_order(&[2; 32]));
    }

    #[test]
    fn a_url_must_be_https_or_of_this_machine() {
        for text in [
            "https://api.example/.well-known/jwks.json",
            "http://localhost:8080/jwks",
            "http://127.0.0.1/jwks",
            "http://[::1]:1/jwks",
        ] {
            assert_eq!(
                KeySource::parse(text),
                Some(KeySource::Url(text.to_owned()))
            );
        }
        for text in [
            "",
            "http://api.example/jwks",
            "http://localhost.example/jwks",
            "http://localhost@evil.example/jwks",
            "http://127.0.0.1@evil.example/jwks",
            "https://user:word@api.example/jwks",
            "ftp://localhost/jwks",
            "file:///etc/jwks",
            "https://",
        ] {
            assert_eq!(KeySource::parse(text), None, "{text}");
        }
        let path = KeySource::File("/etc/vmlog/jwks.json".into());
        assert_eq!(KeySource::parse("/etc/vmlog/jwks.json"), Some(path));
    }

    #[tokio::test]
    async fn an_unknown_key_is_looked_for_once_in_a_while_and_the_last_good_set_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("jwks.json");
        let source = KeySource::File(path.clone());
        let find =
            async |keys: &Arc<Keys>, id: &str| keys.find(Algorithm::EdDsa, Some(id)).await.len();
        let eager = Arc::new(Keys::new(source.clone(), None, Duration::ZERO));
        let patient = Arc::new(Keys::new(source, None, Duration::from_hours(1)));
        assert_eq!(find(&eager, "a").await, 0, "there is no file");
        fs::write(&path, set(&[jwk(1, "a")])).expect("written");
        assert_eq!(find(&eager, "a").await, 1);
        assert_eq!(find(&patient, "a").await, 1);
        fs::write(&path, set(&[jwk(2, "b")])).expect("written");
        assert_eq!(find(&patient, "b").await, 0, "it was just read");
        assert_eq!(find(&eager, "b").await, 1);
        assert_eq!(find(&eager, "a").await, 0, "it was taken back");
        fs::write(&path, "nothing").expect("written");
        assert_eq!(find(&eager, "c").await, 0);
        assert_eq!(find(&eager, "b").await, 1, "the last good set stays");
        assert_eq!(eager.find(Algorithm::EdDsa, None).await.len(), 1);
        assert_eq!(eager.find(Algorithm::Rs256, Some("b")).await.len(), 0);
    }
}
