//! Sources of records. Each collector turns one origin (the journal, a file, a folder of captured commands) into
//! records in the order of that origin, and reports its position, so that a restart continues exactly there.
//!
//! A collector is blocking and knows nothing of the store: the pipeline gives each its own thread, calls `read` until
//! nothing new arrives, then `wait`. A fault of an origin does not stop a collector: it is reported once as a record
//! of source `system:vmlog`, and the collector continues with everything that can be read.
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
pub(crate) use journald::this_boot;
pub use journald::{JournaldCollector, JournaldOptions, Since};
pub use logs::{
    CloudInitCollector, CloudInitOptions, ContainerCollector, ContainerEngine, ContainerOptions,
    FileCollector, FileOptions, PodCollector, PodOptions, SandboxCollector, SandboxOptions,
};
pub use names::{NamePatterns, is_wild, matches_wildcard, paths_of_pattern};
pub use own::{OWN_SOURCE, own_record};
pub use recognise::{Disabled, Recognition, UnknownRule};
pub use tail::CatchUpMax;
