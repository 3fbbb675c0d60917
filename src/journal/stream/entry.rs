//! The items of a journal's stream: entries, and the gaps between them.

pub use crate::journal::file::cache::CutField;
use crate::journal::file::cache::DataCache;
use crate::journal::file::cache::EntryBuffer;
pub use crate::journal::file::cache::EntryFields;
use crate::journal::format::cursor::Cursor;
use crate::journal::format::id::Id128;
use std::ops::RangeInclusive;

/// The next item of a journal.
#[derive(Debug)]
pub enum JournalEvent<'a> {
    /// An entry.
    Entry(Entry<'a>),
    /// Entries that were deleted before they were read.
    Gap(JournalGap),
}

/// An entry. It borrows from its journal until the next step.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    pub(crate) cursor: Cursor,
    pub(crate) origin: &'a str,
    pub(crate) machine_id: Id128,
    pub(crate) buffer: &'a EntryBuffer,
    pub(crate) cache: &'a DataCache,
}

impl<'a> Entry<'a> {
    /// The cursor of the entry, which identifies it in any set of files.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// When journald received the entry: microseconds since 1970 (UTC).
    #[must_use]
    pub fn realtime(&self) -> u64 {
        self.cursor.realtime
    }

    /// When journald received the entry: microseconds since the boot.
    #[must_use]
    pub fn monotonic(&self) -> u64 {
        self.cursor.monotonic
    }

    /// The boot in which the entry was written.
    #[must_use]
    pub fn boot_id(&self) -> Id128 {
        self.cursor.boot_id
    }

    /// The sequence number of the entry.
    #[must_use]
    pub fn seqnum(&self) -> u64 {
        self.cursor.seqnum
    }

    /// The source of the sequence number.
    #[must_use]
    pub fn seqnum_id(&self) -> Id128 {
        self.cursor.seqnum_id
    }

    /// The machine whose journald wrote the file. In files of systemd-journal-remote that is the receiver; the field
    /// `_MACHINE_ID` names the sender.
    #[must_use]
    pub fn machine_id(&self) -> Id128 {
        self.machine_id
    }

    /// The origin of the entry: see [`OriginPosition`](crate::journal::OriginPosition).
    #[must_use]
    pub fn origin(&self) -> &'a str {
        self.origin
    }

    /// All fields in the order of the file; a repeated name occurs as often as in the entry. Long fields may be
    /// [cut](Self::cut_fields).
    #[must_use]
    pub fn fields(&self) -> EntryFields<'a> {
        self.buffer.fields(self.cache)
    }

    /// The fields that were cut because they are longer than
    /// [`JournalOptions::field_bytes_max`](crate::journal::JournalOptions::field_bytes_max). Each is also reported as
    /// a problem.
    #[must_use]
    pub fn cut_fields(&self) -> &'a [CutField] {
        self.buffer.cut()
    }

    /// The value of the first field called `name`.
    #[must_use]
    pub fn field(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.fields()
            .find_map(|(found, value)| (found == name).then_some(value))
    }
}

/// Entries that journald wrote and that were deleted before they were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalGap {
    /// The source of the sequence numbers.
    pub seqnum_id: Id128,
    /// The missing sequence numbers.
    pub seqnums: RangeInclusive<u64>,
    /// The time of the last entry before, in microseconds since 1970.
    pub from: u64,
    /// The time of the first entry after, in microseconds since 1970.
    pub to: u64,
}

impl JournalGap {
    /// Number of missing entries.
    #[must_use]
    pub fn count(&self) -> u64 {
        (self.seqnums.end() - self.seqnums.start()).saturating_add(1)
    }
}
