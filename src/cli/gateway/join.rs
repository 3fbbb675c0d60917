//! `vmlog gateway token` and `vmlog gateway revoke`: which machines may connect to the gateway by themselves.

use crate::cli::failure::Failure;
use crate::cli::serve;
use crate::cli::settings;
use crate::cli::terminal::output::StandardOutput;
use crate::config::{GatewayConfig, duration};
use crate::gateway::{NodePlace, create_join_token, revoke_node};
use crate::server::access_token;
use clap::{Arg, ArgAction, ArgMatches, Command};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

/// A token that waits for longer is better made when it is needed.
const LASTS_MAX_S: u64 = 30 * 86_400;

const CODES: &str = "Exit codes: 0 done; 1 failed; 2 usage error";

/// The arguments of `vmlog gateway token`.
pub(super) fn token_command() -> Command {
    Command::new("token")
        .about("Make a token with which a machine joins once")
        .long_about(
            "Prints a token for a machine that accepts no connections. The machine exchanges it once for a key of its own, and connects to the \
             gateway with that key from then on. Where the list of nodes names the machine, the list says who sees it, and the options here have \
             no effect.",
        )
        .after_help(format!(
            "Examples:\n  vmlog gateway token --node node-7\n  vmlog gateway token --node node-7 --owner ann --label zone=eu-1 --ttl 15m\n  \
             LOG_NODE_ID=node-7 LOG_JOIN_TOKEN=TOKEN vmlog serve --gateway https://logs.example\n\n{CODES}"
        ))
        .arg(
            Arg::new("node")
                .long("node")
                .value_name("ID")
                .required(true)
                .help("The machine: its LOG_NODE_ID"),
        )
        .arg(
            Arg::new("ttl")
                .long("ttl")
                .value_name("DURATION")
                .default_value("1h")
                .value_parser(|text: &str| lasts(text))
                .help("How long the token is valid: 1s to 30d"),
        )
        .arg(
            Arg::new("owner")
                .long("owner")
                .value_name("USER")
                .help("The user who sees all of the machine"),
        )
        .arg(pairs("workspace", "ID=USER", "A workspace on the machine and its owner; may be repeated"))
        .arg(pairs("label", "NAME=VALUE", "A label for selecting machines; may be repeated"))
        .arg(directory())
}

/// The arguments of `vmlog gateway revoke`.
pub(super) fn revoke_command() -> Command {
    Command::new("revoke")
        .about("Forget a machine that has joined: end its connection, and refuse its key")
        .after_help(format!(
            "Examples:\n  vmlog gateway revoke node-7\n\n{CODES}"
        ))
        .arg(
            Arg::new("node")
                .value_name("ID")
                .required(true)
                .help("The machine: its LOG_NODE_ID"),
        )
        .arg(directory())
}

fn directory() -> Arg {
    Arg::new("LOG_GATEWAY_DIR")
        .long("dir")
        .value_name("DIR")
        .help("The folder of the gateway [LOG_GATEWAY_DIR; default: gateway in LOG_DATA_DIR]")
}

fn pairs(name: &'static str, form: &'static str, help: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .value_name(form)
        .action(ArgAction::Append)
        .value_parser(|text: &str| pair(text))
        .help(help)
}

fn lasts(text: &str) -> Result<Duration, String> {
    let lasts = duration(text, 1, LASTS_MAX_S);
    lasts.ok_or_else(|| "expected 1s to 30d".to_owned())
}

fn pair(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=');
    let pair = pair.filter(|(name, value)| !name.is_empty() && !value.is_empty());
    let pair = pair.map(|(name, value)| (name.to_owned(), value.to_owned()));
    pair.ok_or_else(|| "expected NAME=VALUE".to_owned())
}

/// Prints a new token.
pub(super) fn token(matches: &ArgMatches) -> Result<(), Failure> {
    let folder = folder(matches)?;
    let text = |name| matches.get_one::<String>(name).cloned();
    let place = NodePlace {
        node: text("node").unwrap_or_default(),
        owner: text("owner"),
        workspaces: map(matches, "workspace"),
        labels: map(matches, "label"),
    };
    let lasts = matches.get_one::<Duration>("ttl").copied();
    let what = format!("cannot make a token in {}", folder.display());
    access_token::make_private_directory(&folder).map_err(serve::failed(&what))?;
    let token = create_join_token(&folder, place, lasts.unwrap_or_default());
    let token = token.map_err(serve::failed(&what))?;
    print(&token)
}

/// Forgets a node.
pub(super) fn revoke(matches: &ArgMatches) -> Result<(), Failure> {
    let folder = folder(matches)?;
    let node = matches.get_one::<String>("node").cloned();
    let node = node.unwrap_or_default();
    let what = format!("cannot revoke {node} in {}", folder.display());
    if !revoke_node(&folder, &node).map_err(serve::failed(&what))? {
        return Err(Failure::failed(format!(
            "{what}: no machine of this name has joined, and no token waits for it"
        )));
    }
    print(&format!("revoked {node}"))
}

fn folder(matches: &ArgMatches) -> Result<PathBuf, Failure> {
    let raw = settings::raw(matches)?;
    GatewayConfig::directory(&raw).map_err(|error| Failure::usage(error.to_string()))
}

fn map(matches: &ArgMatches, name: &str) -> BTreeMap<String, String> {
    let pairs = matches.get_many::<(String, String)>(name);
    pairs.into_iter().flatten().cloned().collect()
}

fn print(line: &str) -> Result<(), Failure> {
    let mut output = StandardOutput::new();
    let written = writeln!(output.buffer(), "{line}");
    written.map_err(serve::failed("cannot print"))?;
    output.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_and_durations_are_checked() {
        assert_eq!(pair("zone=eu"), Ok(("zone".to_owned(), "eu".to_owned())));
        for text in ["zone", "=eu", "zone="] {
            assert!(pair(text).is_err(), "{text}");
        }
        assert_eq!(lasts("15m"), Ok(Duration::from_mins(15)));
        for text in ["", "0s", "31d", "15"] {
            assert!(lasts(text).is_err(), "{text}");
        }
    }
}
