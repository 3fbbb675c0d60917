//! A server with its own store, for the tests of the API.

use crate::http::client::{Answer, Call, Events, get};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use vmlog::disk::RealDisk;
use vmlog::events::EventLog;
use vmlog::live::Live;
use vmlog::record::{Id, Level, Metadata, Record, StoredRecord};
use vmlog::redact::{self, Redactor};
use vmlog::server::{self, ServerState};
use vmlog::store::{self, Store};
use vmlog::time::Micros;

/// The token of every server here.
pub(crate) const TOKEN: &str = "open-sesame";

/// A running server over a store of its own.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) store: Store,
    live: Live,
    redactor: Redactor,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    _root: tempfile::TempDir,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::with(server::ServerOptions::default(), store::Options::default())
    }

    pub(crate) fn with(options: server::ServerOptions, store_options: store::Options) -> Self {
        let options = server::ServerOptions {
            token: Some(TOKEN.to_owned()),
            ..options
        };
        Self::open(options, store_options)
    }

    /// With another token.
    pub(crate) fn with_token(token: &str) -> Self {
        let options = server::ServerOptions {
            token: Some(token.to_owned()),
            ..server::ServerOptions::default()
        };
        Self::open(options, store::Options::default())
    }

    fn open(options: server::ServerOptions, store_options: store::Options) -> Self {
        let root = tempfile::tempdir().expect("a folder");
        let (store, _) = Store::open(
            Arc::new(RealDisk),
            &root.path().join("store"),
            store_options,
        )
        .expect("a store");
        let live = Live::new(5_000, Id(1));
        let events = events(&root.path().join("events"));
        let options = server::ServerOptions {
            views_directory: Some(root.path().to_owned()),
            ..options
        };
        let state = ServerState {
            reader: store.reader(),
            live: live.clone(),
            events: Some(events),
            options: Arc::new(options),
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let thread = std::thread::spawn(move || serve(listener, state, stopped));
        Self {
            address,
            store,
            live,
            redactor: Redactor::new(&redact::RedactOptions::default()).expect("the core rules"),
            stop: Some(stop),
            thread: Some(thread),
            _root: root,
        }
    }

    /// Stores and publishes records, as the pipeline does.
    pub(crate) fn write(&mut self, records: impl IntoIterator<Item = Record>) {
        let redacted: Vec<_> = records
            .into_iter()
            .map(|record| self.redactor.redact(record))
            .collect();
        let ids = self.store.append(&redacted, &[]).expect("appended");
        let stored: Vec<_> = ids
            .zip(redacted)
            .map(|(id, redacted)| {
                let record = redacted.into_record();
                Arc::new(StoredRecord { id: Id(id), record })
            })
            .collect();
        self.live.publish(&stored);
    }

    /// A GET with the token.
    pub(crate) fn get(&self, target: &str) -> Call {
        get(self.address, target).header("authorization", &format!("Bearer {TOKEN}"))
    }

    /// A POST with the token.
    pub(crate) fn post(&self, target: &str, body: &str) -> Call {
        self.get(target).method("POST").body(body)
    }

    /// The JSON of a GET.
    pub(crate) fn json(&self, target: &str) -> serde_json::Value {
        let answer = self.get(target).send();
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        answer.json()
    }

    pub(crate) fn events(&self, target: &str) -> Events {
        let events = self.get(target).events();
        assert_eq!(events.status, 200, "{target}");
        events
    }

    /// Stops, and returns the duration.
    pub(crate) fn stop(&mut self) -> Duration {
        let began = Instant::now();
        let stop = self.stop.take().expect("stopped once");
        stop.send(()).expect("it runs");
        let thread = self.thread.take().expect("stopped once");
        thread.join().expect("it ends well");
        began.elapsed()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.stop.is_some() {
            self.stop();
        }
    }
}

fn events(root: &Path) -> EventLog {
    let options = store::Options {
        sync: store::SyncPolicy::Batch,
        ..store::Options::default()
    };
    let redaction = redact::RedactOptions::default();
    let (events, _) =
        EventLog::open(Arc::new(RealDisk), root, options, &redaction).expect("a store of events");
    events
}

fn serve(listener: std::net::TcpListener, state: ServerState, stopped: oneshot::Receiver<()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        listener.set_nonblocking(true).expect("a mode");
        let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
        let shutdown = async {
            let _ = stopped.await;
        };
        server::run(listener, state, shutdown)
            .await
            .expect("it serves");
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
}

/// 2026-02-17T14:30:15.123456Z
pub(crate) const NOON: i64 = 1_771_338_615_123_456;

pub(crate) fn record(source: &str, level: Level, message: &str) -> Record {
    Record {
        timestamp: Micros::new(NOON),
        source: source.parse().expect("a source"),
        level,
        message: message.to_owned(),
        metadata: Metadata::new(),
    }
}

pub(crate) fn numbered(numbers: std::ops::Range<u64>) -> impl Iterator<Item = Record> {
    numbers.map(|number| {
        let index = usize::try_from(number).expect("a small number");
        let level = Level::ALL[index % 4];
        let source = ["system:ssh", "docker:web", "cloud-init"][index % 3];
        record(source, level, &format!("line {number}"))
    })
}

pub(crate) fn ids(page: &serde_json::Value) -> Vec<u64> {
    let entries = page["entries"].as_array().expect("a list");
    entries
        .iter()
        .map(|entry| {
            entry["id"]
                .as_str()
                .expect("a text")
                .parse()
                .expect("a number")
        })
        .collect()
}

pub(crate) fn error(answer: &Answer) -> (u16, String, Option<String>) {
    let body = answer.json();
    assert!(
        body["message"]
            .as_str()
            .is_some_and(|text| !text.is_empty()),
        "{body}"
    );
    let parameter = body
        .get("parameter")
        .map(|name| name.as_str().expect("a text").to_owned());
    (
        answer.status,
        body["error"].as_str().expect("a text").to_owned(),
        parameter,
    )
}
