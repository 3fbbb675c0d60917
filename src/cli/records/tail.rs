//! `vmlog tail`: follows new records.

use super::boot;
use crate::cli::endpoint::{self, Backend, FollowEvent, FollowStart};
use crate::cli::failure::{self, Failure};
use crate::cli::parameters::{self, Parameters, long, option, switch};
use crate::cli::show::{self, Printer};
use crate::cli::terminal::output::StandardOutput;
use crate::record::Id;
use crate::time::Micros;
use clap::{ArgMatches, Command, value_parser};

/// The arguments of `vmlog tail`.
pub(in crate::cli) fn command() -> Command {
    Command::new("tail")
        .about("Follow new records")
        .long_about(
            "Shows the newest matching records, then new ones as they arrive. Follows the store of this machine, \
             another store folder (--store) or a server (--url); if the server goes away, it reconnects and misses nothing.",
        )
        .after_help(
            "Examples:\n  vmlog tail\n  vmlog tail -s devcontainer: -s cloud-init -n 50\n  \
             vmlog tail --url http://127.0.0.1:8687 -l warn -o jsonl\n\n\
             Exit codes: 0 the reader closed the output; 1 failed; 2 usage error; 130 after Ctrl-C",
        )
        .args(parameters::filter_arguments())
        .arg(
            option("limit", 'n', "N", "Start with the last N records [default: 10]").value_parser(value_parser!(usize)).visible_alias("lines"),
        )
        .arg(switch("follow", 'f', "Accepted for compatibility with journalctl; a tail always follows"))
        .arg(long("after", "ID", "Start after this record").value_parser(value_parser!(u64)).conflicts_with("limit"))
        .args(show::arguments("pretty"))
        .args(endpoint::arguments())
}

/// Follows until the reader closes the output.
pub(in crate::cli) fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let mut filter = parameters::filter(matches, &show::zone(matches), Micros::now())?;
    let start = match matches.get_one::<u64>("after") {
        Some(after) => FollowStart::After(Id(*after)),
        None => FollowStart::Newest(*matches.get_one::<usize>("limit").unwrap_or(&10)),
    };
    let mut backend = Backend::open(matches)?;
    boot::narrow(&mut backend, &mut filter, parameters::boot(matches))?;
    follow(&mut backend, &filter, start, matches)
}

/// Follows on a backend that is open already.
pub(super) fn follow(
    endpoint: &mut Backend,
    parameters: &Parameters,
    begin: FollowStart,
    matches: &ArgMatches,
) -> Result<(), Failure> {
    let mut output = StandardOutput::new();
    let mut printer = Printer::new(matches, parameters, output.is_terminal());
    if printer.style() == show::OutputFormat::Json {
        return Err(Failure::usage(
            "--output: json cannot be used with a tail; use jsonl",
        ));
    }
    printer.begin(&mut output);
    endpoint.follow(parameters, begin, &mut |event| {
        match event {
            FollowEvent::Record(record) => return printer.print(&mut output, &record),
            FollowEvent::Gap(Some(count)) => notice!(
                "{count} records are missing here: they arrived faster than this client read them"
            ),
            FollowEvent::Warnings(warnings) => failure::warn(&warnings),
            FollowEvent::Gap(None) => {
                notice!("records are missing here: they were deleted before they could be read");
            }
            FollowEvent::Lost(why) => notice!("{why}; retrying"),
            FollowEvent::Back => notice!("reconnected"),
            FollowEvent::Idle => {}
        }
        output.flush_and_look()
    })?;
    output.flush()
}
