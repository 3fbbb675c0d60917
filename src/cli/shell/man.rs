//! `vmlog man`: manual pages, from the same description as the help.

use crate::cli::failure::Failure;
use crate::cli::terminal::output::StandardOutput;
use clap::{Arg, ArgMatches, Command, value_parser};
use clap_mangen::Man;
use std::path::PathBuf;

/// The arguments of `vmlog man`.
pub(in crate::cli) fn command() -> Command {
    Command::new("man")
        .about("Print the manual page, or write the pages of all subcommands")
        .after_help(
            "Examples:\n  vmlog man | man -l -\n  vmlog man --into /usr/local/share/man/man1\n\n\
             Exit codes: 0 done; 1 failed; 2 usage error",
        )
        .arg(
            Arg::new("into")
                .long("into")
                .value_name("DIR")
                .value_parser(value_parser!(PathBuf))
                .help("Write vmlog.1 and a page for each subcommand into this folder"),
        )
}

/// Prints or writes them.
pub(in crate::cli) fn run(matches: &ArgMatches, whole: Command) -> Result<(), Failure> {
    // `vmlog help` has no page.
    let mut whole = whole.disable_help_subcommand(true);
    whole.build();
    if let Some(folder) = matches.get_one::<PathBuf>("into") {
        return clap_mangen::generate_to(whole, folder).map_err(|error| {
            Failure::failed(format!(
                "cannot write into {}: {error}; name an existing, writable folder",
                folder.display()
            ))
        });
    }
    let mut output = StandardOutput::new();
    Man::new(whole)
        .render(output.buffer())
        .map_err(|error| Failure::failed(format!("cannot render the manual page: {error}")))?;
    output.finish()
}
