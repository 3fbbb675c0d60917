//! The memory of responses that clients have not read yet.

use crate::server::auth::principal::PrincipalId;
use crate::server::http::error::ApiError;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use warp::hyper::body::Bytes;

/// Smaller responses are not counted: the limit on connections covers them, like the buffers of a connection.
const SMALL_BYTES: usize = 64 * 1024;

/// Maximum size of all larger ones together. A page of the longest records has 8 MiB, and every connection could request one and read
/// nothing.
pub(in crate::server) const TOGETHER_BYTES: usize = 32 << 20;

/// A response may take at most 1/4 of the free memory, and principals other than the owner at most half of all: large unread responses
/// do not block smaller ones.
const SHARE: usize = 4;

/// The memory for large responses.
#[derive(Debug, Clone, Default)]
pub(in crate::server) struct ResponseMemory(Arc<Mutex<HashMap<PrincipalId, usize>>>);

impl ResponseMemory {
    /// Reserves memory for a body until it has been sent or its connection has ended; fails with 503 if there is not
    /// enough.
    pub(in crate::server) fn hold(
        &self,
        principal: PrincipalId,
        body: Vec<u8>,
    ) -> Result<Bytes, ApiError> {
        if body.len() <= SMALL_BYTES {
            return Ok(body.into());
        }
        if !self.take(principal, body.len()) {
            let message = "too many large responses are unread (try again, or request less)";
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
        // A single record may exceed its share if there is no other response.
        let fits = bytes.saturating_mul(SHARE) <= TOGETHER_BYTES.saturating_sub(all)
            && (principal == PrincipalId::Owner || own + bytes <= TOGETHER_BYTES / 2);
        if fits || all == 0 {
            *held.entry(principal).or_default() += bytes;
        }
        fits || all == 0
    }

    fn held(&self) -> MutexGuard<'_, HashMap<PrincipalId, usize>> {
        // A panic elsewhere leaves the numbers intact.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A body and its reserved memory.
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
    fn only_large_responses_are_bounded() {
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
    fn one_principal_leaves_memory_for_others() {
        let answers = ResponseMemory::default();
        let mut held = Vec::new();
        while let Ok(body) = answers.hold(PrincipalId::vouched(Some("a"), None), vec![7; 65 << 10])
        {
            held.push(body);
        }
        assert!(answers.hold(OWNER, vec![7; 3 << 20]).is_ok());
    }
}
