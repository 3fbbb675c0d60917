//! `vmlog repair`: copies the readable records of a damaged store into a new one.

use super::folder;
use crate::cli::failure::Failure;
use crate::cli::terminal::output::print;
use crate::cli::terminal::progress::{Progress, Unit};
use crate::cli::terminal::text::counted;
use crate::disk::RealDisk;
use crate::pipeline::error_chain;
use crate::store;
use clap::{ArgMatches, Command};
use std::fmt::Write as _;
use std::sync::Arc;

/// The arguments of `vmlog repair`.
pub(in crate::cli) fn command() -> Command {
    Command::new("repair")
        .about("Copy the readable records of a damaged store into a new one")
        .long_about(
            "Copies every readable record of a store into a new store, with its ID. The damaged store does not change. To use the new \
             store, move it to the place of the old one.",
        )
        .after_help(
            "Examples:\n  vmlog repair /var/lib/vmlog/store --into /var/lib/vmlog/store.repaired\n\n\
             Exit codes: 0 all readable records are saved; 1 failed; 2 usage error",
        )
        .arg(folder::argument())
        .arg(folder::into_argument().required(true))
}

/// Copies the records, and reports the damage.
pub(in crate::cli) fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let root = folder::of(matches)?;
    let Some(into) = folder::into(matches) else {
        return Err(Failure::usage("--into: name the folder of the new store"));
    };
    let progress = Progress::start("repairing", None, Unit::Time);
    let repaired = store::repair(Arc::new(RealDisk), &root, into);
    progress.finish();
    let repair = repaired.map_err(folder::unwritable("repair"))?;
    let mut text = String::new();
    for error in &repair.damage {
        // Writing to memory cannot fail.
        let _ = writeln!(text, "damaged: {}", error_chain(error));
    }
    let _ = writeln!(
        text,
        "{} saved into {}",
        counted(repair.records, "record"),
        into.display()
    );
    print(&text)
}
