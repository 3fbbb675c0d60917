//! The collector of the systemd journal: which source, level and metadata each entry has, and how parts of lines are joined.

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

pub use collector::JournaldCollector;
pub use options::{JournaldOptions, Since};
