//! Thinning: the evidence of segments that rows or bytes push out remains.

use crate::store::crash::{Done, ROOT, append, opening, sweep};
use crate::store::format::{read_by_python, record_line};
use crate::store::{options, position, read_all, record, redacted};
use crate::support::double::{Call, DiskDouble, Fault, Loss};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use vmlog::disk::{RealDisk, Space};
use vmlog::query::{Budget, Limits, page, parse_page};
use vmlog::record::{Level, Metadata, Record, StoredRecord};
use vmlog::store::{Error, Options, Reader, Store, View, inspect_store, verify};
use vmlog::time::Micros;

fn line(source: &str, level: Level, message: String) -> Record {
    Record {
        timestamp: Micros::now(),
        source: source.parse().unwrap(),
        level,
        message,
        metadata: Metadata::new(),
    }
}

/// A record of a captured command.
fn of_run(run: &str, event: Option<&str>, success: bool, message: String) -> Record {
    let mut record = line("devcontainer:shop", Level::Info, message);
    record.metadata.insert("run_id", run.to_owned());
    if let Some(event) = event {
        record.metadata.insert("event_type", event.to_owned());
        record.metadata.insert("success", success);
    }
    record
}

/// A run of 300 lines; it ends unless `success` is `None`.
fn run(name: &str, success: Option<bool>) -> Vec<Record> {
    let mut records = vec![of_run(name, Some("process_start"), false, "begins".into())];
    records.extend((0..300).map(|number| of_run(name, None, false, format!("{name} {number}"))));
    if let Some(success) = success {
        let end = of_run(name, Some("process_end"), success, "ended".into());
        records.push(end);
    }
    records
}

/// Boot, provisioning, three runs, a quiet service, an event and a problem.
fn evidence() -> Vec<Record> {
    let boot = (0..40).map(|number| line("system:kernel", Level::Info, format!("boot {number}")));
    let cloud = (0..200).map(|number| line("cloud-init", Level::Info, format!("stage {number}")));
    let mut records: Vec<_> = boot.chain(cloud).collect();
    records.extend(run("run-good", Some(true)));
    records.extend(run("run-bad", Some(false)));
    records.extend(run("run-open", None));
    records.push(line("docker:quiet", Level::Info, "the only line".into()));
    records.push(line("event:disk", Level::Info, "volume attached".into()));
    let mut problem = line("docker:noisy", Level::Info, "killed".into());
    problem.metadata.insert("problem", "oom_kill".to_owned());
    records.push(problem);
    records.push(line("docker:noisy", Level::Error, "cannot bind".into()));
    records
}

fn keeps(kept_bytes_max: u64) -> Options {
    Options {
        rows_max: 20_000,
        segment_rows: 4_000,
        kept_bytes_max,
        kept_rows_per_source: 100,
        ..options()
    }
}

fn open(folder: &TempDir, options: &Options) -> Store {
    let (store, recovery) =
        Store::open(Arc::new(RealDisk), folder.path(), options.clone()).unwrap();
    assert!(recovery.damage.is_empty());
    store
}

/// Appends `count` lines of one noisy service, with maintenance as it goes.
fn noise(store: &mut Store, count: u64) {
    let mut number = 0;
    while number < count {
        let lines = (number..number + 500)
            .map(|number| line("docker:noisy", Level::Info, format!("GET /{number} 200")));
        store
            .append(&redacted(&lines.collect::<Vec<_>>()), &[])
            .unwrap();
        number += 500;
        if number % 5_000 == 0 {
            store.maintain(Micros::now()).unwrap();
        }
    }
    store.maintain(Micros::now()).unwrap();
}

fn sizes(folder: &TempDir) -> (usize, u64) {
    let files = std::fs::read_dir(folder.path()).unwrap();
    let sizes = files.map(|file| file.unwrap().metadata().unwrap().len());
    let sizes: Vec<_> = sizes.collect();
    (sizes.len(), sizes.iter().sum())
}

fn messages(records: &[StoredRecord], source: &str) -> Vec<String> {
    let of_source = records
        .iter()
        .filter(|found| found.record.source.as_str() == source);
    of_source
        .map(|found| found.record.message.clone())
        .collect()
}

/// Every id of the view is a record or was thinned out.
fn assert_counted(view: &View, records: &[StoredRecord]) {
    let ids = view.ids();
    assert!(records.is_sorted_by(|a, b| a.id < b.id), "once each");
    assert_eq!(records.len() as u64 + view.thinned(), ids.end - ids.start);
    assert_eq!(view.records().unwrap(), records.len() as u64);
    assert_eq!(view.thinned_within(&ids), view.thinned());
}

#[test]
fn evidence_survives_noise_and_the_disk_stays_within_bounds() {
    let folder = TempDir::new().unwrap();
    let mut store = open(&folder, &keeps(4 << 20));
    let before = evidence();
    store.append(&redacted(&before), &[]).unwrap();
    noise(&mut store, 300_000);
    let view = store.reader().view();
    let records = read_all(&view);
    assert_counted(&view, &records);
    assert!(records.len() < 27_000, "{} records", records.len());
    assert_eq!(messages(&records, "system:kernel").len(), 40);
    assert_eq!(messages(&records, "cloud-init").len(), 200);
    assert_eq!(messages(&records, "docker:quiet"), ["the only line"]);
    assert_eq!(messages(&records, "event:disk"), ["volume attached"]);
    let noisy = messages(&records, "docker:noisy");
    assert_eq!(noisy[..2], ["killed", "cannot bind"]);
    let of_runs = messages(&records, "devcontainer:shop");
    let is_of = |name: &'static str| move |text: &&String| text.starts_with(name);
    assert_eq!(of_runs.iter().filter(is_of("begins")).count(), 3);
    assert_eq!(of_runs.iter().filter(is_of("ended")).count(), 2);
    assert_eq!(of_runs.iter().filter(is_of("run-bad ")).count(), 70);
    assert!(of_runs.contains(&"run-bad 299".to_owned()));
    assert!(of_runs.contains(&"run-open 299".to_owned()));
    assert_eq!(of_runs.iter().filter(is_of("run-good ")).count(), 0);
    // The first ids are those that were assigned.
    let first = records.iter().take(240);
    assert!(first.clone().zip(1..).all(|(found, id)| found.id.0 == id));
    let (files, bytes) = sizes(&folder);
    assert!(files < 40, "{files} files");
    assert!(bytes < 3 << 20, "{bytes} bytes");
    drop(store);
    // Nothing depends on the memory of the writer.
    assert!(
        verify(Arc::new(RealDisk), folder.path())
            .unwrap()
            .damage
            .is_empty()
    );
    let inspected = inspect_store(Arc::new(RealDisk), folder.path()).unwrap();
    let thinned = inspected.segments.iter().filter_map(|file| file.thinned);
    assert_eq!(thinned.sum::<u64>(), view.thinned());
    let reader = Reader::open_read_only(Arc::new(RealDisk), folder.path()).unwrap();
    assert_eq!(read_all(&reader.view()), records);
    assert!(inspected.segments.iter().any(|file| file.thinned.is_some()));
}

#[test]
fn a_reader_made_from_the_page_alone_reads_kept_segments() {
    let folder = TempDir::new().unwrap();
    let options = Options {
        rows_max: 4_000,
        segment_rows: 1_000,
        ..keeps(4 << 20)
    };
    let mut store = open(&folder, &options);
    store.append(&redacted(&evidence()), &[]).unwrap();
    noise(&mut store, 10_000);
    let view = store.reader().view();
    assert!(view.thinned() > 0);
    let expected: Vec<_> = read_all(&view).iter().map(record_line).collect();
    if let Some(found) = read_by_python(folder.path()) {
        assert_eq!(found, expected);
    }
}

#[test]
fn thinned_records_are_reported_and_pages_go_on_over_sparse_ids() {
    let folder = TempDir::new().unwrap();
    let mut store = open(&folder, &keeps(4 << 20));
    store.append(&redacted(&evidence()), &[]).unwrap();
    let old_view = store.reader().view();
    let old = read_all(&old_view);
    noise(&mut store, 60_000);
    assert_eq!(read_all(&old_view), old, "a view stays as it was");
    let view = store.reader().view();
    let all = read_all(&view);
    for direction in ["forward", "backward"] {
        let mut seen = vec![];
        let mut cursor = String::new();
        let mut is_truncated = false;
        loop {
            let mut asked = vec![
                ("limit".to_owned(), "97".to_owned()),
                ("direction".to_owned(), direction.to_owned()),
            ];
            if !cursor.is_empty() {
                asked.push(("cursor".to_owned(), cursor));
            }
            let request = parse_page(&asked, &Limits::default(), Micros::now()).unwrap();
            let found = page(&view, &request, &Budget::default()).unwrap();
            is_truncated |= found.truncated;
            seen.extend(found.entries);
            match found.next_cursor {
                Some(next) => cursor = next.to_string(),
                None => break,
            }
        }
        seen.sort_by_key(|record| record.id);
        assert_eq!(seen, all, "{direction}");
        assert!(
            is_truncated,
            "{direction}: the deleted records are not reported"
        );
    }
    // a page from the end of the log reports omitted records as well, but not for times that have none
    let first = |name: &str, value: &str| {
        let asked = [(name.to_owned(), value.to_owned())];
        let request = parse_page(&asked, &Limits::default(), Micros::now()).unwrap();
        page(&view, &request, &Budget::default()).unwrap()
    };
    assert!(first("source", "cloud-init").truncated);
    assert!(!first("start", "2090-01-01").truncated);
    assert!(!first("limit", "10").truncated, "the newest are all there");
    let kept_end = view.kept_end().unwrap();
    assert!(view.thinned_within(&(1..kept_end)) > 30_000);
    assert_eq!(view.thinned_within(&(kept_end..view.ids().end)), 0);
    assert_eq!(
        view.thinned_within(&(1..241)),
        0,
        "all provisioning is there"
    );
}

#[test]
fn the_budget_of_evidence_is_kept_and_the_oldest_goes_first() {
    let folder = TempDir::new().unwrap();
    let budget = 32 << 10;
    let mut store = open(&folder, &keeps(budget));
    for round in 0..40 {
        let errors = (0..300).map(|number| {
            let text = format!("failure {round}-{number}: {}", number * 7_919 % 1_000);
            line(&format!("docker:app{}", number % 9), Level::Error, text)
        });
        store
            .append(&redacted(&errors.collect::<Vec<_>>()), &[])
            .unwrap();
        noise(&mut store, 5_000);
    }
    let view = store.reader().view();
    let inspected = inspect_store(Arc::new(RealDisk), folder.path()).unwrap();
    let kept = inspected
        .segments
        .iter()
        .filter(|file| file.thinned.is_some());
    let bytes: u64 = kept.map(|file| file.bytes).sum();
    assert!(bytes <= budget, "{bytes} bytes");
    assert!(view.ids().start > 1, "the oldest evidence is gone");
    assert_counted(&view, &read_all(&view));
}

#[test]
fn without_a_budget_the_oldest_records_go_as_a_whole() {
    let folder = TempDir::new().unwrap();
    let mut store = open(&folder, &keeps(0));
    store.append(&redacted(&evidence()), &[]).unwrap();
    noise(&mut store, 30_000);
    let view = store.reader().view();
    assert_eq!(view.thinned(), 0);
    assert_eq!(view.records().unwrap(), 20_000);
}

#[test]
fn age_applies_to_evidence() {
    let disk = DiskDouble::default();
    let day = 86_400_000_000;
    let now = Micros::now();
    disk.set_now(now);
    let options = Options {
        age_max: std::time::Duration::from_hours(240),
        ..keeps(4 << 20)
    };
    let open = || Store::open(Arc::new(disk.clone()), Path::new(ROOT), options.clone());
    let (mut store, _) = open().unwrap();
    store.append(&redacted(&evidence()), &[]).unwrap();
    noise(&mut store, 40_000);
    assert!(store.reader().view().thinned() > 0);
    for days in 1..=14 {
        let now = now.plus(days * day);
        disk.set_now(now);
        store.maintain(now).unwrap();
        let mut fresh = line("docker:web", Level::Info, "still here".into());
        fresh.timestamp = now;
        store.append(&redacted(&[fresh]), &[]).unwrap();
    }
    let records = read_all(&store.reader().view());
    assert!(messages(&records, "cloud-init").is_empty());
    assert!(messages(&records, "docker:web").len() > 5);
}

/// Small segments, so that a sweep over all calls is quick.
fn small(kept_bytes_max: u64) -> Options {
    Options {
        rows_max: 24,
        segment_rows: 8,
        kept_bytes_max,
        kept_rows_per_source: 1,
        ..options()
    }
}

fn run_thinning(
    disk: &DiskDouble,
    done: &mut Done,
    kept_bytes_max: u64,
    steps: u64,
) -> Result<(), Error> {
    let disk = Arc::new(disk.clone());
    let options = small(kept_bytes_max);
    let (mut store, _) = Store::open(disk, Path::new(ROOT), options)?;
    for step in 1..=steps {
        append(&mut store, done, step % 3 * 4 + 4)?;
        if step % 3 == 0 {
            store.sync()?;
            done.synced = done.appended;
            store.maintain(Micros::now())?;
        }
    }
    Ok(())
}

/// Every record is there once, or was thinned out; evidence only if `may_lose`.
fn check_thinned(disk: &DiskDouble, done: &Done, loss: Loss, what: &str, may_lose: bool) {
    let look = |view: &View| {
        let ids = view.ids();
        let records = read_all(view);
        assert!(records.is_sorted_by(|a, b| a.id < b.id), "{what}");
        let found: BTreeMap<u64, &Record> = records
            .iter()
            .map(|found| (found.id.0, &found.record))
            .collect();
        for (id, stored) in &found {
            assert_eq!(**stored, record(id - 1), "{what}");
        }
        let kept_end = view.kept_end().unwrap_or(ids.start);
        for id in ids.clone() {
            let is_evidence = record(id - 1).level >= Level::Warn && !may_lose;
            if id >= kept_end || is_evidence {
                assert!(found.contains_key(&id), "{what}: {id} is missing");
            }
        }
        if !may_lose {
            assert_eq!(ids.start, 1, "{what}");
        }
        assert_eq!(
            records.len() as u64 + view.thinned(),
            ids.end - ids.start,
            "{what}"
        );
        ids.end - 1
    };
    if let Ok(reader) = Reader::open_read_only(Arc::new(disk.clone()), Path::new(ROOT)) {
        look(&reader.view());
    }
    let budget = if may_lose { 12 << 10 } else { 1 << 20 };
    let open = || Store::open(Arc::new(disk.clone()), Path::new(ROOT), small(budget));
    let (mut store, recovery) = open().unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(recovery.damage.is_empty(), "{what}: {:?}", recovery.damage);
    let newest = look(&store.reader().view());
    let least = if loss == Loss::Nothing {
        done.appended
    } else {
        done.synced
    };
    assert!((least..=done.tried).contains(&newest), "{what}: {newest}");
    // What was interrupted is done.
    store.maintain(Micros::now()).unwrap();
    store.maintain(Micros::now()).unwrap();
    look(&store.reader().view());
}

#[test]
fn a_stop_at_any_call_of_thinning_loses_no_evidence() {
    let calls = sweep(
        |disk, done| run_thinning(disk, done, 1 << 20, 15),
        |disk, done, loss, what| check_thinned(disk, done, loss, what, false),
    );
    assert!(calls.contains(&Call::Rename) && calls.contains(&Call::Remove));
}

#[test]
fn a_stop_at_any_call_of_thinning_beyond_the_budget_leaves_each_record_once() {
    sweep(
        |disk, done| run_thinning(disk, done, 12 << 10, 12),
        |disk, done, loss, what| check_thinned(disk, done, loss, what, true),
    );
}

/// Appends through a disk that is full from a call on, until it has refused three records; returns how many were appended, and whether
/// maintenance reported that there was no room.
fn thin_through(disk: &DiskDouble, what: &str) -> (Store, u64, bool) {
    let shared = Arc::new(disk.clone());
    let (mut store, _) = Store::open(shared, Path::new(ROOT), small(1 << 20)).unwrap();
    let (mut appended, mut refused, mut is_reported) = (0, 0, false);
    while appended < 72 {
        match store.append(&redacted(&[record(appended)]), &[position(appended + 1)]) {
            Ok(_) => appended += 1,
            Err(Error::Full { .. }) => refused += 1,
            Err(error) => panic!("{what}: {error}"),
        }
        if refused == 3 {
            disk.disarm();
        }
        let done = store.maintain(Micros::now());
        let done = done.unwrap_or_else(|error| panic!("{what}: {error}"));
        let is_full = |error: &Error| matches!(error, Error::Full { .. });
        is_reported |= done.troubles.iter().any(is_full);
    }
    (store, appended, is_reported)
}

#[test]
fn a_disk_that_is_full_while_evidence_moves_costs_none_of_it() {
    let healthy = DiskDouble::default();
    thin_through(&healthy, "healthy");
    let mut reports = 0;
    for at in (opening()..healthy.calls().len()).step_by(5) {
        let what = format!("full from {at} on");
        let disk = DiskDouble::default();
        disk.arm(at, Fault::Full);
        let (mut store, appended, is_reported) = thin_through(&disk, &what);
        reports += u32::from(is_reported);
        disk.disarm();
        // longer than the longest pause after a failure
        for _ in 0..40 {
            store.maintain(Micros::now()).unwrap();
        }
        let view = store.reader().view();
        assert_eq!(view.ids(), 1..appended + 1, "{what}");
        let found = read_all(&view);
        let ids: Vec<u64> = found.iter().map(|found| found.id.0).collect();
        let kept_end = view.kept_end().expect("what was due was thinned");
        for id in 1..=appended {
            let is_due = id >= kept_end || record(id - 1).level >= Level::Warn;
            assert!(!is_due || ids.contains(&id), "{what}: {id} is missing");
        }
        assert!(
            view.ids().end - kept_end <= 40,
            "{what}: thinning continues"
        );
        assert_eq!(found.len() as u64 + view.thinned(), appended, "{what}");
    }
    assert!(reports > 0, "no failure was reported");
}

#[test]
fn small_kept_segments_are_merged() {
    let disk = DiskDouble::default();
    let mut done = Done::default();
    run_thinning(&disk, &mut done, 1 << 20, 60).unwrap();
    let disk = disk.after(Loss::Nothing);
    let reader = Reader::open_read_only(Arc::new(disk), Path::new(ROOT)).unwrap();
    let view = reader.view();
    let kept = view.segments().iter().filter(|segment| segment.is_kept());
    let kept: Vec<_> = kept.map(|segment| segment.ids()).collect();
    assert!(kept.len() < 16, "{kept:?}");
    assert!(kept[0].end - kept[0].start > 100, "{kept:?}");
}

/// Whether a sealed segment is there that was not thinned.
fn has_noise(view: &View) -> bool {
    let mut segments = view.segments().iter();
    segments.any(|segment| segment.is_sealed() && !segment.is_kept())
}

/// A full store whose evidence is in kept segments and in whole ones, and its disk.
fn full_store() -> (DiskDouble, Store) {
    let disk = DiskDouble::default();
    let options = Options {
        free_bytes_min: 1 << 30,
        ..keeps(4 << 20)
    };
    let (mut store, _) = Store::open(Arc::new(disk.clone()), Path::new(ROOT), options).unwrap();
    store.append(&redacted(&evidence()), &[]).unwrap();
    noise(&mut store, 60_000);
    let late = line("docker:late", Level::Error, "cannot connect".into());
    store.append(&redacted(&[late]), &[]).unwrap();
    noise(&mut store, 12_000);
    (disk, store)
}

#[test]
fn noise_is_deleted_before_evidence_when_space_is_short() {
    let (disk, mut store) = full_store();
    let bytes = |disk: &DiskDouble| disk.files().values().map(Vec::len).sum::<usize>();
    let before = bytes(&disk);
    disk.set_space(Space {
        free: (1 << 30) - 1,
        total: 1 << 40,
    });
    let start = Micros::now();
    let whole = |store: &Store| {
        let view = store.reader().view();
        let segments = view.segments().iter();
        segments.filter(|segment| !segment.is_kept()).count()
    };
    let whole_before = whole(&store);
    for _ in 0..10 {
        let done = store.maintain(start).unwrap();
        assert!(done.pruned.short_of_room);
    }
    assert_eq!(
        whole(&store),
        whole_before - 1,
        "one makes up for the missing byte"
    );
    assert!(bytes(&disk) < before);
    // nothing that is deleted helps
    let mut minutes = 0;
    while has_noise(&store.reader().view()) {
        minutes += 1;
        assert!(minutes < 100, "the noise stays");
        store.maintain(start.plus(minutes * 60_000_000)).unwrap();
        let records = read_all(&store.reader().view());
        assert_eq!(messages(&records, "system:kernel").len(), 40);
        assert_eq!(messages(&records, "cloud-init").len(), 200);
        assert_eq!(messages(&records, "docker:late"), ["cannot connect"]);
    }
    assert!(bytes(&disk) < before / 2);
    assert_counted(&store.reader().view(), &read_all(&store.reader().view()));
    for minute in minutes..minutes + 100 {
        store.maintain(start.plus(minute * 60_000_000)).unwrap();
    }
    let records = read_all(&store.reader().view());
    assert!(messages(&records, "system:kernel").is_empty(), "at last");
}

#[test]
fn a_disk_without_room_for_evidence_loses_the_oldest_noise() {
    let (disk, mut store) = full_store();
    let start = Micros::now();
    disk.set_space(Space {
        free: 0,
        total: 1 << 40,
    });
    disk.arm(disk.calls().len(), Fault::Full);
    let whole = |store: &Store| {
        let view = store.reader().view();
        let segments = view.segments().iter();
        segments.filter(|segment| !segment.is_kept()).count()
    };
    let before = whole(&store);
    for minute in 0..100 {
        store.maintain(start.plus(minute * 60_000_000)).unwrap();
        if whole(&store) < before {
            break;
        }
    }
    assert_eq!(whole(&store), before - 1);
    let records = read_all(&store.reader().view());
    assert_eq!(messages(&records, "system:kernel").len(), 40);
    assert_eq!(messages(&records, "cloud-init").len(), 200);
}
