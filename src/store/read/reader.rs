//! Readers: handles for any thread, and the consistent views that they return.

use super::segment::Segment;
use crate::store::error::Error;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// The state that the writer shares with readers.
#[derive(Debug)]
pub(in crate::store) struct Shared {
    root: PathBuf,
    id: Option<[u8; 16]>,
    view: RwLock<View>,
    failure: Mutex<Option<Error>>,
}

impl Shared {
    pub(in crate::store) fn new(root: PathBuf, id: Option<[u8; 16]>, view: View) -> Self {
        Self {
            root,
            id,
            view: RwLock::new(view),
            failure: Mutex::default(),
        }
    }

    /// Makes `view` visible to readers.
    pub(in crate::store) fn publish(&self, view: View) {
        *self.view.write().unwrap_or_else(PoisonError::into_inner) = view;
    }

    pub(in crate::store) fn view(&self) -> View {
        let view = self.view.read();
        view.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Records a failure. Only the first is kept, as later ones follow from it.
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

/// A handle that returns views. It is cheap to clone, and usable from any thread, also after the writer was dropped.
#[derive(Debug, Clone)]
pub struct Reader {
    shared: Arc<Shared>,
}

impl Reader {
    pub(in crate::store) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// The present state; it remains valid while segments are sealed and deleted.
    #[must_use]
    pub fn view(&self) -> View {
        self.shared.view()
    }

    /// The failed write or sync after which the store refuses records, until it has been recovered.
    #[must_use]
    pub fn failure(&self) -> Option<Error> {
        self.shared.failure()
    }

    /// The random identity of the store, which copies of its folder share; `None` if it was opened without its writer. Keep it
    /// secret: checksums of frames depend on it.
    #[must_use]
    pub fn store_id(&self) -> Option<[u8; 16]> {
        self.shared.id
    }

    /// The folder of the store.
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

    /// One segment of a view, and those of its records that have these ids.
    #[must_use]
    pub fn of_segment(segment: &Arc<Segment>, ids: Range<u64>) -> Self {
        let all = segment.ids();
        Self::new(
            all.start.max(ids.start)..all.end.min(ids.end),
            vec![Arc::clone(segment)],
        )
    }

    /// The visible ids: records outside are deleted or not yet complete. Skip rows of `segments` outside this range.
    #[must_use]
    pub fn ids(&self) -> Range<u64> {
        self.ids.clone()
    }

    /// The number of visible records: less than the number of ids if some were lost.
    ///
    /// # Errors
    /// [`Error`] if ids must be read for this, and are damaged.
    pub fn records(&self) -> Result<u64, Error> {
        let start = self.ids.start;
        let segments = self.segments.iter();
        segments.map(|segment| segment.rows_from(start)).sum()
    }

    /// The number of records that thinning left out of the segments, as far as these are not deleted as a whole.
    #[must_use]
    pub fn thinned(&self) -> u64 {
        let visible = |segment: &Arc<Segment>| {
            if self.ids.start <= segment.ids().start {
                segment.thinned()
            } else {
                segment.thinned_within(&self.ids)
            }
        };
        self.segments.iter().map(visible).sum()
    }

    /// The number of records that thinning left out of these ids.
    #[must_use]
    pub fn thinned_within(&self, ids: &Range<u64>) -> u64 {
        let ids = ids.start.max(self.ids.start)..ids.end.min(self.ids.end);
        let segments = self.segments.iter();
        segments.map(|segment| segment.thinned_within(&ids)).sum()
    }

    /// The id after the last one of which only evidence remains; `None` if nothing was thinned.
    #[must_use]
    pub fn kept_end(&self) -> Option<u64> {
        let mut segments = self.segments.iter().rev();
        segments
            .find(|segment| segment.is_kept())
            .map(|segment| segment.ids().end)
    }

    /// The segments, ascending by id; the last is the active one.
    #[must_use]
    pub fn segments(&self) -> &[Arc<Segment>] {
        &self.segments
    }
}
