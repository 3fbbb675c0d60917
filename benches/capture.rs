//! The cost of capturing: lines per second through `vmlog exec`, compared with a plain pipe, and lines per second
//! that the collector turns into records.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use vmlog::collect::{Batch, CaptureCollector, CaptureOptions, Collector};
use vmlog::record::Positions;

const LINES: u32 = 300_000;

/// A typical line of a server.
const LINE: &str =
    "2026-02-17T14:30:15.123456Z INFO request handled path=/api/v1/things status=200 duration=12ms";

fn main() {
    let dir = std::env::temp_dir().join(format!("vmlog-bench-capture-{}", std::process::id()));
    let script = format!("yes '{LINE}' | head -n {LINES}");
    let plain = timed("plain pipe", || {
        run(Command::new("sh").args(["-c", &script]));
    });
    let captured = timed("vmlog exec", || {
        run(Command::new(env!("CARGO_BIN_EXE_vmlog"))
            .args(["exec", "--dir"])
            .arg(&dir)
            .args(["--", "sh", "-c", &script]));
    });
    println!(
        "capturing costs {:.2} us a line",
        (captured.as_secs_f64() - plain.as_secs_f64()) * 1e6 / f64::from(LINES)
    );
    timed("collector", || collect(&dir));
    std::fs::remove_dir_all(&dir).expect("the folder is ours");
}

fn timed(what: &str, act: impl FnOnce()) -> Duration {
    let start = Instant::now();
    act();
    let took = start.elapsed();
    println!(
        "{what}: {:.0} lines/s",
        f64::from(LINES) / took.as_secs_f64()
    );
    took
}

fn run(command: &mut Command) {
    let status = command
        .stdout(Stdio::null())
        .status()
        .expect("it can be started");
    assert!(status.success());
}

fn collect(dir: &std::path::Path) {
    let mut options = CaptureOptions::new(dir);
    options.lines_max = u64::MAX;
    options.bytes_max = u64::MAX;
    let mut collector = CaptureCollector::open(options, &Positions::new());
    let mut lines = 0;
    loop {
        let mut batch = Batch::default();
        collector.read(&mut batch).expect("the folder can be read");
        if batch.records.is_empty() && batch.positions.is_empty() {
            break;
        }
        lines += batch.records.len();
    }
    println!("collector: {lines} records");
}
