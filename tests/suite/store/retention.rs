//! What retention takes: each limit by itself, and age by clocks that cannot be trusted.

use crate::store::{options, read_all, record, redacted};
use crate::support::double::{Call, DiskDouble, Loss};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use vmlog::disk::Space;
use vmlog::record::Record;
use vmlog::store::{Maintenance, Options, Reader, Store, verify};
use vmlog::time::Micros;

const ROOT: &str = "/store";

fn open(disk: &DiskDouble, options: &Options) -> Store {
    let shared = Arc::new(disk.clone());
    Store::open(shared, Path::new(ROOT), options.clone())
        .unwrap()
        .0
}

fn append(store: &mut Store, numbers: std::ops::Range<u64>) {
    for number in numbers {
        store.append(&redacted(&[record(number)]), &[]).unwrap();
    }
}

fn sealed(disk: &DiskDouble) -> Vec<PathBuf> {
    let files = disk.files();
    let names = files.keys().cloned();
    let is_sealed = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "seg");
    names.filter(is_sealed).collect()
}

/// Five sealed segments of 20 records each, and an active file of 5.
fn five_segments(disk: &DiskDouble, options: &Options) -> Store {
    let mut store = open(disk, options);
    for number in 0..5 {
        append(&mut store, number * 20..number * 20 + 20);
        store.seal().unwrap();
    }
    append(&mut store, 100..105);
    store
}

#[test]
fn a_file_that_cannot_be_removed_holds_up_no_other_and_is_reported_once() {
    let disk = DiskDouble::default();
    let options = Options {
        rows_max: 30,
        ..options()
    };
    let mut store = five_segments(&disk, &options);
    disk.stick(Call::Remove, "00000000000000000001.seg");
    let mut troubles = vec![];
    for _ in 0..40 {
        let done = store.maintain(Micros::now()).unwrap();
        troubles.extend(done.troubles);
    }
    let troubles: Vec<_> = troubles.iter().map(ToString::to_string).collect();
    assert_eq!(troubles, ["/store/00000000000000000001.seg: cannot remove"]);
    assert_eq!(store.reader().view().ids(), 76..106);
    assert_eq!(sealed(&disk).len(), 3, "the first, and two with records");
    let tries = disk.calls();
    let tries = tries.iter().filter(|call| **call == Call::Remove).count();
    assert!(tries < 30, "{tries} tries");
    // a restart knows what was pruned
    drop(store);
    let again = disk.after(Loss::Nothing);
    let mut store = open(&again, &options);
    assert_eq!(store.reader().view().ids(), 76..106);
    let done = store.maintain(Micros::now()).unwrap();
    assert_eq!(done.pruned.segments, 1);
    assert_eq!(sealed(&again).len(), 2);
}

/// Files of a store whose first segment lacks ids, and has a block whose ids cannot be read.
fn damaged_with_gap() -> BTreeMap<PathBuf, Vec<u8>> {
    let disk = DiskDouble::default();
    drop(five_segments(&disk, &options()));
    let mut files = disk.files();
    files.remove(&sealed(&disk)[1]);
    let disk = DiskDouble::with_files(&files);
    let mut store = open(&disk, &options());
    assert_eq!(store.compact().unwrap().segments, (4, 1));
    drop(store);
    let path = sealed(&disk)[0].clone();
    let whole = disk.files();
    for byte in 64..2000 {
        let mut files = whole.clone();
        files.get_mut(&path).unwrap()[byte] ^= 1;
        let disk = Arc::new(DiskDouble::with_files(&files));
        let view = Reader::open_read_only(disk, Path::new(ROOT))
            .unwrap()
            .view();
        let block = view.segments()[0].block(0);
        if block.ids().is_err() && block.timestamps().is_ok() {
            return files;
        }
    }
    panic!("no byte of the ids");
}

#[test]
fn a_block_that_cannot_be_read_stops_no_limit_and_is_reported_once() {
    let files = damaged_with_gap();
    let run = |options: Options| -> (DiskDouble, Store, Vec<Maintenance>) {
        let disk = DiskDouble::with_files(&files);
        let mut store = open(&disk, &options);
        let done = (0..5).map(|_| store.maintain(Micros::now()).unwrap());
        let done = done.collect();
        (disk, store, done)
    };
    // the limit of rows cuts through the damaged block
    let rows = Options {
        rows_max: 70,
        ..options()
    };
    let (_, store, done) = run(rows.clone());
    let troubles: usize = done.iter().map(|done| done.troubles.len()).sum();
    assert_eq!(troubles, 1, "{done:?}");
    let start = store.reader().view().ids().start;
    assert!((2..=60).contains(&start), "{start}");
    // and the limit of bytes holds all the same
    let bytes = Options {
        bytes_max: 1,
        ..rows
    };
    let (disk, store, _) = run(bytes);
    assert!(sealed(&disk).is_empty());
    assert_eq!(store.reader().view().ids().start, 101);
}

#[test]
fn the_oldest_segments_go_when_bytes_or_room_run_out() {
    let disk = DiskDouble::default();
    let options = Options {
        bytes_max: 150_000,
        segment_rows: 1024,
        free_percent_min: 5,
        free_bytes_min: 1000,
        ..options()
    };
    let mut store = open(&disk, &options);
    let records: Vec<Record> = (0..40_000).map(record).collect();
    for chunk in records.chunks(100) {
        store.append(&redacted(chunk), &[]).unwrap();
        store.maintain(Micros::now()).unwrap();
    }
    let size = |disk: &DiskDouble| disk.files().values().map(Vec::len).sum::<usize>();
    assert!(size(&disk) < 250_000, "{}", size(&disk));
    let before = store.reader().view().ids();
    assert!(before.start > 1 && before.end == 40_001);
    disk.set_space(Space {
        free: 999,
        total: 1000,
    });
    let done = store.maintain(Micros::now()).unwrap();
    assert!(done.pruned.short_of_room);
    assert_eq!(done.pruned.segments, 1, "one makes up for the missing byte");
}

#[test]
fn the_newest_records_stay_however_short_of_room_the_file_system_is() {
    let disk = DiskDouble::default();
    let keep_bytes_min = 40_000;
    let options = Options {
        segment_rows: 1024,
        free_percent_min: 5,
        keep_bytes_min,
        ..options()
    };
    let mut store = open(&disk, &options);
    let records: Vec<Record> = (0..20_000).map(record).collect();
    for chunk in records.chunks(100) {
        store.append(&redacted(chunk), &[]).unwrap();
    }
    disk.set_space(Space {
        free: 0,
        total: 1 << 30,
    });
    let minute = |minute: i64| Micros::now().plus(minute * 60_000_000);
    let done = store.maintain(minute(0)).unwrap();
    assert!(done.pruned.short_of_room && done.pruned.segments > 0);
    let kept = store.reader().view().ids();
    for later in 1..20 {
        let done = store.maintain(minute(later)).unwrap();
        assert_eq!(done.pruned.segments, 0);
    }
    assert_eq!(store.reader().view().ids(), kept);
    let bytes: usize = disk.files().values().map(Vec::len).sum();
    let bytes = bytes as u64;
    assert!(
        bytes >= keep_bytes_min && bytes < 2 * keep_bytes_min,
        "{bytes}"
    );
}

#[test]
fn a_burst_exceeds_the_limit_of_rows_by_a_segment_at_most() {
    let disk = DiskDouble::default();
    let options = Options {
        rows_max: 8192,
        ..options()
    };
    let mut store = open(&disk, &options);
    for number in 0..400_u64 {
        let records: Vec<Record> = (number * 100..number * 100 + 100).map(record).collect();
        store.append(&redacted(&records), &[]).unwrap();
        let ids = store.reader().view().ids();
        assert!(ids.end - ids.start <= 8192 + 2048 + 100, "{ids:?}");
    }
    store.maintain(Micros::now()).unwrap();
    let ids = store.reader().view().ids();
    assert_eq!(ids.end - ids.start, 8192, "and settles");
    assert!(sealed(&disk).len() <= 5);
}

const MINUTE: i64 = 60_000_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY;
const WEEK: Duration = Duration::from_hours(168);

/// A machine with a clock that may be wrong.
struct Machine {
    disk: DiskDouble,
    store: Store,
    /// What the time is in truth.
    truth: i64,
    /// How much the clock is ahead.
    wrong: i64,
    /// When each record arrived in truth.
    arrived: Vec<i64>,
}

impl Machine {
    fn new() -> Self {
        let disk = DiskDouble::default();
        let truth = 1_800_000_000_000_000;
        disk.set_now(Micros::new(truth));
        let store = open(&disk, &Self::options());
        let (wrong, arrived) = (0, vec![]);
        Self {
            disk,
            store,
            truth,
            wrong,
            arrived,
        }
    }

    fn options() -> Options {
        Options {
            age_max: WEEK,
            prune_interval: Duration::from_mins(1),
            ..options()
        }
    }

    /// Lets time pass, appends a record, and runs maintenance.
    fn pass(&mut self, time: i64) {
        self.truth += time;
        let now = Micros::new(self.truth + self.wrong);
        self.disk.set_now(now);
        let arriving = Record {
            timestamp: now,
            ..record(self.arrived.len() as u64)
        };
        self.store.append(&redacted(&[arriving]), &[]).unwrap();
        self.arrived.push(self.truth);
        let done = self.store.maintain(now).unwrap();
        assert!(done.troubles.is_empty(), "{:?}", done.troubles);
    }

    fn run(&mut self, time: i64, step: i64) {
        for _ in 0..time / step {
            self.pass(step);
        }
    }

    fn restart(mut self) -> Self {
        self.store.sync().unwrap();
        drop(self.store);
        self.disk = self.disk.after(Loss::Nothing);
        self.store = open(&self.disk, &Self::options());
        self
    }

    /// How long ago the oldest visible record arrived.
    fn oldest(&self) -> i64 {
        let first = usize::try_from(self.store.reader().view().ids().start - 1).unwrap();
        self.truth - self.arrived[first]
    }

    fn is_whole(&self) -> bool {
        self.store.reader().view().ids().start == 1
    }
}

#[test]
fn age_counts_from_arrival() {
    let mut machine = Machine::new();
    let now = machine.truth;
    let old = [300, 8, 20_000].map(|days| Record {
        timestamp: Micros::new(now - days * DAY),
        ..record(1)
    });
    machine.store.append(&redacted(&old), &[]).unwrap();
    machine.arrived.extend([now; 3]);
    machine.run(6 * DAY, HOUR);
    assert!(
        machine.is_whole(),
        "what is read from an old file has just arrived"
    );
    machine.run(20 * DAY, HOUR);
    let week = 7 * DAY;
    let oldest = machine.oldest();
    assert!((week - HOUR..=week + HOUR).contains(&oldest), "{oldest}");
    let files = machine.disk.files().len();
    assert!(
        (5..12).contains(&files),
        "{files} files: the old ones are gone"
    );
}

#[test]
fn a_clock_that_is_wrong_for_a_while_makes_nothing_go() {
    for wrong in [10 * YEAR, 30 * DAY, -40 * YEAR, -3 * DAY] {
        for restarts in [false, true] {
            let what = format!("{} days, restarts: {restarts}", wrong / DAY);
            let mut machine = Machine::new();
            machine.run(3 * DAY, HOUR);
            if restarts {
                machine = machine.restart();
            }
            machine.wrong = wrong;
            machine.run(2 * HOUR, 5 * MINUTE);
            if restarts {
                machine = machine.restart();
            }
            machine.run(2 * HOUR, 5 * MINUTE);
            assert!(machine.is_whole(), "{what}: while it is wrong");
            machine.wrong = 0;
            if restarts {
                machine = machine.restart();
            }
            machine.run(3 * DAY, HOUR);
            assert!(machine.is_whole(), "{what}: when it is right again");
            // what arrived while it was wrong goes with the rest
            machine.run(30 * DAY, HOUR);
            let oldest = machine.oldest();
            assert!(oldest <= 7 * DAY + HOUR, "{what}: {} hours", oldest / HOUR);
        }
    }
}

#[test]
fn what_arrived_while_the_clock_was_wrong_is_gone_a_week_later() {
    for wrong in [10 * YEAR, -40 * YEAR] {
        let mut machine = Machine::new();
        machine.run(DAY, HOUR);
        machine.wrong = wrong;
        machine.run(HOUR, 5 * MINUTE);
        let last_wrong = machine.arrived.len() as u64;
        machine.wrong = 0;
        machine.run(7 * DAY + 3 * HOUR, HOUR);
        let start = machine.store.reader().view().ids().start;
        assert!(start > last_wrong, "{wrong}: {start} of {last_wrong}");
    }
}

#[test]
fn a_machine_that_was_off_for_long_loses_its_old_records_after_some_hours() {
    let mut machine = Machine::new();
    machine.run(3 * DAY, HOUR);
    machine.truth += 30 * DAY;
    machine = machine.restart();
    machine.run(5 * HOUR, 5 * MINUTE);
    assert!(machine.is_whole(), "the clock may be wrong");
    machine.run(9 * DAY, HOUR);
    assert!(machine.oldest() <= 8 * DAY, "{}", machine.oldest() / HOUR);
}

#[test]
fn a_machine_that_is_off_at_night_prunes_as_any_other() {
    let mut machine = Machine::new();
    for _ in 0..20 {
        machine.run(8 * HOUR, HOUR);
        machine.truth += 16 * HOUR;
        machine = machine.restart();
    }
    machine.run(HOUR, 5 * MINUTE);
    let oldest = machine.oldest();
    assert!(oldest <= 7 * DAY + HOUR, "{} hours", oldest / HOUR);
}

#[test]
fn a_wild_timestamp_keeps_nothing_for_ever() {
    let mut machine = Machine::new();
    for wild in [Micros::MAX, Micros::MIN, Micros::new(0)] {
        let wild = Record {
            timestamp: wild,
            ..record(1)
        };
        machine.store.append(&redacted(&[wild]), &[]).unwrap();
        machine.arrived.push(machine.truth);
    }
    machine.run(20 * DAY, HOUR);
    assert!(machine.oldest() <= 7 * DAY + HOUR);
    let disk = Arc::new(machine.disk.clone());
    assert!(verify(disk, Path::new(ROOT)).unwrap().damage.is_empty());
    assert!(!read_all(&machine.store.reader().view()).is_empty());
}
