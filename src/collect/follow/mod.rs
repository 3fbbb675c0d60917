//! Follows many logs: those that match a pattern, or one for each container or sandbox. A collector says which logs exist and
//! how their lines become records; the rest is the same for all.
//!
//! Every log has a position. Only logs that are being read are held open: a log that was read and is quiet is closed, and opened
//! again when it has changed. So the number of logs is bounded by memory and not by descriptors. Where there are too many, the
//! newest are followed, and the number of the others is reported.

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
