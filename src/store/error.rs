//! The error type of the store.

use std::error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An operation of the store failed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Error {
    /// Bytes in a file are damaged.
    Corrupt {
        /// The file.
        path: PathBuf,
        /// The offset in the file, in bytes.
        offset: u64,
        /// The damaged part, such as `frame`.
        what: &'static str,
    },
    /// A write or a sync of records failed: the content of the file is unknown. Nothing more is written until the store has been
    /// recovered, which [`super::Store::maintain`] tries.
    Data {
        /// The failed operation: `write` or `sync`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        source: Arc<io::Error>,
    },
    /// The folder already contains a store.
    Exists {
        /// Its folder.
        path: PathBuf,
    },
    /// The file system is full, or the file has the maximum size for this process; the same call may succeed later.
    Full {
        /// The file that was being written.
        path: PathBuf,
        /// The error of the operating system.
        source: Arc<io::Error>,
    },
    /// A call to the operating system failed; nothing was lost, and the same call may succeed later.
    Io {
        /// The failed operation, such as `read`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        source: Arc<io::Error>,
    },
    /// Another process has the store open for writing.
    Locked {
        /// The lock file.
        path: PathBuf,
        /// The process id of the holder, if it could be read.
        pid: Option<u32>,
    },
    /// The snapshot does not exist.
    Missing {
        /// Its folder.
        path: PathBuf,
    },
    /// The name is not allowed for a snapshot.
    Name {
        /// The name.
        name: String,
    },
    /// The folder is not a store, or has lost its `STORE` file.
    NotAStore {
        /// The folder.
        path: PathBuf,
    },
    /// The files of the store were removed, moved or replaced while it was open.
    Removed {
        /// The file that is no longer at its path.
        path: PathBuf,
    },
    /// A batch is larger than a frame can be.
    TooLarge {
        /// The size of the frame, in bytes.
        bytes: u64,
        /// The maximum size, in bytes.
        bytes_max: u64,
    },
    /// The file has a later format version.
    Unsupported {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The latest version that this program can read.
        known: u32,
    },
}

impl Error {
    pub(super) fn corrupt(path: &Path, offset: u64, what: &'static str) -> Self {
        Self::Corrupt {
            path: path.to_owned(),
            offset,
            what,
        }
    }

    /// Whether the same call may succeed later without a repair: the file system was full, or the operating system lacked a
    /// resource. Any other failure is permanent.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Full { .. } | Self::Io { .. } | Self::Locked { .. }
        )
    }

    /// Whether the store must be recovered before the next write.
    pub(super) fn is_failure(&self) -> bool {
        matches!(self, Self::Data { .. } | Self::Removed { .. })
    }

    /// Whether this file cannot grow, although another file can.
    pub(super) fn is_file_too_large(&self) -> bool {
        matches!(self, Self::Full { source, .. } if source.kind() == io::ErrorKind::FileTooLarge)
    }

    /// Converts the error of a failed write or sync of records.
    pub(super) fn data<'a>(
        action: &'static str,
        path: &'a Path,
    ) -> impl Fn(io::Error) -> Self + 'a {
        move |source| Self::Data {
            action,
            path: path.to_owned(),
            source: Arc::new(source),
        }
    }

    /// Converts the error of any other failed call.
    pub(super) fn io<'a>(action: &'static str, path: &'a Path) -> impl Fn(io::Error) -> Self + 'a {
        move |source| {
            let path = path.to_owned();
            let source = Arc::new(source);
            match source.kind() {
                io::ErrorKind::StorageFull
                | io::ErrorKind::QuotaExceeded
                | io::ErrorKind::FileTooLarge => Self::Full { path, source },
                _ => Self::Io {
                    action,
                    path,
                    source,
                },
            }
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Corrupt { path, offset, what } => {
                write!(
                    f,
                    "{}: {what} at offset {offset} is damaged",
                    path.display()
                )
            }
            Self::Exists { path } => write!(f, "{}: is a store already", path.display()),
            Self::Full { path, .. } => {
                write!(f, "{}: the file system is full", path.display())
            }
            Self::Data { action, path, .. } | Self::Io { action, path, .. } => {
                write!(f, "{}: cannot {action}", path.display())
            }
            Self::Locked {
                path,
                pid: Some(pid),
            } => write!(f, "{}: held by process {pid}", path.display()),
            Self::Locked { path, pid: None } => {
                write!(f, "{}: held by another process", path.display())
            }
            Self::Missing { path } => write!(f, "{}: no such snapshot", path.display()),
            Self::Name { name } => write!(
                f,
                "a snapshot's name is 1 to 64 of A-Z a-z 0-9 . _ - without a dot at the start; got {name:?}"
            ),
            Self::NotAStore { path } => write!(f, "{}: not a store", path.display()),
            Self::Removed { path } => write!(
                f,
                "{}: removed or replaced while the store was open",
                path.display()
            ),
            Self::TooLarge { bytes, bytes_max } => {
                write!(
                    f,
                    "a frame of {bytes} bytes is over the limit of {bytes_max}"
                )
            }
            Self::Unsupported { path, found, known } => write!(
                f,
                "{}: format version {found} is newer than {known}, the latest known here",
                path.display()
            ),
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Data { source, .. } | Self::Full { source, .. } | Self::Io { source, .. } => {
                Some(source)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error as _;

    #[test]
    fn errors_name_the_file_and_the_failure() {
        let path = PathBuf::from("/logs/x.seg");
        let cases = [
            (
                Error::corrupt(&path, 64, "block messages"),
                "/logs/x.seg: block messages at offset 64 is damaged",
            ),
            (
                Error::io("sync", &path)(io::Error::other("no")),
                "/logs/x.seg: cannot sync",
            ),
            (
                Error::io("write", &path)(io::ErrorKind::StorageFull.into()),
                "/logs/x.seg: the file system is full",
            ),
            (
                Error::data("sync", &path)(io::Error::other("no")),
                "/logs/x.seg: cannot sync",
            ),
            (
                Error::Removed { path: path.clone() },
                "/logs/x.seg: removed or replaced while the store was open",
            ),
            (
                Error::Locked {
                    path: path.clone(),
                    pid: Some(7),
                },
                "/logs/x.seg: held by process 7",
            ),
            (
                Error::Locked {
                    path: path.clone(),
                    pid: None,
                },
                "/logs/x.seg: held by another process",
            ),
            (
                Error::Exists { path: path.clone() },
                "/logs/x.seg: is a store already",
            ),
            (
                Error::Name {
                    name: "../x".to_owned(),
                },
                "a snapshot's name is 1 to 64 of A-Z a-z 0-9 . _ - without a dot at the start; got \"../x\"",
            ),
            (
                Error::Missing { path: path.clone() },
                "/logs/x.seg: no such snapshot",
            ),
            (
                Error::NotAStore { path: path.clone() },
                "/logs/x.seg: not a store",
            ),
            (
                Error::TooLarge {
                    bytes: 9,
                    bytes_max: 8,
                },
                "a frame of 9 bytes is over the limit of 8",
            ),
            (
                Error::Unsupported {
                    path: path.clone(),
                    found: 2,
                    known: 1,
                },
                "/logs/x.seg: format version 2 is newer than 1, the latest known here",
            ),
        ];
        for (error, text) in cases {
            assert_eq!(error.to_string(), text);
            let has_source = matches!(
                error,
                Error::Data { .. } | Error::Io { .. } | Error::Full { .. }
            );
            assert_eq!(error.source().is_some(), has_source);
        }
    }

    #[test]
    fn tells_transient_failures_from_permanent_ones() {
        let path = Path::new("x");
        for kind in [
            io::ErrorKind::StorageFull,
            io::ErrorKind::QuotaExceeded,
            io::ErrorKind::FileTooLarge,
        ] {
            let error = Error::io("write", path)(kind.into());
            assert!(matches!(error, Error::Full { .. }) && error.is_transient());
            let is_too_large = kind == io::ErrorKind::FileTooLarge;
            assert_eq!(error.is_file_too_large(), is_too_large);
        }
        let no_descriptors = Error::io("create", path)(io::Error::from_raw_os_error(24));
        assert!(no_descriptors.is_transient() && !no_descriptors.is_failure());
        for permanent in [
            Error::data("write", path)(io::ErrorKind::StorageFull.into()),
            Error::Removed {
                path: path.to_owned(),
            },
        ] {
            assert!(permanent.is_failure() && !permanent.is_transient());
        }
        let damaged = Error::corrupt(path, 0, "frame");
        assert!(!damaged.is_failure() && !damaged.is_transient());
    }
}
