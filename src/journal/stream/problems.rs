//! Problems, each reported once.

use crate::journal::format::error::Error;
use crate::journal::format::error::Problem;
use std::collections::HashSet;
use std::hash::DefaultHasher;
use std::hash::Hash;
use std::hash::Hasher;
use std::path::Path;

/// Maximum number of distinct problems remembered, so that a file full of damage does not fill the memory.
const REPORTED_MAX: usize = 10_000;
/// Maximum number of problems that wait to be collected.
const WAITING_MAX: usize = 1_000;

/// The problems already reported and those still to be reported.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    told: HashSet<u64>,
    waiting: Vec<Problem>,
}

impl Problems {
    pub(crate) fn add(&mut self, path: &Path, error: Error) {
        let mut hasher = DefaultHasher::new();
        (path, error.offset(), error.what()).hash(&mut hasher);
        if self.told.len() < REPORTED_MAX
            && self.waiting.len() < WAITING_MAX
            && self.told.insert(hasher.finish())
        {
            let path = path.to_owned();
            self.waiting.push(Problem { path, error });
        }
    }

    pub(crate) fn take(&mut self) -> Vec<Problem> {
        std::mem::take(&mut self.waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_reported_once() {
        let mut problems = Problems::default();
        for _ in 0..3 {
            problems.add(Path::new("a"), Error::Gone);
            problems.add(Path::new("b"), Error::Gone);
        }
        assert_eq!(problems.take().len(), 2);
        problems.add(Path::new("a"), Error::Gone);
        assert!(problems.take().is_empty());
    }
}
