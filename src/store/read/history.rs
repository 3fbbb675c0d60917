//! How far back a store reaches, and what fills it.

use super::reader::View;
use crate::record::Source;
use crate::time::Micros;
use std::collections::HashMap;

/// How far back a store reaches, and what fills it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreHistory {
    /// The timestamp of the earliest record; `None` without records.
    pub oldest: Option<Micros>,
    /// The timestamp of the earliest record of a segment that was not thinned: since then all records are stored.
    pub complete_since: Option<Micros>,
    /// The number of records that thinning left out between these two.
    pub thinned: u64,
    /// The source with most records, and their number.
    pub largest_source: Option<(Source, u64)>,
}

impl StoreHistory {
    /// The history of a view, from footers. Records that retention hid in the oldest segment count as long as the segment is there.
    #[must_use]
    pub fn of(view: &View) -> Self {
        let earliest = |is_wanted: fn(bool) -> bool| {
            let segments = view.segments().iter();
            let segments = segments.filter(|segment| is_wanted(segment.is_kept()));
            let blocks = segments.flat_map(|segment| segment.blocks());
            blocks.map(|block| *block.summary().times.start()).min()
        };
        let mut rows: HashMap<&Source, u64> = HashMap::new();
        for segment in view.segments() {
            // A damaged block counts for no source.
            for tally in segment.tallies().into_iter().flat_map(|it| it.to_vec()) {
                if let Some(source) = segment.sources().get(tally.source as usize) {
                    *rows.entry(source).or_default() += tally.levels.iter().sum::<u64>();
                }
            }
        }
        let largest = rows
            .into_iter()
            .max_by_key(|(source, rows)| (*rows, *source));
        Self {
            oldest: earliest(|_| true),
            complete_since: earliest(|is_kept| !is_kept),
            thinned: view.thinned(),
            largest_source: largest.map(|(source, rows)| (source.clone(), rows)),
        }
    }
}
