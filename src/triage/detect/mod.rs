//! Which records report a problem. Each record is looked at once, when it is collected: first at its fields, then at its text, of
//! which one fast scan for a few literals rules out nearly all.

mod fields;
mod manager;
mod owner;
mod record;
mod rhythm;
mod rules;
mod sign;
mod speaker;
mod watch;

pub use record::detect;
pub use sign::{DetectedProblem, PROBLEM, PROBLEM_SUBJECT};
pub(in crate::triage) use speaker::syslog_tag;
pub use watch::{ProblemWatch, SilentSource};
