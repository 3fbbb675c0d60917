//! Failures of `vmlog journal`.

use crate::cli::failure::Failure;
use crate::journal;
use crate::pipeline::told;

/// The journal could not be read.
#[expect(clippy::needless_pass_by_value, reason = "it is passed to `map_err`")]
pub(super) fn unreadable(error: journal::Error) -> Failure {
    Failure::failed(format!("cannot read the journal: {}", told(&error)))
}
