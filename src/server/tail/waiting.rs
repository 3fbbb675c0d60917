//! How the task of a live tail waits for events.

use crate::live::{Subscription, Unmatched};
use std::future::poll_fn;

/// Events that were ready at once.
pub(super) struct ReadyEvents {
    /// `None`: the live tail was closed.
    pub(super) unmatched: Option<Unmatched>,
    /// No event was ready at first.
    pub(super) was_awaited: bool,
}

/// Maximum number of events that are filtered together: they about fill a chunk.
const EVENTS_MAX: usize = 256;
/// Maximum size of their records: the slowest filter, at 5 ms per KiB, then lets the next client have its turn in time.
const EVENT_BYTES_MAX: usize = 64 << 10;

/// Waits for an event, then takes all others that are ready.
pub(super) async fn take(subscription: &mut Subscription) -> ReadyEvents {
    let mut was_awaited = false;
    let unmatched = poll_fn(|context| {
        let polled = subscription.poll_unmatched(context, EVENTS_MAX, EVENT_BYTES_MAX);
        was_awaited |= polled.is_pending();
        polled
    })
    .await;
    ReadyEvents {
        unmatched,
        was_awaited,
    }
}
