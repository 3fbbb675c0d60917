//! ResponseMemory that wait to be read, and how much memory they may take together.

use crate::server::auth::principal::PrincipalId;
use crate::server::http::error::ApiError;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use warp::hyper::body::Bytes;

/// An answer up to this is not counted: with its connection's buffers it is what the bound on connections allows for.
const SMALL_BYTES: usize = 64 * 1024;

/// All larger ones together. A page of the longest records is 8 MiB, and as many clients as there may be connections could ask for
/// one and read nothing.
pub(in crate::server) const TOGETHER_BYTES: usize = 32 << 20;

/// An answer takes at most this part of the room that is left, and a principal other than the owner never more than half of all
/// room: long answers that are left unread block no shorter ones.
const SHARE: usize = 4;

/// Room for large answers.
#[derive(Debug, Clone, Default)]
pub(in crate::server) struct ResponseMemory(Arc<Mutex<HashMap<PrincipalId, usize>>>);

impl ResponseMemory {
    /// The body, which takes its room until all of it is handed to the system, or its connection is gone; 503 without room.
    pub(in crate::server) fn hold(
        &self,
        principal: PrincipalId,
        body: Vec<u8>,
    ) -> Result<Bytes, ApiError> {
        if body.len() <= SMALL_BYTES {
            return Ok(body.into());
        }
        if !self.take(principal, body.len()) {
            let message = "too many large answers wait to be read; try again, or ask for less";
            return Err(ApiError::unavailable("busy", message, 1));
        }
        Ok(Bytes::from_owner(HeldBody {
            body,
            principal,
            answers: self.clone(),
        }))
    }

    fn take(&self, principal: PrincipalId, bytes: usize) -> bool {
        let mut held = self.held();
        let all: usize = held.values().sum();
        let own = held.get(&principal).copied().unwrap_or_default();
        // a single record may be longer than its share: then it is alone
        let fits = bytes.saturating_mul(SHARE) <= TOGETHER_BYTES.saturating_sub(all)
            && (principal == PrincipalId::Owner || own + bytes <= TOGETHER_BYTES / 2);
        if fits || all == 0 {
            *held.entry(principal).or_default() += bytes;
        }
        fits || all == 0
    }

    fn held(&self) -> MutexGuard<'_, HashMap<PrincipalId, usize>> {
        // a panic elsewhere leaves the numbers as they were
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A body in its room.
struct HeldBody {
    body: Vec<u8>,
    principal: PrincipalId,
    answers: ResponseMemory,
}

impl AsRef<[u8]> for HeldBody {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

impl Drop for HeldBody {
    fn drop(&mut self) {
        let mut held = self.answers.held();
        if let Some(bytes) = held.get_mut(&self.principal) {
            *bytes -= self.body.len();
            if *bytes == 0 {
                held.remove(&self.principal);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: PrincipalId = PrincipalId::Owner;

    #[test]
    fn large_answers_take_turns_and_small_ones_do_not() {
        let answers = ResponseMemory::default();
        let large = || answers.hold(OWNER, vec![7; 5 << 20]);
        let mut held: Vec<_> = (0..3).map(|_| large().expect("room")).collect();
        let refused = large().unwrap_err();
        assert_eq!((refused.status.as_u16(), refused.code), (503, "busy"));
        assert!(answers.hold(OWNER, vec![7; SMALL_BYTES]).is_ok());
        let part = held.pop().expect("an answer").slice(1..2);
        assert!(large().is_err(), "a part of it keeps the whole");
        drop(part);
        assert_eq!(large().expect("room again").len(), 5 << 20);
        drop(held);
        let whole = answers
            .hold(OWNER, vec![7; 100 << 20])
            .expect("it is alone");
        assert!(large().is_err());
        drop(whole);
        assert!(large().is_ok());
    }

    #[test]
    fn one_principal_leaves_room_for_others() {
        let answers = ResponseMemory::default();
        let mut held = Vec::new();
        while let Ok(body) = answers.hold(PrincipalId::vouched(Some("a"), None), vec![7; 65 << 10])
        {
            held.push(body);
        }
        assert!(answers.hold(OWNER, vec![7; 3 << 20]).is_ok());
    }
}
