//! Sessions of browsers, and tickets for downloads: the page uses them instead of a token.
//!
//! A session is a text signed by this server. It is valid on no other server, expires after hours unless the page renews it and after a
//! week in any case, and can be revoked. A ticket is valid for one address and a minute, because a download cannot send headers. Both
//! are signed with a key derived from the access token: they survive a restart and become invalid with the token.

use crate::server::auth::principal::{Principal, PrincipalId};
use crate::server::http::error::ApiError;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::{digest, hmac};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use warp::http::header::HeaderName;

/// The header for the session. A cookie would be sent to every port of the host, and a proxy may need `Authorization` for itself.
pub(in crate::server) const SESSION_HEADER: HeaderName = HeaderName::from_static("x-vmlog-session");

/// How long a session is valid after it was begun or renewed: a working day.
pub(in crate::server) const SESSION_MAX: Duration = Duration::from_hours(12);

/// How long a session can be renewed; after that the page needs a token again.
pub(in crate::server) const RENEWED_MAX: Duration = Duration::from_hours(7 * 24);

/// How long a ticket is valid. The browser uses it at once.
pub(in crate::server) const TICKET_MAX: Duration = Duration::from_mins(1);

/// Maximum number of revoked sessions in memory. Beyond it, the one that expires first is forgotten.
const REVOKED_MAX: usize = 10_000;

/// Maximum length of a session: the name of a workspace and 200 bytes are less.
const TEXT_BYTES_MAX: usize = 1_024;

/// Signs and checks sessions and tickets.
pub(in crate::server) struct Sessions {
    key: hmac::Key,
    /// Revoked sessions and when they expire, in seconds since 1970.
    revoked: Mutex<HashMap<String, u64>>,
}

/// The content of a valid session or ticket.
#[derive(Debug)]
pub(in crate::server) struct SessionGrant {
    pub(in crate::server) principal: PrincipalId,
    /// The workspace that its scope is narrowed to.
    pub(in crate::server) workspace: Option<String>,
    /// How long it is still valid.
    pub(in crate::server) remaining: Duration,
    /// The ID of a session, which renewals keep.
    id: String,
    /// When it can no longer be renewed, in seconds since 1970.
    last: u64,
}

/// A new session or ticket.
#[derive(Debug)]
pub(in crate::server) struct IssuedSession {
    pub(in crate::server) text: String,
    /// How long it is valid.
    pub(in crate::server) lasts: Duration,
}

/// The signed content. The names are short, as every request carries them.
#[derive(Serialize, Deserialize)]
struct SignedSession {
    /// The ID of the session.
    i: String,
    /// When it expires.
    e: u64,
    /// When it can no longer be renewed.
    l: u64,
    /// The principal; absent for the owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    p: Option<String>,
    /// The workspace.
    #[serde(skip_serializing_if = "Option::is_none")]
    w: Option<String>,
    /// Of a ticket: the digest of its address.
    #[serde(skip_serializing_if = "Option::is_none")]
    a: Option<String>,
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sessions")
    }
}

impl Sessions {
    /// The sessions of a server with this token; without a token they end with the process.
    pub(in crate::server) fn new(token: Option<&str>) -> Self {
        let mut made_up = [0; 32];
        let secret = if let Some(token) = token {
            token.as_bytes()
        } else {
            // If there are no random bytes, `begin` fails as well.
            let _ = getrandom::fill(&mut made_up);
            &made_up
        };
        let secret = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let key = hmac::sign(&secret, b"vmlog browser session, version 1");
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()),
            revoked: Mutex::default(),
        }
    }

    /// Begins a session for a client with a valid token.
    pub(in crate::server) fn begin(
        &self,
        principal: &Principal,
    ) -> Result<IssuedSession, ApiError> {
        let last = now().saturating_add(RENEWED_MAX.as_secs());
        self.give(principal, random_id()?, last, None)
    }

    /// Renews a session.
    pub(in crate::server) fn renew(
        &self,
        principal: &Principal,
        text: &str,
    ) -> Result<IssuedSession, ApiError> {
        let grant = self.session(text).ok_or_else(ApiError::unauthorized)?;
        let renewable = Principal {
            remaining: None,
            ..principal.clone()
        };
        self.give(&renewable, grant.id, grant.last, None)
    }

    /// Issues a ticket for this address.
    pub(in crate::server) fn ticket_for(
        &self,
        principal: &Principal,
        path: &str,
        parameters: &[(String, String)],
    ) -> Result<IssuedSession, ApiError> {
        let last = now().saturating_add(TICKET_MAX.as_secs());
        self.give(
            principal,
            random_id()?,
            last,
            Some(address(path, parameters)),
        )
    }

    fn give(
        &self,
        principal: &Principal,
        id: String,
        last: u64,
        address: Option<String>,
    ) -> Result<IssuedSession, ApiError> {
        let now = now();
        let lasts = last.saturating_sub(now).min(SESSION_MAX.as_secs());
        let lasts = principal
            .remaining
            .map_or(lasts, |left| lasts.min(left.as_secs()));
        let last = if principal.remaining.is_some() {
            now + lasts
        } else {
            last
        };
        let p = match principal.id {
            PrincipalId::Owner => None,
            PrincipalId::Vouched(id) => Some(URL_SAFE_NO_PAD.encode(id)),
            PrincipalId::Reporter | PrincipalId::Stranger(_) => {
                return Err(ApiError::unauthorized());
            }
        };
        let signed = SignedSession {
            i: id,
            e: now + lasts,
            l: last,
            p,
            w: principal.workspace.clone(),
            a: address,
        };
        let body = serde_json::to_vec(&signed).map_err(|_| ApiError::internal())?;
        let body = URL_SAFE_NO_PAD.encode(body);
        let tag = URL_SAFE_NO_PAD.encode(hmac::sign(&self.key, body.as_bytes()));
        Ok(IssuedSession {
            text: format!("{body}.{tag}"),
            lasts: Duration::from_secs(lasts),
        })
    }

    /// The content of a session; `None` unless it is valid.
    pub(in crate::server) fn session(&self, text: &str) -> Option<SessionGrant> {
        let signed = self.checked(text)?;
        if signed.a.is_some() || self.revoked().contains_key(&signed.i) {
            return None;
        }
        signed.grant()
    }

    /// The content of a ticket; `None` unless it is valid for this address.
    pub(in crate::server) fn ticket(
        &self,
        text: &str,
        path: &str,
        parameters: &[(String, String)],
    ) -> Option<SessionGrant> {
        let signed = self.checked(text)?;
        let is_for_it = signed.a.as_deref() == Some(&*address(path, parameters));
        is_for_it.then(|| signed.grant())?
    }

    /// Revokes a session with all its renewals.
    pub(in crate::server) fn revoke(&self, text: &str) {
        let Some(signed) = self.checked(text) else {
            return;
        };
        let mut revoked = self.revoked();
        let now = now();
        revoked.retain(|_, last| *last > now);
        if revoked.len() >= REVOKED_MAX {
            let first = revoked.iter().min_by_key(|(_, last)| **last);
            if let Some(id) = first.map(|(id, _)| id.clone()) {
                revoked.remove(&id);
            }
        }
        revoked.insert(signed.i, signed.l);
    }

    /// The content, if the signature is valid.
    fn checked(&self, text: &str) -> Option<SignedSession> {
        if text.len() > TEXT_BYTES_MAX {
            return None;
        }
        let (body, tag) = text.split_once('.')?;
        let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
        hmac::verify(&self.key, body.as_bytes(), &tag).ok()?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).ok()?).ok()
    }

    fn revoked(&self) -> std::sync::MutexGuard<'_, HashMap<String, u64>> {
        // A panic elsewhere leaves the map intact.
        self.revoked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SignedSession {
    fn grant(self) -> Option<SessionGrant> {
        let remaining = self.e.checked_sub(now()).filter(|left| *left > 0)?;
        let principal = match self.p {
            None => PrincipalId::Owner,
            Some(id) => PrincipalId::Vouched(URL_SAFE_NO_PAD.decode(id).ok()?.try_into().ok()?),
        };
        Some(SessionGrant {
            principal,
            workspace: self.w,
            remaining: Duration::from_secs(remaining),
            id: self.i,
            last: self.l,
        })
    }
}

/// The digest of a path and its parameters in their order.
fn address(path: &str, parameters: &[(String, String)]) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    let pairs = parameters.iter().flat_map(|(name, value)| [name, value]);
    for part in std::iter::once(path).chain(pairs.map(String::as_str)) {
        context.update(&(part.len() as u64).to_le_bytes());
        context.update(part.as_bytes());
    }
    URL_SAFE_NO_PAD.encode(context.finish())
}

fn random_id() -> Result<String, ApiError> {
    let mut id = [0; 16];
    getrandom::fill(&mut id).map_err(|error| {
        tracing::error!("cannot read random bytes: {error}");
        ApiError::internal()
    })?;
    Ok(URL_SAFE_NO_PAD.encode(id))
}

/// Seconds since 1970.
fn now() -> u64 {
    let passed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    passed.map_or(0, |passed| passed.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::auth::scope::AccessScope;

    fn narrow(remaining: Duration) -> Principal {
        Principal {
            id: PrincipalId::vouched(Some("ws-1"), Some("u")),
            scope: AccessScope::Only(Vec::new()),
            workspace: Some("ws-1".to_owned()),
            writes_events: false,
            remaining: Some(remaining),
        }
    }

    #[test]
    fn session_keeps_its_principal_and_expires_with_the_token() {
        let sessions = Sessions::new(Some("s3cret"));
        let principal = narrow(Duration::from_secs(90));
        let given = sessions.begin(&principal).expect("a session");
        assert_eq!(given.lasts, Duration::from_secs(90));
        let grant = sessions.session(&given.text).expect("valid");
        assert_eq!(grant.principal, principal.id);
        assert_eq!(grant.workspace.as_deref(), Some("ws-1"));
        assert!(grant.remaining <= Duration::from_secs(90));
        let renewed = sessions.renew(&principal, &given.text).expect("a session");
        assert!(renewed.lasts <= Duration::from_secs(90), "not for longer");
        let ended = sessions.begin(&narrow(Duration::ZERO)).expect("a session");
        assert!(sessions.session(&ended.text).is_none());
    }

    #[test]
    fn changed_session_is_invalid_and_session_is_bound_to_one_server() {
        let sessions = Sessions::new(Some("s3cret"));
        let text = sessions.begin(&Principal::owner()).expect("a session").text;
        assert!(!text.contains("s3cret"));
        assert!(sessions.session(&text).is_some());
        assert!(
            Sessions::new(Some("s3cret")).session(&text).is_some(),
            "after a restart"
        );
        assert!(Sessions::new(Some("other")).session(&text).is_none());
        assert!(Sessions::new(None).session(&text).is_none());
        for at in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).expect("ASCII");
            // Some bits of the last base64 character are unused.
            if changed != text && at + 1 < text.len() {
                assert!(sessions.session(&changed).is_none(), "{at}");
            }
        }
        for wrong in ["", ".", "a.b", &text[..text.len() - 4]] {
            assert!(sessions.session(wrong).is_none(), "{wrong:?}");
        }
    }

    #[test]
    fn revoking_ends_all_renewals_of_a_session() {
        let sessions = Sessions::new(Some("s3cret"));
        let owner = Principal::owner();
        let first = sessions.begin(&owner).expect("a session").text;
        let second = sessions.renew(&owner, &first).expect("a session").text;
        let other = sessions.begin(&owner).expect("a session").text;
        sessions.revoke(&first);
        assert!(sessions.session(&first).is_none());
        assert!(sessions.session(&second).is_none());
        assert!(sessions.renew(&owner, &second).is_err());
        assert!(sessions.session(&other).is_some());
        sessions.revoke("made-up");
    }

    #[test]
    fn ticket_is_valid_for_one_address() {
        let sessions = Sessions::new(Some("s3cret"));
        let pairs = |text: &str| vec![("format".to_owned(), text.to_owned())];
        let given = sessions
            .ticket_for(&Principal::owner(), "/logs/export", &pairs("csv"))
            .expect("a ticket");
        assert!(given.lasts <= TICKET_MAX);
        let opens = |path: &str, format: &str| {
            let ticket = sessions.ticket(&given.text, path, &pairs(format));
            ticket.is_some()
        };
        assert!(opens("/logs/export", "csv"));
        assert!(!opens("/logs/export", "log") && !opens("/logs", "csv"));
        assert!(sessions.session(&given.text).is_none(), "it is no session");
        let session = sessions.begin(&Principal::owner()).expect("a session");
        assert!(
            sessions
                .ticket(&session.text, "/logs/export", &[])
                .is_none()
        );
    }
}
