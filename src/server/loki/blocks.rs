//! Adds blocks of records to a range: counted from metadata of the block if possible, otherwise line by line.

use super::labels;
use crate::logql::{MetricError, RangePlan, SeriesTallies};
use crate::query::MatchedRows;
use crate::record::{Id, Level, Source};
use crate::store;

/// The values that a block adds to a range.
#[derive(Debug, Default)]
pub(super) struct BlockTallies {
    pub(super) tallies: SeriesTallies,
    /// Size of the texts that were examined.
    pub(super) bytes: u64,
}

/// A line may fail the query; an unreadable block does not.
type Taken = Result<Result<BlockTallies, MetricError>, store::Error>;

/// Counts lines whose texts and metadata are irrelevant. A block within one period is counted from its
/// footer.
pub(super) fn count(node: Option<&str>, range: &RangePlan, rows: &MatchedRows<'_>) -> Taken {
    let mut counter = Counter {
        node,
        range,
        tallies: SeriesTallies::default(),
        stretch: None,
        counts: Vec::new(),
    };
    if let (Some(summary), Some(source)) = (rows.whole(), rows.source(0)?)
        && summary.source.is_some()
    {
        let first = summary.times.start().get().saturating_mul(1_000);
        let last = labels::nanos_of(*summary.times.end(), Id(999));
        let (_, to) = range.stretch(first);
        if last <= to {
            counter.stretch = Some((first, to));
            counter.counts.push((source, summary.levels.map(u64::from)));
            return Ok(counter.finish());
        }
    }
    let (times, levels) = (rows.timestamps()?, rows.levels()?);
    for (index, (time, level)) in times.iter().zip(levels).enumerate() {
        let Some(source) = rows.source(index)? else {
            continue;
        };
        let first = labels::nanos_of(*time, Id(0));
        let last = labels::nanos_of(*time, Id(999));
        // The id of a line matters only if a period ends within its microsecond.
        let nanos = if range.stretch_or(counter.stretch, first).1 < last {
            let id = rows.ids()?.get(index).copied().unwrap_or_default();
            labels::nanos_of(*time, Id(id))
        } else {
            first
        };
        if let Err(error) = counter.add(nanos, source, *level) {
            return Ok(Err(error));
        }
    }
    Ok(counter.finish())
}

/// Counts lines of streams, one period after another.
struct Counter<'c> {
    node: Option<&'c str>,
    range: &'c RangePlan,
    tallies: SeriesTallies,
    /// The first and the last nanosecond of the current period.
    stretch: Option<(i64, i64)>,
    counts: Vec<(&'c Source, [u64; 4])>,
}

impl<'c> Counter<'c> {
    fn add(&mut self, nanos: i64, source: &'c Source, level: Level) -> Result<(), MetricError> {
        let is_inside = self
            .stretch
            .is_some_and(|(from, to)| from <= nanos && nanos <= to);
        if !is_inside {
            self.flush()?;
            self.stretch = Some(self.range.stretch(nanos));
        }
        let known = self
            .counts
            .iter()
            .position(|(of, _)| std::ptr::eq(*of, source));
        let at = known.unwrap_or_else(|| {
            self.counts.push((source, [0; 4]));
            self.counts.len() - 1
        });
        if let Some(count) = self
            .counts
            .get_mut(at)
            .and_then(|(_, levels)| levels.get_mut(level.index()))
        {
            *count += 1;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), MetricError> {
        let Some((_, nanos)) = self.stretch else {
            return Ok(());
        };
        for (source, levels) in self.counts.drain(..) {
            for (level, count) in Level::ALL
                .into_iter()
                .zip(levels)
                .filter(|(_, count)| *count > 0)
            {
                let line = labels::stream_line(self.node, source, level, nanos);
                self.range.take_count(&mut self.tallies, line, count)?;
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Result<BlockTallies, MetricError> {
        self.flush()?;
        Ok(BlockTallies {
            tallies: self.tallies,
            bytes: 0,
        })
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
            labels::nanos_of(*time, id),
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
