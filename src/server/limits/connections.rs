//! Limits the number of connections, and selects the one to close to make room for a new one.
//!
//! A connection with a request in progress is kept. Of the idle ones, the one that has been idle longest is closed: a
//! client that opens thousands of silent connections displaces its own.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;
use tokio::sync::Notify;
use warp::hyper::body::{Body, Frame, SizeHint};

/// The open connections.
#[derive(Debug)]
pub(crate) struct ConnectionLimiter {
    most: usize,
    slots: Mutex<Slots>,
}

#[derive(Debug, Default)]
struct Slots {
    taken: HashMap<u64, Arc<ConnectionSlot>>,
    next: u64,
}

/// An open connection; dropping it frees its slot.
#[derive(Debug)]
pub(crate) struct Connection {
    number: u64,
    slot: Arc<ConnectionSlot>,
    limiter: Arc<ConnectionLimiter>,
}

/// The state of a connection.
#[derive(Debug)]
pub(crate) struct ConnectionSlot {
    /// Since when it has been idle; `None` while a request is in progress.
    idle_since: Mutex<Option<Instant>>,
    leave: Notify,
}

impl ConnectionLimiter {
    /// A limit of `most` connections.
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            slots: Mutex::default(),
        })
    }

    /// Takes a slot, if necessary that of the connection that has been idle longest; `None` if all are busy.
    pub(crate) fn enter(self: &Arc<Self>) -> Option<Connection> {
        let mut slots = lock(&self.slots);
        if slots.taken.len() >= self.most {
            let (number, _) = slots
                .taken
                .iter()
                .filter_map(|(number, slot)| Some((*number, (*lock(&slot.idle_since))?)))
                .min_by_key(|(_, since)| *since)?;
            if let Some(slot) = slots.taken.remove(&number) {
                slot.leave.notify_one();
            }
        }
        let number = slots.next;
        slots.next += 1;
        let slot = Arc::new(ConnectionSlot {
            idle_since: Mutex::new(Some(Instant::now())),
            leave: Notify::new(),
        });
        slots.taken.insert(number, Arc::clone(&slot));
        Some(Connection {
            number,
            slot,
            limiter: Arc::clone(self),
        })
    }

    /// Closes idle connections, including those with an incomplete request.
    pub(crate) fn displace_idle(&self) {
        for slot in lock(&self.slots).taken.values() {
            if lock(&slot.idle_since).is_some() {
                slot.leave.notify_one();
            }
        }
    }

    /// The number of open connections.
    pub(crate) fn size(&self) -> usize {
        lock(&self.slots).taken.len()
    }
}

impl Connection {
    /// The slot of the connection.
    pub(crate) fn slot(&self) -> Arc<ConnectionSlot> {
        Arc::clone(&self.slot)
    }

    /// Waits until another connection needs the slot.
    pub(crate) async fn displaced(&self) {
        self.slot.leave.notified().await;
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        lock(&self.limiter.slots).taken.remove(&self.number);
    }
}

impl ConnectionSlot {
    /// Marks the connection as busy until the guard is dropped.
    pub(crate) fn occupy(self: &Arc<Self>) -> BusyGuard {
        *lock(&self.idle_since) = None;
        BusyGuard(Arc::clone(self))
    }
}

/// Held while a request is in progress.
#[derive(Debug)]
pub(crate) struct BusyGuard(Arc<ConnectionSlot>);

impl Drop for BusyGuard {
    fn drop(&mut self) {
        *lock(&self.0.idle_since) = Some(Instant::now());
    }
}

/// A body that holds guards until it has been sent: its connection and its permit.
#[derive(Debug)]
pub(crate) struct GuardedBody<B, H> {
    body: B,
    _held: H,
}

impl<B, H> GuardedBody<B, H> {
    pub(crate) fn new(body: B, held: H) -> Self {
        Self { body, _held: held }
    }
}

impl<B: Body + Unpin, H: Unpin> Body for GuardedBody<B, H> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A panic elsewhere leaves the state protected by these locks intact.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    fn is_displaced(connection: &Connection) -> bool {
        connection.displaced().now_or_never().is_some()
    }

    #[test]
    fn longest_idle_connection_is_displaced_and_busy_ones_stay() {
        let limiter = ConnectionLimiter::new(3);
        let busy = limiter.enter().expect("a place");
        let answering = busy.slot().occupy();
        let first = limiter.enter().expect("a place");
        let second = limiter.enter().expect("a place");
        let third = limiter.enter().expect("the slot of the first");
        assert!(is_displaced(&first) && !is_displaced(&second) && !is_displaced(&busy));
        drop(first);
        assert_eq!(limiter.size(), 3, "a displaced one frees nothing more");
        let still: Vec<_> = [&second, &third]
            .map(|connection| connection.slot().occupy())
            .into();
        assert!(limiter.enter().is_none(), "all are busy");
        drop(still);
        drop(answering);
        let fourth = limiter.enter().expect("a place");
        assert!(is_displaced(&second) || is_displaced(&third) || is_displaced(&busy));
        let answering = fourth.slot().occupy();
        limiter.displace_idle();
        assert!(is_displaced(&third) && !is_displaced(&fourth));
        drop((answering, busy, second, third, fourth));
        assert_eq!(limiter.size(), 0);
    }
}
