//! Follows many logs: those that match a pattern, or one for each container or sandbox. The [kind](kind::LogKind) of
//! logs defines which logs exist and how their lines become records.
//!
//! Every log has a position. Only logs that are being read are open: a log that was read completely is closed, and
//! opened again when it has changed. So memory limits the number of logs, not descriptors. If there are too many
//! logs, the newest are followed, and the number of the others is reported.

pub(crate) mod clock;
mod collector;
mod followed;
mod follower;
mod kind;
mod look;
mod options;
mod saved;
mod share;
mod survey;
mod unfollowed;

pub(crate) use collector::log_collector;
pub(crate) use follower::Follower;
pub(crate) use kind::{CarriedState, FoundLogs, LogKind, LogLine, LogPlace};
pub use options::FollowOptions;
pub use survey::Survey;
pub(crate) use survey::survey;
