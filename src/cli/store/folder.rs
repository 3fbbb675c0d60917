//! The folder of a store, for the subcommands that need one.

use crate::cli::endpoint::cannot;
use crate::cli::failure::Failure;
use crate::pipeline::error_chain;
use crate::store;
use clap::{Arg, ArgMatches, value_parser};
use std::path::{Path, PathBuf};

/// `[DIR]`.
pub(in crate::cli) fn argument() -> Arg {
    Arg::new("dir")
        .value_name("DIR")
        .value_parser(value_parser!(PathBuf))
        .help("The folder of a store [default: the one of this machine, LOG_DATA_DIR/store]")
}

/// `--store DIR`.
pub(in crate::cli) fn option() -> Arg {
    Arg::new("dir")
        .long("store")
        .value_name("DIR")
        .value_parser(value_parser!(PathBuf))
        .help("The folder of the store [default: the one of this machine, LOG_DATA_DIR/store]")
}

/// The named folder, or the one of this machine.
pub(in crate::cli) fn of(matches: &ArgMatches) -> Result<PathBuf, Failure> {
    match matches.get_one::<PathBuf>("dir") {
        Some(dir) => Ok(dir.clone()),
        None => Ok(crate::cli::settings::data_dir()?.join("store")),
    }
}

/// The failure of reading a store.
pub(in crate::cli) fn unreadable(root: &Path) -> impl Fn(store::Error) -> Failure + '_ {
    move |error| cannot(root, &error)
}

/// The failure to write a store: the reason, and a suggestion.
pub(in crate::cli) fn unwritable(what: &str) -> impl Fn(store::Error) -> Failure + '_ {
    move |error| {
        let remedy = match &error {
            store::Error::Locked { .. } => {
                "; stop the server that writes it (systemctl stop vmlog), or work on a snapshot"
            }
            store::Error::Exists { .. } => "; name a new or empty folder",
            store::Error::Full { .. } => "; free disk space, then try again",
            store::Error::Missing { .. } => "; `vmlog snapshot list` shows them",
            store::Error::Io { source, .. }
                if source.kind() == std::io::ErrorKind::PermissionDenied =>
            {
                "; run as the user that owns the store"
            }
            _ => "",
        };
        Failure::failed(format!("cannot {what}: {}{remedy}", error_chain(&error)))
    }
}

/// `--into DIR`.
pub(in crate::cli) fn into_argument() -> Arg {
    Arg::new("into")
        .long("into")
        .value_name("DIR")
        .value_parser(value_parser!(PathBuf))
        .help("Folder of the new store; must not exist or be empty")
}

pub(in crate::cli) fn into(matches: &ArgMatches) -> Option<&PathBuf> {
    matches.get_one::<PathBuf>("into")
}
