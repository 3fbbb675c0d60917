//! Which connections are open, and which of them goes when there is no place for one more.
//!
//! A connection on which a request is being answered stays. Of the others, which only might ask something, the one that has been
//! waiting longest goes: somebody who opens thousands and says nothing displaces his own.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;
use tokio::sync::Notify;
use warp::hyper::body::{Body, Frame, SizeHint};

/// All open connections.
#[derive(Debug)]
pub(super) struct Crowd {
    most: usize,
    seats: Mutex<Seats>,
}

#[derive(Debug, Default)]
struct Seats {
    taken: HashMap<u64, Arc<Seat>>,
    next: u64,
}

/// One open connection. Dropping it frees its place.
#[derive(Debug)]
pub(super) struct Visitor {
    number: u64,
    seat: Arc<Seat>,
    crowd: Arc<Crowd>,
}

/// What is known of a connection.
#[derive(Debug)]
pub(super) struct Seat {
    /// Since when it waits for a request; `None` while one is being answered.
    idle_since: Mutex<Option<Instant>>,
    leave: Notify,
}

impl Crowd {
    /// Places for `most` connections.
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            seats: Mutex::default(),
        })
    }

    /// A place, if need be that of the connection that has been idle longest; `None` when all are busy.
    pub(super) fn enter(self: &Arc<Self>) -> Option<Visitor> {
        let mut seats = lock(&self.seats);
        if seats.taken.len() >= self.most {
            let (number, _) = seats
                .taken
                .iter()
                .filter_map(|(number, seat)| Some((*number, (*lock(&seat.idle_since))?)))
                .min_by_key(|(_, since)| *since)?;
            if let Some(seat) = seats.taken.remove(&number) {
                seat.leave.notify_one();
            }
        }
        let number = seats.next;
        seats.next += 1;
        let seat = Arc::new(Seat {
            idle_since: Mutex::new(Some(Instant::now())),
            leave: Notify::new(),
        });
        seats.taken.insert(number, Arc::clone(&seat));
        Some(Visitor {
            number,
            seat,
            crowd: Arc::clone(self),
        })
    }

    /// Closes what is idle, also where half a request has come.
    pub(super) fn displace_idle(&self) {
        for seat in lock(&self.seats).taken.values() {
            if lock(&seat.idle_since).is_some() {
                seat.leave.notify_one();
            }
        }
    }

    /// How many are open.
    pub(super) fn size(&self) -> usize {
        lock(&self.seats).taken.len()
    }
}

impl Visitor {
    /// The connection's own end of it.
    pub(super) fn seat(&self) -> Arc<Seat> {
        Arc::clone(&self.seat)
    }

    /// Waits until somebody else needs the place.
    pub(super) async fn displaced(&self) {
        self.seat.leave.notified().await;
    }
}

impl Drop for Visitor {
    fn drop(&mut self) {
        lock(&self.crowd.seats).taken.remove(&self.number);
    }
}

impl Seat {
    /// A request is being answered from now on, until the answer is dropped.
    pub(super) fn occupy(self: &Arc<Self>) -> Busy {
        *lock(&self.idle_since) = None;
        Busy(Arc::clone(self))
    }
}

/// Held while a request is being answered.
#[derive(Debug)]
pub(super) struct Busy(Arc<Seat>);

impl Drop for Busy {
    fn drop(&mut self) {
        *lock(&self.0.idle_since) = Some(Instant::now());
    }
}

/// A body that keeps its connection busy until all of it is handed over.
#[derive(Debug)]
pub(super) struct Occupying<B> {
    body: B,
    _busy: Busy,
}

impl<B> Occupying<B> {
    pub(super) fn new(body: B, busy: Busy) -> Self {
        Self { body, _busy: busy }
    }
}

impl<B: Body + Unpin> Body for Occupying<B> {
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

/// A panic elsewhere leaves what is behind these locks whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    fn is_displaced(visitor: &Visitor) -> bool {
        visitor.displaced().now_or_never().is_some()
    }

    #[test]
    fn the_longest_idle_makes_place_and_the_busy_stay() {
        let crowd = Crowd::new(3);
        let busy = crowd.enter().expect("a place");
        let answering = busy.seat().occupy();
        let first = crowd.enter().expect("a place");
        let second = crowd.enter().expect("a place");
        let third = crowd.enter().expect("the place of the first");
        assert!(is_displaced(&first) && !is_displaced(&second) && !is_displaced(&busy));
        drop(first);
        assert_eq!(crowd.size(), 3, "a displaced one frees nothing more");
        let still: Vec<_> = [&second, &third]
            .map(|visitor| visitor.seat().occupy())
            .into();
        assert!(crowd.enter().is_none(), "all are busy");
        drop(still);
        drop(answering);
        let fourth = crowd.enter().expect("a place");
        assert!(is_displaced(&second) || is_displaced(&third) || is_displaced(&busy));
        let answering = fourth.seat().occupy();
        crowd.displace_idle();
        assert!(is_displaced(&third) && !is_displaced(&fourth));
        drop((answering, busy, second, third, fourth));
        assert_eq!(crowd.size(), 0);
    }
}
