//! The evidence of segments: which records remain when rows or bytes push a segment out, and reading them.

mod policy;
pub(super) mod thinner;
