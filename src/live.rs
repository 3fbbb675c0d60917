//! The newest records, and the subscribers that wait for more.
//!
//! A committed batch goes into a ring and into the bounded queue of each subscriber, whatever its filter. A filter
//! may contain a regex that takes milliseconds per record, so it runs where the subscriber is polled and never on the
//! writer's thread. A slow subscriber loses records, gets a gap with their ids, and never blocks the writer. No async
//! runtime is needed: a polling subscriber leaves a waker.
//!
//! The ids of published records are contiguous, so that a reader can combine the store and a subscription: records
//! below [`Subscription::first_id`] come from the store, all others from the subscription, each exactly once.

use crate::query::Filter;
use crate::record::{Id, Key, Metadata, StoredRecord};
use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

/// Maximum memory of the ring, in bytes, because a few huge records, or many with much metadata, would fill a small
/// machine. Older records are read from the store.
const RING_BYTES_MAX: usize = 4 << 20;
/// Maximum memory of one subscriber's queue, in bytes. Records that are also in the ring are shared with it.
const QUEUE_BYTES_MAX: usize = 4 << 20;
/// Approximate memory of a record without its texts and metadata: the structure, the counters of its `Arc`, its slot in a queue.
const RECORD_BYTES: usize = 192;
/// Memory of one B-tree node with its eleven entries: maps within metadata are B-trees.
const NODE_BYTES: usize = 640;
const NODE_ENTRIES: usize = 11;

/// A ring of the newest records, fanned out to subscribers; cheap to clone.
#[derive(Clone)]
pub struct Live {
    shared: Arc<LiveState>,
}

/// An event for a subscriber.
#[derive(Debug, Clone)]
pub enum Event {
    /// A record that matches its filter.
    Record(Arc<StoredRecord>),
    /// The subscriber was too slow: all records with these ids were dropped, whether or not they match its filter. They can be
    /// read from the store.
    Gap {
        /// The first of them.
        from: Id,
        /// The last of them.
        to: Id,
    },
}

/// Events of a subscription before filtering, which may take long and can be done on another thread.
pub struct Unmatched {
    events: Vec<Event>,
    filter: Arc<Filter>,
}

impl Unmatched {
    /// The id of the last record or gap.
    #[must_use]
    pub fn last_id(&self) -> Option<Id> {
        self.events.last().map(|event| match event {
            Event::Record(record) => record.id,
            Event::Gap { to, .. } => *to,
        })
    }

    /// The gaps, and the records that match the filter.
    #[must_use]
    pub fn matching(self) -> Vec<Event> {
        let Self { mut events, filter } = self;
        events.retain(|event| match event {
            Event::Record(record) => filter.matches(record),
            Event::Gap { .. } => true,
        });
        events
    }
}

impl fmt::Debug for Unmatched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unmatched")
            .field("events", &self.events.len())
            .finish_non_exhaustive()
    }
}

/// One subscriber's queue. Dropping it unsubscribes.
pub struct Subscription {
    first_id: Id,
    filter: Arc<Filter>,
    /// Records of the ring at the time of the subscription, not filtered yet.
    backlog: VecDeque<Arc<StoredRecord>>,
    member: Arc<Member>,
    shared: Arc<LiveState>,
}

impl Live {
    /// Keeps the newest `ring_rows` (and at most 4 MiB of them). `next_id` is the id that the store will assign next.
    #[must_use]
    pub fn new(ring_rows: usize, next_id: Id) -> Self {
        let hub = Hub {
            ring: Ring {
                rows: VecDeque::new(),
                rows_max: ring_rows,
                bytes: 0,
                next_id: next_id.0,
            },
            members: Vec::new(),
            is_closed: false,
        };
        Self {
            shared: Arc::new(LiveState {
                hub: Mutex::new(hub),
                subscribers: AtomicUsize::new(0),
            }),
        }
    }

    /// Publishes committed records, in the order of their ids. Never blocks on a subscriber, and never runs a subscriber's
    /// filter.
    pub fn publish(&self, records: &[Arc<StoredRecord>]) {
        if records.is_empty() {
            return;
        }
        let weighed = records.iter().map(Weighed::new);
        let weighed: Vec<Weighed> = weighed.collect();
        // The queues are filled under the lock, so that two publishers cannot overtake each other.
        let mut hub = lock(&self.shared.hub);
        let wakers: Vec<Waker> = hub
            .members
            .iter()
            .filter_map(|member| member.upgrade()?.offer(&weighed))
            .collect();
        for record in weighed {
            hub.ring.push(record);
        }
        drop(hub);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Subscribes to records from now on. With `after`, the last id that the subscriber has, newer records of the ring come
    /// first; `after` may be ahead of the published records. `queue_rows` is the maximum number of waiting records, at least one.
    #[must_use]
    pub fn subscribe(&self, filter: Filter, after: Option<Id>, queue_rows: usize) -> Subscription {
        let mut hub = lock(&self.shared.hub);
        let backlog = match after {
            Some(Id(after)) => hub.ring.beyond(after),
            None => VecDeque::new(),
        };
        // A reader of the store may be ahead, because records are stored a moment before they are published.
        let next = hub
            .ring
            .next_id
            .max(after.map_or(0, |Id(after)| after.saturating_add(1)));
        let first_id = backlog.front().map_or(Id(next), |record| record.id);
        let member = Arc::new(Member {
            first_id,
            rows_max: queue_rows.max(1),
            queue: Mutex::new(Queue {
                is_closed: hub.is_closed,
                ..Queue::default()
            }),
        });
        hub.members.push(Arc::downgrade(&member));
        self.shared.subscribers.fetch_add(1, Ordering::Relaxed);
        Subscription {
            first_id,
            filter: Arc::new(filter),
            backlog,
            member,
            shared: Arc::clone(&self.shared),
        }
    }

    /// The number of subscribers. Collectors poll faster while there are any.
    #[must_use]
    pub fn subscribers(&self) -> usize {
        self.shared.subscribers.load(Ordering::Relaxed)
    }

    /// Ends every subscription, including later ones, after its waiting records have been taken.
    pub fn close(&self) {
        let mut hub = lock(&self.shared.hub);
        hub.is_closed = true;
        let members: Vec<_> = hub.members.iter().filter_map(Weak::upgrade).collect();
        drop(hub);
        for member in members {
            let waker = {
                let mut queue = lock(&member.queue);
                queue.is_closed = true;
                queue.waker.take()
            };
            waker.into_iter().for_each(Waker::wake);
        }
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live")
            .field("subscribers", &self.subscribers())
            .finish_non_exhaustive()
    }
}

impl Subscription {
    /// The first id of the subscription. Records between `after` and this id must be read from the store.
    #[must_use]
    pub fn first_id(&self) -> Id {
        self.first_id
    }

    /// The next event, filtered on the polling thread; `None` at the end.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Event>> {
        loop {
            let unmatched = match self.poll_unmatched(context, 1, usize::MAX) {
                Poll::Ready(Some(unmatched)) => unmatched,
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            };
            if let Some(event) = unmatched.matching().pop() {
                return Poll::Ready(Some(event));
            }
        }
    }

    /// The events that are ready: at least one, up to `events_max`, or until their records take `bytes_max` of
    /// memory. `None` at the end.
    pub fn poll_unmatched(
        &mut self,
        context: &mut Context<'_>,
        events_max: usize,
        bytes_max: usize,
    ) -> Poll<Option<Unmatched>> {
        let (mut events, mut bytes) = (Vec::new(), 0);
        let mut queue = lock(&self.member.queue);
        while events.len() < events_max && bytes < bytes_max {
            let next = match self.backlog.pop_front() {
                Some(record) => Event::Record(record),
                None => match queue.pop(self.member.rows_max) {
                    Some(event) => event,
                    None => break,
                },
            };
            if let Event::Record(record) = &next {
                bytes += bytes_of(record);
            }
            events.push(next);
        }
        if !events.is_empty() {
            let filter = Arc::clone(&self.filter);
            return Poll::Ready(Some(Unmatched { events, filter }));
        }
        if queue.is_closed {
            return Poll::Ready(None);
        }
        queue.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("first_id", &self.first_id)
            .finish_non_exhaustive()
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut hub = lock(&self.shared.hub);
        let own = Arc::as_ptr(&self.member);
        hub.members.retain(|member| member.as_ptr() != own);
        self.shared.subscribers.fetch_sub(1, Ordering::Relaxed);
    }
}

/// State that all handles and subscriptions share.
struct LiveState {
    hub: Mutex<Hub>,
    subscribers: AtomicUsize,
}

struct Hub {
    ring: Ring,
    members: Vec<Weak<Member>>,
    is_closed: bool,
}

/// A record and its memory, computed once for the ring and all queues.
struct Weighed {
    record: Arc<StoredRecord>,
    bytes: usize,
}

impl Weighed {
    fn new(record: &Arc<StoredRecord>) -> Self {
        Self {
            bytes: bytes_of(record),
            record: Arc::clone(record),
        }
    }
}

/// The newest records, contiguous up to `next_id`.
struct Ring {
    rows: VecDeque<Weighed>,
    rows_max: usize,
    bytes: usize,
    next_id: u64,
}

impl Ring {
    fn push(&mut self, weighed: Weighed) {
        let Id(id) = weighed.record.id;
        if id != self.next_id {
            // Records in between were never published: only the store has them.
            self.rows.clear();
            self.bytes = 0;
        }
        self.next_id = id.saturating_add(1);
        self.bytes += weighed.bytes;
        self.rows.push_back(weighed);
        while self.rows.len() > self.rows_max || self.bytes > RING_BYTES_MAX {
            let Some(oldest) = self.rows.pop_front() else {
                break;
            };
            self.bytes -= oldest.bytes;
        }
    }

    fn beyond(&self, after: u64) -> VecDeque<Arc<StoredRecord>> {
        let start = self
            .rows
            .partition_point(|weighed| weighed.record.id.0 <= after);
        let newer = self.rows.range(start..);
        newer.map(|weighed| Arc::clone(&weighed.record)).collect()
    }
}

/// A subscriber as the publisher sees it.
struct Member {
    /// Earlier records are not offered: the subscriber has them.
    first_id: Id,
    rows_max: usize,
    queue: Mutex<Queue>,
}

impl Member {
    /// Queues the records, and returns the waker of a waiting subscriber.
    fn offer(&self, records: &[Weighed]) -> Option<Waker> {
        let mut new = records
            .iter()
            .filter(|weighed| weighed.record.id >= self.first_id)
            .peekable();
        new.peek()?;
        let mut queue = lock(&self.queue);
        for weighed in new {
            queue.push(weighed, self.rows_max);
        }
        queue.waker.take()
    }
}

/// Waiting records, with gaps where the queue was full.
#[derive(Default)]
struct Queue {
    events: VecDeque<Event>,
    /// The number of records among them.
    rows: usize,
    bytes: usize,
    /// Whether the queue was full and has not been emptied far enough since.
    is_behind: bool,
    is_closed: bool,
    waker: Option<Waker>,
}

impl Queue {
    fn push(&mut self, weighed: &Weighed, rows_max: usize) {
        let Weighed { record, bytes } = weighed;
        // A record larger than the whole queue is accepted if the queue is empty; otherwise it could never be
        // delivered.
        let has_room = self.rows < rows_max && self.bytes + *bytes <= QUEUE_BYTES_MAX;
        if !self.is_behind && (has_room || self.rows == 0) {
            self.rows += 1;
            self.bytes += *bytes;
            self.events.push_back(Event::Record(Arc::clone(record)));
            return;
        }
        self.is_behind = true;
        match self.events.back_mut() {
            Some(Event::Gap { to, .. }) => *to = record.id,
            _ => self.events.push_back(Event::Gap {
                from: record.id,
                to: record.id,
            }),
        }
    }

    fn pop(&mut self, rows_max: usize) -> Option<Event> {
        let event = self.events.pop_front()?;
        if let Event::Record(record) = &event {
            self.rows -= 1;
            self.bytes -= bytes_of(record);
        }
        // One long gap is better than many short ones, so records are accepted again only when the queue is half
        // empty.
        if self.rows <= rows_max / 2 && self.bytes <= QUEUE_BYTES_MAX / 2 {
            self.is_behind = false;
        }
        Some(event)
    }
}

/// Approximate memory of a record.
fn bytes_of(record: &StoredRecord) -> usize {
    let record = &record.record;
    let texts = allocated(record.message.len()) + allocated(record.source.as_str().len());
    RECORD_BYTES + texts + metadata_bytes(&record.metadata)
}

/// Approximate memory of metadata, whose pairs are in one allocation. Keys are counted as if each were allocated.
fn metadata_bytes(metadata: &Metadata) -> usize {
    let pairs = metadata.iter();
    let texts = pairs.map(|(key, value)| allocated(key.len()) + json_bytes(value));
    allocated(metadata.len() * size_of::<(Key, serde_json::Value)>()) + texts.sum::<usize>()
}

/// Approximate memory of a map. The depth of metadata is bounded when it is read.
fn map_bytes(map: &serde_json::Map<String, serde_json::Value>) -> usize {
    let nodes = match map.len() {
        0 => 0,
        1..=NODE_ENTRIES => 1,
        // Nodes that are filled in ascending order and then split are half full.
        entries => 1 + entries / (NODE_ENTRIES / 2 + 1),
    };
    let texts = map
        .iter()
        .map(|(key, value)| allocated(key.len()) + json_bytes(value));
    nodes * NODE_BYTES + texts.sum::<usize>()
}

/// Approximate memory of a JSON value, without the value's own slot.
fn json_bytes(value: &serde_json::Value) -> usize {
    match value {
        serde_json::Value::String(text) => allocated(text.len()),
        serde_json::Value::Array(values) => {
            let own = values.len() * size_of::<serde_json::Value>();
            allocated(own) + values.iter().map(json_bytes).sum::<usize>()
        }
        serde_json::Value::Object(map) => map_bytes(map),
        _ => 0,
    }
}

/// The size of an allocation of this many bytes: with a header, rounded up to 16.
fn allocated(bytes: usize) -> usize {
    match bytes {
        0 => 0,
        _ => (bytes + 8).next_multiple_of(16).max(32),
    }
}

/// A poisoned lock is safe to use: every update leaves the queues consistent.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::LevelSet;
    use crate::record::{Level, Record};
    use crate::time::Micros;
    use proptest::prelude::*;
    use std::sync::atomic::AtomicBool;
    use std::task::Wake;

    fn record(id: u64, message: String) -> Arc<StoredRecord> {
        let levels = [Level::Info, Level::Error, Level::Debug];
        Arc::new(StoredRecord {
            id: Id(id),
            record: Record {
                timestamp: Micros::new(0),
                source: "test".parse().unwrap(),
                level: levels[usize::try_from(id % 3).unwrap()],
                message,
                metadata: Metadata::new(),
            },
        })
    }

    fn records(ids: std::ops::Range<u64>) -> Vec<Arc<StoredRecord>> {
        ids.map(|id| record(id, String::new())).collect()
    }

    fn poll(subscription: &mut Subscription) -> Poll<Option<Event>> {
        subscription.poll_next(&mut Context::from_waker(Waker::noop()))
    }

    /// Ids of records as themselves, gaps as `from..=to`.
    fn drain(subscription: &mut Subscription) -> Vec<String> {
        let mut seen = Vec::new();
        while let Poll::Ready(Some(event)) = poll(subscription) {
            seen.push(match event {
                Event::Record(record) => record.id.to_string(),
                Event::Gap { from, to } => format!("{from}..={to}"),
            });
        }
        seen
    }

    fn errors() -> Filter {
        Filter::default().with_levels(LevelSet::at_least(Level::Error))
    }

    #[test]
    fn published_records_arrive_filtered() {
        let live = Live::new(100, Id(5));
        let mut all = live.subscribe(Filter::default(), None, 10);
        let mut errors = live.subscribe(errors(), None, 10);
        assert_eq!((all.first_id(), live.subscribers()), (Id(5), 2));
        live.publish(&records(5..9));
        assert_eq!(drain(&mut all), ["5", "6", "7", "8"]);
        assert_eq!(drain(&mut errors), ["7"]);
        assert!(poll(&mut all).is_pending());
        drop(all);
        drop(errors);
        assert_eq!(live.subscribers(), 0);
    }

    #[test]
    fn a_subscriber_that_is_ahead_gets_no_record_twice() {
        let live = Live::new(100, Id(5));
        let mut ahead = live.subscribe(Filter::default(), Some(Id(7)), 2);
        assert_eq!(ahead.first_id(), Id(8));
        live.publish(&records(5..8));
        assert!(poll(&mut ahead).is_pending());
        live.publish(&records(8..12));
        assert_eq!(drain(&mut ahead), ["8", "9", "10..=11"]);
    }

    #[test]
    fn a_subscription_begins_with_newer_records_of_the_ring() {
        let live = Live::new(4, Id(1));
        live.publish(&records(1..11));
        for (after, first, seen) in [
            (8, 9, vec!["9", "10"]),
            (6, 7, vec!["7", "8", "9", "10"]),
            (2, 7, vec!["7", "8", "9", "10"]),
            (10, 11, vec![]),
            (99, 100, vec![]),
        ] {
            let mut subscription = live.subscribe(Filter::default(), Some(Id(after)), 1);
            assert_eq!(subscription.first_id(), Id(first), "after {after}");
            assert_eq!(drain(&mut subscription), seen, "after {after}");
        }
        assert_eq!(
            live.subscribe(Filter::default(), None, 1).first_id(),
            Id(11)
        );
    }

    #[test]
    fn a_slow_subscriber_gets_gaps_with_the_lost_ids() {
        let live = Live::new(100, Id(1));
        let mut slow = live.subscribe(Filter::default(), None, 4);
        live.publish(&records(1..11));
        assert!(matches!(
            poll(&mut slow),
            Poll::Ready(Some(Event::Record(_)))
        ));
        live.publish(&records(11..12));
        assert_eq!(drain(&mut slow), ["2", "3", "4", "5..=11"]);
        live.publish(&records(12..14));
        assert_eq!(drain(&mut slow), ["12", "13"]);
    }

    #[test]
    fn a_gap_covers_all_dropped_ids_whether_or_not_they_match() {
        let live = Live::new(100, Id(1));
        let mut slow = live.subscribe(errors(), None, 2);
        live.publish(&records(1..13));
        assert_eq!(drain(&mut slow), ["1", "3..=12"]);
    }

    #[test]
    fn events_are_taken_without_matching_within_bounds() {
        let live = Live::new(100, Id(1));
        let mut subscription = live.subscribe(errors(), Some(Id(0)), 3);
        live.publish(&records(1..8));
        let mut take = |events_max, bytes_max| {
            let mut context = Context::from_waker(Waker::noop());
            match subscription.poll_unmatched(&mut context, events_max, bytes_max) {
                Poll::Ready(Some(unmatched)) => {
                    let taken = unmatched.events.len();
                    (taken, unmatched.matching().len())
                }
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(take(2, usize::MAX), (2, 1), "the first is an error");
        assert_eq!(take(9, 1), (1, 0), "one at least");
        assert_eq!(take(9, 1), (1, 1), "a gap is not filtered");
    }

    #[test]
    fn memory_is_limited_and_a_huge_record_is_still_delivered() {
        let live = Live::new(100, Id(1));
        let mut slow = live.subscribe(Filter::default(), None, 100);
        let huge = || "x".repeat(RING_BYTES_MAX);
        live.publish(&[
            record(1, huge()),
            record(2, huge()),
            record(3, String::new()),
        ]);
        assert_eq!(drain(&mut slow), ["1", "2..=3"]);
        let late = live.subscribe(Filter::default(), Some(Id(0)), 100);
        assert_eq!(late.first_id(), Id(3), "the ring dropped the huge ones");
    }

    #[test]
    fn the_ring_restarts_after_a_hole() {
        let live = Live::new(100, Id(1));
        live.publish(&records(1..4));
        live.publish(&records(6..8));
        let mut subscription = live.subscribe(Filter::default(), Some(Id(1)), 9);
        assert_eq!(subscription.first_id(), Id(6));
        assert_eq!(drain(&mut subscription), ["6", "7"]);
    }

    #[test]
    fn a_closed_subscription_ends_after_its_waiting_records() {
        let live = Live::new(100, Id(1));
        let mut early = live.subscribe(Filter::default(), None, 9);
        live.publish(&records(1..3));
        live.close();
        assert_eq!(drain(&mut early), ["1", "2"]);
        assert!(matches!(poll(&mut early), Poll::Ready(None)));
        let mut late = live.subscribe(Filter::default(), Some(Id(1)), 9);
        assert_eq!(drain(&mut late), ["2"]);
        assert!(matches!(poll(&mut late), Poll::Ready(None)));
    }

    struct Flag(AtomicBool);

    impl Wake for Flag {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_waiting_subscriber_is_woken_by_a_record() {
        let live = Live::new(100, Id(1));
        let mut subscription = live.subscribe(errors(), None, 9);
        let flag = Arc::new(Flag(AtomicBool::new(false)));
        let waker = Waker::from(Arc::clone(&flag));
        let woken = || flag.0.swap(false, Ordering::SeqCst);
        let mut wait = || {
            subscription
                .poll_next(&mut Context::from_waker(&waker))
                .is_pending()
        };
        assert!(wait());
        live.publish(&[record(3, String::new())]);
        assert!(woken(), "the filter runs when it is polled");
        assert!(wait());
        live.publish(&[record(4, String::new())]);
        assert!(woken());
        assert!(!wait() && wait());
        live.close();
        assert!(woken());
    }

    #[derive(Debug, Clone)]
    enum Step {
        Publish(u64),
        Subscribe {
            after: Option<u64>,
            queue_rows: usize,
            errors: bool,
        },
        Poll {
            which: usize,
            times: usize,
        },
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (1..8_u64).prop_map(Step::Publish),
            (prop::option::of(0..40_u64), 1..6_usize, any::<bool>()).prop_map(
                |(after, queue_rows, errors)| Step::Subscribe {
                    after,
                    queue_rows,
                    errors
                }
            ),
            (0..4_usize, 1..6_usize).prop_map(|(which, times)| Step::Poll { which, times }),
        ]
    }

    struct Watched {
        subscription: Subscription,
        /// The newest id in the store at the time of the subscription, and the last id that the subscriber reports.
        after: u64,
        filter: Filter,
        events: Vec<Event>,
    }

    impl Watched {
        fn poll(&mut self, times: usize) {
            for _ in 0..times {
                if let Poll::Ready(Some(event)) = poll(&mut self.subscription) {
                    self.events.push(event);
                }
            }
        }

        /// The store's part, the events and the gaps together are everything, once and in order.
        fn check(&self, next_id: u64) {
            let Id(first) = self.subscription.first_id();
            let meant = |id: &u64| self.filter.matches(&record(*id, String::new()));
            let mut seen: Vec<u64> = (self.after + 1..first).filter(meant).collect();
            for event in &self.events {
                match event {
                    Event::Record(record) => seen.push(record.id.0),
                    Event::Gap {
                        from: Id(from),
                        to: Id(to),
                    } => seen.extend((*from..=*to).filter(meant)),
                }
            }
            let everything: Vec<u64> = (self.after + 1..next_id).filter(meant).collect();
            assert_eq!(seen, everything);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]
        #[test]
        fn store_and_events_and_gaps_are_everything_once_in_order(
            steps in prop::collection::vec(step(), 1..60),
            ring_rows in 0..20_usize,
        ) {
            let live = Live::new(ring_rows, Id(1));
            let mut next_id = 1;
            let mut watched: Vec<Watched> = Vec::new();
            for step in steps {
                match step {
                    Step::Publish(count) => {
                        live.publish(&records(next_id..next_id + count));
                        next_id += count;
                    }
                    Step::Subscribe { after, queue_rows, errors: only_errors } => {
                        let after = after.map(|after| after.min(next_id - 1));
                        let filter = if only_errors { errors() } else { Filter::default() };
                        watched.push(Watched {
                            subscription: live.subscribe(filter.clone(), after.map(Id), queue_rows),
                            after: after.unwrap_or(next_id - 1),
                            filter,
                            events: Vec::new(),
                        });
                    }
                    Step::Poll { which, times } => {
                        if let Some(one) = watched.get_mut(which) {
                            one.poll(times);
                        }
                    }
                }
            }
            for one in &mut watched {
                one.poll(1000);
                one.check(next_id);
            }
            prop_assert_eq!(live.subscribers(), watched.len());
        }
    }
}
