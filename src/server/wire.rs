//! The JSON of responses: names and shapes are a contract (`format-spec/api.md`).

use crate::query::{
    EncodedRecord, Expression, Grouping, Histogram, MatchPositions, Page, Run, RunsPage,
    SourcesPage,
};
use crate::record::{Id, Level, Metadata, StoredRecord, json};
use crate::server::label::label;
use crate::store;
use crate::time::Micros;
use serde::ser::{SerializeMap as _, SerializeSeq as _};
use serde::{Serialize, Serializer};
use serde_json::Number;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::Range;

/// A record as JSON.
#[derive(Serialize)]
struct RecordJson<'a> {
    #[serde(serialize_with = "text")]
    id: Id,
    #[serde(serialize_with = "text")]
    timestamp: Micros,
    source: &'a str,
    level: Level,
    message: &'a str,
    metadata: &'a Metadata,
    #[serde(skip_serializing_if = "Option::is_none")]
    positions: Option<PositionsJson>,
}

/// Where a record matches, as pairs of byte offsets.
#[derive(Serialize)]
struct PositionsJson {
    message: Vec<(usize, usize)>,
    metadata: BTreeMap<String, Vec<(usize, usize)>>,
}

impl From<MatchPositions> for PositionsJson {
    fn from(positions: MatchPositions) -> Self {
        let pairs = |ranges: Vec<Range<usize>>| -> Vec<(usize, usize)> {
            ranges
                .into_iter()
                .map(|range| (range.start, range.end))
                .collect()
        };
        let metadata = positions.metadata.into_iter();
        Self {
            message: pairs(positions.message),
            metadata: metadata
                .map(|(path, ranges)| (path, pairs(ranges)))
                .collect(),
        }
    }
}

impl<'a> RecordJson<'a> {
    /// With the positions of the texts that `highlighted` searches for.
    fn with_positions(stored: &'a StoredRecord, highlighted: Option<&Expression>) -> Self {
        let positions = highlighted.map(|expression| expression.positions(&stored.record).into());
        Self {
            positions,
            ..Self::from(stored)
        }
    }
}

impl<'a> From<&'a StoredRecord> for RecordJson<'a> {
    fn from(stored: &'a StoredRecord) -> Self {
        let record = &stored.record;
        Self {
            id: stored.id,
            timestamp: record.timestamp,
            source: record.source.as_str(),
            level: record.level,
            message: &record.message,
            metadata: &record.metadata,
            positions: None,
        }
    }
}

/// Writes a record as one line of JSON; line ends inside it are escaped.
pub(crate) fn write_entry(out: &mut Vec<u8>, record: &StoredRecord) {
    write(out, &RecordJson::from(record));
}

/// As [`write_entry`], of a record whose metadata is not decoded. After an error nothing is appended.
pub(super) fn write_encoded_entry(
    out: &mut Vec<u8>,
    record: &EncodedRecord<'_>,
) -> Result<(), store::Error> {
    let start = out.len();
    out.extend_from_slice(b"{\"id\":\"");
    json::put_number(out, record.id.0);
    out.extend_from_slice(b"\",\"timestamp\":\"");
    out.extend_from_slice(&record.timestamp.to_ascii());
    out.extend_from_slice(b"\",\"source\":");
    json::put_text(out, record.source.as_str());
    out.extend_from_slice(b",\"level\":\"");
    out.extend_from_slice(record.level.as_str().as_bytes());
    out.extend_from_slice(b"\",\"message\":");
    json::put_text(out, record.message);
    out.extend_from_slice(b",\"metadata\":");
    let written = record.write_metadata(out);
    if written.is_err() {
        out.truncate(start);
        return written;
    }
    out.push(b'}');
    Ok(())
}

/// The body of one record.
pub(super) fn entry(record: &StoredRecord) -> Vec<u8> {
    let mut out = Vec::new();
    write_entry(&mut out, record);
    out
}

/// A page with one record per line, and the positions of the `highlighted` texts.
pub(super) fn lines(page: &Page, highlighted: Option<&Expression>) -> Vec<u8> {
    let mut out = Vec::new();
    for record in &page.entries {
        write(&mut out, &RecordJson::with_positions(record, highlighted));
        out.push(b'\n');
    }
    out
}

/// The body of a page, with positions if `highlighted` is given.
pub(super) fn page(page: &Page, highlighted: Option<&Expression>) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct PageBody<'a> {
        entries: RecordsJson<'a>,
        next_cursor: Option<String>,
        prev_cursor: Option<String>,
        has_more: bool,
        truncated: bool,
        scanned: u64,
        unreadable: u64,
        searched: &'a [&'a str],
        #[serde(skip_serializing_if = "<[String]>::is_empty")]
        warnings: &'a [String],
    }
    let mut out = Vec::new();
    let body = PageBody {
        entries: RecordsJson {
            records: &page.entries,
            highlighted,
        },
        next_cursor: page.next_cursor.map(|cursor| cursor.to_string()),
        prev_cursor: page.prev_cursor.map(|cursor| cursor.to_string()),
        has_more: page.has_more,
        truncated: page.truncated,
        scanned: page.scanned,
        unreadable: page.unreadable,
        searched: &page.searched,
        warnings: &page.warnings,
    };
    write(&mut out, &body);
    out
}

/// The body of the list of sources.
pub(super) fn sources(page: &SourcesPage) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct SourcesBody<'a> {
        sources: Vec<SourceJson<'a>>,
        next_cursor: Option<String>,
        has_more: bool,
        total: u64,
        levels: Levels,
        partial: bool,
        scanned: u64,
        unreadable: u64,
        #[serde(skip_serializing_if = "<[String]>::is_empty")]
        warnings: &'a [String],
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct SourceJson<'a> {
        name: &'a str,
        label: String,
        entry_count: u64,
        #[serde(serialize_with = "text")]
        last_timestamp: Micros,
        levels: Levels,
    }
    let counts = &page.counts;
    let sources = counts
        .sources
        .iter()
        .map(|summary| SourceJson {
            name: summary.source.as_str(),
            label: label(&summary.source),
            entry_count: summary.count,
            last_timestamp: summary.last_timestamp,
            levels: Levels(summary.levels),
        })
        .collect();
    let body = SourcesBody {
        sources,
        next_cursor: page.next_cursor.as_ref().map(ToString::to_string),
        has_more: page.next_cursor.is_some(),
        total: page.levels.iter().sum(),
        levels: Levels(page.levels),
        partial: counts.is_partial,
        scanned: counts.scanned,
        unreadable: counts.unreadable,
        warnings: &counts.warnings,
    };
    bytes(&body)
}

/// The body of a histogram: every bucket with its counts.
pub(super) fn histogram(histogram: &Histogram, by: Grouping) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct HistogramBody<'a> {
        start: Option<String>,
        end: Option<String>,
        bucket_ms: Number,
        buckets: Vec<BucketJson<'a>>,
        total: u64,
        outside: u64,
        partial: bool,
        scanned: u64,
        unreadable: u64,
        #[serde(skip_serializing_if = "<[String]>::is_empty")]
        warnings: &'a [String],
    }
    let bucket_at = |index: usize| {
        let index = i64::try_from(index).unwrap_or(i64::MAX);
        let offset = histogram.bucket_micros.saturating_mul(index);
        histogram.start.plus(offset)
    };
    let is_empty = histogram.buckets == 0;
    let buckets = (0..histogram.buckets)
        .map(|index| BucketJson {
            start: bucket_at(index),
            by,
            counts: histogram
                .series
                .iter()
                .filter_map(|(name, counts)| Some((name.as_str(), *counts.get(index)?)))
                .collect(),
        })
        .collect();
    let body = HistogramBody {
        start: (!is_empty).then(|| histogram.start.to_string()),
        end: (!is_empty).then(|| bucket_at(histogram.buckets).to_string()),
        bucket_ms: millis(histogram.bucket_micros),
        buckets,
        total: histogram.total,
        outside: histogram.outside,
        partial: histogram.is_partial,
        scanned: histogram.scanned,
        unreadable: histogram.unreadable,
        warnings: &histogram.warnings,
    };
    bytes(&body)
}

/// One bucket: `{"start", "total", "levels": {}}`, or with `"sources"` if grouped by source.
struct BucketJson<'a> {
    start: Micros,
    by: Grouping,
    counts: Vec<(&'a str, u64)>,
}

impl Serialize for BucketJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let total: u64 = self.counts.iter().map(|(_, count)| count).sum();
        // All levels are listed, but only sources with records.
        let (name, all) = match self.by {
            Grouping::Level => ("levels", true),
            Grouping::Source => ("sources", false),
        };
        let counts: BTreeMap<_, _> = self
            .counts
            .iter()
            .filter(|(_, count)| all || *count > 0)
            .copied()
            .collect();
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("start", &self.start.to_string())?;
        map.serialize_entry("total", &total)?;
        map.serialize_entry(name, &counts)?;
        map.end()
    }
}

/// Milliseconds, with a fraction only if needed.
pub(super) fn millis(micros: i64) -> Number {
    #[expect(
        clippy::cast_precision_loss,
        reason = "exact up to centuries, and a bucket is shorter"
    )]
    let fraction = || Number::from_f64(micros as f64 / 1_000.0);
    if micros % 1_000 == 0 {
        return Number::from(micros / 1_000);
    }
    fraction().unwrap_or_else(|| Number::from(0))
}

/// The body of a page of runs.
pub(super) fn runs(page: &RunsPage) -> Vec<u8> {
    bytes(page)
}

/// The body of one run.
pub(super) fn run(run: &Run) -> Vec<u8> {
    bytes(run)
}

/// Counts by level name.
pub(super) struct Levels(pub(super) [u64; 4]);

impl Serialize for Levels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (level, count) in Level::ALL.into_iter().zip(self.0) {
            map.serialize_entry(level.as_str(), &count)?;
        }
        map.end()
    }
}

struct RecordsJson<'a> {
    records: &'a [StoredRecord],
    highlighted: Option<&'a Expression>,
}

impl Serialize for RecordsJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut sequence = serializer.serialize_seq(Some(self.records.len()))?;
        for record in self.records {
            let record = RecordJson::with_positions(record, self.highlighted);
            sequence.serialize_element(&record)?;
        }
        sequence.end()
    }
}

fn text<S: Serializer>(value: &impl Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// A whole body.
pub(super) fn bytes(body: &impl Serialize) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out, body);
    out
}

/// Writing to memory cannot fail, and the maps have text keys.
pub(super) fn write(out: &mut Vec<u8>, value: &impl Serialize) {
    let written = serde_json::to_writer(&mut *out, value);
    debug_assert!(written.is_ok(), "JSON into memory: {written:?}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(body: &[u8]) -> serde_json::Value {
        serde_json::from_slice(body).expect("JSON")
    }

    #[test]
    fn histogram_lists_each_bucket() {
        let series = |names: &[&str]| {
            let series = names.iter().enumerate();
            series
                .map(|(index, name)| ((*name).to_owned(), vec![index as u64, 0]))
                .collect()
        };
        let by_level = Histogram {
            start: Micros::new(60_000_000),
            bucket_micros: 60_000_000,
            buckets: 2,
            series: series(&["debug", "info", "warn", "error"]),
            total: 6,
            outside: 2,
            is_partial: true,
            scanned: 9,
            unreadable: 1,
            warnings: vec!["no source `x`".to_owned()],
        };
        let none = serde_json::json!({"debug": 0, "info": 0, "warn": 0, "error": 0});
        assert_eq!(
            parsed(&histogram(&by_level, Grouping::Level)),
            serde_json::json!({
                "start": "1970-01-01T00:01:00.000000Z", "end": "1970-01-01T00:03:00.000000Z", "bucketMs": 60_000,
                "buckets": [
                    {"start": "1970-01-01T00:01:00.000000Z", "total": 6,
                        "levels": {"debug": 0, "info": 1, "warn": 2, "error": 3}},
                    {"start": "1970-01-01T00:02:00.000000Z", "total": 0, "levels": none}],
                "total": 6, "outside": 2, "partial": true, "scanned": 9, "unreadable": 1,
                "warnings": ["no source `x`"]})
        );
        let by_source = Histogram {
            bucket_micros: 500,
            series: series(&["cloud-init", "docker"]),
            ..by_level
        };
        let body = parsed(&histogram(&by_source, Grouping::Source));
        assert_eq!(body["bucketMs"], serde_json::json!(0.5));
        assert_eq!(
            body["buckets"][0]["sources"],
            serde_json::json!({"docker": 1})
        );
    }

    #[test]
    fn empty_histogram_has_no_range() {
        let body = parsed(&histogram(&Histogram::default(), Grouping::Level));
        assert_eq!(
            (&body["start"], &body["end"]),
            (&serde_json::Value::Null, &serde_json::Value::Null)
        );
        assert_eq!(body["buckets"], serde_json::json!([]));
    }
}
