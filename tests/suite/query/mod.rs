//! Queries compared with a naive evaluator over a plain vector: random stores, random filters, every order and
//! direction.

pub(crate) mod expression;
pub(crate) mod fields;
pub(crate) mod growing;
pub(crate) mod live;
pub(crate) mod pages;
pub(crate) mod periods;
pub(crate) mod runs;
pub(crate) mod stream;

use crate::support::question::Question;
use crate::support::seeded::Rng;
use crate::support::stores::{TestStore, random_record};
use std::collections::BTreeMap;
use std::sync::Arc;
use vmlog::disk::RealDisk;
use vmlog::query::{
    self, Around, Budget, Cursor, Direction, Filter, Grouping, HistogramRequest, Order,
    PageRequest, Scope, SourcePattern, SourceSummary,
};
use vmlog::record::{Id, Level, Metadata, Record, StoredRecord};
use vmlog::store::{Reader, View};
use vmlog::time::Micros;

/// Seeds of the random stores; `VMLOG_SEEDS=2000` tests more.
pub(crate) fn seeds() -> std::ops::Range<u64> {
    let count = std::env::var("VMLOG_SEEDS").ok();
    0..count.and_then(|count| count.parse().ok()).unwrap_or(40)
}

const QUERIES: usize = 40;
/// The expected result of reading page by page.
fn expected(
    records: &[StoredRecord],
    question: &Question,
    order: Order,
    direction: Direction,
) -> Vec<StoredRecord> {
    let mut expected: Vec<_> = records
        .iter()
        .filter(|record| (question.meant)(record))
        .cloned()
        .collect();
    if order == Order::Time {
        expected.sort_by_key(|record| (record.record.timestamp, record.id));
    }
    if direction == Direction::Backward {
        expected.reverse();
    }
    expected
}

/// Reads to the end with the cursors, and checks each page on the way.
fn read_all(view: &View, request: &PageRequest, budget: &Budget) -> Vec<StoredRecord> {
    let mut request = request.clone();
    let mut seen = Vec::new();
    loop {
        let page = query::page(view, &request, budget).unwrap();
        assert!(page.entries.len() <= request.limit);
        assert_eq!(page.has_more, page.next_cursor.is_some());
        assert_eq!(page.unreadable, 0);
        assert!(!page.truncated);
        seen.extend(page.entries);
        match page.next_cursor {
            None => return seen,
            // The cursor is converted to text and back.
            Some(cursor) => request.cursor = Some(cursor.to_string().parse().unwrap()),
        }
    }
}

pub(crate) fn ids(records: &[StoredRecord]) -> Vec<u64> {
    records.iter().map(|record| record.id.0).collect()
}

#[test]
fn pages_match_a_naive_evaluator() {
    for seed in seeds() {
        let mut rng = Rng::new(seed);
        let store = TestStore::random(&mut rng);
        let view = store.view();
        let records = store.visible();
        let budget = Budget::default();
        for _ in 0..QUERIES {
            let question = Question::random(&mut rng);
            let mut request = question.request();
            request.order = *rng.pick(&[Order::Id, Order::Time]);
            request.direction = *rng.pick(&[Direction::Backward, Direction::Forward]);
            request.limit = 1 + rng.below(30);
            let expected = expected(&records, &question, request.order, request.direction);
            let what = format!("seed {seed}: {:?} {request:?}", question.parameters);
            let page = query::page(&view, &request, &budget).unwrap();
            assert_eq!(page.has_more, expected.len() > request.limit, "{what}");
            assert_eq!(
                ids(&page.entries),
                ids(&expected[..expected.len().min(request.limit)]),
                "{what}"
            );
            let seen = read_all(&view, &request, &budget);
            assert_eq!(ids(&seen), ids(&expected), "{what}");
            assert_eq!(seen, expected, "{what}");
            for record in &records {
                assert_eq!(
                    request.filter.matches(record),
                    (question.meant)(record),
                    "{what} {record:?}"
                );
            }
        }
    }
}

#[test]
fn a_small_budget_loses_nothing() {
    for seed in seeds() {
        let mut rng = Rng::new(seed);
        let store = TestStore::random(&mut rng);
        let view = store.view();
        for _ in 0..5 {
            let question = Question::random(&mut rng);
            let mut request = question.request();
            request.order = *rng.pick(&[Order::Id, Order::Time]);
            request.direction = *rng.pick(&[Direction::Backward, Direction::Forward]);
            request.limit = 1 + rng.below(10);
            let expected = expected(
                &store.visible(),
                &question,
                request.order,
                request.direction,
            );
            let budget = Budget {
                rows_max: 200,
                ..Budget::default()
            };
            let seen = read_all(&view, &request, &budget);
            assert_eq!(
                ids(&seen),
                ids(&expected),
                "seed {seed}: {:?}",
                question.parameters
            );
        }
    }
}

#[test]
fn counts_by_source_match_a_naive_evaluator() {
    for seed in seeds() {
        let mut rng = Rng::new(seed);
        let store = TestStore::random(&mut rng);
        let view = store.view();
        for _ in 0..QUERIES {
            let question = Question::random(&mut rng);
            let mut expected: BTreeMap<String, SourceSummary> = BTreeMap::new();
            for record in store
                .visible()
                .iter()
                .filter(|record| (question.meant)(record))
            {
                let source = &record.record.source;
                let entry = expected.entry(source.as_str().to_owned());
                let summary = entry.or_insert_with(|| SourceSummary {
                    source: source.clone(),
                    count: 0,
                    last_timestamp: Micros::MIN,
                    levels: [0; 4],
                });
                summary.count += 1;
                summary.last_timestamp = summary.last_timestamp.max(record.record.timestamp);
                summary.levels[record.record.level.index()] += 1;
            }
            let filter = question.request().filter;
            let found = query::sources(&view, &filter, &Budget::default()).unwrap();
            let expected: Vec<_> = expected.into_values().collect();
            let what = format!("seed {seed}: {:?}", question.parameters);
            assert_eq!(found.sources, expected, "{what}");
            assert!(!found.is_partial && found.unreadable == 0, "{what}");
        }
    }
}

#[test]
fn every_record_is_found_by_its_id() {
    for seed in seeds() {
        let store = TestStore::random(&mut Rng::new(seed));
        let view = store.view();
        for record in store.visible() {
            assert_eq!(
                query::record(&view, record.id).unwrap(),
                Some(record),
                "seed {seed}"
            );
        }
        for outside in [0, view.ids().start - 1, view.ids().end] {
            assert_eq!(
                query::record(&view, Id(outside)).unwrap(),
                None,
                "seed {seed}"
            );
        }
    }
}

#[test]
fn histograms_match_a_naive_evaluator() {
    for seed in seeds() {
        let mut rng = Rng::new(seed);
        let store = TestStore::random(&mut rng);
        let view = store.view();
        // Blocks and counts that earlier queries left in its cache must not change a result.
        let budget = Budget::default();
        for _ in 0..QUERIES {
            let question = Question::random(&mut rng);
            let by = *rng.pick(&[Grouping::Level, Grouping::Source]);
            let request = HistogramRequest {
                filter: question.request().filter,
                buckets: 1 + rng.below(60),
                by,
            };
            let found = query::histogram(&view, &request, &budget).unwrap();
            let what = format!("seed {seed}: {:?} {found:?}", question.parameters);
            let again = query::histogram(&view, &request, &budget).unwrap();
            assert_eq!(again, found, "{what}");
            assert!(
                found.buckets <= request.buckets && !found.is_partial,
                "{what}"
            );
            let mut expected: BTreeMap<(String, usize), u64> = BTreeMap::new();
            let mut total = 0;
            for record in store
                .visible()
                .iter()
                .filter(|record| (question.meant)(record))
            {
                let since = record.record.timestamp.get() - found.start.get();
                let bucket = usize::try_from(since / found.bucket_micros).unwrap();
                assert!(bucket < found.buckets, "{what}");
                let name = match by {
                    Grouping::Level => record.record.level.as_str(),
                    Grouping::Source => record.record.source.as_str().split(':').next().unwrap(),
                };
                *expected.entry((name.to_owned(), bucket)).or_default() += 1;
                total += 1;
            }
            assert_eq!(found.total, total, "{what}");
            let counts: BTreeMap<(String, usize), u64> = found
                .series
                .iter()
                .flat_map(|(name, counts)| {
                    counts
                        .iter()
                        .enumerate()
                        .map(|(at, count)| ((name.clone(), at), *count))
                })
                .filter(|(_, count)| *count > 0)
                .collect();
            assert_eq!(counts, expected, "{what}");
        }
    }
}

#[test]
fn cached_counts_do_not_outlive_their_segment() {
    let mut store = TestStore::new(7000);
    let mut rng = Rng::new(17);
    let kept = Budget::default();
    for _ in 0..12 {
        let records = (0..2000).map(|at| {
            let mut record = random_record(&mut rng);
            // Enough of each source for separate blocks.
            let sources = ["docker:a", "cloud-init"];
            record.source = sources[at / 1000].parse().unwrap();
            record.message = "x".repeat(100);
            record
        });
        let records = records.collect();
        store.append(records);
        store.store.seal().unwrap();
        store.prune();
        let view = store.view();
        for (buckets, by) in [
            (7, Grouping::Level),
            (40, Grouping::Source),
            (60, Grouping::Level),
        ] {
            let request = HistogramRequest {
                filter: Question::all().request().filter,
                buckets,
                by,
            };
            let found = query::histogram(&view, &request, &kept).unwrap();
            let fresh = query::histogram(&view, &request, &Budget::default()).unwrap();
            assert_eq!(found, fresh);
            assert_eq!(found.total, view.ids().end - view.ids().start);
            let again = query::histogram(&view, &request, &kept).unwrap();
            assert_eq!(again, fresh);
        }
    }
}

#[test]
fn values_of_a_key_match_a_naive_evaluator() {
    for seed in seeds() {
        let mut rng = Rng::new(seed);
        let store = TestStore::random(&mut rng);
        for key in ["unit", "exit_code", "pid", "absent"] {
            let question = Question::random(&mut rng);
            let mut expected: BTreeMap<String, u64> = BTreeMap::new();
            for record in store
                .visible()
                .iter()
                .filter(|record| (question.meant)(record))
            {
                if let Some(value) = record.record.metadata.get(key) {
                    let text = value
                        .as_str()
                        .map_or_else(|| value.to_string(), str::to_owned);
                    *expected.entry(text).or_default() += 1;
                }
            }
            let filter = question.request().filter;
            let found =
                query::field_values(&store.view(), &filter, key, 2, &Budget::default()).unwrap();
            let mut expected: Vec<_> = expected.into_iter().collect();
            expected.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
            assert_eq!(found.has_more, expected.len() > 2, "seed {seed}");
            expected.truncate(2);
            assert_eq!(
                found.values, expected,
                "seed {seed}: {key} {:?}",
                question.parameters
            );
        }
    }
}

#[test]
fn the_next_match_is_found_in_both_directions() {
    for seed in seeds() {
        let mut rng = Rng::new(seed);
        let store = TestStore::random(&mut rng);
        let records = store.visible();
        for _ in 0..QUERIES {
            let question = Question::random(&mut rng);
            let from = view_id(&store, &mut rng);
            let filter = question.request().filter;
            let found = |direction| {
                let page = query::next_match(
                    &store.view(),
                    &filter,
                    Cursor::Id(Id(from)),
                    direction,
                    &Budget::default(),
                );
                page.unwrap().entries.first().map(|record| record.id.0)
            };
            let meant = || {
                records
                    .iter()
                    .filter(|record| (question.meant)(record))
                    .map(|record| record.id.0)
            };
            assert_eq!(
                found(Direction::Forward),
                meant().find(|id| *id > from),
                "seed {seed} from {from}"
            );
            assert_eq!(
                found(Direction::Backward),
                meant().rfind(|id| *id < from),
                "seed {seed} from {from}"
            );
        }
    }
}

/// The ID of a random visible record; 1 if there is none.
fn view_id(store: &TestStore, rng: &mut Rng) -> u64 {
    let ids = store.view().ids();
    let rows = usize::try_from(ids.end - ids.start).unwrap();
    ids.start + if rows == 0 { 0 } else { rng.below(rows) as u64 }
}

#[test]
fn a_record_is_in_the_middle_of_the_page_around_it() {
    for seed in seeds() {
        let mut rng = Rng::new(seed);
        let store = TestStore::random(&mut rng);
        let records = store.visible();
        if records.is_empty() {
            continue;
        }
        for _ in 0..QUERIES {
            let question = Question::random(&mut rng);
            let centre = rng.pick(&records).clone();
            let scope = *rng.pick(&[Scope::Filter, Scope::Source]);
            let mut request = question.request();
            request.direction = *rng.pick(&[Direction::Backward, Direction::Forward]);
            request.limit = 1 + rng.below(12);
            request.around = Some(Around {
                id: centre.id,
                scope,
            });
            let page = query::page(&store.view(), &request, &Budget::default()).unwrap();
            let mut around: Vec<u64> = records
                .iter()
                .filter(|record| match scope {
                    _ if record.id == centre.id => true,
                    Scope::Filter => (question.meant)(record),
                    Scope::Source => record.record.source == centre.record.source,
                })
                .map(|record| record.id.0)
                .collect();
            if request.direction == Direction::Backward {
                around.reverse();
            }
            let at = around.iter().position(|id| *id == centre.id.0).unwrap();
            let seen = ids(&page.entries);
            let what = format!("seed {seed}: {request:?} {seen:?} of {around:?}");
            let first = around.iter().position(|id| *id == seen[0]).expect(&what);
            assert_eq!(seen.len(), around.len().min(request.limit), "{what}");
            assert_eq!(seen, around[first..first + seen.len()], "{what}");
            assert!((first..first + seen.len()).contains(&at), "{what}");
            let (before, after) = (at - first, first + seen.len() - 1 - at);
            let is_middle = before.abs_diff(after) <= 1;
            assert!(
                is_middle || first == 0 || first + seen.len() == around.len(),
                "{what}"
            );
            assert_eq!(page.has_more, first + seen.len() < around.len(), "{what}");
        }
    }
}

#[test]
fn around_shows_only_visible_records() {
    let mut store = TestStore::new(1000);
    let mut rng = Rng::new(1);
    store.append((0..200).map(|_| random_record(&mut rng)).collect());
    let mine = |record: &StoredRecord| record.record.source.as_str() == "docker:a";
    for record in store.visible() {
        for scope in [Scope::Filter, Scope::Source] {
            let mut request = Question::all().request();
            request.filter = request
                .filter
                .narrowed_to(vec![SourcePattern::exact("docker:a")]);
            request.around = Some(Around {
                id: record.id,
                scope,
            });
            let page = query::page(&store.view(), &request, &Budget::default()).unwrap();
            assert!(page.entries.iter().all(mine), "{}", record.id);
            assert_eq!(page.entries.contains(&record), mine(&record));
        }
    }
}

#[test]
fn a_pruned_cursor_continues_from_the_nearest_kept_record_and_reports_it() {
    let mut store = TestStore::new(20);
    let mut rng = Rng::new(7);
    store.append((0..100).map(|_| random_record(&mut rng)).collect());
    store.prune();
    let page = |cursor: u64, direction| {
        let mut request = Question::all().request();
        request.cursor = Some(Cursor::Id(Id(cursor)));
        request.direction = direction;
        request.limit = 3;
        query::page(&store.view(), &request, &Budget::default()).unwrap()
    };
    assert_eq!(store.view().ids(), 81..101);
    let lost = page(10, Direction::Forward);
    assert_eq!(
        (ids(&lost.entries), lost.truncated),
        (vec![81, 82, 83], true)
    );
    let whole = page(80, Direction::Forward);
    assert_eq!(
        (ids(&whole.entries), whole.truncated),
        (vec![81, 82, 83], false)
    );
    let beyond = page(10, Direction::Backward);
    assert_eq!(
        (ids(&beyond.entries), beyond.truncated, beyond.has_more),
        (vec![], true, false)
    );
    let end = page(82, Direction::Backward);
    assert_eq!(
        (ids(&end.entries), end.truncated, end.has_more),
        (vec![81], false, false)
    );
    let above = page(5000, Direction::Backward);
    assert_eq!(ids(&above.entries), [100, 99, 98]);
    assert!(page(5000, Direction::Forward).entries.is_empty());
}

#[test]
fn in_time_order_a_pruned_cursor_reports_that_other_records_may_be_pruned() {
    let page = |store: &TestStore, id: u64| {
        let mut request = Question::all().request();
        request.order = Order::Time;
        request.cursor = Some(Cursor::Time(Micros::new(0), Id(id)));
        query::page(&store.view(), &request, &Budget::default()).unwrap()
    };
    let mut rng = Rng::new(7);
    let mut store = TestStore::new(20);
    store.append((0..100).map(|_| random_record(&mut rng)).collect());
    store.prune();
    assert_eq!(store.view().ids(), 81..101);
    assert!(page(&store, 79).truncated);
    assert!(page(&store, 80).truncated, "the last one that was pruned");
    assert!(!page(&store, 81).truncated);
    let mut store = TestStore::new(20);
    store.append((0..21).map(|_| random_record(&mut rng)).collect());
    store.prune();
    assert_eq!(store.view().ids(), 2..22);
    assert!(!page(&store, 1).truncated, "it went alone");
}

/// Records with a length of `kib` each.
fn long_records(count: usize, kib: usize) -> TestStore {
    let mut store = TestStore::new(1_000_000);
    let mut rng = Rng::new(9);
    for at in 0..count {
        let mut record = random_record(&mut rng);
        record.message = format!("{at} {}", "long ".repeat(kib * 1024 / 5));
        store.append(vec![record]);
        if at == count / 2 {
            store.store.seal().unwrap();
        }
    }
    store
}

#[test]
fn long_messages_make_pages_shorter_and_lose_nothing() {
    let store = long_records(40, 700);
    let bytes = |records: &[StoredRecord]| -> u64 {
        let lengths = records.iter().map(|record| record.record.message.len());
        lengths.sum::<usize>() as u64
    };
    for order in [Order::Id, Order::Time] {
        for direction in [Direction::Backward, Direction::Forward] {
            let question = Question::all();
            let mut request = question.request();
            (request.order, request.direction, request.limit) = (order, direction, 500);
            let page = query::page(&store.view(), &request, &Budget::default()).unwrap();
            assert_eq!((page.entries.len(), page.has_more), (11, true));
            assert!(bytes(&page.entries) <= query::PAGE_BYTES_MAX);
            let expected = expected(&store.appended, &question, order, direction);
            let seen = read_all(&store.view(), &request, &Budget::default());
            assert_eq!(ids(&seen), ids(&expected));
        }
    }
    let mut request = Question::all().request();
    request.limit = 500;
    for direction in [Direction::Backward, Direction::Forward] {
        request.direction = direction;
        request.around = Some(Around {
            id: Id(20),
            scope: Scope::Filter,
        });
        let page = query::page(&store.view(), &request, &Budget::default()).unwrap();
        assert!(bytes(&page.entries) <= query::PAGE_BYTES_MAX + (1 << 20));
        let mut expected: Vec<u64> = (15..=25).collect();
        if direction == Direction::Backward {
            expected.reverse();
        }
        assert_eq!(ids(&page.entries), expected);
        let last = *expected.last().unwrap();
        assert_eq!(page.next_cursor, Some(Cursor::Id(Id(last))));
        assert_eq!(page.prev_cursor, Some(Cursor::Id(Id(expected[0]))));
    }
}

#[test]
fn records_from_many_blocks_are_complete_at_any_length() {
    let mut store = TestStore::new(1_000_000);
    let mut rng = Rng::new(21);
    for at in 0..30 {
        let records = (0..40).map(|row| {
            let mut record = random_record(&mut rng);
            record.source = "docker:a".parse().unwrap();
            record.message = match row {
                7 => format!("rare {at}"),
                8 => format!("rare {at} {}", "long ".repeat(400 * 1024 / 5)),
                _ => "nothing".to_owned(),
            };
            record
        });
        let records = records.collect();
        store.append(records);
        store.store.seal().unwrap();
    }
    let question = Question::all().and(&[("search", "RARE")], |record| {
        record.record.message.starts_with("rare")
    });
    for order in [Order::Id, Order::Time] {
        for direction in [Direction::Backward, Direction::Forward] {
            let expected = expected(&store.appended, &question, order, direction);
            for limit in [1, 7, 500] {
                let mut request = question.request();
                (request.order, request.direction, request.limit) = (order, direction, limit);
                let budget = Budget::default();
                assert_eq!(read_all(&store.view(), &request, &budget), expected);
                let page = query::page(&store.view(), &request, &budget).unwrap();
                let lengths = page.entries.iter().map(|it| it.record.message.len() as u64);
                assert!(lengths.sum::<u64>() <= query::PAGE_BYTES_MAX);
                assert!(page.entries.len() >= limit.min(30), "{limit}");
            }
        }
    }
}

#[test]
fn a_message_that_is_longer_than_a_page_may_be_has_a_page_of_its_own() {
    let store = long_records(4, 9 << 10);
    let mut request = Question::all().request();
    request.limit = 500;
    let seen = read_all(&store.view(), &request, &Budget::default());
    assert_eq!(ids(&seen), [4, 3, 2, 1]);
    let page = query::page(&store.view(), &request, &Budget::default()).unwrap();
    assert_eq!((ids(&page.entries), page.has_more), (vec![4], true));
    let filter = &request.filter;
    let from = Cursor::Id(Id(4));
    let next = |budget| query::next_match(&store.view(), filter, from, Direction::Backward, budget);
    let next = next(&Budget::default()).unwrap();
    assert_eq!((ids(&next.entries), next.has_more), (vec![3], true));
    request.around = Some(Around {
        id: Id(2),
        scope: Scope::Filter,
    });
    let page = query::page(&store.view(), &request, &Budget::default()).unwrap();
    assert_eq!((ids(&page.entries), page.has_more), (vec![3, 2, 1], false));
}

/// Texts at the size limits of blocks and bitmaps.
#[test]
fn needles_of_every_length_are_found_in_messages_of_every_length() {
    let mut store = TestStore::new(1_000_000);
    let record = |message: String| {
        let mut record = random_record(&mut Rng::new(3));
        record.message = message;
        record
    };
    let numbers: Vec<String> = (0..120_000_u32)
        .map(|i| format!("{:x}", i.wrapping_mul(2_654_435_761)))
        .collect();
    let long = numbers.join(" ");
    let middle = long[long.len() / 2..long.len() / 2 + 900].to_owned();
    let mut messages = vec![
        String::new(),
        "x".to_owned(),
        "xy".to_owned(),
        "\u{1f980}\u{1f980}".to_owned(),
        long,
    ];
    messages.extend((0..2000).map(|i| format!("filler {i:05}")));
    messages.push("fillerfiller".to_owned());
    store.append(messages.iter().cloned().map(record).collect());
    for is_sealed in [false, true] {
        if is_sealed {
            store.store.seal().unwrap();
        }
        for needle in [
            "x",
            "xy",
            "xyz",
            "\u{1f980}",
            "\u{1f980}\u{1f980}",
            &middle,
            "rfill",
            "filler 01999",
            "r 0",
            "00000f",
            "\u{1f980}\u{1f980}x",
        ] {
            let question = Question::all().and(&[("search", needle)], |_| true);
            let mut request = question.request();
            request.limit = 1000;
            let found = read_all(&store.view(), &request, &Budget::default());
            let expected = messages
                .iter()
                .filter(|message| message.contains(needle))
                .count();
            assert_eq!(found.len(), expected, "{needle:?}, sealed: {is_sealed}");
        }
    }
}

#[test]
fn a_cancelled_scan_ends() {
    let mut store = TestStore::new(1_000_000);
    let mut rng = Rng::new(5);
    for _ in 0..4 {
        store.append((0..500).map(|_| random_record(&mut rng)).collect());
        store.store.seal().unwrap();
    }
    let budget = Budget::default();
    budget.cancel.cancel();
    let question = Question::all().and(&[("search", "in no record")], |_| false);
    let page = query::page(&store.view(), &question.request(), &budget).unwrap();
    assert!(page.has_more && page.scanned == 0, "{}", page.scanned);
    let filter = question.request().filter;
    let counts = query::sources(&store.view(), &filter, &budget).unwrap();
    assert!(counts.is_partial && counts.sources.is_empty());
    let all = query::sources(&store.view(), &Question::all().request().filter, &budget).unwrap();
    let count: u64 = all.sources.iter().map(|summary| summary.count).sum();
    assert_eq!((count, all.is_partial), (2000, false), "footers tell");
}

#[test]
fn a_damaged_block_loses_only_its_own_rows() {
    let mut store = TestStore::new(1_000_000);
    let mut rng = Rng::new(13);
    store.append((0..3000).map(|_| random_record(&mut rng)).collect());
    store.store.seal().unwrap();
    let path = store.sealed_files().pop().unwrap();
    let whole = std::fs::read(&path).unwrap();
    let mut damaged_pages = 0;
    for at in (64..whole.len()).step_by(whole.len() / 60) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        let copy = store.copy_with(&path, &bytes);
        // Damage of the footer is detected by the store.
        let Ok(reader) = Reader::open_read_only(Arc::new(RealDisk), copy.path()) else {
            continue;
        };
        let mut request = Question::all().request();
        request.limit = 5000;
        let page = query::page(&reader.view(), &request, &Budget::default()).unwrap();
        assert_eq!(
            page.entries.len() as u64 + page.unreadable,
            3000,
            "byte {at}"
        );
        for record in &page.entries {
            assert_eq!(
                Some(record),
                store
                    .appended
                    .get(usize::try_from(record.id.0).unwrap() - 1)
            );
        }
        damaged_pages += usize::from(page.unreadable > 0);
    }
    assert!(damaged_pages > 5, "{damaged_pages}");
}

#[test]
fn an_implausible_time_does_not_stretch_a_histogram_over_centuries() {
    const DAY: i64 = 86_400_000_000;
    let now = Micros::now();
    let zero = Micros::parse("0001-01-01T00:00:00Z", now).unwrap();
    let far = Micros::parse("2512-01-01T00:00:00Z", now).unwrap();
    let ask = |store: &TestStore, filter: Filter, by| {
        let request = HistogramRequest {
            filter,
            buckets: 60,
            by,
        };
        query::histogram(&store.store.reader().view(), &request, &Budget::default()).unwrap()
    };
    for is_sealed in [false, true] {
        let mut store = TestStore::new(1_000_000);
        let at = |time, source: &str| Record {
            timestamp: time,
            source: source.parse().unwrap(),
            level: Level::Info,
            message: "x".to_owned(),
            metadata: Metadata::new(),
        };
        let right = (0..100).map(|hour| at(now.plus(-hour * DAY / 24), "file:a"));
        let wild = [zero, far].map(|time| at(time, "file:a"));
        // A block that contains nothing else.
        let only_wild = [at(zero, "docker:b"), at(far, "docker:b")];
        store.append(right.chain(wild).chain(only_wild).collect());
        if is_sealed {
            store.store.seal().unwrap();
        }
        for by in [Grouping::Level, Grouping::Source] {
            let found = ask(&store, Filter::default(), by);
            assert!(found.start >= now.plus(-6 * DAY), "{}", found.start);
            assert_eq!((found.total, found.outside), (100, 4));
            let until_now = Filter::default().with_end(now.plus(1));
            assert_eq!(ask(&store, until_now, by).outside, 2, "the zeros");
            let asked = Filter::default().with_start(zero).with_end(far.plus(1));
            let found = ask(&store, asked, by);
            assert_eq!((found.total, found.outside), (104, 0));
            let ahead = Filter::default().with_start(far.plus(-DAY));
            let found = ask(&store, ahead, by);
            assert_eq!((found.total, found.outside), (2, 0));
        }
        let b = Filter::default().with_source(SourcePattern::exact("docker:b"));
        let found = ask(&store, b, Grouping::Level);
        // Whether its block contains rows of other sources with correct times decides where they are counted.
        assert_eq!(found.total + found.outside, 2);
    }
}
