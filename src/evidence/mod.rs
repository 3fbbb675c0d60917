//! Bundles of evidence: one bounded, redacted file for the moment before a machine is destroyed. `format-spec/evidence.md` specifies it.
//!
//! | Part | Content |
//! |---|---|
//! | `facts`, `command` | facts about the machine, from files and commands, bounded in bytes and time |
//! | `records` | problems, boots, runs and events as text |
//! | `writer` | collects the parts within the bounds and writes the archive |
//! | `manifest` | names every part: written, left out, or failed and why |
//! | `unpack` | opens a bundle, which may be hostile |
//! | `folder` | temporary folders |

#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic
    )
)]

mod command;
mod error;
mod facts;
mod folder;
#[doc(hidden)]
pub mod fuzz;
mod manifest;
mod records;
mod unpack;
mod writer;

pub use error::BundleError;
pub use facts::FactPlaces;
pub use folder::TemporaryFolder;
pub use manifest::{BundleWindow, CopiedRecords, Manifest, PartEntry};
pub use unpack::{BundleLimits, UnpackedBundle, is_bundle, unpack};
pub use writer::{BundleOptions, BundleSources, TIME_MAX, write_bundle, write_bundle_file};
