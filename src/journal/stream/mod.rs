//! Many files as one stream: finds them, follows them, and merges their entries in order.

pub(crate) mod deferred;
pub(crate) mod entry;
pub(crate) mod follow;
pub(crate) mod journal;
pub(crate) mod ledger;
pub(crate) mod member;
pub(crate) mod options;
pub(crate) mod order;
pub(crate) mod origin;
pub(crate) mod problems;
pub(crate) mod resolve;
pub(crate) mod scan;
pub(crate) mod seek_time;
pub(crate) mod watch;
