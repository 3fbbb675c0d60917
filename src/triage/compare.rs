//! What is different between two windows of the log: two boots, two runs, two times.

use crate::query::{
    BootSelector, Budget, Error, Expression, FieldCondition, FieldTest, Filter, Pattern, TimeRange,
    compared_patterns, record,
};
use crate::record::{Id, Level, Source};
use crate::store::View;
use crate::time::Micros;
use crate::triage::wire::{as_level_counts, as_optional_text, as_text};
use serde::Serialize;
use std::fmt;

/// The most patterns that one answer holds.
pub const COMPARED_MAX: usize = 500;

/// A pattern that is this many times as frequent, in its share of a window, is more frequent.
const RATIO_MIN: f64 = 2.0;
/// The least surprise of a pattern that is in both windows: it is greater by chance once in a thousand times.
const SURPRISE_MIN: f64 = 10.83;
/// The bytes of a message that are shown.
const MESSAGE_BYTES_MAX: usize = 1_000;

/// One window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WindowSpec {
    /// `boot:-1`, `boot:ID`
    Boot(BootSelector),
    /// `run:ID`
    Run(String),
    /// `since..until`, each of which may be empty.
    Times(TimeRange),
}

/// A text that names no window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowSpecError {
    found: String,
}

impl fmt::Display for WindowSpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { found } = self;
        write!(
            f,
            "must be boot:0, boot:-1, boot:ID, run:ID or two times such as -2h..-1h; got {found:?}"
        )
    }
}

impl std::error::Error for WindowSpecError {}

impl WindowSpec {
    /// Reads a window; relative times count from `now`.
    ///
    /// # Errors
    /// [`WindowSpecError`] for any other text.
    pub fn parse(text: &str, now: Micros) -> Result<Self, WindowSpecError> {
        let wrong = || WindowSpecError {
            found: text.chars().take(80).collect(),
        };
        if let Some(boot) = text.strip_prefix("boot:") {
            return boot.parse().map(Self::Boot).map_err(|_| wrong());
        }
        if let Some(run) = text.strip_prefix("run:") {
            let run = run.to_owned();
            return if run.is_empty() {
                Err(wrong())
            } else {
                Ok(Self::Run(run))
            };
        }
        let (start, end) = text.split_once("..").ok_or_else(wrong)?;
        let time = |text: &str| match text.trim() {
            "" => Ok(None),
            text => Micros::parse(text, now).map(Some).map_err(|_| wrong()),
        };
        let range = TimeRange {
            start: time(start)?,
            end: time(end)?,
        };
        let is_order_wrong = range
            .start
            .zip(range.end)
            .is_some_and(|(start, end)| end < start);
        if is_order_wrong || range == TimeRange::default() {
            return Err(wrong());
        }
        Ok(Self::Times(range))
    }

    fn narrow(&self, view: &View, filter: &Filter, budget: &Budget) -> Result<Filter, Error> {
        let filter = filter.clone();
        match self {
            Self::Boot(boot) => filter.with_boot(boot.clone()).resolved(view, budget),
            Self::Run(id) => {
                let of_run = FieldTest::Equals(id.as_str().into());
                let run = Expression::Field(FieldCondition::new("run_id", of_run));
                Ok(filter.with_expression(run))
            }
            Self::Times(range) => Ok(filter.with_expression(Expression::Time(*range))),
        }
    }
}

/// A question for the difference of two windows.
#[derive(Debug, Clone)]
pub struct CompareQuery {
    /// Narrows both windows.
    pub filter: Filter,
    /// The first window, usually the earlier one.
    pub a: WindowSpec,
    /// The second window.
    pub b: WindowSpec,
    /// The maximum number of patterns.
    pub limit: usize,
}

/// What is different.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WindowComparison {
    /// The first window.
    pub a: ComparedWindow,
    /// The second window.
    pub b: ComparedWindow,
    /// The most surprising patterns first; at most as many as were asked for.
    pub patterns: Vec<ComparedPattern>,
    /// There are more patterns than were asked for.
    pub has_more: bool,
    /// The budget ended a scan: counts are too small.
    pub partial: bool,
    /// What the reader should know, for people.
    pub warnings: Vec<String>,
}

/// One window of a comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ComparedWindow {
    /// Its beginning, if it has one.
    #[serde(serialize_with = "as_optional_text")]
    pub since: Option<Micros>,
    /// Its end, if it has one.
    #[serde(serialize_with = "as_optional_text")]
    pub until: Option<Micros>,
    /// How many records are in it.
    pub records: u64,
}

/// How a pattern differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PatternChange {
    /// Only in the second window.
    New,
    /// Only in the first window.
    Gone,
    /// More frequent in the second window.
    More,
    /// Less frequent in the second window.
    Less,
}

/// Similar lines that differ between the windows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ComparedPattern {
    /// The line with its variable parts masked. It is a filter too.
    pub template: String,
    /// How it differs.
    pub change: PatternChange,
    /// Records in the first window.
    pub a: u64,
    /// Records in the second window.
    pub b: u64,
    /// How unlikely the difference is by chance, weighted by the levels of its records.
    pub surprise: f64,
    /// The most severe level of its records.
    pub level: Level,
    /// Its records of both windows by `Level::index`.
    #[serde(serialize_with = "as_level_counts")]
    pub levels: [u64; 4],
    /// One of its records.
    pub example: Option<ExampleLine>,
}

/// A record of a pattern.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExampleLine {
    /// Its ID.
    #[serde(serialize_with = "as_text")]
    pub id: Id,
    /// Who logged it.
    #[serde(serialize_with = "as_text")]
    pub source: Source,
    /// Its text.
    pub message: String,
}

/// Compares two windows.
///
/// # Errors
/// [`Error`] when the store cannot be read.
pub fn compare(
    view: &View,
    query: &CompareQuery,
    budget: &Budget,
) -> Result<WindowComparison, Error> {
    let a = query.a.narrow(view, &query.filter, budget)?;
    let b = query.b.narrow(view, &query.filter, budget)?;
    let found = compared_patterns(view, [&a, &b], budget)?;
    let [records_a, records_b] = found.totals;
    let newest = found.patterns.iter().map(|pattern| pattern.last).max();
    let sizes = [(&a, records_a), (&b, records_b)].map(|(filter, records)| WindowSize {
        records,
        micros: length(filter, newest),
    });
    let mut ranked: Vec<(ComparedPattern, Option<Id>)> = found
        .patterns
        .iter()
        .filter_map(|pattern| differing(pattern, sizes))
        .collect();
    ranked.sort_by(|(one, _), (other, _)| {
        let by_surprise = other.surprise.total_cmp(&one.surprise);
        by_surprise.then_with(|| one.template.cmp(&other.template))
    });
    let has_more = ranked.len() > query.limit;
    ranked.truncate(query.limit);
    let mut patterns = Vec::with_capacity(ranked.len());
    for (mut pattern, id) in ranked {
        // a record may be gone meanwhile; a damaged one is no reason to fail
        let stored = id.and_then(|id| record(view, id).ok()?);
        pattern.example = stored.map(|stored| ExampleLine {
            id: stored.id,
            source: stored.record.source,
            message: cut(&stored.record.message),
        });
        patterns.push(pattern);
    }
    let mut warnings = Vec::new();
    for (name, records, window) in [("a", records_a, &query.a), ("b", records_b, &query.b)] {
        if records == 0 && !found.is_partial {
            warnings.push(format!("window {name} has no record: {}", window.shown()));
        }
    }
    Ok(WindowComparison {
        a: window(&a, records_a),
        b: window(&b, records_b),
        patterns,
        has_more,
        partial: found.is_partial,
        warnings,
    })
}

impl WindowSpec {
    fn shown(&self) -> String {
        match self {
            Self::Boot(boot) => format!("boot:{boot}"),
            Self::Run(run) => format!("run:{run}"),
            Self::Times(range) => {
                let text =
                    |time: Option<Micros>| time.map_or(String::new(), |time| time.to_string());
                format!("{}..{}", text(range.start), text(range.end))
            }
        }
    }
}

fn window(filter: &Filter, records: u64) -> ComparedWindow {
    let times = filter.times();
    ComparedWindow {
        since: times.start,
        until: times.end,
        records,
    }
}

/// What the counts of a window are to be seen beside.
#[derive(Debug, Clone, Copy)]
struct WindowSize {
    records: u64,
    /// How long it is, if it has a start and an end.
    micros: Option<i64>,
}

/// How long a window is; one without an end ends with the newest record.
fn length(filter: &Filter, newest: Option<Micros>) -> Option<i64> {
    let times = filter.times();
    let end = times.end.or(newest)?;
    let length = end.get().saturating_sub(times.start?.get());
    (length > 0).then_some(length)
}

/// The difference that a pattern makes, and its newest record.
fn differing(pattern: &Pattern, sizes: [WindowSize; 2]) -> Option<(ComparedPattern, Option<Id>)> {
    let (a, b) = (*pattern.buckets.first()?, *pattern.buckets.get(1)?);
    let (change, surprise) = difference(a, b, sizes)?;
    let worst = pattern.levels.iter().rposition(|count| *count > 0);
    let level = worst.and_then(Level::from_index).unwrap_or(Level::Debug);
    let weight = weight(pattern.levels);
    let compared = ComparedPattern {
        template: pattern.template.to_string(),
        change,
        a,
        b,
        // two digits are enough to rank by
        surprise: (surprise * weight * 100.0).round() / 100.0,
        level,
        levels: pattern.levels,
        example: None,
    };
    Some((compared, pattern.examples.first().copied()))
}

/// How much the levels of records add to a difference: a line of which a few are errors counts a little more than one without.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of records, which are compared roughly"
)]
fn weight([debug, info, warn, error]: [u64; 4]) -> f64 {
    let all = (debug + info + warn + error).max(1) as f64;
    1.0 + (warn as f64 + 2.0 * error as f64) / all
}

/// How counts of two windows differ, and how surprising that is: the log-likelihood ratio of both counts to a common rate
/// (Dunning, 1993). A smaller share of the records that is no smaller number in an hour is no difference: another source logs more.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of records, which are compared roughly"
)]
fn difference(a: u64, b: u64, sizes: [WindowSize; 2]) -> Option<(PatternChange, f64)> {
    let (count_a, count_b) = (a as f64, b as f64);
    let [all_a, all_b] = sizes.map(|size| size.records.max(1) as f64);
    let rate = (count_a + count_b) / (all_a + all_b);
    let term = |count: f64, all: f64| {
        if count > 0.0 {
            count * (count / (all * rate)).ln()
        } else {
            0.0
        }
    };
    let surprise = 2.0 * (term(count_a, all_a) + term(count_b, all_b));
    let change = match (a, b) {
        (0, 0) => return None,
        (0, _) => PatternChange::New,
        (_, 0) => PatternChange::Gone,
        _ => {
            let ratio = (count_b / all_b) / (count_a / all_a);
            let [micros_a, micros_b] = sizes.map(|size| size.micros.map(|micros| micros as f64));
            let in_time = micros_a
                .zip(micros_b)
                .map(|(a, b)| (count_b / b) / (count_a / a));
            if surprise < SURPRISE_MIN {
                return None;
            } else if ratio >= RATIO_MIN && in_time.is_none_or(|ratio| ratio > 1.0) {
                PatternChange::More
            } else if ratio <= 1.0 / RATIO_MIN && in_time.is_none_or(|ratio| ratio < 1.0) {
                PatternChange::Less
            } else {
                return None;
            }
        }
    };
    Some((change, surprise.max(0.0)))
}

fn cut(text: &str) -> String {
    let end = text.floor_char_boundary(MESSAGE_BYTES_MAX);
    text.get(..end).unwrap_or(text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Micros {
        Micros::new(1_771_338_615_000_000)
    }

    #[test]
    fn windows_are_boots_runs_and_times() {
        let parse = |text| WindowSpec::parse(text, now());
        assert_eq!(
            parse("boot:-1"),
            Ok(WindowSpec::Boot(BootSelector::Offset(-1)))
        );
        assert_eq!(parse("run:01ab"), Ok(WindowSpec::Run("01ab".to_owned())));
        let range = TimeRange {
            start: Some(now().plus(-7_200_000_000)),
            end: Some(now().plus(-3_600_000_000)),
        };
        assert_eq!(parse("-2h..-1h"), Ok(WindowSpec::Times(range)));
        for wrong in [
            "", "boot:", "boot:x", "run:", "..", "-1h..-2h", "soon..", "-1h",
        ] {
            let error = parse(wrong).unwrap_err().to_string();
            assert!(error.ends_with(&format!("got {wrong:?}")), "{error}");
        }
    }

    #[test]
    fn changes_are_judged_by_the_share_of_a_window() {
        let sizes = |records: [u64; 2]| {
            records.map(|records| WindowSize {
                records,
                micros: None,
            })
        };
        let change = |a, b, records| difference(a, b, sizes(records)).map(|(change, _)| change);
        assert_eq!(change(0, 3, [1_000, 1_000]), Some(PatternChange::New));
        assert_eq!(change(3, 0, [1_000, 1_000]), Some(PatternChange::Gone));
        assert_eq!(change(10, 100, [1_000, 1_000]), Some(PatternChange::More));
        assert_eq!(change(100, 10, [1_000, 1_000]), Some(PatternChange::Less));
        assert_eq!(
            change(10, 100, [1_000, 10_000]),
            None,
            "the same share of a longer window"
        );
        assert_eq!(change(1, 2, [1_000, 1_000]), None, "by chance");
        assert_eq!(change(0, 0, [0, 0]), None);
        let surprise = |a, b| difference(a, b, sizes([1_000, 1_000])).unwrap().1;
        assert!(surprise(0, 100) > surprise(0, 2));
    }

    #[test]
    fn weight_follows_the_share_of_warnings_and_errors() {
        let close =
            |levels, expected: f64| assert!((weight(levels) - expected).abs() < 1e-9, "{levels:?}");
        close([0, 10, 0, 0], 1.0);
        close([0, 0, 10, 0], 2.0);
        close([0, 0, 0, 10], 3.0);
        close([0, 98, 0, 2], 1.04);
        close([0, 0, 0, 0], 1.0);
    }

    #[test]
    fn a_share_that_shrinks_as_others_log_more_is_no_change() {
        const HOUR: i64 = 3_600_000_000;
        let change = |a, b, [(all_a, hours_a), (all_b, hours_b)]: [(u64, i64); 2]| {
            let size = |records, hours| WindowSize {
                records,
                micros: Some(hours * HOUR),
            };
            difference(a, b, [size(all_a, hours_a), size(all_b, hours_b)]).map(|(change, _)| change)
        };
        let busier = [(1_400, 4), (8_800, 1)];
        assert_eq!(change(254, 253, busier), None, "four times as often");
        assert_eq!(change(254, 25, busier), Some(PatternChange::Less));
        assert_eq!(change(0, 25, busier), Some(PatternChange::New));
        let shorter = [(100_000, 240), (1_000, 1)];
        assert_eq!(change(100, 20, shorter), Some(PatternChange::More));
    }
}
