//! The patterns of two windows, mined together so that equal lines get one template in both.

use super::lines_of;
use super::miner::Miner;
use crate::query::error::Error;
use crate::query::filter::Filter;
use crate::query::patterns::answer::Pattern;
use crate::query::scan::budget::Budget;
use crate::query::scan::rank::Direction;
use crate::query::visit::visit;
use crate::store::View;
use std::ops::ControlFlow;
use std::time::Instant;

/// Patterns of two windows, in no order.
#[derive(Debug, Clone, Default)]
pub struct ComparedPatterns {
    /// Each with its counts in both windows as the first two of its buckets.
    pub patterns: Vec<Pattern>,
    /// All records of each window.
    pub totals: [u64; 2],
    /// The budget ended a scan: records are missing.
    pub is_partial: bool,
    /// How many rows could not be read, since their blocks are damaged.
    pub unreadable: u64,
}

/// Groups the messages of two windows. The budget is for both together.
///
/// # Errors
/// [`Error`] when the store cannot be read.
pub fn compared_patterns(
    view: &View,
    windows: [&Filter; 2],
    budget: &Budget,
) -> Result<ComparedPatterns, Error> {
    let begun = Instant::now();
    let mut miner = Miner::default();
    let mut compared = ComparedPatterns::default();
    for (side, (filter, total)) in windows.into_iter().zip(&mut compared.totals).enumerate() {
        let rest = Budget {
            time_max: budget.time_max.saturating_sub(begun.elapsed()),
            ..budget.clone()
        };
        let visited = visit(
            view,
            filter,
            Direction::Backward,
            &rest,
            |rows| Ok((rows.len(), lines_of(rows, 2, |_| side)?)),
            |(rows, found)| {
                *total += rows as u64;
                for (line, lines) in found.lines {
                    miner.add(line, lines);
                }
                ControlFlow::Continue(())
            },
        )?;
        compared.is_partial |= visited.is_partial;
        compared.unreadable += visited.unreadable;
    }
    compared.patterns = miner.finish().patterns;
    Ok(compared)
}
