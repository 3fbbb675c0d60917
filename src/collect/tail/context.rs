//! The state that tails share in one read, and their output.

use crate::collect::tail::backlog::CatchUpMax;
use crate::collect::tail::compression::CHUNK_BYTES;
use crate::collect::tail::sibling::Names;
use crate::collect::text::line::{BEHIND_MAX, Line};
use crate::collect::watch::FileWatch;
use crate::opening;
use crate::record::Record;
use crate::time::Micros;
use std::cell::{Cell, RefCell};
use std::fs::File;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

/// Maximum number of rotated files opened at once if enough descriptors are available.
pub(crate) const OPENED_MAX: usize = 64;

/// The output of a tail.
#[derive(Debug)]
pub(crate) enum TailItem<'a> {
    /// A line or a part of one.
    Line(Line<'a>, Age),
    /// A report about the file itself, with source `system:vmlog`.
    Own(Record),
}

/// Receives the output of a tail; returns `Break` when it has enough.
pub(crate) type VisitItem<'a> = dyn FnMut(TailItem<'_>) -> ControlFlow<()> + 'a;

/// When a line was written, as far as it is known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Age {
    /// Whether the file had been read to its end before, so that the line was just written.
    pub(crate) is_live: bool,
    /// When the file was last written to.
    pub(crate) modified: Micros,
}

impl Age {
    /// The time of a line that states none, if nothing else is known.
    pub(crate) fn guess(self) -> Micros {
        if self.is_live {
            Micros::now()
        } else {
            self.modified
        }
    }
}

/// The state that all tails of a collector share in one read.
#[derive(Debug)]
pub(crate) struct ReadContext {
    pub(crate) watch: FileWatch,
    /// Buffer for a chunk of a file.
    pub(super) scratch: Vec<u8>,
    /// Buffer for text that has to be transcoded.
    pub(super) text: String,
    pub(crate) now: Instant,
    /// How much is read of rotated files that exist when a log is first found.
    pub(crate) catch_up_max: CatchUpMax,
    /// Maximum number of rotated files opened at once; the others follow when these have been read.
    pub(crate) opened_max: usize,
    /// The names in the folder that was last listed.
    pub(super) names: RefCell<Names>,
    /// The error number of a file that could not be opened because of a lack of resources.
    pub(super) scarce: Cell<Option<i32>>,
}

impl ReadContext {
    pub(crate) fn new() -> Self {
        Self {
            watch: FileWatch::new(),
            scratch: Vec::new(),
            text: String::new(),
            now: Instant::now(),
            catch_up_max: CatchUpMax::default(),
            opened_max: OPENED_MAX,
            names: RefCell::default(),
            scarce: Cell::new(None),
        }
    }

    /// The same context with this limit for existing rotated files.
    pub(crate) fn within(self, catch_up_max: CatchUpMax) -> Self {
        Self {
            catch_up_max,
            ..self
        }
    }

    /// Opens a rotated file.
    pub(super) fn open(&self, path: &Path) -> Option<File> {
        match opening::trusted_unlinked(path) {
            Ok(file) => Some(file),
            Err(error) => {
                if opening::is_scarce(&error) {
                    self.scarce.set(error.raw_os_error());
                }
                None
            }
        }
    }

    /// Starts a read.
    pub(crate) fn start(&mut self) {
        self.now = Instant::now();
        self.watch.begin();
        self.scratch.resize(CHUNK_BYTES + BEHIND_MAX, 0);
    }

    /// Waits for a change, but not beyond the time when a tail has something to deliver.
    pub(crate) fn wait(&mut self, due: Option<Instant>, timeout: Duration) {
        let until_due = due.map(|due| due.saturating_duration_since(Instant::now()));
        self.watch
            .wait(until_due.map_or(timeout, |until| until.min(timeout)));
    }

    /// Whether changes of a file or folder are found by polling only.
    pub(crate) fn is_blind(&self) -> bool {
        self.watch.is_blind()
    }

    /// Ends a read that found nothing: frees the buffers, because the collector is idle.
    pub(crate) fn rest(&mut self) {
        self.scratch = Vec::new();
        self.text = String::new();
    }
}
