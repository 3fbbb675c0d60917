//! The subcommands for the folder of a store, from the user's perspective.

use crate::command::query::{on_terminal, printed};
use crate::support::program::{outcome, vmlog};
use crate::support::stores::TestStore;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use vmlog::disk::RealDisk;
use vmlog::record::{Level, Metadata, Record};
use vmlog::store;
use vmlog::time::Micros;

fn records(numbers: std::ops::Range<u64>) -> Vec<Record> {
    let record = |number: u64| Record {
        timestamp: Micros::new(1_771_338_615_123_456 + number as i64),
        source: ["docker:web", "system:ssh"][(number % 2) as usize]
            .parse()
            .unwrap(),
        level: Level::ALL[(number % 4) as usize],
        message: format!("message {number}"),
        metadata: Metadata::from_iter([("number", number)]),
    };
    numbers.map(record).collect()
}

/// Two sealed segments and an active one: ids 1 to 250.
fn three_segments() -> TestStore {
    let mut store = TestStore::new(100_000);
    for numbers in [0..100, 100..200] {
        store.append(records(numbers));
        store.store.seal().unwrap();
    }
    store.append(records(200..250));
    store
}

/// A copy of the folder, as `cp -r` makes it.
fn copied(root: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
        }
    }
    copy
}

fn on(words: &[&str], root: &Path) -> Command {
    let mut command = vmlog(words);
    command.arg(root);
    command
}

fn failed(command: &mut Command) -> String {
    let (code, out, error) = outcome(&command.output().unwrap());
    assert_eq!((code, out.as_str()), (Some(1), ""), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
    error
}

fn file(root: &Path, ending: &str) -> PathBuf {
    let mut paths: Vec<PathBuf> = fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
        .into_iter()
        .find(|path| path.extension().is_some_and(|found| found == ending))
        .unwrap()
}

#[test]
fn a_store_is_inspected_down_to_its_bytes() {
    let store = three_segments();
    let root = store.path();
    let whole = printed(&mut on(&["inspect"], &root));
    assert!(
        whole.contains("  250 records, ids 1 to 250, low-water id 1, "),
        "{whole}"
    );
    assert_eq!(whole.matches("\nsegment ").count(), 3, "{whole}");
    assert!(
        whole.contains("  levels debug 25, info 25, warn 25, error 25\n"),
        "{whole}"
    );
    assert!(
        whole.contains("  source   0 docker:web: debug 25, warn 25\n"),
        "{whole}"
    );
    assert!(whole.contains("  column messages"), "{whole}");
    assert_eq!(whole.matches(", 0 unsound\n").count(), 3, "{whole}");
    let sealed = file(&root, "seg");
    let alone = printed(&mut on(&["inspect"], &sealed));
    assert!(alone.contains("\nblock  source"), "{alone}");
    let name = sealed.file_name().unwrap().to_str().unwrap();
    let mut by_name = on(&["inspect"], &root);
    assert_eq!(
        printed(by_name.args(["--segment", name])).lines().count(),
        alone.lines().count()
    );
    let mut block = on(&["inspect", "--block", "0", "--segment"], &sealed);
    let bytes = printed(&mut block);
    assert!(
        bytes.contains("  source ") && bytes.contains(" rows, ids 1 to "),
        "{bytes}"
    );
    assert!(bytes.contains("\n  messages: offset "), "{bytes}");
    assert!(!bytes.contains("more bytes"), "{bytes}");
    let active = printed(&mut on(
        &["inspect", "--block", "1", "--segment"],
        &file(&root, "open"),
    ));
    assert!(
        active.contains("  batch: ids 201 to 250, 2 sources, 0 positions"),
        "{active}"
    );
    assert!(
        active.contains("56 4d 4c 46"),
        "the magic of a frame: {active}"
    );
    let (code, _, error) = outcome(
        &on(&["inspect", "--block", "99", "--segment"], &sealed)
            .output()
            .unwrap(),
    );
    assert_eq!(code, Some(2));
    assert!(
        error.contains("expected less than 2, the number of blocks or frames, got 99"),
        "{error}"
    );
    let (code, _, error) = outcome(&on(&["inspect", "--block", "0"], &root).output().unwrap());
    assert_eq!(
        (code, error.as_str()),
        (
            Some(2),
            "vmlog: --block: name the segment with --segment FILE\n"
        )
    );
}

#[test]
fn a_long_block_is_shown_completely_on_request() {
    let mut store = TestStore::new(100_000);
    store.append(records(0..2_000));
    store.store.seal().unwrap();
    let sealed = file(&store.path(), "seg");
    let mut block = on(&["inspect", "--block", "0", "--segment"], &sealed);
    let bytes = printed(&mut block);
    assert!(
        bytes.contains(" more bytes: --bytes shows them\n"),
        "{bytes}"
    );
    let all = printed(block.arg("--bytes"));
    assert!(
        all.lines().count() > 2 * bytes.lines().count() && !all.contains("more bytes"),
        "{all}"
    );
}

#[test]
fn verify_distinguishes_sound_and_damaged_stores() {
    let store = three_segments();
    let root = store.path();
    assert_eq!(
        printed(&mut on(&["verify"], &root)),
        "250 records in 3 segments: sound\n"
    );
    let copy = copied(&root);
    let sealed = file(copy.path(), "seg");
    assert_eq!(
        printed(&mut on(&["verify"], &sealed)),
        "100 records in 1 segment: sound\n"
    );
    let mut bytes = fs::read(&sealed).unwrap();
    bytes[100] ^= 0x55;
    fs::write(&sealed, bytes).unwrap();
    for path in [copy.path(), &sealed] {
        let (code, out, error) = outcome(&on(&["verify"], path).output().unwrap());
        assert_eq!((code, error.as_str()), (Some(1), ""), "{out}");
        assert!(
            out.contains("DAMAGED; `vmlog repair` copies the readable records into a new store\n"),
            "{out}"
        );
        assert!(
            out.contains(&format!("{}: ", sealed.display())),
            "the file is named: {out}"
        );
    }
    let into = tempfile::tempdir().unwrap();
    let saved = printed(on(&["repair"], copy.path()).arg("--into").arg(into.path()));
    assert!(
        saved.contains("damaged: ") && saved.contains(" records saved into "),
        "{saved}"
    );
    assert!(printed(&mut on(&["verify"], into.path())).ends_with(": sound\n"));
    let again = failed(on(&["repair"], copy.path()).arg("--into").arg(into.path()));
    assert!(
        again.ends_with(": is a store already; name a new or empty folder\n"),
        "{again}"
    );
    assert!(
        failed(&mut on(&["verify"], Path::new("/no/such/store")))
            .contains("name another store with --store")
    );
}

#[test]
fn a_store_copied_while_it_is_written_opens_and_is_verified_correctly() {
    let mut store = TestStore::new(1_000_000);
    let root = store.path();
    for round in 0..6 {
        store.append(records(round * 3_000..round * 3_000 + 3_000));
        if round == 2 {
            store.store.seal().unwrap();
        }
        let copy = copied(&root);
        // The copy of a growing file may end anywhere.
        let active = file(copy.path(), "open");
        let length = fs::metadata(&active).unwrap().len();
        let cut = length - length.saturating_sub(100).min(round * 997);
        fs::OpenOptions::new()
            .write(true)
            .open(&active)
            .unwrap()
            .set_len(cut)
            .unwrap();
        let (code, out, error) = outcome(&on(&["verify"], copy.path()).output().unwrap());
        assert_eq!(
            (code, error.as_str()),
            (Some(0), ""),
            "a cut tail is no damage: {out}"
        );
        assert_eq!(
            out.contains("after the last complete write"),
            cut < length,
            "{cut} of {length}: {out}"
        );
        let count: usize = out
            .lines()
            .last()
            .unwrap()
            .split(' ')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        let lines = printed(vmlog(&["export", "--store"]).arg(copy.path()))
            .lines()
            .count();
        assert_eq!(count, lines, "what is counted is what can be read");
    }
}

#[test]
fn exported_records_are_imported_unchanged() {
    let store = three_segments();
    let jsonl = printed(vmlog(&["export", "--store"]).arg(store.path()));
    assert_eq!(jsonl.lines().count(), 250);
    let place = tempfile::tempdir().unwrap();
    let (input, into) = (place.path().join("all.jsonl"), place.path().join("store"));
    fs::write(&input, &jsonl).unwrap();
    let told = printed(vmlog(&["import"]).arg(&input).arg("--store").arg(&into));
    assert!(
        told.starts_with("250 records in ") && !told.contains("skipped"),
        "{told}"
    );
    assert_eq!(printed(vmlog(&["export", "--store"]).arg(&into)), jsonl);
    let filtered = printed(
        vmlog(&[
            "export",
            "-s",
            "system:",
            "-o",
            "cat",
            "message 24",
            "--store",
        ])
        .arg(&into),
    );
    assert_eq!(
        filtered,
        "message 241\nmessage 243\nmessage 245\nmessage 247\nmessage 249\n"
    );
}

#[test]
fn bad_lines_are_reported_by_number_and_secrets_redacted() {
    let place = tempfile::tempdir().unwrap();
    let (input, into) = (place.path().join("in"), place.path().join("store"));
    let good = r#"{"timestamp":1771338615,"source":"app","level":"error","message":"password=hunter2hunter2","host":"h"}"#;
    fs::write(
        &input,
        format!("{good}\n\nnot json\n{{\"source\":\"x\"}}\n{good}"),
    )
    .unwrap();
    let mut command = vmlog(&["import", "-", "--store"]);
    command
        .arg(&into)
        .stdin(Stdio::from(fs::File::open(&input).unwrap()));
    let (code, out, error) = outcome(&command.output().unwrap());
    assert_eq!(code, Some(0), "{error}");
    assert!(
        out.starts_with("2 records in ") && out.ends_with(", 2 lines were skipped\n"),
        "{out}"
    );
    assert_eq!(
        error,
        "vmlog: skipped line 3: expected ident at line 1 column 2\nvmlog: skipped line 4: timestamp is missing\n"
    );
    let kept = printed(vmlog(&["export", "--store"]).arg(&into));
    assert!(
        !kept.contains("hunter2") && kept.contains("\"host\":\"h\""),
        "{kept}"
    );
    fs::write(&input, "x\n".repeat(1_000)).unwrap();
    let (code, out, error) = outcome(
        &vmlog(&["import"])
            .arg(&input)
            .arg("--store")
            .arg(&into)
            .output()
            .unwrap(),
    );
    assert_eq!((code, error.lines().count()), (Some(0), 11), "{error}");
    assert!(out.ends_with(", 1000 lines were skipped\n"), "{out}");
}

#[test]
fn an_import_shows_progress_on_terminals_only() {
    let place = tempfile::tempdir().unwrap();
    let input = place.path().join("in");
    let line = r#"{"timestamp":1771338615,"source":"app","level":"info","message":"a line of an import that takes a while"}"#;
    fs::write(&input, format!("{line}\n").repeat(50_000)).unwrap();
    let import = |name: &str| {
        let mut command = vmlog(&["import"]);
        command
            .arg(&input)
            .arg("--store")
            .arg(place.path().join(name));
        command
    };
    let shown = on_terminal(&import("terminal"), &[]);
    assert!(shown.contains("50000 records in "), "{shown}");
    if shown.contains('\r') && shown.contains("importing") {
        assert!(shown.contains("importing: ["), "{shown}");
    }
    assert!(!printed(&mut import("pipe")).contains("importing"));
}

#[test]
fn small_segments_are_merged_and_a_writer_is_not_disturbed() {
    let mut store = three_segments();
    let root = store.path();
    let (code, _, error) = outcome(&on(&["compact"], &root).output().unwrap());
    assert_eq!(code, Some(1));
    assert!(
        error.contains("held by process") && error.contains("stop the server that writes it"),
        "{error}"
    );
    store.append(records(250..251));
    let copy = copied(&root);
    let before = printed(vmlog(&["export", "--store"]).arg(copy.path()));
    let told = printed(&mut on(&["compact"], copy.path()));
    assert!(
        told.starts_with("2 segments of ") && told.contains(" became 1 of "),
        "{told}"
    );
    assert_eq!(
        printed(vmlog(&["export", "--store"]).arg(copy.path())),
        before
    );
    let nowhere = tempfile::tempdir().unwrap();
    assert!(failed(&mut on(&["compact"], nowhere.path())).contains("not a store"));
    assert_eq!(
        fs::read_dir(nowhere.path()).unwrap().count(),
        0,
        "nothing is made of it"
    );
}

#[test]
fn a_snapshot_is_made_listed_restored_forked_and_deleted() {
    let mut store = three_segments();
    let root = store.path();
    let snapshot = |words: &[&str]| {
        let mut command = vmlog(&["snapshot"]);
        command.args(words).arg("--store").arg(&root);
        command
    };
    assert_eq!(
        printed(&mut snapshot(&["list"])),
        format!("no snapshots in {}\n", root.display())
    );
    let path = printed(&mut snapshot(&["create", "one"]));
    assert_eq!(
        path.trim_end(),
        root.join("snapshots/one").display().to_string()
    );
    assert!(failed(&mut snapshot(&["create", "one"])).contains("snapshot one exists already"));
    assert!(failed(&mut snapshot(&["create", "a/b"])).contains("a snapshot's name is 1 to 64"));
    store.append(records(250..260));
    let list = printed(&mut snapshot(&["list"]));
    assert!(
        list.lines().count() == 2 && list.contains("\none ") && list.contains("1 to 250"),
        "{list}"
    );
    let count = |root: &Path| {
        printed(vmlog(&["export", "--store"]).arg(root))
            .lines()
            .count()
    };
    assert_eq!(count(&root.join("snapshots/one")), 250);
    let place = tempfile::tempdir().unwrap();
    let (fork, restored) = (place.path().join("fork"), place.path().join("restored"));
    printed(snapshot(&["fork", "one"]).arg("--into").arg(&fork));
    printed(snapshot(&["restore", "one"]).arg("--into").arg(&restored));
    assert_eq!((count(&fork), count(&restored)), (250, 250));
    assert!(failed(&mut snapshot(&["restore", "one"])).contains("--replace deletes its records"));
    assert!(
        failed(&mut snapshot(&["restore", "one", "--replace"]))
            .contains("stop the server that writes it")
    );
    assert!(
        failed(snapshot(&["fork", "one"]).arg("--into").arg(&fork))
            .contains("name a new or empty folder")
    );
    assert!(
        failed(&mut snapshot(&["restore", "two", "--replace"]))
            .contains("there is no snapshot two; `vmlog snapshot list` shows them")
    );
    drop(store.store);
    printed(&mut snapshot(&["restore", "one", "--replace"]));
    assert_eq!(count(&root), 250);
    let before = fs::read(file(&fork, "seg")).unwrap();
    printed(&mut snapshot(&["delete", "one"]));
    assert!(failed(&mut snapshot(&["delete", "one"])).contains("`vmlog snapshot list` shows them"));
    assert_eq!(
        (count(&fork), count(&root)),
        (250, 250),
        "what was made of it stays"
    );
    assert_eq!(fs::read(file(&fork, "seg")).unwrap(), before);
    let verification = store::verify(Arc::new(RealDisk), &fork).unwrap();
    assert!(verification.damage.is_empty(), "{verification:?}");
}

#[test]
fn a_single_segment_file_is_queried_by_itself() {
    let store = three_segments();
    let copy = copied(&store.path());
    for (ending, records) in [("seg", 100), ("open", 50)] {
        let path = file(copy.path(), ending);
        let alone = tempfile::tempdir().unwrap();
        let moved = alone.path().join(format!("from-another-machine.{ending}"));
        fs::copy(&path, &moved).unwrap();
        assert_eq!(
            printed(vmlog(&["export", "--store"]).arg(&moved))
                .lines()
                .count(),
            records
        );
    }
}
