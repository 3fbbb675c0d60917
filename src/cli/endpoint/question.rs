//! Questions that a store and a server answer with the same JSON, that of the API.

/// A question with the parameters of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum JsonQuestion {
    Problems,
    Boots,
    Compare,
    Fields,
    Patterns,
}

impl JsonQuestion {
    /// The endpoint that answers it.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Problems => "/problems",
            Self::Boots => "/boots",
            Self::Compare => "/logs/compare",
            Self::Fields => "/logs/fields",
            Self::Patterns => "/logs/patterns",
        }
    }
}
