//! Reading the evidence of segments, a block at a time, so that records can be appended between the blocks.

use super::policy::{
    self, Bounds, EVENT_KEY, EvidenceRow, EvidenceSource, PROBLEM_KEY, RUN_KEY, RunPart,
    SourceClass,
};
use crate::record::{Level, Metadata, Source, StoredRecord};
use crate::store::error::Error;
use crate::store::format::layout::Degree;
use crate::store::read::block::Block;
use crate::store::read::columns::MetadataColumn;
use crate::store::read::segment::Segment;
use crate::time::Micros;
use memchr::memmem::Finder;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

/// Segments of which only the evidence will remain.
#[derive(Debug)]
pub(in crate::store) struct Thinner {
    /// Adjacent segments, ascending: one, or several kept ones that become one.
    pub(in crate::store) inputs: Vec<Arc<Segment>>,
    pub(in crate::store) degree: Degree,
    bounds: Bounds,
    /// The visible rows: those below are deleted, those above are not complete.
    ids: Range<u64>,
    /// Only rows of these times, if given.
    times: Option<RangeInclusive<Micros>>,
    /// The number of rows of these times that were looked at.
    rows_in_times: u64,
    sources: Vec<EvidenceSource>,
    /// The number of each source, as all inputs have numbers of their own.
    numbers: HashMap<Source, usize>,
    runs: HashMap<String, usize>,
    candidates: Vec<(EvidenceRow, RowPlace)>,
    /// Blocks to look at, as the index of the segment and of the block.
    unseen: VecDeque<(usize, usize)>,
    /// Blocks to copy rows of; `None` before all are seen.
    uncopied: Option<VecDeque<BlockRows>>,
    records: Vec<StoredRecord>,
    /// The first damage. Records that cannot be read are no evidence.
    pub(in crate::store) damage: Option<Error>,
}

/// The rows to copy of a block.
#[derive(Debug)]
struct BlockRows {
    block: (usize, usize),
    rows: Vec<usize>,
}

/// Segment, block, and row in the block.
#[derive(Debug, Clone, Copy)]
struct RowPlace {
    block: (usize, usize),
    row: usize,
}

impl Thinner {
    /// Starts with segments that are not empty. `newer`: the segments after them. `newest_max`: how many of the newest rows of each
    /// source remain.
    pub(in crate::store) fn new<'a>(
        inputs: Vec<Arc<Segment>>,
        degree: Degree,
        low_water: u64,
        newer: impl Iterator<Item = &'a Arc<Segment>>,
        newest_max: u64,
    ) -> Self {
        let is_merge = inputs
            .iter()
            .all(|input| input.thinning().is_some_and(|it| it.degree == degree));
        let bounds = if is_merge {
            Bounds::merge()
        } else {
            Bounds::first(degree)
        };
        let newest_max = match degree {
            Degree::Evidence => newest_max,
            Degree::Essence => newest_max / ESSENCE_SHARE,
        };
        let mut numbers = HashMap::new();
        let mut sources = vec![];
        for source in inputs.iter().flat_map(|input| input.sources()) {
            numbers.entry(source.clone()).or_insert_with(|| {
                sources.push(EvidenceSource {
                    class: SourceClass::of(source),
                    newest: newest_max,
                });
                sources.len() - 1
            });
        }
        for segment in newer {
            // If they cannot be counted, more rows remain.
            for tally in segment.tallies().into_iter().flat_map(|it| it.to_vec()) {
                let name = segment.sources().get(tally.source as usize);
                let number = name.and_then(|name| numbers.get(name));
                if let Some(source) = number.and_then(|number| sources.get_mut(*number)) {
                    let rows: u64 = tally.levels.iter().sum();
                    source.newest = source.newest.saturating_sub(rows);
                }
            }
        }
        let unseen = inputs.iter().enumerate();
        let unseen = unseen
            .flat_map(|(index, input)| (0..input.block_count()).map(move |block| (index, block)));
        Self {
            unseen: unseen.collect(),
            inputs,
            degree,
            bounds,
            ids: low_water..u64::MAX,
            times: None,
            rows_in_times: 0,
            sources,
            numbers,
            runs: HashMap::new(),
            candidates: vec![],
            uncopied: None,
            records: vec![],
            damage: None,
        }
    }

    /// The same for one segment of a view, for a copy of the records of some times, which is never thinned again.
    pub(in crate::store) fn copying<'a>(
        input: Arc<Segment>,
        ids: Range<u64>,
        times: RangeInclusive<Micros>,
        newer: impl Iterator<Item = &'a Arc<Segment>>,
        newest_max: u64,
    ) -> Self {
        let (degree, low_water) = (Degree::Evidence, ids.start);
        Self {
            bounds: Bounds::copy(),
            ids,
            times: Some(times),
            ..Self::new(vec![input], degree, low_water, newer, newest_max)
        }
    }

    /// The number of rows of the wanted times that were looked at.
    pub(in crate::store) fn rows_in_times(&self) -> u64 {
        self.rows_in_times
    }

    /// The ids of the inputs.
    pub(in crate::store) fn ids(&self) -> Range<u64> {
        let ends = self.inputs.first().zip(self.inputs.last());
        ends.map_or(0..0, |(first, last)| first.ids().start..last.ids().end)
    }

    /// The records of the inputs, and those that earlier thinning left out.
    pub(in crate::store) fn rows(&self) -> u64 {
        let rows = self.inputs.iter().map(|input| {
            let before = input.thinning().map_or(0, |thinning| thinning.removed);
            input.rows() + before
        });
        rows.sum()
    }

    /// Looks at a block or copies rows of one; returns the number of rows that it read, `None` when all is done.
    pub(in crate::store) fn step(&mut self) -> Result<Option<u64>, Error> {
        if let Some(place) = self.unseen.pop_front() {
            let segment = self.segment(place.0);
            let block = segment.block(place.1);
            let before = self.candidates.len();
            return match self.look_at(&segment, &block, place) {
                Ok(rows) => Ok(Some(rows)),
                Err(error @ Error::Corrupt { .. }) => {
                    self.candidates.truncate(before);
                    self.damage.get_or_insert(error);
                    Ok(Some(0))
                }
                Err(error) => Err(error),
            };
        }
        if self.uncopied.is_none() {
            self.uncopied = Some(self.choose());
        }
        let next = self.uncopied.as_mut().and_then(VecDeque::pop_front);
        let Some(BlockRows { block: place, rows }) = next else {
            return Ok(None);
        };
        let segment = self.segment(place.0);
        match segment.block(place.1).records(&rows) {
            Ok(mut records) => self.records.append(&mut records),
            Err(error @ Error::Corrupt { .. }) => {
                self.damage.get_or_insert(error);
            }
            Err(error) => return Err(error),
        }
        Ok(Some(rows.len() as u64))
    }

    /// The evidence, by id. All steps must be done.
    pub(in crate::store) fn take_records(&mut self) -> Vec<StoredRecord> {
        debug_assert!(self.unseen.is_empty(), "a block is missing");
        let mut records = std::mem::take(&mut self.records);
        records.sort_by_key(|record| record.id);
        records
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "the index is one of the inputs, which do not change"
    )]
    fn segment(&self, index: usize) -> Arc<Segment> {
        Arc::clone(&self.inputs[index])
    }

    /// Adds the rows of a block that may be evidence. Most blocks have none, according to the footer.
    fn look_at(
        &mut self,
        segment: &Segment,
        block: &Block<'_>,
        place: (usize, usize),
    ) -> Result<u64, Error> {
        let summary = block.summary();
        let in_times = self.rows_in(block)?;
        if in_times == RowsInTimes::None {
            return Ok(0);
        }
        let mut keys = [PROBLEM_KEY, RUN_KEY].to_vec();
        keys.retain(|key| block.field(key).may_exist());
        let has_fields = !keys.is_empty();
        let [_, _, warnings, errors] = summary.levels;
        let same = summary
            .source
            .and_then(|source| self.number(segment, source));
        let is_dull = |source: Option<&EvidenceSource>| {
            source.is_some_and(|it| it.class == SourceClass::Other && it.newest == 0)
        };
        let is_quiet = same.is_some_and(|(_, source)| is_dull(Some(&source)));
        if is_quiet && !has_fields && warnings + errors == 0 && in_times == RowsInTimes::All {
            self.rows_in_times += u64::from(summary.rows);
            return Ok(0);
        }
        let ids = block.ids()?;
        let levels = block.levels()?;
        let sources = block.sources()?;
        let metadata = if has_fields {
            Some(MetadataOfSome::read(block, &keys)?)
        } else {
            None
        };
        for (row, (id, level)) in ids.iter().zip(levels).enumerate() {
            let number = match &sources {
                Some(sources) => sources.get(row).copied(),
                None => summary.source,
            };
            let known = number.and_then(|number| self.number(segment, number));
            let Some((source, facts)) = known.filter(|_| self.ids.contains(id)) else {
                continue;
            };
            if !in_times.has(row) {
                continue;
            }
            self.rows_in_times += 1;
            let metadata = match &metadata {
                Some(metadata) => metadata.get(row)?,
                None => None,
            };
            let of_key = |metadata: &Metadata| metadata.get(PROBLEM_KEY).is_some();
            let is_problem = metadata.as_ref().is_some_and(of_key);
            let run = metadata.and_then(|metadata| self.run_of(&metadata));
            if is_dull(Some(&facts)) && level < Level::Warn && !is_problem && run.is_none() {
                continue;
            }
            let candidate = EvidenceRow {
                id: *id,
                source,
                level,
                is_problem,
                run,
            };
            self.candidates
                .push((candidate, RowPlace { block: place, row }));
        }
        Ok(summary.rows.into())
    }

    /// Which rows of a block are of the wanted times.
    fn rows_in(&self, block: &Block<'_>) -> Result<RowsInTimes, Error> {
        let of_block = &block.summary().times;
        let Some(wanted) = &self.times else {
            return Ok(RowsInTimes::All);
        };
        if of_block.end() < wanted.start() || of_block.start() > wanted.end() {
            return Ok(RowsInTimes::None);
        }
        if wanted.contains(of_block.start()) && wanted.contains(of_block.end()) {
            return Ok(RowsInTimes::All);
        }
        let timestamps = block.timestamps()?;
        let is_in = timestamps
            .iter()
            .map(|timestamp| wanted.contains(timestamp));
        Ok(RowsInTimes::Some(is_in.collect()))
    }

    /// The number of a source of an input, and what is known about it.
    fn number(&self, segment: &Segment, source: u32) -> Option<(usize, EvidenceSource)> {
        let name = segment.sources().get(source as usize)?;
        let number = *self.numbers.get(name)?;
        Some((number, *self.sources.get(number)?))
    }

    /// The run of a record and its part in it.
    fn run_of(&mut self, metadata: &Metadata) -> Option<(usize, RunPart)> {
        let name = metadata.get(RUN_KEY)?.as_str()?;
        let next = self.runs.len();
        let number = match self.runs.get(name) {
            Some(number) => *number,
            None => *self.runs.entry(name.to_owned()).or_insert(next),
        };
        let event = metadata.get(EVENT_KEY).and_then(serde_json::Value::as_str);
        let part = match event {
            Some("process_start") => RunPart::Start,
            Some("process_end") => RunPart::End {
                success: metadata.get("success").and_then(serde_json::Value::as_bool) == Some(true),
            },
            _ => RunPart::Line,
        };
        Some((number, part))
    }

    /// The rows to copy, by block.
    fn choose(&mut self) -> VecDeque<BlockRows> {
        let mut candidates = std::mem::take(&mut self.candidates);
        candidates.sort_by_key(|(row, _)| row.id);
        let (rows, places): (Vec<_>, Vec<_>) = candidates.into_iter().unzip();
        let chosen = policy::choose(&rows, &self.sources, &self.bounds);
        let mut by_block: BTreeMap<(usize, usize), Vec<usize>> = BTreeMap::new();
        for place in chosen.into_iter().filter_map(|index| places.get(index)) {
            by_block.entry(place.block).or_default().push(place.row);
        }
        let blocks = by_block.into_iter();
        blocks
            .map(|(block, rows)| BlockRows { block, rows })
            .collect()
    }
}

/// The metadata of the rows that may have some keys: few, so that the others are not decoded.
#[derive(Debug)]
struct MetadataOfSome {
    column: MetadataColumn,
    rows: HashSet<u32>,
}

impl MetadataOfSome {
    fn read(block: &Block<'_>, keys: &[&str]) -> Result<Self, Error> {
        let column = block.metadata()?;
        let rows = keys.iter();
        let rows = rows.flat_map(|key| column.rows_with(&Finder::new(key)));
        Ok(Self {
            rows: rows.collect(),
            column,
        })
    }

    /// The metadata of a row that may have a key.
    fn get(&self, row: usize) -> Result<Option<Metadata>, Error> {
        let may_have = u32::try_from(row).is_ok_and(|row| self.rows.contains(&row));
        may_have.then(|| self.column.get(row)).transpose()
    }
}

/// The rows of a block that are of the wanted times.
#[derive(Debug, PartialEq, Eq)]
enum RowsInTimes {
    All,
    None,
    /// Whether each row is.
    Some(Vec<bool>),
}

impl RowsInTimes {
    fn has(&self, row: usize) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Some(is_in) => is_in.get(row).copied().unwrap_or_default(),
        }
    }
}

/// The share of the newest rows of each source that is essential.
const ESSENCE_SHARE: u64 = 10;
