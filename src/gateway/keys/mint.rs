//! Tokens for nodes: each is for one node, one workspace and one user, and is valid for a minute.

use crate::gateway::keys::keyring::Keyring;
use hyper::header::HeaderValue;
use serde_json::json;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// How long a token is valid.
const VALID_S: u64 = 60;

/// A token is used again this long: signing one for each of a thousand nodes would take longer than asking them. The remaining
/// time is for clocks that differ.
const USED_FOR: Duration = Duration::from_secs(25);

/// Tokens that are kept: a dozen users over a thousand nodes.
const KEPT_MAX: usize = 16_384;

/// The type and the audience of tokens for nodes.
const AUDIENCE: &str = "node-management";

/// Signs tokens for nodes.
#[derive(Debug)]
pub(in crate::gateway) struct TokenMint {
    keys: Keyring,
    issuer: String,
    made: Mutex<HashMap<TokenFor, MadeToken>>,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct TokenFor {
    node: String,
    workspace: Option<String>,
    user: String,
}

#[derive(Debug)]
struct MadeToken {
    authorization: HeaderValue,
    at: Instant,
}

impl TokenMint {
    pub(in crate::gateway) fn new(keys: Keyring, issuer: String) -> Self {
        Self {
            keys,
            issuer,
            made: Mutex::default(),
        }
    }

    /// The value of `Authorization` for a request to a node.
    pub(in crate::gateway) fn authorization(
        &self,
        node: &str,
        workspace: Option<&str>,
        user: &str,
    ) -> HeaderValue {
        let key = TokenFor {
            node: node.to_owned(),
            workspace: workspace.map(str::to_owned),
            user: user.to_owned(),
        };
        // a panic elsewhere leaves the tokens intact
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(token) = made.get(&key)
            && token.at.elapsed() < USED_FOR
        {
            return token.authorization.clone();
        }
        if made.len() >= KEPT_MAX {
            made.retain(|_, token| token.at.elapsed() < USED_FOR);
        }
        if made.len() >= KEPT_MAX {
            made.clear();
        }
        let text = format!("Bearer {}", self.token(&key));
        let mut authorization = text
            .parse()
            .unwrap_or_else(|_| HeaderValue::from_static("Bearer"));
        authorization.set_sensitive(true);
        let token = MadeToken {
            authorization: authorization.clone(),
            at: Instant::now(),
        };
        made.insert(key, token);
        authorization
    }

    fn token(&self, wanted: &TokenFor) -> String {
        let passed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now_s = passed.map_or(0, |passed| passed.as_secs());
        let mut claims = json!({
            "iss": self.issuer, "aud": AUDIENCE, "type": AUDIENCE, "sub": wanted.user, "node": wanted.node,
            "iat": now_s, "exp": now_s + VALID_S,
        });
        if let Some(workspace) = &wanted.workspace {
            claims["workspace"] = workspace.as_str().into();
        }
        let set = self.keys.set();
        set.signing()
            .map(|key| key.token(&claims))
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::Value;

    fn claims(authorization: &HeaderValue) -> Value {
        let text = authorization.to_str().expect("text");
        let token = text.strip_prefix("Bearer ").expect("a scheme");
        let part = token.split('.').nth(1).expect("claims");
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64")).expect("JSON")
    }

    #[test]
    fn a_token_is_for_one_node_and_workspace_and_ends_within_a_minute() {
        let folder = tempfile::tempdir().expect("a folder");
        let keys = Keyring::open(folder.path(), Duration::from_hours(24)).expect("keys");
        let mint = TokenMint::new(keys, "gateway".to_owned());
        let token = mint.authorization("n1", Some("ws"), "ann");
        assert!(token.is_sensitive());
        let found = claims(&token);
        assert_eq!(found["node"], "n1");
        assert_eq!(found["workspace"], "ws");
        assert_eq!(found["sub"], "ann");
        assert_eq!(found["iss"], "gateway");
        let lasts = found["exp"].as_u64().expect("a time") - found["iat"].as_u64().expect("a time");
        assert_eq!(lasts, 60);
        // the same again, and another one for everything else
        assert_eq!(mint.authorization("n1", Some("ws"), "ann"), token);
        let whole = claims(&mint.authorization("n1", None, "ann"));
        assert_eq!(whole.get("workspace"), None);
        assert_ne!(mint.authorization("n2", Some("ws"), "ann"), token);
        assert_ne!(mint.authorization("n1", Some("ws"), "bob"), token);
    }
}
