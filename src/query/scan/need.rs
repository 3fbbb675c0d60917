//! What encoded metadata needs to match: the texts by which it is ruled out without being decoded.

use crate::query::expression::Expression;
use crate::query::expression::values::{OUTPUT_EVENT, key_needle};
use crate::query::scan::residue::Residue;
use crate::query::text::search::{Search, SearchScratch};
use memchr::memmem::Finder;

/// A condition that the encoded form of every matching metadata fulfils: where it does not hold, nothing needs to be decoded.
#[derive(Debug)]
pub(in crate::query) enum MetadataNeed<'e> {
    /// Nothing is known.
    Unknown,
    /// The bytes hold this.
    Bytes(Box<Finder<'e>>),
    /// A string holds this.
    Text(&'e Search),
    All(Vec<Self>),
    Any(Vec<Self>),
}

impl<'e> MetadataNeed<'e> {
    pub(in crate::query) fn of(residue: &Residue<'e>) -> Self {
        match residue {
            Residue::Nothing => Self::Any(Vec::new()),
            Residue::Everything | Residue::Not(_) => Self::Unknown,
            Residue::All(parts) => Self::All(parts.iter().map(Self::of).collect()),
            Residue::Any(parts) => Self::Any(parts.iter().map(Self::of).collect()),
            Residue::Leaf(leaf) => Self::of_leaf(leaf),
        }
    }

    fn bytes(text: &'e str) -> Self {
        Self::Bytes(Box::new(Finder::new(text)))
    }

    fn of_leaf(leaf: &'e Expression) -> Self {
        match leaf {
            Expression::Output(_) => Self::bytes(OUTPUT_EVENT),
            Expression::Values(search) => Self::Text(search),
            Expression::Field(condition) => {
                let key = Self::bytes(key_needle(condition.key()));
                match condition.value_needle() {
                    Some(value) => Self::All(vec![key, Self::bytes(value)]),
                    None => key,
                }
            }
            _ => Self::Unknown,
        }
    }

    /// False only when no metadata in `bytes` matches.
    pub(in crate::query) fn may_hold(&self, bytes: &[u8], scratch: &mut SearchScratch) -> bool {
        match self {
            Self::Unknown => true,
            Self::Bytes(finder) => finder.find(bytes).is_some(),
            Self::Text(search) => search.may_be_in_metadata(bytes, scratch),
            Self::All(needs) => needs.iter().all(|need| need.may_hold(bytes, scratch)),
            Self::Any(needs) => needs.iter().any(|need| need.may_hold(bytes, scratch)),
        }
    }
}
