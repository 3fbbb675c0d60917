//! Challenges for nodes that connect. None is stored: each names its number and time, and is signed by this process.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A node answers a challenge at once.
const VALID_FOR: Duration = Duration::from_mins(1);

/// Number, milliseconds since the start, and the signature of both.
const BYTES: usize = 8 + 8 + 32;

/// Makes challenges, and accepts the answer to each once.
#[derive(Debug)]
pub(in crate::gateway) struct Challenges {
    /// Made at the start: a challenge of before is not valid any more.
    key: hmac::Key,
    start: Instant,
    next: AtomicU64,
    /// The number of the last challenge that each node has answered. Only nodes that have proved who they are get here, so that there are as
    /// many as nodes have joined.
    answered: Mutex<HashMap<String, u64>>,
}

impl Challenges {
    pub(in crate::gateway) fn new() -> io::Result<Self> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(io::Error::other)?;
        Ok(Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, &secret),
            start: Instant::now(),
            next: AtomicU64::new(1),
            answered: Mutex::default(),
        })
    }

    /// A new challenge.
    pub(in crate::gateway) fn make(&self) -> String {
        self.make_at(self.start.elapsed())
    }

    fn make_at(&self, at: Duration) -> String {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let ms = u64::try_from(at.as_millis()).unwrap_or(u64::MAX);
        let said = [number.to_le_bytes(), ms.to_le_bytes()].concat();
        let tag = hmac::sign(&self.key, &said);
        URL_SAFE_NO_PAD.encode([&said, tag.as_ref()].concat())
    }

    /// Whether a challenge is one of ours, young, and newer than the last one that this node has answered; it is used up then. The answer
    /// must have been verified.
    pub(in crate::gateway) fn accept(&self, node: &str, challenge: &str) -> bool {
        self.accept_at(node, challenge, self.start.elapsed())
            .is_some()
    }

    fn accept_at(&self, node: &str, challenge: &str, now: Duration) -> Option<()> {
        let bytes = URL_SAFE_NO_PAD.decode(challenge).ok()?;
        let bytes: [u8; BYTES] = bytes.try_into().ok()?;
        let (said, tag) = bytes.split_at_checked(16)?;
        hmac::verify(&self.key, said, tag).ok()?;
        let (number, ms) = said.split_at_checked(8)?;
        let number = u64::from_le_bytes(number.try_into().ok()?);
        let made = Duration::from_millis(u64::from_le_bytes(ms.try_into().ok()?));
        if now.saturating_sub(made) > VALID_FOR {
            return None;
        }
        // a panic elsewhere leaves the numbers intact
        let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        if answered.get(node).is_some_and(|last| *last >= number) {
            return None;
        }
        answered.insert(node.to_owned(), number);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_answered_once() {
        let challenges = Challenges::new().expect("a secret");
        let (first, second) = (challenges.make(), challenges.make());
        assert!(challenges.accept("n1", &first));
        assert!(!challenges.accept("n1", &first), "a replay");
        assert!(challenges.accept("n1", &second));
        assert!(!challenges.accept("n1", &first), "older than the last one");
        // nodes do not use up challenges of each other
        assert!(challenges.accept("n2", &first));
    }

    #[test]
    fn a_challenge_is_ours_and_young() {
        let challenges = Challenges::new().expect("a secret");
        let old = challenges.make_at(Duration::ZERO);
        let later = VALID_FOR + Duration::from_millis(1);
        assert!(challenges.accept_at("n1", &old, later).is_none());
        assert!(challenges.accept_at("n1", &old, VALID_FOR).is_some());
        let restarted = Challenges::new().expect("a secret");
        assert!(!restarted.accept("n1", &challenges.make()));
        let valid = challenges.make();
        for index in 0..valid.len() {
            let mut bytes = valid.clone().into_bytes();
            bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).expect("ASCII");
            assert!(!challenges.accept("n1", &changed), "{index}");
        }
        for text in ["", "AAAA", "\u{e9}", &valid[1..]] {
            assert!(!challenges.accept("n1", text), "{text}");
        }
        assert!(challenges.accept("n1", &valid));
    }
}
