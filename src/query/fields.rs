//! The keys of the metadata, and the values of one of them, with how many records have each.

use crate::query::error::Error;
use crate::query::expression::cover::Cover;
use crate::query::expression::values;
use crate::query::filter::Filter;
use crate::query::scan::budget::Budget;
use crate::query::scan::cache::BlockCache;
use crate::query::scan::counts::CountedValues;
use crate::query::scan::plan::{Candidate, QueryPlan};
use crate::query::scan::rank::{Rank, Ranking};
use crate::query::scan::rows::Rows;
use crate::query::scan::run::{BlockResult, Sink, run_scan};
use crate::query::sources::warnings;
use crate::store::{self, Block, FieldIndex, FieldTotals, Segment, View};
use foldhash::fast::RandomState;
use serde_json::Value;
use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Memory of the counted values: beyond it, new values are not counted.
const VALUES_BYTES_MAX: usize = 4 << 20;
/// Memory of the counts that a question keeps for the next one.
const KEPT_BYTES_MAX: usize = 2 << 20;
/// Approximate memory of a value without its text.
const VALUE_BYTES: usize = 64;
/// Approximate memory of a key without its text, including its examples.
const KEY_BYTES: usize = 1_024;
const EXAMPLES_MAX: usize = 3;
const EXAMPLE_CHARS_MAX: usize = 80;

/// The values of a metadata key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FieldValues {
    /// Each value as text, with how many records have it: the most frequent first, ties by text.
    pub values: Vec<(String, u64)>,
    /// There are more values than were asked for, or than memory allows.
    pub has_more: bool,
    /// The budget ended the scan: the counts are of the newest records only.
    pub is_partial: bool,
    /// The number of rows that were read.
    pub scanned: u64,
    /// The number of rows in damaged blocks, which could not be read.
    pub unreadable: u64,
    /// Probable reasons for an empty answer, for people.
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
    let plan = QueryPlan::new(view, filter, 0..u64::MAX, &budget.cache);
    let mut totals = ValueTotals::default();
    count_segments(view, filter, key, &budget.cache, &mut totals);
    let counted: Vec<usize> = totals.segments.iter().map(|it| it.counted).collect();
    let is_uncounted = |candidate: &Candidate<'_>| {
        let (segment, block) = candidate.place;
        counted.get(segment).is_none_or(|counted| block >= *counted)
    };
    let candidates = plan.candidates(Ranking::default(), None);
    let outcome = run_scan(
        candidates.filter(is_uncounted),
        budget,
        |candidate, scratch| {
            let rows = plan.select(candidate, scratch)?;
            if rows.is_whole()
                && let Some(counts) = listed(candidate.block, key)
            {
                let value = (candidate.place, counts);
                return Ok(BlockResult { scanned: 0, value });
            }
            Ok(BlockResult {
                scanned: rows.scanned(),
                value: (candidate.place, count(&rows, key)?),
            })
        },
        &mut totals,
    )?;
    if outcome.stopped.is_none() && outcome.unreadable == 0 {
        totals.keep(view, key, &budget.cache);
    }
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

/// How far the values of a segment are counted before its blocks are looked at.
#[derive(Debug, Default)]
struct SegmentProgress {
    /// The number of its first blocks that are counted already.
    counted: usize,
    /// The number of its first blocks whose counts are kept for the next question; none if these are not to be kept.
    kept: usize,
    /// The counts that are kept, so far.
    values: CountsByValue,
}

impl SegmentProgress {
    fn new(counted: usize) -> Self {
        Self {
            counted,
            ..Self::default()
        }
    }
}

/// Counts the values of whole visible segments from their field indexes, or as an earlier question counted them, if the filter matches all
/// records.
fn count_segments(
    view: &View,
    filter: &Filter,
    key: &str,
    cache: &BlockCache,
    totals: &mut ValueTotals,
) {
    let visible = view.ids();
    let matches_all = filter.expression().cover(&|_| Cover::Some) == Cover::All;
    for segment in view.segments() {
        let ids = segment.ids();
        let is_whole = matches_all && visible.start <= ids.start && ids.end <= visible.end;
        let progress = if is_whole {
            count_segment(segment, key, cache, totals)
        } else {
            SegmentProgress::default()
        };
        totals.segments.push(progress);
    }
}

/// Counts the values of a segment of which every row counts.
fn count_segment(
    segment: &Segment,
    key: &str,
    cache: &BlockCache,
    totals: &mut ValueTotals,
) -> SegmentProgress {
    match segment.field_totals(key) {
        FieldTotals::Absent => return SegmentProgress::new(segment.block_count()),
        FieldTotals::Listed { values, .. } => {
            for (value, rows) in values {
                totals.add(value.into(), rows);
            }
            return SegmentProgress::new(segment.block_count());
        }
        FieldTotals::Unknown | FieldTotals::Unlisted => {}
    }
    let settled = segment.settled_blocks();
    let known = cache.values().get(segment, key.into());
    // a question to a later view may have counted more
    let known = known.filter(|known| known.blocks <= settled);
    let mut progress = SegmentProgress::new(known.as_ref().map_or(0, |known| known.blocks));
    for (value, rows) in known.iter().flat_map(|known| &known.values) {
        totals.add((&**value).into(), *rows);
    }
    if progress.counted < settled {
        progress.kept = settled;
        let known = known.iter().flat_map(|known| &known.values);
        for (value, rows) in known {
            totals.kept_bytes += value.len() + VALUE_BYTES;
            progress.values.insert(value.to_string(), *rows);
        }
    }
    progress
}

/// The values of a whole block, where its footer lists them.
fn listed(block: Block<'_>, key: &str) -> Option<CountsByValue> {
    match block.field(key) {
        FieldIndex::Absent => Some(CountsByValue::default()),
        FieldIndex::Listed(values) => {
            let counts = values.values();
            Some(
                counts
                    .map(|(value, rows)| (value.to_owned(), u64::from(rows)))
                    .collect(),
            )
        }
        FieldIndex::Unknown | FieldIndex::Present(_) | FieldIndex::Many(_) => None,
    }
}

/// Values as text, with how many records have them.
type CountsByValue = HashMap<String, u64, RandomState>;

fn count(rows: &Rows<'_>, key: &str) -> Result<CountsByValue, store::Error> {
    let mut counts = CountsByValue::default();
    if rows.is_empty() {
        return Ok(counts);
    }
    rows.each_value(key, |value, rows| {
        for text in distinct_texts(value) {
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

/// The different texts of a value.
fn distinct_texts(value: &Value) -> Vec<Cow<'_, str>> {
    let mut texts: Vec<Cow<'_, str>> = values::values_of(value)
        .iter()
        .map(values::text_of)
        .collect();
    texts.sort_unstable();
    texts.dedup();
    texts
}

/// The keys of the metadata.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FieldKeys {
    /// The most frequent first, ties by key.
    pub keys: Vec<FieldKey>,
    /// There are more keys than were asked for, or than memory allows.
    pub has_more: bool,
    /// The budget ended the scan: the counts are of the newest records only.
    pub is_partial: bool,
    /// The number of rows that were read.
    pub scanned: u64,
    /// The number of rows in damaged blocks, which could not be read.
    pub unreadable: u64,
    /// Probable reasons for an empty answer, for people.
    pub warnings: Vec<String>,
}

/// A key of the metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldKey {
    /// The key; of nested objects the path to the value, with dots between its keys.
    pub key: String,
    /// How many records have it.
    pub count: u64,
    /// Some of its values as text, at most three; long ones are cut.
    pub examples: Vec<String>,
}

/// The keys in the metadata of the records of a filter, `keys_max` at most.
///
/// # Errors
/// [`Error`] when the store cannot be read.
pub fn field_keys(
    view: &View,
    filter: &Filter,
    keys_max: usize,
    budget: &Budget,
) -> Result<FieldKeys, Error> {
    let plan = QueryPlan::new(view, filter, 0..u64::MAX, &budget.cache);
    let mut totals = KeyTotals::default();
    let outcome = run_scan(
        plan.candidates(Ranking::default(), None),
        budget,
        |candidate, scratch| {
            let rows = plan.select(candidate, scratch)?;
            Ok(BlockResult {
                scanned: rows.scanned(),
                value: count_keys(&rows)?,
            })
        },
        &mut totals,
    )?;
    let keys = totals.keys.into_iter();
    let mut keys: Vec<FieldKey> = keys
        .map(|(key, KeyTotal { count, examples })| FieldKey {
            key,
            count,
            examples: examples.into_iter().collect(),
        })
        .collect();
    keys.sort_unstable_by(|a, b| (Reverse(a.count), &a.key).cmp(&(Reverse(b.count), &b.key)));
    let has_more = totals.is_cut || keys.len() > keys_max;
    keys.truncate(keys_max);
    let is_partial = outcome.stopped.is_some();
    let warnings = if keys.is_empty() && !is_partial {
        warnings::of_empty(view, filter, budget)?
    } else {
        Vec::new()
    };
    Ok(FieldKeys {
        keys,
        has_more,
        is_partial,
        scanned: outcome.scanned,
        unreadable: outcome.unreadable,
        warnings,
    })
}

/// What is counted of a key.
#[derive(Debug, Default)]
struct KeyTotal {
    count: u64,
    /// The smallest ones, so that an answer does not depend on the order of the blocks.
    examples: BTreeSet<String>,
}

impl KeyTotal {
    fn add_example(&mut self, text: &str) {
        let end = text.char_indices().nth(EXAMPLE_CHARS_MAX);
        let short = end.map_or(text, |(end, _)| text.get(..end).unwrap_or(text));
        let is_full = self.examples.len() >= EXAMPLES_MAX;
        // of most keys nearly every value is beyond those
        let is_beyond = || {
            let last = self.examples.last();
            last.is_some_and(|last| last.as_str() <= short)
        };
        if short.is_empty() || is_full && is_beyond() {
            return;
        }
        self.examples.insert(short.to_owned());
        if self.examples.len() > EXAMPLES_MAX {
            self.examples.pop_last();
        }
    }
}

type KeysByPath = HashMap<String, KeyTotal, RandomState>;

fn count_keys(rows: &Rows<'_>) -> Result<KeysByPath, store::Error> {
    let mut keys = KeysByPath::default();
    if rows.is_empty() {
        return Ok(keys);
    }
    // every metadata has the empty text
    rows.each_metadata("", |metadata, rows| {
        for (key, value) in metadata.iter() {
            add_key(&mut keys, key, value, rows);
        }
    })?;
    Ok(keys)
}

/// Counts the paths that lead to values. Metadata nests only as deep as its encoding allows.
fn add_key(keys: &mut KeysByPath, path: &str, value: &Value, rows: u64) {
    if let Value::Object(map) = value {
        for (key, value) in map {
            add_key(keys, &format!("{path}.{key}"), value, rows);
        }
        return;
    }
    let total = match keys.get_mut(path) {
        Some(total) => total,
        None => keys.entry(path.to_owned()).or_default(),
    };
    total.count += rows;
    for value in values::values_of(value).iter().take(EXAMPLES_MAX) {
        total.add_example(&values::text_of(value));
    }
}

#[derive(Default)]
struct KeyTotals {
    keys: KeysByPath,
    bytes: usize,
    is_cut: bool,
}

impl Sink<KeysByPath> for KeyTotals {
    fn wants(&self, _: Rank) -> bool {
        true
    }

    fn take(&mut self, keys: KeysByPath) {
        for (key, found) in keys {
            if let Some(total) = self.keys.get_mut(&key) {
                total.count += found.count;
                for example in &found.examples {
                    total.add_example(example);
                }
                continue;
            }
            let bytes = self.bytes + key.len() + KEY_BYTES;
            if bytes > VALUES_BYTES_MAX {
                self.is_cut = true;
                continue;
            }
            self.bytes = bytes;
            self.keys.insert(key, found);
        }
    }
}

#[derive(Default)]
struct ValueTotals {
    counts: CountsByValue,
    bytes: usize,
    is_cut: bool,
    /// By number of the segment.
    segments: Vec<SegmentProgress>,
    /// Memory of the counts that are kept.
    kept_bytes: usize,
}

impl Sink<((usize, usize), CountsByValue)> for ValueTotals {
    fn wants(&self, _: Rank) -> bool {
        true
    }

    fn take(&mut self, (place, counts): ((usize, usize), CountsByValue)) {
        self.keep_block(place, &counts);
        for (value, count) in counts {
            self.add(value.into(), count);
        }
    }
}

impl ValueTotals {
    fn add(&mut self, value: Cow<'_, str>, count: u64) {
        if let Some(total) = self.counts.get_mut(&*value) {
            *total += count;
            return;
        }
        let bytes = self.bytes + value.len() + VALUE_BYTES;
        if bytes > VALUES_BYTES_MAX {
            self.is_cut = true;
            return;
        }
        self.bytes = bytes;
        self.counts.insert(value.into_owned(), count);
    }

    /// Adds the counts of a block to those that are kept, as long as there is room for them.
    fn keep_block(&mut self, (segment, block): (usize, usize), counts: &CountsByValue) {
        let Some(progress) = self.segments.get_mut(segment) else {
            return;
        };
        if block >= progress.kept {
            return;
        }
        for (value, count) in counts {
            if let Some(total) = progress.values.get_mut(value) {
                *total += count;
                continue;
            }
            self.kept_bytes += value.len() + VALUE_BYTES;
            progress.values.insert(value.clone(), *count);
        }
        if self.kept_bytes > KEPT_BYTES_MAX {
            progress.kept = 0;
            let left_out = std::mem::take(&mut progress.values);
            let bytes = left_out.keys().map(|value| value.len() + VALUE_BYTES);
            self.kept_bytes -= bytes.sum::<usize>();
        }
    }

    /// Keeps the counts of settled blocks for the next question.
    fn keep(&mut self, view: &View, key: &str, cache: &BlockCache) {
        let segments = view.segments().iter().zip(&mut self.segments);
        for (segment, progress) in segments.filter(|(_, progress)| progress.kept > 0) {
            let values = std::mem::take(&mut progress.values).into_iter();
            let counted = CountedValues {
                blocks: progress.kept,
                values: values
                    .map(|(value, rows)| (value.into_boxed_str(), rows))
                    .collect(),
            };
            cache.values().put(segment, key.into(), &Arc::new(counted));
        }
    }
}
