//! How many files a follower may hold open: all followers share the descriptors of the process.

use crate::opening;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Maximum number of logs that one collector holds open, even with more descriptors: more logs are rarely written to
/// at the same time.
const OPEN_MAX: usize = 512;

/// How many followers share the descriptors of the process.
static FOLLOWERS: AtomicUsize = AtomicUsize::new(0);

/// Descriptors reserved for everything else: the store, journals, connections.
const RESERVED_MAX: u64 = 256;

/// A share of the descriptors that this process may have open.
#[derive(Debug)]
pub(super) struct DescriptorShare {
    /// A fixed number of files, independent of the limit.
    pub(super) fixed: Option<usize>,
}

impl DescriptorShare {
    pub(super) fn new() -> Self {
        FOLLOWERS.fetch_add(1, Ordering::Relaxed);
        Self { fixed: None }
    }

    /// How many files this follower may hold open; at least one.
    pub(super) fn open_max(&self) -> usize {
        let followers = FOLLOWERS.load(Ordering::Relaxed).max(1);
        let share = || share(opening::descriptor_limit(), followers);
        self.fixed.unwrap_or_else(share)
    }
}

impl Drop for DescriptorShare {
    fn drop(&mut self) {
        FOLLOWERS.fetch_sub(1, Ordering::Relaxed);
    }
}

fn share(limit: u64, followers: usize) -> usize {
    let free = limit - (limit / 2).min(RESERVED_MAX);
    let free = usize::try_from(free).unwrap_or(usize::MAX);
    (free / followers).clamp(1, OPEN_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_are_shared_and_each_follower_gets_one() {
        assert_eq!(share(64, 4), 8);
        assert_eq!(share(64, 100), 1);
        assert_eq!(share(1024, 8), 96);
        assert_eq!(share(1 << 20, 8), OPEN_MAX);
    }
}
