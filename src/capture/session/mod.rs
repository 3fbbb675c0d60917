//! The recording of one run: writes the redacted output to its log, and keeps counts and the last lines for its end.

mod ending;
mod notice;
mod report;
mod scrub;
mod sink;

use super::log::{
    CaptureLimits, Category, ExitFailure, Folder, Keep, RunEnd, RunEvent, RunId, RunLog, RunStart,
    Stream, StreamCount, classify, report_name, write,
};
use crate::record::Source;
use crate::redact;
use crate::redact::Redactor;
use crate::time::Micros;
pub use ending::Ending;
use report::{ErrorReport, LastLines};
use scrub::{LineScrubber, ScrubbedPiece};
pub use sink::{CapturedLine, GapReason, LogSink, SinkGap, SinkItem};
pub(crate) use sink::{Feed, OpenFeed};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Options of a recording.
#[derive(Debug, Clone)]
pub struct RecordingOptions {
    /// The folder of the capture logs.
    pub dir: PathBuf,
    /// How much of the folder is kept.
    pub limits: CaptureLimits,
    /// The redaction rules, applied before anything is written. If they are invalid, the output is not captured, and
    /// a warning is written to the journal: a mistake in the settings must not stop a machine from starting.
    pub redact: redact::RedactOptions,
}

/// Facts about a run that are known before it starts.
#[derive(Debug, Clone)]
pub struct RunFacts {
    /// The source of its records.
    pub source: Source,
    /// The name for people: `postCreateCommand`.
    pub name: String,
    /// The command line as a shell would read it.
    pub command: String,
    /// The working directory.
    pub cwd: String,
    /// The user who runs it.
    pub user: String,
    /// The run whose background process started this one.
    pub parent: Option<RunId>,
}

/// How long an unfinished line is held back before it is written in part.
pub(crate) const QUIET_AFTER: Duration = Duration::from_secs(1);

/// Maximum length of a fact, such as a command line that contains a whole script: it is repeated in several records
/// of the run.
const FACT_BYTES_MAX: usize = 4096;

fn bounded(text: &str) -> String {
    match text.get(..text.floor_char_boundary(FACT_BYTES_MAX)) {
        Some(beginning) if beginning.len() < text.len() => format!("{beginning}..."),
        _ => text.to_owned(),
    }
}

/// The recording of a run, if it is captured; shared by the threads that pass its output on.
#[derive(Debug)]
pub(crate) struct Recording<'a> {
    wanted: Option<(&'a RecordingOptions, RunFacts)>,
    keep: Keep,
    feed: Option<Arc<Feed>>,
    /// Set when the command has started.
    session: Mutex<Option<Session>>,
}

impl<'a> Recording<'a> {
    pub(crate) fn new(
        options: Option<&'a RecordingOptions>,
        facts: RunFacts,
        keep: Keep,
        feed: Option<Arc<Feed>>,
    ) -> Self {
        Self {
            wanted: options.map(|options| (options, facts)),
            keep,
            feed,
            session: Mutex::new(None),
        }
    }

    /// Whether a stream has to come by here: to be recorded, or for a sink.
    pub(crate) fn needs(&self, stream: Stream) -> bool {
        let is_wanted = self.wanted.is_some();
        match &self.feed {
            Some(feed) => is_wanted || feed.takes_output(),
            None => is_wanted && self.keep.records(stream),
        }
    }

    /// Whether a sink takes the output in place of its reader.
    pub(crate) fn takes_output(&self) -> bool {
        self.feed.as_ref().is_some_and(|feed| feed.takes_output())
    }

    /// Whether a sink that takes the output wants no more of it.
    pub(crate) fn is_closed_by_reader(&self) -> bool {
        let feed = self.feed.as_ref();
        feed.is_some_and(|feed| feed.is_closed_by_reader())
    }

    /// Starts the command first and prepares its log afterwards, because compiling the redaction rules takes longer
    /// than starting a command. Nothing is recorded before the start.
    pub(crate) fn start<T>(
        &self,
        spawn: impl FnOnce() -> T,
        pid: impl FnOnce(&T) -> Option<u32>,
    ) -> T {
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = Instant::now();
        let spawned = spawn();
        let pid = pid(&spawned);
        if let Some((options, facts)) = &self.wanted {
            let feed = self.feed.clone();
            let prepare = || Session::begin(options, facts, begun, pid, self.keep, feed);
            match catch_unwind(AssertUnwindSafe(prepare)) {
                Ok(Ok(prepared)) => *session = Some(prepared),
                Ok(Err(error)) => {
                    notice::warn(&format!("output of a command is not captured: {error}"));
                }
                Err(_) => {}
            }
        }
        spawned
    }

    /// Records output, and delivers it to the sink if there is one.
    pub(crate) fn output(&self, stream: Stream, chunk: &[u8]) {
        let mut is_recorded = false;
        self.with(|session| {
            is_recorded = true;
            session.output(stream, chunk);
        });
        if let Some(feed) = self.feed.as_ref().filter(|_| !is_recorded) {
            feed.withhold(chunk);
        }
    }

    /// Calls `act` with the session, if there is one. A panic in it must not lose the command's output.
    pub(crate) fn with(&self, act: impl FnOnce(&mut Session)) {
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(session) = &mut *session {
            let _ = catch_unwind(AssertUnwindSafe(|| act(session)));
        }
    }
}

/// A run being captured.
#[derive(Debug)]
pub(crate) struct Session {
    id: RunId,
    start: RunStart,
    begun: Instant,
    took: Option<Duration>,
    keep: Keep,
    out: LogOutput,
    streams: BTreeMap<Stream, StreamState>,
    redactor: Redactor,
    reports_kept: usize,
}

/// Where the lines of the log are written.
#[derive(Debug)]
struct LogOutput {
    id: String,
    /// The time of the current write, the same for all its lines.
    now: Micros,
    now_text: String,
    folder: Folder,
    log: RunLog,
    /// The lines of one write, to save system calls.
    buffer: Vec<u8>,
    /// The same lines for the sink, delivered after the write.
    fresh: Vec<CapturedLine>,
    feed: Option<Arc<Feed>>,
    told_of_trouble: bool,
}

/// One stream of the command.
#[derive(Debug)]
struct StreamState {
    /// Whether its lines are written to the log, and not only delivered to a sink.
    is_recorded: bool,
    scrubber: LineScrubber,
    count: StreamCount,
    last: LastLines,
}

impl Session {
    /// Makes room in the folder and records the start; `pid` is `None` if the command could not be started. Only
    /// invalid redaction rules are an error; other failures are reported.
    pub(crate) fn begin(
        options: &RecordingOptions,
        facts: &RunFacts,
        begun: Instant,
        pid: Option<u32>,
        keep: Keep,
        feed: Option<Arc<Feed>>,
    ) -> Result<Self, redact::Error> {
        let redactor = Redactor::new(&options.redact)?;
        let id = RunId::new(Micros::now());
        let folder = Folder::new(&options.dir);
        // A failed deletion is repeated by the next run.
        let _ = folder.prune(&options.limits);
        let scrubbed = |text: &str| bounded(&redactor.redact_text(text));
        let start = RunStart {
            source: scrubbed(facts.source.as_str()),
            name: scrubbed(&facts.name),
            pid,
            command: scrubbed(&facts.command),
            cwd: scrubbed(&facts.cwd),
            user: facts.user.clone(),
            parent_run_id: facts.parent.map(|parent| parent.to_string()),
            captured: keep.captured().map(str::to_owned),
        };
        let mut session = Self {
            id,
            start,
            begun,
            took: None,
            keep,
            out: LogOutput {
                id: id.to_string(),
                now: Micros::now(),
                now_text: String::new(),
                log: RunLog::new(folder.clone(), options.limits, id),
                folder,
                buffer: Vec::new(),
                fresh: Vec::new(),
                feed,
                told_of_trouble: false,
            },
            streams: BTreeMap::new(),
            redactor,
            reports_kept: options.limits.reports,
        };
        session.started();
        Ok(session)
    }

    pub(crate) fn id(&self) -> RunId {
        self.id
    }

    fn started(&mut self) {
        let RunStart { name, command, .. } = &self.start;
        let text = match self.start.pid {
            Some(_) => format!("--- {name} started: {command} ---\n"),
            None => format!("--- {name} could not be started: {command} ---\n"),
        };
        let event = RunEvent::ProcessStart(self.start.clone());
        self.out.event(&text, &event);
    }

    /// Called when the command has ended after this time; the rest of its output may still arrive.
    pub(crate) fn over(&mut self, took: Duration) {
        self.took = Some(took);
    }

    /// Records output.
    pub(crate) fn output(&mut self, stream: Stream, chunk: &[u8]) {
        let (channel, out) = self.channel(stream);
        let StreamState {
            is_recorded,
            scrubber,
            count,
            last,
        } = channel;
        let mut last = is_recorded.then_some(last);
        count.bytes += chunk.len() as u64;
        scrubber.push(chunk, &mut |piece| {
            out.piece(stream, &piece, count, last.as_deref_mut());
        });
        out.flush();
    }

    /// Whether [`Session::quiet`] would write something.
    pub(crate) fn holds_words(&self, stream: Stream) -> bool {
        let channel = self.streams.get(&stream);
        channel.is_some_and(|channel| channel.scrubber.holds_words())
    }

    /// Called when the command has written nothing for [`QUIET_AFTER`]: writes an unfinished line up to its last
    /// word.
    pub(crate) fn quiet(&mut self, stream: Stream) {
        let (channel, out) = self.channel(stream);
        let StreamState {
            is_recorded,
            scrubber,
            count,
            last,
        } = channel;
        let mut last = is_recorded.then_some(last);
        scrubber.quiet(&mut |piece| out.piece(stream, &piece, count, last.as_deref_mut()));
        out.flush();
    }

    /// Records the end, and writes a report of a failure.
    pub(crate) fn end(&mut self, ending: &Ending) -> Option<Category> {
        self.out.set_time();
        for (&stream, channel) in &mut self.streams {
            let StreamState {
                is_recorded,
                scrubber,
                count,
                last,
            } = channel;
            let mut last = is_recorded.then_some(last);
            // The rest without a line end is a line as well.
            count.lines += u64::from(scrubber.is_within_a_line());
            let out = &mut self.out;
            scrubber.end(&mut |piece| out.piece(stream, &piece, count, last.as_deref_mut()));
        }
        let category = ending.failure().map(|failure| self.classify(failure));
        let report = category.and_then(|category| self.report(ending, category).ok());
        let took = self.took.unwrap_or_else(|| self.begun.elapsed());
        let counts = self.streams.iter();
        let end = RunEnd {
            exit_code: ending.code(),
            signal: ending.signal(),
            failure: ending.why(),
            duration_us: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            streams: counts
                .map(|(&stream, channel)| (stream, channel.count))
                .collect(),
            error_category: category,
            report,
        };
        let text = format!("--- {} ended: {} ---\n", self.start.name, ending.words());
        if !self.out.event(&text, &RunEvent::ProcessEnd(end)) {
            let (Self { id, .. }, words) = (&*self, ending.words());
            notice::warn(&format!(
                "run {id}: {} ended and that is not captured: {words}",
                self.start.command
            ));
        }
        category
    }

    fn channel(&mut self, stream: Stream) -> (&mut StreamState, &mut LogOutput) {
        let (redactor, keep) = (&self.redactor, self.keep);
        let new = || StreamState {
            is_recorded: keep.records(stream),
            scrubber: LineScrubber::new(Source::new("capture", stream.as_str()), redactor.clone()),
            count: StreamCount::default(),
            last: LastLines::default(),
        };
        self.out.set_time();
        let channel = self.streams.entry(stream).or_insert_with(new);
        (channel, &mut self.out)
    }

    /// The last lines of each stream, the most informative stream first.
    fn last_lines(&self) -> Vec<(Stream, &LastLines)> {
        let order = [Stream::Stderr, Stream::Output, Stream::Stdout];
        let lines = |stream| Some((stream, &self.streams.get(&stream)?.last));
        order.into_iter().filter_map(lines).collect()
    }

    fn classify(&self, failure: ExitFailure) -> Category {
        let lines: Vec<_> = self
            .last_lines()
            .iter()
            .map(|(_, lines)| lines.iter())
            .collect();
        classify(failure, &lines)
    }

    /// Writes the error report and returns its name.
    fn report(&self, ending: &Ending, category: Category) -> io::Result<String> {
        let report = ErrorReport {
            start: &self.start,
            run_id: &self.id.to_string(),
            ending: &ending.words(),
            category,
            streams: &self.last_lines(),
        };
        let mut file = self.out.folder.create_report(self.id)?;
        if let Err(error) = file.write_all(report.to_string().as_bytes()) {
            self.out.folder.remove_report(self.id)?;
            return Err(error);
        }
        self.out.folder.prune_reports(self.reports_kept)?;
        Ok(report_name(self.id))
    }
}

impl LogOutput {
    fn set_time(&mut self) {
        self.now = Micros::now();
        self.now_text = self.now.to_string();
    }

    /// Adds a piece of output; `last` is absent if the stream is not recorded.
    fn piece(
        &mut self,
        stream: Stream,
        piece: &ScrubbedPiece<'_>,
        count: &mut StreamCount,
        last: Option<&mut LastLines>,
    ) {
        count.lines += u64::from(piece.ends);
        let is_recorded = last.is_some();
        if let Some(last) = last {
            last.push(piece.line, piece.ends);
        }
        if piece.data.is_empty() {
            return;
        }
        if self.feed.is_some() {
            let line = CapturedLine::new(self.now, stream, piece.data, piece.ends);
            self.fresh.push(line);
        }
        if is_recorded {
            let Self {
                buffer,
                now_text,
                id,
                ..
            } = self;
            write(buffer, now_text, stream, id, piece.data, None);
        }
    }

    fn event(&mut self, text: &str, event: &RunEvent) -> bool {
        let text = text.as_bytes();
        write(
            &mut self.buffer,
            &Micros::now().to_string(),
            Stream::System,
            &self.id,
            text,
            Some(event),
        );
        self.flush()
    }

    /// Writes the buffer, and returns whether all of it was written. The sink comes last, because it may have to be
    /// waited for.
    fn flush(&mut self) -> bool {
        let is_written = self.write();
        if let Some(feed) = &self.feed {
            self.fresh.drain(..).for_each(|line| feed.push(line));
        }
        is_written
    }

    fn write(&mut self) -> bool {
        if self.buffer.is_empty() {
            return true;
        }
        let result = self.log.append(&self.buffer);
        if let Err(error) = &result
            && !std::mem::replace(&mut self.told_of_trouble, true)
        {
            let dir = self.folder.path().display();
            notice::warn(&format!(
                "run {}: output is not captured: {dir}: {error}",
                self.id
            ));
        }
        self.buffer.clear();
        self.buffer.shrink_to(BUFFER_KEPT);
        result.is_ok()
    }
}

/// A buffer that grew beyond this for a long line is freed.
const BUFFER_KEPT: usize = 512 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::log::LogEntry;
    use std::fs;
    use std::path::Path;

    fn options(dir: &Path) -> RecordingOptions {
        RecordingOptions {
            dir: dir.to_owned(),
            limits: CaptureLimits::default(),
            redact: redact::RedactOptions::default(),
        }
    }

    fn facts() -> RunFacts {
        RunFacts {
            source: "devcontainer:w".parse().unwrap(),
            name: "postCreateCommand".to_owned(),
            command: "deploy --token=hunter2hunter2".to_owned(),
            cwd: "/w".to_owned(),
            user: "root".to_owned(),
            parent: None,
        }
    }

    fn session(dir: &Path) -> Session {
        let (options, now) = (options(dir), Instant::now());
        Session::begin(&options, &facts(), now, Some(42), Keep::Output, None).unwrap()
    }

    fn entries(dir: &Path, id: RunId) -> Vec<LogEntry> {
        let text = fs::read_to_string(dir.join(format!("{id}.000001.log"))).unwrap();
        text.lines()
            .map(|line| LogEntry::parse(line.as_bytes()).unwrap())
            .collect()
    }

    #[test]
    fn a_run_is_recorded_from_start_to_end() {
        let dir = tempfile::tempdir().unwrap();
        let mut session = session(dir.path());
        let id = session.id();
        session.output(Stream::Stdout, b"one\ntwo");
        session.output(Stream::Stderr, b"EADDRINUSE token=hunter2hunter2\n\n");
        session.end(&Ending::Exited(3));
        let entries = entries(dir.path(), id);
        let said: Vec<_> = entries
            .iter()
            .map(|e| (e.stream, String::from_utf8(e.data.clone()).unwrap()))
            .collect();
        assert_eq!(said[1], (Stream::Stdout, "one\n".to_owned()));
        assert_eq!(said[3], (Stream::Stderr, "\n".to_owned()));
        assert_eq!(said[4], (Stream::Stdout, "two".to_owned()));
        let Some(RunEvent::ProcessStart(start)) = &entries[0].event else {
            panic!("{:?}", entries[0])
        };
        assert_eq!(
            (start.pid, start.name.as_str()),
            (Some(42), "postCreateCommand")
        );
        let Some(RunEvent::ProcessEnd(end)) = &entries[5].event else {
            panic!("{:?}", entries[5])
        };
        assert_eq!(end.exit_code, Some(3));
        assert_eq!(
            end.streams[&Stream::Stdout],
            StreamCount { bytes: 7, lines: 2 }
        );
        assert_eq!(
            end.streams[&Stream::Stderr],
            StreamCount {
                bytes: 33,
                lines: 2
            }
        );
        assert_eq!(end.error_category, Some(Category::PortConflict));
        let report = fs::read_to_string(dir.path().join(end.report.as_ref().unwrap())).unwrap();
        assert!(
            report.contains("Exit: exit code 3\nCategory: port_conflict\n"),
            "{report}"
        );
        assert!(
            report.contains("\n--- STDOUT (last lines) ---\none\ntwo\n"),
            "{report}"
        );
        for file in fs::read_dir(dir.path()).unwrap() {
            let text = fs::read_to_string(file.unwrap().path()).unwrap();
            assert!(!text.contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn invalid_rules_do_not_affect_the_command() {
        let dir = tempfile::tempdir().unwrap();
        let mut options = options(dir.path());
        options.redact.patterns = vec!["(".to_owned()];
        let kept = Recording::new(Some(&options), facts(), Keep::Output, None);
        assert_eq!(kept.start(|| "started", |_| Some(1)), "started");
        kept.with(|_| panic!("nothing is stored"));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_panic_does_not_affect_the_command() {
        let dir = tempfile::tempdir().unwrap();
        let options = options(dir.path());
        let kept = Recording::new(Some(&options), facts(), Keep::Output, None);
        kept.start(|| (), |()| Some(1));
        kept.with(|_| panic!("a mistake, on purpose"));
        let mut goes_on = false;
        kept.with(|_| goes_on = true);
        assert!(goes_on);
    }

    #[test]
    fn a_long_command_line_is_cut() {
        assert_eq!(bounded("npm ci"), "npm ci");
        let long = "\u{20ac}".repeat(2000);
        let cut = bounded(&long);
        assert!(cut.len() < FACT_BYTES_MAX + 4 && cut.ends_with("\u{20ac}..."));
    }

    #[test]
    fn a_folder_that_cannot_be_created_does_not_stop_the_command() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("file");
        fs::write(&place, "").unwrap();
        let mut session = session(&place);
        session.output(Stream::Stdout, b"one\n");
        session.end(&Ending::Exited(1));
        assert_eq!(fs::read(&place).unwrap(), b"");
    }
}
