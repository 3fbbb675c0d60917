//! `vmlog pipe`: keeps what comes on standard input and passes it on.

use super::Failure;
use crate::capture::{Facts, Options, RunId, Stream, pass_standard_input, user_name};
use crate::record::{Source, SourceError};
use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgMatches, value_parser};
use std::env;
use std::path::PathBuf;

/// The arguments of `vmlog pipe`.
pub(crate) fn command() -> clap::Command {
    clap::Command::new("pipe")
        .about("Capture standard input and pass it on")
        .after_help(
            "Examples:\n  ./build.sh 2>&1 | vmlog pipe --source build\n\n\
             Exit codes: 0 the input ended or the reader closed the output, 1 failed",
        )
        .args(common_arguments())
        .arg(
            Arg::new("stream")
                .long("stream")
                .value_name("STREAM")
                .default_value("stdout")
                .value_parser(PossibleValuesParser::new(["stdout", "stderr", "output"]))
                .help("What the input is: decides the level of lines that state none"),
        )
        .arg(
            Arg::new("parent")
                .long("parent")
                .value_name("RUN")
                .hide(true)
                .value_parser(|text: &str| text.parse::<RunId>()),
        )
}

/// What both ways to capture can be told.
pub(super) fn common_arguments() -> [Arg; 3] {
    [
        Arg::new("source")
            .long("source")
            .value_name("SOURCE")
            .value_parser(readable_source)
            .help("Source of its records, such as devcontainer:web"),
        Arg::new("name")
            .long("name")
            .value_name("NAME")
            .help("Display name, such as postCreateCommand"),
        Arg::new("dir")
            .long("dir")
            .value_name("DIR")
            .value_parser(value_parser!(PathBuf))
            .help("Folder of the capture logs [LOG_CAPTURE_DIR]"),
    ]
}

/// What the collector of captures would not believe is refused while somebody can still change it.
fn readable_source(text: &str) -> Result<Source, String> {
    let source: Source = text
        .parse()
        .map_err(|error: SourceError| error.to_string())?;
    if source.is_reserved() {
        return Err("this is the source of another collector; devcontainer:NAME is not".to_owned());
    }
    Ok(source)
}

/// Passes the input on until it ends.
pub(crate) fn run(matches: &ArgMatches, options: Option<Options>) -> Result<u8, Failure> {
    let stream = match matches.get_one::<String>("stream").map(String::as_str) {
        Some("stderr") => Stream::Stderr,
        Some("output") => Stream::Output,
        _ => Stream::Stdout,
    };
    let name = matches
        .get_one::<String>("name")
        .map_or("pipe", String::as_str);
    let facts = Facts {
        source: source(matches).unwrap_or_else(|| Source::new("command", name)),
        name: name.to_owned(),
        parent: matches.get_one::<RunId>("parent").copied(),
        ..surroundings()
    };
    let options = placed(matches, options);
    pass_standard_input(options.as_ref(), facts, stream)
        .map_err(|error| Failure::failed(format!("cannot read standard input: {error}")))?;
    Ok(0)
}

pub(super) fn source(matches: &ArgMatches) -> Option<Source> {
    matches.get_one::<Source>("source").cloned()
}

/// The options, with the folder that was asked for.
pub(super) fn placed(matches: &ArgMatches, options: Option<Options>) -> Option<Options> {
    let mut options = options?;
    if let Some(dir) = matches.get_one::<PathBuf>("dir") {
        options.dir.clone_from(dir);
    }
    Some(options)
}

/// What is so without being said.
pub(super) fn surroundings() -> Facts {
    Facts {
        source: Source::new("command", ""),
        name: String::new(),
        command: String::new(),
        cwd: env::current_dir().map_or_else(|_| String::new(), |dir| dir.display().to_string()),
        user: user_name(),
        parent: None,
    }
}
