//! Values of fields: conditions on fields of many values, and counts of values, compared with plain code.

use super::{ids, seeds};
use crate::support::question::{holds_text, is_found, values};
use crate::support::seeded::Rng;
use crate::support::stores::TestStore;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use vmlog::query::{
    self, Budget, Case, Expression, FieldCondition, FieldTest, Filter, LevelSet, Order,
    PageRequest, Search, SourcePattern,
};
use vmlog::record::{Level, Metadata, Record, StoredRecord};
use vmlog::store::View;
use vmlog::time::Micros;

const ROWS: u64 = 420;
const FILTERS: usize = 30;
const KEYS: [&str; 9] = [
    "worker",
    "request",
    "port",
    "host",
    "zone",
    "http.path",
    "http",
    "boot_id",
    "absent",
];

/// A condition, and the same in plain code.
type Condition = (Expression, Rc<dyn Fn(&StoredRecord) -> bool>);

/// A value of a key, which a record with this number has.
fn value_of(key: &str, number: u64) -> String {
    match key {
        "worker" => (number * 7919 % 150).to_string(),
        "request" => format!("{:016x}", (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        "port" => (1024 + number).to_string(),
        "host" => format!("VM-{}", number % 3),
        "zone" => format!("z{}", number % 90),
        "http.path" => format!("/api/users/{number}"),
        "http" => {
            json!({"path": value_of("http.path", number), "status": 200 + number % 2}).to_string()
        }
        _ => format!("5a1f0c9e2b7d4f3e-{}", number % 100),
    }
}

fn metadata(number: u64, rng: &mut Rng) -> Metadata {
    let text = |key| value_of(key, number);
    let mut row = json!({
        "worker": 0, "request": text("request"), "port": 1024 + number, "host": text("host"), "zone": [text("zone"), "all"],
        "http": {"path": text("http.path"), "status": 200 + number % 2}, "boot_id": text("boot_id"),
    });
    let fields = row.as_object_mut().unwrap();
    fields.insert("worker".to_owned(), (number * 7919 % 150).into());
    let keys: Vec<String> = fields.keys().cloned().collect();
    for key in keys {
        if rng.chance(12) {
            fields.remove(&key);
        }
    }
    fields.clone().into()
}

/// Two sealed segments and an active one, with the same values in several blocks.
fn store(rng: &mut Rng) -> TestStore {
    let mut store = TestStore::new(100_000);
    for part in 0..3 {
        let records = (0..ROWS).map(|row| {
            let number = row * 2 + part * 300;
            let mut metadata = metadata(number, rng);
            if part == 1 {
                // long metadata is stored by key
                metadata.insert("stack", "at main ".repeat(30));
            }
            Record {
                timestamp: Micros::new(i64::try_from(number).unwrap() * 1_000_000),
                source: rng.pick(&["docker:a", "docker:b"]).parse().unwrap(),
                level: *rng.pick(&Level::ALL),
                message: if rng.chance(20) {
                    value_of("request", number + 1)
                } else {
                    "started".to_owned()
                },
                metadata,
            }
        });
        let records = records.collect();
        store.append(records);
        if part < 2 {
            store.store.seal().unwrap();
        }
    }
    store
}

fn condition(rng: &mut Rng, depth: usize) -> Condition {
    if depth > 0 && rng.chance(2) {
        let (a, b) = (condition(rng, depth - 1), condition(rng, depth - 1));
        let (of_a, of_b) = (a.1, b.1);
        return if rng.chance(2) {
            (a.0.and(b.0), Rc::new(move |r| of_a(r) && of_b(r)))
        } else {
            (a.0.or(b.0), Rc::new(move |r| of_a(r) || of_b(r)))
        };
    }
    let (expression, naive) = leaf(rng);
    if rng.chance(4) {
        return (expression.negated(), Rc::new(move |r| !naive(r)));
    }
    (expression, naive)
}

fn leaf(rng: &mut Rng) -> Condition {
    let key = *rng.pick(&KEYS);
    // half of the values are of records, and others of none
    let value = value_of(key, rng.number(2_500));
    let cut = |rng: &mut Rng, text: &str| {
        let start = rng.below(text.len().min(4));
        let end = start + 1 + rng.below(text.len() - start);
        text.get(start..end).unwrap().to_owned()
    };
    let field = |test| Expression::Field(FieldCondition::new(key, test));
    let any = move |record: &StoredRecord, holds: &dyn Fn(&str) -> bool| {
        values(record, key).is_some_and(|all| all.iter().any(|found| holds(found)))
    };
    match rng.below(7) {
        0 | 1 => {
            let test = FieldTest::Equals(value.as_str().into());
            (
                field(test),
                Rc::new(move |r| any(r, &|found| found == value)),
            )
        }
        2 => {
            let prefix = value.get(..1 + rng.below(value.len())).unwrap().to_owned();
            let test = FieldTest::Prefix(prefix.as_str().into());
            (
                field(test),
                Rc::new(move |r| any(r, &|found| found.starts_with(&prefix))),
            )
        }
        3 => {
            let part = cut(rng, &value);
            let test = FieldTest::Contains(Search::text(&part, Case::Insensitive));
            (
                field(test),
                Rc::new(move |r| any(r, &|found| holds_text(found, &part, false))),
            )
        }
        4 | 5 => {
            let part = if rng.chance(4) {
                "STARTED".to_owned()
            } else {
                cut(rng, &value)
            };
            let search = Search::text(&part, Case::Insensitive);
            (
                Expression::anywhere(search),
                Rc::new(move |r| is_found(r, false, |found| holds_text(found, &part, false))),
            )
        }
        _ if rng.chance(2) => (
            Expression::Source(SourcePattern::exact("docker:a")),
            Rc::new(|r| r.record.source.as_str() == "docker:a"),
        ),
        _ => (
            Expression::Level(LevelSet::at_least(Level::Warn)),
            Rc::new(|r| r.record.level >= Level::Warn),
        ),
    }
}

/// The values of a key with their counts, the most frequent first.
fn counted(records: &[&StoredRecord], key: &str) -> Vec<(String, u64)> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for record in records {
        let found: BTreeSet<String> = values(record, key).into_iter().flatten().collect();
        for text in found {
            *counts.entry(text).or_default() += 1;
        }
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    counts
}

fn check(view: &View, records: &[StoredRecord], condition: &Condition, what: &str) {
    let budget = Budget::default();
    let expected: Vec<&StoredRecord> = records.iter().filter(|r| (condition.1)(r)).collect();
    let filter = Filter::default().with_expression(condition.0.clone());
    let request = PageRequest {
        filter: filter.clone(),
        cursor: None,
        direction: query::Direction::Forward,
        limit: records.len() + 1,
        order: Order::Id,
        around: None,
    };
    let page = query::page(view, &request, &budget).unwrap();
    let expected_ids: Vec<u64> = expected.iter().map(|record| record.id.0).collect();
    assert_eq!(ids(&page.entries), expected_ids, "{what}");
    for key in KEYS {
        // what was counted for the first answer is kept for the second
        for _ in 0..2 {
            let found = query::field_values(view, &filter, key, 100_000, &budget).unwrap();
            assert_eq!(found.values, counted(&expected, key), "{key} of {what}");
            assert!(!found.has_more && !found.is_partial, "{key} of {what}");
        }
    }
}

#[test]
fn conditions_and_counts_of_values_match_plain_code() {
    for seed in seeds().take(6) {
        let mut rng = Rng::new(seed);
        let store = store(&mut rng);
        let (view, records) = (store.view(), store.visible());
        let everything: Condition = (Expression::everything(), Rc::new(|_| true));
        check(&view, &records, &everything, &format!("seed {seed}: all"));
        for _ in 0..FILTERS {
            let condition = condition(&mut rng, 2);
            let what = format!("seed {seed}: {:?}", condition.0);
            check(&view, &records, &condition, &what);
        }
    }
}
