//! Prints new entries of a journal as they are written, and remembers the position, so that a second start continues after the
//! last entry that the first one printed. Ends after a number of entries, if one is given.
//!
//! ```console
//! $ cargo run --no-default-features --features journal --example follow_journal /var/log/journal
//! ```

use std::time::Duration;
use vmlog::journal::{Journal, JournalEvent, JournalOptions};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments
        .next()
        .unwrap_or_else(|| "/var/log/journal".to_owned());
    let count = arguments
        .next()
        .map(|text| text.parse().expect("a number of entries"));
    let mut remaining: u64 = count.unwrap_or(u64::MAX);
    let mut journal = Journal::open(JournalOptions {
        directories: vec![folder.into()],
        ..JournalOptions::default()
    });
    while remaining > 0 {
        while remaining > 0
            && let Some(event) = journal.next()
        {
            let JournalEvent::Entry(entry) = event else {
                continue;
            };
            let message = entry.field(b"MESSAGE").unwrap_or_default();
            println!("{}", String::from_utf8_lossy(message));
            remaining -= 1;
        }
        // A program that must not lose an entry stores these together with its output and passes them as
        // `JournalOptions::resume` at its next start.
        let _positions = journal.changed_positions();
        if remaining > 0 {
            journal.wait(Duration::from_secs(1));
        }
    }
}
