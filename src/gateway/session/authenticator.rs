//! Authentication of clients: a header of a proxy, the static token, or the session token of an identity provider.

use crate::gateway::error::GatewayError;
use crate::gateway::keys::keyring::Keyring;
use crate::gateway::options::{ForwardAuth, GatewayOptions, GatewayToken, SessionOptions};
use crate::gateway::session::grant;
use crate::gateway::session::revoked::RevokedSessions;
use crate::gateway::session::user::{Rights, User};
use crate::server::{TokenKeys, UnverifiedToken};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{self, HeaderMap, HeaderName};
use std::borrow::Cow;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use subtle::ConstantTimeEq as _;

/// The header in which the page sends a token, as a proxy may need `Authorization` for itself.
pub(in crate::gateway) const SESSION_HEADER: HeaderName =
    HeaderName::from_static("x-vmlog-session");

/// The name of the holder of the static token.
const OPERATOR: &str = "operator";

/// Maximum length of the name of a user.
const USER_BYTES_MAX: usize = 128;

/// The clocks of two machines differ by less.
const LEEWAY_S: i64 = 30;

/// The type of tokens for nodes: none of them opens the gateway.
const NODE_TYPE: &str = "node-management";

/// Determines the user of each request.
#[derive(Debug)]
pub(in crate::gateway) struct UserAuthenticator {
    token: Option<GatewayToken>,
    sessions: Option<(SessionOptions, Arc<TokenKeys>)>,
    forward: Option<ForwardAuth>,
    admins: Vec<String>,
    /// Signs sessions of the page.
    keys: Keyring,
    /// Sessions of the page that were ended.
    pub(in crate::gateway) revoked: Arc<RevokedSessions>,
}

impl UserAuthenticator {
    pub(in crate::gateway) fn new(
        options: &GatewayOptions,
        ring: Keyring,
        revoked: RevokedSessions,
    ) -> Self {
        let keys = |sessions: &SessionOptions| {
            let authorities: Option<PathBuf> = options.authorities.clone();
            TokenKeys::new(sessions.keys.clone(), authorities, sessions.keys_floor)
        };
        let sessions = options.sessions.clone();
        Self {
            token: options.token.clone(),
            sessions: sessions.map(|sessions| {
                let keys = Arc::new(keys(&sessions));
                (sessions, keys)
            }),
            forward: options.forward_auth.clone(),
            admins: options.admins.clone(),
            keys: ring,
            revoked: Arc::new(revoked),
        }
    }

    /// The user of a request that came from `peer`; 401 if nothing proves one.
    pub(in crate::gateway) async fn admit(
        &self,
        headers: &HeaderMap,
        peer: IpAddr,
    ) -> Result<User, GatewayError> {
        if let Some(user) = self.forwarded(headers, peer)? {
            return Ok(user);
        }
        let bearer = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| credentials(value.to_str().ok()?));
        let bearer = bearer.as_deref();
        let session = headers
            .get(SESSION_HEADER)
            .and_then(|value| value.to_str().ok());
        for token in bearer.into_iter().chain(session) {
            if self.is_token(token) {
                return Ok(User {
                    id: OPERATOR.to_owned(),
                    rights: Rights::Everything,
                    remaining: None,
                    is_ambient: false,
                    session: None,
                });
            }
            if let Some(user) = self.session_of_page(token) {
                return Ok(user);
            }
            if let Some(user) = self.session(token, false).await {
                return Ok(user);
            }
        }
        if let Some(token) = self.cookie(headers)
            && let Some(user) = self.session(token, true).await
        {
            return Ok(user);
        }
        Err(GatewayError::unauthorized())
    }

    /// The user whom a proxy in front names. The header of everybody else is ignored. A request with two of them is refused: one may be
    /// the client's own.
    fn forwarded(&self, headers: &HeaderMap, peer: IpAddr) -> Result<Option<User>, GatewayError> {
        let Some(forward) = &self.forward else {
            return Ok(None);
        };
        if !forward.proxies.iter().any(|proxy| proxy.contains(peer)) {
            return Ok(None);
        }
        let mut values = headers.get_all(&forward.header).iter();
        let Some(value) = values.next() else {
            return Ok(None);
        };
        let name = value.to_str().ok().map(str::trim);
        let name = name.filter(|name| (1..=USER_BYTES_MAX).contains(&name.len()));
        match (name, values.next()) {
            (Some(name), None) => Ok(Some(self.user(name.to_owned(), Vec::new(), None, true))),
            _ => Err(GatewayError::unauthorized()),
        }
    }

    fn user(
        &self,
        id: String,
        nodes: Vec<String>,
        remaining: Option<Duration>,
        is_ambient: bool,
    ) -> User {
        let rights = if self.admins.contains(&id) {
            Rights::Everything
        } else {
            Rights::Own(nodes)
        };
        User {
            id,
            rights,
            remaining,
            is_ambient,
            session: None,
        }
    }

    /// Compares in constant time.
    fn is_token(&self, given: &str) -> bool {
        self.token.as_ref().is_some_and(|GatewayToken(token)| {
            !token.is_empty() && bool::from(token.as_bytes().ct_eq(given.as_bytes()))
        })
    }

    /// The user of a session of the page, unless it was ended.
    fn session_of_page(&self, text: &str) -> Option<User> {
        let keys = self.keys.set();
        let user = grant::user_of_session(text, keys.secret())?;
        let name = grant::name_of_session(text, keys.secret())?;
        (!self.revoked.contains(&name.id)).then_some(user)
    }

    /// The user of a session token.
    async fn session(&self, text: &str, is_ambient: bool) -> Option<User> {
        let (options, keys) = self.sessions.as_ref()?;
        let token = UnverifiedToken::parse(text)?;
        let claims = keys
            .claims(&token, &options.issuer, &options.audience)
            .await;
        let claims = match claims {
            Ok(claims) => claims,
            Err(refusal) => {
                tracing::debug!("refused a session: {refusal}");
                return None;
            }
        };
        if claims.text("type") == Some(NODE_TYPE) {
            return None;
        }
        let id = claims.text(&options.user_claim)?;
        if !(1..=USER_BYTES_MAX).contains(&id.len()) {
            return None;
        }
        let left = claims.seconds("exp")?.saturating_add(LEEWAY_S) - now_s();
        let remaining = Duration::from_secs(u64::try_from(left).ok().filter(|left| *left > 0)?);
        let nodes = options.nodes_claim.as_deref();
        let nodes = nodes.map_or_else(Vec::new, |claim| claims.texts(claim));
        Some(self.user(id.to_owned(), nodes, Some(remaining), is_ambient))
    }

    /// The session token in the cookie. Two cookies of that name are refused: one may have been set by another host of the domain.
    fn cookie<'h>(&self, headers: &'h HeaderMap) -> Option<&'h str> {
        let name = self.sessions.as_ref()?.0.cookie.as_deref()?;
        let cookies = headers.get_all(header::COOKIE).iter();
        let pairs = cookies
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='));
        let mut found = pairs.filter(|(given, _)| *given == name);
        let (_, value) = found.next()?;
        found.next().is_none().then_some(value)
    }
}

/// The token of a header, also as the password of a user with any name, for clients that support only users and passwords. The name of
/// the scheme is case-insensitive.
fn credentials(value: &str) -> Option<Cow<'_, str>> {
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim_start();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(Cow::Borrowed(token));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let plain = String::from_utf8(STANDARD.decode(token).ok()?).ok()?;
    let (_, password) = plain.split_once(':')?;
    Some(Cow::Owned(password.to_owned()))
}

/// Seconds since 1970.
fn now_s() -> i64 {
    let passed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    passed.map_or(0, |passed| {
        i64::try_from(passed.as_secs()).unwrap_or(i64::MAX)
    })
}
