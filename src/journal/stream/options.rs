//! What a journal reads, and where it starts.

use super::origin::OriginPosition;
use crate::journal::file::journal_file::FieldChoice;
use crate::journal::filter::matches::EntryMatches;
use crate::journal::format::cursor::Cursor;
use crate::journal::format::id::Id128;
use crate::journal::format::layout::FIELD_BYTES_MAX;
use crate::journal::format::name::Namespaces;
use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

/// The default number of files that are open at a time.
const OPEN_FILES_MAX: usize = 256;

/// How often the counts of entries are read during a wait: shorter than a person notices, at the cost of a few system
/// calls.
const POLL: Duration = Duration::from_millis(20);

/// Options of a [`Journal`](crate::journal::Journal).
#[derive(Debug, Clone)]
pub struct JournalOptions {
    /// Directories: their own journal files, and those in `MACHINE_ID`, `MACHINE_ID.NAMESPACE` and `remote` below
    /// them. A missing directory is waited for.
    pub directories: Vec<PathBuf>,
    /// Single files.
    pub files: Vec<PathBuf>,
    /// Which namespaces of the directories are read.
    pub namespaces: Namespaces,
    /// The positions of an earlier journal, from which reading continues.
    pub resume: Vec<OriginPosition>,
    /// Origins without a position are read from this time on (microseconds since 1970), or from their beginning. Does
    /// not apply to the entries of boots that [`since_boots`](Self::since_boots) names.
    pub since: Option<u64>,
    /// For each boot, where reading starts in origins without a position: microseconds since the boot, or `u64::MAX`
    /// to skip the boot. Unlike `since`, this does not depend on the wall clock.
    pub since_boots: HashMap<Id128, u64>,
    /// Which entries are returned. Positions are then those of the returned entries, and gaps are not reported: a
    /// caller that keeps positions should read all entries and filter them itself.
    pub matches: EntryMatches,
    /// Which fields of an entry are returned. Skipping the others is faster.
    pub fields: FieldChoice,
    /// Fields longer than this, including the name, are cut to this length:
    /// [`Entry::cut_fields`](crate::journal::Entry::cut_fields). No more of a field is decompressed or held. All long
    /// fields of one entry together may take twice this size, and the short ones, up to 4 KiB each, the same size
    /// once.
    pub field_bytes_max: usize,
    /// How often [`wait`](crate::journal::Journal::wait) checks files without a notice of a change.
    pub poll: Duration,
    /// Archived files beyond this number are closed until they are read. The default is 256, since a process may often have no more
    /// than 1,024 open files; opening files again takes most of the time where there are more.
    pub open_files_max: usize,
}

impl Default for JournalOptions {
    fn default() -> Self {
        Self {
            directories: Vec::new(),
            files: Vec::new(),
            namespaces: Namespaces::All,
            resume: Vec::new(),
            since: None,
            since_boots: HashMap::new(),
            matches: EntryMatches::default(),
            fields: None,
            field_bytes_max: FIELD_BYTES_MAX,
            poll: POLL,
            open_files_max: OPEN_FILES_MAX,
        }
    }
}

/// A place in a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seek {
    /// Before the first entry.
    Head,
    /// After the last entry.
    Tail,
    /// Before this entry or, if it does not exist, where it would be.
    Cursor(Cursor),
    /// After this entry, or where it would be.
    After(Cursor),
    /// Before the first entry at or after this time (microseconds since 1970).
    Realtime(u64),
    /// Before the entry with this number from this source, or the next one of the source.
    Seqnum {
        /// The source.
        seqnum_id: Id128,
        /// The number.
        seqnum: u64,
    },
    /// Before the first entry of a boot at or after this time (microseconds since the boot), or after the boot.
    Monotonic {
        /// The boot.
        boot_id: Id128,
        /// The time.
        monotonic: u64,
    },
    /// Where [`JournalOptions::resume`] and [`JournalOptions::since`] say: the place of a journal that was just
    /// opened.
    Resume,
}
