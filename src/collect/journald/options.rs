//! Options of reading the journal.

use crate::collect::names::patterns::NamePatterns;
use crate::collect::recognise::Recognition;
use crate::journal::Namespaces;
use crate::record::Level;
use crate::time::Micros;
use std::path::PathBuf;

/// Options of a [`JournaldCollector`](super::JournaldCollector).
#[derive(Debug, Clone)]
pub struct JournaldOptions {
    /// The directories of journald's files; a missing one is waited for.
    pub directories: Vec<PathBuf>,
    /// Which namespaces are read.
    pub namespaces: Namespaces,
    /// Which units are kept; does not apply to containers.
    pub units: NamePatterns,
    /// Whether the output of containers is kept.
    pub docker: bool,
    /// The level of each syslog priority.
    pub levels: [Level; 8],
    /// How the output of services and containers is recognised.
    pub recognition: Recognition,
    /// How far back the first start reads.
    pub since: Since,
    /// Maximum size of one field in bytes; a whole entry takes at most three times as much.
    pub field_bytes_max: usize,
}

/// How far back the first start reads. Later it applies to journals that appear with sequence numbers of their own:
/// boots that are not known yet are read from this time on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// From the oldest entry.
    Ever,
    /// From this time on.
    Time(Micros),
    /// This boot and the one before, complete; but nothing that is certainly older than `earliest`, whatever the
    /// clocks say.
    LastBoot {
        /// The earliest time.
        earliest: Micros,
    },
}

impl Default for JournaldOptions {
    fn default() -> Self {
        Self {
            directories: vec!["/var/log/journal".into(), "/run/log/journal".into()],
            namespaces: Namespaces::All,
            units: NamePatterns::default(),
            docker: true,
            levels: Self::LEVELS,
            recognition: Recognition::default(),
            since: Since::Ever,
            field_bytes_max: Self::FIELD_BYTES_MAX,
        }
    }
}

impl JournaldOptions {
    /// The same as for a line of a file. A sender may put 770 MiB into one entry, which must fill neither the memory
    /// nor the store.
    pub const FIELD_BYTES_MAX: usize = 1 << 20;

    /// The default levels of the priorities: everything worse than a warning is an error.
    pub const LEVELS: [Level; 8] = [
        Level::Error,
        Level::Error,
        Level::Error,
        Level::Error,
        Level::Warn,
        Level::Info,
        Level::Info,
        Level::Debug,
    ];
}
