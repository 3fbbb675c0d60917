//! Seeded log records that resemble those of a busy VM: twelve sources with very different shares, messages of 142
//! bytes on average with numbers, paths and ids, a random uuid in three of ten, errors in bursts.
//!
//! The same seed yields the same records on every machine. Texts for searches are planted: `NEEDLE` once in a million
//! records, `timed out after 9ddd ms` eleven times, `connection` in two of a hundred messages.

use serde_json::{Map, Value};

/// Planted in one record of a million.
pub(crate) const NEEDLE: &str = "xneedle_7f3a9c21e5q";

/// A record that does not depend on the types of the store.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    /// Microseconds since 1970.
    pub(crate) timestamp: i64,
    /// One of [`SOURCES`].
    pub(crate) source: &'static str,
    /// 0 debug, 1 info, 2 warn, 3 error.
    pub(crate) level: usize,
    /// The text.
    pub(crate) message: String,
    /// The metadata.
    pub(crate) metadata: Map<String, Value>,
}

/// Sources and their share of records in percent.
pub(crate) const SOURCES: [(&str, u64); 12] = [
    ("docker:api", 22),
    ("docker:web", 13),
    ("docker:worker", 13),
    ("docker:hdfs", 10),
    ("devcontainer:app", 10),
    ("devcontainer:build", 8),
    ("system:ssh", 6),
    ("docker:zookeeper", 5),
    ("system:cron", 5),
    ("system:kernel", 4),
    ("system:systemd-logind", 2),
    ("cloud-init", 2),
];

/// 2026-11-10T00:00:00Z.
pub(crate) const START: i64 = 1_794_268_800_000_000;
/// A million records span five days.
const STEP_MEAN: u64 = 5 * 86_400 * 1_000_000 / 1_000_000;

/// Generates an endless sequence of samples.
#[derive(Debug)]
pub(crate) struct Generator {
    random: Random,
    number: u64,
    timestamp: i64,
    burst: u64,
}

impl Generator {
    /// Creates a generator; the same seed yields the same samples.
    #[must_use]
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            random: Random(seed),
            number: 0,
            timestamp: START,
            burst: 0,
        }
    }

    fn level(&mut self) -> usize {
        if self.burst > 0 {
            self.burst -= 1;
            return 3;
        }
        if self.random.below(2000) == 0 {
            self.burst = 20 + self.random.below(40);
        }
        match self.random.below(1000) {
            0..210 => 0,
            210..920 => 1,
            920..990 => 2,
            _ => 3,
        }
    }

    fn source(&mut self) -> usize {
        let mut left = self.random.below(100);
        for (index, (_, weight)) in SOURCES.iter().enumerate() {
            if left < *weight {
                return index;
            }
            left -= weight;
        }
        0
    }
}

impl Iterator for Generator {
    type Item = Sample;

    fn next(&mut self) -> Option<Sample> {
        let number = self.number;
        self.number += 1;
        let step = self.random.below(2 * STEP_MEAN);
        self.timestamp += i64::try_from(step).unwrap_or_default();
        let level = self.level();
        let index = self.source();
        let mut message = message(&mut self.random, index, level);
        if number % 1_000_000 == 370_000 {
            message.push_str(" token=");
            message.push_str(NEEDLE);
        }
        if number % 90_909 == 777 {
            message.push_str(" timed out after ");
            message.push_str(&(9000 + self.random.below(1000)).to_string());
            message.push_str(" ms");
        }
        if self.random.below(1000) < 18 {
            message.push_str(" connection reset by peer");
        }
        Some(Sample {
            timestamp: self.timestamp,
            source: SOURCES[index].0,
            level,
            message,
            metadata: metadata(&mut self.random, index),
        })
    }
}

fn metadata(random: &mut Random, source: usize) -> Map<String, Value> {
    let mut map = Map::new();
    let name = SOURCES[source].0;
    match name.split_once(':') {
        Some(("docker", container)) => {
            map.insert(
                "container_id".into(),
                format!("{:012x}", 0x3f9a_77c1_2ee0 + source).into(),
            );
            map.insert("container".into(), container.into());
            map.insert(
                "stream".into(),
                ["stdout", "stderr"][usize::from(random.below(8) == 0)].into(),
            );
        }
        Some(("devcontainer", _)) => {
            map.insert("event_type".into(), "process_output".into());
            map.insert("pid".into(), (4000 + random.below(40)).into());
            map.insert("stream".into(), "stdout".into());
        }
        Some((_, unit)) => {
            map.insert("unit".into(), format!("{unit}.service").into());
            map.insert("pid".into(), (600 + source as u64 + random.below(3)).into());
            map.insert("boot_id".into(), "5a1f0c9e2b7d4f3e".into());
        }
        None => {
            map.insert(
                "stage".into(),
                ["init", "config", "final"][usize::try_from(random.below(3)).unwrap_or(0)].into(),
            );
            map.insert("module".into(), "cc_scripts_user".into());
        }
    }
    map
}

fn message(random: &mut Random, source: usize, level: usize) -> String {
    let mut text = body(random, source);
    if level == 3 {
        text.push_str(random.pick(&[
            " failed: upstream returned an unexpected status",
            " failed: no such file or directory",
            " panicked: index out of bounds",
        ]));
    }
    if random.below(100) < 30 {
        text.push_str(" request_id=");
        text.push_str(&random.uuid());
    }
    if random.below(100) < 12 {
        text.push_str(" trace=");
        text.push_str(&random.hex(16));
    }
    text
}

fn body(random: &mut Random, source: usize) -> String {
    match source {
        0 => api(random),
        1 => web(random),
        2 => worker(random),
        3 => hdfs(random),
        4 => app(random),
        5 => build(random),
        6 => ssh(random),
        7 => zookeeper(random),
        8 => cron(random),
        9 => kernel(random),
        10 => logind(random),
        _ => cloud_init(random),
    }
}

fn api(random: &mut Random) -> String {
    let (user, ip) = (random.skewed(5000), random.ip());
    let (duration, span) = (random.decimal(1000), random.hex(14));
    match random.below(4) {
        0 => format!(
            "span={span} component=http method={} path={} status={} bytes={} duration_ms={duration} user={user} remote={ip}:{}",
            random.pick(METHODS),
            random.pick(PATHS),
            status(random),
            random.skewed(60_000),
            random.port()
        ),
        1 => format!(
            "span={span} component=db query=\"SELECT id, name, updated_at FROM projects \
             WHERE owner_id = {user} LIMIT 50\" rows={} duration_ms={duration} connection_id={}",
            random.skewed(50),
            random.below(100_000)
        ),
        2 => format!(
            "span={span} component=cache operation=get key=project:{}:members hit={} ttl_s={} shard={} etag={}",
            random.skewed(100_000),
            random.below(2),
            random.below(300),
            random.below(16),
            random.hex(8)
        ),
        _ => format!(
            "span={span} component=auth message=\"session refreshed\" user={user} session={} expires_in_s={} remote={ip}:{}",
            random.hex(10),
            random.below(3600),
            random.port()
        ),
    }
}

fn web(random: &mut Random) -> String {
    format!(
        "{} - - [{:02}/Nov/2026:{} +0000] \"{} {}?page={} HTTP/1.1\" {} {} \"https://app.example.com/projects\" \"Mozilla/5.0 Firefox/{}.0\" rt={} cid={}",
        random.ip(),
        10 + random.below(5),
        random.clock(),
        random.pick(METHODS),
        random.pick(PATHS),
        random.skewed(40),
        status(random),
        random.skewed(60_000),
        120 + random.below(12),
        random.decimal(10),
        random.hex(16)
    )
}

fn worker(random: &mut Random) -> String {
    let (worker, run) = (random.below(8), random.hex(16));
    match random.below(3) {
        0 => format!(
            "[worker-{worker} {run}] job {} of queue {} finished after {} ms with {} retries, peak memory {} kB",
            random.below(10_000_000),
            random.pick(&["mail", "thumbnails", "exports", "webhooks"]),
            random.decimal(9000),
            random.below(3),
            random.below(900_000)
        ),
        1 => format!(
            "[worker-{worker} {run}] fetched batch of {} jobs from redis stream jobs:default at offset {}-{} lag {} ms",
            random.below(100),
            1_794_268_800_000 + random.below(432_000_000),
            random.below(1000),
            random.below(10_000)
        ),
        _ => format!(
            "[worker-{worker} {run}] processing payload for account {}: {} items, {} bytes, checksum {}, attempt {} of 5",
            random.skewed(5000),
            random.skewed(500),
            random.skewed(900_000),
            random.hex(12),
            1 + random.below(3)
        ),
    }
}

fn hdfs(random: &mut Random) -> String {
    let block = random.next() >> 4;
    let (ip, thread) = (random.ip(), random.below(30_000));
    match random.below(3) {
        0 => format!(
            "{thread} INFO dfs.DataNode$PacketResponder: Received block blk_{block} of size {} from /{ip}",
            random.below(67_108_864)
        ),
        1 => format!(
            "{thread} INFO dfs.FSNamesystem: BLOCK* NameSystem.addStoredBlock: blockMap updated: {ip}:50010 is added to blk_{block} size 67108864"
        ),
        _ => format!(
            "{thread} INFO dfs.DataNode$DataXceiver: {ip}:50010 Served block blk_{block} to /{}:{}",
            random.ip(),
            random.port()
        ),
    }
}

fn app(random: &mut Random) -> String {
    format!(
        "[{}] {} rendered view {} for user {} in {} ms (db {} ms, {} queries, {} allocations, gc {} ms)",
        random.hex(12),
        random.pick(METHODS),
        random.pick(&[
            "projects/index",
            "projects/show",
            "users/edit",
            "orders/search"
        ]),
        random.skewed(5000),
        random.decimal(1000),
        random.decimal(200),
        random.below(30),
        random.below(900_000),
        random.decimal(10)
    )
}

fn build(random: &mut Random) -> String {
    match random.below(2) {
        0 => format!(
            "[{}/400] Compiling {} v{}.{}.{} (/workspace/crates/{}) {}",
            random.below(400),
            random.pick(CRATES),
            random.below(3),
            random.below(30),
            random.below(20),
            random.pick(CRATES),
            random.hex(12)
        ),
        _ => format!(
            "npm http fetch GET 200 https://registry.example.com/{}/-/{}-{}.{}.{}.tgz {}ms (cache {}) {}",
            random.pick(CRATES),
            random.pick(CRATES),
            random.below(20),
            random.below(30),
            random.below(20),
            random.below(2000),
            random.pick(&["hit", "miss", "revalidated"]),
            random.hex(16)
        ),
    }
}

fn ssh(random: &mut Random) -> String {
    format!(
        "Accepted publickey for {} from {} port {} ssh2: ED25519 SHA256:{}",
        random.pick(&["deploy", "root", "ubuntu"]),
        random.ip(),
        random.port(),
        random.pick(&["n4bQgYhMfWWaL", "qxv5Pz2kTtq7F", "uJ1mWb8cVdXeR"])
    )
}

fn zookeeper(random: &mut Random) -> String {
    format!(
        "INFO  [CommitProcessor:{}:NIOServerCnxn@{}] - Established session 0x{} with negotiated timeout 10000 for client /{}:{}",
        random.below(5),
        100 + random.below(900),
        random.hex(12),
        random.ip(),
        random.port()
    )
}

fn cron(random: &mut Random) -> String {
    format!(
        "({}) CMD (/usr/local/bin/backup --incremental --target /var/backups/{} >> /var/log/backup.log 2>&1) pid={}",
        random.pick(&["root", "www-data", "backup"]),
        random.below(20),
        random.below(100_000)
    )
}

fn kernel(random: &mut Random) -> String {
    format!(
        "[{:>6}.{:06}] {}: link {} at {} Mbps, full duplex, flow control rx/tx, queue {}",
        random.below(432_000),
        random.below(1_000_000),
        random.pick(&["eth0", "eth1", "docker0", "veth1a2b"]),
        random.pick(&["up", "down"]),
        random.pick(&["100", "1000", "10000"]),
        random.below(8)
    )
}

fn logind(random: &mut Random) -> String {
    format!(
        "New session {} of user {} with class user and type {} on seat0",
        random.below(100_000),
        random.pick(&["deploy", "root", "ubuntu"]),
        random.pick(&["tty", "unspecified"])
    )
}

fn cloud_init(random: &mut Random) -> String {
    format!(
        "Cloud-init v. 24.1.3 running 'modules:{}' at Tue, {:02} Nov 2026 {} +0000. Up {} seconds.",
        random.pick(&["config", "final", "init"]),
        10 + random.below(5),
        random.clock(),
        random.decimal(400)
    )
}

const METHODS: &[&str] = &["GET", "GET", "GET", "POST", "PUT", "DELETE"];
const PATHS: &[&str] = &[
    "/api/v1/projects",
    "/api/v1/users",
    "/api/v2/orders/search",
    "/healthz",
    "/api/v1/sessions",
    "/static/app.js",
    "/api/v1/projects/members",
    "/login",
];
const CRATES: &[&str] = &[
    "serde",
    "tokio",
    "hyper",
    "regex-automata",
    "proc-macro2",
    "syn",
    "quote",
    "libc",
    "memchr",
    "rustix",
];

fn status(random: &mut Random) -> u64 {
    match random.below(100) {
        0..3 => 500 + random.below(5),
        3..10 => 404,
        10..16 => 302,
        _ => 200,
    }
}

/// `SplitMix64`.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// Small numbers are more likely, as with real ids.
    fn skewed(&mut self, end: u64) -> u64 {
        self.below(end).min(self.below(end))
    }

    fn pick<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[usize::try_from(self.below(words.len() as u64)).unwrap_or(0)]
    }

    fn hex(&mut self, digits: usize) -> String {
        let mut text = format!("{:016x}", self.next());
        text.truncate(digits);
        text
    }

    fn ip(&mut self) -> String {
        format!(
            "10.{}.{}.{}",
            self.below(4),
            self.below(32),
            self.below(256)
        )
    }

    fn port(&mut self) -> u64 {
        30_000 + self.below(30_000)
    }

    /// A measured number, below `end`, with three decimals.
    fn decimal(&mut self, end: u64) -> String {
        format!("{}.{:03}", self.skewed(end), self.below(1000))
    }

    fn clock(&mut self) -> String {
        format!(
            "{:02}:{:02}:{:02}",
            self.below(24),
            self.below(60),
            self.below(60)
        )
    }

    fn uuid(&mut self) -> String {
        let (high, low) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xfff,
            0x8000 | low >> 48 & 0x3fff,
            low & 0xffff_ffff_ffff
        )
    }
}
