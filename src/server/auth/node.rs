//! Node management tokens: JWTs that a control plane signs for clients of this machine.

use super::jwt::{JwtClaims, LEEWAY_SECONDS, UnverifiedToken};
use super::keys::{KeySource, TokenKeys};
use super::principal::{Principal, PrincipalId};
use super::refusal::TokenRefusal;
use super::scope::{AccessScope, WorkspaceSources};
use crate::http_client::is_trusted_url;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use warp::http::header::HeaderName;

/// The machine that the client means; if the header is sent, it must name this one.
pub(in crate::server) const NODE_HEADER: HeaderName = HeaderName::from_static("x-sam-node-id");

/// The audience and the type of tokens for this server.
const AUDIENCE: &str = "node-management";

/// The word in the claim `scope` (RFC 8693) of a token that may write events.
const WRITE_EVENTS: &str = "events:write";

/// Settings of node management tokens.
#[derive(Debug, Clone)]
pub struct NodeAuth {
    /// `LOG_AUTH_JWKS`: the keys that they are signed with.
    pub keys: KeySource,
    /// `LOG_AUTH_ISSUER`: the issuer of the tokens.
    pub issuer: String,
    /// `LOG_NODE_ID`: the name of this machine in them.
    pub node: String,
    /// `LOG_AUTH_CA`: certificate authorities for fetching the keys, in PEM; by default those of the system.
    pub authorities: Option<PathBuf>,
    /// `LOG_AUTH_WORKSPACE_SOURCES`: the sources that a workspace may see.
    pub workspace_sources: WorkspaceSources,
    /// Minimum time between two attempts to read the keys. Anybody can name a key that does not exist.
    pub keys_floor: Duration,
}

impl NodeAuth {
    /// The default of `keys_floor`.
    pub const KEYS_FLOOR: Duration = Duration::from_secs(10);
}

/// Whether a text is a valid issuer: a word, or a URL whose response cannot be forged in transit.
#[must_use]
pub fn is_issuer(text: &str) -> bool {
    let is_word = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    is_word && (!text.contains("://") || is_trusted_url(text))
}

/// Checks node management tokens.
#[derive(Debug)]
pub(in crate::server) struct NodeTokens {
    options: NodeAuth,
    keys: Arc<TokenKeys>,
}

impl NodeTokens {
    pub(in crate::server) fn new(options: NodeAuth) -> Self {
        let keys = TokenKeys::new(
            options.keys.clone(),
            options.authorities.clone(),
            options.keys_floor,
        );
        Self {
            options,
            keys: Arc::new(keys),
        }
    }

    /// The holder of this token. `node`: the machine that the request names.
    pub(in crate::server) async fn holder(
        &self,
        token: &str,
        node: Option<&[u8]>,
    ) -> Result<Principal, TokenRefusal> {
        let unverified = UnverifiedToken::parse(token).ok_or(TokenRefusal::NotAToken)?;
        if node.is_some_and(|node| node != self.options.node.as_bytes()) {
            return Err(TokenRefusal::NodeHeader);
        }
        let id = unverified.key_id.as_deref();
        let keys = self.keys.find(unverified.algorithm, id).await;
        let mut refusal = TokenRefusal::UnknownKey;
        for key in keys {
            match unverified.verify(&key, &self.options.issuer, AUDIENCE) {
                Ok(claims) => return self.admit(&claims, now()),
                Err(TokenRefusal::Signature) => refusal = TokenRefusal::Signature,
                Err(other) => return Err(other),
            }
        }
        Err(refusal)
    }

    /// The principal of verified claims, after checking the claims that are specific to this server.
    fn admit(&self, claims: &JwtClaims, now: i64) -> Result<Principal, TokenRefusal> {
        let options = &self.options;
        let is = |name, expected: &str| claims.text(name) == Some(expected);
        if !is("type", AUDIENCE) {
            return Err(TokenRefusal::Type);
        }
        // No token can be for a machine without a name.
        if options.node.is_empty() || !is("node", &options.node) {
            return Err(TokenRefusal::Node);
        }
        let end = claims.seconds("exp").ok_or(TokenRefusal::Expired)?;
        let left = end
            .saturating_add_unsigned(LEEWAY_SECONDS)
            .saturating_sub(now);
        let left = u64::try_from(left).ok().filter(|left| *left > 0);
        let left = left.ok_or(TokenRefusal::Expired)?;
        let workspace = claims.text("workspace");
        Ok(Principal {
            id: PrincipalId::vouched(workspace, claims.text("sub")),
            scope: self.scope(claims)?,
            workspace: workspace.map(str::to_owned),
            writes_events: claims
                .text("scope")
                .is_some_and(|scope| scope.split(' ').any(|word| word == WRITE_EVENTS)),
            remaining: Some(Duration::from_secs(left)),
        })
    }

    /// The records that a workspace may see.
    pub(in crate::server) fn workspace(&self, workspace: &str) -> Option<AccessScope> {
        self.options.workspace_sources.of(workspace)
    }

    /// Only a token without the claim sees everything: a claim that is not the name of a workspace is refused.
    fn scope(&self, claims: &JwtClaims) -> Result<AccessScope, TokenRefusal> {
        if !claims.has("workspace") {
            return Ok(AccessScope::Everything);
        }
        claims
            .text("workspace")
            .and_then(|workspace| self.options.workspace_sources.of(workspace))
            .ok_or(TokenRefusal::Workspace)
    }
}

/// Seconds since 1970.
fn now() -> i64 {
    let passed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    passed.map_or(0, |passed| {
        i64::try_from(passed.as_secs()).unwrap_or(i64::MAX)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::auth::jwt::tests::{key_pair, public, signed};
    use serde_json::{Value, json};

    const ISSUER: &str = "https://api.example";

    fn tokens(node: &str) -> NodeTokens {
        NodeTokens::new(NodeAuth {
            keys: KeySource::File("/nonexistent/jwks.json".into()),
            issuer: ISSUER.to_owned(),
            node: node.to_owned(),
            authorities: None,
            workspace_sources: WorkspaceSources::default(),
            keys_floor: Duration::ZERO,
        })
    }

    /// Good claims with these changes; null removes one, except a workspace.
    fn claims(changes: &Value) -> JwtClaims {
        let now = now();
        let mut all = json!({"iss": ISSUER, "aud": AUDIENCE, "type": AUDIENCE, "sub": "u", "node": "node-1", "iat": now,
            "exp": now + 3_600});
        for (name, value) in changes.as_object().expect("an object") {
            all[name] = value.clone();
        }
        if let Value::Object(all) = &mut all {
            all.retain(|name, value| !value.is_null() || name == "workspace");
        }
        let pair = key_pair(1);
        let token = signed(&pair, &json!({"alg": "EdDSA"}), &all);
        let token = UnverifiedToken::parse(&token).expect("a token");
        token
            .verify(&public(&pair), ISSUER, AUDIENCE)
            .expect("valid")
    }

    fn admitted(changes: &Value) -> Result<Principal, TokenRefusal> {
        tokens("node-1").admit(&claims(changes), now())
    }

    #[test]
    fn token_without_workspace_sees_everything_until_it_expires() {
        let principal = admitted(&json!({})).expect("admitted");
        assert_eq!(principal.scope, AccessScope::Everything);
        let remaining = principal.remaining.expect("it expires").as_secs();
        assert!((3_600..=3_630).contains(&remaining), "{remaining}");
        let claims = claims(&json!({}));
        let end = claims.seconds("exp").expect("a time");
        let tokens = tokens("node-1");
        assert!(tokens.admit(&claims, end + 29).is_ok());
        let refused = tokens.admit(&claims, end + 30);
        assert_eq!(refused, Err(TokenRefusal::Expired));
    }

    #[test]
    fn claims_of_this_server_are_checked() {
        for (changes, refusal) in [
            (json!({"type": "terminal"}), TokenRefusal::Type),
            (json!({"type": null}), TokenRefusal::Type),
            (json!({"node": "node-2"}), TokenRefusal::Node),
            (json!({"node": ""}), TokenRefusal::Node),
            (json!({"node": null}), TokenRefusal::Node),
            (json!({"workspace": ""}), TokenRefusal::Workspace),
            (json!({"workspace": null}), TokenRefusal::Workspace),
            (json!({"workspace": "*"}), TokenRefusal::Workspace),
            (json!({"workspace": ["a"]}), TokenRefusal::Workspace),
        ] {
            assert_eq!(admitted(&changes), Err(refusal), "{changes}");
        }
    }

    #[test]
    fn machine_without_a_name_admits_no_token() {
        let found = claims(&json!({"node": ""}));
        assert_eq!(tokens("").admit(&found, now()), Err(TokenRefusal::Node));
    }

    #[test]
    fn workspace_claim_narrows_the_scope() {
        let principal = admitted(&json!({"workspace": "ws-1"})).expect("admitted");
        assert_eq!(
            Some(principal.scope.clone()),
            WorkspaceSources::default().of("ws-1")
        );
        assert_eq!(principal.require_everything().unwrap_err().status, 403);
    }

    #[test]
    fn issuer_that_is_a_url_must_be_trusted() {
        assert!(is_issuer(ISSUER) && is_issuer("control-plane"));
        assert!(is_issuer("http://localhost:8787"));
        assert!(!is_issuer("") && !is_issuer("a b") && !is_issuer("http://api.example"));
    }
}
