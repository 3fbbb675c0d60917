//! The speed of redaction: megabytes of message bytes per second of processor time, the best of several rounds.
//! Processor time excludes other load, so that a busy machine can be used. `cargo bench --bench redact [-- FILE...]`:
//! with files, only their lines are measured, and changed lines are listed. With `pairs` instead of files, texts are
//! measured that repeat each literal of the rules in each surrounding: all of 16 and 64 KiB, and of 256 KiB and 1 MiB the
//! slowest and those that grew most. The slowest are listed, and those whose time is not linear. It takes a minute.

use rustix::time::ClockId;
use rustix::time::clock_gettime;
use std::collections::BTreeSet;
use std::hint::black_box;
use vmlog::record::Level;
use vmlog::record::Metadata;
use vmlog::record::Record;
use vmlog::record::Source;
use vmlog::redact::RULES;
use vmlog::redact::RedactOptions;
use vmlog::redact::Redactor;
use vmlog::time::Micros;

/// Size of the messages in one round.
const ROUND_BYTES: usize = 16 << 20;

/// The best of this many rounds counts; the others were disturbed.
const ROUNDS: usize = 5;

/// Typical lines of services; some mention keys and tokens without containing one.
const ORDINARY: &[&str] = &[
    "10.32.0.17 - - [21/Nov/2026:05:24:36 +0000] \"GET /api/v1/workspaces/4711/logs?limit=100 \
     HTTP/1.1\" 200 5123 \"-\" \"Mozilla/5.0 (X11; Linux x86_64)\" 0.013",
    "Accepted publickey for core from 10.0.2.2 port 53122 ssh2: RSA SHA256:vK3n1bXyUZ0cQ",
    "level=info ts=2026-11-21T05:24:36.123456Z caller=compact.go:519 component=tsdb msg=\"write \
     block\" mint=1763700000000 maxt=1763707200000 duration=1.204s",
    "Started Session 4711 of User root.",
    "081109 203615 148 INFO dfs.DataNode$PacketResponder: PacketResponder 1 for block \
     blk_38865049064139660 terminating",
    "Step 7/12 : RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates \
     curl git",
    "usb 1-1: new high-speed USB device number 4 using xhci_hcd, idVendor=0781, idProduct=5581",
    "2026-11-21 05:24:36.123 UTC [1842] LOG:  checkpoint complete: wrote 1291 buffers (7.9%); 0 \
     WAL file(s) added, 0 removed, 1 recycled; write=129.3 s, sync=0.004 s",
    "pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)",
    "Failed password for invalid user admin from 203.0.113.77 port 40022 ssh2",
    "E1121 05:24:36.123456       1 reflector.go:138] failed to list *v1.Pod: the server was \
     unable to return a response in the time allotted",
    "npm WARN deprecated har-validator@5.1.5: this library is no longer supported",
    "token bucket is full, dropping 17 packets from eth0",
    "request 3f2b8a30-1c6e-4b51-9f4e-0d6c6b0f7a11 finished in 183 ms with status 200, cache miss \
     for the key in use",
];

/// Lines with one secret each, among other text.
const SECRET: &[&str] = &[
    "connecting to postgres://app:S3cr3tPassw0rd@db.internal:5432/shop as the application user, \
     attempt 3 of 5, timeout 30 s",
    "curl -sS -H 'Authorization: Bearer \
     eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dBjftJeZ4CVPmB92K27uhbUJU1p1r' \
     https://api.example.com/v1/items?page=2",
    "{\"level\":\"info\",\"msg\":\"login\",\"user\":\"bob\",\"password\":\"hunter2 is \
     long\",\"remote\":\"10.0.0.7\",\"duration_ms\":17}",
    "remote: using ghp_16C7e42F292c6912E7710c838347Ae178B4a for \
     https://git.example.com/team/repository.git, 117 objects",
    "environment: LANG=C.UTF-8 HOME=/root \
     AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY REGION=eu-central-1",
    "uploading layer sha256:9f86d081884c7d65 by AKIAIOSFODNN7EXAMPLE to bucket images in \
     eu-central-1, 3 of 9 parts done",
];

fn main() {
    let started = processor_seconds();
    let redactor = Redactor::new(&RedactOptions::default()).expect("the default options are valid");
    println!(
        "{:<28} {:>9.2} ms",
        "compile the rules",
        (processor_seconds() - started) * 1e3
    );

    let started = processor_seconds();
    for rule in RULES {
        black_box(redactor.redact_text(rule.changes.0));
    }
    println!(
        "{:<28} {:>9.2} ms",
        "first use of each rule",
        (processor_seconds() - started) * 1e3
    );

    let paths: Vec<_> = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with("--"))
        .collect();
    if paths == ["pairs"] {
        return pairs(&redactor);
    }
    if !paths.is_empty() {
        return paths.iter().for_each(|path| file(path, &redactor));
    }
    let ordinary = lines(ORDINARY);
    let secret = lines(SECRET);
    report("ordinary lines, text", &redactor, &ordinary);
    report("lines with a secret, text", &redactor, &secret);
    records("ordinary lines, records", &redactor, &ordinary);
    records("lines with a secret, records", &redactor, &secret);
    let off = Redactor::new(&RedactOptions {
        disabled: vec!["all".to_owned()],
        ..RedactOptions::default()
    });
    records(
        "ordinary records, all off",
        &off.expect("all is a word"),
        &ordinary,
    );
    for (name, unit) in ADVERSARIAL {
        let line = unit.repeat((1 << 20) / unit.len());
        report(&format!("1 MiB of {name}"), &redactor, &[line]);
    }
}

/// Measures the lines of a file and lists the changes.
fn file(path: &str, redactor: &Redactor) {
    let bytes = std::fs::read(path).expect("the file can be read");
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<_> = text.lines().map(str::to_owned).collect();
    let mut changed = 0;
    for line in &lines {
        let scrubbed = redactor.redact_text(line);
        if scrubbed != *line {
            changed += 1;
            println!("- {line}\n+ {scrubbed}");
        }
    }
    println!("{path}: {changed} of {} lines changed", lines.len());
    report(path, redactor, &lines);
}

/// Texts that make a naive search quadratic.
const ADVERSARIAL: &[(&str, &str)] = &[
    ("key=", "key="),
    ("\"key\":{", "\"key\":{"),
    ("key=\"", "key=\""),
    ("eyJ.", "eyJaaaaaa."),
    ("://a:", "://a:"),
    ("sk-", "sk-"),
    ("BEGIN PRIVATE KEY", "-----BEGIN PRIVATE KEY----- x "),
    ("key ", "key "),
    ("mysql ", "mysql "),
    (
        "spaces after key",
        "key                                                              ",
    ),
    ("cookie:", "cookie:"),
];

/// Texts before and after a literal in a text that repeats it.
const SURROUNDINGS: &[(&str, &str)] = &[
    ("", ""),
    ("", " "),
    ("", "="),
    ("", ":"),
    ("", ": "),
    ("", "=\""),
    ("", ":\\\""),
    ("\"", "\":\""),
    ("\"", "\":{"),
    ("\"", "\":["),
    ("'", "', '"),
    ("--", " "),
    ("<", ">"),
    (" ", "\n"),
    ("|", "|"),
    ("%22", "%3D"),
    ("", "a:"),
    ("", "a@"),
    ("", " 1: "),
    ("", " (x) "),
    ("", "=x ="),
    ("", " for "),
    ("", " is "),
    ("", "1aA"),
    ("1aA.", "-"),
];

/// A text that repeats a literal in a surrounding, with its times.
struct Repeated {
    unit: String,
    /// Sizes in bytes, ascending, with the seconds that each took.
    steps: Vec<(usize, f64)>,
}

impl Repeated {
    fn measure(&mut self, bytes: usize, redactor: &Redactor) {
        let text = self.unit.repeat(bytes / self.unit.len());
        // a short text that was disturbed would look slow, or make a longer one look fast
        let seconds = best_seconds(if bytes < 128 << 10 { 2 } else { 1 }, || {
            drop(black_box(redactor.redact_text(black_box(&text))));
        });
        self.steps.push((text.len(), seconds));
    }

    /// Megabytes a second, at worst.
    #[expect(clippy::cast_precision_loss, reason = "for people to read")]
    fn speed(&self) -> f64 {
        let speeds = self
            .steps
            .iter()
            .map(|(bytes, seconds)| *bytes as f64 / seconds / 1e6);
        speeds.fold(f64::INFINITY, f64::min)
    }

    /// How much longer the last step took than the one before, which was a quarter as long.
    fn growth(&self) -> f64 {
        match self.steps[..] {
            [.., (_, one), (_, four)] => four / one,
            _ => 0.0,
        }
    }
}

/// Measures texts that repeat a literal in a surrounding: their speed, and whether their time is linear.
fn pairs(redactor: &Redactor) {
    /// Quadratic time would be 16 times as long.
    const GROWTH_MAX: f64 = 8.0;
    /// Number of texts, the slowest and as many that grew most, that are measured at larger sizes.
    const LARGE: usize = 100;
    let started = processor_seconds();
    let literals: BTreeSet<_> = RULES
        .iter()
        .flat_map(vmlog::redact::Rule::literals)
        .collect();
    let unit = |literal: &str| {
        let around = SURROUNDINGS.iter();
        let units = around.map(|(before, after)| format!("{before}{literal}{after}"));
        units.collect::<Vec<_>>()
    };
    let units = literals.into_iter().flat_map(unit);
    let steps = Vec::new();
    let mut texts: Vec<_> = units
        .map(|unit| Repeated {
            unit,
            steps: steps.clone(),
        })
        .collect();
    for text in &mut texts {
        for kib in [16, 64] {
            text.measure(kib << 10, redactor);
        }
    }
    texts.sort_by(|a, b| b.growth().total_cmp(&a.growth()));
    let (grown, others) = texts.split_at_mut(LARGE);
    others.sort_by(|a, b| a.speed().total_cmp(&b.speed()));
    let mut nonlinear = 0;
    for text in grown.iter_mut().chain(&mut others[..LARGE]) {
        for kib in [256, 1024] {
            text.measure(kib << 10, redactor);
            if text.growth() > GROWTH_MAX {
                nonlinear += 1;
                println!("{:?} is not linear: {:.4?}", text.unit, text.steps);
            }
        }
    }
    texts.sort_by(|a, b| a.speed().total_cmp(&b.speed()));
    let seconds = processor_seconds() - started;
    println!(
        "{} texts in {seconds:.0} s, {nonlinear} not linear; the slowest:",
        texts.len()
    );
    for slow in texts.iter().take(10) {
        let largest = slow.steps.last().map_or(0, |(bytes, _)| bytes >> 10);
        println!(
            "{:>9.1} MB/s up to {largest:>4} KiB {:?}",
            slow.speed(),
            slow.unit
        );
    }
}

fn lines(patterns: &[&str]) -> Vec<String> {
    let total: usize = patterns.iter().map(|line| line.len()).sum();
    let repeats = ROUND_BYTES / total;
    (0..repeats)
        .flat_map(|_| patterns.iter().map(|&line| line.to_owned()))
        .collect()
}

fn report(name: &str, redactor: &Redactor, lines: &[String]) {
    let bytes: usize = lines.iter().map(String::len).sum();
    let best = best_seconds(ROUNDS, || {
        for line in lines {
            black_box(redactor.redact_text(black_box(line)));
        }
    });
    print(name, bytes, lines.len(), best);
}

/// Measures complete records with metadata; only the bytes of the messages count. Records are created and dropped
/// outside of the measured time, a batch at a time, so that they are in the cache as fresh ones are.
fn records(name: &str, redactor: &Redactor, lines: &[String]) {
    const BATCH: usize = 100;
    let bytes: usize = lines.iter().map(String::len).sum();
    let mut redactor = redactor.clone();
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let mut seconds = 0.0;
        for batch in lines.chunks(BATCH) {
            let records: Vec<_> = batch.iter().map(|line| record(line)).collect();
            let mut redacted = Vec::with_capacity(BATCH);
            let started = processor_seconds();
            redacted.extend(records.into_iter().map(|record| redactor.redact(record)));
            seconds += processor_seconds() - started;
            black_box(redacted);
        }
        best = f64::min(best, seconds);
    }
    print(name, bytes, lines.len(), best);
}

fn record(line: &str) -> Record {
    let mut metadata = Metadata::new();
    for (key, value) in [
        ("unit", "web.service"),
        ("pid", "4711"),
        ("container_name", "web"),
        ("container_id", "3f2b8a301c6e"),
    ] {
        metadata.insert(key.to_owned(), value);
    }
    Record {
        timestamp: Micros::new(0),
        source: Source::new("docker", "web"),
        level: Level::Info,
        message: line.to_owned(),
        metadata,
    }
}

/// The processor time of this thread.
#[expect(clippy::cast_precision_loss, reason = "seconds of a bench, not years")]
fn processor_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn best_seconds(rounds: usize, mut round: impl FnMut()) -> f64 {
    (0..rounds)
        .map(|_| {
            let started = processor_seconds();
            round();
            processor_seconds() - started
        })
        .fold(f64::INFINITY, f64::min)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "the numbers are for people to read"
)]
fn print(name: &str, bytes: usize, lines: usize, seconds: f64) {
    println!(
        "{name:<28} {:>9.1} MB/s {:>9.0} ns/line",
        bytes as f64 / seconds / 1e6,
        seconds * 1e9 / lines as f64
    );
}
