//! The collector of the systemd journal: which source, level and metadata each entry has, and how parts of lines are joined.

mod beginning;
mod collector;
mod cut;
mod entry;
mod facts;
mod generations;
mod joining;
mod journal_events;
mod owner;
mod partial;

pub use collector::{JournaldCollector, JournaldOptions, Since};
