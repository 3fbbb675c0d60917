//! Problems, each told once.

use crate::journal::format::error::Error;
use crate::journal::format::error::Problem;
use std::collections::HashSet;
use std::hash::DefaultHasher;
use std::hash::Hash;
use std::hash::Hasher;
use std::path::Path;

/// Distinct problems told; a file of nothing but damage does not fill the memory with them.
const TOLD_MAX: usize = 10_000;
/// Problems waiting to be asked for.
const WAITING_MAX: usize = 1_000;

/// What was told and what is to be told.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    told: HashSet<u64>,
    waiting: Vec<Problem>,
}

impl Problems {
    pub(crate) fn add(&mut self, path: &Path, error: Error) {
        let mut hasher = DefaultHasher::new();
        (path, error.offset(), error.what()).hash(&mut hasher);
        if self.told.len() < TOLD_MAX
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
    fn one_problem_is_told_once() {
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
