//! The list of nodes: read from a file or a URL, and again when it changes. If that fails, the last valid list stays in use.

pub(super) mod current;
pub(super) mod document;
pub(super) mod source;
