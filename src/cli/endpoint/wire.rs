//! Parses the server's JSON into the result types of queries.

use crate::query::{Cursor, Histogram, Page};
use crate::record::{Id, Level, Metadata, Record, Source, StoredRecord};
use crate::time::Micros;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

#[derive(Deserialize)]
struct RecordReply {
    id: String,
    timestamp: String,
    source: String,
    level: Level,
    message: String,
    metadata: Metadata,
}

impl RecordReply {
    fn into_record(self) -> Option<StoredRecord> {
        Some(StoredRecord {
            id: Id(self.id.parse().ok()?),
            record: Record {
                timestamp: time(&self.timestamp)?,
                source: self.source.parse::<Source>().ok()?,
                level: self.level,
                message: self.message,
                metadata: self.metadata,
            },
        })
    }
}

/// A value that is written as a text.
struct FromText<T>(T);

impl<'de, T: FromStr<Err: Display>> Deserialize<'de> for FromText<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(D::Error::custom)
    }
}

/// A record.
pub(super) fn record(body: &[u8]) -> Option<StoredRecord> {
    serde_json::from_slice::<RecordReply>(body)
        .ok()?
        .into_record()
}

/// A page.
pub(super) fn page(body: &[u8]) -> Option<Page> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct PageReply {
        entries: Vec<RecordReply>,
        next_cursor: Option<FromText<Cursor>>,
        prev_cursor: Option<FromText<Cursor>>,
        has_more: bool,
        truncated: bool,
        scanned: u64,
        unreadable: u64,
        #[serde(default)]
        warnings: Vec<String>,
    }
    let body: PageReply = serde_json::from_slice(body).ok()?;
    let entries: Option<Vec<StoredRecord>> = body
        .entries
        .into_iter()
        .map(RecordReply::into_record)
        .collect();
    Some(Page {
        entries: entries?,
        next_cursor: body.next_cursor.map(|FromText(cursor)| cursor),
        prev_cursor: body.prev_cursor.map(|FromText(cursor)| cursor),
        has_more: body.has_more,
        truncated: body.truncated,
        scanned: body.scanned,
        unreadable: body.unreadable,
        warnings: body.warnings,
        ..Page::default()
    })
}

/// A histogram.
pub(super) fn histogram(body: &[u8]) -> Option<Histogram> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct HistogramReply {
        start: Option<String>,
        bucket_ms: f64,
        buckets: Vec<BucketReply>,
        total: u64,
        /// Older servers count these records in the buckets.
        #[serde(default)]
        outside: u64,
        partial: bool,
        scanned: u64,
        unreadable: u64,
        #[serde(default)]
        warnings: Vec<String>,
    }
    #[derive(Deserialize)]
    struct BucketReply {
        #[serde(alias = "sources")]
        levels: BTreeMap<String, u64>,
    }
    let body: HistogramReply = serde_json::from_slice(body).ok()?;
    let Some(start) = body.start else {
        return Some(Histogram {
            warnings: body.warnings,
            ..Histogram::default()
        });
    };
    let mut series: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for (index, bucket) in body.buckets.iter().enumerate() {
        for (name, count) in &bucket.levels {
            let counts = series
                .entry(name.clone())
                .or_insert_with(|| vec![0; body.buckets.len()]);
            *counts.get_mut(index)? = *count;
        }
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a bucket is a round number of microseconds, at most centuries"
    )]
    let bucket_micros = (body.bucket_ms * 1_000.0).round() as i64;
    let mut series: Vec<_> = series.into_iter().collect();
    // Levels in ascending order, as in the store; sources by name.
    series.sort_by_key(|(name, _)| name.parse::<Level>().ok());
    Some(Histogram {
        start: time(&start)?,
        bucket_micros,
        buckets: body.buckets.len(),
        series,
        total: body.total,
        outside: body.outside,
        is_partial: body.partial,
        scanned: body.scanned,
        unreadable: body.unreadable,
        warnings: body.warnings,
    })
}

/// Number of records in a gap of the tail.
pub(super) fn gap(data: &str) -> Option<u64> {
    serde_json::from_str::<serde_json::Value>(data)
        .ok()?
        .get("count")?
        .as_u64()
}

fn time(text: &str) -> Option<Micros> {
    Micros::parse(text, Micros::default()).ok()
}

/// The warnings of a tail.
pub(super) fn warnings(body: &[u8]) -> Option<Vec<String>> {
    #[derive(Deserialize)]
    struct WarningsBody {
        warnings: Vec<String>,
    }
    let body: WarningsBody = serde_json::from_slice(body).ok()?;
    Some(body.warnings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_back_unchanged() {
        let body = br#"{"entries":[{"id":"7","timestamp":"2026-02-17T14:30:15.123456Z","source":"docker:web","level":"warn",
            "message":"a\nb","metadata":{"unit":"x"}}],"nextCursor":"Ng==","prevCursor":null,"hasMore":true,"truncated":false,
            "scanned":3,"unreadable":1,"later":"is fine"}"#;
        let page = page(body).expect("a page");
        let stored = page.entries.first().expect("a record");
        assert_eq!(
            (stored.id, stored.record.timestamp.get()),
            (Id(7), 1_771_338_615_123_456)
        );
        assert_eq!(
            (page.next_cursor, page.prev_cursor),
            (Some(Cursor::Id(Id(6))), None)
        );
        assert_eq!((page.has_more, page.scanned, page.unreadable), (true, 3, 1));
    }

    #[test]
    fn a_histogram_is_read_back_unchanged() {
        let body = br#"{"start":"2026-02-17T14:00:00.000000Z","end":"2026-02-17T14:02:00.000000Z","bucketMs":60000,"buckets":[
            {"start":"2026-02-17T14:00:00.000000Z","total":3,"levels":{"debug":0,"info":2,"warn":0,"error":1}},
            {"start":"2026-02-17T14:01:00.000000Z","total":0,"levels":{"debug":0,"info":0,"warn":0,"error":0}}],
            "total":3,"partial":true,"scanned":3,"unreadable":0}"#;
        let histogram = histogram(body).expect("a histogram");
        assert_eq!(
            (
                histogram.bucket_micros,
                histogram.buckets,
                histogram.is_partial
            ),
            (60_000_000, 2, true)
        );
        let names: Vec<_> = histogram
            .series
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(names, ["debug", "info", "warn", "error"]);
        assert_eq!(
            histogram.series.get(1).map(|(_, counts)| counts.as_slice()),
            Some(&[2, 0][..])
        );
    }

    #[test]
    fn invalid_responses_are_rejected() {
        assert!(page(b"<html>").is_none() && histogram(b"{}").is_none() && record(b"{}").is_none());
        let hostile = br#"{"id":"1","timestamp":"2026-02-17T14:30:15Z","source":"a\u001b[2J","level":"info","message":"","metadata":{}}"#;
        assert!(
            record(hostile).is_none(),
            "a source has no control characters"
        );
    }
}
