//! The keys of a JWKS (RFC 7517) from a file or a URL. They are cached, and read again when a token names an unknown key. If that
//! fails, the last valid set stays in use.

use super::jwt::{Algorithm, DecodingKey, JwtClaims, TokenKey, UnverifiedToken};
use super::refusal::TokenRefusal;
use crate::http_client::{AuthoritiesError, ClientError, client_config, fetch, is_trusted_url};
use crate::opening;
use crate::tasks;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk};
use jsonwebtoken::jwk::{KeyAlgorithm, KeyOperations, PublicKeyUse};
use rustix::fs::OFlags;
use serde::Deserialize;
use std::fmt;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Enough for one key a month over a few months.
const KEYS_MAX: usize = 32;

/// A set of [`KEYS_MAX`] keys takes a tenth of this.
const DOCUMENT_BYTES_MAX: usize = 256 * 1024;

/// The request that names an unknown key waits for at most this time.
const FETCH_MAX: Duration = Duration::from_secs(5);

/// Older keys are read again, so that a revoked one stops working.
const FRESH_MAX: Duration = Duration::from_mins(5);

/// Where keys come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// A file on this machine.
    File(PathBuf),
    /// A server: over https, or on this machine.
    Url(String),
}

impl KeySource {
    /// Reads a path or a URL. `None` for a URL whose response could be forged on the way.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.contains("://") {
            return is_trusted_url(text).then(|| Self::Url(text.to_owned()));
        }
        (!text.is_empty()).then(|| Self::File(PathBuf::from(text)))
    }
}

/// One key of a set.
#[derive(Debug, Clone)]
struct NamedKey {
    id: Option<String>,
    public: Arc<TokenKey>,
}

/// The keys that tokens are signed with.
#[derive(Debug)]
pub(crate) struct TokenKeys {
    source: KeySource,
    authorities: Option<PathBuf>,
    /// Minimum time between two attempts, because any client can send the ID of an unknown key.
    floor: Duration,
    cache: Mutex<KeyCache>,
    /// Held by the task that reads; the others wait for its result.
    reading: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct KeyCache {
    keys: Vec<NamedKey>,
    read_at: Option<Instant>,
    tried_at: Option<Instant>,
}

impl TokenKeys {
    pub(crate) fn new(source: KeySource, authorities: Option<PathBuf>, floor: Duration) -> Self {
        Self {
            source,
            authorities,
            floor,
            cache: Mutex::default(),
            reading: tokio::sync::Mutex::default(),
        }
    }

    /// The claims of a token that is signed with one of these keys, by this issuer, for this audience.
    pub(crate) async fn claims(
        self: &Arc<Self>,
        token: &UnverifiedToken<'_>,
        issuer: &str,
        audience: &str,
    ) -> Result<JwtClaims, TokenRefusal> {
        let id = token.key_id.as_deref();
        let mut refusal = TokenRefusal::UnknownKey;
        for key in self.find(token.algorithm, id).await {
            match token.verify(&key, issuer, audience) {
                Ok(claims) => return Ok(claims),
                Err(TokenRefusal::Signature) => refusal = TokenRefusal::Signature,
                Err(other) => return Err(other),
            }
        }
        Err(refusal)
    }

    /// The keys that a token with this algorithm and key ID may be signed with.
    async fn find(self: &Arc<Self>, algorithm: Algorithm, id: Option<&str>) -> Vec<Arc<TokenKey>> {
        let found = self.known(algorithm, id);
        if found.is_empty() {
            self.refresh().await;
            return self.known(algorithm, id);
        }
        if self.is_stale() && self.may_try() {
            let keys = Arc::clone(self);
            tasks::spawn(async move { keys.refresh().await });
        }
        found
    }

    /// A token without a key ID may be signed with any key of its algorithm: sets of one key often have no IDs.
    fn known(&self, algorithm: Algorithm, id: Option<&str>) -> Vec<Arc<TokenKey>> {
        let cache = lock(&self.cache);
        let candidates = cache.keys.iter().filter(|key| {
            key.public.algorithm == algorithm && (id.is_none() || key.id.as_deref() == id)
        });
        candidates.map(|key| Arc::clone(&key.public)).collect()
    }

    fn is_stale(&self) -> bool {
        let read_at = lock(&self.cache).read_at;
        read_at.is_none_or(|at| at.elapsed() >= FRESH_MAX)
    }

    fn may_try(&self) -> bool {
        let tried_at = lock(&self.cache).tried_at;
        tried_at.is_none_or(|at| at.elapsed() >= self.floor)
    }

    /// Reads the set, unless another task just has.
    async fn refresh(&self) {
        let _turn = self.reading.lock().await;
        if !self.may_try() {
            return;
        }
        let read = self.read().await;
        let mut cache = lock(&self.cache);
        cache.tried_at = Some(Instant::now());
        match read {
            Ok(keys) => {
                cache.keys = keys;
                cache.read_at = cache.tried_at;
            }
            Err(error) => {
                let kept = cache.keys.len();
                tracing::warn!(
                    "cannot read the keys of access tokens: {error}; {kept} known keys stay in use"
                );
            }
        }
    }

    async fn read(&self) -> Result<Vec<NamedKey>, KeysError> {
        let document = match &self.source {
            KeySource::File(path) => {
                let path = path.clone();
                blocking(move || read_file(&path).map_err(KeysError::File)).await?
            }
            KeySource::Url(url) => {
                let tls = if url.starts_with("https:") {
                    let file = self.authorities.clone();
                    let config = move || client_config(file.as_deref());
                    Some(blocking(move || config().map_err(KeysError::Authorities)).await?)
                } else {
                    None
                };
                let fetched = fetch(url, tls.as_ref(), DOCUMENT_BYTES_MAX, FETCH_MAX);
                fetched.await.map_err(KeysError::Fetch)?
            }
        };
        parse(&document)
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, KeysError> + Send + 'static,
) -> Result<T, KeysError> {
    let done = tasks::blocking(work).await;
    done.unwrap_or_else(|error| Err(KeysError::File(io::Error::other(error))))
}

fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let file = opening::readable(path, OFlags::empty())?;
    let mut text = Vec::new();
    file.take(DOCUMENT_BYTES_MAX as u64)
        .read_to_end(&mut text)?;
    Ok(text)
}

/// A panic elsewhere leaves the keys intact.
fn lock(cache: &Mutex<KeyCache>) -> MutexGuard<'_, KeyCache> {
    cache.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<serde_json::Value>,
}

/// The usable keys of a set; it may contain others.
fn parse(document: &[u8]) -> Result<Vec<NamedKey>, KeysError> {
    let Document { keys } = serde_json::from_slice(document).map_err(|_| KeysError::NotASet)?;
    let keys: Vec<NamedKey> = keys
        .into_iter()
        .filter_map(|key| named_key(serde_json::from_value(key).ok()?))
        .take(KEYS_MAX)
        .collect();
    if keys.is_empty() {
        return Err(KeysError::NoKey);
    }
    Ok(keys)
}

/// The first byte of a point that is given by both coordinates (SEC 1, 2.3.3).
const UNCOMPRESSED_POINT: u8 = 4;

/// A key for verifying RS256, ES256 or `EdDSA`; `None` for every other.
fn named_key(jwk: Jwk) -> Option<NamedKey> {
    let common = jwk.common;
    let verify = KeyOperations::Verify;
    let verifies = common
        .key_operations
        .is_none_or(|operations| operations.contains(&verify));
    let signs = common
        .public_key_use
        .is_none_or(|purpose| purpose == PublicKeyUse::Signature);
    if !signs || !verifies {
        return None;
    }
    let is = |wanted| common.key_algorithm.is_none_or(|found| found == wanted);
    let bytes = |text: String| URL_SAFE_NO_PAD.decode(text).ok();
    let (algorithm, key) = match jwk.algorithm {
        AlgorithmParameters::RSA(rsa) if is(KeyAlgorithm::RS256) => {
            let (n, e) = (without_zeros(bytes(rsa.n)?), without_zeros(bytes(rsa.e)?));
            (
                Algorithm::RS256,
                DecodingKey::from_rsa_raw_components(&n, &e),
            )
        }
        AlgorithmParameters::EllipticCurve(point)
            if is(KeyAlgorithm::ES256) && point.curve == EllipticCurve::P256 =>
        {
            let (x, y) = (bytes(point.x)?, bytes(point.y)?);
            if x.len() != 32 || y.len() != 32 {
                return None;
            }
            let key = [&[UNCOMPRESSED_POINT], &*x, &*y].concat();
            (Algorithm::ES256, DecodingKey::from_ec_der(&key))
        }
        AlgorithmParameters::OctetKeyPair(pair)
            if is(KeyAlgorithm::EdDSA) && pair.curve == EllipticCurve::Ed25519 =>
        {
            let key = bytes(pair.x).filter(|key| key.len() == 32)?;
            if is_small_order(&key) {
                tracing::warn!("refused a key of access tokens: it is a point of small order");
                return None;
            }
            (Algorithm::EdDSA, DecodingKey::from_ed_der(&key))
        }
        _ => return None,
    };
    Some(NamedKey {
        id: common.key_id,
        public: Arc::new(TokenKey { algorithm, key }),
    })
}

/// Whether an Ed25519 key is a point of small order: signatures of such a key can be forged without the private key.
/// Its `y` is 0, 1, -1 or one of two values of order 8, possibly written as `y + p`. The sign of `x` (the highest
/// bit) does not matter.
fn is_small_order(key: &[u8]) -> bool {
    let Ok(mut key) = <[u8; 32]>::try_from(key) else {
        return false;
    };
    key[31] &= 0x7f;
    // The first and the last byte of p = 2^255 - 19; all between them are 0xff.
    let near_p = |first: u8| {
        key[0] == first && key[31] == 0x7f && key[1..31].iter().all(|byte| *byte == 0xff)
    };
    let is_tiny = key[0] <= 1 && key[1..].iter().all(|byte| *byte == 0);
    is_tiny || [0xec, 0xed, 0xee].into_iter().any(near_p) || ORDER_8.contains(&key)
}

/// The `y` of the points of order 8, little-endian: some point of the curve times the order of its large subgroup.
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
enum KeysError {
    File(io::Error),
    Fetch(ClientError),
    Authorities(AuthoritiesError),
    NotASet,
    NoKey,
}

impl fmt::Display for KeysError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => write!(f, "their file cannot be read: {error}"),
            Self::Fetch(error) => write!(f, "they cannot be fetched: {error}"),
            Self::Authorities(error) => error.fmt(f),
            Self::NotASet => f.write_str("expected a JSON Web Key Set, found something else"),
            Self::NoKey => f.write_str("the set has no RSA, P-256 or Ed25519 key for signatures"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::auth::jwt::tests::{key_pair, public};
    use jsonwebtoken::DecodingKeyKind;
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
    fn only_usable_keys_of_a_set_are_taken() {
        let document = set(&[
            jwk(1, "a"),
            json!({"kty": "RSA", "kid": "r", "alg": "RS256", "n": "AAEC", "e": "AQAB"}),
            json!({"kty": "RSA", "kid": "other", "alg": "PS256", "n": "AQEC", "e": "AQAB"}),
            json!({"kty": "RSA", "kid": "enc", "use": "enc", "n": "AQEC", "e": "AQAB"}),
            json!({"kty": "OKP", "crv": "Ed25519", "key_ops": ["sign"], "x": jwk(1, "a")["x"]}),
            json!({"kty": "EC", "crv": "P-256", "x": "AQ", "y": "AQ"}),
            json!({"kty": "OKP", "crv": "Ed25519", "x": "AQ"}),
            json!({"kty": "oct", "k": "AQ"}),
            json!(7),
        ]);
        let keys = parse(document.as_bytes()).expect("a set");
        let ids: Vec<_> = keys.iter().map(|key| key.id.as_deref()).collect();
        assert_eq!(ids, [Some("a"), Some("r")]);
        let kind = |key: &TokenKey| match key.key.kind() {
            DecodingKeyKind::SecretOrDer(key) => (key.clone(), Vec::new()),
            DecodingKeyKind::RsaModulusExponent { n, e } => (n.clone(), e.clone()),
        };
        assert_eq!(kind(&keys[0].public), kind(&public(&key_pair(1))));
        // Without leading zeros, which `ring` does not accept.
        assert_eq!(kind(&keys[1].public), (vec![1, 2], vec![1, 0, 1]));
        for (text, message) in [
            ("{", "expected a JSON Web Key Set, found something else"),
            ("[]", "expected a JSON Web Key Set, found something else"),
            (
                r#"{"keys":[]}"#,
                "the set has no RSA, P-256 or Ed25519 key for signatures",
            ),
        ] {
            let error = parse(text.as_bytes()).expect_err(text);
            assert_eq!(error.to_string(), message);
        }
    }

    #[test]
    fn key_of_small_order_is_refused() {
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
    fn url_must_be_https_or_of_this_machine() {
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
    async fn unknown_key_is_looked_up_at_intervals_and_the_last_valid_set_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("jwks.json");
        let source = KeySource::File(path.clone());
        let find = async |keys: &Arc<TokenKeys>, id: &str| {
            keys.find(Algorithm::EdDSA, Some(id)).await.len()
        };
        let eager = Arc::new(TokenKeys::new(source.clone(), None, Duration::ZERO));
        let patient = Arc::new(TokenKeys::new(source, None, Duration::from_hours(1)));
        assert_eq!(find(&eager, "a").await, 0, "there is no file");
        std::fs::write(&path, set(&[jwk(1, "a")])).expect("written");
        assert_eq!(find(&eager, "a").await, 1);
        assert_eq!(find(&patient, "a").await, 1);
        std::fs::write(&path, set(&[jwk(2, "b")])).expect("written");
        assert_eq!(find(&patient, "b").await, 0, "it was just read");
        assert_eq!(find(&eager, "b").await, 1);
        assert_eq!(find(&eager, "a").await, 0, "it was taken back");
        std::fs::write(&path, "nothing").expect("written");
        assert_eq!(find(&eager, "c").await, 0);
        assert_eq!(find(&eager, "b").await, 1, "the last good set stays");
        assert_eq!(eager.find(Algorithm::EdDSA, None).await.len(), 1);
        assert_eq!(eager.find(Algorithm::RS256, Some("b")).await.len(), 0);
    }

    #[tokio::test]
    async fn a_token_of_a_p256_key_is_verified() {
        let random = ring::rand::SystemRandom::new();
        let algorithm = &ring::signature::ECDSA_P256_SHA256_FIXED_SIGNING;
        let pair = |()| {
            let document = ring::signature::EcdsaKeyPair::generate_pkcs8(algorithm, &random);
            let document = document.expect("a key");
            ring::signature::EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random)
                .expect("a key")
        };
        let (own, other) = (pair(()), pair(()));
        let token = |pair: &ring::signature::EcdsaKeyPair| {
            let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
            let end = jsonwebtoken::get_current_timestamp() + 60;
            let claims = json!({"iss": "i", "aud": "a", "exp": end, "sub": "u"});
            let text = format!("{}.{}", part(&json!({"alg": "ES256"})), part(&claims));
            let signature = pair.sign(&random, text.as_bytes()).expect("signed");
            format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
        };
        let point = own.public_key().as_ref();
        let coordinate = |range: std::ops::Range<usize>| URL_SAFE_NO_PAD.encode(&point[range]);
        let key =
            json!({"kty": "EC", "crv": "P-256", "x": coordinate(1..33), "y": coordinate(33..65)});
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("jwks.json");
        std::fs::write(&path, set(&[key])).expect("written");
        let keys = Arc::new(TokenKeys::new(KeySource::File(path), None, Duration::ZERO));
        let text = token(&own);
        let unverified = UnverifiedToken::parse(&text).expect("a token");
        let claims = keys.claims(&unverified, "i", "a").await.expect("signed");
        assert_eq!(claims.text("sub"), Some("u"));
        let text = token(&other);
        let unverified = UnverifiedToken::parse(&text).expect("a token");
        let refused = keys.claims(&unverified, "i", "a").await;
        assert_eq!(refused.map(drop), Err(TokenRefusal::Signature));
    }
}
