//! How long a stream may last: until the proof of its user expires, or its session is ended.

use crate::gateway::session::revoked::RevokedSessions;
use crate::gateway::session::user::User;
use std::sync::Arc;
use tokio::time::Instant;

/// The life of the session that a stream was opened with.
#[derive(Debug)]
pub(in crate::gateway) struct SessionLife {
    /// When the proof expires; `None`: never.
    until: Option<Instant>,
    /// The session of the page, which may be ended before.
    session: Option<(String, Arc<RevokedSessions>)>,
}

impl SessionLife {
    pub(in crate::gateway) fn of(user: &User, revoked: &Arc<RevokedSessions>) -> Self {
        let until = user.remaining;
        Self {
            until: until.and_then(|remaining| Instant::now().checked_add(remaining)),
            session: user.session.clone().map(|id| (id, Arc::clone(revoked))),
        }
    }

    /// Waits for the end; returns the reason, for the client.
    pub(in crate::gateway) async fn ended(&self) -> &'static str {
        let expired = async {
            match self.until {
                Some(until) => tokio::time::sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        let revoked = async {
            match &self.session {
                Some((id, revoked)) => revoked.ended(id).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = expired => "token_expired",
            () = revoked => "session_ended",
        }
    }
}
