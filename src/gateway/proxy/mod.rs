//! Requests that one node answers.

pub(super) mod feed;
pub(super) mod headers;
pub(super) mod path;
pub(super) mod plain;
pub(super) mod splitter;
pub(super) mod tail;
