//! The collector of the systemd journal: the source, level and metadata of each entry, and the joining of lines that
//! were split.

mod beginning;
mod collector;
mod cut;
mod entry;
mod facts;
mod field;
mod generations;
mod joining;
mod journal_events;
mod options;
mod owner;
mod partial;

pub(crate) use beginning::this_boot;
pub use collector::JournaldCollector;
pub use options::{JournaldOptions, Since};
