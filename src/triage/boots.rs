//! Boots of the machine with what became of them.

use crate::query::{
    self, BootSpan, Budget, Cursor, Direction, Error, Expression, FieldCondition, FieldTest,
    Filter, Order, PageRequest, TimeRange, page, visit,
};
use crate::record::Id;
use crate::store::View;
use crate::time::Micros;
use crate::triage::problems::{KnownProblems, ProblemsQuery, problems_known};
use crate::triage::wire::as_text;
use serde::Serialize;
use std::ops::ControlFlow;

/// `SD_MESSAGE_JOURNAL_STOP`: journald ends last of all services.
const JOURNAL_STOPPED: &str = "d93fb3c9c24d451a97cea615ce59c00b";
/// `SD_MESSAGE_SHUTDOWN`: logind was asked for a shutdown.
const SHUTDOWN: &str = "98268866d1d54a499c4e98921d93bc40";
/// A boot that ended with a shutdown says so within this time of its end.
const END_MICROS: i64 = 5 * 60 * 1_000_000;

/// Boots, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct BootList {
    /// At most as many as were asked for.
    pub boots: Vec<BootSummary>,
    /// The budget ended the scan: counts are too small, and older boots may be missing.
    pub partial: bool,
}

/// A boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BootSummary {
    /// 0 is the last boot, -1 the one before it.
    pub index: i64,
    /// The boot's ID.
    pub id: String,
    /// Its first record.
    #[serde(serialize_with = "as_text")]
    pub first: Micros,
    /// Its last record.
    #[serde(serialize_with = "as_text")]
    pub last: Micros,
    /// The first record of its journal.
    #[serde(serialize_with = "as_text")]
    pub first_id: Id,
    /// The last one.
    #[serde(serialize_with = "as_text")]
    pub last_id: Id,
    /// Records of all sources in its span.
    pub records: u64,
    /// Whether it ended with a shutdown; `None` while it runs.
    pub clean: Option<bool>,
    /// How many things failed.
    pub problems: u64,
}

/// The boots of the records that the access rights of `rights` leave.
///
/// # Errors
/// [`Error`] when the store cannot be read.
pub fn boots(
    view: &View,
    rights: &Filter,
    boots_max: usize,
    budget: &Budget,
) -> Result<BootList, Error> {
    boots_known(view, rights, boots_max, budget, &KnownProblems::default())
}

/// The boots of a view of a store of which earlier answers are known.
///
/// # Errors
/// As [`boots`].
pub fn boots_known(
    view: &View,
    rights: &Filter,
    boots_max: usize,
    budget: &Budget,
    known: &KnownProblems,
) -> Result<BootList, Error> {
    let spans = query::boots(view, rights, boots_max, budget)?;
    let mut found = BootList::default();
    for (back, span) in spans.into_iter().enumerate() {
        let filter = in_span(rights, &span);
        let mut records = 0;
        let visited = visit(
            view,
            &filter,
            Direction::Backward,
            budget,
            |rows| Ok(rows.len() as u64),
            |rows| {
                records += rows;
                ControlFlow::Continue(())
            },
        )?;
        let of_boot = ProblemsQuery {
            filter: filter.clone(),
            kinds: Vec::new(),
            limit: usize::MAX,
            with_causes: false,
        };
        let failed = problems_known(view, &of_boot, budget, known)?;
        let was_shut_down = was_shut_down(view, &filter, &span, budget)?;
        found.partial |= visited.is_partial || failed.partial;
        found.boots.push(BootSummary {
            index: -i64::try_from(back).unwrap_or(i64::MAX),
            first: span.first.1,
            last: span.last.1,
            first_id: span.first.0,
            last_id: span.last.0,
            id: span.id,
            records,
            // the last boot is still running unless it says that it was shut down
            clean: (was_shut_down || back > 0).then_some(was_shut_down),
            problems: failed.problems.len() as u64,
        });
    }
    Ok(found)
}

fn in_span(rights: &Filter, span: &BootSpan) -> Filter {
    let range = TimeRange {
        start: Some(span.first.1),
        end: span.until,
    };
    rights.clone().with_expression(Expression::Time(range))
}

/// Whether a message of a shutdown is near the end of a boot.
fn was_shut_down(
    view: &View,
    filter: &Filter,
    span: &BootSpan,
    budget: &Budget,
) -> Result<bool, Error> {
    let has_id = |id: &str| {
        Expression::Field(FieldCondition::new(
            "message_id",
            FieldTest::Equals(id.into()),
        ))
    };
    let end = TimeRange {
        start: Some(span.last.1.plus(-END_MICROS)),
        end: None,
    };
    let of_boot = FieldTest::Equals(span.id.as_str().into());
    let request = PageRequest {
        filter: filter
            .clone()
            .with_expression(Expression::Time(end))
            .with_expression(Expression::Field(FieldCondition::new("boot_id", of_boot)))
            .with_expression(has_id(JOURNAL_STOPPED).or(has_id(SHUTDOWN))),
        cursor: Some(Cursor::Id(Id(span.last.0.0.saturating_add(1)))),
        direction: Direction::Backward,
        limit: 1,
        order: Order::Id,
        around: None,
    };
    Ok(!page(view, &request, budget)?.entries.is_empty())
}
