//! Finds the secrets of one text.

mod budget;
pub(super) mod custom;
mod literals;
pub(super) mod scanner;
mod walk;

pub(super) use budget::TimeBudget;
pub(super) use custom::compile;
pub use custom::split_patterns;
pub(super) use scanner::{RecordScan, RuleBits, SecretName, SecretScanner};
