//! Authentication: the token in a header or in the address of a request, or the session of a browser.

use crate::server::auth::node::{NODE_HEADER, NodeAuth, NodeTokens};
use crate::server::auth::principal::{Principal, PrincipalId};
use crate::server::auth::scope::{AccessScope, WorkspaceSources};
use crate::server::auth::session::{SESSION_HEADER, SessionGrant, Sessions};
use crate::server::http::error::ApiError;
use crate::server::http::request::ApiRequest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::borrow::Cow;
use subtle::ConstantTimeEq as _;
use warp::http::header::{self, HeaderMap, HeaderName, HeaderValue};

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Determines the principal of each request.
#[derive(Debug)]
pub(in crate::server) struct Authenticator {
    token: Option<Secret>,
    /// The token that may only write events.
    events_token: Option<Secret>,
    nodes: Option<NodeTokens>,
    /// Sessions of browsers.
    pub(in crate::server) sessions: Sessions,
}

/// A token that is never printed.
struct Secret(String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

impl Authenticator {
    pub(in crate::server) fn new(token: Option<&str>, node_auth: Option<NodeAuth>) -> Self {
        Self {
            token: token.map(|token| Secret(token.to_owned())),
            events_token: None,
            nodes: node_auth.map(NodeTokens::new),
            sessions: Sessions::new(token),
        }
    }

    /// Also accepts a token that may only write events.
    pub(in crate::server) fn with_events_token(mut self, token: Option<&str>) -> Self {
        self.events_token = token.map(|token| Secret(token.to_owned()));
        self
    }

    /// Fails with 401 unless the request has a valid token, session or ticket. An invalid one does not hide a valid
    /// one, because a proxy may send an `Authorization` of its own.
    pub(in crate::server) async fn admit(
        &self,
        request: &ApiRequest,
    ) -> Result<Principal, ApiError> {
        if self.is_open() {
            return Ok(Principal::owner());
        }
        if let Some(principal) = self.session(request) {
            return Ok(principal);
        }
        if let Some(principal) = self.ticket(request) {
            return Ok(principal);
        }
        let bearer = request.header(&header::AUTHORIZATION).and_then(|value| {
            bearer_token(value)
                .map(Cow::Borrowed)
                .or_else(|| basic_password(value))
        });
        let bearer = bearer.as_deref();
        let query = request.query_token.as_deref();
        // The page sends its token in this header, because a proxy may need `Authorization` for itself.
        let session = request.header(&SESSION_HEADER);
        // clients of e2b have no other place for it
        let key = request.header(&API_KEY);
        for token in bearer.into_iter().chain(session).chain(key).chain(query) {
            if let Some(principal) = self.holder(token, &request.headers).await {
                return Ok(principal);
            }
        }
        Err(ApiError::unauthorized())
    }

    fn session(&self, request: &ApiRequest) -> Option<Principal> {
        let text = request.header(&SESSION_HEADER)?;
        self.principal(&self.sessions.session(text)?)
    }

    fn ticket(&self, request: &ApiRequest) -> Option<Principal> {
        let text = request.ticket.as_deref()?;
        self.principal(
            &self
                .sessions
                .ticket(text, &request.path, &request.parameters)?,
        )
    }

    /// The records of a workspace.
    pub(in crate::server) fn workspace(&self, name: &str) -> Option<AccessScope> {
        match &self.nodes {
            Some(nodes) => nodes.workspace(name),
            None => WorkspaceSources::default().of(name),
        }
    }

    /// The principal of a session or a ticket, under the current settings.
    fn principal(&self, grant: &SessionGrant) -> Option<Principal> {
        let scope = match &grant.workspace {
            None => AccessScope::Everything,
            Some(workspace) => self.nodes.as_ref()?.workspace(workspace)?,
        };
        Some(Principal {
            id: grant.principal,
            scope,
            workspace: grant.workspace.clone(),
            writes_events: grant.principal == PrincipalId::Owner,
            remaining: Some(grant.remaining),
        })
    }

    async fn holder(&self, token: &str, headers: &HeaderMap) -> Option<Principal> {
        if is_secret(self.token.as_ref(), token) {
            return Some(Principal::owner());
        }
        if is_secret(self.events_token.as_ref(), token) {
            return Some(Principal::reporter());
        }
        let nodes = self.nodes.as_ref()?;
        let node = headers.get(NODE_HEADER).map(HeaderValue::as_bytes);
        match nodes.holder(token, node).await {
            Ok(principal) => Some(principal),
            Err(refusal) => {
                tracing::debug!("refused an access token: {refusal}");
                None
            }
        }
    }

    /// Whether every client is the owner.
    fn is_open(&self) -> bool {
        self.token.is_none() && self.nodes.is_none()
    }

    /// Whether there can be principals other than the owner.
    pub(in crate::server) fn knows_others(&self) -> bool {
        self.nodes.is_some() || self.events_token.is_some()
    }
}

/// The principal of a request over the connection to a gateway: only a token that the gateway signed is accepted.
pub(in crate::server) async fn admit_vouched(
    tokens: &NodeTokens,
    request: &ApiRequest,
) -> Result<Principal, ApiError> {
    let bearer = request.header(&header::AUTHORIZATION);
    let bearer = bearer
        .and_then(bearer_token)
        .ok_or_else(ApiError::unauthorized)?;
    let node = request.headers.get(NODE_HEADER).map(HeaderValue::as_bytes);
    tokens.holder(bearer, node).await.map_err(|refusal| {
        tracing::debug!("refused a token of the gateway: {refusal}");
        ApiError::unauthorized()
    })
}

/// Compares in constant time.
fn is_secret(secret: Option<&Secret>, given: &str) -> bool {
    secret.is_some_and(|Secret(token)| {
        !token.is_empty() && bool::from(token.as_bytes().ct_eq(given.as_bytes()))
    })
}

/// The token of a header; the name of the scheme is case-insensitive.
fn bearer_token(value: &str) -> Option<&str> {
    credentials(value, "bearer")
}

/// The password, which is accepted as a token for clients that only support users and passwords. The user name is
/// ignored.
fn basic_password(value: &str) -> Option<Cow<'_, str>> {
    let decoded = STANDARD.decode(credentials(value, "basic")?).ok()?;
    let decoded = String::from_utf8(decoded).ok()?;
    let (_, password) = decoded.split_once(':')?;
    Some(Cow::Owned(password.to_owned()))
}

fn credentials<'v>(value: &'v str, wanted: &str) -> Option<&'v str> {
    let (scheme, credentials) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case(wanted)
        .then(|| credentials.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::auth::principal::PrincipalId;
    use crate::server::http::request::tests::request;

    fn authenticator(token: &str) -> Authenticator {
        Authenticator::new(Some(token), None)
    }

    async fn is_admitted(target: &str, headers: &[(&'static str, &str)]) -> bool {
        let request = request(target, headers);
        authenticator("s3cret").admit(&request).await.is_ok()
    }

    #[tokio::test]
    async fn takes_the_token_from_header_and_query() {
        assert!(is_admitted("/logs", &[("authorization", "Bearer s3cret")]).await);
        assert!(is_admitted("/logs", &[("authorization", "bearer  s3cret")]).await);
        assert!(is_admitted("/logs?token=s3cret", &[]).await);
    }

    #[tokio::test]
    async fn the_password_of_basic_may_be_the_token() {
        // any:s3cret, any:other, s3cret
        for (credentials, is_right) in [
            ("YW55OnMzY3JldA==", true),
            ("YW55Om90aGVy", false),
            ("czNjcmV0", false),
        ] {
            let value = format!("Basic {credentials}");
            let admitted = is_admitted("/logs", &[("authorization", &value)]).await;
            assert_eq!(admitted, is_right, "{credentials}");
        }
    }

    #[tokio::test]
    async fn invalid_token_does_not_hide_a_valid_one() {
        let wrong = ("authorization", "Bearer other");
        assert!(is_admitted("/logs?token=s3cret", &[wrong]).await);
        let session = ("x-vmlog-session", "made-up");
        assert!(is_admitted("/logs?token=s3cret", &[wrong, session]).await);
    }

    #[tokio::test]
    async fn request_without_valid_token_is_refused() {
        for headers in [
            &[][..],
            &[("authorization", "s3cret")],
            &[("authorization", "Bearer s3cre")],
            &[("authorization", "Bearer s3cret2")],
            &[("authorization", "Bearer ")],
            &[("x-vmlog-session", "s3cre")],
            &[("cookie", "vmlog_token=s3cret")],
            &[("cookie", "vmlog_token_8687=czNjcmV0")],
        ] {
            assert!(!is_admitted("/logs", headers).await, "{headers:?}");
        }
        assert!(!is_admitted("/logs?token=", &[]).await);
        assert!(!is_admitted("/logs/export?ticket=s3cret", &[]).await);
        let request = request("/logs?token=", &[("authorization", "Bearer ")]);
        assert!(authenticator("").admit(&request).await.is_err());
    }

    #[tokio::test]
    async fn session_is_valid_on_its_own_server_until_revoked() {
        let ours = authenticator("s3cret");
        let given = ours.sessions.begin(&Principal::owner()).expect("a session");
        let asked = request("/logs", &[("x-vmlog-session", &given.text)]);
        let principal = ours.admit(&asked).await.expect("admitted");
        assert_eq!(principal.id, PrincipalId::Owner);
        assert!(principal.remaining.is_some(), "it expires");
        assert!(authenticator("other").admit(&asked).await.is_err());
        ours.sessions.revoke(&given.text);
        assert!(ours.admit(&asked).await.is_err());
    }

    #[test]
    fn token_is_not_printed() {
        assert!(!format!("{:?}", authenticator("s3cret")).contains("s3cret"));
    }
}
