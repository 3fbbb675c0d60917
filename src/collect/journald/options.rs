//! Options of reading the journal.

use crate::collect::names::patterns::NamePatterns;
use crate::collect::recognise::Recognition;
use crate::journal::Namespaces;
use crate::record::Level;
use crate::time::Micros;
use std::path::PathBuf;

/// What a [`JournaldCollector`](super::JournaldCollector) reads.
#[derive(Debug, Clone)]
pub struct JournaldOptions {
    /// Where journald keeps its files; one that is missing is waited for.
    pub directories: Vec<PathBuf>,
    /// Which namespaces are read.
    pub namespaces: Namespaces,
    /// Which units are kept; containers are not asked for their unit.
    pub units: NamePatterns,
    /// Whether the output of containers is kept.
    pub docker: bool,
    /// The level of each syslog priority.
    pub levels: [Level; 8],
    /// How the output of services and containers is recognised.
    pub recognition: Recognition,
    /// How far back the first start reads.
    pub since: Since,
    /// Bytes that are read of one field; an entry takes three times as much at most.
    pub field_bytes_max: usize,
}

/// How far back the first start reads. Afterwards it holds for journals that appear, each with numbers of its own: what is known of
/// no boot yet is read from the time on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// Everything there is.
    Ever,
    /// From this time on.
    Time(Micros),
    /// This boot and the one before, from their first entries on; nothing that is older than this time for certain, whatever
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
    /// As much as of a line of a file. A sender may put 770 MiB into one entry; that must fill neither the memory nor the store.
    pub const FIELD_BYTES_MAX: usize = 1 << 20;

    /// The levels of the priorities unless set otherwise: everything worse than a warning is an error.
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
