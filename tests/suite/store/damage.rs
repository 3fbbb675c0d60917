//! Damage: every bit and every length of a small store, and what reading, verifying and repairing make of it.

use crate::store::{any_record, options, position, read_all, record, redacted};
use crate::support::double::DiskDouble;
use crate::support::seeded::Rng;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use vmlog::record::{Record, StoredRecord};
use vmlog::store::{Error, Reader, Store, repair, verify};

const ROOT: &str = "/store";
const REPAIRED: &str = "/repaired";

type Files = BTreeMap<PathBuf, Vec<u8>>;

/// Two sealed segments of several blocks, and an active file of several frames, all of it durable but the last frame.
fn small_store() -> (Files, Vec<Record>) {
    let disk = DiskDouble::default();
    let (mut store, _) = Store::open(Arc::new(disk.clone()), Path::new(ROOT), options()).unwrap();
    let mut random = Rng::new(5);
    let records: Vec<Record> = (0..30)
        .map(|number| match number % 3 {
            0 => record(number),
            _ => any_record(&mut random),
        })
        .collect();
    let mut appended = 0;
    for (batch, seal) in [
        (16, true),
        (4, false),
        (4, true),
        (2, false),
        (1, false),
        (3, false),
    ] {
        let batch = &records[appended..appended + batch];
        appended += batch.len();
        store
            .append(&redacted(batch), &[position(appended as u64)])
            .unwrap();
        store.sync().unwrap();
        if seal {
            store.seal().unwrap();
        }
    }
    drop(store);
    (disk.files(), records)
}

/// Every record that can be read, block by block, and how many cannot.
fn readable(reader: &Reader) -> (Vec<StoredRecord>, u64) {
    let view = reader.view();
    let mut records = vec![];
    let mut lost = 0;
    for segment in view.segments() {
        for block in segment.blocks() {
            let rows: Vec<usize> = (0..block.summary().rows as usize).collect();
            match block.records(&rows) {
                Ok(mut found) => records.append(&mut found),
                Err(error) => {
                    assert!(matches!(error, Error::Corrupt { .. }), "{error}");
                    lost += rows.len() as u64;
                }
            }
        }
    }
    records.sort_by_key(|record| record.id);
    (records, lost)
}

fn check_records(found: &[StoredRecord], expected: &[Record], what: &str) {
    for found in found {
        let index = usize::try_from(found.id.0 - 1).unwrap();
        assert_eq!(found.record, expected[index], "{what}: a wrong record");
    }
    assert!(found.is_sorted_by(|a, b| a.id < b.id), "{what}: one twice");
}

fn open(files: &Files) -> (Arc<DiskDouble>, Result<Reader, Error>) {
    let disk = Arc::new(DiskDouble::with_files(files));
    let reader = Reader::open_read_only(disk.clone(), Path::new(ROOT));
    (disk, reader)
}

/// How many records a flip in this file may cost: those of a block, or of a frame and the frames after it that are compressed with it.
fn bearable(path: &Path) -> usize {
    match path.extension().and_then(|it| it.to_str()) {
        Some("seg") => 16,
        Some("open") => 6,
        _ => 0,
    }
}

fn is_thorough() -> bool {
    std::env::var_os("VMLOG_TEST_THOROUGH").is_some()
}

fn bits(content: &[u8]) -> impl Iterator<Item = usize> {
    // A quick run looks at one bit of every third byte, each time another; a thorough one at all.
    let stride = if is_thorough() { 1 } else { 25 };
    (0..content.len() * 8).step_by(stride)
}

#[test]
fn a_flipped_bit_never_shows_a_wrong_record_and_costs_a_block_at_most() {
    let (files, records) = small_store();
    for (path, content) in &files {
        for bit in bits(content) {
            let what = format!("{} bit {bit}", path.display());
            let mut damaged = files.clone();
            damaged.get_mut(path).unwrap()[bit / 8] ^= 1 << (bit % 8);
            let (disk, reader) = open(&damaged);
            if path.ends_with("STORE") {
                assert!(matches!(reader, Err(Error::Corrupt { .. })), "{what}");
                continue;
            }
            let (found, _) = readable(&reader.unwrap());
            check_records(&found, &records, &what);
            assert!(
                found.len() + bearable(path) >= records.len(),
                "{what}: {} left",
                found.len()
            );
            let verified = verify(disk, Path::new(ROOT)).unwrap();
            assert_eq!(verified.records, found.len() as u64, "{what}");
            let named = !verified.damage.is_empty() || verified.torn_bytes > 0;
            assert!(named || path.ends_with("LOCK"), "{what}: not seen");
        }
    }
}

#[test]
fn a_writer_opens_a_damaged_store_and_goes_on() {
    let (files, records) = small_store();
    for (path, content) in files.iter().filter(|(path, _)| !path.ends_with("STORE")) {
        for bit in (0..content.len() * 8).step_by(61) {
            let what = format!("{} bit {bit}", path.display());
            let mut damaged = files.clone();
            damaged.get_mut(path).unwrap()[bit / 8] ^= 1 << (bit % 8);
            let disk = Arc::new(DiskDouble::with_files(&damaged));
            let open = || Store::open(disk.clone(), Path::new(ROOT), options());
            let (mut store, _) = open().unwrap_or_else(|error| panic!("{what}: {error}"));
            let (before, _) = readable(&store.reader());
            check_records(&before, &records, &what);
            assert!(before.len() + bearable(path) >= records.len(), "{what}");
            let next = store.reader().view().ids().end;
            assert!(next > before.last().unwrap().id.0, "{what}");
            assert_eq!(
                store.append(&redacted(&records[..2]), &[]).unwrap(),
                next..next + 2,
                "{what}"
            );
            store.seal().unwrap();
            drop(store);
            let (store, _) = open().unwrap_or_else(|error| panic!("{what}: {error}"));
            let (after, _) = readable(&store.reader());
            assert_eq!(after[..before.len()], before, "{what}");
            assert_eq!(after.len(), before.len() + 2, "{what}");
        }
    }
}

#[test]
fn a_file_cut_at_any_length_never_shows_a_wrong_record() {
    let (files, records) = small_store();
    for (path, content) in &files {
        let stride = if is_thorough() { 1 } else { 5 };
        for length in (0..content.len()).step_by(stride) {
            let what = format!("{} cut at {length}", path.display());
            let mut damaged = files.clone();
            damaged.get_mut(path).unwrap().truncate(length);
            let (disk, reader) = open(&damaged);
            if let Ok(reader) = reader {
                let (found, _) = readable(&reader);
                check_records(&found, &records, &what);
                let verified = verify(disk, Path::new(ROOT)).unwrap();
                assert_eq!(verified.records, found.len() as u64, "{what}");
            } else {
                assert!(path.ends_with("STORE"), "{what}");
            }
        }
    }
}

#[test]
fn repair_saves_every_readable_record_and_leaves_the_original() {
    let (files, records) = small_store();
    for (path, content) in &files {
        for bit in (0..content.len() * 8).step_by(97) {
            let what = format!("{} bit {bit}", path.display());
            let mut damaged = files.clone();
            damaged.get_mut(path).unwrap()[bit / 8] ^= 1 << (bit % 8);
            let (disk, reader) = open(&damaged);
            let repaired = repair(disk.clone(), Path::new(ROOT), Path::new(REPAIRED))
                .unwrap_or_else(|error| panic!("{what}: {error}"));
            let original: Files = disk
                .files()
                .into_iter()
                .filter(|(path, _)| path.starts_with(ROOT))
                .collect();
            assert_eq!(original, damaged, "{what}: the original was touched");
            let verified = verify(disk.clone(), Path::new(REPAIRED)).unwrap();
            assert!(verified.damage.is_empty(), "{what}: {:?}", verified.damage);
            let target = Reader::open_read_only(disk.clone(), Path::new(REPAIRED)).unwrap();
            let (saved, lost) = readable(&target);
            assert_eq!((saved.len() as u64, lost), (repaired.records, 0), "{what}");
            check_records(&saved, &records, &what);
            if let Ok(reader) = reader {
                assert_eq!(saved, readable(&reader).0, "{what}");
            } else {
                assert_eq!(saved.len(), records.len(), "{what}: without STORE");
                assert!(!repaired.damage.is_empty());
            }
            let (store, _) = Store::open(disk, Path::new(REPAIRED), options()).unwrap();
            assert!(store.positions().contains_key("journal:a"), "{what}");
        }
    }
}

#[test]
fn a_sound_store_verifies() {
    let (files, records) = small_store();
    let disk = Arc::new(DiskDouble::with_files(&files));
    let verified = verify(disk.clone(), Path::new(ROOT)).unwrap();
    assert!(verified.damage.is_empty() && verified.torn_bytes == 0);
    assert_eq!(verified.records, records.len() as u64);
    assert_eq!(verified.segments, 3);
    let reader = Reader::open_read_only(disk, Path::new(ROOT)).unwrap();
    assert_eq!(read_all(&reader.view()).len(), records.len());
}
