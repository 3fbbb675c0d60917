//! Tokens signed by a control plane, and the set of its keys.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};
use vmlog::server::{KeySource, NodeAuth, WorkspaceSources};

pub(crate) const ISSUER: &str = "https://api.example";
pub(crate) const NODE: &str = "node-1";

/// A control plane with one key.
pub(crate) struct ControlPlane {
    pair: Ed25519KeyPair,
    key_id: String,
}

impl ControlPlane {
    pub(crate) fn new(seed: u8) -> Self {
        Self {
            pair: Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).expect("32 bytes"),
            key_id: format!("key-{seed}"),
        }
    }

    /// Its keys, as it publishes them.
    pub(crate) fn jwks(&self) -> String {
        let x = URL_SAFE_NO_PAD.encode(self.pair.public_key().as_ref());
        json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": self.key_id, "x": x}]}).to_string()
    }

    /// A token for this machine that is valid for an hour, with these claims changed.
    pub(crate) fn token(&self, changes: &Value) -> String {
        let now = now();
        let mut claims = json!({"iss": ISSUER, "aud": "node-management", "type": "node-management", "sub": "user-1",
            "node": NODE, "iat": now, "exp": now + 3_600});
        for (name, value) in changes.as_object().expect("a map") {
            claims[name] = value.clone();
        }
        self.signed(
            &json!({"alg": "EdDSA", "typ": "JWT", "kid": self.key_id}),
            &claims,
        )
    }

    pub(crate) fn signed(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = URL_SAFE_NO_PAD.encode(self.pair.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    let passed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    i64::try_from(passed.expect("after 1970").as_secs()).expect("this age")
}

/// Settings with keys from there.
pub(crate) fn node_auth(keys: KeySource, authorities: Option<PathBuf>) -> NodeAuth {
    NodeAuth {
        keys,
        issuer: ISSUER.to_owned(),
        node: NODE.to_owned(),
        authorities,
        workspace_sources: WorkspaceSources::default(),
        keys_floor: Duration::ZERO,
    }
}
