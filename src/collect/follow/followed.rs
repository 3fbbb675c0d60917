//! One followed log: open while it is being read, closed while nothing is written to it.

use super::kind::{LogKind, LogLine, LogPlace};
use super::saved::SavedLog;
use crate::collect::collector::Error;
use crate::collect::collector::Intake;
use crate::collect::names::stamp::FileStamp;
use crate::collect::position::save;
use crate::collect::tail::chunked::{ChunkedOutput, ChunkedTail};
use crate::collect::tail::context::ReadContext;
use crate::record::Positions;
use inotify::WatchDescriptor;
use std::time::{Duration, Instant};

/// A log that has not grown for this long is closed until it grows. Programs that run write more often.
const IDLE: Duration = Duration::from_mins(5);

/// How long to wait before an unreadable log is tried again: doubled after each failure, up to the second value.
const RETRY_AFTER: Duration = Duration::from_secs(1);
const RETRY_AFTER_MAX: Duration = Duration::from_mins(1);

#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is seen at a look of its own"
)]
pub(super) struct FollowedLog<L> {
    pub(super) place: LogPlace,
    /// The stamp of the file at the last check.
    pub(super) now: Option<FileStamp>,
    /// The stamp of the file when everything in it had been read.
    pub(super) read: Option<FileStamp>,
    /// Whether it still has to be read to its end.
    pub(super) is_due: bool,
    /// Whether it existed at the last check.
    pub(super) is_there: bool,
    /// Whether this process has found it read to its end: what comes later was just written, also if the log was closed meanwhile.
    pub(super) is_live: bool,
    /// Whether its rotated files are read as well if it has no position.
    pub(super) reads_rotated: bool,
    /// Whether it was missing at an earlier check.
    pub(super) has_appeared: bool,
    pub(super) open: Option<OpenLog<L>>,
    pub(super) watched: Option<WatchDescriptor>,
    pub(super) failure: Option<ReadFailure>,
}

/// A log that is being read.
#[derive(Debug)]
pub(super) struct OpenLog<L> {
    pub(super) tail: ChunkedTail,
    pub(super) log: L,
    pub(super) grew: Instant,
    /// When it was last read.
    pub(super) turn: Instant,
    pub(super) is_at_end: bool,
}

/// A failure to read a log.
#[derive(Debug)]
pub(super) struct ReadFailure {
    pub(super) text: String,
    pub(super) again_at: Instant,
    pub(super) after: Duration,
    /// Whether the cause is a lack of descriptors.
    pub(super) is_scarce: bool,
}

impl<L> FollowedLog<L> {
    /// Creates the state of a log that was found. `read` is its stamp when it was last read completely.
    pub(super) fn found(
        place: LogPlace,
        stamp: Option<FileStamp>,
        read: Option<FileStamp>,
        reads_rotated: bool,
        has_appeared: bool,
        context: &mut ReadContext,
    ) -> Self {
        let is_due = read.is_none() || read != stamp;
        let watched = (!is_due).then(|| context.watch.path(&place.path));
        Self {
            place,
            now: stamp,
            read,
            is_due,
            is_there: true,
            is_live: !is_due,
            reads_rotated,
            has_appeared,
            open: None,
            watched: watched.flatten(),
            failure: None,
        }
    }

    /// Whether there is or may be something to read.
    pub(super) fn is_to_read(&self) -> bool {
        self.open.is_some() || self.is_due
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.is_at_end)
    }

    pub(super) fn open_files(&self) -> usize {
        self.open.as_ref().map_or(0, |open| open.tail.open_files())
    }

    /// Whether it may be closed: reading could continue from its position.
    pub(super) fn may_close(&self) -> bool {
        let open = self.open.as_ref();
        open.is_some_and(|open| open.tail.open_files() > 0 && open.tail.state().is_some())
    }

    pub(super) fn is_idle(&self, now: Instant) -> bool {
        let is_quiet = |open: &OpenLog<L>| {
            let silence = now.saturating_duration_since(open.grew);
            open.is_at_end
                && open.tail.open_files() == 1
                && silence > IDLE
                && open.tail.due().is_none()
        };
        self.open.as_ref().is_some_and(is_quiet)
    }

    /// Whether it was read completely and all its lines were delivered.
    pub(super) fn is_over(&self) -> bool {
        match &self.open {
            Some(open) => {
                open.is_at_end && open.tail.open_files() == 0 && open.tail.due().is_none()
            }
            None => !self.is_due || self.now.is_none(),
        }
    }

    /// Records the result of a check of the file.
    pub(super) fn see(&mut self, stamp: Option<FileStamp>) {
        self.now = stamp;
        self.is_due |= self.open.is_none() && stamp != self.read;
    }

    pub(super) fn close(&mut self, context: &mut ReadContext) {
        if let Some(mut open) = self.open.take() {
            self.is_live |= open.tail.is_live();
            open.tail.close(context);
        }
    }

    /// Closes the log after everything up to `read` had been read.
    pub(super) fn rest(&mut self, read: Option<FileStamp>, context: &mut ReadContext) {
        self.watched = context.watch.path(&self.place.path);
        self.now = FileStamp::at(&self.place.path);
        // A file that was rotated away and has no successor was held for long enough.
        self.read = read.filter(|_| self.now.is_some());
        self.is_due = self.now != self.read;
    }

    /// Records that it cannot be read, so that it is not tried again for a while. Returns whether that was reported
    /// before.
    pub(super) fn fail(&mut self, text: &str, now: Instant, is_scarce: bool) -> bool {
        let before = self.failure.take();
        let is_reported = before.as_ref().is_some_and(|before| before.text == text);
        let after = match before {
            Some(before) if !is_scarce => (before.after * 2).min(RETRY_AFTER_MAX),
            _ => RETRY_AFTER,
        };
        self.failure = Some(ReadFailure {
            text: text.to_owned(),
            again_at: now + after,
            after,
            is_scarce,
        });
        is_reported
    }

    pub(super) fn read<K: LogKind<Log = L>>(
        &mut self,
        kind: &K,
        context: &mut ReadContext,
        positions: &mut Positions,
        intake: &mut Intake<'_>,
    ) -> Result<(), Error> {
        let Some(OpenLog {
            tail,
            log,
            grew,
            turn,
            is_at_end,
        }) = self.open.as_mut()
        else {
            return Ok(());
        };
        let now = context.now;
        kind.refresh(log, &self.place);
        let before = intake.count();
        *is_at_end = true;
        let result = tail.read(context, kind.parse(), &mut |output| {
            let (stream, line, time, age) = match output {
                ChunkedOutput::Own(record) => {
                    intake.push(record);
                    *is_at_end = !intake.is_full();
                    return intake.flow();
                }
                ChunkedOutput::Text(line, age) => (None, line, None, age),
                ChunkedOutput::Line {
                    stream,
                    line,
                    time,
                    age,
                } => (Some(stream), line, time, age),
            };
            let line = LogLine {
                stream,
                line,
                time,
                age,
            };
            intake.push(kind.record(log, line));
            *is_at_end = !intake.is_full();
            intake.flow()
        });
        *turn = now;
        if intake.count() > before {
            *grew = now;
        }
        if *is_at_end && result.is_ok() {
            self.is_due = false;
        }
        if let Some(state) = tail.state() {
            let reached = state.reached();
            let position = save(&self.place.origin, &SavedLog::new(state, kind.carried(log)));
            let known = positions.get(&self.place.origin);
            if let Some(value) = position
                .value
                .as_ref()
                .filter(|value| known != Some(*value))
            {
                positions.insert(self.place.origin.clone(), value.clone());
                *grew = now;
                intake.position(position, reached);
            }
        }
        result
    }
}
