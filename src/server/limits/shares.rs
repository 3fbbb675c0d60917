//! Fair semaphores for live tails, exports and requests in progress.
//!
//! A principal of a control plane holds at most half of the permits, and all such principals together leave one free.
//! The owner leaves one free if there can be other principals.

use crate::server::auth::principal::PrincipalId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A number of permits, shared among principals.
#[derive(Debug)]
pub(crate) struct FairSemaphore {
    places: usize,
    /// Whether there can be principals other than the owner.
    has_others: bool,
    held: Mutex<HashMap<PrincipalId, usize>>,
}

/// One permit; dropping it frees it.
#[derive(Debug)]
pub(crate) struct FairPermit {
    principal: PrincipalId,
    shares: Arc<FairSemaphore>,
}

impl FairSemaphore {
    pub(crate) fn new(places: usize, has_others: bool) -> Arc<Self> {
        Arc::new(Self {
            places,
            has_others,
            held: Mutex::default(),
        })
    }

    /// Takes a permit, if one is left for this principal.
    pub(crate) fn take(self: &Arc<Self>, principal: PrincipalId) -> Option<FairPermit> {
        let mut held = self.held();
        let all: usize = held.values().sum();
        let own = held.get(&principal).copied().unwrap_or_default();
        let of_owner = held.get(&PrincipalId::Owner).copied().unwrap_or_default();
        let but_one = self.places.saturating_sub(1).max(1);
        let is_left = match principal {
            PrincipalId::Owner => {
                own < if self.has_others {
                    but_one
                } else {
                    self.places
                }
            }
            _ => own < (self.places / 2).max(1) && all - of_owner < but_one,
        };
        if all >= self.places || !is_left {
            return None;
        }
        *held.entry(principal).or_default() += 1;
        Some(FairPermit {
            principal,
            shares: Arc::clone(self),
        })
    }

    /// The number of permits in use.
    pub(crate) fn held_by_all(&self) -> usize {
        self.held().values().sum()
    }

    fn held(&self) -> MutexGuard<'_, HashMap<PrincipalId, usize>> {
        // A panic elsewhere leaves the numbers intact.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for FairPermit {
    fn drop(&mut self) {
        let mut held = self.shares.held();
        if let Some(count) = held.get_mut(&self.principal) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.principal);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(shares: &Arc<FairSemaphore>, principal: PrincipalId, tries: usize) -> Vec<FairPermit> {
        (0..tries).filter_map(|_| shares.take(principal)).collect()
    }

    #[test]
    fn one_principal_never_holds_all_permits() {
        let [a, b, c] = ["a", "b", "c"].map(|name| PrincipalId::vouched(Some(name), None));
        let shares = FairSemaphore::new(5, true);
        let of_a = take(&shares, a, 9);
        let of_b = take(&shares, b, 9);
        assert_eq!((of_a.len(), of_b.len()), (2, 2));
        assert_eq!(take(&shares, c, 9).len(), 0, "one is left for the owner");
        assert_eq!(take(&shares, PrincipalId::Owner, 9).len(), 1);
        drop(of_a);
        assert_eq!(take(&shares, c, 9).len(), 2);
        drop(of_b);
        let of_owner = take(&shares, PrincipalId::Owner, 9);
        assert_eq!(of_owner.len(), 4);
        assert_eq!(take(&shares, a, 9).len(), 1);
        assert_eq!(shares.held_by_all(), 4);
        drop(of_owner);
        assert_eq!(shares.held_by_all(), 0);
    }

    #[test]
    fn owner_may_hold_all_permits_if_alone() {
        let shares = FairSemaphore::new(2, false);
        assert_eq!(take(&shares, PrincipalId::Owner, 9).len(), 2);
        let shares = FairSemaphore::new(1, true);
        let a = PrincipalId::vouched(Some("a"), None);
        assert_eq!(
            take(&shares, a, 9).len(),
            1,
            "the only permit is available to any principal"
        );
        assert_eq!(take(&shares, PrincipalId::Owner, 9).len(), 1);
    }
}
