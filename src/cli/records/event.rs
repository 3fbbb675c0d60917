//! `vmlog event`: reports an event to the server of this machine, or of another.

use crate::cli::endpoint::{self, Backend};
use crate::cli::failure::Failure;
use crate::cli::info::OwnServer;
use crate::cli::parameters::{given, long};
use crate::cli::serve::events::FOLDER;
use crate::cli::settings;
use crate::cli::terminal::output::print;
use crate::config::Config;
use crate::disk::{Disk as _, RealDisk};
use crate::events::{Error, EventDraft, EventLog};
use crate::pipeline::error_chain;
use crate::store;
use clap::{Arg, ArgMatches, Command};
use serde_json::{Map, Value};
use std::path::Path;
use std::sync::Arc;

/// The IDs of an event, by the names of their options.
const IDS: [(&str, &str, &str); 7] = [
    ("node", "node_id", "The machine that it is about"),
    ("app", "app_id", "The app"),
    ("sandbox", "sandbox_id", "The sandbox"),
    ("task", "task_id", "The task"),
    ("snapshot", "snapshot_id", "The snapshot"),
    ("workspace", "workspace_id", "The workspace"),
    ("run", "run_id", "The run of a captured command"),
];

/// The arguments of `vmlog event`.
pub(in crate::cli) fn command() -> Command {
    Command::new("event")
        .about("Record an event: what happened to the machine, an app or a task")
        .long_about(
            "Records an event durably, and prints its ID. Events are kept apart from the log, so that no flood of records can push \
             them out; they also appear among the records, as source event:SCOPE. Uses the server of this machine, or its store \
             while no server is running.",
        )
        .after_help(
            "Examples:\n  vmlog event deploy.started 'version 1.4' --app shop\n  \
             vmlog event backup.failed 'disk full' --severity error --payload '{\"bytes\": 0}'\n\n\
             Exit codes: 0 stored; 1 failed; 2 usage error",
        )
        .arg(
            Arg::new("type")
                .value_name("TYPE")
                .required(true)
                .help("Words with dots between them, such as snapshot.captured"),
        )
        .arg(
            Arg::new("message")
                .value_name("MESSAGE")
                .required(true)
                .help("A sentence for people"),
        )
        .arg(
            long("severity", "SEVERITY", "How bad it is [default: info]")
                .value_parser(["info", "warning", "error"]),
        )
        .args(IDS.map(|(option, _, help)| long(option, "ID", help)))
        .arg(long("payload", "JSON", "Facts for programs: a JSON object"))
        .arg(long("key", "KEY", "Store events with the same key only once"))
        .args(endpoint::server_arguments())
}

/// Stores the event.
pub(in crate::cli) fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let json = Value::Object(body(matches)?).to_string().into_bytes();
    let draft = EventDraft::parse(&json).map_err(|error| Failure::usage(error.message))?;
    let id = match Backend::named_server(matches)? {
        Some(mut server) => acknowledged(&server.post("/events", json)?)?,
        None => store_here(matches, &settings::config(matches)?, draft)?,
    };
    print(&format!("{id}\n"))
}

fn body(matches: &ArgMatches) -> Result<Map<String, Value>, Failure> {
    let mut body = Map::new();
    let named = [
        ("type", "type"),
        ("message", "message"),
        ("severity", "severity"),
        ("key", "idempotency_key"),
    ];
    let ids = IDS.iter().map(|(option, name, _)| (*option, *name));
    for (option, name) in named.into_iter().chain(ids) {
        if let Some(value) = given(matches, option) {
            body.insert(name.to_owned(), value.into());
        }
    }
    if let Some(text) = given(matches, "payload") {
        let payload = serde_json::from_str::<Value>(text).map_err(|error| {
            Failure::usage(format!("--payload: expected a JSON object: {error}"))
        })?;
        body.insert("payload".to_owned(), payload);
    }
    Ok(body)
}

/// Hands the event to the server of this machine, or writes it to the store while none is running.
fn store_here(matches: &ArgMatches, config: &Config, draft: EventDraft) -> Result<String, Failure> {
    let own = OwnServer::new(config);
    if own.is_reachable() {
        let mut server = Backend::server_at(matches, &own.url())?;
        let json = serde_json::to_vec(&draft).unwrap_or_default();
        return acknowledged(&server.post("/events", json)?);
    }
    let failed = |error: Error| match &error {
        Error::Store(store::Error::Locked { .. }) => Failure::failed(format!(
            "cannot store the event: a server is running, but not at {}; name its address with --url",
            own.url()
        )),
        _ => Failure::failed(format!("cannot store the event: {}", error_chain(&error))),
    };
    let root = config.data_dir.join(FOLDER);
    let disk = Arc::new(RealDisk);
    let (events, _) =
        EventLog::open(disk, &root, config.events.clone(), &config.redact).map_err(failed)?;
    let acknowledged = events.append(draft).map_err(failed)?;
    Ok(acknowledged.id.to_string())
}

fn acknowledged(answer: &[u8]) -> Result<String, Failure> {
    let answer = serde_json::from_slice::<Value>(answer).ok();
    let id = answer.as_ref().and_then(|answer| answer["id"].as_str());
    id.map(str::to_owned)
        .ok_or_else(|| Failure::failed("the server did not acknowledge the event"))
}

/// Adds an event about the store of this machine, if events are kept here. A failure is only a warning: what was done is done.
pub(in crate::cli) fn report(root: &Path, draft: EventDraft) {
    // the defaults of all options
    let plain = command().try_get_matches_from(["event", "x.x", "x"]);
    let (Ok(plain), Ok(config)) = (plain, settings::config(&ArgMatches::default())) else {
        return;
    };
    let is_own = root == config.data_dir.join("store");
    if !is_own || RealDisk.list(&config.data_dir.join(FOLDER)).is_err() {
        return;
    }
    if let Err(failure) = store_here(&plain, &config, draft) {
        notice!("{}", failure.text);
    }
}
