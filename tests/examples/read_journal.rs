//! Prints the entries of a folder of journal files: time, identifier and message.
//!
//! ```console
//! $ cargo run --no-default-features --features journal --example read_journal /var/log/journal
//! ```

use std::io::Write;
use vmlog::journal::{Journal, JournalEvent, JournalOptions};

fn main() -> std::io::Result<()> {
    let folder = std::env::args_os().nth(1);
    let mut journal = Journal::open(JournalOptions {
        directories: vec![folder.unwrap_or_else(|| "/var/log/journal".into()).into()],
        ..JournalOptions::default()
    });
    let mut output = std::io::stdout().lock();
    while let Some(event) = journal.next() {
        match event {
            JournalEvent::Entry(entry) => {
                let text = |name: &[u8]| {
                    String::from_utf8_lossy(entry.field(name).unwrap_or_default()).into_owned()
                };
                let identifier = text(b"SYSLOG_IDENTIFIER");
                let message = text(b"MESSAGE");
                writeln!(output, "{} {identifier}: {message}", entry.realtime())?;
            }
            JournalEvent::Gap(gap) => {
                writeln!(output, "-- {} entries were deleted --", gap.count())?;
            }
        }
    }
    // Damage is not an error: everything that can be read is read, and the rest is reported.
    for problem in journal.problems() {
        eprintln!("{problem}");
    }
    Ok(())
}
