//! `vmlog journal`: shows journal files, with the flags of journalctl.

mod boots;
mod catalog;
mod expression;
mod filter;
mod flags;
mod header;
mod invocation;
mod lists;
mod print;
mod request;
mod show;
mod sources;
mod units;
mod verify;

pub(super) use flags::command;

use crate::cli::failure::Failure;
use crate::cli::terminal::output::StandardOutput;
use crate::journal::Journal;
use crate::pipeline::error_chain;
use crate::time::{Micros, Zone};
use clap::ArgMatches;
use request::{Action, JournalRequest};

/// Runs the subcommand.
pub(super) fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let request = JournalRequest::check(matches, &Zone::local(), Micros::now())?;
    let wanted = request.action.superset();
    let mut journal = Journal::open(request.sources.options(wanted));
    let mut output = match &request.action {
        // A pager would wait for the end of the output.
        Action::Show(show) if show.follow || matches.get_flag("no-pager") => StandardOutput::new(),
        _ if matches.get_flag("no-pager") => StandardOutput::new(),
        _ if matches.get_flag("pager-end") => StandardOutput::paged_at_end(),
        _ => StandardOutput::paged(),
    };
    let is_quiet = matches.get_flag("quiet");
    if !matches!(request.action, Action::Verify) {
        report_unreadable(&journal, is_quiet)?;
    }
    let done = match request.action {
        Action::Show(show) => show::run(&mut journal, &show, &mut output),
        Action::Values(field) => lists::values(&mut journal, &field, &mut output),
        Action::Names => lists::names(&mut journal, &mut output),
        Action::ListBoots => boots::list(&mut journal, &Zone::local(), &mut output),
        Action::DiskUsage => lists::disk_usage(&journal, &mut output),
        Action::Header => header::run(&mut journal, &Zone::local(), &mut output),
        Action::Verify => verify::run(&mut journal, &mut output),
    };
    let done = done.and_then(|()| output.finish());
    report_problems(&mut journal, is_quiet);
    done
}

/// Reports files that cannot be read; it is a failure if none can be.
fn report_unreadable(journal: &Journal, is_quiet: bool) -> Result<(), Failure> {
    let (mut read, mut refused) = (0, vec![]);
    for file in journal.files() {
        match file.error {
            None => read += 1,
            Some(error) => refused.push(format!("{}: {}", file.path.display(), error_chain(error))),
        }
    }
    if read == 0 && !refused.is_empty() {
        return Err(Failure::failed(refused.join("\nvmlog: ")));
    }
    for text in refused.iter().filter(|_| !is_quiet) {
        notice!("{text}");
    }
    Ok(())
}

fn report_problems(journal: &mut Journal, is_quiet: bool) {
    for problem in journal.problems() {
        if !is_quiet {
            notice!("{problem}");
        }
    }
}
