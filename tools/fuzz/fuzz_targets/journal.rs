//! Arbitrary bytes as a journal file: read forward, backward and by seeking, nothing may panic, hang or allocate
//! excessive memory. Seeds: `tests/fixtures/journal`.
//!
//!     cargo +nightly fuzz run --fuzz-dir tools/fuzz journal
//!
//! or `tools/fuzz/run journal SECONDS`, which works without cargo-fuzz.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::cell::RefCell;
use std::fs;
use std::path::PathBuf;
use vmlog::journal::JournalEvent;
use vmlog::journal::Journal;
use vmlog::journal::JournalOptions;
use vmlog::journal::EntryMatches;
use vmlog::journal::Seek;

thread_local! {
    /// One file is rewritten for each input, in memory if the machine has such a file system.
    static PATH: RefCell<PathBuf> = RefCell::new(place());
}

fn place() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    let directory = if memory.is_dir() {
        memory
    } else {
        std::env::temp_dir()
    };
    directory.join(format!("vmlog-fuzz-{}.journal", std::process::id()))
}

fuzz_target!(|bytes: &[u8]| {
    PATH.with_borrow(|path| {
        fs::write(path, bytes).expect("a file can be written");
        let mut journal = Journal::open(JournalOptions {
            files: vec![path.clone()],
            field_bytes_max: 64 << 10,
            ..JournalOptions::default()
        });
        let mut last = None;
        let mut entries = 0_usize;
        while let Some(event) = journal.next() {
            if let JournalEvent::Entry(entry) = event {
                entries += 1;
                last = Some(entry.cursor());
                assert!(entry.fields().all(|(name, _)| !name.contains(&b'=')));
            }
        }
        assert!(entries <= bytes.len() / 64, "each entry takes 64 bytes");
        while journal.previous().is_some() {}
        if let Some(cursor) = last {
            journal.seek(&Seek::After(cursor));
            journal.next();
        }
        journal.boots();
        journal.field_names();
        let values = journal.unique(b"PRIORITY", 100);
        journal.verify();
        journal.figures();
        journal.problems();
        let wanted = values.first().map_or(&b"6"[..], Vec::as_slice);
        let mut chosen = Journal::open(JournalOptions {
            files: vec![path.clone()],
            field_bytes_max: 64 << 10,
            matches: EntryMatches::default()
                .and(b"PRIORITY", wanted)
                .or()
                .and(b"SYSLOG_IDENTIFIER", b"web")
                .and(b"_HOSTNAME", b"vm1"),
            ..JournalOptions::default()
        });
        while chosen.next().is_some() {}
        while chosen.previous().is_some() {}
    });
});
