//! The search for problems.

use crate::query::{Budget, Error, Filter, filter_warnings};
use crate::store::View;
use crate::triage::kind::ProblemKind;
use crate::triage::problems::answer::{ProblemList, SearchedTimes};
use crate::triage::problems::evidence;
use crate::triage::problems::group::ProblemGroups;
use crate::triage::problems::known::KnownProblems;
use std::time::Instant;

/// The most problems that one answer holds.
pub const PROBLEMS_MAX: usize = 500;

/// A question for problems.
#[derive(Debug, Clone)]
pub struct ProblemsQuery {
    /// Which records: the lines of a problem are looked for within the access rights of this filter, whatever else it asks for.
    pub filter: Filter,
    /// Only these kinds; empty for all.
    pub kinds: Vec<ProblemKind>,
    /// The maximum number of problems.
    pub limit: usize,
    /// Whether the line that says why is looked for.
    pub with_causes: bool,
}

/// The problems of a view.
///
/// # Errors
/// [`Error`] when the store cannot be read. Rows of damaged blocks are left out.
pub fn problems(view: &View, query: &ProblemsQuery, budget: &Budget) -> Result<ProblemList, Error> {
    problems_known(view, query, budget, &KnownProblems::default())
}

/// The problems of a view of a store of which earlier answers are known.
///
/// # Errors
/// As [`problems`].
pub fn problems_known(
    view: &View,
    query: &ProblemsQuery,
    budget: &Budget,
    known: &KnownProblems,
) -> Result<ProblemList, Error> {
    let begun = Instant::now();
    let mut groups = ProblemGroups::default();
    let (filter, kinds) = (&query.filter, query.kinds.as_slice());
    let marks = &known.marks;
    let is_partial = marks.each(view, filter, kinds, budget, |mark| groups.add(mark))?;
    let mut ranked = groups.ranked();
    let has_more = ranked.len() > query.limit;
    ranked.truncate(query.limit);
    let rights = query.filter.rights();
    let mut problems = Vec::with_capacity(ranked.len());
    for group in ranked {
        let rest = Budget {
            time_max: budget.time_max.saturating_sub(begun.elapsed()),
            ..budget.clone()
        };
        let found = if query.with_causes && !rest.time_max.is_zero() {
            known.causes.of(&rights, &group, || {
                evidence::of(view, &rights, &group, &rest)
            })?
        } else {
            evidence::Evidence::default()
        };
        problems.push(group.into_problem(found.cause, found.context));
    }
    let warnings = if problems.is_empty() && !is_partial {
        filter_warnings(view, &query.filter, budget)?
    } else {
        Vec::new()
    };
    let times = query.filter.times();
    Ok(ProblemList {
        problems,
        has_more,
        partial: is_partial,
        searched: SearchedTimes {
            since: times.start,
            until: times.end,
        },
        warnings,
    })
}
