//! Options that all collectors of logs share.

use crate::collect::recognise::Recognition;
use crate::collect::tail::backlog::CatchUpMax;
use crate::collect::tail::path::QUIET;
use std::time::Duration;

/// How logs are followed and how their lines are recognised.
#[derive(Debug, Clone)]
pub struct FollowOptions {
    /// After this time without growth an unterminated last line becomes a record.
    pub quiet: Duration,
    /// How the lines are recognised.
    pub recognition: Recognition,
    /// How much of rotated files is read that exist when a log is first found.
    pub catch_up_max: CatchUpMax,
}

impl Default for FollowOptions {
    fn default() -> Self {
        Self {
            quiet: QUIET,
            recognition: Recognition::default(),
            catch_up_max: CatchUpMax::default(),
        }
    }
}
