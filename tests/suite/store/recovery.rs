//! Failures while a store is open: what is transient leaves no trace, and what is not is recovered from, with nothing lost and
//! nothing twice.

use crate::store::crash::{Done, ROOT, append, check_records, opening, small_segments, torn_seeds};
use crate::store::{position, read_all, record, redacted};
use crate::support::double::{Call, DiskDouble, Fault, Loss};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use vmlog::store::{Error, Options, Store, SyncPolicy};
use vmlog::time::Micros;

fn open(disk: &DiskDouble, options: Options) -> Store {
    let shared = Arc::new(disk.clone());
    let (store, recovery) = Store::open(shared, Path::new(ROOT), options).unwrap();
    assert!(recovery.damage.is_empty(), "{:?}", recovery.damage);
    store
}

/// What a run through faults came to.
#[derive(Debug, Default)]
struct Told {
    failures: Vec<Error>,
    troubles: Vec<String>,
    recovered: usize,
}

fn tend(store: &mut Store, told: &mut Told) {
    match store.maintain(Micros::now()) {
        Ok(done) => {
            let troubles = done.troubles.iter().map(ToString::to_string);
            told.troubles.extend(troubles);
            if let Some(recovered) = done.recovered {
                assert_eq!(recovered.lost, 0);
                assert!(recovered.damage.is_empty());
                told.recovered += 1;
            }
        }
        Err(error) => told.failures.push(error),
    }
}

/// Appends records one by one, each until it is accepted, with maintenance in between.
fn append_all(store: &mut Store, numbers: std::ops::Range<u64>, told: &mut Told) {
    for number in numbers {
        let mut tries = 0;
        loop {
            let appended = store.append(&redacted(&[record(number)]), &[position(number + 1)]);
            match appended {
                Ok(ids) => {
                    assert_eq!(ids, number + 1..number + 2);
                    break;
                }
                Err(error) => told.failures.push(error),
            }
            tend(store, told);
            tries += 1;
            assert!(tries < 200, "{told:?}");
        }
        if number % 3 == 0
            && let Err(error) = store.sync()
        {
            told.failures.push(error);
        }
        tend(store, told);
    }
}

fn check_whole(disk: &DiskDouble, store: Store, records: u64, what: &str) {
    let view = store.reader().view();
    assert_eq!(view.ids().end, records + 1, "{what}");
    check_records(&read_all(&view), &view.ids(), what);
    let covered = store.positions()["journal:a"].clone();
    assert_eq!(covered, records.to_string().into_bytes(), "{what}");
    drop(store);
    let store = open(&disk.after(Loss::Nothing), small_segments());
    let view = store.reader().view();
    assert_eq!(view.ids().end, records + 1, "{what}");
    check_records(&read_all(&view), &view.ids(), what);
    assert_eq!(store.positions()["journal:a"], covered, "{what}");
}

fn calls_of(options: &Options, records: u64) -> Vec<Call> {
    let disk = DiskDouble::default();
    append_all(
        &mut open(&disk, options.clone()),
        0..records,
        &mut Told::default(),
    );
    disk.calls()
}

#[test]
fn any_failed_call_is_recovered_from_in_place() {
    for sync in [SyncPolicy::Off, SyncPolicy::Batch] {
        let options = Options {
            sync,
            ..small_segments()
        };
        let calls = calls_of(&options, 90);
        for (at, call) in calls.iter().enumerate().skip(opening()) {
            let what = format!("{sync:?}: failure at {at} ({call:?})");
            let disk = DiskDouble::default();
            disk.arm(at, Fault::Once(ErrorKind::Other));
            let mut store = open(&disk, options.clone());
            let mut told = Told::default();
            append_all(&mut store, 0..90, &mut told);
            assert!(store.reader().failure().is_none(), "{what}");
            let noticed = told.failures.len() + told.troubles.len() + told.recovered;
            assert!(noticed >= 1 || *call == Call::Cut, "{what}: silent");
            assert!(told.troubles.len() <= 1, "{what}: {told:?}");
            check_whole(&disk, store, 90, &what);
        }
    }
}

#[test]
fn only_a_failed_write_or_sync_of_records_latches() {
    let calls = calls_of(&small_segments(), 90);
    for kind in [ErrorKind::OutOfMemory, ErrorKind::Other] {
        for (at, call) in calls.iter().enumerate().skip(opening()) {
            let what = format!("{kind} at {at} ({call:?})");
            let disk = DiskDouble::default();
            disk.arm(at, Fault::Once(kind));
            let mut store = open(&disk, small_segments());
            let mut told = Told::default();
            append_all(&mut store, 0..90, &mut told);
            let may_latch = match call {
                Call::Sync | Call::SyncDir => true,
                Call::Write => kind == ErrorKind::Other,
                _ => false,
            };
            assert!(may_latch || told.recovered == 0, "{what}: {told:?}");
            let is_lasting = |error: &Error| !error.is_transient();
            let latched = told.failures.iter().any(is_lasting);
            assert!(!latched || told.recovered > 0, "{what}: {told:?}");
        }
    }
}

#[test]
fn without_descriptors_appending_goes_on_and_sealing_waits() {
    let disk = DiskDouble::default();
    let mut store = open(&disk, small_segments());
    let mut told = Told::default();
    append_all(&mut store, 0..30, &mut told);
    let at = disk.calls().len();
    disk.arm(at, Fault::Always(Call::Create, ErrorKind::Other));
    append_all(&mut store, 30..130, &mut told);
    assert!(told.failures.is_empty(), "{told:?}");
    assert_eq!(told.troubles.len(), 1, "{told:?}");
    assert!(told.troubles[0].ends_with("cannot create"), "{told:?}");
    let calls = disk.calls();
    let tries = calls[at..].iter();
    let tries = tries.filter(|call| **call == Call::Create).count();
    assert!(tries < 12, "{tries} tries");
    disk.disarm();
    for _ in 0..40 {
        tend(&mut store, &mut told);
    }
    append_all(&mut store, 130..140, &mut told);
    assert!(store.reader().view().segments().len() > 1);
    check_whole(&disk, store, 140, "descriptors are back");
}

#[test]
fn a_file_that_cannot_be_sealed_does_not_grow_without_end() {
    let disk = DiskDouble::default();
    let mut store = open(&disk, small_segments());
    disk.arm(0, Fault::Always(Call::Create, ErrorKind::Other));
    let mut appended = 0;
    let error = loop {
        match store.append(&redacted(&[record(appended)]), &[position(appended + 1)]) {
            Ok(_) => appended += 1,
            Err(error) => break error,
        }
        assert!(appended < 1000, "eight segments at most");
    };
    assert!(error.is_transient(), "{error}");
    assert_eq!(appended, 320);
    disk.disarm();
    append_all(&mut store, 320..330, &mut Told::default());
    check_whole(&disk, store, 330, "there is room again");
}

#[test]
fn a_file_that_may_not_grow_is_followed_by_another() {
    let disk = DiskDouble::default();
    let mut store = open(&disk, small_segments());
    let mut told = Told::default();
    append_all(&mut store, 0..10, &mut told);
    disk.arm(disk.calls().len(), Fault::Once(ErrorKind::FileTooLarge));
    append_all(&mut store, 10..20, &mut told);
    assert!(told.failures.is_empty(), "{told:?}");
    assert_eq!(store.reader().view().segments().len(), 2);
    check_whole(&disk, store, 20, "a limit on the size of files");
}

#[test]
fn a_disk_that_stays_broken_is_tried_again_ever_more_seldom() {
    let disk = DiskDouble::default();
    let mut store = open(&disk, small_segments());
    let mut told = Told::default();
    append_all(&mut store, 0..12, &mut told);
    let at = disk.calls().len();
    disk.arm(at, Fault::Always(Call::Sync, ErrorKind::Other));
    assert!(store.sync().is_err());
    assert!(store.reader().failure().is_some());
    for _ in 0..100 {
        let error = store.append(&redacted(&[record(12)]), &[]).unwrap_err();
        assert!(!error.is_transient());
        tend(&mut store, &mut told);
    }
    assert_eq!(told.failures.len(), 100);
    let calls = disk.calls();
    let tries = calls[at..].iter();
    let tries = tries.filter(|call| **call == Call::Create).count();
    assert!((5..10).contains(&tries), "{tries} tries");
    disk.disarm();
    append_all(&mut store, 12..20, &mut told);
    assert_eq!(told.recovered, 1);
    check_whole(&disk, store, 20, "the disk works again");
}

/// After a failure at one call, a power cut at one that follows.
#[test]
fn a_crash_while_recovering_loses_nothing_that_was_synced() {
    let options = Options {
        rows_max: 1000,
        ..small_segments()
    };
    let run = |disk: &DiskDouble, done: &mut Done| -> Result<(), Error> {
        done.rows_max = options.rows_max;
        let (mut store, _) = Store::open(Arc::new(disk.clone()), Path::new(ROOT), options.clone())?;
        for step in 1..=9_u64 {
            // One that failed is not tried again: it may be there after the crash.
            let appended = append(&mut store, done, step * 2);
            if appended.is_ok() && store.sync().is_ok() {
                done.synced = done.appended;
            }
            let _ = store.maintain(Micros::now());
            if appended.is_err() {
                break;
            }
        }
        Ok(())
    };
    let healthy = DiskDouble::default();
    run(&healthy, &mut Done::default()).unwrap();
    let calls = healthy.calls();
    let stride = if torn_seeds() > 3 { 1 } else { 3 };
    for at in (opening()..calls.len()).step_by(stride) {
        for stop in at + 1..at + 25 {
            let disk = DiskDouble::default();
            disk.arm(at, Fault::Once(ErrorKind::Other));
            disk.arm(stop, Fault::Stop);
            let mut done = Done::default();
            let _ = run(&disk, &mut done);
            let seed = (at * 1000 + stop) as u64;
            for loss in [Loss::Nothing, Loss::Unsynced, Loss::Torn(seed)] {
                let what = format!(
                    "failure at {at} ({:?}), stop at {stop}, {loss:?}",
                    calls[at]
                );
                crate::store::crash::check(&disk.after(loss), &done, loss, &what);
            }
        }
    }
}

#[test]
fn a_store_whose_folder_is_taken_away_begins_again_with_the_next_id() {
    for gone in [ROOT, "/var/vmlog", "/var"] {
        let disk = DiskDouble::default();
        let mut store = open(&disk, small_segments());
        append_all(&mut store, 0..60, &mut Told::default());
        disk.take_away(Path::new(gone));
        let done = store.maintain(Micros::now()).unwrap();
        let recovered = done.recovered.unwrap();
        let failure = recovered.failure.to_string();
        assert!(
            failure.ends_with("removed or replaced while the store was open"),
            "{failure}"
        );
        assert_eq!(recovered.lost, 60);
        assert!(store.reader().failure().is_none());
        assert_eq!(store.reader().view().ids(), 61..61);
        let ids = store
            .append(&redacted(&[record(60)]), &[position(61)])
            .unwrap();
        assert_eq!(ids, 61..62);
        store.sync().unwrap();
        drop(store);
        let store = open(&disk.after(Loss::Unsynced), small_segments());
        let view = store.reader().view();
        check_records(&read_all(&view), &(61..62), gone);
        assert_eq!(store.positions()["journal:a"], b"61");
    }
}

#[test]
fn a_store_whose_active_file_is_taken_away_keeps_the_others_and_gives_no_id_twice() {
    let disk = DiskDouble::default();
    let mut store = open(&disk, small_segments());
    append_all(&mut store, 0..60, &mut Told::default());
    store.seal().unwrap();
    append_all(&mut store, 60..70, &mut Told::default());
    disk.take_away(&Path::new(ROOT).join(format!("{:020}.open", 61)));
    let recovered = store.maintain(Micros::now()).unwrap().recovered.unwrap();
    assert_eq!(recovered.lost, 10);
    let view = store.reader().view();
    assert_eq!(view.ids().end, 71);
    check_records(&read_all(&view), &(1..61), "the others");
    drop(store);
    // although nothing was appended since
    let store = open(&disk.after(Loss::Unsynced), small_segments());
    assert_eq!(store.reader().view().ids().end, 71);
}

#[test]
fn a_folder_that_cannot_be_made_again_is_a_failure_that_lasts() {
    let disk = DiskDouble::default();
    let mut store = open(&disk, small_segments());
    append_all(&mut store, 0..10, &mut Told::default());
    disk.take_away(Path::new(ROOT));
    disk.arm(
        0,
        Fault::Always(Call::CreateDir, ErrorKind::ReadOnlyFilesystem),
    );
    let error = store.maintain(Micros::now()).unwrap_err();
    assert_eq!(error.to_string(), format!("{ROOT}: cannot create"));
    let failure = store.reader().failure().unwrap();
    assert!(matches!(failure, Error::Removed { .. }));
    assert!(store.append(&redacted(&[record(10)]), &[]).is_err());
    disk.disarm();
    let mut told = Told::default();
    for _ in 0..3 {
        if let Ok(done) = store.maintain(Micros::now()) {
            told.recovered += usize::from(done.recovered.is_some());
        }
    }
    assert_eq!(told.recovered, 1);
}
