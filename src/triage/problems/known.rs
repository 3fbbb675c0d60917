//! What earlier answers found: marked records, and causes. What failed once is in each answer until it is too old, and its lines rarely
//! change: when a log that tells of it is read later.

use crate::query::{Budget, Error, Filter};
use crate::record::Id;
use crate::store::View;
use crate::triage::kind::ProblemKind;
use crate::triage::problems::evidence::Evidence;
use crate::triage::problems::group::ProblemGroup;
use crate::triage::problems::marks::KnownMarks;
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Causes that are kept: with the lines around them they take a KiB each, and 6 KiB at most.
const KEPT_MAX: usize = 512;
/// A cause is looked for again after this time, and after twice as long each time that it is still the same.
const LASTS_MIN: Duration = Duration::from_secs(15);
const LASTS_MAX: Duration = Duration::from_hours(1);

/// What was found before in one store: marked records and causes. Clones share one state.
#[derive(Debug, Clone, Default)]
pub struct KnownProblems {
    pub(super) marks: KnownMarks,
    pub(super) causes: KnownCauses,
}

impl KnownProblems {
    /// Reads a part of a view before it is asked for: the newest segment of which nothing is known, at last what was appended since.
    /// Returns whether there may be another segment.
    ///
    /// # Errors
    /// [`Error`] when the store cannot be read.
    pub fn read_ahead(&self, view: &View, budget: &Budget) -> Result<bool, Error> {
        self.marks.read_ahead(view, budget)
    }
}

/// Causes that were found before. Clones share one state.
#[derive(Debug, Clone, Default)]
pub(super) struct KnownCauses(Arc<Mutex<CausesByMark>>);

type CausesByMark = HashMap<(Id, ProblemKind), KnownCause, RandomState>;

#[derive(Debug)]
struct KnownCause {
    evidence: Evidence,
    found: Instant,
    lasts: Duration,
}

impl KnownCauses {
    /// The evidence of a group, from an earlier answer or from `find`. An answer to a client with fewer rights is never kept: its lines
    /// are not those of others.
    pub(super) fn of<E>(
        &self,
        rights: &Filter,
        group: &ProblemGroup,
        find: impl FnOnce() -> Result<Evidence, E>,
    ) -> Result<Evidence, E> {
        if rights.is_narrowed() {
            return find();
        }
        let key = (group.mark.id, group.mark.kind);
        // a panic elsewhere leaves the map intact
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().get(&key)
            && known.found.elapsed() < known.lasts
        {
            return Ok(known.evidence.clone());
        }
        let evidence = find()?;
        let mut known = lock();
        if known.len() >= KEPT_MAX && !known.contains_key(&key) {
            known.clear();
        }
        let same = known.get(&key).filter(|known| known.evidence == evidence);
        let lasts = same.map_or(LASTS_MIN, |same| (same.lasts * 2).min(LASTS_MAX));
        let found = KnownCause {
            evidence: evidence.clone(),
            found: Instant::now(),
            lasts,
        };
        known.insert(key, found);
        Ok(evidence)
    }
}
