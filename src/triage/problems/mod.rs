//! The list of problems: marked records grouped by what failed, the most important first, each with the line that says why.

mod answer;
mod evidence;
mod find;
mod group;
mod known;
mod marks;

pub use answer::{EvidenceLine, FoundProblem, ProblemList, SearchedTimes};
pub use find::{PROBLEMS_MAX, ProblemsQuery, problems, problems_known};
pub use known::KnownProblems;
pub use marks::marked;
