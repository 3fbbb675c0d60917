//! Follows the logs of one collector.

use super::followed::{FollowedLog, OpenLog};
use super::kind::{CarriedState, LogKind};
use super::look::{LOOK_EVERY, LOOK_SHARE, Looks};
use super::saved::SavedLog;
use super::share::DescriptorShare;
use super::unfollowed::Unfollowed;
use crate::collect::collector::Batch;
use crate::collect::collector::Error;
use crate::collect::collector::Intake;
use crate::collect::names::stamp::FileStamp;
use crate::collect::own::own_record;
use crate::collect::position::{forget, load, save};
use crate::collect::tail::chunked::{ChunkedState, ChunkedTail};
use crate::collect::tail::context::{OPENED_MAX, ReadContext};
use crate::opening;
use crate::record::{Level, Metadata, Positions, Record};
use crate::time::Micros;
use std::cmp::Reverse;
use std::collections::VecDeque;
#[cfg(test)]
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Reading stops after this time, so that the records read so far are stored: opening thousands of logs takes long.
const READ_TIME_MAX: Duration = Duration::from_millis(250);

/// Follows the logs of one collector.
#[derive(Debug)]
pub(crate) struct Follower<K: LogKind> {
    kind: K,
    logs: Vec<FollowedLog<K::Log>>,
    /// Index of the log that is read first.
    turn: usize,
    /// The positions of all logs, including logs that are not followed at the moment.
    saved: Positions,
    looks: Looks,
    /// Closed logs are not checked again before this time.
    check_at: Instant,
    /// Whether a check was due but could not be made.
    is_check_due: bool,
    /// Whether the last read did not reach all logs.
    is_unfinished: bool,
    /// The logs of each part, as indexes into `logs`.
    parts: Vec<VecDeque<usize>>,
    left_out: Unfollowed,
    /// Reports to deliver with the next read.
    own: Vec<Record>,
    context: ReadContext,
    share: DescriptorShare,
}

impl<K: LogKind> Follower<K> {
    /// Continues from `positions`. Nothing is opened before the first read.
    pub(crate) fn new(kind: K, positions: &Positions) -> Self {
        let prefix = kind.prefix();
        let own = positions
            .iter()
            .filter(|(origin, _)| origin.starts_with(&prefix));
        let saved: Positions = own
            .map(|(origin, value)| (origin.clone(), value.clone()))
            .collect();
        let now = Instant::now();
        let has_begun = kind
            .marker()
            .is_some_and(|marker| saved.contains_key(&marker));
        let context = ReadContext::new().within(kind.options().catch_up_max);
        Self {
            kind,
            logs: Vec::new(),
            turn: 0,
            saved,
            looks: Looks::new(now, has_begun),
            check_at: now,
            is_check_due: false,
            is_unfinished: false,
            parts: Vec::new(),
            left_out: Unfollowed::default(),
            own: Vec::new(),
            context,
            share: DescriptorShare::new(),
        }
    }

    /// Looks for logs if that is due or a folder has changed.
    fn look(&mut self) {
        let Self {
            kind,
            context,
            logs,
            saved,
            ..
        } = self;
        if self.looks.is_due(context) {
            let found = self.looks.look(kind, context, logs, saved);
            self.left_out.beyond = found.beyond;
            self.own.extend(found.reports);
        }
    }

    pub(crate) fn read(&mut self, batch: &mut Batch) {
        self.context.start();
        self.look();
        self.check();
        self.context.opened_max = (self.share.open_max() / 2).clamp(1, OPENED_MAX);
        let mut intake = Intake::new(batch);
        let before = intake.count();
        self.is_unfinished = false;
        let count = self.logs.len();
        for step in 0..count {
            let at = (self.turn + step) % count;
            self.read_log(at, &mut intake);
            if intake.is_full() || self.context.now.elapsed() > READ_TIME_MAX {
                // The next read starts with another log, so that a log with endless output does not block the others.
                self.turn = (at + 1) % count;
                self.is_unfinished = true;
                break;
            }
        }
        self.close_idle();
        self.let_go(&mut intake);
        self.mark(&mut intake);
        self.tell(&mut intake);
        if intake.count() == before {
            self.context.rest();
        }
    }

    /// Saves in a position that the logs were looked for.
    fn mark(&mut self, intake: &mut Intake<'_>) {
        let marker = self.kind.marker().filter(|_| self.looks.has_begun());
        if let Some(marker) = marker.filter(|marker| !self.saved.contains_key(marker)) {
            let position = save(&marker, &SavedLog::default());
            self.saved
                .insert(marker, position.value.clone().unwrap_or_default());
            intake.position(position, None);
        }
    }

    pub(crate) fn wait(&mut self, timeout: Duration) {
        if self.is_unfinished {
            return;
        }
        let open = self.logs.iter().filter_map(|log| log.open.as_ref());
        let due = open.filter_map(|open| open.tail.due());
        let retries = self
            .logs
            .iter()
            .filter_map(|log| Some(log.failure.as_ref()?.again_at));
        let look = self.looks.due();
        let check = self.is_check_due.then_some(self.check_at);
        let due = due.chain(retries).chain(look).chain(check).min();
        self.context.wait(due, timeout);
    }

    /// Whether changes of a log are found by polling only.
    pub(crate) fn is_blind(&self) -> bool {
        self.context.is_blind()
    }

    /// The parts in which history is read: each of the newest logs is one part, and all older ones together are
    /// another. This limits the number of open files.
    pub(crate) fn parts(&mut self, batch: &mut Batch) -> Vec<Micros> {
        self.context.start();
        self.look();
        self.tell(&mut Intake::new(batch));
        let mut due: Vec<usize> = (0..self.logs.len())
            .filter(|&at| self.logs.get(at).is_some_and(FollowedLog::is_to_read))
            .collect();
        let modified = |at: &usize| self.logs.get(*at).and_then(|log| Some(log.now?.modified));
        due.sort_by_key(|at| Reverse(modified(at)));
        let single = self.share.open_max().min(due.len());
        let older = due.split_off(single);
        self.parts = due.into_iter().map(|at| VecDeque::from([at])).collect();
        if !older.is_empty() {
            self.parts.push(older.into_iter().rev().collect());
        }
        vec![Micros::MIN; self.parts.len()]
    }

    pub(crate) fn read_part(&mut self, part: usize, batch: &mut Batch) {
        self.context.start();
        let mut intake = Intake::new(batch);
        let before = intake.count();
        while let Some(&at) = self.parts.get(part).and_then(VecDeque::front) {
            self.read_log(at, &mut intake);
            let rest = self.parts.get_mut(part).filter(|part| part.len() > 1);
            match rest {
                Some(rest) if intake.count() == before => rest.pop_front(),
                _ => break,
            };
        }
    }

    /// Checks whether closed logs have changed.
    fn check(&mut self) {
        self.is_check_due = self.context.now < self.check_at;
        if self.is_check_due {
            return;
        }
        let begun = Instant::now();
        let mut is_unwatched = false;
        let closed = |log: &&mut FollowedLog<K::Log>| log.open.is_none() && !log.is_due;
        for log in self.logs.iter_mut().filter(closed) {
            log.see(FileStamp::at(&log.place.path));
            is_unwatched |= log.watched.is_none() && log.now.is_some();
        }
        if is_unwatched {
            self.context.watch.miss();
        }
        let pause = begun.elapsed() * LOOK_SHARE;
        self.check_at = self.context.now + pause.min(LOOK_EVERY);
    }

    /// Continues to read one log, if there is anything to read.
    fn read_log(&mut self, at: usize, intake: &mut Intake<'_>) {
        let now = self.context.now;
        let is_wanted = self.logs.get(at).is_some_and(|log| {
            let may_try = log
                .failure
                .as_ref()
                .is_none_or(|failure| failure.again_at <= now);
            log.is_to_read() && may_try
        });
        if !is_wanted {
            return;
        }
        if self.logs.get(at).is_some_and(|log| log.open.is_none()) {
            self.make_room(at);
            self.open(at);
        }
        let Some(log) = self.logs.get_mut(at) else {
            return;
        };
        let read = log.read(&self.kind, &mut self.context, &mut self.saved, intake);
        match read {
            Ok(()) => log.failure = None,
            Err(Error::Io { what, source }) => {
                let is_scarce = opening::is_scarce(&source);
                let text = format!("cannot {what}: {source}");
                let is_reported = log.fail(&text, now, is_scarce);
                log.close(&mut self.context);
                log.is_due = true;
                if is_scarce {
                    self.close_quiet();
                } else if !is_reported {
                    intake.push(own_record(
                        Level::Warn,
                        "file_unreadable",
                        format!("{text}; it is tried again"),
                        Metadata::new(),
                    ));
                }
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn look_at_once(&mut self) {
        let now = Instant::now();
        self.looks.look_at_once(now);
        self.check_at = now;
    }

    #[cfg(test)]
    pub(crate) fn share_of(&mut self, files: usize) {
        self.share.fixed = Some(files);
    }

    #[cfg(test)]
    pub(crate) fn open_paths(&self) -> Vec<PathBuf> {
        let open = self.logs.iter().filter(|log| log.open_files() > 0);
        open.map(|log| log.place.path.clone()).collect()
    }

    fn open(&mut self, at: usize) {
        let Some(log) = self.logs.get_mut(at) else {
            return;
        };
        let origin = &log.place.origin;
        let is_new = !self.saved.contains_key(origin);
        let (state, carried) = if !is_new {
            load::<SavedLog>(&self.saved, origin).split()
        } else if log.reads_rotated {
            (ChunkedState::from_oldest(), CarriedState::default())
        } else {
            Default::default()
        };
        let (quiet, torn) = (self.kind.options().quiet, self.kind.torn());
        log.watched = None;
        let opened = self.kind.begin(&log.place, carried);
        if is_new && log.has_appeared {
            self.own.extend(self.kind.appeared(&opened));
        }
        let mut tail = ChunkedTail::new(log.place.path.clone(), state, quiet, torn);
        if log.is_live {
            tail.was_read_to_end();
        }
        log.open = Some(OpenLog {
            tail,
            log: opened,
            grew: self.context.now,
            turn: self.context.now,
            is_at_end: false,
        });
    }

    /// Closes the least recently read logs until one more may be opened.
    fn make_room(&mut self, wanted: usize) {
        let open_max = self.share.open_max();
        let mut held: usize = self.logs.iter().map(FollowedLog::open_files).sum();
        while held >= open_max {
            let open = self
                .logs
                .iter()
                .enumerate()
                .filter(|&(at, log)| at != wanted && log.may_close());
            let oldest = open.min_by_key(|(_, log)| log.open.as_ref().map(|open| open.turn));
            let Some((at, files)) = oldest.map(|(at, log)| (at, log.open_files())) else {
                return;
            };
            held -= files;
            self.close(at);
        }
    }

    fn close(&mut self, at: usize) {
        if let Some(log) = self.logs.get_mut(at) {
            log.close(&mut self.context);
            let saved = load::<SavedLog>(&self.saved, &log.place.origin);
            log.rest(saved.read_to_end(), &mut self.context);
        }
    }

    /// Closes all logs that have been read completely.
    fn close_quiet(&mut self) {
        for at in 0..self.logs.len() {
            let is_quiet = |log: &FollowedLog<K::Log>| log.may_close() && log.is_at_end();
            if self.logs.get(at).is_some_and(is_quiet) {
                self.close(at);
            }
        }
    }

    /// Closes the logs that have not grown for a while.
    fn close_idle(&mut self) {
        for at in 0..self.logs.len() {
            if self
                .logs
                .get(at)
                .is_some_and(|log| log.is_idle(self.context.now))
            {
                self.close(at);
            }
        }
    }

    /// Forgets deleted logs once they were read completely.
    fn let_go(&mut self, intake: &mut Intake<'_>) {
        // Only a scan made in this read shows reliably which logs were deleted.
        if !self.kind.forgets() || !self.looks.has_just_looked(&self.context) {
            return;
        }
        let Self {
            kind, logs, saved, ..
        } = self;
        logs.retain(|log| {
            let is_over = !log.is_there && log.is_over() && kind.is_gone(&log.place.path);
            if is_over {
                saved.remove(&log.place.origin);
                intake.position(forget(&log.place.origin), None);
            }
            !is_over
        });
    }

    /// Adds all reports, and the number of logs that are not followed.
    fn tell(&mut self, intake: &mut Intake<'_>) {
        for origin in self.looks.take_forgotten() {
            intake.position(forget(&origin), None);
        }
        let is_starved = |log: &&FollowedLog<K::Log>| {
            log.failure
                .as_ref()
                .is_some_and(|failure| failure.is_scarce)
        };
        self.left_out.starved = self.logs.iter().filter(is_starved).count();
        let (title, limit) = (self.kind.title(), opening::descriptor_limit());
        self.own
            .extend(self.left_out.news(&title, self.logs.len(), limit));
        for record in self.own.drain(..) {
            intake.push(record);
        }
        intake.not_followed((self.left_out.beyond + self.left_out.starved) as u64);
    }
}
