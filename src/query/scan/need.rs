//! What encoded metadata needs to match: the texts by which it is ruled out without being decoded.

use crate::query::expression::Expression;
use crate::query::expression::field::ValueNeedle;
use crate::query::expression::values::{OUTPUT_EVENT, key_needle};
use crate::query::scan::residue::Residue;
use crate::query::text::search::common;
use crate::query::text::search::{Search, SearchScratch};
use crate::store::MetadataColumn;
use memchr::memmem::Finder;
use std::cmp::Reverse;

/// Less than this share of rows is looked at row by row.
const FEW_SHARE: usize = 16;

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
                let value = match condition.value_needle() {
                    None => return key,
                    Some(ValueNeedle::Text(text)) => Self::bytes(text),
                    Some(ValueNeedle::TextOrNumber(text, number)) => {
                        let number = Finder::new(&number).into_owned();
                        Self::Any(vec![Self::bytes(text), Self::Bytes(Box::new(number))])
                    }
                };
                Self::All(vec![key, value])
            }
            _ => Self::Unknown,
        }
    }

    /// The rows of a column whose metadata may match, ascending; `None` if it may be any. The longest texts are looked for first, as
    /// they are rarest: once few rows are left, these are looked at one by one.
    pub(in crate::query) fn rows(
        &self,
        column: &MetadataColumn,
        scratch: &mut SearchScratch,
    ) -> Option<Vec<u32>> {
        match self {
            Self::Unknown => None,
            Self::Bytes(finder) => Some(column.rows_with(finder)),
            Self::Text(search) => {
                search.rows_in_metadata(column.all_bytes(), column.ends(), scratch)
            }
            Self::All(needs) => {
                let mut needs: Vec<&Self> = needs.iter().collect();
                needs.sort_by_key(|need| Reverse(need.length()));
                let mut rows: Option<Vec<u32>> = None;
                for need in needs {
                    let is_few = |rows: &Vec<u32>| rows.len() < column.ends().len() / FEW_SHARE;
                    if rows.as_ref().is_some_and(is_few) {
                        break;
                    }
                    rows = match (rows, need.rows(column, scratch)) {
                        (Some(rows), Some(found)) => Some(common(&rows, &found)),
                        (rows, found) => rows.or(found),
                    };
                }
                rows
            }
            Self::Any(needs) => {
                let mut rows = Vec::new();
                for need in needs {
                    rows.append(&mut need.rows(column, scratch)?);
                }
                rows.sort_unstable();
                rows.dedup();
                Some(rows)
            }
        }
    }

    /// The bytes of the longest text that is looked for.
    fn length(&self) -> usize {
        match self {
            Self::Unknown | Self::Text(_) => 0,
            Self::Bytes(finder) => finder.needle().len(),
            Self::All(needs) => needs.iter().map(Self::length).max().unwrap_or_default(),
            Self::Any(needs) => needs.iter().map(Self::length).min().unwrap_or_default(),
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
