//! `vmlog completions`: what a shell needs to complete a command line.

use super::Failure;
use super::output::Output;
use clap::builder::EnumValueParser;
use clap::{Arg, ArgMatches, Command};
use clap_complete::{Shell, generate};

/// The arguments of `vmlog completions`.
pub(super) fn command() -> Command {
    Command::new("completions")
        .about("Print completions for a shell")
        .after_help(
            "Examples:\n  vmlog completions bash > /usr/share/bash-completion/completions/vmlog\n  \
             vmlog completions zsh > ~/.zfunc/_vmlog\n  vmlog completions fish > ~/.config/fish/completions/vmlog.fish\n\n\
             Exit codes: 0 done; 1 failed; 2 usage error",
        )
        .arg(
            Arg::new("shell")
                .value_name("SHELL")
                .required(true)
                .value_parser(EnumValueParser::<Shell>::new())
                .help("The shell"),
        )
}

/// Prints them.
pub(super) fn run(matches: &ArgMatches, mut whole: Command) -> Result<(), Failure> {
    let shell = matches
        .get_one::<Shell>("shell")
        .copied()
        .unwrap_or(Shell::Bash);
    let mut output = Output::new();
    generate(shell, &mut whole, "vmlog", output.buffer());
    output
        .finish()
        .map_err(|error| Failure::failed(format!("cannot write: {error}")))
}
