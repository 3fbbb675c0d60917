//! Stores with known content, in folders of their own.

use crate::support::seeded::Rng;
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;
use vmlog::disk::RealDisk;
use vmlog::record::{Id, Level, Metadata, Record, StoredRecord};
use vmlog::redact::{self, Redacted, Redactor};
use vmlog::store::{Options, Store, SyncPolicy, View};
use vmlog::time::Micros;

/// A store, and all records that were ever appended to it.
pub(crate) struct TestStore {
    pub(crate) store: Store,
    pub(crate) appended: Vec<StoredRecord>,
    redactor: Redactor,
    folder: TempDir,
}

impl TestStore {
    /// `rows_max` is the number of records that retention keeps.
    pub(crate) fn new(rows_max: u64) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let options = Options {
            rows_max,
            kept_bytes_max: 0,
            sync: SyncPolicy::Off,
            free_percent_min: 0,
            free_bytes_min: 0,
            ..Options::default()
        };
        let (store, _) = Store::open(Arc::new(RealDisk), folder.path(), options).expect("a store");
        let redactor = Redactor::new(&redact::RedactOptions {
            disabled: vec!["all".to_owned()],
            ..redact::RedactOptions::default()
        });
        Self {
            store,
            appended: Vec::new(),
            redactor: redactor.expect("no rule at all"),
            folder,
        }
    }

    /// Several segments, sealed and active, perhaps with a pruned beginning.
    pub(crate) fn random(rng: &mut Rng) -> Self {
        let rows_max = if rng.chance(2) { 150 } else { 100_000 };
        let mut store = Self::new(rows_max);
        for _ in 0..rng.below(8) {
            let rows = rng.below(60);
            let records = (0..rows).map(|_| random_record(rng)).collect();
            store.append(records);
            if rng.chance(3) {
                store.store.seal().expect("sealed");
            }
            if rng.chance(2) {
                store.prune();
            }
        }
        store
    }

    pub(crate) fn append(&mut self, records: Vec<Record>) {
        let redacted: Vec<Redacted> = records
            .iter()
            .map(|record| self.redactor.redact(record.clone()))
            .collect();
        let ids = self.store.append(&redacted, &[]).expect("appended");
        let stored = ids
            .zip(records)
            .map(|(id, record)| StoredRecord { id: Id(id), record });
        self.appended.extend(stored);
    }

    /// Its folder.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// Applies retention, at a time at which nothing is too old.
    pub(crate) fn prune(&mut self) {
        self.store.maintain(Micros::new(0)).expect("maintenance");
    }

    pub(crate) fn view(&self) -> View {
        self.store.reader().view()
    }

    /// Its sealed segments, oldest first.
    pub(crate) fn sealed_files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.folder.path()).expect("a listing");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        let is_sealed = |path: &PathBuf| path.extension().is_some_and(|end| end == "seg");
        let mut sealed: Vec<PathBuf> = paths.filter(is_sealed).collect();
        sealed.sort();
        sealed
    }

    /// A copy of the folder in which `path` contains `bytes`.
    pub(crate) fn copy_with(&self, path: &Path, bytes: &[u8]) -> TempDir {
        let copy = TempDir::new().expect("a temporary folder");
        for entry in fs::read_dir(self.folder.path()).expect("a listing") {
            let from = entry.expect("an entry").path();
            let to = copy.path().join(from.file_name().expect("a name"));
            if from == path {
                fs::write(to, bytes).expect("written");
            } else {
                fs::copy(from, to).expect("copied");
            }
        }
        copy
    }

    /// The records that the view must show.
    pub(crate) fn visible(&self) -> Vec<StoredRecord> {
        let ids = self.view().ids();
        let visible = self
            .appended
            .iter()
            .filter(|record| ids.contains(&record.id.0));
        visible.cloned().collect()
    }
}

/// A record with few distinct words, so that random filters match some.
pub(crate) fn random_record(rng: &mut Rng) -> Record {
    let sources = [
        "docker:a",
        "docker:b",
        "system:ssh",
        "system:cron",
        "cloud-init",
    ];
    let seconds = rng.small(40);
    Record {
        timestamp: Micros::new(seconds * 1_000_000 + i64::from(rng.chance(2))),
        source: rng.pick(&sources).parse().expect("a source"),
        level: *rng.pick(&Level::ALL),
        message: random_message(rng),
        metadata: random_metadata(rng),
    }
}

fn random_message(rng: &mut Rng) -> String {
    let words = [
        "disk",
        "Disk",
        "full",
        "Timeout",
        "ERROR",
        "\u{c4}rger",
        "\u{e4}RGER",
        "\u{3a3}\u{3c2}",
        "0",
        "\n",
        "xxx",
        "\u{212a}",
    ];
    match rng.below(12) {
        0 => String::new(),
        1 => "a".repeat(rng.below(200)),
        2 => format!("uuid-{:016x}", rng.next()),
        _ => {
            let count = 1 + rng.below(4);
            let words: Vec<&str> = (0..count).map(|_| *rng.pick(&words)).collect();
            words.join(" ")
        }
    }
}

fn random_metadata(rng: &mut Rng) -> Metadata {
    let value = match rng.below(14) {
        7 => {
            json!({"status": 200 + 100 * rng.below(4), "took": *rng.pick(&["1.5s", "250ms", "2m"])})
        }
        8 => {
            json!({"duration_ms": 500 * rng.below(5), "size": *rng.pick(&["2KiB", "100", "3 MB"]), "boot_id": "disk"})
        }
        9 => {
            json!({"trace": format!("4bf92f35-{:08x}", rng.next() & 0xffff_ffff), "path": *rng.pick(&["/api/x", "/api/y/z", "/"])})
        }
        10 => {
            json!({"note": *rng.pick(&["Disk FULL", "timeout", "\u{c4}rger"]), "deep": {"list": ["full", 7, null, false]}})
        }
        4 => json!({"tag": ["red", "a"], "ok": true, "exit_code": "0"}),
        5 => json!({"k8s": {"pod": *rng.pick(&["web-1", "web-12"])}, "unit": null}),
        6 => json!({"k8s.pod": "web-1", "glob": "x*", "tag": []}),
        0 => json!({"unit": "a.service"}),
        1 => json!({"unit": "b.service", "exit_code": rng.below(2)}),
        2 => json!({"event_type": "process_output", "pid": 42}),
        3 => json!({"event_type": "process_output", "pid": "43", "unit": "abc"}),
        _ => json!({}),
    };
    serde_json::from_value(value).expect("an object")
}
