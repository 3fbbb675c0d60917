//! What a tail needs for one read, and what it gives out.

use crate::collect::tail::backlog::CatchUpMax;
use crate::collect::tail::packing::CHUNK_BYTES;
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

/// Rotated files opened at once where descriptors are plenty.
pub(crate) const OPENED_MAX: usize = 64;

/// What a tail gives out.
#[derive(Debug)]
pub(crate) enum TailItem<'a> {
    /// A line or a part of one.
    Line(Line<'a>, Age),
    /// A report about the file itself, of source `system:vmlog`.
    Own(Record),
}

/// Takes what a tail gives out; breaks off when it has enough.
pub(crate) type VisitItem<'a> = dyn FnMut(TailItem<'_>) -> ControlFlow<()> + 'a;

/// When a line was written, as far as is known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Age {
    /// The file was read to its end before: the line was written just now.
    pub(crate) is_live: bool,
    /// When the file was last written to.
    pub(crate) modified: Micros,
}

impl Age {
    /// The time of a line that states none, when nothing else is known.
    pub(crate) fn guess(self) -> Micros {
        if self.is_live {
            Micros::now()
        } else {
            self.modified
        }
    }
}

/// What all tails of a collector share in one read.
#[derive(Debug)]
pub(crate) struct ReadContext {
    pub(crate) watch: FileWatch,
    /// Room for a chunk of a file.
    pub(super) scratch: Vec<u8>,
    /// Room for text that has to be transcoded.
    pub(super) text: String,
    pub(crate) now: Instant,
    /// How much of rotated files that are found at once is read.
    pub(crate) catch_up_max: CatchUpMax,
    /// How many rotated files are opened at once; the others follow when these have been read.
    pub(crate) opened_max: usize,
    /// The names in the folder that was listed last.
    pub(super) names: RefCell<Names>,
    /// The number of the error for which a file could not be opened, if it is not the fault of the file.
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

    /// The same, reading no more than this of rotated files that are found at once.
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

    /// Waits for a change, but not beyond the time when a tail has something to give out.
    pub(crate) fn wait(&mut self, due: Option<Instant>, patience: Duration) {
        let until_due = due.map(|due| due.saturating_duration_since(Instant::now()));
        self.watch
            .wait(until_due.map_or(patience, |until| until.min(patience)));
    }

    /// Ends a read that found nothing: an idle collector holds no buffer.
    pub(crate) fn rest(&mut self) {
        self.scratch = Vec::new();
        self.text = String::new();
    }
}
