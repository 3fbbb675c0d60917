//! `vmlog completions`: what a shell needs to complete a command line.

use crate::cli::failure::Failure;
use crate::cli::terminal::output::StandardOutput;
use clap::builder::EnumValueParser;
use clap::{Arg, ArgMatches, Command};
use clap_complete::{Shell, generate};

/// The arguments of `vmlog completions`.
pub(in crate::cli) fn command() -> Command {
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
pub(in crate::cli) fn run(matches: &ArgMatches, mut whole: Command) -> Result<(), Failure> {
    let shell = matches
        .get_one::<Shell>("shell")
        .copied()
        .unwrap_or(Shell::Bash);
    let mut output = StandardOutput::new();
    generate(shell, &mut whole, "vmlog", output.buffer());
    output.finish()
}
