//! Live records during writing: the store up to the moment of subscription, the subscription from then on.

use crate::support::seeded::Rng;
use crate::support::stores::{TestStore, random_record};
use std::future;
use std::sync::Arc;
use std::thread;
use vmlog::live::{Event, Live, Subscription};
use vmlog::query::{self, Budget, Cursor, Direction, Filter, LevelSet, PageRequest};
use vmlog::record::{Id, Level, StoredRecord};
use vmlog::store::Reader;

fn forward(filter: &Filter, after: u64) -> PageRequest {
    PageRequest {
        filter: filter.clone(),
        cursor: Some(Cursor::Id(Id(after))),
        direction: Direction::Forward,
        limit: 50,
        order: query::Order::Id,
        around: None,
    }
}

/// IDs in the store from `after` up to but excluding `before`, page by page.
fn stored(reader: &Reader, filter: &Filter, after: u64, before: u64) -> Vec<u64> {
    let view = reader.view();
    let mut request = forward(filter, after);
    let mut ids = Vec::new();
    loop {
        let page = query::page(&view, &request, &Budget::default()).unwrap();
        let new = page.entries.iter().map(|record| record.id.0);
        ids.extend(new.filter(|id| *id < before));
        match page.next_cursor {
            Some(cursor) => request.cursor = Some(cursor),
            None => return ids,
        }
    }
}

/// Follows to the end; reads the records of gaps from the store.
async fn follow(
    mut subscription: Subscription,
    reader: &Reader,
    filter: &Filter,
    after: u64,
) -> Vec<u64> {
    let mut ids = stored(reader, filter, after, subscription.first_id().0);
    while let Some(event) = future::poll_fn(|context| subscription.poll_next(context)).await {
        match event {
            Event::Record(record) => ids.push(record.id.0),
            Event::Gap { from, to } => ids.extend(stored(reader, filter, from.0 - 1, to.0 + 1)),
        }
    }
    ids
}

#[test]
fn a_follower_beside_a_writer_sees_every_record_once_in_order() {
    let mut store = TestStore::new(1_000_000);
    let live = Live::new(200, Id(1));
    let reader = store.store.reader();
    let followers: Vec<_> = (0..4_u64)
        .map(|number| {
            let (live, reader) = (live.clone(), reader.clone());
            thread::spawn(move || {
                let mut rng = Rng::new(number);
                let filter = match number % 2 {
                    0 => Filter::default(),
                    _ => Filter::default().with_levels(LevelSet::at_least(Level::Warn)),
                };
                while reader.view().ids().end < 300 * number {
                    thread::yield_now();
                }
                let after = rng.below(usize::try_from(reader.view().ids().end).unwrap()) as u64;
                let subscription =
                    live.subscribe(filter.clone(), Some(Id(after)), 1 + rng.below(20));
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .build()
                    .unwrap();
                let ids = runtime.block_on(follow(subscription, &reader, &filter, after));
                (filter, after, ids)
            })
        })
        .collect();
    let mut rng = Rng::new(99);
    while store.appended.len() < 3000 {
        let first = store.appended.len();
        let records = (0..=rng.below(50))
            .map(|_| random_record(&mut rng))
            .collect();
        store.append(records);
        let new: Vec<Arc<StoredRecord>> = store.appended[first..]
            .iter()
            .cloned()
            .map(Arc::new)
            .collect();
        live.publish(&new);
        if rng.chance(10) {
            store.store.seal().unwrap();
        }
    }
    // Late followers must still find a writer.
    while live.subscribers() < 4 && !followers.iter().any(thread::JoinHandle::is_finished) {
        thread::yield_now();
    }
    live.close();
    for follower in followers {
        let (filter, after, ids) = follower.join().unwrap();
        let meant = store
            .appended
            .iter()
            .filter(|record| record.id.0 > after && filter.matches(record));
        let expected: Vec<u64> = meant.map(|record| record.id.0).collect();
        assert_eq!(ids, expected, "after {after}");
    }
}
