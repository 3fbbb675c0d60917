//! Finds the secrets of one text.

mod budget;
pub(super) mod custom;
mod literals;
pub(super) mod scanner;
mod walk;

pub(super) use budget::Budget;
pub(super) use custom::compile;
pub use custom::split_patterns;
pub(super) use scanner::{Name, RuleSet, Scan, Scanner};
