//! Responses of Loki's API as JSON.

use crate::logql::{Label, LabelKind, MetricOutcome, format_number};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// Statistics of a query.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct QueryStats {
    pub(crate) lines: u64,
    pub(crate) bytes: u64,
    pub(crate) entries: usize,
    pub(crate) elapsed: Duration,
}

impl QueryStats {
    fn value(self) -> Value {
        let seconds = self.elapsed.as_secs_f64();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a rate for people"
        )]
        let per_second = |count: u64| {
            if seconds > 0.0 {
                (count as f64 / seconds) as u64
            } else {
                0
            }
        };
        json!({"summary": {
            "bytesProcessedPerSecond": per_second(self.bytes),
            "linesProcessedPerSecond": per_second(self.lines),
            "totalBytesProcessed": self.bytes,
            "totalLinesProcessed": self.lines,
            "totalEntriesReturned": self.entries,
            "execTime": seconds,
            "queueTime": 0,
        }})
    }
}

/// A line that a query found.
#[derive(Debug, Clone)]
pub(crate) struct FoundLine {
    pub(crate) nanos: i64,
    pub(crate) text: String,
    pub(crate) labels: Vec<Label<'static>>,
}

type LabelMap<'l> = BTreeMap<&'l str, &'l str>;

impl FoundLine {
    fn labels_of(&self, is_wanted: impl Fn(LabelKind) -> bool) -> LabelMap<'_> {
        let labels = self.labels.iter().filter(|label| is_wanted(label.kind));
        labels.map(|label| (&*label.name, &*label.value)).collect()
    }

    /// The entry of the line in its stream.
    fn entry(&self, categorizes: bool) -> Value {
        let nanos = self.nanos.to_string();
        if !categorizes {
            return json!([nanos, self.text]);
        }
        let mut apart = Map::new();
        for (kind, name) in [
            (LabelKind::Metadata, "structuredMetadata"),
            (LabelKind::Parsed, "parsed"),
        ] {
            let labels = self.labels_of(|of| of == kind);
            if !labels.is_empty() {
                apart.insert(name.to_owned(), json!(labels));
            }
        }
        json!([nanos, self.text, apart])
    }
}

/// Groups lines to streams; either with all labels of a line, or with those of its stream and the others in the
/// entry.
pub(crate) fn streams(lines: &[FoundLine], categorizes: bool) -> Vec<Value> {
    let mut streams: BTreeMap<LabelMap<'_>, Vec<Value>> = BTreeMap::new();
    for line in lines {
        let labels = line.labels_of(|kind| !categorizes || kind == LabelKind::Stream);
        streams
            .entry(labels)
            .or_default()
            .push(line.entry(categorizes));
    }
    let streams = streams.into_iter();
    streams
        .map(|(stream, values)| json!({"stream": stream, "values": values}))
        .collect()
}

/// The response to a log query.
pub(crate) fn lines_answer(
    lines: &[FoundLine],
    categorizes: bool,
    stats: QueryStats,
    warnings: &[String],
) -> Vec<u8> {
    let mut data = Map::new();
    data.insert("resultType".to_owned(), "streams".into());
    if categorizes {
        data.insert("encodingFlags".to_owned(), json!(["categorize-labels"]));
    }
    data.insert("result".to_owned(), streams(lines, categorizes).into());
    data.insert("stats".to_owned(), stats.value());
    enclosed(data.into(), warnings)
}

/// The response to a metric query. `time_nanos` returns the time of a point.
pub(crate) fn metric_answer(
    outcome: &MetricOutcome,
    time_nanos: impl Fn(usize) -> i64,
    stats: QueryStats,
    warnings: &[String],
) -> Vec<u8> {
    let value =
        |point: usize, value: f64| json!([seconds(time_nanos(point)), format_number(value)]);
    let metric = |labels: &crate::logql::SeriesLabels| -> Value {
        let pairs = labels
            .iter()
            .map(|(name, value)| (name.to_owned(), value.into()));
        Value::Object(pairs.collect())
    };
    let (kind, result) = match outcome {
        MetricOutcome::Scalar(number) => ("scalar", value(0, *number)),
        MetricOutcome::Vector(samples) => {
            let each = samples.iter().map(
                |sample| json!({"metric": metric(&sample.labels), "value": value(0, sample.value)}),
            );
            ("vector", each.collect())
        }
        MetricOutcome::Matrix(series) => {
            let each = series.iter().map(|series| {
                let values = series.values.iter();
                let values: Vec<_> = values
                    .map(|(point, number)| value(*point as usize, *number))
                    .collect();
                json!({"metric": metric(&series.labels), "values": values})
            });
            ("matrix", each.collect())
        }
    };
    let data = json!({"resultType": kind, "result": result, "stats": stats.value()});
    enclosed(data, warnings)
}

/// Seconds, with a fraction only if needed.
pub(crate) fn seconds(nanos: i64) -> Value {
    let millis = nanos.div_euclid(1_000_000);
    if millis % 1_000 == 0 {
        return (millis / 1_000).into();
    }
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds since 1970 are exact"
    )]
    let seconds = millis as f64 / 1_000.0;
    seconds.into()
}

/// Wraps data as Loki does.
pub(crate) fn success(data: Value) -> Vec<u8> {
    enclosed(data, &[])
}

/// The same with warnings.
pub(crate) fn enclosed(data: Value, warnings: &[String]) -> Vec<u8> {
    let mut answer = Map::new();
    answer.insert("status".to_owned(), "success".into());
    if !warnings.is_empty() {
        answer.insert("warnings".to_owned(), warnings.into());
    }
    answer.insert("data".to_owned(), data);
    bytes(&Value::Object(answer))
}

/// A value that needs no envelope.
pub(crate) fn bytes(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_numbers_of_seconds() {
        assert_eq!(seconds(1_732_780_800_000_000_000), json!(1_732_780_800));
        assert_eq!(seconds(1_732_780_800_123_000_000), json!(1_732_780_800.123));
        assert_eq!(seconds(-1_500_000_000), json!(-1.5));
    }

    #[test]
    fn labels_are_apart_only_for_clients_that_ask_for_it() {
        let label = |kind, name: &'static str, value: &'static str| Label {
            name: name.into(),
            value: value.into(),
            kind,
        };
        let line = FoundLine {
            nanos: 5,
            text: "x".to_owned(),
            labels: vec![
                label(LabelKind::Stream, "level", "info"),
                label(LabelKind::Metadata, "pid", "1"),
                label(LabelKind::Parsed, "a", "b"),
            ],
        };
        let lines = [line];
        assert_eq!(
            json!(streams(&lines, false)),
            json!([{"stream": {"level": "info", "pid": "1", "a": "b"}, "values": [["5", "x"]]}])
        );
        assert_eq!(
            json!(streams(&lines, true)),
            json!([{
                "stream": {"level": "info"},
                "values": [["5", "x", {"structuredMetadata": {"pid": "1"}, "parsed": {"a": "b"}}]]
            }])
        );
    }
}
