//! Reads one run from its log: entries become records, in the order of the log and once each, also across a restart.

use super::caps::{Caps, HeldLine, OutputHead, OutputTail};
use super::part::{PartRead, PartReader};
use super::records::RunRecords;
use crate::capture::{
    CaptureGap, FIRST_PART, Folder, LogEntry, RunEnd, RunEvent, RunId, RunParts, Stream,
    StreamCount,
};
use crate::collect::collector::Intake;
use crate::collect::recognise::{LineEvents, Recognition};
use crate::collect::text::line::LineCutter;
use crate::collect::watch::FileWatch;
use crate::record::Record;
use crate::time::Micros;
use inotify::WatchDescriptor;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::time::{Duration, Instant};

/// How far a run has been read, as saved in its position.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunPlace {
    part: u32,
    /// Offset of the next entry.
    offset: u64,
    /// How many lines of that entry have become records.
    skip: u64,
    head: OutputHead,
    /// Lines whose end was not yet at `offset`.
    #[serde(default)]
    unended: BTreeMap<Stream, Unended>,
    /// The event of each stream, for the next line.
    #[serde(default)]
    events: LineEvents,
    /// How many of the records that end the run have been delivered.
    drained: u64,
    /// Everything has been read.
    pub(crate) is_over: bool,
}

/// Where an unfinished line is in the log. Its bytes are not saved in the position, because they have not been
/// redacted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Unended {
    /// How many parts of the line have become records.
    part: u32,
    /// The part and the offset of an entry at or before the first byte of the line.
    from: (u32, u64),
    /// How many bytes of the line wait for its end.
    length: u64,
}

impl RunPlace {
    /// Bytes of the current part that have been read; `None` once the run is over.
    pub(crate) fn reached(&self) -> Option<u64> {
        (!self.is_over).then_some(self.offset)
    }
}

/// A run being read.
#[derive(Debug)]
pub(crate) struct CapturedRun {
    id: RunId,
    voice: RunRecords,
    begun: Option<Micros>,
    caps: Caps,
    /// While the tail is read, the place stays at the start of the tail, because nothing after it has become a
    /// record.
    place: RunPlace,
    /// The part that is being read.
    part: u32,
    reader: Option<PartReader>,
    watched: Option<WatchDescriptor>,
    streams: BTreeMap<Stream, Joined>,
    /// How many lines of the next entry became records before a restart.
    skipping: u64,
    phase: Phase,
    /// The time of the newest entry.
    newest: Micros,
    /// Whether parts after the head were removed before they were read.
    has_holes: bool,
    /// Whether the writer had ended before the log was last read to its end.
    is_abandoned: bool,
    damage_is_reported: bool,
}

/// The lines of one stream.
#[derive(Debug)]
struct Joined {
    lines: LineCutter,
    grew: Instant,
    /// The part and the offset of an entry at or before the first waiting byte.
    from: (u32, u64),
}

/// Where the lines that are read go.
#[derive(Debug)]
enum Phase {
    /// Lines become records at once.
    OutputHead,
    /// The last lines become records at the end; with the number of lines that the writer could not keep.
    OutputTail(OutputTail, CaptureGap),
    /// The run has ended: the lines that are still to be delivered.
    Drain(VecDeque<Last>),
}

/// One of the last records of a run.
#[derive(Debug)]
enum Last {
    Line(HeldLine),
    Record(Box<Record>),
}

/// The result of one more step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RunStep {
    /// Something was read; continue.
    More,
    /// Nothing new, but a process may still write.
    Waiting,
    /// Nothing new, and no process writes the log any more: list the parts again and continue, to be sure.
    Left,
    /// The run is over.
    Over,
}

/// The state that all runs of a collector share in a step.
#[derive(Debug)]
pub(crate) struct RunContext<'a, 'b> {
    pub(crate) folder: &'a Folder,
    /// The parts of the run, listed before the step.
    pub(crate) parts: &'a RunParts,
    pub(crate) watch: &'a mut FileWatch,
    pub(crate) intake: &'a mut Intake<'b>,
}

impl CapturedRun {
    /// Continues from `place`. Returns `None` while the log does not name the command yet.
    pub(crate) fn open(
        folder: &Folder,
        id: RunId,
        mut place: RunPlace,
        (caps, recognition): (Caps, &Recognition),
        parts: &RunParts,
    ) -> Option<Self> {
        let first = *parts.numbers.first()?;
        let entry = first_entry(folder, id, first);
        if entry.is_none() && parts.numbers == [FIRST_PART] {
            return None;
        }
        let (start, begun) = match entry {
            Some(LogEntry {
                time,
                event: Some(RunEvent::ProcessStart(start)),
                ..
            }) => (Some(start), Some(time)),
            _ => (None, None),
        };
        place.part = place.part.max(FIRST_PART);
        let streams = place.unended.iter().map(|(&stream, unended)| {
            let mut lines = LineCutter::new(b"", unended.part);
            lines.push(&read_again(folder, id, stream, unended, &place));
            let (grew, from) = (Instant::now(), unended.from);
            (stream, Joined { lines, grew, from })
        });
        Some(Self {
            id,
            voice: RunRecords::new(id, start, folder.owner(), recognition),
            begun,
            caps,
            part: place.part,
            reader: None,
            watched: None,
            streams: streams.collect(),
            skipping: place.skip,
            phase: Phase::OutputHead,
            newest: begun.unwrap_or_default(),
            has_holes: false,
            is_abandoned: false,
            damage_is_reported: false,
            place,
        })
    }

    /// How far it has been read.
    pub(crate) fn place(&self) -> &RunPlace {
        &self.place
    }

    /// Reads one entry, or delivers one of the last records.
    pub(crate) fn step(&mut self, context: &mut RunContext<'_, '_>) -> io::Result<RunStep> {
        if let Phase::Drain(last) = &mut self.phase {
            let Some(last) = last.pop_front() else {
                // The rest of the position is of no use any more.
                self.place = RunPlace {
                    is_over: true,
                    ..RunPlace::default()
                };
                self.leave_part(context.watch);
                return Ok(RunStep::Over);
            };
            context.intake.push(match last {
                Last::Line(held) => self.voice.line(&held, &mut self.place.events),
                Last::Record(record) => *record,
            });
            self.place.drained += 1;
            return Ok(RunStep::More);
        }
        if self.reader.is_none() && !self.open_part(context)? {
            return Ok(self.next_part(context).unwrap_or(RunStep::Waiting));
        }
        self.read_entry(context)
    }

    /// Delivers lines that have not ended for a while.
    pub(crate) fn quiet(&mut self, quiet: Duration, intake: &mut Intake<'_>) {
        let Phase::OutputHead = self.phase else {
            return;
        };
        for (&stream, joined) in &mut self.streams {
            let is_due = joined.lines.has_rest() && joined.grew.elapsed() >= quiet;
            // In the tail the line is checked against the caps when it has ended.
            if !is_due || !self.place.head.admit(joined.lines.pending(), self.caps) {
                continue;
            }
            if let Some(line) = joined.lines.rest() {
                let held = HeldLine::of(&line, self.newest, stream);
                intake.push(self.voice.line(&held, &mut self.place.events));
            }
            self.place.remember(stream, joined);
        }
    }

    /// When [`CapturedRun::quiet`] will have something to deliver.
    pub(crate) fn due(&self, quiet: Duration) -> Option<Instant> {
        let Phase::OutputHead = self.phase else {
            return None;
        };
        let waiting = self
            .streams
            .values()
            .filter(|joined| joined.lines.has_rest());
        waiting.map(|joined| joined.grew + quiet).min()
    }

    fn read_entry(&mut self, context: &mut RunContext<'_, '_>) -> io::Result<RunStep> {
        let Some(reader) = &mut self.reader else {
            return Ok(RunStep::Waiting);
        };
        let (found, range) = reader.next()?;
        let next = reader.offset();
        match found {
            PartRead::Line => match LogEntry::parse(reader.bytes(range)) {
                Ok(entry) => self.take(entry, next, context.intake),
                Err(error) => self.damaged(&error.to_string(), next, context.intake),
            },
            PartRead::TooLong => self.damaged("it is too long", next, context.intake),
            PartRead::End => {
                reader.rest();
                return Ok(self.at_end(context));
            }
        }
        Ok(RunStep::More)
    }

    fn at_end(&mut self, context: &mut RunContext<'_, '_>) -> RunStep {
        if let Some(step) = self.next_part(context) {
            return step;
        }
        if self.is_abandoned {
            self.end(None, self.newest);
            return RunStep::More;
        }
        self.is_abandoned = matches!(
            context.folder.is_being_written(self.id, self.part),
            Ok(false)
        );
        if self.is_abandoned {
            RunStep::Left
        } else {
            RunStep::Waiting
        }
    }

    /// Returns `false` if the part does not exist.
    fn open_part(&mut self, context: &mut RunContext<'_, '_>) -> io::Result<bool> {
        let file = match context.folder.open_part(self.id, self.part) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            opened => opened?,
        };
        let offset = if self.part == self.place.part {
            self.place.offset
        } else {
            0
        };
        self.watched = context.watch.file(&file);
        self.reader = Some(PartReader::new(file, offset));
        Ok(true)
    }

    fn leave_part(&mut self, watch: &mut FileWatch) {
        self.reader = None;
        if let Some(watched) = self.watched.take() {
            watch.forget(watched);
        }
    }

    /// Moves to the part after the one that has been read.
    fn next_part(&mut self, context: &mut RunContext<'_, '_>) -> Option<RunStep> {
        let next = *context
            .parts
            .numbers
            .iter()
            .find(|&&number| number > self.part)?;
        self.leave_part(context.watch);
        let missing = self.part + 1..next;
        self.part = next;
        self.has_holes |= !missing.is_empty() && matches!(self.phase, Phase::OutputTail(..));
        if let Phase::OutputHead = self.phase {
            self.place.part = next;
            self.place.offset = 0;
            if !missing.is_empty() {
                let count = missing.len();
                let text =
                    format!("{count} parts of the capture log were removed before they were read");
                context.intake.push(self.voice.trouble(self.newest, text));
            }
        }
        Some(RunStep::More)
    }

    fn damaged(&mut self, why: &str, next: u64, intake: &mut Intake<'_>) {
        if let Phase::OutputHead = self.phase {
            if !std::mem::replace(&mut self.damage_is_reported, true) {
                let text = format!(
                    "part {} of the capture log cannot be read before byte {next}: {why}",
                    self.part
                );
                intake.push(self.voice.trouble(self.newest, text));
            }
            self.place.offset = next;
            self.place.skip = 0;
        }
    }

    fn take(&mut self, entry: LogEntry, next: u64, intake: &mut Intake<'_>) {
        self.newest = entry.time;
        match entry.event {
            None => return self.output(&entry, next, intake),
            Some(RunEvent::ProcessEnd(end)) => return self.end(Some(&end), entry.time),
            Some(event) => match (event, &mut self.phase) {
                (RunEvent::ProcessStart(_), Phase::OutputHead) => {
                    intake.push(self.voice.started(entry.time));
                }
                (RunEvent::CaptureGap(gap), Phase::OutputHead) => {
                    intake.push(self.voice.gap(entry.time, gap));
                }
                (RunEvent::CaptureGap(gap), Phase::OutputTail(_, sum)) => {
                    sum.lines = sum.lines.saturating_add(gap.lines);
                    sum.bytes = sum.bytes.saturating_add(gap.bytes);
                }
                _ => {}
            },
        }
        if let Phase::OutputHead = self.phase {
            self.place.offset = next;
            self.place.skip = 0;
        }
    }

    fn output(&mut self, entry: &LogEntry, next: u64, intake: &mut Intake<'_>) {
        let stream = entry.stream;
        let joined = self.streams.entry(stream).or_insert_with(Joined::new);
        joined.lines.push(&entry.data);
        joined.grew = Instant::now();
        let begins = (self.place.part, self.place.offset);
        let mut taken = 0;
        while let Some(line) = joined.lines.next() {
            if line.adds_nothing() {
                continue;
            }
            taken += 1;
            if self.skipping > 0 {
                self.skipping -= 1;
                continue;
            }
            let held = HeldLine::of(&line, entry.time, stream);
            match &mut self.phase {
                Phase::OutputHead if self.place.head.admit(held.bytes.len(), self.caps) => {
                    intake.push(self.voice.line(&held, &mut self.place.events));
                }
                Phase::OutputHead => {
                    self.place.skip = taken - 1;
                    let mut tail = OutputTail::behind(self.place.head, self.caps);
                    tail.push(held);
                    self.phase = Phase::OutputTail(tail, CaptureGap::default());
                }
                Phase::OutputTail(tail, _) => tail.push(held),
                Phase::Drain(_) => {}
            }
        }
        self.skipping = 0;
        if let Phase::OutputHead = self.phase {
            self.place.offset = next;
            self.place.skip = 0;
            if joined.lines.waiting().len() <= entry.data.len() {
                joined.from = begins;
            }
            self.place.remember(stream, joined);
        }
    }

    /// The log is complete: puts the kept lines in the order of delivery. After a restart the same lines are kept
    /// again, and those already delivered are skipped.
    fn end(&mut self, end: Option<&RunEnd>, time: Micros) {
        let (mut tail, gap) = match std::mem::replace(&mut self.phase, Phase::OutputHead) {
            Phase::OutputTail(tail, gap) => (tail, gap),
            Phase::OutputHead | Phase::Drain(_) => (
                OutputTail::behind(self.place.head, self.caps),
                CaptureGap::default(),
            ),
        };
        for (&stream, joined) in &mut self.streams {
            if let Some(mut line) = joined.lines.rest() {
                line.ended = true;
                tail.push(HeldLine::of(&line, time, stream));
            }
        }
        if self.has_holes
            && let Some(end) = end
        {
            self.count_holes(&mut tail, end);
        }
        let mut last = VecDeque::new();
        let record = |record: Record| Last::Record(Box::new(record));
        if gap != CaptureGap::default() {
            last.push_back(record(self.voice.gap(time, gap)));
        }
        if tail.left_out.lines > 0 {
            last.push_back(record(self.voice.truncated(&tail.left_out, time)));
        }
        last.extend(tail.into_lines().into_iter().map(Last::Line));
        last.push_back(record(self.voice.ended(self.begun, time, end)));
        let drained = usize::try_from(self.place.drained).unwrap_or(usize::MAX);
        last.drain(..drained.min(last.len()));
        self.phase = Phase::Drain(last);
    }

    /// Counts the lines of removed parts as omitted, too; only the totals say how many they were.
    fn count_holes(&self, tail: &mut OutputTail, end: &RunEnd) {
        let written = end
            .streams
            .values()
            .fold(StreamCount::default(), |sum, count| StreamCount {
                lines: sum.lines.saturating_add(count.lines),
                bytes: sum.bytes.saturating_add(count.bytes),
            });
        let lines = self.place.head.lines() + tail.len();
        let bytes = self.place.head.bytes() + tail.bytes();
        let left_out = &mut tail.left_out;
        left_out.lines = left_out.lines.max(written.lines.saturating_sub(lines));
        left_out.bytes = left_out.bytes.max(written.bytes.saturating_sub(bytes));
    }
}

impl RunPlace {
    fn remember(&mut self, stream: Stream, joined: &Joined) {
        let (part, length) = (joined.lines.part(), joined.lines.waiting().len());
        if part == 0 && length == 0 {
            self.unended.remove(&stream);
            return;
        }
        let unended = Unended {
            part,
            from: joined.from,
            length: length as u64,
        };
        self.unended.insert(stream, unended);
    }
}

impl Joined {
    fn new() -> Self {
        Self {
            lines: LineCutter::new(b"", 0),
            grew: Instant::now(),
            from: (FIRST_PART, 0),
        }
    }
}

/// Reads the bytes of an unfinished line at `place` from the log again. Bytes that were removed since are missing.
fn read_again(
    folder: &Folder,
    id: RunId,
    stream: Stream,
    unended: &Unended,
    place: &RunPlace,
) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (first, offset) = unended.from;
    for number in first..=place.part {
        let Ok(file) = folder.open_part(id, number) else {
            continue;
        };
        let offset = if number == first { offset } else { 0 };
        let mut reader = PartReader::new(file, offset);
        while number < place.part || reader.offset() < place.offset {
            match reader.next() {
                Ok((PartRead::Line, range)) => {
                    let entry = LogEntry::parse(reader.bytes(range)).ok();
                    let entry =
                        entry.filter(|entry| entry.event.is_none() && entry.stream == stream);
                    bytes.extend_from_slice(entry.as_ref().map_or(&[][..], |entry| &entry.data));
                }
                Ok((PartRead::TooLong, _)) => {}
                Ok((PartRead::End, _)) | Err(_) => break,
            }
        }
    }
    let length = usize::try_from(unended.length).unwrap_or(usize::MAX);
    let start = bytes.len().saturating_sub(length);
    bytes.split_off(start)
}

fn first_entry(folder: &Folder, id: RunId, part: u32) -> Option<LogEntry> {
    let mut reader = PartReader::new(folder.open_part(id, part).ok()?, 0);
    match reader.next().ok()? {
        (PartRead::Line, range) => LogEntry::parse(reader.bytes(range)).ok(),
        _ => None,
    }
}
