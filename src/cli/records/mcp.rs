//! `vmlog mcp`: tools for AI agents over standard input and output.

use crate::cli::bundle;
use crate::cli::endpoint::{self, Backend, cannot};
use crate::cli::failure::Failure;
use crate::cli::settings::data_dir;
use crate::disk::RealDisk;
use crate::mcp::{Logs as _, McpRequest, StoreLogs};
use crate::query::Budget;
use crate::store::Reader;
use clap::{ArgMatches, Command};
use std::io::{self, BufRead as _, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

/// A message of a client is a few hundred bytes.
const MESSAGE_BYTES_MAX: u64 = 1 << 20;

/// The arguments of `vmlog mcp`.
pub(in crate::cli) fn command() -> Command {
    Command::new("mcp")
        .about("Answer an AI agent over standard input and output (Model Context Protocol)")
        .long_about(
            "Gives an AI agent tools that read the log: what went wrong, search, runs and their output, sources, patterns, comparison, tail. Nothing can be \
             changed. Reads the store of this machine, another store (--store) or a server (--url). A server offers the same tools at \
             POST /mcp.",
        )
        .after_help(
            "Examples:\n  claude mcp add vmlog -- vmlog mcp\n  vmlog mcp --url https://vm.example:8687\n\n\
             Exit codes: 0 the client closed the input; 1 failed; 2 usage error",
        )
        .args(endpoint::arguments())
}

/// Answers messages, one a line, until the input ends.
pub(in crate::cli) fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let named = matches.get_one::<String>("store");
    let mut server = if named.is_some() {
        None
    } else {
        Backend::named_server(matches)?
    };
    let store = match named {
        Some(folder) => PathBuf::from(folder),
        None => data_dir()?.join("store"),
    };
    // A bundle does not change, so it is opened once.
    let bundle = match &server {
        None if bundle::is_bundle(&store) => Some(bundle::open_bundle(&store)?),
        _ => None,
    };
    let open = || match &bundle {
        Some(reader) => Ok(logs_of(reader)),
        None => open(&store),
    };
    if server.is_none() {
        // a mistake in the address is reported at once
        open()?;
    }
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    loop {
        let mut line = Vec::new();
        let read = input
            .by_ref()
            .take(MESSAGE_BYTES_MAX)
            .read_until(b'\n', &mut line);
        match read {
            Ok(0) => return Ok(()),
            Ok(_) if line.trim_ascii().is_empty() => continue,
            Ok(_) => {}
            Err(error) => return Err(Failure::failed(format!("cannot read the input: {error}"))),
        }
        let answer = match &mut server {
            Some(server) => server.post("/mcp", line)?,
            None => answer(&open, &line)?.unwrap_or_default(),
        };
        if answer.is_empty() {
            continue;
        }
        let written = output
            .write_all(&answer)
            .and_then(|()| output.write_all(b"\n"))
            .and_then(|()| output.flush());
        if written.is_err() {
            // the client is gone
            return Ok(());
        }
    }
}

fn answer(
    open: &dyn Fn() -> Result<StoreLogs, Failure>,
    message: &[u8],
) -> Result<Option<Vec<u8>>, Failure> {
    let request = McpRequest::read(message);
    if request.is_notification() {
        return Ok(None);
    }
    let before = open()?.newest();
    thread::sleep(request.wait());
    Ok(request.answer(&open()?, before))
}

/// The records that are there now.
fn open(store: &Path) -> Result<StoreLogs, Failure> {
    let reader = Reader::open_read_only(Arc::new(RealDisk), store);
    let reader = reader.map_err(|error| cannot(store, &error))?;
    Ok(logs_of(&reader))
}

fn logs_of(reader: &Reader) -> StoreLogs {
    StoreLogs {
        view: reader.view(),
        budget: Budget::default(),
    }
}
