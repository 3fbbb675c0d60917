//! Room for requests to nodes: how many are open at the same time, for all questions to several nodes together.

use crate::server::PrincipalId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Requests to nodes at the same time: each takes about 20 KiB for its connection while it waits, and a small machine does not become
/// faster with more of them.
const PLACES_MIN: usize = 256;

/// The places of all users. One user holds at most half of them, as nodes that do not answer keep theirs until the deadline.
#[derive(Debug)]
pub(in crate::gateway) struct NodeRoom {
    all: Arc<Semaphore>,
    user_max: usize,
    users: Mutex<HashMap<PrincipalId, Weak<Semaphore>>>,
}

/// The places of one user.
#[derive(Debug, Clone)]
pub(in crate::gateway) struct UserRoom {
    all: Arc<Semaphore>,
    own: Arc<Semaphore>,
}

/// A place for one request; dropping it frees it.
#[derive(Debug)]
pub(in crate::gateway) struct RequestPlace {
    _own: Option<OwnedSemaphorePermit>,
    _of_all: Option<OwnedSemaphorePermit>,
}

impl NodeRoom {
    /// `at_once`: how many nodes one question asks at the same time. Two users have room for one each.
    pub(in crate::gateway) fn new(at_once: usize) -> Self {
        let places = PLACES_MIN.max(2 * at_once);
        Self {
            all: Arc::new(Semaphore::new(places)),
            user_max: places / 2,
            users: Mutex::default(),
        }
    }

    pub(in crate::gateway) fn of_user(&self, user: PrincipalId) -> UserRoom {
        // a panic elsewhere leaves the map intact
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        let known = users.get(&user).and_then(Weak::upgrade);
        let own = known.unwrap_or_else(|| {
            users.retain(|_, room| room.strong_count() > 0);
            let own = Arc::new(Semaphore::new(self.user_max));
            users.insert(user, Arc::downgrade(&own));
            own
        });
        UserRoom {
            all: Arc::clone(&self.all),
            own,
        }
    }
}

impl UserRoom {
    /// Waits for a place; who came first gets the next one.
    pub(in crate::gateway) async fn place(self) -> RequestPlace {
        // neither semaphore is ever closed
        let own = self.own.acquire_owned().await.ok();
        let all = self.all.acquire_owned().await.ok();
        RequestPlace {
            _own: own,
            _of_all: all,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::timeout;

    async fn places(room: &UserRoom, count: usize) -> Vec<RequestPlace> {
        let mut held = Vec::new();
        while held.len() < count
            && let Ok(place) = timeout(Duration::from_millis(20), room.clone().place()).await
        {
            held.push(place);
        }
        held
    }

    #[tokio::test]
    async fn one_user_leaves_half_of_the_places_to_others() {
        let room = NodeRoom::new(64);
        let user = |name| room.of_user(PrincipalId::vouched(None, Some(name)));
        let of_first = places(&user("a"), 500).await;
        assert_eq!(of_first.len(), 128);
        let of_second = places(&user("b"), 500).await;
        assert_eq!(of_second.len(), 128);
        assert_eq!(places(&user("c"), 1).await.len(), 0, "all are taken");
        drop(of_first);
        assert_eq!(places(&user("c"), 500).await.len(), 128);
    }

    #[tokio::test]
    async fn users_who_left_are_forgotten() {
        let room = NodeRoom::new(64);
        for number in 0..1_000 {
            let user = PrincipalId::vouched(None, Some(&number.to_string()));
            drop(room.of_user(user).place().await);
        }
        assert_eq!(room.users.lock().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn one_question_always_has_room_for_its_nodes() {
        let room = NodeRoom::new(1_024);
        let user = room.of_user(PrincipalId::vouched(None, Some("a")));
        assert_eq!(places(&user, 1_024).await.len(), 1_024);
    }
}
