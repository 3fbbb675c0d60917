//! Progress of long work, on a terminal.

use std::io;
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Shorter work shows no progress.
const SILENT_FOR: Duration = Duration::from_millis(500);
/// How often the line is drawn.
const EVERY: Duration = Duration::from_millis(100);
/// Cells of a bar.
const BAR_CELLS: u64 = 30;

/// Shows progress on a terminal until it is dropped.
#[derive(Debug)]
pub(in crate::cli) struct Progress {
    done: Arc<AtomicU64>,
    drawer: Option<Drawer>,
}

#[derive(Debug)]
struct Drawer {
    stop: std::sync::Mutex<Option<Sender<()>>>,
    thread: Option<JoinHandle<()>>,
}

/// The displayed values.
struct ProgressLine {
    what: &'static str,
    done: Arc<AtomicU64>,
    total: Option<u64>,
    unit: Unit,
    began: Instant,
}

/// The unit of the counted amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Unit {
    Bytes,
    Records,
    /// Only the elapsed time.
    Time,
}

impl Progress {
    /// Work named `what`, of `total` units if known.
    pub(in crate::cli) fn start(what: &'static str, total: Option<u64>, unit: Unit) -> Self {
        let done = Arc::new(AtomicU64::new(0));
        let sight = ProgressLine {
            what,
            done: Arc::clone(&done),
            total: total.filter(|total| *total > 0),
            unit,
            began: Instant::now(),
        };
        let drawer = io::stderr().is_terminal().then(|| Drawer::start(sight));
        Self { done, drawer }
    }

    /// Sets the amount done so far.
    pub(in crate::cli) fn set(&self, done: u64) {
        self.done.store(done, Ordering::Relaxed);
    }

    /// Removes the line.
    pub(in crate::cli) fn finish(mut self) {
        self.drawer = None;
    }
}

impl Drawer {
    fn start(sight: ProgressLine) -> Self {
        let (stop, stopped) = channel::<()>();
        let draw = move || {
            let mut wait = SILENT_FOR;
            let mut is_drawn = false;
            while matches!(stopped.recv_timeout(wait), Err(RecvTimeoutError::Timeout)) {
                // A closed terminal must not stop the work.
                let _ = write!(
                    io::stderr(),
                    "\r\x1b[K{}",
                    sight.line(sight.began.elapsed())
                );
                (wait, is_drawn) = (EVERY, true);
            }
            if is_drawn {
                let _ = write!(io::stderr(), "\r\x1b[K");
            }
        };
        Self {
            stop: std::sync::Mutex::new(Some(stop)),
            thread: Some(std::thread::spawn(draw)),
        }
    }
}

impl Drop for Drawer {
    fn drop(&mut self) {
        *self.stop.lock().unwrap_or_else(PoisonError::into_inner) = None;
        if let Some(thread) = self.thread.take() {
            // The thread only draws.
            let _ = thread.join();
        }
    }
}

impl ProgressLine {
    fn line(&self, elapsed: Duration) -> String {
        let done = self.done.load(Ordering::Relaxed);
        let seconds = elapsed.as_secs();
        let shown = match self.unit {
            Unit::Bytes => size(done),
            Unit::Records => format!("{done} records"),
            Unit::Time => return format!("{}: {seconds} s", self.what),
        };
        let Some(total) = self.total else {
            return format!("{}: {shown}, {seconds} s", self.what);
        };
        let done = done.min(total);
        let cells = usize::try_from(u128::from(BAR_CELLS) * u128::from(done) / u128::from(total))
            .unwrap_or(0);
        let percent = u128::from(done) * 100 / u128::from(total);
        let rest = usize::try_from(BAR_CELLS).unwrap_or(0) - cells;
        let left = match seconds
            .checked_mul(total - done)
            .and_then(|product| product.checked_div(done))
        {
            Some(left) if seconds > 0 => format!(", {left} s left"),
            _ => String::new(),
        };
        format!(
            "{}: [{}{}] {percent:>3} %, {shown}{left}",
            self.what,
            "#".repeat(cells),
            " ".repeat(rest)
        )
    }
}

/// A size such as `1.2 MiB`.
pub(in crate::cli) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut unit = 1024_u128;
    let mut name = "KiB";
    for next in UNITS.iter().skip(1) {
        if u128::from(bytes) >= unit * 1024 {
            (unit, name) = (unit * 1024, next);
        }
    }
    let tenths = u128::from(bytes) * 10 / unit;
    format!("{}.{} {name}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress_line(done: u64, total: Option<u64>, unit: Unit) -> ProgressLine {
        ProgressLine {
            what: "importing",
            done: Arc::new(AtomicU64::new(done)),
            total,
            unit,
            began: Instant::now(),
        }
    }

    #[test]
    fn a_line_shows_the_progress() {
        let two = Duration::from_secs(2);
        assert_eq!(
            progress_line(1 << 20, Some(4 << 20), Unit::Bytes).line(two),
            "importing: [#######                       ]  25 %, 1.0 MiB, 6 s left"
        );
        assert_eq!(
            progress_line(7, None, Unit::Records).line(two),
            "importing: 7 records, 2 s"
        );
        assert_eq!(
            progress_line(0, None, Unit::Time).line(two),
            "importing: 2 s"
        );
        assert!(
            progress_line(9, Some(4), Unit::Bytes)
                .line(two)
                .contains("100 %"),
            "a file that grew"
        );
    }

    #[test]
    fn sizes_are_short() {
        let sizes = [0, 1023, 1024, 1536, 10 << 20, 3 << 40].map(size);
        assert_eq!(
            sizes,
            ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "10.0 MiB", "3.0 TiB"]
        );
    }
}
