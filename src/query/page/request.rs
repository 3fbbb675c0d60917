//! A page that is asked for, and the page.

use crate::query::cursor::Cursor;
use crate::query::filter::Filter;
use crate::query::scan::rank::{Direction, Order};
use crate::record::{Id, StoredRecord};

/// Messages and encoded metadata of all records of a page: a page of the longest messages must fit in little memory, several
/// times over. Only a record that stands alone may be longer.
pub const PAGE_BYTES_MAX: u64 = 8 << 20;

/// A page that is asked for.
#[derive(Debug, Clone)]
pub struct PageRequest {
    /// Which records.
    pub filter: Filter,
    /// Where to go on.
    pub cursor: Option<Cursor>,
    /// Which way.
    pub direction: Direction,
    /// How many at most. Long records make a page shorter: past [`PAGE_BYTES_MAX`] only its first record is given.
    pub limit: usize,
    /// In which order.
    pub order: Order,
    /// A record that stands in the middle of the page; `cursor` and `order` are not looked at then.
    pub around: Option<Around>,
}

/// A page.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// In the asked direction.
    pub entries: Vec<StoredRecord>,
    /// Where to go on; none when there is no more.
    pub next_cursor: Option<Cursor>,
    /// Where to go on in the other direction, to see what comes before this page; none when the page is empty.
    pub prev_cursor: Option<Cursor>,
    /// Whether there is more. After a scan that its budget ended: whether there may be more.
    pub has_more: bool,
    /// The cursor's record was pruned, and records with it that were never shown.
    pub truncated: bool,
    /// How many rows were looked at.
    pub scanned: u64,
    /// How many rows could not be looked at, since their blocks are damaged.
    pub unreadable: u64,
    /// Where texts were looked for: `message`, `metadata`, both or neither.
    pub searched: Vec<&'static str>,
    /// Why the page is probably empty, for people: an unknown source, a record that is not there.
    pub warnings: Vec<String>,
}

/// A record that stands in the middle of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Around {
    /// Which one.
    pub id: Id,
    /// What stands around it.
    pub scope: Scope,
}

/// What stands around a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scope {
    /// What the filter means.
    #[default]
    Filter,
    /// What its source said, whatever the filter means.
    Source,
}
