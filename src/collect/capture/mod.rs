//! The collector of captured commands: the logs of all runs in the capture folder, and in the folders of other users.

mod caps;
mod collector;
mod part;
mod records;
mod run;
mod spool;
#[cfg(test)]
mod tests;

pub use collector::{CaptureCollector, CaptureOptions};
pub use spool::SpoolCollector;
