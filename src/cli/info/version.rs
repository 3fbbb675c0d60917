//! `vmlog version`: the version of the program and of its formats.

use super::{json_argument, print};
use crate::cli::failure::Failure;
use clap::{ArgMatches, Command};
use serde_json::json;
use std::env::consts::{ARCH, OS};

/// The arguments of `vmlog version`.
pub(in crate::cli) fn command() -> Command {
    Command::new("version")
        .about("Print the version")
        .after_help(
            "Example:\n  vmlog version --json\n\nExit codes: 0 done; 1 failed; 2 usage error",
        )
        .arg(json_argument())
}

/// Prints it.
pub(in crate::cli) fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let version = env!("CARGO_PKG_VERSION");
    let linked = if cfg!(target_env = "musl") {
        "static"
    } else {
        "dynamic"
    };
    print(
        matches.get_flag("json"),
        || json!({"version": version, "os": OS, "arch": ARCH, "linked": linked}),
        || format!("vmlog {version} ({OS} {ARCH}, {linked})\n"),
    )
}
