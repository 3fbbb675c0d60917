//! Names of files, units and sources: wildcards, lists of patterns, and the files that a pattern matches.

pub(crate) mod glob;
pub(crate) mod patterns;
pub(crate) mod stamp;
pub(crate) mod wildcard;

pub use glob::paths as paths_of_pattern;
pub use patterns::NamePatterns;
pub use wildcard::{is_wild, matches as matches_wildcard};
