//! Readers: a handle that any thread may hold, and the consistent views that it hands out.

use super::segment::Segment;
use crate::store::error::Error;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// What the writer shares with readers.
#[derive(Debug)]
pub(in crate::store) struct Shared {
    root: PathBuf,
    view: RwLock<View>,
    failure: Mutex<Option<Error>>,
}

impl Shared {
    pub(in crate::store) fn new(root: PathBuf, view: View) -> Self {
        Self {
            root,
            view: RwLock::new(view),
            failure: Mutex::default(),
        }
    }

    /// Lets readers see `view` from now on.
    pub(in crate::store) fn publish(&self, view: View) {
        *self.view.write().unwrap_or_else(PoisonError::into_inner) = view;
    }

    pub(in crate::store) fn view(&self) -> View {
        let view = self.view.read();
        view.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps the first failure: a later one follows from it.
    pub(in crate::store) fn fail(&self, error: &Error) {
        self.failed().get_or_insert_with(|| error.clone());
    }

    pub(in crate::store) fn recovered(&self) {
        *self.failed() = None;
    }

    pub(in crate::store) fn failure(&self) -> Option<Error> {
        self.failed().clone()
    }

    fn failed(&self) -> MutexGuard<'_, Option<Error>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hands out views; cheap to clone, usable from any thread, also after the writer is gone.
#[derive(Debug, Clone)]
pub struct Reader {
    shared: Arc<Shared>,
}

impl Reader {
    pub(in crate::store) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// What is visible now; stays valid while segments are sealed and pruned.
    #[must_use]
    pub fn view(&self) -> View {
        self.shared.view()
    }

    /// The failed write or sync after which the store takes no more, until it has been recovered.
    #[must_use]
    pub fn failure(&self) -> Option<Error> {
        self.shared.failure()
    }

    /// The folder.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.shared.root.clone()
    }
}

/// A consistent state of the store.
#[derive(Debug, Clone)]
pub struct View {
    ids: Range<u64>,
    segments: Arc<[Arc<Segment>]>,
}

impl View {
    pub(in crate::store) fn new(ids: Range<u64>, segments: Vec<Arc<Segment>>) -> Self {
        Self {
            ids,
            segments: segments.into(),
        }
    }

    /// The ids that may be seen: everything outside is pruned or not yet there. Rows of `segments` outside are to be skipped.
    #[must_use]
    pub fn ids(&self) -> Range<u64> {
        self.ids.clone()
    }

    /// How many records may be seen: fewer than ids where some were lost.
    ///
    /// # Errors
    /// [`Error`] when ids must be read to know, and are damaged.
    pub fn records(&self) -> Result<u64, Error> {
        let start = self.ids.start;
        let segments = self.segments.iter();
        segments.map(|segment| segment.rows_from(start)).sum()
    }

    /// Ascending by id; the last is the active one.
    #[must_use]
    pub fn segments(&self) -> &[Arc<Segment>] {
        &self.segments
    }
}
