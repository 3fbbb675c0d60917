//! Why a query failed.

use crate::store;
use std::error;
use std::fmt;

/// Why a query failed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Error {
    /// A cursor of time order was given to a page in id order, or the other way round.
    CursorOfOtherOrder,
    /// The store could not be read.
    Store(store::Error),
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        Self::Store(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CursorOfOtherOrder => f.write_str("the cursor belongs to the other order"),
            Self::Store(_) => f.write_str("the store could not be read"),
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::CursorOfOtherOrder => None,
            Self::Store(error) => Some(error),
        }
    }
}
