//! What a browser brings back: sessions of the page, and tickets for downloads. Both are signed with the gateway's secret, and nothing is
//! stored for them until a session is ended.
//!
//! A page that was given a token exchanges it once for a session. A download in a browser cannot send headers; its address has a ticket,
//! which is valid for a minute and for that address only.

use crate::gateway::session::user::{Rights, User};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::hmac;
use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime};

/// Distinguishes grants from everything else that is signed with the same secret.
const PURPOSE: &[u8] = b"vmlog gateway grant 1";

const SESSION_MAX: Duration = Duration::from_hours(12);

const TICKET_MAX: Duration = Duration::from_mins(1);

/// A user with a hundred nodes in a claim has a tenth.
const TEXT_BYTES_MAX: usize = 16 * 1_024;

/// The content of a grant. Names are short, as a ticket is a part of an address.
#[derive(Serialize, Deserialize)]
struct GrantClaims {
    /// The ID of a session, which renewals keep.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    i: String,
    /// The user.
    u: String,
    /// Whether the user sees everything.
    a: bool,
    /// The nodes that the session named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    n: Vec<String>,
    /// The end, in seconds since 1970.
    e: u64,
    /// The only address that a ticket is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    t: Option<String>,
}

/// A text for a browser, and how long it is valid.
#[derive(Debug, Clone)]
pub(in crate::gateway) struct SignedGrant {
    pub(in crate::gateway) text: String,
    pub(in crate::gateway) lasts: Duration,
}

/// A session of the page for this user. It is not valid for longer than what proved the user. `before`: the one that it renews.
pub(in crate::gateway) fn session(
    user: &User,
    before: Option<&str>,
    secret: &[u8; 32],
) -> SignedGrant {
    let before = before.and_then(|text| verify(text, secret));
    let id = before.map(|claims| claims.i).filter(|id| !id.is_empty());
    sign(user, SESSION_MAX, id.unwrap_or_else(new_id), None, secret)
}

fn new_id() -> String {
    let mut random = [0; 12];
    // without random numbers, sessions that begin in the same second end together
    if getrandom::fill(&mut random).is_err() {
        return now_s().to_string();
    }
    URL_SAFE_NO_PAD.encode(random)
}

/// What a session is revoked by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::gateway) struct SessionName {
    pub(in crate::gateway) id: String,
    /// When no renewal of it can be valid any more, in seconds since 1970.
    pub(in crate::gateway) ends_s: u64,
}

/// The name of a session; `None` unless it is signed by this gateway.
pub(in crate::gateway) fn name_of_session(text: &str, secret: &[u8; 32]) -> Option<SessionName> {
    let claims = verify(text, secret)?;
    let is_session = claims.t.is_none() && !claims.i.is_empty();
    // a session that is used now can be renewed now, for the whole time
    let ends_s = now_s() + SESSION_MAX.as_secs();
    is_session.then_some(SessionName {
        id: claims.i,
        ends_s: ends_s.max(claims.e),
    })
}

/// A ticket for one address of this user.
pub(in crate::gateway) fn ticket(user: &User, address: &str, secret: &[u8; 32]) -> SignedGrant {
    let address = Some(address_digest(address));
    sign(user, TICKET_MAX, String::new(), address, secret)
}

/// The user of a session; `None` unless it is valid.
pub(in crate::gateway) fn user_of_session(text: &str, secret: &[u8; 32]) -> Option<User> {
    let claims = verify(text, secret)?;
    // sessions of a version that gave them no name could not be ended
    let is_session = claims.t.is_none() && !claims.i.is_empty();
    is_session.then(|| user(claims))?
}

/// The user of a ticket; `None` unless it is valid for this address.
pub(in crate::gateway) fn user_of_ticket(
    text: &str,
    address: &str,
    secret: &[u8; 32],
) -> Option<User> {
    let claims = verify(text, secret)?;
    let is_for_it = claims.t.as_ref() == Some(&address_digest(address));
    is_for_it.then(|| user(claims))?
}

fn sign(
    user: &User,
    lasts_max: Duration,
    id: String,
    address: Option<String>,
    secret: &[u8; 32],
) -> SignedGrant {
    let lasts = user.remaining.map_or(lasts_max, |left| left.min(lasts_max));
    let claims = GrantClaims {
        i: id,
        u: user.id.clone(),
        a: user.rights == Rights::Everything,
        n: match &user.rights {
            Rights::Everything => Vec::new(),
            Rights::Own(nodes) => nodes.clone(),
        },
        e: now_s() + lasts.as_secs(),
        t: address,
    };
    // texts and numbers always are JSON
    let body = serde_json::to_vec(&claims).unwrap_or_default();
    let body = URL_SAFE_NO_PAD.encode(body);
    let tag = hmac::sign(&key(secret), body.as_bytes());
    SignedGrant {
        text: format!("{body}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref())),
        lasts,
    }
}

fn verify(text: &str, secret: &[u8; 32]) -> Option<GrantClaims> {
    if text.len() > TEXT_BYTES_MAX {
        return None;
    }
    let (body, tag) = text.split_once('.')?;
    let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
    hmac::verify(&key(secret), body.as_bytes(), &tag).ok()?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).ok()?).ok()
}

fn user(claims: GrantClaims) -> Option<User> {
    let left = claims.e.checked_sub(now_s()).filter(|left| *left > 0)?;
    Some(User {
        id: claims.u,
        rights: if claims.a {
            Rights::Everything
        } else {
            Rights::Own(claims.n)
        },
        remaining: Some(Duration::from_secs(left)),
        is_ambient: false,
        session: Some(claims.i).filter(|id| !id.is_empty()),
    })
}

/// The key of grants: that of nothing else.
fn key(secret: &[u8; 32]) -> hmac::Key {
    let own = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), PURPOSE);
    hmac::Key::new(hmac::HMAC_SHA256, own.as_ref())
}

fn address_digest(address: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, address.as_bytes()).as_ref())
}

/// Seconds since 1970.
fn now_s() -> u64 {
    let passed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    passed.map_or(0, |passed| passed.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: [u8; 32] = [3; 32];

    fn ann(remaining: Option<Duration>) -> User {
        User {
            id: "ann".to_owned(),
            rights: Rights::Own(vec!["n1".to_owned()]),
            remaining,
            is_ambient: true,
            session: None,
        }
    }

    #[test]
    fn a_session_brings_back_its_user_and_nothing_else_does() {
        let given = session(&ann(None), None, &SECRET);
        let found = user_of_session(&given.text, &SECRET).expect("valid");
        assert_eq!((&*found.id, &found.rights), ("ann", &ann(None).rights));
        assert!(!found.is_ambient);
        assert!(found.remaining.is_some_and(|left| left <= SESSION_MAX));
        assert_eq!(user_of_session(&given.text, &[4; 32]), None);
        assert_eq!(user_of_session(&given.text[1..], &SECRET), None);
        let short = session(&ann(Some(Duration::from_secs(30))), None, &SECRET);
        assert_eq!(short.lasts, Duration::from_secs(30));
        let ended = session(&ann(Some(Duration::ZERO)), None, &SECRET);
        assert_eq!(user_of_session(&ended.text, &SECRET), None);
    }

    #[test]
    fn a_ticket_is_for_one_address_and_no_session() {
        let given = ticket(&ann(None), "/a?b=c", &SECRET);
        assert!(user_of_ticket(&given.text, "/a?b=c", &SECRET).is_some());
        assert_eq!(user_of_ticket(&given.text, "/a?b=d", &SECRET), None);
        assert_eq!(user_of_session(&given.text, &SECRET), None);
        assert_eq!(name_of_session(&given.text, &SECRET), None);
        let other = session(&ann(None), None, &SECRET);
        assert_eq!(user_of_ticket(&other.text, "/a?b=c", &SECRET), None);
    }

    #[test]
    fn a_renewed_session_keeps_its_name() {
        let name = |text: &str| name_of_session(text, &SECRET).map(|name| name.id);
        let first = session(&ann(None), None, &SECRET);
        let renewed = session(&ann(None), Some(&first.text), &SECRET);
        assert!(name(&first.text).is_some());
        assert_eq!(name(&renewed.text), name(&first.text));
        let other = session(&ann(None), Some("made up"), &SECRET);
        assert_ne!(name(&other.text), name(&first.text));
        assert_eq!(name_of_session(&first.text, &[4; 32]), None);
    }
}
