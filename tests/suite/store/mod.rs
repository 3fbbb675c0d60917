//! The store against a plain vector.

pub(crate) mod crash;
pub(crate) mod damage;
pub(crate) mod format;
pub(crate) mod kill;
pub(crate) mod media;
pub(crate) mod recovery;
pub(crate) mod retention;
pub(crate) mod thinning;
pub(crate) mod whole;

use crate::support::double::{DiskDouble, Loss};
use crate::support::seeded::Rng;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use vmlog::disk::RealDisk;
use vmlog::record::{Level, Metadata, Position, Record, StoredRecord};
use vmlog::redact::{self, Redacted, Redactor};
use vmlog::store::{
    Block, Error, FieldTotals, Options, Reader, Store, SyncPolicy, View, fold, fork, restore,
    verify,
};
use vmlog::time::Micros;

/// Every record of a view, by way of its blocks, in order of id.
pub(crate) fn read_all(view: &View) -> Vec<StoredRecord> {
    let ids = view.ids();
    let mut records: Vec<StoredRecord> = view
        .segments()
        .iter()
        .flat_map(|segment| segment.blocks().collect::<Vec<_>>())
        .flat_map(|block| {
            let rows: Vec<usize> = (0..block.summary().rows as usize).collect();
            block.records(&rows).unwrap()
        })
        .filter(|record| ids.contains(&record.id.0))
        .collect();
    records.sort_by_key(|record| record.id);
    records
}

/// Lets records through as they are.
fn plain() -> Redactor {
    let options = redact::RedactOptions {
        disabled: vec!["all".to_owned()],
        ..redact::RedactOptions::default()
    };
    Redactor::new(&options).unwrap()
}

pub(crate) fn redacted(records: &[Record]) -> Vec<Redacted> {
    let mut redactor = plain();
    records
        .iter()
        .map(|record| redactor.redact(record.clone()))
        .collect()
}

pub(crate) fn record(number: u64) -> Record {
    let mut metadata = Metadata::new();
    metadata.insert("number", number);
    Record {
        timestamp: Micros::new(1_700_000_000_000_000 + i64::try_from(number).unwrap() * 1000),
        source: format!("docker:web{}", number % 3).parse().unwrap(),
        level: Level::ALL[usize::try_from(number % 4).unwrap()],
        message: format!("message {number} of the store test"),
        metadata,
    }
}

pub(crate) fn options() -> Options {
    Options {
        rows_max: 1_000_000,
        age_max: Duration::from_hours(24 * 365 * 100_000),
        sync: SyncPolicy::Off,
        free_percent_min: 0,
        free_bytes_min: 0,
        keep_bytes_min: 0,
        kept_bytes_max: 0,
        ..Options::default()
    }
}

fn open(root: &Path, options: &Options) -> Store {
    let (store, recovery) = Store::open(Arc::new(RealDisk), root, options.clone()).unwrap();
    assert_eq!(recovery.cut_bytes, 0);
    store
}

pub(crate) fn position(value: u64) -> Position {
    Position {
        origin: "journal:a".to_owned(),
        value: Some(value.to_string().into_bytes()),
    }
}

#[test]
fn what_is_appended_is_read_before_and_after_sealing_and_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path(), &options());
    let records: Vec<Record> = (0..3000).map(record).collect();
    for chunk in records.chunks(70) {
        store.append(&redacted(chunk), &[position(7)]).unwrap();
    }
    let check = |view: &View| {
        assert_eq!(view.ids(), 1..3001);
        let found = read_all(view);
        assert_eq!(found.len(), records.len());
        for (found, (expected, id)) in found.iter().zip(records.iter().zip(1..)) {
            assert_eq!(found.id.0, id);
            assert_eq!(found.record, *expected);
        }
    };
    let reader = store.reader();
    let before = reader.view();
    check(&before);
    store.seal().unwrap();
    check(&before);
    check(&reader.view());
    assert_eq!(reader.view().segments().len(), 2);
    check(
        &Reader::open_read_only(Arc::new(RealDisk), dir.path())
            .unwrap()
            .view(),
    );
    drop(store);
    let store = open(dir.path(), &options());
    check(&store.reader().view());
    assert_eq!(store.positions()["journal:a"], b"7");
}

#[test]
fn retention_hides_exactly_what_is_too_much() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        rows_max: 1500,
        segment_rows: 1000,
        ..options()
    };
    let mut store = open(dir.path(), &options);
    for number in 0..50 {
        let records: Vec<Record> = (number * 100..number * 100 + 100).map(record).collect();
        store.append(&redacted(&records), &[]).unwrap();
        store.maintain(Micros::now()).unwrap();
        let end = number * 100 + 101;
        let view = store.reader().view();
        assert_eq!(view.ids(), end.saturating_sub(1500).max(1)..end);
        assert_eq!(
            read_all(&view).len() as u64,
            view.ids().end - view.ids().start
        );
    }
    drop(store);
    let store = open(dir.path(), &options);
    assert_eq!(store.reader().view().ids(), 3501..5001);
    assert!(store.reader().view().segments().len() <= 4);
}

/// A record of any shape: odd times, empty and long messages, many sources, nested metadata.
pub(crate) fn any_record(random: &mut Rng) -> Record {
    let word = |random: &mut Rng| {
        let words = [
            "error",
            "Connected",
            "\u{4f60}\u{597d}",
            "\u{e9}",
            "",
            "id=77",
            "\n",
            "\u{0}",
        ];
        words[usize::try_from(random.number(8)).unwrap()]
    };
    let mut message = String::new();
    for _ in 0..random.number(12) {
        message.push_str(word(random));
        message.push(' ');
    }
    if random.number(200) == 0 {
        message = message.repeat(2000);
    }
    let mut metadata = Metadata::new();
    for key in 0..random.number(4) {
        let value = match random.number(5) {
            0 => json!(random.next()),
            1 => json!(-1.5),
            2 => json!([null, true, {"deep": [word(random)]}]),
            3 => json!(i64::MIN),
            _ => json!(word(random)),
        };
        metadata.insert(format!("key{key}"), value);
    }
    let times = [
        Micros::MIN,
        Micros::MAX,
        Micros::new(0),
        Micros::new(1_700_000_000_000_000 + random.next().cast_signed() % 1_000_000_000),
    ];
    Record {
        timestamp: times[usize::try_from(random.number(20).min(3)).unwrap()],
        source: format!("source:{}", random.number(3) * random.number(40))
            .parse()
            .unwrap(),
        level: Level::ALL[usize::try_from(random.number(4)).unwrap()],
        message,
        metadata,
    }
}

/// What the store must hold.
#[derive(Default, Clone)]
struct Model {
    records: Vec<Record>,
    pruned: u64,
    positions: BTreeMap<String, Vec<u8>>,
}

impl Model {
    fn check(&self, view: &View, what: &str) {
        assert_eq!(
            view.ids(),
            self.pruned + 1..self.records.len() as u64 + 1,
            "{what}"
        );
        let found = read_all(view);
        let expected = (1..)
            .zip(&self.records)
            .skip(usize::try_from(self.pruned).unwrap());
        assert_eq!(
            found.len() as u64,
            view.ids().end - view.ids().start,
            "{what}"
        );
        for (found, (id, record)) in found.iter().zip(expected) {
            assert_eq!((found.id.0, &found.record), (id, record), "{what}");
        }
        check_summaries(view, what);
    }
}

/// Summaries and bitmaps say nothing that the rows do not.
fn check_summaries(view: &View, what: &str) {
    for segment in view.segments() {
        for block in segment.blocks() {
            let summary = block.summary();
            let times = block.timestamps().unwrap();
            let found = *times.iter().min().unwrap()..=*times.iter().max().unwrap();
            assert_eq!(found, summary.times, "{what}");
            let ids = block.ids().unwrap();
            assert_eq!(ids[0]..ids[ids.len() - 1] + 1, summary.ids, "{what}");
            let mut levels = [0; 4];
            for level in block.levels().unwrap() {
                levels[level.index()] += 1;
            }
            assert_eq!(levels, summary.levels, "{what}");
            let messages = block.messages().unwrap();
            for row in 0..messages.ends().len() {
                let folded = fold(messages.get(row));
                assert!(block.may_contain(&folded), "{what}: {folded:?}");
            }
        }
    }
}

/// How many blocks there are, and how many deny a text that none of them holds.
fn denials(store: &Store) -> (usize, usize) {
    let view = store.reader().view();
    let blocks: Vec<_> = view
        .segments()
        .iter()
        .flat_map(|one| one.blocks())
        .collect();
    let denied = blocks.iter().filter(|block| !block.may_contain("qqjjxxzz"));
    (blocks.len(), denied.count())
}

#[test]
fn what_is_full_denies_what_it_does_not_hold_whether_appended_or_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("store");
    let mut store = open(&root, &options());
    let records: Vec<_> = (1..=10_000).map(record).collect();
    for records in records.chunks(100) {
        store.append(&redacted(records), &[]).unwrap();
    }
    // the last block may still grow, so that nothing is known of it
    let (blocks, denied) = denials(&store);
    assert!(blocks > 2, "{blocks}");
    assert_eq!(denied, blocks - 1);
    check_summaries(&store.reader().view(), "appended");
    drop(store);
    let store = open(&root, &options());
    assert_eq!(denials(&store), (blocks, denied));
    check_summaries(&store.reader().view(), "read again");
}

/// A hexadecimal id that no other number has.
fn hex_id(number: u64) -> String {
    let high = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!("{high:016x}{:016x}", high.rotate_left(29) ^ number)
}

#[test]
fn long_tokens_and_values_are_denied_by_blocks_that_do_not_have_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path(), &options());
    let records: Vec<Record> = (0..20_000_u64)
        .map(|number| {
            let mut record = record(number);
            record.source = "docker:api".parse().unwrap();
            record.message = format!("request {} took {} ms", hex_id(number), number % 1000);
            let metadata = json!({
                "status": 200 + number % 3, "trace": hex_id(number + 1_000_000), "zone": number / 4000,
            });
            record.metadata = metadata.as_object().unwrap().clone().into();
            record
        })
        .collect();
    for records in records.chunks(500) {
        store.append(&redacted(records), &[]).unwrap();
    }
    store.seal().unwrap();
    let view = store.reader().view();
    let blocks: Vec<_> = view
        .segments()
        .iter()
        .flat_map(|segment| segment.blocks())
        .collect();
    assert!(blocks.len() >= 6, "{}", blocks.len());
    let count = |is_possible: &dyn Fn(&Block<'_>) -> bool| {
        blocks.iter().filter(|block| is_possible(block)).count()
    };
    let (mut whole, mut part, mut values, mut equal) = (0, 0, 0, 0);
    for number in (0..20_000).step_by(200) {
        let (id, trace) = (hex_id(number), hex_id(number + 1_000_000));
        whole += count(&|block| block.may_contain(&id));
        part += count(&|block| block.may_contain(&id[7..19]));
        values += count(&|block| block.values_may_contain(&trace));
        equal += count(&|block| block.field("trace").may_equal(&trace));
    }
    // One block has each of the hundred; one in twenty others passes where a single sample decides.
    let others = 100 * (blocks.len() - 1);
    for (found, passed_max) in [
        (whole, others / 100),
        (part, others / 8),
        (values, others / 100),
        (equal, others / 10),
    ] {
        assert!(
            found >= 100 && found - 100 <= passed_max,
            "{found} of {others}"
        );
    }
    assert_eq!(count(&|block| block.field("status").may_equal("204")), 0);
    assert_eq!(
        count(&|block| block.field("status").may_equal("200")),
        blocks.len()
    );
    let zone_3 = count(&|block| block.field("zone").may_equal("3"));
    assert!((1..blocks.len() / 2).contains(&zone_3), "{zone_3}");
    assert_eq!(count(&|block| block.field("absent").may_exist()), 0);
    let segment = &view.segments()[0];
    let rows = segment.rows();
    let keys = segment.field_keys().unwrap();
    assert!(
        keys.iter().all(|(_, count)| *count == rows) && keys.len() == 3,
        "{keys:?}"
    );
    let FieldTotals::Listed {
        rows: counted,
        values,
    } = segment.field_totals("status")
    else {
        panic!("not listed")
    };
    assert_eq!(counted, rows);
    assert_eq!(values.iter().map(|(_, count)| count).sum::<u64>(), rows);
    let verified = verify(Arc::new(RealDisk), folder.path()).unwrap();
    assert!(verified.damage.is_empty(), "{:?}", verified.damage);
}

fn random_run(seed: u64, steps: u64) {
    let what = format!("seed {seed}");
    let mut random = Rng::new(seed);
    let mut disk = DiskDouble::default();
    let root = Path::new("/store");
    let options = Options {
        rows_max: 300 + random.number(2000),
        segment_rows: 50 + random.number(1000),
        ..options()
    };
    let open = |disk: &DiskDouble| {
        Store::open(Arc::new(disk.clone()), root, options.clone())
            .unwrap()
            .0
    };
    let mut store = open(&disk);
    let mut model = Model::default();
    let mut held: Option<(View, Model)> = None;
    for step in 0..steps {
        let what = format!("{what} step {step}");
        match random.number(40) {
            0 => store.seal().unwrap(),
            1 => {
                drop(store);
                disk = disk.after(Loss::Nothing);
                store = open(&disk);
            }
            2 => {
                if let Some((view, then)) = held.take() {
                    then.check(&view, &what);
                }
                held = Some((store.reader().view(), model.clone()));
            }
            3 => {
                store.maintain(Micros::now()).unwrap();
                let rows = model.records.len() as u64;
                model.pruned = model.pruned.max(rows.saturating_sub(options.rows_max));
            }
            4 => model.check(&store.reader().view(), &what),
            _ => {
                let count = random.number(5) * random.number(20);
                let records: Vec<Record> = (0..count).map(|_| any_record(&mut random)).collect();
                let origin = format!("file:{}", random.number(4));
                let value = (random.number(5) > 0).then(|| random.next().to_le_bytes().to_vec());
                match &value {
                    Some(value) => model.positions.insert(origin.clone(), value.clone()),
                    None => model.positions.remove(&origin),
                };
                let first = model.records.len() as u64 + 1;
                model.records.extend(records.iter().cloned());
                let ids = store
                    .append(&redacted(&records), &[Position { origin, value }])
                    .unwrap();
                assert_eq!(ids, first..first + count, "{what}");
                // A burst is pruned whenever a file is full, and never by more than is due.
                let pruned = store.reader().view().ids().start - 1;
                let rows = model.records.len() as u64;
                assert!(pruned <= model.pruned.max(rows.saturating_sub(options.rows_max)));
                model.pruned = pruned;
            }
        }
        assert_eq!(*store.positions(), model.positions, "{what}");
        // Held views are of an earlier state.
        if let Some((_, held)) = &held {
            assert!(held.records.len() <= model.records.len());
        }
    }
    model.check(&store.reader().view(), &what);
    model.check(
        &Reader::open_read_only(Arc::new(disk), root).unwrap().view(),
        &what,
    );
}

#[test]
fn random_runs_agree_with_a_vector() {
    let runs = std::env::var("VMLOG_TEST_RUNS").map_or(5, |runs| runs.parse().unwrap());
    for seed in 0..runs {
        random_run(seed, 250);
    }
}

#[test]
fn the_second_writer_learns_who_is_the_first() {
    let dir = tempfile::tempdir().unwrap();
    let _store = open(dir.path(), &options());
    let error = Store::open(Arc::new(RealDisk), dir.path(), options()).unwrap_err();
    assert!(matches!(error, Error::Locked { pid: Some(pid), .. } if pid == std::process::id()));
}

#[test]
fn very_many_sources_and_a_very_long_message_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path(), &options());
    let sources =
        std::env::var("VMLOG_TEST_SOURCES").map_or(20_000, |count| count.parse().unwrap());
    let of = |number: u64| Record {
        source: format!("file:{number}").parse().unwrap(),
        ..record(number)
    };
    let numbers: Vec<u64> = (0..sources).collect();
    for chunk in numbers.chunks(500) {
        let records: Vec<Record> = chunk.iter().map(|number| of(*number)).collect();
        store.append(&redacted(&records), &[]).unwrap();
    }
    let long = Record {
        message: "a long line, \u{e9} ".repeat(1 << 20),
        ..record(0)
    };
    assert!(long.message.len() >= 16 << 20);
    store
        .append(&redacted(std::slice::from_ref(&long)), &[])
        .unwrap();
    store.seal().unwrap();
    drop(store);
    let store = open(dir.path(), &options());
    let view = store.reader().view();
    // A segment names at most 16,384 sources, and what one append adds to them.
    let counts = view.segments().iter().map(|one| one.sources().len());
    assert!(counts.clone().count() > 1);
    assert!(counts.max() <= Some(16_384 + 500));
    let mut found = read_all(&view);
    assert_eq!(found.pop().unwrap().record, long);
    assert_eq!(found.len() as u64, sources);
    for stored in found {
        assert_eq!(stored.record, of(stored.id.0 - 1));
    }
}

#[test]
fn more_than_a_frame_holds_is_refused_and_costs_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path(), &options());
    let long = Record {
        message: "x".repeat(140 << 20),
        source: "file:new".parse().unwrap(),
        ..record(0)
    };
    let error = store
        .append(&redacted(&[long.clone(), long]), &[])
        .unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error}");
    assert!(store.reader().failure().is_none());
    assert_eq!(store.append(&redacted(&[record(5)]), &[]).unwrap(), 1..2);
    assert_eq!(read_all(&store.reader().view())[0].record, record(5));
}

#[test]
fn snapshots_stay_while_the_store_goes_on_and_make_new_stores() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("store");
    let options = Options {
        rows_max: 2000,
        segment_rows: 200,
        ..options()
    };
    let mut store = open(&root, &options);
    let append = |store: &mut Store, from: u64, to: u64| {
        for number in from..to {
            store
                .append(&redacted(&[record(number)]), &[position(number + 1)])
                .unwrap();
        }
    };
    append(&mut store, 0, 1500);
    let snapshot = store.snapshot("before").unwrap();
    assert!(matches!(
        store.snapshot("before"),
        Err(Error::Exists { .. })
    ));
    assert!(matches!(store.snapshot("../x"), Err(Error::Name { .. })));
    append(&mut store, 1500, 4000);
    store.maintain(Micros::now()).unwrap();
    assert_eq!(store.reader().view().ids(), 2001..4001);
    let numbers = |root: &Path| -> Vec<u64> {
        let reader = Reader::open_read_only(Arc::new(RealDisk), root).unwrap();
        let records = read_all(&reader.view());
        assert!(records.iter().all(|it| it.record == record(it.id.0 - 1)));
        records.iter().map(|it| it.id.0).collect()
    };
    let held: Vec<u64> = (1..1501).collect();
    assert_eq!(numbers(&snapshot), held);
    let restored = dir.path().join("restored");
    let forked = dir.path().join("forked");
    restore(Arc::new(RealDisk), &snapshot, &restored).unwrap();
    fork(Arc::new(RealDisk), &snapshot, &forked).unwrap();
    let error = fork(Arc::new(RealDisk), &snapshot, &forked).unwrap_err();
    assert!(matches!(error, Error::Exists { .. }));
    for root in [&restored, &forked] {
        let mut store = open(root, &options);
        assert_eq!(store.positions()["journal:a"], b"1500");
        append(&mut store, 1500, 1600);
        store.seal().unwrap();
        drop(store);
        assert_eq!(numbers(root), (1..1601).collect::<Vec<u64>>());
    }
    assert_eq!(
        numbers(&snapshot),
        held,
        "what is made of a snapshot leaves it as it is"
    );
    let id = |root: &Path| std::fs::read_to_string(root.join("STORE")).unwrap();
    let line = |root: &Path| id(root).lines().nth(2).unwrap().to_owned();
    assert_eq!(line(&restored), line(&root));
    assert_ne!(line(&forked), line(&root));
}
