//! `vmlog verify`: reads every byte of a store, or of one segment file, and reports damage.

use super::folder;
use crate::cli::failure::Failure;
use crate::cli::terminal::output::print;
use crate::cli::terminal::progress::{Progress, Unit};
use crate::cli::terminal::text::counted;
use crate::disk::RealDisk;
use crate::pipeline::error_chain;
use crate::store::{self, Error};
use clap::{ArgMatches, Command};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

/// The arguments of `vmlog verify`.
pub(in crate::cli) fn command() -> Command {
    Command::new("verify")
        .about("Check every byte of a store and report damage")
        .long_about(
            "Reads every segment of a store, checks each checksum and compares the footers with the blocks. It changes nothing, and works \
             on a store that a server writes, on a copy, and on a single .seg or .open file.",
        )
        .after_help(
            "Examples:\n  vmlog verify\n  vmlog verify /mnt/dead-vm/var/lib/vmlog/store\n  vmlog verify 00000000000000000001.seg\n\n\
             Exit codes: 0 intact; 1 damaged or unreadable; 2 usage error",
        )
        .arg(folder::argument())
}

/// Checks the store, and returns the exit code.
pub(in crate::cli) fn run(matches: &ArgMatches) -> Result<u8, Failure> {
    let root = folder::of(matches)?;
    let progress = Progress::start("verifying", None, Unit::Time);
    let found = read(&root).map_err(folder::unreadable(&root));
    progress.finish();
    let VerifyResult {
        records,
        segments,
        torn_bytes,
        damage,
    } = found?;
    let mut text = String::new();
    // Writing to memory cannot fail.
    for error in &damage {
        let _ = writeln!(text, "{}", error_chain(error));
    }
    if torn_bytes > 0 {
        let _ = writeln!(
            text,
            "{torn_bytes} bytes after the last complete write: an unfinished write, or one cut by a crash"
        );
    }
    let verdict = if damage.is_empty() {
        "sound"
    } else {
        "DAMAGED; `vmlog repair` copies the readable records into a new store"
    };
    let _ = writeln!(
        text,
        "{} in {}: {verdict}",
        counted(records, "record"),
        counted(segments, "segment")
    );
    print(&text)?;
    Ok(u8::from(!damage.is_empty()))
}

struct VerifyResult {
    records: u64,
    segments: u64,
    torn_bytes: u64,
    damage: Vec<Error>,
}

fn read(root: &Path) -> Result<VerifyResult, Error> {
    if crate::cli::endpoint::is_segment_file(root) {
        let segment = store::inspect_segment(&RealDisk, root)?;
        return Ok(VerifyResult {
            records: segment.records,
            segments: 1,
            torn_bytes: segment.torn_bytes,
            damage: segment.damage,
        });
    }
    let verification = store::verify(Arc::new(RealDisk), root)?;
    Ok(VerifyResult {
        records: verification.records,
        segments: verification.segments,
        torn_bytes: verification.torn_bytes,
        damage: verification.damage,
    })
}
