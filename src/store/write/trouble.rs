//! Failures that do not stop appending: each is reported once, and the failed task is retried after a growing pause.

use crate::store::error::Error;
use std::error::Error as _;
use std::mem;

/// The tasks of a store besides appending; each can fail alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Task {
    /// Creating the next active file.
    Rotate,
    /// Sealing a full file.
    Seal,
    /// Finding the records above the limit of rows.
    Rows,
    /// Finding the records above the limit of age.
    Age,
    /// Writing the evidence of segments that are deleted.
    Thin,
    /// Removing files that are no longer part of the store.
    Unlink,
    /// Recovering after a failed write or sync.
    Recover,
}

/// The failures of tasks, reported and not yet reported.
#[derive(Debug, Default)]
pub(in crate::store) struct Troubles {
    reported: Vec<(Task, String)>,
    unreported: Vec<Error>,
}

impl Troubles {
    /// Records the failure of a task. The same failure of the same task is reported once, until the task succeeds.
    pub(in crate::store) fn note(&mut self, task: Task, error: Error) {
        // The same failure with another file is not reported again.
        let text = match error.source() {
            Some(source) => source.to_string(),
            None => error.to_string(),
        };
        let entry = (task, text);
        if self.reported.contains(&entry) {
            return;
        }
        if self.reported.len() >= REPORTED_MAX {
            self.reported.remove(0);
        }
        self.reported.push(entry);
        if self.unreported.len() < REPORTED_MAX {
            self.unreported.push(error);
        }
    }

    /// Records the success of a task: its next failure will be reported.
    pub(in crate::store) fn succeeded(&mut self, task: Task) {
        self.reported.retain(|(known, _)| *known != task);
    }

    /// Returns the failures that have not been reported.
    pub(in crate::store) fn take(&mut self) -> Vec<Error> {
        mem::take(&mut self.unreported)
    }
}

/// The maximum number of remembered failures. One that is forgotten is reported again.
const REPORTED_MAX: usize = 32;

/// A pause before the next attempt, counted in calls of [`crate::store::Store::maintain`], one a second; it doubles with every failure.
#[derive(Debug, Default)]
pub(in crate::store) struct Backoff {
    left: u32,
    last: u32,
}

impl Backoff {
    pub(in crate::store) fn is_waiting(&self) -> bool {
        self.left > 0
    }

    /// Counts a call of maintenance.
    pub(in crate::store) fn tick(&mut self) {
        self.left = self.left.saturating_sub(1);
    }

    pub(in crate::store) fn failed(&mut self) {
        self.last = self.last.saturating_mul(2).clamp(1, PAUSE_MAX);
        self.left = self.last;
    }

    pub(in crate::store) fn succeeded(&mut self) {
        *self = Self::default();
    }
}

/// Half a minute: a disk with space again is used soon, and a broken one is not tried too often.
const PAUSE_MAX: u32 = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::path::Path;

    fn failure(code: i32) -> Error {
        Error::io("create", Path::new("x"))(io::Error::from_raw_os_error(code))
    }

    #[test]
    fn reports_a_failure_once_until_its_task_succeeds() {
        let mut troubles = Troubles::default();
        troubles.note(Task::Seal, failure(24));
        troubles.note(Task::Seal, failure(24));
        assert_eq!(troubles.take().len(), 1);
        troubles.note(Task::Seal, failure(24));
        assert!(troubles.take().is_empty());
        troubles.note(Task::Rotate, failure(24));
        troubles.note(Task::Seal, failure(12));
        assert_eq!(troubles.take().len(), 2, "another task, another reason");
        troubles.succeeded(Task::Seal);
        troubles.note(Task::Rotate, failure(24));
        troubles.note(Task::Seal, failure(24));
        assert_eq!(troubles.take().len(), 1);
    }

    #[test]
    fn remembers_a_bounded_number_of_failures() {
        let mut troubles = Troubles::default();
        for code in 0..200 {
            troubles.note(Task::Unlink, failure(code));
        }
        assert_eq!(troubles.reported.len(), REPORTED_MAX);
        assert_eq!(troubles.take().len(), REPORTED_MAX);
    }

    #[test]
    fn pauses_grow_up_to_a_bound_and_end_with_success() {
        let mut backoff = Backoff::default();
        let mut pauses = vec![];
        for _ in 0..8 {
            backoff.failed();
            let mut pause = 0;
            while backoff.is_waiting() {
                backoff.tick();
                pause += 1;
            }
            pauses.push(pause);
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 32, 32]);
        backoff.succeeded();
        assert!(!backoff.is_waiting());
    }
}
