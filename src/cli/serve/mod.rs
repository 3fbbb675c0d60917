//! `vmlog serve`: collects, stores and serves until it is stopped.

mod announce;
mod arguments;
pub(super) mod events;

pub(super) use announce::start_log;
pub(super) use arguments::{argument, command, settings_text};

use crate::cli::bundle::bundle_options;
use crate::cli::failure::Failure;
use crate::cli::settings;
use crate::collect;
use crate::collect::{CaptureCollector, CloudInitCollector, Collector, SpoolCollector};
use crate::collect::{
    ContainerCollector, FileCollector, JournaldCollector, PodCollector, SandboxCollector,
};
use crate::config::Config;
use crate::disk::RealDisk;
use crate::events::{EventCollector, EventLog};
use crate::evidence::TemporaryFolder;
use crate::live::Live;
use crate::opening;
use crate::pipeline::{Build, CollectorCount, Counters, Pipeline, error_chain};
use crate::record::{Id, Level, Metadata, Positions, Record};
use crate::redact::Redactor;
use crate::server;
use crate::server::{Measure, Sample, Tls, access_token};
use crate::store::{self, Holder, Recovery, Store};
use crate::time::Micros;
use clap::ArgMatches;
use signal_hook::consts::signal::SIGXFSZ;
use std::error::Error;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

/// Number of threads for blocking work, such as a page that scans the store; more would only compete for the
/// processor of a small machine.
const BLOCKING_THREADS: usize = 8;

/// A broken disk causes much damage at once; the first reports are enough.
const DAMAGE_REPORTED_MAX: usize = 20;

/// Runs until SIGTERM or SIGINT, then writes and syncs all records that were read.
pub(super) fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let raw = settings::raw(matches)?;
    let config = settings::check(&raw)?;
    let redactor =
        Redactor::new(&config.redact).map_err(|error| Failure::usage(error.to_string()))?;
    let tls = tls(&config)?;
    opening::raise_descriptor_limit();
    let listener = listen(config.listen, "--listen / LOG_LISTEN")
        .map_err(|error| already_running(&config).unwrap_or(error))?;
    start_log();
    survive_size_limit();
    let (store, recovery) = open_store(&config)?;
    TemporaryFolder::remove_left(&config.data_dir);
    let (event_log, damaged_events) = events::open(&config)?;
    let token = access_key(&config)?;
    let reader = store.reader();
    let live = Live::new(config.tail.ring_rows, Id(reader.view().ids().end));
    let mut first = first_records(&recovery);
    first.extend(exposed(&config));
    first.extend(exposed_key(&config));
    first.extend(damaged_events);
    events::begin(&event_log, &reader, &raw);
    let (pipeline, ended) = Pipeline::start_tapped(
        store,
        redactor,
        live.clone(),
        config.flush,
        first,
        collectors(&config, &event_log),
        events::tap(event_log.clone()),
    )
    .map_err(failed("cannot start a thread"))?;
    let options = Arc::new(server_options(&config, token, tls, pipeline.counters()));
    let state = server::ServerState {
        reader,
        live,
        events: Some(event_log),
        options,
    };
    let runtime = runtime().map_err(failed("cannot start the server"))?;
    let served = runtime.block_on(serve(listener, state, &pipeline, ended, &config));
    let finished = pipeline
        .finish()
        .map_err(failed("could not write the last records read"));
    served.and(finished)
}

/// Serves until a signal, or until the writer ends unexpectedly, which is a failure.
async fn serve(
    listener: TcpListener,
    state: server::ServerState,
    pipeline: &Pipeline,
    ended: oneshot::Receiver<()>,
    config: &Config,
) -> Result<(), Failure> {
    let (stopper, live) = (pipeline.stopper(), state.live.clone());
    let mut terminate = signals(SignalKind::terminate())?;
    let mut interrupt = signals(SignalKind::interrupt())?;
    let (asked, was_asked) = oneshot::channel();
    let shutdown = async move {
        tokio::select! {
            _ = terminate.recv() => drop(asked.send(())),
            _ = interrupt.recv() => drop(asked.send(())),
            _ = ended => drop(asked),
        }
        stopper.stop();
        live.close();
    };
    let listener = tokio::net::TcpListener::from_std(listener).map_err(failed("cannot listen"))?;
    announce::address(&listener, &state.options, config);
    server::run(listener, state, shutdown)
        .await
        .map_err(failed("cannot serve"))?;
    was_asked
        .await
        .map_err(|_| Failure::failed("the writer ended unexpectedly"))
}

/// An invalid certificate is a failure; vmlog never falls back to serving without TLS.
fn tls(config: &Config) -> Result<Option<Tls>, Failure> {
    let Some((certificate, key)) = &config.tls else {
        return Ok(None);
    };
    Tls::load(certificate, key)
        .map(Some)
        .map_err(failed("cannot use LOG_TLS_CERT and LOG_TLS_KEY"))
}

/// The address is bound before anything is written, so that a second server on it changes nothing.
pub(super) fn listen(address: SocketAddr, setting: &str) -> Result<TcpListener, Failure> {
    let listener = TcpListener::bind(address).map_err(|error| {
        Failure::failed(format!(
            "cannot listen on {address}: {error}; set {setting}"
        ))
    })?;
    listener
        .set_nonblocking(true)
        .map_err(failed("cannot listen"))?;
    Ok(listener)
}

/// The likeliest reason why an address is in use or a store is locked.
fn already_running(config: &Config) -> Option<Failure> {
    let root = config.data_dir.join("store");
    let Holder::Process(pid) = Holder::of(&RealDisk, &root) else {
        return None;
    };
    let process = pid.map_or_else(String::new, |pid| format!(" (process {pid})"));
    Some(Failure::failed(format!(
        "vmlog already runs on {}{process}; `vmlog open --print` prints its address",
        root.display()
    )))
}

fn open_store(config: &Config) -> Result<(Store, Recovery), Failure> {
    let directory = &config.data_dir;
    let path = directory.display();
    access_token::make_private_directory(directory).map_err(|error| {
        Failure::failed(format!(
            "cannot use {path}: {error}; set --data-dir / LOG_DATA_DIR"
        ))
    })?;
    Store::open(
        Arc::new(RealDisk),
        &directory.join("store"),
        config.store.clone(),
    )
    .map_err(|error| match (&error, already_running(config)) {
        (store::Error::Locked { .. }, Some(running)) => running,
        _ => failed("cannot open the store")(error),
    })
}

/// The configured token, or the one that is created at the first start.
fn access_key(config: &Config) -> Result<String, Failure> {
    if let Some(key) = &config.api_token {
        return Ok(key.0.clone());
    }
    let path = config.data_dir.join(access_token::FILE_NAME);
    access_token::load_or_make(&config.data_dir)
        .map_err(failed(&format!("cannot use {}", path.display())))
}

/// Records about this start.
fn first_records(recovery: &Recovery) -> Vec<Record> {
    let text = concat!("vmlog ", env!("CARGO_PKG_VERSION"), " started").to_owned();
    let mut records = vec![collect::own_record(
        Level::Info,
        "started",
        text,
        Metadata::new(),
    )];
    if recovery.cut_bytes > 0 {
        let bytes = recovery.cut_bytes;
        let text = format!(
            "the store was not closed cleanly: {bytes} bytes of an unfinished write were removed"
        );
        let mut metadata = Metadata::new();
        metadata.insert("cut_bytes", bytes);
        records.push(collect::own_record(
            Level::Warn,
            "store_recovered",
            text,
            metadata,
        ));
    }
    for damage in recovery.damage.iter().take(DAMAGE_REPORTED_MAX) {
        let text = format!(
            "records of the store cannot be read: {}",
            error_chain(damage)
        );
        records.push(collect::own_record(
            Level::Error,
            "store_damaged",
            text,
            Metadata::new(),
        ));
    }
    records
}

/// A warning if other users may change the data directory.
fn exposed(config: &Config) -> Option<Record> {
    let why = access_token::exposure(&config.data_dir)?;
    let text = format!("the data directory is not safe: {why}");
    tracing::warn!("{text}");
    let metadata = Metadata::new();
    Some(collect::own_record(
        Level::Warn,
        "data_directory_exposed",
        text,
        metadata,
    ))
}

/// A warning if other users can read the TLS key: they could impersonate this server.
fn exposed_key(config: &Config) -> Option<Record> {
    let (_, key) = config.tls.as_ref()?;
    let mode = Tls::exposed_mode(key)?;
    let path = key.display();
    let text = format!(
        "the TLS key {path} is open to every user: its mode is {mode:o}; run chmod 600 on it, or 640 for a group of its own"
    );
    tracing::warn!("{text}");
    let (level, metadata) = (Level::Warn, Metadata::new());
    Some(collect::own_record(
        level,
        "tls_key_exposed",
        text,
        metadata,
    ))
}

/// Makes a write beyond the limit on file sizes (`ulimit -f`) fail; by default it would end the process.
fn survive_size_limit() {
    if let Err(error) = signal_hook::flag::register(SIGXFSZ, Arc::default()) {
        tracing::warn!("reaching the limit on file sizes will end vmlog: {error}");
    }
}

/// All configured collectors, each with the function that opens it.
fn collectors(config: &Config, events: &EventLog) -> Vec<(String, Build)> {
    let events = events.clone();
    let journal = config.journal.clone();
    let cloud_init = config.cloud_init.clone();
    let pods = config.pods.clone();
    let capture = config.capture.clone();
    let (spool, of_users) = (config.spool.clone(), config.capture.clone());
    let mut collectors = vec![
        named("journald", move |positions| {
            JournaldCollector::open(journal.clone(), positions)
        }),
        named("cloud-init", move |positions| {
            CloudInitCollector::open(cloud_init.clone(), positions)
        }),
        named("pods", move |positions| {
            PodCollector::open(pods.clone(), positions)
        }),
        named("capture", move |positions| {
            CaptureCollector::open(capture.clone(), positions)
        }),
        named("spool", move |positions| {
            SpoolCollector::open(spool.clone(), of_users.clone(), positions)
        }),
        named("events", move |positions| {
            EventCollector::open(events.clone(), positions)
        }),
    ];
    let engines = [
        ("docker-json", &config.docker_json),
        ("nerdctl", &config.nerdctl),
        ("podman", &config.podman),
    ];
    collectors.extend(engines.map(|(name, options)| {
        let options = options.clone();
        named(name, move |positions| {
            ContainerCollector::open(options.clone(), positions)
        })
    }));
    collectors.extend(config.sandboxes.clone().map(|options| {
        named("sandboxes", move |positions| {
            SandboxCollector::open(options.clone(), positions)
        })
    }));
    collectors.extend(config.files.clone().into_iter().map(|options| {
        let name = format!("file:{}", options.name);
        named(&name, move |positions| {
            FileCollector::open(options.clone(), positions)
        })
    }));
    collectors
}

fn named<C: Collector + 'static>(
    name: &str,
    mut open: impl FnMut(&Positions) -> C + Send + 'static,
) -> (String, Build) {
    (
        name.to_owned(),
        Box::new(move |positions| Box::new(open(positions))),
    )
}

fn server_options(
    config: &Config,
    token: String,
    tls: Option<Tls>,
    counters: Counters,
) -> server::ServerOptions {
    let limits = limits(&config.store);
    server::ServerOptions {
        token: Some(token),
        events_token: config.events_token.as_ref().map(|token| token.0.clone()),
        foreign_apis: config.foreign_apis.clone(),
        limit_max: config.api.page_limit_max,
        tail_queue_rows: config.tail.queue_rows,
        tail_connections_max: config.tail.connections_max,
        rate: config.api.rate,
        rate_burst: config.api.burst,
        hosts: config.api.hosts.clone(),
        cors_origins: config.api.cors_origins.clone(),
        trusted_proxies: config.api.trusted_proxies.clone(),
        connections_max: config.api.connections_max,
        tail_ends_with_token: config.tail.ends_with_token,
        node_auth: config.node_auth.clone(),
        uplink: config.uplink.clone(),
        tls,
        evidence: Some(bundle_options(config)),
        views_directory: Some(config.data_dir.clone()),
        measure: Some(Measure::new(move || {
            let mut read = samples(&counters.read(Micros::now()));
            read.extend(limits.clone());
            read
        })),
        ..server::ServerOptions::default()
    }
}

/// The counts of the collectors, for `/metrics`.
fn samples(counts: &[CollectorCount]) -> Vec<Sample> {
    let of_kind = |(name, help, read): MetricKind| {
        counts.iter().map(move |count| {
            let labels = vec![("collector", count.collector.clone())];
            Sample {
                name,
                help,
                labels,
                value: read(count),
            }
        })
    };
    let reached = counts.iter().flat_map(|count| {
        count.reached.iter().map(|(origin, reached)| Sample {
            name: "vmlog_collector_position",
            help: "Read position in an origin: the number of a journal entry, or bytes of a file.",
            labels: vec![
                ("collector", count.collector.clone()),
                ("origin", origin.clone()),
            ],
            value: *reached,
        })
    });
    KINDS.into_iter().flat_map(of_kind).chain(reached).collect()
}

/// How much the store may hold, for `/metrics`.
fn limits(options: &store::Options) -> [Sample; 3] {
    let limit = |name, help, value| Sample {
        name,
        help,
        labels: Vec::new(),
        value,
    };
    [
        limit(
            "vmlog_store_records_max",
            "Maximum number of records in the store (LOG_STORE_MAX_ROWS).",
            options.rows_max,
        ),
        limit(
            "vmlog_store_bytes_max",
            "Maximum size of the store in bytes (LOG_STORE_MAX_BYTES).",
            options.bytes_max,
        ),
        limit(
            "vmlog_store_age_max_seconds",
            "Maximum age of a record in the store (LOG_STORE_MAX_AGE).",
            options.age_max.as_secs(),
        ),
    ]
}

/// A metric of every collector: its name, its help text and the function that reads it.
type MetricKind = (&'static str, &'static str, fn(&CollectorCount) -> u64);

const KINDS: [MetricKind; 9] = [
    (
        "vmlog_collector_running",
        "1 while a collector works, 0 before its first read and while it waits for a restart.",
        |count| u64::from(count.is_running),
    ),
    (
        "vmlog_collector_read_total",
        "Entries and lines that a collector read, including filtered ones.",
        |count| count.read,
    ),
    (
        "vmlog_collector_stored_total",
        "Records of a collector that were stored.",
        |count| count.stored,
    ),
    (
        "vmlog_collector_filtered_total",
        "Entries that a collector read and filtered out.",
        |count| count.filtered,
    ),
    (
        "vmlog_collector_bytes_total",
        "Bytes of the messages that a collector read.",
        |count| count.bytes,
    ),
    (
        "vmlog_collector_gaps_total",
        "Gaps: how often data was lost before a collector could read it.",
        |count| count.gaps,
    ),
    (
        "vmlog_collector_errors_total",
        "How often a collector failed or reported an error.",
        |count| count.errors,
    ),
    (
        "vmlog_collector_not_followed",
        "Logs that a collector does not follow, because there are too many or no descriptors for them.",
        |count| count.not_followed,
    ),
    (
        "vmlog_collector_lag_seconds",
        "Age of the newest record of a collector, or 0 if everything is read and stored.",
        |count| count.lag_s,
    ),
];

pub(super) fn runtime() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(BLOCKING_THREADS)
        .enable_all()
        .build()
}

pub(super) fn signals(kind: SignalKind) -> Result<Signal, Failure> {
    signal(kind).map_err(failed("cannot wait for signals"))
}

pub(super) fn failed<E: Error>(what: &str) -> impl FnOnce(E) -> Failure {
    move |error| Failure::failed(format!("{what}: {}", error_chain(&error)))
}
