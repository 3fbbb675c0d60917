//! Counts of rows by source.

use crate::record::Level;
use crate::time::Micros;
use std::cmp::Ordering;

/// The counts of the rows of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceTally {
    /// Index in [`crate::store::Segment::sources`].
    pub source: u32,
    /// Rows by `Level::index`.
    pub levels: [u64; 4],
    /// The latest timestamp.
    pub last: Micros,
}

impl SourceTally {
    /// Adds other rows of the same source.
    fn add(&mut self, other: &Self) {
        self.last = self.last.max(other.last);
        for (total, count) in self.levels.iter_mut().zip(other.levels) {
            *total += count;
        }
    }
}

/// Tallies of rows, ascending by source.
pub(in crate::store) fn of_rows(
    rows: impl Iterator<Item = (u32, Micros, Level)>,
) -> Vec<SourceTally> {
    let mut tallies: Vec<SourceTally> = vec![];
    for (source, time, level) in rows {
        let at = tallies.binary_search_by_key(&source, |tally| tally.source);
        let at = at.unwrap_or_else(|at| {
            let none = SourceTally {
                source,
                levels: [0; 4],
                last: time,
            };
            tallies.insert(at, none);
            at
        });
        let Some(tally) = tallies.get_mut(at) else {
            continue;
        };
        tally.last = tally.last.max(time);
        if let Some(count) = tally.levels.get_mut(level.index()) {
            *count += 1;
        }
    }
    tallies
}

/// Merges two lists that ascend by source.
pub(in crate::store) fn merged(a: &[SourceTally], b: &[SourceTally]) -> Vec<SourceTally> {
    let mut all = Vec::with_capacity(a.len().max(b.len()));
    let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
    loop {
        let order = match (a.peek(), b.peek()) {
            (Some(a), Some(b)) => a.source.cmp(&b.source),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return all,
        };
        let mut tally = None;
        if order.is_le() {
            tally = a.next().copied();
        }
        if order.is_ge()
            && let Some(other) = b.next()
        {
            match &mut tally {
                Some(tally) => tally.add(other),
                None => tally = Some(*other),
            }
        }
        all.extend(tally);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Row = (u32, i64, usize);

    fn tallies(rows: &[Row]) -> Vec<SourceTally> {
        of_rows(rows.iter().map(|(source, time, level)| {
            let level = Level::from_index(*level).unwrap();
            (*source, Micros::new(*time), level)
        }))
    }

    proptest! {
        #[test]
        fn merged_parts_equal_the_whole(rows in prop::collection::vec((0u32..9, -9i64..9, 0usize..4), 0..40), at: prop::sample::Index) {
            let all = tallies(&rows);
            prop_assert!(all.is_sorted_by_key(|tally| tally.source));
            for tally in &all {
                let own = || rows.iter().filter(|row| row.0 == tally.source);
                prop_assert_eq!(tally.last.get(), own().map(|row| row.1).max().unwrap());
                for (level, count) in (0..).zip(tally.levels) {
                    prop_assert_eq!(count, own().filter(|row| row.2 == level).count() as u64);
                }
            }
            let sources = rows.iter().map(|row| row.0).collect::<std::collections::BTreeSet<_>>();
            prop_assert_eq!(all.len(), sources.len());
            let (head, tail) = rows.split_at(at.index(rows.len() + 1));
            prop_assert_eq!(merged(&tallies(head), &tallies(tail)), all);
        }
    }
}
