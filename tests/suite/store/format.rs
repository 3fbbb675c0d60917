//! The written format: stores of every version that are opened for ever, and a reader that was written from the page alone.

use crate::store::{any_record, options, read_all, record, redacted};
use crate::support::seeded::Rng;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use vmlog::disk::RealDisk;
use vmlog::record::{Level, Position, Positions, Record, StoredRecord};
use vmlog::store::{FieldIndex, Options, Reader, Store, inspect_segment, verify};
use vmlog::time::Micros;

/// The store of a format version.
fn fixture(version: &str) -> PathBuf {
    let stores = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/store");
    stores.join(version)
}

/// Every version that must be read for ever.
const VERSIONS: [&str; 4] = ["v1", "v2", "v3", "v4"];

/// A record as `tools/read_segment.py` prints it.
pub(crate) fn record_line(stored: &StoredRecord) -> Value {
    let record = &stored.record;
    json!({
        "id": stored.id.0,
        "timestamp": record.timestamp.get(),
        "source": record.source.as_str(),
        "level": record.level.as_str(),
        "message": record.message,
        "metadata": record.metadata,
    })
}

fn position_lines(positions: &Positions) -> Vec<Value> {
    let hex = |value: &[u8]| {
        let digits = value.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        let digits = digits.filter_map(|digit| char::from_digit(digit.into(), 16));
        digits.collect::<String>()
    };
    let lines = positions.iter();
    lines
        .map(|(origin, value)| json!({"origin": origin, "position": hex(value)}))
        .collect()
}

fn parse_lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn expected(version: &str) -> Vec<Value> {
    parse_lines(&fs::read_to_string(fixture(version).with_extension("jsonl")).unwrap())
}

/// A copy, as opening to write changes a store.
fn copied(from: &Path) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), dir.path().join(entry.file_name())).unwrap();
    }
    dir
}

/// With one of many values, each of which several records have.
fn with_pid(mut record: Record) -> Record {
    let number = record.timestamp.get() / 1000;
    record.metadata.insert("pid", 100 + number * 37 % 70);
    record
}

/// Makes a store with everything in it that the format has; returns what it holds.
fn write_store(root: &Path) -> Vec<Value> {
    let options = Options {
        rows_max: 700,
        ..options()
    };
    let (mut store, _) = Store::open(Arc::new(RealDisk), root, options).unwrap();
    let mut random = Rng::new(2026);
    let mut records: Vec<Record> = vec![];
    for step in 0..20_u64 {
        let batch: Vec<Record> = (0..45)
            .map(|number| match number % 3 {
                0 => any_record(&mut random),
                _ => with_pid(record(step * 45 + number)),
            })
            .collect();
        let origin = format!("file:{}", step % 5);
        let value = (step % 7 > 0).then(|| vec![u8::try_from(step).unwrap(), 0, 255]);
        store
            .append(&redacted(&batch), &[Position { origin, value }])
            .unwrap();
        records.extend(batch);
        if step == 6 || step == 14 {
            store.seal().unwrap();
        }
    }
    store.maintain(Micros::now()).unwrap();
    let kept = (1..).zip(records).skip(200);
    let lines = kept.map(|(id, record)| {
        record_line(&StoredRecord {
            id: vmlog::record::Id(id),
            record,
        })
    });
    lines.chain(position_lines(store.positions())).collect()
}

#[test]
#[ignore = "makes the fixture of a new format version, by hand and once"]
fn make_fixture() {
    let out = PathBuf::from(std::env::var_os("VMLOG_FIXTURE").expect("a folder to make"));
    let lines = write_store(&out);
    fs::remove_file(out.join("LOCK")).unwrap();
    let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
    fs::write(out.with_extension("jsonl"), lines.join("\n") + "\n").unwrap();
}

/// The records of the example in the page.
fn example_records() -> Vec<Record> {
    let record = |seconds: i64, level, message: &str, metadata: Value| Record {
        timestamp: Micros::new(1_771_338_600_000_000 + seconds * 1_000_000),
        source: "cloud-init".parse().unwrap(),
        level,
        message: message.to_owned(),
        metadata: metadata.as_object().unwrap().clone().into(),
    };
    vec![
        record(0, Level::Info, "starting", json!({})),
        record(2, Level::Error, "exit code 1", json!({"pid": 42})),
    ]
}

#[test]
#[ignore = "makes the files of the page's example, by hand and once"]
fn make_example() {
    let out = PathBuf::from(std::env::var_os("VMLOG_FIXTURE").expect("a folder to make"));
    let (mut store, _) = Store::open(Arc::new(RealDisk), &out, options()).unwrap();
    let position = Position {
        origin: "file:x".to_owned(),
        value: Some(vec![9]),
    };
    store
        .append(&redacted(&example_records()), &[position])
        .unwrap();
    let name = |ending: &str| out.join(format!("00000000000000000001.{ending}"));
    fs::copy(name("open"), out.join("example.open")).unwrap();
    store.seal().unwrap();
    fs::copy(name("seg"), out.join("example.seg")).unwrap();
}

/// The bytes in the code blocks of the page's example, block by block. A line is an offset, bytes, and what they are.
fn example_files(text: &str) -> Vec<Vec<u8>> {
    let section = text.split("\n## S13 ").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let blocks = section.split("```").skip(1).step_by(2);
    let file = |block: &str| {
        let mut bytes = vec![];
        for line in block.lines().filter(|line| !line.is_empty()) {
            let (offset, rest) = line.split_once("  ").unwrap();
            assert_eq!(usize::from_str_radix(offset, 16).unwrap(), bytes.len());
            let (hex, _) = rest.split_once("  ").unwrap();
            let pairs = hex.split(' ');
            bytes.extend(pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()));
        }
        bytes
    };
    blocks.map(file).collect()
}

#[test]
fn the_bytes_of_the_example_are_what_the_page_says() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("format-spec/store.md");
    let files = example_files(&fs::read_to_string(page).unwrap());
    let dir = tempfile::tempdir().unwrap();
    let expected: Vec<Value> = (1..)
        .zip(example_records())
        .map(|(id, record)| {
            record_line(&StoredRecord {
                id: vmlog::record::Id(id),
                record,
            })
        })
        .collect();
    for (bytes, ending) in files.iter().zip(["open", "seg"]) {
        let root = dir.path().join(ending);
        fs::create_dir(&root).unwrap();
        let path = root.join(format!("00000000000000000001.{ending}"));
        fs::write(&path, bytes).unwrap();
        let view = Reader::open_file(&RealDisk, &path).unwrap().view();
        let found: Vec<Value> = read_all(&view).iter().map(record_line).collect();
        assert_eq!(found, expected, "{ending}");
        let inspected = inspect_segment(&RealDisk, &path).unwrap();
        assert!(inspected.damage.is_empty() && inspected.torn_bytes == 0);
        fs::copy(fixture("v4").join("STORE"), root.join("STORE")).unwrap();
        if let Some(mut lines) = read_by_python(&root) {
            assert_eq!(
                lines.split_off(2),
                [json!({"origin": "file:x", "position": "09"})]
            );
            assert_eq!(lines, expected, "{ending}");
        }
    }
    assert_eq!(files.len(), 2);
}

#[test]
fn stores_of_every_version_are_read() {
    for version in VERSIONS {
        let root = fixture(version);
        let reader = Reader::open_read_only(Arc::new(RealDisk), &root).unwrap();
        let found: Vec<Value> = read_all(&reader.view()).iter().map(record_line).collect();
        let expected = expected(version);
        assert_eq!(found, expected[..found.len()]);
        let verified = verify(Arc::new(RealDisk), &root).unwrap();
        assert!(verified.damage.is_empty() && verified.torn_bytes == 0);
        assert_eq!(verified.segments, 3);
        for segment in reader.view().segments() {
            for block in segment.blocks() {
                assert!(block.may_contain("") && block.values_may_contain(""));
                let is_known = !matches!(block.field("absent"), FieldIndex::Unknown);
                assert_eq!(is_known, version != "v1" && segment.field_keys().is_some());
            }
        }
    }
}

#[test]
fn stores_of_every_version_are_appended_to() {
    for version in VERSIONS {
        let dir = copied(&fixture(version));
        let open = || {
            Store::open(Arc::new(RealDisk), dir.path(), options())
                .unwrap()
                .0
        };
        let mut store = open();
        let expected = expected(version);
        let positions = position_lines(store.positions());
        assert!(!positions.is_empty() && expected.ends_with(&positions));
        let ids = store.append(&redacted(&[record(7)]), &[]).unwrap();
        assert_eq!(ids, 901..902);
        store.seal().unwrap();
        drop(store);
        let found = read_all(&open().reader().view());
        assert_eq!(found.len() + positions.len(), expected.len() + 1);
        assert_eq!(found.last().unwrap().record, record(7));
        let verified = verify(Arc::new(RealDisk), dir.path()).unwrap();
        assert!(verified.damage.is_empty(), "{:?}", verified.damage);
    }
}

/// What the Python reader prints; `None` where there is no Python to run it, which continuous integration may not lack.
pub(crate) fn read_by_python(root: &Path) -> Option<Vec<Value>> {
    let usable = Command::new("python3")
        .args(["-c", "import zstandard"])
        .output();
    if !usable.is_ok_and(|output| output.status.success()) {
        assert!(
            std::env::var_os("CI").is_none(),
            "python3 with zstandard is missing"
        );
        return None;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/read_segment.py");
    let output = Command::new("python3")
        .arg(script)
        .arg(root)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    Some(parse_lines(str::from_utf8(&output.stdout).unwrap()))
}

#[test]
fn a_reader_made_from_the_page_alone_reads_the_same() {
    for version in VERSIONS {
        if let Some(found) = read_by_python(&fixture(version)) {
            assert_eq!(found, expected(version));
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let expected = write_store(dir.path());
    if let Some(found) = read_by_python(dir.path()) {
        assert_eq!(found, expected);
    }
}

/// The rows of the table under `heading` whose header cell ends with `field`: offset, size and first word of each.
fn table(text: &str, heading: &str, field: &str) -> Vec<(usize, usize)> {
    let section = text.split(heading).nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let table = section.lines().skip_while(|line| !line.contains(field));
    let rows = table.skip(2).take_while(|line| line.starts_with('|'));
    rows.filter_map(|line| {
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        Some((cells.next()?.parse().ok()?, cells.next()?.parse().ok()?))
    })
    .collect()
}

#[test]
fn the_tables_of_the_page_have_no_holes() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("format-spec/store.md");
    let text = fs::read_to_string(page).unwrap();
    for (heading, field, length) in [
        ("\n## S4 ", "| field |", 64),
        ("\n## S7 ", "field of the trailer", 48),
        ("\n## S8 ", "field of a block entry", 200),
    ] {
        let rows = table(&text, heading, field);
        let mut end = 0;
        for (offset, size) in &rows {
            assert_eq!(*offset, end, "{heading}");
            end = offset + size;
        }
        assert_eq!(end, length, "{heading}: {rows:?}");
    }
}
