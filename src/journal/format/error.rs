//! Errors of journal files, separated by cause.

use crate::bytes::Truncated;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a part of a journal could not be read.
#[derive(Debug)]
pub enum Error {
    /// The operating system refused an operation.
    Io {
        /// What the reader was doing.
        action: &'static str,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The file violates the format.
    Corrupt {
        /// What is wrong.
        what: &'static str,
        /// Offset in the file, in bytes.
        offset: u64,
        /// What the format requires.
        expected: &'static str,
        /// The value found.
        found: u64,
    },
    /// The file uses a feature that this reader does not know.
    Unsupported {
        /// The feature.
        what: String,
    },
    /// Something is larger than a limit of this reader.
    Limit {
        /// What is too large.
        what: &'static str,
        /// Offset in the file, in bytes.
        offset: u64,
        /// The limit, in bytes.
        limit: u64,
    },
    /// The file was deleted while it was read; its bytes can no longer be trusted.
    Gone,
    /// The index of entries is damaged; the entries after the damage were found by walking over all objects.
    Recovered {
        /// Offset at which the walk started, in bytes.
        offset: u64,
        /// Number of entries found.
        entries: u64,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { action, source } => write!(f, "cannot {action}: {source}"),
            Self::Corrupt {
                what,
                offset,
                expected,
                found,
            } => write!(
                f,
                "{what} at offset {offset}: expected {expected}, found {found}"
            ),
            Self::Unsupported { what } => write!(f, "unsupported: {what}"),
            Self::Limit {
                what,
                offset,
                limit,
            } => write!(
                f,
                "{what} at offset {offset} is over the bound of {limit} bytes"
            ),
            Self::Gone => f.write_str("deleted while it was read"),
            Self::Recovered { offset, entries } => write!(
                f,
                "the index of entries is damaged: {entries} entries found by walking the objects from offset {offset}"
            ),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl From<Truncated> for Error {
    fn from(truncated: Truncated) -> Self {
        Self::Corrupt {
            what: truncated.what,
            offset: truncated.offset,
            expected: "more bytes than there are",
            found: truncated.found,
        }
    }
}

impl Error {
    /// A copy of the error. The error of the operating system is copied as its kind.
    pub(crate) fn copied(&self) -> Self {
        match self {
            Self::Io { action, source } => Self::Io {
                action,
                source: source.kind().into(),
            },
            Self::Corrupt {
                what,
                offset,
                expected,
                found,
            } => Self::Corrupt {
                what,
                offset: *offset,
                expected,
                found: *found,
            },
            Self::Unsupported { what } => Self::Unsupported { what: what.clone() },
            Self::Limit {
                what,
                offset,
                limit,
            } => Self::Limit {
                what,
                offset: *offset,
                limit: *limit,
            },
            Self::Gone => Self::Gone,
            Self::Recovered { offset, entries } => Self::Recovered {
                offset: *offset,
                entries: *entries,
            },
        }
    }

    /// The offset of the error, for the kinds that have one.
    pub(crate) fn offset(&self) -> Option<u64> {
        match self {
            Self::Corrupt { offset, .. }
            | Self::Limit { offset, .. }
            | Self::Recovered { offset, .. } => Some(*offset),
            Self::Io { .. } | Self::Unsupported { .. } | Self::Gone => None,
        }
    }

    /// A short name of the kind and the thing; a problem with the same name is reported once.
    pub(crate) fn what(&self) -> &str {
        match self {
            Self::Io { action, .. } => action,
            Self::Corrupt { what, .. } | Self::Limit { what, .. } => what,
            Self::Unsupported { what } => what,
            Self::Gone => "gone",
            Self::Recovered { .. } => "recovered",
        }
    }
}

/// A problem with one file. Each problem is reported once.
#[derive(Debug)]
pub struct Problem {
    /// The file or directory.
    pub path: PathBuf,
    /// What is wrong with the file.
    pub error: Error,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.error)
    }
}

impl std::error::Error for Problem {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error as _;

    #[test]
    fn every_kind_tells_what_where_and_how() {
        let io = Error::Io {
            action: "open",
            source: io::Error::from(io::ErrorKind::PermissionDenied),
        };
        assert_eq!(io.to_string(), "cannot open: permission denied");
        assert!(io.source().is_some());
        let corrupt = Error::Corrupt {
            what: "object type",
            offset: 64,
            expected: "3 (entry)",
            found: 1,
        };
        let problem = Problem {
            path: PathBuf::from("a.journal"),
            error: corrupt,
        };
        assert_eq!(
            problem.to_string(),
            "a.journal: object type at offset 64: expected 3 (entry), found 1"
        );
        assert!(problem.source().is_some());
        let texts = [
            (
                Error::Unsupported {
                    what: "incompatible flag bit 5".to_owned(),
                },
                "unsupported: incompatible flag bit 5",
            ),
            (
                Error::Limit {
                    what: "field",
                    offset: 8,
                    limit: 16,
                },
                "field at offset 8 is over the bound of 16 bytes",
            ),
            (Error::Gone, "deleted while it was read"),
            (
                Error::Recovered {
                    offset: 272,
                    entries: 60,
                },
                "the index of entries is damaged: 60 entries found by walking the objects from offset 272",
            ),
        ];
        for (error, text) in texts {
            assert_eq!(error.to_string(), text);
            assert!(error.source().is_none());
        }
    }
}
