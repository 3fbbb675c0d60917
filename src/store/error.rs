//! Why the store cannot do it: by whose fault, in which file, where.

use std::error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why the store cannot do it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Error {
    /// Bytes are not what was written there.
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Where in it, in bytes.
        offset: u64,
        /// What was being read.
        what: &'static str,
    },
    /// There is a store already.
    Exists {
        /// Its folder.
        path: PathBuf,
    },
    /// The file system is full; the same call may succeed later.
    Full {
        /// What was being written.
        path: PathBuf,
        /// What the operating system said.
        source: Arc<io::Error>,
    },
    /// The operating system said no.
    Io {
        /// What was being done: `read`, `write`, `sync`.
        action: &'static str,
        /// To what.
        path: PathBuf,
        /// What the operating system said.
        source: Arc<io::Error>,
    },
    /// Somebody else writes here.
    Locked {
        /// The lock file.
        path: PathBuf,
        /// Who holds it, when the holder left its process id.
        pid: Option<u32>,
    },
    /// There is no such snapshot.
    Missing {
        /// Where it would be.
        path: PathBuf,
    },
    /// Not a name for a snapshot.
    Name {
        /// The name.
        name: String,
    },
    /// Not a folder of a store, or one that lost its `STORE` file.
    NotAStore {
        /// The folder.
        path: PathBuf,
    },
    /// More than a frame may hold.
    TooLarge {
        /// Bytes that the frame would have.
        bytes: u64,
        /// Bytes that it may have.
        bytes_max: u64,
    },
    /// Written by a later version of the format.
    Unsupported {
        /// The file.
        path: PathBuf,
        /// The version it names.
        found: u32,
        /// The latest that is known here.
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

    /// Names the action and the file of a failed call.
    pub(super) fn io<'a>(action: &'static str, path: &'a Path) -> impl Fn(io::Error) -> Self + 'a {
        move |source| {
            let path = path.to_owned();
            let source = Arc::new(source);
            match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    Self::Full { path, source }
                }
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
            Self::Io { action, path, .. } => write!(f, "{}: cannot {action}", path.display()),
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
            Self::Full { source, .. } | Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error as _;

    #[test]
    fn every_error_says_what_and_where() {
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
            let has_source = matches!(error, Error::Io { .. } | Error::Full { .. });
            assert_eq!(error.source().is_some(), has_source);
        }
    }
}
