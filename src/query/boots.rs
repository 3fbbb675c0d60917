//! Boots of the machine: which there are, and the span of time of each. A boot is named by the journal; records of other sources belong to
//! the boot in whose span they are.

use crate::query::boot_selector::BootSelector;
use crate::query::cursor::Cursor;
use crate::query::error::Error;
use crate::query::expression::Expression;
use crate::query::expression::field::{FieldCondition, FieldTest};
use crate::query::expression::time_range::TimeRange;
use crate::query::filter::Filter;
use crate::query::page::page;
use crate::query::page::request::PageRequest;
use crate::query::scan::budget::Budget;
use crate::query::scan::rank::{Direction, Order};
use crate::record::{Id, StoredRecord};
use crate::store::View;
use crate::time::Micros;

/// The metadata key of a journal record that names its boot.
const BOOT_ID: &str = "boot_id";
/// Records of other machines name theirs.
const MACHINE_ID: &str = "machine_id";
/// The maximum number of boots that are listed; beyond it an offset leads nowhere.
pub const BOOTS_MAX: usize = 100;

/// The span of a boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootSpan {
    /// The boot's ID.
    pub id: String,
    /// The first record of its journal.
    pub first: (Id, Micros),
    /// The last record of its journal.
    pub last: (Id, Micros),
    /// The first record of the next boot; `None` for the last boot.
    pub until: Option<Micros>,
}

/// The boots of the records that a filter's access rights leave, newest first; `boots_max` at most.
///
/// # Errors
/// [`Error`] when the store cannot be read.
pub fn boots(
    view: &View,
    filter: &Filter,
    boots_max: usize,
    budget: &Budget,
) -> Result<Vec<BootSpan>, Error> {
    let finder = BootFinder {
        view,
        filter: of_this_machine(filter),
        budget,
    };
    let mut spans: Vec<BootSpan> = Vec::new();
    while spans.len() < boots_max.min(BOOTS_MAX) && !budget.cancel.is_cancelled() {
        let known = spans.iter().map(|span| span.id.as_str());
        let Some((id, last)) = finder.last_but(known)? else {
            break;
        };
        let until = spans.last().map(|newer| newer.first.1);
        spans.push(finder.span(id, &last, until)?);
    }
    Ok(spans)
}

impl Filter {
    /// The filter with the span of its boot in a view, as far as its access rights show it. A boot that is not there matches no record,
    /// and the answer says so.
    ///
    /// # Errors
    /// [`Error`] when the store cannot be read.
    pub fn resolved(self, view: &View, budget: &Budget) -> Result<Self, Error> {
        let Some(selector) = self.boot().cloned() else {
            return Ok(self);
        };
        let span = find(view, &self, &selector, budget)?;
        let times = span.map(|span| TimeRange {
            start: Some(span.first.1),
            end: span.until,
        });
        Ok(self.with_span_of_boot(&selector, times))
    }
}

/// The span of one boot; `None` if no record is of it.
fn find(
    view: &View,
    filter: &Filter,
    selector: &BootSelector,
    budget: &Budget,
) -> Result<Option<BootSpan>, Error> {
    match selector {
        BootSelector::Offset(offset) if *offset <= 0 => {
            let back = usize::try_from(offset.unsigned_abs()).unwrap_or(BOOTS_MAX);
            let newest = boots(view, filter, back.saturating_add(1), budget)?;
            Ok(newest.into_iter().nth(back))
        }
        BootSelector::Offset(offset) => {
            let forward = usize::try_from(offset.unsigned_abs()).unwrap_or(BOOTS_MAX);
            let all = boots(view, filter, BOOTS_MAX, budget)?;
            Ok(all.into_iter().nth_back(forward - 1))
        }
        BootSelector::Id(id) => {
            let finder = BootFinder {
                view,
                filter: of_this_machine(filter),
                budget,
            };
            finder.with_id(id)
        }
    }
}

struct BootFinder<'a> {
    view: &'a View,
    filter: Filter,
    budget: &'a Budget,
}

impl BootFinder<'_> {
    fn with_id(&self, id: &str) -> Result<Option<BootSpan>, Error> {
        let Some(last) = self.end(vec![is_boot(id)], Direction::Backward, None)? else {
            return Ok(None);
        };
        let others = vec![has(BOOT_ID), is_boot(id).negated()];
        let next = self.end(others, Direction::Forward, Some(Cursor::Id(last.id)))?;
        let until = next.map(|next| next.record.timestamp);
        self.span(id.to_owned(), &last, until).map(Some)
    }

    fn span(
        &self,
        id: String,
        last: &StoredRecord,
        until: Option<Micros>,
    ) -> Result<BootSpan, Error> {
        let first = self.end(vec![is_boot(&id)], Direction::Forward, None)?;
        let first = first.as_ref().unwrap_or(last);
        Ok(BootSpan {
            id,
            first: (first.id, first.record.timestamp),
            last: (last.id, last.record.timestamp),
            until,
        })
    }

    /// The last record of a boot that is not `known`, and the boot's ID.
    fn last_but<'k>(
        &self,
        known: impl Iterator<Item = &'k str>,
    ) -> Result<Option<(String, StoredRecord)>, Error> {
        let mut parts = vec![has(BOOT_ID)];
        parts.extend(known.map(|id| is_boot(id).negated()));
        let found = self.end(parts, Direction::Backward, None)?;
        Ok(found.and_then(|last| {
            let id = last.record.metadata.get(BOOT_ID)?.as_str()?.to_owned();
            Some((id, last))
        }))
    }

    /// The first or the last record that matches all parts.
    fn end(
        &self,
        parts: Vec<Expression>,
        direction: Direction,
        cursor: Option<Cursor>,
    ) -> Result<Option<StoredRecord>, Error> {
        let filter = self.filter.clone();
        let mut request = PageRequest {
            filter: parts.into_iter().fold(filter, Filter::with_expression),
            cursor,
            direction,
            limit: 1,
            order: Order::Id,
            around: None,
        };
        // a page that its budget ended may be empty
        loop {
            let page = page(self.view, &request, self.budget)?;
            match (page.entries.into_iter().next(), page.next_cursor) {
                (Some(found), _) => return Ok(Some(found)),
                (None, Some(next)) if !self.budget.cancel.is_cancelled() => {
                    request.cursor = Some(next);
                }
                _ => return Ok(None),
            }
        }
    }
}

fn of_this_machine(filter: &Filter) -> Filter {
    let rights = filter.narrowings_only();
    rights.with_expression(has(MACHINE_ID).negated())
}

fn has(key: &str) -> Expression {
    Expression::Field(FieldCondition::new(key, FieldTest::Exists))
}

fn is_boot(id: &str) -> Expression {
    Expression::Field(FieldCondition::new(BOOT_ID, FieldTest::Equals(id.into())))
}
