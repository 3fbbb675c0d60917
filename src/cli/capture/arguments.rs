//! Arguments and facts that `vmlog exec` and `vmlog pipe` share.

use super::directory;
use crate::capture::{CaptureLimits, Keep, RecordingOptions, RunFacts, user_name};
use crate::cli::failure::Failure;
use crate::cli::settings;
use crate::record::{Source, SourceError};
use clap::{Arg, ArgMatches, value_parser};
use std::env;
use std::path::PathBuf;

/// `--source`, `--name` and `--dir`.
pub(super) fn common() -> [Arg; 3] {
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

/// Rejects a source that the collector of captures would not accept, while the user can still correct it.
fn readable_source(text: &str) -> Result<Source, String> {
    let source: Source = text
        .parse()
        .map_err(|error: SourceError| error.to_string())?;
    if source.is_reserved() {
        return Err(
            "this is the source of another collector; use one such as devcontainer:NAME".to_owned(),
        );
    }
    Ok(source)
}

pub(super) fn source(matches: &ArgMatches) -> Option<Source> {
    matches.get_one::<Source>("source").cloned()
}

/// Where and how output is captured, and which. An invalid setting must not keep the command from running: it is
/// reported, and the command runs without capture.
pub(super) fn options(matches: &ArgMatches) -> (Option<RecordingOptions>, Keep) {
    match checked_options(matches) {
        Ok((options, keep)) => (Some(options), keep),
        Err(failure) => {
            notice!("output is not captured: {}", failure.text);
            (None, Keep::Output)
        }
    }
}

fn checked_options(matches: &ArgMatches) -> Result<(RecordingOptions, Keep), Failure> {
    let raw = settings::raw(matches)?;
    let is_given = |name: &str| {
        raw.environment
            .get(name)
            .is_some_and(|text| !text.is_empty())
    };
    let is_named =
        is_given("LOG_CAPTURE_DIR") || is_given("LOG_DATA_DIR") || matches.contains_id("dir");
    let config = settings::check(&raw)?;
    let dir = match matches.get_one::<PathBuf>("dir") {
        Some(dir) => dir.clone(),
        None => directory::choose(&config, is_named),
    };
    let options = RecordingOptions {
        dir,
        limits: CaptureLimits::default(),
        redact: config.redact,
    };
    Ok((options, config.captured_streams))
}

/// Facts that are the same for any run of this process.
pub(super) fn surroundings() -> RunFacts {
    RunFacts {
        source: Source::new("command", ""),
        name: String::new(),
        command: String::new(),
        cwd: env::current_dir().map_or_else(|_| String::new(), |dir| dir.display().to_string()),
        user: user_name(),
        parent: None,
    }
}
