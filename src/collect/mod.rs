//! Sources of records: each collector turns one origin (the journal, a file, a folder of captured commands) into records in
//! the order of that origin, and says how far it came, so that a restart continues from exactly there.
//!
//! A collector is blocking and plain and knows nothing of the store: the pipeline gives each its own thread, calls `read`
//! until nothing new comes, then `wait`. Trouble with an origin is no reason to stop: it becomes a record of source
//! `system:vmlog`, once, and the collector continues with everything that can be read.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic
    )
)]

mod capture;
mod collector;
mod follow;
mod journald;
mod logs;
mod names;
mod own;
mod position;
mod recognise;
mod tail;
mod text;
mod watch;

pub use capture::{CaptureCollector, CaptureOptions, SpoolCollector};
pub use collector::{Batch, Collector, Error};
pub use follow::{FollowOptions, Survey};
pub use journald::{JournaldCollector, JournaldOptions, Since};
pub use logs::{
    CloudInitCollector, CloudInitOptions, ContainerCollector, ContainerEngine, ContainerOptions,
    FileCollector, FileOptions, PodCollector, PodOptions, SandboxCollector, SandboxOptions,
};
pub use names::{NamePatterns, is_wild, matches_wildcard, paths_of_pattern};
pub use own::{OWN_SOURCE, own_record};
pub use recognise::{Disabled, Recognition, UnknownRule};
pub use tail::CatchUpMax;
