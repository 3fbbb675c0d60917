//! The cause of a failure: the one line that says why, among the lines of the failure.
//!
//! Each line has a strength by the first row of a table that it matches. The strongest line is the cause; among equally strong ones
//! the first, as what follows is often a consequence, except for exceptions, of which the last names the root.

mod choose;
mod parts;
mod plain;
mod table;

pub(super) use choose::{CauseCandidate, STRONG, cause, is_noise};
pub(super) use plain::plain;
