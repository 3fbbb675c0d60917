//! The cost of tail clients for the writer: records are redacted, appended and published as in the pipeline, without
//! a tail and with five tails whose filter is an expensive regex.
//!
//! `cargo bench --bench live [-- RECORDS]`. Rounds alternate and medians are compared. The writer's own processor
//! time shows what runs on its thread; the total time also shows what the tails take from it on a machine with few
//! cores.

#[path = "../tools/bench/src/generate.rs"]
#[allow(dead_code, reason = "the comparison uses more of it")]
mod generate;

mod shipped;

use generate::Generator;
use rustix::time::{ClockId, clock_gettime};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use vmlog::disk::RealDisk;
use vmlog::live::Live;
use vmlog::record::{Id, Level, Record, StoredRecord};
use vmlog::redact::{self, Redactor};
use vmlog::server::{self, ServerState};
use vmlog::store::{Options, Store, SyncPolicy};
use vmlog::time::Micros;

/// Number of pairs of rounds.
const PAIRS: usize = 7;
/// Number of records in one append.
const BATCH: usize = 100;
/// Number of tails in a round with tails: the maximum of the server.
const TAILS: usize = 5;
/// `[a-m].{60}\p{Greek}`.
const WORST: &str = "/logs/tail?search=%5Ba-m%5D.%7B60%7D%5Cp%7BGreek%7D&regex=true";
const TOKEN: &str = "live-bench-token-0123456789";

/// One of the figures of a round.
type Figure = fn(&Took) -> Duration;

fn main() {
    let records: usize = std::env::args()
        .skip(1)
        .find_map(|argument| argument.parse().ok())
        .unwrap_or(200_000);
    let mut alone = vec![];
    let mut beside = vec![];
    for _ in 0..PAIRS {
        alone.push(round(records, 0));
        beside.push(round(records, TAILS));
    }
    println!("{records} records, {BATCH} an append; medians of {PAIRS} rounds");
    let median = |rounds: &[Took], time: fn(&Took) -> Duration| {
        let mut times: Vec<_> = rounds.iter().map(time).collect();
        times.sort_unstable();
        times[times.len() / 2]
    };
    let kinds: [(&str, Figure); 2] = [
        ("processor time of the writer", |took| took.processor),
        ("time in all", |took| took.wall),
    ];
    for (what, time) in kinds {
        let (before, after) = (median(&alone, time), median(&beside, time));
        let percent = (after.as_secs_f64() / before.as_secs_f64() - 1.0) * 100.0;
        println!("{what}: {before:.0?} alone, {after:.0?} beside {TAILS} tails ({percent:+.1} %)");
    }
}

struct Took {
    processor: Duration,
    wall: Duration,
}

/// Writes this number of records with this number of tails.
fn round(records: usize, tails: usize) -> Took {
    let root = tempfile::tempdir().expect("a folder");
    let options = Options {
        sync: SyncPolicy::Interval(Duration::from_secs(1)),
        free_percent_min: 0,
        free_bytes_min: 0,
        ..Options::default()
    };
    let (mut store, _) = Store::open(Arc::new(RealDisk), root.path(), options).expect("a store");
    let live = Live::new(5_000, Id(1));
    let state = ServerState {
        reader: store.reader(),
        live: live.clone(),
        events: None,
        options: Arc::new(server::ServerOptions {
            token: Some(TOKEN.to_owned()),
            ..server::ServerOptions::default()
        }),
    };
    let (stop, stopped) = oneshot::channel();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let server = thread::spawn(move || serve(listener, state, stopped));
    let clients: Vec<_> = (0..tails).map(|_| follow(address)).collect();
    while live.subscribers() < tails {
        thread::sleep(Duration::from_millis(5));
    }
    let mut redactor =
        Redactor::new(&redact::RedactOptions::default()).expect("the built-in rules");
    let mut generator = Generator::new(1);
    let (mut processor, mut wall) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..records / BATCH {
        let batch: Vec<_> = generator.by_ref().take(BATCH).map(record).collect();
        let (begin, processor_begin) = (Instant::now(), processor_time());
        let redacted: Vec<_> = batch
            .into_iter()
            .map(|record| redactor.redact(record))
            .collect();
        let ids = store.append(&redacted, &[]).expect("room");
        let stored: Vec<_> = ids
            .zip(redacted)
            .map(|(id, redacted)| {
                let record = redacted.into_record();
                Arc::new(StoredRecord { id: Id(id), record })
            })
            .collect();
        live.publish(&stored);
        processor += processor_time().saturating_sub(processor_begin);
        wall += begin.elapsed();
    }
    stop.send(()).expect("it runs");
    live.close();
    server.join().expect("it ends well");
    for client in clients {
        client.join().expect("it ends with its stream");
    }
    Took { processor, wall }
}

fn serve(listener: TcpListener, state: ServerState, stopped: oneshot::Receiver<()>) {
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
    runtime.shutdown_timeout(Duration::from_secs(10));
}

/// A client that reads its tail to the end.
fn follow(address: SocketAddr) -> JoinHandle<()> {
    let mut stream = TcpStream::connect(address).expect("a connection");
    let request =
        format!("GET {WORST} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("sent");
    thread::spawn(move || {
        let mut bytes = vec![0; 1 << 16];
        while stream.read(&mut bytes).is_ok_and(|read| read > 0) {}
    })
}

fn record(sample: generate::Sample) -> Record {
    Record {
        timestamp: Micros::new(sample.timestamp),
        source: sample.source.parse().expect("a source"),
        level: Level::from_index(sample.level).expect("a level"),
        message: sample.message,
        metadata: sample.metadata.into(),
    }
}

/// The processor time of this thread.
fn processor_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    let (seconds, nanos) = (u64::try_from(now.tv_sec), u32::try_from(now.tv_nsec));
    Duration::new(
        seconds.expect("after the start"),
        nanos.expect("below a second"),
    )
}
