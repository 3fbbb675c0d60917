//! The matching entries of one file: found through its hash tables or, if those are damaged, by checking every entry.

use super::direction::Direction;
use super::matches::EntryMatches;
use super::selection::{self, Selection};
use crate::journal::file::journal_file::EntryHead;
use crate::journal::file::journal_file::JournalFile;
use crate::journal::file::payload::Inflater;
use crate::journal::format::error::Error;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Conditions on the entries of one file, and the state of the search for entries that meet them.
pub(crate) struct FileFilter {
    matches: Arc<EntryMatches>,
    how: How,
    /// The next entry forward is at this offset or after it; the next entry backward is before it.
    bound: u64,
    /// Nothing was stepped past since the bound was set.
    is_at_start: bool,
    inflater: Inflater,
}

#[derive(Debug)]
enum How {
    Unknown,
    /// Still unknown, since entries of other files come first.
    Deferred,
    Index(Selection),
    Scan,
}

/// What a filter found out about the next entry.
pub(crate) enum NextMatch {
    /// The next matching entry.
    Entry(EntryHead),
    /// No entry follows.
    End,
    /// Every entry has to be checked, starting with the first one at or after this offset.
    Scan(u64),
}

impl fmt::Debug for FileFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filter")
            .field("how", &self.how)
            .field("bound", &self.bound)
            .finish_non_exhaustive()
    }
}

impl FileFilter {
    pub(crate) fn new(matches: Arc<EntryMatches>) -> Self {
        Self {
            matches,
            how: How::Unknown,
            bound: 0,
            is_at_start: true,
            inflater: Inflater::default(),
        }
    }

    /// Whether every entry has to be checked.
    pub(crate) fn scans(&self) -> bool {
        matches!(self.how, How::Scan)
    }

    /// Whether the conditions are still to be looked up.
    pub(crate) fn is_unknown(&self) -> bool {
        matches!(self.how, How::Unknown | How::Deferred)
    }

    /// Leaves the conditions unknown for now.
    pub(crate) fn defer(&mut self) {
        self.how = How::Deferred;
    }

    /// The conditions are needed now.
    pub(crate) fn end_deferral(&mut self) {
        if self.is_deferred() {
            self.how = How::Unknown;
        }
    }

    /// Whether the conditions were left unknown for now.
    pub(crate) fn is_deferred(&self) -> bool {
        matches!(self.how, How::Deferred)
    }

    /// How much memory [`release`](Self::release) frees.
    pub(crate) fn memory(&self) -> usize {
        let index = match &self.how {
            How::Index(selection) => selection.memory(),
            How::Unknown | How::Deferred | How::Scan => 0,
        };
        index + self.inflater.memory()
    }

    /// Frees memory whose content can be looked up again.
    pub(crate) fn release(&mut self) {
        self.grow();
        self.inflater = Inflater::default();
    }

    /// Moves the bound: see [`FileFilter::bound`].
    pub(crate) fn set_bound(&mut self, bound: u64) {
        self.bound = bound;
        self.is_at_start = true;
    }

    /// Whether nothing was stepped past since the bound was set.
    pub(crate) fn is_at_start(&self) -> bool {
        self.is_at_start
    }

    /// Discards the lookups, which are incomplete after entries were added.
    pub(crate) fn grow(&mut self) {
        if matches!(self.how, How::Index(_)) {
            self.how = How::Unknown;
        }
    }

    /// Steps past `entry`.
    pub(crate) fn pass(&mut self, entry: &EntryHead, direction: Direction) {
        self.is_at_start = false;
        self.bound = match direction {
            Direction::Forward => entry.offset + 1,
            Direction::Backward => entry.offset,
        };
    }

    /// The next entry by the hash tables.
    pub(crate) fn next(
        &mut self,
        file: &mut JournalFile,
        direction: Direction,
        problems: &mut Vec<Error>,
    ) -> NextMatch {
        if self.is_unknown() {
            self.look_up(file, problems);
        }
        let How::Index(selection) = &mut self.how else {
            return NextMatch::Scan(self.bound);
        };
        loop {
            let (bound, inflater) = (self.bound, &mut self.inflater);
            let found = file.checked_once(|file| {
                let found = selection.nearest(&mut file.parts(inflater), bound, direction)?;
                Ok(found.map(|offset| (offset, file.entry_at(offset))))
            });
            match found {
                Ok(None) => return NextMatch::End,
                Ok(Some((offset, entry))) => match entry {
                    Ok(entry) => return NextMatch::Entry(entry),
                    Err(error) => {
                        problems.push(error);
                        self.is_at_start = false;
                        self.bound = offset + u64::from(direction == Direction::Forward);
                    }
                },
                Err(error) => {
                    problems.push(error);
                    self.how = How::Scan;
                    return NextMatch::Scan(self.bound);
                }
            }
        }
    }

    /// Whether `entry` matches, judged by its fields. Decompresses no more of each field than a match could need.
    pub(crate) fn accepts(&mut self, file: &mut JournalFile, entry: &EntryHead) -> bool {
        let limit = self.matches.payload_bytes_max().saturating_add(1);
        let mut conditions = self.matches.conditions();
        let read = file.each_field(entry, limit, &mut self.inflater, |field| {
            conditions.see(field);
            ControlFlow::Continue(())
        });
        read.is_ok() && conditions.are_met()
    }

    fn look_up(&mut self, file: &mut JournalFile, problems: &mut Vec<Error>) {
        let (matches, inflater) = (&self.matches, &mut self.inflater);
        let found = file.checked_once(|file| {
            let selection = Selection::new(&mut file.parts(inflater), matches)?;
            // a table that leads to none of the payloads must lead to one that is there
            if selection.is_empty()
                && let Some(known) = known_payload(file, inflater)
                && !selection::holds(&mut file.parts(inflater), &known)?
            {
                return Ok(None);
            }
            Ok(Some(selection))
        });
        self.how = match found {
            Ok(Some(selection)) => How::Index(selection),
            Ok(None) => How::Scan,
            Err(error) => {
                problems.push(error);
                How::Scan
            }
        };
    }
}

/// A payload that the hash table must hold: the first short one of the first entry.
fn known_payload(file: &mut JournalFile, inflater: &mut Inflater) -> Option<Vec<u8>> {
    let entry = file.entry(0).ok()?;
    let mut known = None;
    file.each_field(&entry, KNOWN_BYTES_MAX, inflater, |field| {
        known = Some(field.to_vec());
        ControlFlow::Break(())
    })
    .ok()?;
    known
}

/// Longer payloads are not used to test a hash table; most payloads of any entry are much shorter.
const KNOWN_BYTES_MAX: usize = 1 << 10;
