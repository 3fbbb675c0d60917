//! A server under load: many clients page and search while records arrive.
//!
//! `tools/load` runs it: `cargo bench --bench load [-- CLIENTS SECONDS PAUSE_MS ROWS RATE]`. The server is
//! `VMLOG_BIN` or `target/release/vmlog`, in a separate process, so that its memory can be measured. Every client
//! sends requests over one connection: it waits for the response, pauses and repeats. New records arrive through a
//! file that the server follows.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "figures are printed with few digits"
)]

#[path = "../tools/bench/src/generate.rs"]
#[allow(dead_code, reason = "the comparison uses more of it")]
mod generate;

use generate::{Generator, NEEDLE, Sample};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use vmlog::disk::RealDisk;
use vmlog::record::{Level, Record};
use vmlog::redact::{self, Redactor};
use vmlog::store::{Options, Store, SyncPolicy};
use vmlog::time::Micros;

const TOKEN: &str = "load-test-token-0123456789";

/// The parameters, in the order of the `--` arguments.
#[derive(Clone, Copy)]
struct Load {
    clients: usize,
    seconds: u64,
    pause_ms: u64,
    rows: usize,
    /// Number of new records per second.
    rate: u64,
}

/// The requests of clients, with their shares in percent.
const QUESTIONS: [(&str, &str, u64); 8] = [
    ("newest page", "/logs", 36),
    ("next page", NEXT_PAGE, 20),
    ("page anywhere", ANYWHERE, 2),
    (
        "warnings of containers",
        "/logs?source=docker:&level=warn",
        15,
    ),
    ("common text", "/logs?search=connection", 12),
    ("rare text", RARE, 5),
    ("histogram", "/logs/histogram?start=-15m", 5),
    ("sources", "/logs/sources", 5),
];

/// Continues from the last page of this client.
const NEXT_PAGE: &str = "/logs?cursor=";
/// Requests the page around a random record.
const ANYWHERE: &str = "/logs?around=";
const RARE: &str = "/logs?search=";

fn main() {
    let load = arguments();
    let folder = tempfile::tempdir().expect("a temporary folder");
    fill(&folder.path().join("data/store"), load.rows);
    let (mut server, address) = start(folder.path());
    println!(
        "{} clients for {} s with pauses of {} ms, {} records at first, {} arrive a second",
        load.clients, load.seconds, load.pause_ms, load.rows, load.rate
    );
    single_client(address);
    let ends = Arc::new(AtomicBool::new(false));
    let writer = {
        let (ends, path) = (Arc::clone(&ends), folder.path().join("load.log"));
        thread::spawn(move || write(&path, load.rate, &ends))
    };
    let memory = {
        let (ends, id) = (Arc::clone(&ends), server.id());
        thread::spawn(move || watch_memory(id, &ends))
    };
    let clients: Vec<_> = (0..load.clients)
        .map(|number| thread::spawn(move || client(address, load, number as u64)))
        .collect();
    let results: Vec<_> = clients
        .into_iter()
        .map(|client| client.join().expect("no panic"))
        .collect();
    ends.store(true, Ordering::Relaxed);
    let written = writer.join().expect("no panic");
    report(&results, load);
    let memory = memory.join().expect("no panic");
    println!(
        "memory                {:9.1} MB at most of its own, {:.1} MB resident with mapped files",
        memory.0 as f64 / 1e6,
        memory.1 as f64 / 1e6
    );
    let stored = settled(address, written);
    println!("records that arrived  {written:9}, stored {stored}");
    server.kill().expect("stopped");
    server.wait().expect("ended");
    let errors: u64 = results.iter().map(|result| result.errors).sum();
    assert_eq!(
        (errors, stored),
        (0, written),
        "nothing fails, nothing is lost"
    );
}

fn arguments() -> Load {
    let mut numbers = std::env::args().filter_map(|argument| argument.parse().ok());
    let mut number = |otherwise: u64| numbers.next().unwrap_or(otherwise);
    Load {
        clients: number(200) as usize,
        seconds: number(60),
        pause_ms: number(250),
        rows: number(1_000_000) as usize,
        rate: number(20_000),
    }
}

fn fill(root: &Path, rows: usize) {
    fs::create_dir_all(root).expect("a folder");
    let options = Options {
        rows_max: u64::MAX,
        bytes_max: u64::MAX,
        age_max: Duration::from_hours(24 * 365 * 100),
        sync: SyncPolicy::Off,
        free_percent_min: 0,
        free_bytes_min: 0,
        ..Options::default()
    };
    let (mut store, _) = Store::open(Arc::new(RealDisk), root, options).expect("a store");
    let mut redactor = Redactor::new(&redact::RedactOptions {
        disabled: vec!["all".to_owned()],
        ..redact::RedactOptions::default()
    })
    .expect("no rule");
    let mut samples = Generator::new(1).take(rows).peekable();
    while samples.peek().is_some() {
        let batch: Vec<_> = samples
            .by_ref()
            .take(1_000)
            .map(|sample| redactor.redact(record(sample)))
            .collect();
        store.append(&batch, &[]).expect("an append");
        store.maintain(Micros::new(0)).expect("maintenance");
    }
}

fn record(sample: Sample) -> Record {
    Record {
        timestamp: Micros::new(sample.timestamp),
        source: sample.source.parse().expect("a source"),
        level: Level::from_index(sample.level).expect("a level"),
        message: sample.message,
        metadata: sample.metadata.into(),
    }
}

fn start(folder: &Path) -> (Child, SocketAddr) {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = free.local_addr().expect("an address");
    drop(free);
    let log = folder.join("load.log");
    File::create(&log).expect("a file");
    fs::create_dir(folder.join("journal")).expect("a folder");
    let program = std::env::var("VMLOG_BIN").unwrap_or_else(|_| "target/release/vmlog".to_owned());
    let server = Command::new(program)
        .arg("serve")
        .args(["--data-dir".as_ref(), folder.join("data").as_os_str()])
        .args(["--journal-dir".as_ref(), folder.join("journal").as_os_str()])
        .args(["--listen", &address.to_string()])
        .env("LOG_API_TOKEN", TOKEN)
        .env("LOG_API_RATE", "0")
        .env("LOG_STORE_MAX_ROWS", "100000000")
        .env("LOG_STORE_MAX_BYTES", "16GiB")
        .env("LOG_STORE_MAX_AGE", "36500d")
        .env("LOG_STORE_MIN_FREE", "0")
        .env("LOG_CLOUD_INIT_PATH", folder.join("none"))
        .env("LOG_DOCKER_JSON_DIR", folder.join("none"))
        .env("LOG_FILES", format!("load={}", log.display()))
        .stdout(Stdio::null())
        .spawn()
        .expect("a server");
    let began = Instant::now();
    while TcpStream::connect(address).is_err() {
        assert!(began.elapsed() < Duration::from_mins(1), "it starts");
        thread::sleep(Duration::from_millis(20));
    }
    (server, address)
}

/// Writes lines at a steady rate; returns their number.
fn write(path: &Path, rate: u64, ends: &AtomicBool) -> u64 {
    let mut file = fs::OpenOptions::new()
        .append(true)
        .open(path)
        .expect("the file");
    let mut generator = Generator::new(2);
    let began = Instant::now();
    let mut written = 0;
    while !ends.load(Ordering::Relaxed) {
        let due = began.elapsed().as_millis() as u64 * rate / 1_000;
        let mut text = String::new();
        while written < due {
            let message = generator.next().expect("it has no end").message;
            let line = message.replace(['\n', '\r'], " ");
            // A blank line would not become a record.
            writeln!(text, "{line} #{written}").expect("memory");
            written += 1;
        }
        file.write_all(text.as_bytes()).expect("written");
        thread::sleep(Duration::from_millis(20));
    }
    written
}

/// The maximum memory of the process: private memory, and resident memory.
fn watch_memory(id: u32, ends: &AtomicBool) -> (u64, u64) {
    let mut most = (0, 0);
    while !ends.load(Ordering::Relaxed) {
        let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        let bytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
            1_024 * number.unwrap_or(0_u64)
        };
        most = (most.0.max(bytes("RssAnon:")), most.1.max(bytes("VmRSS:")));
        thread::sleep(Duration::from_millis(100));
    }
    most
}

/// A connection for one request after the other.
struct Connection(BufReader<TcpStream>);

impl Connection {
    fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("a connection");
        stream.set_nodelay(true).expect("a mode");
        Self(BufReader::new(stream))
    }

    /// Status and body.
    fn ask(&mut self, target: &str) -> std::io::Result<(u16, Vec<u8>)> {
        let request = format!(
            "GET {target} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {TOKEN}\r\n\r\n"
        );
        self.0.get_mut().write_all(request.as_bytes())?;
        let (mut status, mut length) = (0, 0);
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line)?;
            let line = line.trim_end();
            if let Some(rest) = line.strip_prefix("HTTP/1.1 ") {
                status = rest
                    .split(' ')
                    .next()
                    .and_then(|status| status.parse().ok())
                    .unwrap_or(0);
            } else if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.parse().unwrap_or(0);
            } else if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body)?;
        Ok((status, body))
    }
}

/// The durations of each request, by index in [`QUESTIONS`].
#[derive(Default)]
struct Seen {
    took: Vec<(usize, Duration)>,
    errors: u64,
}

fn client(address: SocketAddr, load: Load, seed: u64) -> Seen {
    let mut random = Random(seed + 1);
    let mut connection = Connection::open(address);
    let mut answers = Seen::default();
    let mut next = cursor(load.rows as u64);
    let until = Instant::now() + Duration::from_secs(load.seconds);
    // Not all at once.
    thread::sleep(Duration::from_millis(random.below(load.pause_ms + 1)));
    while Instant::now() < until {
        let mut draw = random.below(100);
        let which = QUESTIONS.iter().position(|(_, _, share)| {
            let is_it = draw < *share;
            draw = draw.saturating_sub(*share);
            is_it
        });
        let which = which.unwrap_or_default();
        let target = match QUESTIONS[which].1 {
            NEXT_PAGE => format!("{NEXT_PAGE}{next}"),
            ANYWHERE => format!("{ANYWHERE}{}", 1 + random.below(load.rows as u64)),
            RARE => format!("{RARE}{NEEDLE}"),
            fixed => fixed.to_owned(),
        };
        let began = Instant::now();
        match connection.ask(&target) {
            Ok((200, body)) => {
                answers.took.push((which, began.elapsed()));
                if target == "/logs" || target.starts_with(NEXT_PAGE) {
                    next = next_cursor(&body);
                }
            }
            other => {
                eprintln!("{target}: {:?}", other.map(|(status, _)| status));
                answers.errors += 1;
                connection = Connection::open(address);
            }
        }
        thread::sleep(Duration::from_millis(random.below(2 * load.pause_ms + 1)));
    }
    answers
}

/// A cursor as in pages: base64 of the ID.
fn cursor(id: u64) -> String {
    escaped(&vmlog::query::Cursor::Id(vmlog::record::Id(id)).to_string())
}

/// The cursor of the next page.
fn next_cursor(body: &[u8]) -> String {
    let page: serde_json::Value = serde_json::from_slice(body).expect("JSON");
    escaped(page["nextCursor"].as_str().unwrap_or_default())
}

fn escaped(cursor: &str) -> String {
    cursor.replace('=', "%3D")
}

/// Measures the newest page over one connection, before the other clients start.
fn single_client(address: SocketAddr) {
    let mut connection = Connection::open(address);
    let mut took: Vec<_> = (0..2_000)
        .map(|_| {
            let began = Instant::now();
            let (status, _) = connection.ask("/logs").expect("an answer");
            assert_eq!(status, 200);
            began.elapsed()
        })
        .collect();
    took.sort_unstable();
    println!(
        "one client            {:>9.2?} median of the newest page",
        took[1_000]
    );
}

fn report(results: &[Seen], load: Load) {
    let all = results
        .iter()
        .map(|result| result.took.len())
        .sum::<usize>();
    println!(
        "answers               {all:9} ({:.0} a second), {} errors",
        all as f64 / load.seconds as f64,
        results.iter().map(|result| result.errors).sum::<u64>()
    );
    println!(
        "{:<24} {:>8} {:>10} {:>10} {:>10}",
        "question", "answers", "median", "p99", "worst"
    );
    for (which, (name, ..)) in QUESTIONS.iter().enumerate() {
        let of_it = results.iter().flat_map(|result| &result.took);
        let mut took: Vec<_> = of_it
            .filter(|(found, _)| *found == which)
            .map(|(_, took)| *took)
            .collect();
        took.sort_unstable();
        let at = |share: usize| {
            took.get(took.len() * share / 100)
                .or(took.last())
                .copied()
                .unwrap_or_default()
        };
        println!(
            "{name:<24} {:>8} {:>10.1?} {:>10.1?} {:>10.1?}",
            took.len(),
            at(50),
            at(99),
            at(100)
        );
    }
}

/// How many of the written records are stored, once no more arrive.
fn settled(address: SocketAddr, written: u64) -> u64 {
    let began = Instant::now();
    loop {
        let mut connection = Connection::open(address);
        let (_, body) = connection
            .ask("/logs/sources?source=file:load")
            .expect("an answer");
        let found: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        let stored = found["sources"][0]["entryCount"].as_u64().unwrap_or(0);
        if stored >= written || began.elapsed() > Duration::from_mins(1) {
            return stored;
        }
        thread::sleep(Duration::from_millis(100));
    }
}

/// The generator `splitmix64`.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31) % end.max(1)
    }
}
