//! Why a bundle could not be written or opened.

use std::error::Error;
use std::fmt;
use std::io;

/// Why a bundle could not be written or opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum BundleError {
    /// Reading or writing failed.
    Io {
        /// What was done: `read the archive`.
        action: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// An entry of the archive has a name that bundles do not have.
    Name {
        /// The name.
        found: String,
    },
    /// An entry of the archive is not a regular file.
    Kind {
        /// Its name.
        name: String,
        /// What it is.
        found: &'static str,
    },
    /// An entry is there twice.
    Twice {
        /// Its name.
        name: String,
    },
    /// The archive is larger than a bundle may be.
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// The bound.
        max: u64,
    },
    /// The manifest is missing, or is not the last entry.
    NoManifest,
    /// The manifest cannot be read.
    Manifest {
        /// Why.
        why: String,
    },
    /// The bundle has a version that this program does not know.
    Version {
        /// Its version.
        found: u64,
    },
    /// A file of the manifest is missing in the archive.
    Missing {
        /// Its name.
        name: String,
    },
    /// A file of the archive is missing in the manifest.
    Unlisted {
        /// Its name.
        name: String,
    },
    /// A file is not the one that the manifest lists.
    Changed {
        /// Its name.
        name: String,
        /// What differs: `size` or `sha256`.
        what: &'static str,
    },
    /// The redaction rules are not valid.
    Redaction(crate::redact::Error),
}

impl BundleError {
    pub(super) fn io(action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, source }
    }
}

impl fmt::Display for BundleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { action, .. } => write!(f, "cannot {action}"),
            Self::Name { found } => write!(
                f,
                "{found:?} is not a name in a bundle: expected letters, digits and . _ - with / between them"
            ),
            Self::Kind { name, found } => {
                write!(f, "{name}: expected a regular file, found {found}")
            }
            Self::Twice { name } => write!(f, "{name} is in the archive twice"),
            Self::TooLarge { what, max } => write!(f, "{what} exceeds {max}"),
            Self::NoManifest => f.write_str("the last file of the archive is not manifest.json"),
            Self::Manifest { why } => write!(f, "manifest.json cannot be read: {why}"),
            Self::Version { found } => write!(
                f,
                "the bundle has version {found} of the format, this program knows version 1: use a newer vmlog"
            ),
            Self::Missing { name } => {
                write!(f, "{name} is in the manifest, but not in the archive")
            }
            Self::Unlisted { name } => {
                write!(f, "{name} is in the archive, but not in the manifest")
            }
            Self::Changed { name, what } => {
                write!(
                    f,
                    "{name} was changed: its {what} is not the one in the manifest"
                )
            }
            Self::Redaction(_) => f.write_str("the redaction rules are not valid"),
        }
    }
}

impl Error for BundleError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::Redaction(source) => Some(source),
            _ => None,
        }
    }
}
