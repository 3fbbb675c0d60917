//! Crashes: at every write, sync, rename and removal, with all that a power cut may take.

use crate::store::{options, position, read_all, record, redacted};
use crate::support::double::{Call, DiskDouble, Fault, Loss, Omitted};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use vmlog::record::{Record, StoredRecord};
use vmlog::store::{
    Error, Options, Reader, Store, delete_snapshot, restore_replacing, snapshot, snapshots,
};
use vmlog::time::Micros;

/// What a run has done so far, noted as it goes.
#[derive(Debug, Clone)]
pub(crate) struct Done {
    /// Records that an append was called with: one that failed may be there or not.
    pub(crate) tried: u64,
    /// Records whose append returned.
    pub(crate) appended: u64,
    /// Records that a sync covers.
    pub(crate) synced: u64,
    /// The greatest low-water id that retention may have asked for.
    pruned: u64,
    pub(crate) rows_max: u64,
    /// Snapshots that were made, with the records in them and the low-water id.
    snapshots: Vec<(u64, u64, u64)>,
}

impl Default for Done {
    fn default() -> Self {
        Self {
            tried: 0,
            appended: 0,
            synced: 0,
            pruned: 0,
            rows_max: small_segments().rows_max,
            snapshots: vec![],
        }
    }
}

/// Appends `count` records and the position that covers them.
pub(crate) fn append(store: &mut Store, done: &mut Done, count: u64) -> Result<(), Error> {
    let records: Vec<Record> = (done.tried..done.tried + count).map(record).collect();
    done.tried += count;
    // Rows are pruned where a file is full as well.
    let too_many = (done.tried + 1).saturating_sub(done.rows_max);
    done.pruned = done.pruned.max(too_many);
    store.append(&redacted(&records), &[position(done.tried)])?;
    done.appended = done.tried;
    Ok(())
}

pub(crate) fn small_segments() -> Options {
    Options {
        segment_rows: 40,
        rows_max: 100,
        ..options()
    }
}

/// Below folders that are new as well.
pub(crate) const ROOT: &str = "/var/vmlog/store";

/// Appends, syncs, seals and prunes.
fn run(disk: &DiskDouble, done: &mut Done) -> Result<(), Error> {
    let disk = Arc::new(disk.clone());
    let (mut store, _) = Store::open(disk, Path::new(ROOT), small_segments())?;
    for step in 1..=24_u64 {
        append(&mut store, done, step % 5 * 4 + 1)?;
        match step % 6 {
            2 => {
                store.sync()?;
                done.synced = done.appended;
            }
            4 => {
                store.maintain(Micros::now())?;
            }
            5 if step > 12 => store.seal()?,
            0 => {
                // A snapshot makes durable what it holds.
                store.snapshot(&format!("at-{step}"))?;
                done.synced = done.appended;
                done.snapshots.push((step, done.appended, done.pruned));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Seals small segments and merges them, between appends.
fn run_compaction(disk: &DiskDouble, done: &mut Done) -> Result<(), Error> {
    let disk = Arc::new(disk.clone());
    let options = Options {
        rows_max: 1000,
        ..small_segments()
    };
    let (mut store, _) = Store::open(disk, Path::new(ROOT), options)?;
    for step in 1..=14_u64 {
        append(&mut store, done, step % 4 * 3 + 1)?;
        if step % 2 == 0 {
            store.seal()?;
            done.synced = done.appended;
        }
        if step % 5 == 0 {
            store.compact()?;
        }
    }
    Ok(())
}

pub(crate) fn check_records(records: &[StoredRecord], ids: &Range<u64>, what: &str) {
    assert_eq!(records.len() as u64, ids.end - ids.start, "{what}");
    for (found, id) in records.iter().zip(ids.clone()) {
        assert_eq!(found.id.0, id, "{what}");
        assert_eq!(found.record, record(id - 1), "{what}");
    }
}

/// Opens what a crash left and looks at everything.
pub(crate) fn check(disk: &DiskDouble, done: &Done, loss: Loss, what: &str) {
    for (step, appended, pruned) in &done.snapshots {
        let root = Path::new(ROOT).join(format!("snapshots/at-{step}"));
        let reader = Reader::open_read_only(Arc::new(disk.clone()), &root);
        let view = reader
            .unwrap_or_else(|error| panic!("{what}: {error}"))
            .view();
        assert_eq!(view.ids().end, appended + 1, "{what}: snapshot at {step}");
        assert!(
            view.ids().start <= (*pruned).max(1),
            "{what}: snapshot at {step}"
        );
        check_records(&read_all(&view), &view.ids(), what);
    }
    let open = || Store::open(Arc::new(disk.clone()), Path::new(ROOT), small_segments());
    let (mut store, recovery) = open().unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(recovery.damage.is_empty(), "{what}: {:?}", recovery.damage);
    let view = store.reader().view();
    let ids = view.ids();
    let kept = ids.end - 1;
    let least = if loss == Loss::Nothing {
        done.appended
    } else {
        done.synced
    };
    assert!(kept >= least, "{what}: {kept} of {least} records");
    assert!(kept <= done.tried, "{what}: more than was written");
    assert!(
        ids.start <= done.pruned.max(1),
        "{what}: pruned to {}",
        ids.start
    );
    check_records(&read_all(&view), &ids, what);
    let position_kept = store.positions().get("journal:a");
    let covered = position_kept.map_or("0", |value| str::from_utf8(value).unwrap());
    assert_eq!(
        covered,
        kept.to_string(),
        "{what}: positions and records differ"
    );
    let more = [record(kept)];
    let appended = store
        .append(&redacted(&more), &[position(kept + 1)])
        .unwrap();
    assert_eq!(appended, kept + 1..kept + 2, "{what}");
    store.seal().unwrap();
    drop(store);
    let (store, recovery) = open().unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(recovery.cut_bytes, 0, "{what}");
    assert_eq!(store.reader().view().ids().end, kept + 2, "{what}");
}

/// Stops a scenario at every call that changes something, and checks the files after every kind of loss.
pub(crate) fn sweep(
    run: impl Fn(&DiskDouble, &mut Done) -> Result<(), Error>,
    check: impl Fn(&DiskDouble, &Done, Loss, &str),
) -> Vec<Call> {
    sweep_on(DiskDouble::default, run, check)
}

fn sweep_on(
    make: impl Fn() -> DiskDouble,
    run: impl Fn(&DiskDouble, &mut Done) -> Result<(), Error>,
    check: impl Fn(&DiskDouble, &Done, Loss, &str),
) -> Vec<Call> {
    let disk = make();
    run(&disk, &mut Done::default()).unwrap();
    let calls = disk.calls();
    for at in 0..=calls.len() {
        let disk = make();
        disk.arm(at, Fault::Stop);
        let mut done = Done::default();
        let stopped = run(&disk, &mut done).is_err();
        // A failed removal of a leftover file fails nothing.
        assert!(!stopped || at < calls.len());
        let torn = (0..torn_seeds()).map(|seed| Loss::Torn(seed * 1000 + at as u64));
        for loss in [Loss::Nothing, Loss::Unsynced].into_iter().chain(torn) {
            let what = format!("stop at {at} ({:?}), {loss:?}", calls.get(at));
            check(&disk.after(loss), &done, loss, &what);
        }
    }
    calls
}

#[test]
fn a_stop_at_any_call_loses_nothing_that_was_synced() {
    let calls = sweep(run, check);
    for call in [
        Call::Write,
        Call::Sync,
        Call::Rename,
        Call::Remove,
        Call::SyncDir,
        Call::Link,
    ] {
        assert!(calls.contains(&call), "the run never does {call:?}");
    }
}

#[test]
fn a_stop_at_any_call_of_a_compaction_loses_nothing() {
    let calls = sweep(run_compaction, |disk, done, loss, what| {
        // A reader beside it sees every record once, too.
        if let Ok(reader) = Reader::open_read_only(Arc::new(disk.clone()), Path::new(ROOT)) {
            let view = reader.view();
            check_records(&read_all(&view), &view.ids(), what);
        }
        check(disk, done, loss, what);
    });
    assert!(calls.contains(&Call::Rename) && calls.contains(&Call::Remove));
}

#[test]
fn the_sweep_sees_a_sync_that_is_left_out() {
    for omitted in [
        // what `sync` covers
        Omitted::OfFile(".open"),
        // the state with which an active file begins
        Omitted::OfFile(".open.tmp"),
        // a sealed segment, before the active file is removed
        Omitted::OfFile(".seg.tmp"),
        Omitted::AfterRename(".open"),
        Omitted::AfterRename(".seg"),
        // retention goes from the oldest to the newest
        Omitted::AfterRemoval(".seg"),
        // the folder of a new store, of a snapshot, and of all snapshots
        Omitted::AfterFolder("/store"),
        Omitted::AfterFolder("/at-6"),
    ] {
        let disk = || {
            let disk = DiskDouble::default();
            disk.omit(omitted);
            disk
        };
        let swept = std::panic::catch_unwind(|| sweep_on(disk, run, check));
        assert!(swept.is_err(), "{omitted:?}: nobody would notice");
    }
}

/// Six small segments, and the disk that they are on.
fn six_small() -> DiskDouble {
    let disk = DiskDouble::default();
    let mut store = open_six(&disk);
    let mut done = Done::default();
    for _ in 0..6 {
        append(&mut store, &mut done, 20).unwrap();
        store.seal().unwrap();
    }
    drop(store);
    disk.after(Loss::Nothing)
}

fn open_six(disk: &DiskDouble) -> Store {
    let shared = Arc::new(disk.clone());
    let (store, recovery) = Store::open(shared, Path::new(ROOT), options()).unwrap();
    assert!(recovery.damage.is_empty(), "{:?}", recovery.damage);
    store
}

#[test]
fn a_failure_in_a_compaction_costs_no_record_and_does_not_last() {
    let begin = six_small();
    let healthy = begin.after(Loss::Nothing);
    let mut store = open_six(&healthy);
    let opened = healthy.calls().len();
    assert_eq!(store.compact().unwrap().segments, (6, 1));
    drop(store);
    let calls = healthy.calls();
    for (at, call) in calls.iter().enumerate().skip(opened) {
        let needs_room = matches!(call, Call::Create | Call::Write | Call::Rename);
        for kind in [std::io::ErrorKind::Other, std::io::ErrorKind::StorageFull] {
            let what = format!("{kind} at {at} ({call:?})");
            let disk = begin.after(Loss::Nothing);
            let mut store = open_six(&disk);
            disk.arm(at, Fault::Once(kind));
            let compacted = store.compact();
            let view = store.reader().view();
            check_records(&read_all(&view), &(1..121), &what);
            if let Err(error) = compacted {
                let is_full = matches!(error, Error::Full { .. });
                assert!(
                    !is_full || kind == std::io::ErrorKind::StorageFull,
                    "{what}"
                );
            } else {
                // Leftover files are removed later.
                assert!(!needs_room, "{what}");
            }
            assert!(store.reader().failure().is_none(), "{what}");
            assert_eq!(store.compact().unwrap().segments.1, 1, "{what}");
            let done = store.maintain(Micros::now()).unwrap();
            assert!(done.troubles.len() <= 1, "{what}");
            let view = store.reader().view();
            check_records(&read_all(&view), &(1..121), &what);
            drop(store);
            let store = open_six(&disk.after(Loss::Nothing));
            let view = store.reader().view();
            check_records(&read_all(&view), &(1..121), &what);
        }
    }
}

/// A store with records, and what the snapshot of it held.
const SNAPSHOT: &str = "/var/vmlog/store/snapshots/first";
const IN_SNAPSHOT: u64 = 60;
const IN_STORE: u64 = 130;

/// A store of some files with a snapshot, to begin with.
fn with_snapshot() -> DiskDouble {
    let disk = DiskDouble::default();
    let root = Path::new(ROOT);
    let open = |root| {
        Store::open(Arc::new(disk.clone()), root, options())
            .unwrap()
            .0
    };
    let mut store = open(root);
    let mut done = Done::default();
    append(&mut store, &mut done, 40).unwrap();
    store.seal().unwrap();
    append(&mut store, &mut done, IN_SNAPSHOT - 40).unwrap();
    store.snapshot("first").unwrap();
    append(&mut store, &mut done, 50).unwrap();
    store.seal().unwrap();
    append(&mut store, &mut done, IN_STORE - IN_SNAPSHOT - 50).unwrap();
    store.sync().unwrap();
    drop(store);
    disk.after(Loss::Nothing)
}

/// Stops `run` at every call and passes the remaining files to `check`, with whether it had ended.
fn sweep_whole(
    run: impl Fn(&DiskDouble) -> Result<(), Error>,
    check: impl Fn(&DiskDouble, bool, &str),
) {
    let begin = with_snapshot();
    let disk = begin.after(Loss::Nothing);
    run(&disk).unwrap();
    let calls = disk.calls();
    assert!(calls.len() > 5);
    for at in 0..=calls.len() {
        let disk = begin.after(Loss::Nothing);
        disk.arm(at, Fault::Stop);
        let ended = run(&disk).is_ok();
        assert_eq!(ended, at == calls.len());
        let torn = (0..10 * torn_seeds()).map(|seed| Loss::Torn(seed * 1000 + at as u64));
        for loss in [Loss::Nothing, Loss::Unsynced].into_iter().chain(torn) {
            let what = format!("stop at {at} ({:?}), {loss:?}", calls.get(at));
            check(&disk.after(loss), ended, &what);
        }
    }
}

fn read_to_end(disk: &DiskDouble, root: &str, what: &str) -> u64 {
    let reader = Reader::open_read_only(Arc::new(disk.clone()), Path::new(root));
    let view = reader
        .unwrap_or_else(|error| panic!("{what}: {error}"))
        .view();
    let found = read_all(&view);
    let end = found.last().map_or(0, |last| last.id.0);
    check_records(&found, &(view.ids().start..end + 1), what);
    end
}

#[test]
fn a_restore_in_place_stopped_at_any_call_leaves_the_old_store_or_the_new() {
    let replace = |disk: &DiskDouble| {
        let disk = Arc::new(disk.clone());
        restore_replacing(disk, Path::new(SNAPSHOT), Path::new(ROOT))
    };
    sweep_whole(replace, |disk, ended, what| {
        let before = read_to_end(disk, ROOT, what);
        assert!(
            [IN_SNAPSHOT, IN_STORE].contains(&before),
            "{what}: {before}"
        );
        assert!(!ended || before == IN_SNAPSHOT, "{what}");
        let open = Store::open(Arc::new(disk.clone()), Path::new(ROOT), options());
        let (mut store, recovery) = open.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert!(recovery.damage.is_empty(), "{what}: {:?}", recovery.damage);
        let covered = store.positions()["journal:a"].clone();
        assert_eq!(covered, before.to_string().into_bytes(), "{what}");
        let ids = store.append(&redacted(&[record(IN_STORE)]), &[]).unwrap();
        assert_eq!(ids, IN_STORE + 1..IN_STORE + 2, "{what}: no id comes twice");
        drop(store);
        let left = disk.files();
        assert!(
            left.keys()
                .all(|path| !path.starts_with("/var/vmlog/store/restoring")),
            "{what}"
        );
        assert_eq!(read_to_end(disk, SNAPSHOT, what), IN_SNAPSHOT, "{what}");
    });
}

#[test]
fn a_snapshot_stopped_at_any_call_is_whole_or_none() {
    let take =
        |disk: &DiskDouble| snapshot(Arc::new(disk.clone()), Path::new(ROOT), "second").map(drop);
    sweep_whole(take, |disk, ended, what| {
        let listed = snapshots(Arc::new(disk.clone()), Path::new(ROOT)).unwrap();
        let second = listed.iter().find(|snapshot| snapshot.name == "second");
        let content = second.and_then(|second| second.content.as_ref().ok());
        assert!(!ended || content.is_some(), "{what}");
        if let Some(content) = content {
            assert_eq!(content.records, IN_STORE, "{what}");
            assert_eq!(
                read_to_end(disk, "/var/vmlog/store/snapshots/second", what),
                IN_STORE
            );
        } else {
            take(disk).unwrap_or_else(|error| panic!("{what}: {error}"));
        }
        assert_eq!(read_to_end(disk, ROOT, what), IN_STORE, "{what}");
    });
}

#[test]
fn a_snapshot_whose_deletion_is_stopped_is_whole_or_none() {
    let delete =
        |disk: &DiskDouble| delete_snapshot(Arc::new(disk.clone()), Path::new(ROOT), "first");
    sweep_whole(delete, |disk, ended, what| {
        let listed = snapshots(Arc::new(disk.clone()), Path::new(ROOT)).unwrap();
        let first = listed.iter().find(|snapshot| snapshot.name == "first");
        assert!(!ended || first.is_none(), "{what}");
        if first.is_some_and(|first| first.content.is_ok()) {
            assert_eq!(read_to_end(disk, SNAPSHOT, what), IN_SNAPSHOT, "{what}");
        }
        if first.is_some() {
            delete(disk).unwrap_or_else(|error| panic!("{what}: {error}"));
        }
        assert_eq!(read_to_end(disk, ROOT, what), IN_STORE, "{what}");
    });
}

/// How many ways of tearing are tried at each call.
pub(crate) fn torn_seeds() -> u64 {
    std::env::var("VMLOG_TEST_RUNS").map_or(3, |runs| runs.parse().unwrap())
}

/// Appends one record after another through a fault; returns how many were appended and the failures seen.
fn append_through(disk: &DiskDouble, records: u64) -> (Store, u64, Vec<Error>) {
    let shared = Arc::new(disk.clone());
    let (mut store, _) = Store::open(shared, Path::new(ROOT), small_segments()).unwrap();
    let mut appended = 0;
    let mut failures = vec![];
    for _ in 0..records {
        match store.append(&redacted(&[record(appended)]), &[position(appended + 1)]) {
            Ok(ids) => {
                appended += 1;
                assert_eq!(ids, appended..appended + 1);
            }
            Err(error) => failures.push(error),
        }
        if let Err(error) = store.sync().and_then(|()| store.maintain(Micros::now())) {
            failures.push(error);
        }
    }
    (store, appended, failures)
}

/// How many calls opening a new store makes.
pub(crate) fn opening() -> usize {
    let disk = DiskDouble::default();
    let shared = Arc::new(disk.clone());
    Store::open(shared, Path::new(ROOT), small_segments()).unwrap();
    disk.calls().len()
}

pub(crate) fn check_appended(disk: &DiskDouble, appended: u64, what: &str) {
    let shared = Arc::new(disk.after(Loss::Nothing));
    let (store, _) = Store::open(shared, Path::new(ROOT), small_segments())
        .unwrap_or_else(|error| panic!("{what}: {error}"));
    let view = store.reader().view();
    // The one append that failed may have reached the disk whole.
    let end = view.ids().end;
    assert!(end == appended + 1 || end == appended + 2, "{what}: {end}");
    for found in read_all(&view) {
        assert_eq!(found.record, record(found.id.0 - 1), "{what}");
    }
}

#[test]
fn a_full_disk_refuses_and_goes_on_when_there_is_room() {
    let healthy = DiskDouble::default();
    append_through(&healthy, 90);
    let calls = healthy.calls();
    for (at, call) in calls.iter().enumerate().skip(opening()) {
        if matches!(call, Call::Sync | Call::SyncDir | Call::Remove | Call::Cut) {
            continue;
        }
        let what = format!("full at {at} ({call:?})");
        let disk = DiskDouble::default();
        disk.arm(at, Fault::Once(std::io::ErrorKind::StorageFull));
        let (store, appended, failures) = append_through(&disk, 90);
        assert!(store.reader().failure().is_none(), "{what}: {failures:?}");
        assert!(appended >= 89, "{what}: {failures:?}");
        assert_eq!(store.reader().view().ids().end, appended + 1, "{what}");
        drop(store);
        check_appended(&disk, appended, &what);
    }
}

#[test]
fn a_disk_that_stays_full_costs_nothing_but_the_new() {
    let healthy = DiskDouble::default();
    append_through(&healthy, 90);
    for at in (opening()..healthy.calls().len()).step_by(7) {
        let what = format!("full from {at} on");
        let disk = DiskDouble::default();
        disk.arm(at, Fault::Full);
        let (mut store, appended, failures) = append_through(&disk, 90);
        assert!(store.reader().failure().is_none(), "{what}: {failures:?}");
        assert!(
            failures
                .iter()
                .all(|error| matches!(error, Error::Full { .. })),
            "{what}"
        );
        let view = store.reader().view();
        assert_eq!(view.ids().end, appended + 1, "{what}");
        check_records(&read_all(&view), &view.ids(), &what);
        disk.disarm();
        for number in appended..appended + 90 {
            store
                .append(&redacted(&[record(number)]), &[position(number + 1)])
                .unwrap();
        }
        store.maintain(Micros::now()).unwrap();
        assert!(
            store.reader().view().segments().len() <= 4,
            "{what}: sealing was put off for good"
        );
        drop(store);
        check_appended(&disk, appended + 90, &what);
    }
}
