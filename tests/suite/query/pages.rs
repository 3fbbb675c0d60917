//! The boundaries of pages: in both directions, over pruned records, and during writing.

use crate::query::{ids, seeds};
use crate::support::question::Question;
use crate::support::seeded::Rng;
use crate::support::stores::{TestStore, random_record};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use vmlog::query::{self, Budget, Cursor, Direction, Order, Page, PageRequest};
use vmlog::record::{Id, Record, StoredRecord};
use vmlog::store::{Reader, View};
use vmlog::time::Micros;

/// The expected content of a page: the first `limit` matching records beyond the cursor, and whether there are more.
fn naive_page(
    visible: &[StoredRecord],
    question: &Question,
    request: &PageRequest,
) -> (Vec<StoredRecord>, bool) {
    let key = |time: Micros, id: Id| match request.order {
        Order::Id => (Micros::default(), id),
        Order::Time => (time, id),
    };
    let of = |record: &StoredRecord| key(record.record.timestamp, record.id);
    let cursor = request.cursor.map(|cursor| match cursor {
        Cursor::Id(id) => key(Micros::default(), id),
        Cursor::Time(time, id) => key(time, id),
    });
    let is_beyond = |record: &StoredRecord| match (cursor, request.direction) {
        (None, _) => true,
        (Some(cursor), Direction::Backward) => of(record) < cursor,
        (Some(cursor), Direction::Forward) => of(record) > cursor,
    };
    let meant = visible
        .iter()
        .filter(|record| is_beyond(record) && (question.meant)(record));
    let mut meant: Vec<_> = meant.cloned().collect();
    meant.sort_by_key(of);
    if request.direction == Direction::Backward {
        meant.reverse();
    }
    let has_more = meant.len() > request.limit;
    meant.truncate(request.limit);
    (meant, has_more)
}

fn page(view: &View, request: &PageRequest) -> Page {
    query::page(view, request, &Budget::default()).unwrap()
}

fn any_request(question: &Question, rng: &mut Rng) -> PageRequest {
    let mut request = question.request();
    request.order = *rng.pick(&[Order::Id, Order::Time]);
    request.direction = *rng.pick(&[Direction::Backward, Direction::Forward]);
    request.limit = 1 + rng.below(20);
    request
}

/// A cursor at, between or beyond the records, also where they are pruned.
fn any_cursor(order: Order, end: u64, rng: &mut Rng) -> Cursor {
    let id = Id(rng.next() % (end + 3));
    match order {
        Order::Id => Cursor::Id(id),
        Order::Time => {
            let micros = rng.small(42) * 1_000_000 - 1_000_000 + rng.small(2);
            Cursor::Time(Micros::new(micros), id)
        }
    }
}

#[test]
fn any_cursor_continues_from_the_nearest_kept_record() {
    for seed in seeds() {
        let mut rng = Rng::new(seed);
        let store = TestStore::random(&mut rng);
        let view = store.view();
        let visible = store.visible();
        for _ in 0..40 {
            let question = Question::random(&mut rng);
            let mut request = any_request(&question, &mut rng);
            let cursor = any_cursor(request.order, view.ids().end, &mut rng);
            request.cursor = Some(cursor);
            let found = page(&view, &request);
            let (expected, has_more) = naive_page(&visible, &question, &request);
            let what = format!("seed {seed}: {:?} {request:?}", question.parameters);
            assert_eq!(ids(&found.entries), ids(&expected), "{what}");
            assert_eq!(found.has_more, has_more, "{what}");
            let (id, first) = (cursor.id().0, view.ids().start);
            // IDs that were pruned and are beyond the cursor, if that was pruned itself.
            let lost = match (request.order, request.direction) {
                _ if id >= first => 0..0,
                (Order::Id, Direction::Backward) => 1..id,
                (Order::Id, Direction::Forward) => id + 1..first,
                // It is unknown which of the others were beyond it.
                (Order::Time, _) => 2..first,
            };
            assert_eq!(found.truncated, !lost.is_empty(), "{what}");
        }
    }
}

#[test]
fn the_previous_cursor_leads_to_earlier_records() {
    for seed in seeds() {
        let mut rng = Rng::new(seed);
        let store = TestStore::random(&mut rng);
        let view = store.view();
        for _ in 0..20 {
            let question = Question::random(&mut rng);
            let mut request = any_request(&question, &mut rng);
            let mut seen: Vec<u64> = Vec::new();
            loop {
                let next = page(&view, &request);
                let Some(way_back) = next.prev_cursor else {
                    assert!(next.entries.is_empty());
                    break;
                };
                let mut back = request.clone();
                back.cursor = Some(way_back.to_string().parse().unwrap());
                back.direction = request.direction.reversed();
                let before = page(&view, &back);
                let nearest: Vec<u64> = seen.iter().rev().take(request.limit).copied().collect();
                let what = format!("seed {seed}: {:?} {back:?}", question.parameters);
                assert_eq!(ids(&before.entries), nearest, "{what}");
                assert_eq!(before.has_more, seen.len() > request.limit, "{what}");
                seen.extend(ids(&next.entries));
                match next.next_cursor {
                    Some(cursor) => request.cursor = Some(cursor),
                    None => break,
                }
            }
        }
    }
}

/// The record with this ID in the store that readers and writer share: it depends only on the ID.
fn record_of(id: u64) -> Record {
    random_record(&mut Rng::new(id))
}

#[test]
fn pages_are_whole_while_a_writer_appends_and_seals_and_prunes() {
    const ROWS: u64 = 12_000;
    let mut store = TestStore::new(400);
    let reader = store.store.reader();
    let is_done = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..3_u64)
        .map(|seed| {
            let (reader, is_done) = (reader.clone(), Arc::clone(&is_done));
            std::thread::spawn(move || {
                let mut rng = Rng::new(seed);
                let mut readings = 0;
                while !is_done.load(Ordering::SeqCst) || readings == 0 {
                    read_beside_a_writer(&reader, seed, &mut rng);
                    readings += 1;
                }
            })
        })
        .collect();
    let mut rng = Rng::new(11);
    let mut next = 1;
    while next < ROWS {
        let rows = rng.below(100) as u64;
        store.append((next..next + rows).map(record_of).collect());
        next += rows;
        match rng.below(8) {
            0 => store.store.seal().unwrap(),
            1 | 2 => store.prune(),
            _ => {}
        }
    }
    is_done.store(true, Ordering::SeqCst);
    for reader in readers {
        reader.join().unwrap();
    }
}

/// Reads page after page, each from a new view. Each contains exactly the records of the view beyond the previous
/// page, so that nothing is repeated or missing except pruned records, which are reported.
fn read_beside_a_writer(reader: &Reader, seed: u64, rng: &mut Rng) {
    let question = Question::random(rng);
    let mut request = any_request(&question, rng);
    for _ in 0..10 {
        let view = reader.view();
        let visible: Vec<StoredRecord> = view
            .ids()
            .map(|id| StoredRecord {
                id: Id(id),
                record: record_of(id),
            })
            .collect();
        let found = page(&view, &request);
        let (expected, has_more) = naive_page(&visible, &question, &request);
        let what = format!("reader {seed}: {:?} {request:?}", question.parameters);
        assert_eq!(ids(&found.entries), ids(&expected), "{what}");
        assert_eq!(found.entries, expected, "{what}");
        assert_eq!((found.has_more, found.unreadable), (has_more, 0), "{what}");
        let cursor = request.cursor.map_or(u64::MAX, |cursor| cursor.id().0);
        let is_kept = cursor >= view.ids().start;
        assert!(!(is_kept && found.truncated), "{what}");
        match found.next_cursor {
            Some(cursor) => request.cursor = Some(cursor),
            None => return,
        }
    }
}
