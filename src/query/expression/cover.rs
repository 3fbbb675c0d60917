//! How many rows of a place match: all of them, none, or it is not known.

/// How many rows of a place match. Ordered, so that the least of several conditions is that of all together, and the greatest
/// that of at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::query) enum Cover {
    /// Certainly none.
    None,
    /// Not known, or only some.
    Some,
    /// Certainly all.
    All,
}

impl Cover {
    /// That of a condition that decides for all rows at once.
    pub(in crate::query) fn of(matches: bool) -> Self {
        if matches { Self::All } else { Self::None }
    }

    /// That of a condition that can only rule out all rows.
    pub(in crate::query) fn possible(may_match: bool) -> Self {
        if may_match { Self::Some } else { Self::None }
    }

    /// That of the opposite condition.
    pub(in crate::query) fn complement(self) -> Self {
        match self {
            Self::None => Self::All,
            Self::Some => Self::Some,
            Self::All => Self::None,
        }
    }
}
