//! `vmlog pipe`: captures standard input and passes it on.

use super::arguments;
use crate::capture::{RunFacts, RunId, Stream, pass_standard_input};
use crate::cli::failure::Failure;
use crate::record::Source;
use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgMatches};

/// The arguments of `vmlog pipe`.
pub(in crate::cli) fn command() -> clap::Command {
    clap::Command::new("pipe")
        .about("Capture standard input and pass it on")
        .after_help(
            "Examples:\n  ./build.sh 2>&1 | vmlog pipe --source build\n\n\
             Exit codes: 0 the input ended or the reader closed the output, 1 failed",
        )
        .args(arguments::common())
        .arg(
            Arg::new("stream")
                .long("stream")
                .value_name("STREAM")
                .default_value("stdout")
                .value_parser(PossibleValuesParser::new(["stdout", "stderr", "output"]))
                .help("Stream of the input; determines the level of lines without one"),
        )
        .arg(
            Arg::new("parent")
                .long("parent")
                .value_name("RUN")
                .hide(true)
                .value_parser(|text: &str| text.parse::<RunId>()),
        )
}

/// Passes the input on until it ends.
pub(in crate::cli) fn run(matches: &ArgMatches) -> Result<u8, Failure> {
    let stream = match matches.get_one::<String>("stream").map(String::as_str) {
        Some("stderr") => Stream::Stderr,
        Some("output") => Stream::Output,
        _ => Stream::Stdout,
    };
    let name = matches
        .get_one::<String>("name")
        .map_or("pipe", String::as_str);
    let facts = RunFacts {
        source: arguments::source(matches).unwrap_or_else(|| Source::new("command", name)),
        name: name.to_owned(),
        parent: matches.get_one::<RunId>("parent").copied(),
        ..arguments::surroundings()
    };
    let (options, keep) = arguments::options(matches);
    pass_standard_input(options.as_ref(), facts, stream, keep)
        .map_err(|error| Failure::failed(format!("cannot read standard input: {error}")))?;
    Ok(0)
}
