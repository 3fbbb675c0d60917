//! One file as a member of the stream: how far it was read, and its next entry.

use super::scan::FoundFile;
use crate::journal::file::cache::EntryBuffer;
use crate::journal::file::held::HeldResources;
use crate::journal::file::held::MemoryShare;
use crate::journal::file::journal_file::EntryHead;
use crate::journal::file::journal_file::JournalFile;
use crate::journal::file::journal_file::LoadLimits;
use crate::journal::file::journal_file::PROBLEMS_MAX;
use crate::journal::file::lookup::find_data;
use crate::journal::file::payload::Inflater;
use crate::journal::filter::direction::Direction;
use crate::journal::filter::file_filter::FileFilter;
use crate::journal::filter::file_filter::NextMatch;
use crate::journal::format::cursor::Cursor;
use crate::journal::format::error::Error;
use crate::journal::format::id::Id128;
use crate::journal::format::name::FileName;
use std::ops::ControlFlow;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

/// In a file that is being written, an unreadable entry that the header counts is waited for this long.
const LATE_TIMEOUT: Duration = Duration::from_secs(1);
/// Only the last entries of a file may arrive late.
const LATE_ENTRIES_MAX: u64 = 8;
/// A file that no directory has listed for this long was moved elsewhere: several listings have missed it.
const ABSENT_MAX: Duration = Duration::from_secs(10);
/// The search for an entry that a position can be compared with skips at most this many damaged entries in a row.
const DAMAGED_RUN_MAX: u64 = 64;

/// How to find the machine that wrote the entries of a file.
#[derive(Debug, Clone, Copy)]
enum MachineSource {
    /// The machine that wrote the file: the file is in that machine's directory.
    Writer,
    Unknown,
    /// For the boot in the first field, the machine in the second.
    OfBoot(Id128, Id128),
}

/// A file of the stream.
#[derive(Debug)]
pub(crate) struct StreamFile {
    pub(crate) path: PathBuf,
    pub(crate) name: FileName,
    pub(crate) inode: (u64, u64),
    pub(crate) file: JournalFile,
    /// Index of the file's origin.
    pub(crate) origin: usize,
    /// Index of the ledger of its sequence numbers.
    pub(crate) ledger: usize,
    /// The index of the next entry when reading forward.
    pub(crate) position: u64,
    /// The next entry in the direction of the stream.
    pub(crate) candidate: Option<EntryHead>,
    /// The file was deleted; entries that were not read are lost.
    pub(crate) gone: bool,
    /// Nothing will be added to the file any more.
    pub(crate) finished: bool,
    /// Entries that are just being written are waited for, because the journal is followed.
    pub(crate) patient: bool,
    /// The round of directory listings in which its count of entries was last read.
    pub(crate) seen_round: u64,
    /// The round of directory listings in which it was found.
    pub(crate) met_round: u64,
    /// Since when no directory has listed it, although it was not deleted.
    absent: Option<Instant>,
    unreadable: Option<(u64, Instant)>,
    /// The offset of the previous candidate since the last seek: indexes change when the index of entries is
    /// replaced, offsets do not.
    reached: Option<u64>,
    sender: MachineSource,
    /// When the file was last seen to grow.
    grown: Option<Instant>,
    /// Which entries match, unless all do.
    filter: Option<Box<FileFilter>>,
    /// Its share of the memory of all members.
    share: MemoryShare,
}

impl StreamFile {
    pub(crate) fn new(
        path: PathBuf,
        name: FileName,
        file: JournalFile,
        (origin, ledger): (usize, usize),
        held: &HeldResources,
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
            patient: false,
            seen_round: 0,
            met_round: 0,
            absent: None,
            unreadable: None,
            reached: None,
            sender: MachineSource::Unknown,
            grown: None,
            filter: None,
            share: held.share(),
        }
    }

    /// Returns only entries that match the filter.
    pub(crate) fn set_filter(&mut self, filter: FileFilter) {
        self.filter = Some(Box::new(filter));
    }

    /// Moves before the entry at this index.
    pub(crate) fn go_to(&mut self, number: u64) {
        self.position = number;
        self.reached = None;
        if let Some(filter) = &mut self.filter {
            let after = self.file.header().tail_object_offset.saturating_add(1);
            filter.set_bound(if number == 0 {
                0
            } else if number < self.file.length() {
                self.file.entry_offset(number).unwrap_or(after)
            } else {
                after
            });
        }
    }

    /// Whether the file was seen to grow within this time.
    pub(crate) fn grew_within(&self, time: Duration) -> bool {
        self.grown.is_some_and(|grown| grown.elapsed() < time)
    }

    /// Handles growth of the file.
    pub(crate) fn grow(&mut self) {
        self.grown = Some(Instant::now());
        if let Some(filter) = &mut self.filter {
            filter.grow();
        }
    }

    /// Whether `found` is this file. The inode of a closed file may have been reused by another file.
    pub(crate) fn is_at(&self, found: &FoundFile) -> bool {
        self.inode == found.inode && (self.file.is_open() || self.path == found.path)
    }

    /// Whether it was found after others had been read: entries with lower numbers than those delivered may be new.
    pub(crate) fn was_found_late(&self) -> bool {
        self.met_round > 1
    }

    /// Whether to keep the file, depending on whether a listing had it. One listing may miss a file; a file that was
    /// moved elsewhere is removed when it has been read.
    pub(crate) fn stays(&mut self, is_present: bool) -> bool {
        if is_present {
            self.absent = None;
            return true;
        }
        let has_next = self.candidate.is_some() || self.is_deferred();
        if has_next && self.file.is_open() && !self.gone {
            return true;
        }
        let since = *self.absent.get_or_insert_with(Instant::now);
        !self.gone && since.elapsed() < ABSENT_MAX && self.file.is_linked()
    }

    /// Whether its source of numbers is that of the whole directory: files of users may have one of their own.
    pub(crate) fn of_system(&self) -> bool {
        !self.name.prefix.starts_with("user-")
    }

    /// Moves before the first entry for which `before` is false.
    pub(crate) fn seek(&mut self, before: impl Fn(&Cursor) -> bool, problems: &mut Vec<Error>) {
        let walked = self.file.walked();
        let mut number = self.bisect(&before, problems);
        if self.file.walked() != walked {
            // The search found the index damaged and replaced it, which changed the indexes of entries.
            number = self.bisect(&before, problems);
        }
        self.go_to(number);
    }

    fn bisect(&mut self, before: &impl Fn(&Cursor) -> bool, problems: &mut Vec<Error>) -> u64 {
        let (mut low, mut high) = (0, self.file.length());
        while low < high {
            let middle = low + (high - low) / 2;
            match self.readable_from(middle, high, problems) {
                Some((number, cursor)) if before(&cursor) => low = number + 1,
                _ => high = middle,
            }
            high = high.min(self.file.length());
        }
        low
    }

    /// The first readable entry in a range; skips the damaged ones before it.
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

    /// Moves after the last entry.
    pub(crate) fn seek_tail(&mut self) {
        self.go_to(self.file.length());
    }

    /// The machine that wrote its last entry, which is of `boot`. It is looked up once per boot.
    pub(crate) fn machine(&mut self, boot: Id128, problems: &mut Vec<Error>) -> Id128 {
        let header = self.file.header().machine_id;
        match self.sender {
            MachineSource::Writer => header,
            MachineSource::OfBoot(known, machine) if known == boot => machine,
            MachineSource::Unknown | MachineSource::OfBoot(..) => {
                let machine = self.named_machine(problems).unwrap_or(header);
                self.sender = MachineSource::OfBoot(boot, machine);
                machine
            }
        }
    }

    /// Attributes its entries to the machine that the header names.
    pub(crate) fn set_machine_of_header(&mut self) {
        self.sender = MachineSource::Writer;
    }

    /// The value of `_MACHINE_ID` in the last entry.
    fn named_machine(&mut self, problems: &mut Vec<Error>) -> Option<Id128> {
        let mut inflater = Inflater::default();
        let machine = self.file.header().machine_id;
        let expected = format!("_MACHINE_ID={machine}");
        let parts = self.file.parts(&mut inflater);
        let found = find_data(
            parts.window,
            parts.header,
            parts.inflater,
            expected.as_bytes(),
        );
        if matches!(found, Ok(Some(_))) {
            return Some(machine);
        }
        let last = self.last_readable(problems)?;
        let mut named = None;
        let limit = expected.len();
        let read = self.file.each_field(&last, limit, &mut inflater, |field| {
            named = field
                .strip_prefix(b"_MACHINE_ID=")
                .and_then(|id| std::str::from_utf8(id).ok()?.parse().ok());
            match named {
                Some(_) => ControlFlow::Break(()),
                None => ControlFlow::Continue(()),
            }
        });
        read.ok().and(named)
    }

    /// The last entry that can be read.
    pub(crate) fn last_readable(&mut self, problems: &mut Vec<Error>) -> Option<EntryHead> {
        let length = self.file.length();
        let first = length.saturating_sub(DAMAGED_RUN_MAX);
        let found = (first..length)
            .rev()
            .find_map(|number| self.file.entry(number).ok());
        if found.is_some() || length == 0 {
            return found;
        }
        self.recover(length - 1, problems);
        let length = self.file.length();
        let first = length.saturating_sub(DAMAGED_RUN_MAX);
        (first..length)
            .rev()
            .find_map(|number| self.file.entry(number).ok())
    }

    /// The entry at this index; switches to a walk over the objects if the index of entries is damaged.
    pub(crate) fn entry(
        &mut self,
        number: u64,
        problems: &mut Vec<Error>,
    ) -> Result<EntryHead, Error> {
        let read = self.file.entry(number);
        if matches!(read, Err(Error::Corrupt { .. })) && self.recover(number, problems) {
            return self.file.entry(number);
        }
        read
    }

    /// Switches to a walk over the objects because the index does not lead to entry `number`. Returns `true` if that
    /// is new: indexes have then changed.
    fn recover(&mut self, number: u64, problems: &mut Vec<Error>) -> bool {
        let Err(error @ Error::Corrupt { .. }) = self.file.entry_offset(number) else {
            return false;
        };
        if number >= self.file.length() {
            return false;
        }
        let Some((offset, entries)) = self.file.give_up_index() else {
            return false;
        };
        problems.push(error);
        problems.push(Error::Recovered { offset, entries });
        true
    }

    /// Leaves its next entry to be found later.
    pub(crate) fn defer(&mut self) {
        if let Some(filter) = &mut self.filter {
            filter.defer();
        }
    }

    /// Whether its next entry was left to be found later.
    pub(crate) fn is_deferred(&self) -> bool {
        let filter = self.filter.as_ref();
        filter.is_some_and(|filter| filter.is_deferred())
    }

    /// A number that none of its matching entries comes before, if that is known before the conditions are looked up.
    pub(crate) fn seqnum_bound(&self, direction: Direction) -> Option<u64> {
        let filter = self.filter.as_ref()?;
        if !filter.is_unknown() || self.patient || self.gone {
            return None;
        }
        let seqnums = self.seqnums()?;
        Some(match direction {
            Direction::Forward => *seqnums.start(),
            Direction::Backward => *seqnums.end(),
        })
    }

    /// The numbers of its first and last entry, as the header tells them; `None` if it may be older than the entries, or is damaged.
    fn seqnums(&self) -> Option<RangeInclusive<u64>> {
        let header = self.file.header();
        let (first, last) = (header.head_entry_seqnum, header.tail_entry_seqnum);
        let is_likely = header.n_entries.checked_sub(1)? <= last.checked_sub(first)?;
        (is_likely && !header.online()).then_some(first..=last)
    }

    /// Moves before the first entry for which `before` is false, where `before` compares an entry with `target`.
    pub(crate) fn seek_beside(
        &mut self,
        target: &Cursor,
        before: impl Fn(&Cursor) -> bool,
        problems: &mut Vec<Error>,
    ) {
        let of_source = self.file.header().seqnum_id == target.seqnum_id;
        match self.seqnums().filter(|_| of_source) {
            Some(seqnums) if *seqnums.end() < target.seqnum => self.seek_tail(),
            Some(seqnums) if *seqnums.start() > target.seqnum => self.go_to(0),
            _ => self.seek(before, problems),
        }
    }

    /// Finds the next matching entry in `direction`; skips and reports damaged ones.
    pub(crate) fn find_candidate(&mut self, direction: Direction, problems: &mut Vec<Error>) {
        match self.filter.take() {
            None => self.find_any(direction, problems),
            Some(filter) => self.find_wanted(filter, direction, problems),
        }
        self.count_memory();
    }

    fn find_wanted(
        &mut self,
        mut filter: Box<FileFilter>,
        direction: Direction,
        problems: &mut Vec<Error>,
    ) {
        self.candidate = None;
        filter.end_deferral();
        let is_at_end = filter.is_at_start()
            && match direction {
                Direction::Forward => self.position >= self.file.length(),
                Direction::Backward => self.position == 0,
            };
        if is_at_end {
            self.filter = Some(filter);
            return;
        }
        if !filter.scans() {
            match filter.next(&mut self.file, direction, problems) {
                NextMatch::Entry(entry) => self.candidate = Some(entry),
                NextMatch::End => {}
                NextMatch::Scan(bound) => {
                    if let Some(last) = self.file.length().checked_sub(1) {
                        self.recover(last, problems);
                    }
                    self.position = self.file.count_before(bound);
                }
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
            match self.file.entry(number) {
                Ok(found) => {
                    self.unreadable = None;
                    self.reached = Some(found.offset);
                    self.candidate = Some(found);
                    return;
                }
                Err(Error::Gone) => self.gone = true,
                Err(error) => {
                    if direction == Direction::Forward && self.is_late(number) {
                        if self.is_waited_for(number) {
                            if !self.patient {
                                problems.push(error);
                                let later = number + 1..self.file.length();
                                problems.extend(later.filter_map(|it| self.file.entry(it).err()));
                            }
                            return;
                        }
                        if self.unreadable.is_some() {
                            continue;
                        }
                    }
                    self.step_over(number, direction, error, problems);
                }
            }
        }
    }

    /// Steps past an entry that cannot be read, or finds it and those after it by walking over the objects.
    fn step_over(
        &mut self,
        number: u64,
        direction: Direction,
        error: Error,
        problems: &mut Vec<Error>,
    ) {
        self.unreadable = None;
        if self.recover(number, problems) {
            self.position = match (self.reached, direction) {
                (Some(reached), Direction::Forward) => self.file.count_before(reached + 1),
                (Some(reached), Direction::Backward) => self.file.count_before(reached),
                (None, _) => self.position.min(self.file.length()),
            };
            return;
        }
        if problems.len() < PROBLEMS_MAX {
            problems.push(error);
        }
        self.position = match direction {
            Direction::Forward => number + 1,
            Direction::Backward => number,
        };
    }

    /// Steps past the candidate.
    pub(crate) fn pass(&mut self, direction: Direction) {
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

    /// Frees memory at the end of a file to which nothing will be added.
    pub(crate) fn release_when_finished(&mut self) {
        if self.finished || self.gone || !self.file.header().growing() {
            self.release();
        }
    }

    /// Frees memory whose content can be read again.
    pub(crate) fn release(&mut self) {
        self.file.release();
        if let Some(filter) = &mut self.filter {
            filter.release();
        }
        self.count_memory();
    }

    /// Closes the file until it is read again.
    pub(crate) fn close(&mut self) {
        self.release();
        self.file.close();
    }

    fn count_memory(&mut self) {
        let filter = self.filter.as_ref().map_or(0, |filter| filter.memory());
        self.share.set(self.file.memory() + filter);
    }

    /// Reads the fields of the candidate.
    pub(crate) fn load(
        &mut self,
        buffer: &mut EntryBuffer,
        limits: &mut LoadLimits<'_>,
    ) -> Result<Option<Cursor>, Error> {
        let Some(entry) = self.candidate else {
            return Ok(None);
        };
        let loaded = self.file.load(&entry, buffer, limits);
        self.count_memory();
        loaded.map(|()| Some(entry.cursor))
    }

    /// Whether the member waits for an entry that the header already counts.
    pub(crate) fn is_waiting(&self) -> bool {
        self.unreadable.is_some()
    }

    /// Whether the entry may be just being written.
    fn is_late(&self, number: u64) -> bool {
        self.file.header().online()
            && !self.name.archived
            && !self.file.walked()
            && number.saturating_add(LATE_ENTRIES_MAX) >= self.file.header().n_entries
    }

    /// Whether to wait for an entry that cannot be read. journald writes entries one after the other, so an
    /// unreadable entry before a readable one is damaged. It is also damaged if it stays unreadable for some time;
    /// and if nobody follows the journal, a walk over the objects is tried instead of waiting.
    fn is_waited_for(&mut self, number: u64) -> bool {
        let since = match self.unreadable {
            Some((known, since)) if known == number => since,
            _ => {
                // A copy older than the header is the likeliest reason.
                self.file.forget_copies();
                self.unreadable = Some((number, Instant::now()));
                return false;
            }
        };
        let end = self.file.length().min(number + 1 + LATE_ENTRIES_MAX);
        let is_followed = (number + 1..end).any(|later| self.file.entry(later).is_ok());
        let is_indexed = self.file.entry_offset(number).is_ok();
        let waits = if self.patient {
            !is_followed && since.elapsed() < LATE_TIMEOUT
        } else {
            !is_followed && is_indexed
        };
        if !waits {
            self.unreadable = None;
        }
        waits
    }
}
