//! `--verify`: one verdict per file.

use crate::cli::failure::Failure;
use crate::cli::terminal::output::StandardOutput;
use crate::journal::Journal;
use crate::pipeline::error_chain;

/// Checks every file; fails if any is damaged.
pub(super) fn run(journal: &mut Journal, output: &mut StandardOutput) -> Result<(), Failure> {
    let verdicts = journal.verify();
    let mut failed = 0;
    for verdict in &verdicts {
        let path = verdict.path.display();
        let line = match (&verdict.error, verdict.sealed) {
            (Some(error), _) => format!("FAIL: {path}: {}\n", error_chain(error)),
            (None, true) => format!("PASS: {path} (seals not checked: no key)\n"),
            (None, false) => format!("PASS: {path}\n"),
        };
        failed += u64::from(verdict.error.is_some());
        output.buffer().extend_from_slice(line.as_bytes());
        if !output.advance()? {
            break;
        }
    }
    if failed == 0 {
        return Ok(());
    }
    output.flush()?;
    let count = verdicts.len();
    Err(Failure::failed(format!("{failed} of {count} files failed")))
}
