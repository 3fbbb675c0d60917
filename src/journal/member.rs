//! One file as a part of the stream: how far it was read, and its next entry.

use super::cache::EntryBuffer;
use super::cursor::Cursor;
use super::error::Error;
use super::file::EntryHead;
use super::file::JournalFile;
use super::file::Limits;
use super::filter::Filter;
use super::filter::Next;
use super::held::Held;
use super::held::Share;
use super::name::FileName;
use super::scan::Found;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

/// An entry that the header counts and that cannot be read is waited for this long in a file that is being written.
const PATIENCE: Duration = Duration::from_secs(1);
/// Problems that one step may find; more of the same file would say nothing new.
const PROBLEMS_MAX: usize = 1_000;
/// Only the last entries of a file may be late.
const LATE_ENTRIES_MAX: u64 = 8;
/// So many damaged entries in a row are passed over in search of one that orders.
const DAMAGED_RUN_MAX: u64 = 64;

/// Which way a stream goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Forward,
    Backward,
}

/// A file of the stream.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) path: PathBuf,
    pub(super) name: FileName,
    pub(super) inode: (u64, u64),
    pub(super) file: JournalFile,
    /// Index of its origin.
    pub(super) origin: usize,
    /// Index of the counter of its sequence numbers.
    pub(super) ledger: usize,
    /// The number of the entry that comes next when reading forward.
    pub(super) position: u64,
    /// The next entry in the stream's direction.
    pub(super) candidate: Option<EntryHead>,
    /// It was deleted; what was not read is lost.
    pub(super) gone: bool,
    /// Nothing will be added to it any more.
    pub(super) finished: bool,
    unreadable: Option<(u64, Instant)>,
    /// When the file was seen to grow last.
    grown: Option<Instant>,
    /// Which entries are wanted, when not all are.
    filter: Option<Box<Filter>>,
    /// What it takes of the memory of all members.
    share: Share,
}

impl Member {
    pub(super) fn new(
        path: PathBuf,
        name: FileName,
        file: JournalFile,
        (origin, ledger): (usize, usize),
        held: &Held,
    ) -> Self {
        Self {
            path,
            name,
            inode: file.inode(),
            file,
            origin,
            ledger,
            position: 0,
            candidate: None,
            gone: false,
            finished: false,
            unreadable: None,
            grown: None,
            filter: None,
            share: held.share(),
        }
    }

    /// Gives out only what a filter takes.
    pub(super) fn set_filter(&mut self, filter: Filter) {
        self.filter = Some(Box::new(filter));
    }

    /// Goes before the entry with this number.
    pub(super) fn go_to(&mut self, number: u64) {
        self.position = number;
        if let Some(filter) = &mut self.filter {
            let behind = self.file.header().tail_object_offset.saturating_add(1);
            let bound = self.file.entry_offset(number).unwrap_or(behind);
            filter.set_bound(if number < self.file.length() {
                bound
            } else {
                behind
            });
        }
    }

    /// Whether the file was seen to grow lately.
    pub(super) fn grew_within(&self, time: Duration) -> bool {
        self.grown.is_some_and(|grown| grown.elapsed() < time)
    }

    /// The file has grown.
    pub(super) fn grow(&mut self) {
        self.grown = Some(Instant::now());
        if let Some(filter) = &mut self.filter {
            filter.grow();
        }
    }

    /// Whether `found` is its file. The number of a closed file may have been given to another one.
    pub(super) fn is_at(&self, found: &Found) -> bool {
        self.inode == found.inode && (self.file.is_open() || self.path == found.path)
    }

    /// Whether its source of numbers is that of the whole directory: files of users may have one of their own.
    pub(super) fn of_system(&self) -> bool {
        !self.name.prefix.starts_with("user-")
    }

    /// Moves before the first entry for which `before` does not hold.
    pub(super) fn seek(&mut self, before: impl Fn(&Cursor) -> bool, problems: &mut Vec<Error>) {
        let (mut low, mut high) = (0, self.file.length());
        while low < high {
            let middle = low + (high - low) / 2;
            match self.readable_from(middle, high, problems) {
                Some((number, cursor)) if before(&cursor) => low = number + 1,
                _ => high = middle,
            }
            high = high.min(self.file.length());
        }
        self.go_to(low);
    }

    /// The first readable entry in a range, the damaged ones before it being passed over.
    fn readable_from(
        &mut self,
        from: u64,
        to: u64,
        problems: &mut Vec<Error>,
    ) -> Option<(u64, Cursor)> {
        (from..to.min(from.saturating_add(DAMAGED_RUN_MAX))).find_map(|number| {
            self.entry(number, problems)
                .ok()
                .map(|entry| (number, entry.cursor))
        })
    }

    /// Moves behind the last entry.
    pub(super) fn seek_tail(&mut self) {
        self.go_to(self.file.length());
    }

    /// The entry with this number, turning to a walk over the objects when the index is damaged.
    pub(super) fn entry(
        &mut self,
        number: u64,
        problems: &mut Vec<Error>,
    ) -> Result<EntryHead, Error> {
        let offset = match self.file.entry_offset(number) {
            Err(error @ Error::Corrupt { .. })
                if number < self.file.length() && !self.may_come(number) =>
            {
                let Some((offset, entries)) = self.file.give_up_index(number) else {
                    return Err(error);
                };
                problems.push(error);
                problems.push(Error::Recovered { offset, entries });
                self.file.entry_offset(number)?
            }
            other => other?,
        };
        self.file.entry_at(offset)
    }

    /// Finds the next wanted entry in `direction`; damaged ones are passed over and told.
    pub(super) fn find_candidate(&mut self, direction: Direction, problems: &mut Vec<Error>) {
        match self.filter.take() {
            None => self.find_any(direction, problems),
            Some(filter) => self.find_wanted(filter, direction, problems),
        }
        self.count_memory();
    }

    fn find_wanted(
        &mut self,
        mut filter: Box<Filter>,
        direction: Direction,
        problems: &mut Vec<Error>,
    ) {
        self.candidate = None;
        if !filter.scans() {
            match filter.next(&mut self.file, direction, problems) {
                Next::Entry(entry) => self.candidate = Some(entry),
                Next::End => {}
                Next::Scan(bound) => self.position = self.file.count_before(bound),
            }
        }
        if filter.scans() {
            self.find_any(direction, problems);
            while let Some(entry) = self.candidate
                && !filter.accepts(&mut self.file, &entry)
            {
                self.pass(direction);
                self.find_any(direction, problems);
            }
        }
        self.filter = Some(filter);
    }

    fn find_any(&mut self, direction: Direction, problems: &mut Vec<Error>) {
        self.candidate = None;
        while !self.gone {
            let length = self.file.length();
            let number = match direction {
                Direction::Forward if self.position < length => self.position,
                Direction::Backward if self.position.min(length) > 0 => {
                    self.position.min(length) - 1
                }
                _ => return,
            };
            match self.entry(number, problems) {
                Ok(found) => {
                    self.unreadable = None;
                    self.candidate = Some(found);
                    return;
                }
                Err(Error::Gone) => self.gone = true,
                Err(_) if self.may_come(number) && self.wait_for(number) => return,
                Err(error) => {
                    self.unreadable = None;
                    if number < self.file.length() && problems.len() < PROBLEMS_MAX {
                        problems.push(error);
                    }
                    self.pass(direction);
                }
            }
        }
    }

    /// Steps over the candidate.
    pub(super) fn pass(&mut self, direction: Direction) {
        if let (Some(filter), Some(entry)) = (&mut self.filter, &self.candidate)
            && !filter.scans()
        {
            filter.pass(entry, direction);
            return;
        }
        self.position = match direction {
            Direction::Forward => self.position + 1,
            Direction::Backward => self.position.min(self.file.length()).saturating_sub(1),
        };
    }

    /// Gives memory back at the end of a file to which nothing will be added.
    pub(super) fn release_when_finished(&mut self) {
        if self.finished || self.gone || !self.file.header().growing() {
            self.release();
        }
    }

    /// Gives the memory back that can be had again by reading.
    pub(super) fn release(&mut self) {
        self.file.release();
        if let Some(filter) = &mut self.filter {
            filter.release();
        }
        self.count_memory();
    }

    /// Closes the file until something is read of it again.
    pub(super) fn close(&mut self) {
        self.release();
        self.file.close();
    }

    fn count_memory(&mut self) {
        let filter = self.filter.as_ref().map_or(0, |filter| filter.memory());
        self.share.set(self.file.memory() + filter);
    }

    /// Reads the fields of the candidate.
    pub(super) fn load(
        &mut self,
        buffer: &mut EntryBuffer,
        limits: &mut Limits<'_>,
    ) -> Result<Option<Cursor>, Error> {
        let Some(entry) = self.candidate else {
            return Ok(None);
        };
        let loaded = self.file.load(&entry, buffer, limits);
        self.count_memory();
        loaded.map(|()| Some(entry.cursor))
    }

    /// Whether an entry is waited for that the header counts already.
    pub(super) fn is_waiting(&self) -> bool {
        self.unreadable.is_some()
    }

    /// Whether the entry may be just being written.
    fn may_come(&self, number: u64) -> bool {
        self.file.header().online()
            && !self.name.archived
            && !self.file.walked()
            && number.saturating_add(LATE_ENTRIES_MAX) >= self.file.header().n_entries
            && self
                .unreadable
                .is_none_or(|(known, since)| known != number || since.elapsed() < PATIENCE)
    }

    fn wait_for(&mut self, number: u64) -> bool {
        match self.unreadable {
            Some((known, since)) if known == number => since.elapsed() < PATIENCE,
            _ => {
                self.unreadable = Some((number, Instant::now()));
                true
            }
        }
    }
}
