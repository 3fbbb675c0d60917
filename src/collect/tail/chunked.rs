//! Follows a log whose lines may contain chunks of text, such as those of Docker's json-file driver, of container
//! runtimes and of sandboxes, and joins the chunks of each stream to lines. Other lines are delivered unchanged.
//!
//! A position must not be after the start of an incomplete line. It refers to the start of the oldest such line, the
//! number of log lines that were read after it, and how much of each stream is still to be delivered. Reading again
//! from there delivers exactly the rest.

use crate::collect::collector::Error;
use crate::collect::tail::context::{Age, ReadContext, TailItem};
use crate::collect::tail::path::{Tail, TailState};
use crate::collect::text::line::{Line, LineCutter};
use crate::record::Record;
use crate::time::Micros;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Maximum number of streams with an unfinished line. Each may hold a line of maximum length; this is enough for two
/// streams of several commands side by side.
const STREAMS_MAX: usize = 16;

/// How long an incomplete log line waits for the rest. After that its writer must have died.
pub(crate) const TORN: Duration = Duration::from_mins(10);

/// The chunk in a log line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct StreamChunk<'a> {
    /// The stream of a command or container.
    pub(crate) stream: String,
    pub(crate) time: Option<Micros>,
    pub(crate) bytes: Cow<'a, [u8]>,
}

/// A piece of a log line; a damaged line may contain several.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum LinePiece<'a> {
    StreamChunk(StreamChunk<'a>),
    /// Text of an unknown form.
    Text(&'a [u8]),
}

/// Passes on the pieces of a log line.
pub(crate) type Parse<'p> = dyn for<'b> Fn(&'b [u8], &mut dyn FnMut(LinePiece<'b>)) + 'p;

/// The output of a chunked tail.
#[derive(Debug)]
pub(crate) enum ChunkedOutput<'a> {
    /// A line of a stream or a part of one.
    Line {
        stream: &'a str,
        line: Line<'a>,
        /// When its first chunk was written.
        time: Option<Micros>,
        age: Age,
    },
    /// A log line, or a piece of one, that contains no chunk.
    Text(Line<'a>, Age),
    /// A report about the log itself.
    Own(Record),
}

/// Receives the output of a chunked tail; returns `Break` when it has enough.
pub(crate) type VisitOutput<'a> = dyn FnMut(ChunkedOutput<'_>) -> ControlFlow<()> + 'a;

/// How far a log has been read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChunkedState {
    pub(crate) tail: TailState,
    /// How many log lines to read again without delivering them.
    #[serde(default)]
    pub(crate) again: u64,
    #[serde(default)]
    pub(crate) streams: Vec<SavedStream>,
}

impl ChunkedState {
    /// Nothing has been read: starts with the oldest rotated file.
    pub(crate) fn from_oldest() -> Self {
        Self {
            tail: TailState::from_oldest(),
            ..Self::default()
        }
    }

    /// How many bytes of the newest file were read completely; `None` if nothing is known.
    pub(crate) fn reached(&self) -> Option<u64> {
        self.tail.reached()
    }
}

/// A stream in the middle of a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SavedStream {
    stream: String,
    /// How many of its newest bytes are still to be delivered.
    pending: usize,
    part: u32,
    time: Option<i64>,
}

/// Follows one log.
#[derive(Debug)]
pub(crate) struct ChunkedTail {
    tail: Tail,
    streams: Vec<OpenStream>,
    /// Where the oldest unfinished line starts, and how many log lines have been read since.
    anchor: Option<(TailState, u64)>,
    replay: Option<ChunkReplay>,
    quiet: Duration,
}

#[derive(Debug)]
struct OpenStream {
    name: String,
    lines: LineCutter,
    /// When the first and the last chunk of its line were written.
    time: Option<Micros>,
    last: Option<Micros>,
    grew: Instant,
}

/// Log lines that are being read again.
#[derive(Debug)]
struct ChunkReplay {
    left: u64,
    streams: Vec<Again>,
}

/// A stream whose log lines are being read again.
#[derive(Debug)]
struct Again {
    saved: SavedStream,
    bytes: Vec<u8>,
    last: Option<Micros>,
}

impl ChunkedTail {
    /// Follows `path` from `state`. A line of a stream that does not continue is delivered after `quiet`, a log line
    /// after `torn`.
    pub(crate) fn new(path: PathBuf, state: ChunkedState, quiet: Duration, torn: Duration) -> Self {
        let ChunkedState {
            tail,
            again,
            streams,
        } = state;
        let streams: Vec<Again> = streams
            .into_iter()
            .map(|saved| Again {
                last: saved.time.map(Micros::new),
                bytes: Vec::new(),
                saved,
            })
            .collect();
        let (replayed, open) = if again > 0 {
            (streams, Vec::new())
        } else {
            (Vec::new(), streams)
        };
        let replay = (again > 0).then_some(ChunkReplay {
            left: again,
            streams: replayed,
        });
        let now = Instant::now();
        Self {
            anchor: replay.is_some().then(|| (tail.clone(), 0)),
            tail: Tail::new(path, tail, torn),
            streams: open.into_iter().map(|again| again.stream(now)).collect(),
            replay,
            quiet,
        }
    }

    /// Whether everything was read once, so that what comes now was just written.
    pub(crate) fn is_live(&self) -> bool {
        self.tail.is_live()
    }

    /// Says that another tail of this process has read the path to its end.
    pub(crate) fn was_read_to_end(&mut self) {
        self.tail.was_read_to_end();
    }

    /// How many files it holds open.
    pub(crate) fn open_files(&self) -> usize {
        self.tail.open_files()
    }

    /// Closes all files; they are found again through the state.
    pub(crate) fn close(&mut self, context: &mut ReadContext) {
        self.tail.close(context);
    }

    /// The position after everything that was delivered; `None` if it has not changed.
    pub(crate) fn state(&self) -> Option<ChunkedState> {
        if self.replay.is_some() {
            return None;
        }
        let streams = self.streams.iter().map(|stream| SavedStream {
            stream: stream.name.clone(),
            pending: stream.lines.pending(),
            part: stream.lines.part(),
            time: stream.time.map(Micros::get),
        });
        match &self.anchor {
            Some((tail, again)) => Some(ChunkedState {
                tail: tail.clone(),
                again: *again,
                streams: streams.collect(),
            }),
            None => Some(ChunkedState {
                tail: self.tail.state()?,
                again: 0,
                streams: streams.collect(),
            }),
        }
    }

    /// When there will be something to deliver even if nothing happens.
    pub(crate) fn due(&self) -> Option<Instant> {
        let open = self.streams.iter().filter(|stream| stream.lines.has_rest());
        let open = open.map(|stream| stream.grew + self.quiet);
        open.chain(self.tail.due()).min()
    }

    /// Delivers everything that can be read now. `parse` passes on the pieces of a log line.
    pub(crate) fn read(
        &mut self,
        context: &mut ReadContext,
        parse: &Parse<'_>,
        visit: &mut VisitOutput<'_>,
    ) -> Result<(), Error> {
        let recent = Age {
            is_live: true,
            modified: Micros::now(),
        };
        if self.give_lines(recent, visit).is_break() {
            return Ok(());
        }
        loop {
            let mut stop = Stop::End;
            let Self {
                tail,
                streams,
                anchor,
                replay,
                quiet,
            } = self;
            let mut intake = LogLines {
                streams,
                anchor,
                replay,
                quiet: *quiet,
                now: context.now,
            };
            let read = tail.read(context, &mut |item| {
                stop = match item {
                    TailItem::Own(record) => Stop::after(visit(ChunkedOutput::Own(record))),
                    TailItem::Line(line, age) => intake.take(line, age, parse, visit),
                };
                if matches!(stop, Stop::End) {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            });
            read?;
            match stop {
                Stop::End => break,
                Stop::Full => return Ok(()),
                Stop::Anchor { taken, is_full } => {
                    self.anchor = Some((self.tail.state_before(taken), 1));
                    if is_full {
                        return Ok(());
                    }
                }
            }
        }
        self.give_quiet(context.now, recent, visit);
        Ok(())
    }

    /// Delivers complete lines that did not fit before.
    fn give_lines(&mut self, age: Age, visit: &mut VisitOutput<'_>) -> ControlFlow<()> {
        for stream in &mut self.streams {
            stream.give(age, visit)?;
        }
        self.tidy();
        ControlFlow::Continue(())
    }

    /// Delivers lines that were not completed in time.
    fn give_quiet(&mut self, now: Instant, age: Age, visit: &mut VisitOutput<'_>) {
        for stream in &mut self.streams {
            let is_due = stream.grew + self.quiet <= now;
            if is_due && stream.give_rest(age, visit).is_break() {
                break;
            }
        }
        self.tidy();
    }

    fn tidy(&mut self) {
        if self.replay.is_some() {
            return;
        }
        tidy(&mut self.streams, &mut self.anchor);
    }
}

/// Removes streams without a pending line, and the anchor if no stream has one.
fn tidy(streams: &mut Vec<OpenStream>, anchor: &mut Option<(TailState, u64)>) {
    streams.retain(|stream| stream.lines.pending() > 0 || stream.lines.part() > 0);
    if !has_pending(streams) {
        *anchor = None;
    }
}

fn has_pending(streams: &[OpenStream]) -> bool {
    streams.iter().any(|stream| stream.lines.pending() > 0)
}

/// Why reading log lines stopped.
#[derive(Debug)]
enum Stop {
    /// It did not.
    End,
    Full,
    /// The log line that was just read, of `taken` bytes, starts a line of a stream but does not end it.
    Anchor {
        taken: usize,
        is_full: bool,
    },
}

impl Stop {
    fn after(flow: ControlFlow<()>) -> Self {
        if flow.is_break() {
            Self::Full
        } else {
            Self::End
        }
    }
}

/// Receives log lines.
struct LogLines<'a> {
    streams: &'a mut Vec<OpenStream>,
    anchor: &'a mut Option<(TailState, u64)>,
    replay: &'a mut Option<ChunkReplay>,
    quiet: Duration,
    now: Instant,
}

impl LogLines<'_> {
    fn take(
        &mut self,
        line: Line<'_>,
        age: Age,
        parse: &Parse<'_>,
        visit: &mut VisitOutput<'_>,
    ) -> Stop {
        if let Some((_, again)) = self.anchor {
            *again += 1;
        }
        let is_whole = line.part == 0 && line.ended;
        if self.replay.is_some() {
            if is_whole {
                parse(line.bytes, &mut |piece| self.take_again(piece));
            }
            self.pass_again();
            return Stop::after(self.give_restored(age, visit));
        }
        let mut flow = ControlFlow::Continue(());
        let mut take = |piece: LinePiece<'_>| {
            // All pieces of a log line are taken together, even if the visitor has enough.
            let taken = match piece {
                LinePiece::Text(bytes) => visit(ChunkedOutput::Text(Line { bytes, ..line }, age)),
                LinePiece::StreamChunk(chunk) => self.add(&chunk, age, visit),
            };
            if taken.is_break() {
                flow = taken;
            }
        };
        if is_whole {
            parse(line.bytes, &mut take);
        } else {
            take(LinePiece::Text(line.bytes));
        }
        tidy(self.streams, self.anchor);
        if self.anchor.is_none() && has_pending(self.streams) {
            let is_full = flow.is_break();
            return Stop::Anchor {
                taken: line.taken,
                is_full,
            };
        }
        Stop::after(flow)
    }

    fn add(
        &mut self,
        chunk: &StreamChunk<'_>,
        age: Age,
        visit: &mut VisitOutput<'_>,
    ) -> ControlFlow<()> {
        let known = self
            .streams
            .iter()
            .position(|stream| stream.name == chunk.stream);
        let at = known.unwrap_or_else(|| {
            self.streams
                .push(OpenStream::new(chunk.stream.clone(), 0, self.now));
            self.streams.len() - 1
        });
        let mut flow = ControlFlow::Continue(());
        if let Some(stream) = self.streams.get_mut(at) {
            if stream.is_late(chunk.time, self.quiet) {
                // If the chunk had been read when it was written, the line would have been delivered by now.
                flow = stream.give_rest(age, visit);
            }
            stream.add(&chunk.bytes, chunk.time, self.now);
            if flow.is_continue() {
                flow = stream.give(age, visit);
            }
        }
        if self.streams.len() > STREAMS_MAX && flow.is_continue() {
            let mut oldest = self.streams.remove(0);
            flow = oldest.give_rest(age, visit);
        }
        flow
    }

    /// Delivers the complete lines that did not fit before, once all log lines have been read again.
    fn give_restored(&mut self, age: Age, visit: &mut VisitOutput<'_>) -> ControlFlow<()> {
        if self.replay.is_some() {
            return ControlFlow::Continue(());
        }
        for stream in self.streams.iter_mut() {
            stream.give(age, visit)?;
        }
        tidy(self.streams, self.anchor);
        ControlFlow::Continue(())
    }

    /// Restores the part of a log line that was read before but not delivered.
    fn take_again(&mut self, piece: LinePiece<'_>) {
        let (Some(replay), LinePiece::StreamChunk(chunk)) = (self.replay.as_mut(), piece) else {
            return;
        };
        let mut streams = replay.streams.iter_mut();
        if let Some(again) = streams.find(|again| again.saved.stream == chunk.stream) {
            again.bytes.extend_from_slice(&chunk.bytes);
            let surplus = again.bytes.len().saturating_sub(again.saved.pending);
            again.bytes.drain(..surplus);
            again.last = chunk.time.or(again.last);
        }
    }

    /// Counts a log line that was read again.
    fn pass_again(&mut self) {
        let is_last = self.replay.as_mut().is_some_and(|replay| {
            replay.left -= 1;
            replay.left == 0
        });
        if is_last && let Some(replay) = self.replay.take() {
            let streams = replay.streams.into_iter();
            self.streams
                .extend(streams.map(|again| again.stream(self.now)));
        }
    }
}

impl Again {
    /// The stream in the state of that time.
    fn stream(self, now: Instant) -> OpenStream {
        let Self { saved, bytes, last } = self;
        let mut stream = OpenStream::new(saved.stream, saved.part, now);
        stream.add(&bytes, saved.time.map(Micros::new), now);
        stream.last = last;
        stream
    }
}

impl OpenStream {
    fn new(name: String, part: u32, now: Instant) -> Self {
        Self {
            name,
            lines: LineCutter::new(b"", part),
            time: None,
            last: None,
            grew: now,
        }
    }

    /// Whether a chunk with this time was written so long after the previous one that it cannot belong to the same
    /// line.
    fn is_late(&self, time: Option<Micros>, quiet: Duration) -> bool {
        let quiet = i64::try_from(quiet.as_micros()).unwrap_or(i64::MAX);
        let passed = self
            .last
            .zip(time)
            .map(|(last, time)| time.get().saturating_sub(last.get()));
        self.lines.pending() > 0 && passed.is_some_and(|passed| passed > quiet)
    }

    fn add(&mut self, bytes: &[u8], time: Option<Micros>, now: Instant) {
        if self.lines.pending() == 0 {
            self.time = time;
        }
        self.last = time.or(self.last);
        self.lines.push(bytes);
        self.grew = now;
    }

    fn give(&mut self, age: Age, visit: &mut VisitOutput<'_>) -> ControlFlow<()> {
        let Self {
            name, lines, time, ..
        } = self;
        while let Some(line) = lines.next() {
            if !line.adds_nothing() {
                visit(ChunkedOutput::Line {
                    stream: name,
                    line,
                    time: *time,
                    age,
                })?;
            }
        }
        ControlFlow::Continue(())
    }

    fn give_rest(&mut self, age: Age, visit: &mut VisitOutput<'_>) -> ControlFlow<()> {
        let Self {
            name, lines, time, ..
        } = self;
        match lines.rest() {
            Some(line) => visit(ChunkedOutput::Line {
                stream: name,
                line,
                time: *time,
                age,
            }),
            None => ControlFlow::Continue(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::tail::path::QUIET;
    use std::fs;
    use std::path::Path;

    /// Parses `STREAM:TEXT`, where `$` ends a line.
    fn parse<'b>(line: &'b [u8], give: &mut dyn FnMut(LinePiece<'b>)) {
        let Some((stream, text)) = std::str::from_utf8(line).unwrap().split_once(':') else {
            return give(LinePiece::Text(line));
        };
        let (stream, time) = stream.split_once('@').unwrap_or((stream, "7"));
        give(LinePiece::StreamChunk(StreamChunk {
            stream: stream.to_owned(),
            time: time.parse().ok().map(Micros::new),
            bytes: text.replace('$', "\n").into_bytes().into(),
        }));
    }

    fn open(path: &Path, state: ChunkedState) -> ChunkedTail {
        ChunkedTail::new(path.to_owned(), state, QUIET, TORN)
    }

    fn read(tail: &mut ChunkedTail, context: &mut ReadContext, max: usize) -> Vec<String> {
        let mut found = Vec::new();
        tail.read(context, &parse, &mut |output| {
            found.push(match output {
                ChunkedOutput::Line { stream, line, .. } => {
                    let open = if line.ended { "" } else { "..." };
                    format!("{stream} {}{open}", String::from_utf8_lossy(line.bytes))
                }
                ChunkedOutput::Text(line, _) => {
                    format!("? {}", String::from_utf8_lossy(line.bytes))
                }
                ChunkedOutput::Own(record) => record.message,
            });
            if found.len() == max {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })
        .unwrap();
        found
    }

    const LOG: &str =
        "a:one \nb:eins$\na:two$three\nmalformed\nb:zwei\na:$four$five$six$\nb: drei$\na:end$\n";
    const LINES: [&str; 10] = [
        "b eins",
        "a one two",
        "? malformed",
        "a three",
        "a four",
        "a five",
        "a six",
        "b zwei drei",
        "a end",
        "",
    ];

    fn context() -> ReadContext {
        let mut context = ReadContext::new();
        context.start();
        context
    }

    #[test]
    fn chunks_of_each_stream_become_lines() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        fs::write(&path, LOG).unwrap();
        let mut tail = open(&path, ChunkedState::default());
        assert_eq!(read(&mut tail, &mut context(), usize::MAX), LINES[..9]);
        assert!(tail.anchor.is_none() && tail.streams.is_empty());
    }

    #[test]
    fn a_restart_anywhere_loses_and_repeats_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        for written in (0..=LOG.len()).step_by(5) {
            for max in 1..4 {
                fs::write(&path, &LOG[..written]).unwrap();
                let mut context = context();
                let mut state = ChunkedState::default();
                let mut found = Vec::new();
                for step in 0..20 {
                    let mut tail = open(&path, state.clone());
                    found.extend(read(&mut tail, &mut context, max));
                    state = tail.state().unwrap_or(state);
                    if step == 8 {
                        fs::write(&path, LOG).unwrap();
                    }
                }
                assert_eq!(found, LINES[..9], "{written} bytes written, {max} at once");
            }
        }
    }

    #[test]
    fn a_line_that_does_not_end_is_delivered_and_continues_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        fs::write(&path, "a:Password: \nb:x$\n").unwrap();
        let mut context = context();
        let mut tail = open(&path, ChunkedState::default());
        assert_eq!(read(&mut tail, &mut context, 9), ["b x"]);
        assert!(tail.due().is_some());
        context.now += QUIET;
        assert_eq!(read(&mut tail, &mut context, 9), ["a Password: ..."]);
        fs::write(&path, "a:Password: \nb:x$\na:$\nb:y$\n").unwrap();
        let mut again = open(&path, tail.state().unwrap());
        assert_eq!(
            read(&mut again, &mut context, 9),
            ["b y"],
            "the end of the line is not a line of its own"
        );
    }

    #[test]
    fn the_number_of_streams_is_limited() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let text: Vec<String> = (0..100).map(|n| format!("s{n}:open\n")).collect();
        fs::write(&path, text.concat()).unwrap();
        let mut tail = open(&path, ChunkedState::default());
        let found = read(&mut tail, &mut context(), usize::MAX);
        assert_eq!(found.len(), 100 - STREAMS_MAX);
        assert_eq!(tail.streams.len(), STREAMS_MAX);
    }

    #[test]
    fn a_partly_delivered_line_is_not_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        fs::write(&path, "a:open\n").unwrap();
        let mut context = context();
        let mut tail = open(&path, ChunkedState::default());
        read(&mut tail, &mut context, 9);
        context.now += QUIET;
        assert_eq!(read(&mut tail, &mut context, 9), ["a open..."]);
        let state = tail.state().unwrap();
        assert_eq!((state.again, state.streams.len()), (0, 1));
        fs::write(&path, "a:open\na: end$\n").unwrap();
        let mut again = open(&path, state);
        let mut parts = Vec::new();
        again
            .read(&mut context, &parse, &mut |output| {
                if let ChunkedOutput::Line { line, .. } = output {
                    parts.push((line.part, line.ended));
                }
                ControlFlow::Continue(())
            })
            .unwrap();
        assert_eq!(parts, [(1, true)], "it continues after a restart");
    }

    #[test]
    fn does_not_join_a_chunk_written_long_after() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let late = QUIET.as_micros() + 8;
        fs::write(
            &path,
            format!("a@7:one \na@8:two \na@{late}:three\na@{}:four$\n", late + 1),
        )
        .unwrap();
        let mut tail = open(&path, ChunkedState::default());
        let found = read(&mut tail, &mut context(), 9);
        assert_eq!(
            found,
            ["a one two threefour"],
            "the timeout starts with the last part"
        );
        fs::write(
            &path,
            format!("a@7:one \na@8:two \na@{}:three$\n", late + 1),
        )
        .unwrap();
        let mut tail = open(&path, ChunkedState::default());
        let found = read(&mut tail, &mut context(), 9);
        assert_eq!(found, ["a one two ...", "a three"]);
    }
}
