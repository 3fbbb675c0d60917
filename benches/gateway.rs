//! The gateway in front of 1,000 stub nodes in this process, each of which answers in 5 ms: how long the newest 100 records of all take, where
//! they are spread over many nodes and where one node has them all; and what the gateway adds to an answer of one node.
//!
//! `cargo bench --bench gateway [-- NODES]`. Medians; the direct request to a node is the baseline of the proxied one.
//!
//! If `VMLOG_BIN` names the program, it also runs as a gateway of 100 such nodes with 200 clients, each a user of its own, that ask for
//! the newest 100 records of all, pause and ask again: how long they wait, and the memory of the gateway. Clients and nodes are in this
//! process and share its processors.

#![expect(
    clippy::cast_precision_loss,
    reason = "figures are printed with few digits"
)]

mod shipped;

use rustix::process::{Resource, getrlimit, setrlimit};
use serde_json::json;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use vmlog::gateway::{Gateway, GatewayOptions, GatewayToken};
use vmlog::server::KeySource;
use vmlog::time::Micros;

const TOKEN: &str = "gateway-bench-token-0123456789";
/// How long a node takes.
const NODE_TAKES: Duration = Duration::from_millis(5);
const ROUNDS: usize = 21;
const NOON: i64 = 1_771_338_615_123_456;

/// Which nodes have the newest records.
#[derive(Debug, Clone, Copy)]
enum Spread {
    /// Each node has one of the newest.
    Even,
    /// The first node has all of them.
    One,
}

fn main() {
    let nodes: u16 = std::env::args()
        .skip(1)
        .find_map(|argument| argument.parse().ok())
        .unwrap_or(1_000);
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).expect("more descriptors");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(run(nodes));
    if let Ok(program) = std::env::var("VMLOG_BIN") {
        runtime.block_on(load(&program));
    }
}

async fn run(nodes: u16) {
    for spread in [Spread::Even, Spread::One] {
        let stub = stub(spread, NODE_TAKES).await;
        let gateway = gateway(nodes, stub).await;
        let mut client = Client::open(gateway).await;
        let target = "/api/logs?limit=100";
        // the first request opens a connection to each node
        let first = client.get(target).await;
        let warm = median(&mut client, target).await;
        println!(
            "newest 100 records of {nodes} nodes that answer in {} ms, spread {spread:?}: {:.1} ms (the first request {:.1} ms)",
            NODE_TAKES.as_millis(),
            ms(warm),
            ms(first)
        );
    }
    let stub = stub(Spread::Even, Duration::ZERO).await;
    let gateway = gateway(1, stub).await;
    let address = SocketAddr::new(IpAddr::V4(node_address(0)), stub.port());
    let (mut direct, mut through) = (Client::open(address).await, Client::open(gateway).await);
    let (mut direct_times, mut through_times) = (Vec::new(), Vec::new());
    for _ in 0..500 {
        direct_times.push(direct.get("/logs?limit=100").await);
        through_times.push(through.get("/api/nodes/n0/logs?limit=100").await);
    }
    let (direct, through) = (middle(direct_times), middle(through_times));
    println!(
        "100 records of one node: {:.3} ms direct, {:.3} ms through the gateway, which adds {:.3} ms",
        ms(direct),
        ms(through),
        ms(through.saturating_sub(direct))
    );
}

/// The nodes and clients under which memory is measured, and for how long.
const LOAD_NODES: u16 = 100;
const LOAD_CLIENTS: usize = 200;
const LOAD_TAKES: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(250);

async fn load(program: &str) {
    let stub = stub(Spread::Even, NODE_TAKES).await;
    let (gateway, address) = start(program, &registry(LOAD_NODES, stub));
    tokio::time::sleep(Duration::from_secs(2)).await;
    let idle = memory(&gateway.0);
    let until = Instant::now() + LOAD_TAKES;
    let clients: Vec<_> = (0..LOAD_CLIENTS)
        .map(|number| tokio::spawn(ask_until(address, format!("user{number}"), until)))
        .collect();
    let (mut times, mut most) = (Vec::new(), idle);
    while Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(200)).await;
        most = most.max(memory(&gateway.0));
    }
    for client in clients {
        times.extend(client.await.expect("a client"));
    }
    times.sort_unstable();
    println!(
        "{LOAD_CLIENTS} clients with the newest 100 of {LOAD_NODES} nodes, {:.0} answers a second: median {:.1} ms, p99 {:.1} ms; \
         resident memory {:.1} MB idle, {:.1} MB at most",
        times.len() as f64 / LOAD_TAKES.as_secs_f64(),
        ms(times[times.len() / 2]),
        ms(times[times.len() * 99 / 100]),
        idle as f64 / 1e3,
        most as f64 / 1e3,
    );
}

async fn ask_until(address: SocketAddr, user: String, until: Instant) -> Vec<Duration> {
    let mut client = Client::open(address).await;
    client.user = Some(user);
    let mut times = Vec::new();
    while Instant::now() < until {
        times.push(client.get("/api/logs?limit=100").await);
        tokio::time::sleep(PAUSE).await;
    }
    times
}

/// A gateway that ends with the bench.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(program: &str, registry: &Path) -> (Running, SocketAddr) {
    let users: Vec<_> = (0..LOAD_CLIENTS)
        .map(|number| format!("user{number}"))
        .collect();
    let mut child = Command::new(program)
        .arg("gateway")
        .env("LOG_GATEWAY_REGISTRY", registry)
        .env("LOG_GATEWAY_DIR", registry.with_file_name("gateway"))
        .env("LOG_GATEWAY_LISTEN", "127.0.0.1:0")
        .env("LOG_GATEWAY_USER_HEADER", "x-user")
        .env("LOG_GATEWAY_ADMINS", users.join(","))
        .env("LOG_GATEWAY_ACCESS_LOG", "false")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the gateway starts");
    let mut line = String::new();
    let output = child.stdout.as_mut().expect("a pipe");
    std::io::BufRead::read_line(&mut std::io::BufReader::new(output), &mut line).expect("a line");
    let address = line
        .split_once("http://")
        .and_then(|(_, rest)| rest.split('/').next())
        .and_then(|address| address.parse().ok())
        .expect("its address");
    (Running(child), address)
}

/// Resident memory, in kilobytes.
fn memory(child: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let words = line.expect("its memory").split_whitespace().next();
    words
        .and_then(|kib| kib.parse().ok())
        .map_or(0, |kib: u64| kib * 1024 / 1000)
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

fn middle(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

async fn median(client: &mut Client, target: &str) -> Duration {
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        times.push(client.get(target).await);
    }
    middle(times)
}

/// Each node has an address of its own on loopback, so that the stub knows which one is asked.
fn node_address(node: u16) -> Ipv4Addr {
    let [high, low] = node.to_le_bytes();
    Ipv4Addr::new(127, 1, high, low)
}

/// All nodes, behind one listener.
async fn stub(spread: Spread, takes: Duration) -> SocketAddr {
    let listener = TcpListener::bind("0.0.0.0:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, spread, takes));
        }
    });
    address
}

async fn answer(stream: TcpStream, spread: Spread, takes: Duration) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let IpAddr::V4(address) = stream.local_addr().ok()?.ip() else {
        return None;
    };
    let [_, _, high, low] = address.octets();
    let node = u16::from_le_bytes([high, low]);
    let mut stream = BufReader::new(stream);
    loop {
        let mut request = String::new();
        while !request.ends_with("\r\n\r\n") {
            if stream.read_line(&mut request).await.ok()? == 0 {
                return None;
            }
        }
        let page = page(node, spread, request.lines().next()?);
        tokio::time::sleep(takes).await;
        stream.get_mut().write_all(page.as_bytes()).await.ok()?;
    }
}

/// A page of a node: the record `id` of a node is `1000 - id` steps old.
fn page(node: u16, spread: Spread, request: &str) -> String {
    let value = |name: &str| -> Option<&str> {
        let rest = request.split_once(name)?.1;
        rest.split(['&', ' ']).next()
    };
    let limit: i64 = value("limit=")
        .and_then(|text| text.parse().ok())
        .unwrap_or(100);
    let before = value("cursor=").map_or(1_000, |cursor| {
        let cursor = cursor.replace("%3D", "=");
        let plain = base64(&cursor);
        let id = plain.split_once(':').expect("a time and an id").1;
        id.parse::<u64>()
            .map_or(0, |id| i64::try_from(id.min(1_000)).expect("small"))
    });
    let age = match spread {
        Spread::One if node > 0 => 3_600_000_000,
        _ => 0,
    };
    let ids = (1..before)
        .rev()
        .take(usize::try_from(limit).expect("a limit"));
    let time = |id: i64| NOON - (1_000 - id) * 1_000_000 - i64::from(node) - age;
    let mut lines = String::new();
    for id in ids {
        let record = json!({"id": id.to_string(), "timestamp": Micros::new(time(id)).to_string(), "source": "docker:web",
            "level": "info", "message": format!("GET /items/{id} took 12 ms, 200, 5120 bytes"),
            "metadata": {"unit": "docker.service", "container": "web", "pid": 4711}});
        lines.push_str(&record.to_string());
        lines.push('\n');
    }
    let last = (before - limit).max(1);
    let cursor = vmlog::query::Cursor::Time(
        Micros::new(time(last)),
        vmlog::record::Id(u64::try_from(last).expect("positive")),
    );
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\ncontent-length: {}\r\nx-next-cursor: {cursor}\r\n\
         x-vmlog-store: {node:032x}\r\n\r\n{lines}",
        lines.len()
    )
}

fn base64(text: &str) -> String {
    let cursor: vmlog::query::Cursor = text.parse().expect("a cursor");
    match cursor {
        vmlog::query::Cursor::Time(time, id) => format!("{}:{id}", time.get()),
        vmlog::query::Cursor::Id(id) => format!("0:{id}"),
    }
}

/// A list of this number of nodes of a stub, in a folder of its own.
fn registry(nodes: u16, stub: SocketAddr) -> PathBuf {
    let folder = tempfile::tempdir().expect("a folder").keep();
    let rows: Vec<_> = (0..nodes)
        .map(|node| {
            let url = format!("http://{}:{}", node_address(node), stub.port());
            json!({"id": format!("n{node}"), "url": url})
        })
        .collect();
    let registry = folder.join("nodes.json");
    std::fs::write(&registry, json!({"nodes": rows}).to_string()).expect("written");
    registry
}

/// A running gateway for this number of nodes of a stub.
async fn gateway(nodes: u16, stub: SocketAddr) -> SocketAddr {
    let registry = registry(nodes, stub);
    let folder = registry.with_file_name("gateway");
    let options = GatewayOptions {
        token: Some(GatewayToken(TOKEN.to_owned())),
        rate: 0,
        access_log: false,
        ..GatewayOptions::new(Some(KeySource::File(registry)), folder)
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let gateway = Gateway::open(options, address.ip()).await.expect("keys");
    tokio::spawn(gateway.serve(listener, std::future::pending()));
    address
}

/// A connection that is kept.
struct Client {
    stream: BufReader<TcpStream>,
    /// Whom a proxy in front would name; otherwise the token says it.
    user: Option<String>,
}

impl Client {
    async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("a connection");
        stream.set_nodelay(true).expect("an option");
        Self {
            stream: BufReader::new(stream),
            user: None,
        }
    }

    /// Reads a whole answer, which must be a success, and returns the time that it took.
    async fn get(&mut self, target: &str) -> Duration {
        let identity = match &self.user {
            Some(user) => format!("x-user: {user}"),
            None => format!("authorization: Bearer {TOKEN}"),
        };
        let request = format!("GET {target} HTTP/1.1\r\nhost: localhost\r\n{identity}\r\n\r\n");
        let began = Instant::now();
        self.stream
            .get_mut()
            .write_all(request.as_bytes())
            .await
            .expect("sent");
        let (mut head, mut length) = (String::new(), 0);
        while !head.ends_with("\r\n\r\n") {
            let from = head.len();
            assert!(
                self.stream.read_line(&mut head).await.expect("a line") > 0,
                "closed"
            );
            if let Some(text) = head[from..].strip_prefix("content-length: ") {
                length = text.trim().parse().expect("a length");
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).await.expect("a body");
        let took = began.elapsed();
        assert!(
            head.starts_with("HTTP/1.1 200"),
            "{head}{}",
            String::from_utf8_lossy(&body)
        );
        if target.starts_with("/api/logs") {
            let page: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
            assert_eq!(page["entries"].as_array().map(Vec::len), Some(100));
            assert_eq!(page["nodes"]["failed"], json!([]));
        }
        took
    }
}
