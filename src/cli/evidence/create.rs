//! `vmlog evidence`: one file for the moment before this machine is destroyed.

use crate::cli::bundle::bundle_options;
use crate::cli::failure::Failure;
use crate::cli::parameters::{flag, given, long, times, window_arguments};
use crate::cli::serve::events::FOLDER;
use crate::cli::settings;
use crate::cli::terminal::output::{print, print_json};
use crate::cli::terminal::progress::size;
use crate::config::Config;
use crate::disk::RealDisk;
use crate::evidence::{BundleOptions, BundleSources, Manifest, write_bundle, write_bundle_file};
use crate::pipeline::error_chain;
use crate::store::{Reader, View};
use crate::time::{Micros, Zone};
use clap::{Arg, ArgMatches, Command, value_parser};
use std::fmt::Write as _;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The arguments of `vmlog evidence`.
pub(in crate::cli) fn command() -> Command {
    Command::new("evidence")
        .about("Write a bundle of records and facts of this machine, before it is destroyed")
        .long_about(
            "Writes one bounded file with the records of a window (problems, runs, provisioning and events whole, the rest thinned) and \
             facts about this machine: failed units, containers, disk, memory, network, the kernel log. Secrets are redacted. A \
             manifest names every part with its hash, or why it is missing. Needs no running server. \
             query, problems, runs and other commands read a bundle with --store; `vmlog open` shows it as a page.",
        )
        .after_help(
            "Examples:\n  vmlog evidence /tmp/evidence.tar.zst\n  vmlog evidence --since -2h - | ssh archive 'cat > vm-17.tar.zst'\n  \
             vmlog problems --store evidence.tar.zst\n\n\
             Exit codes: 0 written, even if parts are missing; 1 failed; 2 usage error",
        )
        .arg(
            Arg::new("out")
                .value_name("OUT")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help("The file to write, such as evidence.tar.zst; - for standard output"),
        )
        .args(window_arguments("Records since this time [default: the start of this boot]"))
        .arg(long(
            "store",
            "DIR",
            "The folder of the store [default: the one of this machine, LOG_DATA_DIR/store]",
        ))
        .arg(flag("json", "Print the manifest"))
}

/// Writes the bundle.
pub(in crate::cli) fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let config = settings::config(matches)?;
    let Some(out) = matches.get_one::<PathBuf>("out") else {
        return Err(Failure::usage("name the file to write"));
    };
    let (since, until) = times(matches, &Zone::local(), Micros::now())?;
    let to_stdout = out.as_os_str() == "-";
    if to_stdout && io::stdout().is_terminal() {
        return Err(Failure::usage(
            "a bundle is no text: name a file, or send standard output to one",
        ));
    }
    let parent = match out.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut options = BundleOptions {
        since,
        until,
        ..bundle_options(&config)
    };
    if !to_stdout {
        options.scratch.insert(0, parent.to_owned());
    }
    let sources = sources(&config, given(matches, "store"));
    let written = if to_stdout {
        write_bundle(&options, &sources, io::stdout().lock())
    } else {
        write_bundle_file(&options, &sources, out)
    };
    let manifest = written.map_err(|error| {
        Failure::failed(format!(
            "cannot write {}: {}",
            out.display(),
            error_chain(&error)
        ))
    })?;
    if to_stdout {
        return Ok(());
    }
    if matches.get_flag("json") {
        return print_json(&serde_json::to_value(&manifest).unwrap_or_default());
    }
    print(&summary(out, &manifest))
}

/// The records of this machine, or of another store.
fn sources(config: &Config, store: Option<&str>) -> BundleSources {
    let view = |root: &Path| -> Result<View, String> {
        let reader = Reader::open_read_only(Arc::new(RealDisk), root);
        reader
            .map(|reader| reader.view())
            .map_err(|error| error_chain(&error))
    };
    match store {
        Some(store) => BundleSources {
            log: view(Path::new(store)),
            events: Err("the store is not the one of this machine".to_owned()),
        },
        None => BundleSources {
            log: view(&config.data_dir.join("store")),
            events: view(&config.data_dir.join(FOLDER)),
        },
    }
}

fn summary(out: &Path, manifest: &Manifest) -> String {
    let bytes: u64 = manifest.parts.iter().filter_map(|part| part.bytes).sum();
    let whole = manifest.parts.iter().filter(|part| part.ok).count();
    let mut text = format!(
        "{}: {} records, {whole} files with {}\n",
        out.display(),
        manifest.records.kept,
        size(bytes)
    );
    for (path, reason) in manifest.gaps() {
        let _ = writeln!(text, "  {path}: {reason}");
    }
    if let Some(bound) = &manifest.records.ended_by {
        let _ = writeln!(
            text,
            "  store/: {} older records are missing: the bound of {bound} was reached",
            manifest.records.not_read
        );
    }
    text
}
