//! Which records are meant: the one filter of pages, tail, histogram, sources, export and the command line.

pub(super) mod condition;
pub(super) mod levels;
pub(super) mod sources;

use crate::query::filter::condition::Condition;
use crate::query::filter::levels::LevelSet;
use crate::query::filter::sources::{SourceFilter, SourcePattern};
use crate::query::text::search::Search;
use crate::record::{Metadata, StoredRecord};
use crate::time::Micros;

/// Which records are meant; `Default` means all. Every part narrows: a record must fulfil each.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub(super) sources: SourceFilter,
    pub(super) levels: LevelSet,
    pub(super) times: TimeRange,
    pub(super) search: Option<Search>,
    pub(super) conditions: Vec<Condition>,
    pub(super) pid: Option<u64>,
}

impl Filter {
    /// These sources too; the first call leaves out all others.
    #[must_use]
    pub fn with_source(mut self, pattern: SourcePattern) -> Self {
        self.sources.include(pattern);
        self
    }

    /// Never these sources.
    #[must_use]
    pub fn without_source(mut self, pattern: SourcePattern) -> Self {
        self.sources.exclude(pattern);
        self
    }

    /// Only these levels.
    #[must_use]
    pub fn with_levels(mut self, levels: LevelSet) -> Self {
        self.levels = self.levels.and(levels);
        self
    }

    /// Only from this time on.
    #[must_use]
    pub fn with_start(mut self, start: Micros) -> Self {
        self.times.start = Some(start);
        self
    }

    /// Only before this time.
    #[must_use]
    pub fn with_end(mut self, end: Micros) -> Self {
        self.times.end = Some(end);
        self
    }

    /// Only messages that `search` means.
    #[must_use]
    pub fn with_search(mut self, search: Search) -> Self {
        self.search = Some(search);
        self
    }

    /// Only metadata that fulfils `condition`, beside those that were set.
    #[must_use]
    pub fn with_condition(mut self, condition: Condition) -> Self {
        self.conditions.push(condition);
        self
    }

    /// Only output of the process `pid`. Output has no level of its own: the level rules are ignored then.
    #[must_use]
    pub fn with_pid(mut self, pid: u64) -> Self {
        self.pid = Some(pid);
        self
    }

    /// Narrows to sources that one of `patterns` matches, whatever the query asks: how access rights reach every query.
    /// Without a pattern no record is left.
    #[must_use]
    pub fn narrowed_to(mut self, patterns: Vec<SourcePattern>) -> Self {
        self.sources.narrow(patterns);
        self
    }

    /// Whether a record is meant.
    #[must_use]
    pub fn matches(&self, record: &StoredRecord) -> bool {
        let record = &record.record;
        self.levels().contains(record.level)
            && self.times.contains(record.timestamp)
            && self.sources.matches(&record.source)
            && self
                .search
                .as_ref()
                .is_none_or(|s| s.matches(&record.message))
            && self.metadata_matches(&record.metadata)
    }

    /// Whether texts of a record are looked at, which may take milliseconds for each; all else takes nanoseconds.
    #[must_use]
    pub fn reads_texts(&self) -> bool {
        self.search.is_some() || self.needs_metadata()
    }

    /// Everything that the asker may see: the narrowings alone.
    pub(super) fn narrowings_only(&self) -> Self {
        Self {
            sources: self.sources.narrowings_only(),
            ..Self::default()
        }
    }

    /// The levels that are meant.
    pub(super) fn levels(&self) -> LevelSet {
        match self.pid {
            Some(_) => LevelSet::ALL,
            None => self.levels,
        }
    }

    /// Whether the metadata must be looked at.
    pub(super) fn needs_metadata(&self) -> bool {
        self.pid.is_some() || !self.conditions.is_empty()
    }

    /// Texts that the encoded form of all metadata that is meant has.
    pub(super) fn metadata_needles(&self) -> impl Iterator<Item = &str> {
        let pid = self.pid.map(|_| condition::OUTPUT_NEEDLE);
        pid.into_iter()
            .chain(self.conditions.iter().flat_map(Condition::needles))
    }

    /// Whether the source alone decides.
    pub(super) fn is_of_sources(&self) -> bool {
        let times = self.times.start.is_none() && self.times.end.is_none();
        let levels = self.levels().count(&[1; 4]) == 4;
        times && levels && self.search.is_none() && !self.needs_metadata()
    }

    pub(super) fn metadata_matches(&self, metadata: &Metadata) -> bool {
        self.pid
            .is_none_or(|pid| condition::is_output_of(metadata, pid))
            && self.conditions.iter().all(|c| c.matches(metadata))
    }

    /// How a block with these counts by level stands to the level rules: all, some or none of its rows.
    pub(super) fn levels_cover(&self, counts: &[u32; 4]) -> Cover {
        let all: u64 = counts.iter().map(|count| u64::from(*count)).sum();
        match self.levels().count(counts) {
            0 => Cover::None,
            meant if meant == all => Cover::All,
            _ => Cover::Some,
        }
    }
}

/// How much of a block a rule leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cover {
    None,
    Some,
    All,
}

/// From `start` on, up to and without `end`.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TimeRange {
    pub(super) start: Option<Micros>,
    pub(super) end: Option<Micros>,
}

impl TimeRange {
    pub(super) fn contains(self, time: Micros) -> bool {
        self.start.is_none_or(|start| start <= time) && self.end.is_none_or(|end| time < end)
    }

    /// How a block with these earliest and latest times stands to the range.
    pub(super) fn cover(self, earliest: Micros, latest: Micros) -> Cover {
        let before = self.start.is_some_and(|start| latest < start);
        let after = self.end.is_some_and(|end| end <= earliest);
        if before || after {
            Cover::None
        } else if self.contains(earliest) && self.contains(latest) {
            Cover::All
        } else {
            Cover::Some
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::Case;
    use crate::record::Level;
    use crate::record::{Id, Record};
    use serde_json::json;

    fn record(level: Level) -> StoredRecord {
        StoredRecord {
            id: Id(1),
            record: Record {
                timestamp: Micros::new(100),
                source: "docker:web".parse().unwrap(),
                level,
                message: "GET /index 200".to_owned(),
                metadata: serde_json::from_value(
                    json!({"event_type": "process_output", "pid": 42, "unit": "a"}),
                )
                .unwrap(),
            },
        }
    }

    #[test]
    fn every_part_narrows() {
        let info = record(Level::Info);
        let all = Filter::default();
        assert!(all.matches(&info));
        assert!(
            !all.clone()
                .with_source(SourcePattern::parse("system:"))
                .matches(&info)
        );
        assert!(
            !all.clone()
                .without_source(SourcePattern::parse("docker:"))
                .matches(&info)
        );
        assert!(
            !all.clone()
                .with_levels(LevelSet::at_least(Level::Warn))
                .matches(&info)
        );
        let search = Search::text("POST", Case::Insensitive);
        assert!(!all.clone().with_search(search).matches(&info));
        let condition = Condition::parse("unit=b").unwrap();
        assert!(!all.clone().with_condition(condition).matches(&info));
        assert!(!all.narrowed_to(Vec::new()).matches(&info));
    }

    #[test]
    fn start_is_included_and_end_is_not() {
        let info = record(Level::Info);
        let at = |start, end| {
            let range = Filter::default().with_start(Micros::new(start));
            range.with_end(Micros::new(end)).matches(&info)
        };
        assert!(at(100, 101));
        assert!(!at(99, 100));
        assert!(!at(101, 200));
    }

    #[test]
    fn a_pid_sets_the_level_aside() {
        let output = record(Level::Debug);
        let errors = Filter::default().with_levels(LevelSet::at_least(Level::Error));
        assert!(!errors.matches(&output));
        assert!(errors.clone().with_pid(42).matches(&output));
        assert!(!errors.with_pid(43).matches(&output));
    }

    #[test]
    fn a_block_is_in_the_range_wholly_partly_or_not() {
        let range = TimeRange {
            start: Some(Micros::new(10)),
            end: Some(Micros::new(20)),
        };
        let cover = |earliest, latest| range.cover(Micros::new(earliest), Micros::new(latest));
        assert_eq!(cover(10, 19), Cover::All);
        assert_eq!(cover(10, 20), Cover::Some);
        assert_eq!(cover(5, 10), Cover::Some);
        assert_eq!(cover(5, 9), Cover::None);
        assert_eq!(cover(20, 25), Cover::None);
        assert_eq!(cover(5, 25), Cover::Some);
    }
}
