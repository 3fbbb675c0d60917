//! Merges many files into one stream, in the order of libsystemd 262.

use super::deferred::Deferred;
use super::entry::Entry;
use super::entry::JournalEvent;
use super::entry::JournalGap;
use super::ledger::Ledger;
use super::member::StreamFile;
use super::options::JournalOptions;
use super::options::Seek;
use super::order::Boots;
use super::origin::JournalOrigin;
use super::origin::OriginPosition;
use super::problems::Problems;
use super::scan;
use super::scan::List;
use super::watch::JournalWatch;
use crate::journal::file::cache::EntryBuffer;
use crate::journal::file::held::HeldResources;
use crate::journal::file::journal_file::EntryHead;
use crate::journal::file::journal_file::LoadLimits;
use crate::journal::file::payload::Inflater;
use crate::journal::filter::direction::Direction;
use crate::journal::filter::matches::EntryMatches;
use crate::journal::format::cursor::Cursor;
use crate::journal::format::error::Error;
use crate::journal::format::error::Problem;
use crate::journal::format::id::Id128;
use crate::journal::format::layout::HELD_BYTES_MAX;
use std::cmp::Ordering;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::collections::HashSet;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

/// Maximum number of positions kept for origins without files: each boot may leave some, and a file may come back.
const POSITIONS_MAX: usize = 1_024;
/// Journal files and directories as one ordered stream.
///
/// [`next`](Self::next) and [`previous`](Self::previous) return the neighbours of the entry returned last, as
/// libsystemd does. At the end `next` returns `None` and the place is after the last entry; after
/// [`refresh`](Self::refresh) or [`wait`](Self::wait) there may be more entries. Damage is not an error: unreadable
/// data is skipped and reported by [`problems`](Self::problems).
///
/// ```
/// use vmlog::journal::{Journal, JournalEvent, JournalOptions};
///
/// let mut journal = Journal::open(JournalOptions {
///     files: vec!["tests/fixtures/journal/none-compact-keyed.journal".into()],
///     ..JournalOptions::default()
/// });
/// while let Some(event) = journal.next() {
///     if let JournalEvent::Entry(entry) = event {
///         let message = entry.field(b"MESSAGE").unwrap_or_default();
///         println!("{} {}", entry.realtime(), String::from_utf8_lossy(message));
///     }
/// }
/// for problem in journal.problems() {
///     eprintln!("{problem}");
/// }
/// ```
pub struct Journal {
    pub(crate) options: JournalOptions,
    pub(crate) matches: Arc<EntryMatches>,
    pub(crate) members: Vec<StreamFile>,
    pub(crate) origins: Vec<JournalOrigin>,
    /// Whether some origins are in `/run`.
    pub(crate) volatile_origins: bool,
    pub(crate) ledgers: Vec<(String, Ledger)>,
    pub(crate) boots: Boots,
    /// The machine of each boot, in files with this machine in their header: most files of a machine are of few boots.
    pub(crate) machines: HashMap<(Id128, Id128), Id128>,
    pub(crate) problems: Problems,
    pub(crate) watch: Option<JournalWatch>,
    /// Notices were requested, successfully or not.
    pub(crate) watched: bool,
    /// Entries skipped because they are older than the start for origins without a position.
    pub(crate) skipped: u64,
    pub(crate) failed: Vec<Failed>,
    /// Requested paths that do not exist.
    pub(crate) missing: Vec<PathBuf>,
    /// Members that have a candidate; the next one is last.
    pub(crate) order: Vec<usize>,
    /// Members whose next entry comes later than those in `order`.
    deferred: Deferred,
    pub(crate) direction: Direction,
    /// Whether `order` and the candidates are valid.
    pub(crate) prepared: bool,
    /// The member whose candidate was returned and is still to be stepped past.
    pub(crate) emitted: Option<usize>,
    pub(crate) current: Option<Cursor>,
    /// Members whose candidate is a copy of the entry just chosen; empty between steps.
    copies: Vec<(usize, Cursor)>,
    pub(crate) list: List,
    /// Where to start in a file that appears later, if its origin is new.
    pub(crate) start: Seek,
    /// How many times the directories were listed.
    pub(crate) round: u64,
    /// How many times the counts of entries were checked.
    pub(crate) looks: u64,
    /// The value of `round` at the last seek.
    pub(crate) seek_round: u64,
    /// When the directories were last listed; `None` if a listing is due at once.
    pub(crate) last_scan: Option<Instant>,
    pub(crate) held: HeldResources,
    buffer: EntryBuffer,
    inflater: Inflater,
    item_problems: Vec<Error>,
}

/// A file that could not be opened.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) path: PathBuf,
    pub(crate) error: Error,
    pub(crate) since: Instant,
}

/// A file of a journal and whether it is read.
#[derive(Debug)]
pub struct FileStatus<'a> {
    /// The file.
    pub path: &'a Path,
    /// Why it is not read, if so.
    pub error: Option<&'a Error>,
}

impl Journal {
    /// Opens everything that the options name, at the place that they name ([`Seek::Resume`]). Missing files are
    /// waited for; unreadable ones are reported by [`problems`](Self::problems).
    #[must_use]
    pub fn open(options: JournalOptions) -> Self {
        Self::open_listed(options, Box::new(scan::list))
    }

    /// The same as [`open`](Self::open), with a replacement for listing directories.
    pub(crate) fn open_listed(options: JournalOptions, list: List) -> Self {
        let origins: Vec<_> = options
            .resume
            .iter()
            .map(|position| JournalOrigin::new(position.origin.clone(), Some(position.cursor)))
            .collect();
        let mut journal = Self {
            matches: Arc::new(options.matches.clone()),
            options,
            members: Vec::new(),
            volatile_origins: origins.iter().any(JournalOrigin::volatile),
            origins,
            ledgers: Vec::new(),
            boots: Boots::default(),
            machines: HashMap::new(),
            problems: Problems::default(),
            watch: None,
            watched: false,
            skipped: 0,
            failed: Vec::new(),
            missing: Vec::new(),
            order: Vec::new(),
            deferred: Deferred::default(),
            direction: Direction::Forward,
            prepared: false,
            emitted: None,
            current: None,
            copies: Vec::new(),
            list,
            start: Seek::Resume,
            round: 0,
            looks: 0,
            seek_round: 1,
            last_scan: None,
            held: HeldResources::default(),
            buffer: EntryBuffer::default(),
            inflater: Inflater::default(),
            item_problems: Vec::new(),
        };
        journal.start();
        journal
    }

    /// The entry after the current place, or a gap before it. `None` at the end.
    #[expect(
        clippy::should_implement_trait,
        reason = "an entry borrows from the journal, which an iterator cannot say"
    )]
    pub fn next(&mut self) -> Option<JournalEvent<'_>> {
        loop {
            if let Some(gap) = self.take_gap() {
                return Some(JournalEvent::Gap(gap));
            }
            self.look_for_skipped();
            let (member, cursor) = self.step(Direction::Forward)?;
            let known = self.is_delivered(member, &cursor)
                || self.volatile_origins && self.delivered_copy(member, &cursor);
            self.note_delivered(member, &cursor);
            if !known {
                return self.entry(member, cursor).map(JournalEvent::Entry);
            }
        }
    }

    /// The entry before the current place. `None` at the beginning.
    pub fn previous(&mut self) -> Option<JournalEvent<'_>> {
        let (member, cursor) = self.step(Direction::Backward)?;
        self.entry(member, cursor).map(JournalEvent::Entry)
    }

    /// The problems found since the last call.
    pub fn problems(&mut self) -> Vec<Problem> {
        self.problems.take()
    }

    /// The number of entries in origins without a position that [`JournalOptions::since`] and
    /// [`JournalOptions::since_boots`] have skipped since the last call.
    pub fn take_skipped(&mut self) -> u64 {
        std::mem::take(&mut self.skipped)
    }

    /// All files: those that are read and those that could not be opened.
    pub fn files(&self) -> impl Iterator<Item = FileStatus<'_>> {
        let read = self.members.iter().map(|member| FileStatus {
            path: &member.path,
            error: None,
        });
        let failed = self.failed.iter().map(|failed| FileStatus {
            path: &failed.path,
            error: Some(&failed.error),
        });
        read.chain(failed)
    }

    /// The position of every origin; a later journal needs nothing else. If there are more than 1,024 origins, the
    /// oldest of those without a file are left out.
    #[must_use]
    pub fn positions(&self) -> Vec<OriginPosition> {
        let mut all: Vec<_> = self.origins.iter().enumerate().collect();
        if all.len() > POSITIONS_MAX {
            let live: HashSet<_> = self.members.iter().map(|member| member.origin).collect();
            all.sort_by_key(|(index, origin)| {
                let age = origin.last.map_or(0, |last| last.realtime);
                Reverse((live.contains(index), age))
            });
            let kept = POSITIONS_MAX.max(live.len());
            all.truncate(kept);
        }
        all.into_iter()
            .filter_map(|(_, origin)| position_of(origin))
            .collect()
    }

    /// The positions that changed since the last call: store them together with the entries delivered so far.
    pub fn changed_positions(&mut self) -> Vec<OriginPosition> {
        self.origins
            .iter_mut()
            .filter_map(|origin| std::mem::take(&mut origin.changed).then_some(&*origin))
            .filter_map(position_of)
            .collect()
    }

    fn entry(&self, member: usize, cursor: Cursor) -> Option<Entry<'_>> {
        let member = self.members.get(member)?;
        Some(Entry {
            cursor,
            origin: &self.origins.get(member.origin)?.key,
            machine_id: member.file.header().machine_id,
            buffer: &self.buffer,
            cache: member.file.cache(),
        })
    }

    fn take_gap(&mut self) -> Option<JournalGap> {
        let round = self.round;
        self.ledgers
            .iter_mut()
            .find_map(|(_, ledger)| ledger.take(round))
    }

    /// Steps past one entry and reads its fields.
    fn step(&mut self, direction: Direction) -> Option<(usize, Cursor)> {
        self.turn(direction);
        loop {
            self.pass_emitted();
            self.find_deferred();
            let Some(chosen) = self.order.last().copied() else {
                self.current = None;
                return None;
            };
            let member = self.members.get_mut(chosen)?;
            let mut limits = LoadLimits {
                field_bytes_max: self.options.field_bytes_max,
                whole: false,
                inflater: &mut self.inflater,
                problems: &mut self.item_problems,
            };
            let loaded = member.load(&mut self.buffer, &mut limits);
            self.tell(chosen);
            match loaded {
                Ok(Some(cursor)) => {
                    self.emitted = Some(chosen);
                    self.pass_copies(chosen, &cursor);
                    self.current = Some(cursor);
                    return Some((chosen, cursor));
                }
                Ok(None) => {
                    self.order.pop();
                }
                Err(error) => {
                    if let Some(member) = self.members.get_mut(chosen) {
                        member.gone |= matches!(error, Error::Gone);
                        self.problems.add(&member.path, error);
                    }
                    self.emitted = Some(chosen);
                }
            }
        }
    }

    /// Turns the candidates of all members to `direction`.
    fn turn(&mut self, direction: Direction) {
        if self.prepared && self.direction == direction {
            return;
        }
        self.pass_emitted();
        if self.direction != direction {
            self.direction = direction;
            for index in 0..self.members.len() {
                self.turn_member(index);
            }
        }
        self.order.clear();
        self.deferred.clear();
        for index in 0..self.members.len() {
            let member = self.members.get_mut(index);
            if !member.is_some_and(|member| self.deferred.defer(member, index, direction)) {
                self.find_candidate(index);
            }
        }
        self.deferred.sort(direction);
        self.prepared = true;
    }

    /// Finds the next entries of the deferred members that may have one before those in the order.
    fn find_deferred(&mut self) {
        while let Some(index) = self.take_deferred() {
            // a file that has grown since was not left alone
            if self.members.get(index).is_some_and(StreamFile::is_deferred) {
                self.find_candidate(index);
            }
        }
    }

    fn take_deferred(&mut self) -> Option<usize> {
        let (order, members) = (&self.order, &self.members);
        self.deferred.take_nearer(self.direction, |source| {
            let ranked = order.iter().rev();
            let mut candidates = ranked.filter_map(|index| members.get(*index)?.candidate);
            let nearest = candidates.find(|entry| entry.cursor.seqnum_id == source)?;
            Some(nearest.cursor.seqnum)
        })
    }

    /// Steps back past the entry returned last and its copies, because an entry is not its own neighbour.
    fn turn_member(&mut self, index: usize) {
        let (Some(current), Some(member)) = (self.current, self.members.get_mut(index)) else {
            return;
        };
        // it has no copy: that would have been the next entry as well
        if member.is_deferred() {
            return;
        }
        let problems = &mut self.item_problems;
        member.find_candidate(self.direction, problems);
        while let Some(entry) = member.candidate
            && self.boots.order(&entry.cursor, &current) == Ordering::Equal
        {
            member.pass(self.direction);
            member.find_candidate(self.direction, problems);
        }
        self.tell(index);
    }

    pub(crate) fn pass_emitted(&mut self) {
        let Some(index) = self.emitted.take() else {
            return;
        };
        let Some(member) = self.members.get_mut(index) else {
            return;
        };
        member.pass(self.direction);
        if self.order.last() == Some(&index) {
            self.order.pop();
            self.find_candidate(index);
        }
    }

    /// Skips entries of other files that are copies of the chosen one. All are stepped past before one of those
    /// members gets its new rank, because entries of different boots need not have a consistent order among three
    /// files.
    fn pass_copies(&mut self, chosen: usize, cursor: &Cursor) {
        let mut copies = std::mem::take(&mut self.copies);
        self.order.pop();
        while let Some(index) = self.order.last().copied()
            && let Some(copy) = self.members.get(index).and_then(|member| member.candidate)
            && self.boots.order(&copy.cursor, cursor) == Ordering::Equal
        {
            self.order.pop();
            copies.push((index, copy.cursor));
        }
        for (index, copy) in copies.drain(..) {
            if self.direction == Direction::Forward {
                self.note_delivered(index, &copy);
            }
            if let Some(member) = self.members.get_mut(index) {
                member.pass(self.direction);
            }
            self.find_candidate(index);
        }
        self.copies = copies;
        self.order.push(chosen);
    }

    /// Finds the next entry of a member and ranks the member in the order.
    pub(crate) fn find_candidate(&mut self, index: usize) {
        let Some(member) = self.members.get_mut(index) else {
            return;
        };
        member.find_candidate(self.direction, &mut self.item_problems);
        let candidate = member.candidate;
        if candidate.is_none() {
            member.release_when_finished();
        }
        self.tell(index);
        let Some(EntryHead { cursor, .. }) = candidate else {
            return;
        };
        // The nearest entries are last, and in most files the next entry is again the nearest one, so the search
        // starts there.
        let nearer = |other: &usize| self.nearer(*other, &cursor);
        let at = match self.order.last() {
            Some(last) if nearer(last) => self.order.partition_point(|other| !nearer(other)),
            _ => self.order.len(),
        };
        self.order.insert(at, index);
        if self.held.files() > self.options.open_files_max {
            self.close_some();
        }
        if self.held.bytes() > HELD_BYTES_MAX {
            self.release_others();
        }
    }

    /// Closes most of the archived files, except those whose entries come next.
    pub(crate) fn close_some(&mut self) {
        let far = self
            .order
            .len()
            .saturating_sub(self.options.open_files_max / 4);
        let near = self.order.get(far..).unwrap_or_default();
        for (index, member) in self.members.iter_mut().enumerate() {
            if member.name.archived && !near.contains(&index) && self.emitted != Some(index) {
                member.close();
            }
        }
    }

    /// Frees the memory of all files except the one whose entry was returned last; their content can be read again.
    fn release_others(&mut self) {
        for (index, member) in self.members.iter_mut().enumerate() {
            if self.emitted != Some(index) {
                member.release();
            }
        }
    }

    /// Whether the candidate of `other` comes before `cursor` in the current direction, or is the same entry.
    fn nearer(&self, other: usize, cursor: &Cursor) -> bool {
        let candidate = self.members.get(other).and_then(|other| other.candidate);
        candidate.is_some_and(|candidate| {
            let order = self.boots.order(&candidate.cursor, cursor);
            match self.direction {
                Direction::Forward => order.is_le(),
                Direction::Backward => order.is_ge(),
            }
        })
    }

    /// Looks for the numbers that are missing before the next entry: no listing may have found their file yet, or the file may have grown
    /// since it was last looked at, before the file of the next entry was begun. One listing is enough for all entries that existed
    /// before it.
    fn look_for_skipped(&mut self) {
        self.turn(Direction::Forward);
        self.pass_emitted();
        let Some(member) = self.order.last().and_then(|last| self.members.get(*last)) else {
            return;
        };
        if !self.matches.is_empty() {
            return;
        }
        let ledger = self.ledgers.get(member.ledger);
        let skips = ledger
            .zip(member.candidate)
            .is_some_and(|((_, ledger), candidate)| {
                ledger.skips_to(&candidate.cursor, member.of_system())
            });
        if !skips {
            return;
        }
        if member.seen_round >= self.round {
            self.scan();
        }
        // a journal that is not followed has the entries that it had when it was opened
        if self.watched {
            self.refresh_members(true);
        }
    }

    /// Whether an entry of a file that was found late was already delivered from another file.
    fn is_delivered(&self, member: usize, cursor: &Cursor) -> bool {
        let Some(member) = self
            .members
            .get(member)
            .filter(|member| member.was_found_late())
        else {
            return false;
        };
        let origin = self.origins.get(member.origin);
        let ledger = self.ledgers.get(member.ledger);
        origin.is_some_and(|origin| origin.covers(cursor))
            && !ledger.is_some_and(|(_, ledger)| ledger.is_missing(cursor.seqnum))
    }

    /// Whether an entry was already delivered from `/run`, before it was copied to this file.
    fn delivered_copy(&self, member: usize, cursor: &Cursor) -> bool {
        let origin = self.members.get(member).map(|member| member.origin);
        let Some(origin) = origin.and_then(|origin| self.origins.get(origin)) else {
            return false;
        };
        let mut origins = self.origins.iter();
        origins.any(|other| other.delivered_copy(origin, cursor))
    }

    fn note_delivered(&mut self, index: usize, cursor: &Cursor) {
        let Some(member) = self.members.get(index) else {
            return;
        };
        if let Some(origin) = self.origins.get_mut(member.origin) {
            // A late entry does not move the position back.
            if !(member.was_found_late() && origin.covers(cursor)) {
                origin.last = Some(*cursor);
            }
            origin.changed = true;
        }
        let system = member.of_system();
        if !self.matches.is_empty() {
            return;
        }
        if let Some((_, ledger)) = self.ledgers.get_mut(member.ledger) {
            ledger.deliver(cursor, system, self.round);
        }
    }

    /// Reports the problems found in a member.
    pub(crate) fn tell(&mut self, index: usize) {
        if self.item_problems.is_empty() {
            return;
        }
        if let Some(member) = self.members.get(index) {
            for error in self.item_problems.drain(..) {
                self.problems.add(&member.path, error);
            }
        }
    }

    /// Where the problems of a member are collected before they are reported.
    pub(crate) fn item_problems(&mut self) -> &mut Vec<Error> {
        &mut self.item_problems
    }
}

fn position_of(origin: &JournalOrigin) -> Option<OriginPosition> {
    Some(OriginPosition {
        origin: origin.key.clone(),
        cursor: origin.last?,
    })
}
