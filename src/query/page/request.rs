//! A page request, and the page.

use crate::query::cursor::Cursor;
use crate::query::filter::Filter;
use crate::query::scan::rank::{Direction, Order};
use crate::record::{Id, StoredRecord};

/// Messages and encoded metadata of all records of a page: several pages of the longest messages must fit in little memory. Only
/// a page of one record may be larger.
pub const PAGE_BYTES_MAX: u64 = 8 << 20;

/// A page request. [`parse_page`](crate::query::parse_page) creates one from the parameters of `GET /logs`.
///
/// ```
/// use vmlog::query::{Limits, parse_page};
/// use vmlog::time::Micros;
///
/// let parameters = [("level", "warn"), ("search", "timeout"), ("limit", "20")];
/// let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned()));
/// let request = parse_page(&parameters, &Limits::default(), Micros::now())?;
/// assert_eq!(request.limit, 20);
/// # Ok::<(), vmlog::query::ParameterError>(())
/// ```
#[derive(Debug, Clone)]
pub struct PageRequest {
    /// Which records.
    pub filter: Filter,
    /// Where to continue.
    pub cursor: Option<Cursor>,
    /// The direction.
    pub direction: Direction,
    /// The maximum number of records. Long records make a page shorter: beyond [`PAGE_BYTES_MAX`] only its first record is
    /// returned.
    pub limit: usize,
    /// The order.
    pub order: Order,
    /// A record to put in the middle of the page; `cursor` and `order` are ignored then.
    pub around: Option<Around>,
}

/// A page.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// The records, in the requested direction.
    pub entries: Vec<StoredRecord>,
    /// Where to continue; `None` if there is no more.
    pub next_cursor: Option<Cursor>,
    /// Where to continue in the other direction, to the records before this page; `None` if the page is empty.
    pub prev_cursor: Option<Cursor>,
    /// Whether there is more. If the budget ended the scan: whether there may be more.
    pub has_more: bool,
    /// The record of the cursor was pruned, together with records that were never shown.
    pub truncated: bool,
    /// The number of rows that were read.
    pub scanned: u64,
    /// The number of rows in damaged blocks, which could not be read.
    pub unreadable: u64,
    /// Where texts were looked for: `message`, `metadata`, both or neither.
    pub searched: Vec<&'static str>,
    /// Probable reasons for an empty page, for people: an unknown source, a missing record.
    pub warnings: Vec<String>,
}

/// A record in the middle of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Around {
    /// Its id.
    pub id: Id,
    /// The records around it.
    pub scope: Scope,
}

/// The records around a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scope {
    /// Records that match the filter.
    #[default]
    Filter,
    /// All records of its source, whether or not they match the filter.
    Source,
}
