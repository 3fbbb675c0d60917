//! The files that a tail holds, oldest first, and which of them is being read.

use crate::collect::names::stamp::Inode;
use crate::collect::tail::context::ReadContext;
use crate::collect::tail::mark::Mark;
use crate::collect::tail::reader::LogReader;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A renamed file is held this long after its last growth: writers reopen their log well within that time.
pub(super) const LINGER: Duration = Duration::from_mins(5);

/// A deleted file is held for a shorter time, because it takes up space until it is closed.
pub(super) const LINGER_DELETED: Duration = Duration::from_secs(10);

/// Maximum number of renamed files that are held. Beyond it the oldest is closed: each costs a descriptor.
const LINGERING_MAX: usize = 8;

/// The open files of one path.
#[derive(Debug, Default)]
pub(super) struct Row {
    files: VecDeque<LogReader>,
    /// Index of the file that is being read.
    at: usize,
}

impl Row {
    pub(super) fn len(&self) -> usize {
        self.files.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Moves to the oldest file.
    pub(super) fn rewind(&mut self) {
        self.at = 0;
    }

    /// Moves to the next file.
    pub(super) fn advance(&mut self) {
        self.at += 1;
    }

    /// Whether no file follows the one that is being read.
    pub(super) fn is_at_last(&self) -> bool {
        self.at + 1 >= self.files.len()
    }

    /// The file that is being read.
    pub(super) fn current(&self) -> Option<&LogReader> {
        self.files.get(self.at)
    }

    pub(super) fn current_mut(&mut self) -> Option<&mut LogReader> {
        self.files.get_mut(self.at)
    }

    pub(super) fn next_mut(&mut self) -> Option<&mut LogReader> {
        self.files.get_mut(self.at + 1)
    }

    /// The file that is being read and those after it, newest first.
    pub(super) fn unread_newest_first(&mut self) -> impl Iterator<Item = &mut LogReader> {
        self.files.iter_mut().skip(self.at).rev()
    }

    /// The newest file.
    pub(super) fn newest(&self) -> Option<&LogReader> {
        self.files.back()
    }

    pub(super) fn newest_inode(&self) -> Option<Inode> {
        self.files.back().map(LogReader::inode)
    }

    /// How far each file has been read.
    pub(super) fn marks(&self) -> Vec<Mark> {
        self.files.iter().map(LogReader::mark).collect()
    }

    /// The marks of the files that reading has reached, up to `taken` bytes before the place in the current one.
    pub(super) fn reached_marks(&self, taken: usize) -> Vec<Mark> {
        let reached = self.files.iter().enumerate();
        let reached = reached.filter(|(_, file)| file.is_reached);
        let mark = |(at, file): (usize, &LogReader)| match taken {
            1.. if at == self.at => file.mark_before(taken),
            _ => file.mark(),
        };
        reached.map(mark).collect()
    }

    /// Whether the kernel does not report changes of one of the files.
    pub(super) fn is_unwatched(&self) -> bool {
        let is_unwatched = |file: &LogReader| file.watched.is_none() && file.file().is_some();
        self.files.iter().any(is_unwatched)
    }

    /// Adds a file as the newest.
    pub(super) fn enter(&mut self, mut file: LogReader, context: &mut ReadContext) {
        file.watched = file.file().and_then(|file| context.watch.file(file));
        self.files.push_back(file);
    }

    /// Inserts copies, oldest first, before the current file. They are read next.
    pub(super) fn insert_copies(&mut self, copies: Vec<LogReader>) {
        for (place, mut copy) in copies.into_iter().enumerate() {
            copy.is_final = true;
            self.files.insert(self.at + place, copy);
        }
    }

    /// Closes the files that will not be written to any more.
    pub(super) fn close_finished(&mut self, context: &mut ReadContext) {
        let count = self.files.len();
        let surplus = count.saturating_sub(LINGERING_MAX + 1);
        let mut kept = VecDeque::with_capacity(count - surplus);
        for (index, mut file) in std::mem::take(&mut self.files).into_iter().enumerate() {
            let has_name = file.look().map_or(true, |(_, has_name)| has_name);
            let silence = silence(&file, context.now);
            let is_last = index + 1 == count;
            let is_done = file.is_final || index < surplus || silence > LINGER;
            let is_deleted = !has_name && silence > LINGER_DELETED;
            if is_deleted || (is_done && !is_last) {
                unwatch(&mut file, context);
            } else {
                kept.push_back(file);
            }
        }
        self.files = kept;
    }

    /// Closes all files.
    pub(super) fn close(&mut self, context: &mut ReadContext) {
        for file in &mut self.files {
            unwatch(file, context);
        }
        self.files.clear();
    }
}

fn silence(file: &LogReader, now: Instant) -> Duration {
    now.saturating_duration_since(file.grew)
}

fn unwatch(file: &mut LogReader, context: &mut ReadContext) {
    if let Some(watched) = file.watched.take() {
        context.watch.forget(watched);
    }
}
