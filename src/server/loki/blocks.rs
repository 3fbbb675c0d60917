//! Adds records to a range: counts of streams if only the number of lines matters, otherwise line by line.

use super::labels;
use crate::logql::{MetricError, RangePlan, SeriesTallies};
use crate::query::{MatchedRows, nanos_of};
use crate::record::{Id, Level, Source};
use crate::store;
use std::collections::{BTreeMap, HashMap};

/// The values that a block adds to a range.
#[derive(Debug, Default)]
pub(super) struct BlockTallies {
    pub(super) tallies: SeriesTallies,
    /// Size of the texts that were examined.
    pub(super) bytes: u64,
}

/// A line may fail the query; an unreadable block does not.
type Taken = Result<Result<BlockTallies, MetricError>, store::Error>;

/// Maximum number of counts that are held before they become tallies.
const HELD_MAX: usize = 1 << 14;

/// Counts of lines by stream and period, whose texts and metadata are irrelevant. The labels of a stream are evaluated once for many of
/// them.
pub(super) struct StreamPeriods<'v> {
    node: Option<&'v str>,
    range: &'v RangePlan,
    /// By level, for each period by its last nanosecond.
    held: HashMap<&'v Source, BTreeMap<i64, [u64; 4]>>,
    held_count: usize,
    tallies: SeriesTallies,
}

impl<'v> StreamPeriods<'v> {
    pub(super) fn new(node: Option<&'v str>, range: &'v RangePlan) -> Self {
        Self {
            node,
            range,
            held: HashMap::new(),
            held_count: 0,
            tallies: SeriesTallies::default(),
        }
    }

    /// Adds lines of a source by level.
    pub(super) fn add(
        &mut self,
        source: &'v Source,
        to: i64,
        levels: [u64; 4],
    ) -> Result<(), MetricError> {
        let of_source = self.held.entry(source).or_default();
        let before = of_source.len();
        let held = of_source.entry(to).or_default();
        for (held, count) in held.iter_mut().zip(levels) {
            *held += count;
        }
        self.held_count += of_source.len() - before;
        if self.held_count > HELD_MAX {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), MetricError> {
        self.held_count = 0;
        for (source, periods) in self.held.drain() {
            for level in Level::ALL {
                let count_of = |levels: &[u64; 4]| levels.get(level.index()).copied();
                let counts = periods
                    .iter()
                    .filter_map(|(to, levels)| Some((*to, count_of(levels)?)));
                let counts = counts.filter(|(_, count)| *count > 0);
                let line = labels::stream_line(self.node, source, level, 0);
                self.range.take_counts(&mut self.tallies, line, counts)?;
            }
        }
        Ok(())
    }

    /// All lines that were added.
    pub(super) fn finish(mut self) -> Result<SeriesTallies, MetricError> {
        self.flush()?;
        Ok(self.tallies)
    }
}

/// Runs the pipeline of a range on each line.
pub(super) fn take_lines(node: Option<&str>, range: &RangePlan, rows: &MatchedRows<'_>) -> Taken {
    let mut taken = BlockTallies::default();
    let (ids, times, levels) = (rows.ids()?, rows.timestamps()?, rows.levels()?);
    let messages = rows.messages()?;
    // Metadata that several lines share is decoded once.
    let (mut groups, mut known) = (Vec::new(), Vec::new());
    if range.reads_metadata(|name| labels::is_shared(node, name)) {
        let metadata = rows.metadata()?;
        groups = metadata.groups();
        for (index, group) in groups.iter().enumerate() {
            if *group == known.len() {
                known.push(metadata.get(index)?);
            }
        }
    } else {
        known.push(crate::record::Metadata::new());
    }
    let rows_of = ids.iter().zip(times).zip(levels).enumerate();
    for (index, ((id, time), level)) in rows_of {
        let group = groups.get(index).copied().unwrap_or_default();
        let (Some(source), Some(metadata)) = (rows.source(index)?, known.get(group)) else {
            continue;
        };
        let (id, text) = (Id(*id), messages.get(index));
        taken.bytes += text.len() as u64;
        let line = labels::line_of(
            (node, source, *level),
            nanos_of(*time, id),
            id,
            text,
            metadata,
        );
        if let Err(error) = range.take(&mut taken.tallies, line) {
            return Ok(Err(error));
        }
    }
    Ok(Ok(taken))
}
