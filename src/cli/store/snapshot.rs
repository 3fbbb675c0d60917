//! `vmlog snapshot`: frozen states of a store, and stores created from them.

use super::folder;
use crate::cli::failure::Failure;
use crate::cli::parameters::flag;
use crate::cli::records::event;
use crate::cli::terminal::output::print;
use crate::cli::terminal::progress::size;
use crate::disk::RealDisk;
use crate::events::{EventDraft, Severity};
use crate::pipeline::error_chain;
use crate::store::{self, Snapshot};
use clap::{Arg, ArgMatches, Command};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The arguments of `vmlog snapshot`.
pub(in crate::cli) fn command() -> Command {
    Command::new("snapshot")
        .about("Create, list, restore, fork and delete snapshots")
        .long_about(
            "A snapshot is a frozen copy of a store in its folder snapshots/. Its files are hard links: creating it takes a moment, and it \
             uses space only for records that the store deletes later. It can be queried like any store.",
        )
        .after_help(
            "Examples:\n  vmlog snapshot create before-upgrade\n  vmlog query --store /var/lib/vmlog/store/snapshots/before-upgrade\n  \
             vmlog snapshot fork before-upgrade --into /tmp/copy\n\nExit codes: 0 done; 1 failed; 2 usage error",
        )
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(create_command())
        .subcommand(list_command())
        .subcommand(restore_command())
        .subcommand(fork_command())
        .subcommand(delete_command())
}

fn create_command() -> Command {
    Command::new("create")
        .about("Create a snapshot of the store, even while a server writes to it")
        .after_help("Example:\n  vmlog snapshot create before-upgrade\n\nExit codes: 0 done; 1 failed; 2 usage error")
        .arg(name_argument())
        .arg(folder::option())
}

fn list_command() -> Command {
    Command::new("list")
        .about("List the snapshots of a store")
        .after_help(
            "Example:\n  vmlog snapshot list\n\nExit codes: 0 done; 1 failed; 2 usage error",
        )
        .arg(folder::option())
}

fn restore_command() -> Command {
    Command::new("restore")
        .about("Restore a snapshot: the same store, IDs continue")
        .long_about(
            "Makes a store from a snapshot: in a new folder (--into), or in place of the store itself, which needs --replace and \
             deletes every record that is not in the snapshot. No server may be writing the store that is replaced.",
        )
        .after_help(
            "Examples:\n  vmlog snapshot restore before-upgrade --into /srv/vmlog/store\n  \
             vmlog snapshot restore before-upgrade --replace\n\nExit codes: 0 done; 1 failed; 2 usage error",
        )
        .arg(name_argument().help("Name, or path of a snapshot or store"))
        .arg(folder::option())
        .arg(folder::into_argument())
        .arg(flag("replace", "Replace everything in the store"))
}

fn fork_command() -> Command {
    Command::new("fork")
        .about("Fork a snapshot into an independent store")
        .after_help(
            "Example:\n  vmlog snapshot fork before-upgrade --into /tmp/copy\n\nExit codes: 0 done; 1 failed; 2 usage error",
        )
        .arg(name_argument().help("Name, or path of a snapshot or store"))
        .arg(folder::option())
        .arg(folder::into_argument().required(true))
}

fn delete_command() -> Command {
    Command::new("delete")
        .about("Delete a snapshot; the store does not change")
        .after_help("Example:\n  vmlog snapshot delete before-upgrade\n\nExit codes: 0 done; 1 failed; 2 usage error")
        .arg(name_argument())
        .arg(folder::option())
}

fn name_argument() -> Arg {
    Arg::new("name")
        .value_name("NAME")
        .required(true)
        .help("Name: 1 to 64 of A-Z a-z 0-9 . _ -")
}

/// Runs the subcommand.
pub(in crate::cli) fn run(matches: &ArgMatches) -> Result<(), Failure> {
    match matches.subcommand() {
        Some(("create", matches)) => create(matches),
        Some(("list", matches)) => list(matches),
        Some(("restore", matches)) => restore(matches),
        Some(("fork", matches)) => fork(matches),
        Some(("delete", matches)) => delete(matches),
        _ => unreachable!("clap refuses a command line without a known subcommand"),
    }
}

/// Adds an event about a snapshot of the store of this machine.
fn report(root: &Path, kind: &str, severity: Severity, name: &str, message: String) {
    let draft = EventDraft::new(kind, severity, message);
    // a path is not an ID
    let snapshot_id = (!name.contains('/')).then(|| name.to_owned());
    event::report(
        root,
        EventDraft {
            snapshot_id,
            ..draft
        },
    );
}

fn name(matches: &ArgMatches) -> &str {
    matches
        .get_one::<String>("name")
        .map(String::as_str)
        .unwrap_or_default()
}

fn create(matches: &ArgMatches) -> Result<(), Failure> {
    let root = folder::of(matches)?;
    let made = store::snapshot(Arc::new(RealDisk), &root, name(matches));
    let path = made.map_err(|error| match &error {
        store::Error::Exists { .. } => Failure::failed(format!(
            "snapshot {} exists already; choose another name",
            name(matches)
        )),
        _ => folder::unwritable("create a snapshot")(error),
    });
    let path = path.inspect_err(|failure| {
        let message = failure.text.clone();
        report(
            &root,
            "snapshot.capture.failed",
            Severity::Error,
            name(matches),
            message,
        );
    })?;
    let message = format!("took the snapshot {}", name(matches));
    report(
        &root,
        "snapshot.captured",
        Severity::Info,
        name(matches),
        message,
    );
    print(&format!("{}\n", path.display()))
}

fn list(matches: &ArgMatches) -> Result<(), Failure> {
    let root = folder::of(matches)?;
    let snapshots =
        store::snapshots(Arc::new(RealDisk), &root).map_err(folder::unreadable(&root))?;
    if snapshots.is_empty() {
        return print(&format!("no snapshots in {}\n", root.display()));
    }
    let names = snapshots.iter().map(|snapshot| snapshot.name.len());
    let width = names.max().unwrap_or(0).max("NAME".len());
    let mut text = format!(
        "{:<width$}  {:<27}  {:>10}  {:<21}  {:>10}  {:>10}\n",
        "NAME", "TAKEN", "RECORDS", "IDS", "SIZE", "OWN SIZE"
    );
    for snapshot in &snapshots {
        text += &row(snapshot, width);
        text.push('\n');
    }
    print(&text)
}

fn row(snapshot: &Snapshot, width: usize) -> String {
    let name = &snapshot.name;
    match &snapshot.content {
        Err(error) => format!("{name:<width$}  cannot be read: {}", error_chain(error)),
        Ok(content) => format!(
            "{name:<width$}  {}  {:>10}  {:<21}  {:>10}  {:>10}",
            content.taken,
            content.records,
            super::inspect::ids(&content.ids),
            size(content.bytes),
            size(content.own_bytes)
        ),
    }
}

/// The folder of a snapshot: a path, or a name below the store.
fn source(matches: &ArgMatches, root: &Path) -> PathBuf {
    let name = name(matches);
    if name.contains('/') {
        PathBuf::from(name)
    } else {
        root.join("snapshots").join(name)
    }
}

/// The failure to read a snapshot: names it, if the store has no snapshot of that name.
fn missing(matches: &ArgMatches, from: &Path, error: store::Error) -> Failure {
    let is_absent = match &error {
        store::Error::NotAStore { .. } => true,
        store::Error::Io { source, .. } => source.kind() == std::io::ErrorKind::NotFound,
        _ => false,
    };
    let name = name(matches);
    if is_absent && !name.contains('/') {
        return Failure::failed(format!(
            "there is no snapshot {name}; `vmlog snapshot list` shows them"
        ));
    }
    folder::unreadable(from)(error)
}

fn restore(matches: &ArgMatches) -> Result<(), Failure> {
    let root = folder::of(matches)?;
    let from = source(matches, &root);
    let into = folder::into(matches).unwrap_or(&root);
    store::Reader::open_read_only(Arc::new(RealDisk), &from)
        .map_err(|error| missing(matches, &from, error))?;
    let restored = if matches.get_flag("replace") {
        store::restore_replacing(Arc::new(RealDisk), &from, into)
    } else {
        store::restore(Arc::new(RealDisk), &from, into)
    };
    restored.map_err(|error| match &error {
        store::Error::Exists { path } => Failure::failed(format!(
            "{} contains a store: --replace deletes its records, --into DIR creates another store",
            path.display()
        )),
        _ => folder::unwritable("restore")(error),
    })?;
    let message = format!("restored {} into {}", name(matches), into.display());
    report(
        &root,
        "snapshot.restored",
        Severity::Warning,
        name(matches),
        message,
    );
    print(&format!(
        "{} now contains the snapshot {}\n",
        into.display(),
        from.display()
    ))
}

fn fork(matches: &ArgMatches) -> Result<(), Failure> {
    let root = folder::of(matches)?;
    let from = source(matches, &root);
    let Some(into) = folder::into(matches) else {
        return Err(Failure::usage("--into: name the folder of the new store"));
    };
    store::Reader::open_read_only(Arc::new(RealDisk), &from)
        .map_err(|error| missing(matches, &from, error))?;
    store::fork(Arc::new(RealDisk), &from, into).map_err(folder::unwritable("fork"))?;
    let message = format!("forked {} into {}", name(matches), into.display());
    report(
        &root,
        "snapshot.forked",
        Severity::Info,
        name(matches),
        message,
    );
    print(&format!(
        "{} is an independent store, created from {}\n",
        into.display(),
        from.display()
    ))
}

fn delete(matches: &ArgMatches) -> Result<(), Failure> {
    let root = folder::of(matches)?;
    store::delete_snapshot(Arc::new(RealDisk), &root, name(matches))
        .map_err(folder::unwritable("delete the snapshot"))?;
    let message = format!("deleted the snapshot {}", name(matches));
    report(
        &root,
        "snapshot.deleted",
        Severity::Info,
        name(matches),
        message,
    );
    print(&format!("deleted {}\n", name(matches)))
}
