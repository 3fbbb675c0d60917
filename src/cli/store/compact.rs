//! `vmlog compact`: merges small segments of a store.

use super::folder;
use crate::cli::failure::Failure;
use crate::cli::settings;
use crate::cli::terminal::output::print;
use crate::cli::terminal::progress::{Progress, Unit, size};
use crate::cli::terminal::text::counted;
use crate::disk::RealDisk;
use crate::pipeline::error_chain;
use crate::store::{self, Store};
use clap::{ArgMatches, Command};
use std::fmt::Write as _;
use std::sync::Arc;

/// The arguments of `vmlog compact`.
pub(in crate::cli) fn command() -> Command {
    Command::new("compact")
        .about("Merge the small segments of a store")
        .long_about(
            "Merges neighbouring segments that together are no larger than LOG_STORE_SEGMENT_ROWS and LOG_STORE_SEGMENT_BYTES \
             allow: snapshots and restarts leave many small ones. Records and IDs stay the same. No server may be writing the store.",
        )
        .after_help("Examples:\n  vmlog compact /var/lib/vmlog/store\n\nExit codes: 0 done; 1 failed; 2 usage error")
        .arg(folder::argument())
}

/// Merges segments, and reports what that saved.
pub(in crate::cli) fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let root = folder::of(matches)?;
    let config = settings::config(matches)?;
    // Opening for writing would create a store in any folder.
    store::Reader::open_read_only(Arc::new(RealDisk), &root).map_err(folder::unreadable(&root))?;
    let progress = Progress::start("compacting", None, Unit::Time);
    let opened = Store::open(Arc::new(RealDisk), &root, config.store);
    let compacted = opened.and_then(|(mut store, _)| store.compact());
    progress.finish();
    let done = compacted.map_err(folder::unwritable("compact"))?;
    let mut text = String::new();
    for error in &done.damage {
        // Writing to memory cannot fail.
        let _ = writeln!(text, "not compacted: {}", error_chain(error));
    }
    let ((before, after), (bytes_before, bytes_after)) = (done.segments, done.bytes);
    let (bytes_before, bytes_after) = (size(bytes_before), size(bytes_after));
    let _ = writeln!(
        text,
        "{} of {bytes_before} became {after} of {bytes_after}",
        counted(before, "segment")
    );
    print(&text)
}
