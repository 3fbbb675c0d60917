//! What the writer does besides appending.

pub(super) mod compact;
pub(super) mod periodic;
pub(super) mod renew;
pub(super) mod retention;
mod room;
mod thinning;
pub(super) mod unlink;
