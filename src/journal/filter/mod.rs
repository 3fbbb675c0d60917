//! The entries of one file that match conditions.

pub(crate) mod direction;
pub(crate) mod file_filter;
pub(crate) mod matches;
pub(crate) mod selection;
