//! Subcommands about the state of this machine's log: `open`, `status`, `sources`, `runs`, `run` and `version`.

pub(super) mod open;
pub(super) mod runs;
pub(super) mod sources;
pub(super) mod status;
pub(super) mod version;

mod address;
mod time;

pub(super) use address::OwnServer;

use super::failure::Failure;
use super::parameters::flag;
use super::terminal::output::{print_json, print_paged};
use clap::Arg;

/// `--json`.
fn json_argument() -> Arg {
    flag("json", "Print JSON, with the names of the API")
}

/// Prints JSON for programs, or text for people.
fn print(
    is_json: bool,
    json: impl FnOnce() -> serde_json::Value,
    text: impl FnOnce() -> String,
) -> Result<(), Failure> {
    if is_json {
        print_json(&json())
    } else {
        print_paged(&text())
    }
}
