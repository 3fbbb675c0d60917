//! Delivers the recorded output of a run to a callback of the caller while the command runs.

use crate::capture::log::Stream;
use crate::time::Micros;
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Scope};

/// Maximum size of the items that wait for the callback: the longest line that is held, several times.
const QUEUE_BYTES_MAX: usize = 4 << 20;

/// Memory of an item besides its text.
const ITEM_BYTES: usize = 64;

/// Receives the output of a run as it is recorded: each line, or part of a line, after redaction.
///
/// The callback runs on a thread of its own. Whatever it does, the log of the run is complete and the command continues:
/// after a panic or [`ControlFlow::Break`] it is not called again. [`Command::run_with_sink`] returns when the callback
/// has received everything.
///
/// ```
/// use std::ops::ControlFlow;
/// use vmlog::capture::{CaptureLimits, Command, Keep, LogSink, RecordingOptions, RunFacts, SinkItem};
/// use vmlog::record::Source;
/// use vmlog::redact::RedactOptions;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let folder = tempfile::tempdir()?;
/// let options = RecordingOptions {
///     dir: folder.path().to_owned(),
///     limits: CaptureLimits::default(),
///     redact: RedactOptions::default(),
/// };
/// let facts = RunFacts {
///     source: Source::new("build", "web"),
///     name: "setup".to_owned(),
///     command: "sh -c ...".to_owned(),
///     cwd: "/".to_owned(),
///     user: "root".to_owned(),
///     parent: None,
/// };
/// let command = Command {
///     program: "sh".into(),
///     arguments: vec!["-c".into(), "echo ready; echo password=hunter2hunter2; exit 3".into()],
///     keep: Keep::Output,
///     launcher: Vec::new(),
/// };
/// let mut lines = Vec::new();
/// let on_log = |item| {
///     if let SinkItem::Line(line) = item {
///         lines.push(String::from_utf8_lossy(&line.text).into_owned());
///     }
///     ControlFlow::Continue(())
/// };
/// let sink = LogSink::instead_of_output(on_log);
/// let ended = command.run_with_sink(Some(&options), facts, sink);
/// assert_eq!(ended.code, 3);
/// assert_eq!(lines[0], "ready");
/// assert!(!lines[1].contains("hunter2"));
/// # Ok(())
/// # }
/// ```
///
/// [`Command::run_with_sink`]: crate::capture::Command::run_with_sink
pub struct LogSink<'a> {
    on_log: Box<dyn FnMut(SinkItem) -> ControlFlow<()> + Send + 'a>,
    takes_output: bool,
}

impl<'a> LogSink<'a> {
    /// The output is also passed on as usual. The command never waits for the callback: items that a slow callback
    /// has no room for are left out, and reported as a [`SinkItem::Gap`].
    pub fn beside_output(on_log: impl FnMut(SinkItem) -> ControlFlow<()> + Send + 'a) -> Self {
        Self {
            on_log: Box::new(on_log),
            takes_output: false,
        }
    }

    /// The output is not passed on; the callback takes the place of its reader. The command waits for a slow callback
    /// as for the reader of a pipe, so nothing is left out, and finds its output closed after [`ControlFlow::Break`].
    pub fn instead_of_output(on_log: impl FnMut(SinkItem) -> ControlFlow<()> + Send + 'a) -> Self {
        Self {
            on_log: Box::new(on_log),
            takes_output: true,
        }
    }
}

impl fmt::Debug for LogSink<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogSink")
            .field("takes_output", &self.takes_output)
            .finish_non_exhaustive()
    }
}

/// What a [`LogSink`] receives.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SinkItem {
    /// A line of output, or a part of one.
    Line(CapturedLine),
    /// Output that is missing between the line before and the next one.
    Gap(SinkGap),
}

/// A line of output as it is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapturedLine {
    /// When it was recorded.
    pub time: Micros,
    /// The stream that it was written to.
    pub stream: Stream,
    /// The redacted bytes, without the line end; usually UTF-8.
    pub text: Vec<u8>,
    /// Whether the line is complete. Otherwise the next item of the same stream continues it: the command paused
    /// within a line, or the line is longer than 1 MiB.
    pub is_complete: bool,
}

impl CapturedLine {
    pub(crate) fn new(time: Micros, stream: Stream, data: &[u8], ends: bool) -> Self {
        let text = match data.strip_suffix(b"\n") {
            Some(line) if ends => line.strip_suffix(b"\r").unwrap_or(line),
            _ => data,
        };
        Self {
            time,
            stream,
            text: text.to_vec(),
            is_complete: ends,
        }
    }
}

/// Output that did not reach a sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SinkGap {
    /// Number of lines and parts of lines.
    pub lines: u64,
    /// Their size.
    pub bytes: u64,
    /// Why they are missing.
    pub reason: GapReason,
}

/// Why output did not reach a sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum GapReason {
    /// The callback did not take the items fast enough.
    SlowReader,
    /// The redaction rules are not valid, so that nothing may be shown.
    NotRedacted,
}

impl GapReason {
    /// The name of the reason in lines of JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SlowReader => "slow_reader",
            Self::NotRedacted => "not_redacted",
        }
    }
}

/// The queue between a recording and the thread that calls the callback.
#[derive(Debug)]
pub(crate) struct Feed {
    state: Mutex<FeedState>,
    changed: Condvar,
    takes_output: bool,
}

#[derive(Debug, Default)]
struct FeedState {
    items: VecDeque<SinkItem>,
    bytes: usize,
    /// Lines dropped after the newest item in the queue.
    gap: Option<SinkGap>,
    is_finished: bool,
    /// Why the callback is not called any more.
    refused: Option<Refusal>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    Break,
    Panic,
}

/// Lets the thread of a feed end when the run is over.
#[derive(Debug)]
pub(crate) struct OpenFeed(Arc<Feed>);

impl Drop for OpenFeed {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.close_gap();
        state.is_finished = true;
        self.0.changed.notify_all();
    }
}

impl OpenFeed {
    pub(crate) fn feed(&self) -> Arc<Feed> {
        self.0.clone()
    }
}

impl Feed {
    /// Starts the thread that calls the callback.
    ///
    /// # Errors
    /// There are no threads left.
    pub(crate) fn start<'scope, 'env: 'scope>(
        scope: &'scope Scope<'scope, 'env>,
        sink: LogSink<'env>,
    ) -> io::Result<OpenFeed> {
        let feed = Arc::new(Self::new(sink.takes_output));
        let (ours, mut on_log) = (feed.clone(), sink.on_log);
        thread::Builder::new()
            .name("sink".to_owned())
            .spawn_scoped(scope, move || ours.deliver(&mut *on_log))?;
        Ok(OpenFeed(feed))
    }

    fn new(takes_output: bool) -> Self {
        Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            takes_output,
        }
    }

    /// Whether the callback takes the place of the output's reader.
    pub(crate) fn takes_output(&self) -> bool {
        self.takes_output
    }

    fn lock(&self) -> MutexGuard<'_, FeedState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a line. If there is no room, waits for the callback if it is the reader of the output, and otherwise
    /// counts the line as left out.
    pub(crate) fn push(&self, line: CapturedLine) {
        let size = line.text.len() + ITEM_BYTES;
        let mut state = self.lock();
        while self.takes_output && state.is_full(size) {
            let waited = self.changed.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
        if state.refused.is_some() {
            return;
        }
        if state.is_full(size) {
            return state.leave_out(1, line.text.len(), GapReason::SlowReader);
        }
        state.close_gap();
        state.bytes += size;
        state.items.push_back(SinkItem::Line(line));
        self.changed.notify_all();
    }

    /// Counts output that must not be shown, because it was not redacted.
    pub(crate) fn withhold(&self, chunk: &[u8]) {
        let lines = memchr::memchr_iter(b'\n', chunk).count();
        let mut state = self.lock();
        state.leave_out(lines, chunk.len(), GapReason::NotRedacted);
    }

    /// Whether the callback took the place of the output's reader, and wants no more.
    pub(crate) fn is_closed_by_reader(&self) -> bool {
        self.takes_output && self.lock().refused == Some(Refusal::Break)
    }

    /// Calls the callback with each item until the run is over. Items are only skipped if the callback refuses them.
    fn deliver(&self, on_log: &mut dyn FnMut(SinkItem) -> ControlFlow<()>) {
        while let Some(item) = self.next() {
            let refused = match catch_unwind(AssertUnwindSafe(|| on_log(item))) {
                Ok(ControlFlow::Continue(())) => continue,
                Ok(ControlFlow::Break(())) => Refusal::Break,
                Err(_) => Refusal::Panic,
            };
            let mut state = self.lock();
            state.refused = Some(refused);
            state.items = VecDeque::new();
            state.bytes = 0;
            self.changed.notify_all();
            return;
        }
    }

    fn next(&self) -> Option<SinkItem> {
        let mut state = self.lock();
        loop {
            if let Some(item) = state.items.pop_front() {
                if let SinkItem::Line(line) = &item {
                    state.bytes = state.bytes.saturating_sub(line.text.len() + ITEM_BYTES);
                }
                self.changed.notify_all();
                return Some(item);
            }
            if state.is_finished {
                return None;
            }
            let waited = self.changed.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl FeedState {
    /// Whether an item of this size has to wait. A single item may be larger than the queue.
    fn is_full(&self, size: usize) -> bool {
        self.refused.is_none() && !self.items.is_empty() && self.bytes + size > QUEUE_BYTES_MAX
    }

    fn leave_out(&mut self, lines: usize, bytes: usize, reason: GapReason) {
        let gap = self.gap.get_or_insert(SinkGap {
            lines: 0,
            bytes: 0,
            reason,
        });
        gap.lines += lines as u64;
        gap.bytes += bytes as u64;
    }

    /// Queues the report of dropped lines. There is at most one report for each line, so the queue stays bounded.
    fn close_gap(&mut self) {
        if let Some(gap) = self.gap.take().filter(|_| self.refused.is_none()) {
            self.items.push_back(SinkItem::Gap(gap));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    fn line(text: &str) -> CapturedLine {
        CapturedLine::new(
            Micros::new(1),
            Stream::Stdout,
            format!("{text}\n").as_bytes(),
            true,
        )
    }

    fn words(item: &SinkItem) -> String {
        match item {
            SinkItem::Line(line) => String::from_utf8_lossy(&line.text).into_owned(),
            SinkItem::Gap(gap) => format!("gap of {} ({})", gap.lines, gap.reason.as_str()),
        }
    }

    /// Calls `push` while a sink with this callback is open.
    fn with_sink(sink: LogSink<'_>, push: impl FnOnce(&Feed)) {
        thread::scope(|scope| {
            let open = Feed::start(scope, sink).unwrap();
            push(&open.feed());
        });
    }

    #[test]
    fn a_line_has_no_line_end() {
        for (data, ends, text) in [
            (&b"one\r\n"[..], true, &b"one"[..]),
            (b"one\n", true, b"one"),
            (b"\n", true, b""),
            (b"one\r", false, b"one\r"),
        ] {
            let line = CapturedLine::new(Micros::new(1), Stream::Stdout, data, ends);
            assert_eq!((&line.text[..], line.is_complete), (text, ends));
        }
    }

    #[test]
    fn a_slow_callback_misses_lines_and_learns_how_many() {
        let (let_go, wait) = mpsc::channel::<()>();
        let mut seen = Vec::new();
        let big = "x".repeat(1 << 20);
        let mut is_first = true;
        let (seen_items, first) = (&mut seen, &mut is_first);
        let sink = LogSink::beside_output(move |item| {
            if std::mem::take(first) {
                wait.recv().unwrap();
            }
            seen_items.push(words(&item).chars().take(40).collect::<String>());
            ControlFlow::Continue(())
        });
        with_sink(sink, |feed| {
            feed.push(line("first"));
            // The callback has taken the first line when the queue is empty.
            while !feed.lock().items.is_empty() {
                thread::yield_now();
            }
            for _ in 0..9 {
                feed.push(line(&big));
            }
            assert!(feed.lock().bytes <= QUEUE_BYTES_MAX);
            let_go.send(()).unwrap();
            while !feed.lock().items.is_empty() {
                thread::yield_now();
            }
            feed.push(line("last"));
        });
        let big = "x".repeat(40);
        let expected = ["first", &big, &big, &big, "gap of 6 (slow_reader)", "last"];
        assert_eq!(seen, expected);
    }

    #[test]
    fn a_gap_at_the_end_is_reported() {
        let mut seen = Vec::new();
        let sink = LogSink::instead_of_output(|item| {
            seen.push(words(&item));
            ControlFlow::Continue(())
        });
        with_sink(sink, |feed| feed.withhold(b"a\nb\nc"));
        assert_eq!(seen, ["gap of 2 (not_redacted)"]);
    }

    #[test]
    fn the_reader_of_the_output_is_waited_for() {
        let mut seen = 0;
        let big = "x".repeat(1 << 20);
        let sink = LogSink::instead_of_output(|item| {
            assert!(matches!(item, SinkItem::Line(_)), "nothing is left out");
            seen += 1;
            ControlFlow::Continue(())
        });
        with_sink(sink, |feed| (0..40).for_each(|_| feed.push(line(&big))));
        assert_eq!(seen, 40);
    }

    #[test]
    fn a_callback_that_stops_or_panics_is_not_called_again() {
        for (is_panic, takes_output) in [(false, false), (true, false), (false, true), (true, true)]
        {
            let mut calls = 0;
            let on_log = |_| {
                calls += 1;
                assert!(!is_panic, "a mistake, on purpose");
                ControlFlow::Break(())
            };
            let sink = if takes_output {
                LogSink::instead_of_output(on_log)
            } else {
                LogSink::beside_output(on_log)
            };
            let big = "x".repeat(1 << 20);
            with_sink(sink, |feed| {
                (0..20).for_each(|_| feed.push(line(&big)));
                while feed.lock().refused.is_none() {
                    thread::yield_now();
                }
                feed.push(line("more"));
                assert_eq!(feed.lock().items.len(), 0);
                assert_eq!(feed.is_closed_by_reader(), takes_output && !is_panic);
            });
            assert_eq!(calls, 1);
        }
    }
}
