//! Real media: a file system that is full, and one that cannot be written.
//!
//! A test starts itself again in a mount namespace of its own, which needs root or user namespaces; without these it is left out.

use crate::store::{any_record, options, position, read_all, record, redacted};
use crate::support::program::Place;
use crate::support::seeded::Rng;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use vmlog::disk::{Disk, RealDisk};
use vmlog::record::Record;
use vmlog::store::{
    Error, Options, Reader, Store, fork, inspect_store, repair, restore, snapshots, verify,
};
use vmlog::time::Micros;

const ROOT: &str = "VMLOG_MEDIA_ROOT";
/// What a shell answers when the mount was not to be had.
const NO_MOUNT: i32 = 77;

/// Runs the ignored test `name` where `mount` (a shell command that finds the folder in `$1`) was done; `root` is handed to it.
fn run_mounted(name: &str, mount: &str, root: &Path) {
    let script = format!("{mount} || exit {NO_MOUNT}; shift; exec \"$@\"");
    let is_root = rustix::process::geteuid().is_root();
    let mut command = Command::new("unshare");
    command.arg("--mount");
    if !is_root {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["sh", "-c", &script, "sh"]).arg(root);
    command.arg(std::env::current_exe().unwrap());
    command.args([name, "--exact", "--ignored", "--nocapture"]);
    let Ok(output) = command.env(ROOT, root).output() else {
        return left_out();
    };
    if output.status.code() == Some(NO_MOUNT) || output.status.code() == Some(1) {
        return left_out();
    }
    let told = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, error) = (told(&output.stdout), told(&output.stderr));
    assert!(output.status.success(), "{out}\n{error}");
    assert!(out.contains("1 passed"), "{out}");
}

fn left_out() {
    assert!(std::env::var_os("CI").is_none(), "no mount to be had");
}

/// The folder that the test which started this one mounted.
fn root() -> PathBuf {
    std::env::var_os(ROOT).expect("a folder").into()
}

const TMPFS: &str = "mount -t tmpfs -o size=4m tmpfs \"$1\"";

#[test]
fn a_full_file_system_refuses_and_goes_on_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    run_mounted("store::media::on_a_full_disk", TMPFS, dir.path());
}

/// Records that hardly compress, so that sealing makes no room.
fn dense_record(number: u64) -> Record {
    let mut random = Rng::new(number);
    let noise: Vec<String> = (0..8).map(|_| format!("{:016x}", random.next())).collect();
    let noise = noise.concat();
    Record {
        message: format!("message {number} {noise}"),
        ..record(number)
    }
}

fn is_full(error: &Error) -> bool {
    matches!(error, Error::Full { .. })
}

/// A store, and how many records it took.
struct Writer {
    store: Store,
    done: u64,
}

impl Writer {
    fn open(path: &Path) -> Self {
        let small = Options {
            segment_rows: 2000,
            ..options()
        };
        let (store, recovery) = Store::open(Arc::new(RealDisk), path, small).unwrap();
        assert!(recovery.damage.is_empty(), "{:?}", recovery.damage);
        let done = store.reader().view().ids().end - 1;
        Self { store, done }
    }

    fn append(&mut self, rows: u64) -> Result<(), Error> {
        let records: Vec<Record> = (self.done..self.done + rows).map(dense_record).collect();
        let moved = [position(self.done + rows)];
        self.store.append(&redacted(&records), &moved)?;
        self.done += rows;
        Ok(())
    }

    /// Appends until not even a single record is accepted, and keeps trying; maintenance never fails.
    fn fill(&mut self) {
        for rows in [100, 10, 1] {
            let mut refused = 0;
            while refused < 20 {
                if let Err(error) = self.append(rows) {
                    assert!(is_full(&error), "{error}");
                    refused += 1;
                }
                self.store.maintain(Micros::now()).unwrap();
            }
        }
        assert!(self.store.reader().failure().is_none());
    }

    fn check(&self) {
        let found = read_all(&self.store.reader().view());
        assert_eq!(found.len() as u64, self.done);
        for (found, number) in found.iter().zip(0..) {
            assert_eq!(found.id.0, number + 1);
            assert_eq!(found.record, dense_record(number));
        }
        let covered = self.store.positions()["journal:a"].clone();
        assert_eq!(covered, self.done.to_string().into_bytes());
    }
}

#[test]
#[ignore = "is started by the test that mounts the file system"]
fn on_a_full_disk() {
    let path = root().join("store");
    let ballast = |number: u64| root().join(format!("ballast{number}"));
    let mut writer = Writer::open(&path);
    writer.append(1).unwrap();
    for number in 0..2 {
        fs::write(ballast(number), vec![1; 1 << 20]).unwrap();
    }
    writer.fill();
    let when_full = writer.done;
    assert!(when_full > 1000, "{when_full}");
    writer.check();
    let error = writer.store.snapshot("none").unwrap_err();
    assert!(is_full(&error), "{error}");
    writer.store.sync().unwrap();
    fs::remove_file(ballast(0)).unwrap();
    writer.append(100).unwrap();
    writer.fill();
    assert!(writer.done > when_full + 1000, "it took more");
    writer.check();
    drop(writer);
    let mut writer = Writer::open(&path);
    writer.check();
    assert!(is_full(&writer.append(100).unwrap_err()));
    fs::remove_file(ballast(1)).unwrap();
    writer.append(100).unwrap();
    writer.store.seal().unwrap();
    writer.check();
    let done = writer.done;
    drop(writer);
    let verified = verify(Arc::new(RealDisk), &path).unwrap();
    assert!(verified.damage.is_empty(), "{:?}", verified.damage);
    assert_eq!(verified.records, done);
}

#[test]
fn a_server_lives_through_a_full_file_system() {
    let dir = tempfile::tempdir().unwrap();
    run_mounted("store::media::serving_on_a_full_disk", TMPFS, dir.path());
}

#[test]
#[ignore = "is started by the test that mounts the file system"]
fn serving_on_a_full_disk() {
    let mut place = Place::new();
    let log = place.journal().join("app.log");
    fs::write(&log, "the first line\n").unwrap();
    place.set("LOG_DATA_DIR", root().join("data").to_str().unwrap());
    place.set("LOG_FILES", &format!("app={}", log.display()));
    let server = place.serve();
    server.wait_for("source=file:app", 1);
    let ballast = root().join("ballast");
    // As much as there is room for.
    let _ = fs::write(&ballast, vec![1; 5 << 20]);
    let space = RealDisk.space(&root()).unwrap();
    assert_eq!(space.free, 0);
    let lines: Vec<String> = (0..2000)
        .map(|number| format!("line {number} {:064x}\n", Rng::new(number).next()))
        .collect();
    let lines = lines.concat();
    fs::OpenOptions::new()
        .append(true)
        .open(&log)
        .and_then(|mut file| std::io::Write::write_all(&mut file, lines.as_bytes()))
        .unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(
        server.get("/logs").0,
        200,
        "it answers while nothing can be written"
    );
    fs::remove_file(&ballast).unwrap();
    server.wait_for("source=file:app", 2001);
    let found = server.all("source=file:app");
    let texts = found.iter().map(|entry| entry["message"].as_str().unwrap());
    let expected = std::iter::once("the first line").chain(lines.lines());
    assert!(texts.eq(expected), "a line is missing, or there twice");
}

#[test]
fn media_that_cannot_be_written_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let mut random = Rng::new(11);
    let records: Vec<Record> = (0..700).map(|_| any_record(&mut random)).collect();
    let (mut store, _) = Store::open(Arc::new(RealDisk), &path, options()).unwrap();
    store
        .append(&redacted(&records[..400]), &[position(400)])
        .unwrap();
    store.snapshot("some").unwrap();
    store
        .append(&redacted(&records[400..]), &[position(700)])
        .unwrap();
    drop(store);
    let read_only = "mount --bind \"$1\" \"$1\" && mount -o remount,bind,ro \"$1\"";
    run_mounted("store::media::on_read_only_media", read_only, dir.path());
}

#[test]
#[ignore = "is started by the test that mounts the file system"]
fn on_read_only_media() {
    let path = root().join("store");
    let disk = || Arc::new(RealDisk);
    assert!(
        fs::write(root().join("x"), "x").is_err(),
        "it can be written"
    );
    let read = |path: &Path| {
        let reader = Reader::open_read_only(disk(), path).unwrap();
        read_all(&reader.view()).len()
    };
    assert_eq!(read(&path), 700);
    assert!(verify(disk(), &path).unwrap().damage.is_empty());
    assert_eq!(inspect_store(disk(), &path).unwrap().records, 700);
    let listed = snapshots(disk(), &path).unwrap();
    assert_eq!(listed[0].content.as_ref().unwrap().records, 400);
    assert_eq!(read(&listed[0].path), 400);
    let error = Store::open(disk(), &path, options()).unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(
        source.contains("Read-only file system"),
        "{error}: {source}"
    );
    let elsewhere = tempfile::tempdir().unwrap();
    let to = |name: &str| elsewhere.path().join(name);
    restore(disk(), &listed[0].path, &to("restored")).unwrap();
    fork(disk(), &path, &to("forked")).unwrap();
    let saved = repair(disk(), &path, &to("repaired")).unwrap();
    assert_eq!(saved.records, 700);
    for (name, records) in [("restored", 400), ("forked", 700), ("repaired", 700)] {
        let (mut store, _) = Store::open(disk(), &to(name), options()).unwrap();
        store.append(&redacted(&[record(1)]), &[]).unwrap();
        assert_eq!(read(&to(name)), records + 1, "{name}");
    }
}
