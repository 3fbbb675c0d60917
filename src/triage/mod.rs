//! What went wrong on this machine.
//!
//! Each record is looked at once, when it is collected: one that reports a problem is marked with `metadata.problem`, the word of a
//! [`ProblemKind`], and `metadata.problem_subject`, the unit, container, process, device or source that it is about. Marks are
//! indexed like all metadata, so that a list of problems reads few blocks, and the store keeps marked records longest.

#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic
    )
)]

mod boots;
mod cause;
mod compare;
mod detect;
mod kind;
mod parameters;
mod problems;
mod wire;

pub use boots::{BootList, BootSummary, boots, boots_known};
pub use compare::{
    COMPARED_MAX, CompareQuery, ComparedPattern, ComparedWindow, ExampleLine, PatternChange,
    WindowComparison, WindowSpec, WindowSpecError, compare,
};
pub use detect::{DetectedProblem, PROBLEM, PROBLEM_SUBJECT, ProblemWatch, SilentSource, detect};
pub use kind::{ProblemKind, UnknownKind};
pub use parameters::{parse_boots, parse_compare, parse_problems};
pub use problems::{
    EvidenceLine, FoundProblem, KnownProblems, PROBLEMS_MAX, ProblemList, ProblemsQuery,
    SearchedTimes, marked, problems, problems_known,
};
