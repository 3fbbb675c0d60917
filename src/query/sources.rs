//! Counts by source.

use super::Error;
use super::filter::Filter;
use super::plan::{Candidate, Plan};
use super::rank::{Rank, Ranking};
use super::rows::Rows;
use super::scan::{self, Budget, Part, Sink};
use crate::record::Source;
use crate::store::{self, SourceTally, View};
use crate::time::Micros;
use std::collections::BTreeMap;

/// What is known of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceSummary {
    /// Its name.
    pub source: Source,
    /// How many records.
    pub count: u64,
    /// The latest timestamp.
    pub last_timestamp: Micros,
    /// Records by `Level::index`.
    pub levels: [u64; 4],
}

/// Counts by source.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SourceCounts {
    /// In order of name.
    pub sources: Vec<SourceSummary>,
    /// The budget ended the scan: records are missing from the counts, and perhaps whole sources.
    pub is_partial: bool,
    /// How many rows were looked at.
    pub scanned: u64,
    /// How many rows could not be looked at, since their blocks are damaged.
    pub unreadable: u64,
}

/// Counts by source. Where no text or metadata is asked for, footers answer most of it.
///
/// # Errors
/// [`Error`] when the store cannot be read. Rows of damaged blocks are not counted.
pub fn sources(view: &View, filter: &Filter, budget: &Budget) -> Result<SourceCounts, Error> {
    let plan = Plan::new(view, filter, 0..u64::MAX, &budget.cache);
    let mut totals = Totals {
        plan: &plan,
        by_source: BTreeMap::new(),
    };
    let counted = count_segments(view, filter, &mut totals)?;
    let candidates = plan.candidates(Ranking::default(), None);
    let outcome = scan::run(
        candidates.filter(|candidate| counted.get(candidate.place.0) != Some(&true)),
        budget,
        |candidate, scratch| {
            let rows = plan.select(candidate, scratch)?;
            Ok(Part {
                scanned: rows.scanned(),
                value: count(candidate, rows)?,
            })
        },
        &mut totals,
    )?;
    let summary = |(source, tally): (Source, Tally)| SourceSummary {
        source,
        count: tally.count,
        last_timestamp: tally.last,
        levels: tally.levels,
    };
    Ok(SourceCounts {
        sources: totals.by_source.into_iter().map(summary).collect(),
        is_partial: outcome.stopped.is_some(),
        scanned: outcome.scanned,
        unreadable: outcome.unreadable,
    })
}

/// Counts the segments that are visible as a whole where the source alone decides; returns which. A segment with damage is not
/// among them: its whole blocks still count.
fn count_segments(
    view: &View,
    filter: &Filter,
    totals: &mut Totals<'_>,
) -> Result<Vec<bool>, store::Error> {
    let visible = view.ids();
    let mut counted = vec![];
    for (at, segment) in view.segments().iter().enumerate() {
        let ids = segment.ids();
        let is_whole = visible.start <= ids.start && ids.end <= visible.end;
        if !is_whole || !filter.is_of_sources() {
            counted.push(false);
            continue;
        }
        let tallies = match segment.tallies() {
            Err(error) if scan::is_damage(&error) => {
                counted.push(false);
                continue;
            }
            tallies => tallies?,
        };
        let names = segment.sources();
        let is_meant = |tally: &&SourceTally| {
            let name = names.get(tally.source as usize);
            name.is_some_and(|name| filter.sources.matches(name))
        };
        let meant = tallies.iter().filter(is_meant).map(|tally| {
            let count = tally.levels.iter().sum();
            let (last, levels) = (tally.last, tally.levels);
            (
                tally.source,
                Tally {
                    count,
                    last,
                    levels,
                },
            )
        });
        totals.take((at, meant.collect()));
        counted.push(true);
    }
    Ok(counted)
}

/// What was counted of one source.
#[derive(Debug, Clone, Copy)]
struct Tally {
    count: u64,
    last: Micros,
    levels: [u64; 4],
}

impl Tally {
    const NONE: Self = Self {
        count: 0,
        last: Micros::MIN,
        levels: [0; 4],
    };

    fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.last = self.last.max(other.last);
        for (total, count) in self.levels.iter_mut().zip(other.levels) {
            *total += count;
        }
    }
}

/// Tallies of a block, by the segment's number of the source.
type Tallies = BTreeMap<u32, Tally>;

fn count(candidate: Candidate<'_>, rows: Rows<'_>) -> Result<(usize, Tallies), store::Error> {
    let summary = candidate.block.summary();
    let tallies = match summary.source {
        Some(source) if rows.is_whole() => {
            let tally = Tally {
                count: u64::from(summary.rows),
                last: *summary.times.end(),
                levels: summary.levels.map(u64::from),
            };
            Tallies::from([(source, tally)])
        }
        _ if rows.is_empty() => Tallies::new(),
        _ => count_rows(rows)?,
    };
    Ok((candidate.place.0, tallies))
}

fn count_rows(mut rows: Rows<'_>) -> Result<Tallies, store::Error> {
    let sources = rows.sources()?.to_vec();
    let times = rows.times()?.to_vec();
    let levels = rows.levels()?.to_vec();
    let mut tallies = Tallies::new();
    for (row, source) in rows.of(&sources) {
        let row = row as usize;
        let (Some(time), Some(level)) = (times.get(row), levels.get(row)) else {
            continue;
        };
        let tally = tallies.entry(*source).or_insert(Tally::NONE);
        tally.count += 1;
        tally.last = tally.last.max(*time);
        if let Some(count) = tally.levels.get_mut(level.index()) {
            *count += 1;
        }
    }
    Ok(tallies)
}

struct Totals<'p> {
    plan: &'p Plan<'p>,
    by_source: BTreeMap<Source, Tally>,
}

impl Sink<(usize, Tallies)> for Totals<'_> {
    fn wants(&self, _: Rank) -> bool {
        true
    }

    fn take(&mut self, (segment, tallies): (usize, Tallies)) {
        let names = self.plan.segment(segment).map_or(&[][..], |s| s.sources());
        for (number, tally) in tallies {
            if let Some(source) = names.get(number as usize) {
                let total = self.by_source.entry(source.clone());
                total.or_insert(Tally::NONE).add(&tally);
            }
        }
    }
}
