//! JSON Web Tokens (RFC 7519): RS256, ES256 and `EdDSA` (Ed25519), nothing else.
//!
//! `jsonwebtoken` parses them. The checks that it leaves to its caller are added: the size of a token, one algorithm
//! per key, no critical extensions at all, and claims of the right type. It has no cryptography of its own, so
//! `ring`, which TLS needs anyway, verifies the signatures.

use super::refusal::TokenRefusal;
use jsonwebtoken::crypto::{CryptoProvider, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result as JwtResult};
use jsonwebtoken::signature::{Error as SignatureError, Verifier};
pub(in crate::server) use jsonwebtoken::{Algorithm, DecodingKey};
use jsonwebtoken::{DecodingKeyKind, Validation, decode, decode_header};
use ring::signature::{ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256};
use ring::signature::{RsaPublicKeyComponents, UnparsedPublicKey};
use serde_json::{Map, Value};

/// A token with a name, a few claims and the signature of the largest key in use takes a quarter of this.
const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// The clocks of two machines with NTP differ by less.
pub(super) const LEEWAY_SECONDS: u64 = 30;

/// A public key and the only algorithm that it serves: a token cannot choose another.
#[derive(Debug, Clone)]
pub(super) struct TokenKey {
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
}

/// A token whose signature has not been checked: none of its claims can be read.
#[derive(Debug)]
pub(crate) struct UnverifiedToken<'a> {
    pub(super) algorithm: Algorithm,
    /// The key that it is signed with.
    pub(super) key_id: Option<String>,
    text: &'a str,
}

/// The claims of a token with a valid signature, from the expected issuer, for the expected audience, at this time.
#[derive(Debug)]
pub(crate) struct JwtClaims(Map<String, Value>);

impl<'a> UnverifiedToken<'a> {
    /// `None` for a text that is not a token, or one that cannot be checked.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        if text.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let header = decode_header(text).ok()?;
        let is_known = matches!(
            header.alg,
            Algorithm::RS256 | Algorithm::ES256 | Algorithm::EdDSA
        );
        // Extensions that the reader must understand; none are supported.
        (is_known && header.crit.is_none()).then_some(Self {
            algorithm: header.alg,
            key_id: header.kid,
            text,
        })
    }

    /// The claims, if the token was signed with `key` and is valid now.
    pub(super) fn verify(
        &self,
        key: &TokenKey,
        issuer: &str,
        audience: &str,
    ) -> Result<JwtClaims, TokenRefusal> {
        if key.algorithm != self.algorithm {
            return Err(TokenRefusal::Signature);
        }
        let mut validation = Validation::new(self.algorithm);
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[audience]);
        validation.set_required_spec_claims(&["iss", "aud", "exp"]);
        validation.validate_nbf = true;
        validation.leeway = LEEWAY_SECONDS;
        use_ring();
        let data = decode::<Map<String, Value>>(self.text, &key.key, &validation);
        let claims = JwtClaims(data.map_err(|error| refusal(error.kind()))?.claims);
        // The library also accepts a list of issuers.
        if claims.text("iss") != Some(issuer) {
            return Err(TokenRefusal::Issuer);
        }
        Ok(claims)
    }
}

fn refusal(kind: &ErrorKind) -> TokenRefusal {
    match kind {
        ErrorKind::InvalidIssuer => TokenRefusal::Issuer,
        ErrorKind::InvalidAudience => TokenRefusal::Audience,
        ErrorKind::ExpiredSignature => TokenRefusal::Expired,
        ErrorKind::ImmatureSignature => TokenRefusal::NotYet,
        ErrorKind::MissingRequiredClaim(claim) | ErrorKind::InvalidClaimFormat(claim) => {
            match claim.as_str() {
                "iss" => TokenRefusal::Issuer,
                "aud" => TokenRefusal::Audience,
                "nbf" => TokenRefusal::NotYet,
                _ => TokenRefusal::Expired,
            }
        }
        ErrorKind::Json(_) | ErrorKind::Base64(_) => TokenRefusal::NotAToken,
        _ => TokenRefusal::Signature,
    }
}

impl JwtClaims {
    /// A claim that is a text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    /// A claim that is a list of texts, or one text.
    pub(crate) fn texts(&self, name: &str) -> Vec<String> {
        match self.0.get(name) {
            Some(Value::String(text)) => vec![text.clone()],
            Some(Value::Array(list)) => {
                let texts = list.iter().filter_map(Value::as_str);
                texts.map(str::to_owned).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Whether there is such a claim, of any type.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// A claim that is a time, in seconds since 1970.
    pub(crate) fn seconds(&self, name: &str) -> Option<i64> {
        let value = self.0.get(name)?;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a fraction of a second does not matter; a number beyond the range becomes its end"
        )]
        value
            .as_i64()
            .or_else(|| Some(value.as_f64()?.floor() as i64))
    }
}

/// Verification with `ring`. Nothing here signs tokens or exports keys.
static RING: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| Err(ErrorKind::UnsupportedAlgorithm.into()),
    verifier_factory: ring_verifier,
    key_utils: KeyUtils::new_unimplemented(),
};

/// The library has one provider for the process. A program that embeds the server may have chosen another, which is
/// fine.
fn use_ring() {
    if CryptoProvider::try_get_default().is_none() {
        // An error means that another thread was first.
        let _ = RING.install_default();
    }
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    clippy::unnecessary_wraps,
    reason = "the library defines the signature"
)]
fn ring_verifier(algorithm: &Algorithm, key: &DecodingKey) -> JwtResult<Box<dyn JwtVerifier>> {
    let key = key.kind().clone();
    Ok(Box::new(RingVerifier {
        algorithm: *algorithm,
        key,
    }))
}

struct RingVerifier {
    algorithm: Algorithm,
    key: DecodingKeyKind,
}

impl Verifier<Vec<u8>> for RingVerifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), SignatureError> {
        let verified = match (self.algorithm, &self.key) {
            (Algorithm::RS256, DecodingKeyKind::RsaModulusExponent { n, e }) => {
                let parameters = &RSA_PKCS1_2048_8192_SHA256;
                RsaPublicKeyComponents { n, e }.verify(parameters, message, signature)
            }
            (Algorithm::ES256, DecodingKeyKind::SecretOrDer(key)) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key).verify(message, signature)
            }
            (Algorithm::EdDSA, DecodingKeyKind::SecretOrDer(key)) => {
                UnparsedPublicKey::new(&ED25519, key).verify(message, signature)
            }
            _ => return Err(SignatureError::new()),
        };
        verified.map_err(|_| SignatureError::new())
    }
}

impl JwtVerifier for RingVerifier {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use ring::signature::{Ed25519KeyPair, KeyPair as _};
    use serde_json::json;

    const ISSUER: &str = "https://api.example";
    const AUDIENCE: &str = "node-management";

    /// A key pair that is always the same.
    pub(in crate::server) fn key_pair(seed: u8) -> Ed25519KeyPair {
        Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).expect("32 bytes")
    }

    pub(in crate::server) fn public(pair: &Ed25519KeyPair) -> TokenKey {
        TokenKey {
            algorithm: Algorithm::EdDSA,
            key: DecodingKey::from_ed_der(pair.public_key().as_ref()),
        }
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

    fn now() -> u64 {
        jsonwebtoken::get_current_timestamp()
    }

    fn claims() -> Value {
        json!({"iss": ISSUER, "aud": AUDIENCE, "exp": now() + 60, "sub": "u"})
    }

    fn verified(token: &str, key: &TokenKey) -> Result<JwtClaims, TokenRefusal> {
        let token = UnverifiedToken::parse(token).ok_or(TokenRefusal::NotAToken)?;
        token.verify(key, ISSUER, AUDIENCE)
    }

    #[test]
    fn claims_are_read_only_with_a_valid_signature() {
        let (pair, other) = (key_pair(1), key_pair(2));
        let token = signed(&pair, &json!({"alg": "EdDSA", "kid": "k"}), &claims());
        let unverified = UnverifiedToken::parse(&token).expect("a token");
        assert_eq!(unverified.key_id.as_deref(), Some("k"));
        let found = verified(&token, &public(&pair)).expect("signed");
        assert_eq!(found.text("sub"), Some("u"));
        let refused = verified(&token, &public(&other)).unwrap_err();
        assert_eq!(refused, TokenRefusal::Signature);
        let rsa = TokenKey {
            algorithm: Algorithm::RS256,
            key: DecodingKey::from_rsa_raw_components(&[1; 256], &[1, 0, 1]),
        };
        assert!(
            verified(&token, &rsa).is_err(),
            "a key serves one algorithm"
        );
    }

    #[test]
    fn every_changed_bit_is_noticed() {
        let pair = key_pair(1);
        let token = signed(&pair, &json!({"alg": "EdDSA"}), &claims());
        for place in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).expect("ASCII");
            assert!(verified(&changed, &public(&pair)).is_err(), "{place}");
        }
    }

    #[test]
    fn rsa_signature_of_the_standard_is_accepted() {
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
        let key = TokenKey {
            algorithm: Algorithm::RS256,
            key: DecodingKey::from_rsa_components(n, "AQAB").expect("base64"),
        };
        // The claims were reached, and have no audience.
        assert_eq!(verified(token, &key).unwrap_err(), TokenRefusal::Audience);
        let (signed, signature) = token.rsplit_once('.').expect("a signature");
        let signature = signature.replacen("cC4h", "cC4i", 1);
        let changed = format!("{signed}.{signature}");
        assert_eq!(
            verified(&changed, &key).unwrap_err(),
            TokenRefusal::Signature
        );
    }

    #[test]
    fn tokens_that_cannot_be_checked_are_refused() {
        let pair = key_pair(1);
        for header in [
            json!({"alg": "none"}),
            json!({"alg": "HS256"}),
            json!({"alg": "RS512"}),
            json!({"alg": "eddsa"}),
            json!({"alg": "EdDSA", "crit": ["b64"], "b64": false}),
            json!({"alg": "EdDSA", "crit": ["b64"], "b64": true}),
            json!({"kid": "k"}),
            json!({"alg": ["EdDSA"]}),
            json!([]),
        ] {
            let token = signed(&pair, &header, &claims());
            let refused = verified(&token, &public(&pair)).unwrap_err();
            assert_eq!(refused, TokenRefusal::NotAToken, "{header}");
        }
        let token = signed(&pair, &json!({"alg": "EdDSA"}), &claims());
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
            assert!(verified(&text, &public(&pair)).is_err(), "{text}");
        }
        let list = signed(&pair, &json!({"alg": "EdDSA"}), &json!(["exp"]));
        let refused = verified(&list, &public(&pair)).unwrap_err();
        assert_eq!(refused, TokenRefusal::NotAToken, "claims are an object");
    }

    #[test]
    fn registered_claims_are_required_and_checked() {
        let pair = key_pair(1);
        let with = |name: &str, value: Value| {
            let mut claims = claims();
            claims[name] = value;
            let token = signed(&pair, &json!({"alg": "EdDSA"}), &claims);
            verified(&token, &public(&pair)).map(drop)
        };
        for (name, value, refusal) in [
            ("iss", json!("https://api.example/"), TokenRefusal::Issuer),
            ("iss", json!([ISSUER]), TokenRefusal::Issuer),
            ("iss", json!(null), TokenRefusal::Issuer),
            ("aud", json!("workspace-terminal"), TokenRefusal::Audience),
            ("aud", json!([]), TokenRefusal::Audience),
            ("aud", json!(1), TokenRefusal::Audience),
            ("aud", json!(null), TokenRefusal::Audience),
            ("exp", json!(null), TokenRefusal::Expired),
            ("exp", json!("never"), TokenRefusal::Expired),
            ("exp", json!(-1), TokenRefusal::Expired),
            ("exp", json!(now() - 40), TokenRefusal::Expired),
            ("nbf", json!(now() + 40), TokenRefusal::NotYet),
            ("nbf", json!("soon"), TokenRefusal::NotYet),
        ] {
            assert_eq!(with(name, value.clone()), Err(refusal), "{name}: {value}");
        }
        // Clocks differ a little.
        assert_eq!(with("exp", json!(now() - 20)), Ok(()));
        assert_eq!(with("nbf", json!(now() + 20)), Ok(()));
        assert_eq!(with("aud", json!(["other", AUDIENCE])), Ok(()));
    }

    #[test]
    fn claims_have_types() {
        let claims = |value: Value| JwtClaims(value.as_object().cloned().expect("an object"));
        let found = claims(json!({"exp": 12.9, "nbf": "12", "node": 7}));
        assert_eq!(found.seconds("exp"), Some(12));
        assert_eq!(found.seconds("nbf"), None);
        assert_eq!(found.text("node"), None);
        assert_eq!(claims(json!({"exp": 1e300})).seconds("exp"), Some(i64::MAX));
    }
}
