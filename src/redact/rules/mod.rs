//! The table of rules, and how each kind of rule matches.

mod commands;
pub(super) mod pem;
pub(super) mod prefix;
mod protocols;
pub(super) mod rule;
pub(super) mod shape;
pub(super) mod sql;
pub(super) mod table;
pub(super) mod url;
pub(super) mod vendor;
mod vendors;
