//! What is read, and from where on.

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

/// How often the counts of entries are looked at while somebody waits: below what a person notices, at a few system
/// calls each.
const POLL: Duration = Duration::from_millis(20);

/// What a [`Journal`](crate::journal::Journal) reads.
#[derive(Debug, Clone)]
pub struct JournalOptions {
    /// Directories: their own journal files, and those in `MACHINE_ID`, `MACHINE_ID.NAMESPACE` and `remote` below them.
    /// One that is missing is waited for.
    pub directories: Vec<PathBuf>,
    /// Single files.
    pub files: Vec<PathBuf>,
    /// Which namespaces of the directories are read.
    pub namespaces: Namespaces,
    /// Where reading goes on: the positions that an earlier journal gave.
    pub resume: Vec<OriginPosition>,
    /// Origins without a position are read from this time on (microseconds since 1970), or whole. The entries of a boot that
    /// [`since_boots`](Self::since_boots) names do not depend on it.
    pub since: Option<u64>,
    /// For boots, from when on they are read in origins without a position: microseconds since the boot, at most `u64::MAX`
    /// for boots that are skipped. A clock that is set makes no difference to it.
    pub since_boots: HashMap<Id128, u64>,
    /// Which entries are given out. Positions are those of the entries given out, and gaps are not told where entries are
    /// chosen: somebody who keeps positions takes all entries and chooses himself.
    pub matches: EntryMatches,
    /// Which fields of an entry are given out. The others are passed over, which is faster than to take all.
    pub fields: FieldChoice,
    /// Fields longer than this, name and all, are cut to it: [`Entry::cut_fields`](crate::journal::Entry::cut_fields). No more of
    /// a field is decompressed or held. All long fields of one entry together may take twice this, and the short ones,
    /// up to 4 KiB each, as much again.
    pub field_bytes_max: usize,
    /// How often [`wait`](crate::journal::Journal::wait) looks at files that journald has not announced a change of.
    pub poll: Duration,
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
        }
    }
}

/// Where to go in a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seek {
    /// Before the first entry.
    Head,
    /// Behind the last entry.
    Tail,
    /// Before this entry or, when it is not there, where it would be.
    Cursor(Cursor),
    /// Behind this entry or where it would be.
    After(Cursor),
    /// Before the first entry of this time (microseconds since 1970) or later.
    Realtime(u64),
    /// Before the entry with this number of this source, or the next one of the source.
    Seqnum {
        /// The source.
        seqnum_id: Id128,
        /// The number.
        seqnum: u64,
    },
    /// Before the first entry of a boot at this time or later (microseconds since the boot), or behind the boot.
    Monotonic {
        /// The boot.
        boot_id: Id128,
        /// The time.
        monotonic: u64,
    },
    /// Where the positions of [`JournalOptions::resume`] and [`JournalOptions::since`] say: a journal stands there when
    /// it is opened.
    Resume,
}
