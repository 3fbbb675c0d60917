//! The entries of one file that match conditions, found through its hash tables: the entries of each payload form a
//! sorted list, and the lists are merged.

use super::direction::Direction;
use super::matches::{EntryMatches, MatchGroup};
use crate::journal::file::chain::Chain;
use crate::journal::file::data::DataHead;
use crate::journal::file::journal_file::FileParts;
use crate::journal::file::lookup::find_data;
use crate::journal::format::error::Error;
use crate::journal::format::header::corrupt;
use std::cmp::Reverse;
use std::collections::HashMap;

/// The entries that have a certain payload.
#[derive(Debug)]
struct Posting {
    first: u64,
    others: Chain,
    /// How many of `others` are before the last result: most steps move a short distance.
    hint: u64,
}

/// Maximum memory of a posting: a group of its chain, as numbers and as bytes.
const POSTING_BYTES: usize = 9 << 10;

/// For each field of each group, the entries that have one of the accepted payloads.
#[derive(Debug)]
pub(crate) struct Selection {
    groups: Vec<Vec<Vec<Posting>>>,
    postings: usize,
}

impl Selection {
    /// Looks the payloads up.
    pub(crate) fn new(parts: &mut FileParts<'_>, matches: &EntryMatches) -> Result<Self, Error> {
        let mut found = FoundPayloads::default();
        let mut groups: Vec<Vec<Vec<Posting>>> = Vec::new();
        for group in matches.groups() {
            if let Some(terms) = terms_of(parts, group, &mut found)? {
                groups.push(terms);
            }
        }
        let postings = groups.iter().flatten().map(Vec::len).sum();
        Ok(Self { groups, postings })
    }

    /// Whether no entry matches.
    pub(crate) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Maximum memory in use, in bytes.
    pub(crate) fn memory(&self) -> usize {
        self.postings * POSTING_BYTES
    }

    /// The nearest entry at or after `bound` (forward), or before it (backward).
    pub(crate) fn nearest(
        &mut self,
        parts: &mut FileParts<'_>,
        bound: u64,
        direction: Direction,
    ) -> Result<Option<u64>, Error> {
        let mut nearest = None;
        for group in &mut self.groups {
            let found = of_group(group, parts, bound, direction)?;
            nearest = nearer(nearest, found, direction);
        }
        Ok(nearest)
    }
}

/// The nearest entry that all terms of a group share: each term in turn moves the bound to its nearest entry.
fn of_group(
    group: &mut [Vec<Posting>],
    parts: &mut FileParts<'_>,
    bound: u64,
    direction: Direction,
) -> Result<Option<u64>, Error> {
    let mut bound = bound;
    loop {
        let mut farthest = None;
        let mut agreed = true;
        for term in group.iter_mut() {
            let mut nearest = None;
            for posting in term {
                let found = posting.nearest(parts, bound, direction)?;
                check_side(found, bound, direction)?;
                nearest = nearer(nearest, found, direction);
            }
            let Some(found) = nearest else {
                return Ok(None);
            };
            agreed &= farthest.is_none_or(|farthest| farthest == found);
            farthest = Some(match (farthest, direction) {
                (None, _) => found,
                (Some(farthest), Direction::Forward) => found.max(farthest),
                (Some(farthest), Direction::Backward) => found.min(farthest),
            });
        }
        let Some(found) = farthest else {
            return Ok(None);
        };
        if agreed {
            return Ok(Some(found));
        }
        // The entry at the farthest bound is itself still possible.
        bound = match direction {
            Direction::Forward => found,
            Direction::Backward => found + 1,
        };
    }
}

/// Checks that the result is on the right side of the bound: in an unsorted list a binary search may end anywhere.
fn check_side(found: Option<u64>, bound: u64, direction: Direction) -> Result<(), Error> {
    let Some(found) = found else {
        return Ok(());
    };
    match direction {
        Direction::Forward if found >= bound => Ok(()),
        Direction::Backward if found < bound => Ok(()),
        _ => Err(corrupt(
            "entry array item",
            found,
            "entries in ascending order",
            found,
        )),
    }
}

fn nearer(a: Option<u64>, b: Option<u64>, direction: Direction) -> Option<u64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(match direction {
            Direction::Forward => a.min(b),
            Direction::Backward => a.max(b),
        }),
        (a, b) => a.or(b),
    }
}

/// Payloads that were looked up: several groups have the same conditions on who may write.
type FoundPayloads<'m> = HashMap<&'m [u8], Option<DataHead>>;

/// The postings of the terms of a group; `None` if a term has none, so that no entry matches.
fn terms_of<'m>(
    parts: &mut FileParts<'_>,
    group: &'m MatchGroup,
    found: &mut FoundPayloads<'m>,
) -> Result<Option<Vec<Vec<Posting>>>, Error> {
    let mut terms = Vec::new();
    // most files lack what is long, and have what is short, such as `_UID=0`
    let mut fields: Vec<&[Vec<u8>]> = group.iter().map(|(_, payloads)| &**payloads).collect();
    fields.sort_by_key(|payloads| Reverse(payloads.iter().map(Vec::len).max()));
    for payloads in fields {
        let mut postings = Vec::new();
        for payload in payloads {
            let head = if let Some(known) = found.get(payload.as_slice()) {
                *known
            } else {
                let head = find(parts, payload)?;
                found.insert(payload, head);
                head
            };
            postings.extend(head.map(Posting::new));
        }
        if postings.is_empty() {
            return Ok(None);
        }
        terms.push(postings);
    }
    Ok(Some(terms))
}

/// Whether the hash table leads to this payload.
pub(crate) fn holds(parts: &mut FileParts<'_>, payload: &[u8]) -> Result<bool, Error> {
    Ok(find(parts, payload)?.is_some())
}

fn find(parts: &mut FileParts<'_>, payload: &[u8]) -> Result<Option<DataHead>, Error> {
    let found = find_data(parts.window, parts.header, parts.inflater, payload)?;
    Ok(found.map(|(_, head)| head))
}

impl Posting {
    fn new(data: DataHead) -> Self {
        let others = data.n_entries.saturating_sub(1);
        Self {
            first: if data.n_entries == 0 {
                0
            } else {
                data.entry_offset
            },
            others: Chain::new(data.entry_array_offset, others),
            hint: 0,
        }
    }

    fn nearest(
        &mut self,
        parts: &mut FileParts<'_>,
        bound: u64,
        direction: Direction,
    ) -> Result<Option<u64>, Error> {
        if self.first == 0 {
            return Ok(None);
        }
        match direction {
            Direction::Forward if self.first >= bound => return Ok(Some(self.first)),
            Direction::Backward if self.first >= bound => return Ok(None),
            _ => {}
        }
        let before = self.count_before(parts, bound)?;
        self.hint = before;
        let number = match direction {
            Direction::Forward if before < self.others.length() => before,
            Direction::Forward => return Ok(None),
            Direction::Backward if before == 0 => return Ok(Some(self.first)),
            Direction::Backward => before - 1,
        };
        self.others
            .offset(parts.window, parts.header, number)
            .map(Some)
    }

    fn count_before(&mut self, parts: &mut FileParts<'_>, bound: u64) -> Result<u64, Error> {
        let length = self.others.length();
        for number in self.hint.saturating_sub(1)..(self.hint + 2).min(length) {
            let below = self.others.offset(parts.window, parts.header, number)? < bound;
            let next = number + 1 < length;
            let above =
                !next || self.others.offset(parts.window, parts.header, number + 1)? >= bound;
            if below && above {
                return Ok(number + 1);
            }
        }
        self.others.count_before(parts.window, parts.header, bound)
    }
}
