//! Why events cannot be kept.

use crate::query;
use crate::redact;
use crate::store;
use std::fmt;

/// Why events cannot be kept.
#[derive(Debug)]
pub enum Error {
    /// The store of the events failed.
    Store(store::Error),
    /// The store of the events cannot be read.
    Read(query::Error),
    /// The rules of redaction are not valid.
    Redaction(redact::Error),
    /// No random number for an ID.
    Random,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(_) => f.write_str("cannot write the store of the events"),
            Self::Read(_) => f.write_str("cannot read the store of the events"),
            Self::Redaction(_) => f.write_str("the rules of redaction are not valid"),
            Self::Random => f.write_str("the system gave no random number for the ID of an event"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Store(error) => Some(error),
            Self::Read(error) => Some(error),
            Self::Redaction(error) => Some(error),
            Self::Random => None,
        }
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        Self::Store(error)
    }
}

impl From<query::Error> for Error {
    fn from(error: query::Error) -> Self {
        Self::Read(error)
    }
}
