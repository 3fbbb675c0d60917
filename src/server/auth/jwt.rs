//! JSON Web Tokens (RFC 7519) in their compact form, as far as access needs them: RS256 and `EdDSA` (Ed25519), nothing else.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::UnparsedPublicKey;
use ring::signature::{ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::fmt;

/// A token with a name, a few claims and the signature of the largest key that is used takes a quarter of this.
const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// How a token is signed. What it is not, is refused: above all `none`, and everything symmetric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) enum Algorithm {
    Rs256,
    EdDsa,
}

/// A key that signatures are checked with.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::server) enum PublicKey {
    /// Modulus and exponent, big-endian, without leading zeros.
    Rsa { n: Vec<u8>, e: Vec<u8> },
    /// 32 bytes.
    Ed25519(Vec<u8>),
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({:?})", self.algorithm())
    }
}

impl PublicKey {
    /// The one algorithm that this key is for: a token must not choose another.
    pub(in crate::server) fn algorithm(&self) -> Algorithm {
        match self {
            Self::Rsa { .. } => Algorithm::Rs256,
            Self::Ed25519(_) => Algorithm::EdDsa,
        }
    }

    fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let verified = match self {
            Self::Rsa { n, e } => RsaPublicKeyComponents { n, e }.verify(
                &RSA_PKCS1_2048_8192_SHA256,
                message,
                signature,
            ),
            Self::Ed25519(key) => UnparsedPublicKey::new(&ED25519, key).verify(message, signature),
        };
        verified.is_ok()
    }
}

/// A token whose signature nobody has checked yet: nothing that it claims can be read.
#[derive(Debug)]
pub(in crate::server) struct Unverified<'a> {
    pub(in crate::server) algorithm: Algorithm,
    /// Which key it is signed with.
    pub(in crate::server) key_id: Option<String>,
    signed: &'a str,
    claims: &'a str,
    signature: Vec<u8>,
}

/// What a token claims, checked for nothing but its signature.
#[derive(Debug)]
pub(in crate::server) struct JwtClaims(Map<String, Value>);

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// Extensions that must be understood: none is.
    crit: Option<Value>,
}

impl<'a> Unverified<'a> {
    /// `None` for a text that is no token, or none that can be checked.
    pub(in crate::server) fn parse(token: &'a str) -> Option<Self> {
        if token.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let header: Header = serde_json::from_slice(&decoded(header)?).ok()?;
        let algorithm = match header.alg.as_str() {
            "RS256" => Algorithm::Rs256,
            "EdDSA" => Algorithm::EdDsa,
            _ => return None,
        };
        if header.crit.is_some() || claims.contains('.') {
            return None;
        }
        Some(Self {
            algorithm,
            key_id: header.kid,
            signed,
            claims,
            signature: decoded(signature)?,
        })
    }

    /// What it claims, when it was signed with `key`.
    pub(in crate::server) fn verify(&self, key: &PublicKey) -> Option<JwtClaims> {
        let is_signed = key.algorithm() == self.algorithm
            && key.verifies(self.signed.as_bytes(), &self.signature);
        if !is_signed {
            return None;
        }
        serde_json::from_slice(&decoded(self.claims)?)
            .ok()
            .map(JwtClaims)
    }
}

impl JwtClaims {
    /// A claim that is a text.
    pub(in crate::server) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    /// Whether there is such a claim, whatever it is.
    pub(in crate::server) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// A claim that is a time, in seconds since 1970.
    pub(in crate::server) fn seconds(&self, name: &str) -> Option<i64> {
        let value = self.0.get(name)?;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a fraction of a second is of no account; what is beyond the range is its end"
        )]
        value
            .as_i64()
            .or_else(|| Some(value.as_f64()?.floor() as i64))
    }

    /// Whether the token is meant for `audience`: `aud` is a text or a list of them.
    pub(in crate::server) fn is_for(&self, audience: &str) -> bool {
        match self.0.get("aud") {
            Some(Value::String(one)) => one == audience,
            Some(Value::Array(many)) => many.iter().any(|one| one == audience),
            _ => false,
        }
    }
}

fn decoded(part: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part).ok()
}

#[cfg(test)]
pub(in crate::server) mod tests {
    use super::*;
    use ring::signature::{Ed25519KeyPair, KeyPair as _};
    use serde_json::json;

    /// A key pair that is always the same.
    pub(in crate::server) fn key_pair(seed: u8) -> Ed25519KeyPair {
        Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).expect("32 bytes")
    }

    pub(in crate::server) fn public(pair: &Ed25519KeyPair) -> PublicKey {
        PublicKey::Ed25519(pair.public_key().as_ref().to_vec())
    }

    /// A token with this header and these claims.
    pub(in crate::server) fn signed(
        pair: &Ed25519KeyPair,
        header: &Value,
        claims: &Value,
    ) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = URL_SAFE_NO_PAD.encode(pair.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    #[test]
    fn a_token_is_read_only_when_its_signature_is_right() {
        let (pair, other) = (key_pair(1), key_pair(2));
        let token = signed(
            &pair,
            &json!({"alg": "EdDSA", "kid": "k"}),
            &json!({"sub": "u"}),
        );
        let unverified = Unverified::parse(&token).expect("a token");
        assert_eq!(unverified.key_id.as_deref(), Some("k"));
        let claims = unverified.verify(&public(&pair)).expect("signed");
        assert_eq!(claims.text("sub"), Some("u"));
        assert!(unverified.verify(&public(&other)).is_none());
        let rsa = PublicKey::Rsa {
            n: vec![1; 256],
            e: vec![1, 0, 1],
        };
        assert!(
            unverified.verify(&rsa).is_none(),
            "a key is for one algorithm"
        );
    }

    #[test]
    fn a_single_changed_bit_is_noticed() {
        let pair = key_pair(1);
        let token = signed(
            &pair,
            &json!({"alg": "EdDSA"}),
            &json!({"exp": 5, "node": "n"}),
        );
        for place in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).expect("ASCII");
            let claims = Unverified::parse(&changed).and_then(|found| found.verify(&public(&pair)));
            assert!(claims.is_none(), "{place}");
        }
    }

    #[test]
    fn an_rsa_signature_is_checked() {
        // RFC 7515, appendix A.2
        let n = concat!(
            "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yR",
            "T-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXB",
            "dQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9ia",
            "GNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
        );
        let token = concat!(
            "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19",
            "yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt",
            "_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb",
            "1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI",
            "8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
        );
        let key = PublicKey::Rsa {
            n: decoded(n).expect("base64"),
            e: vec![1, 0, 1],
        };
        let claims = Unverified::parse(token)
            .and_then(|token| token.verify(&key))
            .expect("signed");
        assert_eq!(claims.text("iss"), Some("joe"));
        assert_eq!(claims.seconds("exp"), Some(1_300_819_380));
    }

    #[test]
    fn what_cannot_be_checked_is_no_token() {
        let pair = key_pair(1);
        for header in [
            json!({"alg": "none"}),
            json!({"alg": "HS256"}),
            json!({"alg": "RS512"}),
            json!({"alg": "eddsa"}),
            json!({"alg": "EdDSA", "crit": ["b64"], "b64": false}),
            json!({"kid": "k"}),
            json!({"alg": ["EdDSA"]}),
            json!([]),
        ] {
            let token = signed(&pair, &header, &json!({}));
            assert!(Unverified::parse(&token).is_none(), "{header}");
        }
        let token = signed(&pair, &json!({"alg": "EdDSA"}), &json!({}));
        for text in [
            String::new(),
            "..".to_owned(),
            "a.b.c".to_owned(),
            format!("{token}="),
            format!("{token}.x"),
            format!(".{token}"),
            token.replace('.', "|"),
            format!("{}{token}", "A".repeat(TOKEN_BYTES_MAX)),
        ] {
            assert!(Unverified::parse(&text).is_none(), "{text}");
        }
        let list = signed(&pair, &json!({"alg": "EdDSA"}), &json!(["exp"]));
        let list = Unverified::parse(&list).expect("a token");
        assert!(list.verify(&public(&pair)).is_none(), "claims are a map");
    }

    #[test]
    fn claims_have_kinds() {
        let claims = |value: Value| JwtClaims(value.as_object().cloned().expect("a map"));
        let found = claims(json!({"exp": 12.9, "nbf": "12", "aud": ["a", "b"], "node": 7}));
        assert_eq!(found.seconds("exp"), Some(12));
        assert_eq!(found.seconds("nbf"), None);
        assert_eq!(found.text("node"), None);
        assert!(found.is_for("b") && !found.is_for("c"));
        assert!(claims(json!({"aud": "a"})).is_for("a"));
        assert!(!claims(json!({})).is_for("a") && !claims(json!({"aud": 1})).is_for("1"));
        assert_eq!(claims(json!({"exp": 1e300})).seconds("exp"), Some(i64::MAX));
    }
}
