//! Answers that wait to be read, and how much memory they may take together.

use super::error::ApiError;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use warp::hyper::body::Bytes;

/// An answer up to this is not counted: with its connection's buffers it is what the bound on connections allows for.
const SMALL_BYTES: usize = 64 * 1024;

/// All larger ones together, in KiB. A page of the longest records is 8 MiB, and as many clients as there may be connections could
/// ask for one and read nothing.
pub(super) const TOGETHER_KIB: u32 = 64 * 1024;

/// An answer takes at most this part of the room that is left: who leaves the longest unread keeps nobody from shorter ones.
const SHARE: usize = 4;

/// Room for large answers.
#[derive(Debug, Clone)]
pub(super) struct Answers(Arc<Semaphore>);

impl Answers {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(TOGETHER_KIB as usize)))
    }

    /// The body, which takes its room until all of it is handed to the system, or its connection is gone; 503 without room.
    pub(super) fn hold(&self, body: Vec<u8>) -> Result<Bytes, ApiError> {
        if body.len() <= SMALL_BYTES {
            return Ok(body.into());
        }
        let room = self.room(body.len().div_ceil(1024)).ok_or_else(|| {
            let message = "too many large answers wait to be read; try again, or ask for less";
            ApiError::unavailable("busy", message, 1)
        })?;
        Ok(Bytes::from_owner(Held { body, _room: room }))
    }

    fn room(&self, kib: usize) -> Option<OwnedSemaphorePermit> {
        let left = self.0.available_permits();
        // a single record may be longer than its share: then it is alone
        let is_alone = left == TOGETHER_KIB as usize;
        if !is_alone && kib.saturating_mul(SHARE) > left {
            return None;
        }
        let kib = u32::try_from(kib).unwrap_or(u32::MAX).min(TOGETHER_KIB);
        Arc::clone(&self.0).try_acquire_many_owned(kib).ok()
    }
}

/// A body in its room.
struct Held {
    body: Vec<u8>,
    _room: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_answers_take_turns_and_small_ones_do_not() {
        let answers = Answers::new();
        let large = || answers.hold(vec![7; 9 << 20]);
        let mut held: Vec<_> = (0..4).map(|_| large().expect("room")).collect();
        let refused = large().unwrap_err();
        assert_eq!((refused.status.as_u16(), refused.code), (503, "busy"));
        assert!(answers.hold(vec![7; SMALL_BYTES]).is_ok());
        assert!(answers.hold(vec![7; 6 << 20]).is_ok(), "its share");
        let part = held.pop().expect("an answer").slice(1..2);
        assert!(large().is_err(), "a part of it keeps the whole");
        drop(part);
        assert_eq!(large().expect("room again").len(), 9 << 20);
        drop(held);
        let whole = answers.hold(vec![7; 100 << 20]).expect("it is alone");
        assert!(large().is_err());
        drop(whole);
        assert!(large().is_ok());
    }
}
