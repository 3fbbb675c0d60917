//! A journal file that changes while it is read, as files of a running journald do: it grows from a prefix, is
//! truncated, reads as zeros, and is replaced. Nothing may panic or hang. The last two bytes of the input determine
//! where the file is cut, so that a seed starts like a journal. Seeds: those of `journal`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::cell::RefCell;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;
use vmlog::journal::Journal;
use vmlog::journal::JournalOptions;

thread_local! {
    /// A directory that is rewritten for each input, in memory if the machine has such a file system.
    static DIRECTORY: RefCell<PathBuf> = RefCell::new(place());
}

fn place() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    let base = if memory.is_dir() {
        memory
    } else {
        std::env::temp_dir()
    };
    let directory = base.join(format!("vmlog-fuzz-{}", std::process::id()));
    fs::create_dir_all(&directory).expect("a directory can be made");
    directory
}

fn read(journal: &mut Journal, most: usize) {
    for _ in 0..most {
        if journal.next().is_none() {
            return;
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Some((bytes, cut)) = bytes.split_last_chunk::<2>() else {
        return;
    };
    let cut = usize::from(u16::from_le_bytes(*cut)) * bytes.len() / 65_536;
    DIRECTORY.with_borrow(|directory| {
        let path = directory.join("system.journal");
        fs::write(&path, &bytes[..cut]).expect("a file can be written");
        let mut journal = Journal::open(JournalOptions {
            directories: vec![directory.clone()],
            field_bytes_max: 64 << 10,
            ..JournalOptions::default()
        });
        read(&mut journal, 10);
        let zeros = vec![0; bytes.len() - cut];
        for state in [bytes, &bytes[..cut], &[&bytes[..cut], &zeros].concat(), bytes] {
            fs::write(&path, state).expect("a file can be written");
            journal.refresh();
            read(&mut journal, 10);
        }
        fs::rename(&path, directory.join("system@1.journal")).expect("a file can be renamed");
        journal.refresh();
        read(&mut journal, usize::MAX);
        journal.previous();
        fs::remove_file(directory.join("system@1.journal")).expect("a file can be removed");
        journal.wait(Duration::ZERO);
        read(&mut journal, usize::MAX);
        let _ = journal.positions();
    });
});
