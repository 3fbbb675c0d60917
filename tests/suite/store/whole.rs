//! A whole store at a time: compaction, snapshots and what is made of them, replacing, inspection.

use crate::store::{any_record, options, position, read_all, record, redacted};
use crate::support::double::DiskDouble;
use crate::support::seeded::Rng;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use vmlog::disk::{Disk, RealDisk, Space};
use vmlog::record::{Record, StoredRecord};
use vmlog::store::{
    Error, FrameContent, Options, Reader, SegmentInspection, SegmentKind, Store, delete_snapshot,
    fork, inspect_segment, inspect_store, is_segment, restore, restore_replacing, snapshot,
    snapshots, verify,
};
use vmlog::time::Micros;

fn disk() -> Arc<dyn Disk> {
    Arc::new(RealDisk)
}

fn open(root: &Path) -> Store {
    open_with(root, options())
}

fn open_with(root: &Path, options: Options) -> Store {
    let (store, recovery) = Store::open(disk(), root, options).unwrap();
    assert!(recovery.damage.is_empty(), "{:?}", recovery.damage);
    store
}

/// Appends the records with these numbers, and the position that covers them.
fn append(store: &mut Store, numbers: std::ops::Range<u64>) {
    let end = numbers.end;
    let records: Vec<Record> = numbers.map(record).collect();
    store.append(&redacted(&records), &[position(end)]).unwrap();
}

/// Many small segments and an active file.
fn many_small(root: &Path, segments: u64, rows: u64) -> Store {
    let mut store = open(root);
    for number in 0..segments {
        append(&mut store, number * rows..number * rows + rows);
        store.seal().unwrap();
    }
    append(&mut store, segments * rows..segments * rows + 3);
    store
}

fn read(root: &Path) -> Vec<StoredRecord> {
    read_all(&Reader::open_read_only(disk(), root).unwrap().view())
}

fn names(root: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|it| it == ending))
        .collect();
    paths.sort();
    paths
}

fn check_numbered(records: &[StoredRecord], ids: std::ops::Range<u64>) {
    assert_eq!(records.len() as u64, ids.end - ids.start);
    for (found, id) in records.iter().zip(ids) {
        assert_eq!(found.id.0, id);
        assert_eq!(found.record, record(id - 1));
    }
}

#[test]
fn compaction_merges_what_fits_together_and_changes_no_record() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = many_small(dir.path(), 20, 100);
    let view = store.reader().view();
    let before = read_all(&view);
    let done = store.compact().unwrap();
    assert_eq!(done.segments, (20, 1));
    assert!(done.bytes.1 < done.bytes.0 && done.damage.is_empty());
    assert_eq!(read_all(&view), before, "a view in hand is not disturbed");
    let after = store.reader().view();
    assert_eq!(after.ids(), view.ids());
    assert_eq!(read_all(&after), before);
    assert_eq!(store.positions()["journal:a"], b"2003");
    assert_eq!(names(dir.path(), "seg").len(), 1);
    assert_eq!(names(dir.path(), "tmp").len(), 0);
    assert_eq!(store.compact().unwrap().segments, (1, 1), "nothing is left");
    append(&mut store, 2003..2010);
    drop(store);
    let store = open(dir.path());
    check_numbered(&read_all(&store.reader().view()), 1..2011);
    assert!(verify(disk(), dir.path()).unwrap().damage.is_empty());
}

#[test]
fn compaction_makes_no_segment_too_large() {
    let dir = tempfile::tempdir().unwrap();
    let small = Options {
        segment_rows: 250,
        ..options()
    };
    let mut store = open_with(dir.path(), small);
    for (number, rows) in [100, 100, 100, 240, 60, 60].into_iter().enumerate() {
        let start = store.reader().view().ids().end - 1;
        append(&mut store, start..start + rows);
        store.seal().unwrap();
        assert_eq!(names(dir.path(), "seg").len(), number + 1);
    }
    let done = store.compact().unwrap();
    assert_eq!(done.segments, (6, 4));
    let view = store.reader().view();
    let rows: Vec<u64> = view.segments().iter().map(|it| it.rows()).collect();
    assert_eq!(rows, [200, 100, 240, 120, 0]);
    check_numbered(&read_all(&view), 1..661);
}

#[test]
fn compaction_leaves_what_is_damaged_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let store = many_small(dir.path(), 4, 100);
    drop(store);
    let victim = &names(dir.path(), "seg")[2];
    let mut content = fs::read(victim).unwrap();
    content[80] ^= 1;
    fs::write(victim, &content).unwrap();
    let (mut store, _) = Store::open(disk(), dir.path(), options()).unwrap();
    let done = store.compact().unwrap();
    assert_eq!(done.segments, (4, 4));
    let named = done.damage[0].to_string();
    assert!(
        named.starts_with(&victim.display().to_string()) && named.ends_with("is damaged"),
        "{named}"
    );
    assert_eq!(fs::read(victim).unwrap(), content);
    assert!(names(dir.path(), "tmp").is_empty());
    assert_eq!(names(dir.path(), "open").len(), 1);
}

#[test]
fn a_snapshot_is_taken_beside_a_writer_listed_and_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    assert!(snapshots(disk(), root).unwrap().is_empty());
    let mut store = many_small(root, 3, 100);
    let taken = snapshot(disk(), root, "beside").unwrap();
    let error = snapshot(disk(), root, "beside").unwrap_err();
    assert!(matches!(error, Error::Exists { .. }), "{error}");
    append(&mut store, 303..400);
    store.snapshot("within").unwrap();
    append(&mut store, 400..450);
    check_numbered(&read(&taken), 1..304);
    fs::create_dir(root.join("snapshots/begun")).unwrap();
    let listed = snapshots(disk(), root).unwrap();
    let named: Vec<&str> = listed.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(named, ["begun", "beside", "within"]);
    assert!(matches!(listed[0].content, Err(Error::NotAStore { .. })));
    let content = listed[1].content.as_ref().unwrap();
    assert_eq!((content.ids.clone(), content.records), (1..304, 303));
    assert!(0 < content.own_bytes && content.own_bytes < content.bytes);
    assert!(content.taken <= Micros::now());
    for name in ["begun", "beside"] {
        delete_snapshot(disk(), root, name).unwrap();
    }
    let error = delete_snapshot(disk(), root, "beside").unwrap_err();
    assert!(error.to_string().ends_with("beside: no such snapshot"));
    let error = delete_snapshot(disk(), root, "../store").unwrap_err();
    assert!(matches!(error, Error::Name { .. }), "{error}");
    assert_eq!(snapshots(disk(), root).unwrap().len(), 1);
    check_numbered(&read(&root.join("snapshots/within")), 1..401);
    check_numbered(&read(root), 1..451);
}

#[test]
fn a_snapshot_that_somebody_writes_to_is_not_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = many_small(dir.path(), 1, 10);
    let path = store.snapshot("used").unwrap();
    let used = open(&path);
    let error = delete_snapshot(disk(), dir.path(), "used").unwrap_err();
    assert!(matches!(error, Error::Locked { .. }), "{error}");
    drop(used);
    delete_snapshot(disk(), dir.path(), "used").unwrap();
    assert!(!path.exists());
}

#[test]
fn a_restore_takes_the_place_of_a_store_only_when_told_to() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("store");
    let mut store = many_small(&root, 3, 100);
    let snapshot = store.snapshot("before").unwrap();
    append(&mut store, 303..900);
    let error = restore(disk(), &snapshot, &root).unwrap_err();
    assert!(matches!(error, Error::Exists { .. }), "{error}");
    let error = restore_replacing(disk(), &snapshot, &root).unwrap_err();
    assert!(matches!(error, Error::Locked { .. }), "{error}");
    drop(store);
    restore_replacing(disk(), &snapshot, &root).unwrap();
    check_numbered(&read(&root), 1..304);
    assert!(!root.join("restoring").exists());
    let keeps_300 = Options {
        rows_max: 300,
        ..options()
    };
    let mut store = open_with(&root, keeps_300);
    assert_eq!(store.positions()["journal:a"], b"303");
    store.maintain(Micros::now()).unwrap();
    let first = record(303);
    let ids = store.append(&redacted(&[first]), &[]).unwrap();
    assert_eq!(ids, 901..902, "no id comes twice");
    store.maintain(Micros::now()).unwrap();
    let found = read_all(&store.reader().view());
    assert_eq!(found.len(), 300, "records are counted, not ids");
    assert_eq!((found[0].id.0, found[299].id.0), (5, 901));
    drop(store);
    check_numbered(&read(&snapshot), 1..304);
    let fresh = dir.path().join("fresh");
    restore_replacing(disk(), &snapshot, &fresh).unwrap();
    check_numbered(&read(&fresh), 1..304);
}

#[test]
fn records_before_a_lost_file_stay() {
    let disk = DiskDouble::default();
    let root = Path::new("/store");
    let small = Options {
        rows_max: 1000,
        ..options()
    };
    let open = |disk: &DiskDouble| Store::open(Arc::new(disk.clone()), root, small.clone());
    let (mut store, _) = open(&disk).unwrap();
    append(&mut store, 0..500);
    store.seal().unwrap();
    append(&mut store, 500..600);
    drop(store);
    let mut files = disk.files();
    let active = files
        .iter_mut()
        .find(|(path, _)| path.extension().is_some_and(|it| it == "open"));
    active.unwrap().1[64..].fill(7);
    let disk = DiskDouble::with_files(&files);
    let (mut store, recovery) = open(&disk).unwrap();
    assert_eq!(recovery.damage.len(), 1);
    append(&mut store, 600..610);
    let done = store.maintain(Micros::now()).unwrap();
    assert_eq!(done.pruned.rows, 0);
    assert_eq!(read_all(&store.reader().view()).len(), 510);
    append(&mut store, 610..1200);
    let done = store.maintain(Micros::now()).unwrap();
    assert_eq!(done.pruned.rows, 100);
    let found = read_all(&store.reader().view());
    assert_eq!((found.len(), found[0].id.0), (1000, 101));
}

#[test]
fn as_much_goes_as_is_missing_and_what_a_snapshot_holds_stays() {
    let disk = DiskDouble::default();
    let root = Path::new("/store");
    let limits = Options {
        free_bytes_min: 1_000_000,
        ..options()
    };
    let (mut store, _) = Store::open(Arc::new(disk.clone()), root, limits).unwrap();
    let mut sealed = 0;
    let mut grow = |store: &mut Store, segments: u64| {
        for _ in 0..segments {
            append(store, sealed * 100..sealed * 100 + 100);
            sealed += 1;
            store.seal().unwrap();
        }
    };
    let segments = |store: &Store| store.reader().view().segments().len() - 1;
    grow(&mut store, 4);
    store.snapshot("held").unwrap();
    let short_of = |missing: u64| {
        disk.set_space(Space {
            free: 1_000_000 - missing,
            total: 1 << 40,
        });
    };
    short_of(10_000);
    let mut now = Micros::now();
    let done = store.maintain(now).unwrap();
    assert!(done.pruned.short_of_room);
    assert_eq!(done.pruned.segments, 0, "unlinking them would free nothing");
    grow(&mut store, 6);
    short_of(1);
    let done = store.maintain(now).unwrap();
    assert_eq!(done.pruned.segments, 5, "up to the first that frees room");
    now = now.plus(1_000_000);
    let done = store.maintain(now).unwrap();
    assert_eq!(
        done.pruned.segments, 0,
        "what was unlinked may yet be freed"
    );
    now = now.plus(10_000_000);
    let done = store.maintain(now).unwrap();
    assert_eq!(done.pruned.segments, 1, "it was waited for in vain");
    assert_eq!(segments(&store), 4);
    short_of(0);
    store.maintain(now).unwrap();
    short_of(1_000_000);
    let done = store.maintain(now).unwrap();
    assert_eq!(done.pruned.segments, 4, "all that is sealed");
    assert_eq!(store.reader().view().ids(), 1001..1001);
}

/// The parts of a file cover it without a hole, but for what the list leaves out.
fn check_parts(found: &SegmentInspection) {
    let mut end = 0;
    for part in &found.parts {
        assert_eq!(part.offset, end, "{}: {}", found.path.display(), part.name);
        end += part.bytes;
    }
    assert_eq!(end, found.bytes);
    assert_eq!(found.bytes, fs::metadata(&found.path).unwrap().len());
}

#[test]
fn inspection_names_every_byte_and_counts_every_record() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    let mut random = Rng::new(3);
    let records: Vec<Record> = (0..3000).map(|_| any_record(&mut random)).collect();
    for (number, batch) in records.chunks(100).enumerate() {
        store
            .append(&redacted(batch), &[position(number as u64)])
            .unwrap();
        if number == 19 {
            store.seal().unwrap();
        }
    }
    store.snapshot("one").unwrap();
    let found = inspect_store(disk(), dir.path()).unwrap();
    assert_eq!(found.ids, 1..3001);
    assert_eq!(found.records, 3000);
    assert_eq!(found.identity.unwrap().store_id.len(), 32);
    assert_eq!(found.snapshots.len(), 1);
    assert!(found.unreadable.is_empty() && found.leftover.is_empty());
    let kinds: Vec<SegmentKind> = found.segments.iter().map(|it| it.kind).collect();
    assert_eq!(
        kinds,
        [
            SegmentKind::Sealed,
            SegmentKind::Active,
            SegmentKind::Active
        ]
    );
    for segment in &found.segments {
        check_parts(segment);
        assert!(segment.damage.is_empty());
        let start = usize::try_from(segment.ids.start - 1).unwrap();
        let own = &records[start..start + usize::try_from(segment.records).unwrap()];
        let messages: usize = own.iter().map(|record| record.message.len()).sum();
        assert_eq!(segment.columns[6].raw_bytes, messages as u64);
        assert_eq!(segment.columns[6].name, "block messages");
        let errors = own.iter().filter(|record| record.level.index() == 3);
        assert_eq!(segment.levels[3], errors.count() as u64);
        let times = own.iter().map(|record| record.timestamp);
        assert_eq!(
            segment.times.as_ref().map(|times| *times.start()),
            times.min()
        );
        for source in &segment.sources {
            let of = own.iter().filter(|record| record.source == source.source);
            assert_eq!(source.levels.iter().sum::<u64>(), of.count() as u64);
        }
    }
    let sealed = &found.segments[0];
    assert!(sealed.columns[6].stored_bytes < sealed.columns[6].raw_bytes);
    assert!(sealed.blocks.iter().any(|block| block.bitmap_bits_set > 0));
    let batches = found.segments[1].frames.iter();
    let rows = batches.map(|frame| match frame.content {
        FrameContent::Batch { rows, .. } => rows,
        _ => 0,
    });
    assert_eq!(rows.sum::<u64>(), 1000);
    assert_eq!(found.segments[2].frames.len(), 1);
}

#[test]
fn one_file_by_itself_is_inspected_and_read() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("store");
    let mut store = many_small(&root, 1, 500);
    append(&mut store, 503..700);
    store.sync().unwrap();
    let sealed = dir.path().join("from another machine");
    fs::copy(&names(&root, "seg")[0], &sealed).unwrap();
    let active = dir.path().join("copied.open");
    fs::copy(&names(&root, "open")[0], &active).unwrap();
    for (path, ids) in [(&sealed, 1..501), (&active, 501..701)] {
        assert!(is_segment(&RealDisk, path));
        let found = inspect_segment(&RealDisk, path).unwrap();
        assert_eq!(found.ids, ids);
        check_parts(&found);
        let view = Reader::open_file(&RealDisk, path).unwrap().view();
        check_numbered(&read_all(&view), ids);
    }
    let mut content = fs::read(&sealed).unwrap();
    content[100] ^= 1;
    content[3] ^= 1;
    let damaged = dir.path().join("damaged.seg");
    fs::write(&damaged, &content).unwrap();
    let found = inspect_segment(&RealDisk, &damaged).unwrap();
    let texts: Vec<String> = found.damage.iter().map(ToString::to_string).collect();
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert!(texts[0].ends_with("header magic at offset 0 is damaged"));
    assert!(found.parts.iter().filter(|part| !part.is_sound).count() == 2);
    let mut content = fs::read(&active).unwrap();
    content.truncate(content.len() - 5);
    fs::write(&active, &content).unwrap();
    let found = inspect_segment(&RealDisk, &active).unwrap();
    assert!(found.torn_bytes > 0 && found.ids == (501..504));
    check_parts(&found);
    let other = dir.path().join("letter");
    fs::write(&other, "no segment").unwrap();
    assert!(!is_segment(&RealDisk, &other));
    let error = inspect_segment(&RealDisk, &other).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("letter: header at offset 0 is damaged")
    );
    let error = inspect_store(disk(), dir.path()).unwrap_err();
    assert!(matches!(error, Error::NotAStore { .. }), "{error}");
}

#[test]
fn a_store_without_its_store_file_is_inspected() {
    let dir = tempfile::tempdir().unwrap();
    drop(many_small(dir.path(), 2, 50));
    fs::remove_file(dir.path().join("STORE")).unwrap();
    let found = inspect_store(disk(), dir.path()).unwrap();
    assert!(matches!(found.identity, Err(Error::NotAStore { .. })));
    assert_eq!((found.ids, found.records), (1..104, 103));
}

#[test]
fn a_copy_over_itself_and_a_fork_of_a_running_store_hold_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("store");
    let store = many_small(&root, 2, 50);
    let forked = dir.path().join("forked");
    fork(disk(), &root, &forked).unwrap();
    check_numbered(&read(&forked), 1..104);
    drop(store);
    restore_replacing(disk(), &root, &root).unwrap();
    check_numbered(&read(&root), 1..104);
}
