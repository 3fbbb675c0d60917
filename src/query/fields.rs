//! The values of one metadata key, with how many records have each.

use crate::query::error::Error;
use crate::query::expression::values;
use crate::query::filter::Filter;
use crate::query::scan::budget::Budget;
use crate::query::scan::plan::Plan;
use crate::query::scan::rank::{Rank, Ranking};
use crate::query::scan::rows::Rows;
use crate::query::scan::run::{Part, Sink, run_scan};
use crate::query::sources::warnings;
use crate::store::{self, View};
use std::cmp::Reverse;
use std::collections::HashMap;

/// Memory of the values that are counted: past it new values are left out.
const VALUES_BYTES_MAX: usize = 4 << 20;
/// What a value takes beside its text, about.
const VALUE_BYTES: usize = 64;

/// The values of a metadata key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FieldValues {
    /// Each value as text, with how many records have it: the most frequent first, ties by text.
    pub values: Vec<(String, u64)>,
    /// There are more values than were asked for, or than memory allows.
    pub has_more: bool,
    /// The budget ended the scan: the counts are of the newest records only.
    pub is_partial: bool,
    /// How many rows were looked at.
    pub scanned: u64,
    /// How many rows could not be looked at, since their blocks are damaged.
    pub unreadable: u64,
    /// Why nothing was found, probably; for people.
    pub warnings: Vec<String>,
}

/// The values of `key` in the metadata of the records of a filter, `values_max` at most. A list counts for each of its values;
/// dots in `key` lead into nested objects.
///
/// # Errors
/// [`Error`] when the store cannot be read.
pub fn field_values(
    view: &View,
    filter: &Filter,
    key: &str,
    values_max: usize,
    budget: &Budget,
) -> Result<FieldValues, Error> {
    let plan = Plan::new(view, filter, 0..u64::MAX, &budget.cache);
    let mut totals = Totals::default();
    let outcome = run_scan(
        plan.candidates(Ranking::default(), None),
        budget,
        |candidate, scratch| {
            let rows = plan.select(candidate, scratch)?;
            Ok(Part {
                scanned: rows.scanned(),
                value: count(&rows, key)?,
            })
        },
        &mut totals,
    )?;
    let mut values: Vec<_> = totals.counts.into_iter().collect();
    values.sort_unstable_by(|a, b| (Reverse(a.1), &a.0).cmp(&(Reverse(b.1), &b.0)));
    let has_more = totals.is_cut || values.len() > values_max;
    values.truncate(values_max);
    let is_partial = outcome.stopped.is_some();
    let warnings = if values.is_empty() && !is_partial {
        warnings::of_empty(view, filter, budget)?
    } else {
        Vec::new()
    };
    Ok(FieldValues {
        warnings,
        values,
        has_more,
        is_partial,
        scanned: outcome.scanned,
        unreadable: outcome.unreadable,
    })
}

fn count(rows: &Rows<'_>, key: &str) -> Result<HashMap<String, u64>, store::Error> {
    let mut counts = HashMap::new();
    if rows.is_empty() {
        return Ok(counts);
    }
    rows.each_metadata(key, |metadata, rows| {
        let Some(value) = values::lookup(metadata, key) else {
            return;
        };
        for value in values::values_of(value) {
            let text = values::text_of(value);
            match counts.get_mut(&*text) {
                Some(count) => *count += rows,
                None => {
                    counts.insert(text.into_owned(), rows);
                }
            }
        }
    })?;
    Ok(counts)
}

#[derive(Default)]
struct Totals {
    counts: HashMap<String, u64>,
    bytes: usize,
    is_cut: bool,
}

impl Sink<HashMap<String, u64>> for Totals {
    fn wants(&self, _: Rank) -> bool {
        true
    }

    fn take(&mut self, counts: HashMap<String, u64>) {
        for (value, count) in counts {
            if let Some(total) = self.counts.get_mut(&value) {
                *total += count;
                continue;
            }
            let bytes = self.bytes + value.len() + VALUE_BYTES;
            if bytes > VALUES_BYTES_MAX {
                self.is_cut = true;
                continue;
            }
            self.bytes = bytes;
            self.counts.insert(value, count);
        }
    }
}
