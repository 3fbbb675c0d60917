//! Idempotency keys of the newest events, so that an event that is sent again is not stored again.

use super::event_id::EventId;
use std::collections::{HashMap, VecDeque};

/// How many keys are known, about 1 MiB. A client retries within minutes.
pub(super) const KEYS_MAX: usize = 10_000;

/// The digest of a key.
pub(super) type KeyDigest = [u8; 16];

/// The events of the newest keys.
#[derive(Debug, Default)]
pub(super) struct KnownKeys {
    events: HashMap<KeyDigest, EventId>,
    /// The oldest is first.
    order: VecDeque<KeyDigest>,
}

impl KnownKeys {
    pub(super) fn get(&self, key: &KeyDigest) -> Option<EventId> {
        self.events.get(key).copied()
    }

    pub(super) fn insert(&mut self, key: KeyDigest, event: EventId) {
        if self.events.insert(key, event).is_none() {
            self.order.push_back(key);
        }
        if self.order.len() > KEYS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.events.remove(&oldest);
        }
    }
}

/// The digest of a key. Keys of different workspaces differ, so that none can learn of those of another.
pub(super) fn digest(workspace: Option<&str>, key: &str) -> KeyDigest {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    let workspace = workspace.unwrap_or_default();
    context.update(&(workspace.len() as u64).to_le_bytes());
    context.update(workspace.as_bytes());
    context.update(key.as_bytes());
    let mut digest = [0; 16];
    for (to, from) in digest.iter_mut().zip(context.finish().as_ref()) {
        *to = *from;
    }
    digest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_newest_keys() {
        let mut keys = KnownKeys::default();
        let key = |number: usize| digest(None, &number.to_string());
        let id = |number: usize| EventId::after(None, number as u64, [0; 10]);
        for number in 0..=KEYS_MAX {
            keys.insert(key(number), id(number));
        }
        assert_eq!(keys.get(&key(0)), None, "the oldest is forgotten");
        assert_eq!(keys.get(&key(1)), Some(id(1)));
        assert_eq!(keys.order.len(), KEYS_MAX);
    }

    #[test]
    fn keys_of_workspaces_differ() {
        assert_ne!(digest(Some("a"), "b"), digest(None, "ab"));
        assert_ne!(digest(Some("a"), "b"), digest(Some("b"), "b"));
        assert_eq!(digest(Some("a"), "b"), digest(Some("a"), "b"));
    }
}
