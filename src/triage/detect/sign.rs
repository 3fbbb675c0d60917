//! What a record says of a problem, and the keys of the marks.

use crate::triage::kind::ProblemKind;

/// The metadata key of the kind of problem that a record reports.
pub const PROBLEM: &str = "problem";
/// The metadata key of the thing that the problem is about.
pub const PROBLEM_SUBJECT: &str = "problem_subject";

/// The maximum length of a subject.
pub(super) const SUBJECT_BYTES_MAX: usize = 200;

/// A problem that one record reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetectedProblem {
    /// Its kind.
    pub kind: ProblemKind,
    /// The unit, container, process, device or source that it is about.
    pub subject: Option<String>,
}

impl DetectedProblem {
    pub(super) fn new(kind: ProblemKind, subject: impl Into<Option<String>>) -> Self {
        let mut subject = subject.into().filter(|subject| !subject.is_empty());
        if let Some(subject) = &mut subject {
            subject.truncate(subject.floor_char_boundary(SUBJECT_BYTES_MAX));
        }
        Self { kind, subject }
    }
}

/// What a record says by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sign {
    /// It reports a problem.
    Problem(DetectedProblem),
    /// Several of these within a short time are a problem of this kind.
    Repeated(DetectedProblem),
    /// The kernel names the process that it will kill next.
    OomVictim {
        /// Its process ID.
        pid: String,
        /// The unit or container whose control group it is in.
        owner: Option<String>,
    },
    /// The clock was set; the first time after a boot is no problem.
    TimeSet,
}
