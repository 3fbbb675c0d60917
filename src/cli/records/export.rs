//! `vmlog export`: all matching records, oldest first, for a file or another program.

use super::boot;
use crate::cli::endpoint::{self, Backend};
use crate::cli::failure::Failure;
use crate::cli::parameters;
use crate::cli::show::{self, Printer};
use crate::cli::terminal::output::StandardOutput;
use crate::cli::terminal::progress::{Progress, Unit};
use crate::time::Micros;
use clap::{ArgMatches, Command};
use std::io;
use std::io::IsTerminal;

/// The arguments of `vmlog export`.
pub(in crate::cli) fn command() -> Command {
    Command::new("export")
        .about("Export all matching records, oldest first")
        .long_about(
            "Exports all records that match the filter, oldest first, as of now. Memory use is constant. \
             `vmlog import` reads the jsonl format.",
        )
        .after_help(
            "Examples:\n  vmlog export > all.jsonl\n  vmlog export -l error -S today -o csv > errors.csv\n  \
             vmlog export --store copied/store -o export | systemd-journal-remote -o new.journal -\n\n\
             Exit codes: 0 done; 1 failed, the output is incomplete; 2 usage error",
        )
        .args(parameters::filter_arguments())
        .args(show::arguments("jsonl"))
        .args(endpoint::arguments())
}

/// Writes them all.
pub(in crate::cli) fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let mut filter = parameters::filter(matches, &show::zone(matches), Micros::now())?;
    let mut endpoint = Backend::open(matches)?;
    boot::narrow(&mut endpoint, &mut filter, parameters::boot(matches))?;
    let mut output = StandardOutput::new();
    let mut printer = Printer::new(matches, &filter, output.is_terminal());
    // On a terminal, progress would be drawn over the records.
    let progress =
        (!io::stdout().is_terminal()).then(|| Progress::start("exporting", None, Unit::Records));
    let mut count = 0;
    printer.begin(&mut output);
    let exported = endpoint.export(&filter, &mut |record| {
        count += 1;
        if let Some(progress) = progress.as_ref().filter(|_| count % 1024 == 0) {
            progress.set(count);
        }
        printer.print(&mut output, &record)
    });
    // An export that failed midway still writes the records it has.
    if exported.is_ok() {
        printer.end(&mut output);
    }
    output.finish()?;
    if let Some(progress) = progress {
        progress.finish();
    }
    match exported? {
        0 => Ok(()),
        unreadable => Err(Failure::failed(format!(
            "{unreadable} records are in damaged blocks and were not exported; run `vmlog verify`"
        ))),
    }
}
