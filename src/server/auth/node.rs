//! Node management tokens: what a control plane signs for whoever may see this machine.

use crate::server::auth::jwt::{JwtClaims, Unverified};
use crate::server::auth::keys::{KeySource, Keys, is_trusted_url};
use crate::server::auth::principal::{Principal, PrincipalId};
use crate::server::auth::scope::{AccessScope, WorkspaceSources};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use warp::http::header::HeaderName;

/// Which machine the principal means; it must be this one when it is said.
pub(in crate::server) const NODE_HEADER: HeaderName = HeaderName::from_static("x-sam-node-id");

/// What tokens for this server have as audience and type.
const AUDIENCE: &str = "node-management";

/// How far the clocks of two machines with NTP may be apart, generously.
const LEEWAY_SECONDS: i64 = 30;

/// Settings of node management tokens.
#[derive(Debug, Clone)]
pub struct NodeAuth {
    /// `LOG_AUTH_JWKS`: the keys that they are signed with.
    pub keys: KeySource,
    /// `LOG_AUTH_ISSUER`: who signs them.
    pub issuer: String,
    /// `LOG_NODE_ID`: the name of this machine in them.
    pub node: String,
    /// `LOG_AUTH_CA`: certificate authorities of the server of the keys, in PEM; the system's when there is none.
    pub authorities: Option<PathBuf>,
    /// `LOG_AUTH_WORKSPACE_SOURCES`: what the principal of a workspace may see.
    pub workspace_sources: WorkspaceSources,
    /// Time between two tries to read the keys. Anybody can name a key that is not there.
    pub keys_floor: Duration,
}

impl NodeAuth {
    /// Time between two tries to read the keys, unless it is set.
    pub const KEYS_FLOOR: Duration = Duration::from_secs(10);
}

/// Whether a text may be the issuer: a URL must be one that nobody on the way can speak for.
#[must_use]
pub fn is_issuer(text: &str) -> bool {
    let is_word = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    is_word && (!text.contains("://") || is_trusted_url(text))
}

/// Checks node management tokens.
#[derive(Debug)]
pub(in crate::server) struct NodeTokens {
    options: NodeAuth,
    keys: Arc<Keys>,
}

/// Why a token is none for this machine. The log says it, the client is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) enum TokenRefusal {
    NotAToken,
    UnknownKey,
    Signature,
    Issuer,
    Audience,
    Type,
    Node,
    NodeHeader,
    Expired,
    NotYet,
    Workspace,
}

impl fmt::Display for TokenRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAToken => "it is neither the key of this server nor a JWT with RS256 or EdDSA",
            Self::UnknownKey => "its key is not known",
            Self::Signature => "its signature is wrong",
            Self::Issuer => "it has another issuer",
            Self::Audience => "it has another audience",
            Self::Type => "it has another type",
            Self::Node => "it is for another machine",
            Self::NodeHeader => "the request names another machine",
            Self::Expired => "it has expired, or says not when it does",
            Self::NotYet => "it does not hold yet",
            Self::Workspace => "its workspace has no name",
        })
    }
}

impl NodeTokens {
    pub(in crate::server) fn new(options: NodeAuth) -> Self {
        let keys = Keys::new(
            options.keys.clone(),
            options.authorities.clone(),
            options.keys_floor,
        );
        Self {
            options,
            keys: Arc::new(keys),
        }
    }

    /// Who holds this token. `node`: the machine that the request names.
    pub(in crate::server) async fn holder(
        &self,
        token: &str,
        node: Option<&[u8]>,
    ) -> Result<Principal, TokenRefusal> {
        let unverified = Unverified::parse(token).ok_or(TokenRefusal::NotAToken)?;
        if node.is_some_and(|node| node != self.options.node.as_bytes()) {
            return Err(TokenRefusal::NodeHeader);
        }
        let id = unverified.key_id.as_deref();
        let keys = self.keys.find(unverified.algorithm, id).await;
        if keys.is_empty() {
            return Err(TokenRefusal::UnknownKey);
        }
        let claims = keys.iter().find_map(|key| unverified.verify(key));
        self.check(&claims.ok_or(TokenRefusal::Signature)?, now())
    }

    fn check(&self, claims: &JwtClaims, now: i64) -> Result<Principal, TokenRefusal> {
        let options = &self.options;
        let is = |name, expected: &str| claims.text(name) == Some(expected);
        if !is("iss", &options.issuer) {
            return Err(TokenRefusal::Issuer);
        }
        if !claims.is_for(AUDIENCE) {
            return Err(TokenRefusal::Audience);
        }
        if !is("type", AUDIENCE) {
            return Err(TokenRefusal::Type);
        }
        // a machine without a name is none that a token can be for
        if options.node.is_empty() || !is("node", &options.node) {
            return Err(TokenRefusal::Node);
        }
        let ends = claims.seconds("exp").ok_or(TokenRefusal::Expired)?;
        let left = ends.saturating_add(LEEWAY_SECONDS).saturating_sub(now);
        let left = u64::try_from(left).ok().filter(|left| *left > 0);
        let left = left.ok_or(TokenRefusal::Expired)?;
        if claims.has("nbf") {
            let begins = claims.seconds("nbf").ok_or(TokenRefusal::NotYet)?;
            if begins.saturating_sub(LEEWAY_SECONDS) > now {
                return Err(TokenRefusal::NotYet);
            }
        }
        let workspace = claims.text("workspace");
        Ok(Principal {
            id: PrincipalId::vouched(workspace, claims.text("sub")),
            scope: self.scope(claims)?,
            workspace: workspace.map(str::to_owned),
            remaining: Some(Duration::from_secs(left)),
        })
    }

    /// What a workspace may see.
    pub(in crate::server) fn workspace(&self, workspace: &str) -> Option<AccessScope> {
        self.options.workspace_sources.of(workspace)
    }

    /// A claim that names no workspace must not pass for none.
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

    const NOW: i64 = 1_771_338_615;

    fn nodes(node: &str) -> NodeTokens {
        NodeTokens::new(NodeAuth {
            keys: KeySource::File("/nonexistent/jwks.json".into()),
            issuer: "https://api.example".to_owned(),
            node: node.to_owned(),
            authorities: None,
            workspace_sources: WorkspaceSources::default(),
            keys_floor: Duration::ZERO,
        })
    }

    /// Good claims with these changes; null takes one away.
    fn claims(changes: &Value) -> JwtClaims {
        let mut all = json!({"iss": "https://api.example", "aud": "node-management", "type": "node-management",
            "sub": "u", "node": "node-1", "iat": NOW, "exp": NOW + 3_600});
        for (name, value) in changes.as_object().expect("a map") {
            all[name] = value.clone();
        }
        if let Value::Object(all) = &mut all {
            all.retain(|name, value| !value.is_null() || name == "workspace");
        }
        let pair = key_pair(1);
        let token = signed(&pair, &json!({"alg": "EdDSA"}), &all);
        let token = Unverified::parse(&token).expect("a token");
        token.verify(&public(&pair)).expect("signed")
    }

    fn checked(changes: &Value) -> Result<Principal, TokenRefusal> {
        nodes("node-1").check(&claims(changes), NOW)
    }

    #[test]
    fn a_good_token_opens_everything_until_it_ends() {
        let principal = checked(&json!({})).expect("admitted");
        assert_eq!(principal.scope, AccessScope::Everything);
        assert_eq!(principal.remaining, Some(Duration::from_secs(3_630)));
        let list = json!({"aud": ["other", "node-management"]});
        assert!(checked(&list).is_ok());
    }

    #[test]
    fn every_claim_counts() {
        for (changes, refusal) in [
            (json!({"iss": "https://api.example/"}), TokenRefusal::Issuer),
            (json!({"iss": null}), TokenRefusal::Issuer),
            (json!({"aud": "workspace-terminal"}), TokenRefusal::Audience),
            (json!({"aud": null}), TokenRefusal::Audience),
            (json!({"type": "terminal"}), TokenRefusal::Type),
            (json!({"type": null}), TokenRefusal::Type),
            (json!({"node": "node-2"}), TokenRefusal::Node),
            (json!({"node": ""}), TokenRefusal::Node),
            (json!({"node": null}), TokenRefusal::Node),
            (json!({"exp": null}), TokenRefusal::Expired),
            (json!({"exp": "never"}), TokenRefusal::Expired),
            (json!({"exp": NOW - 30}), TokenRefusal::Expired),
            (json!({"nbf": NOW + 31}), TokenRefusal::NotYet),
            (json!({"nbf": "soon"}), TokenRefusal::NotYet),
            (json!({"workspace": ""}), TokenRefusal::Workspace),
            (json!({"workspace": null}), TokenRefusal::Workspace),
            (json!({"workspace": "*"}), TokenRefusal::Workspace),
            (json!({"workspace": ["a"]}), TokenRefusal::Workspace),
        ] {
            assert_eq!(checked(&changes), Err(refusal), "{changes}");
        }
        for changes in [json!({"exp": NOW - 29}), json!({"nbf": NOW + 30})] {
            assert!(checked(&changes).is_ok(), "clocks differ: {changes}");
        }
    }

    #[test]
    fn a_machine_without_a_name_takes_no_token() {
        let found = claims(&json!({"node": ""}));
        assert_eq!(nodes("").check(&found, NOW), Err(TokenRefusal::Node));
    }

    #[test]
    fn a_workspace_narrows() {
        let principal = checked(&json!({"workspace": "ws-1"})).expect("admitted");
        assert_eq!(
            Some(principal.scope.clone()),
            WorkspaceSources::default().of("ws-1")
        );
        assert_eq!(principal.require_everything().unwrap_err().status, 403);
    }

    #[test]
    fn an_issuer_that_is_a_url_must_be_trusted() {
        assert!(is_issuer("https://api.example") && is_issuer("control-plane"));
        assert!(is_issuer("http://localhost:8787"));
        assert!(!is_issuer("") && !is_issuer("a b") && !is_issuer("http://api.example"));
    }
}
