//! Operations on a whole store.

pub(super) mod copy_evidence;
pub(super) mod open;
pub(super) mod read_only;
pub(super) mod repair;
pub(super) mod replace;
pub(super) mod snapshot;
pub(super) mod verify;
